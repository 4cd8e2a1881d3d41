-- SPDX-License-Identifier: GPL-3.0-or-later
-- Conditions on metrics as people write them: "loss.mlm > 5 and step > 100". Parsed here, never run as Lua.
-- A user's own global of such a name changes nothing here.
local ipairs, tonumber, error = ipairs, tonumber, error
local function fail(text, at, message)
  error(("in \"%s\": %s"):format(text, message .. (at <= #text and (" at '%s'"):format(text:sub(at)) or " at the end")), 0)
end

local SYMBOLS = { "<=", ">=", "==", "~=", "!=", "<", ">", "+", "-", "*", "/", "(", ")" }

local function next_token(text, at)
  at = text:find("%S", at)
  if not at then return nil, #text + 1, #text + 1 end
  local name = text:match("^[%a_][%w_.]*", at)
  if name then return { kind = (name == "and" or name == "or" or name == "not") and name or "name", name = name }, at, at + #name end
  local number = text:match("^%d+%.?%d*[eE][+-]?%d+", at) or text:match("^%d*%.?%d+", at) or text:match("^%d+%.?", at)
  if number then return { kind = "number", value = tonumber(number) }, at, at + #number end
  for _, symbol in ipairs(SYMBOLS) do
    if text:sub(at, at + #symbol - 1) == symbol then return { kind = symbol }, at, at + #symbol end
  end
  fail(text, at, "something that is no metric, number or comparison")
end

local COMPARE = {
  ["<"] = function(a, b) return a < b end, ["<="] = function(a, b) return a <= b end,
  [">"] = function(a, b) return a > b end, [">="] = function(a, b) return a >= b end,
  ["=="] = function(a, b) return a == b end, ["~="] = function(a, b) return a ~= b end,
  ["!="] = function(a, b) return a ~= b end,
}
local COMBINE = {
  ["+"] = function(a, b) return a + b end, ["-"] = function(a, b) return a - b end,
  ["*"] = function(a, b) return a * b end, ["/"] = function(a, b) return a / b end,
}

-- condition(text, check) -> test(metrics), names. check(name) raises for a name that is no metric.
return function(text, check)
  local token, place, after
  local depth, names, seen = 0, {}, {}
  local function advance() token, place, after = next_token(text, after or 1) end
  local function want(kind, message)
    if not token or token.kind ~= kind then fail(text, place, message) end
    advance()
  end
  local either

  local function deeper(parse)
    depth = depth + 1
    if depth > 50 then fail(text, place, "too many brackets") end
    local value, is_test = parse()
    depth = depth - 1
    return value, is_test
  end

  -- Each parser returns a function of the metrics, and whether that gives true or false.
  local function atom()
    if not token then fail(text, place, "a metric or a number is missing") end
    if token.kind == "number" then
      local value = token.value
      advance()
      return function() return value end, false
    end
    if token.kind == "name" then
      local name = token.name
      check(name)
      if not seen[name] then seen[name], names[#names + 1] = true, name end
      advance()
      return function(metrics) return metrics[name] or 0 / 0 end, false
    end
    if token.kind == "-" then
      advance()
      local inner, is_test = deeper(atom)
      if is_test then fail(text, place, "a comparison cannot be negated with '-'") end
      return function(metrics) return -inner(metrics) end, false
    end
    want("(", "a metric or a number is missing")
    local inner, is_test = deeper(either)
    want(")", "a closing bracket is missing")
    return inner, is_test
  end

  local function level(parse, symbols, table_of)
    return function()
      local left, is_test = parse()
      while token and symbols[token.kind] do
        local f = table_of[token.kind]
        if is_test then fail(text, place, "a comparison is no number") end
        advance()
        local a, b, other = left, parse()
        if other then fail(text, place, "a comparison is no number") end
        left = function(metrics) return f(a(metrics), b(metrics)) end
        if table_of == COMPARE then return left, true end
      end
      return left, is_test
    end
  end
  local product = level(atom, { ["*"] = true, ["/"] = true }, COMBINE)
  local sum = level(product, { ["+"] = true, ["-"] = true }, COMBINE)
  local comparison = level(sum, COMPARE, COMPARE)

  local function test()
    if token and token.kind == "not" then
      advance()
      local inner, is_test = deeper(comparison)
      if not is_test then fail(text, place, "a comparison is wanted after 'not'") end
      return function(metrics) return not inner(metrics) end, true
    end
    return comparison()
  end

  local function joined(parse, word, f)
    return function()
      local left, is_test = parse()
      while token and token.kind == word do
        if not is_test then fail(text, place, "a comparison is wanted before '" .. word .. "'") end
        advance()
        local a, b, other = left, parse()
        if not other then fail(text, place, "a comparison is wanted after '" .. word .. "'") end
        left = function(metrics) return f(a, b, metrics) end
      end
      return left, is_test
    end
  end
  local both = joined(test, "and", function(a, b, metrics) return a(metrics) and b(metrics) end)
  either = joined(both, "or", function(a, b, metrics) return a(metrics) or b(metrics) end)

  advance()
  local value, is_test = either()
  if token then fail(text, place, "something is left over") end
  if not is_test then fail(text, #text + 1, "a comparison is wanted, as in \"grad_norm > 10\"") end
  return value, names
end
