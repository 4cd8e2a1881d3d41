/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Metrics as columns: what was put comes back, through the pyramid as by hand; cut, torn, hostile and failing
 * files; a reader beside a writer; metrics.store follows metrics.jsonl. */
#include "engine/base/random.h"
#include "engine/io/metrics_internal.h"
#include "engine/io/run_directory.h"
#include "tests/unit/scale.h"
#include "tests/unit/scratch.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

Suite *metrics_store_suite(void);

enum { ROWS = 12000, SPANS = 37 };

/* What the tests put: a loss each step with NaN and infinities here and there, a held-out loss now and then. */
static double loss_at(int64_t step)
{
    if (step % 701 == 0) return (double)NAN;
    if (step % 997 == 0) return step % 2 ? -INFINITY : INFINITY;
    return sin((double)step) * 10 + 1 / (double)step;
}

static size_t values_of(int64_t step, MetricsValue out[3])
{
    out[0] = (MetricsValue){"loss", loss_at(step)};
    out[1] = (MetricsValue){"lr", 1e-3 * (double)step};
    out[2] = (MetricsValue){"valid.mlm", 5 - (double)step / ROWS};
    return step % 500 == 0 ? 3 : 2;
}

static void put_steps(MetricsWriter *writer, int64_t first, int64_t last)
{
    MetricsValue values[3];
    for (int64_t step = first; step <= last; step++)
        ASSERT_OK(metrics_writer_put(writer, step, values, values_of(step, values)));
}

static MetricsStore *opened(const char *path)
{
    MetricsStore *store;
    ASSERT_OK(metrics_open(path, &store));
    return store;
}

/* The span by hand. */
static void assert_span(const MetricsSpan *span, int64_t first, int64_t last)
{
    double min = INFINITY, max = -INFINITY, sum = 0;
    int64_t nans = 0;
    for (int64_t step = first; step <= last; step++) {
        double value = loss_at(step);
        if (isnan(value)) {
            nans++;
            continue;
        }
        min = value < min ? value : min;
        max = value > max ? value : max;
        sum += isfinite(value) ? value : 0;
    }
    ck_assert_int_eq(span->count, last - first + 1);
    ck_assert_int_eq(span->nans, nans);
    ck_assert(span->min == min && span->max == max);
    ck_assert_double_eq_tol(span->sum, sum, 1e-6);
    ck_assert(span->last == loss_at(last) || (isnan(span->last) && isnan(loss_at(last))));
}

static void assert_range(const MetricsStore *store, int64_t first, int64_t last)
{
    MetricsSpan spans[SPANS];
    ASSERT_OK(metrics_range(store, "loss", first, last, SPANS, spans));
    int64_t at = first, all = last - first + 1;
    for (int i = 0; i < SPANS; i++) {
        int64_t steps = all / SPANS + (i < all % SPANS);
        if (steps)
            assert_span(&spans[i], at, at + steps - 1);
        else
            ck_assert_int_eq(spans[i].count, 0);
        at += steps;
    }
}

static void assert_content(const char *path, int64_t rows)
{
    MetricsStore *store = opened(path);
    Random random = random_stream(random_key(1, "ranges"));
    ck_assert_int_eq(metrics_rows(store), rows);
    ck_assert_int_eq(metrics_last_step(store), rows ? rows : -1);
    for (int i = 0; rows && i < 40; i++) {
        int64_t first = 1 + (int64_t)random_below(&random, (uint64_t)rows);
        assert_range(store, first, first + (int64_t)random_below(&random, (uint64_t)(rows - first + 1)));
    }
    if (rows) assert_range(store, 1, rows);
    metrics_close(store);
}

static Status count_valid(void *context, int64_t step, double value)
{
    int64_t *count = context;
    ck_assert_int_eq(step, 500 * ++*count);
    ck_assert_double_eq_tol(value, 5 - (double)step / ROWS, 1e-15);
    return STATUS_OK;
}

