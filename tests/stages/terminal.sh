#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The prompt and a run as somebody at a terminal meets them: keys are typed and the screen is read, in tmux.
set -euo pipefail
source "$SOURCE/tests/stages/lib/terminal.sh"
terminal new-session -d -s lathe -x 140 -y 50 cat

# --- the prompt ---
begin "$LATHE" repl
shows '^lathe>$'
enter '6 * 7' '^42$'
prompted
type_in 'for i = 1, 2 do'
key Enter
shows '^    \.\.$'
type_in 'print(i * 111)'
key Enter
enter 'end' '^222$'
has '^111$' || broken "the first turn of the loop printed nothing"

# Completion: a table's field, a table in a table, a record, a method of a tensor; two that begin alike are listed.
prompted
type_in 'string.rever'
key Tab
shows '^lathe> string\.reverse$'
enter '("abc")' '^cba$'
prompted
type_in 'outer = {inner = {deepest = 5500}}'
key Enter
prompted
type_in 'outer.inner.dee'
key Tab
shows '^lathe> outer\.inner\.deepest$'
enter ' + 55' '^5555$'
prompted
type_in 'objectives.ml'
key Tab
shows '^lathe> objectives\.mlm$'
key C-u
type_in 'optim.ada'
key Tab
shows '^lathe> optim\.adam$'
key Tab Tab
shows '^  optim\.adam +Adam$'
shows '^  optim\.adamw +Adam with decoupled weight decay$'
key C-u
# Options of a record, with what they are.
type_in 'models.bert { hidden_si'
key Tab
shows '^  hidden_size  width of the hidden states$'
shows '^lathe> models\.bert \{ hidden_size$'
key C-u
type_in 'x = zeros(2, 3)'
key Enter
prompted
type_in 'x:backw'
key Tab
shows '^lathe> x:backward$'
key C-u C-l

# A big tensor is shown shortened.
enter 'zeros(1000, 1000)' 'f32\[1000,1000\]'
shows '^lathe>$'
[[ $(screen | grep -c .) -lt 30 ]] || broken "a big tensor fills the screen"

# A paste of several lines runs at Enter, not before; a window of another size does not hurt the line.
printf 'alpha = 20\nbeta = 2\nprint(alpha + beta)' | terminal load-buffer -
terminal paste-buffer -p -t lathe
shows '^print\(alpha \+ beta\)$'
terminal resize-window -t lathe -x 50 -y 20
terminal resize-window -t lathe -x 140 -y 50
! has '^22$' || broken "the paste ran before Enter"
key Enter
shows '^22$'
key C-l
shows '^lathe>$'

# Errors: the message, and where it was called from.
enter 'nonesuch.field' "attempt to index a nil value \\(global 'nonesuch'\\)"
type_in 'function fails() error("on purpose") end'
key Enter
enter 'fails()' 'on purpose'
shows 'stack traceback:'
enter '7 * 11' '^77$'
key C-l
shows '^lathe>$'

# History: two lines up is the call that failed; the last line is kept for the next prompt.
key Up Up
shows '^lathe> fails\(\)$'
key Up
shows '^lathe> function fails'
key Down Down
shows '^lathe> 7 \* 11$'
key Enter
shows '^77$'

# Ctrl-C ends a line, an unfinished chunk and an endless loop; the prompt goes on each time.
prompted
type_in 'no such line'
shows 'no such line$'
key C-c
shows '\^C'
prompted
type_in 'for i = 1, 2 do'
key Enter
shows '^    \.\.$'
key C-c
shows '^    \.\. \^C$'
shows '^lathe>$'
enter '8 * 8' '^64$'
enter 'print("go" .. "ing") while true do end' '^going$'
key C-c
shows '^\^Cinterrupted$'
enter 'print("go" .. "es on") x = zeros(300, 300) while true do x = x:matmul(x) end' '^goes on$'
key C-c
await "the second loop was not interrupted" eval '[[ $(screen | grep -c "^^Cinterrupted$") == 2 ]]'
enter '9 * 9' '^81$'
key C-d
left 0

begin "$LATHE" repl
shows '^lathe>$'
key Up
shows '^lathe> 9 \* 9$'
key C-u
type_in 'exit(3)'
key Enter
left 3

# Ctrl-C in training and in an evaluation: it stands at the last whole step, and no bit is lost.
cat >session.lua <<'END'
local corpus = data.stories { stories = 300 }
local words = tokenizers.wordpiece.train(corpus, { vocab_size = 300 })
local pairs = data.sentence_pairs(corpus, words, { length = 48, batch_size = 16 })
run = session { model = models.bert { vocab_size = words.vocab_size, hidden_size = 64, num_hidden_layers = 2,
  num_attention_heads = 2, max_position_embeddings = 64 }, data = pairs, objectives = { objectives.mlm {} }, steps = 1000000 }
