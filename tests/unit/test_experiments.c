/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What experiments are judged by: assertions, early stopping, where overfitting began. */
#include "engine/train/early_stopping.h"
#include "scripts/host.h"
#include "tests/unit/scratch.h"

#include <math.h>
#include <stdarg.h>

Suite *experiments_suite(void);

static Status run(const char *text)
{
    Host *host;
    ASSERT_OK(host_new(NULL, &host));
    Status status = host_run(host, text, strlen(text), "@test", 0);
    host_free(host);
    return status;
}

static Status run_file(const char *text)
{
    Host *host;
    char path[512];
    snprintf(path, sizeof path, "%s", scratch_path("script.lua"));
    scratch_write(path, text, strlen(text));
    ASSERT_OK(host_new(NULL, &host));
    Status status = host_load_file(host, path);
    if (status == STATUS_OK) status = host_call(host, 0, 0);
    host_free(host);
    return status;
}

START_TEST(expectations_hold_or_say_why)
{
    size_t before = memory_in_use();
    ASSERT_OK(run("expect(1):below(2):above(0):near(1.0000001, 1e-3):equal(1)"));
    ASSERT_OK(run("expect({1, {a = 2}}):equal({1, {a = 2}}); expect('x'):equal('x'); expect(nil):equal(nil)"));
    ASSERT_OK(run("expect(tensor(1.5)):above(1); expect(1/0):near(1/0, 0)"));
    ASSERT_FAILS(run("expect(2.5):below(2)"), STATUS_LUA, "it is 2.5, which is not below 2");
    ASSERT_FAILS(run("expect(0/0):below(2)"), STATUS_LUA, "nan, which is not below 2");
    ASSERT_FAILS(run("expect(0/0):above(2)"), STATUS_LUA, "nan, which is not above 2");
    ASSERT_FAILS(run("expect(1):near(2, 0.5)"), STATUS_LUA, "which differs from 2 by 1, more than 0.5");
    ASSERT_FAILS(run("expect(0/0):near(0/0, 1)"), STATUS_LUA, "more than 1");
    ASSERT_FAILS(run("expect({1, 2}):equal({1, 3})"), STATUS_LUA, "not {1, 3}");
    ASSERT_FAILS(run("expect('x'):below(2)"), STATUS_LUA, "must be a number; got a string");
    ASSERT_FAILS(run("expect(1):bellow(2)"), STATUS_LUA, "did you mean 'below'?");
    ASSERT_FAILS(run("expect()"), STATUS_LUA, "expect takes a value");
    ASSERT_FAILS(run_file("local loss = 2.31\n\nexpect(loss):below(2)\n"), STATUS_LUA,
                 "script.lua:3: expect(loss):below(2): loss is 2.31, which is not below 2");
    ASSERT_FAILS(run_file("local t = {a = 1}\nexpect(t.a):above(0) expect(t['a'] + f(1)):equal(2)\n"), STATUS_LUA,
                 "script.lua:2");
    ck_assert_uint_eq(memory_in_use(), before);
}
END_TEST

/* --- evaluations --- */

/* valid at each tenth step, and a training loss at each step that falls when 'falls'. */
static MetricsStore *stored(const double *valid, int count, bool falls)
{
    char path[512];
    MetricsWriter *writer;
    MetricsStore *store;
    snprintf(path, sizeof path, "%s", scratch_path("m"));
    remove(path);
    ASSERT_OK(metrics_writer_open(path, &writer));
    for (int64_t step = 1; step <= 10 * count; step++) {
        double loss = falls ? 5 - 1e-3 * (double)step : 5 + 1e-3 * (double)step;
        ASSERT_OK(metrics_writer_put(writer, step, &(MetricsValue){"loss.mlm", loss}, 1));
        if (step % 10 == 0)
            ASSERT_OK(metrics_writer_put(writer, step, &(MetricsValue){"valid.mlm", valid[step / 10 - 1]}, 1));
    }
    metrics_writer_close(writer);
    ASSERT_OK(metrics_open(path, &store));
    return store;
}

