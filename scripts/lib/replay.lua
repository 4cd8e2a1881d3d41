-- SPDX-License-Identifier: GPL-3.0-or-later
-- What a journal is good for: going on with a run, doing it all again, the clean recipe.
local history = engine.history
local inner = require "lathe.history"
local journal = require "lathe.journal"
local metrics = require "lathe.branch_metrics"
local positions = require "lathe.positions"
local Tree = require "lathe.tree"
local words = require "lathe.words"
local fail, comma = words.fail, words.comma
local current, apply, train_to, is_command = inner.current, inner.apply, inner.train_to, inner.is_command

local function register(entry)
  local H = inner.state()
  local tree = H.tree:copy()
  tree:add_edit { step = entry.step, effect = entry.text, inverse = entry.back, planned = entry.planned }
  H.tree, H.move = tree, nil
end

-- What the journal did to edits and branches, without computing anything. Returns the step at which it ends.
local function read(entries)
  local H = inner.state()
  H.reading = 0
  local ok, problem = pcall(function()
    for _, entry in ipairs(entries) do
      H.reading = entry.step
      if is_command(entry.text) then
        apply(entry.text)
      elseif journal.marks[entry.text] then
        H.move = nil
      else
        register(entry)
      end
    end
  end)
  local step = H.reading
  H.reading = nil
  if not ok then error(problem, 0) end
  return step
end

-- For real, in a replay: an edit is known to the history as it was when it was made.
local function apply_entry(entry)
  if is_command(entry.text) then return apply(entry.text) end
  local H = inner.state()
  H.snapshots:add(H.session.step, current().path)
  engine.silently(apply, entry.text)
  register(entry)
end

-- Loads the newest checkpoint that lies on the way; without one the state stays the first one.
local function load_checkpoint(step)
  local H = inner.state()
  local path = current().path
  for _, saved in ipairs(H.directory.checkpoints()) do
    local its, problem = inner.path_of_saved(saved, nil, { step = math.max(saved, step), path = path })
    if problem then
      print("warning: " .. problem)
    elseif its and (saved <= step or positions.same_path(its, path)) then
      inner.load_saved(saved, nil, its)
      return saved
    end
  end
end

-- A recipe's edits that a journal says nothing of, because it is from before it did: all of its edits are such.
local function guess_planned(entries)
  local tree = inner.state().tree
  for _, entry in ipairs(entries) do
    if entry.planned or entry.text:find "^planned" then return end
  end
  for _, branch in pairs(tree.branches) do branch.planned = #branch.path end
end

-- Edits of a planned line that was not made whole when the program died.
local function forget_half_a_line()
  local H = inner.state()
  local branch, count = current(), 0
  for i = #branch.path, 1, -1 do
    if (H.tree.edits[branch.path[i]].planned or 0) <= branch.planned then break end
    count = count + 1
  end
  if count > 0 then inner.take_back(count) end
end

-- Reads the journal and loads the newest checkpoint on the way to where it ends: that step, and the checkpoint's. The
-- session is as its recipe builds it.
local function read_all(session, directory)
  history.start(session, directory)
  local text = directory.read_journal()
  local entries = journal.entries(text)
  history.repeat_warnings(text, "warning: ")
  local step = read(entries)
  guess_planned(entries)
  return step, load_checkpoint(step)
end

-- A checkpoint behind the journal's last entry is of the branch that was left, if that entry left one and the metrics
-- do not go on to it: the program died before it was put aside.
local function reached(H, directory, step, saved)
  if not saved or saved <= step then return step end
  if not H.move or H.move.renamed then return saved end
  if metrics.is_still_there(directory, H.tree, H.move) then return step end
  return math.max(step, math.min(saved, metrics.last_step(directory)))
end

-- Goes on with a run as its journal and checkpoints left it.
function history.resume(session, directory)
  local step, saved = read_all(session, directory)
  local H = inner.state()
  step = reached(H, directory, step, saved)
  engine.silently(inner.compute, { step = step, path = current().path })
  if H.move then metrics.mend(directory, H.tree, H.move) end
  directory.leave_checkpoints(step, H.move and H.move.from)
  directory.cut_metrics(step)
  for _, name in ipairs(H.tree.order) do directory.store_branch(name) end
  forget_half_a_line()
end

-- Gives the session the state of the newest checkpoint, to look at it: nothing is written, nothing computed again.
function history.look(session, directory) read_all(session, directory) end

-- Gives a session that its recipe built the options and shapes that the journal's edits led to, not the weights.
function history.settle(session, text)
  history.start(session, nil)
  read(journal.entries(text))
  engine.silently(function()
    for _, id in ipairs(current().path) do apply(inner.state().tree.edits[id].effect) end
  end)
  history.stop()
end

