#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A disk that fills up during a run: it ends in words, the checkpoint before stays whole, and with room again the run
# goes on to the same bytes.
set -euo pipefail
source "$SOURCE/tests/stages/lib/run.sh"
mkdir disk
mount -t tmpfs -o size=64m lathe-test disk 2>/dev/null || { echo "no file system can be mounted here"; exit 77; }
trap 'umount disk' EXIT
make_text "$SEED" 1500 >corpus.txt
bert=("$LATHE" run "$SOURCE/scripts/recipes/bert.lua" --plain --seed "$SEED" --steps 120 --set text=corpus.txt
    --set vocab_size=300 --set hidden_size=32 --set num_hidden_layers=1 --set length=48 --set batch_size=8)

broken() {
    echo "$1"
    tail -n 20 log
    exit 1
}
"${bert[@]}" --out alone >log 2>&1 || broken "the run failed"
# Of the disk, 100 KB are left: a checkpoint needs more, the lines of metrics less.
"${bert[@]}" --out disk/run >log 2>&1 &
process=$!
for ((i = 0; i < 1200; i++)); do
    compgen -G "disk/run/checkpoints/step-*/state.json" >/dev/null && break
    kill -0 $process 2>/dev/null || broken "the run ended before it had a checkpoint"
    sleep 0.02
done
kill -STOP $process
if [[ ! -f disk/run/model.safetensors ]]; then
    free=$(df --output=avail -k disk | tail -n 1)
    head -c $(((free - 100) * 1024)) /dev/zero >disk/filler
    kill -CONT $process
    status=0
    wait $process || status=$?
    [[ $status == 1 ]] || broken "a full disk gave status $status"
    grep -q 'the checkpoint of step [0-9]* was not saved: .*No space left on device.*That of step [0-9]* is whole' log ||
        broken "the full disk is not named"
    [[ -z $(find disk/run -name '.*' -type d) ]] || broken "half a checkpoint was left"
    rm disk/filler
    "$LATHE" run --plain --resume disk/run >log 2>&1 || broken "it did not go on after there was room"
    ! grep -q 'lathe:' log || broken "a damaged checkpoint was met"
else
    kill -CONT $process
    wait $process || broken "the run failed"
fi
cmp alone/model.safetensors disk/run/model.safetensors
cmp <(without_times alone) <(without_times disk/run)
