#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# ./bootstrap run hands its options to the main job; where everything is built, it builds nothing and starts at once:
# what it computes before the first step fits into 2 s of two cores, however busy the machine is.
set -euo pipefail
[[ $BUILD == "$SOURCE/build" ]] || { echo "bootstrap runs what is in build/"; exit 77; }
export LATHE_INSTALLED=1
begin=$(date +%s%N)
"$SOURCE/bootstrap" run --plain --steps 2 --seed 7 --set hidden_size=32 --set num_hidden_layers=1 \
    --set batch_size=4 --out "$PWD/short" >log 2>&1 &
process=$!
spent=0
while ! grep -q '^step ' log; do
    read -r -a stat <"/proc/$process/stat" 2>/dev/null || break
    spent=$((stat[13] + stat[14] + stat[15] + stat[16]))
    sleep 0.02
done
echo "the first step is said after $((($(date +%s%N) - begin) / 1000000)) ms"
wait $process || { cat log; exit 1; }
spent=$((spent * 1000 / $(getconf CLK_TCK)))
[[ $spent -gt 0 && $spent -lt 4000 ]] || { echo "$spent ms of computing before the first step"; exit 1; }
! grep -q '^building' log || { echo "it built again"; exit 1; }
for words in '"steps": 2' '"seed": 7' '"hidden_size": 32' '"batch_size": 4'; do
    grep -q "$words" short/config.json || { echo "$words is not in config.json"; cat short/config.json; exit 1; }
done
[[ -f short/model.safetensors && $(grep -c '"loss":' short/metrics.jsonl) == 2 ]] || { echo "the run is not whole"; exit 1; }
status=0
"$SOURCE/bootstrap" run --nonesuch >log 2>&1 || status=$?
[[ $status == 2 ]] && grep -q "no option '--nonesuch'" log || { echo "--nonesuch gave status $status"; exit 1; }
