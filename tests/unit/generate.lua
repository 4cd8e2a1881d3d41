-- SPDX-License-Identifier: GPL-3.0-or-later
-- run:generate() on a small model that was trained on what is easy to learn. The global path is that of a file to write.
local words = { "one two three.\n", "four five six.\n", "seven \u{e4}ight kilo.\n" }
local lines = {}
for i = 1, 200 do lines[i] = words[i % 3 + 1] end
local file = assert(io.open(path, "w"))
file:write(table.concat(lines))
file:close()

local corpus = data.text(path, { sentences = "verbatim" })
local tokenizer = tokenizers.characters.train(corpus)
local function blocks(options) return data.causal_text(corpus, tokenizer, options) end
local function gpt(context)
  return models.gpt2 { vocab_size = tokenizer.vocab_size, n_embd = 32, n_layer = 1, n_head = 2, n_positions = context,
    initializer_range = 0.1, resid_pdrop = 0, embd_pdrop = 0, attn_pdrop = 0 }
end
local s = session { model = gpt(128), data = blocks { length = 32, batch_size = 16, loader_threads = 0 },
  objectives = { objectives.clm {} }, optimizer = optim.adamw { lr = 1e-2 }, steps = 150 }
s:train(150)

local function same(a, b)
  if a ~= b then error(("%q is not %q"):format(a, b), 2) end
end
local function fails(words_, text, options)
  local ok, message = pcall(s.generate, s, text, options)
  if ok then error("no error: " .. words_, 2) end
  if not tostring(message):find(words_, 1, true) then error(message .. " is not: " .. words_, 2) end
end

-- With and without a cache; the same seed, another one.
local greedy = s:generate("one", { tokens = 100, temperature = 0 })
same(#greedy, 100 + select(2, greedy:gsub("\u{e4}", "")))
same(greedy, s:generate("one", { tokens = 100, temperature = 0, cache = false }))
same(greedy:sub(1, 11), " two three.")
same(s:generate("one", { tokens = 50, temperature = 3 }), s:generate("one", { tokens = 50, temperature = 3 }))
assert(s:generate("one", { tokens = 50, temperature = 3 }) ~= s:generate("one", { tokens = 50, temperature = 3, seed = 2 }))
same(s.model:generate("one", { tokens = 11, temperature = 0 }), " two three.")
assert(#s:generate("", { tokens = 5 }) >= 0)

-- Stops are not part of the text, and whoever listens hears just the text.
local function heard(options)
  local pieces = {}
  options.on_token = function(piece) pieces[#pieces + 1] = piece end
  options.temperature = 0
  local written = s:generate("seven", options)
  same(table.concat(pieces), written)
  return written, #pieces
end
same(heard { tokens = 40, stop = "\n" }, " \u{e4}ight kilo.")
same(heard { tokens = 40, stop = { "zzz", "t k", "\n" } }, " \u{e4}igh")
same(heard { tokens = 9, stop = "t knight" }, " \u{e4}ight ki")
assert(select(2, heard { tokens = 9 }) == 9)

fails("90 tokens behind a text of 50 do not fit into the model's context of 128; ask for at most 78", ("one "):rep(12) .. "on", { tokens = 90 })
fails("fill the model's context of 128; shorten it", ("one "):rep(32), {})
fails("no option 'temprature'; did you mean 'temperature'?", "one", { temprature = 1 })
fails("top_p must be", "one", { top_p = 0 })
fails("a text is wanted", 3)
fails("options are a table", "one", 3)
fails("stop must be a text or a list", "one", { stop = 3 })
fails("not empty", "one", { stop = { "" } })
fails("on_token must be a function", "one", { on_token = 3 })
fails("there is no model 'teacher'", "one", { model = "teacher" })
fails("boo", "one", { on_token = function() error("boo") end })

local other = session { model = models.bert { vocab_size = 100, hidden_size = 8, num_hidden_layers = 1 }, data = blocks {},
  objectives = { objectives.custom { loss = function() end } } }
local ok, message = pcall(other.generate, other, "one")
assert(not ok and message:find("is a bert, which is no decoder", 1, true), message)

-- As much as fits, where nobody says how much; a tokenizer of another model.
same(#s:generate(("one "):rep(30) .. "one", { temperature = 0 }), 5)
assert(#s:generate("one", { temperature = 0 }) >= 100)
local wide = tokenizers.characters.train(data.text(path, { sentences = "verbatim" }))
local narrow = session { model = models.gpt2 { vocab_size = 20, n_embd = 8, n_layer = 1, n_positions = 16 } }
ok, message = pcall(narrow.generate, narrow, "one", { tokenizer = wide })
assert(not ok and message:find("has " .. wide.vocab_size .. " pieces, model 'model' a vocab_size of 20: they do not belong together", 1, true), message)

-- What is generated leaves the state alone.
local before = s:hash()
s:generate("one", { tokens = 20 })
same(before, s:hash())
