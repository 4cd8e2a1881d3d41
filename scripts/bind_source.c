/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Data sources and batches in Lua. */
#include "scripts/bind_edit.h"
#include "scripts/bind_tokenizers.h"

#include "engine/base/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE_TYPE "lathe.source"
#define BATCH_TYPE  "lathe.held_batch"
#define TABLE_TYPE  "lathe.batch"

enum { MOST_NAMES = BATCH_MAX_FIELDS + 8 };

/* User value 1 is its tokenizer, 2 the session whose source it is (nil: nobody's). */
typedef struct SourceHandle {
    Source *source;
    char name[SESSION_NAME_SIZE]; /* in the session */
} SourceHandle;

Source **bind_new_source(lua_State *L)
{
    SourceHandle *handle = lua_newuserdatauv(L, sizeof *handle, 2);
    *handle = (SourceHandle){0};
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

void bind_push_session_source(lua_State *L, int session, const SessionSource *entry)
{
    session = lua_absindex(L, session);
    bind_push_source(L, entry->source);
    SourceHandle *handle = lua_touserdata(L, -1);
    memcpy(handle->name, entry->name, sizeof handle->name);
    lua_pushvalue(L, session);
    lua_setiuservalue(L, -2, 2);
}

/* The session's entry that the source at the index stands for, NULL where it is nobody's. */
static SessionSource *entry_of(lua_State *L, int index, SessionHandle **session)
{
    const SourceHandle *handle = luaL_checkudata(L, index, SOURCE_TYPE);
    if (lua_getiuservalue(L, index, 2) == LUA_TNIL) {
        lua_pop(L, 1);
        return NULL;
    }
    *session = bind_check_session(L, -1);
    lua_pop(L, 1);
    SessionSource *entry = session_source((*session)->session, handle->name);
    if (!entry) luaL_error(L, "the session has no data source '%s' any more", handle->name);
    return entry;
}

static int64_t batch_size_of(lua_State *L, int index)
{
    SessionHandle *session;
    const SessionSource *entry = entry_of(L, index, &session);
    return entry ? entry->batch_size : bind_check_source(L, index)->batch_size;
}

Source *bind_check_source(lua_State *L, int index)
{
    SourceHandle *handle = luaL_testudata(L, index, SOURCE_TYPE);
    if (!handle || !handle->source)
        luaL_error(L, "a data source is wanted, as data.sentence_pairs(...).train gives one; got %s",
                   bind_type_name(L, index));
    return handle->source;
}

static int source_gc(lua_State *L)
{
    SourceHandle *handle = luaL_checkudata(L, 1, SOURCE_TYPE);
    if (handle->source) source_unref(handle->source);
    handle->source = NULL;
    return 0;
}

/* --- batches --- */

static int names_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the batch at index 1, sorted; the batch holds them. */
static size_t batch_names(lua_State *L, const char *names[MOST_NAMES])
{
    size_t count = 0;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) == LUA_TSTRING && count < MOST_NAMES) names[count++] = lua_tostring(L, -1);
    }
    qsort(names, count, sizeof *names, names_order);
    return count;
}

/* batch.FIELD where it has none: batches differ, so that is nil, but not what is nearly the name of one. */
static int batch_index(lua_State *L)
{
    const char *names[MOST_NAMES], *name = luaL_tolstring(L, 2, NULL);
    size_t count = batch_names(L, names);
    const char *near = names_nearest(name, names, count, sizeof *names);
    if (near) return luaL_error(L, "the batch has no '%s'; did you mean '%s'?", name, near);
    lua_pushnil(L);
    return 1;
}

/* The names, with types and shapes. */
static int batch_tostring(lua_State *L)
{
    const char *names[MOST_NAMES];
    size_t count = batch_names(L, names);
    Buffer *out = host_push_buffer(L);
    lua_getfield(L, 1, "size");
    host_check(L, buffer_printf(out, "batch of %lld", (long long)lua_tointeger(L, -1)));
    for (size_t i = 0; i < count; i++) {
        char text[TENSOR_TEXT_SIZE];
        lua_getfield(L, 1, names[i]);
        const Tensor *tensor = bind_test_tensor(L, -1);
        const char *value = tensor ? tensor_describe(tensor, text) : luaL_tolstring(L, -1, NULL);
        host_check(L, buffer_printf(out, "\n  %-24s %.100s", names[i], value));
    }
    lua_pushlstring(L, out->data, out->length);
    return 1;
}

static int batch_help(lua_State *L)
{
    lua_pushliteral(
        L,
        "A batch: tensors by name, its size (examples) and epoch, as source:batch(i) and run.batch give one.\n"
        "  input_ids          ids of the tokens, i32[size,length]; source:text(ids) makes words of them\n"
        "  lengths            tokens of each example; what is behind is padding\n"
        "  example_ids        which example of the source each is\n"
        "What else there is depends on the data: next_sentence_label, labels, features. show(batch, i) shows an\n"
        "example in words.");
    return 1;
}

