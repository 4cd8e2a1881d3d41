/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/memory.h"
#include "engine/base/option.h"
#include "tests/unit/check_more.h"

#include <math.h>

typedef struct Config {
    double rate, momentum, free;
    int64_t size, mode;
    bool nesterov;
    char path[OPTION_TEXT_SIZE];
    OptionInts shape;
} Config;

static const Option table[] = {
    OPTION_NUMBER_FIELD(Config, rate, 0.1, 0, 1, "a rate"),
    {.name = "momentum",
     .kind = OPTION_NUMBER,
     .offset = offsetof(Config, momentum),
     .number = 0.9,
     .min = 0,
     .max = 1,
     .bounded = true,
     .min_open = true,
     .max_open = true},
    {.name = "free", .kind = OPTION_NUMBER, .offset = offsetof(Config, free)},
    OPTION_INT_FIELD(Config, size, 128, 1, 65536, "a size"),
    OPTION_CHOICE_FIELD(Config, mode, "span", "full span whole_word", "a mode"),
    OPTION_BOOLEAN_FIELD(Config, nesterov, true, "a switch"),
    OPTION_TEXT_FIELD(Config, path, "here", "a text"),
    OPTION_INTS_FIELD(Config, shape, "1,-2", "a list"),
    {0},
};

static Config defaults(void)
{
    Config config;
    memset(&config, 0xAA, sizeof config);
    option_defaults(table, &config);
    return config;
}

static Status set(Config *config, const char *name, const char *value)
{
    return option_set_text(table, config, "thing", name, value);
}

START_TEST(defaults_are_set)
{
    Config config = defaults();
    ck_assert_double_eq(config.rate, 0.1);
    ck_assert_double_eq(config.free, 0);
    ck_assert_int_eq(config.size, 128);
    ck_assert_int_eq(config.mode, 1);
    ck_assert(config.nesterov);
    ck_assert_str_eq(config.path, "here");
    ck_assert_int_eq(config.shape.count, 2);
    ck_assert_int_eq(config.shape.values[1], -2);
    ck_assert_uint_eq(option_count(table), 8);
    ck_assert_uint_eq(option_count(NULL), 0);
    ck_assert_ptr_null(option_find(table, "none"));
}
END_TEST

