-- SPDX-License-Identifier: GPL-3.0-or-later
-- What a journal is good for: going on with a run, doing it all again, the clean recipe.
local history = lathe.history
local inner = require "lathe.history"
local fail, comma, current, shared = inner.fail, inner.comma, inner.current, inner.shared
local on_the_way, silently, apply, train_to, go = inner.on_the_way, inner.silently, inner.apply, inner.train_to, inner.go
local register, snapshot_here, new_branch = inner.register, inner.snapshot_here, inner.new_branch

-- The entries of a journal: { step, hash, text }.
function history.entries(journal)
  local list, entry = {}, nil
  for line in journal:gmatch "([^\n]*)\n" do
    local step, hash = line:match '^at%((%d+), "(%x+)"%)$'
    if step then
      entry = { step = tonumber(step), hash = hash }
      list[#list + 1] = entry
    elseif entry and not line:match "^%-%- warning: " then
      local back = line:match "^%-%- back: (.*)$"
      if back then entry.inverse = back else entry.text = entry.text and entry.text .. "\n" .. line or line end
    end
  end
  for i, e in ipairs(list) do
    if not e.text then fail("journal.lua: entry %d, at(%d), says nothing", i, e.step) end
    e.text = e.text:gsub("  %-%- typed: [^\n]*$", "")
  end
  return list
end

-- Tells again what the journal warns of.
local function repeat_warnings(journal)
  for words in journal:gmatch "%-%- warning: ([^\n]*)" do
    if not inner.state().warnings[words] then print("warning: " .. words) end
    inner.state().warnings[words] = true
  end
end

-- Entries that only say which state was reached.
local marks = { ["began()"] = true, ["finish()"] = true, ["saved()"] = true }
history.marks = marks

local commands = { undo = true, redo = true, rewind = true, branch = true, switch = true }

local function is_command(text) return commands[text:match "^(%a+)%(" or ""] end

-- What the journal did to edits and branches, without computing anything.
local function read(entries)
  local H = inner.state()
  for _, entry in ipairs(entries) do
    H.reading = entry.step
    if is_command(entry.text) then
      apply(entry.text)
    elseif not marks[entry.text] then
      register { effect = entry.text, inverse = entry.inverse }
    end
  end
end

-- For real, in a replay: an edit is known to the history as it was when it was made.
local function apply_entry(entry)
  if is_command(entry.text) then return apply(entry.text) end
  snapshot_here()
  apply(entry.text)
  register { effect = entry.text, inverse = entry.inverse }
end

-- Loads the newest checkpoint that lies on the way; without one the state stays the first one.
local function load_checkpoint(step)
  local H = inner.state()
  local path = current().path
  for _, saved in ipairs(H.directory.checkpoints()) do
    local text, problem = H.directory.checkpoint_edits(saved)
    local its = {}
    for id in (text or ""):gmatch "%d+" do its[#its + 1] = tonumber(id) end
    local same = #its == #path and shared(its, path) == #path
    if not text then
      print("warning: " .. problem)
    elseif on_the_way(saved, its, math.max(saved, step), path) and (saved <= step or same) then
      silently(function()
        for _, id in ipairs(its) do apply(H.edits[id].effect) end
      end)
      H.directory.load(saved)
      H.snapshots[#H.snapshots + 1] = { step = saved, path = its, state = lathe.snapshot(H.session) }
      return saved
    end
  end
end

-- Goes on with a run as its journal and checkpoints left it. The session is as its recipe builds it.
function history.resume(session, directory)
  history.start(session, directory)
  local H = inner.state()
  local journal = directory.read_journal()
  local entries = history.entries(journal)
  repeat_warnings(journal)
  local ok, problem = pcall(read, entries)
  local step = H.reading or 0
  H.reading = nil
  if not ok then error(problem, 0) end
  local saved = load_checkpoint(step)
  if saved and saved > step then step = saved end
  go(step, current().path)
  lathe.set_edits(session, table.concat(current().path, " "))
  directory.remove_checkpoints_after(step)
  directory.cut_metrics(step)
  inner.follow_plan()
end

-- Gives a session that its recipe built the options and shapes that the journal's edits led to, not the weights.
function history.settle(session, journal)
  history.start(session, nil)
  local H = inner.state()
  local ok, problem = pcall(read, history.entries(journal))
  H.reading = nil
  if not ok then error(problem, 0) end
  silently(function()
    for _, id in ipairs(current().path) do apply(H.edits[id].effect) end
  end)
  history.stop()
end

-- The first tensor whose hash is another one than states.jsonl says for the entry, nil where none is.
local function different_tensor(states, number)
  local H = inner.state()
  local line, n = nil, 0
  for l in states:gmatch "[^\n]+" do
    n = n + 1
    if n == number then line = l end
  end
  if not line then return nil end
  local said = {}
  for name, hash in line:gmatch '"([^"]+)": "(%x+)"' do said[name] = hash end
  for _, tensor in ipairs(lathe.tensor_hashes(H.session)) do
    if said[tensor.name] ~= tensor.hash then return tensor.name end
  end
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
  print(("  the first tensor that differs: %s"):format(different_tensor(states, number) or "none; cursors or options differ"))
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
function history.replay(session, journal, states, till, metrics)
  history.start(session, nil)
  local H = inner.state()
  H.quiet = true
  repeat_warnings(journal)
  local reached, last = 0, 0
  H.stepped = function() H.done[#H.done + 1] = { step = session.step, metrics = as_recorded(session.last.loss, session.last.grad_norm) } end
  for i, entry in ipairs(history.entries(journal)) do
    if till and entry.step > till then break end
    H.done = {}
    train_to(entry.step, "replaying")
    local hash = session:hash()
    if hash ~= entry.hash then
      report_difference(entry, i, last, hash, states, metrics)
      return false
    end
    reached, last = reached + 1, entry.step
    if not marks[entry.text] then silently(apply_entry, entry) end
  end
  print(("%d of %d recorded states reached, up to step %s"):format(reached, reached, comma(last)))
  return true
end

-- The recipe with only the edits that shaped the state in which the journal ends.
function history.export(journal, recipe, set, steps)
  local entries = history.entries(journal)
  local H = { edits = {}, branches = {}, order = {}, snapshots = {}, reading = 0 }
  inner.set_state(H)
  new_branch("main", nil, 0, {}, 0)
  H.current = "main"
  local ok, problem = pcall(read, entries)
  local path, made = current().path, H.edits
  inner.set_state(nil)
  if not ok then error(problem, 0) end
  local out = { "local base = (function(...)\n", recipe, "\nend)(...)\n\nreturn lathe.edited(base, {\n" }
  out[#out + 1] = ("  steps = %d,\n  set = {\n"):format(steps)
  local names = {}
  for name in pairs(set) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do out[#out + 1] = ("    %s = %q,\n"):format(name, set[name]) end
  out[#out + 1] = "  },\n  edits = {\n"
  for _, id in ipairs(path) do out[#out + 1] = ("    { %d, %q },\n"):format(made[id].step, made[id].effect) end
  out[#out + 1] = "  },\n})\n"
  return table.concat(out)
end
