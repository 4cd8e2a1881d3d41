-- SPDX-License-Identifier: GPL-3.0-or-later
-- Extractive question answering: a BERT learns where in a text the answer begins and ends, from files of SQuAD's form.

local function tokenizer_of(p)
  if p.model then return tokenizers.load(p.model) end
  if p.vocab then return tokenizers.wordpiece.load(p.vocab) end
  -- The file itself is text enough: its words are those of contexts and questions.
  return tokenizers.wordpiece.train(data.text(p.train, { sentences = "lines" }), { vocab_size = p.vocab_size })
end

local function model_of(p, tokenizer)
  if p.model then return models.load(p.model, { span_head = true }) end
  return models.bert {
    vocab_size = tokenizer.vocab_size, hidden_size = p.hidden_size, num_hidden_layers = p.num_hidden_layers, num_attention_heads = 4,
    max_position_embeddings = p.length, initializer_range = 0.05, span_head = true,
  }
end

return recipe {
  doc = "Train a BERT to answer questions by a part of a text.",
  params = {
    model = file { doc = "directory of the pre-trained model with its tokenizer; without it, a small BERT from scratch" },
    train = file { doc = "questions to train on, in the JSON of SQuAD 1.1 or 2.0" },
    valid = file { doc = "questions to evaluate on; without it, a tenth of the others is held out" },
    lenient = boolean { false, doc = "leave questions out whose answers do not stand where the file says" },
    vocab = file { doc = "vocab.txt of a WordPiece tokenizer, where there is no model; without it, one is trained" },
    vocab_size = integer { 4096, min = 100, doc = "pieces to train" },
    hidden_size = integer { 128, min = 8, doc = "width of a model from scratch; a multiple of its 4 heads" },
    num_hidden_layers = integer { 2, min = 1, doc = "layers of a model from scratch" },
    length = integer { 384, min = 16, doc = "most tokens of a question with a window of its text" },
    stride = integer { 128, min = 1, doc = "tokens from one window to the next" },
    question_length = integer { 64, min = 1, doc = "most tokens of a question" },
    batch_size = integer { 32, min = 1, doc = "windows of a step" },
    layer_decay = number { 1, above = 0, max = 1, doc = "learning rate of each layer over that of the layer above it" },
    lr = number { 5e-4, above = 0, doc = "highest learning rate; 3e-5 for a BERT of full size" },
    precision = choice { "f32", "bf16", doc = "what products of matrices read: bf16 is faster, and the weights stay f32" },
    epochs = integer { 2, min = 1, doc = "passes over the windows" },
  },
  build = function(p)
    if not p.train then error("squad: 'train' is wanted: a file of questions, as SQuAD's train-v1.1.json", 0) end
    local tokenizer = tokenizer_of(p)
    local sources = data.squad(p.train, tokenizer, {
      length = p.length, stride = p.stride, question_length = p.question_length, batch_size = p.batch_size, lenient = p.lenient,
      held_out = p.valid or "",
    })
    return session {
      model = model_of(p, tokenizer),
      data = sources,
      objectives = { objectives.span {} },
      optimizer = optim.adamw { lr = p.lr, layer_decay = p.layer_decay },
      schedule = schedules.linear { warmup = 0.1 },
      clip_norm = 1,
      precision = p.precision,
      steps = math.max(1, p.epochs * sources.train.examples // p.batch_size),
    }
  end,
}
