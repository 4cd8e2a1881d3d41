/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the panes on objectives, model, samples and data do with keys: forms and the lines that they make, order and
 * filter of parameters, pages, the palette, init.lua. */
#include "tests/unit/workbench_keys.h"
#include "tui/workbench/actions.h"
#include "tui/workbench/forms.h"
#include "tui/workbench/panes.h"
#include "tui/workbench/settings.h"
#include "tui/workbench/wrap.h"

#include <math.h>

Suite *panes_suite(void);

static Workbench workbench;
static View *const view = &workbench.view;

static void begin(void)
{
    Grid grid = {0};
    int x, y;
    scratch_make();
    actions_reset();
    open_run(&workbench, DATA_ODD);
    ASSERT_OK(workbench_draw(&workbench, &grid, 120, 30, &x, &y));
    grid_free(&grid);
}

static void end(void)
{
    workbench_free(&workbench);
    buffer_free(&sent);
    actions_reset();
    scratch_remove();
}

/* --- forms --- */

#define CLEAR "\x15"
#define DOWN  "\033[B"

START_TEST(forms_make_lines)
{
    expect_line(&workbench, "2allllls", "run:add_objective(objectives.sop {})");
    forms_close(view);
    expect_line(&workbench, "a" DOWN "\r" CLEAR "0.5\rs", "run:add_objective(objectives.mlm { weight = 0.5 })");
    forms_close(view);
    expect_line(&workbench, "o" DOWN DOWN "\r" CLEAR "0.3\rs", "run.objectives.mlm.mlm_probability = 0.3");
    forms_close(view);
    expect_line(&workbench, "o\r" CLEAR "2\rls",
                "run.objectives.mlm.weight = 2; run.objectives.mlm.enabled = false");
    forms_close(view);
    expect_line(&workbench, "O" DOWN "\r" CLEAR "1e-4\rs", "run.optimizer.lr = 0.0001");
    forms_close(view);
    expect_line(&workbench, "S" DOWN "\r" CLEAR "100\rs", "run.schedule.warmup = 100");
    forms_close(view);
    expect_line(&workbench,
                "A"
                "s",
                "run:adapt { target = \"target\" }");
    forms_close(view);
    expect_line(&workbench, "A\r" CLEAR "data.svmlight(\"a\")\rs", "run:adapt { target = data.svmlight(\"a\") }");
    forms_close(view);
    expect_line(&workbench, "3jP\r0.5\rs", "run:prune { sparsity = 0.5, params = \"bert\" }");
    ck_assert(view->form_sent);
}
END_TEST

/* Another optimizer is another call; what was changed of the old one's options is gone. */
START_TEST(another_record)
{
    press_keys(&workbench, "2O" DOWN "\r" CLEAR "0.5\r\033[Hl");
    ck_assert(form_changed(&view->form.fields[0]));
    ck_assert_msg(strncmp(view->form.line, "run.optimizer = optim.", 22) == 0, "%s", view->form.line);
    ck_assert(strstr(view->form.line, "{}"));
    press_keys(&workbench, "h");
    ck_assert_str_eq(view->form.line, "");
}
END_TEST

START_TEST(refused_values_say_why)
{
    press_keys(&workbench, "2a" DOWN "\r" CLEAR "-1\r");
    ck_assert(view->form.editing);
    ck_assert_msg(strstr(view->form.note, "weight must be a number in [0, 1000000]; got -1"), "%s",
                  view->form.note);
    press_keys(&workbench, "\033");
    ck_assert_str_eq(view->form.fields[1].value, "1");
    press_keys(&workbench, "\033");
    ck_assert_int_eq(view->form_id, FORM_NONE);
    buffer_clear(&sent);
    press_keys(&workbench, "3Ps");
    ck_assert_msg(strstr(view->form.note, "sparsity must be given"), "%s", view->form.note);
    ck_assert_uint_eq(sent.length, 0);
}
END_TEST

/* What the run refuses comes back with its reason; what it takes closes the form. */
START_TEST(answers_to_forms)
{
    press_keys(&workbench, "2as");
    ck_assert(view->form_sent && !overlay_has_form(view));
    forms_answered(view, true, "there is already an objective 'mlm'\nat line 1");
    ck_assert(overlay_has_form(view));
    ck_assert_str_eq(view->form.note, "there is already an objective 'mlm'");
    press_keys(&workbench, "s");
    forms_answered(view, false, "");
    ck_assert_int_eq(view->form_id, FORM_NONE);
}
END_TEST

