-- SPDX-License-Identifier: GPL-3.0-or-later
-- expect(value):below(2): assertions for recipes, scripts and the prompt. One that fails is an error that shows the
-- value and the expression, so the program ends with status 1.
local open_file, getinfo = io and io.open, debug.getinfo
local Expectation = { __name = "expectation" }
local Methods = {}
Expectation.__index = function(_, name)
  local method = Methods[name]
  if method then return method end
  local near = lathe.nearest(tostring(name), { "below", "above", "near", "equal" })
  error(("expect has no '%s'; %s"):format(tostring(name),
    near and ("did you mean '%s'?"):format(near) or "there are below, above, near and equal"), 2)
end

-- The line of the source where the assertion stands, nil where it cannot be had (a run's own recipe is read without
-- io).
local function source_line(level)
  local info = getinfo(level + 1, "Sl")
  if not info then return nil end
  if info.source == "=prompt" then return engine.line() end
  local file = open_file and info.source:find("^[@=]") and open_file(info.source:sub(2), "r")
  if not file then return nil end
  local number, found = 0, nil
  for line in file:lines() do
    number = number + 1
    if number == info.currentline then found = line break end
  end
  file:close()
  return found
end

local function show(value)
  if math.type(value) == "float" then return ("%.10g"):format(value) end
  return lathe.show(value)
end

-- "run.loss" of a line with expect(run.loss):below(2); the first where there are several.
local function expression(method, level)
  local line = source_line(level + 1)
  if not line then return nil end
  for inner, rest in line:gmatch("expect%s*(%b())%s*:%s*([%a_]+)") do
    if rest == method then return inner:sub(2, -2) end
  end
end

local function fail(self, method, asked, words)
  local text = expression(method, 3)
  local name = text or "value"
  error(("expect(%s):%s(%s): %s is %s, %s"):format(name, method, asked, text and #text <= 60 and text or "it",
    show(rawget(self, "value")), words), 3)
end

-- A number, or a tensor of one number.
local function number(value, what, method, level)
  if type(value) == "userdata" and pcall(function() return value.item end) then
    local ok, item = pcall(function() return value:item() end)
    if ok then value = item end
  end
  if type(value) ~= "number" then
    error(("expect: %s of %s must be a number; got a %s"):format(what, method, type(value)), level + 1)
  end
  return value
end

function Methods:below(limit)
  local value = number(rawget(self, "value"), "the value", "below", 2)
  limit = number(limit, "the limit", "below", 2)
  if not (value < limit) then fail(self, "below", show(limit), "which is not below " .. show(limit)) end
  return self
end

function Methods:above(limit)
  local value = number(rawget(self, "value"), "the value", "above", 2)
  limit = number(limit, "the limit", "above", 2)
  if not (value > limit) then fail(self, "above", show(limit), "which is not above " .. show(limit)) end
  return self
end

function Methods:near(other, tolerance)
  local value = number(rawget(self, "value"), "the value", "near", 2)
  other = number(other, "the other value", "near", 2)
  tolerance = number(tolerance or 1e-6, "the tolerance", "near", 2)
  local difference = math.abs(value - other)
  if not (value == other or difference <= tolerance) then
    fail(self, "near", show(other) .. ", " .. show(tolerance),
      ("which differs from %s by %s, more than %s"):format(show(other), show(difference), show(tolerance)))
  end
  return self
end

-- Tables are equal when what is in them is.
local function same(a, b, depth)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" or depth > 100 then return false end
  for key, value in next, a do
    if not same(value, b[key], depth + 1) then return false end
  end
  for key in next, b do
    if a[key] == nil then return false end
  end
  return true
end

function Methods:equal(other)
  if not same(rawget(self, "value"), other, 0) then fail(self, "equal", show(other), "not " .. show(other)) end
  return self
end

function expect(...)
  if select("#", ...) == 0 then error("expect takes a value, as in expect(run.loss):below(2)", 2) end
  return setmetatable({ value = (...) }, Expectation)
end
lathe.document(expect, "expect(value): an assertion, an error when it does not hold; the program then ends with status 1.\n"
  .. "  :below(limit)  :above(limit)  :near(other, tolerance)  :equal(other), which may follow each other\n"
  .. "NaN is neither below nor above nor near anything. A recipe's check = function(run, metrics) ... end is called\n"
  .. "after training, as in check = function(run, metrics) expect(metrics['final.mlm']):below(2) end")
