/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every pane as cells, without a terminal, against stored text (tests/golden/screens; LATHE_WRITE_SCREENS=1 writes
 * it anew, to be read before it is kept); layouts of all sizes; random keys, sizes and data. */
#include "engine/base/random.h"
#include "tests/unit/scale.h"
#include "tests/unit/workbench_keys.h"
#include "tui/workbench/actions.h"
#include "tui/workbench/panes.h"

#include <time.h>

Suite *screens_suite(void);

static const struct Size {
    int width, height;
} sizes[] = {{80, 24}, {20, 5}, {200, 60}, {1, 1}};
enum { SIZES = sizeof sizes / sizeof *sizes };

/* --- stored screens --- */

/* What is on the screen after these keys; on the largest one only of the curves, which change most with the size.
 */
static const struct Shot {
    const char *name, *keys;
    DataKind kind;
    bool large;
} shots[] = {
    {"no samples", "", DATA_NONE, true},
    {"one sample", "", DATA_ONE, true},
    {"only NaN", "", DATA_NAN, true},
    {"odd values", "", DATA_ODD, true},
    {"many samples", "", DATA_MANY, true},
    {"log y, zoomed in at the crosshair", "g\033[D\033[D\033[D++", DATA_MANY, false},
    {"letters, a longer mean", "dds", DATA_ODD, false},
    {"blocks, no mean, all values", "dSSSSSSSSa", DATA_MANY, false},
    {"smaller values, by hand", "yj", DATA_MANY, false},
    {"the last mark", "N", DATA_MANY, false},
    {"the mark before, in tokens", "NNx", DATA_MANY, true},
    {"the end, in time", "xx++", DATA_MANY, false},
    {"logarithmic steps", "G", DATA_MANY, false},
    {"kinds of metrics", "mlr\r\b\bsec\r\033", DATA_MANY, true},
    {"choosing metrics", "m", DATA_ODD, false},
    {"choosing others", "o", DATA_ODD, false},
    {"objectives", "2jz", DATA_ODD, false},
    {"a weight", "2e", DATA_ODD, false},
    {"model", "3zj\r", DATA_ODD, false},
    {"samples", "4z", DATA_ODD, false},
    {"data", "5z", DATA_ODD, false},
    {"the form of a new objective", "2al", DATA_ODD, false},
    {"a value that does not fit", "2O\033[B\rx\r", DATA_ODD, false},
    {"pruning", "3P\r0.5\r", DATA_ODD, false},
    {"a palette without finds", ":nothing of the kind", DATA_ODD, false},
    {"branches", "6z", DATA_ODD, false},
    {"log", "7", DATA_ODD, false},
    {"log, alone, edits and worse", "7zvvv", DATA_ODD, false},
    {"log, searched", "7z/nsp\rn", DATA_ODD, false},
    {"prompt", "8", DATA_ODD, false},
    {"palette", ":re", DATA_ODD, false},
    {"keys", "?", DATA_ODD, false},
    {"leaving", "q", DATA_ODD, false},
};
enum { SHOTS = sizeof shots / sizeof *shots };

/* Each pane beside the curves with each kind of data. */
#define KINDS(name, keys)                                                                                          \
    {name ": empty", keys, DATA_NONE, true}, {name ": one", keys, DATA_ONE, true},                                 \
        {name ": NaN", keys, DATA_NAN, true}, {name ": ordinary", keys, DATA_ODD, true},                           \
    {                                                                                                              \
        name ": deep", keys, DATA_DEEP, true                                                                       \
    }
static const struct Shot pane_shots[] = {
    KINDS("objectives", "2z"),
    KINDS("model", "3z"),
    KINDS("a sorted model", "3zsss"),
    KINDS("a spread", "3zsh"),
    KINDS("attention", "3zA"),
    KINDS("samples", "4z"),
    KINDS("older samples", "4z\033[D"),
    KINDS("data", "5z\033[B\033[B"),
    KINDS("objectives among others", "2"),
};
#undef KINDS
enum { PANE_SHOTS = sizeof pane_shots / sizeof *pane_shots };

