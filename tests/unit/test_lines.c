/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines on a session that trains: started between ops, suspended until the boundary, interrupted; and pause, step
 * and stop. */
#include "engine/base/cancel.h"
#include "engine/base/memory.h"
#include "engine/base/turns.h"
#include "scripts/bind_session.h"
#include "scripts/control.h"
#include "scripts/library.h"
#include "tests/unit/scratch.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

Suite *lines_suite(void);

static Host *host;
static Session *session;
static Lines *lines;
static Control *control;
static Buffer heard;
static size_t at_start;
static int served;
static bool resume_when_paused;

/* --- what is heard --- */

static void on_output(void *context, uint64_t client, int64_t id, const char *text, size_t length)
{
    (void)context;
    ASSERT_OK(buffer_printf(&heard, "%d.%d> %.*s", (int)client, (int)id, (int)length, text));
}

static void on_waiting(void *context, uint64_t client, int64_t id, const char *what)
{
    (void)context;
    ASSERT_OK(buffer_printf(&heard, "%d.%d waits for %s\n", (int)client, (int)id, what));
}

static void on_done(void *context, uint64_t client, int64_t id, LineEnd end, const char *text)
{
    static const char *const words[] = {"done", "failed", "interrupted", "exit"};
    (void)context;
    ASSERT_OK(buffer_printf(&heard, "%d.%d %s: %s\n", (int)client, (int)id, words[end], text));
}

static void on_told(void *context, const char *words)
{
    (void)context;
    ASSERT_OK(buffer_printf(&heard, "all: %s\n", words));
    if (resume_when_paused && strstr(words, "paused")) ASSERT_OK(lines_put(lines, 9, 1, "resume()", 8));
}

static void on_served(void *context)
{
    (void)context;
    served++;
}

static Status on_control(void *context)
{
    (void)context;
    return buffer_printf(&heard, "control\n");
}

static void assert_heard(const char *words)
{
    ck_assert_str_eq(heard.data ? heard.data : "", words);
    buffer_clear(&heard);
}

static void put(uint64_t client, int64_t id, const char *text)
{
    ASSERT_OK(lines_put(lines, client, id, text, strlen(text)));
}

/* --- the session --- */

static const char prepare[] =
    "local corpus = data.text(path)\n"
    "local tokenizer = tokenizers.wordpiece.train(corpus, { vocab_size = 300 })\n"
    "local pairs = data.sentence_pairs(corpus, tokenizer, { length = 32, batch_size = 4, loader_threads = 0 })\n"
    "function small(objectives)\n"
    "  return session {\n"
    "    model = models.bert { vocab_size = tokenizer.vocab_size, hidden_size = 16, num_hidden_layers = 1,\n"
    "                          num_attention_heads = 2, max_position_embeddings = 32 },\n"
    "    data = pairs, objectives = objectives, optimizer = optim.adamw { lr = 0.01 }, steps = 20 }\n"
    "end\n"
    "run = small { objectives.mlm {}, objectives.nsp { weight = 0.5 } }\n";

static int set_path(lua_State *L)
{
    lua_pushstring(L, scratch_path("text.txt"));
    lua_setglobal(L, "path");
    return 0;
}

static Status run_text(const char *text)
{
    return host_run(host, text, strlen(text), "test", 0);
}

static void pause_here(void *context)
{
    lines_between_ops(context);
}

static void start(void)
{
    static const char text[] = "the a runs to the b\nthe c runs to the d\n\nthe e runs to the f\nthe g is h\n\n";
    const LineEvents events = {on_output, on_waiting, on_done, NULL};
    const ControlEvents control_events = {on_told, on_served, on_control, NULL};
    Buffer whole = {0};
    scratch_make();
    at_start = memory_in_use();
    for (int i = 0; i < 20; i++) ASSERT_OK(buffer_text(&whole, text));
    scratch_write(scratch_path("text.txt"), whole.data, whole.length);
    buffer_free(&whole);
    ASSERT_OK(host_new(&(HostOptions){.seed = 1, .memory_limit = 256 << 20}, &host));
    ASSERT_OK(host_protect(host, set_path, NULL));
    ASSERT_OK(run_text(prepare));
    lua_getglobal(host_lua(host), "run");
    session = bind_test_session(host_lua(host), -1);
    ASSERT_OK(lines_new(host, &events, &lines));
    lines_set_slice(lines, (double)INFINITY); /* what is heard does not depend on the machine */
    ASSERT_OK(control_new(host, session, lines, &control_events, &control));
    turns_set(pause_here, lines);
    tape_set_turns(session->tape, true);
}

