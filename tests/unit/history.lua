-- SPDX-License-Identifier: GPL-3.0-or-later
-- What tests/unit/test_history.c runs: a small session, and things that a person might do to it.
local corpus = data.text(path)
local tokenizer = tokenizers.wordpiece.train(corpus, { vocab_size = 60 })
local pairs_ = data.sentence_pairs(corpus, tokenizer, { length = 32, batch_size = 4, loader_threads = 0 })
local second = { bert = objectives.nsp { weight = 0.5 }, electra = objectives.rtd { weight = 20 } }

function make(kind)
  return session {
    seed = 5, data = pairs_, objectives = { objectives.mlm {}, second[kind] },
    model = models[kind] { vocab_size = tokenizer.vocab_size, hidden_size = 16, num_hidden_layers = 1,
                           num_attention_heads = 2, max_position_embeddings = 32 },
    optimizer = optim.adamw { lr = 0.01 }, schedule = schedules.cosine { warmup = 0.1 }, steps = 40,
  }
end
run = make "bert"

-- As the run does it: steps with their metrics.
function train(n)
  for _ = 1, n do
    engine.history.due()
    local metrics = run:train(1)
    directory.append_metrics(('{"step": %d, "loss": %.9g, "grad_norm": %.9g}\n'):format(metrics.step, metrics.loss, metrics.grad_norm))
    engine.history.stepped()
  end
end

local state
local function random(n)
  state = (state * 1103515245 + 12345) & 0x7fffffff
  return (state >> 8) % n
end