START_TEST(dry_runs)
{
    Buffer line = {0};
    double seconds;
    press_keys(&workbench, "3jP\r0.5\rd");
    ASSERT_OK(topic_line(TOPIC_DRY_RUN, view, ~0u, &line));
    ck_assert_str_eq(line.data, "run:prune { sparsity = 0.5, params = \"bert\", dry_run = true }");
    ASSERT_OK(answer_take(view, TOPIC_DRY_RUN, "0.0 -> 0.5\nall", 14, &seconds));
    ck_assert_str_eq(view->form.report.data, "0.0 -> 0.5\nall");
    press_keys(&workbench, "\033[Hl"); /* nothing to choose there */
    ck_assert(view->form.report.length);
    press_keys(&workbench, "\r0\r"); /* another value, another report */
    ASSERT_OK(topic_line(TOPIC_DRY_RUN, view, ~0u, &line));
    ck_assert_str_eq(line.data, "");
    ck_assert_uint_eq(view->form.report.length, 0);
    press_keys(&workbench, "d");
    ck_assert(answer_failed(view, TOPIC_DRY_RUN, "no such parameter"));
    ck_assert_str_eq(view->form.note, "no such parameter");
    buffer_free(&line);
}
END_TEST

/* --- the model --- */

static const char *path(int row)
{
    return row < view->model.row_count ? view->model.rows[row].path : "(none)";
}

START_TEST(model_rows)
{
    ck_assert_int_eq(view->model.row_count, 9); /* two models and their modules */
    ck_assert_str_eq(path(1), "bert");
    press_keys(&workbench, "3j\033[D"); /* closes bert */
    ck_assert_int_eq(view->model.row_count, 7);
    press_keys(&workbench, "\033[D"); /* to the model around it */
    ck_assert_int_eq(view->rows[PANE_MODEL], 0);
    press_keys(&workbench, "s");
    ck_assert_int_eq(view->model.row_count, 4);
    ck_assert_str_eq(path(0), "bert.embeddings.word_embeddings.weight"); /* the greatest norm */
    ck_assert_str_eq(path(3), "cls.predictions.bias");
    press_keys(&workbench, "s");
    ck_assert_str_eq(path(0), "layers.0.weight"); /* the greatest gradient */
    press_keys(&workbench, "/weight layer\r");
    ck_assert_int_eq(view->model.row_count, 2);
    press_keys(&workbench, "\033");
    press_keys(&workbench, "\033");
    ck_assert(!view->model.sorted && !view->model.filter.text[0]);
    view->rows[PANE_MODEL] = view->model.row_count - 1;
    expect_line(&workbench, "f", "run.models[\"teacher\"][\"layers.0\"].frozen = true");
    expect_line(&workbench, "g", "gradient_shares(run.models[\"teacher\"][\"layers.0\"])");
}
END_TEST

/* Each picture asks for what it needs, and the tree for parameters. */
START_TEST(model_questions)
{
    Buffer line = {0};
    press_keys(&workbench, "3s");
    ASSERT_OK(topic_line(TOPIC_SPREAD, view, ~0u, &line));
    ck_assert_str_eq(line.data, "");
    press_keys(&workbench, "h");
    ASSERT_OK(topic_line(TOPIC_SPREAD, view, ~0u, &line));
    ck_assert_str_eq(line.data, "lathe.view(\"spread\", \"model\", \"bert.embeddings.word_embeddings.weight\")");
    press_keys(&workbench, "A]tthe \"dog\"\r");
    ASSERT_OK(topic_line(TOPIC_ATTENTION, view, ~0u, &line));
    ck_assert_str_eq(line.data, "lathe.view(\"attention\", 1, 0, \"the \\\"dog\\\"\")");
    ASSERT_OK(topic_line(TOPIC_MODEL, view, ~0u, &line));
    ck_assert_str_eq(line.data, "");
    ASSERT_OK(topic_line(TOPIC_ATTENTION, view, 1u << PANE_LOG, &line));
    ck_assert_str_eq(line.data, "");
    press_keys(&workbench, "\033");
    press_keys(&workbench, "\033");
    ck_assert_int_eq(view->model.mode, MODEL_TREE);
    buffer_free(&line);
}
END_TEST

/* --- pages --- */

