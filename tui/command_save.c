/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lathe save RUN DIR */
#include "scripts/bind_session.h"
#include "scripts/library.h"
#include "tui/command.h"
#include "tui/run_setup.h"

/* run.model:save(directory) */
static int save(lua_State *L)
{
    lua_pushcfunction(L, bind_save_model);
    library_push(L, "run");
    lua_getfield(L, -1, "model");
    lua_remove(L, -2);
    lua_pushstring(L, lua_touserdata(L, 1));
    lua_call(L, 2, 0);
    return 0;
}

static Status save_from(const Arguments *arguments, RunSetup *setup)
{
    TRY(run_setup_model(arguments->names[0], setup));
    return host_protect(setup->host, save, (void *)arguments->names[1]);
}

int command_save(const Arguments *arguments)
{
    RunSetup setup = {0};
    Status status = save_from(arguments, &setup);
    int result = status == STATUS_OK ? 0 : command_fail(status);
    run_setup_free(&setup);
    return result;
}
