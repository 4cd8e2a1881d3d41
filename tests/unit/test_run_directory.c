/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/run_directory.h"
#include "tests/unit/scratch.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

Suite *run_directory_suite(void);

static void write_config(const RunDirectory *run)
{
    json_t *config;
    ASSERT_OK(json_new_object(&config));
    ASSERT_OK(json_set_integer(config, "seed", 1));
    ASSERT_OK(run_directory_write_config(run, config));
    json_decref(config);
}

START_TEST(a_run_is_made_and_continued)
{
    const char *path = scratch_path("runs/a");
    RunDirectory *run;
    json_t *config;
    ASSERT_FAILS(run_directory_resume(path, &run), STATUS_IO, "runs/a: there is no such run directory");
    ASSERT_OK(run_directory_create(path, &run));
    ck_assert_str_eq(run_directory_path(run), path);
    ASSERT_FAILS(run_directory_read_config(path, &config), STATUS_INVALID,
                 "is not a run directory: it holds no config.json");
    write_config(run);
    run_directory_close(run);
    run_directory_close(NULL);
    ASSERT_OK(run_directory_resume(path, &run));
    ASSERT_OK(run_directory_read_config(path, &config));
    ck_assert_int_eq(json_integer_value(json_object_get(config, "seed")), 1);
    json_decref(config);
    run_directory_close(run);
}
END_TEST

START_TEST(a_run_that_was_not_started_leaves_nothing)
{
    RunDirectory *run;
    ASSERT_OK(run_directory_create(scratch_path("new"), &run));
    run_directory_abandon(run);
    ck_assert(!file_exists(scratch_path("new")));
    ASSERT_OK(file_make_directory(scratch_path("old"), false));
    ASSERT_OK(run_directory_create(scratch_path("old"), &run));
    run_directory_abandon(run);
    ck_assert(file_exists(scratch_path("old")) && !file_exists(scratch_path("old/.lock")));
    ASSERT_OK(run_directory_create(scratch_path("new"), &run));
    write_config(run);
    run_directory_abandon(run);
    ck_assert(file_exists(scratch_path("new/config.json")) && file_exists(scratch_path("new/.lock")));
    run_directory_abandon(NULL);
}
END_TEST

START_TEST(other_content_is_refused)
{
    const char *path = scratch_path("a"), *file = scratch_path("file");
    RunDirectory *run;
    ASSERT_OK(run_directory_create(path, &run));
    write_config(run);
    run_directory_close(run);
    ASSERT_FAILS(run_directory_create(path, &run), STATUS_INVALID, "a: is not empty: it holds 'config.json'");
    scratch_write(scratch_path("a/metrics.jsonl"), "", 0);
    ASSERT_FAILS(run_directory_create(path, &run), STATUS_INVALID,
                 "a: holds another run. Continue it with 'lathe run --resume");
    scratch_write(file, "x", 1);
    ASSERT_FAILS(run_directory_create(file, &run), STATUS_IO, "a file of this name is there");
    ASSERT_FAILS(run_directory_resume(file, &run), STATUS_IO, "is a file; a run directory was expected");
    ASSERT_FAILS(run_directory_create("", &run), STATUS_INVALID, "name of the run directory is empty");
    ASSERT_OK(file_make_directory(scratch_path("model"), false));
    scratch_write(scratch_path("model/model.safetensors"), "x", 1);
    ASSERT_FAILS(run_directory_create(scratch_path("model"), &run), STATUS_INVALID,
                 "is not empty: it holds 'model.safetensors'");
    ck_assert(!file_exists(scratch_path("model/.lock")));
    scratch_write(scratch_path("model/config.json"), "[1]", 3);
    json_t *config;
    ASSERT_FAILS(run_directory_read_config(scratch_path("model"), &config), STATUS_FORMAT,
                 "is an array; an object");
    scratch_write(scratch_path("model/config.json"), "{\"model_type\": \"bert\"}", 22);
    ASSERT_FAILS(run_directory_resume(scratch_path("model"), &run), STATUS_INVALID,
                 "is not a run directory: its config.json has no 'seed', it may be that of a model");
    ck_assert(!file_exists(scratch_path("model/.lock")));
    ASSERT_FAILS(run_directory_create("/", &run), STATUS_INVALID, "/: is not empty: it holds '");
}
END_TEST

