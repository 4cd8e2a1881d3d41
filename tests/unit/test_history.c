/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Undo, branches, journal, resume and replay: random sessions whose every recorded state must be reached again. */
#include "engine/base/cancel.h"
#include "engine/base/memory.h"
#include "engine/base/threads.h"
#include "engine/io/file.h"
#include "engine/io/run_directory.h"
#include "engine/io/run_marks.h"
#include "engine/kernels/bf16_product.h"
#include "engine/train/snapshot.h"
#include "scripts/bind_history.h"
#include "scripts/library.h"
#include "tests/unit/scale.h"
#include "tests/unit/scratch.h"

#include <stdlib.h>

Suite *history_suite(void);

static Host *host;
static RunDirectory *directory;
static Buffer printed;
static size_t at_start;
static bool inside = true; /* the tests see the library's own globals */

static void keep_output(void *context, const char *text, size_t length)
{
    (void)context;
    ASSERT_OK(buffer_append(&printed, text, length));
}

static void write_text(void)
{
    Buffer text = {0};
    for (int d = 0; d < 30; d++) {
        for (int s = 0; s < 4; s++)
            ASSERT_OK(buffer_printf(&text, "the %c%c runs to the %c\n", 'a' + d % 26, 'a' + s, 'a' + (d + s) % 26));
        ASSERT_OK(buffer_text(&text, "\n"));
    }
    scratch_write(scratch_path("text.txt"), text.data, text.length);
    buffer_free(&text);
}

static int push_directory(lua_State *L)
{
    lua_getglobal(L, "run");
    Session *session = bind_check_session(L, -1)->session;
    bind_push_directory(L, directory, session);
    lua_setglobal(L, "directory");
    return 0;
}

static int push_path(lua_State *L)
{
    lua_pushstring(L, scratch_path("text.txt"));
    lua_setglobal(L, "path");
    return 0;
}

static Status run(const char *text)
{
    return host_run(host, text, strlen(text), "test", 0);
}

/* A fresh program with the session as its recipe builds it. */
static void open_host(void)
{
    HostOptions options = {.output = keep_output, .seed = 1, .inside = inside};
    ASSERT_OK(host_new(&options, &host));
    ASSERT_OK(host_protect(host, push_path, NULL));
    ASSERT_OK(host_load_file(host, LATHE_SOURCE "/tests/unit/history.lua"));
    ASSERT_OK(host_call(host, 0, 0));
    ASSERT_OK(host_protect(host, push_directory, NULL));
}

static void close_host(void)
{
    host_free(host);
    host = NULL;
}

static void start(void)
{
    scratch_make();
    at_start = memory_in_use();
    write_text();
    ASSERT_OK(run_directory_create(scratch_path("run"), &directory));
    open_host();
}

static void stop(void)
{
    close_host();
    run_directory_close(directory);
    directory = NULL;
    buffer_free(&printed);
    threads_set(2);
    bf16_forget();
    ck_assert_uint_eq(memory_in_use(), at_start);
    scratch_remove();
}

static void begin(void)
{
    ASSERT_OK(run("engine.history.begin(run, directory)"));
}

/* As the prompt does it. */
static Status run_line(const char *text)
{
    ASSERT_OK(bind_begin_line(host, host_lua(host)));
    Status status = run(text);
    char words[512];
    snprintf(words, sizeof words, "%s", status_message());
    cancel_clear();
    ASSERT_OK(bind_end_line(host, host_lua(host), status != STATUS_OK, &printed));
    return status == STATUS_OK ? status : status_fail(status, "%s", words);
}

/* The program dies; another one goes on. */
static void start_again(void)
{
    close_host();
    open_host();
}

/* The state now is what another program comes back to, and what a replay reaches. */
static void assert_recorded(void)
{
    ASSERT_OK(run("keep_last()"));
    start_again();
    ASSERT_OK(run("engine.history.resume(run, directory) check_last()"));
    start_again();
    ASSERT_OK(run("assert(engine.history.replay(run, directory.read_journal(), '', nil))"));
}

static void assert_printed(const char *words)
{
    if (!strstr(printed.data, words)) ck_abort_msg("'%s' is not in:\n%s", words, printed.data);
}

START_TEST(undo_goes_back_and_redo_forth)
{
    begin();
    ASSERT_OK(run("train(5) local before = run:hash()\n"
                  "run.objectives.nsp.weight = 0.1 train(4) local after = run:hash()\n"
                  "undo() assert(run.step == 5 and run:hash() == before and run.objectives.nsp.weight == 0.5)\n"
                  "redo() assert(run.step == 9 and run:hash() == after)\n"
                  "undo() train(2) local between = run:hash() redo() assert(run:hash() == after)\n"
                  "switch 'main~2' assert(run.step == 7 and run:hash() == between) switch 'main'\n"
                  "revert() assert(run.objectives.nsp.weight == 0.5 and run.step == 9)"));
}
END_TEST

/* Two networks of a model, one of which reads what the other one draws. */
START_TEST(an_electra_goes_back_and_forth)
{
    ASSERT_OK(run("run = make 'electra'"));
    ASSERT_OK(host_protect(host, push_directory, NULL));
    begin();
    ASSERT_OK(run("train(4) local before = run:hash()\n"
                  "run.objectives.rtd.temperature = 0.5 train(3)\n"
                  "local after = run:hash()\n"
                  "undo() assert(run.step == 4 and run:hash() == before)\n"
                  "assert(run.objectives.rtd.temperature == 1)\n"
                  "redo() assert(run.step == 7 and run:hash() == after)\n"
                  "run.model:reshape { generator_intermediate_size = 40, num_hidden_layers = 2 } train(2)\n"
                  "after = run:hash()\n"
                  "rewind(2) train(1) switch 'main~1' assert(run:hash() == after)\n"
                  "run:remove_objective 'rtd' train(1)\n"
                  "assert(not pcall(run.remove_objective, run, 'mlm'))\n" /* the last one */
                  "undo() assert(run:hash() == after)"));
}
END_TEST

