-- SPDX-License-Identifier: GPL-3.0-or-later
-- The history of a run: what changes it, goes back in it, branches it. undo, rewind, switch, resume and replay are one
-- thing: find the nearest state at hand on the way to a position (scripts/lib/positions.lua), and do the rest again.
-- What changes the history happens as a whole: the state is made, the journal is on the disk, then the tree of edits
-- and branches is exchanged, and where one of these fails all is as it was.
local Tree = require "lathe.tree"
local Snapshots = require "lathe.snapshots"
local journal = require "lathe.journal"
local positions = require "lathe.positions"
local metrics = require "lathe.branch_metrics"
local words = require "lathe.words"
local fail, comma, shown = words.fail, words.comma, words.shown

local history = {}
engine.history = history

local TAKE_EVERY = 20 -- snapshots that a run takes by itself

local plans = setmetatable({}, { __mode = "k" }) -- session -> edits that its recipe makes by itself
local lines = setmetatable({}, { __mode = "k" }) -- coroutine -> what its line did
local line -- the one that runs now
local H -- the history that is going on; nil: none

-- The step now; while a journal is only read, what it would be.
local function now() return H.reading or H.session.step end

local function say(...) if not H.reading and not H.quiet then print((...):format(select(2, ...))) end end

-- For the log of the run, and there only.
local function record(text) if H.directory and not H.reading and not H.quiet then H.directory.log("edit", text) end end

local function announce(...)
  say(...)
  record((...):format(select(2, ...)))
end

local function current() return H.tree:branch() end

-- --- the journal ---

-- What will be written of something that happens to the state as it is now.
local function entry_of(text, notes)
  if H.reading or not H.directory then return end
  local step, hash, tensors = now(), H.directory.state()
  return { step = step, hash = hash, tensors = tensors, text = journal.entry(step, hash, text, notes) }
end

local function put(entry)
  if not entry then return end
  H.directory.put_state(entry.step, entry.hash, entry.tensors)
  H.directory.put_journal(entry.text)
end

local function mark(text) put(entry_of(text)) end

-- --- doing things again ---

local commands = {} -- what a journal may say beside edits: a function, or true for a global one

local function is_command(text) return commands[text:match "^([%a_]+)%(" or ""] ~= nil end

local journal_names = setmetatable({}, { __index = function(_, name)
  local command = commands[name]
  if type(command) == "function" then return command end
  return _ENV[name]
end })

local function apply(text)
  local chunk, problem = load(text, "=journal", "t", journal_names)
  if not chunk then fail("journal: %s", problem) end
  chunk()
end

-- Trains up to the step, saying how far it is: to whoever shows progress, else in lines when it takes long.
local function train_to(step, why)
  local from, told = H.session.step, lathe.seconds()
  while H.session.step < step do
    engine.step(H.session)
    H.snapshots:stepped()
    if H.stepped then H.stepped() end
    local shown_elsewhere = lathe.progress(why, H.session.step - from, step - from)
    if not shown_elsewhere and lathe.seconds() - told > 1 then
      told = lathe.seconds()
      print(("%s: step %s of %s"):format(why, comma(H.session.step - from), comma(step - from)))
    end
  end
end

local function name_edits(path) engine.set_edits(H.session, table.concat(path, " ")) end

-- Loads a checkpoint of the run, or of a branch that was left, which was shaped by the edits of the path. The session
-- is in its first state.
local function load_saved(step, name, path)
  engine.silently(function()
    for _, id in ipairs(path) do apply(H.tree.edits[id].effect) end
  end)
  H.directory.load(step, name)
  H.snapshots:add(step, path)
end

