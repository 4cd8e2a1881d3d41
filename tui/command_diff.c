/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lathe diff A B */
#include "engine/io/json.h"
#include "scripts/host.h"
#include "tui/command.h"

#include <math.h>
#include <stdio.h>

typedef struct Diff {
    const Arguments *arguments;
    bool same;
} Diff;

/* --- JSON of a Lua value: tables with a first element are lists --- */

static void print_value(lua_State *L, int index, Buffer *out);

static bool is_empty(lua_State *L, int index)
{
    lua_pushnil(L);
    if (!lua_next(L, index)) return true;
    lua_pop(L, 2);
    return false;
}

static void print_table(lua_State *L, int index, Buffer *out)
{
    bool list = lua_rawlen(L, index) > 0 || is_empty(L, index), first = true;
    host_check(L, buffer_text(out, list ? "[" : "{"));
    for (lua_Integer i = 1; list && i <= (lua_Integer)lua_rawlen(L, index); i++) {
        if (i > 1) host_check(L, buffer_text(out, ","));
        lua_rawgeti(L, index, i);
        print_value(L, lua_gettop(L), out);
        lua_pop(L, 1);
    }
    if (!list) lua_pushnil(L);
    while (!list && lua_next(L, index)) {
        if (!first) host_check(L, buffer_text(out, ","));
        first = false;
        lua_pushvalue(L, -2);
        print_value(L, lua_gettop(L), out);
        lua_pop(L, 1);
        host_check(L, buffer_text(out, ":"));
        print_value(L, lua_gettop(L), out);
        lua_pop(L, 1);
    }
    host_check(L, buffer_text(out, list ? "]" : "}"));
}

static Status print_text(const char *text, Buffer *out)
{
    TRY(buffer_text(out, "\""));
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        TRY(c < 32 ? buffer_printf(out, "\\u%04x", c)
                   : buffer_printf(out, "%s%c", c == '"' || c == '\\' ? "\\" : "", c));
    }
    return buffer_text(out, "\"");
}

static void print_value(lua_State *L, int index, Buffer *out)
{
    luaL_checkstack(L, 8, "a comparison");
    switch (lua_type(L, index)) {
    case LUA_TTABLE: print_table(L, index, out); return;
    case LUA_TBOOLEAN: host_check(L, buffer_text(out, lua_toboolean(L, index) ? "true" : "false")); return;
    case LUA_TNUMBER:
        if (lua_isinteger(L, index))
            host_check(L, buffer_printf(out, "%lld", (long long)lua_tointeger(L, index)));
        else if (isfinite(lua_tonumber(L, index)))
            host_check(L, buffer_printf(out, "%.9g", lua_tonumber(L, index)));
        else
            host_check(L, buffer_text(out, "null"));
        return;
    case LUA_TSTRING: host_check(L, print_text(lua_tostring(L, index), out)); return;
    default: host_check(L, buffer_text(out, "null"));
    }
}

static int call_diff(lua_State *L)
{
    Diff *diff = lua_touserdata(L, 1);
    lua_getglobal(L, "diff");
    lua_pushstring(L, diff->arguments->names[0]);
    lua_pushstring(L, diff->arguments->names[1]);
    lua_call(L, 2, 1);
    lua_getfield(L, -1, "same");
    diff->same = lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (diff->arguments->json) {
        Buffer *out = host_push_buffer(L);
        print_value(L, lua_gettop(L) - 1, out);
        puts(out->data);
    } else {
        puts(luaL_tolstring(L, -1, NULL));
    }
    return 0;
}

int command_diff(const Arguments *arguments)
{
    Host *host = NULL;
    Diff diff = {arguments, true};
    Status status = host_new(&(HostOptions){.restricted = true}, &host);
    if (status == STATUS_OK) status = host_protect(host, call_diff, &diff);
    int result = status == STATUS_OK ? !diff.same : EXIT_USAGE;
    if (status != STATUS_OK) command_fail(status);
    host_free(host);
    return result;
}
