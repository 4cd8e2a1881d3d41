-- SPDX-License-Identifier: GPL-3.0-or-later
-- The text of journal.lua. Each entry says what happened, and where:
--   at(1206, "hash of the state before")
--   run.objectives.nsp.weight = 0.1
--   -- typed: run.objectives.nsp.weight = 0.2 / 2
--   -- back: run.objectives.nsp.weight = 0.5
-- An entry is one step of the session and one line of Lua (or several). Edits fall between two steps, before the first
-- micro-step of the next one.
local words = require "lathe.words"
local journal = {}

-- Entries that only say which state was reached.
journal.marks = { ["began()"] = true, ["finish()"] = true, ["saved()"] = true }

-- notes: { typed, back, planned }, each may be nil.
function journal.entry(step, hash, text, notes)
  local lines = { ('at(%d, "%s")'):format(step, hash), text }
  for _, name in ipairs { "typed", "back", "planned" } do
    if notes and notes[name] then lines[#lines + 1] = ("-- %s: %s"):format(name, notes[name]) end
  end
  return table.concat(lines, "\n") .. "\n"
end

-- { step, hash, text, typed, back, planned } each. What a crash left of the last one is no entry.
function journal.entries(text)
  local list, entry = {}, nil
  local whole = text:match "^.*\n" or ""
  for line in whole:gmatch "([^\n]*)\n" do
    local step, hash = line:match '^at%((%d+), "(%x+)"%)$'
    local name, note = line:match "^%-%- (%l+): (.*)$"
    if step then
      entry = { step = math.tointeger(step), hash = hash }
      list[#list + 1] = entry
    elseif entry and (name == "typed" or name == "back" or name == "planned") then
      entry[name] = note
    elseif entry and name ~= "warning" then
      entry.text = entry.text and entry.text .. "\n" .. line or line
    end
  end
  if entry and not entry.text then list[#list] = nil end
  for i, e in ipairs(list) do
    if not e.text then words.fail("journal.lua: entry %d, at(%d), says nothing", i, e.step) end
    e.text = e.text:gsub("  %-%- typed: [^\n]*$", "") -- as it was written once
    e.planned = math.tointeger(tonumber(e.planned))
  end
  return list
end

-- A function that gives what the journal warns of, one by one.
function journal.warnings(text) return text:gmatch "%-%- warning: ([^\n]*)" end

return journal
