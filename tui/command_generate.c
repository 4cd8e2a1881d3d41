/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lathe generate RUN|DIR [TEXT] */
#include "scripts/bind_session.h"
#include "scripts/library.h"
#include "tui/command.h"
#include "tui/run_setup.h"

#include <stdlib.h>
#include <string.h>

static int print_piece(lua_State *L)
{
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    fwrite(text, 1, length, stdout);
    fflush(stdout);
    return 0;
}

/* KEY=VALUE as an option of run:generate(), at the top of the stack. */
static void set_option(lua_State *L, const char *pair)
{
    const char *equals = strchr(pair, '=');
    if (!equals || equals == pair)
        luaL_error(L, "--set takes KEY=VALUE, as in --set temperature=0.8; got '%s'", pair);
    lua_pushlstring(L, pair, (size_t)(equals - pair));
    if (strcmp(lua_tostring(L, -1), "stop") == 0 || !lua_stringtonumber(L, equals + 1)) {
        bool truth = strcmp(equals + 1, "true") == 0;
        if (truth || strcmp(equals + 1, "false") == 0)
            lua_pushboolean(L, truth);
        else
            lua_pushstring(L, equals + 1);
    }
    lua_settable(L, -3);
}

/* run:generate(text, options); the arguments are at 1. */
static int generate(lua_State *L)
{
    const Arguments *arguments = lua_touserdata(L, 1);
    lua_pushcfunction(L, bind_generate);
    library_push(L, "run");
    bind_check_session(L, -1)->only_generates = true;
    lua_pushstring(L, arguments->name_count > 1 ? arguments->names[1] : "");
    lua_newtable(L);
    for (int i = 0; i < arguments->set_count; i++) set_option(L, arguments->sets[i]);
    if (arguments->seed >= 0) {
        lua_pushinteger(L, arguments->seed);
        lua_setfield(L, -2, "seed");
    }
    lua_pushcfunction(L, print_piece);
    lua_setfield(L, -2, "on_token");
    lua_getglobal(L, "tokenizer"); /* of a directory that says all */
    lua_setfield(L, -2, "tokenizer");
    lua_call(L, 3, 0);
    return 0;
}

static Status generate_from(const Arguments *arguments, RunSetup *setup)
{
    TRY(run_setup_model(arguments->names[0], setup));
    TRY(host_protect(setup->host, generate, (void *)arguments));
    putchar('\n');
    return STATUS_OK;
}

int command_generate(const Arguments *arguments)
{
    RunSetup setup = {0};
    Status status = generate_from(arguments, &setup);
    int result = status == STATUS_OK ? 0 : command_fail(status);
    run_setup_free(&setup);
    return result;
}