static void stop(void)
{
    turns_set(NULL, NULL);
    control_free(control);
    lines_free(lines);
    host_free(host);
    buffer_free(&heard);
    ck_assert_uint_eq(memory_in_use(), at_start);
    scratch_remove();
}

static void train(int steps)
{
    for (int i = 0; i < steps; i++) {
        ASSERT_OK(control_boundary(control));
        ASSERT_OK(bind_step(host, session, NULL));
    }
}

static Hash state(void)
{
    Hash hash;
    ASSERT_OK(session_hash(session, &hash));
    return hash;
}

START_TEST(looks_between_ops)
{
    put(1, 1, "6 * 7");
    put(1, 2, "= 'a' .. 1");
    put(2, 1, "print(run.step) return nil");
    put(1, 3, "x = run.model.bert.pooler.dense.weight.value:sum():item( return x");
    put(2, 2, "local y <const> = randn(3) return #y, run.objectives.nsp.weight");
    ASSERT_OK(bind_step(host, session, NULL));
    assert_heard("1.1> 42\n1.1 done: \n1.2> a1\n1.2 done: \n2.1> 0\n2.1> nil\n2.1 done: \n"
                 "1.3 failed: unexpected symbol near 'return'\n\n2.2> 3  0.5\n2.2 done: \n");
}
END_TEST

/* Of the first turn amid the update. */
static void ask_amid_update(void *context)
{
    static bool asked;
    if (session->updating && !asked) {
        put(1, 1, "run.step");
        put(2, 1, "run.model.bert.pooler.dense.weight.step, run.step");
        put(3, 1, "run.model.bert.pooler.dense.weight.value:dim(), run.step");
        put(4, 1, "(run.model.bert.pooler.dense.weight * 2):dim(), run.step");
        asked = true;
    }
    if (asked) lines_between_ops(context);
}

START_TEST(looks_amid_an_update)
{
    turns_set(ask_amid_update, lines);
    train(1);
    assert_heard("1.1> 0\n1.1 done: \n2.1 waits for the end of the step\n3.1 waits for the end of the step\n"
                 "4.1> 2  0\n4.1 done: \n");
    ASSERT_OK(control_boundary(control));
    assert_heard("2.1> 1  1\n2.1 done: \n3.1> 2  1\n3.1 done: \n");
}
END_TEST

static int put_amid(lua_State *L)
{
    (void)L;
    put(1, 1, "n = (n or 0) + 1 return engine.in_objective()");
    return 0;
}

static int set_amid(lua_State *L)
{
    library_push(L, "engine");
    lua_setglobal(L, "engine");
    lua_register(L, "put_amid", put_amid);
    return 0;
}

/* A line that is answered amid an objective's function is not the function: what it changes and what it uses mark
 * nothing. */
START_TEST(looks_amid_an_objective)
{
    ASSERT_OK(host_protect(host, set_amid, NULL));
    ASSERT_OK(run_text("other = small { function(model, batch)\n"
                       "  put_amid()\n"
                       "  local before = n or 0\n"
                       "  local loss = ops.cross_entropy(model.nsp_logits, batch.next_sentence_label)\n"
                       "  assert(engine.in_objective() and n == before + 1)\n"
                       "  return loss\n"
                       "end }"));
    lua_getglobal(host_lua(host), "other");
    tape_set_turns(bind_test_session(host_lua(host), -1)->tape, true);
    for (int i = 1; i <= 5; i++) {
        ASSERT_OK(run_text("engine.lines_begun = 0 other:train(1) assert(engine.lines_begun == 1)"));
        assert_heard("1.1> false\n1.1 done: \n");
    }
    ASSERT_OK(run_text("assert(n == 5 and not engine.in_objective() and not engine.history.marks())"));
}
END_TEST

