/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/bind_samples.h"

#include "scripts/bind_session.h"
#include "scripts/library.h"
#include "tui/samples.h"

#include <stdlib.h>

static const char session_key; /* in the registry: the Session */

static Status make_text(Session *session, int count, Buffer *out)
{
    char *text = NULL; /* the C library's own memory */
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    if (!memory) return status_fail(STATUS_NOMEM, "out of memory for samples");
    Status status = samples_masks(session, count, memory);
    if (fclose(memory) != 0 && status == STATUS_OK) status = status_fail(STATUS_NOMEM, "out of memory for samples");
    if (status == STATUS_OK)
        status =
            length ? buffer_append(out, text, length) : buffer_text(out, "no objective of this run masks words\n");
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

static int open_samples(lua_State *L)
{
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
