-- SPDX-License-Identifier: GPL-3.0-or-later
-- gradient_shares(): which objective moves the model how much. It only looks.
local pairs, ipairs, type, error, setmetatable, table, math, rawget
  = pairs, ipairs, type, error, setmetatable, table, math, rawget
local pictures = require "lathe.pictures"
local short, thousands = pictures.short, pictures.thousands

local known = setmetatable({}, { __mode = "k" }) -- by session: what was found last, by objective
local SHOWN = 40

local Shares = { __name = "shares" }
function Shares:__tostring() return self.text end

local function percent(share) return share == share and ("%5.1f%%"):format(100 * share) or "     -" end

-- --- at the trunk's output ---

-- Looks, and keeps what it found for run.objectives.
function lathe.sample_shares(session)
  local list, step = lathe.shares(session)
  local by_name = { step = step }
  for _, one in ipairs(list) do by_name[one.name] = one.share end
  known[session] = by_name
  return list, step
end

local function at_trunk(session)
  local list, step = lathe.sample_shares(session)
  local lines = { ("the gradient at the trunk's output, of the batch of step %s"):format(thousands(step)) }
  for _, one in ipairs(list) do
    lines[#lines + 1] = ("  %-16s %s  norm %s"):format(one.name, percent(one.share), short(one.norm))
  end
  return lines, list
end

-- --- at each parameter ---

local function row_text(path, norms)
  local sum, cells = 0, {}
  for _, norm in ipairs(norms) do sum = sum + norm end
  for i, norm in ipairs(norms) do cells[i] = ("%8s"):format(percent(sum > 0 and norm / sum or 0 / 0)) end
  return ("  %s  norm %-9s %s"):format(table.concat(cells, " "), short(sum), path)
end

local function at_parameters(what)
  local paths, objectives, step = lathe.gradient_norms(what)
  local rows, names, all = {}, {}, {}
  for o, objective in ipairs(objectives) do
    names[o], all[o] = ("%8s"):format(objective.name:sub(1, 8)), 0
  end
  local lines = { ("the gradients of each objective alone, on the batch of step %s"):format(thousands(step)),
    "  " .. table.concat(names, " ") .. "  (sum of norms)" }
  for p, path in ipairs(paths) do
    local norms, row = {}, { path = path }
    for o, objective in ipairs(objectives) do
      norms[o] = objective.norms[p]
      row[objective.name], all[o] = norms[o], all[o] + norms[o] ^ 2
    end
    rows[p] = row
    if p <= SHOWN then lines[#lines + 1] = row_text(path, norms) end
  end
  if #paths > SHOWN then lines[#lines + 1] = ("  ... (%d more)"):format(#paths - SHOWN) end
  for o in ipairs(all) do all[o] = math.sqrt(all[o]) end
  if #paths > 1 then lines[#lines + 1] = row_text("all of it", all) end
  return lines, rows
end

function gradient_shares(what)
  local kind = lathe.kind(what)
  if what ~= nil and kind ~= "module" and kind ~= "parameter" then
    error(("gradient_shares: a module or a parameter is wanted, as run.model, or nothing; got a %s"):format(kind), 0)
  end
  if what == nil and lathe.kind(run) ~= "session" then
    error("gradient_shares: there is no run; make one with run = session {...}", 0)
  end
  local lines, list
  if what == nil then lines, list = at_trunk(run) else lines, list = at_parameters(what) end
  list.text = table.concat(lines, "\n")
  return setmetatable(list, Shares)
end

-- --- run.objectives at the prompt ---

-- Shares are those that were found last: this text cannot wait for a step's end.
function lathe.describe_objectives(session)
  local names, lines, found = {}, {}, known[session] or {}
  for name in next, session.objectives do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do
    local o, value = session.objectives[name], session.last["loss." .. name]
    local share = found[name]
    lines[i] = ("%-16s weight %-8s %s%s"):format(name, ("%.6g"):format(o.weight),
      o.enabled and (value and "loss " .. short(value) or "") or "off",
      share and o.enabled and ("   %s of the gradient (step %s)"):format(percent(share), thousands(found.step)) or "")
  end
  if not known[session] then lines[#lines + 1] = "gradient_shares() tells how much of the gradient each gives" end
  return table.concat(lines, "\n")
end

lathe.document(gradient_shares, "gradient_shares(): the share of each objective in the gradient, by the norm at the trunk's output.\n"
  .. "gradient_shares(run.model.bert.pooler): exactly, for each parameter below a module, or of one parameter: a way forth and\n"
  .. "back for each objective. The batch is the last step's; nothing is changed.")