START_TEST(edits_wait_for_the_boundary)
{
    put(1, 1, "print('first') run.objectives.nsp.weight = 0.25 return run.step");
    put(1, 2, "run.objectives.nsp.weight");
    put(2, 1, "run.objectives.nsp.weight");
    put(3, 1, "run.steps = 30");
    put(4, 1, "xpcall(function() run.model.bert.frozen = true end, print)");
    put(5, 1, "#run:hash(), run.model.cls.seq_relationship.weight.grad:norm():item() > 0");
    ASSERT_OK(bind_step(host, session, NULL));
    assert_heard("1.1> first\n1.1 waits for the end of the step\n2.1> 0.5\n2.1 done: \n"
                 "3.1 waits for the end of the step\n4.1 waits for the end of the step\n"
                 "5.1 waits for the end of the step\n");
    ASSERT_OK(control_boundary(control));
    assert_heard(
        "1.1> [1] objectives.nsp.weight 0.5 -> 0.25.  undo() goes back to 1, revert() sets 0.5 again from here\n"
        "1.1> 1\n1.1 done: \n1.2> 0.25\n1.2 done: \n"
        "3.1> [1] run.steps 20 -> 30.  undo() goes back to 1, revert() sets 20 again from here\n3.1 done: \n"
        "4.1> [1] bert frozen -> true.  undo() goes back to 1, revert() sets false again from here\n4.1> true\n4.1 "
        "done: \n5.1> 32  true\n5.1 done: \n");
    ck_assert_int_eq(served, 1);
    ck_assert(session->steps == 30 && session->objectives[1]->weight == 0.25);
}
END_TEST

/* Looks at the step wait for its end; a breakpoint pauses the run. */
START_TEST(looks_wait_for_the_boundary)
{
    put(1, 1, "return (lathe.look(run)).step");
    put(2, 1, "looked = hook(run.model.bert.pooler, function() seen = (seen or 0) + 1 end) return seen");
    put(3, 1, "break_when('step > 1')");
    put(4, 1, "run.batch.step");
    ASSERT_OK(bind_step(host, session, NULL));
    assert_heard("1.1 waits for the end of the step\n2.1 waits for the end of the step\n"
                 "3.1 waits for the end of the step\n4.1 waits for the end of the step\n");
    ASSERT_OK(control_boundary(control));
    assert_heard("1.1> 1\n1.1 done: \n2.1> nil\n2.1 done: \n3.1> breakpoint 0: step > 1\n3.1 done: \n"
                 "4.1> 1\n4.1 done: \n");
    ASSERT_OK(bind_step(host, session, NULL));
    resume_when_paused = true;
    ASSERT_OK(control_boundary(control));
    resume_when_paused = false;
    ck_assert_msg(
        strstr(heard.data, "all: [2] paused by breakpoint 0: step = 2\n  batch of 4: the loss of example "), "%s",
        heard.data);
    buffer_clear(&heard);
    put(1, 2, "return seen, looked:remove()");
    ASSERT_OK(control_boundary(control));
    assert_heard("1.2> 2  true\n1.2 done: \n");
}
END_TEST

/* What happens in a step is told to every prompt, once. */
START_TEST(news_of_steps)
{
    put(1, 1, "watch('bad', function() return {} end)");
    put(1, 2, "break_when(function() error('on purpose') end)");
    put(1, 3, "hook(run.model.bert.pooler, function() error('inside') end)");
    put(1, 4, "run.skip_spikes = 4");
    ASSERT_OK(control_boundary(control));
    buffer_clear(&heard);
    session->losses = (LossStatistics){.mean = 1, .square = 1.01, .count = 50};
    ASSERT_OK(bind_step(host, session, NULL));
    ck_assert_msg(
        strstr(heard.data, "all: [0] the hook on bert.pooler is removed, because it failed: ") == heard.data &&
            strstr(heard.data, "all: [1] watch 'bad' is removed, because it failed: it returned a table") &&
            strstr(heard.data, "all: [1] breakpoint 0 is removed, because it failed: "),
        "%s", heard.data);
    ck_assert_ptr_nonnull(strstr(heard.data, "all: [1] skipped, nothing was updated: the loss "));
    ck_assert_ptr_nonnull(strstr(heard.data, " deviations above the usual 1\n"));
    session->losses.skipped = SESSION_MOST_SKIPPED;
    buffer_clear(&heard);
    ASSERT_OK(bind_step(host, session, NULL));
    ck_assert_msg(strncmp(heard.data, "all: [2] 10 steps in a row were skipped: this is no spike", 57) == 0, "%s",
                  heard.data);
}
END_TEST

