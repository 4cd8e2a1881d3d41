/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/curves.h"

#include "engine/base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- which --- */

static bool begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

static int take_names(const MetricsStore *store, const char *beginning, const char **out, int count)
{
    for (int i = 0; i < metrics_name_count(store) && count < CURVES_NAMES; i++)
        if (begins(metrics_name(store, i), beginning)) out[count++] = metrics_name(store, i);
    return count;
}

int curves_names(const CurvesLook *look, const MetricsStore *store, const char **out)
{
    int count = 0;
    if (look->picked) {
        for (; count < look->chosen_count; count++) out[count] = look->chosen[count];
        return count;
    }
    if (!store) return 0;
    count = take_names(store, "loss.", out, 0);
    count = take_names(store, "valid.", out, count);
    return count ? count : take_names(store, "loss", out, 0);
}

void curves_sight(const CurvesLook *look, const MetricsStore *store, int64_t *first, int64_t *last)
{
    int64_t end = store ? metrics_last_step(store) : 0;
    for (int i = 0; i < look->overlay_count; i++) {
        int64_t other = metrics_last_step(look->overlays[i].store);
        if (other > end) end = other;
    }
    *first = look->frozen ? look->first : 0;
    *last = look->frozen ? look->last : end;
    if (*first < 0) *first = 0;
    if (*last < *first) *last = *first;
}

/* --- columns --- */

/* The first step of each column, and one more behind the last. On a logarithmic axis columns grow. */
static void cut_columns(CurvesFrame *frame)
{
    double base = (double)frame->first + 1, ratio = ((double)frame->last + 2) / base;
    double all = (double)(frame->last - frame->first) + 1;
    for (int x = 0; x <= frame->columns; x++) {
        double part = (double)x / frame->columns;
        double at = frame->log_x ? base * pow(ratio, part) - 1 : (double)frame->first + all * part;
        frame->starts[x] = (int64_t)ceil(at - 1e-9);
    }
}

int curves_column(const CurvesFrame *frame, int64_t step)
{
    int low = 0, high = frame->columns;
    if (step < frame->first || step > frame->last || !frame->starts) return -1;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (frame->starts[middle] <= step)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static const MetricsSpan nothing = {.min = INFINITY, .max = -INFINITY, .last = NAN};

/* One call for each: metrics_range() gives its first columns a step more, which would bend the axis. */
static Status fill_spans(const CurvesFrame *frame, Curve *curve)
{
    for (int x = 0; x < frame->columns; x++) {
        int64_t from = frame->starts[x], to = frame->starts[x + 1] - 1;
        curve->spans[x] = nothing;
        if (to >= from) TRY(metrics_range(curve->store, curve->metric, from, to, 1, &curve->spans[x]));
    }
    return STATUS_OK;
}

bool curves_finite(const MetricsSpan *span, double *low, double *high)
{
    if (span->count <= span->nans) return false;
    bool lower = isfinite(span->min), upper = isfinite(span->max);
    *low = lower ? span->min : upper ? span->max : span->last;
    *high = upper ? span->max : *low;
    return isfinite(*low) && isfinite(*high);
}

static void widen(CurvesFrame *frame, const Curve *curve, bool positive)
{
    double low, high;
    for (int x = 0; x < frame->columns; x++) {
        if (!curves_finite(&curve->spans[x], &low, &high)) continue;
        if (positive && low <= 0) low = high;
        if (positive && low <= 0) continue;
        if (low < frame->low) frame->low = low;
        if (high > frame->high) frame->high = high;
    }
}

static void settle_range(CurvesFrame *frame, bool log_y)
{
    frame->low = INFINITY;
    frame->high = -INFINITY;
    frame->log_y = log_y;
    for (int i = 0; i < frame->count; i++) widen(frame, &frame->curves[i], log_y);
    if (log_y && frame->low > frame->high) {
        settle_range(frame, false); /* nothing is positive */
        return;
    }
    if (frame->low > frame->high) frame->low = 0, frame->high = 1;
    double middle = frame->low / 2 + frame->high / 2, least = fabs(middle) * 1e-9 + 1e-300;
    if (frame->high - frame->low > least) return;
    double margin = middle != 0 ? fabs(middle) * 0.05 : 1;
    frame->low = log_y ? middle / 1.05 : middle - margin;
    frame->high = log_y ? middle * 1.05 : middle + margin;
}

static void add_curve(CurvesFrame *frame, const MetricsStore *store, const char *metric, const char *of, int style)
{
    Curve *curve = &frame->curves[frame->count++];
    *curve = (Curve){.store = store, .metric = metric, .style = (Style)(STYLE_SERIES + style % STYLE_MAX_SERIES)};
    snprintf(curve->name, sizeof curve->name, "%s%s%s", of, *of ? " " : "", metric);
}

static void list_curves(const CurvesLook *look, const MetricsStore *store, CurvesFrame *frame)
{
    const char *names[CURVES_NAMES];
    int count = curves_names(look, store, names);
    for (int i = 0; i < count && store; i++) add_curve(frame, store, names[i], "", i);
    for (int o = 0; o < look->overlay_count; o++)
        for (int i = 0; i < count && frame->count < CURVES_MOST; i++)
            add_curve(frame, look->overlays[o].store, names[i], look->overlays[o].name, (o + 1) * count + i);
}

Status curves_frame(const CurvesLook *look, const MetricsStore *store, int columns, CurvesFrame *out)
{
    *out = (CurvesFrame){.columns = columns > 0 ? columns : 1, .log_x = look->log_x};
    list_curves(look, store, out);
    curves_sight(look, store, &out->first, &out->last);
    size_t spans = (size_t)out->columns * (size_t)out->count * sizeof(MetricsSpan);
    TRY(memory_new(1, spans + ((size_t)out->columns + 1) * sizeof(int64_t), &out->block));
    out->starts = (int64_t *)((char *)out->block + spans);
    cut_columns(out);
    for (int i = 0; i < out->count; i++) {
        Curve *curve = &out->curves[i];
        curve->spans = (MetricsSpan *)out->block + (size_t)i * (size_t)out->columns;
        Status status = fill_spans(out, curve);
        if (status != STATUS_OK) {
            curves_clear(out);
            return status;
        }
        for (int x = 0; x < out->columns; x++) curve->any |= curve->spans[x].count > 0;
    }
    settle_range(out, look->log_y);
    return STATUS_OK;
}

void curves_clear(CurvesFrame *frame)
{
    memory_free(frame->block);
    *frame = (CurvesFrame){0};
}

/* --- values --- */

bool curves_value(const Curve *curve, int64_t step, double *out)
{
    MetricsSpan span;
    if (step < 0 || metrics_range(curve->store, curve->metric, 0, step, 1, &span) != STATUS_OK) return false;
    *out = span.last;
    return span.count > 0;
}

int curves_row(const CurvesFrame *frame, double value, int rows)
{
    double low = frame->low, high = frame->high, part;
    if (frame->log_y)
        part = value > 0 ? log(value / low) / log(high / low) : 0;
    else
        part = (value / 2 - low / 2) / (high / 2 - low / 2); /* halves: the range may be larger than a double's */
    part = part < 0 ? 0 : part > 1 ? 1 : part;
    return (int)(part * (rows - 1) + 0.5);
}

double curves_level(const CurvesFrame *frame, double row, int rows)
{
    double part = rows > 1 ? row / (rows - 1) : 0;
    if (frame->log_y) return frame->low * pow(frame->high / frame->low, part);
    return frame->low * (1 - part) + frame->high * part;
}
