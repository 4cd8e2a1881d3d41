-- SPDX-License-Identifier: GPL-3.0-or-later
-- A session drawn from the number 'pick': objectives, sources, models, optimizer, schedule and their options.

local state

-- A whole number from low to high; the generator is our own, so that every Lua draws the same.
local function draw(low, high)
  state = (state * 1103515245 + 12345) % 2147483648
  return low + (state >> 8) % (high - low + 1)
end

local function one_of(list) return list[draw(1, #list)] end
local function chance() return draw(1, 2) == 1 end

local function layout()
  return {
    length = one_of { 16, 31, 48 }, batch_size = draw(1, 9), buckets = chance(), shuffle = chance(),
    padding = one_of { "longest", "length" }, loader_threads = draw(0, 3), seed = draw(0, 1000),
    bucket_window = one_of { 1, 64, 2048 },
  }
end

local function pairs_source(corpus, tokenizer)
  local options = layout()
  options.mode = one_of { "nsp", "sop" }
  options.pack = chance()
  return data.sentence_pairs(corpus, tokenizer, options), options.mode
end

local function masked(fields)
  fields.mlm_probability = draw(1, 40) / 100
  fields.masking = one_of { "token", "whole_word", "span" }
  fields.mask_share = one_of { 0.8, 1, 0.5 }
  fields.random_share = fields.mask_share < 1 and one_of { 0.1, 0 } or 0
  fields.weight = draw(1, 20) / 10
  return objectives.mlm(fields)
end

-- The user's own: the pairs' loss once more, and noise that fades.
local function own()
  return objectives.custom {
    name = "own", weight = draw(1, 10) / 10,
    loss = function(model, batch)
      local noise = (model.pooled * randn(model.pooled.shape[2])):mean() * math.random()
      return ops.cross_entropy(model.nsp_logits, batch.next_sentence_label) + noise * (1 - batch.step / batch.steps)
    end,
  }
end

local function optimizer()
  local lr = one_of { 1e-3, 3e-3, 1e-2 }
  local decay = one_of { 0, 0.01, 0.1 }
  local kind = draw(1, 4)
  if kind == 1 then return optim.adamw { lr = lr, weight_decay = decay, beta2 = one_of { 0.99, 0.999 } } end
  if kind == 2 then return optim.adam { lr = lr, weight_decay = decay } end
  if kind == 3 then return optim.lamb { lr = lr, weight_decay = decay } end
  local momentum = one_of { 0, 0.9 }
  return optim.sgd { lr = lr, weight_decay = decay, momentum = momentum, nesterov = momentum > 0 and chance() }
end

local function schedule()
  local warmup = one_of { 0, 0.2, 3 }
  return one_of { schedules.constant, schedules.linear, schedules.cosine, schedules.wsd } { warmup = warmup }
end

local function bert(tokenizer)
  return models.bert {
    vocab_size = tokenizer.vocab_size, hidden_size = one_of { 8, 24, 33 }, num_hidden_layers = draw(1, 2),
    num_attention_heads = 1, intermediate_size = one_of { 0, 17 }, max_position_embeddings = 48,
    hidden_dropout_prob = one_of { 0, 0.1, 0.5 }, attention_probs_dropout_prob = one_of { 0, 0.1 },
  }
end

return recipe {
  doc = "A random session, for tests.",
  params = {
    text = file { doc = "text to learn from" },
    pick = integer { 1, min = 1, doc = "which one" },
    steps = integer { 25, min = 1, doc = "steps" },
  },
  build = function(p)
    state = p.pick * 2654435761 % 2147483648
    local corpus = data.text(p.text)
    local tokenizer = tokenizers.wordpiece.train(corpus, { vocab_size = draw(120, 300) })
    local train, mode = pairs_source(corpus, tokenizer)
    local list = { masked {}, mode == "nsp" and objectives.nsp { weight = 0.5 } or objectives.sop {} }
    if mode == "nsp" and chance() then list[#list + 1] = own() end
    local sources = { train = train.train, valid = train.valid }
    if chance() then
      sources.blocks = data.packed_text(corpus, tokenizer, layout()).train
      list[#list + 1] = masked { name = "blocks", source = "blocks" }
    end
    local all = { model = bert(tokenizer) }
    if chance() then
      all.other = bert(tokenizer)
      list[#list + 1] = masked { name = "other", model = "other" }
    end
    return session {
      models = all, data = sources, objectives = list, optimizer = optimizer(), schedule = schedule(),
      steps = p.steps, accumulate = draw(1, 3), clip_norm = one_of { 0, 0.5, 1 },
      precision = one_of { "f32", "bf16" },
    }
  end,
}
