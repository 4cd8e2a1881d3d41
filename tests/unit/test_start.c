/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The start screen as text (tests/golden/screens/start.txt), its form, and random keys. */
#include "engine/base/random.h"
#include "scripts/recipe.h"
#include "tests/unit/scratch.h"
#include "tui/workbench/start.h"

Suite *start_suite(void);

static Status check(void *context, Form *of, const FormField *field, const char *value)
{
    (void)context;
    (void)of;
    if (strcmp(field->name, "batch_size") != 0 || (*value >= '1' && *value <= '9')) return STATUS_OK;
    return status_fail(STATUS_INVALID, "batch_size must be an integer of at least 1; got '%s'", value);
}

static void line(void *context, const Form *of, char *out, size_t size)
{
    (void)context;
    snprintf(out, size, "lathe run bert%s%s", form_changed(&of->fields[0]) ? " --set batch_size=" : "",
             form_changed(&of->fields[0]) ? of->fields[0].value : "");
}

static Status form(void *context, int item)
{
    Start *start = context;
    static const char *const list[][4] = {
        {"batch_size", "32", "an integer of at least 1", "sentence pairs of a step"},
        {"masking", "token", "one of token, word, span", "what is masked together"},
        {"text", "", "the path of a file", "text to learn from; without it, the built-in stories"}};
    if (item == 1) return status_fail(STATUS_LUA, "broken.lua:3: unexpected symbol near '}'");
    start->form.port = (FormPort){check, NULL, line, NULL};
    for (int i = 0; i < 3; i++) {
        FormField *field = form_add(&start->form, list[i][0], list[i][1]);
        snprintf(field->range, sizeof field->range, "%s", list[i][2]);
        snprintf(field->doc, sizeof field->doc, "%s", list[i][3]);
    }
    start->time.seconds = 372;
    return STATUS_OK;
}

static void begin(Start *start)
{
    static const StartItem list[] = {
        {START_RECIPE,
         "bert",
         "recipes/bert.lua",
         "Pre-train a BERT with masked language modelling, on the built-in stories or on a text of one's own.",
         {.seconds = 372}},
        {START_RECIPE,
         "broken",
         "recipes/broken.lua",
         "broken.lua:3: unexpected symbol near '}'",
         {.asking = true}},
        {START_LIVE_RUN, "runs/bert-0002", "runs/bert-0002", "step 120 of 4000, bert.lua", {0}},
        {START_STOPPED_RUN, "runs/bert-0001", "runs/bert-0001", "step 60 of 4000, bert.lua", {0}}};
    start_free(start);
    *start = (Start){.port = {form, NULL, start}, .item_count = 4};
    memcpy(start->items, list, sizeof list);
}

static void type(Start *start, const char *bytes)
{
    Keys keys = {0};
    Key key;
    for (; *bytes; bytes++)
        if (keys_take(&keys, (unsigned char)*bytes, &key)) start_key(start, &key, keys_pasted(&keys));
    while (keys_pause(&keys, &key)) start_key(start, &key, "");
    keys_free(&keys);
}

static void shoot(const char *keys, int width, int height, Buffer *out)
{
    static Start start;
    Grid grid = {0};
    int x, y;
    begin(&start);
    type(&start, keys);
    ASSERT_OK(grid_resize(&grid, width, height));
    start_draw(&start, &grid, &x, &y);
    ASSERT_OK(buffer_printf(out, "=== %dx%d, the cursor at %d %d\n", width, height, x, y));
    ASSERT_OK(grid_print(&grid, out));
    grid_free(&grid);
}

