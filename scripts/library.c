/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scripts/library.h"

#include "scripts/embedded.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

enum { DEEPEST = 3 }; /* of the tables that are copied: tokenizers.wordpiece.train */

/* In the registry: the globals by name; what chunks of the library have for _G, an empty table in front of them;
 * what user's code began with; modules that have run; the live run. */
static const char globals_key, environment_key, originals_key, modules_key, run_key;

static void push_kept(lua_State *L, const char *key)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, key);
}

static void keep(lua_State *L, const char *key)
{
    lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

/* --- copies --- */

static bool is_copied(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    if (lua_type(L, index) != LUA_TTABLE) return false;
    lua_pushglobaltable(L);
    bool other = !lua_rawequal(L, index, -1);
    lua_pop(L, 1);
    return other;
}

/* Pushes a copy of the table at the index: what a user's code does to one it does not do to the other. */
static void push_copy(lua_State *L, int index, int depth)
{
    index = lua_absindex(L, index);
    luaL_checkstack(L, 6, "copying a library");
    lua_newtable(L);
    int copy = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pushvalue(L, -2);
        if (depth > 1 && is_copied(L, -2))
            push_copy(L, -2, depth - 1);
        else
            lua_pushvalue(L, -2);
        lua_rawset(L, copy);
        lua_pop(L, 1);
    }
    if (lua_getmetatable(L, index)) lua_setmetatable(L, copy);
}

/* The name at the top of the stack but one and the user's value above it become a global of the library. */
static void copy_global(lua_State *L, int globals)
{
    const char *name = lua_tostring(L, -2);
    lua_pushvalue(L, -2);
    if (is_copied(L, -2) && !(name && strcmp(name, "package") == 0)) /* 'package' leads to all the others */
        push_copy(L, -2, DEEPEST);
    else
        lua_pushvalue(L, -2);
    lua_rawset(L, globals);
}

/* All of the user's globals that the library has not. */
static void copy_globals(lua_State *L)
{
    push_kept(L, &globals_key);
    int globals = lua_gettop(L);
    lua_pushglobaltable(L);
    lua_pushnil(L);
    while (lua_next(L, globals + 1)) {
        lua_pushvalue(L, -2);
        bool known = lua_rawget(L, globals) != LUA_TNIL;
        lua_pop(L, 1);
        if (!known) copy_global(L, globals);
        lua_pop(L, 1);
    }
    lua_settop(L, globals - 1);
}

/* --- reading and writing globals --- */

static bool push_run(lua_State *L)
{
    push_kept(L, &run_key);
    return !lua_isnil(L, -1);
}

/* A global that the library has not: the live run, or the user's. */
static int find_other(lua_State *L)
{
    const char *name = lua_tostring(L, 2);
    if (name && strcmp(name, "run") == 0 && push_run(L)) return 1;
    lua_pushglobaltable(L);
    lua_pushvalue(L, 2);
    lua_rawget(L, -2);
    return 1;
}

/* A global that the user's code has not: the live run, or what it was at the beginning. */
static int find_original(lua_State *L)
{
    const char *name = lua_tostring(L, 2);
    if (name && strcmp(name, "run") == 0 && push_run(L)) return 1;
    push_kept(L, &originals_key);
    lua_pushvalue(L, 2);
    lua_rawget(L, -2);
    return 1;
}

static void set_in(lua_State *L, const char *key)
{
    push_kept(L, key);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

/* The library defines something: for itself and for the user. */
static int define(lua_State *L)
{
    set_in(L, &globals_key);
    set_in(L, &originals_key);
    lua_pushglobaltable(L);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_rawset(L, -3);
    return 0;
}

/* --- modules --- */

void library_load(lua_State *L, const char *name)
{
    for (const EmbeddedFile *file = embedded_files; file->name; file++) {
        if (strcmp(file->name, name) != 0) continue;
        lua_pushfstring(L, "=lathe/%s.lua", file->name);
        if (luaL_loadbufferx(L, file->text, file->length, lua_tostring(L, -1), "t") != LUA_OK) lua_error(L);
        lua_remove(L, -2);
        library_adopt(L);
        return;
    }
    luaL_error(L, "the library has no file '%s'", name);
}

void library_require(lua_State *L, const char *name)
{
    push_kept(L, &modules_key);
    if (lua_getfield(L, -1, name) == LUA_TNIL) {
        lua_pop(L, 1);
        library_load(L, name);
        lua_call(L, 0, 1);
        if (lua_isnil(L, -1)) lua_pushboolean(L, true), lua_replace(L, -2);
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, name);
    }
    lua_remove(L, -2);
}

/* require of the library: "lathe.NAME", or "NAME" for short */
static int require(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    library_require(L, strncmp(name, "lathe.", 6) == 0 ? name + 6 : name);
    return 1;
}

void library_adopt(lua_State *L)
{
    push_kept(L, &environment_key);
    if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1);
}

/* --- the beginning --- */

static void new_table(lua_State *L, const char *key)
{
    lua_newtable(L);
    keep(L, key);
}

/* Methods of strings are found in a table of their own first, then in the user's 'string', which may get more. */
static void keep_string_methods(lua_State *L)
{
    push_kept(L, &globals_key);
    lua_getfield(L, -1, "string");
    push_copy(L, -1, 1);
    lua_newtable(L);
    lua_getglobal(L, "string");
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 5);
}

void library_open(lua_State *L)
{
    new_table(L, &globals_key);
    new_table(L, &originals_key);
    new_table(L, &modules_key);
    copy_globals(L);
    push_kept(L, &globals_key);
    lua_pushcfunction(L, require);
    lua_setfield(L, -2, "require");
    lua_newtable(L); /* its metatable */
    lua_pushcfunction(L, find_other);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_newtable(L); /* the environment and its metatable */
    lua_newtable(L);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, define);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
    keep(L, &environment_key);
    lua_pop(L, 1);
    keep_string_methods(L);
}

static int refuse(lua_State *L)
{
    return luaL_error(L, "lathe is read-only");
}

static void protect(lua_State *L)
{
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
}

/* 'lathe' of the user's code stands in front of the library's. */
static void seal_lathe(lua_State *L)
{
    push_kept(L, &globals_key);
    lua_getglobal(L, "lathe");
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "lathe");
    lua_newtable(L);
    lua_newtable(L);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, refuse);
    lua_setfield(L, -2, "__newindex");
    protect(L);
    lua_setmetatable(L, -2);
    lua_setglobal(L, "lathe");
    lua_pop(L, 2);
}

void library_seal(lua_State *L)
{
    seal_lathe(L);
    copy_globals(L);
    lua_pushglobaltable(L);
    push_copy(L, -1, 1);
    keep(L, &originals_key);
    lua_newtable(L);
    lua_pushcfunction(L, find_original);
    lua_setfield(L, -2, "__index");
    protect(L);
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

void library_push(lua_State *L, const char *name)
{
    push_kept(L, &globals_key);
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
}

void library_set(lua_State *L, const char *name)
{
    push_kept(L, &globals_key);
    lua_insert(L, -2);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

void library_set_run(lua_State *L, int index)
{
    lua_pushvalue(L, index);
    keep(L, &run_key);
}