START_TEST(several_edits_are_undone_and_redone)
{
    begin();
    ASSERT_OK(
        run("local hashes, at = {}, {}\n"
            "for i = 1, 4 do train(2) hashes[i], at[i] = run:hash(), run.step run.clip_norm = i / 10 end\n"
            "train(2) hashes[5], at[5] = run:hash(), run.step\n"
            "undo() undo() assert(run:hash() == hashes[3]) undo(2) assert(run:hash() == hashes[1])\n"
            "redo() assert(run:hash() == hashes[3]) redo() assert(run:hash() == hashes[4])\n"
            "redo() assert(run:hash() == hashes[5] and #branches() == 1 and #edits() == 4)\n"
            "undo(3) run.clip_norm = 2 local ok, why = pcall(redo) assert(not ok and why:find 'nothing to redo')\n"
            "for _, n in ipairs { 0, -1, 3, 1.5, 'x', {} } do assert(not pcall(undo, n)) end\n"
            "assert(select(2, pcall(undo, 3)):find 'there are 2 edits to undo')"));
    assert_recorded();
}
END_TEST

/* Freezing a module whose parts differ is taken back part by part; what an edit says of revert() is what it can. */
START_TEST(edits_are_taken_back_from_here)
{
    begin();
    ASSERT_OK(run("train(1) run.objectives.nsp.weight = 0.1"));
    assert_printed(
        "[1] objectives.nsp.weight 0.5 -> 0.1.  undo() goes back to 1, revert() sets 0.5 again from here\n");
    ASSERT_OK(run(
        "local bert = run.model.bert local dense = bert.pooler.dense\n"
        "assert(bert.frozen == false) bert.pooler.frozen = true assert(bert.pooler.frozen and dense.bias.frozen)\n"
        "assert(bert.frozen == false and tostring(bert):find ', 2 of them frozen')\n"
        "dense.bias.frozen = false train(1) bert.frozen = true assert(bert.frozen)"));
    assert_printed("bert frozen -> true.  undo() goes back to 2, revert() takes it back from here\n");
    ASSERT_OK(
        run("revert() local bert = run.model.bert local dense = bert.pooler.dense\n"
            "assert(dense.weight.frozen and not dense.bias.frozen and not bert.encoder.frozen and run.step == 2)\n"
            "assert(not bert.embeddings.word_embeddings.weight.frozen)\n"
            "run.model:freeze { except = 'encoder' } train(1) revert()\n"
            "assert(dense.weight.frozen and not dense.bias.frozen and not run.model.cls.frozen)\n"
            "local count = #edits() dense.bias.frozen = false assert(#edits() == count)\n"
            "run.optimizer = optim.sgd { lr = 0.02 } train(1) revert()\n"
            "assert(run.optimizer.lr == 0.01 and run.optimizer.beta1 == 0.9) train(1)\n"
            "run:prune { sparsity = 0.3, params = 'bert.encoder' }"));
    assert_printed("sparsity 0 -> 0.2998.  undo() goes back to 5, revert() takes it back from here\n");
    ASSERT_OK(run("train(1) revert() assert(run:sparsity().pruned == 0 and run.step == 6)\n"
                  "run:prune { sparsity = 0.3 } run:prune { sparsity = 0.5 }"));
    assert_printed(" -> 0.5.  undo() goes back to 6\n");
    ASSERT_OK(run("revert(#edits() - 1) assert(run:sparsity().pruned == 0) run.model:reset 'cls'"));
    assert_printed("nothing changes: frozen is false already\n");
    assert_printed("cls drawn anew.  undo() goes back to 6\n");
    ASSERT_FAILS(run("revert()"), STATUS_LUA,
                 "cannot be taken back by a single change; undo() goes back before it");
    assert_recorded();
}
END_TEST

static int interrupt(lua_State *L)
{
    (void)L;
    cancel_request();
    return 0;
}

static const char *const ways[] = {"undo()", "redo()", "rewind(6)", "switch 'main~1'"};

/* At step 8, with a branch ahead, and nothing at hand but the first state and the newest. */
static void stand_amid(void)
{
    begin();
    ASSERT_OK(run("snapshots { memory = 0, disk = 0 } train(4) run.optimizer.lr = 0.02 train(4)\n"
                  "run.objectives.nsp.weight = 0.1 train(4) undo() snapshot() here, said = run:hash(), "
                  "directory.read_journal()"));
}

static void assert_nothing_happened(void)
{
    ASSERT_OK(run("assert(run:hash() == here and #edits() == 1 and #branches() == 2 and branches()[1].step == 8)\n"
                  "assert(directory.read_journal() == said and not engine.is_silent())"));
}

/* Ctrl-C, a function that looks on, and a full disk. */
START_TEST(ways_that_fail_leave_no_trace)
{
    stand_amid();
    lua_register(host_lua(host), "interrupt", interrupt);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        ASSERT_OK(run("watch('w', function() interrupt() return 1 end)"));
        ASSERT_FAILS(run_line(ways[i]), STATUS_CANCELLED, "interrupted");
        ASSERT_OK(run("unwatch 'w'"));
        assert_nothing_happened();
        file_fail_after(1, 1);
        Status status = run_line(ways[i]);
        file_fail_after(0, 0);
        ck_assert_int_eq(status, STATUS_IO);
        assert_nothing_happened();
    }
    ASSERT_OK(run("run.clip_norm = 0.4 train(2)"));
    assert_recorded();
}
END_TEST

