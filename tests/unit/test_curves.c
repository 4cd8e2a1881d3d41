/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Curves without a screen: round numbers, means over steps, gaps, ranges that a bad step does not spoil, strips,
 * what the axis counts, branches that lie in several stores. Each against the same by hand. */
#include "engine/base/random.h"
#include "tests/unit/scratch.h"
#include "tui/workbench/curves.h"
#include "tui/workbench/numbers.h"
#include "tui/workbench/ticks.h"

#include <math.h>

Suite *curves_suite(void);

/* --- a run by hand --- */

enum { STEPS = 5000, OFF_FROM = 2000, OFF_TO = 3500, BAD = 4321 };

static double loss_at(int64_t step)
{
    return 2 + 5 * exp(-(double)step / 400) + 0.2 * sin((double)step * 1.7);
}

static double tokens_at(int64_t step)
{
    return (double)(100 + step % 7);
}

/* nsp is off for a while; valid is there now and then; spiky has one bad step, odd has NaNs and infinities. */
static void put_row(MetricsWriter *writer, int64_t step)
{
    MetricsValue values[8] = {{"loss.mlm", loss_at(step)}, {"tokens", tokens_at(step)}, {"seconds", 0.5}};
    size_t count = 3;
    if (step < OFF_FROM || step > OFF_TO) values[count++] = (MetricsValue){"loss.nsp", 0.7};
    if (step % 500 == 0) values[count++] = (MetricsValue){"valid.mlm", loss_at(step) + 0.1};
    if (step % 500 == 0) values[count++] = (MetricsValue){"valid.mlm.accuracy", 0.5};
    values[count++] = (MetricsValue){"spiky", step == BAD ? 1e12 : loss_at(step)};
    values[count++] = (MetricsValue){"odd", step % 97 == 0    ? (double)NAN
                                            : step % 211 == 0 ? (double)INFINITY
                                                              : (double)step};
    Status status = metrics_writer_put(writer, step, values, count);
    if (status != STATUS_OK) ASSERT_OK(status); /* an assertion itself takes long */
}

static MetricsStore *store_of(const char *name, int64_t first, int64_t last)
{
    MetricsWriter *writer;
    MetricsStore *store;
    const char *path = scratch_path(name);
    ASSERT_OK(metrics_writer_open(path, &writer));
    metrics_writer_hold(writer);
    for (int64_t step = first; step <= last; step++) put_row(writer, step);
    ASSERT_OK(metrics_writer_release(writer));
    metrics_writer_close(writer);
    ASSERT_OK(metrics_open(path, &store));
    return store;
}

static CurvesLook look_at(const char *metric)
{
    CurvesLook look = {.picked = true, .chosen_count = 1, .smoothing = CURVES_SMOOTHING_BY_ITSELF};
    snprintf(look.chosen[0], sizeof look.chosen[0], "%s", metric);
    return look;
}

static void frame_of(const CurvesLook *look, MetricsStore *store, int columns, CurvesFrame *out)
{
    ASSERT_OK(curves_frame(look, store, columns, out));
}

/* --- round numbers --- */

static bool is_round(double value)
{
    double part = value / pow(10, floor(log10(value) + 1e-9));
    return fabs(part - 1) < 1e-6 || fabs(part - 2) < 1e-6 || fabs(part - 5) < 1e-6;
}

static void check_ticks(TicksKind kind, bool log, double low, double high, int most)
{
    Ticks ticks = ticks_make(kind, log, low, high, most);
    double slack = 1e-9 * (fabs(low) + fabs(high) + ticks.step);
    ck_assert_int_le(ticks.count, most);
    for (int i = 0; i < ticks.count; i++) {
        ck_assert(ticks.at[i] >= low - slack && ticks.at[i] <= high + slack);
        if (i) ck_assert(ticks.at[i] > ticks.at[i - 1]);
        if (ticks.log) ck_assert(is_round(ticks.at[i]));
    }
    if (!ticks.log && kind != TICKS_CLOCK) ck_assert(is_round(ticks.step));
    /* steps grow by 2.5 at most, so a third of them is always there */
    if (!ticks.log && kind == TICKS_VALUES && most >= 3) ck_assert_int_ge(ticks.count, most / 3);
}

