/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lua functions for experiments of several runs: sweeps, estimates, comparisons. */
#ifndef LATHE_SCRIPTS_BIND_EXPERIMENTS_H
#define LATHE_SCRIPTS_BIND_EXPERIMENTS_H

#include "scripts/host.h"

/* Adds to the table lathe. A restricted state can neither start processes nor write files. */
void bind_open_experiments(lua_State *L, bool restricted);
void bind_open_compare(lua_State *L);

#endif
