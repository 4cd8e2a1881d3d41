-- SPDX-License-Identifier: GPL-3.0-or-later
-- The questions behind the panes of a workbench: objectives, model, samples, data. Each topic prints an object a line, and
-- how long it took ("seconds"), so that whoever asks can keep within a share of the time.
local ipairs, pairs, type, print, pcall, math, table, tostring, next, error
  = ipairs, pairs, type, print, pcall, math, table, tostring, next, error
local texts = require "lathe.texts"
local pictures = require "lathe.pictures"
local thousands = pictures.thousands

local POINTS, EXAMPLES, SAMPLES, AHEAD, MAP = 240, 12, 4, 8, 40
local topics = {}

local function tell(values) print(lathe.json(values)) end

-- What is computed between two steps, with what it cost.
local function between_steps(f)
  return function(...)
    lathe.boundary()
    local begin = lathe.seconds()
    f(...)
    tell { seconds = lathe.seconds() - begin }
  end
end

-- --- objectives ---

topics.shares = between_steps(function()
  local list, step = lathe.sample_shares(run)
  local of = {}
  for _, one in ipairs(list) do of[one.name] = one.share end
  tell { shares = { step = step, of = of } }
end)

function topics.schedule() print(lathe.view_schedule(run, POINTS)) end

-- --- the model ---

topics.model = between_steps(function() print(lathe.view_parameters(run)) end)

function topics.spread(model, path) print(lathe.view_spread(run, model, path)) end

-- The first held-out example: ids, types, pieces.
local function held_out_example(most)
  local source = run.data.valid or texts.source_of(run, "attention")
  local tokenizer = lathe.tokenizer(source) or select(2, texts.source_of(run, "attention"))
  local batch = source:batch(0)
  local ids, types = {}, {}
  local length = math.min(most, batch.lengths and batch.lengths[0]:item() or batch.input_ids.shape[2])
  for i = 0, length - 1 do
    ids[i + 1] = batch.input_ids[0][i]:item()
    types[i + 1] = batch.token_type_ids and batch.token_type_ids[0][i]:item() or 0
  end
  return ids, types, source, tokenizer
end

-- One head's map, of a text or of a held-out example.
topics.attention = between_steps(function(layer, head, text)
  local ids, types, source, tokenizer, _
  if text and text ~= "" then
    ids, types, _, source, tokenizer = texts.ids_of(run, text, "attention")
    if #ids > MAP then error("attention: the text has more than " .. MAP .. " tokens; shorten it", 0) end
  else
    ids, types, source, tokenizer = held_out_example(MAP)
  end
  local _, _, model = lathe.module_info(run.model)
  local found = lathe.attention(run, model, ids, types)
  if #found == 0 then error("attention: the model has no attention", 0) end
  layer = layer % #found
  local heads = found[layer + 1].probabilities[0]
  head = head % #heads
  local rows, names, verbatim = heads[head]:tolist(), {}, lathe.verbatim(source)
  for i, id in ipairs(ids) do names[i] = texts.piece(tokenizer, id, verbatim) end
  for _, row in ipairs(rows) do
    for i, value in ipairs(row) do row[i] = math.floor(value * 1000 + 0.5) / 1000 end
  end
  tell { attention = { layer = layer, layers = #found, head = head, heads = #heads, path = found[layer + 1].path, tokens = names,
    rows = rows, text = text or "" } }
end)

-- --- samples ---

topics.samples = between_steps(function(text)
  if text and text ~= "" then
    local ok, lines = pcall(texts.predict, run, text)
    local said = ok and table.concat(lines, "\n") or "  " .. tostring(lines)
    return tell { samples = { step = run.step, text = "your text, as the model sees it:\n" .. said, own = text } }
  end
  tell { samples = { step = run.step, text = lathe.samples(SAMPLES) } }
end)

-- --- data ---

