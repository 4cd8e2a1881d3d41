-- SPDX-License-Identifier: GPL-3.0-or-later
-- run:likelihood() and run:minimal_pairs(): what probabilities must do. The global path is that of a file to write.
local words = { "one two three.\n", "four five six.\n", "seven eight kilo.\n" }
local lines = {}
for i = 1, 200 do lines[i] = words[i % 3 + 1] end
local function write(text)
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
end
write(table.concat(lines))
local corpus = data.text(path, { sentences = "verbatim" })

local function close(a, b, what) if math.abs(a - b) > 1e-4 then error(("%s: %.7g is not %.7g"):format(what, a, b), 2) end end
local function fails(s, words_, ...)
  local ok, message = pcall(...)
  if ok then error("no error: " .. words_, 2) end
  if not tostring(message):find(words_, 1, true) then error(message .. " is not: " .. words_, 2) end
end

-- A decoder: behind any prefix the probabilities of all characters sum to one; texts add up; the loss is the same.
do
  local tokenizer = tokenizers.characters.train(corpus)
  local blocks = data.causal_text(corpus, tokenizer, { length = 32, batch_size = 16, loader_threads = 0 })
  local s = session { data = blocks, objectives = { objectives.clm {} }, optimizer = optim.adamw { lr = 1e-2 }, steps = 80,
    model = models.gpt2 { vocab_size = tokenizer.vocab_size, n_embd = 32, n_layer = 1, n_head = 2, n_positions = 48,
      initializer_range = 0.1, resid_pdrop = 0, embd_pdrop = 0, attn_pdrop = 0 } }
  s:train(80)
  local hash, special, sum = s:hash(), blocks.train.special, 0
  local prefix = tokenizer:encode "one tw"
  table.insert(prefix, 1, special.separator)
  local before = lathe.likelihood(s, "model", blocks.train, prefix)
  for id = 0, tokenizer.vocab_size - 1 do
    prefix[8] = id
    sum = sum + math.exp(lathe.likelihood(s, "model", blocks.train, prefix) - before)
  end
  close(sum, 1, "characters behind a prefix")
  local score = s:likelihood "one two three."
  assert(score.tokens == 14 and score.perplexity > 1, tostring(score))
  close(score.perplexity, math.exp(-score.log_likelihood / 14), "perplexity")
  close(score.bits_per_byte, -score.log_likelihood / 14 / math.log(2), "bits per byte")
  assert(score.log_likelihood > s:likelihood("eno owt eerht.").log_likelihood)
  assert(s:hash() == hash)
  fails(s, "takes 48; shorten it", s.likelihood, s, ("one "):rep(20))
  fails(s, "no token to score", s.likelihood, s, "")
  fails(s, "there is no model 'x'", s.likelihood, s, "one", { model = "x" })
  fails(s, "no option 'modle'", s.likelihood, s, "one", { modle = "x" })
  fails(s, "a text is wanted", s.likelihood, s, 5)
  fails(s, "the vocabulary has", lathe.likelihood, s, "model", blocks.train, { 0, 100000 })
end

-- A masked model: of a text of one piece the probabilities sum to one; a longer one is the sum of its masks.
do
  for i = 1, 200 do lines[i] = words[i % 3 + 1] .. (i % 4 == 0 and "\n" or "") end
  write(table.concat(lines))
  corpus = data.text(path)
  local tokenizer = tokenizers.wordpiece.train(corpus, { vocab_size = 60 })
  local pairs_ = data.sentence_pairs(corpus, tokenizer, { length = 24, batch_size = 8, loader_threads = 0 })
  local s = session { data = pairs_, objectives = { objectives.mlm {} }, optimizer = optim.adamw { lr = 5e-3 }, steps = 150,
    model = models.bert { vocab_size = tokenizer.vocab_size, hidden_size = 32, num_hidden_layers = 1, num_attention_heads = 2,
      max_position_embeddings = 32, initializer_range = 0.05 } }
  s:train(150)
  local special, sum = pairs_.train.special, 0
  for id = 0, tokenizer.vocab_size - 1 do
    local ids = { special.classify, id, special.separator }
    local ok, score = pcall(lathe.likelihood, s, "model", pairs_.train, ids)
    if ok then sum = sum + math.exp(score) end -- special tokens are not scored
  end
  assert(sum > 0.9 and sum < 1.0001, sum)
  write(table.concat({
    '{"sentence_good": "one two three.", "sentence_bad": "three two one.", "UID": "order"}',
    '{"sentence_good": "four five six.", "sentence_bad": "four six five.", "UID": "order"}', '',
    '{"sentence_good": "seven eight kilo.", "sentence_bad": "seven eight two.", "other": 1}' }, "\n"))
  local found = s:minimal_pairs(path)
  assert(found.pairs == 3 and found.kinds[1].name == "order" and found.kinds[1].pairs == 2 and found.kinds[2].pairs == 1)
  close(found.accuracy, found.right / 3, "accuracy")
  assert(found.right >= 2, tostring(found))
  local known, rubbish = s:likelihood "one two.", s:likelihood "one zzz two qqq."
  assert(rubbish.unknown == known.unknown + 2 and rubbish.tokens == known.tokens + 2, tostring(known))
  assert(rubbish.log_likelihood < known.log_likelihood and tostring(rubbish):find(("5 tokens (%d unknown)"):format(rubbish.unknown), 1, true), tostring(rubbish))
  write '{"sentence_good": "one", "sentence_bad": "two"}\n\n{"sentence_good": "one", "sentence_bad": " "}\n'
  fails(s, path .. ": line 3: sentence_bad: likelihood: the text has no token to score", s.minimal_pairs, s, path)
  write '{"sentence_good": "one"}\n'
  fails(s, "line 1", s.minimal_pairs, s, path)
  write "\n{nonsense}\n"
  fails(s, path .. ": line 2, column ", s.minimal_pairs, s, path)
  write "\n"
  fails(s, "no pair", s.minimal_pairs, s, path)
  fails(s, "no such file", s.minimal_pairs, s, path .. ".none")
end
