-- SPDX-License-Identifier: GPL-3.0-or-later
-- Looking at the history: branches, edits, snapshots.
local history = engine.history
local inner = require "lathe.history"
local moves = require "lathe.moves"
local positions = require "lathe.positions"
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

-- The steps that there is a snapshot of, and how much room they take; with a table, other limits: between steps only, as
-- snapshots give turns while they move to the disk or go.
function snapshots(limits)
  local H = need "snapshots"
  if limits then
    moves.need "snapshots"
    H.snapshots:set_limits(limits)
  end
  return H.snapshots:listing()
end

-- The steps on the way here that rewind() goes back to without computing anything.
function history.steps_at_hand()
  local H, list = inner.state(), {}
  for _, snapshot in ipairs(H and H.snapshots.list or {}) do
    if positions.on_the_way(H.tree.edits, snapshot, { step = inner.now(), path = inner.current().path }) then list[#list + 1] = snapshot.step end
  end
  return list
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
  if last then text = text .. (", last snapshot at %s"):format(comma(last)) end
  local marks = history.marks()
  return marks and text .. "\n  " .. marks or text
end

lathe.document(branches, "branches(): the branches, with their last step and where they left another one.")
lathe.document(edits, "edits(): the edits that led to the state now.")
lathe.document(snapshots, "snapshots(): the steps that are at hand for undo, rewind and switch; snapshots { memory = bytes, disk = bytes } sets the limits.")
