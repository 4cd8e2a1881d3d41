-- SPDX-License-Identifier: GPL-3.0-or-later
-- Text pictures: histograms, heat maps, curves. In ASCII where the locale is not UTF-8, or LATHE_ASCII is set.
-- A user's own global of such a name changes nothing here.
local pairs, ipairs, type, tostring, error, print, math, table, utf8, tensor, zeros
  = pairs, ipairs, type, tostring, error, print, math, table, utf8, tensor, zeros
local pictures = {}

local BLOCKS = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" }
local SHADES = { " ", "░", "▒", "▓", "█" }
local ASCII_SHADES = { " ", ".", ":", "+", "#" }
local WIDTH, BINS, ROWS = 72, 20, 12

function pictures.short(value)
  if value ~= value then return "NaN" end
  local text = ("%.3g"):format(value)
  return (text:gsub("e([+-])0+", "e%1"):gsub("e%+", "e"))
end
local short = pictures.short

function pictures.thousands(value)
  local text = ("%d"):format(value)
  return (text:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^(-?),", "%1"))
end
local thousands = pictures.thousands

-- "3 NaN, 1 infinite", or nothing.
local function odd_ones(s)
  local parts = {}
  if s.nan > 0 then parts[#parts + 1] = thousands(s.nan) .. " NaN" end
  if s.infinite > 0 then parts[#parts + 1] = thousands(s.infinite) .. " infinite" end
  return #parts > 0 and "  ! " .. table.concat(parts, ", ") or ""
end

local function as_tensor(value, what)
  local kind = lathe.kind(value)
  if kind == "tensor" or kind == "parameter" then return value end
  if kind == "table" then return tensor(value) end
  error(("%s: a tensor, a parameter or a list of numbers is wanted; got a %s"):format(what, kind), 3)
end

local function print_lines(lines) print(table.concat(lines, "\n")) end

-- How the values of a tensor are spread.
function histogram(t)
  t = as_tensor(t, "histogram")
  local s, lines = lathe.statistics(t), {}
  local finite = s.count - s.nan - s.infinite
  if finite == 0 then return print(("no finite value among %s%s"):format(thousands(s.count), odd_ones(s))) end
  local bins = s.max > s.min and BINS or 1
  local counts, most, digit = lathe.counts(t, s.min, s.max, bins), 0, lathe.ascii() and "#" or "█"
  for _, n in ipairs(counts) do most = math.max(most, n) end
  lines[1] = ("%s values, mean %s, norm %s, zeros %.3g%%%s"):format(thousands(s.count), short(s.mean), short(s.norm),
    100 * s.zeros / s.count, odd_ones(s))
  for i, n in ipairs(counts) do
    local bar = n > 0 and math.max(1, math.floor(n / most * 48 + 0.5)) or 0
    lines[#lines + 1] = ("%10s %s%s%s"):format(short(s.min + (s.max - s.min) * (i - 1) / bins), digit:rep(bar),
      n > 0 and " " or "", n > 0 and thousands(n) or "")
  end
  lines[#lines + 1] = ("%10s"):format(short(s.max))
  print_lines(lines)
end

-- A matrix as shades; several entries in one place are shown by the one furthest from 0.
local function shaded(t, rows, columns, low, high)
  local shades, lines = lathe.ascii() and ASCII_SHADES or SHADES, {}
  for _, row in ipairs(lathe.blocks(t, rows, columns)) do
    local cells = {}
    for i, value in ipairs(row) do
      local share = high > low and (math.abs(value) - low) / (high - low) or 0
      if value ~= value then
        cells[i] = "?"
      elseif math.abs(value) == math.huge then
        cells[i] = "!"
      else
        cells[i] = shades[math.max(1, math.min(#shades, 1 + math.floor(share * #shades)))]
      end
    end
    lines[#lines + 1] = table.concat(cells)
  end
  return lines
end


function heatmap(t)
  t = as_tensor(t, "heatmap")
  if lathe.kind(t) == "parameter" then t = t.value end
  local shape, s = table.concat(t.shape, ","), lathe.statistics(t)
  if t.ndim == 0 then error("heatmap: one number has no picture; take a matrix", 2) end
  if t.ndim == 1 then t = t:reshape(1, t.count) elseif t.ndim > 2 then t = t:reshape(-1, t.shape[t.ndim]) end
  local finite = s.count - s.nan - s.infinite
  local high = finite > 0 and math.max(math.abs(s.min), math.abs(s.max)) or 1
  local lines = shaded(t, 24, WIDTH, 0, high)
  table.insert(lines, 1, ("[%s], sizes from 0 to %s%s"):format(shape, short(high), odd_ones(s)))
  print_lines(lines)
end

-- --- curves ---

local function finite(value) return value == value and math.abs(value) < math.huge end

local function widen(columns, c, value)
  local column = columns[c] or { odd = 0 }
  columns[c] = column
  if finite(value) then
    column.low, column.high = math.min(column.low or value, value), math.max(column.high or value, value)
  else
    column.odd = column.odd + 1
  end
end

-- The points {x, low, high} as columns {low, high, odd}; neighbours that stand apart are joined by a line.
local function columns_of(points, width)
  local columns, before = {}, nil
  for i, p in ipairs(points) do
    local c = #points == 1 and 1 or 1 + (i - 1) * (width - 1) // (#points - 1)
    widen(columns, c, p[2])
    widen(columns, c, p[3])
    local value = (p[2] + p[3]) / 2
    if before and finite(value) and finite(before[2]) then
      for between = before[1] + 1, c - 1 do
        widen(columns, between, before[2] + (value - before[2]) * (between - before[1]) / (c - before[1]))
      end
    end
    before = { c, value }
  end
  return columns
end

local DOTS = { { 0x01, 0x08 }, { 0x02, 0x10 }, { 0x04, 0x20 }, { 0x40, 0x80 } }

-- Fills places of a grid of rows x width cells; a cell has 4 x 2 dots, in ASCII 1 x 1.
local function draw(columns, dots, low, high, rows, width, ascii)
  local grid, high_dots = {}, rows * (ascii and 1 or 4)
  local function place(value)
    if high == low then return high_dots // 2 end
    return math.floor((high - value) / (high - low) * (high_dots - 1) + 0.5)
  end
  for r = 1, rows do grid[r] = {} end
  for c = 1, dots do
    local column = columns[c]
    if column and column.low then
      for y = place(column.high), place(column.low) do
        local r, x = ascii and y + 1 or y // 4 + 1, ascii and c or (c - 1) // 2 + 1
        grid[r][x] = ascii and 1 or (grid[r][x] or 0) | DOTS[y % 4 + 1][(c - 1) % 2 + 1]
      end
    end
  end
  local lines = {}
  for r = 1, rows do
    local cells = {}
    for x = 1, width do
      local bits = grid[r][x]
      cells[x] = not bits and " " or ascii and "*" or utf8.char(0x2800 + bits)
    end
    lines[r] = (table.concat(cells):gsub("%s+$", ""))
  end
  return lines
end

local function points_of(what)
  if type(what) == "string" then return lathe.curve(what) end
  local points = {}
  local list = lathe.kind(what) == "tensor" and what:reshape(-1):tolist() or what
  if type(list) ~= "table" then error("plot: the name of a metric, a list or a tensor is wanted", 3) end
  for i, value in ipairs(list) do points[i] = { i, value, value } end
  return points
end

function plot(what)
  local points, ascii, width = points_of(what), lathe.ascii(), 60
  if #points == 0 then return print("nothing to plot yet") end
  local dots = ascii and width or width * 2
  local columns, low, high, odd = columns_of(points, dots), math.huge, -math.huge, 0
  for _, column in pairs(columns) do
    if column.low then low, high = math.min(low, column.low), math.max(high, column.high) end
    odd = odd + column.odd
  end
  if low > high then return print("no finite value among " .. #points) end
  local bar, lines = ascii and "|" or "│", draw(columns, dots, low, high, ROWS, width, ascii)
  for r, line in ipairs(lines) do
    local label = r == 1 and short(high) or r == ROWS and short(low) or ""
    lines[r] = ("%9s %s%s"):format(label, bar, line)
  end
  local marks = {}
  if odd > 0 then
    for c = 1, dots do
      local x = ascii and c or (c - 1) // 2 + 1
      marks[x] = columns[c] and columns[c].odd > 0 and "!" or marks[x] or " "
    end
    lines[#lines + 1] = (" "):rep(11) .. (table.concat(marks):gsub("%s+$", "")) .. "  ! NaN or infinite"
  end
  local first, last = tostring(points[1][1]), tostring(points[#points][1])
  lines[#lines + 1] = (" "):rep(11) .. first .. (" "):rep(math.max(1, width - #first - #last)) .. last
  if type(what) == "string" then table.insert(lines, 1, what) end
  print_lines(lines)
end

-- A line of blocks for a list of numbers.
function pictures.spark(list)
  local low, high, out = math.huge, -math.huge, {}
  for _, v in ipairs(list) do if v == v and math.abs(v) < math.huge then low, high = math.min(low, v), math.max(high, v) end end
  local marks = lathe.ascii() and { "_", ".", "-", "=", "^" } or BLOCKS
  for i, v in ipairs(list) do
    local share = high > low and (v - low) / (high - low) or 0.5
    out[i] = (v ~= v or math.abs(v) == math.huge) and "!" or marks[math.min(#marks, 1 + math.floor(share * #marks))]
  end
  return table.concat(out)
end

pictures.shaded = shaded

lathe.document(histogram, "histogram(t): how the values of a tensor, a parameter or a list are spread; NaN and infinite ones are\n"
  .. "counted apart.")
lathe.document(heatmap, "heatmap(t): a matrix as shades of the size of its entries; where several fall on one place, the one\n"
  .. "furthest from 0 is shown. '?' is a NaN, '!' an infinite value.")
lathe.document(plot, "plot('loss'), plot(list), plot(tensor): a curve. Each column shows the least and the greatest value that fall\n"
  .. "on it, so that no spike disappears. NaN and infinite values are marked below.")

return pictures
