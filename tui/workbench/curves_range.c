/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Strips of the curves pane: a kind of metric each, and which values it has room for. */
#include "engine/base/memory.h"
#include "tui/workbench/curves.h"
#include "tui/workbench/ticks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- kinds --- */

static void kind_of(const char *name, char *out, size_t size)
{
    static const char accuracy[] = "accuracy";
    const char *dot = strrchr(name, '.');
    snprintf(out, size, "%.*s", (int)strcspn(name, "."), name);
    if (strcmp(out, "valid") == 0 || strcmp(out, "final") == 0) snprintf(out, size, "loss");
    if (dot && strcmp(dot + 1, accuracy) == 0) snprintf(out, size, "%s", accuracy);
}

/* -1: there are too many kinds. */
static int strip_of(CurvesFrame *frame, const char *kind)
{
    for (int i = 0; i < frame->strip_count; i++)
        if (strcmp(frame->strips[i].kind, kind) == 0) return i;
    if (frame->strip_count == CURVES_STRIPS) return -1;
    CurvesStrip *strip = &frame->strips[frame->strip_count];
    *strip = (CurvesStrip){0};
    snprintf(strip->kind, sizeof strip->kind, "%s", kind);
    return frame->strip_count++;
}

/* --- ranges --- */

/* What is usual of a curve: lowest and highest values of columns, each sorted. */
typedef struct Spread {
    double *lows, *highs;
    int count;
} Spread;

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double scaled(double value, bool log_y)
{
    return log_y ? log(value) : value;
}

static void gather(const Curve *curve, int columns, bool log_y, Spread *out)
{
    double low, high;
    out->count = 0;
    for (int x = 0; x < columns; x++) {
        if (!curves_finite(&curve->spans[x], &low, &high)) continue;
        if (log_y && low <= 0) low = high;
        if (log_y && low <= 0) continue;
        out->lows[out->count] = scaled(low, log_y);
        out->highs[out->count++] = scaled(high, log_y);
    }
    qsort(out->lows, (size_t)out->count, sizeof *out->lows, compare);
    qsort(out->highs, (size_t)out->count, sizeof *out->highs, compare);
}

/* A fiftieth of the columns at either end is set aside, at least one; of these stays what lies no further away than
 * twice the range of the others. A bad step does not flatten all the rest; it is marked at the edge. */
static void usual_range(const Spread *spread, double *low, double *high)
{
    enum { LEAST = 8, PART = 50, RANGES = 2 };
    int n = spread->count, aside = n < LEAST ? 0 : n < PART ? 1 : n / PART, i = 0, j = n - 1;
    double usual_low = spread->lows[aside], usual_high = spread->highs[n - 1 - aside];
    double far = RANGES * (usual_high - usual_low);
    if (!(far > 0)) aside = 0;
    while (aside && spread->lows[i] < usual_low - far) i++;
    while (aside && spread->highs[j] > usual_high + far) j--;
    *low = spread->lows[i];
    *high = spread->highs[j];
}

static void widen(const CurvesLook *look, const CurvesFrame *frame, int of, bool log_y, Spread *spread,
                  CurvesStrip *strip)
{
    for (int i = 0; i < frame->count; i++) {
        double low, high;
        if (frame->curves[i].strip != of) continue;
        gather(&frame->curves[i], frame->columns, log_y, spread);
        if (!spread->count) continue;
        usual_range(spread, &low, &high);
        if (look->outliers) low = spread->lows[0], high = spread->highs[spread->count - 1];
        strip->low = fmin(strip->low, low);
        strip->high = fmax(strip->high, high);
    }
}

/* Something to divide by, and round ends, so that new samples seldom move the axis. */
static void round_ends(CurvesStrip *strip)
{
    enum { PARTS = 20 };
    double middle = strip->low / 2 + strip->high / 2, least = fabs(middle) * 1e-9 + 1e-300;
    if (!(strip->high - strip->low > least)) {
        double margin = middle != 0 ? fabs(middle) * 0.05 : 1;
        strip->low = middle - margin;
        strip->high = middle + margin;
    }
    double step = ticks_round(strip->high / PARTS - strip->low / PARTS);
    double low = floor(strip->low / step) * step, high = ceil(strip->high / step) * step;
    if (isfinite(low) && isfinite(high)) strip->low = low, strip->high = high;
}

