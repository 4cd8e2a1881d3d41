-- SPDX-License-Identifier: GPL-3.0-or-later
-- SST-2: a small BERT pre-trained on WikiText-2's validation and test files and all training sentences without their labels,
-- fine-tuned, against the same model from scratch: once where every seventh sentence has its label, and once where all have
-- theirs. For both the learning rate is chosen from the same list on the validation sentences, with seeds of their own; then
-- five seeds each on the test sentences, which nothing was chosen with. Both tell the classes from the mean of the tokens:
-- masked words alone teach the first token nothing about its sentence.
--   LATHE_DATA=FOLDER lathe repl tests/parity/sst2.lua </dev/null
local folder = assert(os.getenv "LATHE_DATA", "LATHE_DATA is the folder with text/ and sentiment/")
local PIECES, LENGTH, STEPS, SEEDS = 4096, 64, 6000, 5
local REPEATS = 4 -- of the sentences in the text to pre-train on, about half of which they are then
local RATES, TUNING_SEEDS = { 5e-4, 1e-3, 2e-3, 4e-3 }, { 101, 102 }
local SETTINGS = { { every = 7, epochs = 10 }, { every = 1, epochs = 3 } } -- of which sentences the label is known

local function file_of(part) return folder .. "/sentiment/stsa.binary." .. part end

-- Every so many-th of the sentences.
local function sentences(part, every)
  if not every then return data.labelled_lines(file_of(part)) end
  local path, number = os.tmpname(), 0
  local out <close> = assert(io.open(path, "w"))
  for line in io.lines(file_of(part)) do
    if number % every == 0 then out:write(line, "\n") end
    number = number + 1
  end
  out:close()
  local corpus = data.labelled_lines(path)
  os.remove(path)
  return corpus
end

-- All text to pre-train on as one file: WikiText, then a document for each sentence.
local function unlabelled_text()
  local path = os.tmpname()
  local out <close> = assert(io.open(path, "w"))
  for _, name in ipairs { "wikitext2-valid.txt", "wikitext2-test.txt" } do
    for line in io.lines(folder .. "/text/" .. name) do out:write(line, "\n") end
  end
  for _ = 1, REPEATS do
    for line in io.lines(file_of "train") do out:write("\n", line:match "%S+%s(.*)", "\n") end
  end
  return path
end

local path = unlabelled_text()
local corpus = data.text(path)
os.remove(path)
local words = tokenizers.wordpiece.train(corpus, { vocab_size = PIECES })
local SHAPE = {
  vocab_size = PIECES, hidden_size = 128, num_hidden_layers = 2, num_attention_heads = 4,
  max_position_embeddings = LENGTH, initializer_range = 0.05, classifier_pooling = "mean",
}
local SMOOTH, DROPPED = 0, 0.1 -- dropout of pre-training and of fine-tuning

local function with(options, dropout)
  local all = { hidden_dropout_prob = dropout, attention_probs_dropout_prob = dropout }
  for name, value in pairs(options) do all[name] = value end
  return all
end

local pretrained = os.tmpname()
os.remove(pretrained)
do
  local blocks = data.packed_text(corpus, words, { length = LENGTH, batch_size = 32, specials = true, valid = 0.02 })
  local made = session {
    seed = 1, steps = STEPS, model = models.bert(with(SHAPE, SMOOTH)), data = blocks,
    objectives = { objectives.mlm { mlm_probability = 0.3 } },
    optimizer = optim.adamw { lr = 2e-3, weight_decay = 0.01 }, schedule = schedules.cosine { warmup = 0.05 }, clip_norm = 1,
  }
  for part = 1, 5 do
    made:train(STEPS // 5)
    print(("pre-training, step %d: held-out mlm %.3f"):format(part * (STEPS // 5), made:evaluate("valid").mlm.loss))
    io.stdout:flush()
  end
  made.model:save(pretrained)
end

local dev, test = sentences "dev", sentences "test"

-- -> accuracy in percent on the validation and the test sentences
local function fine_tune(setting, begin, lr, seed)
  local function labelled(held_out)
    return data.labelled(setting.train, words,
      { length = LENGTH, batch_size = 32, classes = "0,1", seed = seed, held_out = held_out })
  end
  local sources, asked = labelled(dev), labelled(test)
  local shape = with(begin == "scratch" and SHAPE or {}, DROPPED)
  shape.num_labels = 2
  local model = begin == "scratch" and models.bert(shape) or models.load(pretrained, shape)
  local steps = setting.epochs * sources.train.examples // 32
  local made = session {
    seed = seed, steps = steps, model = model, objectives = { objectives.classify {} },
    data = { train = sources.train, valid = sources.valid, test = asked.valid },
    optimizer = optim.adamw { lr = lr, weight_decay = 0.01 }, schedule = schedules.linear { warmup = 0.1 }, clip_norm = 1,
  }
  made:train(steps)
  return 100 * made:evaluate("valid").classify.accuracy, 100 * made:evaluate("test").classify.accuracy
end

local function tune(setting, begin)
  local best, rate = 0, nil
  for _, lr in ipairs(RATES) do
    local sum = 0
    for _, seed in ipairs(TUNING_SEEDS) do sum = sum + fine_tune(setting, begin, lr, seed) end
    print(("%-10s lr %g: validation %.2f"):format(begin, lr, sum / #TUNING_SEEDS))
    io.stdout:flush()
    if sum > best then best, rate = sum, lr end
  end
  return rate
end

local function mean_and_error(list)
  local sum, squares = 0, 0
  for _, x in ipairs(list) do sum = sum + x end
  for _, x in ipairs(list) do squares = squares + (x - sum / #list) ^ 2 end
  return sum / #list, math.sqrt(squares / (#list - 1) / #list)
end

-- -> the mean paired difference and its standard error
local function compare_beginnings(setting)
  local chosen = { scratch = tune(setting, "scratch"), pretrained = tune(setting, "pretrained") }
  print "test accuracy:  seed   from scratch   pre-trained   difference"
  local rows = { scratch = {}, pretrained = {}, gain = {} }
  for seed = 1, SEEDS do
    for begin, lr in pairs(chosen) do
      local _, accuracy = fine_tune(setting, begin, lr, seed)
      rows[begin][seed] = accuracy
    end
    rows.gain[seed] = rows.pretrained[seed] - rows.scratch[seed]
    print(("%20d %14.2f %13.2f %12.2f"):format(seed, rows.scratch[seed], rows.pretrained[seed], rows.gain[seed]))
    io.stdout:flush()
  end
  for _, name in ipairs { "scratch", "pretrained", "gain" } do
    print(("%-10s %.2f, standard error %.2f"):format(name, mean_and_error(rows[name])))
  end
  return mean_and_error(rows.gain)
end

local gains = {}
for i, setting in ipairs(SETTINGS) do
  setting.train = sentences("train", setting.every)
  print(("every %d. training sentence has its label"):format(setting.every))
  gains[i] = { compare_beginnings(setting) }
end
assert(gains[1][1] > gains[1][2], "with few labels the difference is not above its standard error")