START_TEST(ticks_are_round)
{
    Random random = random_stream(random_key(1, "ticks"));
    for (int i = 0; i < 3000; i++) {
        double low =
            pow(10, (double)random_below(&random, 24) - 12) * (1 + (double)random_below(&random, 900) / 100);
        double high = low * (1.0001 + pow(10, (double)random_below(&random, 7) - 3));
        int most = 1 + (int)random_below(&random, TICKS_MOST);
        check_ticks(TICKS_VALUES, false, low, high, most);
        check_ticks(TICKS_VALUES, false, -low, high, most);
        check_ticks(TICKS_VALUES, true, low, high, most);
        if (high < 1e12) check_ticks(TICKS_COUNTS, false, low, high, most);
        if (high < 1e7) check_ticks(TICKS_CLOCK, false, low, high, most);
    }
}
END_TEST

static void check_labels(TicksKind kind, bool log, double low, double high, int most, const char *words)
{
    char label[NUMBER_BYTES], all[256] = "";
    Ticks ticks = ticks_make(kind, log, low, high, most);
    for (int i = 0; i < ticks.count; i++) {
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i ? " " : "", ticks_label(&ticks, ticks.at[i], label));
    }
    ck_assert_str_eq(all, words);
}

START_TEST(labels_have_the_digits_that_they_need)
{
    check_labels(TICKS_VALUES, false, 3.4, 9.1, 6, "4 5 6 7 8 9");
    check_labels(TICKS_VALUES, false, 0.241, 0.2512, 6, "0.242 0.244 0.246 0.248 0.250");
    check_labels(TICKS_VALUES, false, -1, 1, 5, "-1.0 -0.5 0 0.5 1.0");
    check_labels(TICKS_VALUES, false, 0, 1e-3, 3, "0 5e-4 1e-3");
    check_labels(TICKS_VALUES, false, 3.0001, 3.0006, 3, "3.0002 3.0004 3.0006");
    check_labels(TICKS_VALUES, true, 0.03, 200, 12, "0.05 0.1 0.2 0.5 1 2 5 10 20 50 100 200");
    check_labels(TICKS_VALUES, true, 1e-9, 1e9, 4, "1e-5 1 100000");
    check_labels(TICKS_COUNTS, false, 0, 2500, 6, "0 500 1,000 1,500 2,000 2,500");
    check_labels(TICKS_COUNTS, false, 0, 3, 12, "0 1 2 3");
    check_labels(TICKS_COUNTS, false, 0, 1.2e6, 5, "0 500K 1.0M");
    check_labels(TICKS_COUNTS, true, 1, 1e6, 8, "1 10 100 1,000 10,000 100K 1M");
    check_labels(TICKS_CLOCK, false, 0, 100, 5, "0:00 0:30 1:00 1:30");
    check_labels(TICKS_CLOCK, false, 0, 9000, 6, "0:00 30:00 1:00:00 1:30:00 2:00:00 2:30:00");
    check_labels(TICKS_CLOCK, false, 0, 0.5, 5, "0.0s 0.1s 0.2s 0.3s 0.4s");
}
END_TEST

/* --- means --- */

static double mean_by_hand(int64_t first, int64_t last)
{
    double sum = 0;
    int64_t count = 0;
    for (int64_t step = first < 1 ? 1 : first; step <= last && step <= STEPS; step++, count++) sum += loss_at(step);
    return sum / (double)count;
}

/* The mean at a step is that of the steps around it, however wide the pane is and whatever part is in sight. */
START_TEST(means_are_over_steps)
{
    static const int widths[] = {30, 100, 250}, means[] = {10, 100, 500};
    MetricsStore *store = store_of("m", 1, STEPS);
    CurvesLook look = look_at("loss.mlm");
    CurvesFrame frame;
    for (int w = 0; w < 3; w++)
        for (int m = 0; m < 3; m++)
            for (int part = 0; part < 2; part++) {
                look.smoothing = means[m];
                look.frozen = part == 1;
                look.first = 3000;
                look.last = 3999;
                frame_of(&look, store, widths[w], &frame);
                for (int x = 0; x < frame.columns; x++) {
                    int64_t from = frame.starts[0][x], to = frame.starts[0][x + 1] - 1;
                    if (to > STEPS) to = STEPS;
                    if (frame.curves[0].spans[x].count == 0) continue;
                    int64_t first = from + (to - from + 1) / 2 - means[m] / 2, last = first + means[m] - 1;
                    if (to - from + 1 >= means[m]) first = from, last = to;
                    ck_assert_double_eq_tol(frame.curves[0].means[x], mean_by_hand(first, last), 1e-9);
                }
                curves_clear(&frame);
            }
    metrics_close(store);
}
END_TEST

