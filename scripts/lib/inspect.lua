-- SPDX-License-Identifier: GPL-3.0-or-later
-- How the prompt shows values: short, never dumped.
local words = require "lathe.words"
local MOST_ENTRIES, LONGEST_TEXT = 12, 200

local function quoted(text)
  if #text <= LONGEST_TEXT then return words.quoted(text) end
  return words.quoted(text:sub(1, LONGEST_TEXT)) .. (" ... (%d bytes)"):format(#text)
end

local function number(value)
  if math.type(value) == "integer" then return tostring(value) end
  if value ~= value then return "nan" end -- printf shows the sign of some, which means nothing
  local short = ("%.7g"):format(value)
  return short:find("^%-?%d+$") and short .. ".0" or short
end

local function ordered(keys)
  table.sort(keys, function(a, b)
    local ta, tb = type(a), type(b)
    if ta ~= tb then return ta < tb end
    if ta == "number" or ta == "string" then return a < b end
    return tostring(a) < tostring(b)
  end)
  return keys
end

local show

local function entries(value, depth)
  local parts, length, shown = {}, rawlen(value), 0
  for i = 1, math.min(length, MOST_ENTRIES) do
    parts[#parts + 1] = show(rawget(value, i), depth + 1)
    shown = shown + 1
  end
  local keys, total = {}, 0
  for key in next, value do
    total = total + 1
    if not (math.type(key) == "integer" and key >= 1 and key <= length) then keys[#keys + 1] = key end
  end
  for _, key in ipairs(ordered(keys)) do
    if shown >= MOST_ENTRIES then break end
    local name = type(key) == "string" and key:find("^[%a_][%w_]*$") and key or "[" .. show(key, depth + 1) .. "]"
    parts[#parts + 1] = name .. " = " .. show(rawget(value, key), depth + 1)
    shown = shown + 1
  end
  if total > shown then parts[#parts + 1] = ("... (%d more)"):format(total - shown) end
  return parts
end

function show(value, depth)
  local kind = type(value)
  if kind == "string" then return depth == 0 and #value <= LONGEST_TEXT and value or quoted(value) end
  if kind == "number" then return number(value) end
  local meta = kind == "table" and getmetatable(value)
  if kind ~= "table" or (type(meta) == "table" and meta.__tostring) then
    local text = tostring(value)
    return depth > 0 and text:match("^[^\n]*") or text
  end
  if depth >= 3 then return "{...}" end
  local parts = entries(value, depth)
  if #parts == 0 then return "{}" end
  return "{" .. table.concat(parts, ", ") .. "}"
end

-- The values of one prompt line, as text without a last newline.
function lathe.show(...)
  local parts = {}
  for i = 1, select("#", ...) do parts[i] = show((select(i, ...)), 0) end
  return table.concat(parts, "  ")
end

-- The value that a dotted path names, or nil.
local function named(path)
  local value = _G
  if not path:find("^[%a_][%w_.]*$") then return nil end
  for name in path:gmatch("[^.]+") do
    local ok, inner = pcall(function() return value[name] end)
    if not ok or inner == nil then return nil end
    value = inner
  end
  return value
end

local standard = { "string", "table", "math", "utf8", "coroutine", "os", "io", "debug", "package" }

-- "string.format" for a function of Lua's own library, else nil.
local function standard_name(f)
  for name, value in next, _G do
    if rawequal(value, f) then return name end
  end
  for _, library in ipairs(standard) do
    for name, value in next, type(_G[library]) == "table" and _G[library] or {} do
      if rawequal(value, f) then return library .. "." .. name end
    end
  end
end

local function describe_function(f)
  local info, names = debug.getinfo(f, "Su"), {}
  if info.what == "C" then
    local name = standard_name(f)
    return name and ("%s: a function of Lua 5.4; www.lua.org/manual/5.4/manual.html#pdf-%s"):format(name, name) or "A function written in C."
  end
  for i = 1, info.nparams do names[i] = debug.getlocal(f, i) end
  if info.isvararg then names[#names + 1] = "..." end
  return ("function(%s), %s, line %d"):format(table.concat(names, ", "), info.short_src, info.linedefined)
end

local function describe_table(value)
  for _, library in ipairs(standard) do
    if rawequal(value, _G[library]) then
      local names = {}
      for name in next, value do names[#names + 1] = tostring(name) end
      return ("%s: a library of Lua 5.4 with %s"):format(library, table.concat(ordered(names), ", "))
    end
  end
  return "A table: " .. lathe.show(value)
end

-- What help(value) says where no record knows the value.
function lathe.describe(value)
  local kind = type(value)
  if kind == "string" then
    local meant = named(value)
    if meant ~= nil and type(meant) ~= "string" then
      help(meant)
      return ""
    end
    return ("Nothing is known about '%s'. help() lists the libraries."):format(value:sub(1, 60))
  end
  if kind == "function" then return describe_function(value) end
  if kind == "table" and not (getmetatable(value) or {}).__tostring then return describe_table(value) end
  if kind == "number" or kind == "boolean" then return ("A %s: %s"):format(kind, tostring(value)) end
  return (tostring(value):match("^[^\n]*"))
end

-- The prompt's ?x: help on the value of x, or on the name where there is no such value.
function lathe.explain(text)
  text = text:match("^%s*(.-)%s*$")
  if text == "" then return help() end
  local chunk = load("return " .. text, "=prompt")
  local ok, value = true, nil
  if chunk then ok, value = pcall(chunk) end
  if ok and value ~= nil then help(value) else help(text) end
end