START_TEST(pages_are_kept)
{
    Pages pages = {0};
    for (int64_t step = 1; step <= 200; step++) ASSERT_OK(pages_add(&pages, step, "a text"));
    ck_assert_int_le(pages.count, PAGES_KEPT);
    ck_assert_int_eq(pages.list[0].step, 1);
    ck_assert_int_eq(pages_shown(&pages)->step, 200);
    for (int i = 1; i < pages.count; i++) ck_assert_int_lt(pages.list[i - 1].step, pages.list[i].step);
    pages_turn(&pages, -1);
    ck_assert_int_eq(pages_shown(&pages)->step, 199);
    ASSERT_OK(pages_add(&pages, 201, "newer"));
    ck_assert_int_eq(pages_shown(&pages)->step, 199); /* who reads is not disturbed */
    for (int i = 0; i < 300; i++) pages_turn(&pages, 1);
    ck_assert_int_eq(pages_shown(&pages)->step, 201);
    ASSERT_OK(pages_add(&pages, 50, "the run went back"));
    ck_assert_int_eq(pages_shown(&pages)->step, 50);
    pages_clear(&pages);
    ck_assert_ptr_null(pages_shown(&pages));
}
END_TEST

/* Nothing new comes while somebody reads on, and one's own text has a history of its own. */
START_TEST(reading_is_not_disturbed)
{
    Buffer line = {0};
    press_keys(&workbench, "4");
    ASSERT_OK(topic_line(TOPIC_SAMPLES, view, ~0u, &line));
    ck_assert_str_eq(line.data, "lathe.view(\"samples\", \"\")");
    press_keys(&workbench, DOWN);
    ASSERT_OK(topic_line(TOPIC_SAMPLES, view, ~0u, &line));
    ck_assert_str_eq(line.data, "");
    press_keys(&workbench, "ithe [MASK]\r");
    ck_assert_ptr_null(pages_shown(&view->samples));
    ASSERT_OK(topic_line(TOPIC_SAMPLES, view, ~0u, &line));
    ck_assert_str_eq(line.data, "lathe.view(\"samples\", \"the [MASK]\")");
    data_answer(view, TOPIC_SAMPLES, "{\"samples\": {\"step\": 9, \"text\": \"of the question before\"}}");
    ck_assert_ptr_null(pages_shown(&view->samples));
    data_answer(view, TOPIC_SAMPLES, "{\"samples\": {\"step\": 9, \"text\": \"dog\", \"own\": \"the [MASK]\"}}");
    ck_assert_str_eq(pages_shown(&view->samples)->text, "dog");
    press_keys(&workbench, "5\033[C\033[C");
    ASSERT_OK(topic_line(TOPIC_DATA, view, ~0u, &line));
    ck_assert_str_eq(line.data, "lathe.view(\"data\", 2)");
    buffer_free(&line);
}
END_TEST

static bool shows(int width, int height, const char *text)
{
    Grid grid = {0};
    Buffer cells = {0};
    int x, y;
    ASSERT_OK(workbench_draw(&workbench, &grid, width, height, &x, &y));
    ASSERT_OK(grid_print(&grid, &cells));
    bool shown = strstr(cells.data, text) != NULL;
    grid_free(&grid);
    buffer_free(&cells);
    return shown;
}

/* However long the lines below it are. */
START_TEST(a_found_line_is_seen)
{
    char text[400];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    ASSERT_OK(scroll_line(&view->log, STYLE_TEXT, "the needle"));
    for (int i = 0; i < 10; i++) ASSERT_OK(scroll_line(&view->log, STYLE_TEXT, text));
    press_keys(&workbench, "7z/needle\r");
    ck_assert(shows(80, 24, "the needle"));
    ck_assert(shows(60, 9, "the needle"));
    press_keys(&workbench, "\033[F"); /* away from it */
    ck_assert(!shows(80, 24, "the needle"));
}
END_TEST

/* A process that looks at a run has made no step: the losses are those that are recorded. */
START_TEST(losses_of_a_finished_run)
{
    for (int i = 0; i < view->objective_count; i++) view->objectives[i].value = (double)NAN;
    view->state = RUN_LOOKING;
    press_keys(&workbench, "2z");
    ck_assert(shows(80, 24, "0.261"));
}
END_TEST

