#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What a finished run can do when its text is gone and its directory lies elsewhere.
set -euo pipefail
source "$SOURCE/tests/stages/lib/run.sh"
make_text "$SEED" 600 >corpus.txt
make_text "$((SEED + 1))" 300 >other.txt
sed -i 's/[a-z]*$/& zebra/' other.txt # a text with words of its own would have another vocabulary

broken() {
    echo "$1"
    tail -n 20 log
    exit 1
}
small=(--plain --seed "$SEED" --steps 3 --set batch_size=4)
"$LATHE" run "$SOURCE/scripts/recipes/bert.lua" "${small[@]}" --set text=corpus.txt --set vocab_size=200 --set hidden_size=16 \
    --set num_hidden_layers=1 --set num_attention_heads=2 --set length=32 --out begun >log 2>&1 || broken "no run"
"$LATHE" run "$SOURCE/scripts/recipes/gpt.lua" "${small[@]}" --set text=corpus.txt --set length=16 --set n_embd=16 \
    --set n_layer=1 --set n_head=2 --set precision=bf16 --out gpt >log 2>&1 || broken "no run"
"$LATHE" generate gpt "The cat" --set tokens=20 >before
"$LATHE" eval begun --set text=corpus.txt --json >given.json
cmp <("$LATHE" eval begun --json) given.json || broken "the same text, given again, gives something else"
mkdir elsewhere
mv begun elsewhere/bert
rm corpus.txt

# Numbers are numbers, and the vocabulary has a hash.
for words in '"hidden_size": 16' '"lr": 0.002' '"vocab_size": 200' '"vocabulary": "[0-9a-f]*"' '"recipe_content": "[0-9a-f]*"'; do
    grep -q "$words" elsewhere/bert/config.json || broken "$words is not in config.json"
done

# An evaluation needs a text; which one, and how it is given, is said. The vocabulary stays the run's.
status=0
"$LATHE" eval elsewhere/bert >log 2>&1 || status=$?
[[ $status == 1 ]] && grep -q "corpus.txt'; put it back, or .*: lathe eval elsewhere/bert --set text=FILE" log ||
    broken "a text that is gone gave status $status"
"$LATHE" eval elsewhere/bert --set text=other.txt --json >log 2>&1 || broken "it is not evaluated on another text"
grep -q '"loss": [0-9]' log || broken "no loss on another text"

# Saving, generating and going on need none.
"$LATHE" save elsewhere/bert saved >log 2>&1 || broken "it is not saved"
cmp elsewhere/bert/vocab.txt saved/vocab.txt && [[ -s saved/config.json && -s saved/model.safetensors ]] ||
    broken "not all was saved"
"$LATHE" generate gpt "The cat" --set tokens=20 >after 2>log || broken "it does not generate"
cmp before after
cmp <("$LATHE" generate gpt "The cat" --set tokens=20 --set precision=bf16) after || broken "it does not generate as it trained"
sed -i.kept 's/"precision": "bf16"/"precision": "f8"/' gpt/config.json
! "$LATHE" generate gpt "The cat" 2>log && grep -q "precision must be one of f32, bf16; got 'f8'" log ||
    broken "the precision of the run is not looked at"
mv gpt/config.json.kept gpt/config.json
"$LATHE" run "$SOURCE/scripts/recipes/bert.lua" "${small[@]}" --set text=other.txt --set model=elsewhere/bert --set length=32 \
    --out further >log 2>&1 || broken "no run goes on with the model of another"