START_TEST(looking_on_goes_nowhere)
{
    char text[200];
    stand_amid();
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        snprintf(text, sizeof text, "watch('w', function() %s return 1 end) train(1) rewind(8)", ways[i]);
        ASSERT_OK(run(text));
    }
    assert_printed("watch 'w' is removed, because it failed: switch: not inside a training step");
    ASSERT_OK(run("assert(run:hash() == here and #edits() == 1)"));
    assert_recorded();
}
END_TEST

/* What is made between two steps is taken back together; what stays is said. */
START_TEST(lines_that_fail_take_their_edits_back)
{
    begin();
    ASSERT_OK(run("train(3) here = run:hash()"));
    ASSERT_FAILS(run_line("run.clip_norm = 0.3 error('after')"), STATUS_LUA, "after");
    assert_printed("Its edit was taken back.");
    ASSERT_FAILS(run_line("run.clip_norm = 0.3 run.model:reshape { num_hidden_layers = 2 } run.optimizer.lr = -1"),
                 STATUS_INVALID, "Nothing was changed");
    assert_printed("Its 2 edits were taken back.");
    lua_register(host_lua(host), "interrupt", interrupt);
    ASSERT_FAILS(run_line("run.clip_norm = 0.2 interrupt() while true do end"), STATUS_CANCELLED, "interrupted");
    ASSERT_OK(run("assert(run:hash() == here and #edits() == 0)"));
    ASSERT_FAILS(run_line("run.clip_norm = 0.3 train(1) branch 'b' run.clip_norm = 0.4 error()"), STATUS_LUA, "");
    assert_printed("Its edit was taken back. What the line did before stays: an edit, branch(\"b\").");
    ASSERT_OK(run("assert(run.clip_norm == 0.3 and run.step == 4 and #edits() == 1 and #branches() == 2)"));
    ASSERT_FAILS(run_line("run.clip_norm = 0.7 train(1) error()"), STATUS_LUA, "");
    assert_printed("What the line did before stays: an edit.");
    ASSERT_OK(run_line("pcall(function() run.clip_norm = 0.9 error() end)"));
    ASSERT_OK(run("assert(run.clip_norm == 0.9) train(2)"));
    assert_recorded();
}
END_TEST

/* An edit that is in the journal and cannot be made then. */
START_TEST(edits_that_cannot_be_made_are_taken_back)
{
    static const char edit[] = "run:adapt { target = 'valid' }",
                      other[] = "run:add_objective(objectives.nsp { name = 'b' })";
    begin();
    ASSERT_OK(run("train(2)"));
    for (int i = 0; i < 2; i++) {
        Status status = STATUS_NOMEM;
        ASSERT_OK(run("here = run:hash()"));
        for (uint64_t n = 1; status != STATUS_OK && n < 4000; n++) {
            memory_fail_after(n, 0);
            status = run(i ? other : edit);
            memory_fail_after(0, 0);
            if (status != STATUS_OK) ASSERT_OK(run("assert(run:hash() == here)"));
        }
        ck_assert_int_eq(status, STATUS_OK);
    }
    ASSERT_OK(run("assert(#edits() == 2) train(1)"));
    assert_recorded();
}
END_TEST

START_TEST(metrics_follow_the_branch)
{
    begin();
    ASSERT_OK(run("train(4) run.optimizer.lr = 0.02 train(4)\n"
                  "rewind(6) train(1)\n"
                  "directory.last_rows('', 0)\n"
                  "assert(steps '/metrics.jsonl' == '1 2 3 4 5 6 7', steps '/metrics.jsonl')\n"
                  "assert(steps '/branches/main~1.jsonl' == '7 8')\n"
                  "switch 'main~1' directory.last_rows('', 0)\n"
                  "assert(steps '/metrics.jsonl' == '1 2 3 4 5 6 7 8')\n"
                  "assert(steps '/branches/main.jsonl' == '7')"));
}
END_TEST

START_TEST(branches_are_named_deleted_and_brought_back)
{
    begin();
    ASSERT_OK(run(
        "train(3) branch 'a' train(2) local hash = run:hash() branch 'b' train(1) switch 'main'\n"
        "assert(not pcall(delete_branch, 'main') and not pcall(delete_branch, 'a'))\n"
        "delete_branch 'b' assert(#branches() == 2 and not pcall(switch, 'b'))\n"
        "rename_branch('a', 'c') switch 'c' assert(run:hash() == hash) switch 'main'\n"
        "delete_branch 'c' assert(#branches() == 1)\n"
        "local ok, why = pcall(undelete_branch, 'b') assert(not ok and why:find 'left c, which is deleted', why)\n"
        "undelete_branch 'c' undelete_branch 'b' assert(tostring(branches()):find 'b .*left c at 5')\n"
        "switch 'b' assert(run.step == 6) switch 'c' assert(run:hash() == hash)\n"
        "rename_branch('main', 'trunk') assert(tostring(branches()):find 'left trunk at 3')"));
    ASSERT_FAILS(run("delete_branch('c')"), STATUS_LUA, "branch c is the one that you are on");
    ASSERT_FAILS(run("rename_branch('c', 'b')"), STATUS_LUA, "there is a branch 'b' already");
    ASSERT_FAILS(run("rename_branch('c', 'x y')"), STATUS_LUA, "a name of letters");
    ASSERT_FAILS(run("rename_branch('nowhere', 'x')"), STATUS_LUA, "there is no branch 'nowhere'");
    ASSERT_FAILS(run("undelete_branch('x')"), STATUS_LUA, "no branch 'x' was deleted");
}
END_TEST

