-- SPDX-License-Identifier: GPL-3.0-or-later
-- What a workbench shows of a live run: lathe.view(topic) prints it, numbers as JSON, an object a line. It only looks.
local branches, edits, show, print, pcall, type = branches, edits, show, print, pcall, type

local EXAMPLES, SAMPLES = 6, 4 -- of a batch; of held-out text
local topics = {}

local function tell(values) print(lathe.json(values)) end

-- What a run without history has none of.
local function listed(f)
  local ok, list = pcall(f)
  return ok and list or {}
end

-- What happened on the way to this step; going back leaves the others behind.
local function before_now(list)
  local kept = {}
  for _, entry in ipairs(list) do
    if entry.step <= run.step then kept[#kept + 1] = entry end
  end
  return kept
end

function topics.run()
  print(lathe.view_session(run, lathe.paused()))
  local tree, done = {}, {}
  for i, b in ipairs(listed(branches)) do
    tree[i] = { name = b.name, step = b.step, parent = b.parent, fork = b.fork, current = b.text:sub(1, 1) == "*" }
  end
  for i, edit in ipairs(listed(edits)) do done[i] = { step = edit.step, effect = edit.effect } end
  tell { branches = tree }
  tell { edits = done, snapshots = lathe.history.steps_at_hand(), pauses = before_now(lathe.pauses(run)) }
end

-- Gradients are whole between two steps only.
function topics.model()
  lathe.boundary()
  print(lathe.view_parameters(run))
end

function topics.samples()
  lathe.boundary()
  print(lathe.samples(SAMPLES))
end

-- Without the losses, which would take the step once more.
function topics.data()
  lathe.boundary()
  local ok, batch = pcall(function() return run.batch end)
  if not ok or type(batch) ~= "table" then return print("no step was taken yet") end
  local copy = {}
  for name, value in pairs(batch) do copy[name] = value end
  copy.step = nil
  print(("step %d, a batch of %d"):format(run.step, batch.size))
  for i = 0, math.min(batch.size, EXAMPLES) - 1 do
    print("")
    show(copy, i)
  end
end

function lathe.view(topic)
  local f = topics[topic]
  if not f then error(("there is no view '%s'"):format(tostring(topic)), 2) end
  f()
end

return lathe.view
