/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a model makes of one text, for the Lua library (scripts/lib/texts.lua, debug.lua): attention, the likeliest
 * words at some places, scores of classes. In evaluation mode; nothing is changed. */
#include "engine/nn/sampling.h"
#include "engine/ops/attention.h"
#include "scripts/bind_session.h"

#include <stdio.h>
#include <string.h>

enum { MOST_TOKENS = 1 << 14, MOST_BEST = 32 };

/* --- a text as a batch of one --- */

static int32_t *put_field(lua_State *L, Batch *batch, const char *name, int ndim, const int64_t *shape)
{
    Tensor *tensor = NULL;
    host_check(L, tensor_new_zeros(NULL, DTYPE_I32, ndim, shape, &tensor));
    host_check(L, batch_put(batch, name, tensor));
    return TENSOR_I32(tensor);
}

static void read_integers(lua_State *L, int index, int64_t count, int32_t *out)
{
    for (int64_t i = 0; i < count; i++) {
        lua_rawgeti(L, index, i + 1);
        out[i] = (int32_t)lua_tointeger(L, -1);
        lua_pop(L, 1);
    }
}

/* Of the lists of ids and types at the index and behind it. */
static Batch *push_text(lua_State *L, int index)
{
    luaL_checktype(L, index, LUA_TTABLE);
    luaL_checktype(L, index + 1, LUA_TTABLE);
    int64_t length = (int64_t)lua_rawlen(L, index), one = 1;
    luaL_argcheck(L, length > 0 && length <= MOST_TOKENS, index, "1 to 16,384 tokens");
    Batch *batch = bind_new_batch(L);
    batch->size = 1;
    read_integers(L, index, length, put_field(L, batch, "input_ids", 2, (int64_t[]){1, length}));
    read_integers(L, index + 1, length, put_field(L, batch, "token_type_ids", 2, (int64_t[]){1, length}));
    *put_field(L, batch, "lengths", 1, &one) = (int32_t)length;
    return batch;
}

static Model *check_model(lua_State *L, const SessionHandle *handle, int index)
{
    Model *model = session_model(handle->session, luaL_checkstring(L, index));
    if (!model) luaL_error(L, "there is no model '%s'", lua_tostring(L, index));
    return model;
}

/* --- attention --- */

typedef struct Attentions {
    Tensor *probabilities[128];
    char paths[128][MODULE_PATH_SIZE];
    int count;
} Attentions;

static Status keep_attention(void *context, const Node *node, bool backward, double seconds)
{
    Attentions *found = context;
    (void)seconds;
    if (backward || strcmp(node->op->name, "attention") != 0 || found->count == 128) return STATUS_OK;
    TRY(attention_probabilities(node, &found->probabilities[found->count]));
    snprintf(found->paths[found->count++], MODULE_PATH_SIZE, "%s", node->path);
    return STATUS_OK;
}

static int free_attentions(lua_State *L)
{
    Attentions *found = lua_touserdata(L, 1);
    while (found->count) tensor_unref(found->probabilities[--found->count]);
    return 0;
}

static Status attend(Session *session, Model *model, const Batch *batch, Attentions *found)
{
    TapeObserver observer = {keep_attention, found};
    const TapeObserver *before = tape_observer(session->tape);
    Forward *pass;
    Tensor *hidden;
    session_set_mode(session, false);
    tape_observe(session->tape, &observer);
    Status status = forward_new(model, session->tape, batch, &pass);
    if (status == STATUS_OK) status = forward_output(pass, model->record->outputs[0].name, &hidden);
    tape_observe(session->tape, before);
    tape_reset(session->tape);
    return status;
}

