-- SPDX-License-Identifier: GPL-3.0-or-later
-- Debugging from the prompt, on the live model: looks at a session that never change a bit of it.
-- A user's own global of such a name changes nothing here.
local pairs, ipairs, next, type, tostring, tonumber, error, print, setmetatable, rawget, math, table,
  tensor, zeros, help
  = pairs, ipairs, next, type, tostring, tonumber, error, print, setmetatable, rawget, math, table,
    tensor, zeros, help
local pictures = require "lathe.pictures"
local texts = require "lathe.texts"
local condition_of = require "lathe.conditions"
local short, thousands = pictures.short, pictures.thousands

local MOST_HISTORY, MOST_PAUSES, SHOWN_PARAMS = 8192, 32, 40

-- What is known of each session: watches, breakpoints, pauses, curves.
local states = setmetatable({}, { __mode = "k" })

local function fail(message, ...) error(message:format(...), 0) end

local function current(what)
  if lathe.kind(run) ~= "session" then fail("%s: there is no run; make one with run = session {...}", what) end
  return run
end

local function state_of(session)
  local state = states[session]
  if not state then
    state = { watches = {}, breaks = {}, next_break = 0, history = {}, pauses = {} }
    states[session] = state
  end
  return state
end

-- --- metrics: names, history ---

