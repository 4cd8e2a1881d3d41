-- SPDX-License-Identifier: GPL-3.0-or-later
-- run:generate(text, options): text goes to tokens, tokens come back as text, piece by piece. What is returned here is for
-- scripts/bind_generate.c: the function that gives the text at the end, and what is to be done before.

local function fail(...) error((...):format(select(2, ...)), 0) end

-- The session, the model's name in it, and the tokenizer that the model speaks: that of the data unless one is given.
local function parts(owner, options)
  local session, name = owner, options.model
  if lathe.kind(owner) == "module" then
    local _, _, model, of = lathe.module_info(owner)
    session, name = of, model
  end
  if name ~= nil and type(name) ~= "string" then fail("generate: model must be the name of a model of the run") end
  local source = rawget(session.data, "train") or select(2, next(session.data))
  local tokenizer = options.tokenizer or source and lathe.tokenizer(source)
  if not tokenizer then fail("generate: the run's data were not made by a tokenizer; give one, tokenizer = tokenizers.load('DIR')") end
  if type(tokenizer) ~= "userdata" then fail("generate: tokenizer must be one, as tokenizers.load('DIR') gives it") end
  if not session.model then fail("generate: the session has no model") end
  return session, name or select(3, lathe.module_info(session.model)), tokenizer
end

local function stops_of(options)
  local stop = options.stop
  if stop == nil then return {} end
  if type(stop) == "string" then stop = { stop } end
  if type(stop) ~= "table" then fail("generate: stop must be a text or a list of texts; got a %s", type(stop)) end
  for _, text in ipairs(stop) do
    if type(text) ~= "string" or text == "" then fail("generate: stop must be texts that are not empty") end
  end
  return stop
end

-- Where the first of the texts begins, nil where none stands there.
local function find_stop(text, stops)
  local first
  for _, stop in ipairs(stops) do
    local at = text:find(stop, 1, true)
    if at and (not first or at < first) then first = at end
  end
  return first
end

-- How much of the text cannot change any more: what may be the beginning of a stop, or half a character, waits.
local function settled(text, stops)
  local length = #text
  for back = 1, math.min(3, length) do
    local byte = text:byte(length - back + 1)
    if byte >= 0xC0 then
      local size = byte >= 0xF0 and 4 or byte >= 0xE0 and 3 or 2
      if back < size then length = length - back end
      break
    elseif byte < 0x80 then
      break
    end
  end
  for _, stop in ipairs(stops) do
    for part = math.min(#stop - 1, length), 1, -1 do
      if text:sub(length - part + 1, length) == stop:sub(1, part) then
        length = length - part
        break
      end
    end
  end
  return length
end

return function(owner, text, options)
  options = options or {}
  if type(text) ~= "string" then fail("generate: a text is wanted, as in run:generate('Once upon a time')") end
  if type(options) ~= "table" then fail("generate: options are a table, as in run:generate('Once', {tokens = 50})") end
  local session, name, tokenizer = parts(owner, options)
  local stops, listener = stops_of(options), options.on_token
  if listener ~= nil and type(listener) ~= "function" then fail("generate: on_token must be a function of a text") end
  local prompt = tokenizer:encode(text)
  if options.answer then
    prompt[#prompt + 1] = tokenizer.special.separator
    local given = options
    options = { temperature = 0 }
    for key, value in pairs(given) do options[key] = value end
  end
  if #prompt == 0 then prompt = { tokenizer.special.separator } end -- a text begins behind the end of another one
  local ids, written, told = {}, "", 0
  local function tell(length)
    if listener and length > told then listener(written:sub(told + 1, length)) end
    told = math.max(told, length)
  end
  local function hear(id)
    ids[#ids + 1] = id
    written = tokenizer:decode(ids)
    local stop = find_stop(written, stops)
    if stop then written = written:sub(1, stop - 1) end
    tell(stop and #written or settled(written, stops))
    return stop ~= nil
  end
  local function finish()
    tell(#written)
    return written
  end
  return finish, session, name, prompt, options, hear, { vocab_size = tokenizer.vocab_size, end_id = tokenizer.special.separator }
end
