/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The curves pane as cells, by rules rather than by stored text: means over noise, gaps, marks and their words, the
 * crosshair. */
#include "engine/base/random.h"
#include "tests/unit/workbench_screen.h"
#include "tui/workbench/numbers.h"

Suite *curves_pane_suite(void);

/* --- means and gaps --- */

enum { NOISY_STEPS = 4000, OFF_FROM = 1000, OFF_TO = 3000 };

static MetricsStore *noisy_store(void)
{
    MetricsWriter *writer;
    MetricsStore *store;
    Random random = random_stream(random_key(5, "noise"));
    const char *path = scratch_path("noisy");
    ASSERT_OK(metrics_writer_open(path, &writer));
    metrics_writer_hold(writer);
    for (int64_t step = 1; step <= NOISY_STEPS; step++) {
        MetricsValue values[2] = {{"loss.a", 4 + 2 * (double)random_below(&random, 1000) / 1000}, {"loss.off", 1}};
        ASSERT_OK(metrics_writer_put(writer, step, values, step < OFF_FROM || step > OFF_TO ? 2 : 1));
    }
    ASSERT_OK(metrics_writer_release(writer));
    metrics_writer_close(writer);
    ASSERT_OK(metrics_open(path, &store));
    return store;
}

static void open_noisy(Screen *screen)
{
    open_screen(screen, DATA_NONE);
    metrics_close(screen->workbench.view.metrics);
    screen->workbench.view.metrics = noisy_store();
    draw(screen);
}

/* Cells of a column whose style is this one. */
static int cells_of(const Screen *screen, int x, int from, int to, Style style)
{
    int count = 0;
    for (int y = from; y < to; y++) count += grid_cell(&screen->grid, x, y)->style == style;
    return count;
}

/* In each way to draw there is one or a few cells of the mean in each column, told by their dots from the many of
 * the noise around: no colour is needed. */
START_TEST(the_mean_is_seen_over_noise)
{
    Screen screen;
    Rect inside;
    open_noisy(&screen);
    for (int kind = 0; kind < PLOT_KINDS; kind++) {
        CurvesPlaces places = places_of(&screen, &inside);
        int top = inside.y + places.field.y, bottom = top + places.field.height;
        for (int x = inside.x + places.field.x + 2; x < inside.x + places.field.x + places.field.width - 2; x++) {
            int mean = cells_of(&screen, x, top, bottom, STYLE_SERIES);
            int noise = cells_of(&screen, x, top, bottom, STYLE_SHADE);
            ck_assert_msg(mean >= 1 && mean <= 2 && noise >= 3, "kind %d, column %d: %d and %d", kind, x, mean,
                          noise);
            for (int y = top; y < bottom; y++) {
                const Cell *cell = grid_cell(&screen.grid, x, y), *next = grid_cell(&screen.grid, x, y + 1);
                if (cell->style == STYLE_SERIES && next->style == STYLE_SHADE)
                    ck_assert_str_ne(cell->text, next->text);
            }
        }
        press(&screen, "d");
    }
    close_screen(&screen);
}
END_TEST

/* Whether something is drawn in the lower half of the field, where only what is off for a while has its place. */
static bool is_drawn(const Screen *screen, const Rect *field, int x)
{
    for (int y = field->y + field->height / 2; y < field->y + field->height; y++)
        if (strcmp(grid_cell(&screen->grid, x, y)->text, " ") != 0) return true;
    return false;
}

START_TEST(a_gap_is_empty)
{
    Screen screen;
    Rect inside;
    open_noisy(&screen);
    for (int smooth = 0; smooth < 2; smooth++) {
        for (int kind = 0; kind < PLOT_KINDS; kind++) {
            CurvesPlaces places = places_of(&screen, &inside);
            Rect field = places.field;
            field.x += inside.x;
            field.y += inside.y;
            int first = field.x + field.width * OFF_FROM / NOISY_STEPS + 2;
            int end = field.x + field.width * OFF_TO / NOISY_STEPS - 2;
            for (int x = first; x < end; x++) ck_assert(!is_drawn(&screen, &field, x));
            /* two columns: one may lie between two dashes */
            ck_assert(is_drawn(&screen, &field, first - 8) || is_drawn(&screen, &field, first - 7));
            ck_assert(is_drawn(&screen, &field, end + 8) || is_drawn(&screen, &field, end + 9));
            press(&screen, "d");
        }
        press(&screen, "SSSSSSSSSSSS");
        ck_assert_int_eq(screen.workbench.view.curves.smoothing, 0);
    }
    close_screen(&screen);
}
END_TEST