static void open_batches(lua_State *L)
{
    static const luaL_Reg events[] = {
        {"__index", batch_index}, {"__help", batch_help}, {"__tostring", batch_tostring}, {NULL, NULL}};
    luaL_newmetatable(L, TABLE_TYPE);
    luaL_setfuncs(L, events, 0);
    lua_pop(L, 1);
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
    luaL_setmetatable(L, TABLE_TYPE);
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
    host_check(L, source_next(source, batch_size_of(L, 1), NULL, &cursor, batch));
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
void bind_push_special(lua_State *L, const Vocabulary *vocabulary)
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

static int field_doc(lua_State *L)
{
    lua_pushstring(L, bind_check_source(L, 1)->doc);
    return 1;
}

static int field_kind(lua_State *L)
{
    lua_pushstring(L, bind_check_source(L, 1)->type->name);
    return 1;
}

static int field_examples(lua_State *L)
{
    lua_pushinteger(L, bind_check_source(L, 1)->examples);
    return 1;
}

static int field_tokens(lua_State *L)
{
    lua_pushinteger(L, bind_check_source(L, 1)->tokens);
    return 1;
}

static int field_batch_size(lua_State *L)
{
    lua_pushinteger(L, batch_size_of(L, 1));
    return 1;
}

static int field_vocab_size(lua_State *L)
{
    const Vocabulary *vocabulary = bind_check_source(L, 1)->vocabulary;
    lua_pushinteger(L, vocabulary ? vocabulary->size : 0);
    return 1;
}

/* That of a run is known to the journal by the way that leads to it. */
static int field_tokenizer(lua_State *L)
{
    const SourceHandle *source = luaL_checkudata(L, 1, SOURCE_TYPE);
    bind_push_source_tokenizer(L, 1);
    if (!source->name[0] || lua_isnil(L, -1)) return 1;
    lua_pushfstring(L, "run.data[\"%s\"].tokenizer", source->name);
    bind_set_call(L, -2, lua_tostring(L, -1));
    lua_pop(L, 1);
    return 1;
}

static int field_special(lua_State *L)
{
    bind_push_special(L, bind_check_source(L, 1)->vocabulary);
    return 1;
}

static int field_classes(lua_State *L)
{
    const Source *source = bind_check_source(L, 1);
    lua_newtable(L);
    for (int64_t i = 0; source->classes && i < source->class_count; i++) {
        lua_pushstring(L, source->classes[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* run.data.train.batch_size = 64: of this session's entry; order and masks of the examples stay. */
static int source_newindex(lua_State *L)
{
    enum { MOST = 1 << 16 };
    const SourceHandle *source = luaL_checkudata(L, 1, SOURCE_TYPE);
    SessionHandle *session = NULL;
    if (strcmp(luaL_checkstring(L, 2), "batch_size") != 0)
        return luaL_error(L, "of a data source only batch_size can be set: run.data.%s.batch_size = 64",
                          source->name[0] ? source->name : "train");
    if (!entry_of(L, 1, &session))
        return luaL_error(L, "this source is in no session; run.data.NAME.batch_size = 64 changes that of a run");
    int whole;
    lua_Integer size = lua_tointegerx(L, 3, &whole);
    if (!whole || size < 1 || size > MOST)
        return luaL_error(L, "batch_size must be an integer in [1, %d]; got %s. Nothing was changed.", MOST,
                          luaL_tolstring(L, 3, NULL));
    bind_need_boundary(L, source_newindex);
    int64_t before = entry_of(L, 1, &session)->batch_size;
    char effect[SESSION_NAME_SIZE + 64], inverse[SESSION_NAME_SIZE + 64], what[SESSION_NAME_SIZE + 64];
    snprintf(effect, sizeof effect, "run.data[\"%s\"].batch_size = %lld", source->name, (long long)size);
    snprintf(inverse, sizeof inverse, "run.data[\"%s\"].batch_size = %lld", source->name, (long long)before);
    snprintf(what, sizeof what, "data.%s.batch_size %lld -> %lld", source->name, (long long)before,
             (long long)size);
    bind_edit(L, session, effect, inverse);
    entry_of(L, 1, &session)->batch_size = size;
    bind_edit_done(L, session, what);
    return 0;
}

static int source_tostring(lua_State *L)
{
    Source *source = bind_check_source(L, 1);
    lua_pushfstring(L, "%s: %s, batches of %I, %I examples", source->type->name, source->doc,
                    (lua_Integer)batch_size_of(L, 1), (lua_Integer)source->examples);
    return 1;
}

void bind_open_sources(lua_State *L)
{
    static const BindField fields[] = {
        {"doc", "what it is made of", field_doc},
        {"kind", "which kind of batches it gives", field_kind},
        {"examples", "examples of an epoch", field_examples},
        {"tokens", "tokens of an epoch", field_tokens},
        {"batch_size", "examples of a batch; that of a run can be assigned", field_batch_size},
        {"tokenizer", "what made its numbers of text, for further data of the same pieces; nil: none",
         field_tokenizer},
        {"vocab_size", "pieces of its tokenizer", field_vocab_size},
        {"special", "the ids of classify, separator, mask, pad and unknown", field_special},
        {"classes", "names of the classes, where there are labels", field_classes},
        {0}};
    static const BindMethod methods[] = {
        {.name = "batch",
         .arguments = "(index, epoch)",
         .doc = "The batch from that example on, 0 unless said, as a table of tensors. Looking moves nothing.",
         .call = source_batch},
        {.name = "text",
         .arguments = "(ids)",
         .doc = "The pieces of a list or tensor of ids, in a line.",
         .call = source_text},
        {0}};
    static const BindClass class = {.type = SOURCE_TYPE,
                                    .name = "source",
                                    .article = "a",
                                    .doc = "A data source, made by data.sentence_pairs(corpus, tokenizer) and so "
                                           "on: examples in an order that follows "
                                           "from seed and epoch.",
                                    .fields = fields,
                                    .methods = {methods}};
    static const luaL_Reg events[] = {
        {"__gc", source_gc}, {"__newindex", source_newindex}, {"__tostring", source_tostring}, {NULL, NULL}};
    bind_open_class(L, &class, events);
    open_batches(L);
}
