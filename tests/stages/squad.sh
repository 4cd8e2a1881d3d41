#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Questions with their answers in the text: a BERT learns to find them, is evaluated, replayed, saved for transformers and loaded again.
set -euo pipefail

cat >questions.lua <<'END'
local names, places, things = { "anna", "ben", "carl", "dora" }, { "garden", "kitchen", "harbour", "old mill" }, { "lamp", "rope", "key" }
local function write(path, from, to)
  local list = {}
  for i = from, to do
    local who, other = names[i % 4 + 1], names[(i + 1 + i // 4 % 3) % 4 + 1]
    local where, there = places[i // 3 % 4 + 1], places[(i // 3 + 1 + i % 2) % 4 + 1]
    local context = ("%s took the %s to the %s . %s waited in the %s ."):format(who, things[i % 3 + 1], where, other, there)
    local at = context:find(where, 1, true) - 1
    list[#list + 1] = ('{"context": "%s", "qas": [{"id": "q%d", "question": "where did %s take the %s ?", "answers": [{"text": "%s", "answer_start": %d}]}]}')
      :format(context, i, who, things[i % 3 + 1], where, at)
  end
  local file <close> = assert(io.open(path, "w"))
  file:write('{"version": "1.1", "data": [{"title": "stories", "paragraphs": [\n', table.concat(list, ",\n"), "\n]}]}\n")
end
write("train.json", 1, 240)
write("valid.json", 241, 280)
END
"$LATHE" repl questions.lua
small=(squad --set train=train.json --set valid=valid.json --set vocab_size=160 --set hidden_size=32 --set length=48 --set question_length=16
    --set stride=16 --set batch_size=16 --set lr=5e-3 --set epochs=8)
"$LATHE" run "${small[@]}" --out answers | tee answers.txt
grep -q 'exact match .* of 40 questions' answers.txt
"$LATHE" eval answers --json >answers.json
match=$(grep -o '"exact_match": [0-9.]*' answers.json | cut -d' ' -f2)
awk -v em="$match" 'BEGIN { exit !(em > 0.9) }' # chance is a quarter of the places at best
grep -q '"questions": 40' answers.json
grep -q '"valid.span.f1"' answers/metrics.jsonl
"$LATHE" replay answers --threads 2 | tail -n 1 | grep -q 'recorded states reached, up to step'
"$LATHE" save answers saved >/dev/null
grep -q BertForQuestionAnswering saved/config.json
"$LATHE" run "${small[@]}" --set model=saved --steps 1 --set lr=1e-9 --out again | grep -q 'exact match'
"$LATHE" eval again --json | grep -q "\"exact_match\": $match"

sed 's/"answer_start": [0-9]*/"answer_start": 4000/' train.json >bad.json
! "$LATHE" run "${small[@]}" --set train=bad.json --out bad 2>bad.txt
grep -q 'question q1: its answer begins at 4000, the context has [0-9]* characters' bad.txt
! "$LATHE" run squad --out bad 2>bad.txt
grep -q "squad: 'train' is wanted" bad.txt
