-- SPDX-License-Identifier: GPL-3.0-or-later
-- What can be done with branches beside going to them: names, deleting, comparing, the tree of all that happened.
local history = engine.history
local inner = require "lathe.history"
local moves = require "lathe.moves"
local positions = require "lathe.positions"
local words = require "lathe.words"
local fail, comma, shown = words.fail, words.comma, words.shown
local need, find, check_name, announce = moves.need, moves.find, moves.check_name, inner.announce

local function tip_of(H, branch) return branch.name == H.tree.current and inner.now() or branch.tip end

-- --- names ---

function rename_branch(name, new)
  need "rename_branch"
  find(name)
  check_name(new, "rename_branch(name, new)")
  local tree = inner.state().tree:copy()
  tree:rename_branch(name, new)
  inner.exchange(tree, ("rename_branch(%q, %q)"):format(name, new), { name, new })
  announce("branch %s is called %s now", name, new)
end

function delete_branch(name)
  need "delete_branch"
  find(name)
  local tree = inner.state().tree:copy()
  if name == tree.current then fail("branch %s is the one that you are on; switch(name) to another one first", name) end
  local left = tree:children(name)
  if #left > 0 then fail("%s left branch %s; delete what left it first", table.concat(left, ", "), name) end
  inner.exchange(tree, ("delete_branch(%q)"):format(name), { name, tree:delete_branch(name) })
  announce("branch %s is deleted; undelete_branch(%q) brings it back", name, name)
end

function undelete_branch(name)
  need "undelete_branch"
  local tree = inner.state().tree:copy()
  local branch = tree:deleted_branch(name)
  if not branch then fail("no branch '%s' was deleted", tostring(name)) end
  check_name(name, "undelete_branch(name)")
  local parent, hidden = tree.branches[branch.parent], branch.name
  if parent and parent.deleted then
    fail("branch %s left %s, which is deleted; undelete_branch(%q) first", name, parent.deleted.name, parent.deleted.name)
  end
  tree:undelete_branch(branch)
  inner.exchange(tree, ("undelete_branch(%q)"):format(name), { hidden, name })
  announce("branch %s is back", name)
end

-- The history, where there is one: to look at.
local function known() return inner.state() or fail("there is no run with branches here") end

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

-- The last values of each metric on the way to a step of a branch: of its own steps, or of what it left.
local function values_at(H, branch, step, names)
  local values = {}
  if not H.directory then return values end
  local function take(name, to)
    local row, evaluation = H.directory.last_rows(name, to)
    add_values(row, values, names)
    add_values(evaluation, values, names)
  end
  if branch.name == H.tree.current then
    take("", step)
  else
    for _, piece in ipairs(H.tree:pieces(branch.name, step)) do take(piece.name, piece.to) end
    take("", H.tree:common_step(branch.name, step, H.tree.current, inner.now()))
  end
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
    local edit = H.tree.edits[path[e]]
    list[#list + 1] = { text = ("%s: [%s] %s"):format(branch.name, comma(edit.step), shown(edit.effect)) }
  end
end

-- Both at the last step that both have, and what the longer one has now.
local function metric_rows(H, x, y, add)
  local tips, names = { tip_of(H, x), tip_of(H, y) }, {}
  local both, longer = math.min(tips[1], tips[2]), tips[1] ~= tips[2] and (tips[1] > tips[2] and x or y) or nil
  local left, right = values_at(H, x, both, names), values_at(H, y, both, names)
  local last = longer and values_at(H, longer, tip_of(H, longer), names)
  add("", x.name, y.name, "difference", longer and longer.name .. " now")
  add("step", comma(both), comma(both), "", longer and comma(tip_of(H, longer)))
  table.sort(names)
  for _, name in ipairs(names) do
    add(name, number(left[name]), number(right[name]), difference(left[name], right[name]), last and number(last[name]))
  end
end

-- The branches that are meant: of one, this one and it; of none, or of this one alone, it and the one that it left, or
-- where it left none the newest other one.
local function pair(H, a, b)
  local current, one = H.tree:branch(), find(a or H.tree.current)
  if b then return one, find(b) end
  if one ~= current then return current, one end
  if current.parent then return current, find(current.parent) end
  for i = #H.tree.order, 1, -1 do
    if H.tree.order[i] ~= current.name then return current, find(H.tree.order[i]) end
  end
  fail("compare: there is only branch %s; branch(name), undo() and rewind(step) leave others", current.name)
end

-- In what two branches differ: a table of their metrics, and their edits since they parted.
function compare(a, b)
  local H = known()
  local x, y = pair(H, a, b)
  local common, list = positions.shared(x.path, y.path), {}
  local wide = math.max(12, #x.name, #y.name)
  local layout = ("%%-22s %%%ds %%%ds  %%-11s %%12s"):format(wide, wide)
  metric_rows(H, x, y, function(name, p, q, d, last)
    list[#list + 1] = { text = layout:format(name, p, q, d, last or ""):gsub("%s+$", "") }
  end)
  list[#list + 1] = { text = ("parted at step %s, after %d common edit%s"):format(
    comma(H.tree:common_step(x.name, tip_of(H, x), y.name, tip_of(H, y))), common, common == 1 and "" or "s") }
  add_edits(H, list, x, common)
  add_edits(H, list, y, common)
  return words.listing(list)
end

-- --- the tree, for the workbench ---

-- The branch that a snapshot lies on: of several that share its steps, the one that the others left.
local function owner_of(H, snapshot)
  for _, name in ipairs(H.tree.order) do
    local branch = H.tree.branches[name]
    local own = not branch.parent or snapshot.step > branch.fork or #snapshot.path > branch.own
    if own and positions.on_the_way(H.tree.edits, snapshot, { step = tip_of(H, branch), path = branch.path }) then return name end
  end
end

-- All branches, each with its parent's place in the list, how many of the parent's own edits it has, its own edits and
-- the steps of its snapshots.
function history.tree()
  local H = inner.state()
  local list, places = {}, {}
  if not H then return list end
  local tree = H.tree
  for i, name in ipairs(tree.order) do
    local branch = tree.branches[name]
    local entry = { name = name, step = tip_of(H, branch), fork = branch.fork, current = name == tree.current, edits = {}, snapshots = {} }
    for e = branch.own + 1, #branch.path do
      local edit = tree.edits[branch.path[e]]
      entry.edits[#entry.edits + 1] = { id = edit.id, step = edit.step, effect = shown(edit.effect) }
    end
    list[i], places[name] = entry, i
  end
  for i, name in ipairs(tree.order) do
    local branch = tree.branches[name]
    local parent = tree.branches[branch.parent]
    list[i].parent, list[i].after = places[branch.parent] or 0, parent and math.max(0, branch.own - parent.own) or 0
  end
  for _, snapshot in ipairs(H.snapshots.list) do
    local at = places[owner_of(H, snapshot)]
    if at then table.insert(list[at].snapshots, snapshot.step) end
  end
  return list
end

local function describe(f, text) lathe.document(f, text) end
describe(rename_branch, "rename_branch(name, new): gives a branch another name.")
describe(delete_branch, "delete_branch(name): takes a branch away that no other one left; undelete_branch(name) brings it back. The one that you are on stays.")
describe(undelete_branch, "undelete_branch(name): brings back the branch of this name that was deleted last.")
describe(compare, "compare(a, b): in what two branches differ: a table of their metrics at the last step that both have, what the longer one has now, "
  .. "and their edits since they parted. compare(a) compares this branch with a, compare() with the one that it left, or where it left none with the newest other one.")
