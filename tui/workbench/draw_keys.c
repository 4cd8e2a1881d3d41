/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The last line: keys, or what is to be noted. */
#include "tui/workbench/actions.h"
#include "tui/workbench/panes.h"
#include "tui/workbench/wrap.h"

#include <string.h>

enum { MOST_SHOWN = 64, FIRST = 3, WIDE = 100 };

/* What is shown, and how many columns are left. */
typedef struct KeyLine {
    const View *view;
    int shown[MOST_SHOWN]; /* actions, as they were chosen */
    int count, room, between;
} KeyLine;

static bool is_shown(const KeyLine *line, int action)
{
    for (int i = 0; i < line->count; i++)
        if (line->shown[i] == action) return true;
    return false;
}

static int width_of(const KeyLine *line, const Action *action, char room[16])
{
    const char *key = action_key(action, line->view->focus.pane, room);
    return action->label && *key ? text_columns(key) + 1 + text_columns(action->label) + line->between : 0;
}

static void choose(KeyLine *line, int action)
{
    char room[16];
    int width = width_of(line, &actions[action], room);
    if (!width || width > line->room || line->count == MOST_SHOWN || is_shown(line, action)) return;
    line->shown[line->count++] = action;
    line->room -= width;
}

static bool is_own(const KeyLine *line, int action)
{
    return (actions[action].panes & 1u << line->view->focus.pane) != 0;
}

/* At most so many of the pane's own, or of those that hold everywhere. */
static void choose_some(KeyLine *line, bool own, int most)
{
    for (int i = 0, before = line->count; i < action_count && line->count - before < most; i++)
        if (own ? is_own(line, i) : actions[i].panes == EVERYWHERE) choose(line, i);
}

static int named(const char *name)
{
    for (int i = 0; i < action_count; i++)
        if (strcmp(actions[i].name, name) == 0) return i;
    return 0;
}

static int draw_key(const KeyLine *line, Area area, int x, int action)
{
    char room[16];
    const char *key = action_key(&actions[action], line->view->focus.pane, room);
    int from = x;
    x = area_text(area, x, 0, STYLE_BAR_KEY, key) + 1;
    x = area_text(area, x, 0, STYLE_BAR, actions[action].label);
    area_link_part(area, from, 0, x - from, action);
    return x + line->between;
}

/* Those that lead to all others and out stand at the ends and go last; between them the pane's own, then what holds
 * everywhere. */
static void draw_actions(const View *view, Area area)
{
    int palette = named("palette"), help = named("help"), leave = named("leave"), x = 1;
    KeyLine line = {.view = view, .between = area.rect.width < WIDE ? 2 : 3};
    line.room = area.rect.width - 1 + line.between;
    choose(&line, help);
    choose(&line, leave);
    choose(&line, palette);
    choose_some(&line, true, FIRST);
    choose_some(&line, false, FIRST);
    choose_some(&line, true, MOST_SHOWN);
    choose_some(&line, false, MOST_SHOWN);
    if (is_shown(&line, palette)) x = draw_key(&line, area, x, palette);
    if (is_shown(&line, help)) x = draw_key(&line, area, x, help);
    for (int own = 1; own >= 0; own--)
        for (int i = 0; i < action_count; i++)
            if (i != palette && i != help && i != leave && is_own(&line, i) == own && is_shown(&line, i))
                x = draw_key(&line, area, x, i);
    if (is_shown(&line, leave)) draw_key(&line, area, x, leave);
}

/* As many rows as it needs, up to three; the last one in the place of the keys. */
static void draw_note(const View *view, Area whole, int y)
{
    enum { MOST_ROWS = 3 };
    int rows = wrap_rows(view->note, whole.rect.width - 2, 0);
    if (rows > MOST_ROWS) rows = MOST_ROWS;
    if (rows > y) rows = 1;
    Area area = area_part(whole, 0, y - rows + 1, whole.rect.width, rows);
    area_fill(area, STYLE_BAR, " ");
    wrap_draw(area_part(area, 1, 0, whole.rect.width - 2, rows), 0, STYLE_BAR_KEY, view->note, 0, 0);
}

void draw_keys(const View *view, Area whole, int y)
{
    Area area = area_part(whole, 0, y, whole.rect.width, 1);
    area_fill(area, STYLE_BAR, " ");
    if (view->note[0])
        draw_note(view, whole, y);
    else if (view->focus.pane == PANE_PROMPT)
        area_text(area, 1, 0, STYLE_BAR,
                  "enter runs   tab completes   C-c interrupts   A-z full   esc leaves   F1 keys");
    else
        draw_actions(view, area);
}