START_TEST(means_leave_out_what_is_no_number)
{
    MetricsStore *store = store_of("m", 1, STEPS);
    CurvesLook look = look_at("odd");
    CurvesFrame frame;
    look.smoothing = 1000;
    frame_of(&look, store, 200, &frame);
    for (int x = 25; x < 175; x++) { /* its values are the steps, so the mean is near the middle */
        double middle = curves_place(&frame, x + 0.5);
        ck_assert_double_eq_tol(frame.curves[0].means[x], middle, 20);
    }
    curves_clear(&frame);
    metrics_close(store);
}
END_TEST

/* Behind a bad step a mean is what it is without that step's having been. */
START_TEST(a_bad_step_counts_in_its_window_only)
{
    MetricsStore *store = store_of("m", 1, STEPS);
    CurvesLook look = look_at("spiky");
    CurvesFrame frame;
    look.smoothing = 100;
    frame_of(&look, store, 500, &frame);
    for (int x = 0; x < 500; x++) {
        int64_t from = frame.starts[0][x];
        if (from < BAD - 200 || frame.curves[0].spans[x].count == 0) continue;
        double mean = frame.curves[0].means[x];
        if (from > BAD - 30 && from < BAD + 30) ck_assert(mean > 9e9 && mean < 1.1e10);
        if (from > BAD + 60) ck_assert(mean > 1.8 && mean < 2.2);
    }
    curves_clear(&frame);
    metrics_close(store);
}
END_TEST

START_TEST(smoothing_by_itself_follows_the_run)
{
    MetricsStore *store = store_of("m", 1, STEPS);
    CurvesLook look = look_at("loss.mlm");
    ck_assert_int_eq(curves_smoothing(&look, store), 100);
    ck_assert_int_eq(curves_smoothing(&look, NULL), 0);
    look.smoothing = 7;
    ck_assert_int_eq(curves_smoothing(&look, store), 7);
    metrics_close(store);
    store = store_of("short", 1, 60);
    look.smoothing = CURVES_SMOOTHING_BY_ITSELF;
    ck_assert_int_eq(curves_smoothing(&look, store), 0);
    metrics_close(store);
}
END_TEST

/* --- gaps --- */

START_TEST(what_was_off_is_no_line)
{
    MetricsStore *store = store_of("m", 1, STEPS);
    CurvesLook look = look_at("loss.nsp");
    CurvesFrame frame;
    double value;
    frame_of(&look, store, 100, &frame);
    const Curve *nsp = &frame.curves[0];
    ck_assert(curves_joined(nsp, OFF_TO + 1, OFF_TO + 2) && !curves_joined(nsp, OFF_FROM - 1, OFF_TO + 1));
    ck_assert(curves_value(&frame, nsp, OFF_FROM, &value) && value == 0.7);
    ck_assert(!curves_value(&frame, nsp, OFF_FROM + 100, &value));
    ck_assert(curves_value(&frame, nsp, INT64_MAX, &value));
    for (int x = 0; x < 100; x++)
        if (nsp->spans[x].count == 0) ck_assert(isnan(nsp->means[x]));
    curves_clear(&frame);
    look = look_at("valid.mlm");
    frame_of(&look, store, 100, &frame);
    const Curve *valid = &frame.curves[0];
    ck_assert(!valid->means); /* too seldom for a mean of so few steps */
    ck_assert(curves_joined(valid, 500, 1000) && curves_joined(valid, 500, 1500) &&
              !curves_joined(valid, 500, 2100));
    ck_assert(curves_value(&frame, valid, 1300, &value) && value == loss_at(1000) + 0.1);
    ck_assert(!curves_value(&frame, valid, 400, &value));
    curves_clear(&frame);
    metrics_close(store);
}
END_TEST

/* --- ranges and strips --- */

