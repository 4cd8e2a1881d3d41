-- SPDX-License-Identifier: GPL-3.0-or-later
-- Pre-training of a GPT-2: on the built-in stories, or on a text of one's own. The defaults are nanoGPT's small setting for a
-- processor, with each character a token; tokenizer=bpe learns byte pairs.

-- How the text reads and what a document is: the file as it stands, or its paragraphs or lines between separators.
local function read(path, p)
  if p.documents == "file" then return data.text(path, { sentences = "verbatim" }) end
  if p.documents == "lines" then return data.text(path, { sentences = "lines", documents = "lines" }) end
  return data.text(path):joined()
end

local function tokenizer_of(p, corpus)
  if p.vocab or p.model then return tokenizers.load(p.vocab or p.model) end
  if p.tokenizer == "bpe" then return tokenizers.bpe.train(corpus, { vocab_size = p.vocab_size }) end
  return tokenizers.characters.train(corpus)
end

local function model_of(p, tokenizer)
  local options = { resid_pdrop = p.dropout, embd_pdrop = p.dropout, attn_pdrop = p.dropout }
  if p.model then return models.load(p.model, options) end
  options.vocab_size, options.n_positions = tokenizer.vocab_size, math.max(p.length, 64)
  for _, name in ipairs { "n_embd", "n_layer", "n_head", "initializer_range" } do options[name] = p[name] end
  return models.gpt2(options)
end

return recipe {
  doc = "Pre-train a GPT-2 with causal language modelling.",
  params = {
    text = file { doc = "text to learn from; without it, the built-in stories" },
    valid = file { doc = "text to evaluate on; without it, a share of the text is held out" },
    valid_share = number { 0.1, above = 0, below = 1, doc = "share of the text that is held out, where no text is given" },
    documents = choice { "file", "paragraphs", "lines", doc = "what stands between separators: the file, its paragraphs, its lines" },
    separate = boolean { false, doc = "each document is an example; otherwise they are joined and cut into blocks" },
    tokenizer = choice { "characters", "bpe", doc = "tokens are characters, or byte pairs that are learned" },
    vocab_size = integer { 2048, min = 257, max = 1000000, doc = "byte pairs to learn" },
    vocab = file { doc = "tokenizer.json or another tokenizer's file or directory; without it, one is trained" },
    model = file { doc = "directory of a GPT-2 to go on with, as transformers saves it, with its tokenizer" },
    n_embd = integer { 128, min = 8, doc = "width of the model" },
    n_layer = integer { 4, min = 1, doc = "layers" },
    n_head = integer { 4, min = 1, doc = "attention heads; the width is a multiple of it" },
    length = integer { 64, min = 8, doc = "tokens of the context" },
    batch_size = integer { 12, min = 1, doc = "contexts of a step" },
    initializer_range = number { 0.06, min = 0, doc = "deviation of the first weights; the paper's 0.02 is for width 768" },
    dropout = number { 0, min = 0, below = 1, doc = "dropout of embeddings, hidden states and attention" },
    lr = number { 1e-3, above = 0, doc = "highest learning rate; it falls to a tenth" },
    weight_decay = number { 0.1, min = 0, doc = "weight decay of matrices" },
    precision = choice { "f32", "bf16", doc = "what products of matrices read: bf16 is faster, and the weights stay f32" },
    steps = integer { 2000, min = 1, doc = "steps" },
  },
  build = function(p)
    local corpus = p.text and read(p.text, p) or data.stories():joined()
    local tokenizer = tokenizer_of(p, corpus)
    local blocks = data.causal_text(corpus, tokenizer, {
      length = p.length, batch_size = p.batch_size, valid = p.valid_share, held_out = p.valid and read(p.valid, p),
      documents = p.separate and "separate" or "joined",
    })
    return session {
      model = model_of(p, tokenizer),
      data = { train = blocks.train, valid = blocks.valid },
      objectives = { objectives.clm {} },
      optimizer = optim.adamw { lr = p.lr, weight_decay = p.weight_decay, beta2 = 0.99 },
      schedule = schedules.cosine { warmup = 0.05, minimum = 0.1 },
      clip_norm = 1,
      precision = p.precision,
      steps = p.steps,
    }
  end,
}
