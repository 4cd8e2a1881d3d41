/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scripts/bind_edit.h"

#include "engine/base/thousands.h"
#include "scripts/library.h"

#include <stdio.h>

/* The session whose edits are told to the function that keeps its history; both are set by engine.track(). */
static const char tracked_key, tracker_key, silent_key;

Status bind_edit_refused(Status status)
{
    char words[512];
    if (status == STATUS_OK) return status;
    snprintf(words, sizeof words, "%s", status_message());
    return status_fail(status, "%s. Nothing was changed.", words);
}

bool bind_edits_silent(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &silent_key);
    bool silent = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return silent;
}

bool bind_silence_edits(lua_State *L, bool silent)
{
    bool before = bind_edits_silent(L);
    lua_pushboolean(L, silent);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &silent_key);
    return before;
}

static bool is_tracked(lua_State *L, const SessionHandle *handle)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tracked_key);
    bool tracked = lua_touserdata(L, -1) == (const void *)handle;
    lua_pop(L, 1);
    return tracked;
}

/* Calls what stands below its arguments, which must come to its end. */
static void call_masked(lua_State *L, int arguments)
{
    host_mask(host_of(L));
    int code = lua_pcall(L, arguments, 0, 0);
    host_unmask(host_of(L));
    if (code != LUA_OK) lua_error(L);
}

void bind_push_history(lua_State *L, const char *name)
{
    library_push(L, "engine");
    lua_getfield(L, -1, "history");
    lua_getfield(L, -1, name);
    lua_replace(L, -3);
    lua_pop(L, 1);
}

/* At the prompt nobody has begun a history yet: the first edit of 'run' begins it. */
static void adopt(lua_State *L, const SessionHandle *handle)
{
    bool nobody = lua_rawgetp(L, LUA_REGISTRYINDEX, &tracked_key) == LUA_TNIL;
    lua_pop(L, 1);
    library_push(L, "run");
    bool live = nobody && lua_touserdata(L, -1) == (const void *)handle;
    lua_pop(L, 1);
    if (!live) return;
    bind_push_history(L, "start");
    library_push(L, "run");
    call_masked(L, 1);
}

void bind_edit(lua_State *L, SessionHandle *handle, const char *effect, const char *inverse)
{
    if (handle->stepping) luaL_error(L, "%s: nothing can be changed inside a training step", effect);
    host_check_change(L);
    if (bind_edits_silent(L)) return;
    adopt(L, handle);
    if (!is_tracked(L, handle)) return;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &tracker_key);
    lua_pushstring(L, effect);
    lua_pushstring(L, inverse);
    call_masked(L, 2);
}

void bind_edit_check(lua_State *L, SessionHandle *handle, Status status)
{
    if (status == STATUS_OK) return;
    char words[1024];
    snprintf(words, sizeof words, "%s", status_message());
    if (!bind_edits_silent(L) && is_tracked(L, handle)) {
        bind_push_history(L, "failed");
        call_masked(L, 0);
    }
    host_check(L, status_fail(status, "%s", words));
}

/* "[1,206] words what" and how it is taken back, the text at the top, which is popped. */
static void say(lua_State *L, const SessionHandle *handle, const char *words, const char *what)
{
    char step[THOUSANDS_BYTES];
    Buffer *line = host_push_buffer(L);
    host_check(L, buffer_printf(line, "[%s] %s%s%s\n", thousands(handle->session->step, step), words, what,
                                lua_tostring(L, -2)));
    host_write(host_of(L), line->data, line->length);
    lua_pop(L, 2);
}

void bind_edit_done(lua_State *L, SessionHandle *handle, const char *what)
{
    if (bind_edits_silent(L)) return;
    if (is_tracked(L, handle)) {
        bind_push_history(L, "ways_back");
        lua_call(L, 0, 1);
    } else {
        lua_pushliteral(L, "");
    }
    say(L, handle, "", what);
}

void bind_edit_needless(lua_State *L, const SessionHandle *handle, const char *why)
{
    if (bind_edits_silent(L)) return;
    lua_pushliteral(L, "");
    say(L, handle, "nothing changes: ", why);
}

/* engine.silently(f, ...): the results of f(...); nobody is told of edits in it. */
static int silently(lua_State *L)
{
    bool before = bind_silence_edits(L, true);
    int code = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    bind_silence_edits(L, before);
    return code == LUA_OK ? lua_gettop(L) : lua_error(L);
}

/* engine.is_silent() */
static int is_silent(lua_State *L)
{
    lua_pushboolean(L, bind_edits_silent(L));
    return 1;
}

/* engine.track(session, f): from now on f(effect, inverse) is called before each edit of the session; nil: nobody.
 */
static int track(lua_State *L)
{
    lua_settop(L, 2);
    bind_check_session(L, 1);
    if (lua_isnil(L, 2)) lua_replace(L, 1), lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &tracker_key);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &tracked_key);
    return 0;
}

void bind_open_edits(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"track", track}, {"silently", silently}, {"is_silent", is_silent}, {NULL, NULL}};
    bind_silence_edits(L, false);
    library_push(L, "engine");
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
