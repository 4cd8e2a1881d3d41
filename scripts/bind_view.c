/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What scripts/lib/views.lua needs from C: the session and its parameters as JSON, and JSON of Lua values. */
#include "engine/io/json.h"
#include "scripts/bind_session.h"

#include "engine/base/memory.h"

#include <math.h>
#include <string.h>

enum { DEEPEST = 8, MOST_LOOKED_AT = 1 << 16, SHAPE_BYTES = 96 };

/* --- JSON of Lua values --- */

static Status to_json(lua_State *L, int index, int depth, json_t **out);

static Status list_to_json(lua_State *L, int index, int depth, json_t **out)
{
    TRY(json_new_array(out));
    for (lua_Integer i = 1, count = (lua_Integer)lua_rawlen(L, index); i <= count; i++) {
        json_t *item = NULL;
        lua_rawgeti(L, index, i);
        Status status = to_json(L, lua_gettop(L), depth + 1, &item);
        lua_pop(L, 1);
        if (status == STATUS_OK) status = json_append(*out, item);
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

static Status object_to_json(lua_State *L, int index, int depth, json_t **out)
{
    TRY(json_new_object(out));
    lua_pushnil(L);
    while (lua_next(L, index)) {
        json_t *item = NULL;
        Status status = STATUS_OK;
        if (lua_type(L, -2) == LUA_TSTRING) {
            status = to_json(L, lua_gettop(L), depth + 1, &item);
            if (status == STATUS_OK) status = json_set(*out, lua_tostring(L, -2), item);
        }
        lua_pop(L, 1);
        if (status != STATUS_OK) {
            lua_pop(L, 1);
            return status;
        }
    }
    return STATUS_OK;
}

static json_t *number_to_json(double value)
{
    if (isnan(value)) return json_string("NaN");
    return isinf(value) ? json_string(value > 0 ? "Infinity" : "-Infinity") : json_real(value);
}

/* *out may hold a part after a failure; the caller gives it back either way. */
static Status to_json(lua_State *L, int index, int depth, json_t **out)
{
    if (depth > DEEPEST || !lua_checkstack(L, 8)) return status_fail(STATUS_INVALID, "json: nested too deeply");
    switch (lua_type(L, index)) {
    case LUA_TTABLE:
        return lua_rawlen(L, index) ? list_to_json(L, index, depth, out) : object_to_json(L, index, depth, out);
    case LUA_TBOOLEAN: *out = json_boolean(lua_toboolean(L, index)); break;
    case LUA_TNUMBER:
        *out = lua_isinteger(L, index) ? json_integer(lua_tointeger(L, index))
                                       : number_to_json(lua_tonumber(L, index));
        break;
    case LUA_TSTRING: *out = json_string(lua_tostring(L, index)); break;
    case LUA_TNIL: *out = json_null(); break;
    default: return status_fail(STATUS_INVALID, "json: a %s has no such form", luaL_typename(L, index));
    }
    return *out ? STATUS_OK : status_fail(STATUS_INVALID, "json: a text is not UTF-8, or memory ran out");
}

/* Pushes the value as text and gives it back. */
static int finish(lua_State *L, Status status, json_t *value)
{
    Buffer *text = host_push_buffer(L);
    if (status == STATUS_OK) status = json_print(value, 0, text);
    json_decref(value);
    host_check(L, status);
    host_buffer_to_string(L, text);
    return 1;
}

/* lathe.json(value): the text of it, on one line. */
static int push_json(lua_State *L)
{
    json_t *value = NULL;
    luaL_checkany(L, 1);
    Status status = to_json(L, 1, 0, &value);
    return finish(L, status, value);
}

/* --- the session --- */

static Status add_objective(const Session *session, int place, json_t *list)
{
    const Objective *objective = session->objectives[place];
    json_t *entry;
    TRY(json_new_object(&entry));
    TRY(json_append(list, entry));
    TRY(json_set_text(entry, "name", objective->name));
    TRY(json_set_number(entry, "weight", objective->weight));
    TRY(json_set_boolean(entry, "enabled", objective->enabled));
    return json_set_number(entry, "value", session->step ? session->last.objectives[place] : (double)NAN);
}

/* How often the data of the first objective were gone through; NaN: nothing is learned from data. */
static double epochs_of(const Session *session)
{
    for (int i = 0; i < session->source_count && session->objective_count; i++) {
        const SessionSource *source = &session->sources[i];
        if (strcmp(source->name, session->objectives[0]->source) != 0 || source->source->examples < 1) continue;
        return (double)source->cursor.epoch + (double)source->cursor.index / (double)source->source->examples;
    }
    return NAN;
}

static Status describe_session(const Session *session, bool paused, json_t *out)
{
    json_t *list;
    TRY(json_set_integer(out, "step", session->step));
    TRY(json_set_integer(out, "steps", session->steps));
    TRY(json_set_boolean(out, "paused", paused));
    TRY(json_set_text(out, "optimizer", session->optimizer.record->name));
    TRY(json_set_text(out, "schedule", session->schedule.record->name));
    TRY(json_set_number(out, "lr", session->step ? session->last.lr : session->optimizer.config.lr));
    TRY(json_set_number(out, "memory", (double)memory_in_use()));
    TRY(json_set_number(out, "epoch", epochs_of(session)));
    TRY(json_new_array(&list));
    TRY(json_set(out, "objectives", list));
    for (int i = 0; i < session->objective_count; i++) TRY(add_objective(session, i, list));
    return STATUS_OK;
}

/* lathe.view_session(run, paused) */
static int view_session(lua_State *L)
{
    const Session *session = bind_check_session(L, 1)->session;
    json_t *out = NULL;
    Status status = json_new_object(&out);
    if (status == STATUS_OK) status = describe_session(session, lua_toboolean(L, 2), out);
    return finish(L, status, out);
}

/* --- parameters --- */

typedef struct Sums {
    double value, grad, update, zeros;
    int64_t looked;
} Sums;

typedef struct Look {
    const Session *session;
    json_t *list;
} Look;

/* What the last step changed, up to weight decay: Adam's moments, momentum, or the gradient. */
static double update_of(const Session *session, const Param *param, const char *const *states, int64_t i)
{
    const OptimizerConfig *config = &session->optimizer.config;
    double grad = param->value->grad ? tensor_get(param->value->grad, i) : 0, rate = session->last.lr;
    if (!states[0] || !param->state[0]) return rate * grad;
    double first = tensor_get(param->state[0], i);
    if (!states[1] || !param->state[1]) return rate * first;
    double t = (double)param->step, second = tensor_get(param->state[1], i) / (1 - pow(config->beta2, t));
    return rate * first / (1 - pow(config->beta1, t)) / (sqrt(second) + config->eps);
}

/* Large parameters are looked at here and there, at an odd distance, so that no row or column is preferred. */
static Sums sum_up(const Session *session, const Param *param)
{
    Sums sums = {0};
    int64_t count = tensor_count(param->value), each = count / MOST_LOOKED_AT | 1;
    const char *const *states = session->optimizer.record->states;
    for (int64_t i = 0; i < count; i += each, sums.looked++) {
        double value = tensor_get(param->value, i);
        double grad = param->value->grad ? tensor_get(param->value->grad, i) : 0;
        double update = param->step ? update_of(session, param, states, i) : 0;
        sums.value += value * value;
        sums.grad += grad * grad;
        sums.update += update * update;
        sums.zeros += value == 0;
    }
    return sums;
}

static Status add_shape(const Tensor *tensor, json_t *entry)
{
    char text[SHAPE_BYTES] = "";
    for (int i = 0; i < tensor->ndim; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%lld", i ? "," : "", (long long)tensor->shape[i]);
    }
    return json_set_text(entry, "shape", text);
}

/* Squares: whoever adds parameters up to modules adds these. */
static Status add_param(void *context, Param *param)
{
    const Look *look = context;
    json_t *entry;
    Sums sums = sum_up(look->session, param);
    double count = (double)tensor_count(param->value), scale = sums.looked ? count / (double)sums.looked : 0;
    TRY(json_new_object(&entry));
    TRY(json_append(look->list, entry));
    TRY(json_set_text(entry, "path", param->path));
    TRY(add_shape(param->value, entry));
    TRY(json_set_number(entry, "count", count));
    TRY(json_set_number(entry, "norm2", sums.value * scale));
    TRY(json_set_number(entry, "grad2", param->value->grad ? sums.grad * scale : (double)NAN));
    TRY(json_set_number(entry, "update2", param->step ? sums.update * scale : (double)NAN));
    TRY(json_set_number(entry, "zeros", sums.zeros * scale));
    return json_set_boolean(entry, "frozen", param->frozen);
}

static Status describe_parameters(const Session *session, json_t *out)
{
    Look look = {.session = session};
    TRY(json_new_array(&look.list));
    TRY(json_set(out, "parameters", look.list));
    for (int i = 0; i < session->model_count; i++)
        TRY(module_each_param(session->models[i]->root, add_param, &look));
    return STATUS_OK;
}

/* lathe.view_parameters(run), between two steps */
static int view_parameters(lua_State *L)
{
    const Session *session = bind_check_session(L, 1)->session;
    json_t *out = NULL;
    Status status = json_new_object(&out);
    if (status == STATUS_OK) status = describe_parameters(session, out);
    return finish(L, status, out);
}

void bind_open_views(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"json", push_json}, {"view_session", view_session}, {"view_parameters", view_parameters}, {NULL, NULL}};
    lua_getglobal(L, "lathe");
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