/* The branch that one is on keeps its steps. */
START_TEST(branches_begin_at_earlier_steps)
{
    begin();
    ASSERT_OK(
        run("train(3) local three = run:hash() run.optimizer.lr = 0.02 train(3) local six = run:hash()\n"
            "branch('a', 3) assert(run.step == 3 and run:hash() == three and run.optimizer.lr == 0.01)\n"
            "assert(#branches() == 2 and tostring(branches()):find 'a .*left main at 3')\n"
            "train(2) local other = run:hash() switch 'main' assert(run.step == 6 and run:hash() == six)\n"
            "switch 'a' assert(run.step == 5 and run:hash() == other)\n"
            "branch('b', 2) assert(run.step == 2 and tostring(branches()):find 'b .*left main at 2') train(1)\n"
            "assert(run:hash() == three) branch('c', 3) assert(tostring(branches()):find 'c .*left b at 3')\n"
            "directory.last_rows('', 0)\n"
            "assert(steps '/metrics.jsonl' == '1 2 3', steps '/metrics.jsonl')\n"
            "assert(steps '/branches/main.jsonl' == '3 4 5 6', steps '/branches/main.jsonl')\n"
            "assert(steps '/branches/a.jsonl' == '4 5')"));
    ASSERT_FAILS(run("branch('d', 9)"), STATUS_LUA, "step 9 is ahead: the run is at 3");
    ASSERT_FAILS(run("branch('d', 1.5)"), STATUS_LUA, "branch(name, step): a step from 0 to 3");
    ASSERT_FAILS(run("branch('d', {})"), STATUS_LUA, "branch(name, step): a step from 0 to 3");
    ASSERT_FAILS(run("branch('a', 2)"), STATUS_LUA, "there is a branch 'a' already");
    assert_recorded();
}
END_TEST

/* A program that dies at the n-th change of a file while the metrics follow the branch: all lines are there again.
 */
START_TEST(metrics_of_moves_that_break_off)
{
    begin();
    ASSERT_OK(run("train(3) branch 'a' switch 'main' train(3) switch 'a' train(2) directory.save()"));
    lua_pushinteger(host_lua(host), _i);
    lua_setglobal(host_lua(host), "last");
    ASSERT_OK(run("dies_after(last) branch('b', 2)"));
    start_again();
    ASSERT_OK(
        run("engine.history.resume(run, directory) directory.last_rows('', 0)\n"
            "assert(run.step == 2 and steps '/metrics.jsonl' == '1 2' and steps '/branches/a.jsonl' == '4 5')\n"
            "assert(steps '/branches/main.jsonl' == '3 4 5 6', steps '/branches/main.jsonl')"));
    lua_pushinteger(host_lua(host), _i);
    lua_setglobal(host_lua(host), "last");
    ASSERT_OK(run("train(2) directory.save() dies_after(last) switch 'main'"));
    start_again();
    ASSERT_OK(run("engine.history.resume(run, directory) directory.last_rows('', 0)\n"
                  "assert(run.step == 6 and steps '/metrics.jsonl' == '1 2 3 4 5 6', steps '/metrics.jsonl')\n"
                  "assert(steps '/branches/a.jsonl' == '4 5' and steps '/branches/b.jsonl' == '3 4')"));
}
END_TEST

/* What the metrics are after a kill at some later step. */
START_TEST(metrics_are_mended)
{
    begin();
    ASSERT_OK(
        run("train(3) branch 'x' switch 'main' train(3) directory.save() train(1) directory.last_rows('', 0)"));
    start_again();
    ASSERT_OK(run("engine.history.resume(run, directory) directory.last_rows('', 0)\n"
                  "assert(run.step == 6 and steps '/metrics.jsonl' == '1 2 3 4 5 6', steps '/metrics.jsonl')"));
}
END_TEST

/* Their curves go with them. */
START_TEST(metrics_of_branches_are_moved)
{
    begin();
    ASSERT_OK(run("train(2) branch 'a' train(2) switch 'main' rename_branch('a', 'b')\n"
                  "assert(io.open(directory.path .. '/branches/b.jsonl'))\n"
                  "delete_branch 'b' assert(not io.open(directory.path .. '/branches/b.jsonl'))\n"
                  "undelete_branch 'b' switch 'b' directory.last_rows('', 0)\n"
                  "local text = io.open(directory.path .. '/metrics.jsonl'):read 'a'\n"
                  "assert(select(2, text:gsub('\\n', '')) == 4, text)"));
}
END_TEST

