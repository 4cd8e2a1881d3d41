#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A session at the prompt of a run that is training: what it is shows, an edit says how to take it back, a parameter is
# looked at, a breakpoint pauses and names the example, undo leaves a branch.
set -euo pipefail
source "$SOURCE/tests/stages/lib/run.sh"
"$LATHE" run bert --steps 100000 --out live --set batch_size=16 --detach >/dev/null
export LC_ALL=C.UTF-8
trap 'end_run live' EXIT
until [[ -s live/metrics.jsonl ]]; do sleep 0.1; done

# says LINES REGEX...: what the prompt answers has lines that match, in this order, with others between.
says() {
    local line
    "$LATHE" attach live <<<"$1" >answer 2>&1 || true
    cp answer rest
    for line in "${@:2}"; do
        grep -qE -- "$line" rest || { echo "no '$line' in the answer to: $1"; cat answer; exit 1; }
        sed -i "1,$(grep -nE -m1 -- "$line" rest | cut -d: -f1)d" rest
    done
}

says 'run' '^live, branch main: (training, )?step [0-9,]+ of 100,000' '^  objectives mlm x 1\.00 = [0-9.]+ +nsp x 1\.00 = [0-9.]+$' \
    '^  optimizer  adamw, lr [0-9.e-]+ \(cosine\), grad_norm [0-9.]+$'
says 'run.objectives.nsp.weight = 0.1' '^\[[0-9,]+\] objectives\.nsp\.weight 1 -> 0\.1\. +undo\(\) goes back to [0-9,]+'
says 'run.objectives.mlm.mlm_probability = 1.5' 'mlm_probability must be a number in \(0, 1\]; got 1\.5\. Nothing was changed\.$'
says 'break_when("grad_norm > 0")' '^breakpoint 0: grad_norm > 0$'
until grep -q 'paused by breakpoint 0: grad_norm = [0-9.]' live/log.jsonl; do sleep 0.1; done
says 'run.model.bert.encoder.layer[0].attention.self.query.weight' \
    '^Parameter f32\[128,128\] bert\.encoder\.layer\.0\.attention\.self\.query\.weight$' \
    '^  norm [0-9.]+  mean .*min .*max .*zeros .*grad norm' '^   \.\.\.$'
says 'nil' '^  batch of 16: the loss of example [0-9]+ is [0-9.]+, the others [0-9.]+ to [0-9.]+'
says 'show(run.batch, 3)' '^\[CLS\] .*\[MASK\]' 'next_sentence_label [01]' '^  loss [0-9.]+$'
says 'undo()' '^at [0-9,]+, before run\.objectives\.nsp\.weight = 0\.1; steps [0-9,]+ to [0-9,]+ stay as branch main~1$'
says 'run.objectives.nsp.weight' '^1\.0$'
says 'resume()' '\[[0-9,]+\] goes on$'
