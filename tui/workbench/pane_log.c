/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What happened, and what was printed: time, step and level where there is room, then the text. The newest line
 * stands at the bottom. */
#include "engine/io/run_log.h"
#include "tui/workbench/numbers.h"
#include "tui/workbench/panes.h"
#include "tui/workbench/wrap.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TIME_COLUMNS = 9, STEP_COLUMNS = 10, LEVEL_COLUMNS = 8, ALL_FROM = 76, STEP_FROM = 40 };
enum { CONTEXT = 4 }; /* lines below one that was found, with it */

/* --- which lines --- */

static const char *search_of(const View *view)
{
    return view->use == FIELD_SEARCH ? view->field.text : view->search.text;
}

/* Lines of the levels that are asked for, and days. */
static bool is_shown(const View *view, const ScrollLine *line)
{
    return line->stamp.level >= view->log_level;
}

int pane_log_rows(const View *view)
{
    int count = 0;
    for (int i = 0; i < view->log.count; i++) count += is_shown(view, scroll_get(&view->log, i));
    return count;
}

/* Which line it is of all that ever came. */
static uint64_t number_of(const View *view, int i)
{
    return view->log.begun - (uint64_t)(view->log.count - 1 - i);
}

bool pane_log_find(View *view, int direction)
{
    const char *wanted = view->search.text;
    int back = 0;
    uint64_t from = view->log_found, found = 0;
    for (int i = view->log.count - 1; i >= 0 && *wanted; i--) {
        const ScrollLine *line = scroll_get(&view->log, i);
        uint64_t number = number_of(view, i);
        if (direction < 0 && number <= from) break;
        if (!is_shown(view, line)) continue;
        back++;
        if (!strcasestr(line->text, wanted) || (direction > 0 && number >= from)) continue;
        found = number;
        view->offsets[PANE_LOG] = back > CONTEXT ? back - CONTEXT : 0;
        if (direction >= 0) break; /* the next one; towards the end the last one that is seen */
    }
    if (found) view->log_found = found;
    return found != 0;
}

/* --- drawing --- */

static int stamp_columns(int width)
{
    return width >= ALL_FROM ? TIME_COLUMNS + STEP_COLUMNS + LEVEL_COLUMNS : width >= STEP_FROM ? STEP_COLUMNS : 0;
}

static void draw_stamp(Area area, int y, const ScrollLine *line)
{
    char step[NUMBER_BYTES], text[32] = "";
    struct tm here;
    time_t seconds = (time_t)line->stamp.time;
    int x = 0;
    if (seconds <= 0 || area.rect.width < STEP_FROM) return;
    if (area.rect.width >= ALL_FROM && localtime_r(&seconds, &here)) {
        strftime(text, sizeof text, "%H:%M:%S", &here);
        area_text(area, 0, y, STYLE_DIM, text);
        x = TIME_COLUMNS;
    }
    snprintf(text, sizeof text, "%*s", STEP_COLUMNS - 1, number_count(line->stamp.step, step));
    area_text(area, x, y, STYLE_DIM, text);
    if (area.rect.width >= ALL_FROM && line->stamp.level > LOG_PRINTED && line->stamp.level < LOG_LEVELS)
        area_text(area, x + STEP_COLUMNS, y, line->style, log_level_names[line->stamp.level]);
}

/* Where the text is found; the line that was found last as a whole. */
static void draw_found(const View *view, Area area, int y, int i, int rows)
{
    const char *text = scroll_get(&view->log, i)->text, *wanted = search_of(view);
    const char *found = *wanted ? strcasestr(text, wanted) : NULL;
    if (!found) return;
    bool last = number_of(view, i) == view->log_found;
    for (int row = 0; last && row < rows; row++) area_style(area, 0, y + row, area.rect.width, STYLE_SELECTED);
    if (!last && rows == 1)
        area_style(area, text_columns_of(text, (size_t)(found - text)), y, text_columns_of(found, strlen(wanted)),
                   STYLE_SELECTED);
}

static void draw_entry(const View *view, Area area, int y, int i)
{
    const ScrollLine *line = scroll_get(&view->log, i);
    int columns = stamp_columns(area.rect.width);
    Area text = area_part(area, columns, 0, area.rect.width - columns, area.rect.height);
    wrap_draw(text, y < 0 ? 0 : y, line->style, line->text, 0, y < 0 ? -y : 0);
    draw_stamp(area, y, line);
    draw_found(view, text, y, i, wrap_rows(line->text, text.rect.width, 0));
}

/* The rows of the lines from 'back' before the end up to the area's height; draws them where that is wanted. */
static int lay_out(const View *view, Area area, int back, int bottom, bool draw)
{
    int rows = 0, width = area.rect.width - stamp_columns(area.rect.width);
    for (int i = view->log.count - 1; i >= 0 && rows < area.rect.height; i--) {
        const ScrollLine *line = scroll_get(&view->log, i);
        if (!is_shown(view, line) || back-- > 0) continue;
        rows += wrap_rows(line->text, width, 0);
        if (draw) draw_entry(view, area, bottom - rows, i);
    }
    return rows < area.rect.height ? rows : area.rect.height;
}

/* What is shorter than the area stands at its top. */
static void draw_lines(const View *view, Area area, int back)
{
    int bottom = lay_out(view, area, back, 0, false);
    lay_out(view, area, back, bottom, true);
}

/* How many of the lines from the i-th on, at most CONTEXT, fit into the area. */
static int lines_that_fit(const View *view, Area area, int i)
{
    int width = area.rect.width - stamp_columns(area.rect.width), rows = 0, lines = 0;
    for (; i < view->log.count && lines < CONTEXT; i++) {
        const ScrollLine *line = scroll_get(&view->log, i);
        if (!is_shown(view, line)) continue;
        rows += wrap_rows(line->text, width, 0);
        if (rows > area.rect.height) break;
        lines++;
    }
    return lines;
}

/* 'back', or more where long lines below the one that was found would push it out of the area: as long as it stands
 * about where the search put it, for one may scroll away. */
static int keep_found(const View *view, Area area, int back)
{
    int at = view->log.count - 1 - (int)(view->log.begun - view->log_found), behind = 0;
    if (!*search_of(view) || !view->log_found || at < 0) return back;
    for (int i = at + 1; i < view->log.count; i++) behind += is_shown(view, scroll_get(&view->log, i));
    int below = behind - back, room = lines_that_fit(view, area, at) - 1;
    if (below < 0 || below >= CONTEXT || below <= room) return back;
    return behind - (room > 0 ? room : 0);
}

void pane_log_draw(const View *view, Area area)
{
    const char *wanted = search_of(view);
    int bar = *wanted || view->log_level > 0, rows = area.rect.height - bar;
    Area lines = area_part(area, 0, 0, area.rect.width, rows);
    int back = keep_found(view, lines, view->offsets[PANE_LOG]);
    draw_lines(view, lines, back);
    draw_scrolled(lines, back);
    if (!view->log.count) area_text(area, 0, 0, STYLE_DIM, "nothing happened yet");
    if (!bar) return;
    int x = 0;
    if (view->log_level > 0)
        x = area_print(area, 0, rows, STYLE_DIM, "level %s and above, v changes;  ",
                       log_level_names[view->log_level]);
    if (*wanted) area_print(area, x, rows, STYLE_DIM, "/%s  n older, N newer", wanted);
}
