-- SPDX-License-Identifier: GPL-3.0-or-later
-- A planted shift: how the hero of a story feels at the end, learned from stories told plainly, asked about stories
-- that somebody tells aloud (style "spoken"). Source-only and DANN over five seeds; the target's labels are looked
-- at in the last line only.
--   lathe repl tests/parity/dann_stories.lua </dev/null
local LENGTH, BATCH, STEPS = 96, 32, tonumber(os.getenv "STEPS" or "600")

local function told(style, seed, stories)
  return data.stories { style = style, seed = seed, stories = stories, held_out = 0, labels = "mood" }
end

local plain, spoken, asked = told("plain", 1, 4000), told("spoken", 2, 4000), told("spoken", 3, 1000)
local known = told("plain", 4, 1000)
local words = tokenizers.wordpiece.train(plain, { vocab_size = 1024 })

local function source(corpus, seed)
  return data.labelled(corpus, words, { length = LENGTH, batch_size = BATCH, seed = seed }).train
end

local function train(method, seed)
  local terms = { objectives.classify { weight = 1 } }
  if method == "dann" then
    terms[2] = objectives.domain { target = "target", hidden_size = 64, lambda = tonumber(os.getenv "LAMBDA" or "0.3") }
  end
  local made = session {
    seed = seed, steps = STEPS, objectives = terms,
    data = { train = source(plain, seed), target = source(spoken, seed), test = source(asked, seed), known = source(known, seed) },
    model = models.bert { vocab_size = words.vocab_size, hidden_size = 64, num_hidden_layers = 2, num_attention_heads = 4,
      intermediate_size = 256, max_position_embeddings = LENGTH, num_labels = 3, initializer_range = 0.05,
      hidden_dropout_prob = 0.1, attention_probs_dropout_prob = 0.1 },
    optimizer = optim.adamw { lr = 1e-3, weight_decay = 0.01 }, schedule = schedules.cosine { warmup = 0.1 },
  }
  made:train(STEPS)
  local function accuracy(where) return 100 * made:evaluate(where).classify.accuracy end
  return accuracy "test", accuracy "known", made.last["accuracy.domain"]
end

local function mean_and_spread(list)
  local sum, squares = 0, 0
  for _, x in ipairs(list) do sum = sum + x end
  for _, x in ipairs(list) do squares = squares + (x - sum / #list) ^ 2 end
  return sum / #list, math.sqrt(squares / math.max(#list - 1, 1))
end

print "seed   source-only (on plain)    DANN (on plain)   domain accuracy at the end"
local rows = { source = {}, dann = {}, gain = {} }
for seed = 1, tonumber(os.getenv "SEEDS" or "5") do
  local a, a_known = train("source", seed)
  local b, b_known, domain = train("dann", seed)
  rows.source[seed], rows.dann[seed], rows.gain[seed] = a, b, b - a
  print(("%4d   %11.1f (%.1f) %15.1f (%.1f) %15.2f"):format(seed, a, a_known, b, b_known, domain))
end
local a, a_spread = mean_and_spread(rows.source)
local b, b_spread = mean_and_spread(rows.dann)
local gain, gain_spread = mean_and_spread(rows.gain)
print(("mean   %.1f +- %.1f   %.1f +- %.1f   difference %.1f +- %.1f"):format(a, a_spread, b, b_spread, gain, gain_spread))