/* What is typed first takes the place of an old value; after an arrow it is changed. */
START_TEST(old_values_are_replaced)
{
    Field field;
    const Key letter = {.code = '7', .length = 1, .bytes = "7"};
    field_offer(&field, "32");
    field_key(&field, &letter);
    field_key(&field, &letter);
    ck_assert_str_eq(field.text, "77");
    field_offer(&field, "32");
    field_key(&field, &(Key){.code = KEY_LEFT});
    field_key(&field, &letter);
    ck_assert_str_eq(field.text, "372");
    field_offer(&field, "32");
    field_key(&field, &(Key){.code = KEY_BACKSPACE});
    ck_assert_str_eq(field.text, "3");
    field_offer(&field, "");
    field_insert(&field, "pasted");
    field_insert(&field, " twice");
    ck_assert_str_eq(field.text, "pasted twice");
}
END_TEST

/* Whether a run is to go on is no question once it is over, nor of one that is not started from here; of one that
 * has begun meanwhile it is another. */
START_TEST(leaving_asks_what_it_must)
{
    press_keys(&workbench, "q");
    ck_assert_int_eq(view->use, FIELD_LEAVE);
    overlay_settle(&workbench);
    ck_assert_int_eq(view->use, FIELD_LEAVE);
    view->state = RUN_OVER;
    overlay_settle(&workbench);
    ck_assert_int_eq(view->use, FIELD_NONE);
    view->state = RUN_CONNECTING;
    view->begins = true;
    press_keys(&workbench, "q");
    ck_assert_int_eq(view->use, FIELD_LEAVE);
    ck_assert_ptr_nonnull(strstr(view->question, "s ends it"));
    view->begins = false;
    view->state = RUN_TRAINING;
    overlay_settle(&workbench);
    ck_assert_int_eq(view->use, FIELD_LEAVE);
    ck_assert_ptr_nonnull(strstr(view->question, "s stops it"));
    view->state = RUN_CONNECTING;
    overlay_settle(&workbench);
    ck_assert(!workbench.leaving);
    press_keys(&workbench, "q");
    ck_assert(workbench.leaving);
}
END_TEST

START_TEST(words_are_wrapped)
{
    ck_assert_uint_eq(wrap_cut("one two three", 8), 8);
    ck_assert_uint_eq(wrap_cut("one two three", 7), 7);
    ck_assert_uint_eq(wrap_cut("oneword", 3), 3);
    ck_assert_uint_eq(wrap_cut("    word", 5), 5);
    ck_assert_uint_eq(wrap_cut("\xe6\x97\xa5\xe6\x9c\xac", 3), 3);
    ck_assert_int_eq(wrap_rows("one two three", 7, 2), 2);
    ck_assert_int_eq(wrap_rows("", 7, 2), 1);
    ck_assert_int_eq(wrap_rows("a b c d", 1, 5), 4);
}
END_TEST

/* --- the palette --- */

static int found(const char *filter, bool all)
{
    int count = 0;
    while (action_found(filter, PANE_CURVES, all, count)) count++;
    return count;
}

START_TEST(palette_finds_everything)
{
    for (int i = 0; i < action_count; i++) {
        bool there = false;
        for (int n = 0; action_found(actions[i].name, PANE_CURVES, true, n); n++)
            there |= action_found(actions[i].name, PANE_CURVES, true, n) == &actions[i];
        ck_assert_msg(there, "%s", actions[i].name);
    }
    ck_assert_int_eq(found("", true), action_count);
    ck_assert_int_lt(found("", false), action_count); /* help knows the pane's own */
    ck_assert_int_eq(found("freeze train module", true), 1);
    ck_assert_int_eq(found("no such thing", true), 0);
    ck_assert_str_eq(action_found("snap", PANE_BRANCHES, true, 0)->name, "snapshot"); /* not what tells of them */
    expect_line(&workbench, "1:remove objective\r\r", "run:remove_objective(\"mlm\")");
    ck_assert_int_eq(view->focus.pane, PANE_OBJECTIVES);
    expect_line(&workbench, "1:learning rate\r5e-4\r", "run.optimizer.lr = 5e-4");
    expect_line(&workbench, ":generate\ronce\r", "run:generate(\"once\")");
}
END_TEST

/* --- init.lua --- */

static Status read_init(const char *text, Settings *settings, Buffer *trouble)
{
    buffer_clear(trouble);
    scratch_write(scratch_path("init.lua"), text, strlen(text));
    return settings_read(scratch_path("init.lua"), settings, trouble);
}

