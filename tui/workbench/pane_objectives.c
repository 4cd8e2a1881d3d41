/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loss terms with weight, value, course and share of the gradient; below them the learning rate over the whole run.
 */
#include "tui/workbench/numbers.h"
#include "tui/workbench/panes.h"
#include "tui/workbench/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHARE = 5, LEAST_SPARK = 5, MOST_NAME = 14, HIGHEST = 8 };

int pane_objectives_rows(const View *view)
{
    return view->objective_count;
}

static Style style_of(const View *view, int i)
{
    return view->objectives[i].enabled ? (Style)(STYLE_SERIES + i % STYLE_MAX_SERIES) : STYLE_DIM;
}

/* Where the columns of a row end. */
typedef struct Columns {
    int name, weight, value, spark, share; /* spark: where it begins */
    bool below;                            /* the course stands in a row of its own */
} Columns;

static int longest_name(const View *view, int most)
{
    int longest = 6; /* "name" and a space behind it */
    for (int i = 0; i < view->objective_count; i++) {
        int columns = text_columns(view->objectives[i].name);
        if (columns > longest) longest = columns;
    }
    return longest < most ? longest : most;
}

/* The name gets what it needs, the course what is left. */
static Columns columns_of(const View *view, int width, bool below)
{
    int weight = width >= 40 || below ? 7 : 5, value = width >= 40 || below ? 8 : 7;
    int name = width - 4 - weight - value - SHARE - (below ? 1 : LEAST_SPARK + 1),
        most = width / 3 > MOST_NAME ? width / 3 : MOST_NAME;
    int wanted = longest_name(view, most);
    if (below && wanted < MOST_NAME - 3) wanted = MOST_NAME - 3;
    if (name > wanted) name = wanted;
    if (name < 3) name = 3;
    Columns columns = {.name = 4 + name, .below = below};
    columns.weight = columns.name + weight;
    columns.value = columns.weight + value;
    columns.share = columns.value + SHARE <= width ? (below ? columns.value + SHARE + 1 : width) : 0;
    columns.spark = below ? 4 : columns.value + 1;
    return columns;
}

/* "1.00", "0.05", "2.5e-4" */
static const char *weight_text(double weight, char *out)
{
    double hundred = weight * 100;
    bool plain = weight == 0 || (weight >= 0.01 && weight < 1000 && fabs(hundred - round(hundred)) < 1e-9);
    if (!plain) return number_fit(weight, 6, out);
    snprintf(out, NUMBER_BYTES, "%.2f", weight);
    return out;
}

static void draw_share(const ViewObjective *objective, Area area, int y, const Columns *columns)
{
    char text[NUMBER_BYTES];
    if (isnan(objective->share) || !objective->enabled || !columns->share) return;
    snprintf(text, sizeof text, "%.0f%%", 100 * objective->share);
    area_right(area_part(area, 0, y, columns->share, 1), 0, 0, STYLE_TEXT, text);
}

/* Its loss in the last step, or, where this process made none, the last one that is recorded. */
static const char *value_text(const View *view, const ViewObjective *objective, const char *metric, Style *style,
                              char *out)
{
    double value = objective->value;
    int64_t step;
    *style = STYLE_TEXT;
    if (!objective->enabled) return "off";
    if (isnan(value) && (!view->metrics || !metrics_last(view->metrics, metric, &step, &value))) return "-";
    if (isinf(value)) *style = STYLE_BAD;
    return number_short(value, out);
}

static void draw_objective(const View *view, Area area, int y, int i, const Columns *columns)
{
    const ViewObjective *objective = &view->objectives[i];
    char metric[VIEW_NAME + 8], number[NUMBER_BYTES], weight[NUMBER_BYTES];
    bool focused = view->focus.pane == PANE_OBJECTIVES && view->rows[PANE_OBJECTIVES] == i;
    snprintf(metric, sizeof metric, "loss.%s", objective->name);
    Style style;
    const char *value = value_text(view, objective, metric, &style, number);
    int spark_width = columns->below ? area.rect.width - 5 : columns->share - SHARE - columns->spark;
    area_print(area_part(area, 0, y, columns->name, 1), 0, 0, STYLE_TEXT, "[%c] %s", objective->enabled ? 'x' : ' ',
               objective->name);
    area_link(area, y, i);
    area_right(area_part(area, 0, y, columns->weight, 1), columns->name, 0, STYLE_TEXT,
               weight_text(objective->weight, weight));
    area_right(area_part(area, 0, y, columns->value, 1), columns->weight, 0, style, value);
    draw_share(objective, area, y, columns);
    if (focused) area_style(area, 0, y, columns->below ? columns->share : columns->value, STYLE_SELECTED);
    Area line = area_part(area, columns->spark, y + columns->below, spark_width, 1);
    if (columns->share || columns->below) draw_sparkline(view, line, metric, style_of(view, i));
}

static void draw_heading(Area area, const Columns *columns)
{
    area_text(area, 0, 0, STYLE_DIM, "on  name");
    area_right(area_part(area, 0, 0, columns->weight, 1), columns->name - 1, 0, STYLE_DIM, "weight");
    area_right(area_part(area, 0, 0, columns->value, 1), columns->weight, 0, STYLE_DIM, "value");
    if (columns->share) area_right(area_part(area, 0, 0, columns->share, 1), columns->value, 0, STYLE_DIM, "grad");
}

/* --- the schedule --- */

static double rate_at(const View *view, int x, int width)
{
    int i = width > 1 ? (int)((double)x * (view->rate_count - 1) / (width - 1) + 0.5) : 0;
    return view->rates[i < view->rate_count ? i : view->rate_count - 1];
}