START_TEST(one_bad_step_does_not_spoil_the_range)
{
    MetricsStore *store = store_of("m", 1, STEPS);
    CurvesLook look = look_at("spiky");
    CurvesFrame frame;
    for (int log_y = 0; log_y < 2; log_y++) {
        look.log_y = log_y;
        look.outliers = false;
        frame_of(&look, store, 150, &frame);
        const CurvesStrip *strip = &frame.strips[0];
        ck_assert(strip->cut && strip->high < 10 && strip->high > 6 && strip->low < 1.9 && strip->low > 0);
        ck_assert_int_eq(curves_row(strip, 1e12, 40), 40);
        ck_assert_int_eq(curves_row(strip, -1e12, 40), -1);
        curves_clear(&frame);
        look.outliers = true;
        frame_of(&look, store, 150, &frame);
        ck_assert(!frame.strips[0].cut && frame.strips[0].high >= 1e12);
        curves_clear(&frame);
    }
    metrics_close(store);
}
END_TEST

/* As random keys found it, zooming in on large numbers. */
START_TEST(a_range_without_height_has_a_middle)
{
    CurvesStrip strip = {.low = 3, .high = 3};
    ck_assert_int_eq(curves_row(&strip, 3, 9), 4);
    strip.log_y = true;
    ck_assert_int_eq(curves_row(&strip, 3, 9), 4);
    ck_assert_int_eq(curves_row(&strip, -1, 9), -1);
}
END_TEST

START_TEST(ranges_are_moved_by_hand)
{
    MetricsStore *store = store_of("m", 1, STEPS);
    CurvesLook look = look_at("loss.mlm");
    CurvesFrame frame;
    for (int log_y = 0; log_y < 2; log_y++) {
        look.log_y = log_y;
        look.range_count = 0;
        frame_of(&look, store, 100, &frame);
        CurvesStrip before = frame.strips[0];
        curves_move_ranges(&look, &frame, 0.5, 0.25);
        curves_clear(&frame);
        frame_of(&look, store, 100, &frame);
        const CurvesStrip *strip = &frame.strips[0];
        double a = log_y ? log(before.low) : before.low, b = log_y ? log(before.high) : before.high;
        ck_assert_double_eq_tol(log_y ? log(strip->low) : strip->low, a + (b - a) / 2, 1e-9);
        ck_assert_double_eq_tol(log_y ? log(strip->high) : strip->high, b, 1e-9);
        curves_clear(&frame);
    }
    metrics_close(store);
}
END_TEST

START_TEST(kinds_have_strips)
{
    static const char *const names[] = {"loss.mlm", "valid.mlm", "valid.mlm.accuracy",
                                        "seconds",  "tokens",    "spiky"};
    MetricsStore *store = store_of("m", 1, STEPS);
    CurvesLook look = {.picked = true, .chosen_count = 6};
    CurvesFrame frame;
    for (int i = 0; i < 6; i++) snprintf(look.chosen[i], sizeof look.chosen[i], "%s", names[i]);
    frame_of(&look, store, 80, &frame);
    ck_assert_int_eq(frame.strip_count, 5);
    ck_assert_str_eq(frame.strips[0].kind, "loss");
    ck_assert_str_eq(frame.strips[1].kind, "accuracy");
    ck_assert(frame.curves[0].strip == 0 && frame.curves[1].strip == 0 && frame.curves[2].strip == 1);
    ck_assert(frame.strips[1].low > 0.4 && frame.strips[1].high < 0.6 && frame.strips[3].low > 50);
    curves_clear(&frame);
    look.picked = false; /* the losses */
    frame_of(&look, store, 80, &frame);
    ck_assert_int_eq(frame.count, 3);
    ck_assert_int_eq(frame.strip_count, 1);
    curves_clear(&frame);
    metrics_close(store);
}
END_TEST

/* --- what the axis counts --- */

