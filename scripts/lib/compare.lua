-- SPDX-License-Identifier: GPL-3.0-or-later
-- diff(a, b): in what two runs differ. 'lathe diff A B' prints it.
local words = require "lathe.words"
local fail, comma = words.fail, words.comma

local function sorted_names(...)
  local list, seen = {}, {}
  for _, t in ipairs { ... } do
    for name in pairs(t) do
      if not seen[name] then list[#list + 1] = name end
      seen[name] = true
    end
  end
  table.sort(list)
  return list
end

local function shown(value)
  if value == nil then return "-" end
  if type(value) == "number" then return ("%.6g"):format(value) end
  value = tostring(value):match "^[^\n]*"
  return #value > 60 and value:sub(1, 57) .. "..." or value
end

local function configs(a, b, add)
  local x, y = lathe.run_config(a), lathe.run_config(b)
  for _, name in ipairs(sorted_names(x, y)) do
    if x[name] ~= y[name] then add(name, x[name], y[name]) end
  end
end

local function same_edit(x, y) return x.step == y.step and x.effect == y.effect end

-- longest[i][j]: how many edits the lists x from i on and y from j on have in common, in order.
local function longest_common(x, y)
  local longest = {}
  for i = #x + 1, 1, -1 do
    longest[i] = {}
    for j = #y + 1, 1, -1 do
      if i > #x or j > #y then
        longest[i][j] = 0
      elseif same_edit(x[i], y[j]) then
        longest[i][j] = longest[i + 1][j + 1] + 1
      else
        longest[i][j] = math.max(longest[i + 1][j], longest[i][j + 1])
      end
    end
  end
  return longest
end

-- Of what was done only what shaped the state: undone edits and other branches are not compared.
local function edits(a, b, add)
  local x = engine.history.effective_edits(lathe.run_journal(a))
  local y = engine.history.effective_edits(lathe.run_journal(b))
  local longest, i, j = longest_common(x, y), 1, 1
  while i <= #x or j <= #y do
    local one, other = x[i], y[j]
    if one and other and same_edit(one, other) then
      i, j = i + 1, j + 1
    elseif one and other and one.step == other.step and longest[i + 1][j + 1] == longest[i][j] then
      add("step " .. comma(one.step), one.effect, other.effect)
      i, j = i + 1, j + 1
    elseif not other or (one and longest[i + 1][j] == longest[i][j] and (one.step <= other.step or longest[i][j + 1] < longest[i][j])) then
      add("step " .. comma(one.step), one.effect, nil)
      i = i + 1
    else
      add("step " .. comma(other.step), nil, other.effect)
      j = j + 1
    end
  end
end

-- Clocks differ always.
local times = { seconds = true, tokens_per_second = true }

local function metrics(a, b, add)
  local x, why_x = lathe.run_metrics(a)
  local y, why_y = lathe.run_metrics(b)
  if not x and not y then return end
  if not x or not y then return add("metrics", x and "there" or why_x, y and "there" or why_y) end
  for _, name in ipairs(sorted_names(x, y)) do
    local one, other = x[name] or {}, y[name] or {}
    local same = one.last == other.last and one.step == other.step
    local step = not times[name] and x[name] and y[name] and lathe.runs_part(a, b, name)
    if not times[name] and (not same or step) then
      add(name, one.last, other.last, { steps = { one.step, other.step }, from = step or nil })
    end
  end
end

-- The final weights of a run, or those of its newest checkpoint.
local function weights_of(directory)
  return lathe.file_kind(directory .. "/model.safetensors") == "file" and directory or lathe.newest_checkpoint(directory)
end

local function weights(a, b, add)
  local x, y = weights_of(a), weights_of(b)
  if not x and not y then return end
  if not x or not y then return add("weights", x, y) end
  for _, layer in ipairs(lathe.layer_differences(x, y)) do add(layer.name, layer.a, layer.b, { relative = layer.relative }) end
end

-- { config = {...}, edits = {...}, metrics = {...}, weights = {...}, same = boolean }: lists of { name, a, b }.
local function compared(a, b)
  local result = { same = true }
  for name, f in pairs { config = configs, edits = edits, metrics = metrics, weights = weights } do
    local list = {}
    f(a, b, function(what, one, other, more)
      local item = more or {}
      item.name, item.a, item.b = what, one, other
      list[#list + 1] = item
      result.same = false
    end)
    result[name] = list
  end
  return result
end

local function line(item)
  if item.relative then return ("  %-50s %12.3g"):format(item.name:sub(-50), item.relative) end
  local text = ("  %-34s %-30s %s"):format(item.name, shown(item.a), shown(item.b))
  if item.from then text = text .. ("   (they part at step %s)"):format(comma(item.from)) end
  return text
end

local Differences = {}
Differences.__tostring = function(result)
  if result.same then return "no difference in parameters, edits, metrics and weights" end
  local lines = { ("a: %s\nb: %s"):format(result.a, result.b) }
  for _, part in ipairs { { "config", "parameters" }, { "edits", "edits" }, { "metrics", "metrics, the last value of each" },
    { "weights", "weights, |b - a| / |a| of each layer" } } do
    local list = result[part[1]]
    lines[#lines + 1] = part[2] .. (#list == 0 and ": no difference" or ":")
    for i = 1, math.min(#list, 60) do lines[#lines + 1] = line(list[i]) end
    if #list > 60 then lines[#lines + 1] = ("  ... (%d more)"):format(#list - 60) end
  end
  return table.concat(lines, "\n")
end

function diff(a, b)
  for _, path in ipairs { a, b } do
    if type(path) ~= "string" then fail("diff(a, b) takes the directories of two runs") end
  end
  if not b then fail("diff(a, b) takes the directories of two runs") end
  local ok, result = pcall(compared, a, b)
  if not ok then error(tostring(result):gsub("^lathe/[^:]+:%d+: ", ""), 0) end
  result.a, result.b = a, b
  return setmetatable(result, Differences)
end
lathe.document(diff, "diff(a, b): in what the runs in two directories differ: parameters, edits, the last values of the metrics and the\n"
  .. "step from which they part, and weights by layer. A table that prints itself; .same says whether there is nothing.")
