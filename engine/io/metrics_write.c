/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Appending to engine/io/metrics_store.h. */
#include "engine/base/memory.h"
#include "engine/io/file_internal.h"
#include "engine/io/metrics_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct MetricsWriter {
    int fd;
    char *path;
    int64_t rows, last_step;
    uint64_t end, size; /* of the last chunk; of the file */
    char (*names)[METRICS_NAME_SIZE];
    uint32_t name_count;
    /* the open chunk; capacity 0: none */
    uint64_t offset;
    MetricsLayout layout;
    uint32_t columns, capacity, used, written; /* written: rows of it that are in the file */
    bool held;
    int64_t *steps;
    double *values; /* a column after the other, capacity each */
};

static Status put_at(const MetricsWriter *writer, const void *bytes, size_t length, uint64_t offset)
{
    if (system_write_at(writer->fd, bytes, length, (off_t)offset) == 0) return STATUS_OK;
    return file_fail(writer->path, "written", errno);
}

static Status commit(MetricsWriter *writer, int64_t rows)
{
    uint64_t number = (uint64_t)rows;
    TRY(put_at(writer, &number, sizeof number, offsetof(MetricsHeader, rows)));
    writer->rows = rows;
    return STATUS_OK;
}

/* --- closing a chunk: its summaries, then the number of its rows --- */

static void summarize(const double *values, uint32_t rows, uint32_t capacity, MetricsSummary *out)
{
    out[0] = metrics_nothing();
    for (uint32_t block = 0; block < capacity / BLOCK_ROWS; block++) {
        MetricsSummary *part = &out[1 + block];
        *part = metrics_nothing();
        for (uint32_t i = block * BLOCK_ROWS; i < rows && i < (block + 1) * BLOCK_ROWS; i++) {
            metrics_add(part, values[i]);
            metrics_add(&out[0], values[i]);
        }
    }
}

static Status put_rows(const MetricsWriter *writer, uint64_t offset, uint32_t rows)
{
    return put_at(writer, &rows, sizeof rows, offset + offsetof(MetricsChunkHeader, rows));
}

static Status close_values(const MetricsWriter *writer, uint64_t offset, const MetricsLayout *layout,
                           uint32_t columns, uint32_t capacity, uint32_t rows, const double *values)
{
    MetricsSummary *summaries;
    size_t each = 1 + capacity / BLOCK_ROWS;
    if (columns == 0) return put_rows(writer, offset, rows);
    TRY(memory_new(columns * each, sizeof *summaries, &summaries));
    for (uint32_t i = 0; i < columns; i++)
        summarize(values + (size_t)i * capacity, rows, capacity, summaries + i * each);
    Status status = put_at(writer, summaries, columns * each * sizeof *summaries, offset + layout->summaries);
    memory_free(summaries);
    return status == STATUS_OK ? put_rows(writer, offset, rows) : status;
}

static void forget_chunk(MetricsWriter *writer)
{
    memory_free(writer->steps);
    memory_free(writer->values);
    writer->steps = NULL;
    writer->values = NULL;
    writer->capacity = 0;
}

/* The rows that are not in the file yet, then their number. */
static Status put_values(MetricsWriter *writer)
{
    uint32_t first = writer->written, count = writer->used - first;
    uint64_t at = (uint64_t)first * sizeof(double);
    if (count == 0) return STATUS_OK;
    TRY(put_at(writer, &writer->steps[first], count * sizeof(int64_t), writer->offset + writer->layout.steps + at));
    for (uint32_t i = 0; i < writer->columns; i++) {
        size_t column = (size_t)i * writer->capacity;
        TRY(put_at(writer, &writer->values[column + first], count * sizeof(double),
                   writer->offset + writer->layout.values + column * sizeof(double) + at));
    }
    TRY(commit(writer, writer->rows + count));
    writer->written = writer->used;
    return STATUS_OK;
}

static Status close_chunk(MetricsWriter *writer)
{
    if (writer->capacity == 0) return STATUS_OK;
    TRY(put_values(writer));
    if (writer->used)
        TRY(close_values(writer, writer->offset, &writer->layout, writer->columns, writer->capacity, writer->used,
                         writer->values));
    writer->end = writer->used ? writer->offset + writer->layout.bytes : writer->offset;
    forget_chunk(writer);
    return STATUS_OK;
}

/* --- opening one --- */

