/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Functions of Lua's standard libraries that could not be interrupted, or that would swallow an interrupt. */
#include "scripts/host_guards.h"

#include "engine/base/cancel.h"

#include <limits.h>
#include <string.h>

enum { MOST_NESTED = 190, POLL_INTERVAL = 4096, MANY = 100000 };

static void check_interrupt(lua_State *L)
{
    if (host_interrupted(L)) host_check(L, cancel_check());
}

/* --- pcall and xpcall: upvalue 1 is Lua's own, 2 has how deep they are nested in each coroutine --- */

/* In a coroutine they do not use up the C stack, so recursion through them would go on to some 100,000 levels,
 * which an interrupt has to unwind one by one, each with a look at the whole stack. */
static lua_Integer nesting(lua_State *L)
{
    luaL_checkstack(L, 4, "too many nested calls");
    lua_pushthread(L);
    lua_rawget(L, lua_upvalueindex(2));
    lua_Integer depth = lua_tointeger(L, -1);
    lua_pop(L, 1);
    return depth;
}

static void set_nesting(lua_State *L, lua_Integer depth)
{
    lua_pushthread(L);
    lua_pushinteger(L, depth);
    lua_rawset(L, lua_upvalueindex(2));
}

static lua_Integer enter(lua_State *L)
{
    lua_Integer depth = nesting(L);
    if (depth >= MOST_NESTED) luaL_error(L, "more than %d nested calls of pcall", MOST_NESTED);
    set_nesting(L, depth + 1);
    return depth;
}

/* An interrupt is no error that could be caught: it is raised again at once, without a way back to Lua. */
static int finish_pcall(lua_State *L, int status, lua_KContext depth)
{
    bool failed = status != LUA_OK && status != LUA_YIELD;
    luaL_checkstack(L, 4, "too many nested calls");
    set_nesting(L, (lua_Integer)depth);
    if (!failed) return lua_gettop(L);
    check_interrupt(L);
    lua_pushboolean(L, false);
    lua_insert(L, -2);
    return 2;
}

static int guarded_pcall(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_Integer depth = enter(L);
    lua_pushboolean(L, true);
    lua_insert(L, 1);
    int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, (lua_KContext)depth, finish_pcall);
    return finish_pcall(L, status, (lua_KContext)depth);
}

/* A message handler runs with hooks off: after an interrupt it is not called, as it could run for ever. */
static int guarded_handler(lua_State *L)
{
    if (host_interrupted(L)) return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

static int finish_xpcall(lua_State *L, int status, lua_KContext depth)
{
    (void)status;
    luaL_checkstack(L, 4, "too many nested calls");
    set_nesting(L, (lua_Integer)depth);
    if (!lua_toboolean(L, 1)) check_interrupt(L);
    return lua_gettop(L);
}

static int guarded_xpcall(lua_State *L)
{
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_Integer depth = enter(L);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, guarded_handler, 1);
    lua_replace(L, 2);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, (lua_KContext)depth, finish_xpcall);
    return finish_xpcall(L, LUA_OK, (lua_KContext)depth);
}

/* --- strings --- */

