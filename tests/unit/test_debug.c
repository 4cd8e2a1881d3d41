/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Debugging from Lua: hooks, watches, breakpoints, looks; none of it changes a bit of a run. */
#include "engine/base/cancel.h"
#include "engine/base/memory.h"
#include "engine/train/run.h"
#include "scripts/bind_session.h"
#include "scripts/library.h"
#include "tests/unit/scale.h"
#include "tests/unit/scratch.h"
#include "tui/repl.h"

Suite *debug_suite(void);

static Host *host;
static Buffer printed;
static size_t at_start;

static void keep_output(void *context, const char *text, size_t length)
{
    (void)context;
    ASSERT_OK(buffer_append(&printed, text, length));
}

static Status run(const char *text)
{
    return host_run(host, text, strlen(text), "test", 0);
}

static const char prepare[] =
    "corpus = data.stories { stories = 60, held_out = 5 }\n"
    "tokenizer = tokenizers.wordpiece.train(corpus, { vocab_size = 120 })\n"
    "function small(extra)\n"
    "  local pairs_ = data.sentence_pairs(corpus, tokenizer, { length = 24, batch_size = 4, loader_threads = 0 })\n"
    "  local spec = {\n"
    "    model = models.bert { vocab_size = 120, hidden_size = 16, num_hidden_layers = 2,\n"
    "                          num_attention_heads = 2, max_position_embeddings = 24, hidden_dropout_prob = 0.1 "
    "},\n"
    "    data = { train = pairs_.train }, objectives = { objectives.mlm {}, objectives.nsp { weight = 0.5 } },\n"
    "    optimizer = optim.adamw { lr = 0.003 }, steps = 100 }\n"
    "  for k, v in pairs(extra or {}) do spec[k] = v end\n"
    "  return session(spec)\n"
    "end\n";

static void start(void)
{
    HostOptions options = {.output = keep_output, .seed = 1};
    scratch_make();
    at_start = memory_in_use();
    setenv("LATHE_ASCII", "1", 1);
    ASSERT_OK(host_new(&options, &host));
    ASSERT_OK(run(prepare));
}

static void stop(void)
{
    host_free(host);
    buffer_free(&printed);
    ck_assert_uint_eq(memory_in_use(), at_start);
    scratch_remove();
}

/* A session that is looked at in every way, and one that is not. */
START_TEST(looking_changes_nothing)
{
    ASSERT_OK(
        run("local quiet = small { accumulate = 2 } quiet:train(20) local expected = quiet:hash()\n"
            "run = small { accumulate = 2 }\n"
            "local seen = 0\n"
            "local h = hook(run.model.bert.encoder.layer[0], function(name, t) seen = seen + t:norm():item() end)\n"
            "hook(run.model.bert.encoder.layer[1].attention.self, function(name, t) randn(3, 3) t[0] = 5 end)\n"
            "watch('pooler', function(s) return s.model.bert.pooler.dense.weight:norm() end)\n"
            "break_when('loss > 1e9 or pooler < 0')\n"
            "for i = 1, 20 do\n"
            "  run:train(1)\n"
            "  if i % 5 == 0 then\n"
            "    tape() profile(1) attention('the dog | the cat') show(run.batch, 1) summary()\n"
            "    nudge(run.model.bert.pooler.dense.weight, 0.01) histogram(run.model.bert.pooler.dense.weight)\n"
            "    heatmap(run.model.bert.pooler.dense.weight) plot('loss') diff_states(run, run)\n"
            "  end\n"
            "  if i == 10 then h:remove() end\n"
            "end\n"
            "assert(seen > 0 and run.step == 20)\n"
            "assert(run:hash() == expected, 'the bits differ')\n"));
}
END_TEST

