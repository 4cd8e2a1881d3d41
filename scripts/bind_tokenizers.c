/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scripts/bind_tokenizers.h"

#include "engine/base/memory.h"
#include "scripts/bind_class.h"

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
        luaL_error(L, "a tokenizer is wanted, as tokenizers.wordpiece.train(corpus) gives one; got %s",
                   bind_type_name(L, index));
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

static int push_vocab_size(lua_State *L)
{
    lua_pushinteger(L, check(L, 1)->encoder.vocabulary->size);
    return 1;
}

static int push_special_ids(lua_State *L)
{
    bind_push_special(L, check(L, 1)->encoder.vocabulary);
    return 1;
}

static int tokenizer_tostring(lua_State *L)
{
    lua_pushfstring(L, "tokenizer with %I pieces", (lua_Integer)check(L, 1)->encoder.vocabulary->size);
    return 1;
}

const RecordWord tokenizer_corpus[] = {{"corpus", "a text to learn from, as data.text(path) gives one"}, {0}};
const RecordWord tokenizer_path[] = {{"path", "a file, or the directory that holds it"}, {0}};

void bind_open_tokenizers(lua_State *L)
{
    static const BindField fields[] = {
        {"vocab_size", "how many pieces there are", push_vocab_size},
        {"special", "the ids of classify, separator, mask, pad and unknown; -1: there is none", push_special_ids},
        {0}};
    static const BindMethod methods[] = {
        {.name = "encode",
         .arguments = "(text)",
         .doc = "A list of ids and one of their pieces, without special pieces.",
         .call = tokenizer_encode},
        {.name = "decode",
         .arguments = "(ids, ...)",
         .doc = "The text of a list or tensor of ids; what encode() gives will do.",
         .call = tokenizer_decode},
        {.name = "piece", .arguments = "(id)", .doc = "The piece of an id, from 0.", .call = tokenizer_piece},
        {.name = "save",
         .arguments = "(path)",
         .doc = "Writes the vocabulary, for load().",
         .call = tokenizer_save},
        {0}};
    static const BindClass class = {
        .type = TOKENIZER_TYPE,
        .name = "tokenizer",
        .article = "a",
        .doc =
            "A tokenizer, made by tokenizers.wordpiece.train(corpus) or tokenizers.load(path): texts as numbers.",
        .fields = fields,
        .methods = {methods}};
    static const luaL_Reg events[] = {{"__gc", tokenizer_gc}, {"__tostring", tokenizer_tostring}, {NULL, NULL}};
    bind_open_class(L, &class, events);
}
