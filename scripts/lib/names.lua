-- SPDX-License-Identifier: GPL-3.0-or-later
-- The tree of names that clients complete from: globals and what is behind them, run.* down to each parameter. One
-- line each, "path<tab>what it is", sorted.
local MOST, DEEPEST = 20000, 16
local members, doc_of, type, pcall = lathe.members, lathe.doc_of, type, pcall

local fields = {
  step = "steps done", steps = "steps of the whole run", seed = "seed of everything random", loss = "loss of the last step",
  last = "metrics of the last step", model = "the first model", models = "models by name", data = "data sources by name",
  objectives = "loss terms by name", optimizer = "options of the optimizer", schedule = "options of the schedule",
  accumulate = "micro-batches of a step", clip_norm = "the gradient's norm is cut to this",
  precision = "what products of matrices read: f32 or bf16", recompute = "layers are computed again instead of kept",
}

local function first_sentence(text)
  local body = text:match("^[^\n]*%b()[^\n]*\n\n(.+)") or text
  return (body:gsub("%s+", " "):match("^(.-[%.;:]) ") or body:gsub("%s+", " ")):sub(1, 100):gsub("[%.;:]$", "")
end

local function is_name(key) return type(key) == "string" and key:find("^[%a_][%w_]*$") and not key:find("^__") end

local walk

local function add(list, path, value, doc, depth)
  if #list >= MOST then return end
  if not doc and value ~= nil then
    local ok, text = pcall(doc_of, value)
    doc = ok and type(text) == "string" and first_sentence(text) or nil
  end
  list[#list + 1] = path .. "\t" .. (doc or "")
  walk(list, path, value, depth + 1)
end

-- Of run, whatever is behind its names; of other tables one level; of other values nothing.
function walk(list, path, value, depth)
  local live = path:find("^run%f[^%w_]") ~= nil
  if depth > (live and DEEPEST or 1) or (type(value) ~= "table" and not live) or value == _G then return end
  if type(value) ~= "table" and type(value) ~= "userdata" then return end
  if path == "run.last" or path:find("^package") then return end
  local ok, names = pcall(members, value)
  if not ok then return end
  for _, name in ipairs(names) do
    if is_name(name) or (live and name:find("^%d+$")) then
      local got, inner = pcall(function() return value[tonumber(name) or name] end)
      local where = name:find("^%d") and path .. "[" .. name .. "]"
        or path .. (type(inner) == "function" and path == "run" and ":" or ".") .. name
      local _, doc = pcall(doc_of, value, name)
      local parameter = name == "value" or name == "shape" or name == "dtype" or name == "grad" or name == "mask"
      add(list, where, got and not parameter and inner or nil,
        path == "run" and fields[name] or type(doc) == "string" and doc or nil, depth)
    end
  end
end

return function()
  local list = {}
  for name, value in next, _G do
    if is_name(name) then add(list, name, value, nil, 0) end
  end
  if rawget(_G, "run") == nil then add(list, "run", run, nil, 0) end -- the live one is in no table
  table.sort(list)
  return table.concat(list, "\n") .. "\n"
end
