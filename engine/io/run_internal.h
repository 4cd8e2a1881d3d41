/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of a run directory share. */
#ifndef LATHE_IO_RUN_INTERNAL_H
#define LATHE_IO_RUN_INTERNAL_H

#include "engine/io/file.h"
#include "engine/io/run_directory.h"

struct RunDirectory {
    char *path;
    FileLock *lock;
    FileAppender *metrics, *journal; /* opened at first use */
    bool made;                       /* the directory was not there before */
    int64_t last_step;               /* of the metrics put so far, -1: not known */
};

/* Removes what a killed process left: temporary files, a torn last line of the journal. */
Status run_clean(const RunDirectory *run) STATUS_CHECKED;

#endif
