/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log.jsonl: how it is written, also while log.txt grows, and how a viewer reads both as one. */
#include "engine/base/random.h"
#include "engine/io/json.h"
#include "engine/io/run_log.h"
#include "tests/unit/scratch.h"
#include "tui/workbench/log_follow.h"

#include <fcntl.h>
#include <unistd.h>

Suite *run_log_suite(void);

static LogFollow follow;
static Scroll lines;

static void start(void)
{
    setenv("TZ", "UTC", 1);
    scratch_make();
    ASSERT_OK(log_follow_begin(scratch_folder, &follow));
}

static void stop(void)
{
    log_follow_end(&follow);
    scroll_free(&lines);
    scratch_remove();
}

static void append(const char *name, const char *text)
{
    FILE *file = fopen(scratch_path(name), "a");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void entry(double time, int step, int out, const char *level, const char *text)
{
    char line[512];
    snprintf(line, sizeof line,
             "{\"time\": %.3f, \"step\": %d, \"out\": %d, \"level\": \"%s\", \"text\": \"%s\"}\n", time, step, out,
             level, text);
    append("log.jsonl", line);
}

/* "step level text|..." of all lines */
static void assert_lines(int64_t step, const char *expected)
{
    Buffer all = {0};
    ASSERT_OK(log_follow_read(&follow, step, &lines));
    for (int i = 0; i < lines.count; i++) {
        const ScrollLine *line = scroll_get(&lines, i);
        if (line->stamp.time <= 0) continue; /* a day */
        ASSERT_OK(buffer_printf(&all, "%d %s %s|", (int)line->stamp.step, log_level_names[line->stamp.level],
                                line->text));
    }
    ck_assert_str_eq(all.data ? all.data : "", expected);
    buffer_free(&all);
}

/* --- writing --- */

START_TEST(entries)
{
    RunLog *log;
    json_t *object;
    run_log_put(NULL, LOG_NOTE, 1, "nobody hears this");
    ASSERT_FAILS(run_log_open(scratch_path("nowhere"), &log), STATUS_IO, "log.jsonl");
    ASSERT_OK(run_log_open(scratch_folder, &log));
    run_log_put(log, LOG_EDIT, 1206, "say \"%s\"", "a\nb\xff");
    run_log_put(log, LOG_ERROR, 1207, "%s", "");
    run_log_stamp(log, 1208);
    run_log_close(log);
    run_log_close(NULL);
    char *text = scratch_read(scratch_path("log.jsonl"));
    ASSERT_OK(json_parse("entry", text, strcspn(text, "\n"), &object));
    ck_assert_str_eq(json_string_value(json_object_get(object, "text")), "say \"a\nb\xef\xbf\xbd\"");
    ck_assert_str_eq(json_string_value(json_object_get(object, "level")), "edit");
    ck_assert_int_eq(json_integer_value(json_object_get(object, "step")), 1206);
    ck_assert(json_number_value(json_object_get(object, "time")) > 1.5e9);
    ck_assert_ptr_null(json_object_get(object, "out")); /* what this process prints goes elsewhere */
    json_decref(object);
    memory_free(text);
    assert_lines(9, "1206 edit say \"a|1206 edit b\xef\xbf\xbd\"|1207 error |");
}
END_TEST

/* A process that prints into log.txt. */
START_TEST(printed_between_entries)
{
    RunLog *log;
    int file = open(scratch_path("log.txt"), O_RDWR | O_CREAT | O_APPEND, 0666), before = dup(STDOUT_FILENO);
    ASSERT_OK(run_log_open(scratch_folder, &log));
    fflush(stdout);
    dup2(file, STDOUT_FILENO);
    puts("building");
    run_log_put(log, LOG_NOTE, 0, "training begins");
    puts("a library's word");
    run_log_put(log, LOG_NOTE, 5, "valid  mlm 1.63");
    puts("valid  mlm 1.63"); /* for those who read log.txt; not twice in the log */
    puts("and another");
    run_log_stamp(log, 6); /* too early: the last entry was just now */
    fflush(stdout);
    dup2(before, STDOUT_FILENO);
    close(before);
    close(file);
    run_log_close(log);
    assert_lines(7, "0 printed building|0 note training begins|5 printed a library's word|5 note valid  mlm 1.63|"
                    "7 printed and another|");
    ck_assert_str_eq(follow.evaluation, "valid  mlm 1.63");
}
END_TEST

/* --- reading --- */

START_TEST(as_it_comes)
{
    assert_lines(0, "");
    append("log.txt", "half a ");
    assert_lines(1, "");
    append("log.txt", "line\nbar 1\rbar 2\r\n");
    assert_lines(2, "2 printed half a line|2 printed bar 2|");
    entry(1.7e9, 3, 0, "edit", "run.x = 1");
    append("log.jsonl", "{\"time\": 1, \"st");
    assert_lines(3, "2 printed half a line|2 printed bar 2|3 edit run.x = 1|");
    append("log.jsonl", "ep\": no JSON\n[]\n{}\n\n{\"text\": 7}\n");
    entry(1.7e9, 4, 1 << 20, "no such level", "odd");
    assert_lines(4, "2 printed half a line|2 printed bar 2|3 edit run.x = 1|4 note odd|");
}
END_TEST

/* What leaving prints: not the evaluation of a state that was undone. */
START_TEST(evaluations_that_were_undone)
{
    entry(1.7e9, 400, 0, "note", "valid  mlm 2.0");
    entry(1.7e9, 800, 0, "note", "valid  mlm 1.0");
    entry(1.7e9, 850, 0, "edit", "run.x = 1");
    ASSERT_OK(log_follow_read(&follow, 850, &lines));
    ck_assert_str_eq(follow.evaluation, "valid  mlm 1.0");
    entry(1.7e9, 700, 0, "edit", "at 700, before run.x = 1");
    ASSERT_OK(log_follow_read(&follow, 700, &lines));
    ck_assert_str_eq(follow.evaluation, "");
    entry(1.7e9, 800, 0, "note", "valid  mlm 1.5");
    ASSERT_OK(log_follow_read(&follow, 800, &lines));
    ck_assert_str_eq(follow.evaluation, "valid  mlm 1.5");
}
END_TEST

/* A line is kept in its place where a new day begins. */
START_TEST(days)
{
    entry(1700000000, 1, 0, "note", "one"); /* 2023-11-14 */
    entry(1700000001, 2, 0, "note", "two");
    entry(1700090000, 3, 0, "note", "three");
    ASSERT_OK(log_follow_read(&follow, 3, &lines));
    ck_assert_int_eq(lines.count, 5);
    ck_assert_str_eq(scroll_get(&lines, 0)->text, "--- 2023-11-14 ---");
    ck_assert_str_eq(scroll_get(&lines, 3)->text, "--- 2023-11-15 ---");
}
END_TEST

/* Of long files the end is read, from a line's beginning on. */
START_TEST(long_files)
{
    FILE *file = fopen(scratch_path("log.txt"), "w");
    for (int i = 0; i < 200000; i++) fprintf(file, "line %d of a library that talks a lot\n", i);
    fclose(file);
    ASSERT_OK(log_follow_read(&follow, 1, &lines));
    ck_assert_int_eq(lines.count, SCROLL_LINES);
    ck_assert_str_eq(scroll_get(&lines, SCROLL_LINES - 1)->text, "line 199999 of a library that talks a lot");
    for (int i = 0; i < lines.count; i += 100)
        ck_assert_int_eq(strncmp(scroll_get(&lines, i)->text, "line ", 5), 0);
    ck_assert_uint_lt(lines.begun, 100000);
}
END_TEST

START_TEST(hostile_bytes)
{
    Random random = random_stream(random_key(3, "log"));
    entry(1.7e9, 3, 0, "edit", "run.x = 1");
    for (int turn = 0; turn < 300; turn++) {
        char bytes[200];
        size_t length = random_below(&random, sizeof bytes);
        for (size_t i = 0; i < length; i++) bytes[i] = (char)random_u32(&random);
        FILE *file = fopen(scratch_path(turn % 2 ? "log.txt" : "log.jsonl"), "a");
        fwrite(bytes, 1, length, file);
        fclose(file);
        if (turn % 3 == 0) append("log.jsonl", "\n");
        if (turn % 7 == 0) entry(random_u32(&random), turn, (int)random_u32(&random), "note", "x");
        ASSERT_OK(log_follow_read(&follow, turn % 5 - 1, &lines));
    }
}
END_TEST

Suite *run_log_suite(void)
{
    Suite *suite = suite_create("run_log");
    TCase *cases = tcase_create("run_log");
    tcase_add_checked_fixture(cases, start, stop);
    tcase_add_test(cases, entries);
    tcase_add_test(cases, printed_between_entries);
    tcase_add_test(cases, evaluations_that_were_undone);
    tcase_add_test(cases, as_it_comes);
    tcase_add_test(cases, days);
    tcase_add_test(cases, long_files);
    tcase_add_test(cases, hostile_bytes);
    suite_add_tcase(suite, cases);
    return suite;
}