START_TEST(what_cannot_wait)
{
    put(1, 1, "coroutine.wrap(function() run.steps = 30 end)()");
    put(1, 2, "table.sort({1, 2}, function(a, b) run.steps = 30 return a < b end)");
    put(1, 3, "coroutine.yield(5)");
    put(1, 4, "pcall(function() run.steps = 25 end)");
    ASSERT_OK(bind_step(host, session, NULL));
    ck_assert_ptr_nonnull(strstr(heard.data, "cannot wait inside a coroutine"));
    ck_assert_ptr_nonnull(strstr(heard.data, "cannot wait below a C function"));
    ck_assert_ptr_nonnull(strstr(heard.data, "a line cannot yield"));
    ck_assert_int_eq(session->steps, 20);
    ASSERT_OK(control_boundary(control));
    ck_assert_int_eq(session->steps, 25);
}
END_TEST

START_TEST(errors_change_nothing)
{
    Hash before = state();
    put(1, 1, "run.objectives.mlm.mlm_probability = 1.5");
    put(1, 2, "error('on purpose')");
    put(1, 3, "function f() error({}) end");
    put(1, 4, "f()");
    put(1, 5, "(");
    put(1, 6, "local x <close> = setmetatable({}, {__close = function() print('closed') end}) run.steps = {}");
    put(1, 7, "exit()");
    put(1, 8, "local function deep() return 1 + deep() end deep()");
    ASSERT_OK(control_boundary(control));
    ck_assert(hash_equal(before, state()));
    ck_assert_ptr_nonnull(strstr(heard.data, "got 1.5. Nothing was changed."));
    ck_assert_ptr_nonnull(strstr(heard.data, "1.2 failed: on purpose\n"));
    ck_assert_ptr_nonnull(strstr(heard.data, "1.6> closed\n"));
    ck_assert_ptr_nonnull(strstr(heard.data, "1.7 exit: \n"));
    ck_assert_ptr_nonnull(strstr(heard.data, "1.8 failed: stack overflow"));
    int code;
    ck_assert(!host_exit_requested(host, &code));
    ck_assert_int_eq(lua_gettop(host_lua(host)), 1);
}
END_TEST

/* A function that is typed gets into the journal as text, with the plain locals that it reaches. */
START_TEST(objectives_that_are_typed)
{
    static const char *const refused[][2] = {
        {"f = function() end", ""},
        {"run:add_objective(f)", "the journal needs the function's text"},
        {"f = function(m) return m.nsp_logits:mean() end\nrun:add_objective(f) local g = function() end", ""},
        {"run:remove_objective \"custom\"", ""},
        {"local t = {} run:add_objective(function(m) return m.nsp_logits:mean() * #t end)", "local 't' is a table"},
        {"run:add_objective(function(m) return m.nsp_logits:mean() * f() end)", "and not 'f'"},
        {"run:add_objective(function(m) g = 1 return m.nsp_logits:mean() end)", "set the global 'g'"},
        {"run:add_objective(function(m) math.g = 1 return m.nsp_logits:mean() end)", "cannot set math.g"},
        {"run:add_objective(function(m) return m.nsp_logits:mean() * os.time() end)", "and not 'os'"},
        {"run:add_objective(function(m) return m.nothing end)", "nothing"},
        {"run:add_objective(objectives.custom { loss = \"(\" })", "is not Lua"},
        {"run:add_objective(objectives.custom { loss = \"5\" })", "that of a function"},
        {"objectives.custom { loss = \"function() end --\\0\" }", "a byte that is zero"},
        {"objectives.custom { loss = 5 }", "objectives.custom takes a function"},
    };
    put(1, 1,
        "local scale, word = 0.1, \"it's\" run:add_objective(objectives.custom { name = 'own', loss = "
        "function(model, "
        "batch)\r\n  local function half(x) if #word > 3 then return x * scale end end -- the end\n"
        "  return half(ops.cross_entropy(model.nsp_logits, batch.next_sentence_label))\nend }) "
        "print(edits()[1].effect)");
    ASSERT_OK(control_boundary(control));
    ck_assert_msg(
        strstr(heard.data,
               "loss = \"local word = \\\"it's\\\" local scale = 0.1 return function(model, batch)\\013\\n  local"),
        "%s", heard.data);
    ASSERT_OK(bind_step(host, session, NULL));
    ck_assert(fabs(session->last.objectives[2] - 0.1 * session->last.objectives[1]) < 1e-6);
    buffer_clear(&heard);
    put(1, 2, "run:remove_objective 'own'");
    put(1, 3, "revert()");
    put(1, 4, "run.objectives.own.weight");
    ASSERT_OK(control_boundary(control));
    ck_assert_ptr_nonnull(strstr(heard.data, "1.4> 1.0\n"));
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        buffer_clear(&heard);
        put(1, 5, refused[i][0]);
        ASSERT_OK(control_boundary(control));
        ck_assert_msg(strstr(heard.data, refused[i][1]), "%s: %s", refused[i][0], heard.data);
        ck_assert_int_eq(session->objective_count, i == 2 ? 4 : 3);
    }
}
END_TEST

