/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The history of the live run, kept by the Lua library (scripts/lib/history.lua) on a run directory. The directory
 * stays the caller's and must live as long as the history is used. */
#ifndef LATHE_SCRIPTS_BIND_HISTORY_H
#define LATHE_SCRIPTS_BIND_HISTORY_H

#include "engine/io/run_directory.h"
#include "scripts/bind_session.h"

/* Calls a function of lathe.history with 'run' and the directory (NULL: none): "begin" for a new run; "resume",
 * which gives the session the state that journal and checkpoints left; "look", the same without writing; "due" before
 * each step. Errors: those of the journal, checkpoints, the disk; memory; cancelled. */
Status bind_history(Host *host, const char *name, RunDirectory *directory, Session *session) STATUS_CHECKED;
/* The same, not to be interrupted: "stepped" after each step; "saved" after a checkpoint, "finish" at the end;
 * "stop".
 */
Status bind_history_tell(Host *host, const char *name, RunDirectory *directory, Session *session) STATUS_CHECKED;

/* A line of the prompt, in the coroutine, starts or goes on; waits while training goes on; has ended. One that
 * failed takes its edits back in bind_end_line(), which appends what is to be said of that. */
Status bind_begin_line(Host *host, lua_State *thread) STATUS_CHECKED;
Status bind_keep_line(Host *host) STATUS_CHECKED;
Status bind_end_line(Host *host, lua_State *thread, bool failed, Buffer *words) STATUS_CHECKED;

/* Gives 'run', as its recipe built it, the options and shapes that the journal's edits led to. */
Status bind_settle(Host *host, const char *journal) STATUS_CHECKED;

/* Pushes the functions of a run's directory as a table (scripts/bind_directory.c). */
void bind_push_directory(lua_State *L, RunDirectory *directory, Session *session);
void bind_open_history(lua_State *L);

#endif
