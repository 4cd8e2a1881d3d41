-- SPDX-License-Identifier: GPL-3.0-or-later
-- Looking at the history: branches, edits, snapshots, what two branches differ in.
local history = engine.history
local inner = require "lathe.history"
local words = require "lathe.words"
local fail, comma, shown, listing = words.fail, words.comma, words.shown, words.listing

local function need(what)
  return inner.state() or fail("there is no run with %s here", what)
end

local function tip_of(H, name) return name == H.tree.current and inner.now() or H.tree.branches[name].tip end

function branches()
  local H = need "branches"
  local list = {}
  for _, name in ipairs(H.tree.order) do
    local b, tip = H.tree.branches[name], tip_of(H, name)
    local text = ("%s %-20s step %s"):format(name == H.tree.current and "*" or " ", name, comma(tip))
    if b.parent then text = text .. (", left %s at %s"):format(b.parent, comma(b.fork)) end
    if #b.path > b.own then text = text .. (", edits: %d"):format(#b.path - b.own) end
    list[#list + 1] = { name = name, step = tip, parent = b.parent, fork = b.fork, text = text }
  end
  return listing(list)
end

function edits()
  local H = need "edits"
  local list = {}
  for _, id in ipairs(inner.current().path) do
    local edit = H.tree.edits[id]
    list[#list + 1] = { id = id, step = edit.step, effect = edit.effect, text = ("%3d  [%s] %s"):format(id, comma(edit.step), shown(edit.effect)) }
  end
  return listing(list)
end

-- In what two branches differ: their edits since they parted, their last metrics.
function compare(a, b)
  local H = need "branches"
  local tree = H.tree
  local list, names = {}, { a or tree.current, b or inner.current().parent }
  for i = 1, 2 do
    if not tree.branches[names[i] or ""] then fail("compare(a, b): there is no branch '%s'; branches() lists them", tostring(names[i])) end
  end
  local k, tips = tree:common_edits(names[1], names[2]), { tip_of(H, names[1]), tip_of(H, names[2]) }
  list[1] = { text = ("parted at step %s, after %d common edits"):format(comma(tree:common_step(names[1], tips[1], names[2], tips[2])), k) }
  for i, name in ipairs(names) do
    local path = tree.branches[name].path
    list[#list + 1] = { text = ("%s: step %s"):format(name, comma(tips[i])) }
    for e = k + 1, #path do
      local edit = tree.edits[path[e]]
      list[#list + 1] = { text = ("    [%s] %s"):format(comma(edit.step), shown(edit.effect)) }
    end
    local last = H.directory and H.directory.last_metrics(name == tree.current and "" or name)
    if last then list[#list + 1] = { text = "    " .. last } end
  end
  return listing(list)
end

-- The steps that there is a snapshot of, and how much room they take; with a table, other limits.
function snapshots(limits)
  local H = need "snapshots"
  if limits then H.snapshots:set_limits(limits) end
  return H.snapshots:listing()
end

-- What print(run) begins with; nil for other sessions.
function history.headline(session)
  local H = inner.state()
  if not H or session ~= H.session then return nil end
  local name = H.directory and H.directory.path:match "[^/]+$" or "session"
  local text = ("%s, branch %s: step %s of %s"):format(name, H.tree.current, comma(session.step), comma(session.steps))
  local speed = session.last and session.last.tokens_per_second
  if speed and speed > 0 then text = text .. (", %s tokens/s"):format(comma(speed // 1 | 0)) end
  local last = H.snapshots:last_step()
  return last and text .. (", last snapshot at %s"):format(comma(last)) or text
end

lathe.document(branches, "branches(): the branches, with their last step and where they left another one.")
lathe.document(edits, "edits(): the edits that led to the state now.")
lathe.document(snapshots, "snapshots(): the steps that are at hand for undo, rewind and switch; snapshots { memory = bytes, disk = bytes } sets the limits.")
lathe.document(compare, "compare(a, b): in what two branches differ: edits since they parted, last metrics.")