/* The edits since the last step are taken back; what the line did before it let the run go on stays. */
START_TEST(failing_lines_take_their_edits_back)
{
    put(1, 1, "run.steps = 30 run.clip_norm = 0.5 error('no')");
    put(2, 1,
        "run.steps = 40 local x <close> = setmetatable({}, {__close = function() run.clip_norm = 2 end}) "
        "error('no')");
    put(1, 2, "run.steps, run.clip_norm, #edits()");
    put(1, 3, "run.steps = 25 step(1) run.clip_norm = 0.7 error('later')");
    ASSERT_OK(control_boundary(control));
    ck_assert_ptr_nonnull(strstr(heard.data, "1.1 failed: no\nIts 2 edits were taken back.\n"));
    ck_assert_ptr_nonnull(strstr(heard.data, "2.1 failed: no\nIts 2 edits were taken back.\n"));
    ck_assert_ptr_nonnull(strstr(heard.data, "1.2> 20  1.0  0\n"));
    buffer_clear(&heard);
    ASSERT_OK(bind_step(host, session, NULL));
    resume_when_paused = true;
    ASSERT_OK(control_boundary(control));
    resume_when_paused = false;
    ck_assert_ptr_nonnull(strstr(
        heard.data, "1.3 failed: later\nIts edit was taken back. What the line did before stays: an edit.\n"));
    ck_assert(session->steps == 25 && session->clip_norm == 1);
}
END_TEST

/* A run's own loop makes the metrics, checkpoints and evaluations. */
START_TEST(a_live_run_is_not_trained_by_hand)
{
    put(1, 1, "run:train(5)");
    ASSERT_OK(control_boundary(control));
    assert_heard("1.1 failed: train: this run trains by itself: step(5) takes so many steps and pauses\n\n");
    ck_assert_int_eq(session->step, 0);
}
END_TEST

START_TEST(edits_of_nothing)
{
    train(2);
    Hash before = state();
    put(1, 1, "run.steps = 1");
    put(1, 2, "run.model:reset()");
    put(1, 3, "run.model:reshape {} run.model:reshape { hidden_size = 16 }");
    ASSERT_OK(control_boundary(control));
    ck_assert_ptr_nonnull(strstr(heard.data,
                                 "steps must be at least 2, which are done; stop() ends the run here. Nothing "
                                 "was changed."));
    ck_assert_ptr_nonnull(strstr(heard.data, "1.2 failed: reset: which part"));
    ck_assert_ptr_nonnull(
        strstr(heard.data, "1.3> [2] nothing changes: the model has these sizes\n1.3> [2] nothing"));
    ck_assert(hash_equal(before, state()));
    put(1, 4, "run.model:reset '*'");
    ASSERT_OK(control_boundary(control));
    ck_assert_ptr_nonnull(strstr(heard.data, "1.4> [2] model drawn anew.  undo() goes back to 2"));
    put(1, 5, "looked = hook(run.model.bert, function() error('x') end)");
    put(1, 6, "looked");
    ASSERT_OK(control_boundary(control));
    ck_assert_ptr_nonnull(strstr(heard.data, "1.6> hook on bert; :remove() takes it away\n"));
    train(1);
    put(1, 7, "looked");
    ASSERT_OK(control_boundary(control));
    ck_assert_ptr_nonnull(strstr(heard.data, "1.7> hook on bert, which was removed\n"));
}
END_TEST

/* --- interrupts --- */

