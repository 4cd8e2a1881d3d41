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

-- --- what a person calls ---

local function need(what)
  if not H then fail("%s: there is no run whose history could be changed", what) end
  if H.reading then return end
  lathe.check_change()
  if lathe.boundary then lathe.boundary("the end of the step") end
  if engine.stepping(H.session) then fail("%s: not inside a training step", what) end
end

local function plan_before(step)
  local count = 0
  for _, planned in ipairs(plans[H.session] or {}) do count = count + (planned[1] < step and 1 or 0) end
  return count
end

-- The current branch goes back to the step and so many edits; the later part stays as a branch.
local function go_back(step, count, text, redoable)
  local tree, last = H.tree:copy(), now()
  if not H.reading then H.snapshots:add(last, current().path) end
  local rest = tree:leave(step, count, last)
  if redoable then
    tree.undone[#tree.undone + 1] = { branch = tree.current, kept = rest.name }
  else
    tree.undone = {}
    tree:branch().planned = math.min(rest.planned, plan_before(step))
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
  local edit = H.tree.edits[branch.path[#branch.path - count + 1]]
  local stays = go_back(edit.step, #branch.path - count, count == 1 and "undo()" or ("undo(%d)"):format(count), true)
  announce("at %s, before %s%s", comma(edit.step), shown(edit.effect), stays)
end

function redo()
  need "redo"
  local tree, last = H.tree:copy(), now()
  local undone = table.remove(tree.undone)
  if not undone then fail("there is nothing to redo: an edit, a rewind or a switch came after the last undo()") end
  local branch, kept, rest = tree:branch(), tree.branches[undone.kept], nil
  if last > kept.fork then -- the run went on
    if not H.reading then H.snapshots:add(last, branch.path) end
    rest = tree:leave(kept.fork, #branch.path, last)
  end
  tree:take_up(kept)
  travel(kept.tip, tree, "redo()", { from = rest and rest.name or branch.name, last = last, common = kept.fork, to = branch.name,
    step = kept.tip, taken = kept.name })
  announce("at %s again%s", comma(kept.tip), rest and ("; steps %s to %s stay as branch %s"):format(comma(kept.fork + 1), comma(last), rest.name) or "")
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
  while count > branch.own and H.tree.edits[branch.path[count]].step >= step do count = count - 1 end
  return count
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
  local edit = H.tree.edits[id or path[#path]]
  if not edit then fail("there is no edit%s; edits() lists them", id and " " .. tostring(id) or " yet") end
  if not edit.inverse then fail("'%s' cannot be taken back by a single change; undo() goes back before it", shown(edit.effect)) end
  apply(edit.inverse)
end

-- A name for a new branch.
local function check_name(name, call)
  if type(name) ~= "string" or not name:find "^[%w_.~-]+$" or #name > 60 then
    fail("%s: a name of letters, digits, '-', '_' and '.'", call)
  end
  if H.tree:find(name) then fail("there is a branch '%s' already; switch(%q) goes to it", name, name) end
end

local function find(name)
  local found = H.tree:find(name)
  if found then return found end
  local near = lathe.nearest(tostring(name), H.tree.order)
  fail("there is no branch '%s'%s; branches() lists them", tostring(name), near and ("; did you mean '%s'?"):format(near) or "")
end

-- The branch on the way here that the step is of.
local function owner_of(tree, step)
  local branch = tree:branch()
  while branch.parent and step < branch.fork do branch = tree.branches[branch.parent] end
  return branch
end

-- The branch that one is on keeps its steps; the new one begins amid them, or amid those of a branch that it left.
local function branch_earlier(name, step)
  local tree, last = H.tree:copy(), now()
  local from, owner = tree:branch(), owner_of(tree, step)
  check_began(step, owner)
  local count = edits_before(owner, step)
  if not H.reading then H.snapshots:add(last, from.path) end
  from.tip = last
  tree:add_branch { name = name, parent = owner.name, fork = step, path = positions.copy(owner.path, count), own = count, tip = step,
    planned = math.min(owner.planned, plan_before(step)) }
  tree.current, tree.undone = name, {}
  travel(step, tree, ("branch(%q, %d)"):format(name, step), { from = from.name, last = last, common = step, to = name, step = step })
  announce("at %s, on branch %s; switch(%q) goes back to step %s of the other one", comma(step), name, from.name, comma(last))
end

local function branch_here(name)
  local tree, step = H.tree:copy(), now()
  local parent = tree:branch()
  if not H.reading then H.snapshots:add(step, parent.path) end
  parent.tip = step
  tree:add_branch { name = name, parent = parent.name, fork = step, path = parent.path, own = #parent.path, tip = step, planned = parent.planned }
  tree.current, tree.undone = name, {}
  exchange_by_line(tree, ("branch(%q)"):format(name))
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
  if name == H.tree.current then return say("on branch %s already", name) end
  local tree, last = H.tree:copy(), now()
  local from, to = tree:branch(), tree.branches[name]
  if not H.reading then H.snapshots:add(last, from.path) end
  from.tip, tree.current, tree.undone = last, name, {}
  travel(to.tip, tree, ("switch(%q)"):format(name),
    { from = from.name, last = last, common = tree:common_step(from.name, last, name, to.tip), to = name, step = to.tip })
  announce("at %s, on branch %s", comma(to.tip), name)
end

for _, name in ipairs { "undo", "redo", "rewind", "branch", "switch", "rename_branch", "delete_branch", "undelete_branch" } do commands[name] = true end

function snapshot()
  need "snapshot"
  H.snapshots:add(now(), current().path)
  announce("snapshot of step %s; rewind(%d) comes back to it", comma(now()), now())
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

local function describe(f, text) lathe.document(f, text) end
describe(undo, "undo(n): goes back to the step before the last edit, or before the last n edits; the later steps stay as a branch.")
describe(redo, "redo(): takes back the last undo(), then the one before it, as long as nothing else was done.")
describe(rewind, "rewind(step): goes back to a step of this branch; the later steps stay as a branch.")
describe(revert, "revert(id): takes back one edit (the last one without id) by a new edit, from here on.")
describe(branch, "branch(name, step): goes on from here, or from an earlier step, as a branch of that name; the branch that you are on keeps its steps.")
describe(switch, "switch(name): goes to the last step of another branch.")
describe(snapshot, "snapshot(): keeps the state of this step at hand, so that rewind() comes back to it without computing anything.")

-- For scripts/lib/replay.lua, history_lists.lua and branches.lua.
return {
  need = need, find = find, check_name = check_name, exchange = exchange_by_line, announce = announce,
  state = function() return H end, set_state = function(state) H = state end,
  now = now, current = current, is_command = is_command, apply = apply, train_to = train_to, compute = compute, take_back = take_back, load_saved = load_saved, path_of_saved = path_of_saved,
}
