/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the history of a run (scripts/lib/history.lua) needs from C: snapshots, hashes, the typed line. */
#include "scripts/bind_history.h"

#include "engine/tensor/spare.h"
#include "engine/train/snapshot.h"
#include "scripts/bind_edit.h"
#include "scripts/library.h"

#include <string.h>

#define SNAPSHOT_TYPE "lathe.snapshot"

static Snapshot **check_snapshot(lua_State *L, int index)
{
    Snapshot **snapshot = luaL_checkudata(L, index, SNAPSHOT_TYPE);
    luaL_argcheck(L, *snapshot, index, "this snapshot was given back");
    return snapshot;
}

static int free_snapshot(lua_State *L)
{
    Snapshot **snapshot = luaL_checkudata(L, 1, SNAPSHOT_TYPE);
    snapshot_free(*snapshot);
    *snapshot = NULL;
    return 0;
}

/* engine.drop_snapshot(snapshot): as well, and lines of the prompt are answered meanwhile; not to be used as __gc.
 */
static int drop_snapshot(lua_State *L)
{
    Snapshot **handle = check_snapshot(L, 1), *snapshot = *handle;
    *handle = NULL;
    snapshot_free_giving_turns(snapshot);
    return 0;
}

/* A snapshot of the session at index 1. */
static Snapshot **push_snapshot(lua_State *L)
{
    const SessionHandle *handle = bind_check_session(L, 1);
    Snapshot **snapshot = lua_newuserdatauv(L, sizeof *snapshot, 1);
    *snapshot = NULL;
    luaL_setmetatable(L, SNAPSHOT_TYPE);
    lua_pushvalue(L, 1); /* objectives that are Lua functions point to the handle */
    lua_setiuservalue(L, -2, 1);
    host_check(L, snapshot_take(handle->session, snapshot));
    return snapshot;
}

/* engine.snapshot(session) */
static int take(lua_State *L)
{
    push_snapshot(L);
    return 1;
}

/* engine.restore(session, snapshot) */
static int restore(lua_State *L)
{
    SessionHandle *handle = bind_check_session(L, 1);
    Snapshot **snapshot = check_snapshot(L, 2);
    if (handle->stepping) return luaL_error(L, "nothing can be restored inside a training step");
    host_check(L, snapshot_restore(*snapshot, handle->session));
    return 0;
}

/* engine.step(session): a step, as the history does one again */
static int step_again(lua_State *L)
{
    SessionHandle *handle = bind_check_session(L, 1);
    if (handle->stepping) return luaL_error(L, "a training step is under way");
    host_check(L, bind_step(host_of(L), handle->session, NULL));
    return 0;
}

/* engine.stepping(session): whether a step is under way */
static int is_stepping(lua_State *L)
{
    lua_pushboolean(L, bind_check_session(L, 1)->stepping);
    return 1;
}

/* The function at index 3, which must come to its end. */
static int call_commit(lua_State *L)
{
    host_mask(host_of(L));
    lua_pushvalue(L, 3);
    int code = lua_pcall(L, 0, 0, 0);
    host_unmask(host_of(L));
    return code;
}

/* engine.attempt(session, change, commit): change() makes another state (nil: the state stays), commit() says so.
 * Where one of them fails the session is what it was. Edits in change() are told to nobody; nothing interrupts
 * commit(). */
static int attempt(lua_State *L)
{
    Session *session = bind_check_session(L, 1)->session;
    int code = LUA_OK;
    lua_settop(L, 3);
    if (lua_isnil(L, 2)) return call_commit(L) == LUA_OK ? 0 : lua_error(L);
    Snapshot **before = push_snapshot(L);
    bool silent = bind_silence_edits(L, true);
    lua_pushvalue(L, 2);
    code = lua_pcall(L, 0, 0, 0);
    bind_silence_edits(L, silent);
    if (code == LUA_OK) code = call_commit(L);
    Status status = code == LUA_OK ? STATUS_OK : snapshot_restore(*before, session);
    snapshot_free(*before);
    *before = NULL;
    host_check(L, status);
    return code == LUA_OK ? 0 : lua_error(L);
}

static int bytes_of(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)snapshot_bytes(*check_snapshot(L, 1)));
    return 1;
}

static int bytes_aside(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)snapshot_bytes_aside(*check_snapshot(L, 1)));
    return 1;
}

/* engine.prepare_snapshot(session, bytes): a part of the memory for the next one, if it takes no more than that */
static int prepare(lua_State *L)
{
    lua_Integer most = luaL_checkinteger(L, 2);
    snapshot_prepare(bind_check_session(L, 1)->session, most > 0 ? (size_t)most : 0);
    return 0;
}

/* engine.prepared_bytes() */
static int prepared_bytes(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)spare_bytes());
    return 1;
}

/* engine.put_aside(snapshot, directory): to the disk; false and why where that fails */
static int put_aside(lua_State *L)
{
    Status status = snapshot_put_aside(*check_snapshot(L, 1), luaL_checkstring(L, 2));
    lua_pushboolean(L, status == STATUS_OK);
    lua_pushstring(L, status == STATUS_OK ? NULL : status_message());
    return 2;
}

/* engine.set_edits(session, "1 2 5"): which edits shaped the state, for checkpoints. */
static int set_edits(lua_State *L)
{
    host_check(L, session_set_edits(bind_check_session(L, 1)->session, luaL_checkstring(L, 2)));
    return 0;
}

