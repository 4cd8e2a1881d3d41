-- SPDX-License-Identifier: GPL-3.0-or-later
-- Recipes: a Lua file that returns recipe { doc, params, build }. Parameters are declared with defaults and ranges;
-- everything about them (--set, --help, forms) follows from the declaration.
local words = require "lathe.words"
local Recipe = { __name = "recipe" }
local Param = { __name = "parameter" }

local function fail(...) error((...):format(select(2, ...))) end

local known = { min = true, max = true, above = true, below = true, doc = true, choices = true }

-- One maker for each kind: integer {128, min = 8, doc = "..."}.
local function kind(name)
  return function(spec)
    if type(spec) ~= "table" then spec = { spec } end
    local param = setmetatable({ kind = name, default = spec[1] }, Param)
    for key, value in pairs(spec) do
      if known[key] then
        param[key] = value
      elseif key ~= 1 and not (name == "choice" and math.type(key)) then
        fail("%s parameter: unknown field '%s'; there are min, max, above, below, choices, doc", name, tostring(key))
      end
    end
    if name == "choice" and not param.choices then
      param.choices = table.move(spec, 1, #spec, 1, {}) -- choice {"adamw", "sgd"}: the first is the default
    end
    return param
  end
end

for _, name in ipairs { "integer", "number", "boolean", "text", "file", "choice" } do _G[name] = kind(name) end
lathe.document(integer, "integer {128, min = 8, max = 1024, doc = '...'}: a whole number, as a parameter of a recipe.")
lathe.document(number, "number {1e-3, above = 0, doc = '...'}: a number, as a parameter of a recipe (min, max, above, below).")
lathe.document(boolean, "boolean {true, doc = '...'}: true or false, as a parameter of a recipe.")
lathe.document(text, "text {'word', doc = '...'}: a text, as a parameter of a recipe.")
lathe.document(file, "file {doc = '...'}: the path of a file or directory that exists, as a parameter of a recipe.")
lathe.document(choice, "choice {'adamw', 'sgd', doc = '...'}: one of these, the first unless said, as a parameter of a recipe.")

local function plain(value)
  if math.type(value) == "float" then
    return (words.shortest(value):gsub("e([+-])0+", "e%1"):gsub("e%+", "e"))
  end
  return tostring(value)
end

-- The allowed values in words.
local function range(param)
  if param.kind == "boolean" then return "true or false" end
  if param.kind == "choice" then return "one of " .. table.concat(param.choices, ", ") end
  if param.kind == "file" then return "a path" end
  if param.kind == "text" then return "a text" end
  local words = param.kind == "integer" and "an integer" or "a number"
  local low, high = param.min or param.above, param.max or param.below
  if low and high then
    return ("%s in %s%s, %s%s"):format(words, param.above and "(" or "[", plain(low), plain(high), param.below and ")" or "]")
  end
  if param.min then return words .. " of at least " .. plain(low) end
  if param.above then return words .. " above " .. plain(low) end
  if param.max then return words .. " of at most " .. plain(high) end
  if param.below then return words .. " below " .. plain(high) end
  return words
end

local function inside(param, value)
  return value == value and (not param.min or value >= param.min) and (not param.above or value > param.above)
    and (not param.max or value <= param.max) and (not param.below or value < param.below)
end

local function refuse(name, param, value)
  fail("%s must be %s; got %s", name, range(param), type(value) == "string" and "'" .. value .. "'" or plain(value))
end

local checks = {
  integer = function(name, param, value)
    local whole = type(value) == "number" and math.tointeger(value)
    if not whole or not inside(param, whole) then refuse(name, param, value) end
    return whole
  end,
  number = function(name, param, value)
    if type(value) ~= "number" or not inside(param, value) then refuse(name, param, value) end
    return value + 0.0
  end,
  boolean = function(name, param, value)
    if type(value) ~= "boolean" then refuse(name, param, value) end
    return value
  end,
  text = function(name, param, value)
    if type(value) ~= "string" then refuse(name, param, value) end
    return value
  end,
  file = function(name, param, value)
    if type(value) ~= "string" then refuse(name, param, value) end
    local kept = lathe.stand_in(value)
    if kept then return kept end
    if not lathe.file_kind(value) then fail("%s: there is no file '%s'", name, value) end
    return value
  end,
  choice = function(name, param, value)
    for _, allowed in ipairs(param.choices) do
      if value == allowed then return value end
    end
    refuse(name, param, value)
  end,
}

-- A --set text as a value of the parameter's kind.
local function parse(param, word)
  if param.kind == "integer" or param.kind == "number" then return tonumber(word) or word end
  if param.kind == "boolean" then
    if word == "true" then return true end
    if word == "false" then return false end
  end
  return word
end

local function check_declaration(params)
  local names = {}
  for name, param in pairs(params) do
    if type(name) ~= "string" then fail("recipe: parameters have names, as in params = { steps = integer {100} }") end
    if getmetatable(param) ~= Param then
      fail("recipe: parameter '%s' must be integer {...}, number {...}, boolean {...}, text {...}, file {...} or choice {...}", name)
    end
    if param.default ~= nil and param.kind ~= "file" then param.default = checks[param.kind](name, param, param.default) end
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

-- recipe { doc = "...", params = {...}, build = function(p) return session {...} end }
function recipe(spec)
  if type(spec) ~= "table" then fail("recipe takes a table: recipe { doc = ..., params = {...}, build = function(p) ... end }") end
  for key in pairs(spec) do
    if key ~= "doc" and key ~= "params" and key ~= "build" and key ~= "check" then
      local near = lathe.nearest(tostring(key), { "doc", "params", "build", "check" })
      fail("recipe has no field '%s'; %s", tostring(key), near and ("did you mean '%s'?"):format(near) or "there are doc, params, build and check")
    end
  end
  if type(spec.build) ~= "function" then fail("recipe: build must be a function, as in build = function(p) return session {...} end") end
  if spec.check ~= nil and type(spec.check) ~= "function" then
    fail("recipe: check must be a function, as in check = function(run, metrics) expect(metrics.final):below(2) end")
  end
  local params = spec.params or {}
  return setmetatable({ doc = spec.doc or "", params = params, names = check_declaration(params), values = {}, build = spec.build,
    check = spec.check }, Recipe)
end
lathe.document(recipe, "recipe { doc = '...', params = { steps = integer {100, min = 1} }, build = function(p) return session {...} end }\n"
  .. "  What a recipe's file returns. Parameters: integer, number, boolean, text, file, choice.\n"
  .. "  check = function(run, metrics) ... end is called after training, with the last value of each metric; an error,\n"
  .. "  as by expect(metrics.final):below(2), gives the program status 1.")

-- A recipe with other defaults and with edits that are made while it trains: what 'lathe export-recipe' writes.
-- with: set = { name = "text as for --set" }, edits = { { step, "line of Lua" }, ... }, steps = all of them, seed = what
-- it has without --seed, stop = the step after which the run saves and leaves, to be resumed
function lathe.edited(base, with)
  if getmetatable(base) ~= Recipe then fail("lathe.edited takes a recipe and a table with set and edits") end
  for name, word in pairs(with.set or {}) do
    local param = base.params[name]
    if not param then fail("the recipe has no parameter '%s'", name) end
    param.default = param.kind == "file" and word or checks[param.kind](name, param, parse(param, word))
  end
  for _, name in ipairs { "seed", "stop" } do
    if with[name] ~= nil and (math.type(with[name]) ~= "integer" or with[name] < 0) then fail("lathe.edited: %s is a number from 0", name) end
    base[name] = with[name]
  end
  local build = base.build
  base.build = function(p)
    local made = build(p)
    engine.silently(function() made.steps = with.steps or made.steps end) -- part of the recipe, no edit
    engine.history.plan(made, with.edits or {})
    return made
  end
  return base
end

local function base_name(path) return path:match("[^/]*$") end

-- For the C side (scripts/recipe.c).
local api = {}

-- The seed or the stop that the recipe names, -1 where it names none.
function api.setting(recipe, name) return recipe[name] or -1 end

function api.check(value, path)
  if getmetatable(value) ~= Recipe then
    fail("%s does not return a recipe; its last line should be: return recipe { doc = ..., params = {...}, build = ... }", path)
  end
  value.path = path
  return value
end

function api.is_recipe(value) return getmetatable(value) == Recipe end

-- Another one with parameters of its own.
function api.copy(recipe)
  local copy = setmetatable({}, Recipe)
  for key, value in pairs(recipe) do copy[key] = value end
  copy.values = {}
  for key, value in pairs(recipe.values) do copy.values[key] = value end
  return copy
end

local function unknown(self, name, spoken)
  local near = lathe.nearest(name, self.names)
  fail("%s has no parameter '%s'%s\n'lathe run %s --help' lists its parameters.", base_name(self.path), name,
    near and ("; did you mean '%s'?"):format(near) or ".", spoken)
end

-- Sets a parameter from the text of --set.
function api.set(self, name, word, spoken)
  local param = self.params[name]
  if not param then unknown(self, name, spoken or self.path) end
  self.values[name] = checks[param.kind](name, param, parse(param, word))
end

function api.count(self) return #self.names end

-- name, kind, doc, range, default and value (as texts, nil where there is none) of the i-th parameter, from 1.
function api.describe(self, i)
  local name = self.names[i]
  local param, value = self.params[name], self.values[name]
  if value == nil then value = param.default end
  return name, param.kind, param.doc or "", range(param), param.default ~= nil and plain(param.default) or nil,
    value ~= nil and plain(value) or nil
end

local function wrapped(text, indent, width)
  local lines, line = {}, ""
  for word in text:gmatch("%S+") do
    if #line > 0 and #line + 1 + #word > width - indent then
      lines[#lines + 1] = line
      line = ""
    end
    line = #line > 0 and line .. " " .. word or word
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n" .. (" "):rep(indent))
end

function api.help(self, spoken)
  local out = { ("usage: lathe run %s [--set NAME=VALUE]... [--out DIR] [--seed N] [--steps N] [--threads N]\n"):format(spoken) }
  if #self.doc > 0 then out[#out + 1] = wrapped(self.doc, 0, 88) .. "\n" end
  if #self.names == 0 then out[#out + 1] = "It has no parameters.\n" else out[#out + 1] = "Parameters:\n" end
  for i = 1, #self.names do
    local name, _, doc, allowed, default = api.describe(self, i)
    local words = allowed .. (default and ", default " .. default or "")
    out[#out + 1] = ("  %-22s %s\n"):format(name, words)
    if #doc > 0 then out[#out + 1] = (" "):rep(25) .. wrapped(doc, 25, 88) .. "\n" end
  end
  return table.concat(out)
end

function api.build(self)
  local p = {}
  for _, name in ipairs(self.names) do
    local value = self.values[name]
    if value == nil then value = self.params[name].default end
    p[name] = value
  end
  -- A misspelt name inside build() is an error, not a silent nil.
  setmetatable(p, { __index = function(_, name)
    if self.params[name] then return nil end
    local near = lathe.nearest(tostring(name), self.names)
    error(("%s has no parameter '%s'%s"):format(base_name(self.path), tostring(name), near and ("; did you mean '%s'?"):format(near) or ""), 2)
  end })
  return self.build(p)
end

-- After training; names and values of the metrics.
function api.finished(self, run, metrics)
  if not self.check then return end
  setmetatable(metrics, { __index = function(_, name)
    local names = {}
    for key in next, metrics do names[#names + 1] = key end
    table.sort(names)
    local near = lathe.nearest(tostring(name), names)
    error(("the run has no metric '%s'; %s"):format(tostring(name),
      near and ("did you mean '%s'?"):format(near) or "there are " .. table.concat(names, ", ")), 2)
  end })
  self.check(run, metrics)
end

function Recipe:__tostring()
  return ("recipe %s with %d parameters: %s"):format(self.path or "", #self.names, table.concat(self.names, " "))
end
Recipe.__help = function(self) return api.help(self, self.path or "RECIPE") end

return api
