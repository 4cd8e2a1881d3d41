/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two pictures in the model's pane: how the values of a parameter were spread over time, and whom each token looks
 * at. */
#include "tui/workbench/numbers.h"
#include "tui/workbench/panes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const shades[] = {" ", "░", "▒", "▓", "█"};
static const char ascii_shades[] = " .:+#";
enum { SHADES = 5, LABEL = 9 };

static void draw_shade(const View *view, Area area, int x, int y, int level)
{
    char letter[2] = {ascii_shades[level], '\0'};
    area_text(area, x, y, STYLE_TEXT, view->ascii ? letter : shades[level]);
}

/* --- the spread over time --- */

/* The shares that belong to the quantiles, as engine/train/watch.h has them. */
static const double quantile_shares[MODEL_QUANTILES] = {0,   0.02, 0.1, 0.2, 0.3,  0.4, 0.5,
                                                        0.6, 0.7,  0.8, 0.9, 0.98, 1};

/* The share of the values that lie below, between the quantiles by straight lines. */
static double share_below(const SpreadTime *time, double value)
{
    const double *quantiles = time->quantiles;
    if (value <= quantiles[0]) return 0;
    for (int q = 1; q < MODEL_QUANTILES; q++) {
        if (value > quantiles[q]) continue;
        double width = quantiles[q] - quantiles[q - 1], part = width > 0 ? (value - quantiles[q - 1]) / width : 1;
        return quantile_shares[q - 1] + part * (quantile_shares[q] - quantile_shares[q - 1]);
    }
    return 1;
}

typedef struct Range {
    double low, high;
} Range;

static Range range_of(const ModelView *model)
{
    Range range = {INFINITY, -INFINITY};
    for (int t = 0; t < model->time_count; t++) {
        const double *quantiles = model->times[t].quantiles;
        if (quantiles[0] < range.low) range.low = quantiles[0];
        if (quantiles[MODEL_QUANTILES - 1] > range.high) range.high = quantiles[MODEL_QUANTILES - 1];
    }
    if (!(range.high > range.low)) range = (Range){range.low - 1, range.low + 1};
    return range;
}

/* The column's look; the columns are steps, each shows the last look up to it. */
static const SpreadTime *time_at(const ModelView *model, int x, int width)
{
    int64_t first = model->times[0].step, last = model->times[model->time_count - 1].step;
    int64_t step = width > 1 ? first + (int64_t)((double)(last - first) * x / (width - 1)) : last;
    int at = 0;
    while (at + 1 < model->time_count && model->times[at + 1].step <= step) at++;
    return &model->times[at];
}

static void draw_spread_column(const View *view, Area area, int x, const SpreadTime *time, const Range *range)
{
    double each = (range->high - range->low) / area.rect.height;
    for (int y = 0; y < area.rect.height; y++) {
        double top = range->high - y * each, share = share_below(time, top) - share_below(time, top - each);
        int level = share <= 0 ? 0 : share < 0.03 ? 1 : share < 0.1 ? 2 : share < 0.2 ? 3 : 4;
        draw_shade(view, area, x, y, level);
    }
}

static void draw_spread_axes(const ModelView *model, Area area, int rows, const Range *range)
{
    char number[NUMBER_BYTES];
    area_right(area_part(area, 0, 1, LABEL - 1, 1), 0, 0, STYLE_DIM, number_fit(range->high, LABEL - 1, number));
    area_right(area_part(area, 0, rows, LABEL - 1, 1), 0, 0, STYLE_DIM, number_fit(range->low, LABEL - 1, number));
    area_print(area, LABEL, rows + 1, STYLE_DIM, "%s", number_count(model->times[0].step, number));
    area_right(area_part(area, 0, rows + 1, area.rect.width, 1), LABEL + 8, 0, STYLE_DIM,
               number_count(model->times[model->time_count - 1].step, number));
}

void pane_spread_draw(const View *view, Area area)
{
    const ModelView *model = &view->model;
    int rows = area.rect.height - 2, width = area.rect.width - LABEL;
    area_text(area_part(area, 0, 0, area.rect.width, 1), 0, 0, STYLE_HEADING, model->spread_path);
    if (!model->time_count) {
        area_text(area, 0, 1, STYLE_DIM, "its values are sampled while this pane is in sight; esc goes back");
        return;
    }
    Range range = range_of(model);
    if (rows < 1 || width < 1 || !isfinite(range.low)) return;
    Area inside = area_part(area, LABEL, 1, width, rows);
    for (int x = 0; x < width; x++) draw_spread_column(view, inside, x, time_at(model, x, width), &range);
    draw_spread_axes(model, area, rows, &range);
}

/* --- attention --- */

static float most_of(const AttentionMap *map)
{
    float most = 0;
    for (int i = 0; i < map->tokens; i++)
        for (int j = 0; j < map->tokens; j++)
            if (map->rows[i][j] > most) most = map->rows[i][j];
    return most;
}

static void draw_map_row(const View *view, Area area, int y, int token, int wide, float most)
{
    const AttentionMap *map = &view->model.map;
    area_right(area_part(area, 0, y, LABEL, 1), 0, 0, STYLE_TEXT, map->names[token]);
    for (int j = 0; j < map->tokens; j++) {
        float share = most > 0 ? map->rows[token][j] / most : 0;
        int level = isnan(share) || share < 0.04F ? 0 : 1 + (int)(share * (SHADES - 1.01F));
        if (isnan(share)) area_text(area, LABEL + 1 + wide * j, y, STYLE_BAD, "?");
        for (int w = 0; w < wide && !isnan(share); w++)
            draw_shade(view, area, LABEL + 1 + wide * j + w, y, level >= SHADES ? SHADES - 1 : level);
    }
}

/* The tokens that are looked at, below their columns, upright. */
static void draw_names(const AttentionMap *map, Area area, int wide)
{
    for (int j = 0; j < map->tokens; j++) {
        const char *at = map->names[j];
        for (int y = 0; y < area.rect.height && *at; y++) {
            char letter[8] = "";
            size_t used = text_cut(at, 1);
            if (!used || used >= sizeof letter) break;
            memcpy(letter, at, used);
            area_text(area, LABEL + 1 + wide * j, y, STYLE_DIM, letter);
            at += used;
        }
    }
}

void pane_attention_draw(const View *view, Area area)
{
    const ModelView *model = &view->model;
    const AttentionMap *map = &model->map;
    if (model->trouble[0]) {
        area_text(area, 0, 0, STYLE_BAD, model->trouble);
        return;
    }
    if (!map->tokens) {
        area_text(area, 0, 0, STYLE_DIM, "the attention is fetched; esc goes back");
        return;
    }
    float most = most_of(map);
    int wide = area.rect.width >= LABEL + 1 + 2 * map->tokens ? 2 : 1, height = area.rect.height - 1;
    int names = height > map->tokens + 2 ? (height - map->tokens > 8 ? 8 : height - map->tokens) : 0;
    int rows = height - names < map->tokens ? height - names : map->tokens, first = view->offsets[PANE_MODEL];
    if (first > map->tokens - rows) first = map->tokens - rows;
    if (first < 0) first = 0;
    area_print(area_part(area, 0, 0, area.rect.width, 1), 0, 0, STYLE_HEADING,
               "layer %d of %d, head %d of %d; rows look at columns, full shade %.0f%%", map->layer, map->layers,
               map->head, map->heads, 100 * (double)most);
    for (int y = 0; y < rows; y++) draw_map_row(view, area, y + 1, first + y, wide, most);
    if (names) draw_names(map, area_part(area, 0, rows + 1, area.rect.width, names), wide);
}
