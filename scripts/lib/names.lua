-- SPDX-License-Identifier: GPL-3.0-or-later
-- The names that lines are completed from: globals and what is behind them, options of what is called with a table.
-- One line each, "path<tab>what it is", "path{option<tab>what it is", sorted.
local MOST, DEEPEST, LONGEST_DOC = 20000, 16, 100
local members, doc_of, options_of, state_names = lathe.members, lathe.doc_of, lathe.options_of, lathe.state_names
local type, pcall, next, tonumber, ipairs, rawget = type, pcall, next, tonumber, ipairs, rawget

local function shorten(text)
  local body = text:match("^[^\n]*%b()[^\n]*\n\n(.+)") or text
  local sentence = body:gsub("%s+", " "):match("^(.-[%.;:]) ") or body:gsub("%s+", " ")
  if #sentence > LONGEST_DOC then sentence = sentence:sub(1, LONGEST_DOC):match("^(.*) ") .. " ..." end
  return (sentence:gsub("[%.;:]$", ""))
end

-- Most names share their words with many others: each text is shortened once a listing.
local shortened
local function brief(text)
  local words = shortened[text] or shorten(text)
  shortened[text] = words
  return words
end

local function is_name(key) return type(key) == "string" and key:find("^[%a_][%w_]*$") and not key:find("^__") end

local function put(list, path, doc)
  if #list < MOST then list[#list + 1] = path .. "\t" .. (type(doc) == "string" and brief(doc) or "") end
end

local function put_options(list, path, value)
  local names = options_of(value)
  for i = 1, #names, 2 do put(list, path .. "{" .. names[i], names[i + 1]) end
end

-- Of a parameter: its state itself is copies.
local function put_states(list, path, parameter)
  local ok, names = pcall(state_names, parameter)
  for _, name in ipairs(ok and names or {}) do put(list, path .. "." .. name) end
end

-- Of what is live: these make copies, of weights for one, and there is nothing behind them to name.
local copies = { value = true, shape = true, grad = true, state = true, mask = true, last = true }

-- Calls visit(path, value) for each name right behind the value, and lists it.
local function behind(list, path, value, visit)
  local ok, names = pcall(members, value)
  if value == _G and rawget(_G, "run") == nil then names[#names + 1] = "run" end -- the live one is in no table
  local live = type(value) == "userdata"
  for _, name in ipairs(ok and names or {}) do
    if is_name(name) or (live and name:find("^%d+$")) then
      local _, doc = pcall(doc_of, value, name)
      local got, inner = false, nil
      if not (live and copies[name] and type(doc) == "string") then got, inner = pcall(function() return value[tonumber(name) or name] end) end
      if type(doc) ~= "string" and got then _, doc = pcall(doc_of, inner) end
      local dot = path == "" and "" or live and type(inner) == "function" and ":" or "."
      local where = tonumber(name) and path .. "[" .. name .. "]" or path .. dot .. name
      put(list, where, doc)
      if live and name == "state" then put_states(list, where, value) end
      if got and inner ~= nil and visit then visit(where, inner) end
    end
  end
end

-- Of run, whatever is behind its names; of other values one level.
local function walk(list, path, value, depth)
  put_options(list, path, value)
  local live = path:find("^run%f[^%w_]") ~= nil
  if depth > (live and DEEPEST or 1) or value == _G or path:find("^package") then return end
  if type(value) ~= "table" and type(value) ~= "userdata" then return end
  behind(list, path, value, function(where, inner)
    if #list < MOST then walk(list, where, inner, depth + 1) end
  end)
end

local keywords = "and break do else elseif end false for function goto if in local nil not or repeat return then true until while"

-- The value of "run.models.teacher", "list[0]:method", or nil.
local function resolve(path)
  local value = _G
  for name, index in path:gmatch("([%a_][%w_]*)(%[?%d*%]?)") do
    for _, key in ipairs { name, tonumber(index:match("%d+")) } do
      local ok, inner = pcall(function() return value[key] end)
      if not ok or inner == nil then return nil end
      value = inner
    end
  end
  return value
end

-- What a word like that may become, no more.
local function list_behind(list, key)
  local owner, container = key:match("^(.*){[%w_]*$"), key:match("^(.*)[%.:][%w_]*$") or key:match("^(.*)%[%d*$")
  local path = owner or container or ""
  local value = resolve(path)
  if value == nil then return end
  if owner then put_options(list, owner, value) else behind(list, path, value) end
end

-- names() -> all of them; names(key) -> those among which the one is that begins with the key
return function(key)
  local list = {}
  shortened = {}
  if key then
    list_behind(list, key)
    if key:find("{", 1, true) then list_behind(list, key:match("{(.*)")) end
  else
    behind(list, "", _G, function(path, value) walk(list, path, value, 1) end)
  end
  for word in keywords:gmatch("%a+") do put(list, word) end
  table.sort(list)
  return table.concat(list, "\n") .. "\n"
end
