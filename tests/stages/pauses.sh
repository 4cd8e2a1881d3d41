#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A step that fails pauses a run that somebody can enter, and is mended from the prompt: numbers that are not finite,
# an objective that raises, no memory. Where nobody is there the run ends, and --resume --paused comes back to the place.
set -euo pipefail
source "$SOURCE/tests/stages/lib/run.sh"
export XDG_RUNTIME_DIR=$PWD/runtime
mkdir -m 700 runtime
make_text "$SEED" 600 >corpus.txt

broken() {
    echo "$1"
    for file in log answer; do [[ -f $file ]] && echo "--- $file" && tail -n 30 "$file"; done
    exit 1
}
attach() { timeout 100 "$LATHE" attach "$@" >answer 2>&1 || broken "attach: status $?"; }
says() { grep -q -- "$1" "${2:-answer}" || broken "'$1' was not said"; }
await() { # WORDS COMMAND...
    for ((i = 0; i < 900; i++)); do "${@:2}" && return; sleep 0.05; done
    broken "$1"
}
came_to() { grep -q "\"step\": $2," "$1/metrics.jsonl" 2>/dev/null; }
ended() { [[ ! -e $1/socket ]]; }

# A recipe whose own objective raises at step 7 where 'mine' is 1, and wants 2 GB where it is 2.
cat >own.lua <<'END_OF_RECIPE'
return recipe {
  params = { mine = integer { 0 }, steps = integer { 30 } },
  build = function(p)
    local corpus = data.text("corpus.txt")
    local tokenizer = tokenizers.wordpiece.train(corpus, { vocab_size = 300 })
    local pairs = data.sentence_pairs(corpus, tokenizer, { length = 32, batch_size = 4 })
    return session {
      model = models.bert { vocab_size = tokenizer.vocab_size, hidden_size = 16, num_hidden_layers = 1,
                            num_attention_heads = 2, max_position_embeddings = 32 },
      data = { train = pairs.train },
      objectives = { objectives.mlm {}, objectives.custom { name = "mine", loss = function(model, batch)
        if p.mine == 1 and batch.step == 6 then error("raised on purpose") end
        if p.mine == 2 and batch.step == 6 then zeros(1 << 29) end
        return ops.cross_entropy(model.nsp_logits, batch.next_sentence_label)
      end } },
      optimizer = optim.adamw {}, steps = p.steps,
    }
  end,
}
END_OF_RECIPE

# --- in the background: a learning rate that is too high ---
"$LATHE" run own.lua --set steps=100000 --detach --out high >log 2>&1 || broken "it did not start"
attach high <<<'run.optimizer.lr = 1e6'
await "no pause" grep -qs 'the run is paused there' high/log.txt
attach high <<'END'
lathe.paused(), run.batch.step == run.step + 1, run.batch.size
undo()
run.optimizer.lr
resume()
END
says 'paused, because the next step failed: step [0-9]*: the loss of objective'
says 'first in '
says '^true  true  4$'
says '^at [0-9,]*, before run.optimizer.lr = 1000000'
says '^0.001$'
says 'goes on$'
await "it did not go on" came_to high 200
attach high <<<'stop()'
await "it did not stop" ended high
"$LATHE" replay high >log 2>&1 || broken "what was mended cannot be replayed"

# --- an objective that raises: it is switched off, and the run goes on to its end ---
"$LATHE" run own.lua --set mine=1 --detach --out raises >log 2>&1 || broken "it did not start"
await "no pause" grep -qs 'the run is paused there' raises/log.txt
attach raises <<'END'
resume()
run.objectives.mine.enabled = false
resume()
END
[[ $(grep -c 'paused, because the next step failed: own.lua:.*raised on purpose' answer) -ge 1 ]] ||
    broken "the error is not told"
await "it did not come to its end" test -f raises/model.safetensors

# --- nobody is there: it saves and ends; --paused comes back to the place ---
status=0
"$LATHE" run own.lua --set mine=1 --plain --out ends >log 2>&1 || status=$?
[[ $status == 1 && -f ends/checkpoints/step-00000006/state.json ]] || broken "status $status where nobody is attached"
"$LATHE" run --plain --resume ends --paused >log 2>&1 &
process=$!
await "it does not listen" test -e ends/socket
attach ends <<'END'
run.step
run
run.loss ~= run.loss
run.objectives.mine.weight = 0
resume()
END
says '^\[6\] paused before the next step; resume() goes on'
says '^6$'
says '^  objectives mlm x 1.00    mine x 1.00$' # no step was done here yet, so no loss is known
says '^true$'
wait $process || broken "the run that was mended failed"
[[ -f ends/model.safetensors ]] || broken "it has no end"
status=0
"$LATHE" run own.lua --paused --no-socket --out none >log 2>&1 || status=$?
[[ $status == 2 ]] || broken "--paused --no-socket: status $status"

# diff_states() takes the final weights of a run's directory, or its newest checkpoint.
"$LATHE" repl >answer <<<'diff_states("ends", "raises") diff_states("raises", "high")' || broken "diff_states failed"
[[ $(grep -c 'tensors are the same, [0-9]* differ' answer) == 2 ]] || broken "two directories are not compared"

# --- on_nonfinite says otherwise ---
sed 's/optimizer = optim.adamw {}/on_nonfinite = "stop", &/' own.lua >stops.lua
"$LATHE" run stops.lua --set mine=1 --detach --out stops >log 2>&1 || broken "it did not start"
await "it did not end" ended stops
says 'go on with: lathe run --resume stops' stops/log.txt

# --- no memory; AddressSanitizer wants more addresses than a limit leaves ---
grep -q __asan_init "$LATHE" && exit 0
(ulimit -v 1500000; "$LATHE" run own.lua --set mine=2 --threads 1 --detach --out large >log 2>&1) || broken "it did not start"
await "no pause" grep -qs 'the run is paused there' large/log.txt
attach large <<'END'
run.objectives.mine.enabled = false
resume()
END
says 'paused, because the next step failed: .*memory'
await "it did not come to its end" test -f large/model.safetensors
