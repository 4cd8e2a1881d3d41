/* SPDX-License-Identifier: GPL-3.0-or-later */
/* t[...] and t[...] = value for tensors (scripts/bind_index.c says which indices there are). */
#ifndef LATHE_SCRIPTS_BIND_INDEX_H
#define LATHE_SCRIPTS_BIND_INDEX_H

#include "scripts/bind.h"

/* Whether the value at the index stands for a part of a tensor rather than for a name. */
bool bind_is_index(lua_State *L, int index);
/* Pushes the part of the tensor at 'index' that the value at 'key' names; returns 1. Absolute places of the stack.
 */
int bind_push_indexed(lua_State *L, int index, int key);
/* Sets that part to the number, list of numbers or tensor at 'value', broadcast, in place. */
void bind_assign_indexed(lua_State *L, int index, int key, int value);

#endif
