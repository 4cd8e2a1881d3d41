/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stand-ins for directories of models that a run began from and that are gone, or hold other weights now. What the
 * run kept of one (engine-side: config.json and the tokenizer's files) is read in its place, and a model that is
 * loaded from it has no weights: they come from a checkpoint. Everything is kept by the host. */
#ifndef LATHE_SCRIPTS_BIND_ORIGIN_H
#define LATHE_SCRIPTS_BIND_ORIGIN_H

#include "engine/base/hash.h"
#include "scripts/host.h"

/* From now on 'kept' is read where a recipe's parameter names 'directory'. content: of the weights that the run
 * began from. Errors: memory. */
Status bind_stand_in(Host *host, const char *directory, const char *kept, Hash content) STATUS_CHECKED;

/* The directory for which 'kept' stands in and its content; NULL where it does for none. Valid while the host is.
 */
const char *bind_stands_in_for(lua_State *L, const char *kept, Hash *content);

/* lathe.stand_in(path): what stands in for it, or nil; lathe.stood_in(): a directory for which something did, nil.
 */
void bind_open_origin(lua_State *L);

#endif
