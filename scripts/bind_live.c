/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Live options: run.objectives.nsp.weight = 0.1 changes the session and says so. */
#include "scripts/bind_edit.h"

#include <stdio.h>
#include <string.h>

#define LIVE_TYPE "lathe.live"

/* User value 1 is the session, which keeps config and head alive. */
typedef struct Live {
    char path[96];
    const Option *options, *common;
    void *config, *head;
} Live;

const Option bind_live_objective[] = {
    {.name = "weight",
     .doc = "what its loss is multiplied by",
     .kind = OPTION_NUMBER,
     .offset = offsetof(Objective, weight),
     .number = 1,
     .max = 1e6,
     .bounded = true},
    OPTION_BOOLEAN_FIELD(Objective, enabled, 1, "whether it takes part"),
    {0},
};

const Option bind_live_session[] = {
    OPTION_INT_FIELD(Session, steps, 1000, 1, 1e15, "steps of the whole run"),
    OPTION_INT_FIELD(Session, accumulate, 1, 1, 1e6, "micro-batches whose gradients make one step"),
    OPTION_NUMBER_FIELD(Session, clip_norm, 1, 0, 1e9, "the gradient's norm is cut to this; 0: never"),
    OPTION_NUMBER_FIELD(Session, skip_spikes, 0, 0, 1e9,
                        "steps whose loss lies so many deviations above the mean update nothing; 0: never"),
    {0},
};

void bind_push_live(lua_State *L, int session, const char *path, const Option *options, void *config,
                    const Option *common, void *head)
{
    session = lua_absindex(L, session);
    Live *live = lua_newuserdatauv(L, sizeof *live, 1);
    *live = (Live){.options = options, .common = common, .config = config, .head = head};
    snprintf(live->path, sizeof live->path, "%s", path);
    luaL_setmetatable(L, LIVE_TYPE);
    lua_pushvalue(L, session);
    lua_setiuservalue(L, -2, 1);
}

/* The table and struct that have the option; NULL where neither does. */
static const Option *find(const Live *live, const char *name, const Option **table, void **config)
{
    bool common = option_find(live->common, name) != NULL;
    *table = common ? live->common : live->options;
    *config = common ? live->head : live->config;
    return option_find(*table, name);
}

static int live_index(lua_State *L)
{
    Live *live = luaL_checkudata(L, 1, LIVE_TYPE);
    const Option *table, *option;
    void *config;
    option = find(live, luaL_checkstring(L, 2), &table, &config);
    if (!option)
        host_check(L, option_unknown(live->options ? live->options : live->common, live->path, lua_tostring(L, 2)));
    bind_push_option(L, option, config);
    return 1;
}

static Status short_value(const Option *option, const void *config, Buffer *out)
{
    if (option->kind != OPTION_NUMBER) return option_print(option, config, out);
    return buffer_printf(out, "%.10g", *(const double *)((const char *)config + option->offset));
}

static Status not_changed(Status status)
{
    char words[512];
    snprintf(words, sizeof words, "%s", status_message());
    return status_fail(status, "%s. Nothing was changed.", words);
}

/* The line of Lua that gives the option the value that it has now in config. */
static Status assignment(const Live *live, const Option *option, const void *config, Buffer *out)
{
    bool whole = strcmp(live->path, "run") == 0;
    TRY(buffer_printf(out, "run%s%s.%s = ", whole ? "" : ".", whole ? "" : live->path, option->name));
    if (option->kind == OPTION_NUMBER || option->kind == OPTION_INTEGER || option->kind == OPTION_BOOLEAN)
        return option_print(option, config, out);
    TRY(buffer_text(out, "\""));
    TRY(option_print(option, config, out));
    return buffer_text(out, "\"");
}