START_TEST(branches_are_compared)
{
    begin();
    ASSERT_OK(run("train(4) branch 'low' run.objectives.nsp.weight = 0.1 train(3) switch 'main' train(1)"));
    buffer_clear(&printed);
    ASSERT_OK(run("print(compare('main', 'low'))"));
    const char *text = printed.data;
    static const char top[] = "                               main          low  difference       low now\n";
    ck_assert_msg(strncmp(text, top, strlen(top)) == 0, "%s", text);
    ck_assert_msg(strstr(text, "\nstep                              5            5                         7\n"),
                  "%s", text);
    ck_assert_msg(strstr(text, "\nloss       ") && strstr(text, "\nparted at step 4, after 0 common edits\n"), "%s",
                  text);
    ck_assert_msg(strstr(text, "\nmain: no edits since\nlow: [4] run.objectives.nsp.weight = 0.1\n"), "%s", text);
    ck_assert_msg(!strstr(text, "{") && !strstr(text, "seconds"), "%s", text);
    ASSERT_OK(run("local _, five = directory.metrics_after(4):match '\"step\": (5), \"loss\": ([%d.]+)'\n"
                  "local shown = tostring(compare('low')) assert(shown == tostring(compare('main', 'low')))\n"
                  "assert(shown:find(('\\nloss +%.5g +'):format(five)), shown)"));
    ASSERT_OK(run("switch 'low' branch 'empty' assert(tostring(compare('empty', 'low')):find '\\nloss +[%d.]+ "
                  "+[%d.]+  =\\n') train(1)\n"
                  "assert(tostring(compare()) == tostring(compare('empty', 'low')))\n"
                  "assert(tostring(compare()):find '\\nloss +[%d.]+ +[%d.]+  = +[%d.]+\\n')"));
    ASSERT_FAILS(run("compare('main', 'nowhere')"), STATUS_LUA, "there is no branch 'nowhere'");
}
END_TEST

START_TEST(nothing_is_compared_with_itself)
{
    begin();
    ASSERT_FAILS(run("compare()"), STATUS_LUA, "there is only branch main; branch(name), undo() and");
    /* One that left no other is compared with the newest other one. */
    ASSERT_OK(run("train(1) branch 'a' switch 'main' branch 'b' switch 'main'\n"
                  "assert(tostring(compare()) == tostring(compare('main', 'b')))"));
}
END_TEST

static void write_config(const char *name)
{
    static const char config[] = "{\"seed\": 1}";
    char file[64];
    snprintf(file, sizeof file, "%s/config.json", name);
    scratch_write(scratch_path(file), config, sizeof config - 1);
}

static void write_run(const char *name, const char *journal)
{
    char file[64];
    ASSERT_OK(file_make_directory(scratch_path(name), false));
    write_config(name);
    snprintf(file, sizeof file, "%s/journal.lua", name);
    scratch_write(scratch_path(file), journal, strlen(journal));
}

#define AT(step, text) "at(" #step ", \"00\")\n" text "\n"

/* Only the edits that shaped the state: one that was undone, or that one run alone has, moves no other. */
START_TEST(runs_are_compared_by_the_edits_that_count)
{
    write_run("a", AT(1, "run.clip_norm = 9") AT(3, "undo()") AT(2, "run.clip_norm = 0.5") AT(5, "run.steps = 60")
                       AT(7, "run.accumulate = 2") AT(9, "finish()"));
    write_run("b", AT(2, "run.clip_norm = 0.5") AT(5, "run.steps = 70") AT(6, "run.recompute = true")
                       AT(7, "run.accumulate = 2") AT(8, "run.clip_norm = 2") AT(9, "finish()"));
    ASSERT_OK(run("local folder = directory.path:match '^(.*)/' local d = diff(folder .. '/a', folder .. '/b')\n"
                  "local rows = {} for i, e in ipairs(d.edits) do rows[i] = table.concat({ e.name, e.a or '-', e.b "
                  "or '-' }, ' | ') end\n"
                  "rows = table.concat(rows, '\\n')\n"
                  "assert(rows == 'step 5 | run.steps = 60 | run.steps = 70\\nstep 6 | - | run.recompute = true\\n"
                  "step 8 | - | run.clip_norm = 2', rows)\n"
                  "assert(#diff(folder .. '/a', folder .. '/a').edits == 0)"));
}
END_TEST

START_TEST(the_tree_has_edits_and_snapshots)
{
    begin();
    ASSERT_OK(run("train(3) branch 'a' run.optimizer.lr = 0.02 train(1) snapshot() switch 'main'\n"
                  "local tree = engine.history.tree()\n"
                  "assert(#tree == 2 and tree[1].name == 'main' and tree[1].current and tree[1].parent == 0)\n"
                  "local a = tree[2]\n"
                  "assert(a.parent == 1 and a.fork == 3 and a.step == 4 and #a.edits == 1)\n"
                  "assert(a.edits[1].step == 3 and a.edits[1].effect == 'run.optimizer.lr = 0.02')\n"
                  "assert(table.concat(a.snapshots, ' ') == '4' and tree[1].snapshots[1] == 0)"));
}
END_TEST

/* Memory, then disk, then fewer of them: what goes back arrives at the same bits. */
START_TEST(snapshots_keep_to_their_limits)
{
    begin();
    ASSERT_OK(run(
        "snapshots { memory = 0 }\n"
        "local hashes = {}\n"
        "for step = 1, 6 do train(1) snapshot() hashes[step] = run:hash() end\n"
        "local all = snapshots() for i = 2, 6 do assert(all[i].disk > 0 and all[i].memory == 0, all[i].text) end\n"
        "rewind(4) assert(run:hash() == hashes[4]) train(1) assert(run:hash() == hashes[5])\n"
        "rewind(2) assert(run:hash() == hashes[2]) train(4) assert(run:hash() == hashes[6])\n"
        "snapshots { disk = 0 } assert(#snapshots() == 3, tostring(snapshots()))\n"
        "rewind(3) assert(run:hash() == hashes[3])"));
    ASSERT_OK(run("snapshots { memory = 1 << 30, disk = 1 << 30 } train(1) snapshot() train(1) snapshot()"));
    file_fail_after(1, 1);
    Status status = run("snapshots { memory = 0 }");
    file_fail_after(0, 0);
    ASSERT_OK(status);
    ck_assert_ptr_nonnull(strstr(printed.data, "warning: no more snapshots go to the disk"));
    ASSERT_OK(run("assert(#snapshots() == 3) rewind(4) assert(#snapshots() >= 3)"));
    ASSERT_FAILS(run("snapshots { memry = 1 }"), STATUS_LUA, "there is no limit 'memry'");
}
END_TEST

