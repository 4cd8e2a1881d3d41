#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A pre-trained directory is fine-tuned by each method of the recipe, evaluated, replayed and saved; adapters are merged, come back
# from PEFT's files; what is wrong with labels is said.
set -euo pipefail

cat >texts.lua <<'END'
local function write(path, from, to, label)
  local file <close> = assert(io.open(path, "w"))
  for i = from, to do
    local good = i % 3 ~= 0
    file:write(label and label(i) or good and "good " or "bad ", ("the %s day of the %s ends .\n"):format(good and "bright" or "grey",
      ({ "king", "fox", "boat", "tree", "lamp" })[i % 5 + 1]))
  end
end
write("train.txt", 1, 120)
write("test.txt", 121, 160)
write("one.txt", 1, 20, function() return "good " end)
write("unseen.txt", 1, 20, function(i) return i % 2 == 0 and "good " or "odd " end)
END
"$LATHE" repl texts.lua
small=(--set hidden_size=32 --set num_attention_heads=2 --set length=32 --set vocab_size=150 --set batch_size=8)
"$LATHE" run bert --set text=train.txt "${small[@]}" --steps 20 --out pre >/dev/null
"$LATHE" save pre pretrained >/dev/null

tuned=(finetune --set model=pretrained --set train=train.txt --set valid=test.txt --set length=24 --set batch_size=16)
for method in full frozen probe lora; do
    "$LATHE" run "${tuned[@]}" --set method=$method --set layer_decay=0.9 --set lr=1e-2 --set epochs=6 --out $method >$method.txt 2>&1
    "$LATHE" eval $method --json >$method.json
    grep -q '"f1"' $method.json
    grep -q '"confusion"' $method.json
    "$LATHE" replay $method --threads 2 | tail -n 1 | grep -q 'recorded states reached, up to step'
done
grep -q 'weights frozen' lora.txt
grep -q 'accuracy 100.0%' full.txt # the word says it
grep -q '^  bad  .* 0 .* F1 1.000$' full.txt
grep -q '"valid.classify.f1": 1' full/metrics.jsonl
"$LATHE" save full tuned >/dev/null
grep -q '"0": "good"' tuned/config.json
grep -q BertForSequenceClassification tuned/config.json

# classes from the mean of the tokens: a model of Lathe's own kind, which comes back from its directory
"$LATHE" run "${tuned[@]}" --set pooling=mean --set lr=1e-2 --set epochs=6 --out mean >mean.txt
grep -q 'accuracy 100.0%' mean.txt
"$LATHE" replay mean --threads 2 | tail -n 1 | grep -q 'recorded states reached, up to step'
"$LATHE" save mean pooled >/dev/null
grep -q '"classifier_pooling": "mean"' pooled/config.json
grep -q lathe-bert pooled/config.json
"$LATHE" run "${tuned[@]}" --set model=pooled --set pooling=mean --set epochs=1 --set lr=1e-6 --out again >again.txt
grep -q 'accuracy 100.0%' again.txt
"$LATHE" run gpt --set text=train.txt --set n_embd=16 --set n_head=2 --set vocab_size=270 --set length=16 --steps 2 --out causal >/dev/null
"$LATHE" save causal other >/dev/null
! "$LATHE" run "${tuned[@]}" --set model=other --set pooling=mean --out no 2>no.txt
grep -q "models.gpt2 has no option 'classifier_pooling'" no.txt

# an ELECTRA's discriminator, by adapters
"$LATHE" run electra --set text=train.txt "${small[@]}" --steps 5 --out rtd >/dev/null
"$LATHE" save rtd discriminator >/dev/null
"$LATHE" run "${tuned[@]}" --set model=discriminator --set method=lora --set lora_rank=4 --set lr=1e-2 --set epochs=8 --out low >low.txt
grep -q 'accuracy 100.0%' low.txt
"$LATHE" replay low --threads 2 | tail -n 1 | grep -q 'recorded states reached, up to step'
"$LATHE" save low merged >/dev/null
grep -q ElectraForSequenceClassification merged/config.json
! grep -q lora_ merged/model.safetensors

# edits of a run: adapters added, all else frozen, merged again
"$LATHE" export-recipe full >edited.lua
shape='run.model:reshape { lora_rank = 2 } run.model:freeze { except = [[lora_A lora_B classifier]] }'
sed -i "s/^  edits = {\$/  edits = {\n    { 10, \"$shape\" },\n    { 20, \"run.optimizer.layer_decay = 0.5\" },\n    { 30, \"run.model:merge_lora()\" },/" edited.lua
"$LATHE" run edited.lua --out edits >edits.txt
grep -q 'adapters merged' edits.txt
"$LATHE" replay edits --threads 2 | tail -n 1 | grep -q 'recorded states reached, up to step'
"$LATHE" run edited.lua --out killed >/dev/null &
pid=$!
until [[ $(wc -l <killed/metrics.jsonl 2>/dev/null || echo 0) -ge 16 ]]; do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.01
done
kill -9 "$pid" 2>/dev/null || true
wait "$pid" 2>/dev/null || true
"$LATHE" run --resume killed >/dev/null
cmp edits/model.safetensors killed/model.safetensors

# adapters alone, and back
cat >adapters.lua <<'END'
local words = tokenizers.load "pretrained"
local sources = data.labelled(data.labelled_lines "train.txt", words, { length = 24, held_out = data.labelled_lines "test.txt" })
local function make(options)
  options.num_labels = 2
  return session { model = models.load("pretrained", options), data = sources, objectives = { objectives.classify {} }, steps = 20 }
end
local made = make { lora_rank = 4, lora_alpha = 8, lora_modules = "query key value dense" }
made.model:freeze { except = "lora_A lora_B classifier" }
made:train(20)
made.model:save("adapters", { adapter = true })
local back = make { adapter = "adapters" }
assert(back:evaluate().classify.loss == made:evaluate().classify.loss)
made.model:merge_lora()
assert(math.abs(back:evaluate().classify.loss - made:evaluate().classify.loss) < 1e-5)
local scores = back:evaluate().classify
assert(#scores.confusion == 2 and scores.classes[1].name == "good" and scores.classes[1].examples + scores.classes[2].examples == scores.targets)
print "adapters came back"
END
"$LATHE" repl adapters.lua | grep -q '^adapters came back$'

refused() { # WORDS OPTION...
    local words=$1
    shift
    ! "$LATHE" run "${tuned[@]}" "$@" --out refused >refused.txt 2>&1
    grep -q "$words" refused.txt || { cat refused.txt; exit 1; }
    rm -rf refused
}
refused "there is one class only, 'good'" --set train=one.txt
refused "label 'odd' does not occur in the text to train on, which has good, bad" --set valid=unseen.txt
refused "label 'odd' does not occur" --set test=unseen.txt
refused "no linear layer is called 'nothing'" --set method=lora --set lora_modules=nothing
refused "lora_rank 64 is more than" --set method=lora --set lora_rank=64
echo "all methods"
