-- SPDX-License-Identifier: GPL-3.0-or-later
-- The edits and branches of a run, as a value: whoever changes it changes a copy, which takes its place as a whole
-- when the journal is on the disk.
--   edits[id]       { id, step, effect, inverse, branch, planned }: never changed once it is there
--   branches[name]  { name, parent, fork, path, own, tip, planned }: it left its parent at the step 'fork', with the
--                   first 'own' edits of its path; 'tip' is its last step while another branch is the current one;
--                   so many edits of the recipe's plan are dealt with
--   order           names of branches in order of their making;  undone: what redo() brings back, the last one last
-- A branch that was deleted stays, under a name that nobody can give and not in 'order': { deleted = { name, number,
-- place } }; so what happens to its parents meanwhile happens to it, too.
local positions = require "lathe.positions"
local copy, shared = positions.copy, positions.shared
local pairs, ipairs, setmetatable, table = pairs, ipairs, setmetatable, table -- a prompt may give the globals other values

local Tree = {}
Tree.__index = Tree

-- A history that begins at the step.
function Tree.new(step)
  local tree = setmetatable({ edits = {}, count = 0, branches = {}, order = {}, undone = {}, deleted = 0, current = "main" }, Tree)
  tree:add_branch { name = "main", fork = step, path = {}, own = 0, tip = step, planned = 0 }
  return tree
end

-- Edits are shared: what a copy that was thrown away had added is written over by the next one.
function Tree:copy()
  local tree = setmetatable({}, Tree)
  for key, value in pairs(self) do tree[key] = value end
  tree.branches, tree.order, tree.undone = {}, copy(self.order), copy(self.undone)
  for name, branch in pairs(self.branches) do
    local its = {}
    for key, value in pairs(branch) do its[key] = value end
    tree.branches[name] = its
  end
  return tree
end

function Tree:branch() return self.branches[self.current] end

function Tree:add_branch(branch)
  self.branches[branch.name] = branch
  self.order[#self.order + 1] = branch.name
  return branch
end

function Tree:remove_branch(name)
  self.branches[name] = nil
  for i = #self.order, 1, -1 do if self.order[i] == name then table.remove(self.order, i) end end
end

-- nil: there is none of that name, or it was deleted
function Tree:find(name)
  local branch = self.branches[name]
  return branch and not branch.deleted and branch or nil
end

local function renamed(name, from, to) return name == from and to or name end

function Tree:rename_branch(from, to)
  local branch = self.branches[from]
  self.branches[from], self.branches[to], branch.name = nil, branch, to
  self.current = renamed(self.current, from, to)
  for i, name in ipairs(self.order) do self.order[i] = renamed(name, from, to) end
  for i, undone in ipairs(self.undone) do
    self.undone[i] = { branch = renamed(undone.branch, from, to), kept = renamed(undone.kept, from, to) }
  end
  for _, other in pairs(self.branches) do other.parent = renamed(other.parent, from, to) end
end

-- Names of the branches that left this one and were not deleted.
function Tree:children(name)
  local list = {}
  for _, other in ipairs(self.order) do
    if self.branches[other].parent == name then list[#list + 1] = other end
  end
  return list
end

local function place_of(list, value)
  for i, item in ipairs(list) do if item == value then return i end end
end

-- Returns the name that it has from now on.
function Tree:delete_branch(name)
  self.deleted = self.deleted + 1
  local place, hidden = place_of(self.order, name), ("%s deleted %d"):format(name, self.deleted)
  for _, undone in ipairs(self.undone) do
    if undone.kept == name then self.undone = {} end
  end
  table.remove(self.order, place)
  self:rename_branch(name, hidden)
  self.branches[hidden].deleted = { name = name, number = self.deleted, place = place }
  return hidden
end

-- The one of that name that was deleted last, nil where none was.
function Tree:deleted_branch(name)
  local last
  for _, branch in pairs(self.branches) do
    local deleted = branch.deleted
    if deleted and deleted.name == name and (not last or deleted.number > last.deleted.number) then last = branch end
  end
  return last
end

function Tree:undelete_branch(branch)
  local deleted = branch.deleted
  branch.deleted = nil
  self:rename_branch(branch.name, deleted.name)
  table.insert(self.order, math.min(deleted.place, #self.order + 1), deleted.name)
end

-- "main~1", or the first such name that is free.
function Tree:free_name(name)
  name = name:match "^(.-)~%d+$" or name
  local n = 1
  while self.branches[name .. "~" .. n] do n = n + 1 end
  return name .. "~" .. n
end

-- The edit goes onto the current branch.
function Tree:add_edit(edit)
  local branch, path = self:branch(), copy(self:branch().path)
  self.count = self.count + 1
  edit.id, edit.branch = self.count, self.current
  self.edits[edit.id] = edit
  path[#path + 1] = edit.id
  branch.path, self.undone = path, {}
  return edit
end

-- The last edits leave no trace.
function Tree:forget_edits(count)
  local branch = self:branch()
  branch.path = copy(branch.path, #branch.path - count)
end

-- The current branch goes back to the step and so many of its edits; what came later, up to the step 'last', stays
-- as a branch of its own, which is returned.
function Tree:leave(step, count, last)
  local branch = self:branch()
  local rest = self:add_branch { name = self:free_name(branch.name), parent = branch.name, fork = step, path = branch.path,
    own = count, tip = last, planned = branch.planned }
  for _, other in pairs(self.branches) do
    if other.parent == branch.name and other ~= rest and (other.fork > step or other.own > count) then other.parent = rest.name end
  end
  branch.path = copy(branch.path, count)
  return rest
end

-- The current branch goes on where the other one, which once was its later part, ends.
function Tree:take_up(kept)
  local branch = self:branch()
  branch.path, branch.planned = kept.path, kept.planned
  for _, other in pairs(self.branches) do
    if other.parent == kept.name then other.parent = branch.name end
  end
  self:remove_branch(kept.name)
end

-- The branches from this one up, each with the steps (from, to] that are its own.
function Tree:pieces(name, to)
  local list = {}
  while name do
    local branch = self.branches[name]
    list[#list + 1] = { name = name, from = branch.fork, to = to }
    to = math.min(to, branch.fork)
    name = branch.parent
  end
  return list
end

-- The last step that two branches have in common, which stand at the given steps.
function Tree:common_step(a, a_step, b, b_step)
  local ancestors = {}
  for _, piece in ipairs(self:pieces(a, a_step)) do ancestors[piece.name] = piece.to end
  for _, piece in ipairs(self:pieces(b, b_step)) do
    if ancestors[piece.name] then return math.min(piece.to, ancestors[piece.name]) end
  end
  return 0
end

function Tree:common_edits(a, b) return shared(self.branches[a].path, self.branches[b].path) end

return Tree