START_TEST(places_and_steps_are_inverse)
{
    MetricsStore *store = store_of("m", 1, STEPS);
    CurvesLook look = look_at("loss.mlm");
    CurvesRun run = curves_run(&look, store, 0);
    ck_assert(curves_run_x(&run, CURVES_TOKENS, 3) == 101 + 102 + 103);
    ck_assert_double_eq_tol(curves_run_x(&run, CURVES_SECONDS, STEPS), 0.5 * STEPS, 1e-6);
    for (int unit = 0; unit < CURVES_UNITS; unit++) {
        CurvesFrame frame;
        for (int64_t step = 1; step <= STEPS; step += 37)
            ck_assert_int_eq(curves_run_step(&run, (CurvesUnit)unit, curves_run_x(&run, (CurvesUnit)unit, step)),
                             step);
        look.unit = (CurvesUnit)unit;
        for (int log_x = 0; log_x < 2; log_x++) {
            look.log_x = log_x;
            frame_of(&look, store, 120, &frame);
            int64_t all = 0;
            for (int x = 0; x < frame.columns; x++) {
                all += frame.curves[0].spans[x].count;
                ck_assert_int_eq(curves_column(&frame, curves_place(&frame, x + 0.5)), x);
                ck_assert_int_le(frame.starts[0][x], frame.starts[0][x + 1]);
            }
            ck_assert_int_eq(all, STEPS); /* every sample is in a column */
            curves_clear(&frame);
        }
    }
    metrics_close(store);
}
END_TEST

/* A branch that lies in three stores is drawn as if it lay in one. */
START_TEST(pieces_are_one_run)
{
    MetricsStore *whole = store_of("whole", 1, STEPS), *parts[3];
    static const int64_t ends[4] = {0, 1234, 4000, STEPS};
    CurvesRun one = {{{whole, 0, INT64_MAX}}, 1}, run = {.count = 3};
    Random random = random_stream(random_key(3, "pieces"));
    for (int i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "part%d", i);
        /* stores have steps of others, too, which the pieces leave out */
        parts[i] = store_of(name, ends[i] > 100 ? ends[i] - 100 : 1, i < 2 ? ends[i + 1] + 50 : STEPS);
        run.pieces[i] = (CurvesPiece){parts[i], ends[i] + 1, i < 2 ? ends[i + 1] : INT64_MAX};
    }
    ck_assert_int_eq(curves_run_last(&run), STEPS);
    for (int n = 0; n < 200; n++) {
        int64_t first = (int64_t)random_below(&random, STEPS), last = first + (int64_t)random_below(&random, STEPS);
        MetricsSpan a = curves_run_span(&one, "loss.mlm", first, last),
                    b = curves_run_span(&run, "loss.mlm", first, last);
        ck_assert(a.count == b.count && a.min == b.min && a.max == b.max && a.last == b.last);
        ck_assert_double_eq_tol(a.sum, b.sum, 1e-9 * fabs(a.sum));
        double place = (double)random_below(&random, 100 * STEPS);
        ck_assert_int_eq(curves_run_step(&one, CURVES_TOKENS, place), curves_run_step(&run, CURVES_TOKENS, place));
        ck_assert_int_eq(curves_run_next(&run, "valid.mlm", first),
                         (first / 500 + 1) * 500 <= STEPS ? (first / 500 + 1) * 500 : -1);
        ck_assert_int_eq(curves_run_before(&run, "valid.mlm", first), first > 500 ? (first - 1) / 500 * 500 : -1);
    }
    for (int i = 0; i < 3; i++) metrics_close(parts[i]);
    metrics_close(whole);
}
END_TEST

Suite *curves_suite(void)
{
    Suite *suite = suite_create("curves");
    TCase *cases = tcase_create("curves");
    tcase_add_checked_fixture(cases, scratch_make, scratch_remove);
    tcase_add_test(cases, ticks_are_round);
    tcase_add_test(cases, labels_have_the_digits_that_they_need);
    tcase_add_test(cases, means_are_over_steps);
    tcase_add_test(cases, means_leave_out_what_is_no_number);
    tcase_add_test(cases, a_bad_step_counts_in_its_window_only);
    tcase_add_test(cases, smoothing_by_itself_follows_the_run);
    tcase_add_test(cases, what_was_off_is_no_line);
    tcase_add_test(cases, one_bad_step_does_not_spoil_the_range);
    tcase_add_test(cases, a_range_without_height_has_a_middle);
    tcase_add_test(cases, ranges_are_moved_by_hand);
    tcase_add_test(cases, kinds_have_strips);
    tcase_add_test(cases, places_and_steps_are_inverse);
    tcase_add_test(cases, pieces_are_one_run);
    suite_add_tcase(suite, cases);
    return suite;
}