/* --- marks --- */

/* Signs stand on their columns, and all words are below, however the marks lie. */
START_TEST(words_of_marks_are_not_lost)
{
    Screen screen;
    Rect inside;
    Random random = random_stream(random_key(9, "marks"));
    open_screen(&screen, DATA_MANY);
    View *view = &screen.workbench.view;
    view->branch_count = view->pause_count = view->snapshot_count = 0;
    for (int turn = 0; turn < 300; turn++) {
        view->mark_count = 1 + (int)random_below(&random, 7);
        int64_t about = (int64_t)random_below(&random, 20000);
        for (int i = 0; i < view->mark_count; i++) {
            int64_t step = turn % 2 ? (int64_t)random_below(&random, 20000) : about + 40 * i;
            view->marks[i].step = step < 1 ? 1 : step > 20000 ? 20000 - i : step;
            snprintf(view->marks[i].text, VIEW_NAME, "nsp.weight = %d", i);
        }
        draw(&screen);
        CurvesPlaces places = places_of(&screen, &inside);
        for (int i = 0; i < view->mark_count; i++) {
            char number[NUMBER_BYTES];
            int x, y, left = inside.x + places.field.x;
            int column = left + (int)((double)view->marks[i].step * places.field.width / 20001);
            ck_assert_str_eq(grid_cell(&screen.grid, column, inside.y + places.axis.y)->text, "▲");
            ck_assert_msg(find(&screen, number_count(view->marks[i].step, number), &x, &y), "%s is not there",
                          number);
        }
    }
    close_screen(&screen);
}
END_TEST

START_TEST(marks_are_reached_by_keys)
{
    Screen screen;
    static const int64_t steps[] = {20000, 18000, 16000, 14000, 12000, 10000, 8000, 6000,
                                    4000,  2000,  800,   740,   400,   120,   60,   0};
    open_screen(&screen, DATA_MANY);
    View *view = &screen.workbench.view;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        press(&screen, "N");
        ck_assert_int_eq(curves_step(view), steps[i]);
    }
    press(&screen, "N");
    ck_assert(strstr(view->note, "no mark before") && curves_step(view) == 0);
    for (size_t i = sizeof steps / sizeof *steps - 1; i-- > 0;) {
        press(&screen, "n");
        ck_assert_int_eq(curves_step(view), steps[i]);
    }
    /* Enter leads to what happened: an edit and a branch to the branches, a pause to the log, a snapshot back to it
     */
    static const struct Place {
        int64_t step;
        PaneId pane;
    } places[] = {{800, PANE_BRANCHES}, {740, PANE_BRANCHES}, {120, PANE_LOG}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        press(&screen, "1");
        curves_go(view, places[i].step);
        press(&screen, "\r");
        ck_assert_int_eq(view->focus.pane, places[i].pane);
    }
    press(&screen, "1");
    curves_go(view, 60);
    press(&screen, "\r\r");
    ck_assert_str_eq(sent.data, "switch(\"main\") rewind(60)");
    curves_go(view, 61);
    press(&screen, "\r");
    ck_assert(strstr(view->note, "nothing happened at step 61"));
    close_screen(&screen);
}
END_TEST

/* --- the crosshair --- */

START_TEST(the_crosshair_moves)
{
    Screen screen;
    open_screen(&screen, DATA_MANY);
    View *view = &screen.workbench.view;
    press(&screen, "\033[D");
    ck_assert(curves_step(view) == 20000 && has(&screen, "step 20,000") && has(&screen, "valid.mlm"));
    press(&screen, "\033[D");
    int64_t one = 20000 - curves_step(view);
    press(&screen, "\033[1;2D");
    int64_t ten = 20000 - one - curves_step(view);
    ck_assert(one > 0 && ten > 9 * one / 2 && ten < 30 * one);
    press(&screen, "\033[H");
    ck_assert_int_eq(curves_step(view), 0);
    press(&screen, "\033[F");
    ck_assert_int_eq(curves_step(view), 20000);
    /* where a step has many columns the crosshair still goes on by steps */
    press(&screen, "\033\033[C\033[D++++++++++++++++");
    int64_t before = curves_step(view);
    press(&screen, "\033[D");
    ck_assert_int_eq(curves_step(view), before - 1);
    press(&screen, "\033");
    ck_assert(!view->curves.crosshair);
    close_screen(&screen);
}
END_TEST

