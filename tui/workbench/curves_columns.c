/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What each column of dots holds, and the mean of so many steps around its middle. The axis is cut where a column
 * or a window of a mean begins or ends, so that one walk over the metrics gives both. A column that is wider than
 * the window has the mean of its own. */
#include "engine/base/memory.h"
#include "tui/workbench/curves.h"

#include <math.h>

/* Of the columns of one run. */
typedef struct Cuts {
    int columns, count, width; /* count: of steps; width: of windows, 0: there are none */
    int64_t *steps;            /* ascending: 3 * columns + 1 of them at most */
    int *column, *first, *end; /* where each column (and one more) begins, and its window begins and ends */
    MetricsSpan *spans;        /* between two of the steps */
    struct Sum {
        double sum;
        int64_t count, odd; /* numbers; spans with infinities among them */
    } * sums;               /* of BLOCK spans each, so that a window of many is few additions */
} Cuts;

enum { BLOCK = 16 };

static Status cuts_new(int columns, Cuts *out)
{
    size_t n = (size_t)columns, most = 3 * n + 2;
    char *block;
    size_t each = sizeof *out->steps + sizeof *out->spans, sums = (most / BLOCK + 1) * sizeof *out->sums;
    TRY(memory_new(1, most * each + sums + 3 * (n + 1) * sizeof *out->first, &block));
    *out = (Cuts){.columns = columns, .spans = (MetricsSpan *)(void *)block};
    out->sums = (struct Sum *)(void *)(out->spans + most);
    out->steps = (int64_t *)(void *)(block + most * sizeof *out->spans + sums);
    out->column = (int *)(void *)(out->steps + most);
    out->first = out->column + n + 1;
    out->end = out->first + n + 1;
    return STATUS_OK;
}

/* --- where the axis is cut --- */

static int64_t begin_of(const Cuts *cuts, const int64_t *starts, int64_t last, int x)
{
    int64_t from = starts[x] <= last ? starts[x] : last + 1, to = starts[x + 1] <= last ? starts[x + 1] : last + 1;
    int64_t begin = from + (to - from) / 2 - cuts->width / 2;
    return begin < 0 ? 0 : begin;
}

static int64_t end_of(const Cuts *cuts, const int64_t *starts, int64_t last, int x)
{
    int64_t from = starts[x] <= last ? starts[x] : last + 1, to = starts[x + 1] <= last ? starts[x + 1] : last + 1;
    return from + (to - from) / 2 - cuts->width / 2 + cuts->width;
}

/* Merges the beginnings of columns, and those and the ends of windows, which all ascend. */
static void cut(Cuts *cuts, const int64_t *starts, int64_t last, int width)
{
    int c = 0, i = 0, j = 0, n = cuts->columns, windows = width ? n : 0;
    cuts->width = width;
    cuts->count = 0;
    while (c <= n || i < windows || j < windows) {
        int64_t column = c <= n ? starts[c] : INT64_MAX;
        int64_t begin = i < windows ? begin_of(cuts, starts, last, i) : INT64_MAX;
        int64_t end = j < windows ? end_of(cuts, starts, last, j) : INT64_MAX;
        if (c <= n && column <= begin && column <= end)
            cuts->column[c++] = cuts->count, cuts->steps[cuts->count++] = column;
        else if (i < windows && begin <= end)
            cuts->first[i++] = cuts->count, cuts->steps[cuts->count++] = begin;
        else
            cuts->end[j++] = cuts->count, cuts->steps[cuts->count++] = end;
    }
}

/* --- columns --- */

static void fill_spans(const Cuts *cuts, Curve *curve)
{
    for (int x = 0; x < cuts->columns; x++) {
        curve->spans[x] = curves_no_span;
        for (int i = cuts->column[x]; i < cuts->column[x + 1]; i++)
            curves_add_span(&curve->spans[x], &cuts->spans[i]);
        curve->any |= curve->spans[x].count > 0;
    }
}

/* --- means --- */

static void add_span(struct Sum *sum, const MetricsSpan *span)
{
    sum->sum += span->sum;
    sum->count += span->count - span->nans;
    sum->odd += span->count > span->nans && !(isfinite(span->min) && isfinite(span->max));
}

static void add_up(Cuts *cuts)
{
    for (int i = 0; i < cuts->count; i++) {
        if (i % BLOCK == 0) cuts->sums[i / BLOCK] = (struct Sum){0};
        add_span(&cuts->sums[i / BLOCK], &cuts->spans[i]);
    }
}

