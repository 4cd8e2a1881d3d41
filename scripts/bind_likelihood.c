/* SPDX-License-Identifier: GPL-3.0-or-later */
/* run:likelihood(text), run:minimal_pairs(path) and run:exact_match(corpus); scripts/lib/likelihood.lua and
 * answers.lua know texts and tokenizers. */
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/json.h"
#include "engine/train/likelihood.h"
#include "scripts/bind_class.h"
#include "scripts/bind_session.h"
#include "scripts/library.h"

#include <stdio.h>
#include <string.h>

enum { MOST_TOKENS = 1 << 20, MOST_BYTES = 1 << 30 };

/* lathe.likelihood(session, model name, source, {ids}) -> log likelihood, tokens, unknown ones among them */
static int likelihood_ids(lua_State *L)
{
    SessionHandle *handle = bind_check_session(L, 1);
    Model *model = session_model(handle->session, luaL_checkstring(L, 2));
    Source *source = bind_check_source(L, 3);
    Likelihood result;
    luaL_checktype(L, 4, LUA_TTABLE);
    lua_Integer count = (lua_Integer)lua_rawlen(L, 4);
    if (!model) return luaL_error(L, "likelihood: there is no model '%s'", lua_tostring(L, 2));
    if (!source->vocabulary) return luaL_error(L, "likelihood: the data source has no vocabulary");
    luaL_argcheck(L, count <= MOST_TOKENS, 4, "too many tokens");
    int32_t *ids = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *ids, 0);
    for (lua_Integer i = 0; i < count; i++) {
        lua_rawgeti(L, 4, i + 1);
        ids[i] = (int32_t)luaL_checkinteger(L, -1);
        lua_pop(L, 1);
    }
    host_check(L, session_likelihood(handle->session, model, source->vocabulary, ids, count, &result));
    lua_pushnumber(L, result.log_likelihood);
    lua_pushinteger(L, result.tokens);
    lua_pushinteger(L, result.unknown);
    return 3;
}

/* lathe.predicts(session, model name, output) -> whether the model has such an output */
static int model_predicts(lua_State *L)
{
    Model *model = session_model(bind_check_session(L, 1)->session, luaL_checkstring(L, 2));
    const char *name = luaL_checkstring(L, 3);
    const ModelOutput *output = model ? model->record->outputs : NULL;
    while (output && output->name && strcmp(output->name, name) != 0) output++;
    lua_pushboolean(L, output && output->name);
    return 1;
}

/* --- pairs: a JSON object a line, as BLiMP has them (Warstadt et al. 2020) --- */

typedef struct Pair {
    int line;
    json_t *object;
    const char *good, *bad, *kind;
} Pair;

static Status read_pair(const char *path, const char *text, size_t length, Pair *out)
{
    char name[512];
    snprintf(name, sizeof name, "%.480s: line %d", path, out->line);
    TRY(json_parse_line(path, out->line, text, length, &out->object));
    TRY(json_member_text(name, out->object, "sentence_good", &out->good));
    TRY(json_member_text(name, out->object, "sentence_bad", &out->bad));
    const json_t *kind = json_object_get(out->object, "UID");
    out->kind = json_is_string(kind) ? json_string_value(kind) : "";
    return STATUS_OK;
}

static int push_pair(lua_State *L)
{
    const Pair *pair = lua_touserdata(L, 1);
    lua_createtable(L, 4, 0);
    const char *const texts[] = {pair->good, pair->bad, pair->kind};
    for (int i = 0; i < 3; i++) {
        lua_pushstring(L, texts[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_pushinteger(L, pair->line);
    lua_rawseti(L, -2, 4);
    return 1;
}

/* Puts the pair of the line into the list at index 2. */
static void add_pair(lua_State *L, const char *path, int number, const char *line, size_t length)
{
    Pair pair = {.line = number};
    Status status = read_pair(path, line, length, &pair);
    lua_pushcfunction(L, push_pair);
    lua_pushlightuserdata(L, &pair);
    int code = status == STATUS_OK ? lua_pcall(L, 1, 1, 0) : LUA_OK;
    json_decref(pair.object);
    host_check(L, status);
    if (code != LUA_OK) lua_error(L);
    lua_rawseti(L, 2, (lua_Integer)lua_rawlen(L, 2) + 1);
}

/* lathe.read_pairs(path) -> { {good, bad, kind, line}, ... } */
static int read_pairs(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    int number = 0;
    lua_settop(L, 1);
    lua_newtable(L);
    Buffer *text = host_push_buffer(L);
    host_check(L, file_read(path, MOST_BYTES, text));
    for (const char *at = text->data, *end = at + text->length; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((stop ? stop : end) - at);
        number++;
        if (length) add_pair(L, path, number, at, length);
        at += length + 1;
    }
    lua_settop(L, 2);
    return 1;
}

/* The methods of a session are functions of the library. */
static int call_method(lua_State *L, const char *name, lua_CFunction again)
{
    SessionHandle *handle = bind_check_session(L, 1);
    host_need_boundary(L, again);
    if (handle->stepping) return luaL_error(L, "%s: a training step is under way", name);
    library_push(L, "lathe");
    lua_getfield(L, -1, "scoring");
    lua_getfield(L, -1, name);
    lua_replace(L, -3);
    lua_pop(L, 1);
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

static int likelihood(lua_State *L)
{
    return call_method(L, "likelihood", likelihood);
}

static int minimal_pairs(lua_State *L)
{
    return call_method(L, "minimal_pairs", minimal_pairs);
}

static int exact_match(lua_State *L)
{
    return call_method(L, "exact_match", exact_match);
}

static const RecordWord words[] = {{"model", "the name of a model of the session"}, {0}};
static const RecordWord match_words[] = {
    {"examples", "texts that are asked about, from the first on; 100 unless said"},
    {"model", "the name of a model of the session"},
    {0}};
const BindMethod bind_likelihood_methods[] = {
    {.name = "likelihood",
     .arguments = "(text, { options })",
     .doc = "How likely the model takes the text to be: a table with log_likelihood (nats), tokens, unknown (words "
            "among them that the vocabulary does not have), perplexity, bits_per_byte. A decoder scores each token "
            "given those before it; a masked model each token with it alone masked "
            "(pseudo-perplexity; Salazar et al. 2020).",
     .call = likelihood,
     .words = words},
    {.name = "minimal_pairs",
     .arguments = "(path, { options })",
     .doc = "The share of pairs of which the model takes the good sentence to be likelier, in all and by kind. A "
            "JSON object a "
            "line with sentence_good, sentence_bad and perhaps UID, as BLiMP has them (Warstadt et al. 2020).",
     .call = minimal_pairs,
     .words = words},
    {.name = "exact_match",
     .arguments = "(corpus, { options })",
     .doc = "How often the target of a text is written word for word by a decoder that learned from data.pairs: a "
            "table with exact_match (a share), right, examples, and answers, each with text, target, answer. Other "
            "options are those of generate().",
     .call = exact_match,
     .words = match_words},
    {0}};

void bind_open_likelihood(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"likelihood", likelihood_ids}, {"predicts", model_predicts}, {"read_pairs", read_pairs}, {NULL, NULL}};
    lua_getglobal(L, "lathe");
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
