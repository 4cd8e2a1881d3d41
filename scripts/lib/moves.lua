-- SPDX-License-Identifier: GPL-3.0-or-later
-- What a person calls to go back in the history of a run, to take something up again, or to go on from elsewhere.
local inner = require "lathe.history"
local positions = require "lathe.positions"
local words = require "lathe.words"
local fail, comma, shown = words.fail, words.comma, words.shown
local state, now, current, say, announce, travel = inner.state, inner.now, inner.current, inner.say, inner.announce, inner.travel

-- --- what is needed, and what is refused ---

local function need(what)
  local H = state()
  if not H then fail("%s: there is no run whose history could be changed", what) end
  if H.reading then return end
  lathe.check_change()
  if lathe.boundary then lathe.boundary("the end of the step") end
  if engine.stepping(H.session) then fail("%s: not inside a training step", what) end
end

-- A name for a new branch.
local function check_name(name, call)
  if type(name) ~= "string" or not name:find "^[%w_.~-]+$" or #name > 60 then
    fail("%s: a name of letters, digits, '-', '_' and '.'", call)
  end
  if state().tree:find(name) then fail("there is a branch '%s' already; switch(%q) goes to it", name, name) end
end

local function find(name)
  local found = state().tree:find(name)
  if found then return found end
  local near = lathe.nearest(tostring(name), state().tree.order)
  fail("there is no branch '%s'%s; branches() lists them", tostring(name), near and ("; did you mean '%s'?"):format(near) or "")
end

local function check_step(step, call)
  if math.type(step) ~= "integer" or step < 0 then fail("%s: a step from 0 to %d", call, now()) end
  if step > now() then fail("step %d is ahead: the run is at %d; run_until(%d) goes there", step, now(), step) end
end

-- Of a branch that left no other one.
local function check_began(step, branch)
  if step < branch.fork then
    fail("step %d lies before the history of this session, which begins at its first edit, at step %d", step, branch.fork)
  end
end

-- How many edits of the branch were made before the step.
local function edits_before(branch, step)
  local count = #branch.path
  while count > branch.own and state().tree.edits[branch.path[count]].step >= step do count = count - 1 end
  return count
end

-- --- back, and forth again ---

-- The beginning of what leads away from here: a copy of the tree, the branch that one is on, the step. The state of here
-- stays at hand.
local function leave_here()
  local H, step = state(), now()
  local tree = H.tree:copy()
  if not H.reading then H.snapshots:add(step, current().path) end
  return tree, tree:branch(), step
end

