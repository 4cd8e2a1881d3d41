/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/threads.h"
#include "engine/io/metadata.h"
#include "tests/unit/scratch.h"

Suite *metadata_suite(void);

START_TEST(it_names_what_decides_the_bits)
{
    json_t *now, *part, *blas;
    const char *text;
    int64_t number;
    ASSERT_OK(metadata_json(&now));
    ASSERT_OK(json_member_text("now", now, "lathe", &text));
    ck_assert_str_eq(text, PACKAGE_VERSION);
    ASSERT_OK(json_member("now", now, "libraries", JSON_OBJECT, &part));
    ASSERT_OK(json_member("now", part, "openblas", JSON_OBJECT, &blas));
    ASSERT_OK(json_member_text("now", blas, "config", &text));
    ck_assert_ptr_nonnull(strstr(text, "OpenBLAS"));
    ASSERT_OK(json_member_text("now", blas, "core", &text));
    ck_assert_uint_gt(strlen(text), 2);
    ASSERT_OK(json_member_text("now", part, "jansson", &text));
    ck_assert_str_eq(text, jansson_version_str());
    ASSERT_OK(json_member("now", now, "cpu", JSON_OBJECT, &part));
    ASSERT_OK(json_member_text("now", part, "name", &text));
    ck_assert_uint_gt(strlen(text), 2);
    ASSERT_OK(json_member_text("now", part, "vector_level", &text));
    ck_assert(strcmp(text, "AVX-512") == 0 || strcmp(text, "AVX2") == 0 || strcmp(text, "baseline") == 0);
    ASSERT_OK(json_member_integer("now", now, "threads", 1, THREADS_MAX, &number));
    ck_assert_int_eq(number, threads_count());
    json_decref(now);
}
END_TEST

START_TEST(differences_are_named)
{
    json_t *then, *now, *blas;
    Buffer words = {0};
    ASSERT_OK(metadata_json(&then));
    ASSERT_OK(metadata_json(&now));
    ASSERT_OK(metadata_differences(then, now, &words));
    ck_assert_uint_eq(words.length, 0);
    blas = json_object_get(json_object_get(then, "libraries"), "openblas");
    ASSERT_OK(json_set_text(blas, "core", "Prescott"));
    ASSERT_OK(json_set_integer(then, "threads", 77));
    ASSERT_OK(json_set_integer(then, "compiler", 3));
    ASSERT_OK(metadata_differences(then, now, &words));
    ck_assert_ptr_nonnull(strstr(words.data, "OpenBLAS' core was Prescott, now "));
    ck_assert_uint_eq(strcspn(words.data, "\n"), words.length - 1);
    buffer_free(&words);
    json_decref(then);
    json_decref(now);
}
END_TEST

START_TEST(failed_allocations_are_told)
{
    size_t before = memory_in_use();
    uint64_t n = 0;
    Status status = STATUS_NOMEM;
    while (status != STATUS_OK) {
        json_t *now;
        memory_fail_after(++n, 0);
        status = metadata_json(&now);
        memory_fail_after(0, 0);
        ck_assert_msg(status == STATUS_OK || status == STATUS_NOMEM, "%s", status_message());
        if (status == STATUS_OK) json_decref(now);
        ck_assert_uint_eq(memory_in_use(), before);
    }
    ck_assert_uint_gt(n, 30);
}
END_TEST

Suite *metadata_suite(void)
{
    Suite *suite = suite_create("metadata");
    TCase *cases = tcase_create("all");
    tcase_add_test(cases, it_names_what_decides_the_bits);
    tcase_add_test(cases, differences_are_named);
    tcase_add_test(cases, failed_allocations_are_told);
    suite_add_tcase(suite, cases);
    return suite;
}
