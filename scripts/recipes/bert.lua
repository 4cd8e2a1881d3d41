-- SPDX-License-Identifier: GPL-3.0-or-later
-- Pre-training of a BERT: on the built-in stories, or on a text of one's own.

-- Segments are packed up to the length, as Devlin et al. did.
local function pairs_of(p, corpus, tokenizer)
  local held_out = p.valid and data.text(p.valid)
  return data.sentence_pairs(corpus, tokenizer, {
    length = p.length, batch_size = p.batch_size, pack = true, held_out = held_out,
  })
end

local function tokenizer_of(p, corpus)
  if p.vocab or p.model then return tokenizers.wordpiece.load(p.vocab or p.model) end
  local size = p.vocab_size > 0 and p.vocab_size or (p.text and 8192 or 1024)
  return tokenizers.wordpiece.train(corpus, { vocab_size = size })
end

local function model_of(p, tokenizer)
  local options = { hidden_dropout_prob = p.dropout, attention_probs_dropout_prob = p.dropout }
  if p.model then return models.load(p.model, options) end
  options.vocab_size, options.max_position_embeddings = tokenizer.vocab_size, math.max(p.length, 128)
  for _, name in ipairs { "hidden_size", "num_hidden_layers", "num_attention_heads", "initializer_range" } do
    options[name] = p[name]
  end
  if p.modern then
    options.norm_first, options.bias = true, false
    options.position_embedding_type, options.hidden_act = "rotary", "geglu"
  end
  return models.bert(options)
end

return recipe {
  doc = "Pre-train a BERT with masked language modelling and next sentence prediction.",
  params = {
    text = file { doc = "text to learn from; without it, the built-in stories" },
    valid = file { doc = "text to evaluate on; without it, a share of the text is held out" },
    vocab = file { doc = "vocab.txt of a WordPiece tokenizer; without it, one is trained" },
    vocab_size = integer { 0, min = 0, max = 1000000, doc = "pieces to train; 0: 1,024 for the stories, 8,192 for a text" },
    model = file { doc = "directory of a BERT to go on with, as transformers saves it, with its vocabulary" },
    hidden_size = integer { 128, min = 8, doc = "width of the model" },
    num_hidden_layers = integer { 2, min = 1, doc = "layers" },
    num_attention_heads = integer { 8, min = 1, doc = "attention heads; the width is a multiple of it" },
    modern = boolean { false, doc = "norms first, rotary positions, GeGLU and no biases, as ModernBERT has them" },
    length = integer { 64, min = 8, doc = "most tokens of a sentence pair" },
    batch_size = integer { 32, min = 1, doc = "sentence pairs of a step" },
    mlm_probability = number { 0.15, above = 0, max = 1, doc = "share of the tokens that are masked" },
    nsp_weight = number { 1, min = 0, doc = "weight of next sentence prediction beside masked words" },
    initializer_range = number { 0.05, min = 0, doc = "deviation of the first weights; the paper's 0.02 is for width 768" },
    dropout = number { 0, min = 0, below = 1, doc = "dropout of hidden states and attention" },
    lr = number { 2e-3, above = 0, doc = "highest learning rate" },
    precision = choice { "f32", "bf16", doc = "what products of matrices read: bf16 is faster, and the weights stay f32" },
    steps = integer { 4000, min = 1, doc = "steps" },
  },
  build = function(p)
    local corpus = p.text and data.text(p.text) or data.stories()
    local tokenizer = tokenizer_of(p, corpus)
    local pairs = pairs_of(p, corpus, tokenizer)
    return session {
      model = model_of(p, tokenizer),
      data = { train = pairs.train, valid = pairs.valid },
      objectives = {
        objectives.mlm { weight = 1, mlm_probability = p.mlm_probability },
        objectives.nsp { weight = p.nsp_weight },
      },
      optimizer = optim.adamw { lr = p.lr, weight_decay = 0.01 },
      schedule = schedules.cosine { warmup = 0.05 },
      precision = p.precision,
      steps = p.steps,
    }
  end,
}