typedef struct Judged {
    double values[8];
    int64_t patience, best, since;
    double min_delta;
    bool stop;
    const char *metric;
} Judged;

#define NO_NUMBER __builtin_nan("")
static const Judged judged[] = {
    {{5, 4, 3, 2, 1, 0.5, 0.4, 0.3}, 2, 80, 0, 0, false, "valid.mlm"},
    {{5, 4, 3, 3.1, 3.2, 3.05, 3.01, 3}, 5, 30, 5, 0, true, "valid.mlm"},
    {{5, 4, 3, 3.1, 3.2, 3.05, 3.01, 2.9}, 5, 80, 0, 0, false, "valid.mlm"},
    {{5, 4, 3, 3.1, 3.2, 3.05, 3.01, 2.9}, 5, 30, 5, 0.2, true, "valid.mlm"},
    {{5, 4, NO_NUMBER, NO_NUMBER, NO_NUMBER, 4.5, 4.5, 4.1}, 6, 20, 6, 0, true, "valid.mlm"},
    {{NO_NUMBER, 4, 3, 2, 1, 1, 1, 1}, 3, 50, 3, 0, true, "valid.mlm"},
    {{NO_NUMBER, NO_NUMBER, NO_NUMBER, NO_NUMBER, NO_NUMBER, NO_NUMBER, NO_NUMBER, NO_NUMBER},
     8,
     -1,
     8,
     0,
     true,
     "valid.mlm"},
    {{5, 4, 3, 3.1, 3.2, 3.05, 3.01, 3}, 1, -1, 0, 0, false, "valid.none"},
};

START_TEST(a_run_stops_when_nothing_improves)
{
    const Judged *one = &judged[_i];
    EarlyStopping options = {.patience = one->patience, .min_delta = one->min_delta};
    EarlyStop out;
    MetricsStore *store = stored(one->values, 8, true);
    strcpy(options.metric, one->metric);
    ASSERT_OK(early_stop(store, &options, 80, &out));
    ck_assert_int_eq(out.stop, one->stop);
    ck_assert_int_eq(out.best_step, one->best);
    ck_assert_int_eq(out.since, one->since);
    ASSERT_OK(early_stop(store, &options, 15, &out)); /* as of then */
    ck_assert(strcmp(one->metric, "valid.mlm") != 0 || out.last_step == 10);
    metrics_close(store);
    ck_assert(metric_rises("valid.mlm.accuracy") && !metric_rises("valid.mlm") && !metric_rises("acc"));
}
END_TEST

START_TEST(overfitting_is_where_held_out_loss_rose)
{
    static const double rises[] = {5, 4, 3, 3.2, 3.3, 3.4}, wavers[] = {5, 4, 3, 3.2, 3.3, 3.01};
    Overfitting out;
    for (int falls = 0; falls < 2; falls++) {
        MetricsStore *store = stored(rises, 6, falls);
        ASSERT_OK(find_overfitting(store, "valid.mlm", "loss.mlm", 60, &out));
        ck_assert_int_eq(out.found, falls);
        if (falls) ck_assert(out.step == 30 && out.valid_best == 3 && out.valid_last == 3.4);
        ASSERT_OK(find_overfitting(store, "valid.mlm", "loss.mlm", 50, &out));
        ck_assert(!out.found); /* too early to say */
        ASSERT_OK(find_overfitting(store, "valid.none", "loss.mlm", 60, &out));
        ck_assert(!out.found);
        metrics_close(store);
    }
    MetricsStore *store = stored(wavers, 6, true);
    ASSERT_OK(find_overfitting(store, "valid.mlm", "loss.mlm", 60, &out));
    ck_assert(!out.found);
    metrics_close(store);
}
END_TEST

Suite *experiments_suite(void)
{
    Suite *suite = suite_create("experiments");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, scratch_make, scratch_remove);
    tcase_add_test(cases, expectations_hold_or_say_why);
    tcase_add_loop_test(cases, a_run_stops_when_nothing_improves, 0, sizeof judged / sizeof *judged);
    tcase_add_test(cases, overfitting_is_where_held_out_loss_rose);
    suite_add_tcase(suite, cases);
    return suite;
}
