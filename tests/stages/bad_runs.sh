#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs that are interrupted, collide, meet a full disk, numbers that are not finite, or data that are not what they
# should be: in words, with the right status, and nothing is lost.
set -euo pipefail
source "$SOURCE/tests/stages/lib/run.sh"
make_text "$SEED" 1500 >corpus.txt
small=(--plain --seed "$SEED" --set vocab_size=300 --set hidden_size=32 --set num_hidden_layers=1 --set length=48
    --set batch_size=8)
bert=("$LATHE" run "$SOURCE/scripts/recipes/bert.lua" "${small[@]}" --set text=corpus.txt)

broken() {
    echo "$1"
    tail -n 20 log
    exit 1
}
# refused WORDS COMMAND...: status 1, and the words on stderr.
refused() {
    local words=$1 status=0
    shift
    "$@" >log 2>&1 </dev/null || status=$?
    [[ $status == 1 ]] || broken "status $status, not 1: ${*:2}"
    grep -qF -- "$words" log || broken "'$words' was not said"
}
wait_for_step() { # DIR STEP
    local i
    for ((i = 0; i < 600; i++)); do
        grep -q "\"step\": $2," "$1/metrics.jsonl" 2>/dev/null && return
        sleep 0.05
    done
    broken "$1 did not come to step $2"
}

"${bert[@]}" --steps 400 --out alone >log 2>&1 || broken "the run failed"

# Ctrl-C: the state is saved, status 130, and going on ends in the same bytes. A second process is refused meanwhile.
"${bert[@]}" --steps 400 --set batch_size=8 --out stopped >log 2>&1 &
process=$!
wait_for_step stopped 5
kill -STOP $process
second() {
    status=0
    "$@" >second 2>&1 || status=$?
    [[ $status == 1 ]] || broken "the second process: status $status"
    grep -q "in use by process $process" second || broken "the second process: $(cat second)"
}
second "${bert[@]}" --steps 400 --out stopped
second "$LATHE" run --resume stopped
kill -INT $process
kill -CONT $process
status=0
wait $process || status=$?
if [[ ! -f stopped/model.safetensors ]]; then
    [[ $status == 130 ]] || broken "Ctrl-C gave status $status"
    grep -q -- '--resume stopped' log || broken "Ctrl-C: no word on how to go on"
    "$LATHE" run --plain --resume stopped >log 2>&1 || broken "the stopped run did not go on"
fi
cmp alone/model.safetensors stopped/model.safetensors
cmp <(without_times alone) <(without_times stopped)
refused "holds another run" "${bert[@]}" --steps 3 --out stopped

# A run writes over nothing: each thing that a finished one holds is refused, and left as it is, in a new one's directory.
for file in $(ls alone); do
    [[ $file == log.txt ]] && continue
    mkdir taken
    cp -r "alone/$file" taken
    refused "taken: is not empty: it holds '$file'" "${bert[@]}" --steps 3 --out taken
    [[ $(ls -A taken) == "$file" ]] || broken "something was written beside $file"
    diff -r "alone/$file" "taken/$file"
    rm -r taken
done
refused "/: is not empty" "${bert[@]}" --steps 3 --out /
refused "nonesuch" "$LATHE" run nonesuch --detach --out taken
[[ ! -e taken ]] || broken "a run in the background that did not begin left its directory"

# SIGTERM does what Ctrl-C does, SIGUSR1 leaves with status 0, and SIGHUP changes nothing.
for signal in TERM:143 USR1:0 HUP:; do
    name=${signal%:*}
    "${bert[@]}" --steps 400 --out $name >log 2>&1 &
    process=$!
    wait_for_step $name 5
    kill -$name $process
    status=0
    wait $process || status=$?
    if [[ $name == HUP ]]; then
        [[ $status == 0 && -f HUP/model.safetensors ]] || broken "SIGHUP ended the run with status $status"
    elif [[ ! -f $name/model.safetensors ]]; then
        [[ $status == "${signal#*:}" ]] || broken "SIG$name gave status $status"
        grep -q -- "--resume $name" log || broken "SIG$name: no word on how to go on"
        "$LATHE" run --plain --resume $name >log 2>&1 || broken "the run did not go on after $signal"
    fi
    cmp alone/model.safetensors "$name/model.safetensors"