-- Edits that do not fit leave the state as it was, and nothing in the journal.
local function refused()
  local before, count = run:hash(), #edits()
  assert(not pcall(function() run.objectives.nsp.weight = -1 end))
  assert(not pcall(run.model.reshape, run.model, { hidden_size = 15 }))
  assert(not pcall(run.model.reshape, run.model, { vocab_size = 8 }))
  assert(not pcall(run.model.reshape, run.model, { max_position_embeddings = 8, num_hidden_layers = 2 }))
  assert(not pcall(run.model.reset, run.model, "cls.no_such_part"))
  assert(not pcall(run.add_objective, run, objectives.nsp { name = "mlm" }))
  assert(not pcall(run.add_objective, run, objectives.sop {}))
  assert(not pcall(run.add_objective, run, objectives.domain { target = "nowhere" }))
  assert(not pcall(run.add_objective, run, objectives.domain { name = "none", target = "train" }))
  assert(not pcall(run.remove_objective, run, "none"))
  assert(not pcall(function() run.data.train.batch_size = 0 end))
  assert(not pcall(function() run.optimizer = schedules.cosine {} end))
  assert(not pcall(run.prune, run, { sparsity = 1 }))
  assert(not pcall(run.prune, run, { sparsity = 0.5, params = "bert.no_such_part" }))
  assert(not pcall(run.prune, run, { sparsity = 0.5, schedule = "cubic", begin_step = 3, end_step = 3 }))
  assert(run:prune({ sparsity = 0.99, dry_run = true }).pruned > 0)
  assert(run:hash() == before and #edits() == count)
end

local function change_objectives()
  local name = "again" .. random(2)
  if run.objectives[name] then run:remove_objective(name)
  elseif random(2) == 0 then run:add_objective(objectives.nsp { name = name, weight = 0.3 })
  else
    run:add_objective(objectives.custom { name = name, weight = 0.3, loss = ([[local scale = %d / 4
      return function(model, batch) return ops.cross_entropy(model.nsp_logits, batch.next_sentence_label) * scale end]]):format(random(6)) })
  end
end

local edits_ = {
  function() run.objectives.nsp.weight = random(10) / 10 end,
  function() run.optimizer.lr = 0.001 * (1 + random(30)) end,
  function() run.clip_norm = 0.1 * (1 + random(20)) end,
  function() run.recompute = random(2) == 0 end,
  function() run.precision = random(2) == 0 and "bf16" or "f32" end,
  function() run.model.bert.pooler.frozen = random(2) == 0 end,
  function() run.model[random(2) == 0 and "bert" or "cls"].frozen = random(2) == 0 end,
  function() run.objectives.mlm.mlm_probability = 0.1 + random(5) / 20 end,
  function() run.model:reshape { num_hidden_layers = 1 + random(2), intermediate_size = 48 + 8 * random(4) } end,
  function() run.model:reset "cls" end,
  function() run.data.train.batch_size = 3 + random(4) end,
  function() run.model.config.hidden_dropout_prob = random(3) / 10 end,
  function() run.optimizer = random(2) == 0 and optim.sgd { lr = 0.02 } or optim.adamw { lr = 0.01 } end,
  function() run.schedule = schedules.wsd { decay = 0.3 } end,
  change_objectives,
  function()
    if run.objectives.domain then run:remove_objective "domain" else run:adapt { target = "valid", weight = 0.1 } end
  end,
  function()
    local ok, why = pcall(run.prune, run, { sparsity = 0.05 * (1 + random(10)), scope = random(2) == 0 and "layer" or "global" })
    assert(ok or why:find "is pruned already", why)
  end,
  function()
    run:prune { schedule = "cubic", sparsity = 0.9, end_step = run.step + 2 + random(8), frequency = 1 + random(2),
                params = random(2) == 0 and "bert.encoder" or "cls bert.embeddings", criterion = random(3) == 0 and "random" or "magnitude" }
  end,
  function() run:prune { sparsity = 0, params = random(2) == 0 and "*" or "bert.encoder.layer.0" } end,
  refused, refused,
}

local function edit() edits_[1 + random(#edits_)]() end

local function any_branch()
  local list = branches()
  return list[1 + random(#list)].name
end

local actions = {
  function() train(1 + random(4)) end,
  function() train(1 + random(4)) end,
  edit, edit, edit,
  function() pcall(undo) end,
  function() pcall(redo) end,
  function() pcall(rewind, random(run.step + 2)) end,
  function() pcall(branch, "b" .. random(4)) end,
  function() pcall(branch, "b" .. random(4), random(run.step + 2)) end,
  function() switch(any_branch()) end,
  function() pcall(rename_branch, any_branch(), "b" .. random(6)) end,
  function() pcall(delete_branch, any_branch()) end,
  function() pcall(undelete_branch, "b" .. random(4)) pcall(undelete_branch, "main~1") end,
  function() directory.save() end,
  function() pcall(revert) end,
  function() snapshots { memory = random(2) * 40000, disk = random(3) * 100000 } end,
}

function random_session(seed)
  state = seed * 7919
  for _ = 1, 25 do
    if run.step > 30 then rewind(random(10)) end
    actions[1 + random(#actions)]()
  end
  keep_last()
end

function keep_last()
  run.optimizer.lr = 0.0123 -- the journal ends here
  local file <close> = assert(io.open(directory.path .. "/last", "w"))
  file:write(run.step, " ", run:hash())
end

function check_last()
  local file <close> = assert(io.open(directory.path .. "/last"))
  local said, now = file:read "a", run.step .. " " .. run:hash()
  assert(said == now, said .. " before, now " .. now)
end

-- of a file with metrics
function steps(name)
  local list = {}
  for line in io.lines(directory.path .. name) do list[#list + 1] = line:match "%d+" end
  return table.concat(list, " ")
end

-- From the n-th change of the metrics' files on there is nobody who makes them.
function dies_after(n)
  local function dead() error("the program is dead", 0) end
  for _, name in ipairs { "append_branch", "write_branch", "rename_branch", "append_metrics", "cut_metrics" } do
    local change = directory[name]
    directory[name] = function(...)
      n = n - 1
      return (n < 0 and dead or change)(...)
    end
  end
end
