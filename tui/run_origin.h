/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The directories of models that a run began from: config.json of the run says which they were and the hash of
 * their weights, and the run keeps their small files (origin/NAME/), so that it does not depend on them. */
#ifndef LATHE_TUI_RUN_ORIGIN_H
#define LATHE_TUI_RUN_ORIGIN_H

#include "engine/io/json.h"
#include "engine/train/session.h"
#include "scripts/host.h"

/* config["models"] = { NAME: { directory, content } } of those that were loaded; nothing where none was. */
Status run_origin_put(const Session *session, json_t *config) STATUS_CHECKED;
/* Copies the small files. */
Status run_origin_keep(const Session *session, const char *run) STATUS_CHECKED;

/* Looks whether the directories still hold what the run began from; before the recipe is given its parameters. What
 * does not is replaced by what the run kept, with a line to standard error. exact: it is an error. */
Status run_origin_check(Host *host, const char *run, const json_t *config, bool exact) STATUS_CHECKED;

#endif
