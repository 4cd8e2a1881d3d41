#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A run that is killed again and again, each time going on with another number of threads, ends in the same bytes as
# one that was left alone.
set -euo pipefail
source "$SOURCE/tests/stages/lib/run.sh"
RANDOM=$SEED
kills=3
threads=(1 3 2)
[[ $SCALE == full ]] && kills=10 threads=(1 2 3 5)

make_text "$SEED" 1500 >corpus.txt
options=(--plain --seed "$SEED" --steps 200 --set text=corpus.txt --set vocab_size=300 --set hidden_size=32
    --set num_hidden_layers=1 --set length=48 --set batch_size=8)
recipe=$SOURCE/scripts/recipes/bert.lua

# same DIR: its final weights, vocabulary and metrics (but for times) are those of the run that was left alone.
same() {
    cmp alone/model.safetensors "$1/model.safetensors"
    cmp alone/vocab.txt "$1/vocab.txt"
    cmp <(without_times alone) <(without_times "$1")
}

start=$(date +%s%N)
"$LATHE" run "$recipe" "${options[@]}" --threads 2 --out alone >log 2>&1 || { cat log; exit 1; }
whole=$((($(date +%s%N) - start) / 1000000)) # milliseconds
[[ $(grep -c '"loss":' alone/metrics.jsonl) == 200 ]] || { echo "metrics.jsonl has not 200 steps"; exit 1; }

for count in "${threads[@]}"; do
    "$LATHE" run "$recipe" "${options[@]}" --threads "$count" --out "threads$count" >log 2>&1 || { cat log; exit 1; }
    same "threads$count"
    rm -rf "threads$count"
done

killed=0
for ((try = 0; killed < kills && try < 20 * kills; try++)); do
    count=${threads[try % ${#threads[@]}]}
    if [[ -f killed/model.safetensors ]]; then # done before the last kill: once more from the beginning
        same killed
        rm -rf killed
    fi
    if [[ -f killed/config.json ]]; then
        "$LATHE" run --plain --threads "$count" --resume killed >>log 2>&1 &
    else
        "$LATHE" run "$recipe" "${options[@]}" --threads "$count" --out killed >>log 2>&1 &
    fi
    process=$!
    sleep "$(awk -v most="$whole" -v share="$RANDOM" 'BEGIN { print most * share / 32768 / 1000 }')"
    if kill -9 $process 2>/dev/null; then killed=$((killed + 1)); fi
    status=0
    wait $process 2>/dev/null || status=$?
    [[ $status == 0 || $status == 137 ]] || { echo "status $status after kill $killed"; tail -n 20 log; exit 1; }
done
if [[ ! -f killed/config.json ]]; then
    "$LATHE" run "$recipe" "${options[@]}" --out killed >>log 2>&1 || { tail -n 20 log; exit 1; }
elif [[ ! -f killed/model.safetensors ]]; then
    "$LATHE" run --plain --resume killed >>log 2>&1 || { tail -n 20 log; exit 1; }
fi
same killed
echo "$killed kills, ${#threads[@]} numbers of threads"
