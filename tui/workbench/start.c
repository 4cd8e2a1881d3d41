/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/start.h"

#include <stdio.h>
#include <string.h>

static void tell(Start *start, Status status)
{
    if (status == STATUS_OK)
        start->note[0] = '\0';
    else
        snprintf(start->note, sizeof start->note, "%s", status_message());
}

static int moved(int row, int by, int count)
{
    row += by;
    if (row >= count) row = count - 1;
    return row < 0 ? 0 : row;
}

/* What a key moves by; 0: it does not move. */
static int distance(const Key *key)
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
    default: return 0;
    }
}

/* --- a value --- */

static void finish_value(Start *start)
{
    StartParam *param = &start->params[start->param_row];
    Status status = start->port.set(start->port.context, param->name, start->field.text);
    tell(start, status);
    if (status != STATUS_OK) return;
    snprintf(param->value, sizeof param->value, "%s", start->field.text);
    start->editing = false;
    start->param_row = moved(start->param_row, 1, start->param_count);
}

static void value_key(Start *start, const Key *key, const char *pasted)
{
    if (key->code == KEY_ESCAPE || key->code == 3)
        start->editing = false, start->note[0] = '\0';
    else if (key->code == KEY_ENTER)
        finish_value(start);
    else if (key->code == KEY_PASTE)
        field_insert(&start->field, pasted);
    else
        field_key(&start->field, key);
}

static void edit_value(Start *start)
{
    if (start->param_row >= start->param_count) return;
    start->editing = true;
    field_set(&start->field, start->params[start->param_row].value);
}

/* --- the form --- */

static void form_key(Start *start, const Key *key)
{
    start->note[0] = '\0';
    if (key->code == KEY_ESCAPE || key->code == 'q' || key->code == 3)
        start->form = false;
    else if (key->code == 's')
        start->choice = START_TRAIN;
    else if (key->code == KEY_ENTER || key->code == 'e')
        edit_value(start);
    else
        start->param_row = moved(start->param_row, distance(key), start->param_count);
}

/* --- the lists --- */

static void open_item(Start *start)
{
    if (start->row >= start->item_count) return;
    if (start->items[start->row].kind != START_RECIPE) {
        start->choice = START_OPEN;
        return;
    }
    start->param_count = start->param_row = 0;
    Status status = start->port.form(start->port.context, start->row);
    tell(start, status);
    start->form = status == STATUS_OK;
}

static void list_key(Start *start, const Key *key)
{
    start->note[0] = '\0';
    if (key->code == KEY_ESCAPE || key->code == 'q' || key->code == 3 || key->code == 4)
        start->choice = START_LEAVE;
    else if (key->code == KEY_ENTER)
        open_item(start);
    else
        start->row = moved(start->row, distance(key), start->item_count);
}

void start_key(Start *start, const Key *key, const char *pasted)
{
    if (start->editing)
        value_key(start, key, pasted);
    else if (start->form)
        form_key(start, key);
    else
        list_key(start, key);
}