static void shoot(const struct Shot *shot, const struct Size *size, bool ascii, Buffer *out)
{
    Workbench workbench;
    Grid grid = {0};
    int x, y;
    open_run(&workbench, shot->kind);
    workbench.view.ascii = ascii;
    ASSERT_OK(workbench_draw(&workbench, &grid, size->width, size->height, &x, &y));
    press_keys(&workbench, shot->keys);
    ASSERT_OK(workbench_draw(&workbench, &grid, size->width, size->height, &x, &y));
    ASSERT_OK(buffer_printf(out, "=== %s", shot->name));
    if (x >= 0) ASSERT_OK(buffer_printf(out, ", the cursor at %d %d", x, y));
    ASSERT_OK(buffer_text(out, "\n"));
    ASSERT_OK(grid_print(&grid, out));
    grid_free(&grid);
    workbench_free(&workbench);
}

/* Names the first screen that differs, and shows it. */
static void compare_screens(const char *path, const char *stored, const char *made)
{
    size_t at = 0, begin = 0;
    while (stored[at] && stored[at] == made[at]) at++;
    if (!stored[at] && !made[at]) return;
    for (size_t i = 0; i < at; i++)
        if (strncmp(made + i, "\n=== ", 5) == 0) begin = i + 1;
    const char *end = strstr(made + begin + 1, "\n=== ");
    ck_abort_msg("%s differs at:\n%.*s", path, end ? (int)(end - made - (ptrdiff_t)begin) : 20000, made + begin);
}

/* On a large screen only some: the file would be long. */
static void check_file(const char *name, const struct Shot *list, int count, const struct Size *size)
{
    Buffer made = {0}, stored = {0};
    char path[512];
    bool large = size->width * size->height > 5000;
    for (int i = 0; i < count; i++)
        if (!large || list[i].large) shoot(&list[i], size, false, &made);
    snprintf(path, sizeof path, "%s/screens/%s%dx%d.txt", TEST_GOLDEN, name, size->width, size->height);
    if (getenv("LATHE_WRITE_SCREENS")) ASSERT_OK(file_write(path, made.data, made.length));
    ASSERT_OK(file_read(path, 0, &stored));
    compare_screens(path, stored.data, made.data);
    buffer_free(&made);
    buffer_free(&stored);
}

START_TEST(stored_screens)
{
    for (int i = 0; i < SIZES; i++) check_file("", shots, SHOTS, &sizes[i]);
}
END_TEST

START_TEST(stored_panes)
{
    for (int i = 0; i < SIZES; i++) check_file("panes-", pane_shots, PANE_SHOTS, &sizes[i]);
}
END_TEST

/* Question marks, and the letter in the line that is typed, which becomes one. */
static int unknown_letters(const char *text)
{
    int count = strstr(text, "\xc3\xa4") != NULL;
    for (; *text; text++) count += *text == '?';
    return count;
}

/* A terminal that shows ASCII alone gets a letter for all that the program draws: '?' stands for what is in no
 * list. */
START_TEST(ascii_screens)
{
    for (int i = 0; i < SHOTS; i++) {
        Buffer whole = {0}, plain = {0};
        struct Shot shot = {shots[i].name, shots[i].keys, DATA_DEEP, true};
        shoot(&shot, &sizes[0], false, &whole);
        shoot(&shot, &sizes[0], true, &plain);
        for (size_t k = 0; k < plain.length; k++) ck_assert_msg(!(plain.data[k] & 0x80), "%s", plain.data);
        ck_assert_msg(unknown_letters(plain.data) == unknown_letters(whole.data), "%s", plain.data);
        buffer_free(&whole);
        buffer_free(&plain);
    }
}
END_TEST

START_TEST(million_samples)
{
    static const struct Shot shot = {"a million samples", "", DATA_MILLION, true};
    for (int i = 0; i < SIZES; i++) check_file("million-", &shot, 1, &sizes[i]);
}
END_TEST

static double draw_ms(Workbench *workbench, Grid *grid, int times)
{
    int x, y;
    clock_t begin = clock(); /* of this process: whoever else uses the machine does not count */
    for (int i = 0; i < times; i++) ASSERT_OK(workbench_draw(workbench, grid, 120, 30, &x, &y));
    return 1e3 * (double)(clock() - begin) / CLOCKS_PER_SEC / times;
}

