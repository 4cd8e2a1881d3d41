/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line: parsing, its errors, and that the stored manual page and completion are what the tables say. */
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "tui/command.h"

#include <check.h>
#include <string.h>

static Status parse(const char *name, Arguments *out, int count, char **words)
{
    return command_parse(command_find(name), count, words, out);
}

START_TEST(options_are_read)
{
    Arguments a;
    char *words[] = {"bert", "--set", "lr=1", "--set=steps=2", "--steps", "7", "--out=x", "--json"};
    ck_assert_int_eq(parse("run", &a, 8, words), STATUS_OK);
    ck_assert_int_eq(a.name_count, 1);
    ck_assert_int_eq(a.set_count, 2);
    ck_assert_str_eq(a.sets[1], "steps=2");
    ck_assert_int_eq(a.steps, 7);
    ck_assert_int_eq(a.seed, -1);
    ck_assert_str_eq(a.out, "x");
    ck_assert(a.json && !a.plain);
}
END_TEST

START_TEST(options_may_be_shortened)
{
    Arguments a;
    ck_assert_int_eq(parse("run", &a, 3, (char *[]){"--th", "3", "--pl"}), STATUS_OK);
    ck_assert_int_eq(a.threads, 3);
    ck_assert(a.plain);
    for (int i = 0; i < command_count; i++) {
        ck_assert_int_eq(parse(commands[i].name, &a, 1, (char *[]){"--version"}), STATUS_OK);
        ck_assert(a.version);
        ck_assert_int_eq(parse(commands[i].name, &a, 1, (char *[]){"--help"}), STATUS_OK);
        ck_assert(a.help);
    }
}
END_TEST

static void refused(const char *command, const char *words_of_error, int count, char **words)
{
    Arguments a;
    ck_assert_int_ne(parse(command, &a, count, words), STATUS_OK);
    ck_assert_msg(strstr(status_message(), words_of_error), "%s", status_message());
}

START_TEST(mistakes_are_named)
{
    refused("run", "did you mean '--steps'", 1, (char *[]){"--stepp=3"});
    refused("run", "--steps takes an integer of at least 1; got 'x'", 2, (char *[]){"--steps", "x"});
    refused("run", "--threads takes an integer of at least 1 and at most 256", 1, (char *[]){"--threads=0"});
    refused("run", "run has no option '--se'", 1, (char *[]){"--se=1"});
    refused("run", "--out takes a value", 1, (char *[]){"--out"});
    refused("run", "--plain takes no value", 1, (char *[]){"--plain=yes"});
    refused("run", "'b' is one too many", 2, (char *[]){"a", "b"});
    refused("eval", "eval takes DIR", 0, (char *[]){NULL});
    refused("eval", "has no option '--seed'", 1, (char *[]){"--seed=1"});
    refused("bench", "options have two dashes", 1, (char *[]){"-x"});
    Arguments a;
    ck_assert_int_eq(parse("bench", &a, 2, (char *[]){"--", "-x"}), STATUS_OK);
    ck_assert_str_eq(a.names[0], "-x");
}
END_TEST

static void same_as_file(const char *path, Status (*make)(Buffer *out))
{
    Buffer made = {0}, stored = {0};
    ck_assert_int_eq(make(&made), STATUS_OK);
    ck_assert_msg(file_read(path, 0, &stored) == STATUS_OK, "%s", status_message());
    ck_assert_msg(strcmp(made.data, stored.data) == 0, "%s is not what the tables say; make it again", path);
    buffer_free(&made);
    buffer_free(&stored);
}

START_TEST(stored_texts_are_true)
{
    same_as_file(LATHE_SOURCE "/doc/lathe.1", command_man_page);
    same_as_file(LATHE_SOURCE "/doc/completion/lathe", command_completion);
}
END_TEST

START_TEST(every_option_belongs_somewhere)
{
    for (const Flag *flag = command_flags; flag->name; flag++) {
        int takers = 0;
        for (int i = 0; i < command_count; i++) takers += command_takes(&commands[i], flag);
        ck_assert_int_gt(takers, 0);
        ck_assert_ptr_nonnull(flag->doc);
    }
}
END_TEST

Suite *command_suite(void);
Suite *command_suite(void)
{
    Suite *suite = suite_create("command");
    TCase *tests = tcase_create("command");
    tcase_add_test(tests, options_are_read);
    tcase_add_test(tests, options_may_be_shortened);
    tcase_add_test(tests, mistakes_are_named);
    tcase_add_test(tests, stored_texts_are_true);
    tcase_add_test(tests, every_option_belongs_somewhere);
    suite_add_tcase(suite, tests);
    return suite;
}