START_TEST(init_file)
{
    Settings settings;
    Buffer trouble = {0};
    ASSERT_OK(settings_read(scratch_path("none.lua"), &settings, &trouble));
    ck_assert(settings.mouse && settings.theme == 0 && !trouble.length);
    ASSERT_OK(read_init(
        "workbench.theme = 'light' workbench.mouse = false workbench.dots = 'blocks'\n"
        "workbench.key('undo', 'X F9')\n"
        "workbench.command { name = 'halve', keys = 'H', pane = 'Curves', doc = 'half', lua = 'a = |1' }\n"
        "assert(workbench.theme == 'light')",
        &settings, &trouble));
    ck_assert_msg(!trouble.length, "%s", trouble.data);
    ck_assert(settings.theme == 1 && !settings.mouse && settings.dots == 1);
    ck_assert_str_eq(action_of_key("X", PANE_LOG)->name, "undo");
    ck_assert_ptr_null(action_of_key("u", PANE_LOG));
    expect_line(&workbench, "1H0\r", "a = 01");
    ck_assert_ptr_null(action_of_key("H", PANE_LOG));
    actions_reset();
    ck_assert_ptr_null(action_of_key("H", PANE_CURVES));
    ck_assert_str_eq(action_of_key("u", PANE_LOG)->name, "undo");
    buffer_free(&trouble);
}
END_TEST

/* A key that moves is taken from where it would clash, in that pane only. */
START_TEST(keys_move)
{
    ASSERT_OK(actions_bind("sort", "f"));
    ck_assert_str_eq(action_of_key("f", PANE_MODEL)->name, "sort");
    ck_assert_str_eq(action_of_key("f", PANE_SAMPLES)->name, "hold");
    ck_assert_ptr_null(action_of_key("s", PANE_MODEL));
}
END_TEST

START_TEST(broken_init_files)
{
    static const char *const texts[][2] = {
        {"workbench.theme = ", "init.lua:1: unexpected symbol"},
        {"workbench.theme = 'purple'", "theme must be one of dark, light, mono; got 'purple'"},
        {"workbench.thene = 'dark'", "did you mean 'theme'?"},
        {"workbench.key('undoo', 'X')", "did you mean 'undo'?"},
        {"workbench.key('undo', 'Strg-X')", "there is no key 'Strg-X'"},
        {"workbench.command { name = 'undo', lua = 'x' }", "there is a command 'undo' already"},
        {"workbench.command { name = 'a' }", "lua must be a text"},
        {"workbench.command { name = 'a', lua = 'b', color = 1 }", "command has no field 'color'"},
        {"workbench.command { name = 'a', lua = 'b', pane = 'attic' }", "there is no pane 'attic'"},
        {"error('stop')", "init.lua:1: stop"},
        {"for i = 1, 1000 do workbench.command { name = 'c' .. i, lua = 'x' } end", "commands already"}};
    Settings settings;
    Buffer trouble = {0};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        actions_reset();
        ASSERT_OK(read_init(texts[i][0], &settings, &trouble));
        ck_assert_msg(trouble.data && strstr(trouble.data, texts[i][1]), "'%s' says '%s'", texts[i][0],
                      trouble.data ? trouble.data : "");
    }
    buffer_free(&trouble);
}
END_TEST

Suite *panes_suite(void)
{
    Suite *suite = suite_create("panes");
    TCase *cases = tcase_create("panes");
    tcase_add_checked_fixture(cases, begin, end);
    tcase_add_test(cases, forms_make_lines);
    tcase_add_test(cases, another_record);
    tcase_add_test(cases, refused_values_say_why);
    tcase_add_test(cases, answers_to_forms);
    tcase_add_test(cases, dry_runs);
    tcase_add_test(cases, model_rows);
    tcase_add_test(cases, model_questions);
    tcase_add_test(cases, pages_are_kept);
    tcase_add_test(cases, reading_is_not_disturbed);
    tcase_add_test(cases, a_found_line_is_seen);
    tcase_add_test(cases, losses_of_a_finished_run);
    tcase_add_test(cases, old_values_are_replaced);
    tcase_add_test(cases, leaving_asks_what_it_must);
    tcase_add_test(cases, words_are_wrapped);
    tcase_add_test(cases, palette_finds_everything);
    tcase_add_test(cases, init_file);
    tcase_add_test(cases, keys_move);
    tcase_add_test(cases, broken_init_files);
    suite_add_tcase(suite, cases);
    return suite;
}
