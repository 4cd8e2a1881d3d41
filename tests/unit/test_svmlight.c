/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sparse rows from files of SVM-light's format, and files that are not what they should be. */
#include "datasets/svmlight.h"
#include "tests/unit/scratch.h"
#include "tests/unit/skip.h"

Suite *svmlight_suite(void);

static Status read_with(const char *options, const char *text, Source **train, Source **valid)
{
    SvmlightConfig config;
    char key[64], value[64];
    memset(&config, 0, sizeof config);
    option_defaults(svmlight_options, &config);
    for (int used; options && sscanf(options, " %63[^=]=%63s%n", key, value, &used) == 2; options += used)
        TRY(option_set_text(svmlight_options, &config, "svmlight", key, value));
    if (text) scratch_write(scratch_path("a.svmlight"), text, strlen(text));
    return svmlight_read(scratch_path(text ? "a.svmlight" : "missing"), &config, train, valid);
}

/* "class: row|class: row" of the first batch; x where there are no labels. */
static void expect(const char *options, const char *text, const char *expected)
{
    Source *train, *valid;
    Batch batch = {0};
    Cursor cursor = {0};
    Buffer is = {0};
    ASSERT_OK(read_with(options, text, &train, &valid));
    ck_assert_ptr_null(valid);
    ASSERT_OK(train->type->next(train, NULL, &cursor, &batch));
    Tensor *features = batch_find(&batch, "features"), *labels = batch_find(&batch, "labels");
    int64_t width = features->shape[1];
    for (int64_t i = 0; i < batch.size; i++) {
        ASSERT_OK(labels ? buffer_printf(&is, "%s%d:", i ? "|" : "", TENSOR_I32(labels)[i])
                         : buffer_printf(&is, "%sx:", i ? "|" : ""));
        for (int64_t f = 0; f < width; f++)
            ASSERT_OK(buffer_printf(&is, " %.4g", tensor_get(features, i * width + f)));
    }
    ck_assert_str_eq(is.data, expected);
    buffer_free(&is);
    batch_clear(&batch);
    source_unref(train);
}

static const char sound[] = "1 0:2 3:0.5 # a comment\n\n-1\t1:1e2\r\n# nothing\n1 qid:7 2:-3";

START_TEST(reads)
{
    expect("shuffle=false", sound, "1: 2 0 0 0.5|0: 0 100 0 0|1: 0 0 -3 0");
    expect("shuffle=false features=5 labels=1,-1", sound, "0: 2 0 0 0.5 0|1: 0 100 0 0 0|0: 0 0 -3 0 0");
    expect("shuffle=false values=binary", sound, "1: 1 0 0 1|0: 0 1 0 0|1: 0 0 0 0");
    expect("shuffle=false values=log", "3 0:1\n2 1:0", "1: 0.6931 0|0: 0 0");
    expect("shuffle=false first_index=1 batch_size=1", "0 1:1 2:2\n0 1:3", "0: 1 2");
    expect("shuffle=false labels=none", "what 0:1\nnan 0:2", "x: 1|x: 2");
    expect(NULL, "1", "0: 0");
}
END_TEST

START_TEST(refuses)
{
    static const struct {
        const char *options, *text, *words;
    } cases[] = {
        {NULL, "", "empty"},
        {NULL, "\n # only\n", "has no example"},
        {NULL, "1 0:1\nx 0:1", "line 2: label 'x' is not a finite number"},
        {NULL, "nan 0:1", "label 'nan'"},
        {NULL, "1 0:inf", "value 'inf'"},
        {NULL, "1 0:1e999", "value '1e999'"},
        {NULL, "1 0:1e39", "too large"},
        {NULL, "1 0:", "value ''"},
        {NULL, "1 0x1:1", "index '0x1'"},
        {NULL, "1 -1:1", "index '-1'"},
        {NULL, "1 99999999999999999999:1", "is not one of 0 to"},
        {"first_index=1", "1 0:1", "index '0' is not one of 1 to"},
        {"features=3", "1 3:1", "index '3' is not one of 0 to 2"},
        {NULL, "1 5:1 5:1", "index 5 stands behind 5"},
        {NULL, "1 5:1 4:1", "line 1: index 4 stands behind 5"},
        {NULL, "1 5", "'5' is no index:value"},
        {NULL, "1,2 0:1", "label '1,2'"},
        {NULL, "1 0:0x10", "value '0x10'"},
        {"values=log", "1 0:-1", "log(1 + x)"},
        {"labels=1,-1", "1 0:1\n2 0:1", "example 1: label 2 is not one of 'labels'"},
        {"labels=1;2", "1 0:1", "commas"},
        {"valid=0.1", "1 0:1", "held out"},
    };
    size_t before = memory_in_use();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Source *train = NULL, *valid = NULL;
        Status status = read_with(cases[i].options, cases[i].text, &train, &valid);
        ck_assert_msg(status == STATUS_FORMAT || status == STATUS_INVALID || status == STATUS_IO, "case %d: %s",
                      (int)i, status_name(status));
        ck_assert_msg(strstr(status_message(), cases[i].words) != NULL, "'%s' is not in: %s", cases[i].words,
                      status_message());
        ck_assert_uint_eq(memory_in_use(), before);
    }
    Source *train, *valid;
    ASSERT_FAILS(read_with(NULL, NULL, &train, &valid), STATUS_IO, "missing");
}
END_TEST

