-- SPDX-License-Identifier: GPL-3.0-or-later
-- How the history speaks: numbers, lines of Lua, errors.
local words = {}

function words.fail(...) error((...):format(select(2, ...)), 0) end

function words.comma(n)
  local text = ("%d"):format(n):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^(%-?),", "%1"))
end

-- A text as Lua reads it back, in one line.
function words.quoted(text) return (("%q"):format(text):gsub("\\\n", "\\n")) end

-- The shortest text that reads back as this number.
function words.shortest(number)
  for digits = 6, 16 do
    local text = ("%." .. digits .. "g"):format(number)
    if tonumber(text) == number then return text end
  end
  return ("%.17g"):format(number)
end

-- The first line of a text, shortened.
function words.shown(line)
  line = line:match "^[^\n]*"
  return #line > 120 and line:sub(1, 117) .. "..." or line
end

-- What one can look at: a list that prints itself.
local Listing = {}
Listing.__tostring = function(list)
  local lines = {}
  for _, item in ipairs(list) do lines[#lines + 1] = item.text end
  return #lines == 0 and "none" or table.concat(lines, "\n")
end

function words.listing(list) return setmetatable(list, Listing) end

return words
