/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking a store of metrics. */
#include "engine/io/metrics_internal.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* The summary of the whole chunk, then those of its blocks. */
static const MetricsSummary *summaries_of(const MetricsChunk *chunk, uint32_t column)
{
    const void *all = chunk->at + chunk->layout.summaries;
    return (const MetricsSummary *)all + (size_t)column * (1 + chunk->capacity / BLOCK_ROWS);
}

static int32_t find_name(const MetricsStore *store, const char *name)
{
    for (int32_t i = 0; i < store->name_count; i++)
        if (strcmp(store->names[i], name) == 0) return i;
    return -1;
}

/* The column of the name in the chunk; false where it has none. */
static bool find_column(const MetricsChunk *chunk, int32_t id, uint32_t *out)
{
    for (*out = 0; *out < chunk->columns; (*out)++)
        if (chunk->ids[*out] == id) return true;
    return false;
}

/* The first row of the chunk whose step is not below this one. Steps are evenly spaced as a rule: the row is
 * guessed, then looked for in a range that doubles. */
static uint32_t lower_row(const MetricsChunk *chunk, int64_t step)
{
    const int64_t *steps = chunk->steps;
    uint32_t low = 0, high = chunk->rows, jump = 1;
    if (chunk->rows == 0 || step <= chunk->first_step) return 0;
    if (step > chunk->last_step) return chunk->rows;
    double first = (double)chunk->first_step, part = ((double)step - first) / ((double)chunk->last_step - first);
    if (!(part >= 0 && part <= 1)) part = 0;
    uint32_t guess = (uint32_t)(part * (chunk->rows - 1));
    if (steps[guess] < step) {
        low = guess + 1;
        while (jump < high - low && steps[low + jump - 1] < step) low += jump, jump *= 2;
        if (jump < high - low) high = low + jump - 1;
    } else {
        high = guess;
        while (jump <= high && steps[high - jump] >= step) high -= jump, jump *= 2;
        if (jump <= high) low = high - jump + 1;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (steps[middle] < step)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first chunk whose last step is not below this one. */
static size_t lower_chunk(const MetricsStore *store, int64_t step)
{
    size_t low = 0, high = store->chunk_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (store->chunks[middle].last_step < step)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void merge(MetricsSpan *span, const MetricsSummary *part)
{
    if (part->count == 0) return;
    if (part->min < span->min) span->min = part->min;
    if (part->max > span->max) span->max = part->max;
    span->last = part->last;
    span->sum += part->sum;
    span->count += part->count;
    span->nans += part->nans;
}

static void merge_rows(const double *values, uint32_t first, uint32_t end, MetricsSpan *span)
{
    MetricsSummary part = metrics_nothing();
    for (uint32_t i = first; i < end; i++) metrics_add(&part, values[i]);
    merge(span, &part);
}

/* Rows first to end of a column: whole blocks from their summaries. */
static void merge_chunk(const MetricsChunk *chunk, uint32_t column, uint32_t first, uint32_t end, MetricsSpan *span)
{
    const double *values = metrics_chunk_values(chunk, column);
    const MetricsSummary *summaries = summaries_of(chunk, column);
    if (chunk->closed && first == 0 && end == chunk->rows) {
        merge(span, summaries);
        return;
    }
    while (first < end) {
        uint32_t block = first / BLOCK_ROWS, last = (block + 1) * BLOCK_ROWS;
        if (last > chunk->rows) last = chunk->rows;
        if (chunk->closed && first % BLOCK_ROWS == 0 && last <= end)
            merge(span, &summaries[1 + block]);
        else
            merge_rows(values, first, last < end ? last : end, span);
        first = last;
    }
}

static const MetricsSpan empty_span = {.min = INFINITY, .max = -INFINITY, .last = (double)NAN};

/* One walk over the chunks: a chunk ends in the middle of a span as a rule. */
void metrics_spans(const MetricsStore *store, const char *name, const int64_t *starts, int count, MetricsSpan *out)
{
    int32_t id = find_name(store, name);
    size_t at = lower_chunk(store, starts[0]);
    uint32_t row = at < store->chunk_count ? lower_row(&store->chunks[at], starts[0]) : 0, column;
    for (int i = 0; i < count; i++) out[i] = empty_span;
    for (int i = 0; id >= 0 && i < count && at < store->chunk_count;) {
        const MetricsChunk *chunk = &store->chunks[at];
        uint32_t end = starts[i + 1] == INT64_MAX ? chunk->rows : lower_row(chunk, starts[i + 1]);
        if (end > row && find_column(chunk, id, &column)) merge_chunk(chunk, column, row, end, &out[i]);
        row = end > row ? end : row;
        if (end < chunk->rows)
            i++;
        else
            at++, row = 0;
    }
}

Status metrics_range(const MetricsStore *store, const char *name, int64_t first, int64_t last, int columns,
                     MetricsSpan *out)
{
    if (columns < 1) return status_fail(STATUS_INVALID, "metrics: %d columns were asked for; at least 1", columns);
    if (first < 0 || last < first)
        return status_fail(STATUS_INVALID, "metrics: steps %" PRId64 " to %" PRId64 " are no range", first, last);
    uint64_t all = (uint64_t)(last - first) + 1, share = all / (uint64_t)columns, rest = all % (uint64_t)columns;
    uint64_t at = (uint64_t)first;
    for (int i = 0; i < columns; i++) {
        uint64_t end = at + share + ((uint64_t)i < rest);
        int64_t starts[2] = {(int64_t)at, end > INT64_MAX ? INT64_MAX : (int64_t)end};
        metrics_spans(store, name, starts, 1, &out[i]);
        at = end;
    }
    return STATUS_OK;
}

bool metrics_last(const MetricsStore *store, const char *name, int64_t *step, double *value)
{
    int32_t id = find_name(store, name);
    for (size_t i = store->chunk_count; id >= 0 && i-- > 0;) {
        const MetricsChunk *chunk = &store->chunks[i];
        uint32_t column;
        if (!find_column(chunk, id, &column)) continue;
        if (chunk->closed && summaries_of(chunk, column)->count == 0) continue;
        const double *values = metrics_chunk_values(chunk, column);
        for (uint32_t row = chunk->rows; row-- > 0;) {
            if (metrics_bits(values[row]) == METRICS_MISSING) continue;
            *step = chunk->steps[row];
            *value = values[row];
            return true;
        }
    }
    return false;
}

static Status each_of_chunk(const MetricsChunk *chunk, uint32_t column, int64_t first,
                            Status (*visit)(void *context, int64_t step, double value), void *context)
{
    const double *values = metrics_chunk_values(chunk, column);
    const MetricsSummary *summaries = summaries_of(chunk, column);
    if (chunk->closed && summaries->count == 0) return STATUS_OK;
    for (uint32_t row = lower_row(chunk, first); row < chunk->rows; row++) {
        if (chunk->closed && row % BLOCK_ROWS == 0 && summaries[1 + row / BLOCK_ROWS].count == 0)
            row += BLOCK_ROWS - 1;
        else if (metrics_bits(values[row]) != METRICS_MISSING)
            TRY(visit(context, chunk->steps[row], values[row]));
    }
    return STATUS_OK;
}

Status metrics_each(const MetricsStore *store, const char *name, int64_t first,
                    Status (*visit)(void *context, int64_t step, double value), void *context)
{
    int32_t id = find_name(store, name);
    if (id < 0) return STATUS_OK;
    for (size_t i = lower_chunk(store, first); i < store->chunk_count; i++) {
        uint32_t column;
        if (find_column(&store->chunks[i], id, &column))
            TRY(each_of_chunk(&store->chunks[i], column, first, visit, context));
    }
    return STATUS_OK;
}

/* --- where a sum reaches levels --- */

typedef struct Reach {
    const double *levels;
    int count, next; /* next: the level that is not reached yet */
    int64_t *steps;
    double sum;
} Reach;

static void reach_at(Reach *reach, int64_t step)
{
    while (reach->next < reach->count && reach->levels[reach->next] <= reach->sum)
        reach->steps[reach->next++] = step;
}

static bool passes_over(Reach *reach, const MetricsSummary *part)
{
    if (reach->sum + part->sum >= reach->levels[reach->next]) return false;
    reach->sum += part->sum;
    return true;
}

/* Rows first to end; those of blocks in which no level lies are not looked at. */
static void reach_in_chunk(Reach *reach, const MetricsChunk *chunk, uint32_t column, uint32_t first, uint32_t end)
{
    const double *values = metrics_chunk_values(chunk, column);
    const MetricsSummary *summaries = summaries_of(chunk, column);
    if (chunk->closed && first == 0 && end == chunk->rows && passes_over(reach, summaries)) return;
    for (uint32_t row = first; row < end && reach->next < reach->count; row++) {
        bool whole = chunk->closed && row % BLOCK_ROWS == 0 && row + BLOCK_ROWS <= end;
        if (whole && passes_over(reach, &summaries[1 + row / BLOCK_ROWS])) {
            row += BLOCK_ROWS - 1;
            continue;
        }
        if (!isfinite(values[row])) continue;
        reach->sum += values[row];
        reach_at(reach, chunk->steps[row]);
    }
}

void metrics_reach(const MetricsStore *store, const char *name, int64_t first, int64_t last, const double *levels,
                   int count, int64_t *steps)
{
    Reach reach = {.levels = levels, .count = count, .steps = steps};
    int32_t id = find_name(store, name);
    reach_at(&reach, first);
    for (size_t i = lower_chunk(store, first); id >= 0 && i < store->chunk_count && reach.next < count; i++) {
        const MetricsChunk *chunk = &store->chunks[i];
        uint32_t column, end = last == INT64_MAX ? chunk->rows : lower_row(chunk, last + 1);
        if (find_column(chunk, id, &column)) reach_in_chunk(&reach, chunk, column, lower_row(chunk, first), end);
        if (end < chunk->rows) break;
    }
    while (reach.next < count) steps[reach.next++] = INT64_MAX;
}
