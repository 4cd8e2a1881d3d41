/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Structural edits of a model: another configuration, a part drawn anew. A new Model is made beside the old one, is
 * given what the old one has by model_carry(), and shares the tensors whose shapes stay (whoever writes calls
 * tensor_own() first); model_exchange() then gives its tree to the old one, which cannot fail, so that sessions,
 * objectives and passes keep their pointer. model_free() frees what the exchange left over. */
#ifndef LATHE_NN_RESHAPE_H
#define LATHE_NN_RESHAPE_H

#include "engine/nn/model.h"

/* Gives a model whose tree was built anew the parameters, masks, optimizer state, step counts and frozen flags of
 * another one, by path: what has the same shape is taken over; a dimension that grew keeps its old entries at the
 * front, one that shrank is cut. New entries stay as they were drawn, except in the parameters that the record
 * lists as 'quiet' (they are zero, so that a wider model computes what it did and a new layer begins near the
 * identity); their optimizer state is zero and their mask 1. What is below the path 'except' (NULL: nothing; "":
 * everything) stays as it was drawn: no mask, no optimizer state, no steps, not frozen. Errors: memory; 'to' is to
 * be freed then. */
Status model_carry(const Model *from, Model *to, const char *except) STATUS_CHECKED;

/* To be called before it for a tree that nobody has drawn: draws below the key what will not be taken over whole.
 */
void model_draw_new(const Model *from, Model *to, const char *except, RandomKey key);

/* Tree and config of two models of one record change places. */
void model_exchange(Model *a, Model *b);

/* Gives the model the tree of another config, with nothing drawn or carried over: for who fills in the values
 * afterwards (a checkpoint). Errors: the record's own (the config does not fit together), memory; the model
 * is unchanged then. */
Status model_set_config(Model *model, const void *config) STATUS_CHECKED;

/* Whether all parameters of both have the same paths and shapes. */
bool model_same_shapes(const Model *a, const Model *b);

#endif