/* Small ones first, so that a short run has a small file. */
static uint32_t new_capacity(int64_t rows)
{
    int64_t quarter = rows / 4 / BLOCK_ROWS * BLOCK_ROWS;
    if (quarter < SMALLEST_CHUNK) return SMALLEST_CHUNK;
    return quarter > LARGEST_CHUNK ? LARGEST_CHUNK : (uint32_t)quarter;
}

static Status put_chunk(MetricsWriter *writer)
{
    MetricsChunkHeader header = {.magic = {'M', 'C', 'H', 'K'},
                                 .columns = writer->columns,
                                 .bytes = writer->layout.bytes,
                                 .first_row = (uint64_t)writer->rows,
                                 .capacity = writer->capacity};
    uint64_t end = writer->offset + writer->layout.bytes;
    if (end > writer->size) {
        if (system_truncate(writer->fd, (off_t)end) != 0) return file_fail(writer->path, "written", errno);
        writer->size = end;
    }
    TRY(put_at(writer, &header, sizeof header, writer->offset));
    return put_at(writer, writer->names, (size_t)writer->columns * METRICS_NAME_SIZE,
                  writer->offset + writer->layout.names);
}

static Status open_chunk(MetricsWriter *writer)
{
    uint32_t capacity = new_capacity(writer->rows);
    writer->columns = writer->name_count;
    writer->layout = metrics_layout(writer->columns, capacity);
    writer->offset = writer->end;
    writer->used = writer->written = 0;
    Status status = memory_new(capacity, sizeof *writer->steps, &writer->steps);
    if (status == STATUS_OK)
        status = memory_new((size_t)capacity * writer->columns, sizeof *writer->values, &writer->values);
    writer->capacity = capacity;
    if (status == STATUS_OK) status = put_chunk(writer);
    if (status != STATUS_OK) forget_chunk(writer);
    return status;
}

/* --- rows --- */

static Status check_row(const MetricsWriter *writer, int64_t step, const MetricsValue *values, size_t count)
{
    if (step < 0 || step < writer->last_step)
        return status_fail(STATUS_INVALID, "%s: metrics of step %" PRId64 " after those of step %" PRId64,
                           writer->path, step, writer->last_step);
    for (size_t i = 0; i < count; i++)
        if (!metrics_name_fits(values[i].name))
            return status_fail(STATUS_INVALID,
                               "'%.100s' cannot be the name of a metric: 1 to %d bytes without control characters",
                               values[i].name, METRICS_NAME_SIZE - 1);
    return STATUS_OK;
}

static bool find_name(const MetricsWriter *writer, const char *name, uint32_t *out)
{
    for (*out = 0; *out < writer->name_count; (*out)++)
        if (strcmp(writer->names[*out], name) == 0) return true;
    return false;
}

static Status add_name(MetricsWriter *writer, const char *name)
{
    if (writer->name_count == METRICS_MAX_COLUMNS)
        return status_fail(STATUS_INVALID, "%s: more than %d names of metrics", writer->path, METRICS_MAX_COLUMNS);
    TRY(memory_resize(&writer->names, writer->name_count + 1, sizeof *writer->names));
    memset(writer->names[writer->name_count], 0, METRICS_NAME_SIZE);
    strncpy(writer->names[writer->name_count++], name, METRICS_NAME_SIZE - 1);
    return STATUS_OK;
}

/* A name that is new closes the chunk: the next one has a column for it. */
static Status make_room(MetricsWriter *writer, const MetricsValue *values, size_t count)
{
    uint32_t column;
    for (size_t i = 0; i < count; i++)
        if (!find_name(writer, values[i].name, &column)) TRY(add_name(writer, values[i].name));
    if (writer->capacity && writer->columns == writer->name_count && writer->used < writer->capacity)
        return STATUS_OK;
    TRY(close_chunk(writer));
    return open_chunk(writer);
}

static void fill_row(MetricsWriter *writer, int64_t step, const MetricsValue *values, size_t count)
{
    const uint64_t missing = METRICS_MISSING;
    uint32_t column;
    writer->steps[writer->used] = step;
    for (uint32_t i = 0; i < writer->columns; i++)
        memcpy(&writer->values[(size_t)i * writer->capacity + writer->used], &missing, sizeof missing);
    for (size_t i = 0; i < count; i++)
        if (find_name(writer, values[i].name, &column))
            writer->values[(size_t)column * writer->capacity + writer->used] =
                isnan(values[i].value) ? (double)NAN : values[i].value;
}

