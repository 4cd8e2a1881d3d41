-- SPDX-License-Identifier: GPL-3.0-or-later
-- A planted shift: how the hero of a story feels at the end, learned from stories told plainly, asked about stories
-- told aloud (style "spoken") by somebody with feelings of their own: the words of moods are no sign any more, what
-- happens still is. Source-only and DANN over five seeds. Nothing is chosen with the target's labels: lambda is what
-- reverse validation chose on the reviews (dann_amazon.lua); they are looked at in the last table only.
--   lathe repl tests/parity/dann_stories.lua </dev/null
local LENGTH, STEPS, LR, LAMBDA = 128, 1500, 3e-3, 0.1

local function told(style, seed, stories)
  return data.stories { style = style, seed = seed, stories = stories, held_out = 0, labels = "mood" }
end

local plain, spoken = told("plain", 1, 4000), told("spoken", 2, 4000)
local words = tokenizers.wordpiece.train(spoken, { vocab_size = 1024 })

-- Which pieces a story has, as a file of sparse rows.
local function write(path, corpus)
  local source = data.labelled(corpus, words, { length = LENGTH, batch_size = 100 }).train
  local file <close> = assert(io.open(path, "w"))
  for first = 0, source.examples - 1, 100 do
    local batch = source:batch(first)
    local labels = batch.labels:tolist()
    for r, row in ipairs(batch.input_ids:tolist()) do
      local seen, list = {}, {}
      for _, id in ipairs(row) do
        if id > 4 and not seen[id] then list[#list + 1] = id end
        seen[id] = true
      end
      table.sort(list)
      for i, id in ipairs(list) do list[i] = id .. ":1" end
      file:write(labels[r], " ", table.concat(list, " "), "\n")
    end
  end
end

local paths = { plain = plain, spoken = spoken, asked = told("spoken", 3, 1000), known = told("plain", 4, 1000) }
for name, corpus in pairs(paths) do
  paths[name] = os.tmpname()
  write(paths[name], corpus)
end

local function read(name, seed, labels)
  return data.svmlight(paths[name], { features = 1024, batch_size = 64, values = "binary", labels = labels or "0,1,2", seed = seed }).train
end

local function train(method, seed)
  local terms = { objectives.classify { weight = 1 } }
  if method == "dann" then terms[2] = objectives.domain { target = "target", lambda = LAMBDA } end
  local made = session {
    seed = seed, steps = STEPS, objectives = terms,
    data = { train = read("plain", seed), target = read("spoken", seed, "none"), test = read("asked", seed), known = read("known", seed) },
    model = models.mlp { input_size = 1024, hidden_sizes = { 50 }, activation = "sigmoid", num_labels = 3 },
    optimizer = optim.adamw { lr = LR, weight_decay = 0.01 }, schedule = schedules.cosine { warmup = 0 },
  }
  made:train(STEPS)
  local function accuracy(where) return 100 * made:evaluate(where).classify.accuracy end
  return accuracy "test", accuracy "known"
end

local function mean_and_spread(list)
  local sum, squares = 0, 0
  for _, x in ipairs(list) do sum = sum + x end
  for _, x in ipairs(list) do squares = squares + (x - sum / #list) ^ 2 end
  return sum / #list, math.sqrt(squares / (#list - 1))
end

print "seed   source-only (on plain)    DANN (on plain)"
local rows = { source = {}, dann = {}, gain = {} }
for seed = 1, 5 do
  local a, a_known = train("source", seed)
  local b, b_known = train("dann", seed)
  rows.source[seed], rows.dann[seed], rows.gain[seed] = a, b, b - a
  print(("%4d   %11.1f (%.1f) %15.1f (%.1f)"):format(seed, a, a_known, b, b_known))
end
for _, path in pairs(paths) do os.remove(path) end
local a, a_spread = mean_and_spread(rows.source)
local b, b_spread = mean_and_spread(rows.dann)
local gain, gain_spread = mean_and_spread(rows.gain)
print(("mean   %.1f +- %.1f   %.1f +- %.1f   difference %.1f +- %.1f"):format(a, a_spread, b, b_spread, gain, gain_spread))