/* The value at index 3 is tried, taken back, journalled, and only then set. */
static int live_newindex(lua_State *L)
{
    Live *live = luaL_checkudata(L, 1, LIVE_TYPE);
    const char *name = luaL_checkstring(L, 2);
    const Option *table, *option;
    void *config;
    bind_need_boundary(L, live_newindex);
    lua_getiuservalue(L, 1, 1);
    SessionHandle *handle = bind_check_session(L, -1);
    option = find(live, name, &table, &config);
    if (!option) host_check(L, option_unknown(live->options ? live->options : live->common, live->path, name));
    Buffer *what = host_push_buffer(L), *effect = host_push_buffer(L), *inverse = host_push_buffer(L);
    host_check(L, buffer_printf(what, "%s.%s ", live->path, name));
    host_check(L, short_value(option, config, what));
    host_check(L, assignment(live, option, config, inverse));
    size_t size = option_size(option);
    void *at = (char *)config + option->offset, *before = lua_newuserdatauv(L, size, 0);
    void *after = lua_newuserdatauv(L, size, 0);
    memcpy(before, at, size);
    Status status = bind_set_option(L, 3, table, config, live->path, name);
    if (status != STATUS_OK) host_check(L, not_changed(status));
    memcpy(after, at, size);
    status = session_check(handle->session); /* with the new value in its place */
    if (status != STATUS_OK) {
        memcpy(at, before, size);
        host_check(L, not_changed(status));
    }
    status = buffer_text(what, " -> ");
    if (status == STATUS_OK) status = short_value(option, config, what);
    if (status == STATUS_OK) status = assignment(live, option, config, effect);
    memcpy(at, before, size);
    host_check(L, status);
    bind_edit(L, handle, effect->data, inverse->data);
    memcpy(at, after, size);
    bind_edit_done(L, handle, what->data);
    return 0;
}

static Status describe(const Live *live, Buffer *out)
{
    TRY(buffer_text(out, live->path));
    for (int t = 0; t < 2; t++) {
        const Option *option = t ? live->options : live->common;
        for (; option && option->name; option++) {
            TRY(buffer_printf(out, "\n  %-24s ", option->name));
            TRY(short_value(option, t ? live->config : live->head, out));
        }
    }
    return STATUS_OK;
}

static int live_tostring(lua_State *L)
{
    Live *live = luaL_checkudata(L, 1, LIVE_TYPE);
    Buffer *out = host_push_buffer(L);
    host_check(L, describe(live, out));
    host_buffer_to_string(L, out);
    return 1;
}

static int live_help(lua_State *L)
{
    Live *live = luaL_checkudata(L, 1, LIVE_TYPE);
    const RecordKind kind = {.library = "run", .word = "live options"};
    Buffer *out = host_push_buffer(L);
    Record record = {.name = live->path, .options = live->options};
    if (live->common) {
        Record common = {.name = live->path, .options = live->common};
        host_check(L, bind_help_record(&kind, &common, out));
        record.doc = "and of its own:";
    }
    if (live->options) host_check(L, bind_help_record(&kind, &record, out));
    host_buffer_to_string(L, out);
    return 1;
}

static int live_members(lua_State *L)
{
    Live *live = luaL_checkudata(L, 1, LIVE_TYPE);
    lua_Integer count = 0;
    lua_newtable(L);
    for (int t = 0; t < 2; t++) {
        const Option *option = t ? live->options : live->common;
        for (; option && option->name; option++) {
            lua_pushstring(L, option->name);
            lua_rawseti(L, -2, ++count);
        }
    }
    return 1;
}

/* The doc of one option. */
static int live_doc(lua_State *L)
{
    Live *live = luaL_checkudata(L, 1, LIVE_TYPE);
    const Option *table, *option;
    void *config;
    option = find(live, luaL_checkstring(L, 2), &table, &config);
    lua_pushstring(L, option ? option->doc : NULL);
    return 1;
}

void bind_open_live(lua_State *L)
{
    static const luaL_Reg events[] = {{"__index", live_index},
                                      {"__newindex", live_newindex},
                                      {"__tostring", live_tostring},
                                      {"__help", live_help},
                                      {"__members", live_members},
                                      {"__doc", live_doc},
                                      {NULL, NULL}};
    luaL_newmetatable(L, LIVE_TYPE);
    luaL_setfuncs(L, events, 0);
    lua_pop(L, 1);
}
