/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a recipe (or a run's directory) to a session that is ready to train. run_setup_free() frees everything in
 * it. */
#ifndef LATHE_TUI_RUN_SETUP_H
#define LATHE_TUI_RUN_SETUP_H

#include "engine/io/run_directory.h"
#include "engine/train/session.h"
#include "scripts/host.h"
#include "scripts/recipe.h"
#include "tui/command.h"

typedef struct RunSetup {
    Host *host;
    Recipe *recipe;
    Session *session;              /* belongs to the host: its value is on the host's stack */
    const RunDirectory *directory; /* of a new run, once it is written; the caller's */
    char *recipe_path;
    uint64_t seed;
} RunSetup;

/* Loads the recipe and sets its parameters; nothing is built yet. */
Status run_setup_recipe(const Arguments *arguments, RunSetup *out) STATUS_CHECKED;
/* The recipe, parameters and seed of the run in the directory; nothing is built yet. *steps: how many it has.
 * exact: weights that it began from and that are not there any more are an error; otherwise what the run kept
 * stands in for them (tui/run_origin.h). */
Status run_setup_load(const char *path, bool exact, RunSetup *out, int64_t *steps) STATUS_CHECKED;
/* The same, built. */
Status run_setup_directory(const char *path, bool exact, RunSetup *out) STATUS_CHECKED;

/* The same with the options and shapes to which the edits in its journal led: what its final weights fit. --set of
 * 'changes' (NULL: none) counts in place of the run's own parameters; then the tokenizer is the one that the run
 * saved, whatever the recipe would learn. */
Status run_setup_final(const char *path, const Arguments *changes, RunSetup *out) STATUS_CHECKED;

/* A session, the global 'run', that only has the model with its weights: of a directory of transformers or a
 * finished run from what lies there, without recipe and data (then its tokenizer is the global 'tokenizer'); else
 * as run_setup_final(). */
Status run_setup_model(const char *path, RunSetup *out) STATUS_CHECKED;

/* A line for each data source that is not what the run was begun with, as config.json in path knows it. */
Status run_setup_data_changes(const RunSetup *setup, const char *path, Buffer *out) STATUS_CHECKED;

/* Builds the session; steps: instead of the recipe's, -1: as it says. */
Status run_setup_build(RunSetup *setup, int64_t steps) STATUS_CHECKED;

/* Writes config.json, recipe.lua, copies of other Lua files and journal.lua of a new run, which has to stay where
 * it is as long as the setup: copies of Lua files that are loaded later go there, too. */
Status run_setup_write(RunSetup *setup, const RunDirectory *directory) STATUS_CHECKED;

/* Appends a line for each part of the program or machine that may change bits and is not what the run in the
 * directory was begun with. */
Status run_setup_differences(const char *path, Buffer *out) STATUS_CHECKED;

/* Appends a line for each Lua file of the run that is not what it was begun with. */
Status run_setup_changes(const char *path, Buffer *out) STATUS_CHECKED;

void run_setup_free(RunSetup *setup);

/* "runs/bert-0003": the first that is free. The caller frees it. */
Status run_setup_new_path(const RunSetup *setup, char **out) STATUS_CHECKED;

#endif