START_TEST(hooks)
{
    ASSERT_OK(
        run("run = small { accumulate = 2 }\n"
            "local calls = {}\n"
            "local function note(name, t, way) calls[#calls + 1] = name .. ' ' .. way .. ' ' .. #t.shape end\n"
            "local h = hook(run.model.bert.encoder, note)\n"
            "run:train(1)\n"
            "assert(table.concat(calls, '; ') == ('bert.encoder forward 3; bert.encoder backward 3; '):rep(2)\n"
            "  :sub(1, -3), table.concat(calls, '; '))\n"
            "assert(h:remove() and not h:remove())\n"
            "run:train(1) assert(#calls == 4)\n"
            /* the value is what the module gives: a hook on the pooler sees tanh's range */
            "local most\n"
            "hook(run.model.bert.pooler, function(n, t, way) if way == 'forward' then\n"
            "  most = lathe.statistics(t).max kept = t end end)\n"
            "run:train(1) assert(most < 1 and most > 0 and kept.shape[1] == 4 and kept:sum():item())\n"));
    buffer_clear(&printed);
    ASSERT_OK(run("run = small() hook(run.model.bert, function() error('inside') end) run:train(2)\n"
                  "assert(run.step == 2)"));
    ck_assert_msg(strstr(printed.data, "[0] the hook on bert is removed, because it failed: test:1: inside"), "%s",
                  printed.data);
    ASSERT_OK(run("local other = small() other:train(2) assert(other:hash() == run:hash())"));
    ASSERT_FAILS(run("hook(run.model, print)"), STATUS_LUA, "take a part of the model");
    ASSERT_FAILS(run("hook(run, print)"), STATUS_LUA, "a module is wanted");
    ASSERT_OK(run("hook(run.model.bert, function() ok, message = pcall(run.train, run) end) run:train(1)"));
    ASSERT_OK(run("assert(not ok and message:find('under way'))"));
}
END_TEST

/* All hooks go at once, and one in the middle goes by itself. */
START_TEST(hooks_that_fail_together)
{
    ASSERT_OK(run("run = small()\n"
                  "local seen = 0\n"
                  "for i = 1, 5 do hook(run.model.bert.encoder.layer[0], function() error('no') end) end\n"
                  "hook(run.model.bert.encoder.layer[0], function() seen = seen + 1 end)\n"
                  "hook(run.model.bert.pooler, function() error('no') end)\n"
                  "run:train(3) assert(seen == 6, seen)"));
}
END_TEST

START_TEST(watches)
{
    ASSERT_OK(run("run = small()\n"
                  "watch('answer', function() return 42 end) watch('norm', function(s)\n"
                  "  return s.model.bert.pooler.dense.weight.grad:norm() end)\n"
                  "local m = run:train(2)\n"
                  "assert(m.answer == 42 and m.norm > 0 and run.last.answer == 42)\n"
                  "unwatch('answer') assert(run:train(1).answer == nil)\n"
                  "watch('bad', function() return 'text' end)\n"
                  "assert(run:train(1).bad == nil)\n"
                  "plot('norm')"));
    ck_assert_ptr_nonnull(
        strstr(printed.data, "[4] watch 'bad' is removed, because it failed: it returned a string"));
    ASSERT_FAILS(run("watch('loss', print)"), STATUS_LUA, "'loss' is a metric already");
    ASSERT_FAILS(run("watch('a b', print)"), STATUS_LUA, "a name of letters");
    ASSERT_FAILS(run("unwatch('nrm')"), STATUS_LUA, "did you mean 'norm'?");
    ASSERT_FAILS(run("plot('los')"), STATUS_LUA, "did you mean 'loss'?");
}
END_TEST

