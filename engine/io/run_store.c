/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metrics.store follows metrics.jsonl, and NAME.store of a branch NAME.jsonl: a row for each line. Where it has
 * fewer (a process was killed between the two, lines of another branch came back), more, or is damaged, the lines
 * decide. */
#include "engine/base/memory.h"
#include "engine/io/run_internal.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

static const char store_name[] = "metrics.store";

/* The value of a member; false where it is no number, or has a name that the store cannot hold. */
static bool read_value(const char *key, const json_t *value, double *out)
{
    if (strcmp(key, "step") == 0 || !metrics_name_fits(key)) return false;
    if (json_is_number(value)) {
        *out = json_number_value(value);
        return true;
    }
    const char *text = json_string_value(value);
    if (!text) return false;
    bool minus = *text == '-';
    if (strcmp(text + minus, "Infinity") == 0)
        *out = minus ? -INFINITY : INFINITY;
    else if (strcmp(text, "NaN") == 0)
        *out = (double)NAN;
    else
        return false;
    return true;
}

static Status put_object(MetricsWriter *store, int64_t step, json_t *object)
{
    MetricsValue values[METRICS_MAX_COLUMNS / 4];
    size_t count = 0;
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (count == sizeof values / sizeof *values) break;
        if (!read_value(key, value, &values[count].value)) continue;
        values[count++].name = key;
    }
    Status status = metrics_writer_put(store, step, values, count);
    /* Too many names in the whole file: the row stands without values. */
    return status == STATUS_INVALID ? metrics_writer_put(store, step, NULL, 0) : status;
}

/* The step of the line, and its object for json_decref(); a line that is none has the step of the one before. */
static Status parse_line(const char *text, size_t length, int64_t before, int64_t *step, json_t **out)
{
    *step = before < 0 ? 0 : before;
    *out = NULL;
    Status status = json_parse("metrics.jsonl", text, length, out);
    if (status == STATUS_FORMAT) return STATUS_OK;
    TRY(status);
    json_t *member = json_object_get(*out, "step");
    if (json_is_integer(member) && json_integer_value(member) > *step) *step = json_integer_value(member);
    return STATUS_OK;
}

static Status add_line(MetricsWriter *store, const char *text, size_t length)
{
    json_t *object;
    int64_t step;
    TRY(parse_line(text, length, metrics_writer_last_step(store), &step, &object));
    Status status = put_object(store, step, object);
    json_decref(object);
    return status;
}

/* Counts whole lines, at most 'most' of them; *end is where they end, *last where the last begins. */
static int64_t count_lines(const FileMap *text, int64_t most, size_t *last, size_t *end)
{
    int64_t lines = 0;
    for (*end = *last = 0; lines < most && *end < text->size; lines++) {
        const uint8_t *newline = memchr(text->data + *end, '\n', text->size - *end);
        if (!newline) break;
        *last = *end;
        *end = (size_t)(newline - text->data) + 1;
    }
    return lines;
}

/* Cuts the store to rows that have lines, and says whether its last row is that of its line. */
static Status match_rows(MetricsWriter *store, const FileMap *text, size_t *end, bool *same)
{
    size_t last;
    json_t *object;
    int64_t step;
    int64_t lines = count_lines(text, metrics_writer_rows(store), &last, end);
    *same = true;
    TRY(metrics_writer_cut(store, lines));
    if (lines == 0) return STATUS_OK;
    TRY(parse_line((const char *)text->data + last, *end - last - 1, -1, &step, &object));
    *same = json_is_object(object) && step == metrics_writer_last_step(store);
    json_decref(object);
    return STATUS_OK;
}

static Status follow(MetricsWriter *store, const FileMap *text, bool *same)
{
    size_t end;
    TRY(match_rows(store, text, &end, same));
    metrics_writer_hold(store);
    while (*same && end < text->size) {
        const uint8_t *newline = memchr(text->data + end, '\n', text->size - end);
        if (!newline) break;
        size_t start = end;
        end = (size_t)(newline - text->data) + 1;
        TRY(add_line(store, (const char *)text->data + start, end - start - 1));
    }
    return metrics_writer_release(store);
}

static Status follow_lines(MetricsWriter *store, const char *lines, bool *same)
{
    uint64_t size = 0;
    FileMap text = {0};
    if (file_exists(lines)) TRY(file_size(lines, &size));
    if (size) TRY(file_map(lines, &text));
    Status status = follow(store, &text, same);
    file_unmap(&text);
    return status;
}

static Status open_store(const char *path, const char *lines, MetricsWriter **out)
{
    bool same;
    for (int fresh = 0;; fresh++) {
        MetricsWriter *store;
        Status status = metrics_writer_open(path, &store);
        if (status == STATUS_OK) {
            status = follow_lines(store, lines, &same);
            if (status == STATUS_OK && (same || fresh)) {
                *out = store;
                return STATUS_OK;
            }
            metrics_writer_close(store);
        }
        if ((status != STATUS_OK && status != STATUS_FORMAT) || fresh) return status;
        if (unlink(path) != 0) return file_fail(path, "removed", errno);
    }
}

Status run_open_store(RunDirectory *run)
{
    char *path, *lines;
    TRY(file_join(run->path, store_name, &path));
    Status status = file_join(run->path, "metrics.jsonl", &lines);
    if (status == STATUS_OK) {
        status = open_store(path, lines, &run->store);
        memory_free(lines);
    }
    memory_free(path);
    return status;
}

void run_close_store(RunDirectory *run)
{
    metrics_writer_close(run->store);
    run->store = NULL;
}

/* --- branches --- */

/* "path/branches/NAME.suffix" */
static Status branch_path(const char *path, const char *name, const char *suffix, char **out)
{
    Buffer text = {0};
    if (!*name || strchr(name, '/')) return status_fail(STATUS_INVALID, "'%.60s' is no name of a branch", name);
    Status status = buffer_printf(&text, "branches/%s%s", name, suffix);
    if (status == STATUS_OK) status = file_join(path, text.data, out);
    buffer_free(&text);
    return status;
}

static Status store_lines(const char *lines, const char *store)
{
    MetricsWriter *writer;
    if (!file_exists(lines))
        return file_exists(store) && unlink(store) != 0 ? file_fail(store, "removed", errno) : STATUS_OK;
    TRY(open_store(store, lines, &writer));
    metrics_writer_close(writer);
    return STATUS_OK;
}

Status run_directory_store_branch(const char *path, const char *name)
{
    char *lines, *store;
    TRY(branch_path(path, name, ".jsonl", &lines));
    Status status = branch_path(path, name, ".store", &store);
    if (status == STATUS_OK) {
        status = store_lines(lines, store);
        memory_free(store);
    }
    memory_free(lines);
    return status;
}

Status run_directory_open_branch(const char *path, const char *name, MetricsStore **out)
{
    char *store;
    TRY(branch_path(path, name, ".store", &store));
    Status status = metrics_open(store, out);
    memory_free(store);
    return status;
}

Status run_directory_open_metrics(const char *path, MetricsStore **out)
{
    char *file;
    TRY(file_join(path, store_name, &file));
    Status status = STATUS_OK;
    if (!file_exists(file))
        status = status_fail(STATUS_IO, "%s: there is none; 'lathe run --resume %s' makes it from metrics.jsonl",
                             file, path);
    if (status == STATUS_OK) status = metrics_open(file, out);
    memory_free(file);
    return status;
}