static void plan(void)
{
    ASSERT_OK(
        run("engine.history.plan(run, { { 0, 'run.clip_norm = 0.5' },\n"
            "  { 3, 'run.optimizer.lr = 0.02 run.objectives.nsp.weight = 0.1' }, { 9, 'run.clip_norm = 2' } })"));
}

static void resume_planned(void)
{
    start_again();
    plan();
    ASSERT_OK(run("engine.history.resume(run, directory)"));
}

START_TEST(planned_edits_are_made_once)
{
    plan();
    begin();
    ASSERT_OK(run("assert(run.clip_norm == 0.5) train(5) assert(run.optimizer.lr == 0.02 and #edits() == 3)"));
    /* one that was undone does not come back, an edit in between is not taken for one of them */
    ASSERT_OK(run("undo() undo() train(2) run.accumulate = 2 train(1) undo() train(1)"));
    resume_planned();
    ASSERT_OK(
        run("train(1) assert(run.objectives.nsp.weight == 0.5 and run.optimizer.lr == 0.01, tostring(edits()))\n"
            "run.accumulate = 2 train(1)"));
    resume_planned();
    ASSERT_OK(run("train(4) assert(run.clip_norm == 2)"));
    /* those that were left behind by a rewind do: it is the recipe again */
    ASSERT_OK(
        run("rewind(0) train(5) assert(run.objectives.nsp.weight == 0.1 and #edits() == 3, tostring(edits()))"));
    assert_recorded();
}
END_TEST

/* Died between the two edits of a planned line. */
START_TEST(half_a_planned_line_is_made_again)
{
    plan();
    begin();
    ASSERT_OK(run("train(4) local text = directory.read_journal()\n"
                  "text = text:match('^(.*)at%b()\\nrun.objectives.nsp.weight')\n"
                  "local file <close> = assert(io.open(directory.path .. '/journal.lua', 'w')) file:write(text)"));
    resume_planned();
    ASSERT_OK(run("assert(run.step == 3 and #edits() == 1) train(2)\n"
                  "assert(run.objectives.nsp.weight == 0.1 and run.optimizer.lr == 0.02 and #edits() == 3)"));
    assert_recorded();
}
END_TEST

START_TEST(planned_lines_that_fail_say_which)
{
    ASSERT_OK(run("engine.history.plan(run, { { 2, 'run.clip_norm = 0.5 run.steps = 0' } })"));
    begin();
    ASSERT_OK(run("train(2)"));
    ASSERT_FAILS(run("train(1)"), STATUS_INVALID, "edit 1 of the recipe, at step 2: ");
    ASSERT_OK(run("assert(run.clip_norm == 1 and #edits() == 0)"));
}
END_TEST

START_TEST(what_cannot_be_is_refused)
{
    begin();
    ASSERT_OK(run("train(3)"));
    ASSERT_FAILS(run("undo()"), STATUS_LUA, "no edit to undo");
    ASSERT_FAILS(run("redo()"), STATUS_LUA, "nothing to redo");
    ASSERT_FAILS(run("rewind(7)"), STATUS_LUA, "step 7 is ahead");
    ASSERT_FAILS(run("rewind(-1)"), STATUS_LUA, "a step from 0 to 3");
    ASSERT_FAILS(run("branch('a/b')"), STATUS_LUA, "a name of letters");
    ASSERT_FAILS(run("branch('main')"), STATUS_LUA, "there is a branch 'main' already");
    ASSERT_FAILS(run("switch('mian')"), STATUS_LUA, "did you mean 'main'");
    ASSERT_FAILS(run("revert(4)"), STATUS_LUA, "there is no edit 4");
    ASSERT_FAILS(run("run.objectives.nsp.weight = -1"), STATUS_INVALID, "Nothing was changed");
    ASSERT_OK(run("assert(#edits() == 0 and run.step == 3)"));
    ASSERT_OK(run("assert(directory.read_journal():find('^at%(0, \"%x+\"%)\\nbegan%(%)\\n$'))"));
}
END_TEST

START_TEST(a_damaged_journal_is_an_error)
{
    ASSERT_OK(run("directory.put_journal('at(3, \"abcd\")\\nfoo(\\n')"));
    ASSERT_FAILS(run("engine.history.resume(run, directory)"), STATUS_LUA, "journal:1: unexpected symbol");
    ASSERT_OK(run("directory.put_journal('at(5, \"abcd\")\\nat(5, \"abcd\")\\nrun.clip_norm = 2')"));
    ASSERT_FAILS(run("engine.history.resume(run, directory)"), STATUS_LUA, "says nothing");
}
END_TEST

START_TEST(a_failing_restore_changes_nothing)
{
    begin();
    ASSERT_OK(run("train(3) run.optimizer.lr = 0.02 train(3) here = run:hash()"));
    Status status = STATUS_NOMEM;
    for (uint64_t n = 1; status != STATUS_OK && n < 4000; n += 1 + n / 8) {
        memory_fail_after(n, 0);
        status = run("undo()");
        memory_fail_after(0, 0);
        if (status != STATUS_OK) ASSERT_OK(run("assert(run.step == 6 and run:hash() == here)"));
    }
    ck_assert_int_eq(status, STATUS_OK);
    ASSERT_OK(run("assert(run.step == 3)"));
}
END_TEST

/* --- what a line does to its globals is its own business --- */

