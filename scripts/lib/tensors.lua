-- SPDX-License-Identifier: GPL-3.0-or-later
-- Help on tensors.
local functions = {
  { tensor, "tensor{{1, 2}, {3, 4}}, tensor(3.5), tensor({1, 2}, {dtype = 'i32'}): a tensor of these values.\n"
    .. "  dtype          one of f32, bf16, i32, i64, u8; f32 unless said\n"
    .. "  requires_grad  true: t:backward() leaves the gradient in t.grad\n"
    .. "Methods: item, tolist, clone, detach, to(dtype), slice(dim, start, stop), select(dim, index),\n"
    .. "  requires_grad(true), backward(), zero_grad(), and every op of the library ops.\n"
    .. "Operators: + - * / ^ and unary -; a < b of single numbers. a:lt(b), a:eq(b), ... compare each element.\n"
    .. "Fields: shape, dtype, ndim, count, grad. t[i] counts from 0; t[{start, stop}] is a slice; #t the first size." },
  { zeros, "zeros(2, 3), zeros{2, 3, dtype = 'i32'}: a tensor of zeros." },
  { ones, "ones(2, 3): a tensor of ones." },
  { full, "full(value, 2, 3): a tensor of one value." },
  { randn, "randn(2, 3): normal random numbers; seed(n) starts their stream again." },
  { rand, "rand(2, 3): random numbers, uniform in [0, 1); seed(n) starts their stream again." },
  { arange, "arange(stop), arange(start, stop, step): numbers at even steps, stop left out." },
  { eye, "eye(n), eye(n, m): ones on the diagonal." },
  { seed, "seed(n): starts the random numbers of the prompt again." },
  { gradcheck, "gradcheck(f, x, y, ..., {options}): compares the gradients of f(x, y, ...), a function of tensors that\n"
    .. "returns an f32 tensor, with finite differences of it; f may be an op. Gives the largest error, and fails\n"
    .. "where that is above the tolerance, naming the entry. f must be smooth around the tensors' values.\n"
    .. "  tolerance   relative to 1 + the largest gradient of the tensor, 0.003 unless said\n"
    .. "  step        of the finer differences, 0.01 unless said; the others take twice that\n"
    .. "  elements    of each tensor at most so many are looked at, 61 unless said; 0: all" },
  { help, "help(x) or ?x: what there is to know about x; help() lists the libraries." },
  { session, "session { model = models.bert {...}, data = { train = ..., valid = ... }, objectives = { objectives.mlm {} },\n"
    .. "          optimizer = optim.adamw {}, schedule = schedules.cosine {}, steps = 1000 }\n"
    .. "  models      named models, in place of model\n"
    .. "  objectives  a list; a function(model, batch) returning a loss is one, too\n"
    .. "  accumulate  micro-batches a step, 1 unless said\n"
    .. "  clip_norm   the gradient's norm is cut to this, 1 unless said; 0: never\n"
    .. "  skip_spikes a step whose loss lies so many deviations above the mean updates nothing; 0: never\n"
    .. "  precision   'bf16': products of matrices read bf16, which is faster; weights stay f32. 'f32' unless said\n"
    .. "  recompute   layers are computed once more on the way back instead of kept: less memory, a third more time\n"
    .. "  checkpoint_every, evaluate_every  steps between checkpoints (0: a tenth of the run), evaluations (0: with each)\n"
    .. "  keep_checkpoints  so many of the last are kept, 3 unless said, beside the best\n"
    .. "  on_nonfinite      a run whose step fails (NaN, an error in Lua, no memory) waits ('pause') or ends ('stop');\n"
    .. "                    'auto': it waits where somebody is attached or it runs in the background\n"
    .. "  early_stopping = { patience = 5, metric = 'valid.mlm', restore_best = true } ends the run when it stops improving\n"
    .. "  seed        of weights, masks and dropout" },
  { print, "print(...): writes values to the log." },
}
for _, entry in ipairs(functions) do lathe.document(entry[1], entry[2]) end
