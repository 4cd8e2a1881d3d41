-- SPDX-License-Identifier: GPL-3.0-or-later
-- An objective's own function as text: that is how one which is added to a live run gets into the journal, and out of
-- it again in a replay. Such a function sees the libraries alone, since whatever else it could reach would be another
-- thing then, or not there; locals of the line that it was typed in are written out if they are plain values.
local words = require "lathe.words"
local fail = words.fail
local dump, getinfo, getupvalue = string.dump, debug.getinfo, debug.getupvalue

local hidden = { engine = true, lathe = true, run = true, io = true, os = true, debug = true, require = true,
  dofile = true, loadfile = true, _G = true }

local function read_only(library, name)
  return setmetatable({}, { __index = library, __metatable = false, __newindex = function(_, key)
    fail("an objective that is added to a run cannot set %s.%s; use a local", name, tostring(key))
  end })
end

local own = getmetatable(_ENV).__index -- what the library has, whatever the user's code did to its globals
local libraries = {}

-- The globals of such a function.
local seen = setmetatable({}, {
  __metatable = false,
  __index = function(_, name)
    local value = not hidden[name] and rawget(own, name)
    if not value then
      fail("an objective that is added to a run sees the libraries alone, and not '%s': write what it stands for into the function",
        tostring(name))
    end
    if type(value) ~= "table" then return value end
    libraries[name] = libraries[name] or read_only(value, name)
    return libraries[name]
  end,
  __newindex = function(_, name)
    fail("an objective that is added to a run cannot set the global '%s'; use a local", tostring(name))
  end,
})

function engine.function_of_text(text)
  if text:find("\0", 1, true) then fail "objectives.custom: the text of loss has a byte that is zero, which the journal cannot hold" end
  local chunk, problem = load("return " .. text, "=objective", "t", seen)
  if not chunk then chunk, problem = load(text, "=objective", "t", seen) end
  if not chunk then fail("objectives.custom: the text of loss is not Lua: %s", problem) end
  local f = chunk()
  if type(f) ~= "function" then
    fail([[objectives.custom: the text of loss must be that of a function, as in "function(model, batch) return loss end"]])
  end
  return f
end

-- --- finding the text ---

local function number_text(x)
  if x ~= x then return "(0/0)" end
  if x == math.huge or x == -math.huge then return x > 0 and "math.huge" or "-math.huge" end
  if math.type(x) == "integer" then return x == math.mininteger and "math.mininteger" or ("%d"):format(x) end
  local text = words.shortest(x)
  return text:find "[.e]" and text or text .. ".0"
end

local function value_text(value, name)
  local kind = type(value)
  if kind == "number" then return number_text(value) end
  if kind == "boolean" or kind == "nil" then return tostring(value) end
  if kind == "string" then return words.quoted(value) end
  fail("add_objective: the function's local '%s' is a %s, which the journal cannot hold; make it inside of the function", name, kind)
end

-- "local a = 1 local b = 2 " for its upvalues, and how many there are.
local function locals_of(f)
  local list = {}
  for i = 1, 255 do
    local name, value = getupvalue(f, i)
    if not name then break end
    if name ~= "_ENV" then list[#list + 1] = ("local %s = %s "):format(name, value_text(value, name)) end
  end
  return table.concat(list), #list
end

-- Whether both are the same code; locals that they reach may stand elsewhere, a byte for each.
local function same(f, g, locals)
  local a, b = dump(f, true), dump(g, true)
  if #a ~= #b then return false end
  local different = 0
  if a ~= b then
    for i = 1, #a do
      if a:byte(i) ~= b:byte(i) then different = different + 1 end
    end
  end
  return different <= locals
end

-- Where the line of that number begins and ends in the text.
local function bounds(text, number)
  local from = 1
  for _ = 2, number do
    from = (text:find("\n", from, true) or #text) + 1
  end
  return from, text:find("\n", from, true) or #text + 1
end

-- The shortest piece of the text from that place to an 'end' on the last line of the function which is its code.
local function piece_at(text, first, last_line, begins, f, locals)
  local from, to = bounds(text, last_line)
  local at = math.max(first, from)
  while true do
    local _, stop = text:find("%f[%w_]end%f[^%w_]", at)
    if not stop or stop > to then return end
    local piece = text:sub(first, stop):gsub("^function%s+[%a_][%w_.:]*", "function")
    local chunk = load(begins .. piece, "=objective", "t", seen)
    if chunk then return same(f, chunk(), locals) and piece or nil end
    at = stop + 1
  end
end

local function find(text, f)
  local info, begins, locals = getinfo(f, "S"), locals_of(f)
  if info.source ~= "=prompt" then return end
  local at, to = bounds(text, info.linedefined)
  while true do
    local first = text:find("%f[%w_]function%f[^%w_]", at)
    if not first or first > to then return end
    local piece = piece_at(text, first, info.lastlinedefined, ("\n"):rep(info.linedefined - 1) .. begins .. "return ", f, locals)
    if piece then return locals > 0 and begins .. "return " .. piece or piece end
    at = first + 1
  end
end

-- Of a function that the line defines which is running.
function engine.text_of_function(f)
  local text = find(engine.line(), f)
  if text then return text end
  fail([[the journal needs the function's text: write it into the call, as in run:add_objective(function(model, batch) return loss end), ]]
    .. [[or give it as text, as in objectives.custom { loss = "function(model, batch) return loss end" }]])
end
