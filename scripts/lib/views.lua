-- SPDX-License-Identifier: GPL-3.0-or-later
-- What a workbench shows of a live run: lathe.view(topic) prints it, numbers as JSON, an object a line. It only looks.
local branches, edits, print, pcall, ipairs, pairs = branches, edits, print, pcall, ipairs, pairs
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
  tell { edits = done, snapshots = engine.history.steps_at_hand(), pauses = before_now(lathe.pauses(run)) }
end

-- The tree of branches with what happened on each.
function topics.history()
  tell { tree = engine.history.tree() }
end

for name, f in pairs(require "lathe.view_panes") do topics[name] = f end

-- What a pane wants to know more closely stands behind the topic.
function lathe.view(topic, ...)
  local f = topics[topic]
  if not f then error(("there is no view '%s'"):format(tostring(topic)), 2) end
  f(...)
end

return lathe.view
