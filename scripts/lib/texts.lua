-- SPDX-License-Identifier: GPL-3.0-or-later
-- Texts and the tokens of a run's model: what attention() and predict() read, and how a batch reads as text.
-- A user's own global of such a name changes nothing here.
local ipairs, type, error, table, next, pcall, setmetatable, tostring, tonumber, rawget
  = ipairs, type, error, table, next, pcall, setmetatable, tostring, tonumber, rawget
local texts = {}

local MOST_TOKENS, BEST, WRITTEN = 1024, 5, 60

local function fail(...) error((...):format(select(2, ...)), 0) end

-- The run's data source that was made by a tokenizer, and the tokenizer.
function texts.source_of(session, what)
  local source = rawget(session.data, "train") or select(2, next(session.data))
  local tokenizer = source and lathe.tokenizer(source)
  if not tokenizer then fail("%s: the run's data were not made by a tokenizer", what) end
  return source, tokenizer
end

-- A text as the model reads it: [CLS] a [SEP] b [SEP] for 'a | b' where the tokenizer has such tokens. Gives ids, types,
-- and the places (from 0) of what was written as [MASK].
function texts.ids_of(session, text, what)
  local source, tokenizer = texts.source_of(session, what)
  local special, ids, types, places, kind = source.special, {}, {}, {}, 0
  local function add(id)
    ids[#ids + 1], types[#types + 1] = id, kind
    if #ids > MOST_TOKENS then fail("%s: the text has more than 1,024 tokens; shorten it", what) end
  end
  local masks = special.mask >= 0
  if special.classify >= 0 then add(special.classify) end
  for part in (text .. "|"):gmatch(masks and "([^|]*)|" or "(.*)|") do
    local from = 1
    while true do
      local first, last = part:find("[MASK]", from, true)
      if not masks then first = nil end
      for _, id in ipairs((tokenizer:encode(part:sub(from, (first or #part + 1) - 1)))) do add(id) end
      if not first then break end
      places[#places + 1] = #ids
      add(special.mask)
      from = last + 1
    end
    if masks and special.separator >= 0 then add(special.separator) end
    kind = 1
  end
  if #ids == 0 then add(special.separator) end
  return ids, types, places, source, tokenizer
end

-- --- reading tokens ---

local function visible(text) return (text:gsub("\r", "\\r"):gsub("\n", "\\n"):gsub("\t", "\\t"):gsub("%c", "?")) end
texts.visible = visible

local function unjoined(piece) return (piece:gsub("^##", "")) end

-- One token as people read it.
function texts.piece(tokenizer, id, verbatim) return visible(verbatim and tokenizer:decode { id } or tokenizer:piece(id)) end

-- Tokens as text; was[i]: what stands hidden at the i-th, shown as "shown{was}".
function texts.spell(source, tokenizer, ids, was)
  local verbatim, parts, run = lathe.verbatim(source), {}, {}
  if not verbatim then
    for i, id in ipairs(ids) do
      local piece = tokenizer:piece(id)
      local joined = not was[i] and not was[i - 1] and piece:find("^##") and #parts > 0
      if was[i] then piece = ("%s{%s}"):format(piece, tokenizer:piece(was[i])) end
      parts[#parts + 1] = joined and unjoined(piece) or (#parts > 0 and " " or "") .. piece
    end
    return visible(table.concat(parts))
  end
  local function flush()
    if #run > 0 then parts[#parts + 1] = tokenizer:decode(run) end
    run = {}
  end
  for i, id in ipairs(ids) do
    if was[i] then
      flush()
      parts[#parts + 1] = ("%s{%s}"):format(tokenizer:decode { id }, tokenizer:decode { was[i] })
    else
      run[#run + 1] = id
    end
  end
  flush()
  return visible(table.concat(parts))
end

-- --- predictions ---

local function percent(p) return (p < 0.01 and "%.1f%%" or "%.0f%%"):format(100 * p) end

local function list_best(best, name_of)
  local cells = {}
  for i, one in ipairs(best) do cells[i] = ("%s %s"):format(name_of(one.id), percent(one.probability)) end
  return table.concat(cells, "   ")
end

-- The text with the best guesses in place, then the best five for each.
local function guess_words(session, model, text, lines)
  local ids, types, places, source, tokenizer = texts.ids_of(session, text, "predict")
  if source.special.mask < 0 then return false end
  if #places == 0 then fail("predict: write [MASK] for each word to be guessed, as in predict('the [MASK] barks')") end
  local best = lathe.scores(session, model, ids, types, "mlm_logits", BEST, places)
  local filled = table.move(ids, 1, #ids, 1, {})
  for n, place in ipairs(places) do filled[place + 1] = best[n][1].id end
  lines[#lines + 1] = "  " .. texts.spell(source, tokenizer, filled, {})
  for n in ipairs(places) do
    lines[#lines + 1] = ("    %s"):format(list_best(best[n], function(id) return texts.piece(tokenizer, id) end))
  end
  return true
end

local function go_on(session, text, lines)
  local function write(tokens) return pcall(session.generate, session, text, { tokens = tokens, temperature = 0.8 }) end
  local ok, written = write(WRITTEN)
  local room = not ok and tostring(written):match("ask for at most (%d+)") -- a context shorter than that
  if room then ok, written = write(tonumber(room)) end
  if not ok then return false, written end
  for line in (text .. written .. "\n"):gmatch("(.-)\n") do lines[#lines + 1] = "  " .. line end
  return true
end

local Predicted = { __name = "prediction" }
function Predicted:__tostring() return self.text end

-- What the run's model makes of a text of one's own, as lines.
function texts.predict(session, text)
  local lines, _, _, model = {}, lathe.module_info(session.model)
  local ok, why = guess_words(session, model, text, lines)
  if not ok then ok, why = go_on(session, text, lines) end
  if not ok then fail("predict: this model neither guesses words nor goes on with a text%s", why and ": " .. why or "") end
  return lines
end

function predict(text)
  if type(text) ~= "string" or text == "" then fail("predict: a text is wanted, as in predict('the [MASK] barks')") end
  if lathe.kind(run) ~= "session" then fail("predict: there is no run; make one with run = session {...}") end
  return setmetatable({ text = table.concat(texts.predict(run, text), "\n") }, Predicted)
end

lathe.document(predict, "predict(text): what the run's model makes of a text of one's own: the five likeliest words for each [MASK]\n"
  .. "('a | b' is a pair of sentences), or how it goes on, where it is a decoder.")

return texts
