/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The layout of engine/io/metrics_store.h, for its reader and its writer. */
#ifndef LATHE_IO_METRICS_INTERNAL_H
#define LATHE_IO_METRICS_INTERNAL_H

#include "engine/io/file.h"
#include "engine/io/metrics_store.h"

enum { HEADER_BYTES = 64, BLOCK_ROWS = 64, SMALLEST_CHUNK = 64, LARGEST_CHUNK = 4096, MOST_ROWS_OF_CHUNK = 65536 };

typedef struct MetricsHeader {
    char magic[8];
    uint32_t format, zero;
    uint64_t rows;
    char rest[40];
} MetricsHeader;

typedef struct MetricsChunkHeader {
    char magic[4];
    uint32_t columns;
    uint64_t bytes, first_row;
    uint32_t capacity, rows;
    char rest[32];
} MetricsChunkHeader;

typedef struct MetricsSummary {
    double min, max, last, sum;
    uint32_t count, nans;
} MetricsSummary;

_Static_assert(sizeof(MetricsHeader) == 64 && sizeof(MetricsChunkHeader) == 64 && sizeof(MetricsSummary) == 40,
               "the layout of the file");

/* Where the parts of a chunk begin, from its start. */
typedef struct MetricsLayout {
    uint64_t names, summaries, steps, values, bytes;
} MetricsLayout;

MetricsLayout metrics_layout(uint32_t columns, uint32_t capacity);

/* A chunk in a map, checked. */
typedef struct MetricsChunk {
    uint64_t offset, first_row;
    MetricsLayout layout;
    uint32_t columns, capacity, rows; /* rows: committed ones */
    bool closed;                      /* its summaries hold */
    const uint8_t *at;
    const int64_t *steps;
    int64_t first_step, last_step; /* where there are rows */
    const int32_t *ids;            /* of its columns' names in the store */
} MetricsChunk;

struct MetricsStore {
    FileMap map;
    MetricsChunk *chunks;
    size_t chunk_count, chunk_capacity;
    int32_t *ids;
    size_t id_count, id_capacity;
    char (*names)[METRICS_NAME_SIZE];
    int name_count, name_capacity;
    int64_t rows;
};

const char *metrics_chunk_name(const MetricsChunk *chunk, uint32_t column);
const double *metrics_chunk_values(const MetricsChunk *chunk, uint32_t column);

uint64_t metrics_bits(double value);
#define METRICS_MISSING 0x7ff80000004c4d53u
/* A summary of no values, and one with a value more. */
MetricsSummary metrics_nothing(void);
void metrics_add(MetricsSummary *summary, double value);

#endif