START_TEST(breaks)
{
    ASSERT_OK(run(
        "run = small()\n"
        "break_when('step >= 3 and loss.mlm > 0.1')\n"
        "local m = run:train(10) assert(m.step == 3 and run.step == 3)\n"
        "remove_breakpoint(0)\n"
        "break_when(function(m) return m.step == 5 end)\n"
        "assert(run:train(10).step == 5 and run:train(3).step == 8)\n"
        "local batch = run.batch assert(batch.step == 8 and batch.size == 4 and batch.masked_positions)\n"
        /* its losses are the step's: their mean over the targets is the metric */
        "local losses, sum = lathe.example_losses(run), 0 assert(#losses == 4)\n"
        "run.objectives.nsp.enabled = false run:train(1)\n"
        "losses = lathe.example_losses(run)\n"
        "local b, n, all = run.batch, {}, 0\n"
        "for _, p in ipairs(b.masked_positions:tolist()) do\n"
        "  local e = p // b.input_ids.shape[2] n[e] = (n[e] or 0) + 1 all = all + 1 end\n"
        "for i = 0, 3 do sum = sum + losses[i + 1] * (n[i] or 0) / all end\n"
        "assert(math.abs(sum - run.loss) < 1e-4 * run.loss, sum .. ' ' .. run.loss)\n"
        "local step = run.step run.clip_norm = 0.9 snapshots { memory = 0, disk = 0 } run:train(3)\n"
        "break_when('step > 0') rewind(step + 2) assert(run.step == step + 2) remove_breakpoint(2)\n" /* again */
        "break_when(function() error('oops') end) run:train(1) breakpoints()"));
    ck_assert_ptr_nonnull(strstr(printed.data, "[3] paused by breakpoint 0: step = 3, loss.mlm = "));
    ck_assert_ptr_nonnull(strstr(printed.data, "  batch of 4: the loss of example "));
    ck_assert_ptr_null(strstr(printed.data, "paused by breakpoint 2"));
    ck_assert_ptr_nonnull(strstr(printed.data, "breakpoint 3 is removed, because it failed: test:"));
}
END_TEST

typedef struct BadCondition {
    const char *text, *message;
} BadCondition;

static int set_parse(lua_State *L)
{
    library_require(L, "conditions");
    lua_setglobal(L, "parse");
    return 0;
}

