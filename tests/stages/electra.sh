#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# An ELECTRA as it is used: the recipe with edits, resumed and replayed to the same bits, evaluated, saved for transformers, and
# its discriminator taken on.
set -euo pipefail
source "$SOURCE/tests/stages/lib/run.sh"
make_text "$SEED" 300 >corpus.txt
small=(--plain --set text=corpus.txt --set hidden_size=32 --set num_attention_heads=2 --set generator_hidden_size=16 --set batch_size=8 --set length=32
    --set vocab_size=300)
"$LATHE" run electra "${small[@]}" --steps 2 --out plain >/dev/null
"$LATHE" export-recipe plain >edited.lua
sed -i 's/^  steps = .*/  steps = 40,/; s/^  edits = {$/  edits = {\n    { 0, "run.clip_norm = 0.7" },/' edited.lua
sed -i 's/^    { 0, .*/&\n    { 10, "run.objectives.rtd.weight = 20 run.objectives.rtd.temperature = 0.5" },/' edited.lua
shape='run.model:reshape { generator_intermediate_size = 80, num_hidden_layers = 3 }'
sed -i "s/^    { 10, .*/&\n    { 20, \"$shape\" },/" edited.lua

"$LATHE" run edited.lua --out whole --threads 1 >log
grep -q 'words that the generator put in, with how sure' log
grep -q '^valid  mlm .* rtd [0-9.]* (unigram [0-9.]*)  accuracy [0-9.]*% (majority [0-9.]*%)$' log
"$LATHE" replay whole --threads 3 | grep -q ' recorded states reached, up to step 40$'
"$LATHE" run edited.lua --out killed --threads 2 >/dev/null &
pid=$!
until [[ -s killed/metrics.jsonl ]]; do
    kill -0 $pid && sleep 0.01
done
kill -9 $pid 2>/dev/null || true
wait $pid 2>/dev/null || true
"$LATHE" run --resume killed >/dev/null
cmp whole/model.safetensors killed/model.safetensors
"$LATHE" eval whole | grep -q ' rtd '

"$LATHE" save whole saved >/dev/null
[[ -s saved/model.safetensors && -s saved/generator/model.safetensors && -s saved/vocab.txt ]]
cat >on.lua <<'END'
local model = models.load("saved", { generator = false, num_labels = 2, strict = false })
assert(tostring(model):find "electra", tostring(model))
END
"$LATHE" repl on.lua
if /usr/bin/python3 -c 'import torch' 2>/dev/null; then
    /usr/bin/python3 "$SOURCE/tests/parity/pretrained.py" --check saved | tee checked
    grep -q '^ElectraForPreTraining ' checked
    grep -q '^ElectraForMaskedLM ' checked
fi
