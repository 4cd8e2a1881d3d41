/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The prompt: results above, the line that is typed below, as many rows as it takes up to half of the pane. */
#include "tui/workbench/panes.h"
#include "tui/workbench/wrap.h"

#include <stdio.h>
#include <string.h>

/* Rows and columns that text of so many bytes takes, wrapped: where its end is. */
static void place(const char *text, size_t length, int width, int x, int *out_x, int *out_y)
{
    int y = 0;
    while (length) {
        size_t used = text_cut(text, width - x);
        if (used > length) used = length;
        const char *newline = memchr(text, '\n', used);
        if (newline) used = (size_t)(newline - text);
        x += text_columns_of(text, used);
        text += used;
        length -= used;
        bool breaks = newline || length;
        if (newline) text++, length--;
        if (breaks) x = 0, y++;
        if (!used && !newline && width < 2) break;
    }
    *out_x = x;
    *out_y = y;
}

static const char *input_of(const View *view)
{
    return view->input ? view->input : "";
}

static const char *prompt_of(const View *view)
{
    if (view->searching) return view->searching;
    return view->prompt ? view->prompt : "lathe> ";
}

/* How many rows there are, where the cursor is, and which row of the input is shown first. */
typedef struct InputPlace {
    int rows, x, y, first, shown;
} InputPlace;

static InputPlace place_input(const View *view, Area area)
{
    InputPlace out;
    int start = text_columns(prompt_of(view)), end_x, width = area.rect.width;
    const char *input = input_of(view);
    if (start >= width) start = 0;
    place(input, strlen(input), width, start, &end_x, &out.rows);
    out.rows++;
    place(input, (size_t)view->input_cursor, width, start, &out.x, &out.y);
    if (out.x >= width) out.x = 0, out.y++;
    if (out.y >= out.rows) out.rows = out.y + 1;
    int most = area.rect.height > 3 ? area.rect.height / 2 : 1;
    out.shown = out.rows < most ? out.rows : most;
    out.first = out.y - out.shown + 1 > 0 ? out.y - out.shown + 1 : 0;
    return out;
}

static void draw_input(const View *view, Area area, const InputPlace *at)
{
    int x = text_columns(prompt_of(view)), y = -at->first;
    const char *text = input_of(view), *end = text + strlen(text);
    char row[8 * GRID_MAX_WIDTH];
    if (x < area.rect.width)
        area_text(area, 0, y, STYLE_HEADING, prompt_of(view));
    else
        x = 0;
    while (text < end && y < area.rect.height) {
        size_t used = text_cut(text, area.rect.width - x);
        const char *newline = memchr(text, '\n', used);
        if (newline) used = (size_t)(newline - text);
        if (used >= sizeof row) used = sizeof row - 1;
        memcpy(row, text, used);
        row[used] = '\0';
        area_text(area, x, y++, STYLE_INPUT, row);
        text += used + (newline != NULL);
        if (!used && !newline && x == 0) break;
        x = 0;
    }
}

/* The area of the input; above it is *results. */
static Area split(const View *view, Area area, InputPlace *at, Area *results)
{
    *at = place_input(view, area);
    int rows = area.rect.height - at->shown, printed = 0;
    for (int i = 0; i < view->console.count && printed < rows; i++)
        printed += wrap_rows(scroll_get(&view->console, i)->text, area.rect.width, 0);
    if (printed < rows) rows = printed; /* the input follows what was printed */
    *results = area_part(area, 0, 0, area.rect.width, rows);
    return area_part(area, 0, rows, area.rect.width, at->shown);
}

static void draw_wait(const View *view, Area area)
{
    char words[96], text[128];
    if (view->task[0])
        state_words(view, false, words);
    else
        snprintf(words, sizeof words, "%s%.60s", view->waiting[0] ? "waits for " : "running", view->waiting);
    snprintf(text, sizeof text, "%s; C-c gives up", words);
    area_brief(area, 0, 0, STYLE_DIM, text);
}

void pane_prompt_draw(const View *view, Area area)
{
    InputPlace at;
    Area results;
    if (area.rect.width < 1 || area.rect.height < 1) return;
    Area input = split(view, area, &at, &results);
    draw_scroll(results, &view->console, view->offsets[PANE_PROMPT], "");
    draw_scrolled(results, view->offsets[PANE_PROMPT]);
    if (view->evaluating && !*input_of(view))
        draw_wait(view, input);
    else
        draw_input(view, input, &at);
}

void pane_prompt_cursor(const View *view, Area area, int *x, int *y)
{
    InputPlace at;
    Area results;
    *x = *y = -1;
    if (area.rect.width < 1 || area.rect.height < 1) return;
    Area input = split(view, area, &at, &results);
    if (at.y - at.first >= input.rect.height) return;
    *x = input.rect.x + at.x;
    *y = input.rect.y + at.y - at.first;
}
