/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of a run directory share. */
#ifndef LATHE_IO_RUN_INTERNAL_H
#define LATHE_IO_RUN_INTERNAL_H

#include "engine/io/file.h"
#include "engine/io/metrics_store.h"
#include "engine/io/run_directory.h"
#include "engine/io/run_log.h"

struct RunDirectory {
    char *path;
    FileLock *lock;
    FileAppender *metrics, *journal; /* opened at first use */
    MetricsWriter *store;            /* the same as columns; NULL: not opened yet */
    RunLog *log;                     /* opened at first use */
    bool made;                       /* the directory was not there before */
    int64_t last_step;               /* of the metrics put so far, -1: not known */
};

/* Opens metrics.store so that it has a row for each line of metrics.jsonl. */
Status run_open_store(RunDirectory *run) STATUS_CHECKED;
void run_close_store(RunDirectory *run);

/* Removes what a killed process left: temporary files, a torn last line of the journal. */
Status run_clean(const RunDirectory *run) STATUS_CHECKED;

#endif