static const char *const breaks[] = {
    "run = nil",
    "run = 5",
    "lathe = nil",
    "math = nil string = nil table = nil",
    "pcall = nil load = nil print = nil error = nil pairs = {} ipairs = nil type = nil tostring = nil next = nil",
    "string.format = nil string.gsub = nil string.match = nil string.rep = nil string.find = nil",
    "table.concat = nil table.move = nil table.sort = nil table.remove = nil math.max = nil math.type = nil",
    "getmetatable('').__index = nil",
    "getmetatable(run).__newindex = nil",
    "undo = nil redo = nil branch = nil edits = nil",
    "setmetatable(_G, {__index = function() error('no') end}) run = nil",
    "setmetatable(_G, {__newindex = function() error('no') end})",
    "lathe.clock = nil",
    "lathe.history.stepped = nil",
    "engine.restore(run, engine.snapshot(run))",
    "require('lathe.history').set_state(nil)",
    "package.loaded = nil package.searchers = nil require = nil",
    "lathe.show = nil lathe.nearest = error",
    "rawset(lathe, 'nearest', error) rawset(_G, 'lathe', 7)",
    "objectives = nil optim.adamw = nil schedules = nil models = nil data = nil tokenizers = nil",
    "for k in pairs(_G) do _G[k] = nil end",
    "local i = 1 while debug.getupvalue(undo, i) do debug.getupvalue(undo, i).current = nil i = i + 1 end",
    "debug.getupvalue(undo, 1).session = nil",
    "local f = load 'run = 3 math = 4' f()",
    "coroutine.wrap(function() math, string = nil end)()",
};

static int begin_live(lua_State *L)
{
    Session **session = lua_touserdata(L, 1);
    lua_getglobal(L, "run");
    *session = bind_check_session(L, -1)->session;
    library_set_run(L, -1);
    lua_pushnil(L);
    lua_setglobal(L, "run");
    return 0;
}

START_TEST(globals_of_lines_are_theirs)
{
    Session *session;
    inside = false;
    start_again();
    ASSERT_OK(host_protect(host, begin_live, &session));
    ASSERT_OK(bind_history(host, "begin", directory, session));
    for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++) {
        Status status = run_line(breaks[i]);
        (void)status;
        ASSERT_OK(run_line("run = nil run.clip_norm = 0.5 + run.step / 100"));
        ASSERT_OK(bind_step(host, session, NULL));
        ASSERT_OK(bind_history_tell(host, "stepped", directory, session));
        ASSERT_OK(run_line(i % 3 ? "undo() redo() undo() branches() edits() print(run)"
                                 : "run.objectives.nsp.weight = 0.2"));
        ASSERT_OK(bind_history_tell(host, "saved", directory, session));
    }
    inside = true;
    start_again();
    ASSERT_OK(run("assert(engine.history.replay(run, directory.read_journal(), '', nil))"));
}
END_TEST

/* Edits, undos, branches, rewinds and failures at random; then the program dies, another one resumes and has the
 * same state; and a replay reaches every recorded state with any number of threads. */
static void random_session(int seed)
{
    char text[160];
    begin();
    snprintf(text, sizeof text, "random_session(%d)", seed);
    ASSERT_OK(run(text));
    start_again();
    ASSERT_OK(run("engine.history.resume(run, directory) check_last()"));
    static const int threads[] = {1, 2, 3, 5};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        start_again();
        threads_set(threads[i]);
        ASSERT_OK(run("assert(engine.history.replay(run, directory.read_journal(), '', nil))"));
    }
}

/* Told once, kept in the journal and in the config, shown; whatever the name of a global is. */
START_TEST(what_cannot_be_done_again_marks_the_run)
{
    static const char words[] = "not replayable: it changes 'n at(0, \"00\")'\nnot replayable: and '___'\n";
    Buffer marks = {0};
    write_config("run");
    begin();
    ASSERT_OK(run("assert(not tostring(run):find 'replayable') for _ = 1, 2 do\n"
                  "engine.history.warn(run, \"it changes 'n\\nat(0, \\\"00\\\")'\") engine.history.warn(nil, \"and "
                  "'\\xff\\xfe\\xfd'\") end"));
    assert_printed("warning: it changes 'n at(0, \"00\")'\nwarning: and '___'\n");
    ck_assert_ptr_null(strstr(strstr(printed.data, "it changes") + 1, "it changes"));
    ASSERT_OK(run_marks_describe(scratch_path("run"), &marks));
    ck_assert_str_eq(marks.data, words);
    buffer_free(&marks);
    start_again();
    buffer_clear(&printed);
    ASSERT_OK(run("engine.history.resume(run, directory) assert(tostring(run):find '\\n  not replayable: it "
                  "changes .*; and 1 more in journal.lua\\n')"));
    assert_printed("warning: and '___'\n");
    ASSERT_OK(run("engine.history.warn(nil, \"and '___'\")"));
    ck_assert_ptr_null(strstr(strstr(printed.data, "and '") + 1, "and '"));
}
END_TEST

START_TEST(random_sessions_replay)
{
    int sessions = at_full_length() ? 100 : 6;
    for (int seed = 1; seed <= sessions; seed++) {
        random_session(seed);
        stop();
        start();
    }
}
END_TEST