START_TEST(what_was_put_comes_back)
{
    const char *path = scratch_path("m");
    MetricsWriter *writer;
    MetricsSpan span;
    int64_t step, count = 0;
    double value;
    ASSERT_OK(metrics_writer_open(path, &writer));
    assert_content(path, 0);
    for (int64_t done = 0; done < ROWS; done += ROWS / 8) { /* a reader opens while the writer is at it */
        put_steps(writer, done + 1, done + ROWS / 8);
        assert_content(path, done + ROWS / 8);
    }
    metrics_writer_close(writer);
    MetricsStore *store = opened(path);
    ck_assert_int_eq(metrics_name_count(store), 3);
    ck_assert_str_eq(metrics_name(store, 2), "valid.mlm");
    ASSERT_OK(metrics_each(store, "valid.mlm", 0, count_valid, &count));
    ck_assert_int_eq(count, ROWS / 500);
    ck_assert(metrics_last(store, "lr", &step, &value) && step == ROWS && value == 1e-3 * ROWS);
    ck_assert(metrics_last(store, "valid.mlm", &step, &value) && step == ROWS);
    ck_assert(!metrics_last(store, "none", &step, &value));
    ASSERT_OK(metrics_range(store, "none", 0, 100, 1, &span));
    ck_assert_int_eq(span.count, 0);
    ASSERT_OK(metrics_range(store, "lr", 0, INT64_MAX, 1, &span));
    ck_assert(span.count == ROWS && span.min == 1e-3 && span.last == 1e-3 * ROWS);
    ASSERT_FAILS(metrics_range(store, "lr", 5, 4, 1, &span), STATUS_INVALID, "are no range");
    ASSERT_FAILS(metrics_range(store, "lr", 0, 4, 0, &span), STATUS_INVALID, "at least 1");
    metrics_close(store);
}
END_TEST

/* The first step at which the sum from 'first' on reaches the level, by hand. */
static int64_t reached(int64_t first, int64_t last, double level)
{
    double sum = 0;
    for (int64_t step = first; step <= last; step++)
        if ((sum += (double)(step % 7)) >= level) return step;
    return INT64_MAX;
}

START_TEST(sums_reach_levels)
{
    enum { LEVELS = 50 };
    const char *path = scratch_path("m");
    static const int64_t ranges[][2] = {{1, ROWS}, {1, 100}, {1, 64}, {65, 128}, {777, 9000}, {ROWS, ROWS}, {3, 3}};
    MetricsWriter *writer;
    double levels[LEVELS];
    int64_t steps[LEVELS];
    ASSERT_OK(metrics_writer_open(path, &writer));
    metrics_writer_hold(writer);
    for (int64_t step = 1; step <= ROWS; step++) {
        MetricsValue values[2] = {{"tokens", (double)(step % 7)}, {"odd", step % 2 ? (double)NAN : 1}};
        ASSERT_OK(metrics_writer_put(writer, step, values, 2));
    }
    ASSERT_OK(metrics_writer_release(writer));
    MetricsStore *store = opened(path);
    ck_assert(!metrics_is_old(store));
    for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++) {
        int64_t first = ranges[r][0], last = ranges[r][1];
        for (int i = 0; i < LEVELS; i++) levels[i] = (double)i * (double)(last - first + 1) * 3.1 / (LEVELS - 2);
        metrics_reach(store, "tokens", first, last, levels, LEVELS, steps);
        ck_assert_int_eq(steps[0], first);
        for (int i = 1; i < LEVELS; i++) ck_assert_int_eq(steps[i], reached(first, last, levels[i]));
    }
    metrics_reach(store, "odd", 1, ROWS, (double[]){0.5, 1.5, ROWS}, 3, steps);
    ck_assert(steps[0] == 2 && steps[1] == 4 && steps[2] == INT64_MAX);
    metrics_reach(store, "none", 5, ROWS, (double[]){-1, 1}, 2, steps);
    ck_assert(steps[0] == 5 && steps[1] == INT64_MAX);
    ASSERT_OK(metrics_writer_cut(writer, 20));
    ck_assert(metrics_is_old(store));
    metrics_close(store);
    metrics_writer_close(writer);
}
END_TEST