/* Every value that is set as text is printed as the same text. */
START_TEST(values_print_as_they_are_read)
{
    static const char *const cases[][2] = {
        {"rate", "0.25"},      {"rate", "0.1"},      {"rate", "1e-05"},           {"rate", "0.30000000000000004"},
        {"momentum", "0.999"}, {"free", "-1e+30"},   {"size", "65536"},           {"mode", "whole_word"},
        {"nesterov", "false"}, {"nesterov", "true"}, {"path", "a b/c.txt"},       {"path", ""},
        {"shape", "3,-1,0"},   {"shape", ""},        {"shape", "1,2,3,4,5,6,7,8"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Config config = defaults();
        Buffer out = {0};
        ASSERT_OK(set(&config, cases[i][0], cases[i][1]));
        ASSERT_OK(buffer_text(&out, ""));
        ASSERT_OK(option_print(option_find(table, cases[i][0]), &config, &out));
        ck_assert_str_eq(out.data, cases[i][1]);
        buffer_free(&out);
    }
}
END_TEST

START_TEST(wrong_values_are_refused_in_words)
{
    static const char *const cases[][3] = {
        {"rate", "1.5", "thing: rate must be a number in [0, 1]; got 1.5"},
        {"rate", "-0.1", "thing: rate must be a number in [0, 1]; got -0.1"},
        {"rate", "nan", "got nan"},
        {"rate", "inf", "got inf"},
        {"free", "inf", "thing: free must be a number; got inf"},
        {"free", "1e999", "got inf"},
        {"rate", "fast", "thing: rate must be a number in [0, 1]; got 'fast'"},
        {"rate", "0.1x", "got '0.1x'"},
        {"rate", "", "got ''"},
        {"momentum", "0", "thing: momentum must be a number in (0, 1); got 0"},
        {"momentum", "1", "got 1"},
        {"size", "0", "thing: size must be an integer in [1, 65536]; got 0"},
        {"size", "1.5", "got 1.5"},
        {"size", "1e30", "got 1e+30"},
        {"mode", "half", "thing: mode must be one of full, span, whole_word; got 'half'"},
        {"mode", "ful", "got 'ful'"},
        {"nesterov", "yes", "thing: nesterov must be true or false; got 'yes'"},
        {"shape", "1,,2", "thing: shape must be at most 8 integers; got '1,,2'"},
        {"shape", "1,", "got '1,'"},
        {"shape", "1 2", "got '1 2'"},
        {"shape", "1,2,3,4,5,6,7,8,9", "at most 8"},
        {"shape", "99999999999999999999", "got '9999"},
        {"raet", "1", "thing has no option 'raet'; did you mean 'rate'?"},
        {"colour", "1", "thing has no option 'colour'; help(\"thing\") lists its options"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Config config = defaults(), before = config;
        ASSERT_FAILS(set(&config, cases[i][0], cases[i][1]), STATUS_INVALID, cases[i][2]);
        ck_assert_mem_eq(&config, &before, sizeof config);
    }
}
END_TEST

START_TEST(long_texts_are_refused)
{
    char text[OPTION_TEXT_SIZE + 1];
    Config config = defaults();
    memset(text, 'x', sizeof text);
    text[OPTION_TEXT_SIZE] = '\0';
    ASSERT_FAILS(set(&config, "path", text), STATUS_INVALID, "path must be shorter than 1024 bytes; got 1024");
    ck_assert_str_eq(config.path, "here");
    text[OPTION_TEXT_SIZE - 1] = '\0';
    ASSERT_OK(set(&config, "path", text));
    ck_assert_str_eq(config.path, text);
}
END_TEST

START_TEST(typed_setters_check_types)
{
    Config config = defaults();
    OptionInts ints = {2, {5, 6}};
    ASSERT_OK(option_set_number(table, &config, "thing", "rate", 0.5));
    ASSERT_OK(option_set_number(table, &config, "thing", "size", 7));
    ASSERT_OK(option_set_number(table, &config, "thing", "shape", 9));
    ck_assert_int_eq(config.shape.count, 1);
    ck_assert_int_eq(config.shape.values[0], 9);
    ASSERT_OK(option_set_ints(table, &config, "thing", "shape", &ints));
    ck_assert_int_eq(config.shape.values[1], 6);
    ASSERT_OK(option_set_boolean(table, &config, "thing", "nesterov", false));
    ck_assert(!config.nesterov && config.rate == 0.5 && config.size == 7);
    ASSERT_FAILS(option_set_number(table, &config, "thing", "path", 3), STATUS_INVALID, "must be a text; got 3");
    ASSERT_FAILS(option_set_number(table, &config, "thing", "nesterov", 1), STATUS_INVALID, "true or false; got 1");
    ASSERT_FAILS(option_set_boolean(table, &config, "thing", "rate", true), STATUS_INVALID, "got true");
    ASSERT_FAILS(option_set_ints(table, &config, "thing", "rate", &ints), STATUS_INVALID, "got a list");
    ASSERT_FAILS(option_set_boolean(table, &config, "thing", "sise", true), STATUS_INVALID, "did you mean 'size'");
}
END_TEST

START_TEST(ranges_in_words)
{
    static const struct {
        Option option;
        const char *words;
    } cases[] = {
        {{.kind = OPTION_NUMBER, .min = 0, .max = INFINITY, .bounded = true}, "a number of at least 0"},
        {{.kind = OPTION_NUMBER, .min = 0, .max = INFINITY, .bounded = true, .min_open = true}, "a number above 0"},
        {{.kind = OPTION_NUMBER, .min = -INFINITY, .max = 2, .bounded = true}, "a number of at most 2"},
        {{.kind = OPTION_NUMBER, .min = -INFINITY, .max = 2, .bounded = true, .max_open = true},
         "a number below 2"},
        {{.kind = OPTION_NUMBER, .min = -INFINITY, .max = INFINITY, .bounded = true}, "a number"},
        {{.kind = OPTION_NUMBER, .min = 0, .max = 1, .bounded = true, .min_open = true}, "a number in (0, 1]"},
        {{.kind = OPTION_INTEGER, .min = 1, .max = 9e15, .bounded = true}, "an integer of at least 1"},
        {{.kind = OPTION_INTEGER}, "an integer"},
        {{.kind = OPTION_BOOLEAN}, "true or false"},
        {{.kind = OPTION_CHOICE, .choices = "a bc"}, "one of a, bc"},
        {{.kind = OPTION_TEXT}, "a text"},
        {{.kind = OPTION_INTS}, "at most 8 integers"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Buffer out = {0};
        ASSERT_OK(option_describe_range(&cases[i].option, &out));
        ck_assert_str_eq(out.data, cases[i].words);
        buffer_free(&out);
    }
    size_t length;
    ck_assert_ptr_null(option_choice(&cases[9].option, 2, &length));
    ck_assert_ptr_null(option_choice(&cases[9].option, -1, &length));
    ck_assert_ptr_null(option_choice(&cases[0].option, 0, &length));
}
END_TEST

START_TEST(failing_memory_leaks_nothing)
{
    Config config = defaults();
    Status status = STATUS_NOMEM;
    uint64_t n;
    for (n = 1; status == STATUS_NOMEM; n++) {
        memory_fail_after(n, 0);
        status = set(&config, "mode", "half");
        ck_assert_uint_eq(memory_in_use(), 0);
    }
    ck_assert_int_eq(status, STATUS_INVALID);
    ck_assert_uint_gt(n, 2);
}
END_TEST

Suite *option_suite(void);
Suite *option_suite(void)
{
    Suite *suite = suite_create("option");
    TCase *tests = tcase_create("option");
    tcase_add_test(tests, defaults_are_set);
    tcase_add_test(tests, values_print_as_they_are_read);
    tcase_add_test(tests, wrong_values_are_refused_in_words);
    tcase_add_test(tests, long_texts_are_refused);
    tcase_add_test(tests, typed_setters_check_types);
    tcase_add_test(tests, ranges_in_words);
    tcase_add_test(tests, failing_memory_leaks_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}