/* Two metrics of the run and of four other ones. How long it takes is told and decides nothing. */
START_TEST(ten_long_curves)
{
    Workbench workbench;
    Grid grid = {0};
    open_run(&workbench, DATA_MILLION);
    CurvesLook *look = &workbench.view.curves;
    for (int i = 0; i < CURVES_OVERLAYS; i++) {
        snprintf(look->overlays[i].name, sizeof look->overlays[i].name, "run %d", i);
        look->overlays[i].run = (CurvesRun){{{data_store(DATA_MILLION), 0, INT64_MAX}}, 1};
    }
    look->overlay_count = CURVES_OVERLAYS;
    draw_ms(&workbench, &grid, 1);
    double redraw = draw_ms(&workbench, &grid, 400), zoom = 0;
    for (int i = 0; i < 10; i++) {
        press_keys(&workbench, i < 5 ? "+" : "-");
        double ms = draw_ms(&workbench, &grid, 1);
        zoom = ms > zoom ? ms : zoom;
    }
    printf("10 curves of 1,000,000 samples: redraw %.2f ms, zoom at most %.2f ms\n", redraw, zoom);
    grid_free(&grid);
    workbench_free(&workbench);
}
END_TEST

/* --- layouts --- */

static bool apart(const Rect *a, const Rect *b)
{
    return a->x + a->width <= b->x || b->x + b->width <= a->x || a->y + a->height <= b->y ||
           b->y + b->height <= a->y;
}

static bool is_good(int width, int height, const Focus *focus)
{
    Layout layout = layout_make(width, height, focus);
    Rect all[PANE_COUNT + 2];
    int count = 0, cells = 0;
    bool good = layout.panes[focus->pane].width > 0;
    for (int i = 0; i < PANE_COUNT; i++)
        if (layout.panes[i].width) all[count++] = layout.panes[i];
    if (layout.title.height) all[count++] = layout.title;
    if (layout.keys.height) all[count++] = layout.keys;
    for (int i = 0; i < count; i++) {
        const Rect *rect = &all[i];
        good = good && rect->x >= 0 && rect->y >= 0 && rect->width > 0 && rect->height > 0;
        good = good && rect->x + rect->width <= width && rect->y + rect->height <= height;
        for (int j = 0; j < i; j++) good = good && apart(rect, &all[j]);
        cells += rect->width * rect->height;
    }
    return good && cells == width * height; /* nothing is left over */
}

static void check_layout(int width, int height, const Focus *focus)
{
    if (!is_good(width, height, focus)) ck_abort_msg("%d x %d, pane %d", width, height, (int)focus->pane);
}

START_TEST(layouts)
{
    for (int pane = 0; pane < PANE_COUNT; pane++) {
        Focus focus = focus_new((PaneId)pane);
        for (int zoomed = 0; zoomed < 2; zoomed++) {
            focus.zoomed = zoomed;
            for (int height = 1; height <= 80; height++)
                for (int width = 1; width <= 240; width++) check_layout(width, height, &focus);
        }
    }
}
END_TEST

/* --- what a person does --- */

START_TEST(keys_are_lines)
{
    Workbench workbench;
    Grid grid = {0};
    int x, y;
    open_run(&workbench, DATA_ODD);
    ASSERT_OK(workbench_draw(&workbench, &grid, 120, 30, &x, &y));
    expect_line(&workbench, " ", "pause()");
    workbench.view.state = RUN_PAUSED;
    expect_line(&workbench, " ", "resume()");
    expect_line(&workbench, "u", "undo()");
    expect_line(&workbench, "blow\r", "branch(\"low\")");
    expect_line(&workbench, "2j ", "run.objectives.nsp.enabled = false");
    expect_line(&workbench,
                "e\x7f"
                "25\r",
                "run.objectives.nsp.weight = 0.25");
    expect_line(&workbench, "x\r", "run:remove_objective(\"nsp\")");
    expect_line(&workbench, "6\r", "switch(\"main\")");
    expect_line(&workbench, "1r", ""); /* which step is not said */
    expect_line(&workbench, "\033[D\033[Dr\r", "switch(\"main\") rewind(294)");
    expect_line(&workbench, "Bside\r", "branch(\"side\", 294)");
    workbench.view.branches[1].fork = 200; /* the current one has that step now */
    expect_line(&workbench, "r\r", "rewind(294)");
    expect_line(&workbench, ":undo\r", "undo()");
    expect_line(&workbench, "3jjf", "run.model[\"bert.embeddings\"].frozen = true");
    expect_line(&workbench, "qs", "stop()");
    ck_assert(!workbench.leaving);
    press_keys(&workbench, "q\033");
    ck_assert(!workbench.leaving);
    press_keys(&workbench, "q\r");
    ck_assert(workbench.leaving);
    grid_free(&grid);
    workbench_free(&workbench);
    buffer_free(&sent);
}
END_TEST

