/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/metrics_internal.h"

#include "engine/base/memory.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* --- the layout --- */

MetricsLayout metrics_layout(uint32_t columns, uint32_t capacity)
{
    MetricsLayout layout = {.names = sizeof(MetricsChunkHeader)};
    layout.summaries = layout.names + (uint64_t)columns * METRICS_NAME_SIZE;
    layout.steps = layout.summaries + (uint64_t)columns * (1 + capacity / BLOCK_ROWS) * sizeof(MetricsSummary);
    layout.values = layout.steps + (uint64_t)capacity * sizeof(int64_t);
    layout.bytes = layout.values + (uint64_t)columns * capacity * sizeof(double);
    return layout;
}

const char *metrics_chunk_name(const MetricsChunk *chunk, uint32_t column)
{
    return (const char *)chunk->at + chunk->layout.names + (size_t)column * METRICS_NAME_SIZE;
}

const double *metrics_chunk_values(const MetricsChunk *chunk, uint32_t column)
{
    return (const double *)(const void *)(chunk->at + chunk->layout.values) + (size_t)column * chunk->capacity;
}

/* The summary of the whole chunk, then those of its blocks. */
static const MetricsSummary *summaries_of(const MetricsChunk *chunk, uint32_t column)
{
    const void *all = chunk->at + chunk->layout.summaries;
    return (const MetricsSummary *)all + (size_t)column * (1 + chunk->capacity / BLOCK_ROWS);
}

uint64_t metrics_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

MetricsSummary metrics_nothing(void)
{
    return (MetricsSummary){.min = INFINITY, .max = -INFINITY, .last = (double)NAN};
}

void metrics_add(MetricsSummary *summary, double value)
{
    if (metrics_bits(value) == METRICS_MISSING) return;
    summary->count++;
    summary->last = value;
    if (isnan(value)) {
        summary->nans++;
        return;
    }
    if (value < summary->min) summary->min = value;
    if (value > summary->max) summary->max = value;
    if (isfinite(value)) summary->sum += value;
}

bool metrics_name_fits(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < 32 || name[i] == 127) return false;
    return length > 0 && length < METRICS_NAME_SIZE;
}

/* --- opening --- */

static Status damaged(const char *path, uint64_t offset, const char *words)
{
    return status_fail(STATUS_FORMAT,
                       "%s: offset %" PRIu64 ": %s; the file is damaged. 'lathe run --resume' makes it again from "
                       "metrics.jsonl",
                       path, offset, words);
}

static Status read_header(const char *path, MetricsStore *store)
{
    MetricsHeader header;
    if (store->map.size < sizeof header) return damaged(path, 0, "the header is cut off");
    memcpy(&header, store->map.data, sizeof header);
    if (memcmp(header.magic, "LATHEMET", 8) != 0) return damaged(path, 0, "these are no metrics of Lathe");
    if (header.format > METRICS_FORMAT)
        return status_fail(STATUS_INVALID, "%s: has format %u; this program reads up to %d: use a newer one", path,
                           header.format, METRICS_FORMAT);
    if (header.format < 1) return damaged(path, 8, "the number of the format is 0");
    if (header.rows > INT64_MAX / 64) return damaged(path, 16, "the number of rows is impossible");
    store->rows = (int64_t)header.rows;
    return STATUS_OK;
}

static Status name_id(MetricsStore *store, const char *name, int32_t *out)
{
    for (*out = 0; *out < store->name_count; (*out)++)
        if (strcmp(store->names[*out], name) == 0) return STATUS_OK;
    if (store->name_count == store->name_capacity) {
        int more = store->name_capacity ? 2 * store->name_capacity : 16;
        TRY(memory_resize(&store->names, (size_t)more, sizeof *store->names));
        store->name_capacity = more;
    }
    memcpy(store->names[store->name_count++], name, METRICS_NAME_SIZE);
    return STATUS_OK;
}

static Status read_names(const char *path, MetricsStore *store, MetricsChunk *chunk)
{
    for (uint32_t i = 0; i < chunk->columns; i++) {
        const char *name = metrics_chunk_name(chunk, i);
        uint64_t offset = (uint64_t)((const uint8_t *)name - store->map.data);
        if (!memchr(name, 0, METRICS_NAME_SIZE) || !metrics_name_fits(name))
            return damaged(path, offset, "this is no name of a metric");
        if (store->id_count == store->id_capacity) {
            size_t more = store->id_capacity ? 2 * store->id_capacity : 64;
            TRY(memory_resize(&store->ids, more, sizeof *store->ids));
            store->id_capacity = more;
        }
        TRY(name_id(store, name, &store->ids[store->id_count]));
        if (store->name_count > METRICS_MAX_COLUMNS) return damaged(path, offset, "there are too many names");
        store->id_count++;
    }
    return STATUS_OK;
}