-- How many of the values fall into each of some equal parts of the range, as bars.
local function bars(values, low, high, count)
  local parts = {}
  for i = 1, count do parts[i] = 0 end
  for _, value in ipairs(values) do
    local i = high > low and math.min(count, 1 + math.floor((value - low) / (high - low + 1) * count)) or 1
    parts[i] = parts[i] + 1
  end
  return pictures.spark(parts)
end

local function length_line(lengths)
  local low, high, sum = math.huge, 0, 0
  for _, n in ipairs(lengths) do low, high, sum = math.min(low, n), math.max(high, n), sum + n end
  if low == high then return ("    all of %d tokens"):format(low) end
  return ("    lengths %d to %d, mean %.1f  %s"):format(low, high, sum / #lengths, bars(lengths, low, high, 16))
end

local labels = { "labels", "next_sentence_label", "sentence_order_label" }

local function class_line(name, counts)
  local classes, cells, all = {}, {}, 0
  for class, n in pairs(counts) do classes[#classes + 1], all = class, all + n end
  table.sort(classes)
  for i, class in ipairs(classes) do
    if i > 12 then
      cells[i] = ("... (%d more)"):format(#classes - 12)
      break
    end
    cells[i] = ("%d: %d (%.0f%%)"):format(class, counts[class], 100 * counts[class] / all)
  end
  return ("    %s  %s"):format(name, table.concat(cells, "   "))
end

local function list_of(tensor) return tensor:reshape(-1):tolist() end

-- Lengths, classes and masks of several batches.
local function statistics(batches, lines)
  local lengths, classes, tokens, masked, examples = {}, {}, 0, 0, 0
  for _, batch in ipairs(batches) do
    examples = examples + batch.size
    for _, n in ipairs(batch.lengths and list_of(batch.lengths) or {}) do lengths[#lengths + 1], tokens = n, tokens + n end
    masked = masked + (batch.masked_positions and batch.masked_positions.count or 0)
    for _, name in ipairs(labels) do
      for _, class in ipairs(batch[name] and list_of(batch[name]) or {}) do
        classes[name] = classes[name] or {}
        classes[name][class] = (classes[name][class] or 0) + 1
      end
    end
  end
  lines[#lines + 1] = ("the next %d batches, %s examples"):format(#batches, thousands(examples))
  if #lengths > 0 then lines[#lines + 1] = length_line(lengths) end
  if masked > 0 then
    lines[#lines + 1] = ("    to be predicted: %s of %s tokens (%.1f%%)"):format(thousands(masked), thousands(tokens), 100 * masked / tokens)
  end
  for _, name in ipairs(labels) do
    if classes[name] then lines[#lines + 1] = class_line(name, classes[name]) end
  end
end

-- The batch so many steps ahead, 0 is the next one, as the first objective that is on will read it; lengths and classes of
-- this one and those behind it.
topics.data = between_steps(function(ahead)
  ahead = math.max(0, ahead or 0)
  local batches, lines, begin = {}, {}, lathe.seconds()
  for i = 0, AHEAD - 1 do
    local ok, batch = pcall(lathe.next_batch, run, ahead + i)
    if not ok and i == 0 then error(batch, 0) end
    if ok then batches[#batches + 1] = batch end
    if not ok or lathe.seconds() - begin > 0.1 then break end
  end
  local first = batches[1]
  lines[1] = ("step %s: %d examples of '%s', epoch %d"):format(thousands(first.step), first.size, first.source, first.epoch)
  for i = 0, math.min(first.size, EXAMPLES) - 1 do
    lines[#lines + 1] = ""
    for line in (lathe.describe_example(first, i) .. "\n"):gmatch("(.-)\n") do
      lines[#lines + 1] = "  " .. line
    end
  end
  if first.size > EXAMPLES then lines[#lines + 1] = ("  ... (%d more)"):format(first.size - EXAMPLES) end
  local counted = {}
  statistics(batches, counted)
  table.move(lines, 2, #lines, #counted + 2)
  table.move(counted, 1, #counted, 2, lines)
  tell { data = { step = first.step, ahead = ahead, text = table.concat(lines, "\n") } }
end)

return topics
