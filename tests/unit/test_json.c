/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/random.h"
#include "engine/io/json.h"
#include "tests/unit/scratch.h"

#include <math.h>

Suite *json_suite(void);

static void assert_printed(const char *text, int indent, const char *expected)
{
    json_t *value;
    Buffer out = {0};
    ASSERT_OK(json_parse("text", text, strlen(text), &value));
    ASSERT_OK(json_print(value, indent, &out));
    ck_assert_str_eq(out.data, expected);
    buffer_free(&out);
    json_decref(value);
}

START_TEST(values_are_printed_in_their_order)
{
    assert_printed("{\"b\":1,\"a\":[1,2.5,null],\"c\":{}}", 0, "{\"b\": 1, \"a\": [1, 2.5, null], \"c\": {}}");
    assert_printed("{\"b\":true,\"a\":[[1],[]]}", 2, "{\n  \"b\": true,\n  \"a\": [\n    [1],\n    []\n  ]\n}");
    assert_printed("[]", 2, "[]");
    assert_printed("\"\\u0001\\n\\\"\\\\\\u00e9\\ud83d\\ude00\"", 0,
                   "\"\\u0001\\n\\\"\\\\\xc3\xa9\xf0\x9f\x98\x80\"");
    assert_printed("[0.1, 1e300, -0.0, 3.0, 1e22]", 0, "[0.1, 1e+300, -0.0, 3.0, 1e+22]");
}
END_TEST

