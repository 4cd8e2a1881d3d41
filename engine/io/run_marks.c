/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/run_marks.h"

#include "engine/io/json.h"

#include <string.h>

static const char key[] = "not_replayable";

static bool has_mark(const json_t *marks, const char *why)
{
    size_t i;
    const json_t *mark;
    json_array_foreach((json_t *)(uintptr_t)marks, i, mark)
    {
        if (json_is_string(mark) && strcmp(json_string_value(mark), why) == 0) return true;
    }
    return false;
}

static Status add(const RunDirectory *run, json_t *config, const char *why)
{
    json_t *marks = json_object_get(config, key);
    if (!json_is_array(marks)) {
        TRY(json_new_array(&marks));
        TRY(json_set(config, key, marks));
    }
    if (has_mark(marks, why)) return STATUS_OK;
    TRY(json_append(marks, json_string(why)));
    return run_directory_write_config(run, config);
}

Status run_marks_add(const RunDirectory *run, const char *why)
{
    json_t *config;
    TRY(run_directory_read_config(run_directory_path(run), &config));
    Status status = add(run, config, why);
    json_decref(config);
    return status;
}

Status run_marks_describe(const char *path, Buffer *out)
{
    json_t *config;
    const json_t *mark;
    size_t i;
    Status status = STATUS_OK;
    TRY(run_directory_read_config(path, &config));
    json_array_foreach(json_object_get(config, key), i, mark)
    {
        if (status == STATUS_OK && json_is_string(mark))
            status = buffer_printf(out, "not replayable: %s\n", json_string_value(mark));
    }
    json_decref(config);
    return status;
}
