-- SPDX-License-Identifier: GPL-3.0-or-later
-- A decoder learns to copy by data.pairs, and to take noise out of text. The global path is that of a file to write.
local letters = { "a", "b", "c", "d" }
local function write(line)
  local file = assert(io.open(path, "w"))
  file:write(line)
  file:close()
end
local function fails(words, f, ...)
  local ok, message = pcall(f, ...)
  if ok then error("no error: " .. words, 2) end
  if not tostring(message):find(words, 1, true) then error(tostring(message) .. " is not: " .. words, 2) end
end

-- Words of up to four letters; 50 that it never saw are held out.
local lines, seen = {}, {}
math.randomseed(1)
while #lines < 250 do
  local word = {}
  for i = 1, math.random(2, 4) do word[i] = letters[math.random(#letters)] end
  word = table.concat(word)
  if not seen[word] then lines[#lines + 1] = ('{"text": "%s", "target": "%s"}\n'):format(word, word) end
  seen[word] = true
end
write(table.concat(lines, "", 1, 200))
local corpus = data.jsonl(path, { target = "target" })
write(table.concat(lines, "", 201))
local others = data.jsonl(path, { target = "target" })
assert(corpus.task == "pairs" and corpus.documents == 200 and #corpus:document(0) == 2)

local tokenizer = tokenizers.characters.train(corpus)
local function gpt(context, size)
  return models.gpt2 { vocab_size = size or tokenizer.vocab_size, n_embd = 48, n_layer = 2, n_head = 4, n_positions = context,
    initializer_range = 0.1, resid_pdrop = 0, embd_pdrop = 0, attn_pdrop = 0 }
end
local run = session { model = gpt(16),
  data = data.pairs(corpus, tokenizer, { length = 10, batch_size = 64, held_out = others, loader_threads = 0 }),
  objectives = { objectives.clm {} }, optimizer = optim.adamw { lr = 3e-3 }, steps = 600 }
run:train(600)
local match = run:exact_match(others, { examples = 50 })
assert(match.exact_match == 1, tostring(match))
assert(match.right == 50 and match.answers[1].answer == match.answers[1].target)
assert(tostring(match):find("exact match 100.0%%, 50 of 50 texts"))
assert(run:generate("abca", { answer = true }) == "abca")
fails("a corpus with targets is wanted", run.exact_match, run, "abc")
fails("must be a whole number from 1 on", run.exact_match, run, others, { examples = 0 })
fails("nothing is to be written", run.exact_match, run, data.stories { stories = 2, held_out = 0 })

-- Empty targets, and members that are missing.
write('{"text": "a", "target": " "}\n')
fails("its target is empty", data.jsonl, path, { target = "target" })
write('{"text": "a"}\n')
fails("target", data.jsonl, path, { target = "target" })

-- Noise: characters have a token for what is unknown, byte pairs one for masks where asked for.
local stories = data.stories({ stories = 60, held_out = 5 }):joined()
local function denoise(text, with, options)
  local s = session { model = gpt(100, with.vocab_size), data = data.causal_text(text, with, { length = 40, batch_size = 4, loader_threads = 0 }),
    objectives = { objectives.denoise(options) }, steps = 3 }
  s:train(3)
  return s.loss
end
local bytes, masked = tokenizers.bpe.train(stories, { vocab_size = 300 }), tokenizers.bpe.train(stories, { vocab_size = 300, mask = true })
assert(bytes.special.mask == nil or bytes.special.mask < 0)
assert(masked.special.mask == 1 and masked:piece(1) == "<|mask|>")
assert(denoise(stories, tokenizers.characters.train(stories), {}) > 0)
assert(denoise(stories, masked, { noise = "span" }) > 0)
assert(denoise(stories, bytes, { noise = "permute" }) > 0)
fails("has no mask token", denoise, stories, bytes, {})
