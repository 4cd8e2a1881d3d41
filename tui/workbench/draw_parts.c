/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What several panes draw. */
#include "tui/workbench/panes.h"
#include "tui/workbench/wrap.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- lines --- */

/* From the bottom up; what begins above the area is cut. */
void draw_scroll(Area area, const Scroll *scroll, int back, const char *filter)
{
    int y = area.rect.height;
    if (area.rect.width < 1) return;
    for (int i = scroll->count - 1; i >= 0 && y > 0; i--) {
        const ScrollLine *line = scroll_get(scroll, i);
        if (*filter && !strcasestr(line->text, filter)) continue;
        if (back-- > 0) continue;
        int rows = wrap_rows(line->text, area.rect.width, 0);
        y -= rows;
        wrap_draw(area, y < 0 ? 0 : y, line->style, line->text, 0, y < 0 ? -y : 0);
    }
    /* What is shorter than the area stands at its top. */
    if (y <= 0 || back > 0) return;
    for (int row = 0; row < area.rect.height - y; row++)
        for (int x = 0; x < area.rect.width; x++) {
            Cell *from = grid_cell(area.grid, area.rect.x + x, area.rect.y + y + row);
            Cell *to = grid_cell(area.grid, area.rect.x + x, area.rect.y + row);
            *to = *from;
        }
    int kept = area.rect.height - y;
    for (int row = kept; row < area.rect.height; row++) {
        Area rest = area_part(area, 0, row, area.rect.width, 1);
        area_fill(rest, STYLE_TEXT, " ");
    }
}

void draw_scrolled(Area area, int back)
{
    char text[48];
    snprintf(text, sizeof text, " ▼ %d newer, pgdn ", back);
    if (back > 0 && area.rect.height > 1) area_right(area, 0, area.rect.height - 1, STYLE_SELECTED, text);
}

int first_row(int selected, int count, int height)
{
    int first = selected - height / 2;
    if (first > count - height) first = count - height;
    return first < 0 ? 0 : first;
}

/* --- sparklines --- */

static bool mean_of(const MetricsSpan *span, double *out)
{
    double low, high;
    if (!curves_finite(span, &low, &high)) return false;
    double mean = span->sum / (double)(span->count - span->nans);
    *out = mean < low ? low : mean > high ? high : mean;
    return true;
}

/* Columns that a value stands for: what has a sample now and then only goes on until the next one, what was off for
 * longer leaves a gap. */
static int columns_held(const MetricsSpan *spans, int width, int64_t steps)
{
    enum { DISTANCES = 3 };
    int64_t samples = 0;
    for (int x = 0; x < width; x++) samples += spans[x].count;
    double distance = samples ? (double)steps / (double)samples : 0;
    return (int)(DISTANCES * distance * width / (double)steps);
}

void draw_sparkline(const View *view, Area area, const char *metric, Style style)
{
    static const char *const bars[8] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const levels[8] = {"_", "_", ".", "-", "-", "=", "^", "^"};
    enum { MOST = 200 };
    MetricsSpan spans[MOST];
    double low = INFINITY, high = -INFINITY, value, before = NAN;
    int width = area.rect.width > MOST ? MOST : area.rect.width;
    int64_t last = view->metrics ? metrics_last_step(view->metrics) : 0;
    if (width < 1 || last < 1) return;
    if (last < width) width = (int)last;
    if (metrics_range(view->metrics, metric, 1, last, width, spans) != STATUS_OK) return;
    for (int x = 0; x < width; x++) {
        if (!mean_of(&spans[x], &value)) continue;
        low = value < low ? value : low;
        high = value > high ? value : high;
    }
    int held = columns_held(spans, width, last);
    for (int x = 0, left = 0; x < width; x++, left--) {
        if (mean_of(&spans[x], &value)) before = value, left = held;
        if (spans[x].nans) area_text(area, x, 0, STYLE_BAD, "×");
        if (isnan(before) || left < 0 || spans[x].nans) continue;
        double part = high > low ? (before / 2 - low / 2) / (high / 2 - low / 2) : 0.5;
        int level = (int)(part * 7 + 0.5);
        area_text(area, x, 0, style, view->ascii ? levels[level & 7] : bars[level & 7]);
    }
}
