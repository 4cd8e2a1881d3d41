#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A run whose recipe edits it: killed and resumed it ends in the same bytes, its replay reaches every recorded state
# with another number of threads, and the recipe exported from it makes the same run again, with its seed, to where it
# stood. A text that changed is named.
set -euo pipefail

small=(--set hidden_size=32 --set num_attention_heads=2 --set batch_size=8 --set length=32 --set vocab_size=300)
"$LATHE" run bert "${small[@]}" --steps 2 --seed 7 --out plain >/dev/null
"$LATHE" export-recipe plain >edited.lua
! grep 'stop =' edited.lua
"$LATHE" run edited.lua --out twice >/dev/null
cmp plain/model.safetensors twice/model.safetensors
sed -i 's/^  steps = .*/  steps = 60,/; s/^  edits = {$/  edits = {\n    { 0, "run.clip_norm = 0.7" },/' edited.lua
sed -i 's/^    { 0, .*/&\n    { 20, "run.objectives.nsp.weight = 0.1" },/' edited.lua
sed -i 's/^    { 20, .*/&\n    { 40, "run.model.bert.pooler.frozen = true" },/' edited.lua
shape='run.model:reshape { num_hidden_layers = 3, intermediate_size = 80 } run.data.train.batch_size = 6'
parts='run.model:reset [[cls.seq_relationship]] run:add_objective(objectives.mlm { name = [[more]], weight = 0.2 })'
prune='run:prune { sparsity = 0.6, schedule = [[cubic]], params = [[bert.encoder]], end_step = 59, frequency = 2 }'
sed -i "s/^    { 40, .*/&\n    { 45, \"$shape\" },\n    { 50, \"$parts\" },\n    { 51, \"$prune\" },/" edited.lua

"$LATHE" run edited.lua --out whole --threads 1 >/dev/null
grep -q 'run.objectives.nsp.weight = 0.1' whole/journal.lua
"$LATHE" replay whole --threads 3 | tee replay.txt
grep -q '^26 of 26 recorded states reached, up to step 60$' replay.txt
"$LATHE" replay whole --until 20 | grep -q '^8 of 8 recorded states reached'

"$LATHE" eval whole | grep -q '^valid  mlm'
grep -q '^{"step": 60,.*"sparsity": 0.[56]' whole/metrics.jsonl

# killed somewhere, three times
for try in 1 2 3; do
    rm -rf killed
    "$LATHE" run edited.lua --out killed >/dev/null &
    pid=$!
    until [[ -s killed/metrics.jsonl ]]; do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.01
    done
    sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
    kill -9 "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    "$LATHE" run --resume killed >/dev/null
    cmp whole/model.safetensors killed/model.safetensors
    "$LATHE" replay killed >/dev/null
done

# exported again: the same edits, the same bytes
"$LATHE" export-recipe whole >again.lua
"$LATHE" run again.lua --out again >/dev/null
cmp whole/model.safetensors again/model.safetensors

# the journal itself runs, as it stands; one that goes back does not, and says what to do
"$LATHE" run whole/journal.lua --out planned >/dev/null
cmp whole/model.safetensors planned/model.safetensors
sed -n 2p whole/journal.lua | grep -qE ' data = \{ \["train"\] = "[0-9a-f]{32}", \["valid"\] = "[0-9a-f]{32}", \} \}$'
mkdir back
cp whole/recipe.lua back/
(cat whole/journal.lua; printf 'at(60, "00")\nundo()\n') >back/journal.lua
! "$LATHE" run back/journal.lua --out nothing >/dev/null 2>refused.txt
grep -q "journal.lua has undo() at step 60, which no plan can have; 'lathe export-recipe DIR'" refused.txt

# one that was stopped: to the step where it stood, and on from there
sed 's/^  steps = 60,/&\n  stop = 30,/' edited.lua >stopped.lua
"$LATHE" run stopped.lua --out stopped >/dev/null
"$LATHE" export-recipe stopped >stopped_again.lua
grep -q '^  stop = 30,' stopped_again.lua
"$LATHE" run stopped_again.lua --out stopped_again >/dev/null
cmp stopped/checkpoints/step-00000030/model.safetensors stopped_again/checkpoints/step-00000030/model.safetensors
"$LATHE" run --resume stopped >/dev/null
cmp whole/model.safetensors stopped/model.safetensors

# the text is another one now
for word in a cat sat on the mat; do echo "The dog saw $word. A bird sang of $word."; done >text.txt
for _ in {1..5}; do cat text.txt text.txt >more.txt; mv more.txt text.txt; done
"$LATHE" run bert "${small[@]}" --set text="$PWD/text.txt" --set vocab_size=60 --steps 2 --out read >/dev/null
"$LATHE" replay read | grep -q '^4 of 4 recorded states'
echo "The dog saw nothing." >>text.txt
! "$LATHE" replay read >differs.txt
head -n 2 differs.txt | grep -q "^the data of source 'train' are not those of the run: "

# a weight file that differs from what the journal says is found
sed 's/at(40, "./at(40, "0/' whole/journal.lua >changed.lua
cmp -s whole/journal.lua changed.lua && sed 's/at(40, "./at(40, "1/' whole/journal.lua >changed.lua
cp changed.lua whole/journal.lua
! "$LATHE" replay whole >differs.txt
grep -q '^step 40: the state is' differs.txt