START_TEST(conditions)
{
    static const BadCondition bad[] = {
        {"grad_nrm > 1", "did you mean 'grad_norm'?"},
        {"grad_norm", "a comparison is wanted"},
        {"grad_norm >", "a metric or a number is missing at the end"},
        {"grad_norm > 1 and", "missing at the end"},
        {"grad_norm > 1 or loss", "a comparison is wanted after 'or'"},
        {"not loss", "a comparison is wanted after 'not'"},
        {"1 < loss < 2", "left over at '< 2'"},
        {"(loss > 1", "a closing bracket is missing"},
        {"loss > 1)", "left over at ')'"},
        {"os.exit()", "no metric 'os.exit'"},
        {"loss > 'a'", "no metric, number or comparison at ''a''"},
        {"", "missing"},
    };
    char line[400];
    ASSERT_OK(run("run = small()"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(line, sizeof line, "break_when([[%s]])", bad[i].text);
        ASSERT_FAILS(run(line), STATUS_LUA, bad[i].message);
    }
    ASSERT_FAILS(run("break_when(('('):rep(1000) .. 'loss')"), STATUS_LUA, "too many brackets");
    ASSERT_FAILS(run("break_when(('-'):rep(1000) .. '1 > loss')"), STATUS_LUA, "too many brackets");
    ASSERT_OK(host_protect(host, set_parse, NULL));
    ASSERT_OK(
        run("local function holds(text, m) return parse(text, function() end)(m) end\n"
            "local m = { a = 3, ['b.c'] = -2, nan = 0 / 0 }\n"
            "for _, text in ipairs { 'a > 2', 'a >= 3 and b.c < 0', 'not a < 3', 'a > 9 or a == 3', 'a*2+1 == 7',\n"
            "  '-b.c == 2', '(a > 1 or a > 9) and a ~= 4', 'a != 4', 'nan ~= nan', 'a - 1 - 1 == 1', 'a > 1e-3',\n"
            "  'not (a > 9)', 'a / 2 > .5' } do assert(holds(text, m), text) end\n"
            "for _, text in ipairs { 'a > 3', 'nan > 0', 'nan < 0', 'a > 2 and b.c > 0', 'nothing > 0' } do\n"
            "  assert(not holds(text, m), text) end"));
}
END_TEST

START_TEST(nonfinite)
{
    static const char *const parts[] = {"first in linear of cls.predictions.decoder (forward)", "x ", "weight ",
                                        "1 NaN  (cls.predictions.bias)",
                                        "batch of step 3: 'train', epoch 0, examples"};
    ASSERT_OK(
        run("run = small() run:train(2) before = run:hash() grad = run.model.bert.pooler.dense.weight.grad\n"));
    SessionHandle *handle;
    lua_getglobal(host_lua(host), "run");
    handle = bind_check_session(host_lua(host), -1);
    lua_pop(host_lua(host), 1);
    Param *bias = module_find_param(handle->session->models[0]->root, "cls.predictions.bias");
    float good = TENSOR_F32(bias->value)[7];
    TENSOR_F32(bias->value)[7] = (float)NAN;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        ASSERT_FAILS(run("run:train(1)"), STATUS_NONFINITE, parts[i]);
    TENSOR_F32(bias->value)[7] = good;
    ASSERT_OK(run("assert(run:hash() == before and run.batch.step == 3) run:train(1)"));
}
END_TEST

START_TEST(parameters)
{
    ASSERT_OK(run("run = small() local w = run.model.bert.pooler.dense.weight\n"
                  "assert(w.grad == nil and next(w.state) == nil)\n"
                  "run:train(1)\n"
                  "assert(w.state.exp_avg.shape[1] == 16 and w.state.exp_avg_sq and w.grad:norm():item() > 0)\n"
                  "local before = run:hash()\n"
                  "for _, t in ipairs { w.state.exp_avg, w.grad } do assert(not pcall(t.fill_, t, 7)) end\n"
                  "assert(run:hash() == before)\n"
                  /* with clipping off the first moment is a tenth of the gradient */
                  "run = small { clip_norm = 0 } run:train(1) w = run.model.bert.pooler.dense.weight\n"
                  "assert((w.grad * 0.1 - w.state.exp_avg):abs():max():item() < 1e-7)\n"
                  /* a look leaves the gradients that are shown */
                  "local g = w.grad tape() nudge(w, 0.1) assert(lathe.compare(g, w.grad).differing == 0)\n"));
}
END_TEST

/* A small step along the gradient: the prediction is right to first order. */
START_TEST(nudges)
{
    ASSERT_OK(run(
        "run = small() run:train(3) local w = run.model.bert.pooler.dense.bias\n"
        "w = run.model.cls.predictions.transform.dense.weight\n"
        "run:train(1) local before = run:hash()\n"
        "local n = nudge(w, w.grad * -0.05)\n"
        "assert(n.predicted < 0 and math.abs(n.change - n.predicted) < 0.2 * math.abs(n.predicted), tostring(n))\n"
        "assert(run:hash() == before)"));
    ASSERT_FAILS(run("nudge(run.model.bert.pooler.dense.bias, zeros(3))"), STATUS_LUA, "delta f32[3]");
    ASSERT_FAILS(run("nudge(run, 1)"), STATUS_LUA, "a parameter is wanted");
}
END_TEST

static Status step_of_lua(void *context, Session *session, StepMetrics *out)
{
    return bind_step(context, session, out);
}

/* The run of a directory: watches are in metrics.jsonl, checkpoints can be compared. */
START_TEST(run_of_a_directory)
{
    RunDirectory *directory;
    RunOptions options = {.step = step_of_lua, .context = host};
    ASSERT_OK(
        run("run = small { steps = 4, checkpoint_every = 2, keep_checkpoints = 5 } watch('answer', function(s)\n"
            "  if s.step == 2 then watch('late', function() return 7 end) end return 42 end)"));
    lua_getglobal(host_lua(host), "run");
    Session *session = bind_test_session(host_lua(host), -1);
    lua_pop(host_lua(host), 1);
    ASSERT_OK(run_directory_create(scratch_path("run"), &directory));
    ASSERT_OK(run_train(session, directory, &options));
    run_directory_close(directory);
    char *metrics = scratch_read(scratch_path("run/metrics.jsonl"));
    ck_assert_msg(strstr(metrics, "\"answer\": 42") || strstr(metrics, "\"answer\":42"), "%s", metrics);
    ck_assert_msg(strstr(metrics, "\"late\""), "%s", metrics);
    memory_free(metrics);
    char line[1400];
    snprintf(line, sizeof line, "diff_states('%s', run) diff_states('%s', '%s')",
             scratch_path("run/checkpoints/step-00000004"), scratch_path("run/checkpoints/step-00000002"),
             scratch_path("run/checkpoints/step-00000004/model.safetensors"));
    buffer_clear(&printed);
    ASSERT_OK(run(line));
    ck_assert_msg(strncmp(printed.data, "46 tensors are the same, 0 differ\n", 34) == 0 &&
                      strstr(printed.data, "0 tensors are the same, 46 differ") &&
                      strstr(printed.data, "  bert.encoder.layer.0 "),
                  "%s", printed.data);
}
END_TEST

static void interrupt_once(void *context, int64_t done, int64_t all)
{
    static bool interrupted;
    (void)context;
    (void)done;
    (void)all;
    if (!interrupted) cancel_request();
    interrupted = true;
}

/* Somebody stops a run while it evaluates: it does so when it goes on. */
START_TEST(an_interrupted_evaluation_is_made_up_for)
{
    RunDirectory *directory;
    RunOptions options = {
        .evaluate_batches = 2, .step = step_of_lua, .evaluating = interrupt_once, .context = host};
    ASSERT_OK(run("local pairs_ = data.sentence_pairs(corpus, tokenizer, { length = 24, batch_size = 4 })\n"
                  "run = small { steps = 4, checkpoint_every = 2,\n"
                  "              data = { train = pairs_.train, valid = pairs_.valid } }"));
    lua_getglobal(host_lua(host), "run");
    Session *session = bind_test_session(host_lua(host), -1);
    lua_pop(host_lua(host), 1);
    ASSERT_OK(run_directory_create(scratch_path("run"), &directory));
    ASSERT_FAILS(run_train(session, directory, &options), STATUS_CANCELLED, "interrupted");
    ck_assert_int_eq(session->step, 2);
    char *metrics = scratch_read(scratch_path("run/metrics.jsonl"));
    ck_assert_ptr_null(strstr(metrics, "\"valid"));
    memory_free(metrics);
    ASSERT_OK(run_train(session, directory, &options));
    run_directory_close(directory);
    metrics = scratch_read(scratch_path("run/metrics.jsonl"));
    const char *found = strstr(metrics, "{\"step\": 2, \"valid");
    ck_assert_msg(found && !strstr(found + 1, "{\"step\": 2, \"valid"), "%s", metrics);
    memory_free(metrics);
}
END_TEST

START_TEST(states_differ)
{
    buffer_clear(&printed);
    ASSERT_OK(run("a = small() b = small() a:train(2) b:train(2) diff_states(a, b)"));
    ck_assert_str_eq(printed.data, "46 tensors are the same, 0 differ\n");
    buffer_clear(&printed);
    ASSERT_OK(run("b.model.bert.frozen = true b:train(1) diff_states(a, b)"));
    ck_assert_msg(strstr(printed.data, "  cls.predictions") && !strstr(printed.data, "  bert."), "%s",
                  printed.data);
    ASSERT_FAILS(run("diff_states(run, 5)"), STATUS_LUA, "diff_states: ");
    ASSERT_FAILS(run("diff_states(a, '/no/such')"), STATUS_LUA, "/no/such is no safetensors file");
}
END_TEST

START_TEST(pictures)
{
    buffer_clear(&printed);
    ASSERT_OK(run("histogram{1, 1, 1, 2, 0/0, 1/0} heatmap{{0, 1}, {-1, 0/0}}"));
    ck_assert_msg(strstr(printed.data, "! 1 NaN, 1 infinite") && strstr(printed.data, "\n #\n#?\n"), "%s",
                  printed.data);
    buffer_clear(&printed);
    ASSERT_OK(run("local t = {} for i = 1, 5000 do t[i] = 0 end t[2500] = 9 plot(t)"));
    ck_assert_msg(strstr(printed.data, "        9 |"), "%s", printed.data); /* the spike is there */
    ASSERT_OK(run("plot{0/0} plot{} plot{1} histogram(0/0 * ones(2)) histogram(zeros(2, 0))"
                  "heatmap(randn(3)) heatmap(randn(2, 3, 4)) heatmap(zeros(0, 3)) plot(randn(5))"));
    ASSERT_FAILS(run("plot(5)"), STATUS_LUA, "plot: ");
    ASSERT_FAILS(run("histogram('x')"), STATUS_LUA, "histogram: a tensor");
    ASSERT_FAILS(run("heatmap(tensor(1))"), STATUS_LUA, "one number has no picture");
}
END_TEST

/* An older session may be collected amid a step of another one. */
START_TEST(sessions_die_amid_steps)
{
    ASSERT_OK(run("local old = small() old:train(1) old = nil\n"
                  "local s = small { objectives = { objectives.mlm {}, function(model, batch)\n"
                  "  local pooled = model.pooled collectgarbage() collectgarbage()\n"
                  "  kept = pooled return pooled:mean() + model.nsp_logits:mean() end } }\n"
                  "s:train(3)"));
    ASSERT_FAILS(run("return kept.shape"), STATUS_LUA, ":clone()");
    ASSERT_OK(run("collectgarbage() collectgarbage() run = small() run:train(2)"));
    ASSERT_FAILS(run("return kept.shape"), STATUS_LUA, ":clone()");
}
END_TEST

/* The last step once more, on the weights as they are now; before the first step, that one. */
START_TEST(looks_at_the_last_step)
{
    ASSERT_OK(run("run = small() tape() run:train(3) tape()\n"
                  "local again = lathe.look(run) assert(again.step == 3)\n"
                  "local next, calls = lathe.look(run, true) assert(next.step == 4)\n"
                  "run:train(1) assert(run.loss == next.loss and run.last.grad_norm == next.grad_norm)\n"
                  "for _, call in ipairs(calls) do assert(call.seconds >= 0 and call.op and call.shape) end"));
    ck_assert_ptr_nonnull(strstr(printed.data, "step 1 once more: "));
    ck_assert_ptr_nonnull(strstr(printed.data, "step 3 once more: "));
}
END_TEST

START_TEST(mistakes)
{
    ASSERT_FAILS(run("tape()"), STATUS_LUA, "there is no run");
    ASSERT_FAILS(run("watch('a', print)"), STATUS_LUA, "there is no run");
    ASSERT_OK(run("run = small() tape() show(run.batch)"));
    ASSERT_FAILS(run("show(run.batch, 4)"), STATUS_LUA, "examples 0 to 3");
    ASSERT_FAILS(run("show(5)"), STATUS_LUA, "a batch is wanted");
    ASSERT_FAILS(run("profile(0)"), STATUS_LUA, "at least 1");
    ASSERT_FAILS(run("attention(5)"), STATUS_LUA, "a text is wanted");
    ASSERT_FAILS(run("attention(('the '):rep(200))"), STATUS_INVALID, "max_position_embeddings");
    ASSERT_OK(run("attention('') attention('the dog', 0)"));
    ASSERT_FAILS(run("attention('the dog', 9)"), STATUS_LUA, "there is no layer 9; the model has those from 0 to ");
    ASSERT_FAILS(run("attention('the dog', 'x')"), STATUS_LUA, "there is no layer x");
    ASSERT_FAILS(run("gradcheck(5)"), STATUS_LUA, "a function and its tensors are wanted");
    ASSERT_FAILS(run("pause()"), STATUS_LUA, "pause: no run trains by itself here: 'lathe run' begins one");
    ASSERT_FAILS(run("step(3)"), STATUS_LUA, "step: no run trains by itself here");
    ASSERT_FAILS(run("time(5)"), STATUS_LUA, "a function is wanted");
    ASSERT_FAILS(run("remove_breakpoint(3)"), STATUS_LUA, "no breakpoint 3");
    ASSERT_FAILS(run("summary(5)"), STATUS_LUA, "a module is wanted");
    ASSERT_OK(run(
        "for _, f in ipairs { summary, hook, watch, unwatch, break_when, breakpoints, remove_breakpoint, show,\n"
        "  tape, profile, time, attention, nudge, diff_states, histogram, heatmap, plot } do help(f) end"));
    ck_assert_ptr_null(strstr(printed.data, "Nothing is known"));
}
END_TEST

static void drop_output(void *context, const char *text, size_t length)
{
    (void)context;
    (void)text;
    (void)length;
}

static Status sweep_once(void)
{
    static const char text[] = "run = small() hook(run.model.bert.pooler, function(n, t) t:norm() end)\n"
                               "watch('n', function(s) return s.model.bert.pooler.dense.bias:norm() end)\n"
                               "break_when('loss > 0') run:train(1) show(run.batch, 0)\n"
                               "nudge(run.model.bert.pooler.dense.weight, 0.1) tape() attention('the dog')";
    HostOptions options = {.output = drop_output, .seed = 1};
    Host *small;
    TRY(host_new(&options, &small));
    Status status = host_run(small, prepare, sizeof prepare - 1, "sweep", 0);
    if (status == STATUS_OK) status = host_run(small, text, sizeof text - 1, "sweep", 0);
    host_free(small);
    return status;
}

START_TEST(allocation_failures)
{
    ASSERT_OK(sweep_once());
    size_t before = memory_in_use();
    memory_fail_after(0, 0);
    ASSERT_OK(sweep_once());
    uint64_t all = memory_allocations();
    for (uint64_t n = all / 2; n <= all; n += sweep_step(48, all / 48 + 1)) {
        memory_fail_after(n, _i);
        Status status = sweep_once();
        memory_fail_after(0, 0);
        ck_assert_msg(status == STATUS_OK || status == STATUS_NOMEM || status == STATUS_LUA, "%llu: %s",
                      (unsigned long long)n, status_message());
        ck_assert_msg(memory_in_use() == before, "allocation %llu leaked", (unsigned long long)n);
    }
}
END_TEST

/* tests/unit/looks.lua */
START_TEST(looks_of_a_workbench)
{
    lua_State *L = host_lua(host);
    ASSERT_OK(host_load_file(host, LATHE_SOURCE "/tests/unit/looks.lua"));
    lua_getglobal(L, "tokenizer");
    lua_getglobal(L, "small");
    ASSERT_OK(host_call(host, 2, 0));
}
END_TEST

Suite *debug_suite(void)
{
    Suite *suite = suite_create("debug");
    TCase *cases = tcase_create("debug");
    tcase_set_timeout(cases, 120);
    tcase_add_checked_fixture(cases, start, stop);
    tcase_add_test(cases, looking_changes_nothing);
    tcase_add_test(cases, hooks);
    tcase_add_test(cases, hooks_that_fail_together);
    tcase_add_test(cases, watches);
    tcase_add_test(cases, breaks);
    tcase_add_test(cases, conditions);
    tcase_add_test(cases, nonfinite);
    tcase_add_test(cases, parameters);
    tcase_add_test(cases, nudges);
    tcase_add_test(cases, run_of_a_directory);
    tcase_add_test(cases, an_interrupted_evaluation_is_made_up_for);
    tcase_add_test(cases, states_differ);
    tcase_add_test(cases, pictures);
    tcase_add_test(cases, looks_at_the_last_step);
    tcase_add_test(cases, looks_of_a_workbench);
    tcase_add_test(cases, sessions_die_amid_steps);
    tcase_add_test(cases, mistakes);
    tcase_add_loop_test(cases, allocation_failures, 0, 2);
    suite_add_tcase(suite, cases);
    return suite;
}
