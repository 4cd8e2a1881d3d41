/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tree of branches as rows, what keys do on them, and trees that no run has. */
#include "engine/base/random.h"
#include "tests/unit/workbench_data.h"

Suite *branches_suite(void);

static Workbench workbench;
static Buffer sent;

static void on_send(void *context, const char *line)
{
    (void)context;
    buffer_clear(&sent);
    ASSERT_OK(buffer_text(&sent, line));
}

static void ignore(void *context)
{
    (void)context;
}

static void ignore_text(void *context, const char *text)
{
    (void)context;
    (void)text;
}

static void ignore_key(void *context, const Key *key)
{
    (void)context;
    (void)key;
}

static void start(void)
{
    const Port port = {on_send,     ignore, ignore_key, ignore_text, ignore_text, ignore_text,
                       ignore_text, ignore, ignore,     ignore,      ignore,      NULL};
    scratch_make();
    ASSERT_OK(workbench_init(&workbench, &port));
    data_fill(&workbench.view, DATA_ONE);
    focus_set(&workbench.view.focus, PANE_BRANCHES);
}

static void stop(void)
{
    workbench_free(&workbench);
    buffer_free(&sent);
    scratch_remove();
}

static void take(const char *text)
{
    data_answer(&workbench.view, TOPIC_HISTORY, text);
}

/* "name step|..." and for events "+step" */
static void assert_rows(const char *expected)
{
    const BranchTree *tree = &workbench.view.tree;
    Buffer rows = {0};
    for (int i = 0; i < tree->row_count; i++) {
        const BranchRow *row = &tree->rows[i];
        const BranchNode *node = &tree->nodes[row->node];
        if (row->event < 0)
            ASSERT_OK(buffer_printf(&rows, "%d%s %d|", node->depth, node->name, (int)node->step));
        else
            ASSERT_OK(buffer_printf(&rows, "%s%d|", node->events[row->event].edit ? "!" : "+",
                                    (int)node->events[row->event].step));
    }
    ck_assert_str_eq(rows.data ? rows.data : "", expected);
    buffer_free(&rows);
}

static void press(int code)
{
    workbench_key(&workbench, &(Key){.code = code, .bytes = {code < 127 ? (char)code : 0}, .length = 1}, "");
}

static void expect_line(int row, int code, const char *line)
{
    buffer_clear(&sent);
    workbench.view.rows[PANE_BRANCHES] = row;
    press(code);
    if (workbench.view.use == FIELD_LINE) press(KEY_ENTER);
    ck_assert_str_eq(sent.data ? sent.data : "", line);
}

START_TEST(rows_of_a_tree)
{
    assert_rows("0main 740|1main~1 610|1low-nsp 1204|!800|+800|2low-nsp~1 950|+1000|");
    workbench.view.rows[PANE_BRANCHES] = 0;
    press(KEY_RIGHT);
    assert_rows("0main 740|+0|+200|1main~1 610|!400|1low-nsp 1204|!800|+800|2low-nsp~1 950|+1000|");
    take(data_history); /* what was opened stays open */
    assert_rows("0main 740|+0|+200|1main~1 610|!400|1low-nsp 1204|!800|+800|2low-nsp~1 950|+1000|");
    workbench.view.rows[PANE_BRANCHES] = 2;
    press(KEY_LEFT); /* up to its branch, which is closed then */
    ck_assert_int_eq(workbench.view.rows[PANE_BRANCHES], 0);
    press(KEY_LEFT);
    assert_rows("0main 740|1main~1 610|1low-nsp 1204|!800|+800|2low-nsp~1 950|+1000|");
    workbench.view.rows[PANE_BRANCHES] = 5;
    press(KEY_LEFT); /* nothing to close: to the branch that it left */
    ck_assert_int_eq(workbench.view.rows[PANE_BRANCHES], 2);
}
END_TEST

