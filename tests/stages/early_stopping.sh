#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A run stops early and keeps the best weights; resumed, it stands where it was. Recipes and scripts as tests.
set -euo pipefail

source "$SOURCE/tests/stages/lib/run.sh"
make_text "$SEED" 60 >corpus.txt

broken() {
    echo "$1"
    tail -n 20 log
    exit 1
}

recipe() { # EARLY_STOPPING CHECK
    cat <<END
return recipe {
  params = { lr = number { 2e-3 } },
  build = function(p)
    local corpus = data.text("$PWD/corpus.txt")
    local tokenizer = tokenizers.wordpiece.train(corpus, { vocab_size = 300 })
    local pairs = data.sentence_pairs(corpus, tokenizer, { length = 32, batch_size = 8, valid = 0.2 })
    return session {
      model = models.bert { vocab_size = tokenizer.vocab_size, hidden_size = 64, num_hidden_layers = 2,
                            num_attention_heads = 2, max_position_embeddings = 32, hidden_dropout_prob = 0,
                            attention_probs_dropout_prob = 0 },
      data = { train = pairs.train, valid = pairs.valid },
      objectives = { objectives.mlm {}, objectives.nsp {} },
      optimizer = optim.adamw { lr = p.lr, weight_decay = 0 }, steps = 100, $1
    }
  end,
  $2
}
END
}

recipe 'early_stopping = { patience = 4, metric = "valid.mlm", min_delta = 100, restore_best = true },' \
    'check = function(run, metrics) expect(metrics["final.mlm"]):below(100) end,' >early.lua
"$LATHE" run early.lua --plain --out a >log 2>&1 || broken "the run failed"
# only the first evaluation counts as an improvement
grep -q '^early stopping at step 50: valid.mlm was best at step 10 (.*), 4 evaluations ago$' log ||
    broken "it did not stop early"
best=$(sed -n 's/.*the final weights are those of step \([0-9]*\), the best by valid.mlm/\1/p' log)
[[ -n $best ]] || broken "no best weights"
cmp a/model.safetensors a/checkpoints/step-"$(printf %08d "$best")"/model.safetensors
grep -q "\"final.mlm\"" a/metrics.jsonl && grep -q '"valid.mlm.accuracy"' a/metrics.jsonl || broken "no evaluations"
cp a/model.safetensors first.safetensors
cp a/metrics.jsonl first.jsonl
"$LATHE" run --plain --resume a >log 2>&1 || broken "it could not be resumed"
cmp a/model.safetensors first.safetensors
cmp a/metrics.jsonl first.jsonl
"$LATHE" info a >log && grep -q 'final.mlm ' log || broken "info does not show the metrics"
"$LATHE" replay a >log 2>&1 || broken "it does not replay"

# A recipe whose expectation does not hold: status 1, with the expression and the value.
recipe '' 'check = function(run, metrics) expect(metrics["final.mlm"]):below(0.001) end,' |
    sed 's/steps = 100/steps = 3/' >fails.lua
status=0
"$LATHE" run fails.lua --plain --out b >log 2>&1 || status=$?
[[ $status == 1 ]] || broken "status $status"
grep -q 'fails.lua:[0-9]*: expect(metrics\["final.mlm"\]):below(0.001): .* is .*, which is not below 0.001' log ||
    broken "the expectation is not told"

# Mistakes are named before anything is written.
recipe 'early_stopping = { metric = "valid.nps" },' '' >wrong.lua
! "$LATHE" run wrong.lua --plain --out c >log 2>&1 || broken "a wrong metric was taken"
grep -q "there is no metric 'valid.nps'; did you mean 'valid.nsp'?" log || broken "the metric is not named"
[[ ! -e c ]] || broken "a directory was left"

# A script is a test as well.
echo 'expect(1 + 1):equal(3)' >script.lua
status=0
"$LATHE" repl script.lua >log 2>&1 </dev/null || status=$?
[[ $status == 1 ]] && grep -q 'expect(1 + 1):equal(3): 1 + 1 is 2, not 3' log || broken "the script"
