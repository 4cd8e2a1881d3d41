/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scripts/bind_tokenizers.h"

#include "engine/base/memory.h"

#include <string.h>

#define TOKENIZER_TYPE "lathe.tokenizer"

typedef struct TokenizerHandle {
    Encoder encoder;
    const TokenizerFunctions *functions;
} TokenizerHandle;

void bind_push_tokenizer(lua_State *L, const Encoder *encoder, const TokenizerFunctions *functions)
{
    TokenizerHandle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    *handle = (TokenizerHandle){.encoder = *encoder, .functions = functions};
    luaL_setmetatable(L, TOKENIZER_TYPE);
    if (encoder->owner.retain) encoder->owner.retain(encoder->owner.object);
}

static TokenizerHandle *check(lua_State *L, int index)
{
    TokenizerHandle *handle = luaL_testudata(L, index, TOKENIZER_TYPE);
    if (!handle || !handle->encoder.encode)
        luaL_error(L, "a tokenizer is wanted, as tokenizers.wordpiece.train(corpus) gives one; got a %s",
                   luaL_typename(L, index));
    return handle;
}

Encoder bind_check_encoder(lua_State *L, int index)
{
    return check(L, index)->encoder;
}

static int tokenizer_gc(lua_State *L)
{
    TokenizerHandle *handle = luaL_checkudata(L, 1, TOKENIZER_TYPE);
    TextOwner owner = handle->encoder.owner;
    if (handle->encoder.encode && owner.release) owner.release(owner.object);
    handle->encoder = (Encoder){0};
    return 0;
}

/* --- methods --- */

static int free_list(lua_State *L)
{
    token_list_free(lua_touserdata(L, 1));
    return 0;
}

static TokenList *push_list(lua_State *L)
{
    TokenList *list = lua_newuserdatauv(L, sizeof *list, 0);
    *list = (TokenList){0};
    if (luaL_newmetatable(L, "lathe.tokens")) {
        lua_pushcfunction(L, free_list);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return list;
}

/* tokenizer:encode(text) -> a list of ids, and their pieces */
static int tokenizer_encode(lua_State *L)
{
    const Encoder *encoder = &check(L, 1)->encoder;
    size_t length;
    const char *text = luaL_checklstring(L, 2, &length);
    TokenList *list = push_list(L);
    host_check(L, encoder->encode(encoder->tokenizer, text, length, list));
    lua_createtable(L, (int)list->count, 0);
    lua_createtable(L, (int)list->count, 0);
    for (int64_t i = 0; i < list->count; i++) {
        lua_pushinteger(L, list->ids[i]);
        lua_rawseti(L, -3, i + 1);
        lua_pushstring(L, encoder->vocabulary->pieces ? encoder->vocabulary->pieces[list->ids[i]] : "?");
        lua_rawseti(L, -2, i + 1);
    }
    return 2;
}

/* The pieces, with spaces between them. */
static Status join_pieces(const Vocabulary *vocabulary, const TokenList *list, Buffer *out)
{
    for (int64_t i = 0; i < list->count; i++) {
        int64_t id = list->ids[i];
        if (id < 0 || id >= vocabulary->size || !vocabulary->pieces)
            return status_fail(STATUS_INVALID, "decode: there are pieces 0 to %lld, not %lld",
                               (long long)vocabulary->size - 1, (long long)id);
        TRY(buffer_printf(out, "%s%s", i ? " " : "", vocabulary->pieces[id]));
    }
    return STATUS_OK;
}

/* tokenizer:decode(ids) -> readable text */
static int tokenizer_decode(lua_State *L)
{
    TokenizerHandle *handle = check(L, 1);
    const Encoder *encoder = &handle->encoder;
    Tensor *ids = bind_push_as_tensor(L, 2, DTYPE_I32);
    TokenList *list = push_list(L);
    for (int64_t i = 0, n = tensor_count(ids); i < n; i++)
        host_check(L, token_list_add(list, (int32_t)tensor_get(ids, i), 0));
    Buffer *out = host_push_buffer(L);
    if (handle->functions->decode)
        host_check(L, handle->functions->decode(encoder->tokenizer, list->ids, list->count, out));
    else
        host_check(L, join_pieces(encoder->vocabulary, list, out));
    host_buffer_to_string(L, out);
    return 1;
}

static int tokenizer_piece(lua_State *L)
{
    const Vocabulary *vocabulary = check(L, 1)->encoder.vocabulary;
    lua_Integer id = luaL_checkinteger(L, 2);
    if (id < 0 || id >= vocabulary->size || !vocabulary->pieces)
        return luaL_error(L, "piece: there are pieces 0 to %I", (lua_Integer)vocabulary->size - 1);
    lua_pushstring(L, vocabulary->pieces[id]);
    return 1;
}

static int tokenizer_save(lua_State *L)
{
    TokenizerHandle *handle = check(L, 1);
    const char *path = luaL_checkstring(L, 2);
    if (!handle->functions->save) return luaL_error(L, "save: this tokenizer has no file format");
    host_check(L, handle->functions->save(handle->encoder.tokenizer, path));
    return 0;
}

static const luaL_Reg methods[] = {{"encode", tokenizer_encode},
                                   {"decode", tokenizer_decode},
                                   {"piece", tokenizer_piece},
                                   {"save", tokenizer_save},
                                   {NULL, NULL}};

static int tokenizer_index(lua_State *L)
{
    const char *name = luaL_checkstring(L, 2);
    const Encoder *encoder = &check(L, 1)->encoder;
    if (strcmp(name, "vocab_size") == 0) {
        lua_pushinteger(L, encoder->vocabulary->size);
        return 1;
    }
    if (strcmp(name, "special") == 0) {
        bind_push_special(L, encoder->vocabulary);
        return 1;
    }
    for (const luaL_Reg *method = methods; method->name; method++)
        if (strcmp(method->name, name) == 0) {
            lua_pushcfunction(L, method->func);
            return 1;
        }
    return luaL_error(
        L,
        "a tokenizer has no '%s'; there are vocab_size, special, encode(text), decode(ids), piece(id) and "
        "save(path)",
        name);
}

static int tokenizer_tostring(lua_State *L)
{
    lua_pushfstring(L, "tokenizer with %I pieces", (lua_Integer)check(L, 1)->encoder.vocabulary->size);
    return 1;
}

static int tokenizer_members(lua_State *L)
{
    lua_Integer count = 0;
    lua_newtable(L);
    lua_pushliteral(L, "vocab_size");
    lua_rawseti(L, -2, ++count);
    for (const luaL_Reg *method = methods; method->name; method++) {
        lua_pushstring(L, method->name);
        lua_rawseti(L, -2, ++count);
    }
    return 1;
}

void bind_open_tokenizers(lua_State *L)
{
    static const luaL_Reg events[] = {{"__gc", tokenizer_gc},
                                      {"__index", tokenizer_index},
                                      {"__tostring", tokenizer_tostring},
                                      {"__members", tokenizer_members},
                                      {NULL, NULL}};
    luaL_newmetatable(L, TOKENIZER_TYPE);
    luaL_setfuncs(L, events, 0);
    lua_pop(L, 1);
    lua_newtable(L);
    lua_setglobal(L, "tokenizers");
}

void bind_open_tokenizer(lua_State *L, const RecordKind *kind, const char *name)
{
    Record record;
    lua_getglobal(L, "tokenizers");
    lua_newtable(L);
    for (int i = 0; kind->get(i, &record); i++) {
        bind_push_record(L, kind, &record);
        lua_setfield(L, -2, record.name);
    }
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}
