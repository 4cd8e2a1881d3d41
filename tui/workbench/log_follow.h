/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Follows the log of a run (engine/io/run_log.h): log.jsonl, and log.txt, what its process prints, whose lines
 * stand between the entries where they were printed. Of long files only the end is read. log_follow_end() ends it.
 */
#ifndef LATHE_WORKBENCH_LOG_FOLLOW_H
#define LATHE_WORKBENCH_LOG_FOLLOW_H

#include "engine/base/buffer.h"
#include "tui/workbench/scroll.h"

#include <sys/types.h>

enum { LOG_RECENT = 8 };

/* A file that grows. */
typedef struct LogFile {
    int file; /* -1: not there yet */
    off_t at;
    Buffer rest; /* the beginning of a line whose end is to come */
} LogFile;

typedef struct LogFollow {
    char *entries_path, *printed_path;
    LogFile entries, printed;
    ScrollStamp last;            /* of the last entry */
    uint64_t recent[LOG_RECENT]; /* hashes of entries: what is printed as well is not shown twice */
    int recent_count;
    char evaluation[4096]; /* the last one, unless the run went back before it */
    int64_t evaluated;     /* its step */
} LogFollow;

Status log_follow_begin(const char *directory, LogFollow *out) STATUS_CHECKED;
void log_follow_end(LogFollow *follow);

/* Adds what has come. step: where the run is, for what was printed just now; -1: it is over, and what was printed
 * belongs to its last entry. Errors: memory. */
Status log_follow_read(LogFollow *follow, int64_t step, Scroll *log) STATUS_CHECKED;
/* A line of the viewer's own. */
Status log_follow_add(LogFollow *follow, int level, int64_t step, const char *text, Scroll *log) STATUS_CHECKED;

#endif