static const char *const endless[] = {
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "local function again() while true do end end while true do xpcall(again, again) end",
    "while true do coroutine.wrap(function() while true do end end)() end",
    "while true do pcall(coroutine.wrap(function() while true do pcall(error) end end)) end",
    "local function f() return f() end f()",
    "local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) while true do pcall(function() "
    "return t[1] end) end",
    "repeat local x = zeros(100, 100):matmul(zeros(100, 100)) until false",
    "local x <close> = setmetatable({}, {__close = function() while true do end end}) while true do end",
    "run.steps = 21 while true do end",
    "local function r() pcall(r) return r() end r()",
    "coroutine.wrap(function() local function r() xpcall(r, r) return r() end r() end)()",
    "while true do pcall(string.rep, 'x', 1 << 26) end",
    "local x = 'x' while true do pcall(function() x = x .. x end) end",
    "table.move({}, 1, 1 << 40, 2)",
    "table.insert(setmetatable({}, {__len = function() return 1 << 40 end}), 1, 1)",
    "table.remove(setmetatable({}, {__len = function() return 1 << 40 end}), 1)",
};

/* Of the processor: others may have it meanwhile. */
static double used_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static void *interrupt_soon(void *context)
{
    usleep(50000);
    lines_interrupt(lines, 1);
    return context;
}

START_TEST(interrupts)
{
    pthread_t thread;
    put(1, 1, endless[_i]);
    put(1, 2, "5");
    put(2, 1, "'other'");
    ck_assert_int_eq(pthread_create(&thread, NULL, interrupt_soon, NULL), 0);
    double begin = used_seconds();
    train(2);
    while (!heard.data || !strstr(heard.data, "1.2 interrupted")) ASSERT_OK(control_boundary(control));
    ck_assert(used_seconds() - begin < 5);
    pthread_join(thread, NULL);
    ck_assert_msg(strstr(heard.data, "1.1 interrupted: interrupted\n") != NULL, "%s", heard.data);
    ck_assert_ptr_nonnull(strstr(heard.data, "2.1> other\n"));
    buffer_clear(&heard);
    ck_assert(!cancel_requested());
    put(1, 3, "run.step");
    train(1);
    assert_heard("1.3> 2\n1.3 done: \n");
}
END_TEST

/* Functions of a user's that steps call, and that never end: any prompt ends them, and the step goes on. */
static const struct {
    const char *line, *words;
} callbacks[] = {
    {"hook(run.model.bert.pooler, function() while true do end end)",
     "[1] the hook on bert.pooler is removed, because it failed: it was interrupted from a prompt"},
    {"watch('stuck', function() while true do pcall(function() while true do end end) end end)",
     "[2] watch 'stuck' is removed, because it failed: it was interrupted from a prompt"},
    {"break_when(function() while true do end end)",
     "[2] breakpoint 0 is removed, because it failed: it was interrupted from a prompt"},
    {"run_until(function() while true do end end)",
     "[2] paused the condition failed: it was interrupted from a prompt"},
};

static atomic_bool ended;

/* Again and again: the first time may come before the function that never ends. */
static void *interrupt_often(void *context)
{
    for (int64_t id = 1; !atomic_load(&ended); id++) {
        usleep(300000);
        put(2, id, "run.step");
        lines_interrupt(lines, 2);
    }
    return context;
}

START_TEST(endless_callbacks)
{
    pthread_t thread;
    ASSERT_OK(bind_step(host, session, NULL));
    put(1, 1, callbacks[_i].line);
    resume_when_paused = true;
    bool conditional = strstr(callbacks[_i].line, "run_until") != NULL;
    if (!conditional) ASSERT_OK(control_boundary(control));
    double begin = used_seconds();
    atomic_store(&ended, false);
    ck_assert_int_eq(pthread_create(&thread, NULL, interrupt_often, NULL), 0);
    if (!conditional) ASSERT_OK(bind_step(host, session, NULL));
    ASSERT_OK(control_boundary(control));
    atomic_store(&ended, true);
    pthread_join(thread, NULL);
    ASSERT_OK(control_boundary(control));
    ck_assert(used_seconds() - begin < 5);
    ck_assert_int_eq(session->step, conditional ? 1 : 2);
    ck_assert_msg(strstr(heard.data, callbacks[_i].words + 4) != NULL, "%s", heard.data);
    ck_assert_msg(strstr(heard.data, "2.1 interrupted: ") != NULL, "%s", heard.data);
    ck_assert(!cancel_requested());
    ASSERT_OK(bind_step(host, session, NULL));
}
END_TEST

START_TEST(cancelled_while_it_waits)
{
    put(1, 1, "run.steps = 30");
    put(2, 1, "run.steps = 40");
    ASSERT_OK(bind_step(host, session, NULL));
    lines_interrupt(lines, 1);
    lines_forget(lines, 2);
    buffer_clear(&heard);
    ASSERT_OK(control_boundary(control));
    assert_heard("1.1 interrupted: interrupted\n\n");
    ck_assert_int_eq(session->steps, 20);
    put(3, 1, "step(100)");
    ASSERT_OK(control_boundary(control));
    buffer_clear(&heard);
}
END_TEST

