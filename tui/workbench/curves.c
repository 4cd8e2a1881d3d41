/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/curves.h"

#include "engine/base/memory.h"
#include "tui/workbench/ticks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DISTANCES = 3 }; /* usual ones between two samples, after which a metric is off */

/* --- which --- */

/* Names of a kind: "loss." takes all, "valid." only the losses, which have no second dot. */
static int take_names(const MetricsStore *store, const char *beginning, const char **out, int count)
{
    size_t length = strlen(beginning);
    for (int i = 0; i < metrics_name_count(store) && count < CURVES_NAMES; i++) {
        const char *name = metrics_name(store, i);
        if (strncmp(name, beginning, length) == 0 && !strchr(name + length, '.')) out[count++] = name;
    }
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

CurvesRun curves_run(const CurvesLook *look, MetricsStore *store, int i)
{
    CurvesRun run = {.pieces = {{store, 0, INT64_MAX}}, .count = store != NULL};
    if (i == 0) return run;
    const CurvesRun *pieces = &look->overlays[i - 1].run;
    run.count = 0;
    for (int p = 0; p < pieces->count; p++) {
        run.pieces[run.count] = pieces->pieces[p];
        if (!pieces->pieces[p].store) run.pieces[run.count].store = store;
        run.count += run.pieces[run.count].store != NULL;
    }
    return run;
}

void curves_close_overlays(CurvesLook *look)
{
    for (int i = 0; i < look->overlay_count; i++)
        for (int p = 0; p < look->overlays[i].run.count; p++) metrics_close(look->overlays[i].run.pieces[p].store);
    look->overlay_count = 0;
}

/* --- the x axis --- */

static double end_of(const CurvesLook *look, MetricsStore *store)
{
    double end = 0;
    for (int i = 0; i <= look->overlay_count; i++) {
        CurvesRun run = curves_run(look, store, i);
        int64_t last = curves_run_last(&run);
        double x = last >= 0 ? curves_run_x(&run, look->unit, last) : 0;
        if (x > end) end = x;
    }
    return end;
}

void curves_sight(const CurvesLook *look, MetricsStore *store, double *first, double *last)
{
    if (look->frozen) {
        *first = look->first;
        *last = look->last;
    } else {
        *last = end_of(look, store);
        *first = look->width > 0 && look->width < *last ? *last - look->width : 0;
    }
    if (!(*first >= 0)) *first = 0;
    if (!(*last > *first)) *last = *first;
}

int curves_smoothing(const CurvesLook *look, const MetricsStore *store)
{
    enum { PARTS = 50 };
    if (look->smoothing >= 0) return look->smoothing;
    double share = store ? (double)metrics_last_step(store) / PARTS : 0;
    if (!(share >= 5)) return 0;
    return share < CURVES_MOST_SMOOTHING ? (int)ticks_round(share) : CURVES_MOST_SMOOTHING;
}

/* A logarithmic axis begins at the first step, or at what one step counts. */
static void make_axis(const CurvesLook *look, MetricsStore *store, CurvesFrame *frame)
{
    double last;
    frame->unit = look->unit;
    frame->log_x = look->log_x;
    curves_sight(look, store, &frame->first, &last);
    frame->origin = 1;
    frame->end = last + (look->unit == CURVES_STEPS ? 1 : 1e-9 * last);
    if (look->unit != CURVES_STEPS && store) {
        int64_t steps = curves_run_last(&frame->runs[0]);
        if (steps > 0 && end_of(look, store) > 0) frame->origin = end_of(look, store) / (double)steps;
    }
    if (!(frame->end > frame->first)) frame->end = frame->first + 1;
}

void curves_axis(const CurvesLook *look, MetricsStore *store, int columns, CurvesFrame *out)
{
    *out = (CurvesFrame){.columns = columns > 0 ? columns : 1, .run_count = 1};
    out->runs[0] = curves_run(look, store, 0);
    make_axis(look, store, out);
}

double curves_place(const CurvesFrame *frame, double column)
{
    double part = column / frame->columns;
    if (!frame->log_x) return frame->first + (frame->end - frame->first) * part;
    double base = frame->first + frame->origin, ratio = (frame->end + frame->origin) / base;
    return base * pow(ratio, part) - frame->origin;
}

int curves_column(const CurvesFrame *frame, double place)
{
    if (!(place >= frame->first && place < frame->end)) return -1;
    double part = (place - frame->first) / (frame->end - frame->first);
    if (frame->log_x)
        part = log((place + frame->origin) / (frame->first + frame->origin)) /
               log((frame->end + frame->origin) / (frame->first + frame->origin));
    int column = (int)(part * frame->columns + 1e-9);
    return column < 0 ? 0 : column < frame->columns ? column : frame->columns - 1;
}

static void cut_columns(CurvesFrame *frame, double *places, double *room)
{
    int count = frame->columns + 1;
    for (int x = 0; x < count; x++) places[x] = curves_place(frame, x);
    for (int i = 0; i < frame->run_count; i++)
        curves_run_steps(&frame->runs[i], frame->unit, places, count, room, frame->starts[i]);
}

/* --- what columns hold --- */

bool curves_finite(const MetricsSpan *span, double *low, double *high)
{
    if (span->count <= span->nans) return false;
    bool lower = isfinite(span->min), upper = isfinite(span->max);
    *low = lower ? span->min : upper ? span->max : span->last;
    *high = upper ? span->max : *low;
    return isfinite(*low) && isfinite(*high);
}

bool curves_joined(const Curve *curve, int64_t from, int64_t to)
{
    return (double)(to - from) <= DISTANCES * curve->distance;
}

static void measure(const CurvesFrame *frame, Curve *curve)
{
    const CurvesRun *run = &frame->runs[curve->run];
    int64_t last = curves_run_last(run);
    MetricsSpan all = curves_run_span(run, curve->metric, 0, last < 0 ? 0 : last);
    curve->distance = all.count ? (double)last / (double)all.count : 1;
    if (!(curve->distance >= 1)) curve->distance = 1;
}

/* --- curves --- */

static void add_curve(CurvesFrame *frame, int run, const char *metric, const char *of)
{
    int style = frame->count % STYLE_MAX_SERIES;
    Curve *curve = &frame->curves[frame->count++];
    *curve = (Curve){.run = run, .metric = metric, .style = (Style)(STYLE_SERIES + style)};
    snprintf(curve->name, sizeof curve->name, "%s%s%s", of, *of ? " " : "", metric);
    measure(frame, curve);
}

static void list_curves(const CurvesLook *look, MetricsStore *store, CurvesFrame *frame)
{
    const char *names[CURVES_NAMES];
    int count = curves_names(look, store, names);
    frame->run_count = 1 + look->overlay_count;
    for (int r = 0; r < frame->run_count; r++) {
        frame->runs[r] = curves_run(look, store, r);
        for (int i = 0; i < count && frame->count < CURVES_MOST && store; i++)
            add_curve(frame, r, names[i], r ? look->overlays[r - 1].name : "");
    }
}

static bool is_smoothed(const CurvesFrame *frame, const Curve *curve)
{
    enum { LEAST_SAMPLES = 4 };
    return frame->smoothing > 0 && frame->smoothing >= LEAST_SAMPLES * curve->distance;
}

/* One block: for each curve spans and means, for each run starts, then places and room for cut_columns(). */
static Status fill(CurvesFrame *frame)
{
    size_t columns = (size_t)frame->columns, curves = (size_t)frame->count, runs = (size_t)frame->run_count;
    size_t spans = columns * curves * sizeof(MetricsSpan), numbers = (columns + 1) * sizeof(double);
    TRY(memory_new(1, spans + curves * columns * sizeof(double) + (runs + 2) * numbers, &frame->block));
    double *means = (double *)((char *)frame->block + spans), *rest = means + curves * columns;
    for (size_t r = 0; r < runs; r++) frame->starts[r] = (int64_t *)(void *)(rest + (2 + r) * (columns + 1));
    cut_columns(frame, rest, rest + columns + 1);
    for (size_t i = 0; i < curves; i++) {
        Curve *curve = &frame->curves[i];
        curve->spans = (MetricsSpan *)frame->block + i * columns;
        if (is_smoothed(frame, curve)) curve->means = means + i * columns;
    }
    return curves_fill_columns(frame);
}

Status curves_frame(const CurvesLook *look, MetricsStore *store, int columns, CurvesFrame *out)
{
    *out = (CurvesFrame){.columns = columns > 0 ? columns : 1, .smoothing = curves_smoothing(look, store)};
    list_curves(look, store, out);
    make_axis(look, store, out);
    Status status = fill(out);
    if (status == STATUS_OK) status = curves_make_strips(look, out);
    if (status != STATUS_OK) curves_clear(out);
    return status;
}

void curves_clear(CurvesFrame *frame)
{
    memory_free(frame->block);
    *frame = (CurvesFrame){0};
}

bool curves_value(const CurvesFrame *frame, const Curve *curve, int64_t step, double *out)
{
    const CurvesRun *run = &frame->runs[curve->run];
    if (step == INT64_MAX) step = curves_run_last(run);
    if (step < 0) return false;
    MetricsSpan span = curves_run_span(run, curve->metric, step - (int64_t)(DISTANCES * curve->distance), step);
    *out = span.last;
    return span.count > 0;
}