/* Of the spans first to end. Sums before two places could be subtracted, but a single large value spoils all of
 * them that come after it. */
static struct Sum sum_between(const Cuts *cuts, int first, int end)
{
    struct Sum sum = {0};
    for (int i = first; i < end;) {
        if (i % BLOCK || i + BLOCK > end) {
            add_span(&sum, &cuts->spans[i++]);
            continue;
        }
        const struct Sum *block = &cuts->sums[i / BLOCK];
        sum = (struct Sum){sum.sum + block->sum, sum.count + block->count, sum.odd + block->odd};
        i += BLOCK;
    }
    return sum;
}

/* Without infinities: how many there are is not kept, so parts that have one are halved down to it. *left: how many
 * may still be found. */
static void add_finite(const CurvesRun *run, const char *metric, int64_t first, int64_t last, int *left,
                       double *sum, int64_t *count)
{
    MetricsSpan span = curves_run_span(run, metric, first, last);
    if (*left < 0 || span.count <= span.nans) return;
    if (isfinite(span.min) && isfinite(span.max)) {
        *sum += span.sum;
        *count += span.count - span.nans;
    } else if (first < last) {
        int64_t middle = first + (last - first) / 2;
        add_finite(run, metric, first, middle, left, sum, count);
        add_finite(run, metric, middle + 1, last, left, sum, count);
    } else {
        --*left;
    }
}

static double finite_mean(const CurvesRun *run, const char *metric, int64_t first, int64_t last)
{
    enum { MOST_INFINITIES = 16 };
    int left = MOST_INFINITIES;
    double sum = 0;
    int64_t count = 0;
    add_finite(run, metric, first, last, &left, &sum, &count);
    return left >= 0 && count ? sum / (double)count : (double)NAN;
}

static double mean_between(const CurvesRun *run, const Curve *curve, const Cuts *cuts, int first, int end)
{
    struct Sum sum = sum_between(cuts, first, end);
    int64_t last = cuts->steps[end] == INT64_MAX ? INT64_MAX : cuts->steps[end] - 1;
    if (sum.odd) return finite_mean(run, curve->metric, cuts->steps[first], last);
    double mean = sum.count > 0 ? sum.sum / (double)sum.count : (double)NAN;
    return isfinite(mean) ? mean : (double)NAN;
}

static void fill_means(const CurvesFrame *frame, const Curve *curve, const Cuts *cuts)
{
    const CurvesRun *run = &frame->runs[curve->run];
    const int64_t *starts = frame->starts[curve->run];
    for (int x = 0; x < cuts->columns; x++) {
        bool any = curve->spans[x].count > curve->spans[x].nans, narrow = starts[x + 1] - starts[x] < cuts->width;
        int first = narrow ? cuts->first[x] : cuts->column[x], end = narrow ? cuts->end[x] : cuts->column[x + 1];
        curve->means[x] = any ? mean_between(run, curve, cuts, first, end) : (double)NAN;
    }
}

/* --- all --- */

/* Whether a column is narrower than the window; else the columns are all that is needed. */
static bool windows_matter(const CurvesFrame *frame, int run)
{
    const int64_t *starts = frame->starts[run];
    for (int x = 0; x < frame->columns; x++)
        if (starts[x + 1] - starts[x] < frame->smoothing) return true;
    return false;
}

static void fill_run(CurvesFrame *frame, int run, Cuts *cuts)
{
    const int64_t *starts = frame->starts[run];
    int64_t last = curves_run_last(&frame->runs[run]);
    bool smoothed = false;
    for (int i = 0; i < frame->count; i++) smoothed |= frame->curves[i].run == run && frame->curves[i].means;
    cut(cuts, starts, last, smoothed && windows_matter(frame, run) ? frame->smoothing : 0);
    for (int i = 0; i < frame->count; i++) {
        Curve *curve = &frame->curves[i];
        if (curve->run != run) continue;
        curves_run_spans(&frame->runs[run], curve->metric, cuts->steps, cuts->count - 1, cuts->spans);
        cuts->spans[cuts->count - 1] = curves_no_span;
        fill_spans(cuts, curve);
        if (!curve->means) continue;
        add_up(cuts);
        fill_means(frame, curve, cuts);
    }
}

Status curves_fill_columns(CurvesFrame *frame)
{
    Cuts cuts;
    TRY(cuts_new(frame->columns, &cuts));
    for (int run = 0; run < frame->run_count; run++) fill_run(frame, run, &cuts);
    memory_free(cuts.spans);
    return STATUS_OK;
}
