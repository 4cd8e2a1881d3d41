/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The session's state as files in a directory: model.safetensors and optimizer.safetensors (NAME.safetensors and
 * NAME.optimizer.safetensors for further models) and the rest as JSON. No times and no paths, so equal states give
 * equal bytes. */
#ifndef LATHE_TRAIN_CHECKPOINT_H
#define LATHE_TRAIN_CHECKPOINT_H

#include "engine/io/json.h"
#include "engine/train/session.h"

/* Writes the tensors into the directory (new, staged) and puts everything else into state. Errors: memory, disk. */
Status checkpoint_write(const Session *session, const char *directory, json_t *state) STATUS_CHECKED;

/* Gives the session the state of the directory: what structural edits changed (the models' configs, the list of
 * objectives, optimizer, schedule, batch sizes) becomes that of the checkpoint. name: the state's file, for
 * messages. Errors: the files' own, a model of another kind, an objective that is a Lua function and is not in the
 * session, another data source, data whose content changed; memory. Tensors are checked before any is changed. */
Status checkpoint_read(Session *session, const char *directory, const char *name,
                       const json_t *state) STATUS_CHECKED;

#endif
