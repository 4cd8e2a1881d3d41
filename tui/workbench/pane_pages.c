/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Panes that are texts which the run made of itself: samples and data, from their top on. */
#include "tui/workbench/numbers.h"
#include "tui/workbench/panes.h"
#include "tui/workbench/wrap.h"

#include <stdio.h>
#include <string.h>

/* What a line is: its indent tells. */
static Style style_of(const char *line)
{
    size_t indent = strspn(line, " ");
    return indent == 0 ? STYLE_HEADING : indent >= 4 ? STYLE_DIM : STYLE_TEXT;
}

static int indent_of(const char *line)
{
    return (int)strspn(line, " ") + 2;
}

/* Copies the line at the text; returns what is behind it. */
static const char *take_line(const char *text, char *line, size_t size)
{
    size_t length = strcspn(text, "\n");
    snprintf(line, size, "%.*s", (int)length, text);
    return text + length + (text[length] == '\n');
}

int pane_page_rows(const Pages *pages, int width)
{
    const Page *page = pages_shown(pages);
    char line[SCROLL_LONGEST];
    int rows = 0;
    for (const char *at = page ? page->text : ""; *at;) {
        at = take_line(at, line, sizeof line);
        rows += wrap_rows(line, width, indent_of(line));
    }
    return rows;
}

static void draw_text(Area area, const char *text, int first)
{
    char line[SCROLL_LONGEST];
    for (int y = 0; *text && y < area.rect.height;) {
        text = take_line(text, line, sizeof line);
        int rows = wrap_rows(line, area.rect.width, indent_of(line));
        if (first >= rows)
            first -= rows;
        else
            y = line[0] ? wrap_draw(area, y, style_of(line), line, indent_of(line), first) : y + 1, first = 0;
    }
}

/* "step 1,204   3 of 12", and whether it goes on. */
static void draw_head(const View *view, Area area, PaneId pane, const Pages *pages)
{
    const Page *page = pages_shown(pages);
    char step[NUMBER_BYTES];
    bool still = pages->frozen || pages->turned || view->offsets[pane] > 0;
    int x = area_print(area, 0, 0, STYLE_DIM, "%s step %s", pane == PANE_DATA ? "for" : "made at",
                       number_count(page->step, step));
    if (pages->count > 1)
        x = area_print(area, x + 2, 0, STYLE_DIM, "%d of %d", (int)(page - pages->list) + 1, pages->count);
    area_right(area, x + 2, 0, still ? STYLE_WARN : STYLE_GOOD,
               pages->frozen ? "frozen"
               : still       ? "held while you read"
                             : "● live");
}

static void draw(const View *view, Area area, const Pages *pages, PaneId pane, const char *empty)
{
    const Page *page = pages_shown(pages);
    int head = area.rect.height > 3;
    if (!page) {
        wrap_draw(area, 0, STYLE_DIM, empty, 0, 0);
        return;
    }
    if (head) draw_head(view, area_part(area, 0, 0, area.rect.width, 1), pane, pages);
    draw_text(area_part(area, 0, head, area.rect.width, area.rect.height - head), page->text, view->offsets[pane]);
}

void pane_samples_draw(const View *view, Area area)
{
    draw(view, area, &view->samples, PANE_SAMPLES,
         "samples are made while this pane is in sight; i takes a text of yours");
}

void pane_data_draw(const View *view, Area area)
{
    draw(view, area, &view->data, PANE_DATA, "the next batches are fetched while this pane is in sight");
}
