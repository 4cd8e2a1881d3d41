-- SPDX-License-Identifier: GPL-3.0-or-later
-- estimate(recipe): what a run will cost. sweep {...}: a grid or random search over a recipe's parameters, each run a
-- process and a directory of its own, so that a sweep can be interrupted and goes on where it was.
local api = require "lathe.recipe"
local read_recipe, open, remove = loadfile, io and io.open, os and os.remove
local function fail(...) error((...):format(select(2, ...)), 0) end

-- A recipe of one's own from a name, a path or a value; setting its parameters leaves the other as it was.
local function own_recipe(what)
  local found, path = what, nil
  if type(what) == "string" then
    if not read_recipe then fail("recipes are not read by name here; give the recipe itself") end
    path = lathe.find_recipe(what)
    local chunk, problem = read_recipe(path)
    if not chunk then fail("%s", problem) end
    found = api.check(chunk(), path)
  elseif type(what) ~= "table" or not api.is_recipe(what) then
    fail("estimate and sweep take the name of a recipe or a recipe {...}; got a %s", type(what))
  end
  return api.copy(found), path
end

local function plain(value)
  if math.type(value) ~= "float" then return tostring(value) end
  for digits = 1, 17 do
    local text = ("%%.%dg"):format(digits):format(value)
    if tonumber(text) == value then return (text:gsub("e([+-])0+", "e%1"):gsub("e%+", "e")) end
  end
  return tostring(value)
end

function estimate(what, parameters)
  local recipe = own_recipe(what)
  for name, value in pairs(parameters or {}) do api.set(recipe, tostring(name), plain(value), recipe.path) end
  return lathe.estimate_session(api.build(recipe))
end
lathe.document(estimate, "estimate(recipe, {parameter = value}): builds what the recipe describes, times three steps and throws it away.\n"
  .. "  A table: parameters, step_flops, run_flops, step_seconds, run_seconds, gflops, tokens, parameter_bytes,\n"
  .. "  gradient_bytes, optimizer_bytes, activation_bytes, process_bytes. 'lathe estimate RECIPE' prints them.")

-- --- the points ---

local own = { recipe = true, seed = true, random = true, out = true, metric = true, steps = true, search_seed = true }

local function list_of(name, value)
  if type(value) ~= "table" then return { value } end
  if value.min ~= nil or value.max ~= nil then
    if type(value.min) ~= "number" or type(value.max) ~= "number" or not (value.min < value.max) then
      fail("sweep: the range of %s needs min below max, as in %s = { min = 1e-4, max = 1e-2, log = true }", name, name)
    end
    if value.log and value.min <= 0 then fail("sweep: a logarithmic range of %s needs min above 0", name) end
    return value
  end
  if #value == 0 then fail("sweep: %s = {} has no values", name) end
  return value
end