/* By doubling: Lua's own copies piece by piece, and of nothing it counts to n. */
static int guarded_rep(lua_State *L)
{
    size_t length, between;
    const char *text = luaL_checklstring(L, 1, &length);
    lua_Integer times = luaL_checkinteger(L, 2);
    const char *separator = luaL_optlstring(L, 3, "", &between);
    size_t period = length + between;
    if (times <= 0 || period == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if ((lua_Unsigned)times > INT_MAX / period) return luaL_error(L, "resulting string too large");
    size_t size = period * (size_t)times - between, done = period < size ? period : size;
    luaL_Buffer buffer;
    char *at = luaL_buffinitsize(L, &buffer, size + period);
    memcpy(at, text, length);
    memcpy(at + length, separator, between);
    while (done < size) {
        size_t piece = done < size - done ? done : size - done;
        check_interrupt(L);
        memcpy(at + done, at, piece);
        done += piece;
    }
    luaL_pushresultsize(&buffer, size);
    return 1;
}

/* --- tables, where what they say of their length would keep Lua's own function busy; upvalue 1 is that --- */

static int call_own(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

/* to[at + i] = from[first + i] for i in [0, count), or backwards; the tables are at the indices. */
static void move(lua_State *L, int from, lua_Integer first, int to, lua_Integer at, lua_Integer count,
                 bool backwards)
{
    for (lua_Integer n = 0; n < count; n++) {
        lua_Integer i = backwards ? count - 1 - n : n;
        if (n % POLL_INTERVAL == 0) check_interrupt(L);
        lua_geti(L, from, first + i);
        lua_seti(L, to, at + i);
    }
}

static int guarded_move(lua_State *L)
{
    if (!lua_isinteger(L, 2) || !lua_isinteger(L, 3) || !lua_isinteger(L, 4)) return call_own(L);
    lua_Integer first = lua_tointeger(L, 2), last = lua_tointeger(L, 3), at = lua_tointeger(L, 4);
    int to = lua_isnoneornil(L, 5) ? 1 : 5;
    if (last < first || (lua_Unsigned)last - (lua_Unsigned)first < MANY || !lua_istable(L, 1) ||
        !lua_istable(L, to))
        return call_own(L);
    if (first <= 0 && last >= LUA_MAXINTEGER + first) return call_own(L); /* which refuses it */
    lua_Integer count = last - first + 1;
    if (at > LUA_MAXINTEGER - count + 1) return call_own(L);
    bool apart = at > last || at <= first || (to != 1 && !lua_rawequal(L, 1, to));
    move(L, 1, first, to, at, count, !apart);
    lua_pushvalue(L, to);
    return 1;
}

static int guarded_insert(lua_State *L)
{
    if (lua_gettop(L) != 3 || !lua_istable(L, 1) || !lua_isinteger(L, 2)) return call_own(L);
    lua_Integer place = lua_tointeger(L, 2), length = luaL_len(L, 1);
    if (place < 1 || length < place || length - place < MANY || length == LUA_MAXINTEGER) return call_own(L);
    move(L, 1, place, 1, place + 1, length - place + 1, true);
    lua_seti(L, 1, place);
    return 0;
}

static int guarded_remove(lua_State *L)
{
    if (lua_gettop(L) != 2 || !lua_istable(L, 1) || !lua_isinteger(L, 2)) return call_own(L);
    lua_Integer place = lua_tointeger(L, 2), length = luaL_len(L, 1);
    if (place < 1 || length < place || length - place < MANY) return call_own(L);
    lua_geti(L, 1, place);
    move(L, 1, place + 1, 1, place, length - place, false);
    lua_pushnil(L);
    lua_seti(L, 1, length);
    return 1;
}

/* --- putting them there --- */

/* Of the table at the top. */
static void guard(lua_State *L, const char *name, lua_CFunction function)
{
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, -2, name);
}

static void guard_calls(lua_State *L)
{
    lua_pushglobaltable(L);
    lua_newtable(L); /* coroutine -> depth */
    lua_newtable(L);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    static const luaL_Reg calls[] = {{"pcall", guarded_pcall}, {"xpcall", guarded_xpcall}};
    for (int i = 0; i < 2; i++) {
        lua_getfield(L, -2, calls[i].name);
        lua_pushvalue(L, -2);
        lua_pushcclosure(L, calls[i].func, 2);
        lua_setfield(L, -3, calls[i].name);
    }
    lua_pop(L, 2);
}

void host_guard_libraries(lua_State *L)
{
    guard_calls(L);
    lua_getglobal(L, "string");
    guard(L, "rep", guarded_rep);
    lua_getglobal(L, "table");
    guard(L, "move", guarded_move);
    guard(L, "insert", guarded_insert);
    guard(L, "remove", guarded_remove);
    lua_pop(L, 2);
}