/* Rows that are written a chunk at a time are those that are written one at a time. */
START_TEST(held_rows_are_the_same)
{
    char one[512];
    snprintf(one, sizeof one, "%s", scratch_path("one"));
    const char *many = scratch_path("many");
    MetricsWriter *writer;
    for (int held = 0; held < 2; held++) {
        ASSERT_OK(metrics_writer_open(held ? many : one, &writer));
        put_steps(writer, 1, 30);
        if (held) metrics_writer_hold(writer);
        put_steps(writer, 31, 7777);
        ck_assert_int_eq(metrics_writer_last_step(writer), 7777);
        ck_assert(held == (metrics_writer_rows(writer) < 7777));
        if (held) ASSERT_OK(metrics_writer_release(writer));
        put_steps(writer, 7778, ROWS);
        metrics_writer_close(writer);
    }
    Buffer a = {0}, b = {0};
    ASSERT_OK(file_read(one, 0, &a));
    ASSERT_OK(file_read(many, 0, &b));
    ck_assert(a.length == b.length && memcmp(a.data, b.data, a.length) == 0);
    buffer_free(&a);
    buffer_free(&b);
    assert_content(many, ROWS);
}
END_TEST

START_TEST(rows_are_cut_and_go_on)
{
    const char *path = scratch_path("m");
    static const int64_t cuts[] = {ROWS, ROWS - 1, 9000, 8999, 4096, 1000, 129, 128, 64, 63, 1, 0};
    MetricsWriter *writer;
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        ASSERT_OK(metrics_writer_open(path, &writer));
        put_steps(writer, metrics_writer_rows(writer) + 1, ROWS);
        MetricsStore *before = opened(path); /* its map stays whole */
        ASSERT_OK(metrics_writer_cut(writer, cuts[i]));
        ck_assert_int_eq(metrics_writer_rows(writer), cuts[i]);
        ck_assert_int_eq(metrics_writer_last_step(writer), cuts[i] ? cuts[i] : -1);
        assert_content(path, cuts[i]);
        put_steps(writer, cuts[i] + 1, cuts[i] + 70);
        assert_content(path, cuts[i] + 70);
        MetricsSpan span;
        ASSERT_OK(metrics_range(before, "loss", 1, ROWS, 1, &span));
        metrics_close(before);
        ASSERT_OK(metrics_writer_cut(writer, cuts[i]));
        metrics_writer_close(writer);
    }
}
END_TEST

START_TEST(rows_that_do_not_fit_are_refused)
{
    MetricsWriter *writer;
    char text[METRICS_NAME_SIZE + 1];
    memset(text, 'x', METRICS_NAME_SIZE);
    text[METRICS_NAME_SIZE] = '\0';
    ASSERT_OK(metrics_writer_open(scratch_path("m"), &writer));
    put_steps(writer, 1, 3);
    ASSERT_OK(metrics_writer_put(writer, 3, NULL, 0));
    ASSERT_FAILS(metrics_writer_put(writer, 2, NULL, 0), STATUS_INVALID, "metrics of step 2 after those of step 3");
    ASSERT_FAILS(metrics_writer_put(writer, 4, &(MetricsValue){text, 1}, 1), STATUS_INVALID, "1 to 95 bytes");
    ASSERT_FAILS(metrics_writer_put(writer, 4, &(MetricsValue){"a\033b", 1}, 1), STATUS_INVALID, "control");
    ASSERT_FAILS(metrics_writer_put(writer, 4, &(MetricsValue){"", 1}, 1), STATUS_INVALID, "1 to 95 bytes");
    ck_assert_int_eq(metrics_writer_rows(writer), 4);
    metrics_writer_close(writer);
}
END_TEST