static Attentions *push_attentions(lua_State *L)
{
    Attentions *found = lua_newuserdatauv(L, sizeof *found, 0);
    found->count = 0;
    if (luaL_newmetatable(L, "lathe.attentions")) {
        lua_pushcfunction(L, free_attentions);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return found;
}

/* lathe.attention(session, model name, {ids}, {types}) -> {{path =, probabilities = f32[1,heads,T,T]}, ...} */
static int attention(lua_State *L)
{
    host_need_boundary(L, attention);
    SessionHandle *handle = bind_check_idle(L, 1, "attention");
    Model *model = check_model(L, handle, 2);
    const Batch *batch = push_text(L, 3);
    Attentions *found = push_attentions(L);
    host_check(L, attend(handle->session, model, batch, found));
    lua_newtable(L);
    for (int i = 0; i < found->count; i++) {
        lua_createtable(L, 0, 2);
        lua_pushstring(L, found->paths[i]);
        lua_setfield(L, -2, "path");
        bind_push_tensor(L, found->probabilities[i]);
        lua_setfield(L, -2, "probabilities");
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* --- the likeliest classes --- */

/* The best of each row, row by row: what a call of scores() gives back. */
typedef struct Best {
    int64_t rows;
    int count; /* of a row */
    Candidate list[];
} Best;

static Status score(Session *session, Model *model, const Batch *batch, const char *output, Best *best)
{
    Forward *pass;
    Tensor *logits;
    session_set_mode(session, false);
    Status status = forward_new(model, session->tape, batch, &pass);
    if (status == STATUS_OK) status = forward_output(pass, output, &logits);
    if (status == STATUS_OK && (logits->ndim != 2 || logits->shape[0] != best->rows || !tensor_contiguous(logits)))
        status = status_fail(STATUS_INVALID, "%s of %s is no table of scores", output, model->record->name);
    if (status == STATUS_OK && logits->shape[1] < best->count) best->count = (int)logits->shape[1];
    for (int64_t r = 0; status == STATUS_OK && r < best->rows; r++)
        sampling_best(TENSOR_F32(logits) + r * logits->shape[1], logits->shape[1], best->count,
                      best->list + r * best->count);
    tape_reset(session->tape);
    return status;
}

static void push_best(lua_State *L, const Best *best)
{
    lua_createtable(L, (int)best->rows, 0);
    for (int64_t r = 0; r < best->rows; r++) {
        lua_createtable(L, best->count, 0);
        for (int i = 0; i < best->count; i++) {
            lua_createtable(L, 0, 2);
            lua_pushinteger(L, best->list[r * best->count + i].id);
            lua_setfield(L, -2, "id");
            lua_pushnumber(L, (lua_Number)best->list[r * best->count + i].probability);
            lua_setfield(L, -2, "probability");
            lua_rawseti(L, -2, i + 1);
        }
        lua_rawseti(L, -2, r + 1);
    }
}

/* lathe.scores(session, model name, {ids}, {types}, output, count, {places}) -> for each row of that output the
 * likeliest classes, {{id =, probability =}, ...}. Places: of masked tokens, from 0; none: a row for the text. */
static int scores(lua_State *L)
{
    host_need_boundary(L, scores);
    SessionHandle *handle = bind_check_idle(L, 1, "predict");
    Model *model = check_model(L, handle, 2);
    const char *output = luaL_optstring(L, 5, model->record->classes);
    lua_Integer count = luaL_checkinteger(L, 6);
    luaL_checktype(L, 7, LUA_TTABLE);
    int64_t places = (int64_t)lua_rawlen(L, 7);
    if (!output)
        return luaL_error(L, "predict: '%s' is a %s, which has no classes", model->name, model->record->name);
    luaL_argcheck(L, count > 0 && count <= MOST_BEST, 6, "1 to 32 classes");
    luaL_argcheck(L, places <= MOST_TOKENS, 7, "too many places");
    Batch *batch = push_text(L, 3);
    if (places) read_integers(L, 7, places, put_field(L, batch, "masked_positions", 1, &places));
    int64_t rows = places ? places : 1;
    Best *best = lua_newuserdatauv(L, sizeof *best + sizeof *best->list * (size_t)(rows * count), 0);
    *best = (Best){.rows = rows, .count = (int)count};
    host_check(L, score(handle->session, model, batch, output, best));
    push_best(L, best);
    return 1;
}

/* lathe.verbatim(source) -> whether its tokens are bytes of text, spaces included */
static int verbatim(lua_State *L)
{
    const Source *source = bind_check_source(L, 1);
    lua_pushboolean(L, source->vocabulary && source->vocabulary->decode);
    return 1;
}

void bind_open_text_looks(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"attention", attention}, {"scores", scores}, {"verbatim", verbatim}, {NULL, NULL}};
    lua_getglobal(L, "lathe");
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
