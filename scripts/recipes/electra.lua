-- SPDX-License-Identifier: GPL-3.0-or-later
-- Pre-training of an ELECTRA: on the built-in stories, or on a text of one's own. A small generator learns masked words and puts
-- its guesses in; the discriminator learns to tell which tokens they are, of every token, and is what one keeps.

local function tokenizer_of(p, corpus)
  if p.vocab then return tokenizers.wordpiece.load(p.vocab) end
  local size = p.vocab_size > 0 and p.vocab_size or (p.text and 8192 or 1024)
  return tokenizers.wordpiece.train(corpus, { vocab_size = size })
end

local function model_of(p, tokenizer)
  local options = { hidden_dropout_prob = p.dropout, attention_probs_dropout_prob = p.dropout }
  options.vocab_size, options.max_position_embeddings = tokenizer.vocab_size, math.max(p.length, 128)
  for _, name in ipairs { "hidden_size", "embedding_size", "num_hidden_layers", "num_attention_heads", "initializer_range",
                          "generator_hidden_size", "generator_num_attention_heads" } do
    options[name] = p[name]
  end
  if p.modern then
    options.norm_first, options.bias = true, false
    options.position_embedding_type, options.hidden_act = "rotary", "geglu"
  end
  return models.electra(options)
end

return recipe {
  doc = "Pre-train an ELECTRA: tell the tokens that a generator put in from those that were there.",
  params = {
    text = file { doc = "text to learn from; without it, the built-in stories" },
    valid = file { doc = "text to evaluate on; without it, a share of the text is held out" },
    vocab = file { doc = "vocab.txt of a WordPiece tokenizer; without it, one is trained" },
    vocab_size = integer { 0, min = 0, max = 1000000, doc = "pieces to train; 0: 1,024 for the stories, 8,192 for a text" },
    hidden_size = integer { 128, min = 8, doc = "width of the discriminator" },
    embedding_size = integer { 0, min = 0, doc = "width of the embeddings, which both share; 0: hidden_size" },
    num_hidden_layers = integer { 2, min = 1, doc = "layers of each" },
    num_attention_heads = integer { 8, min = 1, doc = "attention heads; the width is a multiple of it" },
    generator_hidden_size = integer { 32, min = 4, doc = "width of the generator: a quarter to a half of the discriminator's" },
    generator_num_attention_heads = integer { 2, min = 1, doc = "attention heads of the generator" },
    modern = boolean { false, doc = "norms first, rotary positions, GeGLU and no biases, as ModernBERT has them" },
    length = integer { 64, min = 8, doc = "most tokens of a sentence pair" },
    batch_size = integer { 32, min = 1, doc = "sentence pairs of a step" },
    mlm_probability = number { 0.15, above = 0, max = 1, doc = "share of the tokens that the generator may replace" },
    rtd_weight = number { 50, min = 0, doc = "weight of the discriminator's loss beside the generator's" },
    temperature = number { 1, min = 0, doc = "of the generator's draw; 0: always its likeliest word" },
    initializer_range = number { 0.05, min = 0, doc = "deviation of the first weights; the paper's 0.02 is for width 768" },
    dropout = number { 0, min = 0, below = 1, doc = "dropout of hidden states and attention" },
    lr = number { 2e-3, above = 0, doc = "highest learning rate" },
    precision = choice { "f32", "bf16", doc = "what products of matrices read: bf16 is faster, and the weights stay f32" },
    steps = integer { 4000, min = 1, doc = "steps" },
  },
  build = function(p)
    local corpus = p.text and data.text(p.text) or data.stories()
    local tokenizer = tokenizer_of(p, corpus)
    local pairs = data.sentence_pairs(corpus, tokenizer, {
      length = p.length, batch_size = p.batch_size, pack = true, held_out = p.valid and data.text(p.valid),
    })
    return session {
      model = model_of(p, tokenizer),
      data = { train = pairs.train, valid = pairs.valid },
      objectives = {
        -- as the authors mask: 15 of 100 chosen tokens stay as they are, none becomes a random one
        objectives.mlm { mlm_probability = p.mlm_probability, mask_share = 0.85, random_share = 0 },
        objectives.rtd { weight = p.rtd_weight, temperature = p.temperature },
      },
      optimizer = optim.adamw { lr = p.lr, weight_decay = 0.01 },
      schedule = schedules.cosine { warmup = 0.05 },
      precision = p.precision,
      steps = p.steps,
    }
  end,
}
