/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Lua library in the binary (scripts/lib) and its globals, which are not those of a user's code: whatever that
 * does to its globals, to string or to pcall, the library goes on. A function that the library defines appears in
 * both. The values live as long as the state. */
#ifndef LATHE_SCRIPTS_LIBRARY_H
#define LATHE_SCRIPTS_LIBRARY_H

#include <lua.h>
#include <stdbool.h>

/* Once, when the standard libraries are there. */
void library_open(lua_State *L);
/* Once, when all bindings are there and the library has run, before any other code: from here on globals that a
 * user's code sets to nil are what they were, and 'lathe' is read-only to it. */
void library_seal(lua_State *L);

/* Pushes a global of the library. 'run' is the live run, or the user's. */
void library_push(lua_State *L, const char *name);
/* Gives the value at the top of the stack to the library alone, as a global. */
void library_set(lua_State *L, const char *name);
/* Pushes what the file of the library returns ("journal"); it runs once. */
void library_require(lua_State *L, const char *name);
/* Pushes the file as a function that has not run. */
void library_load(lua_State *L, const char *name);
/* Gives the chunk at the top the library's globals, in the place of the user's. */
void library_adopt(lua_State *L);

/* The live run: the session at the index is what 'run' means from now on, unless the user's code sets it. */
void library_set_run(lua_State *L, int index);

#endif
