/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The checkpoints of a run directory: DIR/checkpoints/step-00001200/, each a directory put in place whole, with the
 * files that its writer made and state.json, which is written last and names every file with its size and hash.
 * Whoever gets a Checkpoint or a list frees it here. Nobody else may write to the run directory meanwhile (its
 * lock). */
#ifndef LATHE_IO_CHECKPOINTS_H
#define LATHE_IO_CHECKPOINTS_H

#include "engine/io/json.h"

#include <stdbool.h>
#include <stdint.h>

/* The number in state.json. Older ones stay readable, newer ones are refused. */
enum { CHECKPOINTS_FORMAT = 1, CHECKPOINTS_TEXT_SIZE = 512 };

/* Makes files in the directory (file_writer_create() or in_place of safetensors_write(); no directories in it) and
 * puts everything else into state, an empty object. No times: equal states give equal bytes. */
typedef Status (*CheckpointWriter)(void *context, const char *directory, json_t *state);

/* Saves the checkpoint of a step, in the place of an older one of the same step, then removes old ones: the newest
 * keep_last (at least 1) and the one of the lowest score stay. score: a validation loss, NaN where there is none.
 * Errors: the writer's, the disk; the checkpoints that were there are then whole and still there. */
Status checkpoints_save(const char *run, int64_t step, double score, int64_t keep_last, CheckpointWriter write,
                        void *context) STATUS_CHECKED;

/* The steps of which there is a checkpoint, whole or not, ascending. None where there is no such directory. */
typedef struct CheckpointSteps {
    int64_t *steps;
    size_t count;
} CheckpointSteps;

Status checkpoints_list(const char *run, CheckpointSteps *out) STATUS_CHECKED;
void checkpoints_list_free(CheckpointSteps *list);

typedef struct Checkpoint {
    int64_t step; /* -1: there is none */
    double score; /* NaN: it has none */
    int64_t format;
    char *path;                          /* its directory */
    char *state_path;                    /* its state.json, for messages */
    json_t *file;                        /* all of state.json */
    json_t *state;                       /* what the writer put, borrowed from file */
    char skipped[CHECKPOINTS_TEXT_SIZE]; /* why newer ones were passed over; "" where none was */
} Checkpoint;

/* Opens the checkpoint of a step and checks every file's size and hash. Errors: there is none (with those that
 * there are), damaged, of a newer format. */
Status checkpoints_open(const char *run, int64_t step, Checkpoint *out) STATUS_CHECKED;
/* The newest that is whole; step -1 where the run has none at all. Errors: all are damaged; one is of a newer
 * format (going back behind it would lose what a newer Lathe did). */
Status checkpoints_newest(const char *run, Checkpoint *out) STATUS_CHECKED;
/* The one of the lowest score, else the newest. */
Status checkpoints_best(const char *run, Checkpoint *out) STATUS_CHECKED;
/* Removes those of later steps, as when a run goes on from an older one. */
Status checkpoints_remove_after(const char *run, int64_t step) STATUS_CHECKED;
/* Moves the newest of later steps to another run directory, in the place of all that it has, and removes the
 * others; where there is no later one nothing is moved. */
Status checkpoints_move_after(const char *run, int64_t step, const char *to) STATUS_CHECKED;
/* {0} may be closed. */
void checkpoint_close(Checkpoint *checkpoint);

#endif
