/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/prompt_history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <readline/history.h>

enum { HISTORY_LINES = 5000 };

static Status make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int failed = mkdir(path, 0700) != 0 && errno != EEXIST;
        *slash = '/';
        if (failed) return status_fail(STATUS_IO, "%s: cannot make the folder: %s", path, strerror(errno));
    }
    return STATUS_OK;
}

static Status history_path(Buffer *out)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (state && *state) return buffer_printf(out, "%s/lathe/history", state);
    if (home && *home) return buffer_printf(out, "%s/.local/state/lathe/history", home);
    return STATUS_OK;
}

/* The history is a convenience: where it cannot be read or kept, the prompt works without. */
void prompt_history_load(Buffer *path)
{
    using_history();
    stifle_history(HISTORY_LINES);
    if (history_path(path) != STATUS_OK || !path->length || make_folders(path->data) != STATUS_OK) {
        buffer_clear(path);
        return;
    }
    read_history(path->data);
}

void prompt_history_add(const char *line, const Buffer *path)
{
    if (line[strspn(line, " \t")] == '\0') return;
    HIST_ENTRY *last = history_length ? history_get(history_base + history_length - 1) : NULL;
    if (last && strcmp(last->line, line) == 0) return;
    add_history(line);
    if (!path->length) return;
    if (append_history(1, path->data) != 0) write_history(path->data);
}
