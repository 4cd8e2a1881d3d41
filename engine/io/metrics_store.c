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
    if (out->rows) out->first_step = out->steps[0], out->last_step = out->steps[out->rows - 1];
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
