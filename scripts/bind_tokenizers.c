/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scripts/bind_tokenizers.h"

#include "engine/base/memory.h"

#include <string.h>

#define TOKENIZER_TYPE "lathe.tokenizer"

typedef struct TokenizerHandle {
    Encoder encoder;
    Status (*save)(const void *tokenizer, const char *path);
} TokenizerHandle;

void bind_push_tokenizer(lua_State *L, const Encoder *encoder,
                         Status (*save)(const void *tokenizer, const char *path))
{
    TokenizerHandle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    *handle = (TokenizerHandle){.encoder = *encoder, .save = save};
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

/* tokenizer:decode(ids): the pieces joined again, "##" taken away */
static int tokenizer_decode(lua_State *L)
{
    const Vocabulary *vocabulary = check(L, 1)->encoder.vocabulary;
    Tensor *ids = bind_push_as_tensor(L, 2, DTYPE_I32);
    Buffer *out = host_push_buffer(L);
    for (int64_t i = 0, n = tensor_count(ids); i < n; i++) {
        int64_t id = (int64_t)tensor_get(ids, i);
        const char *piece = id >= 0 && id < vocabulary->size && vocabulary->pieces ? vocabulary->pieces[id] : "?";
        bool joined = strncmp(piece, "##", 2) == 0;
        if (out->length && !joined) host_check(L, buffer_text(out, " "));
        host_check(L, buffer_text(out, joined ? piece + 2 : piece));
    }
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
    if (!handle->save) return luaL_error(L, "save: this tokenizer has no file format");
    host_check(L, handle->save(handle->encoder.tokenizer, path));
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
    for (const luaL_Reg *method = methods; method->name; method++)
        if (strcmp(method->name, name) == 0) {
            lua_pushcfunction(L, method->func);
            return 1;
        }
    return luaL_error(L,
                      "a tokenizer has no '%s'; there are vocab_size, encode(text), decode(ids), piece(id) and "
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
}
