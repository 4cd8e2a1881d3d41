/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scripts/bind_data.h"

#include "datasets/squad_write.h"
#include "scripts/bind_class.h"
#include "scripts/bind_session.h"
#include "scripts/bind_tokenizers.h"

#include <stdio.h>
#include <string.h>

#define CORPUS_TYPE "lathe.corpus"

typedef struct CorpusHandle {
    Corpus *corpus;
} CorpusHandle;

/* --- progress --- */

static struct {
    void (*report)(void *context, const char *what, int64_t done, int64_t all);
    void *context;
} listener;

void bind_set_progress(void (*progress)(void *context, const char *what, int64_t done, int64_t all), void *context)
{
    listener.report = progress;
    listener.context = context;
}

void bind_report_progress(void *what, int64_t done, int64_t all)
{
    if (listener.report) listener.report(listener.context, what, done, all);
}

bool bind_progress_wanted(void)
{
    return listener.report != NULL;
}

/* --- corpora --- */

static CorpusHandle *new_corpus(lua_State *L)
{
    CorpusHandle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    handle->corpus = NULL;
    luaL_setmetatable(L, CORPUS_TYPE);
    return handle;
}

Corpus *bind_check_corpus(lua_State *L, int index)
{
    CorpusHandle *handle = luaL_testudata(L, index, CORPUS_TYPE);
    if (!handle || !handle->corpus)
        luaL_error(L, "a corpus is wanted, as data.text(path) gives one; got %s", bind_type_name(L, index));
    return handle->corpus;
}

static int corpus_gc(lua_State *L)
{
    CorpusHandle *handle = luaL_checkudata(L, 1, CORPUS_TYPE);
    if (handle->corpus) corpus_unref(handle->corpus);
    handle->corpus = NULL;
    return 0;
}

static int corpus_tostring(lua_State *L)
{
    Corpus *corpus = bind_check_corpus(L, 1);
    lua_pushfstring(L, "corpus %s: %I documents, %I sentences, %I bytes", corpus->doc,
                    (lua_Integer)corpus->document_count, (lua_Integer)corpus->sentence_count,
                    (lua_Integer)corpus->bytes.length);
    return 1;
}

/* corpus:sentence(i) */
static int corpus_get_sentence(lua_State *L)
{
    Corpus *corpus = bind_check_corpus(L, 1);
    lua_Integer index = luaL_checkinteger(L, 2);
    size_t length;
    if (index < 0 || index >= corpus->sentence_count)
        return luaL_error(L, "sentence: there are sentences 0 to %I", (lua_Integer)corpus->sentence_count - 1);
    const char *text = corpus_sentence(corpus, index, &length);
    lua_pushlstring(L, text, length);
    return 1;
}

/* corpus:document(i) -> the list of its sentences */
static int corpus_get_document(lua_State *L)
{
    Corpus *corpus = bind_check_corpus(L, 1);
    lua_Integer index = luaL_checkinteger(L, 2);
    if (index < 0 || index >= corpus->document_count)
        return luaL_error(L, "document: there are documents 0 to %I", (lua_Integer)corpus->document_count - 1);
    int64_t first = corpus->documents[index], end = corpus->documents[index + 1];
    lua_newtable(L);
    for (int64_t s = first; s < end; s++) {
        size_t length;
        const char *text = corpus_sentence(corpus, s, &length);
        lua_pushlstring(L, text, length);
        lua_rawseti(L, -2, s - first + 1);
    }
    return 1;
}

/* corpus:save_squad(path) */
static int corpus_save_squad(lua_State *L)
{
    Corpus *corpus = bind_check_corpus(L, 1);
    host_check(L, squad_write(corpus, luaL_checkstring(L, 2)));
    return 0;
}