Status metrics_writer_put(MetricsWriter *writer, int64_t step, const MetricsValue *values, size_t count)
{
    TRY(check_row(writer, step, values, count));
    TRY(make_room(writer, values, count));
    fill_row(writer, step, values, count);
    writer->used++;
    Status status = writer->held ? STATUS_OK : put_values(writer);
    if (status == STATUS_OK)
        writer->last_step = step;
    else
        writer->used--; /* the row is not there */
    return status;
}

void metrics_writer_hold(MetricsWriter *writer)
{
    writer->held = true;
}

Status metrics_writer_release(MetricsWriter *writer)
{
    writer->held = false;
    return writer->capacity ? put_values(writer) : STATUS_OK;
}

Status metrics_writer_sync(MetricsWriter *writer)
{
    return system_sync_giving_turns(writer->fd) == 0 ? STATUS_OK : file_fail(writer->path, "written", errno);
}

int64_t metrics_writer_rows(const MetricsWriter *writer)
{
    return writer->rows;
}

int64_t metrics_writer_last_step(const MetricsWriter *writer)
{
    return writer->last_step;
}

/* --- continuing --- */

/* Takes up behind the first rows of what the store holds; the chunk in which they end is closed there. */
static Status take_up(MetricsWriter *writer, const MetricsStore *store, int64_t rows)
{
    const MetricsChunk *last = NULL;
    for (size_t i = 0; i < store->chunk_count && (int64_t)store->chunks[i].first_row < rows; i++)
        last = &store->chunks[i];
    if (rows != store->rows) TRY(commit(writer, rows));
    writer->rows = rows;
    writer->last_step = -1;
    writer->end = HEADER_BYTES;
    writer->name_count = 0;
    writer->size = store->map.size;
    if (!last) return STATUS_OK;
    uint32_t kept = (uint32_t)((uint64_t)rows - last->first_row);
    for (uint32_t i = 0; i < last->columns; i++) TRY(add_name(writer, metrics_chunk_name(last, i)));
    writer->last_step = last->steps[kept - 1];
    writer->end = last->offset + last->layout.bytes;
    if (last->closed && kept == last->rows) return STATUS_OK;
    return close_values(writer, last->offset, &last->layout, last->columns, last->capacity, kept,
                        metrics_chunk_values(last, 0));
}

static Status read_and_take_up(MetricsWriter *writer, int64_t rows)
{
    MetricsStore *store;
    TRY(metrics_open(writer->path, &store));
    Status status = take_up(writer, store, rows < 0 || rows > store->rows ? store->rows : rows);
    metrics_close(store);
    return status;
}

Status metrics_writer_cut(MetricsWriter *writer, int64_t rows)
{
    if (rows >= writer->rows) return STATUS_OK;
    forget_chunk(writer);
    return read_and_take_up(writer, rows < 0 ? 0 : rows);
}

static Status put_header(MetricsWriter *writer)
{
    MetricsHeader header = {.magic = {'L', 'A', 'T', 'H', 'E', 'M', 'E', 'T'}, .format = METRICS_FORMAT};
    writer->last_step = -1;
    writer->end = writer->size = HEADER_BYTES;
    return put_at(writer, &header, sizeof header, 0);
}

static Status start(MetricsWriter *writer, const char *path)
{
    struct stat info;
    TRY(memory_copy_text(path, &writer->path));
    writer->fd = system_open(path, O_RDWR | O_CREAT);
    if (writer->fd < 0) return file_fail(path, "opened for writing", errno);
    if (fstat(writer->fd, &info) != 0) return file_fail(path, "opened for writing", errno);
    return info.st_size == 0 ? put_header(writer) : read_and_take_up(writer, -1);
}

Status metrics_writer_open(const char *path, MetricsWriter **out)
{
    MetricsWriter *writer;
    TRY(memory_new(1, sizeof *writer, &writer));
    writer->fd = -1;
    Status status = start(writer, path);
    if (status == STATUS_OK)
        *out = writer;
    else
        metrics_writer_close(writer);
    return status;
}

void metrics_writer_close(MetricsWriter *writer)
{
    if (!writer) return;
    if (writer->fd >= 0) close(writer->fd);
    forget_chunk(writer);
    memory_free(writer->names);
    memory_free(writer->path);
    memory_free(writer);
}
