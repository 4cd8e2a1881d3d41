# SPDX-License-Identifier: GPL-3.0-or-later
# What model:save() and 'lathe save' write has for PyTorch alone all that its class of transformers needs, and nothing else:
# language models of all kinds and classifiers. (tests/unit/test_finetune.c and test_electra_files.c compare logits.)
python3=/usr/bin/python3
$python3 -c 'import torch' 2>/dev/null || { echo "PyTorch is not installed"; exit 77; }
set -eu

cat >make.lua <<'END'
local lines = {}
for i = 1, 60 do lines[i] = ('{"text": "the %s day ends.", "label": "%s"}'):format(i % 2 == 0 and "good" or "bad", i % 2 == 0 and "yes" or "no") end
local file <close> = io.open("texts.jsonl", "w")
file:write(table.concat(lines, "\n"), "\n")
file:close()
local texts = data.jsonl("texts.jsonl", { label = "label" })
local sizes = {
  bert = { hidden_size = 16, num_attention_heads = 2, num_hidden_layers = 2, max_position_embeddings = 16 },
  gpt2 = { n_embd = 16, n_head = 2, n_layer = 2, n_positions = 16 },
}
for _, kind in ipairs { "bert", "gpt2" } do
  local tokenizer = kind == "bert" and tokenizers.wordpiece.train(texts, { vocab_size = 90 }) or tokenizers.bpe.train(texts, { vocab_size = 300 })
  for _, labels in ipairs { 0, 2 } do
    local options = sizes[kind]
    options.vocab_size, options.num_labels = tokenizer.vocab_size, labels
    local sources = data.labelled(texts, tokenizer, { length = 12, batch_size = 8 })
    local objective = labels > 0 and objectives.classify {} or kind == "bert" and objectives.mlm {} or objectives.clm {}
    local run = session { model = models[kind](options), data = { train = sources.train }, objectives = { objective } }
    run:train(3)
    local directory = kind .. labels
    run.model:save(directory)
    session { model = models.load(directory) } -- Lathe reads it, too
  end
end
END
"$LATHE" repl make.lua
for directory in bert0 bert2 gpt20 gpt22; do
    $python3 "$SOURCE/tests/parity/pretrained.py" --check $directory
done | tee checked
grep -q "^BertForPreTraining " checked
grep -q "^BertForSequenceClassification .*logits of 0 to 7: [-0-9.]* [-0-9.]*$" checked
grep -q "^GPT2LMHeadModel " checked
grep -q "^GPT2ForSequenceClassification .*logits of 0 to 7: [-0-9.]* [-0-9.]*$" checked
grep -q '"0": "no"' gpt22/config.json

# Runs that end as directories.
source "$SOURCE/tests/stages/lib/run.sh"
make_text "$SEED" 200 >corpus.txt
small=(--plain --steps 2 --set text=corpus.txt --set batch_size=4)
encoder=(--set hidden_size=32 --set num_attention_heads=2 --set length=32 --set vocab_size=200)
"$LATHE" run bert "${small[@]}" "${encoder[@]}" --out bert >/dev/null
"$LATHE" run electra "${small[@]}" "${encoder[@]}" --set generator_hidden_size=16 --out electra >/dev/null
"$LATHE" run gpt "${small[@]}" --set n_embd=32 --set tokenizer=bpe --set vocab_size=300 --out gpt >/dev/null
for run in bert gpt electra; do
    "$LATHE" save $run saved_$run >/dev/null
    $python3 "$SOURCE/tests/parity/pretrained.py" --check saved_$run
done | tee checked
[[ $(cut -d ' ' -f 1 checked) == $'BertForPreTraining\nGPT2LMHeadModel\nElectraForPreTraining\nElectraForMaskedLM' ]]
