-- SPDX-License-Identifier: GPL-3.0-or-later
-- What a workbench asks of a live session: exact where it can be checked, and it changes no bit. Called with the tokenizer
-- and a function that makes a session.
local tokenizer, make = ...

local function close(a, b, words)
  assert(math.abs(a - b) <= 1e-5 * math.max(math.abs(a), math.abs(b), 1e-12), ("%s: %.9g and %.9g"):format(words or "", a, b))
end

local function field(text, name) return tonumber((text:match('"' .. name .. '": ([^,}%]]+)'))) end

-- --- the share of the gradient at the trunk's output: that of a real step ---

run = make()
run.objectives.nsp.enabled = false
local list, step = lathe.shares(run) -- no step was made: of the next one
assert(#list == 1 and list[1].name == "mlm" and step == 1)
close(list[1].share, 1)
local seen
local handle = hook(run.model.bert.encoder, function(_, values, direction)
  if direction == "backward" then seen = values:norm():item() end
end)
run:train(1)
handle:remove()
close(list[1].norm, seen, "norm at the trunk")

-- Exact shares: those of a step with that objective alone.
run = make()
local paths, norms = lathe.gradient_norms(run.model.bert.pooler)
assert(#paths == 2 and #norms == 2 and norms[1].name == "mlm")
assert(norms[1].norms[1] == 0, "masked words do not reach the pooler")
run.objectives.mlm.enabled = false
run:train(1)
close(norms[2].norms[1], run.model.bert.pooler.dense.weight.grad:norm():item(), "norm of one objective")

run = make()
local shares, sum = gradient_shares(), 0
for _, one in ipairs(shares) do sum = sum + one.share end
close(sum, 1, "shares")
assert(tostring(run.objectives):find("%% of the gradient"))
assert(tostring(gradient_shares(run.model.bert.pooler.dense.weight)):find("bert.pooler.dense.weight", 1, true))
assert(not pcall(gradient_shares, 5))

-- --- parameters: the measured update is what one step changed, whatever the optimizer ---

local function update_of(text, path)
  local entry = text:match('"path": "' .. path:gsub("%.", "%%.") .. '".-}')
  return field(entry, "update2"), field(entry, "norm2"), entry
end

for _, optimizer in ipairs { optim.adamw { lr = 0.003 }, optim.lamb { lr = 0.01 }, optim.sgd { lr = 0.1, momentum = 0.9 } } do
  run = make { optimizer = optimizer }
  run:train(2)
  lathe.view_parameters(run) -- asks for the next step's
  local weight = run.model.bert.pooler.dense.weight
  local before = weight.value:clone()
  run:train(1)
  local after = weight.value:clone()
  run:train(1)
  local update, norm = update_of(lathe.view_parameters(run), "bert.pooler.dense.weight")
  close(update, (after - before):norm():item() ^ 2, "update")
  close(norm, weight.value:norm():item() ^ 2, "norm")
end

run.model.bert.pooler.frozen = true
run:train(2)
lathe.view_parameters(run)
run:train(1)
local _, _, entry = update_of(lathe.view_parameters(run), "bert.pooler.dense.weight")
assert(entry:find('"update2": "NaN"', 1, true) and entry:find('"frozen": true', 1, true), entry)

-- A unit whose row gets no gradient is dead: that of a pruned row, here.
run = make()
run:prune { sparsity = 0.9, params = "bert.pooler" }
run:train(1)
local _, _, pruned = update_of(lathe.view_parameters(run), "bert.pooler.dense.weight")
local rows, empty = run.model.bert.pooler.dense.weight.value, 0
for r = 0, rows.shape[1] - 1 do
  if rows[r]:norm():item() == 0 then empty = empty + 1 end
end
assert(field(pruned, "units") == rows.shape[1])
assert(field(pruned, "dead") >= empty, pruned)
close(field(pruned, "zeros"), math.floor(0.9 * rows.count + 0.5), "zeros")

-- How values are spread over time: in order, at the steps of the looks, and never too many.
run = make()
for _ = 1, 130 do
  run:train(1)
  lathe.view_parameters(run)
end
local spread = lathe.view_spread(run, "model", "bert.pooler.dense.weight")
local times, last = 0, 0
for row in spread:match('"times": (.*)'):gmatch("%[([^%[%]]+)%]") do
  local numbers = {}
  for number in row:gmatch("[^,]+") do numbers[#numbers + 1] = tonumber(number) end
  assert(#numbers == 14 and numbers[1] > last, row)
  for q = 3, 14 do assert(numbers[q] >= numbers[q - 1], row) end
  times, last = times + 1, numbers[1]
end
assert(times > 40 and times <= 96 and last == 130, times .. " " .. last)

-- --- the schedule ahead ---

run = make { steps = 101, schedule = schedules.linear { warmup = 0.1 } }
local rates = {}
for number in lathe.view_schedule(run, 101):match("%[(.*)%]"):gmatch("[^, ]+") do rates[#rates + 1] = tonumber(number) end
assert(#rates == 101)
close(rates[1], 0.003 / 11)
close(rates[11], 0.003)
close(rates[101], 0.003 * (1 - 90 / 91))
run:train(3)
close(run.last.lr, rates[3], "the rate of the third step")

-- --- the next batches are those that come ---

run = make()
run:train(2)
local second = lathe.next_batch(run, 1)
assert(second.step == 4)
local ids, masked = second.input_ids:tolist(), second.masked_positions:tolist()
run:train(2)
local function same(a, b)
  if type(a) ~= "table" then return a == b end
  for i in ipairs(a) do
    if not same(a[i], b[i]) then return false end
  end
  return #a == #b
end
assert(same(ids, run.batch.input_ids:tolist()) and same(masked, run.batch.masked_positions:tolist()))
assert(lathe.describe_example(second, 0):find("to be predicted"))

-- --- predictions of a text of one's own ---

local words = tostring(predict("the [MASK] and the [MASK]"))
local _, lines = words:gsub("\n", "")
assert(lines == 2 and words:find("%%"), words)
local ok, why = pcall(predict, "the dog")
assert(not ok and why:find("%[MASK%]"), why)

-- --- none of it changes a bit ---

local function train(looks)
  run = make { optimizer = optim.adamw { lr = 0.003 } }
  for _ = 1, 4 do
    if looks then
      gradient_shares()
      gradient_shares(run.model)
      lathe.view_parameters(run)
      lathe.view_schedule(run, 10)
      lathe.next_batch(run, 3)
      predict("a [MASK]")
      attention("a | b")
    end
    run:train(1)
  end
  return run:hash(), run.model.bert.pooler.dense.weight.grad:norm():item()
end
local quiet, quiet_grad = train(false)
local looked, looked_grad = train(true)
assert(quiet == looked and quiet_grad == looked_grad)