/* Letting go of a large snapshot takes the system a while. */
START_TEST(asked_while_a_snapshot_goes)
{
    library_push(host_lua(host), "engine");
    lua_setglobal(host_lua(host), "engine");
    ASSERT_OK(run_text("kept = engine.snapshot(run)"));
    put(1, 1, "run.step");
    put(2, 1, "engine.snapshot_bytes(kept)");
    ASSERT_OK(run_text("engine.drop_snapshot(kept)"));
    ck_assert_ptr_nonnull(strstr(heard.data, "1.1> 0\n1.1 done"));
    ck_assert_ptr_nonnull(strstr(heard.data, "this snapshot was given back"));
    ASSERT_FAILS(run_text("engine.drop_snapshot(kept)"), STATUS_LUA, "this snapshot was given back");
    buffer_clear(&heard);
}
END_TEST

/* They move and go amid turns, so their limits change between steps. */
START_TEST(limits_of_snapshots_wait_for_the_boundary)
{
    library_push(host_lua(host), "engine");
    lua_setglobal(host_lua(host), "engine");
    ASSERT_OK(run_text("engine.history.start(run)"));
    put(1, 1, "return #snapshots()");
    put(1, 2, "snapshots { memory = 1000 }");
    put(1, 3, "snapshots { memory = -1 }");
    ASSERT_OK(bind_step(host, session, NULL));
    assert_heard("1.1> 2\n1.1 done: \n1.2 waits for the end of the step\n");
    ASSERT_OK(control_boundary(control));
    ck_assert_msg(strstr(heard.data, "of 0 MB in memory") && strstr(heard.data, "memory is a number of bytes"),
                  "%s", heard.data);
    buffer_clear(&heard);
    ASSERT_OK(run_text("engine.history.stop()"));
}
END_TEST

/* Training that is cancelled ends the line as well: it must not hold Ctrl-C up. */
START_TEST(training_is_cancelled)
{
    put(1, 1, "while true do end");
    cancel_request();
    ck_assert_int_eq(bind_step(host, session, NULL), STATUS_CANCELLED);
    cancel_clear();
    put(1, 2, "7");
    lines_interrupt(lines, 1);
    ASSERT_OK(bind_step(host, session, NULL));
}
END_TEST

/* --- looking changes no bits --- */

START_TEST(looking_changes_nothing)
{
    ASSERT_OK(run_text("function own(m, b) return ops.cross_entropy(m.nsp_logits, b.next_sentence_label) +\n"
                       "  randn(1):sum() * 0 + m.nsp_logits:mean() * randn(1):item() end\n"
                       "a = small { objectives.mlm {}, own } b = small { objectives.mlm {}, own }"));
    for (int which = 0; which < 2; which++) {
        lua_getglobal(host_lua(host), which ? "b" : "a");
        Session *one = bind_test_session(host_lua(host), -1);
        lua_pop(host_lua(host), 1);
        host_seed(host, 1);
        tape_set_turns(one->tape, which);
        for (int i = 0; i < 5; i++) {
            if (which) put(1, i, "local x = randn(5, 5) print(x, run.model, b.model.bert.pooler.dense.weight)");
            ASSERT_OK(bind_step(host, one, NULL));
        }
    }
    ASSERT_OK(run_text("assert(a:hash() == b:hash())"));
    ck_assert_ptr_nonnull(strstr(heard.data, "1.4 done: \n"));
}
END_TEST

/* --- pause, step, run_until, stop --- */

START_TEST(pauses_and_steps)
{
    put(1, 1, "pause()");
    put(1, 2, "step(2)");
    put(1, 3, "run.step");
    put(1, 4, "resume()");
    ASSERT_OK(bind_step(host, session, NULL));
    assert_heard("1.1 waits for the end of the step\n");
    ASSERT_OK(control_boundary(control));
    assert_heard("all: [1] paused; resume() goes on\n1.1 done: \n1.2 waits for the run to pause\n");
    ASSERT_OK(bind_step(host, session, NULL));
    ASSERT_OK(control_boundary(control));
    ASSERT_OK(bind_step(host, session, NULL));
    assert_heard("");
    ASSERT_OK(control_boundary(control));
    assert_heard("all: [3] paused after 2 steps; resume() goes on\n1.2 done: \n1.3> 3\n1.3 done: \n"
                 "all: [3] goes on\n1.4 done: \n");
    ck_assert(!control_paused(control));
}
END_TEST

