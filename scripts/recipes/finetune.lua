-- SPDX-License-Identifier: GPL-3.0-or-later
-- Fine-tuning of a pre-trained BERT, ELECTRA or GPT-2 to tell classes of texts: all of it, without the trunk, or by adapters.

-- A file of lines 'label text', or of JSON objects or a table with 'text' and 'label', by its name.
local function read(path)
  if path:match "%.jsonl?$" then return data.jsonl(path, { label = "label" }) end
  if path:match "%.[ct]sv$" then return data.csv(path, { label = "label" }) end
  return data.labelled_lines(path)
end

-- The texts to train on, those to evaluate on and perhaps those to test on, as sources.
local function sources_of(p, corpus, tokenizer)
  local function labelled(path)
    return data.labelled(corpus, tokenizer, {
      length = p.length, batch_size = p.batch_size, classes = p.classes, held_out = path and read(path),
    })
  end
  local sources = labelled(p.valid)
  return { train = sources.train, valid = sources.valid, test = p.test and labelled(p.test).valid }
end

-- The directory's model with a classifier of so many classes, adapters for method=lora; or a small BERT from scratch.
local function model_of(p, classes, tokenizer)
  local options = { num_labels = classes }
  if p.pooling ~= "cls" then options.classifier_pooling = p.pooling end
  if not p.model then
    options.vocab_size, options.max_position_embeddings = tokenizer.vocab_size, p.length
    options.hidden_size, options.num_hidden_layers, options.num_attention_heads = 128, 2, 4
    options.initializer_range = 0.05
  end
  if p.method == "lora" then
    options.lora_rank, options.lora_alpha, options.lora_dropout = p.lora_rank, p.lora_alpha, p.lora_dropout
    if p.lora_modules ~= "" then options.lora_modules = p.lora_modules end
  end
  return p.model and models.load(p.model, options) or models.bert(options)
end

local trained = {
  frozen = "pooler classifier score", -- what stands behind the layers
  probe = "classifier score",
  lora = "lora_A lora_B classifier score",
}

return recipe {
  doc = "Fine-tune a pre-trained BERT, ELECTRA or GPT-2 on labelled texts.",
  params = {
    model = file { doc = "directory of the pre-trained model with its tokenizer, as lathe save or transformers write it; without it, a small BERT from scratch" },
    train = file { doc = "labelled texts: lines 'label text', .jsonl or .csv with columns text and label; without it, moods of the built-in stories" },
    valid = file { doc = "labelled texts to evaluate on; without it, a tenth of the others is held out" },
    test = file { doc = "labelled texts for run:evaluate 'test'" },
    classes = text { "", doc = "the labels in the order of the classes, as negative,positive; empty: as they first appear" },
    method = choice { "full", "frozen", "probe", "lora",
      doc = "what is trained: all; what stands behind the layers; the classifier alone; adapters and the classifier" },
    pooling = choice { "cls", "mean", doc = "of a BERT: classes are told from the first token, or from the mean of all" },
    layer_decay = number { 1, above = 0, max = 1, doc = "learning rate of each layer over that of the layer above it" },
    lora_rank = integer { 8, min = 1, doc = "rank of the adapters" },
    lora_alpha = number { 16, min = 0, doc = "what adapters are scaled by, over their rank" },
    lora_dropout = number { 0, min = 0, below = 1, doc = "dropout of what adapters read" },
    lora_modules = text { "", doc = "names of the linear layers with adapters; empty: query value, or c_attn" },
    length = integer { 64, min = 8, doc = "most tokens of a text" },
    batch_size = integer { 32, min = 1, doc = "texts of a step" },
    lr = number { 5e-4, above = 0, doc = "highest learning rate; 2e-5 to 5e-5 for a BERT of full size" },
    weight_decay = number { 0.01, min = 0, doc = "weight decay of matrices" },
    precision = choice { "f32", "bf16", doc = "what products of matrices read: bf16 is faster, and the weights stay f32" },
    epochs = integer { 3, min = 1, doc = "passes over the texts" },
  },
  build = function(p)
    local corpus = p.train and read(p.train) or data.stories { labels = "mood" }
    local tokenizer = p.model and tokenizers.load(p.model) or tokenizers.wordpiece.train(corpus, { vocab_size = 4096 })
    local sources = sources_of(p, corpus, tokenizer)
    local made = session {
      model = model_of(p, #sources.train.classes, tokenizer),
      data = sources,
      objectives = { objectives.classify {} },
      optimizer = optim.adamw { lr = p.lr, weight_decay = p.weight_decay, layer_decay = p.layer_decay },
      schedule = schedules.linear { warmup = 0.1 },
      clip_norm = 1,
      precision = p.precision,
      steps = math.max(1, p.epochs * sources.train.examples // p.batch_size),
    }
    if trained[p.method] then made.model:freeze { except = trained[p.method] } end
    return made
  end,
}
