/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edits: every change of a live session from Lua goes through here, so that it is journalled, can be undone and is
 * replayed. Nobody frees anything. */
#ifndef LATHE_SCRIPTS_BIND_EDIT_H
#define LATHE_SCRIPTS_BIND_EDIT_H

#include "scripts/bind_session.h"

/* To be called first by a binding that will make an edit, before it touches its arguments: on a live run it waits
 * for the boundary between two steps and is then called again. The session it is about is known later only, so any
 * session waits. */
static inline void bind_need_boundary(lua_State *L, lua_CFunction again)
{
    host_need_boundary(L, again);
}

/* To be called by a binding that has checked that its change fits, before it makes it. effect: the line of Lua that
 * makes this very change when it is run again, with plain values only ("run.objectives.nsp.weight = 0.1"); inverse:
 * the line that takes it back from here, NULL where only undo() can. On a session that is tracked (the run of a
 * directory) the journal is on the disk and the state is snapshotted when this returns. Raises: inside of a
 * training step; somebody else is in control; the disk; memory. Nothing has changed then. */
void bind_edit(lua_State *L, SessionHandle *handle, const char *effect, const char *inverse);

/* After the change: prints "[1,206] what.  undo() goes back to 1,206, revert() sets 0.5 again from here" (what:
 * "objectives.nsp.weight 0.5 -> 0.1"). */
void bind_edit_done(lua_State *L, SessionHandle *handle, const char *what);

/* A failure of what was to be edited, before anything was: adds "Nothing was changed." */
Status bind_edit_refused(Status status) STATUS_CHECKED;

/* For a change that may fail after bind_edit(), once it has left everything as it was: takes the edit back from the
 * journal, then raises the failure. */
void bind_edit_check(lua_State *L, SessionHandle *handle, Status status);

/* In place of both, where the change would change nothing: "[1,206] nothing changes: why". */
void bind_edit_needless(lua_State *L, const SessionHandle *handle, const char *why);

/* Whether edits are made again, by undo() for example: nobody is told. bind_silence_edits() returns what it was. */
bool bind_edits_silent(lua_State *L);
bool bind_silence_edits(lua_State *L, bool silent);

/* Pushes a function of the history (scripts/lib/history.lua). */
void bind_push_history(lua_State *L, const char *name);

void bind_open_edits(lua_State *L);

#endif