/* Nothing of somebody's is written over, whatever it is called. */
START_TEST(a_run_begins_in_an_empty_directory)
{
    static const char *const refused[] = {"todo.txt",  "socket",         "recipe.lua", "lua",
                                          "vocab.txt", "tokenizer.json", "branches"};
    RunDirectory *run;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char name[64], words[64];
        snprintf(name, sizeof name, "a/%s", refused[i]);
        snprintf(words, sizeof words, "is not empty: it holds '%s'", refused[i]);
        const char *path = scratch_path("a");
        ASSERT_OK(file_make_directory(path, false));
        scratch_write(scratch_path(name), "x", 1);
        ASSERT_FAILS(run_directory_create(path, &run), STATUS_INVALID, words);
        ck_assert(!file_exists(scratch_path("a/.lock")));
        ASSERT_OK(file_remove_tree(path));
    }
    const char *path = scratch_path("a");
    ASSERT_OK(file_make_directory(path, false));
    scratch_write(scratch_path("a/.gitignore"), "x", 1);
    scratch_write(scratch_path("a/log.txt"), "x", 1);
    ASSERT_OK(run_directory_create(path, &run));
    scratch_write(scratch_path("a/socket"), "x", 1);
    scratch_write(scratch_path("a/recipe.lua"), "x", 1);
    run_directory_close(run); /* killed here, before config.json: the next one begins anew */
    ASSERT_OK(run_directory_create(path, &run));
    run_directory_close(run);
}
END_TEST

/* A child owns the run, says so, and is killed: before that nobody else gets in, after it anybody does. */
START_TEST(one_process_owns_a_run)
{
    const char *path = scratch_path("a");
    int ready[2];
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        RunDirectory *run;
        char byte = 'n';
        if (run_directory_create(path, &run) == STATUS_OK) {
            write_config(run);
            byte = 'y';
        }
        if (write(ready[1], &byte, 1) != 1) _exit(1);
        for (;;) pause();
    }
    char byte = 0, words[100];
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(byte, 'y');
    RunDirectory *run;
    snprintf(words, sizeof words, "a is in use by process %ld; wait for it, stop it, or choose another directory",
             (long)child);
    ASSERT_FAILS(run_directory_create(path, &run), STATUS_BUSY, words);
    ASSERT_FAILS(run_directory_resume(path, &run), STATUS_BUSY, words);
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ASSERT_OK(run_directory_resume(path, &run));
    run_directory_close(run);
    close(ready[0]);
    close(ready[1]);
}
END_TEST

/* Of several processes that start at once exactly one gets the run. */
START_TEST(contending_processes_give_one_owner)
{
    enum { CHILDREN = 6 };
    const char *path = scratch_path("a");
    int start[2], result[2];
    ck_assert_int_eq(pipe(start), 0);
    ck_assert_int_eq(pipe(result), 0);
    for (int i = 0; i < CHILDREN; i++) {
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child > 0) continue;
        RunDirectory *run;
        char byte;
        close(start[1]);
        (void)!read(start[0], &byte, 1); /* until the parent closes it */
        byte = run_directory_create(path, &run) == STATUS_OK ? 'y' : 'n';
        if (write(result[1], &byte, 1) != 1) _exit(1);
        if (byte == 'y') usleep(300000); /* hold it while the others try */
        _exit(0);
    }
    close(start[0]);
    close(start[1]);
    int owners = 0;
    for (int i = 0; i < CHILDREN; i++) {
        char byte = 0;
        ck_assert_int_eq(read(result[0], &byte, 1), 1);
        owners += byte == 'y';
    }
    ck_assert_int_eq(owners, 1);
    for (int i = 0; i < CHILDREN; i++) wait(NULL);
    close(result[0]);
    close(result[1]);
}
END_TEST

static RunDirectory *new_run(void)
{
    RunDirectory *run;
    ASSERT_OK(run_directory_create(scratch_path("a"), &run));
    write_config(run);
    return run;
}

