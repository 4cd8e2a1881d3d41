-- SPDX-License-Identifier: GPL-3.0-or-later
-- What an objective's own function keeps from step to step, outside of the session's state: a counter in an upvalue,
-- a table or a global. Undo, resume and replay do not bring such things back, so the run is marked, and the person told.
local type, pairs, next, rawequal, tostring, setmetatable, table = type, pairs, next, rawequal, tostring, setmetatable, table
local getupvalue, running = debug.getupvalue, coroutine.running

local MOST = 64 -- entries of a table that are looked at

local function plain(value)
  local kind = type(value)
  return kind == "number" or kind == "string" or kind == "boolean"
end

local function add_table(out, name, content, most)
  for key, value in next, content do
    if most == 0 then return end
    most = most - 1
    if type(key) == "string" and plain(value) then out[name .. key] = value end
  end
end

-- The plain values that the function can reach: its upvalues, the entries of tables among them, globals.
local function reach(f)
  local out = {}
  for i = 1, 255 do
    local name, value = getupvalue(f, i)
    if not name then return out end
    if plain(value) then
      out[name] = value
    elseif name == "_ENV" and type(value) == "table" then
      add_table(out, "global ", value, 1000)
    elseif type(value) == "table" then
      add_table(out, name .. ".", value, MOST)
    end
  end
  return out
end

-- How often a function changed what it keeps; once may be a value that is computed at its first use.
local changes = setmetatable({}, { __mode = "k" })

local function different(before, after)
  local names = {}
  for name, value in pairs(after) do
    local old = before[name]
    if not rawequal(value, old) and (value == value or old == old) then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

-- By coroutine: a line of the prompt, which may run amid an objective, has one of its own and is not inside.
local inside = setmetatable({}, { __mode = "k" })
local leave = setmetatable({}, { __close = function() inside[running()] = nil end })

function engine.in_objective() return inside[running()] or false end

local function call(f, model, batch)
  local guard <close> = leave
  inside[running()] = true
  return f(model, batch)
end

-- Calls an objective's function, and marks the run where it keeps something. What changed while lines of the prompt
-- ran is not told apart from what they changed, and not judged.
function engine.call_objective(f, objective, session, model, batch)
  local before, lines = reach(f), engine.lines_begun
  local loss = call(f, model, batch)
  if changes[f] == true or engine.lines_begun ~= lines then return loss end
  local names = different(before, reach(f))
  if #names > 0 then
    changes[f] = (changes[f] or 0) + 1
    if changes[f] == 2 then
      changes[f] = true
      engine.history.warn(session, ("objective '%s' changes '%s' from step to step, which is not in the run's state: "
        .. "undo, resume and replay give other numbers; use batch.step in its place"):format(objective, names[1]))
    end
  end
  return loss
end
