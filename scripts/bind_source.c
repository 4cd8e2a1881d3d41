/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Data sources and batches in Lua. */
#include "scripts/bind_session.h"

#include <string.h>

#define SOURCE_TYPE "lathe.source"
#define BATCH_TYPE  "lathe.batch"

typedef struct SourceHandle {
    Source *source;
} SourceHandle;

Source **bind_new_source(lua_State *L)
{
    SourceHandle *handle = lua_newuserdatauv(L, sizeof *handle, 2);
    handle->source = NULL;
    luaL_setmetatable(L, SOURCE_TYPE);
    return &handle->source;
}

void bind_push_source(lua_State *L, Source *source)
{
    *bind_new_source(L) = source_ref(source);
}

void bind_push_source_tokenizer(lua_State *L, int index)
{
    lua_getiuservalue(L, index, 1);
}

void bind_set_source_tokenizer(lua_State *L, int index)
{
    lua_setiuservalue(L, index, 1);
}

Source *bind_check_source(lua_State *L, int index)
{
    SourceHandle *handle = luaL_testudata(L, index, SOURCE_TYPE);
    if (!handle || !handle->source)
        luaL_error(L, "a data source is wanted, as data.sentence_pairs(...).train gives one; got a %s",
                   luaL_typename(L, index));
    return handle->source;
}

/* User value 1 is the session whose batch is shown, 2 the call that made it. */
void bind_set_source_call(lua_State *L, int index, const Buffer *call, const char *part)
{
    index = lua_absindex(L, index);
    lua_pushfstring(L, "%s.%s", call->data, part);
    lua_setiuservalue(L, index, 2);
}

const char *bind_source_call(lua_State *L, int index)
{
    lua_getiuservalue(L, index, 2);
    return lua_tostring(L, -1);
}

static int source_gc(lua_State *L)
{
    SourceHandle *handle = luaL_checkudata(L, 1, SOURCE_TYPE);
    if (handle->source) source_unref(handle->source);
    handle->source = NULL;
    return 0;
}

void bind_push_batch(lua_State *L, const Batch *batch)
{
    lua_createtable(L, 0, batch->count + 2);
    for (int i = 0; i < batch->count; i++) {
        bind_push_tensor(L, batch->fields[i]);
        lua_setfield(L, -2, batch->names[i]);
    }
    lua_pushinteger(L, batch->size);
    lua_setfield(L, -2, "size");
    lua_pushinteger(L, batch->epoch);
    lua_setfield(L, -2, "epoch");
}

static int free_batch(lua_State *L)
{
    batch_clear(lua_touserdata(L, 1));
    return 0;
}

/* source:batch(index, epoch): the batch there, from the pool. Looking moves nothing. */
static int source_batch(lua_State *L)
{
    Source *source = bind_check_source(L, 1);
    Cursor cursor = {.seed = source->seed, .index = luaL_optinteger(L, 2, 0), .epoch = luaL_optinteger(L, 3, 0)};
    if (cursor.index < 0 || cursor.epoch < 0 || cursor.index >= source->examples)
        return luaL_error(L, "batch: the epoch has examples 0 to %I", (lua_Integer)source->examples - 1);
    Batch *batch = lua_newuserdatauv(L, sizeof *batch, 0);
    *batch = (Batch){0};
    if (luaL_newmetatable(L, BATCH_TYPE)) {
        lua_pushcfunction(L, free_batch);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    host_check(L, source->type->next(source, NULL, &cursor, batch));
    bind_push_batch(L, batch);
    return 1;
}

/* source:text(ids): the pieces of a list or tensor of ids, joined by spaces. */
static int source_text(lua_State *L)
{
    Source *source = bind_check_source(L, 1);
    Tensor *ids = bind_push_as_tensor(L, 2, DTYPE_I32);
    const Vocabulary *vocabulary = source->vocabulary;
    if (!vocabulary || !vocabulary->pieces) return luaL_error(L, "text: this source has no vocabulary");
    Buffer *out = host_push_buffer(L);
    for (int64_t i = 0, n = tensor_count(ids); i < n; i++) {
        int64_t id = (int64_t)tensor_get(ids, i);
        if (id == vocabulary->pad) continue;
        if (out->length) host_check(L, buffer_text(out, " "));
        host_check(L, buffer_text(out, id >= 0 && id < vocabulary->size ? vocabulary->pieces[id] : "?"));
    }
    host_buffer_to_string(L, out);
    return 1;
}

/* {classify = 2, separator = 3, mask = 4, pad = 0, unknown = 1} */
static void push_special(lua_State *L, const Vocabulary *vocabulary)
{
    lua_newtable(L);
    if (!vocabulary) return;
    const int32_t ids[] = {vocabulary->classify, vocabulary->separator, vocabulary->mask, vocabulary->pad,
                           vocabulary->unknown};
    const char *const names[] = {"classify", "separator", "mask", "pad", "unknown"};
    for (int i = 0; i < 5; i++) {
        lua_pushinteger(L, ids[i]);
        lua_setfield(L, -2, names[i]);
    }
}

static int source_index(lua_State *L)
{
    Source *source = bind_check_source(L, 1);
    const char *name = luaL_checkstring(L, 2);
    if (strcmp(name, "batch") == 0) lua_pushcfunction(L, source_batch);
    if (strcmp(name, "text") == 0) lua_pushcfunction(L, source_text);
    if (strcmp(name, "doc") == 0) lua_pushstring(L, source->doc);
    if (strcmp(name, "kind") == 0) lua_pushstring(L, source->type->name);
    if (strcmp(name, "examples") == 0) lua_pushinteger(L, source->examples);
    if (strcmp(name, "tokens") == 0) lua_pushinteger(L, source->tokens);
    if (strcmp(name, "batch_size") == 0) lua_pushinteger(L, source->batch_size);
    if (strcmp(name, "special") == 0) push_special(L, source->vocabulary);
    if (strcmp(name, "vocab_size") == 0) lua_pushinteger(L, source->vocabulary ? source->vocabulary->size : 0);
    if (lua_gettop(L) > 2) return 1;
    return luaL_error(L,
                      "a data source has no '%s'; there are doc, kind, examples, tokens, batch_size, vocab_size, "
                      "special, batch(index, epoch) and text(ids)",
                      name);
}

static int source_tostring(lua_State *L)
{
    Source *source = bind_check_source(L, 1);
    lua_pushfstring(L, "%s: %s, batches of %I, %I examples", source->type->name, source->doc,
                    (lua_Integer)source->batch_size, (lua_Integer)source->examples);
    return 1;
}

static int source_members(lua_State *L)
{
    static const char *const names[] = {"doc",        "kind",  "examples", "tokens",  "batch_size",
                                        "vocab_size", "batch", "text",     "special", NULL};
    lua_newtable(L);
    for (int i = 0; names[i]; i++) {
        lua_pushstring(L, names[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

void bind_open_sources(lua_State *L)
{
    static const luaL_Reg events[] = {{"__gc", source_gc},
                                      {"__index", source_index},
                                      {"__tostring", source_tostring},
                                      {"__members", source_members},
                                      {NULL, NULL}};
    luaL_newmetatable(L, SOURCE_TYPE);
    luaL_setfuncs(L, events, 0);
    lua_pop(L, 1);
}
