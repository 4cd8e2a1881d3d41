-- SPDX-License-Identifier: GPL-3.0-or-later
-- The history of a run: edits, snapshots, branches, the journal. A position is a step and a path, the list of the
-- edits that led there; two states with the same position have the same bits. undo, rewind, switch, resume and
-- replay are one thing: find the nearest state at hand on the way to a position, and do the rest again.
local history = {}
lathe.history = history

local SNAPSHOTS_MEMORY = 1 << 30 -- bytes of tensors that snapshots may hold beyond the session's own
local SNAPSHOTS_DISK = 4 << 30 -- and that may lie in files without names in the run's directory
local TAKE_EVERY = 20 -- snapshots that a run takes by itself

local plans = setmetatable({}, { __mode = "k" }) -- session -> edits that its recipe makes by itself

local H -- the history that is going on; nil: none

local function fail(...) error((...):format(select(2, ...)), 0) end

local function comma(n)
  local text = ("%d"):format(n):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""))
end

-- The step now; while a journal is only read, what it would be.
local function now() return H.reading or H.session.step end

local function say(...) if not H.reading and not H.quiet then print((...):format(select(2, ...))) end end

local function current() return H.branches[H.current] end

local function copy(list, last) return table.move(list, 1, last or #list, 1, {}) end

-- --- positions ---

local function shared(p, q)
  local k = 0
  while p[k + 1] and p[k + 1] == q[k + 1] do k = k + 1 end
  return k
end

-- Whether a state at (step, path) lies on the way to the other position.
local function on_the_way(step, path, to_step, to_path)
  if shared(path, to_path) < #path or step > to_step then return false end
  local following = H.edits[to_path[#path + 1]]
  return not following or following.step >= step
end

local function later(a, b) return a.step > b.step or (a.step == b.step and #a.path > #b.path) end

-- --- snapshots ---

local function total(bytes_of)
  local bytes = 0
  for _, snapshot in ipairs(H.snapshots) do bytes = bytes + bytes_of(snapshot.state) end
  return bytes
end

-- Moves the oldest snapshots in memory to the disk, where there is room. The newest stays.
local function put_aside()
  local over, room = total(lathe.snapshot_bytes) - H.limit, H.disk_limit - total(lathe.snapshot_bytes_aside)
  for i = 1, #H.snapshots - 1 do
    local state = H.snapshots[i].state
    local bytes = lathe.snapshot_bytes(state)
    if over <= 0 or not H.directory or bytes > room then return end
    if bytes > 0 then
      local ok, why = lathe.put_aside(state, H.directory.path)
      if not ok then
        H.disk_limit = 0
        print("warning: no more snapshots go to the disk: " .. why)
        return
      end
      over, room = over - bytes, room - bytes
    end
  end
end

-- The snapshot that is cheapest to compute again: the one nearest behind another one. The first and the last stay.
local function least_useful()
  local least, at = math.huge, 2
  for i = 2, #H.snapshots - 1 do
    local gap = H.snapshots[i + 1].step - H.snapshots[i - 1].step
    if gap < least then least, at = gap, i end
  end
  return at
end

-- Keeps to the limits.
local function thin_out()
  put_aside()
  while #H.snapshots > 2 and total(lathe.snapshot_bytes) > H.limit do
    lathe.free_snapshot(table.remove(H.snapshots, least_useful()).state)
    put_aside()
  end
end

local function snapshot_here()
  if H.reading then return end
  local path, step = current().path, now()
  for _, snapshot in ipairs(H.snapshots) do
    if snapshot.step == step and #snapshot.path == #path and shared(snapshot.path, path) == #path then return end
  end
  H.snapshots[#H.snapshots + 1] = { step = step, path = copy(path), state = lathe.snapshot(H.session) }
  thin_out()
end

-- --- doing things again ---

local function apply(effect)
  local chunk, problem = load(effect, "=journal", "t")
  if not chunk then fail("journal: %s", problem) end
  chunk()
end

-- Trains up to the step, saying how far it is when that takes longer than a second.
local function train_to(step, why)
  local from, told = H.session.step, lathe.clock()
  local again <close> = lathe.do_again() -- no breakpoint pauses now
  while H.session.step < step do
    H.session:train(1)
    if H.stepped then H.stepped() end
    if lathe.clock() - told > 1 then
      told = lathe.clock()
      print(("%s: step %s of %s"):format(why, comma(H.session.step - from), comma(step - from)))
    end
  end
end

local function silently(f, ...)
  lathe.untrack(true)
  local results = table.pack(pcall(f, ...))
  lathe.untrack(false)
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

local function nearest(step, path)
  local best
  for _, snapshot in ipairs(H.snapshots) do
    if on_the_way(snapshot.step, snapshot.path, step, path) and (not best or later(snapshot, best)) then best = snapshot end
  end
  return best
end

local function recompute(step, path, done)
  for k = done + 1, #path do
    local edit = H.edits[path[k]]
    train_to(edit.step, "computing again")
    apply(edit.effect)
  end
  train_to(step, "computing again")
end

-- Makes the session's state that of the position; on failure it is what it was.
local function go(step, path)
  if H.reading then
    H.reading = step
    return
  end
  local back = lathe.snapshot(H.session)
  local start = nearest(step, path)
  if not start then fail("step %s cannot be computed again: the weights in %s, from which the run began, are not there any more", comma(step), lathe.stood_in()) end
  local ok, problem = pcall(silently, function()
    lathe.restore(H.session, start.state)
    recompute(step, path, #start.path)
  end)
  if not ok then lathe.restore(H.session, back) end
  lathe.free_snapshot(back)
  if not ok then error(problem, 0) end
end

-- --- metrics of branches: metrics.jsonl has those of the current one ---

-- The branches from the current one up, each with the steps (from, to] that are its own.
local function pieces(name, to)
  local list = {}
  while name do
    local branch = H.branches[name]
    list[#list + 1] = { name = name, from = branch.fork, to = to }
    to = math.min(to, branch.fork)
    name = branch.parent
  end
  return list
end

local function lines_between(text, from, to)
  local kept = {}
  for line in text:gmatch "[^\n]*\n" do
    local step = tonumber(line:match '^{"step": (%d+)')
    if step and step > from and step <= to then kept[#kept + 1] = line end
  end
  return table.concat(kept)
end

local function put_away_metrics(name, last, common)
  local tail = H.directory.cut_metrics(common)
  for _, piece in ipairs(pieces(name, last)) do
    local lines = lines_between(tail, math.max(piece.from, common), piece.to)
    if lines ~= "" then H.directory.append_branch(piece.name, lines) end
  end
end

local function bring_metrics(name, last, common)
  local list = pieces(name, last)
  for i = #list, 1, -1 do
    local text = list[i].to > common and H.directory.take_branch(list[i].name)
    if text then H.directory.append_metrics(lines_between(text, common, last)) end
  end
end

-- --- the journal ---

-- Before anything happens at this position: its step and the state's hash.
local function write(text)
  if H.reading or not H.directory then return end
  local step, hash = now(), H.session:hash()
  H.directory.put_state(step, hash)
  H.directory.put_journal(('at(%d, "%s")\n%s\n'):format(step, hash, text))
end

local function shown(line)
  line = line:match "^[^\n]*"
  return #line > 120 and line:sub(1, 117) .. "..." or line
end

local function register(edit)
  local branch = current()
  edit.id, edit.step, edit.branch = #H.edits + 1, now(), H.current
  H.edits[edit.id] = edit
  branch.path[#branch.path + 1] = edit.id
  H.undone = nil
  if not H.reading then lathe.set_edits(H.session, table.concat(branch.path, " ")) end
  return edit
end

-- Called by the engine before each edit.
local function note(effect, inverse)
  local typed = lathe.line()
  snapshot_here()
  local text = effect
  if typed ~= "" and typed ~= effect then text = text .. "  -- typed: " .. shown(typed) end
  if inverse then text = text .. "\n-- back: " .. inverse end
  write(text)
  register { effect = effect, inverse = inverse }
end

local early = {} -- warnings before there is a history

local function put_warning(words) H.directory.put_journal("-- warning: " .. words .. "\n") end

-- Something that a journal cannot do again is told once and stays in the journal. session: nil is the run's own.
function history.warn(session, words)
  local run = not session or (H and session == H.session)
  local known = H and H.warnings or early
  if run and known[words] then return end
  print("warning: " .. words)
  if run then known[words] = true end
  if run and H and H.directory then put_warning(words) end
end

-- --- what a person calls ---

local function need()
  if not H then fail("there is no run whose history could be changed; 'lathe run' and 'lathe repl' with a recipe make one") end
  if lathe.boundary and not H.reading then lathe.boundary("the end of the step") end
end

local function new_branch(name, parent, fork, path, tip)
  H.branches[name] = { name = name, parent = parent, fork = fork, path = path, own = #path, tip = tip }
  H.order[#H.order + 1] = name
  return H.branches[name]
end

local function free_name(name)
  name = name:match "^(.-)~%d+$" or name
  local n = 1
  while H.branches[name .. "~" .. n] do n = n + 1 end
  return name .. "~" .. n
end

-- Leaves the later part of the current branch behind under a name of its own and goes back to the position.
local function go_back(step, count, command)
  local branch, last = current(), now()
  snapshot_here()
  write(command)
  local path = copy(branch.path, count)
  go(step, path)
  local kept = free_name(branch.name)
  local rest = new_branch(kept, branch.name, step, branch.path, last)
  rest.own = count
  for _, other in pairs(H.branches) do
    if other.parent == branch.name and other ~= rest and (other.fork > step or other.own > count) then other.parent = kept end
  end
  branch.path = path
  if not H.reading then
    lathe.set_edits(H.session, table.concat(path, " "))
    if H.directory then
      put_away_metrics(kept, last, step)
      H.directory.remove_checkpoints_after(step)
    end
  end
  return rest, last
end

local function stay(rest, step, last)
  if last == step then return "" end
  return ("; steps %s to %s stay as branch %s"):format(comma(step + 1), comma(last), rest.name)
end

function undo()
  need()
  local branch = current()
  if #branch.path <= branch.own then
    fail("there is no edit to undo on branch %s%s", branch.name,
      branch.parent and (" since it left %s at step %d"):format(branch.parent, branch.fork) or "")
  end
  local edit = H.edits[branch.path[#branch.path]]
  local rest, last = go_back(edit.step, #branch.path - 1, "undo()")
  H.undone = { branch = branch.name, kept = rest.name }
  say("at %s, before %s%s", comma(edit.step), shown(edit.effect), stay(rest, edit.step, last))
end

function redo()
  need()
  local undone = H.undone
  if not undone or undone.branch ~= H.current then fail("there is nothing to redo: an edit or a switch came after the last undo()") end
  local branch, kept = current(), H.branches[undone.kept]
  if now() ~= kept.fork then fail("steps were trained since the last undo(); switch(%q) goes to what was undone", kept.name) end
  write("redo()")
  go(kept.tip, kept.path)
  branch.path = kept.path
  for _, other in pairs(H.branches) do
    if other.parent == kept.name then other.parent = branch.name end
  end
  H.branches[kept.name], H.undone = nil, nil
  for i = #H.order, 1, -1 do if H.order[i] == kept.name then table.remove(H.order, i) end end
  if not H.reading then
    lathe.set_edits(H.session, table.concat(branch.path, " "))
    if H.directory then
      local text = H.directory.take_branch(kept.name)
      if text then H.directory.append_metrics(text) end
    end
  end
  say("at %s again", comma(kept.tip))
end

function rewind(step)
  need()
  local branch = current()
  if math.type(step) ~= "integer" or step < 0 then fail("rewind(step): a step from 0 to %d", now()) end
  if step > now() then fail("step %d is ahead: the run is at %d; run_until(%d) goes there", step, now(), step) end
  if step < branch.fork then
    fail("step %d lies before branch %s left %s at %d; switch(%q) first", step, branch.name, branch.parent, branch.fork, branch.parent)
  end
  local count = #branch.path
  while count > branch.own and H.edits[branch.path[count]].step >= step do count = count - 1 end
  if step == now() and count == #branch.path then return say("at %s already", comma(step)) end
  local rest, last = go_back(step, count, ("rewind(%d)"):format(step))
  say("at %s%s", comma(step), stay(rest, step, last))
end

function revert(id)
  need()
  local path = current().path
  local edit = H.edits[id or path[#path]]
  if not edit then fail("there is no edit%s; edits() lists them", id and " " .. tostring(id) or " yet") end
  if not edit.inverse then fail("'%s' cannot be taken back by a single change; undo() goes back before it", shown(edit.effect)) end
  apply(edit.inverse)
end

function branch(name)
  need()
  if type(name) ~= "string" or not name:find "^[%w_.~-]+$" or #name > 60 then
    fail("branch(name): a name of letters, digits, '-', '_' and '.'")
  end
  if H.branches[name] then fail("there is a branch '%s' already; switch(%q) goes to it", name, name) end
  local parent = current()
  snapshot_here()
  write(("branch(%q)"):format(name))
  parent.tip = now()
  new_branch(name, parent.name, now(), copy(parent.path), now())
  H.current, H.undone = name, nil
  say("at %s, on branch %s; switch(%q) goes back to the other one", comma(now()), name, parent.name)
end

-- The last step that both branches have in common.
local function common_step(a, a_step, b, b_step)
  local ancestors, step = {}, a_step
  for _, piece in ipairs(pieces(a, a_step)) do ancestors[piece.name] = piece.to end
  step = b_step
  for _, piece in ipairs(pieces(b, b_step)) do
    step = piece.to
    if ancestors[piece.name] then return math.min(step, ancestors[piece.name]) end
  end
  return 0
end

function switch(name)
  need()
  local to = H.branches[name]
  if not to then
    local near = lathe.nearest(tostring(name), H.order)
    fail("there is no branch '%s'%s; branches() lists them", tostring(name), near and ("; did you mean '%s'?"):format(near) or "")
  end
  if name == H.current then return say("on branch %s already", name) end
  local from, last = current(), now()
  snapshot_here()
  write(("switch(%q)"):format(name))
  from.tip = last
  go(to.tip, to.path)
  local common = common_step(from.name, last, name, to.tip)
  H.current, H.undone = name, nil
  if not H.reading then
    lathe.set_edits(H.session, table.concat(to.path, " "))
    if H.directory then
      put_away_metrics(from.name, last, common)
      bring_metrics(name, to.tip, common)
      H.directory.remove_checkpoints_after(to.tip)
    end
  end
  say("at %s, on branch %s", comma(to.tip), name)
end

-- What one can look at: a list that prints itself.
local Listing = {}
Listing.__tostring = function(list)
  local lines = {}
  for _, item in ipairs(list) do lines[#lines + 1] = item.text end
  return #lines == 0 and "none" or table.concat(lines, "\n")
end

function branches()
  if not H then fail("there is no run with branches here") end
  local list = {}
  for _, name in ipairs(H.order) do
    local b = H.branches[name]
    local tip = name == H.current and now() or b.tip
    local text = ("%s %-20s step %s"):format(name == H.current and "*" or " ", name, comma(tip))
    if b.parent then text = text .. (", left %s at %s"):format(b.parent, comma(b.fork)) end
    if #b.path > b.own then text = text .. (", edits: %d"):format(#b.path - b.own) end
    list[#list + 1] = { name = name, step = tip, parent = b.parent, fork = b.fork, text = text }
  end
  return setmetatable(list, Listing)
end

function edits()
  if not H then fail("there is no run with edits here") end
  local list = {}
  for _, id in ipairs(current().path) do
    local edit = H.edits[id]
    list[#list + 1] = { id = id, step = edit.step, effect = edit.effect, text = ("%3d  [%s] %s"):format(id, comma(edit.step), shown(edit.effect)) }
  end
  return setmetatable(list, Listing)
end

-- In what two branches differ: their edits since they parted, their last metrics.
function compare(a, b)
  if not H then fail("there is no run with branches here") end
  local list, names = {}, { a or H.current, b or current().parent }
  for i = 1, 2 do
    if not H.branches[names[i] or ""] then fail("compare(a, b): there is no branch '%s'; branches() lists them", tostring(names[i])) end
  end
  local x, y = H.branches[names[1]], H.branches[names[2]]
  local k = shared(x.path, y.path)
  local tips = { names[1] == H.current and now() or x.tip, names[2] == H.current and now() or y.tip }
  list[1] = { text = ("parted at step %s, after %d common edits"):format(comma(common_step(x.name, tips[1], y.name, tips[2])), k) }
  for i, branch in ipairs { x, y } do
    list[#list + 1] = { text = ("%s: step %s"):format(branch.name, comma(tips[i])) }
    for e = k + 1, #branch.path do
      local edit = H.edits[branch.path[e]]
      list[#list + 1] = { text = ("    [%s] %s"):format(comma(edit.step), shown(edit.effect)) }
    end
    local last = H.directory and H.directory.last_metrics(names[i] == H.current and "" or branch.name)
    if last then list[#list + 1] = { text = "    " .. last } end
  end
  return setmetatable(list, Listing)
end

function snapshot()
  need()
  snapshot_here()
  say("[%s] snapshot; rewind(%d) comes back to it", comma(now()), now())
end

local function megabytes(bytes) return comma((bytes + (1 << 19)) >> 20) end

-- The steps that there is a snapshot of, and how much room they take; with a table, other limits.
function snapshots(limits)
  if not H then fail("there is no run with snapshots here") end
  for name, bytes in pairs(limits or {}) do
    if name ~= "memory" and name ~= "disk" then fail("snapshots { memory = bytes, disk = bytes }: there is no limit '%s'", tostring(name)) end
    if math.type(bytes) ~= "integer" or bytes < 0 then fail("snapshots: %s is a number of bytes", name) end
  end
  if limits then
    H.limit, H.disk_limit = limits.memory or H.limit, limits.disk or H.disk_limit
    thin_out()
  end
  local list = {}
  for i, snapshot in ipairs(H.snapshots) do
    local own, aside = lathe.snapshot_bytes(snapshot.state), lathe.snapshot_bytes_aside(snapshot.state)
    list[i] = { step = snapshot.step, edits = #snapshot.path, memory = own, disk = aside,
      text = ("step %-12s edits %-4d %s MB in memory, %s MB on the disk"):format(comma(snapshot.step), #snapshot.path, megabytes(own), megabytes(aside)) }
  end
  list[#list + 1] = { text = ("%s of %s MB in memory, %s of %s MB on the disk"):format(megabytes(total(lathe.snapshot_bytes)), megabytes(H.limit),
    megabytes(total(lathe.snapshot_bytes_aside)), megabytes(H.disk_limit)) }
  return setmetatable(list, Listing)
end

-- --- the life of a history ---

-- directory: the functions of a run's directory, nil for a session at the prompt. A session whose weights are gone
-- has no first state.
function history.start(session, directory)
  H = { session = session, directory = directory, edits = {}, branches = {}, order = {}, snapshots = {}, warnings = early, limit = SNAPSHOTS_MEMORY, disk_limit = SNAPSHOTS_DISK }
  new_branch("main", nil, 0, {}, 0)
  H.current = "main"
  if not lathe.stood_in() then H.snapshots[1] = { step = session.step, path = {}, state = lathe.snapshot(session) } end
  lathe.track(session, note)
end

-- Edits that a session's recipe makes while it trains: { { step, "line" }, ... } in order of steps.
function history.plan(session, list)
  for i, edit in ipairs(list) do
    if math.type(edit[1]) ~= "integer" or type(edit[2]) ~= "string" or (i > 1 and list[i - 1][1] > edit[1]) then
      fail("edit %d of the recipe must be { step, 'line of Lua' }, in order of steps", i)
    end
  end
  plans[session] = list
end

-- Makes the edits that are due. Those that the path has already are not made again.
local function follow_plan()
  local plan = plans[H.session]
  if not plan then return end
  H.planned = H.planned or #current().path -- after resuming: so many are done
  while plan[H.planned + 1] and plan[H.planned + 1][1] <= H.session.step do
    H.planned = H.planned + 1
    apply(plan[H.planned][2])
  end
end

-- A new run: its first state is noted, and edits that are planned before its first step are made now.
function history.begin(session, directory)
  history.start(session, directory)
  write("began()")
  for words in pairs(directory and early or {}) do put_warning(words) end
  follow_plan()
end

function history.stop()
  if not H then return end
  for _, snapshot in ipairs(H.snapshots) do lathe.free_snapshot(snapshot.state) end
  lathe.track(H.session, nil)
  H = nil
end

-- After each step: now and then a snapshot, so that going back is quick.
function history.stepped()
  if not H then return end
  follow_plan()
  local every = math.max(1, H.session.steps // TAKE_EVERY)
  if H.session.step % every == 0 then snapshot_here() end
end

-- What print(run) begins with; nil for other sessions.
function history.headline(session)
  if not H or session ~= H.session then return nil end
  local name = H.directory and H.directory.path:match "[^/]+$" or "session"
  local text = ("%s, branch %s: step %s of %s"):format(name, H.current, comma(session.step), comma(session.steps))
  local speed = session.last and session.last.tokens_per_second
  if speed and speed > 0 then text = text .. (", %s tokens/s"):format(comma(speed // 1 | 0)) end
  local last = H.snapshots[#H.snapshots]
  return last and text .. (", last snapshot at %s"):format(comma(last.step)) or text
end

-- The last line of a run that was trained to its end; a line for each checkpoint. They say which state was reached.
function history.finish() if H then write("finish()") end end
function history.saved() if H then write("saved()") end end

local function describe(f, words) lathe.document(f, words) end
describe(undo, "undo(): goes back to the step before the last edit; the later steps stay as a branch.")
describe(redo, "redo(): takes back the last undo(), as long as nothing else was done.")
describe(rewind, "rewind(step): goes back to a step of this branch; the later steps stay as a branch.")
describe(revert, "revert(id): takes back one edit (the last one without id) by a new edit, from here on.")
describe(branch, "branch(name): goes on from here as a branch of that name.")
describe(switch, "switch(name): goes to the last step of another branch.")
describe(branches, "branches(): the branches, with their last step and where they left another one.")
describe(edits, "edits(): the edits that led to the state now.")
describe(snapshot, "snapshot(): keeps the state of this step at hand, so that rewind() comes back to it without computing anything.")
describe(snapshots, "snapshots(): the steps that are at hand for undo, rewind and switch; snapshots { memory = bytes, disk = bytes } sets the limits.")
describe(compare, "compare(a, b): in what two branches differ: edits since they parted, last metrics.")

-- For scripts/lib/journal.lua.
return {
  state = function() return H end, set_state = function(state) H = state end,
  fail = fail, comma = comma, current = current, shared = shared, on_the_way = on_the_way, silently = silently, apply = apply, train_to = train_to, go = go, register = register,
  snapshot_here = snapshot_here, new_branch = new_branch, follow_plan = follow_plan,
}
