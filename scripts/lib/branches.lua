-- SPDX-License-Identifier: GPL-3.0-or-later
-- What can be done with branches beside going to them: names, deleting, comparing, the tree of all that happened.
local history = lathe.history
local inner = require "lathe.history"
local fail, comma, need, write, now, announce = inner.fail, inner.comma, inner.need, inner.write, inner.now, inner.announce
local shown, shared, pieces, common_step, find = inner.shown, inner.shared, inner.pieces, inner.common_step, inner.find

-- The history, where there is one: to look at.
local function known()
  local H = inner.state()
  if not H then fail("there is no run with branches here") end
  return H
end

local function place_of(list, value)
  for i, item in ipairs(list) do
    if item == value then return i end
  end
end

local function tip_of(H, branch) return branch.name == H.current and now() or branch.tip end

-- --- names ---

-- Moves what is kept of a branch in the run's directory.
local function move_metrics(H, from, to)
  if H.directory and not H.reading then H.directory.rename_branch(from, to) end
end

function rename_branch(name, new)
  need()
  local H = inner.state()
  local branch = find(name)
  inner.check_name(new, "rename_branch(name, new)")
  write(("rename_branch(%q, %q)"):format(name, new))
  move_metrics(H, name, new)
  H.branches[name], H.branches[new] = nil, branch
  H.order[place_of(H.order, name)] = new
  branch.name = new
  if H.current == name then H.current = new end
  for _, other in ipairs(inner.all_branches()) do
    if other.parent == name then other.parent = new end
  end
  local undone = H.undone
  if undone and undone.branch == name then undone.branch = new end
  if undone and undone.kept == name then undone.kept = new end
  announce("branch %s is called %s now", name, new)
end