static bool has_chosen(const CurvesLook *look, CurvesStrip *strip)
{
    for (int i = 0; i < look->range_count; i++) {
        const CurvesRange *range = &look->ranges[i];
        if (strcmp(range->kind, strip->kind) != 0 || (strip->log_y && range->low <= 0)) continue;
        strip->low = range->low;
        strip->high = range->high;
        return strip->chosen = true;
    }
    return false;
}

/* On a logarithmic axis low and high are logarithms until the end. */
static void settle(const CurvesLook *look, const CurvesFrame *frame, int of, Spread *spread, CurvesStrip *strip)
{
    strip->log_y = look->log_y;
    if (has_chosen(look, strip)) return;
    strip->low = INFINITY;
    strip->high = -INFINITY;
    widen(look, frame, of, strip->log_y, spread, strip);
    if (strip->log_y && strip->low > strip->high) { /* nothing is positive */
        strip->log_y = false;
        widen(look, frame, of, false, spread, strip);
    }
    if (strip->low > strip->high) strip->low = 0, strip->high = 1;
    round_ends(strip);
    if (!strip->log_y) return;
    strip->low = exp(fmax(strip->low, -700));
    strip->high = exp(fmin(strip->high, 709));
}

static void look_outside(const CurvesFrame *frame, int of, CurvesStrip *strip)
{
    double low, high;
    for (int i = 0; i < frame->count; i++)
        for (int x = 0; x < frame->columns && frame->curves[i].strip == of && !strip->cut; x++)
            if (curves_finite(&frame->curves[i].spans[x], &low, &high))
                strip->cut = low < strip->low || high > strip->high;
}

Status curves_make_strips(const CurvesLook *look, CurvesFrame *frame)
{
    char kind[METRICS_NAME_SIZE];
    Spread spread;
    TRY(memory_new(2 * (size_t)frame->columns, sizeof *spread.lows, &spread.lows));
    spread.highs = spread.lows + frame->columns;
    for (int i = 0; i < frame->count; i++) {
        kind_of(frame->curves[i].metric, kind, sizeof kind);
        frame->curves[i].strip = strip_of(frame, kind);
        frame->left_over += frame->curves[i].strip < 0;
    }
    if (!frame->strip_count) frame->strips[frame->strip_count++] = (CurvesStrip){.kind = "loss"};
    for (int i = 0; i < frame->strip_count; i++) {
        settle(look, frame, i, &spread, &frame->strips[i]);
        look_outside(frame, i, &frame->strips[i]);
    }
    memory_free(spread.lows);
    return STATUS_OK;
}

/* --- places --- */

int curves_row(const CurvesStrip *strip, double value, int rows)
{
    double low = strip->low, high = strip->high, part;
    if (strip->log_y)
        part = value > 0 ? log(value / low) / log(high / low) : -1;
    else
        part = (value / 2 - low / 2) / (high / 2 - low / 2); /* halves: the range may be larger than a double's */
    if (isnan(part)) part = 0.5; /* so narrow a range that it has no height in doubles */
    return part < -1e-9 ? -1 : part > 1 + 1e-9 ? rows : (int)(part * (rows - 1) + 0.5);
}

void curves_move_ranges(CurvesLook *look, const CurvesFrame *frame, double factor, double by)
{
    look->range_count = 0;
    for (int i = 0; i < frame->strip_count; i++) {
        const CurvesStrip *strip = &frame->strips[i];
        double low = scaled(strip->low, strip->log_y), high = scaled(strip->high, strip->log_y);
        double middle = low / 2 + high / 2 + by * (high - low), half = factor * (high / 2 - low / 2);
        CurvesRange range = {.low = middle - half, .high = middle + half};
        if (strip->log_y) range.low = exp(range.low), range.high = exp(range.high);
        if (!isfinite(range.low) || !isfinite(range.high) || !(range.high > range.low)) continue;
        if (!(range.high - range.low > 1e-9 * fabs(range.high))) continue;
        snprintf(range.kind, sizeof range.kind, "%s", strip->kind);
        look->ranges[look->range_count++] = range;
    }
}
