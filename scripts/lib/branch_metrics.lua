-- SPDX-License-Identifier: GPL-3.0-or-later
-- metrics.jsonl has the lines of the current branch from the beginning on; branches/NAME.jsonl those of another one
-- that the current one has not. Moving them from file to file may break off anywhere and be done again.
local metrics = {}

local function step_of(line) return tonumber(line and line:match '^{"step": (%d+)') or -1 end

-- Those of steps in (from, to], and the rest.
local function split(text, from, to)
  local inside, rest = {}, {}
  for line in text:gmatch "[^\n]*\n" do
    local step = step_of(line)
    local list = step > from and step <= to and inside or rest
    list[#list + 1] = line
  end
  return table.concat(inside), table.concat(rest)
end

-- The branch stood at the step 'last' and shares its steps up to 'common' with the one that comes.
local function put_away(directory, tree, name, last, common)
  local tail = directory.metrics_after(common)
  for _, piece in ipairs(tree:pieces(name, last)) do
    local has = step_of(directory.last_metrics(piece.name))
    local lines = split(tail, math.max(piece.from, common, has), piece.to)
    if lines ~= "" then directory.append_branch(piece.name, lines) end
  end
  directory.cut_metrics(common)
end

local function bring(directory, tree, name, last, common)
  local list, rests = tree:pieces(name, last), {}
  for i = #list, 1, -1 do
    local piece, text = list[i], ""
    if piece.to > common then text = directory.read_branch(piece.name) end
    if text ~= "" then
      local lines, rest = split(text, piece.from, piece.to)
      local has = step_of(directory.last_metrics "")
      directory.append_metrics((split(lines, math.max(common, has), piece.to)))
      rests[piece.name] = rest
    end
  end
  for branch, rest in pairs(rests) do directory.write_branch(branch, rest) end
end

-- names: { from, to }
function metrics.rename(directory, names) directory.rename_branch(names[1], names[2]) end

-- move: { from, last, common, to, step, taken }: the branch that was left and the step at which it stood, the last step
-- in common, the branch that is current now and its step; 'taken', if any, was made its later part (redo).
function metrics.follow(directory, tree, move)
  if move.taken then directory.rename_branch(move.taken, move.to) end
  put_away(directory, tree, move.from, move.last, move.common)
  bring(directory, tree, move.to, move.step, move.common)
end

-- After a kill: whether the move, the last thing that the journal has, was made is seen from the files. A move may be a
-- name alone: { renamed = { from, to } }.
function metrics.mend(directory, tree, move)
  if move.renamed then return metrics.rename(directory, move.renamed) end
  local left = step_of(directory.last_metrics(move.from))
  if left < move.last and directory.metrics_after(move.common) ~= "" then return metrics.follow(directory, tree, move) end
  if move.taken then directory.rename_branch(move.taken, move.to) end
  bring(directory, tree, move.to, move.step, move.common)
end

return metrics