/* A child is killed while it writes: what it committed is there, and the writer goes on behind it. */
START_TEST(a_killed_writer_leaves_whole_rows)
{
    const char *path = scratch_path("m");
    MetricsWriter *writer;
    int64_t rows = 0;
    for (int round = 0; round < 5; round++) {
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            MetricsValue values[3];
            if (metrics_writer_open(path, &writer) != STATUS_OK) _exit(1);
            for (int64_t step = metrics_writer_rows(writer) + 1;; step++)
                if (metrics_writer_put(writer, step, values, values_of(step, values)) != STATUS_OK) _exit(1);
        }
        usleep(20000 + 3000 * (unsigned)round);
        kill(child, SIGKILL);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
        ASSERT_OK(metrics_writer_open(path, &writer));
        ck_assert_int_ge(metrics_writer_rows(writer), rows);
        rows = metrics_writer_rows(writer);
        ck_assert_int_eq(metrics_writer_last_step(writer), rows ? rows : -1);
        metrics_writer_close(writer);
        assert_content(path, rows);
    }
    ck_assert_int_gt(rows, 0);
}
END_TEST

/* --- hostile files --- */

static void use(const char *path, size_t before)
{
    MetricsStore *store;
    MetricsSpan spans[SPANS];
    int64_t step, count = 0;
    double value;
    Status status = metrics_open(path, &store);
    if (status != STATUS_OK) {
        ck_assert(strstr(status_message(), path) != NULL);
        ck_assert_uint_eq(memory_in_use(), before);
        return;
    }
    for (int i = 0; i < metrics_name_count(store); i++) {
        const char *name = metrics_name(store, i);
        ASSERT_OK(metrics_range(store, name, 0, INT64_MAX, SPANS, spans));
        ASSERT_OK(metrics_range(store, name, 100, 300, SPANS, spans));
        metrics_last(store, name, &step, &value);
    }
    if (metrics_each(store, "valid.mlm", 0, count_valid, &count) != STATUS_OK) ck_abort();
    ck_assert_int_ge(metrics_last_step(store), INT64_MIN);
    metrics_close(store);
}

START_TEST(hostile_files_are_refused_or_read)
{
    const char *good = scratch_path("good");
    char bad[512];
    snprintf(bad, sizeof bad, "%s", scratch_path("bad"));
    MetricsWriter *writer;
    Buffer sound = {0};
    ASSERT_OK(metrics_writer_open(good, &writer));
    put_steps(writer, 1, 400); /* no held-out values: mutated steps would fail count_valid() */
    metrics_writer_close(writer);
    ASSERT_OK(file_read(good, 0, &sound));
    Random random = random_stream(random_key(1, "hostile"));
    size_t before = memory_in_use();
    int rounds = at_full_scale() ? 20000 : 600;
    for (int round = 0; round < rounds; round++) {
        char *bytes;
        ASSERT_OK(memory_copy_bytes(sound.data, sound.length, &bytes));
        size_t size = round % 3 ? sound.length : random_below(&random, sound.length) + 1;
        for (uint64_t n = 1 + random_below(&random, 4); n > 0; n--) {
            /* mostly where sizes are: the header and those of the first chunks */
            size_t at = random_below(&random, round % 2 ? 160 : size);
            if (at < size) bytes[at] = (char)random_below(&random, 256);
        }
        scratch_write(bad, bytes, size);
        memory_free(bytes);
        use(bad, before);
        /* a writer refuses it or goes on */
        if (metrics_writer_open(bad, &writer) == STATUS_OK) {
            int64_t last = metrics_writer_last_step(writer);
            if (last >= 0 && last < INT64_MAX) ASSERT_OK(metrics_writer_put(writer, last, NULL, 0));
            metrics_writer_close(writer);
        }
        ck_assert_uint_eq(memory_in_use(), before);
    }
    buffer_free(&sound);
    scratch_write(bad, "", 0);
    MetricsStore *store;
    ASSERT_FAILS(metrics_open(bad, &store), STATUS_FORMAT, "bad");
    ASSERT_FAILS(metrics_open(scratch_path("none"), &store), STATUS_IO, "none");
}
END_TEST