-- Names, sorted, and the list or range of values of each.
local function axes_of(spec, recipe)
  local names, axes = {}, {}
  for name, value in pairs(spec) do
    if type(name) ~= "string" then fail("sweep takes names, as in sweep { recipe = 'bert', lr = {1e-3, 2e-3} }") end
    if recipe.params[name] or not own[name] then
      if not recipe.params[name] then
        local all = {}
        for key in pairs(own) do all[#all + 1] = key end
        for _, key in ipairs(recipe.names) do all[#all + 1] = key end
        local near = lathe.nearest(name, all)
        fail("sweep: the recipe has no parameter '%s'%s", name, near and ("; did you mean '%s'?"):format(near) or "")
      end
      names[#names + 1] = name
      axes[name] = list_of(name, value)
    end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local axis = axes[name]
    local values = axis.min and { axis.min, axis.max } or axis
    for i, value in ipairs(values) do
      if recipe.params[name].kind == "integer" and axis.min then value = math.floor(value) end
      api.set(recipe, name, plain(value), recipe.path)
    end
    if axis.min and not spec.random then fail("sweep: a range of %s needs random = N; a grid needs a list", name) end
  end
  return names, axes
end

local function grid(names, axes)
  local points = { {} }
  for _, name in ipairs(names) do
    local longer = {}
    for _, point in ipairs(points) do
      for _, value in ipairs(axes[name]) do
        local copy = {}
        for key, word in pairs(point) do copy[key] = word end
        copy[name] = plain(value)
        longer[#longer + 1] = copy
      end
    end
    points = longer
    if #points > 100000 then fail("sweep: more than 100000 points; use random = N") end
  end
  return points
end

-- Numbers in [0, 1) that depend on the seed only (splitmix64).
local function stream(seed)
  local state = seed
  return function()
    state = state + 0x9E3779B97F4A7C15
    local z = state
    z = (z ~ (z >> 30)) * 0xBF58476D1CE4E5B9
    z = (z ~ (z >> 27)) * 0x94D049BB133111EB
    return ((z ~ (z >> 31)) >> 11) * 2.0 ^ -53
  end
end

local function draw(axis, whole, random)
  if not axis.min then return axis[1 + math.floor(random() * #axis)] end
  local low, high = axis.min, axis.max
  if whole then high = high + 1 end
  local value = axis.log and low * (high / low) ^ random() or low + (high - low) * random()
  return whole and math.min(math.floor(value), axis.max // 1) or tonumber(("%.6g"):format(value))
end

local function name_of(names, point)
  local parts = {}
  for _, name in ipairs(names) do parts[#parts + 1] = name .. "=" .. point[name] end
  return #parts > 0 and table.concat(parts, ",") or "standard"
end

local function random_points(names, axes, count, seed, recipe)
  local points, seen, random = {}, {}, stream(seed)
  for _ = 1, 100 * count do
    if #points == count then break end
    local point = {}
    for _, name in ipairs(names) do
      point[name] = plain(draw(axes[name], recipe.params[name].kind == "integer", random))
    end
    local key = name_of(names, point)
    if not seen[key] then
      seen[key] = true
      points[#points + 1] = point
    end
  end
  return points
end

-- --- one run ---

-- A name for a directory; a long one is cut and told apart by a sum.
local function directory_name(text)
  local name = text:gsub("[^%w%.,=+_-]", "_")
  if name == text and #name <= 150 then return name end
  local sum = 5381
  for i = 1, #text do sum = (sum * 33 + text:byte(i)) & 0xFFFFFFFF end
  return ("%s-%08x"):format(name:sub(1, 120), sum)
end

local function read_file(path)
  local file = open(path, "rb")
  if not file then return nil end
  local text = file:read("a")
  file:close()
  return text
end

-- What earlier processes of the run left: peak_bytes, joules ("unavailable" where one was not measured), done.
local function read_notes(run)
  local notes, text = {}, read_file(run.notes)
  for key, value in (text or ""):gmatch("([%a_]+) ([^\n]*)\n") do notes[key] = tonumber(value) or value end
  return notes, text ~= nil
end

local function write_notes(run, notes)
  lathe.write_file(run.notes, ("done %d\npeak_bytes %d\njoules %s\n"):format(notes.done, notes.peak_bytes, notes.joules))
end

local function arguments_of(run, sweep_)
  local begun = read_file(run.directory .. "/config.json") ~= nil
  local list = { "run" }
  local function add(...) for _, word in ipairs { ... } do list[#list + 1] = word end end
  if begun then
    add("--resume", run.directory)
  else
    add(sweep_.path, "--out", run.directory, "--seed", tostring(run.seed))
    for _, name in ipairs(sweep_.names) do add("--set", name .. "=" .. run.point[name]) end
    if sweep_.steps then add("--steps", tostring(sweep_.steps)) end
  end
  add("--plain")
  if lathe.threads then add("--threads", tostring(lathe.threads)) end
  return list, begun
end

-- A run of another recipe under this name is not taken for one of this sweep.
local function check_recipe(run, sweep_)
  local copy = read_file(run.directory .. "/recipe.lua")
  if copy and copy ~= sweep_.text then
    fail("%s: was made by another version of %s; choose another directory with out = \"...\", or remove this one",
      run.directory, sweep_.path)
  end
end

local function train(run, sweep_)
  check_recipe(run, sweep_)
  local notes, noted = read_notes(run)
  if notes.done == 1 and read_file(run.directory .. "/model.safetensors") then return notes, true end
  local list, begun = arguments_of(run, sweep_)
  if begun and not noted then notes.joules = "unavailable" end -- what was used before is not known
  notes.done, notes.peak_bytes, notes.joules = 0, notes.peak_bytes or 0, notes.joules or 0
  local unmeasured = { done = 0, peak_bytes = notes.peak_bytes, joules = "unavailable" }
  write_notes(run, unmeasured) -- stands when this process is killed
  local result = lathe.spawn(list, run.log)
  notes.peak_bytes = math.max(notes.peak_bytes, result.peak_bytes)
  notes.joules = result.joules and notes.joules ~= "unavailable" and notes.joules + result.joules or "unavailable"
  notes.done = result.status == 0 and 1 or 0
  write_notes(run, notes)
  lathe.check_cancelled()
  if result.status ~= 0 then notes.failed = result.status end
  return notes, false
end

local function result_of(run, notes, metric)
  local metrics, problem = lathe.run_metrics(run.directory)
  if not metrics then return { failed = problem } end
  if not metrics[metric] then
    local all = {}
    for name in pairs(metrics) do all[#all + 1] = name end
    table.sort(all)
    return { failed = ("no metric '%s'; there are %s"):format(metric, table.concat(all, ", ")) }
  end
  return {
    loss = metrics[metric].last, tokens = metrics.tokens and metrics.tokens.sum or 0,
    seconds = metrics.seconds and metrics.seconds.sum or 0, peak_bytes = notes.peak_bytes, joules = notes.joules,
  }
end

-- --- the table ---

local columns = { "loss", "tokens", "peak_bytes", "seconds", "joules" }

-- Mean and sample standard deviation over the runs of a point that came to an end; nil where one has no number.
local function spread(results, column)
  local count, sum, squares = 0, 0.0, 0.0
  for _, result in ipairs(results) do
    if not result.failed then
      if type(result[column]) ~= "number" then return nil end
      count, sum = count + 1, sum + result[column]
    end
  end
  if count == 0 then return nil end
  local mean = sum / count
  for _, result in ipairs(results) do
    if not result.failed then squares = squares + (result[column] - mean) ^ 2 end
  end
  return mean, count > 1 and math.sqrt(squares / (count - 1)) or 0.0
end

local function summarize(point)
  local row = { point = point.values, runs = 0, failed = 0 }
  for _, result in ipairs(point.results) do
    if result.failed then row.failed = row.failed + 1 else row.runs = row.runs + 1 end
  end
  for _, column in ipairs(columns) do row[column], row[column .. "_sd"] = spread(point.results, column) end
  return row
end

local function quoted(text)
  text = tostring(text)
  return text:find('[",\n\r]') and '"' .. text:gsub('"', '""') .. '"' or text
end

local function number_word(value)
  if value == nil then return "unavailable" end
  return type(value) == "number" and ("%.9g"):format(value) or tostring(value)
end

local function write_tables(sweep_, rows, runs)
  local lines, head = {}, {}
  for _, name in ipairs(sweep_.names) do head[#head + 1] = quoted(name) end
  local points, each = { table.unpack(head) }, { table.unpack(head) }
  for _, word in ipairs { "runs", "failed" } do points[#points + 1] = word end
  each[#each + 1] = "seed"
  for _, column in ipairs(columns) do
    local name = column == "loss" and sweep_.metric or column
    points[#points + 1], points[#points + 2] = quoted(name .. "_mean"), quoted(name .. "_sd")
    each[#each + 1] = quoted(name)
  end
  each[#each + 1] = "directory"
  lines[1] = table.concat(points, ",")
  for _, row in ipairs(rows) do
    local line = {}
    for _, name in ipairs(sweep_.names) do line[#line + 1] = quoted(row.point[name]) end
    line[#line + 1], line[#line + 2] = row.runs, row.failed
    for _, column in ipairs(columns) do
      line[#line + 1] = number_word(row[column])
      line[#line + 1] = number_word(row[column .. "_sd"])
    end
    lines[#lines + 1] = table.concat(line, ",")
  end
  lathe.write_file(sweep_.out .. "/sweep.csv", table.concat(lines, "\n") .. "\n")
  lines = { table.concat(each, ",") }
  for _, run in ipairs(runs) do
    local line = {}
    for _, name in ipairs(sweep_.names) do line[#line + 1] = quoted(run.point[name]) end
    line[#line + 1] = run.seed
    for _, column in ipairs(columns) do line[#line + 1] = run.result.failed and "failed" or number_word(run.result[column]) end
    line[#line + 1] = quoted(run.directory)
    lines[#lines + 1] = table.concat(line, ",")
  end
  lathe.write_file(sweep_.out .. "/runs.csv", table.concat(lines, "\n") .. "\n")
end

local function cell(row, column, scale, form)
  local mean, deviation = row[column], row[column .. "_sd"]
  if mean == nil then return column == "joules" and row.runs > 0 and "unavailable" or "-" end
  local text = form:format(mean * scale)
  return row.runs > 1 and text .. " ± " .. form:format(deviation * scale) or text
end

local function show(sweep_, rows)
  local sorted = { table.unpack(rows) }
  local rises = sweep_.metric:find("accuracy$") ~= nil
  local function rank(row) return row.loss and row.loss == row.loss and (rises and -row.loss or row.loss) or math.huge end
  for i, row in ipairs(sorted) do row.place = i end
  table.sort(sorted, function(a, b)
    if rank(a) ~= rank(b) then return rank(a) < rank(b) end
    return a.place < b.place
  end)
  local grid_ = { { table.unpack(sweep_.names) } }
  for _, word in ipairs { "runs", sweep_.metric, "tokens", "MB", "seconds", "joules" } do grid_[1][#grid_[1] + 1] = word end
  for _, row in ipairs(sorted) do
    local line = {}
    for _, name in ipairs(sweep_.names) do line[#line + 1] = row.point[name] end
    line[#line + 1] = row.failed > 0 and ("%d, %d failed"):format(row.runs, row.failed) or tostring(row.runs)
    line[#line + 1] = cell(row, "loss", 1, "%.4f")
    line[#line + 1] = cell(row, "tokens", 1, "%.0f")
    line[#line + 1] = cell(row, "peak_bytes", 1e-6, "%.0f")
    line[#line + 1] = cell(row, "seconds", 1, "%.1f")
    line[#line + 1] = cell(row, "joules", 1, "%.0f")
    grid_[#grid_ + 1] = line
  end
  local width = {}
  for _, line in ipairs(grid_) do
    for i, word in ipairs(line) do width[i] = math.max(width[i] or 0, utf8.len(word) or #word) end
  end
  for _, line in ipairs(grid_) do
    local out = {}
    for i, word in ipairs(line) do out[i] = word .. (" "):rep(width[i] - (utf8.len(word) or #word)) end
    print((table.concat(out, "  "):gsub(" +$", "")))
  end
  return sorted
end

-- --- the whole ---

local function whole(value, name, low, standard)
  if value == nil then return standard end
  local number = math.tointeger(value)
  if not number or number < low then fail("sweep: %s must be an integer of at least %d", name, low) end
  return number
end

local function seeds_of(spec)
  local seeds = {}
  for i, seed in ipairs(list_of("seed", spec.seed == nil and 1 or spec.seed)) do seeds[i] = whole(seed, "seed", 0) end
  if #seeds == 0 then fail("sweep: seed takes a list, as in seed = {1, 2, 3}") end
  return seeds
end

local function prepare(spec)
  if type(spec) ~= "table" or type(spec.recipe) ~= "string" then
    fail("sweep takes a table with the name of a recipe: sweep { recipe = 'bert', lr = {1e-3, 2e-3}, seed = {1, 2, 3} }")
  end
  if not lathe.spawn then fail("sweep: processes cannot be started here") end
  local recipe, path = own_recipe(spec.recipe)
  local names, axes = axes_of(spec, recipe)
  local random = whole(spec.random, "random", 1)
  local short = spec.recipe:match("([^/]*)$"):gsub("%.lua$", "")
  local sweep_ = { names = names, path = path, text = read_file(path), metric = spec.metric or "final", seeds = seeds_of(spec),
    out = spec.out or "sweeps/" .. short, steps = not recipe.params.steps and whole(spec.steps, "steps", 1) or nil }
  if type(sweep_.out) ~= "string" or type(sweep_.metric) ~= "string" then fail("sweep: out and metric are texts") end
  sweep_.points = random and random_points(names, axes, random, whole(spec.search_seed, "search_seed", 0, 1), recipe)
    or grid(names, axes)
  return sweep_
end

local function run_of(sweep_, point, seed)
  local name = directory_name(name_of(sweep_.names, point) .. ",seed=" .. seed)
  local directory = sweep_.out .. "/" .. name
  return { point = point, seed = seed, name = name, directory = directory, log = directory .. ".log", notes = directory .. ".txt" }
end

local function say(run, result, skipped, number, all)
  local words = result.failed and ("failed: %s"):format(result.failed)
    or ("%.4f (%.1f s)"):format(result.loss, result.seconds)
  print(("[%d/%d] %s: %s%s"):format(number, all, run.name, words, skipped and ", done before" or ""))
end

function sweep(spec)
  local sweep_ = prepare(spec)
  local rows, runs, number, failed = {}, {}, 0, 0
  local all = #sweep_.points * #sweep_.seeds
  lathe.make_directory(sweep_.out)
  for _, values in ipairs(sweep_.points) do
    local point = { values = values, results = {} }
    for _, seed in ipairs(sweep_.seeds) do
      local run = run_of(sweep_, values, seed)
      local notes, skipped = train(run, sweep_)
      number = number + 1
      run.result = notes.failed and { failed = ("status %d, see %s"):format(notes.failed, run.log) }
        or result_of(run, notes, sweep_.metric)
      if run.result.failed then failed = failed + 1 end
      say(run, run.result, skipped, number, all)
      point.results[#point.results + 1] = run.result
      runs[#runs + 1] = run
    end
    rows[#rows + 1] = summarize(point)
    write_tables(sweep_, rows, runs)
  end
  print()
  local sorted = show(sweep_, rows)
  print(("written: %s/sweep.csv, runs.csv"):format(sweep_.out))
  lathe.sweep_failures = failed
  return setmetatable({ points = rows, best = sorted[1], failed = failed, out = sweep_.out },
    { __tostring = function() return ("sweep of %d points in %s"):format(#rows, sweep_.out) end })
end
lathe.document(sweep, "sweep { recipe = 'bert', lr = {1e-3, 2e-3}, hidden_size = {64, 128}, seed = {1, 2, 3}, out = 'sweeps/a' }\n"
  .. "  Every combination of the recipe's parameters, once with each seed; each run is a process and a directory of its\n"
  .. "  own. Called again it skips what is done and goes on with what is half done. A table, sweep.csv and runs.csv\n"
  .. "  have mean and spread over the seeds of the held-out loss, tokens, peak memory, seconds and joules.\n"
  .. "  random = n     n random points instead of all; then also lr = { min = 1e-4, max = 1e-2, log = true }\n"
  .. "  metric = '...' what is compared, final unless said: final.mlm, final.mlm.accuracy, ...\n"
  .. "  search_seed    of the random points; steps: as --steps\n"
  .. "The result has points, best and failed.")