START_TEST(metrics_are_lines)
{
    RunDirectory *run = new_run();
    const char *path = scratch_path("a/metrics.jsonl");
    RunMetric metrics[] = {
        {"loss", 0.1, 0}, {"loss.mlm", (double)NAN, 6}, {"lr", 1.0 / 3, 3}, {"tokens_per_second", 62100.25, 4}};
    ASSERT_OK(run_directory_put_metrics(run, 1, metrics, 4));
    ASSERT_OK(run_directory_put_metrics(run, 2, metrics, 1));
    ASSERT_OK(run_directory_put_metrics(run, 2, metrics, 0));
    ASSERT_FAILS(run_directory_put_metrics(run, 1, metrics, 1), STATUS_INVALID,
                 "metrics of step 1 after those of step 2");
    ASSERT_OK(run_directory_sync_metrics(run));
    file_fail_after(1, 0);
    ASSERT_FAILS(run_directory_put_metrics(run, 3, metrics, 4), STATUS_IO, "metrics.jsonl: cannot be written");
    static const char first[] = "{\"step\": 1, \"loss\": 0.1, \"loss.mlm\": \"NaN\", \"lr\": 0.333, "
                                "\"tokens_per_second\": 6.21e+04}\n{\"step\": 2, \"loss\": 0.1}\n{\"step\": 2}\n";
    scratch_assert_text(path, first);
    run_directory_close(run);
}
END_TEST

typedef struct Cut {
    const char *before;
    int64_t step;
    const char *after; /* NULL: it is an error */
} Cut;

static const Cut cuts[] = {
    {"", 5, ""},
    {"{\"step\": 1}\n{\"step\": 2}\n", 2, "{\"step\": 1}\n{\"step\": 2}\n"},
    {"{\"step\": 1}\n{\"step\": 2}\n{\"step\": 3}\n", 1, "{\"step\": 1}\n"},
    {"{\"step\": 1}\n{\"step\": 2}\n{\"step\": 3}\n", 0, ""},
    {"{\"step\": 1}\n{\"step\": 2, \"lo", 2, "{\"step\": 1}\n"},
    {"{\"step\": 1}\n{\"step\": 2}", 2, "{\"step\": 1}\n"},
    {"{\"st", 2, ""},
    {"{\"step\": 1}\n{\"step\": 1, \"valid\": 2}\n{\"step\": 4}\n", 2,
     "{\"step\": 1}\n{\"step\": 1, \"valid\": 2}\n"},
    {"{\"step\": 1}\nrubbish\n{\"step\": 4}\n", 2, NULL},
    {"{\"step\": 1}\n\n", 2, NULL},
    {"{\"step\": 1}\n{\"stop\": 4}\n", 2, NULL},
    {"{\"step\": 1}\n[4]\n", 2, NULL},
};

START_TEST(metrics_are_cut_back)
{
    RunDirectory *run = new_run();
    const char *path = scratch_path("a/metrics.jsonl");
    ASSERT_OK(run_directory_cut_metrics(run, 3)); /* none yet */
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        scratch_write(path, cuts[i].before, strlen(cuts[i].before));
        if (cuts[i].after) {
            ASSERT_OK(run_directory_cut_metrics(run, cuts[i].step));
            scratch_assert_text(path, cuts[i].after);
            ASSERT_OK(run_directory_put_metrics(run, cuts[i].step + 1, NULL, 0));
        } else {
            ASSERT_FAILS(run_directory_cut_metrics(run, cuts[i].step), STATUS_FORMAT,
                         "metrics.jsonl: line 2 is not the metrics of a step");
            scratch_assert_text(path, cuts[i].before);
        }
    }
    run_directory_close(run);
}
END_TEST