static Buffer pasted;
static int suspended;

static void on_paste(void *context, const char *text)
{
    (void)context;
    ASSERT_OK(buffer_text(&pasted, text));
}

static void on_suspend(void *context)
{
    (void)context;
    suspended++;
}

/* Terminals send CR; Ctrl-Z means the same whatever is open, and closes nothing. */
START_TEST(pastes_and_suspends)
{
    Workbench workbench;
    open_run(&workbench, DATA_ONE);
    workbench.port.paste = on_paste;
    workbench.port.suspend = on_suspend;
    press_keys(&workbench, "8\033[200~for i = 1, 2 do\r  print(i)\r\nend\n\033[201~");
    ck_assert_str_eq(pasted.data, "for i = 1, 2 do\n  print(i)\nend\n");
    press_keys(&workbench, "\x1a\0331:re\x1a");
    ck_assert_int_eq(suspended, 2);
    ck_assert_int_eq(workbench.view.use, FIELD_PALETTE);
    press_keys(&workbench, "\033");
    press_keys(&workbench, "?\x1a");
    ck_assert(suspended == 3 && workbench.view.help);
    workbench_free(&workbench);
    buffer_free(&pasted);
}
END_TEST

/* Each key means one thing in each pane, and each action says what it does. */
START_TEST(registry)
{
    for (int i = 0; i < action_count; i++) {
        ck_assert(actions[i].name[0] && actions[i].doc[0]);
        ck_assert(actions[i].run || actions[i].lua || actions[i].line);
        for (int j = 0; j < i; j++) {
            ck_assert_str_ne(actions[i].name, actions[j].name);
            bool together = actions[i].panes == actions[j].panes || (actions[i].panes & actions[j].panes);
            for (const char *at = actions[i].keys; together && *at; at += strcspn(at, " "), at += *at == ' ') {
                char key[16];
                snprintf(key, sizeof key, "%.*s", (int)strcspn(at, " "), at);
                for (int pane = 0; pane < PANE_COUNT; pane++)
                    if (actions[i].panes & 1u << pane)
                        ck_assert_ptr_ne(action_of_key(key, (PaneId)pane), &actions[j]);
            }
        }
    }
}
END_TEST

/* --- random keys, sizes and data --- */

static const char *const sequences[] = {"\033[A",
                                        "\033[B",
                                        "\033[C",
                                        "\033[D",
                                        "\033",
                                        "\r",
                                        "\t",
                                        "\033[Z",
                                        "\033[5~",
                                        "\033[6~",
                                        "\033[<0;10;5M",
                                        "\033[<64;30;4M",
                                        "\033[<65;2;2M",
                                        "\033[<0;40;9M",
                                        "\033[<0;70;9m",
                                        "\033[<0;12;24M",
                                        "\033[1;2D",
                                        "\033[H",
                                        "\033[F",
                                        "\033[200~a\nb\033[201~",
                                        "\x7f",
                                        "\033[1;5C",
                                        "\033OP",
                                        "\xc3\xa4",
                                        "\xff",
                                        "\033[<",
                                        "\x03"};
enum { SEQUENCES = sizeof sequences / sizeof *sequences };

