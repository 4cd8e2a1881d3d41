/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/curves_run.h"

#include <math.h>
#include <string.h>

static const char *const counted[CURVES_UNITS] = {NULL, "tokens", "seconds"};
static const double slack = 1e-12; /* sums of a pyramid depend on where they are cut */

int64_t curves_run_last(const CurvesRun *run)
{
    for (int i = run->count - 1; i >= 0; i--) {
        int64_t last = metrics_last_step(run->pieces[i].store);
        if (last > run->pieces[i].last) last = run->pieces[i].last;
        if (last >= run->pieces[i].first) return last;
    }
    return -1;
}

const MetricsSpan curves_no_span = {.min = INFINITY, .max = -INFINITY, .last = (double)NAN};

void curves_add_span(MetricsSpan *sum, const MetricsSpan *part)
{
    if (part->min < sum->min) sum->min = part->min;
    if (part->max > sum->max) sum->max = part->max;
    if (part->count) sum->last = part->last;
    sum->sum += part->sum;
    sum->count += part->count;
    sum->nans += part->nans;
}

static int64_t limited(int64_t step, const CurvesPiece *piece)
{
    if (step <= piece->first) return piece->first;
    return step > piece->last ? (piece->last == INT64_MAX ? INT64_MAX : piece->last + 1) : step;
}

/* So many at a time that what a piece has of them fits beside. */
void curves_run_spans(const CurvesRun *run, const char *metric, const int64_t *starts, int count, MetricsSpan *out)
{
    enum { AT_ONCE = 128 };
    int64_t parts[AT_ONCE + 1];
    MetricsSpan spans[AT_ONCE];
    for (int i = 0; i < count; i++) out[i] = curves_no_span;
    for (int from = 0; from < count; from += AT_ONCE) {
        int many = count - from < AT_ONCE ? count - from : AT_ONCE;
        for (int p = 0; p < run->count; p++) {
            const CurvesPiece *piece = &run->pieces[p];
            for (int i = 0; i <= many; i++) parts[i] = limited(starts[from + i], piece);
            if (parts[0] == parts[many]) continue;
            metrics_spans(piece->store, metric, parts, many, spans);
            for (int i = 0; i < many; i++) curves_add_span(&out[from + i], &spans[i]);
        }
    }
}

MetricsSpan curves_run_span(const CurvesRun *run, const char *metric, int64_t first, int64_t last)
{
    MetricsSpan span;
    int64_t starts[2] = {first < 0 ? 0 : first, last == INT64_MAX ? last : last + 1};
    if (starts[1] < starts[0]) starts[1] = starts[0];
    curves_run_spans(run, metric, starts, 1, &span);
    return span;
}

double curves_run_x(const CurvesRun *run, CurvesUnit unit, int64_t step)
{
    return unit == CURVES_STEPS ? (double)step : curves_run_span(run, counted[unit], 0, step).sum;
}

/* The first step at or behind a place. */
static int64_t step_of(double place)
{
    if (!(place > 0)) return 0;
    return place < 9e18 ? (int64_t)ceil(place - 1e-9) : INT64_MAX;
}

void curves_run_steps(const CurvesRun *run, CurvesUnit unit, const double *places, int count, double *room,
                      int64_t *steps)
{
    int done = 0;
    double before = 0;
    for (int i = 0; unit == CURVES_STEPS && i < count; i++) steps[i] = step_of(places[i]);
    if (unit == CURVES_STEPS) return;
    for (int p = 0; p < run->count && done < count; p++) {
        const CurvesPiece *piece = &run->pieces[p];
        for (int i = done; i < count; i++) room[i] = places[i] - before - slack * places[i];
        metrics_reach(piece->store, counted[unit], piece->first, piece->last, room + done, count - done,
                      steps + done);
        while (done < count && steps[done] != INT64_MAX) done++;
        before = curves_run_x(run, unit, piece->last);
    }
    while (done < count) steps[done++] = INT64_MAX;
}

int64_t curves_run_step(const CurvesRun *run, CurvesUnit unit, double place)
{
    double room;
    int64_t step;
    curves_run_steps(run, unit, &place, 1, &room, &step);
    return step;
}

/* Halves the range until one step is left. */
static int64_t find(const CurvesRun *run, const char *metric, int64_t low, int64_t high, bool first)
{
    if (high < low || curves_run_span(run, metric, low, high).count == 0) return -1;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        int64_t count = first ? curves_run_span(run, metric, low, middle).count
                              : curves_run_span(run, metric, middle + 1, high).count;
        if (first == (count > 0))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

int64_t curves_run_next(const CurvesRun *run, const char *metric, int64_t step)
{
    return find(run, metric, step + 1, curves_run_last(run), true);
}

int64_t curves_run_before(const CurvesRun *run, const char *metric, int64_t step)
{
    return find(run, metric, 0, step - 1, false);
}