static double highest_rate(const View *view)
{
    double highest = 0;
    for (int i = 0; i < view->rate_count; i++)
        if (view->rates[i] > highest) highest = view->rates[i];
    return highest;
}

/* The column of now; -1 where the run is over. */
static int now_at(const View *view, int width)
{
    if (view->steps < 1 || view->step > view->steps) return -1;
    int x = (int)((double)view->step / (double)view->steps * (width - 1) + 0.5);
    return x < 0 ? 0 : x;
}

/* In one row: bars, with now among them. */
static void draw_bars(const View *view, Area area)
{
    static const char *const bars[8] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char levels[] = "__.--=^^";
    double highest = highest_rate(view);
    int now = now_at(view, area.rect.width);
    for (int x = 0; x < area.rect.width; x++) {
        double rate = rate_at(view, x, area.rect.width), part = highest > 0 ? rate / highest : 0;
        int level = isnan(part) ? 0 : (int)(part * 7 + 0.5) & 7;
        char letter[2] = {levels[level], '\0'};
        area_text(area, x, 0,
                  x == now  ? STYLE_SELECTED
                  : x < now ? STYLE_TEXT
                            : STYLE_DIM,
                  view->ascii ? letter : bars[level]);
    }
}

static void draw_curve(const View *view, Area area)
{
    Plot plot;
    double highest = highest_rate(view);
    int before = 0, now = now_at(view, area.rect.width);
    for (int y = 0; now >= 0 && y < area.rect.height; y++) area_text(area, now, y, STYLE_MARK, "┊");
    if (plot_make(&plot, view->ascii ? PLOT_ASCII : view->curves.kind, area.rect.width, area.rect.height) !=
        STATUS_OK)
        return;
    for (int x = 0; x < plot.width; x++) {
        double part = highest > 0 ? rate_at(view, x, plot.width) / highest : 0;
        int y = isnan(part) ? 0 : (int)(part * (plot.height - 1) + 0.5);
        if (x) plot_line(&plot, x - 1, before, x, y, STYLE_SERIES);
        if (!x) plot_column(&plot, 0, y, y, STYLE_SERIES);
        before = y;
    }
    plot_draw(&plot, area);
    plot_free(&plot);
}

/* "▲ now", where it stands, between the ends. */
static void draw_axis(const View *view, Area area)
{
    char last[NUMBER_BYTES], text[NUMBER_BYTES + 16];
    int now = now_at(view, area.rect.width), width = area.rect.width, behind = 0;
    number_count(view->steps, last);
    if (now >= 0) {
        bool left = now + 5 > width - (int)strlen(last) - 1; /* the words stand on the side that has room */
        snprintf(text, sizeof text, left ? "now ▲" : "▲ now");
        behind = area_text(area, left && now >= 4 ? now - 4 : now, 0, STYLE_MARK, text);
    }
    if (behind < width - (int)strlen(last)) area_right(area, 0, 0, STYLE_DIM, last);
}

/* ", warm-up 5%", ", warm-up 100 steps", or nothing. */
static const char *warmup_words(const View *view, char out[48])
{
    double warmup = 0;
    char number[NUMBER_BYTES];
    for (int i = 0; i < view->schedule.count; i++)
        if (strcmp(view->schedule.options[i].name, "warmup") == 0) warmup = atof(view->schedule.options[i].value);
    out[0] = '\0';
    if (warmup > 0 && warmup < 1)
        snprintf(out, 48, ", warm-up %g%%", 100 * warmup);
    else if (warmup >= 1)
        snprintf(out, 48, ", warm-up %s", number_count((int64_t)warmup, number));
    return out;
}

static void draw_schedule(const View *view, Area area)
{
    char rate[NUMBER_BYTES], words[48];
    int height = area.rect.height, width = area.rect.width;
    if (height < 1) return;
    int x = area_print(area, 0, 0, STYLE_TEXT, "lr %s ", number_short(view->lr, rate));
    if (height < 3) { /* all in one row */
        if (!view->rate_count) return;
        int room = width - x - text_columns(view->schedule.name) - 1;
        draw_bars(view, area_part(area, x, 0, room < 1 ? width - x : room, 1));
        if (room >= 1) area_text(area, x + room + 1, 0, STYLE_DIM, view->schedule.name);
        return;
    }
    x = area_print(area, x, 0, STYLE_DIM, "%s%s", view->schedule.name, warmup_words(view, words));
    if (x + 1 + text_columns(view->optimizer.name) <= width)
        area_right(area, x + 1, 0, STYLE_DIM, view->optimizer.name);
    if (!view->rate_count) return;
    int rows = height - 2 > HIGHEST ? HIGHEST : height - 2;
    draw_curve(view, area_part(area, 0, 1, width, rows));
    draw_axis(view, area_part(area, 0, 1 + rows, width, 1));
}

/* --- all --- */

void pane_objectives_draw(const View *view, Area area)
{
    int count = view->objective_count, height = area.rect.height, y = 0;
    bool below = height >= 2 * count + 5, heading = height > count + 1 && area.rect.width >= 30;
    Columns columns = columns_of(view, area.rect.width, below);
    if (!count) {
        area_text(area, 0, 0, STYLE_DIM, view->state == RUN_CONNECTING ? "waiting for the run" : "no objectives");
        return;
    }
    if (heading) draw_heading(area_part(area, 0, y++, area.rect.width, 1), &columns);
    int rows = (height - y) / (below ? 2 : 1), first = first_row(view->rows[PANE_OBJECTIVES], count, rows);
    for (int i = first; i < count && y < height; i++, y += below ? 2 : 1)
        draw_objective(view, area, y, i, &columns);
    bool apart = height - y > 4;
    if (!isnan(view->lr)) draw_schedule(view, area_part(area, 0, y + apart, area.rect.width, height - y - apart));
}