local function children(H, name)
  local list = {}
  for _, other in ipairs(H.order) do
    if H.branches[other].parent == name then list[#list + 1] = other end
  end
  return list
end

-- Where the metrics of a deleted branch wait.
local function kept_name(entry) return ("%s~deleted~%d"):format(entry.branch.name, entry.number) end

function delete_branch(name)
  need()
  local H = inner.state()
  local branch = find(name)
  if name == H.current then fail("branch %s is the one that you are on; switch(name) to another one first", name) end
  local left = children(H, name)
  if #left > 0 then fail("%s left branch %s; delete what left it first", table.concat(left, ", "), name) end
  write(("delete_branch(%q)"):format(name))
  H.number = (H.number or 0) + 1
  local entry = { branch = branch, number = H.number, place = place_of(H.order, name) }
  H.deleted[#H.deleted + 1] = entry
  move_metrics(H, name, kept_name(entry))
  H.branches[name] = nil
  table.remove(H.order, entry.place)
  if H.undone and H.undone.kept == name then H.undone = nil end
  announce("branch %s is deleted; undelete_branch(%q) brings it back", name, name)
end

function undelete_branch(name)
  need()
  local H = inner.state()
  local at
  for i, entry in ipairs(H.deleted) do
    if entry.branch.name == name then at = i end
  end
  if not at then fail("no branch '%s' was deleted", tostring(name)) end
  inner.check_name(name, "undelete_branch(name)")
  local entry = H.deleted[at]
  if not H.branches[entry.branch.parent] then fail("branch %s left %s, which is deleted; undelete_branch(%q) first", name, entry.branch.parent, entry.branch.parent) end
  write(("undelete_branch(%q)"):format(name))
  move_metrics(H, kept_name(entry), name)
  table.remove(H.deleted, at)
  H.branches[name] = entry.branch
  table.insert(H.order, math.min(entry.place, #H.order + 1), name)
  announce("branch %s is back", name)
end

-- --- comparing ---

local clocks = { step = true, seconds = true, tokens = true, tokens_per_second = true }

-- Adds the values of a line of metrics that are not known yet.
local function add_values(line, values, names)
  for name, value in (line or ""):gmatch '"([^"]+)": ([^,}]+)' do
    if values[name] == nil and not clocks[name] then
      values[name] = tonumber(value) or value:gsub('"', "")
      if not names[name] then
        names[name] = true
        names[#names + 1] = name
      end
    end
  end
end

-- The last values of each metric on the way to a branch's end: of its own steps, or of what it left.
local function last_values(H, branch, names)
  local values, tip = {}, tip_of(H, branch)
  if not H.directory then return values end
  local function take(name, to)
    local step, evaluation = H.directory.last_rows(name, to)
    add_values(step, values, names)
    add_values(evaluation, values, names)
  end
  if branch.name ~= H.current then
    for _, piece in ipairs(pieces(branch.name, tip)) do take(piece.name, piece.to) end
  end
  take("", branch.name == H.current and tip or common_step(branch.name, tip, H.current, now()))
  return values
end

local function number(value) return type(value) == "number" and ("%.5g"):format(value) or value or "" end

local function difference(a, b)
  if type(a) ~= "number" or type(b) ~= "number" then return "" end
  return a == b and "=" or ("%+.3g"):format(b - a)
end

local function add_edits(H, list, branch, from)
  local path = branch.path
  if #path == from then list[#list + 1] = { text = ("%s: no edits since"):format(branch.name) } end
  for e = from + 1, #path do
    local edit = H.edits[path[e]]
    list[#list + 1] = { text = ("%s: [%s] %s"):format(branch.name, comma(edit.step), shown(edit.effect)) }
  end
end

-- In what two branches differ: a table of their last metrics, and their edits since they parted.
function compare(a, b)
  local H = known()
  local x = find(a or H.current)
  local y = find(b or x.parent or "main")
  local common, names = shared(x.path, y.path), {}
  local left, right = last_values(H, x, names), last_values(H, y, names)
  local list, wide = {}, math.max(12, #x.name, #y.name)
  local function row(name, p, q, d)
    list[#list + 1] = { text = (("%%-22s %%%ds %%%ds  %%s"):format(wide, wide)):format(name, p, q, d or ""):gsub("%s+$", "") }
  end
  row("", x.name, y.name, "difference")
  row("step", comma(tip_of(H, x)), comma(tip_of(H, y)))
  table.sort(names)
  for _, name in ipairs(names) do row(name, number(left[name]), number(right[name]), difference(left[name], right[name])) end
  list[#list + 1] = { text = ("parted at step %s, after %d common edit%s"):format(
    comma(common_step(x.name, tip_of(H, x), y.name, tip_of(H, y))), common, common == 1 and "" or "s") }
  add_edits(H, list, x, common)
  add_edits(H, list, y, common)
  return setmetatable(list, inner.Listing)
end

-- --- the tree, for the workbench ---

-- The branch that a snapshot lies on: of several that share its steps, the one that the others left.
local function owner_of(H, snapshot)
  for _, name in ipairs(H.order) do
    local branch = H.branches[name]
    local own = not branch.parent or snapshot.step > branch.fork or #snapshot.path > branch.own
    if own and inner.on_the_way(snapshot.step, snapshot.path, tip_of(H, branch), branch.path) then return name end
  end
end

-- All branches, each with its parent's place in the list, how many of the parent's own edits it has, its own edits and
-- the steps of its snapshots.
function history.tree()
  local H = inner.state()
  local list, places = {}, {}
  if not H then return list end
  for i, name in ipairs(H.order) do
    local branch = H.branches[name]
    local entry = { name = name, step = tip_of(H, branch), fork = branch.fork, current = name == H.current, edits = {}, snapshots = {} }
    for e = branch.own + 1, #branch.path do
      local edit = H.edits[branch.path[e]]
      entry.edits[#entry.edits + 1] = { id = edit.id, step = edit.step, effect = shown(edit.effect) }
    end
    list[i], places[name] = entry, i
  end
  for i, name in ipairs(H.order) do
    local branch = H.branches[name]
    local parent = H.branches[branch.parent]
    list[i].parent, list[i].after = places[branch.parent] or 0, parent and math.max(0, branch.own - parent.own) or 0
  end
  for _, snapshot in ipairs(H.snapshots) do
    local at = places[owner_of(H, snapshot)]
    if at then table.insert(list[at].snapshots, snapshot.step) end
  end
  return list
end

local function describe(f, words) lathe.document(f, words) end
describe(rename_branch, "rename_branch(name, new): gives a branch another name.")
describe(delete_branch, "delete_branch(name): takes a branch away that no other one left; undelete_branch(name) brings it back. The one that you are on stays.")
describe(undelete_branch, "undelete_branch(name): brings back the branch of this name that was deleted last.")
describe(compare, "compare(a, b): in what two branches differ: a table of their last metrics, and their edits since they parted. compare() compares this one with the one that it left.")
