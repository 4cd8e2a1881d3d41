#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs that somebody plays with: random lines through 'lathe attach' (edits that fit and that do not, undo, redo,
# branches, pauses, looks, lines that fail or are interrupted), kill -9 at any moment, --resume. Then a replay reaches
# every recorded state, with any number of threads.
set -euo pipefail
RANDOM=$SEED
count=2 kills=2 each=(1 3)
[[ $SCALE == full ]] && count=100 kills=3 each=(1 2 3 5)
small=(--set hidden_size=16 --set num_hidden_layers=1 --set num_attention_heads=2 --set batch_size=4 --set length=16
    --set vocab_size=200 --set dropout=0.1)

edits=(
    'run.objectives.nsp.weight = 0.3' 'run.objectives.nsp.weight = 1.5' 'run.objectives.nsp.weight = -1'
    'run.objectives.nsp.enabled = false' 'run.objectives.nsp.enabled = true' 'run.objectives.mlm.mlm_probability = 0.3'
    'run.optimizer.lr = 0.003' 'run.optimizer.lr = 0.01' 'run.clip_norm = 0.3' 'run.accumulate = 2' 'run.accumulate = 1'
    'run.data.train.batch_size = 6' 'run.data.train.batch_size = 3' 'run.data.train.batch_size = 0'
    'run.model.bert.pooler.frozen = true' 'run.model.bert.pooler.frozen = false' 'run.precision = "bf16"'
    'run.precision = "f32"' 'run.recompute = true' 'run.skip_spikes = 3' 'run.skip_spikes = 0' 'run.steps = run.steps + 5'
    'run.model.config.hidden_dropout_prob = 0.3' 'run.model:reshape { num_hidden_layers = 2 }'
    'run.model:reshape { num_hidden_layers = 1 }' 'run.model:reshape { hidden_size = 24 }'
    'run.model:reshape { hidden_size = 23 }' 'run.model:reshape { intermediate_size = 40 }'
    'run.model:reshape { vocab_size = 8 }' 'run.model:reset "cls"' 'run.model:reset "no.such"'
    'run:add_objective(objectives.mlm { name = "m2", weight = 0.2 })' 'run:remove_objective "m2"'
    'run:add_objective(objectives.custom { name = "own", loss = function(m, b) return ops.cross_entropy(m.nsp_logits, b.next_sentence_label) * 0.2 end })'
    'local w = %d run:add_objective(objectives.custom { name = "own", loss = function(m) return (m.nsp_logits * m.nsp_logits):mean() * w end })'
    'run:remove_objective "own"' 'run:add_objective(function(m) return m.nsp_logits:mean() * nothing end)'
    'run:adapt { name = "d2", target = data.sentence_pairs(data.stories { stories = 8 }, run.data.train.tokenizer, { length = 16, batch_size = 4 }) }'
    'run:adapt { target = "valid", weight = 0.1 }' 'run:adapt { target = "nowhere" }' 'run:remove_objective "domain"'
    'run:prune { sparsity = 0.3 }' 'run:prune { sparsity = 0 }' 'run:prune { sparsity = 1 }'
    'run:prune { sparsity = 0.8, schedule = "cubic", end_step = run.step + 10, frequency = 2 }'
    'run.optimizer = optim.lamb { lr = 0.002 }' 'run.optimizer = optim.sgd { lr = 0.05, momentum = 0.9 }'
    'run.optimizer = optim.adamw { lr = 0.002 }' 'run.schedule = schedules.linear { warmup = 3 }'
)
ways=(
    'undo()' 'undo()' 'undo(2)' 'redo()' 'redo()' 'undo() step(1) redo()' 'undo() redo()' 'revert()' 'snapshot()'
    'rewind(math.max(0, run.step - %d))' 'rewind(math.max(0, run.step - %d))' 'branch("b%d")' 'delete_branch("b%d")'
    'branch("b%d", math.max(0, run.step - 5))'
    'rename_branch("b%d", "c%d")' 'switch(branches()[%d].name)' 'switch(branches()[#branches()].name)'
    'switch(branches()[1].name)' 'pause()' 'resume()' 'step(%d)' 'run_until(run.step + %d)'
)
looks=(
    'run:evaluate()' 'profile(1)' 'watch("w", function() return 1 end)' 'summary(run.model)' 'print(run:hash())'
    'hook(run.model.bert.pooler, function() end)' 'nudge(run.model.bert.pooler.dense.weight, 0.1)' 'show(run.batch, 0)'
    'snapshots { memory = 100000, disk = 200000 }' 'snapshots { memory = 1 << 30 }' 'compare()' 'tape()'
    'unwatch "w"' 'randn(3)' 'break_when("loss > 5")'
)
failing=(
    'run.clip_norm = 0.7 error "after an edit"' 'undo() error "after an undo"' 'nonsense)' 'run.nothing = 1'
    'watch("x", function() undo() return 1 end)' 'run.clip_norm = 0.6 step(2) run.clip_norm = -1'
    'run.clip_norm = 0.9 local i = 0 while true do i = i + 1 end' 'rewind(0) while true do end' 'undo() redo() while true do end'
    'for i = 1, 20 do run.clip_norm = 1 - run.clip_norm / 2 end undo(7) while true do end' 'math = nil'
)

