/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Branches drawn over the curves: what a branch has of its own stands in branches/NAME.jsonl of the run's
 * directory, and is made a store for as long as it is shown. */
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "tui/workbench/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_VALUES = 128 };

static Status put_line(MetricsWriter *writer, const char *text, size_t length)
{
    MetricsValue values[MOST_VALUES];
    json_t *object, *value;
    const char *key;
    size_t count = 0;
    int64_t step;
    TRY(json_parse("branch", text, length, &object));
    json_object_foreach(object, key, value)
    {
        if (count < MOST_VALUES && strcmp(key, "step") != 0 && metrics_name_fits(key))
            values[count++] = (MetricsValue){key, answer_number(object, key)};
    }
    Status status = json_member_integer("branch", object, "step", 0, INT64_MAX, &step);
    if (status == STATUS_OK) status = metrics_writer_put(writer, step, values, count);
    json_decref(object);
    return status;
}

static Status put_lines(const Buffer *text, const char *store)
{
    MetricsWriter *writer;
    const char *at = text->data, *end = text->data + text->length;
    TRY(metrics_writer_open(store, &writer));
    Status status = STATUS_OK;
    for (const char *newline; status == STATUS_OK && at && (newline = memchr(at, '\n', (size_t)(end - at)));
         at = newline + 1)
        status = put_line(writer, at, (size_t)(newline - at));
    metrics_writer_close(writer);
    return status;
}

static Status map_branch(const char *path, const char *name, MetricsStore **out)
{
    Buffer text = {0};
    char store[] = "/tmp/lathe-branch-XXXXXX";
    int file = mkstemp(store);
    if (file < 0) return status_fail(STATUS_IO, "no temporary file for the curves of branch %s", name);
    close(file);
    unlink(store);
    Status status = file_read_empty(path, 0, &text);
    if (status == STATUS_OK) status = put_lines(&text, store);
    if (status == STATUS_OK) status = metrics_open(store, out);
    unlink(store); /* a map stays */
    buffer_free(&text);
    return status;
}

static bool take_away(CurvesLook *look, const char *name)
{
    for (int i = 0; i < look->overlay_count; i++) {
        if (strcmp(look->overlays[i].name, name) != 0) continue;
        metrics_close(look->overlays[i].store);
        memmove(&look->overlays[i], &look->overlays[i + 1],
                sizeof *look->overlays * (size_t)(look->overlay_count - i - 1));
        look->overlay_count--;
        return true;
    }
    return false;
}

Status link_overlay(Link *link, const char *name)
{
    CurvesLook *look = &link->view->curves;
    Buffer path = {0};
    if (take_away(look, name)) return STATUS_OK;
    if (strcmp(name, link->view->branch) == 0)
        return status_fail(STATUS_INVALID, "branch %s is the one that is drawn already", name);
    if (look->overlay_count == CURVES_OVERLAYS)
        return status_fail(STATUS_INVALID, "%d branches are drawn already; o on one of them takes it away",
                           CURVES_OVERLAYS);
    CurvesOverlay *overlay = &look->overlays[look->overlay_count];
    TRY(buffer_printf(&path, "%s/branches/%s.jsonl", link->view->directory, name));
    Status status = file_exists(path.data) ? map_branch(path.data, name, &overlay->store)
                                           : status_fail(STATUS_INVALID, "branch %s has no steps of its own", name);
    buffer_free(&path);
    TRY(status);
    snprintf(overlay->name, sizeof overlay->name, "%s", name);
    look->overlay_count++;
    return STATUS_OK;
}
