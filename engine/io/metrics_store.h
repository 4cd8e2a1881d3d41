/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The metrics of a run as columns with a min-max pyramid: made to be mapped and drawn while another process
 * appends. One process writes (the run's lock); readers need no lock. Whoever opens closes.
 *
 * The file, format 1, little-endian, every part at a multiple of 8 bytes:
 *   header, 64 bytes: "LATHEMET", u32 format, u32 0, u64 rows committed, the rest 0
 *   chunks, end to end, each with a capacity of rows:
 *     64 bytes: "MCHK", u32 columns, u64 bytes of the chunk, u64 number of its first row, u32 capacity (a multiple
 *       of 64), u32 rows when it was closed (0: it is open), the rest 0
 *     a name for each column: 96 bytes, ended by 0
 *     for each column 1 + capacity / 64 summaries of 40 bytes, of the whole chunk and of each 64 rows: f64 min,
 * max, last, sum, u32 values, u32 NaNs among them; only in a closed chunk i64 step of each row, ascending; then f64
 * values[capacity] of each column A row that has no value of a column holds the NaN 7ff80000004c4d53 there; all
 * others are 7ff8000000000000. The number of committed rows is written last, so what a killed process left behind
 * it is nobody's. The file never shrinks, so a map stays whole; chunks behind the committed rows are written over.
 */
#ifndef LATHE_IO_METRICS_STORE_H
#define LATHE_IO_METRICS_STORE_H

#include "engine/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { METRICS_FORMAT = 1, METRICS_NAME_SIZE = 96, METRICS_MAX_COLUMNS = 1024 };

/* ---- reading ---- */

typedef struct MetricsStore MetricsStore;

/* What lies in a span of steps. Without values min is +infinity and max -infinity; NaN counts in 'nans' only,
 * infinities are values. */
typedef struct MetricsSpan {
    double min, max, last, sum; /* sum: of the finite ones */
    int64_t count, nans;
} MetricsSpan;

/* Maps the file as it is now. Errors: missing, no such file, damaged (with the offset), of a newer format. */
Status metrics_open(const char *path, MetricsStore **out) STATUS_CHECKED;
void metrics_close(MetricsStore *store);
/* Whether the file has more rows, or fewer, than when it was opened. */
bool metrics_is_old(const MetricsStore *store);

int64_t metrics_rows(const MetricsStore *store);
/* The step of the last row, -1 where there is none. */
int64_t metrics_last_step(const MetricsStore *store);
/* Names in the order in which they appeared. */
int metrics_name_count(const MetricsStore *store);
const char *metrics_name(const MetricsStore *store, int i);

/* The steps first to last in 'columns' equal spans. Errors: columns below 1, last before first. A name that is not
 * there gives empty spans. */
Status metrics_range(const MetricsStore *store, const char *name, int64_t first, int64_t last, int columns,
                     MetricsSpan *out) STATUS_CHECKED;
/* The steps starts[i] to starts[i + 1] - 1 for each span; starts ascend and are one more, INT64_MAX means to the
 * end. */
void metrics_spans(const MetricsStore *store, const char *name, const int64_t *starts, int count, MetricsSpan *out);
/* The latest value; false where there is none. */
bool metrics_last(const MetricsStore *store, const char *name, int64_t *step, double *value);
/* Adds the values from the first step to the last up; they must not be negative, and those that are not finite do
 * not count. steps[i]: the step at which the sum reaches levels[i], which ascend; INT64_MAX where it never does. */
void metrics_reach(const MetricsStore *store, const char *name, int64_t first, int64_t last, const double *levels,
                   int count, int64_t *steps);
/* Calls visit for each value in order of steps, from this step on; stops at the first failure. */
Status metrics_each(const MetricsStore *store, const char *name, int64_t first,
                    Status (*visit)(void *context, int64_t step, double value), void *context) STATUS_CHECKED;

/* ---- writing ---- */

typedef struct MetricsWriter MetricsWriter;

typedef struct MetricsValue {
    const char *name;
    double value;
} MetricsValue;

/* Continues the file, or makes it. Errors: as metrics_open(). */
Status metrics_writer_open(const char *path, MetricsWriter **out) STATUS_CHECKED;
void metrics_writer_close(MetricsWriter *writer);
/* Appends a row. Errors: a step below the last row's, a name that is too long or has control characters, too many
 * names, the disk; the row is then not there. */
Status metrics_writer_put(MetricsWriter *writer, int64_t step, const MetricsValue *values,
                          size_t count) STATUS_CHECKED;
/* For many rows at once: from now on they are written a chunk at a time, until metrics_writer_release() writes the
 * last ones. metrics_writer_rows() counts those that are in the file. */
void metrics_writer_hold(MetricsWriter *writer);
Status metrics_writer_release(MetricsWriter *writer) STATUS_CHECKED;
/* Waits for the disk. */
Status metrics_writer_sync(MetricsWriter *writer) STATUS_CHECKED;
/* Keeps the first rows. */
Status metrics_writer_cut(MetricsWriter *writer, int64_t rows) STATUS_CHECKED;
int64_t metrics_writer_rows(const MetricsWriter *writer);
int64_t metrics_writer_last_step(const MetricsWriter *writer);
/* Whether a metric may be called that. */
bool metrics_name_fits(const char *name);

#endif
