#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A run that began from a directory of transformers does not depend on it: it goes on, is evaluated, writes and is saved when the
# directory is gone or holds other weights. Only what needs the first weights again says so.
set -euo pipefail

small=(--set n_embd=16 --set n_layer=1 --set n_head=2 --set length=16 --set batch_size=4 --set text=text.txt)
for i in $(seq 300); do echo "the day $((i % 7)) is $((i % 5))."; done >text.txt
"$LATHE" run gpt "${small[@]}" --steps 20 --out first >/dev/null
"$LATHE" save first pre >/dev/null
"$LATHE" run gpt --set model=pre --set length=16 --set batch_size=4 --set text=text.txt --steps 20 --out whole >/dev/null
grep -q "\"directory\": \"$PWD/pre\"" whole/config.json
head -5 whole/journal.lua | grep -q '^began()$'
"$LATHE" replay whole | grep -q 'recorded states reached, up to step 20$'

# stopped in the middle, then the directory moves away
cp -r pre elsewhere
"$LATHE" run gpt --set model=pre --set length=16 --set batch_size=4 --set text=text.txt --steps 2000 --out cut >/dev/null 2>&1 &
pid=$!
until compgen -G 'cut/checkpoints/step-*' >/dev/null; do kill -0 "$pid"; sleep 0.01; done
kill -INT "$pid"
wait "$pid" || true
rm -r pre
"$LATHE" eval whole 2>said | grep -q '^valid  clm'
grep -q "lathe: $PWD/pre: they are gone; the run goes by what it kept" said
"$LATHE" generate whole "the day" --set tokens=5 --set temperature=0 2>/dev/null >written
[[ $(wc -c <written) -gt 4 ]]
"$LATHE" save whole saved >/dev/null 2>&1
cmp saved/model.safetensors whole/model.safetensors
"$LATHE" run --resume cut >/dev/null 2>said
grep -q "goes by what it kept" said
! "$LATHE" replay whole 2>said
grep -q "the run began from the weights in $PWD/pre, and they are gone; put them back" said

# other weights under the same name
"$LATHE" save whole pre >/dev/null 2>&1
! "$LATHE" replay whole 2>said
grep -q "and other weights are there now" said
"$LATHE" eval whole 2>said | grep -q '^valid  clm'
grep -q "other weights are there now" said

# a run without any checkpoint needs them
"$LATHE" run gpt --set model=elsewhere --set length=16 --set batch_size=4 --set text=text.txt --steps 2000 --out early >/dev/null 2>&1 &
pid=$!
until [[ -s early/journal.lua ]]; do kill -0 "$pid"; sleep 0.01; done
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
rm -rf early/checkpoints
mv elsewhere back
! "$LATHE" run --resume early >/dev/null 2>said
grep -q "step 0 cannot be computed again: the weights in $PWD/elsewhere, from which the run began, are not there any more" said
mv back elsewhere
sed -i 's/"steps": 2000/"steps": 3/' early/config.json
"$LATHE" run --resume early >/dev/null
