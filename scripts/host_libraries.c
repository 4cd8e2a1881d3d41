/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lua's standard libraries, without what would load machine code, remove the interrupt hook, change the locale or
 * leave the process without cleaning up. */
#include "scripts/host_files.h"
#include "scripts/host_guards.h"

#include <lualib.h>
#include <string.h>

/* printf shows the sign of a NaN, which means nothing. */
static const char *text_of(lua_State *L, int index, size_t *length)
{
    lua_Number number = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : 0;
    if (number == number) return luaL_tolstring(L, index, length);
    return lua_pushliteral(L, "nan"), lua_tolstring(L, -1, length);
}

static int print_values(lua_State *L)
{
    int count = lua_gettop(L);
    Buffer *line = host_push_buffer(L);
    for (int i = 1; i <= count; i++) {
        size_t length;
        const char *text = text_of(L, i, &length);
        host_check(L, i > 1 ? buffer_text(line, "\t") : STATUS_OK);
        host_check(L, buffer_append(line, text, length));
        lua_pop(L, 1);
    }
    host_check(L, buffer_text(line, "\n"));
    host_write(host_of(L), line->data, line->length);
    return 0;
}

/* load(chunk, name, mode, env) with mode always "t". */
static int load_text(lua_State *L)
{
    bool has_env = lua_gettop(L) >= 4;
    lua_settop(L, 4);
    if (lua_isnil(L, 2) && lua_type(L, 1) == LUA_TSTRING) lua_copy(L, 1, 2);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_pushliteral(L, "t");
    if (has_env) lua_pushvalue(L, 4);
    lua_call(L, has_env ? 4 : 3, LUA_MULTRET);
    return lua_gettop(L) - 4;
}