END
begin "$LATHE" repl session.lua
shows '^lathe>$'
type_in 'watch("told", function() if run.step == 3 then print("on " .. "its way") end return 0 end)'
key Enter
enter 'run:train(1000000)' '^on its way$'
key C-c
shows '^\^Cinterrupted$'
enter 'stood, before = run.step, run:hash() return run.last.step == stood' '^true$'
enter 'print("look" .. "ing") while true do run:evaluate("valid") end' '^looking$'
key C-c
await "the evaluation was not interrupted" eval '[[ $(screen | grep -c "^^Cinterrupted$") == 2 ]]'
enter 'run:hash() == before, run.step == stood' '^true  true$'
enter 'run:train(1).step == stood + 1' '^true$'
key C-d
left 0

# --- a run ---
begin "$LATHE" run bert --no-socket --steps 30 --out short --set batch_size=16
shows 'step +[0-9]+/30 \[[#.]{20}\]  eta [0-9:]+  loss [0-9.]+  mlm [0-9.]+  nsp [0-9.]+'
left 0
has 'step 30/30 \[#{20}\]' || broken "the bar is not full at the end"
has '^valid  mlm ' || broken "there is no evaluation"

# In a narrow window the line is cut, so that each drawing goes over the one before.
terminal resize-window -t lathe -x 60
begin "$LATHE" run bert --no-socket --steps 100000 --out stopped --set batch_size=16
shows 'step +[0-9]{2,}/100000 \[\.{10}\]  eta [0-9:]+  loss'
[[ $(screen | grep -c "^ *step ") == 1 ]] || broken "the bar does not stay on its line"
key C-c
left 130
has 'saved at step [0-9,]+; go on with: lathe run --resume stopped' || broken "Ctrl-C: no word on how to go on"
compgen -G 'stopped/checkpoints/step-*/state.json' >/dev/null || broken "Ctrl-C: no checkpoint"

# --- a prompt on a run in the background ---
terminal resize-window -t lathe -x 140
begin "$LATHE" run bert --steps 100000 --out behind --set batch_size=16 --detach
shows 'started in the background'
left 0
begin "$LATHE" attach --prompt behind
shows '^lathe>$'
enter '6 * 7' '^42$'
enter 'run.objectives.nsp.weight = 0.5' 'objectives.nsp.weight 1 -> 0.5'
prompted
type_in 'run.objectives.ml'
key Tab
shows '^lathe> run\.objectives\.mlm$'
type_in '.mlm_prob'
key Tab
shows '^lathe> run\.objectives\.mlm\.mlm_probability$'
shows '^  run\.objectives\.mlm\.mlm_probability  share of the tokens that are predicted$'
key Enter
shows '^0\.15$'
prompted
type_in 'run.model:resh'
key Tab
shows '^lathe> run\.model:reshape$'
key C-u
type_in 'objectives.mlm { ma'
key Tab
shows '^lathe> objectives\.mlm \{ mask$'
key Tab Tab
shows '^  masking +what is masked together$'
key C-u
enter 'print("go" .. "ing") while true do end' '^going$'
key C-c
shows '^\^Cinterrupted$'
enter 'pause()' 'paused; resume\(\) goes on'
# A chunk of several lines, one that is given up, and a paste that runs at Enter, not before, in a window of another size.
prompted
type_in 'for i = 1, 2 do'
key Enter
shows '^    \.\.$'
type_in 'print(i * 333)'
key Enter
enter 'end' '^666$'
prompted
type_in 'for i = 1, 2 do'
key Enter
key C-c
shows '^    \.\. \^C$'
printf 'gamma = 30\ndelta = 3\nprint(gamma + delta)' | terminal load-buffer -
terminal paste-buffer -p -t lathe
shows '^print\(gamma \+ delta\)$'
terminal resize-window -t lathe -x 50 -y 20
terminal resize-window -t lathe -x 140 -y 50
! has '^33$' || broken "the paste ran before Enter"
key Enter
shows '^33$'
# What another client does is told above the line that is being typed.
prompted
type_in '7 * 1'
"$LATHE" attach behind <<<'resume()' >/dev/null
shows '^\[[0-9,]+\] goes on$'
shows '^lathe> 7 \* 1$'
enter '1' '^77$'
key C-d
left 0
begin "$LATHE" attach --prompt behind
shows '^lathe>$'
type_in 'stop()'
key Enter
shows 'the run was stopped; saved at step'
left 0

# A terminal that is closed: the run goes on, and says so in its log.
begin "$LATHE" run bert --plain --steps 100000 --out alone --set batch_size=16
shows 'bert\.lua -> alone'
terminal respawn-pane -k -t lathe cat
await "no word in the log" grep -qs 'the terminal was closed' alone/log.txt
pid=$(tr -dc 0-9 <alone/.lock)
"$LATHE" attach alone <<<'stop()' || broken "it did not go on"
while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
