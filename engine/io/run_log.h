/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log.jsonl of a run: what happened to it, an object a line, for whoever looks on or comes later:
 *   {"time": 1792353717.250, "step": 1206, "level": "edit", "out": 5120, "text": "run.optimizer.lr = 1e-4"}
 * time: seconds since 1970; out: how long log.txt was, where this process prints into that of the run's directory.
 * What is printed there stands in log.txt only; lines without text say when it had grown. run_log_close() ends it.
 */
#ifndef LATHE_IO_RUN_LOG_H
#define LATHE_IO_RUN_LOG_H

#include "engine/base/status.h"

#include <stdint.h>

/* From the least important on. */
typedef enum LogLevel { LOG_PRINTED, LOG_LINE, LOG_NOTE, LOG_EDIT, LOG_WARNING, LOG_ERROR, LOG_LEVELS } LogLevel;

/* "printed": what was printed; "line": what somebody typed; "note", "edit", "warning", "error". */
extern const char *const log_level_names[LOG_LEVELS];
/* The level of this name; LOG_NOTE where there is none. */
LogLevel log_level_of(const char *name);

typedef struct RunLog RunLog;

Status run_log_open(const char *directory, RunLog **out) STATUS_CHECKED;
void run_log_close(RunLog *log);

/* From any thread. What cannot be written is left off: a log does not end a run. log NULL: nothing. */
void run_log_put(RunLog *log, LogLevel level, int64_t step, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Says how long log.txt is, if it has grown by what was printed; at most once a second. */
void run_log_stamp(RunLog *log, int64_t step);

#endif
