/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of a run cannot be done again (an objective that keeps a counter, os.time in the recipe): texts in the list
 * "not_replayable" of its config.json. */
#ifndef LATHE_IO_RUN_MARKS_H
#define LATHE_IO_RUN_MARKS_H

#include "engine/base/buffer.h"
#include "engine/io/run_directory.h"

/* Marks the run, unless it has this mark. */
Status run_marks_add(const RunDirectory *run, const char *why) STATUS_CHECKED;
/* Appends a line for each mark of the run in the directory: "not replayable: WHY". */
Status run_marks_describe(const char *path, Buffer *out) STATUS_CHECKED;

#endif
