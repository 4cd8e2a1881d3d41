-- SPDX-License-Identifier: GPL-3.0-or-later
-- run:likelihood(text) and run:minimal_pairs(path): how likely a model takes texts to be.
local scoring = {}
lathe.scoring = scoring

local function fail(...) error((...):format(select(2, ...)), 0) end

-- The model's name, and the data source whose tokenizer it speaks.
local function parts(session, options)
  options = options or {}
  if type(options) ~= "table" then fail("options are a table, as in run:likelihood('A text.', {model = 'teacher'})") end
  for name in pairs(options) do
    if name ~= "model" then fail("likelihood has no option '%s'; there is model", tostring(name)) end
  end
  if options.model ~= nil and type(options.model) ~= "string" then fail("likelihood: model must be the name of a model of the run") end
  local source = rawget(session.data, "train") or select(2, next(session.data))
  local tokenizer = source and lathe.tokenizer(source)
  if not tokenizer then fail("likelihood: the run's data were not made by a tokenizer") end
  return options.model or select(3, lathe.module_info(session.model)), source, tokenizer
end

-- As in training: [CLS] text [SEP] where tokens are masked, else the text behind the end of another one.
local function ids_of(text, session, name, source, tokenizer)
  local special, masks = source.special, lathe.predicts(session, name, "mlm_logits")
  local ids = { masks and special.classify or special.separator }
  for _, id in ipairs(tokenizer:encode(text)) do ids[#ids + 1] = id end
  if masks then ids[#ids + 1] = special.separator end
  return ids
end

-- Without the place in this file in front of an error, but with what it is about.
local function plainly(about, f, ...)
  local results = table.pack(pcall(f, ...))
  if results[1] then return table.unpack(results, 2, results.n) end
  local message = results[2]
  error(type(message) == "string" and about .. message:gsub("^lathe/[^:]+:%d+: ", "") or message, 0)
end

local Score = {}
Score.__tostring = function(s)
  return ("log likelihood %.4f, %d tokens%s, perplexity %.3f, %.3f bits per byte"):format(s.log_likelihood, s.tokens,
    s.unknown > 0 and (" (%d unknown)"):format(s.unknown) or "", s.perplexity, s.bits_per_byte)
end

function scoring.likelihood(session, text, options)
  if type(text) ~= "string" then fail("likelihood: a text is wanted, as in run:likelihood('The cat sat.')") end
  local name, source, tokenizer = parts(session, options)
  local sum, tokens, unknown = plainly("", lathe.likelihood, session, name, source, ids_of(text, session, name, source, tokenizer))
  return setmetatable({ log_likelihood = sum, tokens = tokens, unknown = unknown, perplexity = math.exp(-sum / tokens),
    bits_per_byte = -sum / math.log(2) / #text }, Score)
end

local Pairs = {}
Pairs.__tostring = function(result)
  local lines = { ("%d pairs, %.1f%% right"):format(result.pairs, 100 * result.accuracy) }
  for _, kind in ipairs(result.kinds) do
    lines[#lines + 1] = ("  %-50s %5d pairs  %5.1f%%"):format(kind.name:sub(1, 50), kind.pairs, 100 * kind.accuracy)
  end
  return table.concat(lines, "\n")
end

function scoring.minimal_pairs(session, path, options)
  if type(path) ~= "string" then fail("minimal_pairs: the path of a file is wanted, a JSON object a line") end
  local name, source, tokenizer = parts(session, options)
  local result, list = { pairs = 0, right = 0, kinds = {} }, plainly("", lathe.read_pairs, path)
  if #list == 0 then fail("%s: there is no pair in it", path) end
  local told = lathe.seconds()
  for i, pair in ipairs(list) do
    local scores = {}
    for n, which in ipairs { "sentence_good", "sentence_bad" } do
      scores[n] = plainly(("%s: line %d: %s: "):format(path, pair[4], which), lathe.likelihood, session, name, source,
        ids_of(pair[n], session, name, source, tokenizer))
    end
    local kind = result.kinds[pair[3]]
    if not kind then
      kind = { name = pair[3] == "" and "(no UID)" or pair[3], pairs = 0, right = 0 }
      result.kinds[pair[3]], result.kinds[#result.kinds + 1] = kind, kind
    end
    for _, count in ipairs { result, kind } do
      count.pairs = count.pairs + 1
      if scores[1] > scores[2] then count.right = count.right + 1 end
      count.accuracy = count.right / count.pairs
    end
    if lathe.seconds() - told > 1 then
      told = lathe.seconds()
      print(("pair %d of %d"):format(i, #list))
    end
  end
  return setmetatable(result, Pairs)
end