-- The current branch goes back to the step and so many edits; the later part stays as a branch.
local function go_back(step, count, text, redoable)
  local tree, _, last = leave_here()
  local rest = tree:leave(step, count, last)
  if redoable then
    tree.undone[#tree.undone + 1] = { branch = tree.current, kept = rest.name }
  else
    tree.undone = {}
    tree:branch().planned = math.min(rest.planned, inner.plan_before(step))
  end
  travel(step, tree, text, { from = rest.name, last = last, common = step, to = tree.current, step = step })
  return last == step and "" or ("; steps %s to %s stay as branch %s"):format(comma(step + 1), comma(last), rest.name)
end

function undo(count)
  need "undo"
  if count == nil then count = 1 end
  if math.type(count) ~= "integer" or count < 1 then fail("undo(n) takes a number of edits, 1 unless said") end
  local branch = current()
  local there = #branch.path - branch.own
  if count > there then
    fail("%s to undo on branch %s%s", there == 0 and "there is no edit" or there == 1 and "there is one edit" or ("there are %d edits"):format(there),
      branch.name, branch.parent and (" since it left %s at step %s"):format(branch.parent, comma(branch.fork)) or "")
  end
  local edit = state().tree.edits[branch.path[#branch.path - count + 1]]
  local stays = go_back(edit.step, #branch.path - count, count == 1 and "undo()" or ("undo(%d)"):format(count), true)
  announce("at %s, before %s%s", comma(edit.step), shown(edit.effect), stays)
end

function redo()
  need "redo"
  local tree, last = state().tree:copy(), now()
  local undone = table.remove(tree.undone)
  if not undone then fail("there is nothing to redo: an edit, a rewind or a switch came after the last undo()") end
  local branch, kept, rest = tree:branch(), tree.branches[undone.kept], nil
  if last > kept.fork then -- the run went on
    if not state().reading then state().snapshots:add(last, branch.path) end
    rest = tree:leave(kept.fork, #branch.path, last)
  end
  tree:take_up(kept)
  travel(kept.tip, tree, "redo()", { from = rest and rest.name or branch.name, last = last, common = kept.fork, to = branch.name,
    step = kept.tip, taken = kept.name })
  announce("at %s again%s", comma(kept.tip), rest and ("; steps %s to %s stay as branch %s"):format(comma(kept.fork + 1), comma(last), rest.name) or "")
end

function rewind(step)
  need "rewind"
  check_step(step, "rewind(step)")
  local branch = current()
  if step < branch.fork and branch.parent then
    fail("step %d lies before branch %s left %s at %d; switch(%q) first", step, branch.name, branch.parent, branch.fork, branch.parent)
  end
  check_began(step, branch)
  local count = edits_before(branch, step)
  if step == now() and count == #branch.path then return say("at %s already", comma(step)) end
  announce("at %s%s", comma(step), go_back(step, count, ("rewind(%d)"):format(step)))
end

function revert(id)
  need "revert"
  local path = current().path
  local edit = state().tree.edits[id or path[#path]]
  if not edit then fail("there is no edit%s; edits() lists them", id and " " .. tostring(id) or " yet") end
  if not edit.inverse then fail("'%s' cannot be taken back by a single change; undo() goes back before it", shown(edit.effect)) end
  inner.apply(edit.inverse)
end

-- --- branches ---

-- The branch on the way here that the step is of.
local function owner_of(tree, step)
  local branch = tree:branch()
  while branch.parent and step < branch.fork do branch = tree.branches[branch.parent] end
  return branch
end

-- The branch that one is on keeps its steps; the new one begins amid them, or amid those of a branch that it left.
local function branch_earlier(name, step)
  local owner = owner_of(state().tree, step)
  check_began(step, owner)
  local count = edits_before(owner, step)
  local tree, from, last = leave_here()
  from.tip = last
  tree:add_branch { name = name, parent = owner.name, fork = step, path = positions.copy(owner.path, count), own = count, tip = step,
    planned = math.min(owner.planned, inner.plan_before(step)) }
  tree.current, tree.undone = name, {}
  travel(step, tree, ("branch(%q, %d)"):format(name, step), { from = from.name, last = last, common = step, to = name, step = step })
  announce("at %s, on branch %s; switch(%q) goes back to step %s of the other one", comma(step), name, from.name, comma(last))
end

local function branch_here(name)
  local tree, parent, step = leave_here()
  parent.tip = step
  tree:add_branch { name = name, parent = parent.name, fork = step, path = parent.path, own = #parent.path, tip = step, planned = parent.planned }
  tree.current, tree.undone = name, {}
  inner.exchange(tree, ("branch(%q)"):format(name))
  announce("at %s, on branch %s; switch(%q) goes back to the other one", comma(step), name, parent.name)
end

function branch(name, step)
  need "branch"
  check_name(name, "branch(name)")
  if step == nil then return branch_here(name) end
  check_step(step, "branch(name, step)")
  if step == now() and edits_before(current(), step) == #current().path then return branch_here(name) end
  branch_earlier(name, step)
end

function switch(name)
  need "switch"
  find(name)
  if name == state().tree.current then return say("on branch %s already", name) end
  local tree, from, last = leave_here()
  local to = tree.branches[name]
  from.tip, tree.current, tree.undone = last, name, {}
  travel(to.tip, tree, ("switch(%q)"):format(name),
    { from = from.name, last = last, common = tree:common_step(from.name, last, name, to.tip), to = name, step = to.tip })
  announce("at %s, on branch %s", comma(to.tip), name)
end

function snapshot()
  need "snapshot"
  state().snapshots:add(now(), current().path)
  announce("snapshot of step %s; rewind(%d) comes back to it", comma(now()), now())
end

local function describe(f, text) lathe.document(f, text) end
describe(undo, "undo(n): goes back to the step before the last edit, or before the last n edits; the later steps stay as a branch.")
describe(redo, "redo(): takes back the last undo(), then the one before it, as long as nothing else was done.")
describe(rewind, "rewind(step): goes back to a step of this branch; the later steps stay as a branch.")
describe(revert, "revert(id): takes back one edit (the last one without id) by a new edit, from here on.")
describe(branch, "branch(name, step): goes on from here, or from an earlier step, as a branch of that name; the branch that you are on keeps its steps.")
describe(switch, "switch(name): goes to the last step of another branch.")
describe(snapshot, "snapshot(): keeps the state of this step at hand, so that rewind() comes back to it without computing anything.")

return { need = need, find = find, check_name = check_name }
