#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Experiments of several runs: an estimate, a sweep that is killed and goes on, the differences of two runs.
set -euo pipefail

source "$SOURCE/tests/stages/lib/run.sh"
make_text "$SEED" 600 >corpus.txt
broken() { echo "$1"; exit 1; }
small=(--set hidden_size=16 --set num_attention_heads=2 --set num_hidden_layers=1 --set batch_size=4 --set length=24
    --set vocab_size=300 --set text=corpus.txt)

# The estimate's parameters are those of the model, and it writes nothing.
"$LATHE" estimate bert "${small[@]}" --json >estimate.json
[[ $(ls | tr "\n" " ") == "corpus.txt estimate.json " ]] || broken "an estimate left something behind"
"$LATHE" run bert "${small[@]}" --steps 20 --out one >log
parameters=$(sed -n 's/.*"parameters": \([0-9]*\),$/\1/p' estimate.json | head -n 1)
grep -q "model  model: bert, $(printf "%'d" "$parameters" | sed 's/,//g;:a;s/\B[0-9]\{3\}\>/,&/;ta') parameters" log ||
    broken "the estimate says $parameters parameters, the run $(grep model log)"
grep -q '"flops_by": "formula"' estimate.json
"$LATHE" estimate gpt --set hidden_size=1 >out 2>&1 && broken "a wrong parameter was accepted"

# Differences: none, some, and what cannot be read.
"$LATHE" run bert "${small[@]}" --steps 20 --out same >/dev/null
"$LATHE" run bert "${small[@]}" --set lr=0.01 --steps 20 --out other >/dev/null
"$LATHE" diff one same || broken "equal runs differ"
status=0
"$LATHE" diff one other >out || status=$?
[[ $status == 1 ]] || broken "status $status for runs that differ"
for words in 'parameters.lr +0.002 +0.01' 'edits: no difference' 'loss .*they part at step 2' 'bert.pooler'; do
    grep -Eq "$words" out || broken "no '$words' in: $(cat out)"
done
status=0
"$LATHE" diff one nowhere 2>out || status=$?
[[ $status == 2 ]] && grep -q 'nowhere: there is no such run' out || broken "status $status for a run that is missing"
"$LATHE" diff one other --json >out || true
grep -q '"same":false' out || broken "no JSON"

# A sweep: killed, it goes on; done, nothing is trained again; a point that fails is told, the others are trained.
sweep=("$LATHE" sweep bert "${small[@]}" --set lr=1e-3,1e-2 --set seed=1,2 --set steps=30 --out sweep)
"${sweep[@]}" >out 2>&1 &
pid=$!
until [[ -e sweep/runs.csv ]] || ! kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
kill -9 "$pid" 2>/dev/null || true
wait "$pid" || true
tries=0
until "${sweep[@]}" >out; do # the run that it left may still train
    ((++tries < 20)) || broken "it did not go on: $(cat out)"
    sleep 0.2
done
grep -q 'done before' out || broken "it began anew"
[[ $(wc -l <sweep/sweep.csv) == 3 && $(wc -l <sweep/runs.csv) == 5 ]] || broken "tables: $(cat sweep/*.csv)"
grep -Eq '^4,16,24,0.001,2,1,30,corpus.txt,300,2,0,[0-9.]+,[0-9.e-]+,' sweep/sweep.csv || broken "$(cat sweep/sweep.csv)"
"${sweep[@]}" >out
[[ $(grep -c 'done before' out) == 4 ]] || broken "something was trained again"
cmp <("$LATHE" diff sweep/*lr=0.001*seed=1 sweep/*lr=0.001*seed=1) <(echo "no difference in parameters, edits, metrics and weights")
status=0
"$LATHE" sweep bert "${small[@]}" --set num_attention_heads=2,3 --set steps=5 --out fails >out || status=$?
[[ $status == 1 ]] && grep -q 'failed: status 1' out && grep -q '^\[1/2\].* [0-9.]* (' out || broken "a failing point: $(cat out)"
status=0
"$LATHE" sweep bert --set lrr=1 2>out || status=$?
[[ $status == 1 ]] && grep -q "did you mean 'lr'" out || broken "a misspelt name: $(cat out)"

# What edits and openings cost is measured; the numbers are for people.
"$LATHE" bench gpt2-generate --steps 1 --set layers=1 --set width=32 --set vocabulary=8192 --set precision=bf16 --json \
    >bench.json 2>log || broken "no bench of generation"
grep -q '"most_above_limit": "[a-z]' bench.json && grep -q '"op": "attention"' bench.json || broken "no ops in: $(cat bench.json log)"
"$LATHE" bench live open --steps 3 --set layers=1 --set width=8 --set batch=1 --set length=16 --set vocabulary=50 --json >bench.json 2>log
for words in 'a snapshot, with' 'an edit of one weight' 'a prompt that' 'one of the first' 'opening metrics'; do
    grep -q "\"what\": \"$words" bench.json || broken "no '$words' in: $(cat bench.json log)"
done
