/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions in Lua: session {...} makes one, 'run' is the live one. The userdata owns its Session, which dies with
 * it: C code that uses one keeps the value on the stack or in the registry. */
#ifndef LATHE_SCRIPTS_BIND_SESSION_H
#define LATHE_SCRIPTS_BIND_SESSION_H

#include "engine/train/session.h"
#include "scripts/bind.h"

typedef struct SessionHandle {
    Session *session;
    Host *host;
    bool stepping; /* a step is under way: no edits now */
} SessionHandle;

/* The session at the index, NULL where it is something else. */
Session *bind_test_session(lua_State *L, int index);
SessionHandle *bind_check_session(lua_State *L, int index);
/* Makes the session at the index the global 'run', and prints what 'what' says edits are ("[1,206] ..."). */
void bind_set_run(lua_State *L, int index);
/* One step with objectives that are Lua functions; as session_step(). From C; may be called outside of host_call().
 */
Status bind_step(Host *host, Session *session, StepMetrics *out) STATUS_CHECKED;

/* Objectives that are Lua functions (scripts/bind_custom.c): the function stands in the session's user value. */
Status bind_custom_objective(SessionHandle *handle, Objective *objective) STATUS_CHECKED;
void bind_open_custom(lua_State *L);

/* run.objectives.mlm, run.optimizer and so on (scripts/bind_live.c): a view of options inside the session at the
 * index. path: for messages ("objectives.mlm"). */
void bind_push_live(lua_State *L, int session, const char *path, const Option *options, void *config,
                    const Option *common, void *head);
void bind_open_live(lua_State *L);
extern const Option bind_live_objective[], bind_live_session[];

/* run.model.bert.encoder.layer[0] (scripts/bind_module.c) */
void bind_push_module(lua_State *L, int session, Module *module);
/* The parameter at the index, as it stands in the tree now. Errors: something else; it is gone. NULL where it is
 * something else. */
Param *bind_check_param(lua_State *L, int index);
Param *bind_test_param(lua_State *L, int index);
void bind_open_modules(lua_State *L);

/* Data sources (scripts/bind_source.c). The userdata holds a reference. cursor: whose place batch() shows; NULL:
 * the beginning. */
void bind_push_source(lua_State *L, Source *source);
/* Pushes a handle to be filled by the caller, whose reference it takes over. */
Source **bind_new_source(lua_State *L);
Source *bind_check_source(lua_State *L, int index);
/* Pushes a table with the batch's fields by name, and size. */
void bind_push_batch(lua_State *L, const Batch *batch);
void bind_open_sources(lua_State *L);
void bind_open_sessions(lua_State *L);

#endif
