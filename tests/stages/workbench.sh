#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The workbench as somebody at a terminal meets it: a run is started in it, edited, paused, branched, undone; the window
# changes, the viewer is suspended, killed and comes back, a second one looks on. The session then replays to every hash.
set -euo pipefail
source "$SOURCE/tests/stages/lib/terminal.sh"
source "$SOURCE/tests/stages/lib/run.sh"
export XDG_RUNTIME_DIR=$PWD/runtime
mkdir -m 700 runtime
make_text "$SEED" 1500 >corpus.txt
options=(--threads 1 --set text=corpus.txt --set vocab_size=300 --set hidden_size=32 --set num_attention_heads=2
    --set num_hidden_layers=1 --set length=32 --set batch_size=4)

# Runs go on without their viewers, so whatever happens here ends them.
finish() {
    terminal kill-server 2>/dev/null || true
    local lock process
    for lock in */.lock; do
        process=$(cat "$lock" 2>/dev/null) || continue
        grep -qs lathe "/proc/$process/cmdline" && kill -9 "$process"
    done
    true
}
trap finish EXIT
terminal new-session -d -s lathe -x 120 -y 32 cat

# --- started on a terminal, to its end ---
begin "$LATHE" run bert "${options[@]}" --steps 40 --out short
shows '1 Curves'
shows 'finished'
shows 'loss\.mlm'
key q
left 0
has '^valid  mlm ' || broken "there is no evaluation after q"
has 'the run is finished at step 40' || broken "no word on the end"

# --- from the start screen: a value that does not fit, one that does ---
begin "$LATHE"
shows '^ bert +recipe'
shows '^ short +finished +step 40 of 40'
key Down Enter
shows 'batch_size +32'
key Enter
key C-u
type_in 'x'
key Enter
shows "batch_size must be an integer of at least 1; got 'x'"
key C-u
type_in '4'
key Enter
shows '\* batch_size +4'
key Escape
shows '^ bert +recipe'
key q
left 0

# --- what init.lua says, and what is wrong with it ---
mkdir -p .config/lathe
printf "workbench.dots = 'letters'\nworkbench.thene = 'dark'\n" >.config/lathe/init.lua
begin "$LATHE"
shows "did you mean 'theme'"
key End Enter
shows '1 Curves'
shows "did you mean 'theme'"
shows '\*'
shows '^ lathe +short.* finished'
key q
shows '^ short +finished'
key q
left 0
rm .config/lathe/init.lua