/* A branch that was left keeps its newest checkpoint: to go back to it after a restart little is computed again. */
START_TEST(a_branch_that_was_left_keeps_a_checkpoint)
{
    begin();
    ASSERT_OK(run("train(4) run.objectives.nsp.weight = 0.3 run.model:reshape { num_hidden_layers = 2 } train(6)\n"
                  "directory.save() train(2)\n"
                  "local file = io.open(directory.path .. '/hash', 'w') file:write(run:hash()) file:close()\n"
                  "rewind(2) branch 'other' train(3) directory.save()"));
    start_again();
    ASSERT_OK(run("engine.history.resume(run, directory)\n"
                  "assert(run.step == 5)\n"
                  "rename_branch('main~1', '..')\n"
                  "switch '..'\n"
                  "assert(run:hash() == io.open(directory.path .. '/hash'):read 'a')\n"
                  "local at = {} for _, s in ipairs(snapshots()) do if s.step then at[s.step] = s.edits end end\n"
                  "assert(at[10] == 2, 'it was computed again from the beginning')\n"
                  "assert(directory.checkpoints('other')[1] == 5)\n"
                  "switch 'other' assert(run.step == 5)"));
    start_again();
    ASSERT_OK(run("assert(engine.history.replay(run, directory.read_journal(), '', nil))"));
}
END_TEST

/* A kill while the last entry was written leaves its first line, whole or not. */
START_TEST(a_torn_entry_is_none)
{
    begin();
    ASSERT_OK(run("train(2) run.clip_norm = 0.5"));
    start_again();
    ASSERT_OK(
        run("local journal = directory.read_journal()\n"
            "local entries = require('lathe.journal').entries\n"
            "local count = #entries(journal)\n"
            "for _, torn in ipairs { 'at(9', 'at(9, \"ab\")', 'at(9, \"ab\")\\n', 'at(9, \"ab\")\\nrun.cli' } do\n"
            "  assert(#entries(journal .. torn) == count)\n"
            "end\n"
            "assert(engine.history.replay(run, journal .. 'at(9, \"ab\")\\n', '', nil))"));
}
END_TEST

START_TEST(a_replay_names_what_differs)
{
    begin();
    ASSERT_OK(run("train(3) run.optimizer.lr = 0.02 train(2) run.clip_norm = 0.5"));
    start_again();
    ASSERT_OK(
        run("local states = {}\n"
            "for line in io.lines(directory.path .. '/states.jsonl') do states[#states + 1] = line end\n"
            "table.insert(states, 1, '{\"step\": 0, \"hash\": \"0\", \"tensors\": {}}')\n" /* its entry was lost */
            "run.objectives.nsp.weight = 0.4\n"
            "local journal = directory.read_journal()\n"
            "assert(not engine.history.replay(run, journal, table.concat(states, '\\n')))\n"
            "journal = journal:gsub('^at%(0[^\\n]*\\nbegan%(%)\\n', '')\n" /* as the first days' are */
            "local function metrics() directory.last_rows('', 0) return io.open(directory.path .. "
            "'/metrics.jsonl'):read 'a' end\n"
            "assert(not engine.history.replay(run, journal, table.concat(states, '\\n'), nil, metrics))"));
    ck_assert_ptr_nonnull(strstr(printed.data, "step 0: the state is"));
    ck_assert_ptr_nonnull(strstr(printed.data, "nothing before it was recorded"));
    ck_assert_ptr_nonnull(strstr(printed.data, "that differs: none; cursors or options differ"));
    ck_assert_ptr_nonnull(strstr(printed.data, "the first tensor that differs: model.bert"));
    ck_assert_ptr_nonnull(strstr(printed.data, "than metrics.jsonl says: 1\n"));
}
END_TEST

Suite *history_suite(void)
{
    Suite *suite = suite_create("history");
    TCase *tests = tcase_create("history");
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, undo_goes_back_and_redo_forth);
    tcase_add_test(tests, an_electra_goes_back_and_forth);
    tcase_add_test(tests, edits_are_taken_back_from_here);
    tcase_add_test(tests, metrics_follow_the_branch);
    tcase_add_test(tests, branches_are_named_deleted_and_brought_back);
    tcase_add_test(tests, branches_begin_at_earlier_steps);
    tcase_add_test(tests, metrics_are_mended);
    tcase_add_loop_test(tests, metrics_of_moves_that_break_off, 0, 8);
    tcase_add_test(tests, metrics_of_branches_are_moved);
    tcase_add_test(tests, branches_are_compared);
    tcase_add_test(tests, nothing_is_compared_with_itself);
    tcase_add_test(tests, runs_are_compared_by_the_edits_that_count);
    tcase_add_test(tests, the_tree_has_edits_and_snapshots);
    tcase_add_test(tests, snapshots_keep_to_their_limits);
    tcase_add_test(tests, several_edits_are_undone_and_redone);
    tcase_add_test(tests, ways_that_fail_leave_no_trace);
    tcase_add_test(tests, looking_on_goes_nowhere);
    tcase_add_test(tests, lines_that_fail_take_their_edits_back);
    tcase_add_test(tests, edits_that_cannot_be_made_are_taken_back);
    tcase_add_test(tests, planned_edits_are_made_once);
    tcase_add_test(tests, half_a_planned_line_is_made_again);
    tcase_add_test(tests, planned_lines_that_fail_say_which);
    tcase_add_test(tests, what_cannot_be_is_refused);
    tcase_add_test(tests, a_damaged_journal_is_an_error);
    tcase_add_test(tests, a_failing_restore_changes_nothing);
    tcase_add_test(tests, a_branch_that_was_left_keeps_a_checkpoint);
    tcase_add_test(tests, a_torn_entry_is_none);
    tcase_add_test(tests, a_replay_names_what_differs);
    tcase_add_test(tests, what_cannot_be_done_again_marks_the_run);
    tcase_add_test(tests, globals_of_lines_are_theirs);
    tcase_add_test(tests, random_sessions_replay);
    suite_add_tcase(suite, tests);
    return suite;
}
