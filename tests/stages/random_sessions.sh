#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Sessions drawn at random give the same bytes with any number of threads, and when they are killed and go on.
set -euo pipefail
source "$SOURCE/tests/stages/lib/run.sh"
RANDOM=$SEED
count=4
[[ $SCALE == full ]] && count=60
make_text "$SEED" 400 >corpus.txt

lathe() { "$LATHE" run --plain "$@" >>log 2>&1; }
broken() {
    tail -n 20 log
    echo "session $pick: $1"
    exit 1
}
same() {
    cmp alone/model.safetensors "$1/model.safetensors" || broken "the weights of '$1' differ"
    cmp <(without_times alone) <(without_times "$1") || broken "the metrics of '$1' differ"
}

for ((i = 0; i < count; i++)); do
    pick=$((RANDOM * 32768 + RANDOM + 1))
    session=("$SOURCE/tests/stages/lib/random_session.lua" --set text=corpus.txt --set "pick=$pick" --seed "$i")
    rm -rf alone threads killed log
    start=$(date +%s%N)
    lathe "${session[@]}" --threads 1 --out alone || broken "failed"
    whole=$((($(date +%s%N) - start) / 1000000)) # milliseconds
    lathe "${session[@]}" --threads 3 --out threads || broken "failed on three threads"
    same threads
    "$LATHE" run --plain "${session[@]}" --threads 2 --out killed >>log 2>&1 &
    process=$!
    sleep "$(awk -v most="$whole" -v share="$RANDOM" 'BEGIN { print most * share / 32768 / 1000 }')"
    kill -9 $process 2>/dev/null || true
    wait $process 2>/dev/null || true
    if [[ ! -f killed/config.json ]]; then
        lathe "${session[@]}" --threads 2 --out killed || broken "failed"
    elif [[ ! -f killed/model.safetensors ]]; then
        lathe --resume killed || broken "did not go on"
    fi
    same killed
done
echo "$count sessions"
