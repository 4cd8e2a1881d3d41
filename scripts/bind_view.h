/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers to the questions of a workbench, as JSON texts. */
#ifndef LATHE_SCRIPTS_BIND_VIEW_H
#define LATHE_SCRIPTS_BIND_VIEW_H

#include "engine/io/json.h"
#include "scripts/bind_session.h"

/* Pushes the value as text on one line, and gives it back; raises where the status is a failure. Returns 1. */
int bind_push_json(lua_State *L, Status status, json_t *value);

/* lathe.view_parameters(), lathe.view_parameter() (scripts/bind_watch.c), after the global lathe is there. */
void bind_open_watch(lua_State *L);

#endif