done

# A run that goes on with other parts than it was begun with is warned about.
"${bert[@]}" --steps 400 --out moved >log 2>&1 || broken "the run failed"
grep -q '"lua": "Lua 5.4' moved/config.json || broken "Lua's version is not in config.json"
rm moved/model.safetensors
"$LATHE" run --plain --resume moved >log 2>&1 || broken "the run did not go on"
! grep -q 'may differ' log || broken "a warning of differences where there are none"
sed -i 's/"core": "[^"]*"/"core": "Prescott"/' moved/config.json
"$LATHE" run --plain --resume moved >log 2>&1 || broken "the run did not go on"
grep -q "may differ in their last bits" log && grep -q "OpenBLAS' core was Prescott, now " log ||
    broken "other parts, and no warning"

# A disk that is full (a limit of the size of files) while a checkpoint is saved: the run goes on later.
refused "File too large" bash -c 'trap "" XFSZ; ulimit -f 40; exec "$@"' _ "${bert[@]}" --steps 400 --out full
[[ -z $(find full -name '*.safetensors' -size +40k) ]] || broken "a file above the limit"
"$LATHE" run --plain --resume full >log 2>&1 || broken "it did not go on after the disk was full"
cmp alone/model.safetensors full/model.safetensors

# A loss that is not finite: named with step and objective, the last good state is kept.
cat >infinite.lua <<'END'
return recipe {
  params = {},
  build = function()
    local corpus = data.text("corpus.txt")
    local tokenizer = tokenizers.wordpiece.train(corpus, { vocab_size = 300 })
    local pairs = data.sentence_pairs(corpus, tokenizer, { length = 32, batch_size = 4 })
    return session {
      model = models.bert { vocab_size = tokenizer.vocab_size, hidden_size = 16, num_hidden_layers = 1,
                            num_attention_heads = 2, max_position_embeddings = 32 },
      data = { train = pairs.train },
      objectives = { objectives.mlm {}, objectives.custom { name = "mine", loss = function(model, batch)
        return ops.cross_entropy(model.nsp_logits, batch.next_sentence_label) * (batch.step == 6 and 0/0 or 1)
      end } },
      optimizer = optim.adamw {}, steps = 10,
    }
  end,
}
END
refused "mine" "$LATHE" run infinite.lua --plain --out infinite
grep -q "step 7" log || broken "the step is not named"
[[ $(wc -l <infinite/metrics.jsonl) == 6 && -f infinite/checkpoints/step-00000006/state.json ]] ||
    broken "the last good state is not kept"

# A step that fails otherwise: the state before it is saved, and with a mended recipe the run goes on.
sed 's|batch.step == 6 and 0/0 or 1|batch.step == 6 and batch.nonesuch.field or 1|' infinite.lua >failing.lua
refused "saved at step 6; mend failing/recipe.lua; go on with: lathe run --resume failing" \
    "$LATHE" run failing.lua --plain --out failing
[[ -f failing/checkpoints/step-00000006/state.json ]] || broken "the state before a step that failed is not kept"
sed -i 's|batch.step == 6 and batch.nonesuch.field or 1|1|' failing/recipe.lua
"$LATHE" run --plain --resume failing >log 2>&1 || broken "it did not go on after the recipe was mended"
[[ $(grep -c '"loss":' failing/metrics.jsonl) == 10 ]] || broken "metrics.jsonl has not 10 steps"

# An objective that counts for itself: the run says that it cannot be repeated, also when it goes on and in a replay.
sed 's|loss = function(model, batch)|& calls = (calls or 0) + 1|; s|(batch.step == 6 and 0/0 or 1)|calls|' infinite.lua >counts.lua
"$LATHE" run counts.lua --plain --out counts >log 2>&1 || broken "the run failed"
[[ $(grep -c "warning: objective 'mine' changes 'global calls'" log) == 1 ]] || broken "no warning of a counter"
"$LATHE" run --plain --resume counts >log 2>&1 && "$LATHE" replay counts >>log 2>&1 || broken "the run cannot go on"
[[ $(grep -cE "(warning|not replayable): objective 'mine' changes 'global calls'" log) == 2 ]] || broken "a counter is forgotten"

