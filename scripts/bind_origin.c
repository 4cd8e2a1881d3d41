/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scripts/bind_origin.h"

#include <string.h>

/* Registry: "lathe.stand_ins" = { { directory =, kept =, content = (bytes), used = } } */
typedef struct StandIn {
    const char *directory, *kept;
    Hash content;
} StandIn;

static void push_list(lua_State *L)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, "lathe.stand_ins");
}

static int add(lua_State *L)
{
    const StandIn *entry = lua_touserdata(L, 1);
    push_list(L);
    lua_createtable(L, 0, 4);
    lua_pushstring(L, entry->directory);
    lua_setfield(L, -2, "directory");
    lua_pushstring(L, entry->kept);
    lua_setfield(L, -2, "kept");
    lua_pushlstring(L, (const char *)&entry->content, sizeof entry->content);
    lua_setfield(L, -2, "content");
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    return 0;
}

Status bind_stand_in(Host *host, const char *directory, const char *kept, Hash content)
{
    StandIn entry = {directory, kept, content};
    return host_protect(host, add, &entry);
}

/* Pushes the first entry whose field is the value, nil where there is none. */
static void push_entry(lua_State *L, const char *field, const char *value)
{
    push_list(L);
    for (lua_Integer i = 1, n = (lua_Integer)lua_rawlen(L, -1); i <= n; i++) {
        lua_rawgeti(L, -1, i);
        lua_getfield(L, -1, field);
        bool found = strcmp(lua_tostring(L, -1), value) == 0;
        lua_pop(L, 1);
        if (found) {
            lua_remove(L, -2);
            return;
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    lua_pushnil(L);
}

const char *bind_stands_in_for(lua_State *L, const char *kept, Hash *content)
{
    const char *directory = NULL;
    push_entry(L, "kept", kept);
    if (!lua_isnil(L, -1)) {
        lua_getfield(L, -1, "content");
        memcpy(content, lua_tostring(L, -1), sizeof *content);
        lua_pop(L, 1);
        lua_getfield(L, -1, "directory");
        directory = lua_tostring(L, -1); /* the list holds it */
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return directory;
}

static int stand_in(lua_State *L)
{
    push_entry(L, "directory", luaL_checkstring(L, 1));
    if (lua_isnil(L, -1)) return 1;
    lua_getfield(L, -1, "kept");
    return 1;
}

static int stood_in(lua_State *L)
{
    push_list(L);
    if (lua_rawgeti(L, -1, 1) == LUA_TNIL) return 1;
    lua_getfield(L, -1, "directory");
    return 1;
}

void bind_open_origin(lua_State *L)
{
    static const luaL_Reg functions[] = {{"stand_in", stand_in}, {"stood_in", stood_in}, {NULL, NULL}};
    lua_getglobal(L, "lathe");
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