static void check_cells(const Grid *grid)
{
    for (int y = 0; y < grid->height; y++)
        for (int x = 0; x < grid->width; x++) {
            const Cell *cell = grid_cell(grid, x, y), *right = grid_cell(grid, x + 1, y);
            bool good =
                cell->style < STYLE_COUNT && cell->width <= 2 && memchr(cell->text, '\0', sizeof cell->text);
            good = good && (cell->width == 0 || (unsigned char)cell->text[0] >= 32);
            if (cell->width == 2) good = good && right && right->width == 0;
            if (cell->width == 0) good = good && x > 0 && cell[-1].width == 2;
            if (!good) ck_abort_msg("the cell at %d %d is broken", x, y); /* an assertion for each takes long */
        }
}

static void random_turn(Workbench *workbench, Random *random, int *width, int *height)
{
    uint32_t dice = random_u32(random), more = random_u32(random);
    char text[2] = {(char)(' ' + more % 95), '\0'};
    if (dice % 16 == 0) {
        *width = 1 + (int)(more % 130);
        *height = 1 + (int)(more >> 8) % 45;
    }
    press_keys(workbench, dice % 3 ? text : sequences[more % SEQUENCES]);
    if (dice % 64 == 1) workbench->view.state = (RunState)(more % RUN_STATES);
    if (dice % 64 == 2) workbench->view.ascii = more & 1;
    if (dice % 64 == 4) workbench->view.answer = (int)(more % 40);
    if (dice % 64 == 5) workbench->view.silent = (int)(more % 9);
    if (dice % 64 == 3)
        ASSERT_OK(scroll_add(&workbench->view.console, STYLE_TEXT, "\xff\xe6\x97\xa5\x1b[31m\n", 10));
    workbench->leaving = false;
}

START_TEST(random_keys)
{
    int turns = at_full_scale() ? 20000 : 700, width = 80, height = 24, x, y;
    Workbench workbench;
    Grid grid = {0};
    Random random = random_stream(random_key(1 + (uint64_t)_i, "keys"));
    open_run(&workbench, (DataKind)_i);
    for (int turn = 0; turn < turns; turn++) {
        random_turn(&workbench, &random, &width, &height);
        ASSERT_OK(workbench_draw(&workbench, &grid, width, height, &x, &y));
        ck_assert(x < grid.width && y < grid.height);
        check_cells(&grid);
    }
    grid_free(&grid);
    workbench_free(&workbench);
    buffer_free(&sent);
}
END_TEST

/* Whatever a run answers: read or refused, and drawn. */
START_TEST(hostile_answers)
{
    Random random = random_stream(random_key(7, "answers"));
    Workbench workbench;
    Grid grid = {0};
    int x, y;
    open_run(&workbench, DATA_ONE);
    for (int turn = 0; turn < 1500; turn++) {
        const char *from = turn % 3 == 0 ? data_run : turn % 3 == 1 ? data_model : data_history;
        size_t length = strlen(from);
        char *text;
        ASSERT_OK(memory_copy_text(from, &text));
        for (int i = 0; i < 3; i++) text[random_below(&random, length)] = (char)random_u32(&random);
        double seconds;
        Status status = answer_take(&workbench.view, TOPIC_RUN, text, length, &seconds);
        ck_assert(status == STATUS_OK || status == STATUS_FORMAT);
        ASSERT_OK(workbench_draw(&workbench, &grid, 120, 30, &x, &y));
        memory_free(text);
    }
    grid_free(&grid);
    workbench_free(&workbench);
}
END_TEST

Suite *screens_suite(void)
{
    Suite *suite = suite_create("screens");
    TCase *cases = tcase_create("screens");
    tcase_add_checked_fixture(cases, scratch_make, scratch_remove);
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, stored_screens);
    tcase_add_test(cases, stored_panes);
    tcase_add_test(cases, ascii_screens);
    tcase_add_test(cases, million_samples);
    tcase_add_test(cases, layouts);
    tcase_add_test(cases, keys_are_lines);
    tcase_add_test(cases, pastes_and_suspends);
    tcase_add_test(cases, registry);
    tcase_add_loop_test(cases, random_keys, 0, DATA_MILLION);
    tcase_add_test(cases, hostile_answers);
    suite_add_tcase(suite, cases);
    TCase *figures = tcase_create("figures");
    tcase_add_checked_fixture(figures, scratch_make, scratch_remove);
    tcase_add_test(figures, ten_long_curves);
    suite_add_tcase(suite, figures);
    return suite;
}
