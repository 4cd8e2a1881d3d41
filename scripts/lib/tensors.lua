-- SPDX-License-Identifier: GPL-3.0-or-later
-- What tensors can do by way of ops: the methods and makers that users of Torch and PyTorch look for, and help on makers.
local type, select, ipairs, error, math, table = type, select, ipairs, error, math, table
local zeros, ones, arange, rand, tensor, ops = zeros, ones, arange, rand, tensor, ops
local class = getmetatable(zeros(0))
local methods, more = class.__methods, {}

local function fail(...) error((...):format(select(2, ...)), 0) end

-- x:name(...): f gets the tensor and at most as many arguments as the text names, any number where it ends with "...)".
local function method(name, arguments, doc, f)
  local _, most = arguments:gsub("[%a_][%w_]*", "")
  if arguments:find("...", 1, true) then most = math.huge end
  methods[name] = function(x, ...)
    if lathe.kind(x) ~= "tensor" then
      fail("%s is a method of a tensor, called with a colon, as in x:%s%s", name, name, arguments)
    end
    local given = select("#", ...)
    if given > most then fail("%s: got %d argument%s; it is x:%s%s", name, given, given == 1 and "" or "s", name, arguments) end
    return f(x, ...)
  end
  lathe.document(methods[name], ("tensor:%s%s\n  %s"):format(name, arguments, doc))
  more[#more + 1] = ("  %-24s %s\n"):format(name .. arguments, doc:match("^[^.;]*"))
end

-- A dimension, perhaps counted from the end, of so many.
local function dimension(what, dim, count)
  local whole = math.type(dim) and math.tointeger(dim)
  if not whole or whole < -count or whole >= count then fail("%s: there is no dimension %s among %d", what, tostring(dim), count) end
  return whole < 0 and whole + count or whole
end

local function order_with(what, x, a, b)
  local order = {}
  for d = 1, x.ndim do order[d] = d - 1 end
  a, b = dimension(what, a, x.ndim), dimension(what, b, x.ndim)
  order[a + 1], order[b + 1] = b, a
  return order
end

method("transpose", "(dim0, dim1)", "Two dimensions exchanged.", function(x, a, b) return x:permute(order_with("transpose", x, a, b)) end)
method("t", "()", "A matrix transposed; a vector stays as it is.", function(x)
  if x.ndim > 2 then fail("t: a matrix is wanted; transpose(dim0, dim1) exchanges two of %d dimensions", x.ndim) end
  return x.ndim == 2 and x:permute(1, 0) or x
end)
method("view", "(size, ...)", "The same as reshape.", function(x, ...) return x:reshape(...) end)
method("flatten", "()", "All elements in one dimension.", function(x) return x:reshape(-1) end)
method("unsqueeze", "(dim)", "A new dimension of size 1 there.", function(x, dim)
  local shape = x.shape
  table.insert(shape, dimension("unsqueeze", dim, x.ndim + 1) + 1, 1)
  return x:reshape(shape)
end)
method("squeeze", "(dim)", "Without that dimension, where its size is 1; without all such where none is named.", function(x, dim)
  local shape, drop = {}, dim ~= nil and dimension("squeeze", dim, x.ndim)
  for d, size in ipairs(x.shape) do
    if size ~= 1 or (drop and drop ~= d - 1) then shape[#shape + 1] = size end
  end
  return #shape == x.ndim and x or x:reshape { shape = shape }
end)
method("size", "(dim)", "The size of a dimension, or the list of all.", function(x, dim)
  return dim == nil and x.shape or x.shape[dimension("size", dim, x.ndim) + 1]
end)
method("dim", "()", "The number of dimensions.", function(x) return x.ndim end)
method("numel", "()", "The number of elements.", function(x) return x.count end)
method("split", "(size, dim)", "A list of pieces of that size along a dimension, 0 unless said; the last may be smaller.", function(x, size, dim)
  dim = dimension("split", dim or 0, x.ndim)
  if not math.type(size) or size < 1 then fail("split: the size of the pieces must be at least 1") end
  local pieces, all = {}, x.shape[dim + 1]
  for start = 0, all - 1, size do pieces[#pieces + 1] = x:slice(dim, start, math.min(start + size, all)) end
  return pieces
end)
method("chunk", "(count, dim)", "A list of so many pieces of nearly equal size along a dimension, 0 unless said.", function(x, count, dim)
  dim = dimension("chunk", dim or 0, x.ndim)
  if not math.type(count) or count < 1 then fail("chunk: the number of pieces must be at least 1") end
  return x:split(math.max(1, -(-x.shape[dim + 1] // count)), dim)
end)
method("argmin", "(dim)", "The place of the smallest element, the first of equals.", function(x, dim) return (-x):argmax(dim) end)
method("any", "()", "Whether an element is not 0.", function(x) return x:ne(0):sum():item() > 0 end)
method("all", "()", "Whether no element is 0.", function(x) return x:eq(0):sum():item() == 0 end)
method("dot", "(other)", "The product of two vectors.", function(x, other)
  if x.ndim ~= 1 then fail("dot: vectors are wanted; matmul multiplies matrices") end
  return x:matmul(other)
end)
method("mm", "(other)", "The same as matmul.", function(x, other) return x:matmul(other) end)
method("fill_", "(value)", "Sets every element, in place. Gives the tensor.", function(x, value)
  if x.ndim == 0 then x = x:reshape(1) end
  x[{}] = value
  return x
end)
method("copy_", "(other)", "Sets the elements to those of another tensor, in place. Gives the tensor.", function(x, other)
  x[{}] = other
  return x
end)
method("topk", "(k)", "The k largest values of a vector, from the largest on, and their places, i32.", function(x, k)
  if x.ndim ~= 1 then fail("topk: a vector is wanted, as x[0] of a matrix") end
  local values, places = x:tolist(), {}
  if math.type(k) ~= "integer" or k < 1 or k > #values then fail("topk: k must be an integer in [1, %d]", #values) end
  for i = 1, #values do places[i] = i - 1 end
  table.sort(places, function(a, b)
    local va, vb = values[a + 1], values[b + 1]
    if va ~= vb and va == va and vb == vb then return va > vb end
    if va == va and vb ~= vb then return false end -- a NaN before all
    if va ~= va and vb == vb then return true end
    return a < b
  end)
  places = tensor({ table.unpack(places, 1, k) }, { dtype = "i32" })
  return x[places], places
end)

class.__more = table.concat(more)

-- --- makers ---

local function check_list(what, list)
  if type(list) ~= "table" or lathe.kind(list[1]) ~= "tensor" then fail("%s takes a list of tensors, as in %s{a, b}", what, what) end
end

function cat(list, dim)
  check_list("cat", list)
  return ops.concat(list, { dim = dim or 0 })
end

function stack(list, dim)
  check_list("stack", list)
  local rows = {}
  for i, x in ipairs(list) do rows[i] = x:unsqueeze(dim or 0) end
  return ops.concat(rows, { dim = dim or 0 })
end

function where(condition, a, b) return ops.where(condition, a, b) end

function linspace(start, stop, count)
  if math.type(count) ~= "integer" or count < 1 then fail("linspace(start, stop, count) takes a count of at least 1") end
  if not math.type(start) or not math.type(stop) then fail("linspace(start, stop, count) takes numbers") end
  local step = count > 1 and (stop - start) / (count - 1) or 0
  return arange(count) * step + start
end

local function like(what, make, x)
  if lathe.kind(x) ~= "tensor" then fail("%s takes a tensor, whose type and shape it has; got %s", what, lathe.kind(x) or type(x)) end
  return make(x.shape, { dtype = x.dtype })
end

function zeros_like(x) return like("zeros_like", zeros, x) end
function ones_like(x) return like("ones_like", ones, x) end

function randint(low, high, ...)
  if math.type(low) ~= "integer" or math.type(high) ~= "integer" or high <= low or high - low > 1 << 24 then
    fail("randint(low, high, sizes...) takes integers low < high, at most 2^24 apart")
  end
  return (rand(...) * (high - low)):to("i64") + low
end

function randperm(n)
  local keys, list = rand(n):tolist(), {}
  for i = 1, n do list[i] = i - 1 end
  table.sort(list, function(a, b) return keys[a + 1] < keys[b + 1] or (keys[a + 1] == keys[b + 1] and a < b) end)
  return tensor(list, { dtype = "i64" })
end

-- --- help ---

local functions = {
  { tensor, "tensor{{1, 2}, {3, 4}}, tensor(3.5), tensor({1, 2}, {dtype = 'i32'}): a tensor of these values.\n"
    .. "  dtype          one of f32, bf16, i32, i64, u8; f32 unless said\n"
    .. "  requires_grad  true: t:backward() leaves the gradient in t.grad\n"
    .. "An op on several types computes in the one that they have in common (u8, i32, i64, bf16, f32), integers exactly and\n"
    .. "wrapping round; comparisons give u8, sums of integers i64, means and quotients f32.\n\n" .. class.__help(zeros(0)) },
  { zeros, "zeros(2, 3), zeros{2, 3, dtype = 'i32'}: a tensor of zeros." },
  { zeros_like, "zeros_like(x): zeros of the type and shape of x." },
  { ones, "ones(2, 3): a tensor of ones." },
  { ones_like, "ones_like(x): ones of the type and shape of x." },
  { full, "full(value, 2, 3): a tensor of one value." },
  { randn, "randn(2, 3): normal random numbers; seed(n) starts their stream again." },
  { rand, "rand(2, 3): random numbers, uniform in [0, 1); seed(n) starts their stream again." },
  { randint, "randint(low, high, 2, 3): random integers, i64, from low to high - 1." },
  { randperm, "randperm(n): the numbers 0 to n - 1, i64, in a random order." },
  { arange, "arange(stop), arange(start, stop, step): numbers at even steps, stop left out." },
  { linspace, "linspace(start, stop, count): so many numbers at even steps, stop included." },
  { eye, "eye(n), eye(n, m): ones on the diagonal." },
  { cat, "cat({a, b, c}, dim): tensors one after the other along a dimension, 0 unless said." },
  { stack, "stack({a, b, c}, dim): tensors of one shape beside each other in a new dimension, 0 unless said." },
  { where, "where(condition, a, b): a where the condition is not 0, else b." },
  { seed, "seed(n): starts the random numbers of the prompt again." },
  { help, "help(x) or ?x: what there is to know about x; help() lists the libraries." },
  { print, "print(...): writes values to the log." },
  { exit, "exit(status), quit(status): leaves the prompt; on a live run, that of this client." },
}
for _, entry in ipairs(functions) do lathe.document(entry[1], entry[2]) end
