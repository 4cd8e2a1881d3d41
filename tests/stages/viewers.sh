#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The workbench and its run, apart: a build that takes long, two workbenches of which one is in control, a line that does
# not end, a viewer that is killed, a paste, a run that is over and goes on. The session then replays to every hash.
set -euo pipefail
source "$SOURCE/tests/stages/lib/terminal.sh"
source "$SOURCE/tests/stages/lib/run.sh"
export XDG_RUNTIME_DIR=$PWD/runtime
mkdir -m 700 runtime
make_text "$SEED" 300 >corpus.txt
cat >slow.lua <<'END'
-- Runs that go on have no io.
local function there(name) return (pcall(data.text, name)) end
return recipe {
  params = { text = file { doc = "text" }, wait = text { "none", doc = "a file to wait for" } },
  build = function(p)
    print("the recipe talks while it is built")
    local turns = 0
    while p.wait ~= "none" and not there(p.wait) do
      turns = turns + 1
      lathe.progress("awaiting a file", turns % 100, 100)
    end
    local corpus = data.text(p.text)
    local tokenizer = tokenizers.wordpiece.train(corpus, { vocab_size = 200 })
    return session {
      model = models.bert { vocab_size = tokenizer.vocab_size, hidden_size = 16, num_hidden_layers = 1,
                            num_attention_heads = 2, max_position_embeddings = 32 },
      data = data.sentence_pairs(corpus, tokenizer, { length = 32, batch_size = 4 }),
      objectives = { objectives.mlm {}, objectives.nsp {} }, optimizer = optim.adamw { lr = 0.01 }, steps = 1000000,
    }
  end,
}
END

# Runs go on without their viewers, so whatever happens here ends them.
finish() {
    cp corpus.txt go
    touch enough
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
run=("$LATHE" run slow.lua --set text=corpus.txt)

# --- while it is built ---
begin "${run[@]}" --set wait=never --out ended
shows 'awaiting a file [0-9]+%'
key 7
shows 'the recipe talks while it is built'
key C-c
shows 's ends it'
key s
left 143
[[ ! -e ended ]] || broken "a run that did not begin left its directory"
begin "$LATHE" run slow.lua --set text=nowhere.txt --out ended
left 1
has 'nowhere\.txt' || broken "no word on why it did not start"
[[ ! -e ended ]] || broken "a run that did not start left its directory"
begin "${run[@]}" --set wait=go --out session --detach
shows 'awaiting a file \['
key C-c
left 130
has 'lathe attach session' || broken "no word on how to come to it"
begin "$LATHE" attach session
shows 'awaiting a file [0-9]+%'
key q
shows 'lets it start by itself'
key Enter
left 0
begin "$LATHE" attach session
shows 'awaiting a file [0-9]+%'
key 7
shows 'the recipe talks while it is built'
cp corpus.txt go
shows 'training'

# --- two workbenches ---
terminal new-session -d -s second -x 110 -y 30 "exec $LATHE attach session"
pane==second:
shows 'is in control'
key p
shows 'is in control of this run, and you look on'
key 8
enter 'run.step >= 0' '┃true'
key Escape
await "the prompt keeps the keys" lacks 'esc leaves'
key C
await "control was not taken" lacks 'is in control +[0-9]'
key p
shows ' paused '
pane==lathe:
shows ' paused '
shows 'is in control'
shows '> pause\(\)'
pane==second:
key 2
key e
type_in '5'
key Enter
shows 'objectives\.mlm\.weight 1 -> 15'
pane==lathe:
shows 'edit +run\.objectives\.mlm\.weight = 15|run\.objectives\.mlm\.weight = 15'

# A line that does not end: the others see it, and nothing that was asked meanwhile is taken for its answer.
pane==second:
key 8
type_in 'while not io.open("enough") do end print("came to" .. " its end")'
key Enter
pane==lathe:
shows 'running a line of [^ ]+ 0:[0-9]+'
pane==second:
touch enough
shows '┃came to its end'
lacks '┃\{"' || broken "an answer to a question is in the prompt"
pane==lathe:
shows ' paused '

# One that is killed hands control over.
kill -9 "$(terminal display-message -p -t =second: '#{pane_pid}')"
shows 'has left'
await "control was not handed over" lacks 'is in control +[0-9]'

# A paste comes with CR.
key 8
printf 'for i = 1, 2 do\n  print(i * 111)\nend' | terminal load-buffer -
terminal paste-buffer -p -t =lathe:
shows '┃lathe> for i = 1, 2 do +┃'
lacks '�' || broken "line ends are shown"
key Enter
shows '┃222'

# --- branches ---
enter 'branch("left")' 'on branch left'
enter 'step(2)' 'paused after 2 steps'
enter 'switch("main")' 'on branch main'
key Escape
key 6
shows '· left|▸ left'
key Left Down
key c
shows 'parted at step'
key R
shows '^lathe> rename_branch\("left", ""\)'
type_in 'other'
key Enter
shows '· other|▸ other'
key D
shows '^lathe> delete_branch\("other"\)'
key Enter
await "the branch is still there" lacks '· other|▸ other'
key 8
enter 'undelete_branch("other")' 'branch other is back'
enter 'delete_branch("main")' 'is the one that you are on'
key Escape
shows ': palette' # Escape and a key at once are Alt with the key

# --- over, looked at, and on ---
key p
shows 'training'
key q
shows 's stops it'
key s
shows ' stopped +step'
# A line that nobody hears yet stays, to be entered again.
key 8
type_in 'run.step > 1'
answered() { has '┃true' || { key Enter && false; }; }
await "nobody answers" answered
enter 'run.objectives.nsp.weight = 2' 'only looked at'
key Escape
shows ': palette'
key p
shows 'go on training from here'
key Enter
shows 'training'
key q
shows 's stops it'
key s
shows ' stopped +step'
key q
left 0
has 'lathe run --resume session goes on with it' || broken "no word on how to go on"
begin "$LATHE" attach session
shows ' stopped +step'
key 7
key /
type_in 'weight = 15'
key Enter
shows 'run\.objectives\.mlm\.weight = 15'
key q
left 0
"$LATHE" replay session --threads 1 | tail -n 1 | grep -E '^([0-9]+) of \1 recorded states reached'
