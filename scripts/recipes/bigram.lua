-- SPDX-License-Identifier: GPL-3.0-or-later
-- How well a character is known from the one before it: bigrams are counted, nothing is learned. What a language model of the
-- same text has to beat. A loss must depend on its model; this one does so by zero, and the model is as small as one may be.

-- log p(b | a) as log[a + 1][b + 1]; a document begins and ends with the separator.
local function log_shares(corpus, tokenizer, smoothing)
  local size, edge, counts = tokenizer.vocab_size, tokenizer.special.separator, {}
  for a = 1, size do
    counts[a] = {}
    for b = 1, size do counts[a][b] = smoothing end
  end
  for i = 0, corpus.documents - 1 do
    local before = edge
    for _, sentence in ipairs(corpus:document(i)) do
      for _, id in ipairs(tokenizer:encode(sentence)) do
        counts[before + 1][id + 1] = counts[before + 1][id + 1] + 1
        before = id
      end
    end
    counts[before + 1][edge + 1] = counts[before + 1][edge + 1] + 1
  end
  for _, row in ipairs(counts) do
    local sum = 0
    for b = 1, size do sum = sum + row[b] end
    for b = 1, size do row[b] = math.log(row[b] / sum) end
  end
  return counts
end

local function mean_loss(log, batch)
  local rows, lengths, sum, count = batch.input_ids:tolist(), batch.lengths:tolist(), 0, 0
  for r, ids in ipairs(rows) do
    for i = 2, lengths[r] do
      sum, count = sum - log[ids[i - 1] + 1][ids[i] + 1], count + 1
    end
  end
  return sum / count
end

return recipe {
  doc = "Count bigrams of characters: the loss of whoever knows the character before.",
  params = {
    text = file { doc = "text to count, a document each line; without it, the built-in stories" },
    valid = file { doc = "text to ask about; without it, the same one" },
    smoothing = number { 0, min = 0, doc = "added to each count; a valid text may have pairs that the text does not have" },
    length = integer { 256, min = 8, doc = "characters of the longest document" },
  },
  build = function(p)
    local function read(path) return data.text(path, { sentences = "lines", documents = "lines" }) end
    local corpus = p.text and read(p.text) or data.stories():joined()
    local held_out = p.valid and read(p.valid) or corpus
    local tokenizer = tokenizers.characters.train(corpus)
    local log = log_shares(corpus, tokenizer, p.smoothing)
    local documents = data.causal_text(corpus, tokenizer, {
      length = p.length, documents = "separate", held_out = held_out, buckets = false,
      batch_size = math.max(corpus.documents, held_out.documents),
    })
    return session {
      model = models.gpt2 { vocab_size = tokenizer.vocab_size, n_embd = 2, n_layer = 1, n_head = 1, n_positions = p.length + 1 },
      data = documents,
      objectives = { objectives.custom { name = "bigram", loss = function(model, batch)
        return (model.hidden * 0):sum() + mean_loss(log, batch)
      end } },
      optimizer = optim.sgd {},
      steps = 1,
    }
  end,
}
