/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run directory: config.json, metrics.jsonl, metrics.store, journal.lua, log.jsonl, checkpoints/
 * (engine/io/checkpoints.h), and a lock by which one process at a time owns it. run_directory_close() lets go.
 * Reading (config, checkpoints, metrics) needs no lock. */
#ifndef LATHE_IO_RUN_DIRECTORY_H
#define LATHE_IO_RUN_DIRECTORY_H

#include "engine/base/buffer.h"
#include "engine/io/json.h"
#include "engine/io/metrics_store.h"
#include "engine/io/run_log.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct RunDirectory RunDirectory;

/* Makes the directory (and those above it) where it is missing, for a new run. Errors: STATUS_BUSY where another
 * process uses it (with its pid); it holds a run or anything else but hidden files (with the remedy); the disk. */
Status run_directory_create(const char *path, RunDirectory **out) STATUS_CHECKED;
/* For continuing. Removes what a killed process left half-written. Errors: no run is there (nothing was touched);
 * in use. */
Status run_directory_resume(const char *path, RunDirectory **out) STATUS_CHECKED;
void run_directory_close(RunDirectory *run);

/* Closes a run that was created and could not be started: a directory that holds nothing is removed again. */
void run_directory_abandon(RunDirectory *run);

const char *run_directory_path(const RunDirectory *run);

/* Its log, opened at the first call; the run's. NULL where it cannot be written, which run_log_put() takes. */
RunLog *run_directory_log(RunDirectory *run);

/* Whether a process owns the directory now; whether it holds a run. */
bool run_directory_in_use(const char *path);
bool run_directory_is_run(const char *path);

/* ---- config.json: everything that decided the run ---- */

Status run_directory_write_config(const RunDirectory *run, const json_t *config) STATUS_CHECKED;
/* Errors: no run is in the directory (with the names of those that a run has). */
Status run_directory_read_config(const char *path, json_t **out) STATUS_CHECKED;

/* ---- metrics.jsonl: objects of a step, and metrics.store: the same as columns (engine/io/metrics_store.h) ---- */

typedef struct RunMetric {
    const char *name; /* "loss", "loss.mlm", "lr", ... */
    double value;     /* NaN and infinities are written as texts, see json_set_number() */
    int digits;       /* significant ones; 0: as many as read back the same */
} RunMetric;

/* Appends {"step": step, name: value, ...}; a failed write leaves no part of a line. Steps must not go down. */
Status run_directory_put_metrics(RunDirectory *run, int64_t step, const RunMetric *metrics,
                                 size_t count) STATUS_CHECKED;
/* Waits until the lines put so far are on the disk: before a checkpoint is saved. */
Status run_directory_sync_metrics(RunDirectory *run) STATUS_CHECKED;
/* Cuts off the lines of steps after this one, and a last line that was torn; metrics.store has a row for each line
 * then, and is made again where it is missing or damaged. Errors: a line before that which is
 * not a step's object (with its number). */
Status run_directory_cut_metrics(RunDirectory *run, int64_t step) STATUS_CHECKED;

/* Maps metrics.store of a run. Errors: the run has none (with the remedy), as metrics_open(). */
Status run_directory_open_metrics(const char *path, MetricsStore **out) STATUS_CHECKED;

/* What a branch that one has left has of its own stands in branches/NAME.jsonl (scripts/bind_directory.c writes
 * it); this gives it a row for each line in branches/NAME.store, or removes that where there are no lines. */
Status run_directory_store_branch(const char *path, const char *name) STATUS_CHECKED;
/* Maps it. */
Status run_directory_open_branch(const char *path, const char *name, MetricsStore **out) STATUS_CHECKED;

/* ---- journal.lua ---- */

/* Appends whole lines (a newline is added where it is missing) and waits for the disk. */
Status run_directory_put_journal(RunDirectory *run, const char *lines) STATUS_CHECKED;
/* Appends the journal's text to out; nothing where there is none. */
Status run_directory_read_journal(const char *path, Buffer *out) STATUS_CHECKED;

#endif