-- The first tensor whose hash is another one than states.jsonl says for the entry, in words.
local function different_tensor(states, entry)
  local line
  local begins = ('{"step": %d, "hash": "%s", '):format(entry.step, entry.hash)
  for l in states:gmatch "[^\n]+" do
    if l:sub(1, #begins) == begins then line = l end
  end
  if not line then return "not known; states.jsonl says nothing of this state" end
  local said = {}
  for name, hash in line:gmatch '"([^"]+)": "(%x+)"' do said[name] = hash end
  for _, tensor in ipairs(engine.tensor_hashes(inner.state().session)) do
    if said[tensor.name] ~= tensor.hash then return tensor.name end
  end
  return "none; cursors or options differ"
end

local function as_recorded(loss, grad_norm) return ("%.9g %.9g"):format(loss, grad_norm or 0 / 0) end

-- The first of the steps whose loss or gradient norm stands in none of the run's metrics; nil where all do.
local function different_step(metrics, steps)
  local recorded = {}
  for line in metrics:gmatch "[^\n]+" do
    local step, loss = line:match '^{"step": (%d+), "loss": ([^,}]+)'
    local norm = line:match '"grad_norm": ([^,}]+)'
    if step then recorded[step .. " " .. as_recorded(tonumber(loss) or 0 / 0, tonumber(norm))] = true end
  end
  for _, done in ipairs(steps) do
    if not recorded[done.step .. " " .. done.metrics] then return done.step end
  end
end

local function report_difference(entry, number, from, hash, states, metrics)
  print(("step %s: the state is %s, the journal says %s"):format(comma(entry.step), hash, entry.hash))
  print(("  the first tensor that differs: %s"):format(different_tensor(states, entry)))
  if number == 1 then
    print("  nothing before it was recorded: the run may have begun from other weights, another seed or other libraries")
  else
    print(("  the state of step %s, entry %d of the journal, was still the same"):format(comma(from), number - 1))
  end
  local H = inner.state()
  local step = metrics and different_step(metrics(), H.done)
  if not metrics then return end
  if step then
    print(("  the first step with another loss or gradient norm than metrics.jsonl says: %s"):format(comma(step)))
  elseif #H.done > 0 then
    print(("  the losses of steps %s to %s are as recorded"):format(comma(from + 1), comma(entry.step)))
  end
end

-- Does everything in the journal again, from the beginning, up to the step (nil: all of it). True where every
-- recorded state was reached. metrics(): the text of the run's metrics, asked for where a state differs; nil: there
-- are none.
function history.replay(session, text, states, till, recorded)
  history.start(session, nil)
  local H = inner.state()
  H.quiet = true
  local reached, last = 0, 0
  H.stepped = function() H.done[#H.done + 1] = { step = session.step, metrics = as_recorded(session.last.loss, session.last.grad_norm) } end
  for i, entry in ipairs(journal.entries(text)) do
    if till and entry.step > till then break end
    H.done = {}
    engine.silently(train_to, entry.step, "replaying")
    local hash = session:hash()
    if hash ~= entry.hash then
      report_difference(entry, i, last, hash, states, recorded)
      return false
    end
    reached, last = reached + 1, entry.step
    if not journal.marks[entry.text] then apply_entry(entry) end
  end
  print(("%d of %d recorded states reached, up to step %s"):format(reached, reached, comma(last)))
  return true
end

-- A recipe's text with other settings: with = { seed, steps, stop, set, edits }, see lathe.edited().
local function edited_recipe(recipe, with)
  local out = { "local base = (function(...)\n", recipe, "\nend)(...)\n\nreturn lathe.edited(base, {\n" }
  out[#out + 1] = ("  seed = %d,\n  steps = %d,\n"):format(with.seed, with.steps)
  if with.stop then out[#out + 1] = ("  stop = %d, -- where the run stood\n"):format(with.stop) end
  out[#out + 1] = "  set = {\n"
  local names = {}
  for name in pairs(with.set) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do out[#out + 1] = ("    %s = %q,\n"):format(name, with.set[name]) end
  out[#out + 1] = "  },\n  edits = {\n"
  for _, edit in ipairs(with.edits) do out[#out + 1] = ("    { %d, %q },\n"):format(edit.step, edit.effect) end
  out[#out + 1] = "  },\n})\n"
  return table.concat(out)
end

-- What a journal leads to, without a session: the edits that shaped the state in which it ends, { step, effect } each,
-- the step of that state, and whether the run was trained to its end.
local function outcome(text)
  local H, entries = { tree = Tree.new(0) }, journal.entries(text)
  local before, list = inner.state(), {}
  inner.set_state(H)
  local ok, stands = pcall(read, entries)
  inner.set_state(before)
  if not ok then error(stands, 0) end
  for i, id in ipairs(H.tree:branch().path) do list[i] = { step = H.tree.edits[id].step, effect = H.tree.edits[id].effect } end
  return list, stands, #entries > 0 and entries[#entries].text == "finish()"
end

history.effective_edits = outcome -- for scripts/lib/compare.lua

-- The recipe with only the edits that shaped the state in which the journal ends.
function history.export(text, recipe, set, steps, seed)
  local edits, stands, finished = outcome(text)
  return edited_recipe(recipe, { seed = seed, steps = steps, stop = not finished and stands > 0 and stands or nil, set = set, edits = edits })
end

-- The settings that the journal begins with.
local function header_of(text)
  local words = text:match "^%-%- [^\n]*\nlathe%.run (%b{})"
  local header = words and load("return " .. words, "=journal.lua", "t", {})
  local ok, values = pcall(header or error)
  if not (ok and math.type(values.seed) and math.type(values.steps) and type(values.set) == "table") then
    fail("journal.lua does not begin with lathe.run { recipe =, seed =, steps =, set = }")
  end
  return values
end

-- The recipe that does what a journal says, as it stands: its edits are planned edits.
function history.plan_of(text, recipe)
  local header, set, edits = header_of(text), {}, {}
  for name, value in pairs(header.set) do set[name] = math.type(value) == "float" and ("%.17g"):format(value) or tostring(value) end
  for _, entry in ipairs(journal.entries(text)) do
    local count = entry.text:match "^take_back%((%d+)%)$" -- of a line that failed
    if count then
      for _ = 1, count do edits[#edits] = nil end
    elseif is_command(entry.text) and not entry.text:find "^planned%(" then
      fail("journal.lua has %s at step %s, which no plan can have; 'lathe export-recipe DIR' writes the edits that shaped the end",
        entry.text, comma(entry.step))
    elseif not (is_command(entry.text) or journal.marks[entry.text]) then
      edits[#edits + 1] = { step = entry.step, effect = entry.text }
    end
  end
  return edited_recipe(recipe, { seed = header.seed, steps = header.steps, set = set, edits = edits })
end
