-- SPDX-License-Identifier: GPL-3.0-or-later
-- Writes the batches of a run on text, unmasked, for tests/parity/wikitext.py:
--   TEXT=... VALID=... VOCAB=... LENGTH=... BATCH=... STEPS=... OUT=... lathe repl tests/parity/wikitext.lua </dev/null
local get = os.getenv
local corpus, held_out = data.text(get "TEXT"), data.text(get "VALID")
local tokenizer = tokenizers.wordpiece.load(get "VOCAB")
local pairs = data.sentence_pairs(corpus, tokenizer, {
  length = tonumber(get "LENGTH"), batch_size = tonumber(get "BATCH"), pack = true, held_out = held_out,
})

local function write_batch(file, batch)
  local ids, types = batch.input_ids:tolist(), batch.token_type_ids:tolist()
  local lengths, labels = batch.lengths:tolist(), batch.next_sentence_label:tolist()
  file:write(#ids, "\n")
  for row = 1, #ids do
    local second = 0
    for _, kind in ipairs(types[row]) do second = second + (kind == 1 and 1 or 0) end
    file:write(("%d %d %d "):format(labels[row], lengths[row], lengths[row] - second))
    for i = 1, lengths[row] do file:write(("%d "):format(ids[row][i])) end
    file:write("\n")
  end
end

local function write_source(path, source, batches)
  local file <close> = assert(io.open(path, "w"))
  local index, epoch = 0, 0
  while batches > 0 do
    local batch = source:batch(index, epoch)
    write_batch(file, batch)
    index, batches = index + batch.size, batches - 1
    if index >= source.examples then
      index, epoch = 0, epoch + 1
      if batches == math.huge then break end
    end
  end
end

write_source(get "OUT" .. "/train.txt", pairs.train, tonumber(get "STEPS"))
write_source(get "OUT" .. "/valid.txt", pairs.valid, math.huge)
