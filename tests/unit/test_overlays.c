/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Other runs and branches over the curves: found, made of the right pieces, followed as they grow, let go. */
#include "engine/io/run_directory.h"
#include "tests/unit/scratch.h"
#include "tui/workbench/link.h"

#include <unistd.h>

Suite *overlays_suite(void);

/* --- runs in the scratch folder --- */

static void put_steps(RunDirectory *run, int64_t first, int64_t last, double value)
{
    for (int64_t step = first; step <= last; step++) {
        RunMetric metric = {"loss", value, 0};
        ASSERT_OK(run_directory_put_metrics(run, step, &metric, 1));
    }
}

static RunDirectory *new_run(const char *name)
{
    RunDirectory *run;
    json_t *config;
    ASSERT_OK(run_directory_create(scratch_path(name), &run));
    ASSERT_OK(json_new_object(&config));
    ASSERT_OK(run_directory_write_config(run, config));
    json_decref(config);
    return run;
}

/* What a branch has of its own. */
static void new_branch(const char *run, const char *name, int64_t first, int64_t last, double value)
{
    char path[256];
    Buffer lines = {0};
    snprintf(path, sizeof path, "%s/branches", run);
    ASSERT_OK(file_make_directory(scratch_path(path), true));
    for (int64_t step = first; step <= last; step++)
        ASSERT_OK(buffer_printf(&lines, "{\"step\": %lld, \"loss\": %g}\n", (long long)step, value));
    snprintf(path, sizeof path, "%s/branches/%s.jsonl", run, name);
    scratch_write(scratch_path(path), lines.data, lines.length);
    buffer_free(&lines);
    ASSERT_OK(run_directory_store_branch(scratch_path(run), name));
}

/* main 1 to 60 | low left main at 40, went on to 90 | here left low at 70 and is at 100. */
static RunDirectory *branched_run(void)
{
    RunDirectory *run = new_run("this");
    put_steps(run, 1, 40, 1);
    put_steps(run, 41, 70, 2);
    put_steps(run, 71, 100, 3);
    new_branch("this", "main", 41, 60, 10);
    new_branch("this", "low", 71, 90, 20);
    return run;
}

static void open_link(Link *link, View *view)
{
    static const ViewBranch tree[] = {{.name = "main", .step = 60},
                                      {.name = "low", .parent = "main", .fork = 40, .step = 90},
                                      {.name = "here", .parent = "low", .fork = 70, .step = 100, .current = true},
                                      {.name = "empty", .parent = "low", .fork = 50, .step = 50}};
    ASSERT_OK(view_init(view));
    *link = (Link){.view = view};
    snprintf(view->directory, sizeof view->directory, "%s", scratch_path("this"));
    snprintf(view->run, sizeof view->run, "this");
    snprintf(view->branch, sizeof view->branch, "here");
    memcpy(view->branches, tree, sizeof tree);
    view->branch_count = 4;
    ASSERT_OK(run_directory_open_metrics(view->directory, &view->metrics));
}

/* The values of the steps around where they change. */
static void assert_run(const View *view, int i, int64_t last, const double expected[][2])
{
    CurvesRun run = curves_run(&view->curves, view->metrics, i);
    ck_assert_int_eq(curves_run_last(&run), last);
    ck_assert_int_eq(curves_run_span(&run, "loss", 0, INT64_MAX).count, last);
    for (int n = 0; expected[n][0] > 0; n++) {
        int64_t step = (int64_t)expected[n][0];
        ck_assert_double_eq(curves_run_span(&run, "loss", step, step).last, expected[n][1]);
    }
}

START_TEST(branches_have_what_they_inherited)
{
    View view;
    Link link;
    run_directory_close(branched_run());
    open_link(&link, &view);
    ASSERT_OK(link_overlay(&link, "main"));
    ASSERT_OK(link_overlay(&link, "low"));
    ASSERT_OK(link_overlay(&link, "empty"));
    assert_run(&view, 1, 60, (double[][2]){{1, 1}, {40, 1}, {41, 10}, {60, 10}, {0, 0}});
    assert_run(&view, 2, 90, (double[][2]){{40, 1}, {41, 2}, {70, 2}, {71, 20}, {90, 20}, {0, 0}});
    assert_run(&view, 3, 50, (double[][2]){{40, 1}, {41, 2}, {50, 2}, {0, 0}});
    ASSERT_FAILS(link_overlay(&link, "here"), STATUS_INVALID, "drawn already");
    ASSERT_FAILS(link_overlay(&link, "none"), STATUS_INVALID, "no branch 'none'");
    ASSERT_OK(link_overlay(&link, "low")); /* no more */
    ck_assert_int_eq(view.curves.overlay_count, 2);
    view_free(&view);
}
END_TEST

