/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/bind_samples.h"

#include "scripts/bind_session.h"
#include "scripts/library.h"
#include "tui/samples.h"
#include "tui/workbench/actions.h"

#include <stdlib.h>

static const char session_key; /* in the registry: the Session */

enum { WRITTEN = 80 }; /* tokens of a text: training waits for it */

/* Why there is nothing to show. */
static Status say_why(const Session *session, FILE *out)
{
    fputs("nothing to show: no objective that is on masks words, goes on with a text or sorts examples\n", out);
    for (int i = 0; i < session->objective_count; i++)
        if (!session->objectives[i]->enabled)
            fprintf(out, "    %s is off; run.objectives[\"%s\"].enabled = true\n", session->objectives[i]->name,
                    session->objectives[i]->name);
    return STATUS_OK;
}

static Status print_all(Session *session, int count, FILE *out)
{
    TRY(samples_masks(session, count, true, out));
    TRY(samples_text(session, WRITTEN, out));
    TRY(samples_classes(session, count, out));
    return ftell(out) == 0 ? say_why(session, out) : STATUS_OK;
}

static Status make_text(Session *session, int count, Buffer *out)
{
    char *text = NULL; /* the C library's own memory */
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    if (!memory) return status_fail(STATUS_NOMEM, "out of memory for samples");
    Status status = print_all(session, count, memory);
    if (fclose(memory) != 0 && status == STATUS_OK) status = status_fail(STATUS_NOMEM, "out of memory for samples");
    if (status == STATUS_OK) status = buffer_append(out, text, length);
    free(text);
    return status;
}

/* lathe.samples(count) */
static int push_samples(lua_State *L)
{
    int count = (int)luaL_checkinteger(L, 1);
    host_need_boundary(L, push_samples);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &session_key);
    Session *session = lua_touserdata(L, -1);
    if (!session || session->busy) return luaL_error(L, "samples: a training step is under way");
    Buffer *text = host_push_buffer(L);
    host_check(L, make_text(session, count, text));
    host_buffer_to_string(L, text);
    return 1;
}

/* help("keys") */
static void document_keys(lua_State *L)
{
    Buffer *text = host_push_buffer(L);
    host_check(L, actions_help(text));
    host_buffer_to_string(L, text);
    lua_getglobal(L, "lathe");
    lua_getfield(L, -1, "document");
    lua_pushliteral(L, "keys");
    lua_pushvalue(L, -4);
    lua_call(L, 2, 0);
    lua_pop(L, 2);
}

static int open_samples(lua_State *L)
{
    document_keys(L);
    lua_pushvalue(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &session_key);
    library_push(L, "lathe");
    lua_pushcfunction(L, push_samples);
    lua_setfield(L, -2, "samples");
    library_require(L, "views");
    return 0;
}

Status bind_samples(Host *host, Session *session)
{
    return host_protect(host, open_samples, session);
}