/* Finalizers run with hooks off, too. */
static int guarded_setmetatable(lua_State *L)
{
    if (lua_type(L, 2) == LUA_TTABLE) {
        lua_pushliteral(L, "__gc");
        lua_rawget(L, 2);
        if (!lua_isnil(L, -1))
            return luaL_error(L, "setmetatable: __gc is not supported, because a finalizer cannot be interrupted");
        lua_pop(L, 1);
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

/* math.random(), math.random(n), math.random(m, n), as in the manual of Lua, from the stream that randn draws from:
 * Lua's own generator begins anywhere, and is in no state. */
static int draw_number(lua_State *L)
{
    Random random = random_stream(host_next_random(host_of(L)));
    int count = lua_gettop(L);
    lua_Integer low = count == 2 ? luaL_checkinteger(L, 1) : 1, high = count ? luaL_checkinteger(L, count) : 0;
    if (count > 2) return luaL_error(L, "wrong number of arguments");
    if (count == 0) {
        lua_pushnumber(L, random_uniform(&random));
        return 1;
    }
    bool any = count == 1 && high == 0; /* all bits */
    luaL_argcheck(L, any || low <= high, count, "interval is empty");
    uint64_t width = any ? UINT64_MAX : (uint64_t)high - (uint64_t)low;
    uint64_t number = width == UINT64_MAX ? random_u64(&random) : random_below(&random, width + 1);
    lua_pushinteger(L, (lua_Integer)(any ? number : number + (uint64_t)low));
    return 1;
}

/* math.randomseed(n): the draws of n from here on, 0 unless said. */
static int reseed(lua_State *L)
{
    lua_Number number = luaL_optnumber(L, 1, 0);
    lua_Integer seed;
    if (!lua_numbertointeger(number, &seed)) seed = (lua_Integer)luaL_checkinteger(L, 1);
    host_draw_from(host_of(L), (HostDraws){random_key((uint64_t)seed, "prompt"), 0});
    return 0;
}

static int request_exit(lua_State *L)
{
    int code = lua_isboolean(L, 1) ? !lua_toboolean(L, 1) : (int)luaL_optinteger(L, 1, 0);
    host_set_exit(host_of(L), code);
    return luaL_error(L, "exit");
}

/* Metatables of values that are no tables belong to everybody. */
static int guarded_getmetatable(lua_State *L)
{
    luaL_checkany(L, 1);
    if (lua_type(L, 1) != LUA_TTABLE) return 0;
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

/* Whether the function at the index, or that of the level, is one of the Lua library: what it holds is its own. */
static bool is_inside(lua_State *L, int index)
{
    lua_Debug info = {0};
    if (lua_isfunction(L, index)) {
        lua_pushvalue(L, index);
        lua_getinfo(L, ">S", &info);
    } else if (lua_isinteger(L, index) && lua_tointeger(L, index) >= 0 && lua_tointeger(L, index) < 1000000 &&
               lua_getstack(L, (int)lua_tointeger(L, index), &info)) {
        lua_getinfo(L, "S", &info);
    }
    return info.source && strncmp(info.source, "=lathe/", 7) == 0;
}

/* debug.getlocal, debug.getupvalue; coroutines are not looked into. */
static int guarded_look(lua_State *L)
{
    if (lua_isthread(L, 1)) return luaL_error(L, "variables of coroutines cannot be looked at");
    if (is_inside(L, 1)) return 0;
    if (lua_isinteger(L, 1)) { /* levels count from the caller of this function */
        lua_pushinteger(L, lua_tointeger(L, 1) + 1);
        lua_replace(L, 1);
    }
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static void wrap(lua_State *L, const char *name, lua_CFunction function)
{
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, -2, name);
}

static void replace(lua_State *L, const char *name, lua_CFunction function)
{
    if (function)
        lua_pushcfunction(L, function);
    else
        lua_pushnil(L);
    lua_setfield(L, -2, name);
}

static void harden_base(lua_State *L)
{
    lua_pushglobaltable(L);
    replace(L, "print", print_values);
    wrap(L, "load", load_text);
    wrap(L, "setmetatable", guarded_setmetatable);
    replace(L, "exit", request_exit);
    replace(L, "quit", request_exit);
    lua_pop(L, 1);
}

static void harden_math(lua_State *L)
{
    lua_getglobal(L, "math");
    replace(L, "random", draw_number);
    replace(L, "randomseed", reseed);
    lua_pop(L, 1);
}

/* Of debug, only what looks. */
static void harden_debug(lua_State *L)
{
    static const char *const kept[] = {"traceback", "getinfo", "getlocal", "getupvalue", NULL};
    lua_getglobal(L, "debug");
    lua_newtable(L);
    for (const char *const *name = kept; *name; name++) {
        lua_getfield(L, -2, *name);
        lua_setfield(L, -2, *name);
    }
    lua_pushvalue(L, -1);
    lua_setglobal(L, "debug");
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "debug");
    lua_pop(L, 3);
}

static void harden_package(lua_State *L)
{
    lua_getglobal(L, "package");
    replace(L, "loadlib", NULL);
    replace(L, "cpath", NULL);
    lua_pop(L, 1);
}

void host_guard_internals(lua_State *L)
{
    lua_pushglobaltable(L);
    wrap(L, "getmetatable", guarded_getmetatable);
    lua_getfield(L, -1, "debug");
    wrap(L, "getlocal", guarded_look);
    wrap(L, "getupvalue", guarded_look);
    lua_pop(L, 2);
}

void host_open_libraries(lua_State *L, bool restricted)
{
    static const luaL_Reg libraries[] = {{LUA_GNAME, luaopen_base},
                                         {LUA_LOADLIBNAME, luaopen_package},
                                         {LUA_COLIBNAME, luaopen_coroutine},
                                         {LUA_TABLIBNAME, luaopen_table},
                                         {LUA_STRLIBNAME, luaopen_string},
                                         {LUA_MATHLIBNAME, luaopen_math},
                                         {LUA_UTF8LIBNAME, luaopen_utf8},
                                         {LUA_DBLIBNAME, luaopen_debug},
                                         {LUA_OSLIBNAME, luaopen_os},
                                         {LUA_IOLIBNAME, luaopen_io},
                                         {NULL, NULL}};
    for (const luaL_Reg *library = libraries; library->name; library++) {
        if (restricted && (library->func == luaopen_os || library->func == luaopen_io)) continue;
        luaL_requiref(L, library->name, library->func, 1);
        lua_pop(L, 1);
    }
    harden_base(L);
    host_guard_libraries(L);
    harden_math(L);
    harden_debug(L);
    harden_package(L);
    host_open_files(L);
    if (restricted) return;
    lua_getglobal(L, "os");
    replace(L, "exit", request_exit);
    replace(L, "setlocale", NULL);
    lua_pop(L, 1);
}
