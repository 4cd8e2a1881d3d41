-- SPDX-License-Identifier: GPL-3.0-or-later
-- pause, resume, step, run_until, stop and control: what a live run does next, and who says so. Called by scripts/control.c with its functions:
-- order(word) gives an order, boundary() waits for the place between two steps, await_pause() for a pause, clock()
-- tells the time. Returns the function that is asked at each boundary whether to pause, and why.
local order, boundary, await_pause, clock = ...
local until_step, until_time, until_true, words

local function number(n)
  local text = tostring(n)
  repeat
    local count
    text, count = text:gsub("^(%-?%d+)(%d%d%d)", "%1,%2")
  until count == 0
  return text
end

local function forget()
  until_step, until_time, until_true, words = nil, nil, nil, nil
end

-- What all of them begin with.
local function await_boundary()
  lathe.check_change()
  boundary()
end

local function document(f, text) return lathe.document(f, text) end

pause = document(function()
  await_boundary()
  forget()
  order("pause")
  await_pause()
end, "pause()\n\nThe run waits before its next step; resume() goes on, step(n) takes n steps.\n")

resume = document(function()
  await_boundary()
  forget()
  order("resume")
end, "resume()\n\nA paused run goes on.\n")

stop = document(function()
  await_boundary()
  print(("[%s] saving and stopping"):format(number(run.step)))
  order("stop")
end, "stop()\n\nSaves the state and ends the run; lathe run --resume DIR goes on with it.\n")

step = document(function(n)
  n = n == nil and 1 or math.tointeger(n)
  if not n or n < 1 then error("step(n) takes a number of steps, from 1", 2) end
  await_boundary()
  forget()
  until_step, words = run.step + n, ("after %s step%s"):format(number(n), n == 1 and "" or "s")
  order("resume quietly")
  await_pause()
end, "step(n)\n\nTakes n steps (1) and pauses.\n")

control = document(function()
  order("control")
  print("you are in control")
end, "control()\n\nTakes control of the run over: of several viewers only one can change it, the others look on.\n")

-- The names of a condition are the metrics of the last step, with or without "loss." before an objective's name.
local function metric_named(_, name)
  local last = run.last
  if name == "metrics" then return last end
  local value = last[name]
  if value == nil then value = last["loss." .. name] end
  if value == nil then value = _G[name] end
  return value
end

local function condition(text)
  local named = text:gsub("[%a_][%w_%.]*", function(name)
    if name:find(".", 1, true) and run.last[name] ~= nil then return ("metrics[%q]"):format(name) end
  end)
  local f, message = load("return " .. named, "=condition", "t", setmetatable({}, { __index = metric_named }))
  if not f then error(message, 0) end
  return f
end

local units = { s = 1, sec = 1, second = 1, seconds = 1, min = 60, minute = 60, minutes = 60, h = 3600, hour = 3600, hours = 3600 }

-- Seconds from now that a text means: "12:30" or "90 s"; nil where it is something else.
local function seconds_of(text)
  local hours, minutes = text:match("^%s*(%d%d?):(%d%d)%s*$")
  local count, unit = text:match("^%s*([%d%.]+)%s*(%a+)%s*$")
  if hours then
    if tonumber(hours) > 23 or tonumber(minutes) > 59 then error("there is no time " .. text, 0) end
    local _, of_day = clock()
    return (tonumber(hours) * 3600 + tonumber(minutes) * 60 - of_day) % 86400
  end
  if tonumber(count) and units[unit] then return tonumber(count) * units[unit] end
end

run_until = document(function(what)
  local seconds = type(what) == "string" and seconds_of(what) or nil
  local test = type(what) == "function" and what or type(what) == "string" and not seconds and condition(what) or nil
  local at = math.tointeger(what)
  if type(what) == "string" then at = nil end
  if not (at or seconds or test) then
    error('run_until takes a step (500), a time ("12:30", "90 s", "10 min") or a condition ("loss < 2", a function)', 2)
  end
  await_boundary()
  if at and at <= run.step then error(("step %s is over: the run stands at %s"):format(number(at), number(run.step)), 2) end
  forget()
  until_step, until_true, until_time = at, test, seconds and clock() + seconds
  words = at and "" or seconds and ("at " .. what) or type(what) == "string" and ("by " .. what) or "by the condition"
  order("resume quietly")
  print(("[%s] runs until %s, then pauses"):format(number(run.step), at and "step " .. number(at)
    or type(what) == "string" and what or "the condition holds"))
end, 'run_until(what)\n\nGoes on until a step (500), a time ("12:30", "90 s", "10 min") or a condition ("loss < 2" in\n' ..
  "metrics of the last step, or a function), and pauses there.\n")

-- Why to pause now; nil: go on.
return function()
  local reason
  if until_step and run.step >= until_step then reason = words end
  if until_time and clock() >= until_time then reason = words end
  if until_true and run.step > 0 then
    local ok, value = pcall(until_true)
    if not ok then
      reason = "the condition failed: " .. tostring(value)
    elseif value then
      reason = words
    end
  end
  if reason then forget() end
  return reason, until_step ~= nil or until_time ~= nil or until_true ~= nil
end