-- The path of a checkpoint that lies on the way to the position; nil and why where it cannot be read.
local function path_of_saved(step, name, position)
  local text, problem = H.directory.checkpoint_edits(step, name)
  if not text then return nil, problem end
  local path = {}
  for id in text:gmatch "%d+" do path[#path + 1] = math.tointeger(tonumber(id)) end
  if positions.on_the_way(H.tree.edits, { step = step, path = path }, position) then return path end
end

-- Branches that were left keep their newest checkpoint: one that lies further on the way than the snapshot is loaded.
local function load_left(position, start)
  local first = H.snapshots:nearest(H.tree.edits, { step = 0, path = {} })
  if not (H.directory and first) then return start end
  for _, name in ipairs(H.tree.order) do
    for _, step in ipairs(H.directory.checkpoints(name)) do
      local path = step > start.step and path_of_saved(step, name, position)
      if path then
        engine.restore(H.session, first.state)
        load_saved(step, name, path)
        start = H.snapshots:nearest(H.tree.edits, position)
      end
    end
  end
  return start
end

-- The state of the position, from the nearest one at hand.
local function compute(position)
  local start = H.snapshots:nearest(H.tree.edits, position)
  start = start and load_left(position, start)
  if not start then
    fail("step %s cannot be computed again: the weights in %s, from which the run began, are not there any more",
      comma(position.step), lathe.stood_in())
  end
  engine.restore(H.session, start.state)
  for k = #start.path + 1, #position.path do
    local edit = H.tree.edits[position.path[k]]
    train_to(edit.step, "computing again")
    apply(edit.effect)
  end
  train_to(position.step, "computing again")
  name_edits(position.path)
end

-- --- what changes the history ---

-- The state becomes that of the step on the tree's current branch, and the tree the history's. move: where the metrics
-- go (scripts/lib/branch_metrics.lua).
local function travel(step, tree, text, move)
  if H.reading then
    H.reading, H.tree, H.move = step, tree, move
    return
  end
  local entry = entry_of(text)
  engine.attempt(H.session, function() compute { step = step, path = tree:branch().path } end, function()
    put(entry)
    H.tree = tree
    if line then line:did(text) end
    if not H.directory then return end
    local ok, problem = pcall(metrics.follow, H.directory, tree, move)
    if ok then ok, problem = pcall(H.directory.leave_checkpoints, move.common, move.from) end
    if not ok then print("warning: " .. tostring(problem)) end
  end)
end

-- The tree becomes the history's; the state stays. renamed: { from, to }, a branch that is called otherwise now.
local function exchange(tree, text, notes, renamed)
  if H.reading then
    H.tree, H.move = tree, renamed and { renamed = renamed }
    return
  end
  local entry = entry_of(text, notes)
  engine.attempt(H.session, nil, function()
    name_edits(tree:branch().path)
    put(entry)
    H.tree, H.move = tree, nil
    if not (renamed and H.directory) then return end
    local ok, problem = pcall(metrics.rename, H.directory, renamed)
    if not ok then print("warning: " .. tostring(problem)) end
  end)
end

local function exchange_by_line(tree, text, renamed)
  exchange(tree, text, nil, renamed)
  if line and not H.reading then line:did(text) end
end

-- Called by the engine before each edit.
local function note(effect, inverse)
  local typed = engine.line()
  H.snapshots:add(now(), current().path)
  if line then line:edits_here() end
  local tree = H.tree:copy()
  tree:add_edit { step = now(), effect = effect, inverse = inverse, planned = H.planning }
  exchange(tree, effect, { typed = typed ~= "" and typed ~= effect and shown(typed) or nil, back = inverse, planned = H.planning })
  record(shown(effect))
  if line then line.edits = line.edits + 1 end
end

-- How the edit that was made last is taken back, behind what it did.
function history.ways_back()
  local path = current().path
  local inverse = H.tree.edits[path[#path]].inverse
  local before = inverse and #inverse < 200 and inverse:match "^[^=]+ = ([^%s={}]+)$"
  local revert = before and ("sets %s again from here"):format(before) or "takes it back from here"
  return (".  undo() goes back to %s%s"):format(comma(now()), inverse and ", revert() " .. revert or "")
end

-- The last edits were never made: the state is what it was before them. before: its snapshot, where there is one.
local function take_back(count, before)
  local tree = H.tree:copy()
  tree:forget_edits(count)
  if H.reading then
    H.tree, H.move = tree, nil
    return
  end
  local entry, path = entry_of(("take_back(%d)"):format(count)), tree:branch().path
  engine.attempt(H.session, function()
    if not before then return compute { step = now(), path = path } end
    engine.restore(H.session, before)
    name_edits(path)
  end, function()
    put(entry)
    H.tree = tree
  end)
end

commands.take_back = function(count) take_back(count) end
for _, name in ipairs { "undo", "redo", "rewind", "branch", "switch", "rename_branch", "delete_branch", "undelete_branch" } do commands[name] = true end

-- --- lines of the prompt: one that fails takes its edits back ---

local Line = {}
Line.__index = Line

-- Edits that come now can be taken back together: they follow each other without a step between them.
function Line:edits_here()
  if self.before and self.step == now() then return end
  self:keep()
  self.before, self.step = engine.snapshot(H.session), now()
end

-- What it has done until now stays.
function Line:keep()
  if self.edits > 0 then self.done[#self.done + 1] = self.edits == 1 and "an edit" or self.edits .. " edits" end
  if self.before then engine.free_snapshot(self.before) end
  self.edits, self.before = 0, nil
end

function Line:did(text)
  self:keep()
  self.done[#self.done + 1] = text
end

-- The line of the coroutine starts, or goes on.
function history.begin_line(thread)
  lines[thread] = lines[thread] or setmetatable({ edits = 0, done = {} }, Line)
  line = lines[thread]
end

-- It waits, and training goes on.
function history.keep_line()
  if line and H then line:keep() end
  line = nil
end

-- It has ended. Returns what is to be said of a failure.
function history.end_line(thread, failed)
  local its = lines[thread]
  line, lines[thread] = nil, nil
  if not (its and H) then return end
  local text
  if failed and its.edits > 0 and its.step == now() then
    text = its.edits == 1 and "Its edit was taken back." or ("Its %d edits were taken back."):format(its.edits)
    local ok, problem = pcall(take_back, its.edits, its.before)
    if ok then its.edits = 0 else text = "Its edits could not be taken back: " .. tostring(problem) end
  end
  its:keep()
  if failed and #its.done > 0 then
    text = (text and text .. " " or "") .. ("What the line did before stays: %s."):format(table.concat(its.done, ", "))
  end
  return text
end

-- The edit that was noted last could not be made.
function history.failed()
  take_back(1)
  if line then line.edits = line.edits - 1 end
end

-- --- warnings: what a journal cannot do again ---

local warnings = {} -- of the program's one run; also { [text] = true }

local function know_warning(text)
  if warnings[text] then return false end
  warnings[#warnings + 1], warnings[text] = text, true
  return true
end

local function put_warning(text)
  H.directory.mark(text)
  H.directory.put_journal("-- warning: " .. text .. "\n")
end

-- It is told once, stays in the journal and marks the run. session: nil is the run's own.
function history.warn(session, text)
  text = utf8.len(text) and text:gsub("%c", " ") or text:gsub("[^\32-\126]", "_")
  local run = not session or (H and session == H.session)
  if run and not know_warning(text) then return end
  lathe.tell("warning: " .. text)
  if run and H and H.directory then put_warning(text) end
end

-- What a journal warns of, told behind the words.
function history.repeat_warnings(text, words)
  for warning in journal.warnings(text) do
    if know_warning(warning) then print(words .. warning) end
  end
end

-- For print(run); nil where nothing is known that could not be done again.
function history.marks()
  if #warnings == 0 then return nil end
  return ("not replayable: %s%s"):format(warnings[1], #warnings > 1 and ("; and %d more in journal.lua"):format(#warnings - 1) or "")
end

-- --- edits that a recipe makes ---

-- { { step, "line of Lua" }, ... } in order of steps.
function history.plan(session, list)
  for i, edit in ipairs(list) do
    if math.type(edit[1]) ~= "integer" or type(edit[2]) ~= "string" or (i > 1 and list[i - 1][1] > edit[1]) then
      fail("edit %d of the recipe must be { step, 'line of Lua' }, in order of steps", i)
    end
  end
  plans[session] = list
end

-- How many of them are made before the step.
local function plan_before(step)
  local count = 0
  for _, planned in ipairs(plans[H.session] or {}) do count = count + (planned[1] < step and 1 or 0) end
  return count
end

local function with_planned(count)
  local tree = H.tree:copy()
  tree:branch().planned = count
  return tree
end

commands.planned = function(count) H.tree, H.move = with_planned(count), nil end

-- A line may be several edits, so the journal says when it is made whole.
local function make_planned(number, step, text)
  H.planning = number
  history.begin_line(H)
  local ok, problem = pcall(apply, text)
  history.end_line(H, not ok)
  H.planning = nil
  if not ok then fail("edit %d of the recipe, at step %d: %s", number, step, problem) end
  exchange(with_planned(number), ("planned(%d)"):format(number))
end

-- Before each step: makes the edits that are due.
function history.due()
  local plan = H and plans[H.session]
  local planned = plan and plan[current().planned + 1]
  while planned and planned[1] <= H.session.step do
    make_planned(current().planned + 1, planned[1], planned[2])
    planned = plan[current().planned + 1]
  end
end

-- --- the life of a history ---

-- directory: the functions of a run's directory, nil for a session at the prompt.
function history.start(session, directory)
  H = { session = session, directory = directory, tree = Tree.new(session.step),
    snapshots = Snapshots.new(session, directory and directory.path) }
  engine.track(session, note)
end

-- A new run: its first state is noted, and edits that are planned before its first step are made now.
function history.begin(session, directory)
  history.start(session, directory)
  mark "began()"
  for _, text in ipairs(directory and warnings or {}) do put_warning(text) end
  history.due()
end

function history.is_running() return H ~= nil end

function history.stop()
  if not H then return end
  H.snapshots:close()
  engine.track(H.session, nil)
  H = nil
end

-- After each step: now and then a snapshot, so that going back is quick.
function history.stepped()
  if not H then return end
  H.snapshots:stepped()
  local every = math.max(1, H.session.steps // TAKE_EVERY)
  if H.session.step % every == 0 then H.snapshots:add(H.session.step, current().path) end
end

-- The last line of a run that was trained to its end; a line for each checkpoint. They say which state was reached.
function history.finish() if H then mark "finish()" end end
function history.saved() if H then mark "saved()" end end

-- For scripts/lib/replay.lua, history_lists.lua, moves.lua and branches.lua.
return {
  state = function() return H end, set_state = function(state) H = state end,
  now = now, current = current, say = say, announce = announce, is_command = is_command, apply = apply, train_to = train_to,
  compute = compute, travel = travel, exchange = exchange_by_line, take_back = take_back, plan_before = plan_before,
  load_saved = load_saved, path_of_saved = path_of_saved,
}
