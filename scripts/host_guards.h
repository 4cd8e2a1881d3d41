/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef LATHE_SCRIPTS_HOST_GUARDS_H
#define LATHE_SCRIPTS_HOST_GUARDS_H

#include "scripts/host.h"

/* Puts functions that can be interrupted in the place of pcall, xpcall, string.rep, table.move, table.insert and
 * table.remove of a new state. */
void host_guard_libraries(lua_State *L);

#endif
