/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How values of the libraries were made, as Lua text, for the edits that are made with them. */
#include "scripts/bind.h"

/* Pushes the table from values to their texts; a text lives as long as its value. */
static void push_calls(lua_State *L)
{
    if (lua_getfield(L, LUA_REGISTRYINDEX, "lathe.made_by") == LUA_TTABLE) return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, "lathe.made_by");
}

void bind_set_call(lua_State *L, int index, const char *call)
{
    index = lua_absindex(L, index);
    push_calls(L);
    lua_pushvalue(L, index);
    lua_pushstring(L, call);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

const char *bind_push_call(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    push_calls(L);
    lua_pushvalue(L, index);
    lua_rawget(L, -2);
    lua_remove(L, -2);
    return lua_tostring(L, -1);
}
