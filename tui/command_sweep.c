/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lathe sweep RECIPE --set NAME=VALUE,VALUE... */
#include "engine/base/cancel.h"
#include "engine/base/signals.h"
#include "scripts/host.h"
#include "scripts/library.h"
#include "tui/command.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

typedef struct Sweep {
    const Arguments *arguments;
    int failed;
} Sweep;

static void on_signal(int number)
{
    (void)number;
    cancel_request(); /* the run that trains now saves and leaves */
}

/* A number where it is one, else a text. */
static void push_word(lua_State *L, const char *word, size_t length)
{
    lua_pushlstring(L, word, length);
    if (!lua_stringtonumber(L, lua_tostring(L, -1))) return;
    lua_remove(L, -2);
}

/* table.NAME = { VALUE, ... } of "NAME=VALUE,VALUE" */
static void put_set(lua_State *L, const char *set)
{
    const char *at = strchr(set, '=');
    if (!at || at == set) luaL_error(L, "--set takes NAME=VALUE,VALUE...; got '%s'", set);
    lua_pushlstring(L, set, (size_t)(at - set));
    lua_newtable(L);
    for (int i = 1; *at; i++) {
        size_t length = strcspn(++at, ",");
        push_word(L, at, length);
        lua_rawseti(L, -2, i);
        at += length;
    }
    lua_settable(L, -3);
}

static int call_sweep(lua_State *L)
{
    Sweep *sweep = lua_touserdata(L, 1);
    const Arguments *arguments = sweep->arguments;
    if (arguments->threads > 0) {
        library_push(L, "lathe");
        lua_pushinteger(L, arguments->threads);
        lua_setfield(L, -2, "threads");
    }
    lua_getglobal(L, "sweep");
    lua_newtable(L);
    for (int i = 0; i < arguments->set_count; i++) put_set(L, arguments->sets[i]);
    lua_pushstring(L, arguments->names[0]);
    lua_setfield(L, -2, "recipe");
    lua_pushstring(L, arguments->out); /* NULL: nil */
    lua_setfield(L, -2, "out");
    if (arguments->steps > 0) {
        lua_pushinteger(L, arguments->steps);
        lua_setfield(L, -2, "steps");
    }
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "failed");
    sweep->failed = (int)lua_tointeger(L, -1);
    return 0;
}

int command_sweep(const Arguments *arguments)
{
    Host *host = NULL;
    Sweep sweep = {arguments, 0};
    signals_catch(SIGINT, on_signal, NULL);
    signals_catch(SIGTERM, on_signal, NULL);
    Status status = host_new(NULL, &host);
    if (status == STATUS_OK) status = host_protect(host, call_sweep, &sweep);
    int result = status == STATUS_OK ? sweep.failed > 0 : command_fail(status);
    host_free(host);
    return status == STATUS_CANCELLED ? EXIT_INTERRUPTED : result;
}
