-- SPDX-License-Identifier: GPL-3.0-or-later
-- Positions in the history of a run: a step and a path, the list of the edits that led there. Two states with the
-- same position have the same bits. Paths are values: nobody changes one in place.
local positions = {}

function positions.copy(list, last) return table.move(list, 1, last or #list, 1, {}) end

-- How many edits both begin with.
function positions.shared(p, q)
  local k = 0
  while p[k + 1] and p[k + 1] == q[k + 1] do k = k + 1 end
  return k
end

function positions.same_path(p, q) return #p == #q and positions.shared(p, q) == #p end

-- Whether a state at one position lies on the way to the other one. edits: what the numbers of paths stand for.
function positions.on_the_way(edits, from, to)
  if positions.shared(from.path, to.path) < #from.path or from.step > to.step then return false end
  local following = edits[to.path[#from.path + 1]]
  return not following or following.step >= from.step
end

function positions.later(a, b) return a.step > b.step or (a.step == b.step and #a.path > #b.path) end

return positions