local function metric_names(session)
  local names, seen = { "step", "loss", "lr", "grad_norm", "sparsity", "seconds", "tokens_per_second" }, {}
  for name in pairs(session.objectives) do names[#names + 1] = "loss." .. name end
  for _, watch in ipairs(state_of(session).watches) do names[#names + 1] = watch.name end
  for _, name in ipairs(names) do seen[name] = true end
  return names, seen
end

local function check_metric(session, name, what)
  local names, known = metric_names(session)
  if known[name] then return end
  table.sort(names)
  local near = lathe.nearest(name, names)
  fail("%s: there is no metric '%s'; %s", what, name,
    near and ("did you mean '%s'?"):format(near) or "there are " .. table.concat(names, ", "))
end

-- Points {step, low, high}; when there are too many, two neighbours become one that keeps the extremes.
local function remember(state, metrics)
  for name, value in pairs(metrics) do
    if name ~= "step" then
      local curve = state.history[name]
      if not curve then
        curve = { every = 1, points = {} }
        state.history[name] = curve
      end
      local points = curve.points
      while #points > 0 and points[#points][1] >= metrics.step do -- an undo went back
        points[#points], curve.filled = nil, curve.every
      end
      local last = points[#points]
      if last and (curve.filled or 0) < curve.every then
        last[2], last[3] = math.min(last[2], value), math.max(last[3], value)
        if value ~= value then last[2], last[3] = value, value end
        curve.filled = curve.filled + 1
      else
        points[#points + 1] = { metrics.step, value, value }
        curve.filled = 1
      end
      if #points > MOST_HISTORY then
        local half = {}
        for i = 1, #points - 1, 2 do
          local a, b = points[i], points[i + 1]
          local odd = a[2] ~= a[2] or b[2] ~= b[2]
          half[#half + 1] = { a[1], odd and 0 / 0 or math.min(a[2], b[2]), odd and 0 / 0 or math.max(a[3], b[3]) }
        end
        curve.points, curve.every, curve.filled = half, curve.every * 2, curve.every * 2
      end
    end
  end
end

function lathe.curve(name)
  local session = current("plot")
  check_metric(session, name, "plot")
  local curve = state_of(session).history[name]
  return curve and curve.points or {}
end

-- --- watches ---

function watch(name, f)
  local session = current("watch")
  if type(name) ~= "string" or not name:find("^[%a_][%w_.]*$") or #name > 60 then
    fail("watch: a name of letters, digits, dots and underscores is wanted, as in watch('dead', f)")
  end
  if type(f) ~= "function" then fail("watch: a function that returns a number is wanted; got a %s", type(f)) end
  local state, _, known = state_of(session), metric_names(session)
  for _, w in ipairs(state.watches) do
    if w.name == name then
      w.f = f
      return
    end
  end
  if known[name] then fail("watch: '%s' is a metric already; take another name", name) end
  if #state.watches == 16 then fail("watch: there are 16 already; unwatch(name) makes room") end
  table.insert(state.watches, { name = name, f = f })
end

function unwatch(name)
  local state, names = state_of(current("unwatch")), {}
  for i, w in ipairs(state.watches) do
    names[i] = w.name
    if w.name == name then
      table.remove(state.watches, i)
      return
    end
  end
  local near = lathe.nearest(tostring(name), names)
  fail("unwatch: there is no watch '%s'%s", tostring(name), near and ("; did you mean '%s'?"):format(near) or "")
end

local function run_watches(session, state, metrics)
  local extra = {}
  for i = #state.watches, 1, -1 do
    local w = state.watches[i]
    local ok, value = lathe.call(w.f, session)
    if ok and lathe.kind(value) == "tensor" and value.count == 1 then value = value:item() end
    if ok and type(value) == "number" then
      table.insert(extra, 1, { w.name, value + 0.0 })
      metrics[w.name] = value
    else
      table.remove(state.watches, i)
      local why = ok and ("it returned a " .. type(value) .. ", not a number") or tostring(value)
      lathe.tell(("[%s] watch '%s' is removed, because it failed: %s"):format(thousands(metrics.step), w.name, why))
    end
  end
  return extra
end

-- --- breakpoints ---

local function update_losses(session) lathe.want_losses(session, #state_of(session).breaks > 0) end

function break_when(condition)
  local session = current("break_when")
  local state, entry = state_of(session), nil
  if type(condition) == "function" then
    entry = { test = condition, text = "a function", names = {} }
  elseif type(condition) == "string" then
    local test, names = condition_of(condition, function(name) check_metric(session, name, "break_when") end)
    entry = { test = test, text = condition, names = names }
  else
    fail("break_when: a condition is wanted, \"grad_norm > 10\" or function(metrics); got a %s", type(condition))
  end
  lathe.want_losses(session, true) -- waits for a boundary: no step is tested of which the losses are not known
  entry.id = state.next_break
  state.next_break = state.next_break + 1
  table.insert(state.breaks, entry)
  print(("breakpoint %d: %s"):format(entry.id, entry.text))
end

function breakpoints()
  local state = state_of(current("breakpoints"))
  if #state.breaks == 0 then return print("no breakpoints; break_when(\"grad_norm > 10\") sets one") end
  for _, b in ipairs(state.breaks) do print(("breakpoint %d: %s"):format(b.id, b.text)) end
end

function remove_breakpoint(id)
  local session = current("remove_breakpoint")
  local state = state_of(session)
  for i, b in ipairs(state.breaks) do
    if b.id == id then
      table.remove(state.breaks, i)
      return update_losses(session)
    end
  end
  fail("remove_breakpoint: there is no breakpoint %s; breakpoints() lists them", tostring(id))
end

-- "the loss of example 19 is 11.3, the others 3.2 to 4.4"
local function describe_losses(session)
  local losses = lathe.example_losses(session)
  if #losses == 0 then return nil end
  local worst, low, high = 1, math.huge, -math.huge
  for i, loss in ipairs(losses) do
    if loss ~= loss or loss > losses[worst] then worst = i end
  end
  for i, loss in ipairs(losses) do
    if i ~= worst then low, high = math.min(low, loss), math.max(high, loss) end
  end
  local text = ("batch of %d: the loss of example %d is %s"):format(#losses, worst - 1, short(losses[worst]))
  return #losses > 1 and text .. (", the others %s to %s"):format(short(low), short(high)) or text
end

local function run_breaks(session, state, metrics)
  local pause
  for i = #state.breaks, 1, -1 do
    local b = state.breaks[i]
    local ok, hit = lathe.call(b.test, metrics)
    if not ok then
      table.remove(state.breaks, i)
      lathe.tell(("[%s] breakpoint %d is removed, because it failed: %s"):format(thousands(metrics.step), b.id, tostring(hit)))
    elseif hit then
      local values = {}
      for _, name in ipairs(b.names) do values[#values + 1] = ("%s = %s"):format(name, short(metrics[name])) end
      pause = ("by breakpoint %d: %s"):format(b.id, #values > 0 and table.concat(values, ", ") or b.text)
    end
  end
  if pause then
    local words = describe_losses(session)
    if words then pause = pause .. "\n  " .. words end
  end
  return pause
end

-- Where breakpoints paused the steps that led here: { step, text }. A step that is done again forgets those from it on.
local function note_pause(state, step, pause)
  local pauses = state.pauses
  while #pauses > 0 and pauses[#pauses].step >= step do pauses[#pauses] = nil end
  if not pause then return end
  if #pauses == MOST_PAUSES then table.remove(pauses, 1) end
  pauses[#pauses + 1] = { step = step, text = "paused " .. pause:match "^[^\n]*" }
end

function lathe.pauses(session) return state_of(session).pauses end

-- Steps that the history does again pause nowhere.
lathe.after_step(function(session, metrics)
  local state = state_of(session)
  local extra = run_watches(session, state, metrics)
  remember(state, metrics)
  if engine.is_silent() then return extra end
  local pause = run_breaks(session, state, metrics)
  note_pause(state, metrics.step, pause)
  return extra, pause
end)

-- --- hooks ---

local Hook = { __name = "hook" }
Hook.__index = Hook
function Hook:remove() return lathe.remove_hook(self.session, self.id) end
function Hook:__tostring()
  if not lathe.has_hook(self.session, self.id) then return ("hook on %s, which was removed"):format(self.path) end
  return ("hook on %s; :remove() takes it away"):format(self.path)
end

function hook(module, f)
  if lathe.kind(module) ~= "module" then fail("hook: a module is wanted, as in hook(run.model.bert.encoder.layer[0], f)") end
  if type(f) ~= "function" then fail("hook: a function f(name, values, direction) is wanted; got a %s", type(f)) end
  local path, _, _, session = lathe.module_info(module)
  return setmetatable({ id = lathe.add_hook(module, f), path = path, session = session }, Hook)
end

-- --- batches ---

local function list_of(t) return t:reshape(-1):tolist() end

-- Tokens, and by place (from 1) what was there before it was masked; the batch's width.
local function tokens_of(batch, i)
  local width, was = batch.input_ids.shape[2], {}
  local ids, length = batch.input_ids[i]:tolist(), batch.lengths and batch.lengths[i]:item() or width
  if batch.masked_positions then
    local positions, truths = list_of(batch.masked_positions), list_of(batch.masked_targets)
    for n, position in ipairs(positions) do
      if position // width == i then was[position % width + 1] = truths[n] end
    end
  end
  return table.move(ids, 1, length, 1, {}), was
end

local function features_line(row)
  local s = lathe.statistics(row)
  return ("%s of %s features are not 0"):format(thousands(s.count - s.zeros), thousands(s.count))
end

-- Example i of a batch in lines, the text first.
function lathe.describe_example(batch, i)
  local source = batch.source and rawget(current("show").data, batch.source) or current("show").data.train
  local lines = {}
  if batch.input_ids then
    local ids, was = tokens_of(batch, i)
    local tokenizer, hidden = lathe.tokenizer(source), 0
    for _ in pairs(was) do hidden = hidden + 1 end
    lines[1] = tokenizer and texts.spell(source, tokenizer, ids, was) or source:text(ids)
    if hidden > 0 then lines[2] = ("  %d of %d tokens are to be predicted: shown{was}"):format(hidden, #ids) end
  end
  if batch.features then lines[#lines + 1] = features_line(batch.features[i]) end
  for _, name in ipairs { "next_sentence_label", "sentence_order_label", "labels" } do
    if batch[name] then lines[#lines + 1] = ("  %s %d"):format(name, batch[name][i]:item()) end
  end
  if batch.example_ids then
    lines[#lines + 1] = ("  example %s of epoch %d of '%s'"):format(thousands(batch.example_ids[i]:item()), batch.epoch or 0,
      batch.source or "train")
  end
  return table.concat(lines, "\n")
end

function show(batch, i)
  if type(batch) ~= "table" or not batch.size then fail("show: a batch is wanted, as in show(run.batch, 0)") end
  i = i or 0
  if math.type(i) ~= "integer" or i < 0 or i >= batch.size then
    fail("show: the batch has examples 0 to %d; got %s", batch.size - 1, tostring(i))
  end
  local lines = lathe.describe_example(batch, i)
  local losses = batch.step and run.step == batch.step and lathe.example_losses(run) or {}
  print(losses[i + 1] and ("%s\n  loss %s"):format(lines, short(losses[i + 1])) or lines)
end

-- --- the tree ---

local function tree_line(depth, name, shape, s, note)
  print(("%-44s %-14s %10s %9s %6s%s"):format((("  "):rep(depth) .. name):sub(1, 44), shape, thousands(s.count), short(s.norm),
    s.nan + s.infinite > 0 and "" or ("%.3g%%"):format(100 * s.zeros / math.max(1, s.count)),
    s.nan > 0 and ("  ! %d NaN"):format(s.nan) or s.infinite > 0 and ("  ! %d infinite"):format(s.infinite) or note or ""))
end

-- look(parameter) gives its statistics, each counted once: a model has its parameters at every level of its tree.
local function looker()
  local known = {}
  return function(param)
    known[param.path] = known[param.path] or lathe.statistics(param)
    return known[param.path]
  end
end

local function whole(params, look)
  local sum = { count = 0, nan = 0, infinite = 0, zeros = 0, norm = 0 }
  for _, p in ipairs(params) do
    local s = look(p)
    for _, key in ipairs { "count", "nan", "infinite", "zeros" } do sum[key] = sum[key] + s[key] end
    sum.norm = sum.norm + s.norm ^ 2
  end
  sum.norm = math.sqrt(sum.norm)
  return sum
end

local function own_params(module, path)
  local list = {}
  for _, p in ipairs(lathe.parameters(module)) do
    local rest = path == "" and p.path or p.path:sub(#path + 2)
    if not rest:find("%.") then list[#list + 1] = p end
  end
  return list
end

local function tree(module, name, depth, deepest, look)
  local path, _, _, _, children = lathe.module_info(module)
  local all = lathe.parameters(module)
  tree_line(depth, name, "", whole(all, look), "")
  if depth >= deepest then return end
  for _, p in ipairs(own_params(module, path)) do
    tree_line(depth + 1, p.path:match("[^.]*$"), "[" .. table.concat(p.shape, ",") .. "]", look(p), p.frozen and "  frozen" or "")
  end
  for i, child in ipairs(children) do
    local number = tonumber(child)
    if number and i > 2 and i < #children then
      if i == 3 then print(("%s... (%d more)"):format(("  "):rep(depth + 1), #children - 3)) end
    else
      tree(number and module[number] or module[child], child, depth + 1, deepest, look)
    end
  end
end

function summary(module, depth)
  module = module or current("summary").model
  if lathe.kind(module) ~= "module" then fail("summary: a module is wanted, as in summary(run.model)") end
  local path, _, model = lathe.module_info(module)
  local deepest = depth or (#lathe.parameters(module) > SHOWN_PARAMS and 4 or 99)
  print(("%-44s %-14s %10s %9s %6s"):format("", "shape", "weights", "norm", "zeros"))
  tree(module, path == "" and model or path, 0, deepest, looker())
end

-- --- the tape ---

local function duration(seconds)
  if seconds < 1e-3 then return ("%.0f us"):format(seconds * 1e6) end
  if seconds < 1 then return ("%.2f ms"):format(seconds * 1e3) end
  return ("%.2f s"):format(seconds)
end

-- Calls as a tree of the module paths: {name, ops = {...}, children = {...}, seconds}.
local function call_tree(calls)
  local root = { name = "", children = {}, order = {}, seconds = 0 }
  local ops = {}
  for _, call in ipairs(calls) do
    local at = root
    root.seconds = root.seconds + call.seconds
    for name in call.path:gmatch("[^.]+") do
      local inner = at.children[name]
      if not inner then
        inner = { name = name, children = {}, order = {}, seconds = 0 }
        at.children[name] = inner
        at.order[#at.order + 1] = inner
      end
      inner.seconds = inner.seconds + call.seconds
      at = inner
    end
    local key = call.path .. " " .. call.op .. " " .. call.shape
    local op = ops[key]
    if not op then
      op = { op = call.op, shape = call.shape, forward = 0, backward = 0, calls = 0 }
      ops[key] = op
      at.order[#at.order + 1] = op
    end
    op[call.backward and "backward" or "forward"] = op[call.backward and "backward" or "forward"] + call.seconds
    if not call.backward then op.calls = op.calls + 1 end
  end
  return root
end

local function print_tree(node, depth)
  local shown, left, numbered = 0, 0, 0
  for _, inner in ipairs(node.order) do
    local number = not inner.op and tonumber(inner.name)
    if number then numbered = numbered + 1 end
    if number and numbered > 1 then
      left, shown = left + 1, shown + inner.seconds
    elseif inner.op then
      print(("%-50s %-20s %10s %10s%s"):format(("  "):rep(depth) .. inner.op, inner.shape, duration(inner.forward),
        inner.backward > 0 and duration(inner.backward) or "", inner.calls > 1 and ("  x %d"):format(inner.calls) or ""))
    else
      print(("%-50s %-20s %10s"):format(("  "):rep(depth) .. inner.name, "", duration(inner.seconds)))
      print_tree(inner, depth + 1)
    end
  end
  if left > 0 then print(("%s... (%d more, %s)"):format(("  "):rep(depth), left, duration(shown))) end
end

function tape()
  local session = current("tape")
  local metrics, calls = lathe.look(session)
  local root = call_tree(calls)
  print(("step %s once more: %d calls, %s"):format(thousands(metrics.step), #calls, duration(root.seconds)))
  print(("%-50s %-20s %10s %10s"):format("", "", "forward", "backward"))
  print_tree(root, 0)
end

-- --- profile ---

local function print_rows(rows, total, n, most)
  table.sort(rows, function(a, b) return a.seconds > b.seconds end)
  for i, row in ipairs(rows) do
    if i > most then
      print(("  ... (%d more)"):format(#rows - most))
      break
    end
    local rate = row.flops > row.bytes and ("%.1f GFLOP/s"):format(row.flops / row.seconds / 1e9)
      or ("%.1f GB/s"):format(row.bytes / row.seconds / 1e9)
    print(("  %-44s %6d %10s %14s %5.1f%%"):format(row.name:sub(-44), row.calls // n, duration(row.seconds / n), rate,
      100 * row.seconds / total))
  end
end

local function add_row(rows, name, call)
  local row = rows[name]
  if not row then
    row = { name = name, calls = 0, seconds = 0, flops = 0, bytes = 0 }
    rows[name], rows[#rows + 1] = row, row
  end
  row.calls, row.seconds = row.calls + 1, row.seconds + call.seconds
  row.flops, row.bytes = row.flops + call.flops, row.bytes + call.bytes
end

function profile(n)
  local session, ops, modules, total, wall = current("profile"), {}, {}, 0, 0
  n = n or 3
  if math.type(n) ~= "integer" or n < 1 then fail("profile: a number of steps of at least 1 is wanted; got %s", tostring(n)) end
  for _ = 1, n do
    local metrics, calls = lathe.look(session, true)
    wall = wall + metrics.seconds
    for _, call in ipairs(calls) do
      total = total + call.seconds
      add_row(ops, call.op .. (call.backward and " (backward)" or ""), call)
      add_row(modules, call.path == "" and "(no module)" or call.path, call)
    end
  end
  print(("%d steps without update: %s each, of it %s in ops"):format(n, duration(wall / n), duration(total / n)))
  print(("  %-44s %6s %10s %14s %6s"):format("op", "calls", "time", "rate", "share"))
  print_rows(ops, total, n, 16)
  print(("  %-44s"):format("module"))
  print_rows(modules, total, n, 16)
end

-- f is run for a quarter of a second, but at least three times.
function time(f, ...)
  if type(f) ~= "function" then fail("time: a function is wanted, as in time(function() return a:matmul(b) end)") end
  local times, start = {}, lathe.seconds()
  repeat
    local before = lathe.seconds()
    f(...)
    times[#times + 1] = lathe.seconds() - before
  until #times >= 3 and lathe.seconds() - start > 0.25
  table.sort(times)
  print(("%s (the middle of %d; %s to %s)"):format(duration(times[(#times + 1) // 2]), #times, duration(times[1]),
    duration(times[#times])))
end

-- --- attention ---

function attention(text, layer)
  local session = current("attention")
  if type(text) ~= "string" then fail("attention: a text is wanted, as in attention('the dog | it barks')") end
  local ids, types, _, source, tokenizer = texts.ids_of(session, text, "attention")
  local _, _, model = lathe.module_info(session.model)
  local found = lathe.attention(session, model, ids, types)
  if #found == 0 then fail("attention: the model has no attention") end
  if layer and not found[math.tointeger(layer) and layer + 1] then
    fail("attention: there is no layer %s; the model has those from 0 to %d", tostring(layer), #found - 1)
  end
  local pieces = {}
  for i, id in ipairs(ids) do pieces[i] = texts.piece(tokenizer, id, lathe.verbatim(source)) end
  print(texts.spell(source, tokenizer, ids, {}))
  print("rows: who looks; columns: at whom")
  for l, one in ipairs(found) do
    if not layer or layer == l - 1 then
      local probabilities = one.probabilities[0]
      for h = 0, #probabilities - 1 do
        local most = lathe.statistics(probabilities[h]).max
        print(("%s, head %d: shades from 0 to %s"):format(one.path, h, short(most)))
        for row, cells in ipairs(pictures.shaded(probabilities[h], 40, 60, 0, most)) do
          print(("  %12s %s"):format(#pieces <= 40 and pieces[row]:sub(1, 12) or "", cells))
        end
      end
    end
  end
end

-- --- nudge ---

local Nudge = {}
function Nudge:__tostring()
  return ("loss %.6g, with the change %.6g: it changes by %s; the gradient says %s"):format(self.loss, self.loss + self.change,
    short(self.change), short(self.predicted))
end

function nudge(param, delta)
  if lathe.kind(param) ~= "parameter" then fail("nudge: a parameter is wanted, as run.model.bert.pooler.dense.weight") end
  if type(delta) == "number" then delta = zeros(table.unpack(param.shape)) + delta end
  local loss, change, changed = lathe.nudge(param, delta)
  return setmetatable({ loss = loss, change = changed - loss, predicted = change }, Nudge)
end

-- --- states ---

local function tensors_of(what)
  if lathe.kind(what) == "session" then
    local all = {}
    for name, module in pairs(what.models) do
      for _, p in ipairs(lathe.parameters(module)) do
        all[(name == "model" and "" or name .. ":") .. p.path] = p
      end
    end
    return all, "the run"
  end
  if type(what) ~= "string" then fail("diff_states: a run, a checkpoint's folder or a safetensors file is wanted") end
  local kind = lathe.file_kind(what)
  if kind == "file" then return lathe.tensors(what), what end
  if kind ~= "directory" then fail("diff_states: %s is no safetensors file and no folder", what) end
  local folder = lathe.file_kind(what .. "/model.safetensors") == "file" and what or lathe.newest_checkpoint(what)
  if folder then return lathe.tensors(folder .. "/model.safetensors"), folder end
  fail("diff_states: %s has no model.safetensors, and no checkpoint that is whole", what)
end

local function layer_of(name)
  return name:match("^(.-%.%d+)%.") or name:match("^(.*)%.[^.]*$") or name
end

-- How many tensors are the same, in words which are not, and for each layer the norms of a and of b - a.
local function differences(a, b)
  local first, first_name = tensors_of(a)
  local second, second_name = tensors_of(b)
  local names, layers, differing, equal = {}, {}, {}, 0
  for name in pairs(first) do names[#names + 1] = name end
  for name in pairs(second) do if not first[name] then names[#names + 1] = name end end
  table.sort(names)
  for _, name in ipairs(names) do
    local x, y = first[name], second[name]
    local c = x and y and lathe.compare(x, y)
    if not x or not y then
      differing[#differing + 1] = ("%s: only in %s"):format(name, x and first_name or second_name)
    elseif not c then
      differing[#differing + 1] = ("%s: [%s] and [%s]"):format(name, table.concat(x.shape, ","), table.concat(y.shape, ","))
    elseif c.differing == 0 then
      equal = equal + 1
    else
      differing[#differing + 1] = ("%s: %s of %s entries, largest difference %s"):format(name, thousands(c.differing),
        thousands(x.count), short(c.largest))
    end
    if c then
      local layer = layer_of(name)
      if not layers[layer] then
        layers[layer] = { name = layer, norm = 0, difference = 0 }
        layers[#layers + 1] = layers[layer]
      end
      layers[layer].norm = layers[layer].norm + c.norm ^ 2
      layers[layer].difference = layers[layer].difference + c.difference ^ 2
    end
  end
  return equal, differing, layers
end

function diff_states(a, b)
  local equal, differing, layers = differences(a, b)
  print(("%d tensors are the same, %d differ"):format(equal, #differing))
  if #differing == 0 then return end
  print(("  %-50s %12s"):format("layer", "|b - a| / |a|"))
  for _, layer in ipairs(layers) do
    if layer.difference > 0 then print(("  %-50s %12s"):format(layer.name:sub(-50), short(math.sqrt(layer.difference / layer.norm)))) end
  end
  print("first tensors that differ:")
  for i = 1, math.min(8, #differing) do print("  " .. differing[i]) end
  if #differing > 8 then print(("  ... (%d more)"):format(#differing - 8)) end
end

-- For diff(): { name, relative } of the layers that differ; tensors that cannot be compared have no 'relative'.
function lathe.layer_differences(a, b)
  local _, differing, layers = differences(a, b)
  local list = {}
  for _, layer in ipairs(layers) do
    if layer.difference > 0 then list[#list + 1] = { name = layer.name, relative = math.sqrt(layer.difference / layer.norm) } end
  end
  for _, words in ipairs(differing) do
    local name, what = words:match "^(.-): (.*)$"
    if not what:find "largest difference" then list[#list + 1] = { name = name, a = what } end
  end
  return list
end

-- --- help ---

for _, entry in ipairs {
  { summary, "summary(module, depth): the tree of modules with shapes, weights, norms and the share of zeros; of run.model\n"
    .. "unless said. Lists of equal layers are shortened." },
  { hook, "hook(module, f): in each step f(name, values, 'forward') is called with what the module gives, and\n"
    .. "f(name, values, 'backward') with the gradient of that. The values are copies. Gives a handle with :remove().\n"
    .. "A hook that fails is removed, says so, and the step goes on." },
  { watch, "watch(name, f): after each step f(run) gives one more metric of that name, also in metrics.jsonl." },
  { unwatch, "unwatch(name): ends watch(name, f)." },
  { break_when, "break_when(\"grad_norm > 10\"), break_when(\"loss.mlm > 5 and step > 100\"), break_when(function(metrics)):\n"
    .. "the run pauses behind the first step for which the condition holds. Then run.batch is the batch that did it." },
  { breakpoints, "breakpoints(): lists them." },
  { remove_breakpoint, "remove_breakpoint(number): takes one away." },
  { show, "show(run.batch, i): example i of a batch: tokens, what is masked, labels, where it comes from, its loss." },
  { tape, "tape(): the last step as a tree of modules and ops with shapes and times, from running it once more without update." },
  { profile, "profile(n): time, GFLOP/s or GB/s and share of each op and module over n steps without update, 3 unless said." },
  { time, "time(f): how long f() takes: the middle of several calls." },
  { attention, "attention(text, layer): what each head looks at, on the run's model in evaluation mode; 'a | b' is a pair of\n"
    .. "sentences. All layers unless one is said." },
  { nudge, "nudge(parameter, delta): what the loss on the last step's batch would do if delta, a number or a tensor, were\n"
    .. "added to the parameter: really, and by the gradient. The parameter is set back." },
  { diff_states, "diff_states(a, b): in which layers and tensors two states differ; each is a run, a run's directory (its final\n"
    .. "weights, or its newest checkpoint), a checkpoint's folder or a safetensors file." },
} do
  lathe.document(entry[1], entry[2])
end