START_TEST(texts_that_are_not_utf8_are_mended)
{
    static const char *const cases[][2] = {{"a\xff"
                                            "b",
                                            "\"a\xef\xbf\xbd"
                                            "b\""},
                                           {"\xc3\xa9", "\"\xc3\xa9\""},
                                           {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
                                           {"\xe0\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
                                           {"\xf0\x9f\x98", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
                                           {"\xe2\x82\xac\xf4\x8f\xbf\xbf", "\"\xe2\x82\xac\xf4\x8f\xbf\xbf\""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Buffer out = {0};
        ASSERT_OK(json_print_text(cases[i][0], strlen(cases[i][0]), &out));
        ck_assert_str_eq(out.data, cases[i][1]);
        json_t *value;
        ASSERT_OK(json_parse("text", out.data, out.length, &value));
        json_decref(value);
        buffer_free(&out);
    }
}
END_TEST

START_TEST(numbers_read_back_the_same)
{
    Random random = random_stream(random_key(1, "json"));
    Buffer out = {0};
    for (int i = 0; i < 20000; i++) {
        uint64_t word = random_u64(&random);
        double value;
        float single;
        uint32_t half = (uint32_t)(word >> 7);
        memcpy(&value, &word, sizeof value);
        memcpy(&single, &half, sizeof single);
        if (!isfinite(value) || !isfinite(single)) continue;
        buffer_clear(&out);
        ASSERT_OK(json_print_number(value, &out));
        ck_assert(strtod(out.data, NULL) == value);
        buffer_clear(&out);
        ASSERT_OK(json_print_float(single, &out));
        ck_assert(strtof(out.data, NULL) == single);
    }
    buffer_clear(&out);
    ASSERT_OK(json_print_float(0.1f, &out));
    ASSERT_OK(json_print_number((double)NAN, &out));
    ASSERT_OK(json_print_float(-INFINITY, &out));
    ck_assert_str_eq(out.data, "0.1\"NaN\"\"-Infinity\"");
    buffer_free(&out);
}
END_TEST

START_TEST(errors_name_line_and_column)
{
    static const char *const cases[][2] = {
        {"{\n  \"a\": 1,\n  \"a\": 2}", "f.json: line 3, column 5: duplicate object key"},
        {"{\"a\": 1", "f.json: line 1, column 7"},
        {"{\"a\": 1} x", "f.json: line 1, column 10: end of file expected"},
        {"[1,]", "f.json: line 1"},
        {"[01]", "f.json: line 1"},
        {"[NaN]", "f.json: line 1, column 4: invalid token"},
        {"[1e999]", "real number overflow"},
        {"[99999999999999999999]", "too big integer"},
        {"\"\xff\"", "unable to decode byte 0xff"},
        {"\"a\\u0000\"", "\\u0000"},
        {"", "f.json: line 1"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *value;
        ASSERT_FAILS(json_parse("f.json", cases[i][0], strlen(cases[i][0]), &value), STATUS_FORMAT, cases[i][1]);
    }
}
END_TEST

START_TEST(deep_nesting_is_refused)
{
    char *deep = malloc(1000000);
    memset(deep, '[', 1000000);
    json_t *value;
    ASSERT_FAILS(json_parse("f.json", deep, 1000000, &value), STATUS_FORMAT, "maximum parsing depth");
    free(deep);
}
END_TEST

START_TEST(members_are_checked)
{
    static const char text[] = "{\"i\":7,\"r\":1.5,\"s\":\"x\",\"t\":true,\"n\":null,\"nan\":\"NaN\",\"o\":{}}";
    json_t *object, *member;
    int64_t i = -1;
    double r = 0;
    const char *s;
    bool t;
    ASSERT_OK(json_parse("f.json", text, strlen(text), &object));
    ASSERT_OK(json_member_integer("f.json", object, "i", 0, 7, &i));
    ck_assert_int_eq(i, 7);
    ASSERT_OK(json_member_number("f.json", object, "r", &r));
    ck_assert(r == 1.5);
    ASSERT_OK(json_member_number("f.json", object, "i", &r));
    ck_assert(r == 7);
    ASSERT_OK(json_member_number("f.json", object, "nan", &r));
    ck_assert(isnan(r));
    ASSERT_OK(json_member_text("f.json", object, "s", &s));
    ck_assert_str_eq(s, "x");
    ASSERT_OK(json_member_boolean("f.json", object, "t", &t));
    ck_assert(t);
    ASSERT_OK(json_member("f.json", object, "o", JSON_OBJECT, &member));
    ASSERT_FAILS(json_member_text("f.json", object, "z", &s), STATUS_FORMAT, "f.json: 'z' is missing");
    ASSERT_FAILS(json_member_text("f.json", object, "i", &s), STATUS_FORMAT,
                 "f.json: 'i' is an integer, a string was expected");
    ASSERT_FAILS(json_member_integer("f.json", object, "r", 0, 9, &i), STATUS_FORMAT, "'r' is a real number");
    ASSERT_FAILS(json_member_integer("f.json", object, "i", 8, 9, &i), STATUS_FORMAT,
                 "7, which is not from 8 to 9");
    ASSERT_FAILS(json_member_number("f.json", object, "s", &r), STATUS_FORMAT, "'s' is a string, a number");
    ASSERT_FAILS(json_member_boolean("f.json", object, "n", &t), STATUS_FORMAT, "'n' is null, true or false");
    ASSERT_FAILS(json_member_text("f.json", member, "z", &s), STATUS_FORMAT, "'z' is missing");
    ASSERT_FAILS(json_member_text("f.json", json_object_get(object, "i"), "z", &s), STATUS_FORMAT,
                 "f.json: is an integer where an object with 'z' was expected");
    json_decref(object);
}
END_TEST

static Status make_and_write(const char *path)
{
    json_t *object = NULL, *list = NULL;
    TRY(json_new_object(&object));
    Status status = json_set_text(object, "name", "l\xc3\xa4the");
    if (status == STATUS_OK) status = json_set_integer(object, "seed", -3);
    if (status == STATUS_OK) status = json_set_number(object, "lr", 0.001);
    if (status == STATUS_OK) status = json_set_number(object, "loss", (double)INFINITY);
    if (status == STATUS_OK) status = json_set_boolean(object, "resume", false);
    if (status == STATUS_OK) status = json_new_array(&list);
    if (status == STATUS_OK) status = json_set(object, "list", list);
    if (status == STATUS_OK) status = json_append(list, json_integer(1));
    if (status == STATUS_OK) status = json_write(path, object);
    json_decref(object);
    return status;
}

START_TEST(made_values_are_written)
{
    const char *path = scratch_path("made.json");
    ASSERT_OK(make_and_write(path));
    scratch_assert_text(path, "{\n  \"name\": \"l\xc3\xa4the\",\n  \"seed\": -3,\n  \"lr\": 0.001,\n"
                              "  \"loss\": \"Infinity\",\n  \"resume\": false,\n  \"list\": [1]\n}\n");
    json_t *object;
    ASSERT_OK(json_new_object(&object));
    ASSERT_FAILS(json_set_text(object, "bad", "\xff"), STATUS_INVALID, "not valid UTF-8");
    json_decref(object);
    ASSERT_FAILS(json_read(path, 10, &object), STATUS_FORMAT, "larger than the 10 bytes");
}
END_TEST

START_TEST(failed_allocations_are_told)
{
    const char *path = scratch_path("made.json");
    size_t before = memory_in_use();
    Status status = STATUS_NOMEM;
    uint64_t n = 0;
    for (; status != STATUS_OK; n++) {
        memory_fail_after(n + 1, 0);
        status = make_and_write(path);
        memory_fail_after(0, 0);
        ck_assert_msg(status == STATUS_OK || status == STATUS_NOMEM, "%s", status_message());
        ck_assert_uint_eq(memory_in_use(), before);
    }
    ck_assert_uint_gt(n, 20);
    json_t *value;
    for (n = 0, status = STATUS_NOMEM; status != STATUS_OK; n++) {
        memory_fail_after(n + 1, 0);
        status = json_read(path, 0, &value);
        memory_fail_after(0, 0);
        ck_assert_msg(status == STATUS_OK || status == STATUS_NOMEM, "%s", status_message());
        if (status == STATUS_OK) json_decref(value);
        ck_assert_uint_eq(memory_in_use(), before);
    }
    ck_assert_uint_gt(n, 10);
}
END_TEST

Suite *json_suite(void)
{
    Suite *suite = suite_create("json");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, scratch_make, scratch_remove);
    tcase_add_test(cases, values_are_printed_in_their_order);
    tcase_add_test(cases, texts_that_are_not_utf8_are_mended);
    tcase_add_test(cases, numbers_read_back_the_same);
    tcase_add_test(cases, errors_name_line_and_column);
    tcase_add_test(cases, deep_nesting_is_refused);
    tcase_add_test(cases, members_are_checked);
    tcase_add_test(cases, made_values_are_written);
    tcase_add_test(cases, failed_allocations_are_told);
    suite_add_tcase(suite, cases);
    return suite;
}
