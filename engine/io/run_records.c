/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files of a run that grow: metrics.jsonl and journal.lua. */
#include "engine/base/memory.h"
#include "engine/io/run_internal.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Calls action with the path of a file of the run. */
static Status with_path(const char *directory, const char *name, Status (*action)(void *context, const char *path),
                        void *context)
{
    char *path;
    TRY(file_join(directory, name, &path));
    Status status = action(context, path);
    memory_free(path);
    return status;
}

/* ---- metrics ---- */

enum { MOST_METRICS = 256 }; /* of one line */

static Status open_appender(void *context, const char *path)
{
    return file_appender_open(path, context);
}

static Status print_metric(const RunMetric *metric, Buffer *out)
{
    TRY(buffer_text(out, ", "));
    TRY(json_print_text(metric->name, strlen(metric->name), out));
    TRY(buffer_text(out, ": "));
    if (metric->digits <= 0 || !isfinite(metric->value)) return json_print_number(metric->value, out);
    return buffer_printf(out, "%.*g", metric->digits, metric->value);
}

static Status print_line(int64_t step, const RunMetric *metrics, size_t count, Buffer *out)
{
    TRY(buffer_printf(out, "{\"step\": %" PRId64, step));
    for (size_t i = 0; i < count; i++) TRY(print_metric(&metrics[i], out));
    return buffer_text(out, "}\n");
}

static Status put_row(MetricsWriter *store, int64_t step, const RunMetric *metrics, size_t count)
{
    MetricsValue values[MOST_METRICS];
    if (count > MOST_METRICS)
        return status_fail(STATUS_INVALID, "%zu metrics at once; at most %d", count, MOST_METRICS);
    size_t fit = 0;
    for (size_t i = 0; i < count; i++) /* somebody's own metric may be called anything: it is in the line */
        if (metrics_name_fits(metrics[i].name)) values[fit++] = (MetricsValue){metrics[i].name, metrics[i].value};
    return metrics_writer_put(store, step, values, fit);
}

Status run_directory_put_metrics(RunDirectory *run, int64_t step, const RunMetric *metrics, size_t count)
{
    if (step < run->last_step)
        return status_fail(STATUS_INVALID, "%s: metrics of step %" PRId64 " after those of step %" PRId64,
                           run->path, step, run->last_step);
    if (!run->store) TRY(run_open_store(run));
    if (!run->metrics) TRY(with_path(run->path, "metrics.jsonl", open_appender, &run->metrics));
    Buffer line = {0};
    Status status = print_line(step, metrics, count, &line);
    if (status == STATUS_OK) status = file_appender_put(run->metrics, line.data, line.length, false);
    buffer_free(&line);
    if (status == STATUS_OK) run->last_step = step;
    return status == STATUS_OK ? put_row(run->store, step, metrics, count) : status;
}

Status run_directory_sync_metrics(RunDirectory *run)
{
    if (run->store) TRY(metrics_writer_sync(run->store));
    return run->metrics ? file_appender_sync(run->metrics) : STATUS_OK;
}

/* The step of a line; fails where it is not a step's object. */
static Status parse_line(const char *path, const char *line, size_t length, int64_t *step)
{
    json_t *object;
    TRY(json_parse(path, line, length, &object));
    Status status = json_member_integer(path, object, "step", 0, INT64_MAX, step);
    json_decref(object);
    return status;
}

static Status bad_line(const char *path, const char *text, size_t start, size_t end)
{
    int64_t number = 1;
    for (size_t i = 0; i < start; i++) number += text[i] == '\n';
    return status_fail(STATUS_FORMAT,
                       "%s: line %" PRId64
                       " is not the metrics of a step (it begins with '%.*s'); nothing was cut. "
                       "Repair the line or move the file away",
                       path, number, (int)(end - start < 40 ? end - start : 40), text + start);
}

/* Walks back over the lines from the end of the file and gives the bytes that stay. */
static Status find_cut(const char *path, const char *text, size_t length, int64_t last, uint64_t *keep)
{
    size_t end = length;
    while (end > 0 && text[end - 1] != '\n') end--; /* torn */
    while (end > 0) {
        size_t start = end - 1;
        int64_t step;
        while (start > 0 && text[start - 1] != '\n') start--;
        Status status = parse_line(path, text + start, end - 1 - start, &step);
        if (status == STATUS_FORMAT) return bad_line(path, text, start, end - 1);
        TRY(status);
        if (step <= last) break;
        end = start;
    }
    *keep = end;
    return STATUS_OK;
}

static Status cut_metrics(void *context, const char *path)
{
    const int64_t *last = context;
    FileMap text;
    uint64_t size = 0;
    if (file_exists(path)) TRY(file_size(path, &size));
    if (size == 0) return STATUS_OK;
    TRY(file_map(path, &text));
    uint64_t keep = text.size;
    Status status = find_cut(path, (const char *)text.data, text.size, *last, &keep);
    bool cut = keep < text.size;
    file_unmap(&text);
    return status == STATUS_OK && cut ? file_truncate(path, keep) : status;
}

Status run_directory_cut_metrics(RunDirectory *run, int64_t step)
{
    file_appender_close(run->metrics);
    run->metrics = NULL;
    run_close_store(run);
    TRY(with_path(run->path, "metrics.jsonl", cut_metrics, &step));
    run->last_step = step;
    return run_open_store(run);
}

/* ---- journal ---- */

Status run_directory_put_journal(RunDirectory *run, const char *lines)
{
    size_t length = strlen(lines);
    if (length == 0) return STATUS_OK;
    if (!run->journal) TRY(with_path(run->path, "journal.lua", open_appender, &run->journal));
    Buffer text = {0};
    Status status = buffer_append(&text, lines, length);
    if (status == STATUS_OK && lines[length - 1] != '\n') status = buffer_text(&text, "\n");
    if (status == STATUS_OK) status = file_appender_put(run->journal, text.data, text.length, true);
    buffer_free(&text);
    return status;
}

static Status read_journal(void *context, const char *path)
{
    return file_exists(path) ? file_read_empty(path, 0, context) : STATUS_OK;
}

Status run_directory_read_journal(const char *path, Buffer *out)
{
    return with_path(path, "journal.lua", read_journal, out);
}

/* An edit is applied only after its lines are on the disk, so a torn line's edit never was. */
static Status mend_journal(void *context, const char *path)
{
    (void)context;
    Buffer text = {0};
    Status status = read_journal(&text, path);
    size_t end = text.length;
    while (end > 0 && text.data[end - 1] != '\n') end--;
    if (status == STATUS_OK && end < text.length) status = file_truncate(path, end);
    buffer_free(&text);
    return status;
}

static Status remove_temporaries(void *context, const char *path)
{
    (void)context;
    return file_exists(path) ? file_remove_temporaries(path) : STATUS_OK;
}

Status run_clean(const RunDirectory *run)
{
    TRY(file_remove_temporaries(run->path));
    TRY(with_path(run->path, "checkpoints", remove_temporaries, NULL));
    return with_path(run->path, "journal.lua", mend_journal, NULL);
}