/* The value at the top was made of that at index 1, in that way. */
static void derive_call(lua_State *L, const char *way)
{
    if (bind_push_call(L, 1)) {
        lua_pushfstring(L, "%s%s", lua_tostring(L, -1), way);
        bind_set_call(L, -3, lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* corpus:joined() */
static int corpus_get_joined(lua_State *L)
{
    Corpus *corpus = bind_check_corpus(L, 1);
    CorpusHandle *handle = new_corpus(L);
    host_check(L, corpus_joined(corpus, &handle->corpus));
    host_count_bytes(L, handle->corpus->bytes.length);
    derive_call(L, ":joined()");
    return 1;
}

static void push_corpus(lua_State *L, Corpus *corpus)
{
    CorpusHandle *handle = new_corpus(L);
    handle->corpus = corpus_ref(corpus);
}

static int push_held_out(lua_State *L)
{
    Corpus *corpus = bind_check_corpus(L, 1);
    if (corpus->held_out) {
        push_corpus(L, corpus->held_out);
        derive_call(L, ".held_out");
    } else {
        lua_pushnil(L);
    }
    return 1;
}

static int push_classes(lua_State *L)
{
    const Corpus *corpus = bind_check_corpus(L, 1);
    lua_newtable(L);
    for (int64_t i = 0; i < corpus->class_count; i++) {
        lua_pushstring(L, corpus->classes[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static int push_task(lua_State *L)
{
    static const char *const tasks[] = {
        [CORPUS_TEXT] = "text", [CORPUS_PAIRS] = "pairs", [CORPUS_QUESTIONS] = "questions"};
    lua_pushstring(L, tasks[bind_check_corpus(L, 1)->task]);
    return 1;
}

static int push_doc(lua_State *L)
{
    lua_pushstring(L, bind_check_corpus(L, 1)->doc);
    return 1;
}

static int push_documents(lua_State *L)
{
    lua_pushinteger(L, bind_check_corpus(L, 1)->document_count);
    return 1;
}

static int push_sentences(lua_State *L)
{
    lua_pushinteger(L, bind_check_corpus(L, 1)->sentence_count);
    return 1;
}

static int push_bytes(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)bind_check_corpus(L, 1)->bytes.length);
    return 1;
}

/* --- data.NAME --- */

/* The path at index 1. */
static const char *check_path(lua_State *L, const Record *record)
{
    char who[64];
    snprintf(who, sizeof who, "data.%s", record->name);
    bind_check_type(L, 1, LUA_TSTRING, who, "the path of a file");
    return lua_tostring(L, 1);
}

static const RecordWord path_argument[] = {{"path", "the file to read"}, {0}};
static const RecordWord text_arguments[] = {{"corpus", "a text, as data.text(path) or data.stories {} gives one"},
                                            {"tokenizer", "as tokenizers.wordpiece.train(corpus) gives one"},
                                            {0}};
static const RecordWord file_arguments[] = {
    {"path", "the file to read"}, {"tokenizer", "as tokenizers.load(directory) gives one"}, {0}};
static const RecordWord text_words[] = {
    {"held_out", "a corpus for valid; unless said, what the corpus itself holds out, or the share 'valid' of it"},
    {0}};

static bool get_data(int index, Record *out)
{
    if (index < corpus_record_count) {
        const CorpusRecord *record = corpus_records[index];
        *out = (Record){.name = record->name,
                        .doc = record->doc,
                        .source = record->source,
                        .arguments = record->reads ? path_argument : NULL,
                        .options = record->options,
                        .data = record};
        return true;
    }
    if (index >= corpus_record_count + data_record_count) return false;
    const DataRecord *record = data_records[index - corpus_record_count];
    *out = (Record){.name = record->name,
                    .doc = record->doc,
                    .source = record->source,
                    .arguments = record->read        ? path_argument
                                 : record->read_text ? file_arguments
                                                     : text_arguments,
                    .options = record->options,
                    .words = record->split ? text_words : NULL,
                    .data = record};
    return true;
}

/* The config of a record in a userdata at the top of the stack, from the table of options at the index, if any. */
static void *push_config(lua_State *L, int index, const Record *record, size_t size, const RecordWord *other)
{
    void *config = lua_newuserdatauv(L, size + 1, 0);
    memset(config, 0, size + 1);
    option_defaults(record->options, config);
    if (lua_isnoneornil(L, index)) return config;
    bind_read_options(L, index, record->options, config, record->name, other);
    return config;
}

/* How something was made: data.NAME(path or corpus, tokenizer, { options, held_out = held_out }); NULL where there
 * is none. The texts are Lua. */
typedef struct Call {
    const Record *record;
    const char *path, *corpus, *tokenizer, *held_out;
    const void *config;
} Call;

static Status print_call(const Call *call, const char *part, Buffer *out)
{
    TRY(buffer_printf(out, "data.%s(", call->record->name));
    if (call->path) TRY(bind_print_text(call->path, out));
    if (call->corpus) TRY(buffer_text(out, call->corpus));
    if (call->path || call->corpus) TRY(buffer_text(out, ", "));
    if (call->tokenizer) TRY(buffer_printf(out, "%s, ", call->tokenizer));
    TRY(buffer_text(out, "{ "));
    TRY(bind_print_options(call->record->options, call->config, out));
    if (call->held_out) TRY(buffer_printf(out, "held_out = %s ", call->held_out));
    return buffer_printf(out, "})%s", part);
}

static void set_call(lua_State *L, int index, const Call *call, const char *part)
{
    index = lua_absindex(L, index);
    Buffer *text = host_push_buffer(L);
    host_check(L, print_call(call, part, text));
    bind_set_call(L, index, text->data);
    lua_pop(L, 1);
}

/* Of the two sources at the top. */
static void set_both_calls(lua_State *L, const Call *call)
{
    set_call(L, -2, call, ".train");
    set_call(L, -1, call, ".valid");
}

/* data.text(path, {options}), data.stories {options} */
static int make_corpus(lua_State *L, const Record *record)
{
    const CorpusRecord *maker = record->data;
    const char *path = NULL;
    if (maker->reads) path = check_path(L, record);
    int options = maker->reads ? 2 : 1;
    lua_settop(L, options);
    void *config = push_config(L, options, record, maker->config_size, NULL);
    CorpusHandle *handle = new_corpus(L);
    char what[] = "reading";
    if (!maker->reads) memcpy(what, "making", 7);
    host_check(L, maker->make(path, config, bind_report_progress, what, &handle->corpus));
    host_count_bytes(L, handle->corpus->bytes.length);
    Call call = {.record = record, .path = path, .config = config};
    set_call(L, -1, &call, "");
    return 1;
}

/* The table { train = source, valid = source } of the two handles at the top, which may be empty. */
static int push_both(lua_State *L)
{
    lua_createtable(L, 0, 2);
    lua_insert(L, -3);
    if (*(Source **)lua_touserdata(L, -1))
        lua_setfield(L, -3, "valid");
    else
        lua_pop(L, 1);
    lua_setfield(L, -2, "train");
    return 1;
}

/* data.svmlight(path, {options}) -> { train = source, valid = source } */
static int read_sources(lua_State *L, const Record *record)
{
    const DataRecord *maker = record->data;
    const char *path = check_path(L, record);
    lua_settop(L, 2);
    void *config = push_config(L, 2, record, maker->config_size, NULL);
    Source **train = bind_new_source(L), **valid = bind_new_source(L);
    host_check(L, maker->read(path, config, train, valid));
    set_both_calls(L, &(Call){.record = record, .path = path, .config = config});
    return push_both(L);
}

/* Gives both sources at the top the tokenizer at index 2, for attention(text). */
static void set_tokenizers(lua_State *L)
{
    for (int source = -2; source < 0; source++) {
        lua_pushvalue(L, 2);
        bind_set_source_tokenizer(L, source - 1);
    }
}

/* data.squad(path, tokenizer, {options}) -> { train = source, valid = source } */
static int read_text_sources(lua_State *L, const Record *record)
{
    const DataRecord *maker = record->data;
    const char *path = check_path(L, record);
    Encoder encoder = bind_check_encoder(L, 2);
    lua_settop(L, 3);
    void *config = push_config(L, 3, record, maker->config_size, NULL);
    const char *tokenizer = bind_push_call(L, 2);
    Source **train = bind_new_source(L), **valid = bind_new_source(L);
    set_tokenizers(L);
    host_check(L, maker->read_text(path, &encoder, config, train, valid));
    if (tokenizer)
        set_both_calls(L, &(Call){.record = record, .path = path, .tokenizer = tokenizer, .config = config});
    return push_both(L);
}

/* data.sentence_pairs(corpus, tokenizer, {options, held_out = corpus}) -> { train = source, valid = source } */
static int make_sources(lua_State *L, const Record *record)
{
    const DataRecord *maker = record->data;
    if (maker->read) return read_sources(L, record);
    if (maker->read_text) return read_text_sources(L, record);
    lua_settop(L, 3);
    Corpus *corpus = bind_check_corpus(L, 1), *held_out = NULL;
    Encoder encoder = bind_check_encoder(L, 2);
    void *config = push_config(L, 3, record, maker->config_size, text_words);
    Call call = {.record = record, .config = config};
    call.corpus = bind_push_call(L, 1);
    call.tokenizer = bind_push_call(L, 2);
    bool known = call.corpus && call.tokenizer;
    if (lua_type(L, 3) == LUA_TTABLE && lua_getfield(L, 3, "held_out") != LUA_TNIL) {
        held_out = bind_check_corpus(L, -1);
        call.held_out = bind_push_call(L, -1);
        known = known && call.held_out;
    }
    Source **train = bind_new_source(L), **valid = bind_new_source(L);
    set_tokenizers(L);
    char what[] = "encoding";
    host_check(L, data_make(maker, corpus, held_out, &encoder, config, bind_report_progress, what, train, valid));
    if (known) set_both_calls(L, &call);
    return push_both(L);
}

static int call_data(lua_State *L, const Record *record)
{
    for (int i = 0; i < corpus_record_count; i++)
        if (record->data == corpus_records[i]) return make_corpus(L, record);
    return make_sources(L, record);
}

const RecordKind bind_data = {"data",   "data maker", "texts, and the batches made of them",
                              get_data, call_data,    NULL};

void bind_open_data(lua_State *L)
{
    static const BindField fields[] = {
        {"doc", "what it is and where it came from", push_doc},
        {"documents", "how many documents it has", push_documents},
        {"sentences", "how many sentences", push_sentences},
        {"bytes", "how many bytes of text", push_bytes},
        {"classes", "the names of the documents' classes", push_classes},
        {"held_out", "the corpus that is held out for evaluation, or nil", push_held_out},
        {"task",
         "what the last sentence of each document is: text; pairs: written about the others; questions: the "
         "answer to the one before it",
         push_task},
        {0}};
    static const BindMethod methods[] = {
        {.name = "sentence", .arguments = "(i)", .doc = "The i-th sentence, from 0.", .call = corpus_get_sentence},
        {.name = "document",
         .arguments = "(i)",
         .doc = "The list of the sentences of the i-th document, from 0.",
         .call = corpus_get_document},
        {.name = "save_squad",
         .arguments = "(path)",
         .doc = "Writes questions with their answers to a file of SQuAD's form, version 1.1.",
         .call = corpus_save_squad},
        {.name = "joined",
         .arguments = "()",
         .doc = "The corpus with each document in one piece.",
         .call = corpus_get_joined},
        {0}};
    static const BindClass class = {
        .type = CORPUS_TYPE,
        .name = "corpus",
        .article = "a",
        .doc = "A text in documents and sentences, made by data.text(path), data.stories {} and so on.",
        .fields = fields,
        .methods = {methods}};
    static const luaL_Reg events[] = {{"__gc", corpus_gc}, {"__tostring", corpus_tostring}, {NULL, NULL}};
    bind_open_class(L, &class, events);
}