# --- a session ---
begin "$LATHE" run bert "${options[@]}" --steps 1000000 --out session
shows 'training'
shows '\[x\] nsp'
shows '▸ encoder|▸ embeddings'
key Space
shows ' paused '
type_in 'Q'
shows "does nothing here"
# A weight in its place: the line is shown, edited and sent.
key 2
key Down
key e
shows '^lathe> run\.objectives\.nsp\.weight = 1$'
key BSpace
type_in '0.25'
key Enter
shows 'objectives\.nsp\.weight 1 -> 0\.25'
shows '\[x\] nsp +0\.25'
shows '[0-9,]+: nsp\.weight = 0\.25'
# What pruning would change, and no more than that.
key 3
key P
key Enter
type_in '0.5'
key Enter
key d
shows '0\.0 % -> +[0-9.]+ % +[0-9,]+ of'
key Escape
await "the form stays" lacks 'prune; s prunes'
# The model: sorted, over time, its attention; samples of a text of one's own; the next batches.
key s
shows '▼norm'
key h
shows 'its values are sampled|bert\.|cls\.'
key Escape
key Escape
key A
shows 'rows look at columns'
key Escape
key 4
shows 'masked words'
key i
type_in 'the [MASK] sees'
key Enter
shows 'your text, as the model sees it'
key 5
shows "examples of 'train'"
key 2
shows 'on  name'
# The palette finds a command by a part of its doc, and shows the line that it sends.
key ':'
type_in 'goes on with'
shows 'stop\(\)'
key Escape
await "the palette stays" lacks 'commands:'
# The prompt: completion, a gradient, an endless loop that Ctrl-C ends, a chunk of several lines.
key 8
type_in 'run.objectives.ml'
key Tab
shows 'lathe> run\.objectives\.mlm$|lathe> run\.objectives\.mlm +│|lathe> run\.objectives\.mlm +┃'
key C-u
enter 'run.model.bert.pooler.dense.bias.grad:norm() > -1' '┃true '
type_in 'print("go" .. "ing") while true do end'
key Enter
shows '┃going'
key C-c
shows 'interrupted'
type_in 'for i = 1, 2 do'
key Enter
shows '┃    \.\.'
enter 'print(i * 111) end' '┃222'
key Escape
await "the prompt keeps the keys" lacks 'esc leaves'
# A form of the optimizer: a value that does not fit is refused, the line is shown before it is sent.
key 2 O
shows '━ optimizer'
key Down Enter
key C-u
type_in '-1'
key Enter
shows 'lr must be a number'
key C-u
type_in '0.0005'
key Enter
shows 'run\.optimizer\.lr = 0\.0005'
key s
shows 'optimizer\.lr 0\.002 -> 0\.0005'
key u
shows 'before run\.optimizer\.lr = 0\.0005'
# A step, an undo, a branch, its curves over these, and back.
key .
shows 'paused after 1 step'
key u
shows 'before run\.objectives\.nsp\.weight = 0\.25'
key p
shows 'training'
key b
shows '^lathe> branch\(""\)$'
type_in 'other'
key Enter
shows '⎇ other'
key p
shows ' paused '
key 6
shows '● other'
key Up Up Up
key o
shows '[·▸▾] main \+'
key Down
key o
shows 'main~[12] \+'
other=$(screen | grep -oE 'main~[12] \+' | head -n 1)
other=${other% +}
# They are curves of their own, with the steps that they have in common; from the curves pane they are chosen by name.
key 1
shows "$other loss\.mlm"
key o
type_in "$other"
shows "\[x\] branch $other"
key Enter
shows "\[ \] branch $other"
key Escape
await "branch $other is still drawn" lacks "$other loss\.mlm"
key 6
key Up
key Enter
shows '⎇ main'
# From the crosshair back to its step.
key 1 Left Left Left
shows '│step [0-9,]+  '
step=$(screen | sed -n 's/.*│step \([0-9,]*\)  .*/\1/p' | head -n 1)
key r
shows "^lathe> rewind\(${step//,/}\)\$"
key Enter
shows "at $step; steps"
key Escape
await "the crosshair stays" lacks '│step [0-9,]+  '
# The last mark is the branch that was left behind there.
key N
shows "◆ $step: branch main~"
key Escape
await "the crosshair stays" lacks '│step [0-9,]+  '
# The axis counts tokens, then time.
key x
shows 'tokens┃'
key x
shows 'time┃'
key x
# Without colours nothing is drawn in any, and they come back.
coloured() { terminal capture-pane -e -p -t lathe | grep -E $'\e\\[[0-9;]*[34][0-7]m' >/dev/null; }
plain() { ! coloured; }
await "there are no colours" coloured
key T T
await "mono has colours" plain
shows '1 Curves'
key T
await "the colours do not come back" coloured
# A click on a key of the last line, on a row, and on the same row again.
click_on() {
    local found before
    found=$(screen | grep -n -F -- "$1") || broken "'$1' cannot be clicked"
    found=${found%%$'\n'*}
    before=${found#*:}
    before=${before%%"$1"*}
    type_in $'\e'"[<0;$((${#before} + 1));${found%%:*}M"
}
click_on '? keys'
shows 'Curves: esc closes'
click_on 'Curves: esc closes'
await "help stays" lacks 'Curves: esc closes'
click_on "$(screen | grep -oE '[▸·] main~1' | head -n 1)"
shows '┏━ 6 Branches'
key 3
shows '┏━ 3 Model'
click_on '▸ embeddings'
click_on '▸ embeddings'
shows '▾ embeddings'
key 1
# Sizes, down to nothing and back.
for size in '80 24' '60 10' '20 5' '1 1' '200 60' '120 32'; do
    terminal resize-window -t lathe -x "${size% *}" -y "${size#* }"
    [[ $size == '1 1' ]] || shows '[^ ]'
done
shows '1 Curves'
key z
await "the pane is not alone" lacks '6 Branches'
key z
shows '6 Branches'
# Another viewer on the same run sees what this one does, and the other way round.
"$LATHE" attach session <<<'resume()' >/dev/null
shows 'training'
key q
shows 'lets the run go on'
key Enter
left 0
has 'the run goes on; lathe attach session' || broken "no word on how to come back"

# --- suspended, killed, attached again ---
cat >suspends <<'END'
set -m
"$1" attach session
echo "stopped with $?"
stty -g >between
cmp before between && echo restored
fg >/dev/null
END
begin bash suspends "$LATHE"
shows '1 Curves'
key C-z
await "it was not suspended" test -s between
shows '1 Curves'
key q
shows 'lets the run go on'
key Enter
left 0
has '^stopped with 1[0-9][0-9]$' && has '^restored$' || broken "it was not suspended as it should be"
begin bash -c 'echo $$ >viewer; exec "$0" attach session' "$LATHE"
shows '1 Curves'
kill -9 "$(cat viewer)"
await "the viewer is still there" test -f status
"$LATHE" attach session <<<'run.step' >answer || broken "the run did not go on without its viewer"
begin "$LATHE" attach session
shows '1 Curves'
shows 'training'
key q
shows 's stops it'
key s
shows 'stopped'
key q
left 0
has 'lathe run --resume session goes on with it' || broken "no word on how to go on"
"$LATHE" replay session --threads 1 | tail -n 1 | grep -E '^([0-9]+) of \1 recorded states reached'

# --- a terminal that cannot show it, and one without colours or UTF-8 ---
begin env TERM=dumb "$LATHE" run bert "${options[@]}" --steps 3 --out dumb
left 0
has '^step +3/3' || broken "TERM=dumb: no lines"
begin env NO_COLOR=1 LC_ALL=C "$LATHE" run bert "${options[@]}" --steps 20 --out ascii
shows '\+- 1 Curves'
shows 'finished'
key q
left 0