START_TEST(keys)
{
    expect_line(0, KEY_ENTER, "switch(\"main\")");
    expect_line(2, KEY_ENTER, "");
    ck_assert_ptr_nonnull(strstr(workbench.view.note, "you are on branch low-nsp"));
    expect_line(3, KEY_ENTER, "rewind(800)");
    workbench.view.rows[PANE_BRANCHES] = 5;
    press(KEY_RIGHT);
    expect_line(6, KEY_ENTER, "switch(\"low-nsp~1\") rewind(950)");
    expect_line(1, 'c', "compare(\"low-nsp\", \"main~1\")");
    expect_line(2, 'c', "compare()");
    expect_line(1, 'D', "delete_branch(\"main~1\")");
    workbench.view.rows[PANE_BRANCHES] = 1;
    press('R');
    press('x');
    press(KEY_ENTER);
    ck_assert_str_eq(sent.data, "rename_branch(\"main~1\", \"x\")");
    branch_tree_free(&workbench.view.tree);
    static const int codes[] = {KEY_ENTER, KEY_LEFT, KEY_RIGHT, 'c', 'o', 'R', 'D'};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) press(codes[i]);
    ck_assert_int_eq(workbench.view.use, FIELD_NONE);
}
END_TEST

/* Thousands of branches, each of which left the one before: all are rows, the current one as well. */
START_TEST(deep_trees)
{
    enum { DEEP = 3000 };
    Buffer text = {0};
    Grid grid = {0};
    int x, y;
    ASSERT_OK(buffer_text(&text, "{\"tree\": ["));
    for (int i = 0; i < DEEP; i++)
        ASSERT_OK(buffer_printf(
            &text, "%s{\"name\": \"b%d\", \"step\": %d, \"fork\": %d, \"parent\": %d, \"current\": %s}",
            i ? "," : "", i, i, i, i, i == DEEP - 1 ? "true" : "false"));
    ASSERT_OK(buffer_text(&text, "]}\n"));
    take(text.data);
    buffer_free(&text);
    const BranchTree *tree = &workbench.view.tree;
    ck_assert_int_eq(tree->row_count, DEEP);
    ck_assert(tree->nodes[tree->rows[DEEP - 1].node].current && tree->nodes[DEEP - 1].depth == DEEP - 1);
    workbench.view.rows[PANE_BRANCHES] = DEEP - 1;
    ASSERT_OK(workbench_draw(&workbench, &grid, 80, 24, &x, &y));
    ASSERT_OK(grid_print(&grid, &text));
    ck_assert_ptr_nonnull(strstr(text.data, "● b2999"));
    grid_free(&grid);
    buffer_free(&text);
}
END_TEST

/* Rings, parents that are not there, events without sense: something is drawn. */
START_TEST(trees_that_no_run_has)
{
    Random random = random_stream(random_key(9, "trees"));
    Grid grid = {0};
    int x, y;
    take("{\"tree\": [{\"name\": \"a\", \"parent\": 2}, {\"name\": \"b\", \"parent\": 1}, {\"parent\": 3}, 7, "
         "{}]}\n");
    for (int turn = 0; turn < 300; turn++) {
        Buffer text = {0};
        int count = (int)random_below(&random, 12);
        ASSERT_OK(buffer_text(&text, "{\"tree\": ["));
        for (int i = 0; i < count; i++)
            ASSERT_OK(buffer_printf(&text,
                                    "%s{\"name\": \"b%d\", \"step\": %d, \"fork\": %d, \"parent\": %d, "
                                    "\"current\": %s, \"edits\": [%s]}",
                                    i ? "," : "", (int)random_below(&random, 5), (int)random_below(&random, 99),
                                    (int)random_below(&random, 99), (int)random_below(&random, 15) - 2,
                                    random_below(&random, 2) ? "true" : "7",
                                    random_below(&random, 2) ? "{\"step\": 5, \"effect\": \"x\\ny\"}, 3" : ""));
        ASSERT_OK(buffer_text(&text, "]}\n"));
        take(text.data);
        buffer_free(&text);
        workbench.view.rows[PANE_BRANCHES] = (int)random_below(&random, 20);
        press((int[]){KEY_LEFT, KEY_RIGHT, KEY_DOWN, KEY_ENTER, KEY_ESCAPE}[random_below(&random, 5)]);
        ASSERT_OK(workbench_draw(&workbench, &grid, 20 + turn % 100, 5 + turn % 30, &x, &y));
    }
    grid_free(&grid);
}
END_TEST

Suite *branches_suite(void)
{
    Suite *suite = suite_create("branches");
    TCase *cases = tcase_create("branches");
    tcase_add_checked_fixture(cases, start, stop);
    tcase_add_test(cases, rows_of_a_tree);
    tcase_add_test(cases, keys);
    tcase_add_test(cases, deep_trees);
    tcase_add_test(cases, trees_that_no_run_has);
    suite_add_tcase(suite, cases);
    return suite;
}