START_TEST(newer_formats_and_rubbish_are_named)
{
    const char *path = scratch_path("m");
    MetricsStore *store;
    char header[HEADER_BYTES] = "LATHEMET\2";
    scratch_write(path, header, sizeof header);
    ASSERT_FAILS(metrics_open(path, &store), STATUS_INVALID, "has format 2; this program reads up to 1");
    header[8] = 1;
    header[16] = 1;
    scratch_write(path, header, sizeof header);
    ASSERT_FAILS(metrics_open(path, &store), STATUS_FORMAT, "offset 64: the file ends before its last rows");
    scratch_write(path, "hello", 5);
    ASSERT_FAILS(metrics_open(path, &store), STATUS_FORMAT, "offset 0: the header is cut off");
}
END_TEST

/* --- every write and every allocation fails once --- */

static Status use_writer(const char *path)
{
    MetricsWriter *writer;
    MetricsValue values[3];
    Status status = metrics_writer_open(path, &writer);
    if (status != STATUS_OK) return status;
    for (int64_t step = 490; step < 510 && status == STATUS_OK; step++)
        status = metrics_writer_put(writer, step, values, values_of(step, values));
    if (status == STATUS_OK) status = metrics_writer_cut(writer, 12);
    if (status == STATUS_OK) status = metrics_writer_put(writer, 600, values, values_of(600, values));
    if (status == STATUS_OK) status = metrics_writer_sync(writer);
    metrics_writer_close(writer);
    return status;
}

START_TEST(failures_are_told_and_leave_whole_rows)
{
    const char *path = scratch_path("m");
    size_t before = memory_in_use();
    for (int kind = 0; kind < 2; kind++) {
        Status status = STATUS_NOMEM;
        for (uint64_t n = 1; status != STATUS_OK; n++) {
            if (file_exists(path)) ck_assert_int_eq(unlink(path), 0);
            kind ? file_fail_after(n, 0) : memory_fail_after(n, 0);
            status = use_writer(path);
            memory_fail_after(0, 0);
            file_fail_after(0, 0);
            ck_assert(status == STATUS_OK || status == (kind ? STATUS_IO : STATUS_NOMEM));
            ck_assert_uint_eq(memory_in_use(), before);
            MetricsStore *store;
            if (metrics_open(path, &store) == STATUS_OK) {
                ck_assert(metrics_rows(store) == 0 || metrics_last_step(store) >= 490);
                metrics_close(store);
            }
        }
    }
}
END_TEST

/* --- a run directory's --- */

static RunDirectory *new_run(void)
{
    RunDirectory *run;
    json_t *config;
    ASSERT_OK(run_directory_create(scratch_path("a"), &run));
    ASSERT_OK(json_new_object(&config));
    ASSERT_OK(json_set_integer(config, "seed", 1));
    ASSERT_OK(run_directory_write_config(run, config));
    json_decref(config);
    return run;
}

static void assert_rows(int64_t rows, int64_t last_step, double last_loss)
{
    MetricsStore *store;
    int64_t step;
    double value;
    ASSERT_OK(run_directory_open_metrics(scratch_path("a"), &store));
    ck_assert_int_eq(metrics_rows(store), rows);
    ck_assert_int_eq(metrics_last_step(store), last_step);
    ck_assert(metrics_last(store, "loss", &step, &value));
    ck_assert_double_eq(value, last_loss);
    metrics_close(store);
}