# Who reads the lines leaves: the run saves, says so, and goes on later.
{ "${bert[@]}" --steps 400 --out piped || echo "status $?" >status; } 2>log | head -n 1 >/dev/null
[[ $(cat status) == "status 1" && ! -e piped/socket ]] || broken "a closed pipe: $(cat status)"
grep -q 'nothing can be printed any more' log && grep -q 'saved at step [0-9,]*; go on with: lathe run --resume piped' log ||
    broken "a closed pipe is not told"
"$LATHE" run --plain --resume piped >log 2>&1 || broken "it did not go on after the pipe was closed"
cmp alone/model.safetensors piped/model.safetensors
cmp <(without_times alone) <(without_times piped)

# Ctrl-C before the run has begun: nothing is saved, nothing is left, and nothing else is said.
yes "$(head -c 2000 corpus.txt | tr '\n' ' ')" | head -n 5000 >large.txt || true
"$LATHE" run "$SOURCE/scripts/recipes/bert.lua" "${small[@]}" --set text=large.txt --out early >log 2>&1 &
process=$!
for ((i = 0; i < 600; i++)); do [[ -e early/.lock ]] && break; sleep 0.02; done
kill -INT $process
status=0
wait $process || status=$?
[[ $status == 130 && ! -e early ]] && ! grep -q 'saved\|resume' log || broken "Ctrl-C at the start gave status $status"
rm large.txt

# Data.
text=("$LATHE" run "$SOURCE/scripts/recipes/bert.lua" "${small[@]}" --steps 2 --out none --set)
refused "missing.txt" "${text[@]}" text=missing.txt
mkdir folder
refused "folder" "${text[@]}" text=folder
: >empty.txt
refused "empty.txt" "${text[@]}" text=empty.txt
head -c 20000 "$LATHE" >junk.txt
refused "junk.txt" "${text[@]}" text=junk.txt
mkfifo pipe.txt
refused "pipe.txt: is not a regular file" timeout 60 "${text[@]}" text=pipe.txt
refused "is not a regular file" timeout 60 "${text[@]}" text=<(cat corpus.txt)
printf 'Good.\n\nBad \xff here.\n' >latin.txt
refused "latin.txt" "${text[@]}" text=latin.txt
printf '[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\n' >vocab.txt
refused "[MASK]" "${text[@]}" text=corpus.txt --set vocab=vocab.txt
head -c 100000000 /dev/zero | tr '\0' 'a' >long.txt
timeout 120 "${text[@]}" text=long.txt >log 2>&1 || [[ $? == 1 ]] || broken "a line of 100 MB"
rm long.txt
[[ ! -e none ]] || broken "a run that did not start left its directory"
sed 's/max_position_embeddings = 32/max_position_embeddings = 16/' infinite.lua >long.lua
refused "16" "$LATHE" run long.lua --plain --out none

# Objectives that do not fit the data or the model: named, with what would fit, before there is a run.
for case in "objectives.sop {}:'sop' .*'sentence_order_label'.*mode = \"sop\"" \
    "objectives.classify {}:'classify'.*num_labels" "objectives.clm {}:'clm' .*'clm_logits'.*models.gpt2"; do
    sed "s/objectives.mlm {}/${case%%:*}/" infinite.lua >unfit.lua
    refused "objective" "$LATHE" run unfit.lua --plain --out none
    grep -q -- "${case#*:}" log || broken "${case%%:*}: $(cat log)"
done
sed 's/objectives = {/unused = {/; s/ unused = .*/ objectives = {},/; /return ops.cross/d; /^      end } },$/d' infinite.lua >idle.lua
refused "no objective" "$LATHE" run idle.lua --plain --out none
[[ ! -e none ]] || broken "a run that did not start left its directory"