/* engine.line(): the line of the prompt that runs now, "" where there is none. */
static int typed_line(lua_State *L)
{
    const char *line = host_line(host_of(L));
    lua_pushstring(L, line ? line : "");
    return 1;
}

static Status add_hash(void *context, const char *name, Hash hash)
{
    char text[HASH_TEXT_SIZE];
    hash_text(hash, text);
    return buffer_printf(context, "%s %s\n", name, text);
}

/* engine.tensor_hashes(session): { { name = ..., hash = ... }, ... } */
static int tensor_hashes(lua_State *L)
{
    Buffer *list = host_push_buffer(L);
    lua_Integer count = 0;
    Hash whole;
    host_check(L, session_each_hash(bind_check_session(L, 1)->session, add_hash, list, &whole));
    lua_newtable(L);
    for (const char *at = list->data; at && *at; at += strcspn(at, "\n") + 1) {
        size_t name = strcspn(at, " "), all = strcspn(at, "\n");
        lua_createtable(L, 0, 2);
        lua_pushlstring(L, at, name);
        lua_setfield(L, -2, "name");
        lua_pushlstring(L, at + name + 1, all - name - 1);
        lua_setfield(L, -2, "hash");
        lua_rawseti(L, -2, ++count);
    }
    return 1;
}

typedef struct HistoryCall {
    const char *name;
    RunDirectory *directory;
    Session *session;
} HistoryCall;

/* engine.history[name](run, directory) */
static int call_history(lua_State *L)
{
    const HistoryCall *call = lua_touserdata(L, 1);
    bind_push_history(L, call->name);
    library_push(L, "run");
    if (call->directory)
        bind_push_directory(L, call->directory, call->session);
    else
        lua_pushnil(L);
    lua_call(L, 2, 0);
    return 0;
}

Status bind_history(Host *host, const char *name, RunDirectory *directory, Session *session)
{
    HistoryCall call = {name, directory, session};
    return host_protect(host, call_history, &call);
}

Status bind_history_tell(Host *host, const char *name, RunDirectory *directory, Session *session)
{
    host_mask(host);
    Status status = bind_history(host, name, directory, session);
    host_unmask(host);
    return status;
}

/* --- lines --- */

typedef struct LineCall {
    lua_State *thread;
    bool failed;
    Buffer *words;
} LineCall;

/* engine.history[name], then the coroutine. */
static void push_line_call(lua_State *L, const char *name, lua_State *thread)
{
    bind_push_history(L, name);
    lua_pushthread(thread);
    if (thread != L) lua_xmove(thread, L, 1);
}

static int begin_line(lua_State *L)
{
    const LineCall *call = lua_touserdata(L, 1);
    push_line_call(L, "begin_line", call->thread);
    lua_call(L, 1, 0);
    return 0;
}

static int keep_line(lua_State *L)
{
    bind_push_history(L, "keep_line");
    lua_call(L, 0, 0);
    return 0;
}

static int end_line(lua_State *L)
{
    const LineCall *call = lua_touserdata(L, 1);
    push_line_call(L, "end_line", call->thread);
    lua_pushboolean(L, call->failed);
    lua_call(L, 2, 1);
    const char *words = lua_tostring(L, -1);
    if (words) host_check(L, buffer_printf(call->words, "%s\n", words));
    return 0;
}

static Status call_line(Host *host, lua_CFunction function, LineCall *call)
{
    host_mask(host);
    Status status = host_protect(host, function, call);
    host_unmask(host);
    return status;
}

Status bind_begin_line(Host *host, lua_State *thread)
{
    return call_line(host, begin_line, &(LineCall){.thread = thread});
}

Status bind_keep_line(Host *host)
{
    return call_line(host, keep_line, NULL);
}

Status bind_end_line(Host *host, lua_State *thread, bool failed, Buffer *words)
{
    return call_line(host, end_line, &(LineCall){thread, failed, words});
}

static int settle(lua_State *L)
{
    const char *journal = lua_touserdata(L, 1);
    bind_push_history(L, "settle");
    library_push(L, "run");
    lua_pushstring(L, journal);
    lua_call(L, 2, 0);
    return 0;
}

Status bind_settle(Host *host, const char *journal)
{
    return host_protect(host, settle, (void *)journal);
}

void bind_open_history(lua_State *L)
{
    static const luaL_Reg functions[] = {{"snapshot", take},
                                         {"prepare_snapshot", prepare},
                                         {"prepared_bytes", prepared_bytes},
                                         {"restore", restore},
                                         {"step", step_again},
                                         {"stepping", is_stepping},
                                         {"attempt", attempt},
                                         {"free_snapshot", free_snapshot},
                                         {"drop_snapshot", drop_snapshot},
                                         {"snapshot_bytes", bytes_of},
                                         {"snapshot_bytes_aside", bytes_aside},
                                         {"put_aside", put_aside},
                                         {"set_edits", set_edits},
                                         {"tensor_hashes", tensor_hashes},
                                         {"line", typed_line},
                                         {NULL, NULL}};
    luaL_newmetatable(L, SNAPSHOT_TYPE);
    lua_pushcfunction(L, free_snapshot);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    library_push(L, "engine");
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
