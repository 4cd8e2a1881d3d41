#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A recipe that loads other Lua files: the run keeps copies of them, and goes on, is evaluated, replayed and saved
# without the originals. One that uses os or io says at once what will not work; one whose objective counts is marked
# wherever it is looked at.
set -euo pipefail
source "$SOURCE/tests/stages/lib/run.sh"
make_text "$SEED" 600 >corpus.txt

broken() { echo "$1"; tail -n 20 log; exit 1; }
mkdir -p lib
echo 'return { width = 16, rate = (require "lib.deep").rate }' >lib/sizes.lua
echo 'return { rate = 0.01 }' >lib/deep.lua
printf '#!/usr/bin/lua\nreturn function(loss) return loss * 0.5 end\n' >half.lua
echo 'return 0.25' >late.lua
cat >loads.lua <<'END'
local sizes, half = require "lib.sizes", dofile "half.lua"
return recipe {
  params = { steps = integer { 12, min = 1 } },
  build = function(p)
    local corpus = data.text("corpus.txt")
    local tokenizer = tokenizers.wordpiece.train(corpus, { vocab_size = 200 })
    local pairs = data.sentence_pairs(corpus, tokenizer, { length = 24, batch_size = 4 })
    return session {
      model = models.bert { vocab_size = tokenizer.vocab_size, hidden_size = sizes.width, num_hidden_layers = 1,
                            num_attention_heads = 2, max_position_embeddings = 24 },
      data = { train = pairs.train, valid = pairs.valid },
      objectives = { objectives.mlm {}, function(model, batch)
        local share = batch.step < 3 and 1 or assert(loadfile "late.lua")()
        return half(ops.cross_entropy(model.nsp_logits, batch.next_sentence_label)) * share
      end },
      optimizer = optim.adamw { lr = sizes.rate }, steps = p.steps, checkpoint_every = 4,
    }
  end,
}
END
"$LATHE" run loads.lua --plain --out whole >log 2>&1 || broken "the run failed"
! grep -q warning log || broken "a warning"
[[ $(ls whole/lua | tr '\n' ' ') == '1-sizes.lua 2-deep.lua 3-half.lua 4-late.lua ' ]] || broken "the copies: $(ls whole/lua)"
cmp lib/deep.lua whole/lua/2-deep.lua

# As if it had been killed behind step 4, and the originals were gone.
cp -r whole cut
rm -r cut/model.safetensors cut/checkpoints/step-0000001?
mkdir gone
mv lib half.lua late.lua gone
"$LATHE" run --plain --resume cut >log 2>&1 || broken "it did not go on"
! grep -q 'lathe:' log || broken "a warning"
cmp whole/model.safetensors cut/model.safetensors
cmp <(without_times whole) <(without_times cut)
"$LATHE" eval cut >log 2>&1 && grep -q '^valid  mlm' log || broken "it cannot be evaluated"
"$LATHE" replay cut >log 2>&1 && "$LATHE" save cut saved >>log 2>&1 || broken "it cannot be replayed and saved"

# A copy that was changed is told; one that is missing, or lies elsewhere, is an error with its name.
echo '-- changed' >>cut/lua/3-half.lua
"$LATHE" run --plain --resume cut >log 2>&1 && grep -q 'lua/3-half.lua is not what the run was begun with' log ||
    broken "a changed copy is not told"
refused() { ! "$LATHE" run --plain --resume cut >log 2>&1 && grep -q "$1" log || broken "'$1' was not said"; }
sed -i.old 's|lua/3-half.lua|lua/../half.lua|' cut/config.json
refused "'lua/../half.lua' is not the name of a copy"
mv cut/config.json.old cut/config.json
rm cut/lua/3-half.lua
refused 'cut/lua/3-half.lua'

# os and io: told when the run begins, and again where they are missed.
for use in 'local root = os.getenv "HOME"' 'local f = io.open "corpus.txt"'; do
    name=$(grep -o 'os.getenv\|io.open' <<<"$use")
    (echo "$use"; sed 's/^local sizes.*/local sizes, half = { width = 16, rate = 0.01 }, function(x) return x end/; s/assert.*()()/0.25/; s/assert(.*$/0.5/' loads.lua) >uses.lua
    "$LATHE" run uses.lua --plain --steps 3 --out "uses-$name" >log 2>&1 || broken "the run failed"
    grep -q "^warning: the recipe uses $name: 'lathe run --resume', eval, save and replay have neither os nor io" log ||
        broken "$name is not told"
    grep -q "^-- warning: the recipe uses $name" "uses-$name/journal.lua" || broken "$name is not in the journal"
    status=0
    "$LATHE" run --plain --resume "uses-$name" >log 2>&1 || status=$?
    [[ $status == 1 ]] && grep -q "recipe.lua:1: $name: a run that goes on" log || broken "$name is missed without words"
done
"$LATHE" run uses.lua --json --steps 3 --out document 2>log >document.json || broken "the run failed"
head -c 1 document.json | grep -q '{' && grep -q '^warning' log || broken "a warning in a document"

# What is in no state: told at the prompt, in the config, by info and before a replay.
sed 's/^local sizes.*/local n, sizes, half = 0, { width = 16, rate = 0.01 }, function(x) return x end/
    s/assert(.*$/0.25/; s/return half(/n = n + 1 return n * half(/' loads.lua >counts.lua
"$LATHE" run counts.lua --plain --steps 12 --out counts >log 2>&1 || broken "the run failed"
grep -q "^warning: objective '[a-z]*' changes" log || broken "it is not told"
words="not replayable: $(sed -n "s/^warning: \(objective '[a-z]*' changes '[a-z]*'\).*/\1/p" log)"
"$LATHE" info counts >log 2>&1 && head -n 1 log | grep -q "^$words" || broken "info does not begin with '$words'"
! "$LATHE" replay counts >log 2>&1 && head -n 1 log | grep -q "^$words" || broken "replay does not begin with '$words'"
"$LATHE" run counts.lua --steps 1000000 --out live --detach >log 2>&1
trap 'end_run live' EXIT
until grep -q not_replayable live/config.json; do sleep 0.1; done
"$LATHE" attach live <<<'print(run)' >log 2>&1
head -n 1 log | grep -q "^$words" && grep -q "^  $words" log || broken "the prompt does not say '$words'"
"$LATHE" attach live <<<'print(os.time())' >log 2>&1
grep -q '^[0-9]*$' log && ! grep -q 'os.time' live/config.json live/journal.lua || broken "a line of the prompt marks the run"
sed 's/n = n + 1 return n \* half(/os.time() return half(/' counts.lua >clock.lua
"$LATHE" run clock.lua --plain --steps 2 --out clock >log 2>&1 || broken "the run failed"
grep -q '"the recipe uses os.time: ' clock/config.json || broken "an objective's clock does not mark the run"