START_TEST(the_axis_is_zoomed_and_followed)
{
    Screen screen;
    double first, last;
    open_screen(&screen, DATA_MANY);
    View *view = &screen.workbench.view;
    press(&screen, "++");
    curves_sight(&view->curves, view->metrics, &first, &last);
    ck_assert(!view->curves.frozen && first == 15000 && last == 20000); /* the end, followed */
    press(&screen, "h");
    curves_sight(&view->curves, view->metrics, &first, &last);
    ck_assert(view->curves.frozen && first == 13750 && last == 18750);
    press(&screen, "x");
    curves_sight(&view->curves, view->metrics, &first, &last);
    ck_assert(first == 13750.0 * 4096 && last == 18750.0 * 4096);
    press(&screen, "xx");
    curves_sight(&view->curves, view->metrics, &first, &last);
    ck_assert(view->curves.unit == CURVES_STEPS && first == 13750 && last == 18750);
    press(&screen, "f");
    curves_sight(&view->curves, view->metrics, &first, &last);
    ck_assert(first == 15000 && last == 20000);
    press(&screen, "0");
    curves_sight(&view->curves, view->metrics, &first, &last);
    ck_assert(!view->curves.frozen && first == 0 && last == 20000);
    close_screen(&screen);
}
END_TEST

/* --- going back by way of other branches --- */

START_TEST(rewind_goes_by_way_of_the_branch_that_has_the_step)
{
    Screen screen;
    open_screen(&screen, DATA_MANY);
    View *view = &screen.workbench.view;
    static const ViewBranch tree[] = {{.name = "main", .step = 9000},
                                      {.name = "a", .parent = "main", .fork = 5000},
                                      {.name = "b", .parent = "a", .fork = 9000, .current = true}};
    memcpy(view->branches, tree, sizeof tree);
    view->branch_count = 3;
    snprintf(view->branch, sizeof view->branch, "b");
    static const struct Way {
        int64_t step;
        const char *line;
    } ways[] = {{12000, "rewind(12000)"},
                {9000, "rewind(9000)"},
                {7000, "switch(\"a\") rewind(7000)"},
                {3000, "switch(\"main\") rewind(3000)"}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        curves_go(view, ways[i].step);
        press(&screen, "r\r");
        ck_assert_str_eq(sent.data, ways[i].line);
    }
    press(&screen, "Bc\r");
    ck_assert_str_eq(sent.data, "branch(\"c\", 3000)");
    press(&screen, "\033");
    buffer_clear(&sent);
    press(&screen, "r");
    ck_assert(view->use == FIELD_NONE && strstr(view->note, "choose a step first"));
    close_screen(&screen);
}
END_TEST

/* --- other runs --- */

START_TEST(others_are_chosen_by_name_or_path)
{
    Screen screen;
    open_screen(&screen, DATA_MANY);
    View *view = &screen.workbench.view;
    snprintf(view->directory, sizeof view->directory, "runs/this");
    press(&screen, "o");
    ck_assert(has(&screen, "[ ] branch main") && has(&screen, "[ ] other"));
    press(&screen, "\r");
    ck_assert_str_eq(overlaid, "main");
    press(&screen, "oth\r");
    ck_assert_str_eq(overlaid, "runs/other");
    press(&screen, "\x15");
    for (int i = 0; i < 3; i++) press(&screen, "\x7f");
    press(&screen, "/far/away\r");
    ck_assert_str_eq(overlaid, "/far/away");
    press(&screen, "\033");
    ck_assert_int_eq(view->use, FIELD_NONE);
    close_screen(&screen);
}
END_TEST

Suite *curves_pane_suite(void)
{
    Suite *suite = suite_create("curves_pane");
    TCase *cases = tcase_create("curves_pane");
    tcase_add_checked_fixture(cases, scratch_make, scratch_remove);
    tcase_add_test(cases, the_mean_is_seen_over_noise);
    tcase_add_test(cases, a_gap_is_empty);
    tcase_add_test(cases, words_of_marks_are_not_lost);
    tcase_add_test(cases, marks_are_reached_by_keys);
    tcase_add_test(cases, the_crosshair_moves);
    tcase_add_test(cases, the_axis_is_zoomed_and_followed);
    tcase_add_test(cases, rewind_goes_by_way_of_the_branch_that_has_the_step);
    tcase_add_test(cases, others_are_chosen_by_name_or_path);
    suite_add_tcase(suite, cases);
    return suite;
}