START_TEST(the_store_follows_the_lines)
{
    char lines[512], path[512]; /* scratch_path() has eight places only */
    snprintf(lines, sizeof lines, "%s", scratch_path("a/metrics.jsonl"));
    snprintf(path, sizeof path, "%s", scratch_path("a/metrics.store"));
    RunDirectory *run = new_run();
    for (int64_t step = 1; step <= 100; step++) {
        RunMetric metric = {"loss", (double)step, 0}, valid = {"valid.mlm", 2, 0};
        ASSERT_OK(run_directory_put_metrics(run, step, &metric, 1));
        if (step % 10 == 0) ASSERT_OK(run_directory_put_metrics(run, step, &valid, 1));
    }
    assert_rows(110, 100, 100);
    ASSERT_OK(run_directory_cut_metrics(run, 50));
    assert_rows(55, 50, 50);
    RunMetric metric = {"loss", 51.5, 0};
    ASSERT_OK(run_directory_put_metrics(run, 51, &metric, 1));
    assert_rows(56, 51, 51.5);
    run_directory_close(run);
    char *text = scratch_read(lines);
    /* lines that the store does not have, as after a kill between the two */
    FILE *file = fopen(lines, "ab");
    fputs("{\"step\": 52, \"loss\": \"-Infinity\"}\n{\"step\": 53, \"loss\": 7, \"a\\tb\": 1}\n{\"step\": 54, \"lo",
          file);
    fclose(file);
    ASSERT_OK(run_directory_resume(scratch_path("a"), &run));
    ASSERT_OK(run_directory_cut_metrics(run, 53));
    assert_rows(58, 53, 7);
    run_directory_close(run);
    /* fewer lines, no store, a damaged one, another run's */
    scratch_write(lines, text, strlen(text));
    for (int kind = 0; kind < 4; kind++) {
        if (kind == 1) ck_assert_int_eq(unlink(path), 0);
        if (kind == 2) scratch_write(path, "LATHEMETrubbish", 15);
        if (kind == 3) {
            MetricsWriter *writer;
            ck_assert_int_eq(unlink(path), 0);
            ASSERT_OK(metrics_writer_open(path, &writer));
            put_steps(writer, 1, 30);
            metrics_writer_close(writer);
        }
        ASSERT_OK(run_directory_resume(scratch_path("a"), &run));
        ASSERT_OK(run_directory_cut_metrics(run, 51));
        run_directory_close(run);
        assert_rows(56, 51, 51.5);
    }
    memory_free(text);
    ck_assert_int_eq(unlink(path), 0);
    MetricsStore *store;
    ASSERT_FAILS(run_directory_open_metrics(scratch_path("a"), &store), STATUS_IO, "lathe run --resume");
}
END_TEST

START_TEST(branches_have_stores)
{
    static const char lines[] = "{\"step\": 7, \"loss\": 3}\n{\"step\": 8, \"loss\": 2.5}\n";
    MetricsStore *store;
    run_directory_close(new_run());
    const char *run = scratch_path("a");
    ASSERT_OK(run_directory_store_branch(run, "low"));
    ASSERT_FAILS(run_directory_open_branch(run, "low", &store), STATUS_IO, "low.store");
    ASSERT_OK(file_make_directory(scratch_path("a/branches"), true));
    scratch_write(scratch_path("a/branches/low.jsonl"), lines, sizeof lines - 1);
    ASSERT_OK(run_directory_store_branch(run, "low"));
    ASSERT_OK(run_directory_open_branch(run, "low", &store));
    ck_assert_int_eq(metrics_rows(store), 2);
    ck_assert_int_eq(metrics_last_step(store), 8);
    metrics_close(store);
    ck_assert_int_eq(unlink(scratch_path("a/branches/low.jsonl")), 0);
    ASSERT_OK(run_directory_store_branch(run, "low"));
    ck_assert(!file_exists(scratch_path("a/branches/low.store")));
    ASSERT_FAILS(run_directory_open_branch(run, "../a", &store), STATUS_INVALID, "no name of a branch");
}
END_TEST

Suite *metrics_store_suite(void)
{
    Suite *suite = suite_create("metrics_store");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, scratch_make, scratch_remove);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, what_was_put_comes_back);
    tcase_add_test(cases, sums_reach_levels);
    tcase_add_test(cases, held_rows_are_the_same);
    tcase_add_test(cases, rows_are_cut_and_go_on);
    tcase_add_test(cases, rows_that_do_not_fit_are_refused);
    tcase_add_test(cases, a_killed_writer_leaves_whole_rows);
    tcase_add_test(cases, hostile_files_are_refused_or_read);
    tcase_add_test(cases, newer_formats_and_rubbish_are_named);
    tcase_add_test(cases, failures_are_told_and_leave_whole_rows);
    tcase_add_test(cases, the_store_follows_the_lines);
    tcase_add_test(cases, branches_have_stores);
    suite_add_tcase(suite, cases);
    return suite;
}