# draw N: a number below it, in $drawn; one_of LIST...: one of them.
draw() { drawn=$(((RANDOM * 32768 + RANDOM) % $1)); }
one_of() {
    draw $#
    shift $drawn
    line=${1//%d/$((1 + RANDOM % 7))}
}
draw_line() {
    draw 20
    if ((drawn < 9)); then one_of "${edits[@]}"; elif ((drawn < 15)); then one_of "${ways[@]}"
    elif ((drawn < 18)); then one_of "${looks[@]}"; else one_of "${failing[@]}"; fi
    echo "$line"
}
broken() {
    echo "session $session: $1"
    tail -n 40 lines answers log 2>/dev/null
    exit 1
}
process_of() { tr -dc 0-9 <"$1/.lock"; }
# Not in a subshell: a client that is interrupted before it is more than a copy of this shell would kill the run.
trap '[[ $BASHPID == "$$" && -e played/.lock ]] && kill -9 "$(process_of played)" 2>/dev/null || true' EXIT
# gone PROCESS: waits until it has ended, with all of its threads: one may still wait for the disk.
gone() {
    local end=$((SECONDS + 120)) tasks
    while tasks=("/proc/$1/task/"*) && [[ -e ${tasks[0]} ]] &&
        ! { ((${#tasks[@]} == 1)) && grep -qs '^State:.*Z' "/proc/$1/status"; }; do
        ((SECONDS < end)) || broken "process $1 does not end"
        sleep 0.01
    done
}
# while_running PROCESS SECONDS: waits so long, or until it has ended.
while_running() {
    local looks
    for ((looks = 0; looks < $2 * 50; looks++)); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.02
    done
}

# play: lines to the run, some interrupted; the client may be left alone for a while.
play() {
    local client i
    draw 10
    for ((i = 4 + drawn; i > 0; i--)); do draw_line; done >round
    cat round >>lines
    "$LATHE" attach --prompt played <round >>answers 2>&1 &
    client=$!
    draw 3
    while_running "$client" "$drawn"
    # a line that never ends is interrupted; the next one may be such, too
    for ((i = 0; i < 15; i++)); do
        kill -INT "$client" 2>/dev/null || break
        while_running "$client" 1
    done
    draw 2
    if ((drawn)); then # killed while a line runs; else while none does
        "$LATHE" attach --prompt played <round >>answers 2>&1 &
        client=$!
        sleep "0.$RANDOM"
    fi
    kill -9 "$(process_of played)"
    gone "$(process_of played)"
    kill -9 "$client" 2>/dev/null || true
    wait "$client" 2>/dev/null || true
    echo "-- killed" >>lines
}

# A recipe that makes edits by itself, for every other session.
"$LATHE" run bert "${small[@]}" --steps 1 --out first >log 2>&1
"$LATHE" export-recipe first | sed 's/^  steps = .*/  steps = 100000,/; /^  seed = /d' >planned.lua
planned='{ 3, "run.clip_norm = 0.7" }, { 40, "run.objectives.nsp.weight = 0.6 run.optimizer.lr = 0.004" }, { 90, "run.clip_norm = 0.5" },'
sed -i "s/^  edits = {\$/&\n    $planned/" planned.lua

for ((session = 1; session <= count; session++)); do
    rm -rf played lines answers
    recipe=(bert "${small[@]}" --steps 100000)
    ((session % 2)) || recipe=("$PWD/planned.lua")
    "$LATHE" run "${recipe[@]}" --seed "$session" --threads 2 --detach --out played >log 2>&1 || broken "it did not start"
    for ((round = 0; round < kills; round++)); do
        play
        "$LATHE" run --resume played --detach >log 2>&1 || broken "it did not go on after kill -9"
    done
    process=$(process_of played)
    "$LATHE" attach --prompt played <<<'stop()' >>answers 2>&1 || broken "it did not stop"
    gone "$process"
    for threads in "${each[@]}"; do
        "$LATHE" replay played --threads "$threads" >replayed 2>&1 || {
            cat replayed
            broken "another state in the replay with $threads threads"
        }
    done
    tail -n 1 replayed
done