/* Every example once an epoch, in an order that depends on seed and epoch only. */
START_TEST(epochs)
{
    Buffer text = {0};
    Source *train, *valid;
    Cursor cursor = {.seed = 3};
    int seen[20] = {0}, first[2] = {0};
    for (int i = 0; i < 20; i++) ASSERT_OK(buffer_printf(&text, "%d 0:%d\n", i % 2, i));
    ASSERT_OK(read_with("batch_size=3 valid=0.25 seed=3", text.data, &train, &valid));
    ck_assert_int_eq(train->examples, 15);
    ck_assert_int_eq(valid->examples, 5);
    ck_assert(!hash_equal(train->content, valid->content));
    for (int epoch = 0; epoch < 2; epoch++)
        while (cursor.epoch == epoch) {
            Batch batch;
            bool at_start = cursor.index == 0;
            ASSERT_OK(train->type->next(train, NULL, &cursor, &batch));
            for (int64_t i = 0; i < batch.size; i++) seen[(int)TENSOR_F32(batch_find(&batch, "features"))[i]]++;
            if (at_start) first[epoch] = (int)TENSOR_F32(batch_find(&batch, "features"))[0];
            batch_clear(&batch);
        }
    cursor = (Cursor){.seed = 3};
    while (cursor.epoch < 2) {
        Batch batch;
        ASSERT_OK(valid->type->next(valid, NULL, &cursor, &batch));
        for (int64_t i = 0; i < batch.size; i++) seen[(int)TENSOR_F32(batch_find(&batch, "features"))[i]]++;
        batch_clear(&batch);
    }
    for (int i = 0; i < 20; i++) ck_assert_int_eq(seen[i], 2);
    ck_assert_int_ne(first[0], first[1]);
    source_unref(train);
    source_unref(valid);
    buffer_free(&text);
}
END_TEST

START_TEST(allocation_failures)
{
    size_t before = memory_in_use();
    for (uint64_t n = 1, used = n; used >= n; n++) {
        Source *train, *valid;
        Batch batch = {0};
        Cursor cursor = {0};
        memory_fail_after(n, n % 2 == 0);
        Status status = read_with("valid=0.4 labels=-1,1", sound, &train, &valid);
        if (status == STATUS_OK) {
            status = train->type->next(train, NULL, &cursor, &batch);
            batch_clear(&batch);
            source_unref(train);
            source_unref(valid);
        }
        used = memory_allocations();
        memory_fail_after(0, 0);
        ck_assert(status == STATUS_OK || status == STATUS_NOMEM);
        ck_assert_uint_eq(memory_in_use(), before);
    }
}
END_TEST

START_TEST(real_file)
{
    const char *folder = getenv("LATHE_DATA");
    char path[512];
    SvmlightConfig config;
    Source *train, *valid;
    if (!folder) {
        test_skip("LATHE_DATA is unset");
        return;
    }
    snprintf(path, sizeof path, "%s/amazon-reviews/books_train.svmlight", folder);
    memset(&config, 0, sizeof config);
    option_defaults(svmlight_options, &config);
    config.features = 5000;
    ASSERT_OK(svmlight_read(path, &config, &train, &valid));
    ck_assert_int_eq(train->examples, 2000);
    ck_assert_ptr_nonnull(strstr(train->doc, "5,000 features, 2 classes"));
    source_unref(train);
}
END_TEST

Suite *svmlight_suite(void)
{
    Suite *suite = suite_create("svmlight");
    TCase *tests = tcase_create("svmlight");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, reads);
    tcase_add_test(tests, refuses);
    tcase_add_test(tests, epochs);
    tcase_add_test(tests, allocation_failures);
    tcase_add_test(tests, real_file);
    suite_add_tcase(suite, tests);
    return suite;
}
