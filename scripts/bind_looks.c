/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looks at a session and at tensors, for the Lua library (scripts/lib/debug.lua, pictures.lua). They change
 * nothing: what they compute is forgotten, what they set is set back bit by bit. */
#include "scripts/bind_session.h"

#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/io/safetensors.h"
#include "engine/tensor/statistics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SessionHandle *bind_check_idle(lua_State *L, int index, const char *what)
{
    SessionHandle *handle = bind_check_session(L, index);
    if (handle->session->busy || handle->stepping) luaL_error(L, "%s: a training step is under way", what);
    return handle;
}

static void set_number(lua_State *L, const char *name, double value)
{
    lua_pushnumber(L, value);
    lua_setfield(L, -2, name);
}

static void set_integer(lua_State *L, const char *name, int64_t value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

static void set_text(lua_State *L, const char *name, const char *value)
{
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

/* --- batches --- */

static int free_view(lua_State *L)
{
    batch_clear(lua_touserdata(L, 1));
    return 0;
}

Batch *bind_new_batch(lua_State *L)
{
    Batch *batch = lua_newuserdatauv(L, sizeof *batch, 0);
    *batch = (Batch){0};
    if (luaL_newmetatable(L, "lathe.view")) {
        lua_pushcfunction(L, free_view);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return batch;
}

/* After undo() or resuming, the step that was tried last is none of this state's. */
StepPlace bind_step_place(const Session *session, bool next)
{
    StepPlace place = session->tried;
    bool of_state = place.step == session->step || place.step + 1 == session->step;
    if (!next && session->step > 0 && of_state) return place;
    place.step = session->step;
    for (int i = 0; i < session->source_count; i++) place.cursors[i] = session->sources[i].cursor;
    return place;
}

/* The so manieth micro-batch from the place on, as the first objective that is on reads it. */
static void push_batch_at(lua_State *L, Session *session, const StepPlace *place, int64_t micro)
{
    const Objective *objective = NULL;
    if (session->busy) luaL_error(L, "batch: a training step is under way");
    for (int i = 0; i < session->objective_count && !objective; i++)
        if (objective_active(session->objectives[i])) objective = session->objectives[i];
    if (!objective) luaL_error(L, "batch: no objective is on");
    Batch *batch = bind_new_batch(L);
    host_check(L, session_check(session));
    host_check(L, session_view(session, place, micro < 0 ? 0 : micro, objective, batch));
    bind_push_batch(L, batch);
    set_text(L, "source", objective->source);
}

void bind_push_step_batch(lua_State *L, SessionHandle *handle, int64_t micro)
{
    StepPlace place = bind_step_place(handle->session, false);
    push_batch_at(L, handle->session, &place, micro);
    set_integer(L, "step", place.step + 1);
}

/* lathe.next_batch(session, n): the n-th micro-batch that the run will read, from 0 */
static int next_batch(lua_State *L)
{
    host_need_boundary(L, next_batch);
    const SessionHandle *handle = bind_check_idle(L, 1, "batch");
    lua_Integer ahead = luaL_checkinteger(L, 2);
    StepPlace place = bind_step_place(handle->session, true);
    luaL_argcheck(L, ahead >= 0 && ahead < 1000, 2, "0 to 999 batches ahead");
    push_batch_at(L, handle->session, &place, ahead);
    set_integer(L, "step", place.step + 1 + ahead / handle->session->accumulate);
    return 1;
}

/* lathe.step_batch(session, micro) */
static int step_batch(lua_State *L)
{
    host_need_boundary(L, step_batch);
    bind_push_step_batch(L, bind_check_idle(L, 1, "batch"), luaL_optinteger(L, 2, 0));
    return 1;
}

/* --- a step once more --- */

/* What one call of an op was and cost. */
typedef struct Call {
    const Op *op;
    char path[MODULE_PATH_SIZE], shape[TENSOR_TEXT_SIZE];
    bool backward;
    double seconds, flops, bytes;
} Call;

typedef struct Calls {
    Call *items;
    int64_t count, capacity;
} Calls;

static Status keep_call(void *context, const Node *node, bool backward, double seconds)
{
    Calls *calls = context;
    if (calls->count == calls->capacity) {
        int64_t capacity = calls->capacity ? calls->capacity * 2 : 256;
        TRY(memory_resize(&calls->items, (size_t)capacity, sizeof *calls->items));
        calls->capacity = capacity;
    }
    Call *call = &calls->items[calls->count++];
    *call = (Call){.op = node->op, .backward = backward, .seconds = seconds};
    snprintf(call->path, sizeof call->path, "%s", node->path);
    if (node->output_count) tensor_describe(node->outputs[0], call->shape);
    call->flops = node_flops(node) * (backward ? 2 : 1);
    call->bytes = node_bytes(node) * (backward ? 2 : 1);
    return STATUS_OK;
}

static int free_calls(lua_State *L)
{
    Calls *calls = lua_touserdata(L, 1);
    memory_free(calls->items);
    return 0;
}

static Calls *push_calls(lua_State *L)
{
    Calls *calls = lua_newuserdatauv(L, sizeof *calls, 0);
    *calls = (Calls){0};
    if (luaL_newmetatable(L, "lathe.calls")) {
        lua_pushcfunction(L, free_calls);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return calls;
}

static void push_call_list(lua_State *L, const Calls *calls)
{
    lua_createtable(L, (int)calls->count, 0);
    for (int64_t i = 0; i < calls->count; i++) {
        const Call *call = &calls->items[i];
        lua_createtable(L, 0, 7);
        set_text(L, "op", call->op->name);
        set_text(L, "path", call->path);
        set_text(L, "shape", call->shape);
        lua_pushboolean(L, call->backward);
        lua_setfield(L, -2, "backward");
        set_number(L, "seconds", call->seconds);
        set_number(L, "flops", call->flops);
        set_number(L, "bytes", call->bytes);
        lua_rawseti(L, -2, i + 1);
    }
}

Status bind_look(SessionHandle *handle, const SessionLook *look, StepMetrics *metrics)
{
    Tape *before = host_step_tape(handle->host);
    Status status = session_look(handle->session, look, metrics);
    host_set_tape(handle->host, before);
    return status;
}

/* lathe.look(session, next) -> metrics, calls: the last step once more (or the next one) without update */
static int look(lua_State *L)
{
    host_need_boundary(L, look);
    SessionHandle *handle = bind_check_idle(L, 1, "look");
    lua_settop(L, 2);
    Calls *calls = push_calls(L);
    TapeObserver observer = {keep_call, calls};
    StepPlace place = bind_step_place(handle->session, lua_toboolean(L, 2));
    SessionLook request = {.place = &place, .tape = &observer};
    StepMetrics metrics;
    host_check(L, bind_look(handle, &request, &metrics));
    bind_push_metrics(L, handle->session, &metrics);
    push_call_list(L, calls);
    return 2;
}

/* --- a parameter changed and set back --- */

typedef struct Nudge {
    const Param *param;
    const Tensor *delta;
    double change; /* gradient . delta */
    bool has_gradient;
} Nudge;

static Status predict(void *context, const Session *session)
{
    Nudge *nudge = context;
    const Tensor *grad = nudge->param->value->grad;
    (void)session;
    nudge->has_gradient = grad && !nudge->param->value->grad_fresh;
    for (int64_t i = 0, n = grad ? tensor_count(grad) : 0; i < n && nudge->has_gradient; i++)
        nudge->change += tensor_get(grad, i) * tensor_get(nudge->delta, i);
    return STATUS_OK;
}

static Status look_changed(SessionHandle *handle, Param *param, const Tensor *delta, const SessionLook *request,
                           StepMetrics *metrics)
{
    Tensor *before;
    TRY(tensor_clone(NULL, param->value, &before));
    for (int64_t i = 0, n = tensor_count(before); i < n; i++)
        tensor_set(param->value, i, tensor_get(before, i) + tensor_get(delta, i));
    param_changed(param);
    Status status = bind_look(handle, request, metrics);
    memcpy(tensor_data(param->value), tensor_data(before), (size_t)tensor_count(before) * sizeof(float));
    param_changed(param);
    tensor_unref(before);
    return status;
}

/* lathe.nudge(param, delta) -> loss, predicted change, loss with it */
static int nudge(lua_State *L)
{
    host_need_boundary(L, nudge);
    Param *param = bind_check_param(L, 1);
    Tensor *delta = bind_check_tensor(L, 2);
    SessionHandle *handle = bind_handle_of(L, 1);
    Nudge guess = {.param = param, .delta = delta};
    StepPlace place = bind_step_place(handle->session, false);
    SessionLook request = {.place = &place, .finished = predict, .context = &guess};
    StepMetrics now, then;
    char a[TENSOR_TEXT_SIZE], b[TENSOR_TEXT_SIZE];
    if (handle->session->busy || handle->stepping) return luaL_error(L, "nudge: a training step is under way");
    if (!tensor_same_shape(param->value, delta))
        return luaL_error(L, "nudge: the parameter is %s, delta %s", tensor_describe(param->value, a),
                          tensor_describe(delta, b));
    host_check(L, bind_look(handle, &request, &now));
    if (!guess.has_gradient) return luaL_error(L, "nudge: %s has no gradient in this step", param->path);
    request.finished = NULL;
    request.forward_only = true;
    host_check(L, look_changed(handle, param, delta, &request, &then));
    lua_pushnumber(L, now.loss);
    lua_pushnumber(L, guess.change);
    lua_pushnumber(L, then.loss);
    return 3;
}

/* --- tensors --- */

/* The tensor at the index, or a parameter's value. again: the binding, which waits where it looks at a parameter
 * amid an update. */
static Tensor *check_values(lua_State *L, int index, lua_CFunction again)
{
    bind_prefer_updated(L, index, again);
    Param *param = bind_test_param(L, index);
    return param ? param->value : bind_check_tensor(L, index);
}

/* lathe.statistics(tensor or parameter) */
static int statistics(lua_State *L)
{
    Statistics s = tensor_statistics(check_values(L, 1, statistics));
    lua_createtable(L, 0, 8);
    set_integer(L, "count", s.count);
    set_integer(L, "nan", s.nan);
    set_integer(L, "infinite", s.infinite);
    set_integer(L, "zeros", s.zeros);
    set_number(L, "norm", s.norm);
    set_number(L, "mean", s.mean);
    set_number(L, "min", s.min);
    set_number(L, "max", s.max);
    return 1;
}

/* lathe.counts(tensor, low, high, bins) -> a list */
static int counts(lua_State *L)
{
    const Tensor *tensor = check_values(L, 1, counts);
    int bins = (int)luaL_checkinteger(L, 4);
    luaL_argcheck(L, bins > 0 && bins <= 4096, 4, "1 to 4096 bins");
    int64_t *list = lua_newuserdatauv(L, sizeof *list * (size_t)bins, 0);
    tensor_histogram(tensor, luaL_checknumber(L, 2), luaL_checknumber(L, 3), bins, list);
    lua_createtable(L, bins, 0);
    for (int i = 0; i < bins; i++) {
        lua_pushinteger(L, list[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* The value furthest from 0 in a block of a matrix: a mean would hide a spike. NaN where there is one. */
static double block_value(const Tensor *t, const int64_t rows[2], const int64_t columns[2])
{
    double most = 0;
    for (int64_t r = rows[0]; r < rows[1]; r++)
        for (int64_t c = columns[0]; c < columns[1]; c++) {
            double value = tensor_get(t, r * t->shape[1] + c);
            if (isnan(value)) return value;
            if (fabs(value) > fabs(most)) most = value;
        }
    return most;
}

/* lathe.blocks(matrix, rows, columns) -> lists of lists, no more of them than asked */
static int blocks(lua_State *L)
{
    const Tensor *t = check_values(L, 1, blocks);
    int64_t rows = luaL_checkinteger(L, 2), columns = luaL_checkinteger(L, 3);
    if (t->ndim != 2) return luaL_error(L, "a matrix is wanted");
    if (rows > t->shape[0]) rows = t->shape[0];
    if (columns > t->shape[1]) columns = t->shape[1];
    lua_createtable(L, (int)rows, 0);
    for (int64_t r = 0; r < rows; r++) {
        int64_t down[2] = {r * t->shape[0] / rows, (r + 1) * t->shape[0] / rows};
        lua_createtable(L, (int)columns, 0);
        for (int64_t c = 0; c < columns; c++) {
            int64_t across[2] = {c * t->shape[1] / columns, (c + 1) * t->shape[1] / columns};
            lua_pushnumber(L, block_value(t, down, across));
            lua_rawseti(L, -2, c + 1);
        }
        lua_rawseti(L, -2, r + 1);
    }
    return 1;
}

/* lathe.compare(a, b) -> {norm, difference, largest, differing}, or nil where shapes or types differ */
static int compare(lua_State *L)
{
    const Tensor *a = check_values(L, 1, compare), *b = check_values(L, 2, compare);
    double norm = 0, difference = 0, largest = 0;
    int64_t differing = 0;
    if (a->dtype != b->dtype || !tensor_same_shape(a, b)) return 0;
    for (int64_t i = 0, n = tensor_count(a); i < n; i++) {
        double x = tensor_get(a, i), y = tensor_get(b, i), d = fabs(x - y);
        bool same = x == y || (isnan(x) && isnan(y));
        norm += x * x;
        differing += !same;
        if (same) continue;
        difference += d * d;
        if (!(d <= largest)) largest = d;
    }
    lua_createtable(L, 0, 4);
    set_number(L, "norm", sqrt(norm));
    set_number(L, "difference", sqrt(difference));
    set_number(L, "largest", largest);
    set_integer(L, "differing", differing);
    return 1;
}

/* --- files --- */

static int close_file(lua_State *L)
{
    Safetensors **file = lua_touserdata(L, 1);
    if (*file) safetensors_close(*file);
    *file = NULL;
    return 0;
}

/* lathe.tensors(path) -> {name = tensor f32, ...} of a safetensors file */
static int tensors(lua_State *L)
{
    Safetensors **file = lua_newuserdatauv(L, sizeof *file, 0);
    *file = NULL;
    if (luaL_newmetatable(L, "lathe.safetensors")) {
        lua_pushcfunction(L, close_file);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    host_check(L, safetensors_open(luaL_checkstring(L, 1), file));
    lua_newtable(L);
    for (size_t i = 0; i < safetensors_count(*file); i++) {
        const SafetensorsEntry *entry = safetensors_entry(*file, i);
        Tensor *tensor = NULL;
        bool integer = entry->type == SAFETENSORS_I64 || entry->type == SAFETENSORS_I32 ||
                       entry->type == SAFETENSORS_U8 || entry->type == SAFETENSORS_BOOL;
        DType dtype = integer ? DTYPE_I64 : DTYPE_F32;
        if (entry->ndim > TENSOR_MAX_DIMS) return luaL_error(L, "%s has too many dimensions", entry->name);
        TensorHandle *handle = bind_new_tensor(L);
        host_check(L, tensor_new(NULL, dtype, entry->ndim, entry->shape, &tensor));
        bind_fill_tensor(L, handle, tensor);
        host_check(L, safetensors_load(*file, entry, dtype, tensor_data(tensor)));
        lua_setfield(L, -2, entry->name);
    }
    return 1; /* the collector closes the file */
}

/* --- the tree --- */

typedef struct ParamList {
    lua_State *L;
    int session;
    const Module *module;
    lua_Integer count;
} ParamList;

static Status add_param(void *context, Param *param)
{
    ParamList *list = context;
    bind_push_param(list->L, list->session, list->module, param);
    lua_rawseti(list->L, -2, ++list->count);
    return STATUS_OK;
}

/* lathe.parameters(module) -> the list of all below, in the model's order */
static int parameters(lua_State *L)
{
    Module *module = bind_test_module(L, 1);
    if (!module) return luaL_error(L, "a module is wanted, as run.model");
    lua_getiuservalue(L, 1, 1);
    ParamList list = {L, lua_gettop(L), module, 0};
    lua_newtable(L);
    host_check(L, module_each_param(module, add_param, &list));
    return 1;
}

/* lathe.module_info(module) -> path, weights, model name, session, names of child modules */
static int module_info(lua_State *L)
{
    Module *module = bind_test_module(L, 1);
    char path[MODULE_PATH_SIZE];
    const Module *root = module;
    if (!module) return luaL_error(L, "a module is wanted, as run.model");
    while (root->parent) root = root->parent;
    module_path(module, path);
    lua_pushstring(L, path);
    lua_pushinteger(L, module_count_weights(module));
    lua_pushstring(L, root->name);
    lua_getiuservalue(L, 1, 1);
    lua_createtable(L, module->child_count, 0);
    for (int i = 0; i < module->child_count; i++) {
        lua_pushstring(L, module->children[i]->name);
        lua_rawseti(L, -2, i + 1);
    }
    return 5;
}

/* lathe.kind(value) -> "module", "parameter", "tensor", "session", or the Lua type */
static int kind(lua_State *L)
{
    lua_settop(L, 1);
    if (lua_type(L, 1) != LUA_TUSERDATA || luaL_getmetafield(L, 1, "__name") != LUA_TSTRING ||
        strncmp(lua_tostring(L, -1), "lathe.", 6) != 0)
        lua_pushstring(L, luaL_typename(L, 1));
    else
        lua_pushstring(L, lua_tostring(L, -1) + 6);
    return 1;
}

/* lathe.tokenizer(source) -> the tokenizer that made its ids, or nil */
static int tokenizer(lua_State *L)
{
    bind_check_source(L, 1);
    bind_push_source_tokenizer(L, 1);
    return 1;
}

/* lathe.ascii() -> whether pictures are to do without Unicode */
static int ascii_only(lua_State *L)
{
    const char *asked = getenv("LATHE_ASCII");
    bool plain = asked && *asked && strcmp(asked, "0") != 0;
    const char *locale = getenv("LC_ALL");
    if (!locale || !*locale) locale = getenv("LC_CTYPE");
    if (!locale || !*locale) locale = getenv("LANG");
    bool unicode = locale && (strstr(locale, "UTF-8") || strstr(locale, "utf8") || strstr(locale, "UTF8"));
    lua_pushboolean(L, plain || !unicode);
    return 1;
}

static int seconds_now(lua_State *L)
{
    lua_pushnumber(L, clock_seconds());
    return 1;
}

void bind_open_debug(lua_State *L)
{
    static const luaL_Reg functions[] = {{"step_batch", step_batch},
                                         {"next_batch", next_batch},
                                         {"look", look},
                                         {"nudge", nudge},
                                         {"statistics", statistics},
                                         {"counts", counts},
                                         {"blocks", blocks},
                                         {"compare", compare},
                                         {"tensors", tensors},
                                         {"kind", kind},
                                         {"parameters", parameters},
                                         {"module_info", module_info},
                                         {"state_names", bind_state_names},
                                         {"tokenizer", tokenizer},
                                         {"ascii", ascii_only},
                                         {"seconds", seconds_now},
                                         {NULL, NULL}};
    lua_getglobal(L, "lathe");
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
    bind_open_hooks(L);
    bind_open_text_looks(L);
}
