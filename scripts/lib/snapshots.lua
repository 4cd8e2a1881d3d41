-- SPDX-License-Identifier: GPL-3.0-or-later
-- The snapshots of a session, { step, path, state }, kept to two limits: beyond that of the memory the oldest go to the
-- disk; where there is no room either, those go away that are cheapest to compute again. The first and the newest stay.
local positions = require "lathe.positions"
local words = require "lathe.words"
local comma = words.comma

local MEMORY = 1 << 30 -- bytes of tensors that snapshots may hold beyond the session's own
local DISK = 4 << 30 -- and that may lie in files without names in the run's directory

local Snapshots = {}
Snapshots.__index = Snapshots

-- folder: where files go, nil: nowhere. The first one is taken here, unless the session's first weights are gone.
function Snapshots.new(session, folder)
  local store = setmetatable({ session = session, folder = folder, memory = MEMORY, disk = DISK, list = {} }, Snapshots)
  if not lathe.stood_in() then store:add(session.step, {}) end
  return store
end

function Snapshots:close()
  engine.prepare_snapshot(self.session, 0)
  for _, snapshot in ipairs(self.list) do engine.free_snapshot(snapshot.state) end
  self.list = {}
end

local function total(store, bytes_of)
  local bytes = 0
  for _, snapshot in ipairs(store.list) do bytes = bytes + bytes_of(snapshot.state) end
  return bytes
end

-- Of the memory, less what is made ready for the next one.
local function room_for_snapshots(store) return store.memory - engine.prepared_bytes() end

-- Moves the oldest snapshots in memory to the disk, where there is room.
local function put_aside(store)
  local over, room = total(store, engine.snapshot_bytes) - room_for_snapshots(store), store.disk - total(store, engine.snapshot_bytes_aside)
  for _, snapshot in ipairs(store.list) do
    local state = snapshot.state
    local bytes = engine.snapshot_bytes(state)
    if over <= 0 or not store.folder or bytes > room then return end
    if bytes > 0 then
      local ok, why = engine.put_aside(state, store.folder)
      if not ok then
        store.disk = 0
        print("warning: no more snapshots go to the disk: " .. why)
        return
      end
      over, room = over - bytes, room - bytes
    end
  end
end

-- The one nearest behind another one, among those that hold such bytes.
local function least_useful(store, bytes_of)
  local least, at = math.huge, nil
  for i = 2, #store.list - 1 do
    local gap = store.list[i + 1].step - store.list[i - 1].step
    if gap < least and bytes_of(store.list[i].state) > 0 then least, at = gap, i end
  end
  return at
end

local function drop(store, bytes_of, limit)
  while total(store, bytes_of) > limit do
    local at = least_useful(store, bytes_of)
    if not at then return end
    engine.drop_snapshot(table.remove(store.list, at).state)
    put_aside(store)
  end
end

function Snapshots:thin_out()
  put_aside(self)
  drop(self, engine.snapshot_bytes, room_for_snapshots(self))
  drop(self, engine.snapshot_bytes_aside, self.disk)
end

-- A snapshot of the session, which stands at the position, unless there is one.
function Snapshots:add(step, path)
  for _, snapshot in ipairs(self.list) do
    if snapshot.step == step and positions.same_path(snapshot.path, path) then return end
  end
  self.list[#self.list + 1] = { step = step, path = path, state = engine.snapshot(self.session) }
  self.fresh = true
  self:thin_out()
end

-- After a step: what a snapshot shared with the session is its own now, and memory is made ready for the next one.
function Snapshots:stepped()
  engine.prepare_snapshot(self.session, self.memory // 2)
  if not self.fresh then return end
  self.fresh = false
  self:thin_out()
end

-- The one from which the position is reached with the fewest steps.
function Snapshots:nearest(edits, position)
  local best
  for _, snapshot in ipairs(self.list) do
    if positions.on_the_way(edits, snapshot, position) and (not best or positions.later(snapshot, best)) then best = snapshot end
  end
  return best
end

-- nil where there is none
function Snapshots:last_step() return #self.list > 0 and self.list[#self.list].step or nil end

function Snapshots:set_limits(limits)
  for name, bytes in pairs(limits) do
    if name ~= "memory" and name ~= "disk" then words.fail("snapshots { memory = bytes, disk = bytes }: there is no limit '%s'", tostring(name)) end
    if math.type(bytes) ~= "integer" or bytes < 0 then words.fail("snapshots: %s is a number of bytes", name) end
  end
  self.memory, self.disk = limits.memory or self.memory, limits.disk or self.disk
  self:thin_out()
end

local function megabytes(bytes) return comma((bytes + (1 << 19)) >> 20) end

function Snapshots:listing()
  local list = {}
  for i, snapshot in ipairs(self.list) do
    local own, aside = engine.snapshot_bytes(snapshot.state), engine.snapshot_bytes_aside(snapshot.state)
    list[i] = { step = snapshot.step, edits = #snapshot.path, memory = own, disk = aside,
      text = ("step %-12s edits %-4d %s MB in memory, %s MB on the disk"):format(comma(snapshot.step), #snapshot.path, megabytes(own), megabytes(aside)) }
  end
  list[#list + 1] = { text = ("%s of %s MB in memory, %s of %s MB on the disk"):format(megabytes(total(self, engine.snapshot_bytes)),
    megabytes(self.memory), megabytes(total(self, engine.snapshot_bytes_aside)), megabytes(self.disk)) }
  local ready = engine.prepared_bytes()
  if ready > 0 then list[#list + 1] = { text = ("%s MB of the memory are made ready for the next one"):format(megabytes(ready)) } end
  return words.listing(list)
end

return Snapshots
