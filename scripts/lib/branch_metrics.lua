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

-- Adds lines to a branch's file before and behind those that it has; steps that it has stay.
local function keep(directory, name, lines)
  if lines == "" then return end
  local last = step_of(directory.last_metrics(name))
  if step_of(lines) <= last then
    local text = directory.read_branch(name)
    local earlier = split(lines, -1, step_of(text) - 1)
    if earlier ~= "" then directory.write_branch(name, earlier .. text) end
  end
  local later = split(lines, last, math.huge)
  if later ~= "" then directory.append_branch(name, later) end
end

-- The branch stood at the step 'last' and shares its steps up to 'common' with the one that comes.
local function put_away(directory, tree, name, last, common)
  local tail = directory.metrics_after(common)
  for _, piece in ipairs(tree:pieces(name, last)) do
    keep(directory, piece.name, (split(tail, math.max(piece.from, common), piece.to)))
  end
  directory.cut_metrics(common)
end

-- The oldest lines leave the files first, which metrics.is_still_there() counts on.
local function bring(directory, tree, name, last, common)
  local list, rests = tree:pieces(name, last), {}
  for i = #list, 1, -1 do
    local piece, text = list[i], ""
    if piece.to > common then text = directory.read_branch(piece.name) end
    if text ~= "" then
      local lines, rest = split(text, piece.from, piece.to)
      local has = step_of(directory.last_metrics "")
      directory.append_metrics((split(lines, math.max(common, has), piece.to)))
      rests[#rests + 1] = { piece.name, rest }
    end
  end
  for _, rest in ipairs(rests) do directory.write_branch(rest[1], rest[2]) end
end

-- The last step that the current branch has metrics of, -1 where there are none.
function metrics.last_step(directory) return step_of(directory.last_metrics "") end

-- names: { from, to }
function metrics.rename(directory, names) directory.rename_branch(names[1], names[2]) end

-- move: { from, last, common, to, step, taken }: the branch that was left and the step at which it stood, the last step
-- in common, the branch that is current now and its step; 'taken', if any, was made its later part (redo).
function metrics.follow(directory, tree, move)
  if move.taken then directory.rename_branch(move.taken, move.to) end
  put_away(directory, tree, move.from, move.last, move.common)
  bring(directory, tree, move.to, move.step, move.common)
end

-- The line of that step in the files of the branch, which stood at the step 'last'; "": there is none.
local function kept_line(directory, tree, name, last, step)
  for _, piece in ipairs(tree:pieces(name, last)) do
    if step > piece.from and step <= piece.to then return (split(directory.read_branch(piece.name), step - 1, step)) end
  end
  return ""
end

-- Whether the lines behind the last step in common are still those of the branch that was left: its file has none of
-- them, or the same, and nothing is lost if it is all done again. Those of the branch that came differ, if only in
-- their seconds.
function metrics.is_still_there(directory, tree, move)
  local line = directory.metrics_after(move.common):match "^[^\n]*\n"
  local step = step_of(line)
  if not line or step > move.last then return false end
  local kept = kept_line(directory, tree, move.from, move.last, step)
  if kept ~= line or move.step == move.common then return kept == "" or kept == line end
  return kept_line(directory, tree, move.to, move.step, step) ~= ""
end

-- After a kill: the move, the last thing that the journal has, was made as far as the files tell. It may be a name
-- alone: { renamed = { from, to } }.
function metrics.mend(directory, tree, move)
  if move.renamed then return metrics.rename(directory, move.renamed) end
  if metrics.is_still_there(directory, tree, move) then return metrics.follow(directory, tree, move) end
  if move.taken then directory.rename_branch(move.taken, move.to) end
  bring(directory, tree, move.to, move.step, move.common)
end

return metrics
