-- SPDX-License-Identifier: GPL-3.0-or-later
-- A line that a client sent: compiled, called, its values shown.
local load, print = load, print

-- "?x" is help(x), "=x" is x.
local function rewrite(text)
  local mark, rest = text:match("^[ \t]*([=?])(.*)$")
  if mark == "=" then return rest end
  return mark and "lathe.explain[==[" .. rest .. "]==]" or text
end

local function finish(...)
  local count = select("#", ...)
  if count > 0 then print(count == 1 and (...) == nil and "nil" or lathe.show(...)) end
end

engine.lines_begun = 0 -- how many were taken, also amid a step

return function(text)
  engine.lines_begun = engine.lines_begun + 1
  local chunk = rewrite(text)
  local typed_line, message = load("return " .. chunk, "=prompt")
  if not typed_line then typed_line, message = load(chunk, "=prompt") end
  if not typed_line then error(message, 0) end
  finish(typed_line())
end
