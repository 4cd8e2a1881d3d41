/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Structural edits of a session between two steps: models, objectives, optimizer. Each is checked against the rest
 * of the session first and changes nothing on failure. Edits that need memory are made in two halves, so that a
 * journal can be written between them: the first gives what is to come, the second cannot fail. */
#ifndef LATHE_TRAIN_STRUCTURE_H
#define LATHE_TRAIN_STRUCTURE_H

#include "engine/train/session.h"

/* The session's model with another config, or with the part at the path drawn anew (engine/nn/reshape.h), new
 * entries keyed by seed, model, step and path. Gives it to the session by model_exchange(); the caller frees it. */
Status session_reshaped(Session *session, Model *model, const void *config, Model **out) STATUS_CHECKED;
Status session_reset_part(Session *session, Model *model, const char *path, Model **out) STATUS_CHECKED;

/* The session's model without adapters: what they add is in the weights beside them. The same two halves. Errors:
 * the model has none. */
Status session_merged(Session *session, Model *model, Model **out) STATUS_CHECKED;

/* Whether the objective could be added now: its name is free, model, source and output are there, the session fits
 * together with it, and its loss can be computed on the next batches. Not to be called inside of a step. */
Status session_check_new_objective(Session *session, Objective *objective) STATUS_CHECKED;
/* Whether the objective of that name may go: it is there and not the last one. */
Status session_check_removal(const Session *session, const char *name) STATUS_CHECKED;
/* Lets it go. Objectives that read its view read another one's from now on, or the plain batch. */
void session_remove_objective(Session *session, const char *name);

/* Another optimizer: the old one's state and the parameters' step counts begin anew. */
void session_set_optimizer(Session *session, const Optimizer *optimizer);

#endif