/* The tree changes: the current branch is main now, whose steps have come back into the run's own store. */
START_TEST(branches_follow_the_tree)
{
    View view;
    Link link;
    bool changed = false;
    RunDirectory *run = branched_run();
    open_link(&link, &view);
    ASSERT_OK(link_overlay(&link, "low"));
    ASSERT_OK(link_overlay(&link, "main"));
    ASSERT_OK(run_directory_cut_metrics(run, 40));
    put_steps(run, 41, 60, 10);
    new_branch("this", "low", 41, 90, 20);
    ck_assert_int_eq(unlink(scratch_path("this/branches/main.jsonl")), 0);
    ASSERT_OK(run_directory_store_branch(view.directory, "main"));
    metrics_close(view.metrics);
    ASSERT_OK(run_directory_open_metrics(view.directory, &view.metrics));
    view.branches[0].current = true;
    view.branches[2].current = false;
    snprintf(view.branch, sizeof view.branch, "main");
    link_refresh_overlays(&link, 10, &changed);
    ck_assert(changed);
    ck_assert_int_eq(view.curves.overlay_count, 1); /* main is the run itself now */
    assert_run(&view, 1, 90, (double[][2]){{40, 1}, {41, 20}, {90, 20}, {0, 0}});
    view.branch_count = 1;
    link_refresh_overlays(&link, 20, &changed);
    ck_assert_int_eq(view.curves.overlay_count, 0); /* low was deleted */
    run_directory_close(run);
    view_free(&view);
}
END_TEST

START_TEST(other_runs_are_followed)
{
    View view;
    Link link;
    bool changed = false;
    char path[512];
    run_directory_close(branched_run());
    RunDirectory *other = new_run("other");
    put_steps(other, 1, 10, 5);
    open_link(&link, &view);
    ASSERT_OK(file_make_directory(scratch_path("no run"), true));
    link_find_runs(&link);
    ck_assert_int_eq(view.beside_count, 1);
    ck_assert_str_eq(view.beside[0], "other");
    snprintf(path, sizeof path, "%s", scratch_path("other"));
    ASSERT_OK(link_overlay_run(&link, path));
    ck_assert_str_eq(view.curves.overlays[0].name, "other");
    assert_run(&view, 1, 10, (double[][2]){{10, 5}, {0, 0}});
    link_refresh_overlays(&link, 10, &changed);
    ck_assert(!changed);
    put_steps(other, 11, 30, 6);
    link_refresh_overlays(&link, 10.5, &changed); /* too soon */
    ck_assert(!changed);
    link_refresh_overlays(&link, 12, &changed);
    ck_assert(changed);
    assert_run(&view, 1, 30, (double[][2]){{10, 5}, {11, 6}, {30, 6}, {0, 0}});
    ASSERT_FAILS(link_overlay_run(&link, scratch_path("no run")), STATUS_IO, "lathe run --resume");
    ASSERT_OK(link_overlay_run(&link, path));
    ck_assert_int_eq(view.curves.overlay_count, 0);
    run_directory_close(other);
    view_free(&view);
}
END_TEST

START_TEST(there_is_a_limit)
{
    View view;
    Link link;
    char name[16];
    run_directory_close(branched_run());
    open_link(&link, &view);
    size_t before = memory_in_use();
    for (int i = 0; i <= CURVES_OVERLAYS; i++) {
        snprintf(name, sizeof name, "run %d", i);
        RunDirectory *run = new_run(name);
        put_steps(run, 1, 3, 1);
        run_directory_close(run);
        if (i < CURVES_OVERLAYS)
            ASSERT_OK(link_overlay_run(&link, scratch_path(name)));
        else
            ASSERT_FAILS(link_overlay_run(&link, scratch_path(name)), STATUS_INVALID, "takes it away");
    }
    curves_close_overlays(&view.curves);
    ck_assert_uint_eq(memory_in_use(), before);
    view_free(&view);
}
END_TEST

Suite *overlays_suite(void)
{
    Suite *suite = suite_create("overlays");
    TCase *cases = tcase_create("overlays");
    tcase_add_checked_fixture(cases, scratch_make, scratch_remove);
    tcase_add_test(cases, branches_have_what_they_inherited);
    tcase_add_test(cases, branches_follow_the_tree);
    tcase_add_test(cases, other_runs_are_followed);
    tcase_add_test(cases, there_is_a_limit);
    suite_add_tcase(suite, cases);
    return suite;
}