START_TEST(stored_screens)
{
    static const char *const keys[] = {"",
                                       "j\r",
                                       "?",
                                       "\r",
                                       "\r\r\x15"
                                       "64\rl",
                                       "\r\r\x15"
                                       "x\r",
                                       "\r?"};
    Buffer made = {0}, stored = {0};
    const char *path = TEST_GOLDEN "/screens/start.txt";
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        shoot(keys[i], 80, 24, &made);
        shoot(keys[i], 20, 5, &made);
        shoot(keys[i], 1, 1, &made);
    }
    if (getenv("LATHE_WRITE_SCREENS")) ASSERT_OK(file_write(path, made.data, made.length));
    ASSERT_OK(file_read(path, 0, &stored));
    ck_assert_str_eq(made.data, stored.data);
    buffer_free(&made);
    buffer_free(&stored);
}
END_TEST

START_TEST(choices)
{
    static Start start;
    begin(&start);
    type(&start, "jj\r");
    ck_assert_int_eq(start.choice, START_OPEN);
    ck_assert_int_eq(start.row, 2);
    begin(&start);
    type(&start, "\r\r\x15"
                 "64\rs");
    ck_assert_int_eq(start.choice, START_TRAIN);
    ck_assert_str_eq(start.form.fields[0].value, "64");
    ck_assert_str_eq(start.form.line, "lathe run bert --set batch_size=64");
    begin(&start);
    type(&start, "jjjr");
    ck_assert_int_eq(start.choice, START_RESUME);
    begin(&start);
    type(&start, "jjr");
    ck_assert_int_eq(start.choice, START_NOTHING);
    begin(&start);
    type(&start, "\rjhhdd");
    ck_assert_str_eq(start.form.fields[1].value, "word");
    type(&start, "\x7f");
    ck_assert_str_eq(start.form.fields[1].value, "token");
    begin(&start);
    type(&start, "\r\r\x15"
                 "0\r");
    ck_assert(start.form.editing && strstr(start.form.note, "got '0'"));
    ck_assert_str_eq(start.form.fields[0].value, "32");
    begin(&start);
    type(&start, "q");
    ck_assert_int_eq(start.choice, START_LEAVE);
}
END_TEST

START_TEST(random_keys)
{
    static const char bytes[] = "jk\r\033qse\t\x7f"
                                "A9lhr?\xc3\xa4\x03";
    static Start start;
    Random random = random_stream(random_key(5, "start"));
    Grid grid = {0};
    int x, y;
    begin(&start);
    for (int turn = 0; turn < 5000; turn++) {
        char text[2] = {bytes[random_below(&random, sizeof bytes - 1)], '\0'};
        type(&start, text);
        start.choice = START_NOTHING;
        if (grid_resize(&grid, 1 + (int)random_below(&random, 100), 1 + (int)random_below(&random, 30)) !=
            STATUS_OK)
            ck_abort_msg("%s", status_message());
        start_draw(&start, &grid, &x, &y);
        if (x >= grid.width || y >= grid.height) ck_abort_msg("the cursor is at %d %d", x, y);
    }
    grid_free(&grid);
}
END_TEST

/* --- the recipes that it lists --- */

static Status note_name(void *context, const char *name, const char *path)
{
    ck_assert_ptr_nonnull(strstr(path, ".lua"));
    return buffer_printf(context, "%s ", name);
}

START_TEST(recipes)
{
    Buffer names = {0};
    scratch_write(scratch_path("mine.lua"), "x", 1);
    scratch_write(scratch_path("no recipe.txt"), "x", 1);
    setenv("LATHE_PATH", scratch_folder, 1);
    ASSERT_OK(recipe_list(note_name, &names));
    ck_assert_msg(strncmp(names.data, "mine ", 5) == 0 && strstr(names.data, "bert "), "%s", names.data);
    buffer_free(&names);
}
END_TEST

Suite *start_suite(void)
{
    Suite *suite = suite_create("start");
    TCase *cases = tcase_create("start");
    tcase_add_checked_fixture(cases, scratch_make, scratch_remove);
    tcase_add_test(cases, stored_screens);
    tcase_add_test(cases, choices);
    tcase_add_test(cases, random_keys);
    tcase_add_test(cases, recipes);
    suite_add_tcase(suite, cases);
    return suite;
}
