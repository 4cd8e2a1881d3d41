/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/start.h"

#include <stdio.h>
#include <string.h>

void start_free(Start *start)
{
    form_free(&start->form);
}

static int moved(int row, int by, int count)
{
    row += by;
    if (row >= count) row = count - 1;
    return row < 0 ? 0 : row;
}

/* What a key moves by; 0: it does not move. */
static int distance(const Key *key, int count)
{
    switch (key->code) {
    case KEY_UP:
    case KEY_WHEEL_UP:
    case KEY_BACK_TAB:
    case 'k': return -1;
    case KEY_DOWN:
    case KEY_WHEEL_DOWN:
    case KEY_TAB:
    case 'j': return 1;
    case KEY_PAGE_UP: return -10;
    case KEY_PAGE_DOWN: return 10;
    case KEY_HOME: return -count;
    case KEY_END: return count;
    default: return 0;
    }
}

/* --- the form --- */

static void form_event(Start *start, const Key *key, const char *pasted)
{
    switch (form_key(&start->form, key, pasted)) {
    case FORM_CLOSES: start->filling = false; break;
    case FORM_DOES: start->choice = START_TRAIN; break;
    default: break;
    }
}

/* --- the lists --- */

static void open_form(Start *start)
{
    form_clear(&start->form);
    start->time = (StartTime){0};
    Status status = start->port.form(start->port.context, start->row);
    start->filling = status == STATUS_OK;
    if (status == STATUS_OK)
        form_update(&start->form);
    else
        snprintf(start->note, sizeof start->note, "%s", status_message());
}

static void open_item(Start *start)
{
    if (start->row >= start->item_count) return;
    if (start->items[start->row].kind == START_RECIPE)
        open_form(start);
    else
        start->choice = START_OPEN;
}

static void resume(Start *start)
{
    bool stopped = start->row < start->item_count && start->items[start->row].kind == START_STOPPED_RUN;
    if (stopped)
        start->choice = START_RESUME;
    else
        snprintf(start->note, sizeof start->note, "r trains on what was stopped; enter opens the others");
}

static void list_key(Start *start, const Key *key)
{
    start->note[0] = '\0';
    if (key->code == KEY_ESCAPE || key->code == 'q' || key->code == 3 || key->code == 4)
        start->choice = START_LEAVE;
    else if (key->code == KEY_ENTER)
        open_item(start);
    else if (key->code == 'r')
        resume(start);
    else
        start->row = moved(start->row, distance(key, start->item_count), start->item_count);
}

void start_key(Start *start, const Key *key, const char *pasted)
{
    bool asks = key->code == '?' || key->code == KEY_F1;
    if (start->help)
        start->help = false;
    else if (asks && !start->form.editing)
        start->help = true;
    else if (start->filling)
        form_event(start, key, pasted);
    else
        list_key(start, key);
}
