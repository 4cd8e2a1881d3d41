/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What clicks, drags and the wheel do. */
#include "tests/unit/workbench_screen.h"

Suite *mouse_suite(void);

START_TEST(the_mouse_on_curves)
{
    Screen screen;
    Rect inside;
    double first, last;
    open_screen(&screen, DATA_MANY);
    View *view = &screen.workbench.view;
    CurvesPlaces places = places_of(&screen, &inside);
    int left = inside.x + places.field.x, y = inside.y + places.field.y + 3;
    click(&screen, left + places.field.width / 2, y);
    ck_assert(view->curves.crosshair && llabs(curves_step(view) - 10000) < 300);
    click(&screen, left + 2, y); /* a mark lies in this column */
    ck_assert_int_eq(curves_step(view), 800);
    click(&screen, left + 2, y); /* again: to what happened there */
    ck_assert_int_eq(view->focus.pane, PANE_BRANCHES);
    press(&screen, "1");
    char bytes[64];
    snprintf(bytes, sizeof bytes, "\033[<0;%d;%dM\033[<0;%d;%dm", left + 11, y, left + 31, y + 2);
    press(&screen, bytes);
    curves_sight(&view->curves, view->metrics, &first, &last);
    double each = 20001.0 / places.field.width;
    ck_assert(view->curves.frozen && fabs(first - 10 * each) < each + 1 && fabs(last - 30 * each) < each + 1);
    snprintf(bytes, sizeof bytes, "\033[<65;%d;%dM", left + 20, y);
    press(&screen, bytes);
    double wider_first, wider_last;
    curves_sight(&view->curves, view->metrics, &wider_first, &wider_last);
    ck_assert(wider_last - wider_first > last - first);
    close_screen(&screen);
}
END_TEST

static void click_on(Screen *screen, const char *words)
{
    int x, y;
    ck_assert_msg(find(screen, words, &x, &y), "'%s' is not on the screen", words);
    click(screen, x + 1, y);
}

START_TEST(the_mouse_elsewhere)
{
    Screen screen;
    open_screen(&screen, DATA_ODD);
    View *view = &screen.workbench.view;
    /* a row, then the same again, which is Enter */
    click_on(&screen, "▸ embeddings");
    ck_assert(view->focus.pane == PANE_MODEL && view->rows[PANE_MODEL] == 2 && has(&screen, "▸ embeddings"));
    click_on(&screen, "▸ embeddings");
    ck_assert(has(&screen, "▾ embeddings"));
    click_on(&screen, "[x] nsp");
    ck_assert(view->focus.pane == PANE_OBJECTIVES && view->rows[PANE_OBJECTIVES] == 1);
    /* a key of the last line, a command of the palette, a choice of a list */
    click_on(&screen, "space on/off");
    ck_assert_str_eq(sent.data, "run.objectives.nsp.enabled = false");
    press(&screen, ":und");
    click_on(&screen, "undo ");
    ck_assert_str_eq(sent.data, "undo()");
    press(&screen, "1m");
    click_on(&screen, "[ ] lr");
    ck_assert(has(&screen, "[x] lr"));
    press(&screen, "\033");
    press(&screen, "?");
    ck_assert(view->help);
    click(&screen, 3, 3);
    ck_assert(!view->help);
    close_screen(&screen);
}
END_TEST

Suite *mouse_suite(void)
{
    Suite *suite = suite_create("mouse");
    TCase *cases = tcase_create("mouse");
    tcase_add_checked_fixture(cases, scratch_make, scratch_remove);
    tcase_add_test(cases, the_mouse_on_curves);
    tcase_add_test(cases, the_mouse_elsewhere);
    suite_add_tcase(suite, cases);
    return suite;
}