/* row: the number of the first row that this chunk must have. */
static Status read_chunk(const char *path, MetricsStore *store, uint64_t offset, uint64_t row, MetricsChunk *out)
{
    MetricsChunkHeader header;
    uint64_t left = store->map.size - offset, rows = (uint64_t)store->rows - row;
    if (left < sizeof header) return damaged(path, offset, "the file ends before its last rows");
    memcpy(&header, store->map.data + offset, sizeof header);
    if (memcmp(header.magic, "MCHK", 4) != 0) return damaged(path, offset, "no chunk begins here");
    if (header.columns > METRICS_MAX_COLUMNS || header.capacity == 0 || header.capacity % BLOCK_ROWS ||
        header.capacity > MOST_ROWS_OF_CHUNK || header.rows > header.capacity || header.first_row != row)
        return damaged(path, offset, "the sizes of the chunk are impossible");
    *out = (MetricsChunk){.offset = offset,
                          .first_row = row,
                          .layout = metrics_layout(header.columns, header.capacity),
                          .columns = header.columns,
                          .capacity = header.capacity,
                          .at = store->map.data + offset};
    if (header.bytes != out->layout.bytes || left < out->layout.bytes)
        return damaged(path, offset, "the chunk is not as long as it says");
    out->closed = header.rows > 0 && header.rows <= rows;
    out->rows = out->closed ? header.rows : (uint32_t)(rows > UINT32_MAX ? UINT32_MAX : rows);
    if (out->rows > out->capacity) return damaged(path, offset, "the chunk has fewer rows than the file counts");
    out->steps = (const int64_t *)(const void *)(out->at + out->layout.steps);
    return read_names(path, store, out);
}

static Status read_chunks(const char *path, MetricsStore *store)
{
    uint64_t offset = HEADER_BYTES, row = 0;
    while (row < (uint64_t)store->rows) {
        MetricsChunk chunk;
        TRY(read_chunk(path, store, offset, row, &chunk));
        if (store->chunk_count == store->chunk_capacity) {
            size_t more = store->chunk_capacity ? 2 * store->chunk_capacity : 16;
            TRY(memory_resize(&store->chunks, more, sizeof *store->chunks));
            store->chunk_capacity = more;
        }
        store->chunks[store->chunk_count++] = chunk;
        offset += chunk.layout.bytes;
        row += chunk.rows;
    }
    size_t id = 0;
    for (size_t i = 0; i < store->chunk_count; i++) {
        store->chunks[i].ids = store->ids + id;
        id += store->chunks[i].columns;
    }
    return STATUS_OK;
}

Status metrics_open(const char *path, MetricsStore **out)
{
    MetricsStore *store;
    TRY(memory_new(1, sizeof *store, &store));
    Status status = file_map(path, &store->map);
    if (status == STATUS_OK) status = read_header(path, store);
    if (status == STATUS_OK) status = read_chunks(path, store);
    if (status == STATUS_OK)
        *out = store;
    else
        metrics_close(store);
    return status;
}

void metrics_close(MetricsStore *store)
{
    if (!store) return;
    file_unmap(&store->map);
    memory_free(store->chunks);
    memory_free(store->ids);
    memory_free(store->names);
    memory_free(store);
}

bool metrics_is_old(const MetricsStore *store)
{
    MetricsHeader header;
    memcpy(&header, store->map.data, sizeof header);
    return (int64_t)header.rows != store->rows;
}

int64_t metrics_rows(const MetricsStore *store)
{
    return store->rows;
}

int64_t metrics_last_step(const MetricsStore *store)
{
    if (store->chunk_count == 0) return -1;
    const MetricsChunk *chunk = &store->chunks[store->chunk_count - 1];
    return chunk->steps[chunk->rows - 1];
}

int metrics_name_count(const MetricsStore *store)
{
    return store->name_count;
}

const char *metrics_name(const MetricsStore *store, int i)
{
    return store->names[i];
}

/* --- asking --- */

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

/* The first row of the chunk whose step is not below this one. */
static uint32_t lower_row(const MetricsChunk *chunk, int64_t step)
{
    uint32_t low = 0, high = chunk->rows;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (chunk->steps[middle] < step)
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
        const MetricsChunk *chunk = &store->chunks[middle];
        if (chunk->steps[chunk->rows - 1] < step)
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

/* Steps first to last, both included. */
static void collect(const MetricsStore *store, int32_t id, int64_t first, int64_t last, MetricsSpan *span)
{
    *span = (MetricsSpan){.min = INFINITY, .max = -INFINITY, .last = (double)NAN};
    for (size_t i = lower_chunk(store, first); i < store->chunk_count; i++) {
        const MetricsChunk *chunk = &store->chunks[i];
        uint32_t column, end = last == INT64_MAX ? chunk->rows : lower_row(chunk, last + 1);
        if (find_column(chunk, id, &column)) merge_chunk(chunk, column, lower_row(chunk, first), end, span);
        if (end < chunk->rows) return;
    }
}

Status metrics_range(const MetricsStore *store, const char *name, int64_t first, int64_t last, int columns,
                     MetricsSpan *out)
{
    if (columns < 1) return status_fail(STATUS_INVALID, "metrics: %d columns were asked for; at least 1", columns);
    if (first < 0 || last < first)
        return status_fail(STATUS_INVALID, "metrics: steps %" PRId64 " to %" PRId64 " are no range", first, last);
    int32_t id = find_name(store, name);
    uint64_t all = (uint64_t)(last - first) + 1, share = all / (uint64_t)columns, rest = all % (uint64_t)columns;
    int64_t at = first;
    for (int i = 0; i < columns; i++) {
        uint64_t steps = share + ((uint64_t)i < rest);
        out[i] = (MetricsSpan){.min = INFINITY, .max = -INFINITY, .last = (double)NAN};
        if (steps == 0) continue;
        if (id >= 0) collect(store, id, at, at + (int64_t)(steps - 1), &out[i]);
        if (i + 1 < columns) at += (int64_t)steps;
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