START_TEST(conditions)
{
    static const struct {
        const char *line, *words;
    } rows[] = {
        {"run_until('step >= 2')", "paused by step >= 2"},
        {"run_until('loss.mlm > 0 and nsp > 0 and grad_norm > 0 and lr > 0 and step == 2')", "paused by loss.mlm"},
        {"run_until(function() return run.step == 2 end)", "paused by the condition"},
        {"run_until('nonesuch > 1')", "paused the condition failed"},
        {"run_until(2)", "all: [2] paused; resume()"},
        {"run_until('0.001 s')", "paused at 0.001 s"},
    };
    put(1, 1, rows[_i].line);
    resume_when_paused = strstr(rows[_i].words, "at 0.001") || strstr(rows[_i].words, "failed");
    train(2);
    resume_when_paused = true;
    ASSERT_OK(control_boundary(control));
    resume_when_paused = false;
    ck_assert_msg(strstr(heard.data, "1.1 done: \n") && strstr(heard.data, rows[_i].words), "%s", heard.data);
}
END_TEST

START_TEST(bad_orders)
{
    static const char *const rows[] = {"run_until(0)",        "run_until()",    "run_until('25:00')",
                                       "run_until('loss <')", "run_until({})",  "step(0)",
                                       "step('x')",           "run_until(1.5)", "run_until('12:61')"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        put(1, 1, rows[i]);
        ASSERT_OK(control_boundary(control));
        ck_assert_msg(strstr(heard.data, "1.1 failed: ") != NULL, "%s: %s", rows[i], heard.data);
        buffer_clear(&heard);
    }
    put(1, 1, "stop()");
    ck_assert_int_eq(control_boundary(control), STATUS_CANCELLED);
    ck_assert(control_stopped(control));
    put(1, 2, "run.steps = 50");
}
END_TEST

START_TEST(too_many)
{
    for (int i = 0; i < LINES_OF_A_CLIENT; i++) put(1, i, "i = (i or 0) + 1");
    ck_assert_int_eq(lines_put(lines, 1, 0, "1", 1), STATUS_BUSY);
    put(2, 1, "i");
    for (int i = 0; i < LINES_OF_A_CLIENT; i++) ASSERT_OK(control_boundary(control)); /* each serves for a while */
    ASSERT_OK(run_text("assert(i == 256)"));
}
END_TEST

Suite *lines_suite(void)
{
    Suite *suite = suite_create("lines");
    TCase *cases = tcase_create("lines");
    tcase_add_checked_fixture(cases, start, stop);
    tcase_set_timeout(cases, 30);
    tcase_add_test(cases, looks_between_ops);
    tcase_add_test(cases, looks_amid_an_update);
    tcase_add_test(cases, looks_amid_an_objective);
    tcase_add_test(cases, edits_wait_for_the_boundary);
    tcase_add_test(cases, looks_wait_for_the_boundary);
    tcase_add_test(cases, news_of_steps);
    tcase_add_test(cases, what_cannot_wait);
    tcase_add_test(cases, errors_change_nothing);
    tcase_add_test(cases, objectives_that_are_typed);
    tcase_add_test(cases, edits_of_nothing);
    tcase_add_test(cases, failing_lines_take_their_edits_back);
    tcase_add_test(cases, a_live_run_is_not_trained_by_hand);
    tcase_add_loop_test(cases, interrupts, 0, (int)(sizeof endless / sizeof *endless));
    tcase_add_loop_test(cases, endless_callbacks, 0, (int)(sizeof callbacks / sizeof *callbacks));
    tcase_add_test(cases, cancelled_while_it_waits);
    tcase_add_test(cases, training_is_cancelled);
    tcase_add_test(cases, asked_while_a_snapshot_goes);
    tcase_add_test(cases, limits_of_snapshots_wait_for_the_boundary);
    tcase_add_test(cases, looking_changes_nothing);
    tcase_add_test(cases, pauses_and_steps);
    tcase_add_loop_test(cases, conditions, 0, 6);
    tcase_add_test(cases, bad_orders);
    tcase_add_test(cases, too_many);
    suite_add_tcase(suite, cases);
    return suite;
}