START_TEST(the_journal_is_whole_lines)
{
    RunDirectory *run = new_run();
    const char *path = scratch_path("a"), *journal = scratch_path("a/journal.lua");
    Buffer text = {0};
    ASSERT_OK(run_directory_read_journal(path, &text));
    ck_assert_uint_eq(text.length, 0);
    ASSERT_OK(run_directory_put_journal(run, "a = 1"));
    ASSERT_OK(run_directory_put_journal(run, ""));
    ASSERT_OK(run_directory_put_journal(run, "b = 2\nc = 3\n"));
    for (uint64_t n = 1; n <= 2; n++) { /* neither the write nor the sync may fail unseen */
        file_fail_after(n, 0);
        ASSERT_FAILS(run_directory_put_journal(run, "lost = 1\n"), STATUS_IO, "journal.lua: cannot be written");
    }
    file_fail_after(0, 0);
    ASSERT_OK(run_directory_read_journal(path, &text));
    ck_assert_str_eq(text.data, "a = 1\nb = 2\nc = 3\n");
    buffer_free(&text);
    run_directory_close(run);
    scratch_write(journal, "a = 1\nb = ", 10);
    scratch_write(scratch_path("a/.x.tmp-1-0"), "", 0);
    ASSERT_OK(file_make_directory(scratch_path("a/checkpoints/.step.tmp-1-0"), true));
    ASSERT_OK(run_directory_resume(path, &run));
    scratch_assert_text(journal, "a = 1\n");
    ck_assert(!file_exists(scratch_path("a/.x.tmp-1-0")));
    ck_assert(!file_exists(scratch_path("a/checkpoints/.step.tmp-1-0")));
    run_directory_close(run);
}
END_TEST

static Status use_run(const char *path, bool resume)
{
    RunDirectory *run;
    RunMetric metric = {"loss", 1, 0};
    json_t *config;
    TRY(resume ? run_directory_resume(path, &run) : run_directory_create(path, &run));
    Status status = json_new_object(&config);
    if (status == STATUS_OK) {
        status = json_set_integer(config, "seed", 1);
        if (status == STATUS_OK) status = run_directory_write_config(run, config);
        json_decref(config);
    }
    if (status == STATUS_OK) status = run_directory_put_metrics(run, 1, &metric, 1);
    if (status == STATUS_OK) status = run_directory_put_journal(run, "x = 1");
    if (status == STATUS_OK) status = run_directory_cut_metrics(run, 0);
    run_directory_close(run);
    return status;
}

START_TEST(failed_allocations_and_writes_are_told)
{
    const char *path = scratch_path("a"), *metrics = scratch_path("a/metrics.jsonl");
    size_t before = memory_in_use();
    for (int kind = 0; kind < 4; kind++) {
        Status status = STATUS_NOMEM;
        uint64_t n = 0;
        if (kind % 2) run_directory_close(new_run());
        while (status != STATUS_OK) {
            n++; /* every one of them must be told */
            if (kind < 2)
                memory_fail_after(n, 0);
            else
                file_fail_after(n, 0);
            status = use_run(path, kind % 2);
            memory_fail_after(0, 0);
            file_fail_after(0, 0);
            ck_assert_msg(status == STATUS_OK || status == (kind < 2 ? STATUS_NOMEM : STATUS_IO), "%s",
                          status_message());
            ck_assert_uint_eq(memory_in_use(), before);
            ASSERT_OK(file_remove_tree(kind % 2 ? metrics : path));
        }
        ck_assert_uint_gt(n, 8);
        ASSERT_OK(file_remove_tree(path));
    }
}
END_TEST

Suite *run_directory_suite(void)
{
    Suite *suite = suite_create("run_directory");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, scratch_make, scratch_remove);
    tcase_add_test(cases, a_run_is_made_and_continued);
    tcase_add_test(cases, other_content_is_refused);
    tcase_add_test(cases, a_run_begins_in_an_empty_directory);
    tcase_add_test(cases, a_run_that_was_not_started_leaves_nothing);
    tcase_add_test(cases, one_process_owns_a_run);
    tcase_add_test(cases, contending_processes_give_one_owner);
    tcase_add_test(cases, metrics_are_lines);
    tcase_add_test(cases, metrics_are_cut_back);
    tcase_add_test(cases, the_journal_is_whole_lines);
    tcase_add_test(cases, failed_allocations_and_writes_are_told);
    suite_add_tcase(suite, cases);
    return suite;
}
