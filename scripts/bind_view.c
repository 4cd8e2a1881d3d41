/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What scripts/lib/views.lua needs from C: the session and its schedule as JSON, and JSON of Lua values. */
#include "scripts/bind_view.h"

#include "engine/base/memory.h"

#include <math.h>
#include <string.h>

enum { DEEPEST = 8 };

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

int bind_push_json(lua_State *L, Status status, json_t *value)
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
    return bind_push_json(L, status, value);
}

/* --- the session --- */

/* Each as option_set_text() reads it back. */
static Status add_options(json_t *out, const Option *options, const void *config)
{
    json_t *object;
    TRY(json_new_object(&object));
    TRY(json_set(out, "options", object));
    for (; options && options->name; options++) {
        Buffer text = {0};
        Status status = buffer_text(&text, "");
        if (status == STATUS_OK) status = option_print(options, config, &text);
        if (status == STATUS_OK) status = json_set_text(object, options->name, text.data);
        buffer_free(&text);
        TRY(status);
    }
    return STATUS_OK;
}

/* {"name": ..., "options": {...}} under the key */
static Status add_record(json_t *out, const char *key, const char *name, const Option *options, const void *config)
{
    json_t *record;
    TRY(json_new_object(&record));
    TRY(json_set(out, key, record));
    TRY(json_set_text(record, "name", name));
    return add_options(record, options, config);
}

static Status add_name(json_t *list, const char *name)
{
    json_t *text = json_string(name);
    return text ? json_append(list, text) : status_fail(STATUS_NOMEM, "out of memory for names");
}

/* Of models and data sources. */
static Status add_names(const Session *session, json_t *out)
{
    json_t *models, *sources;
    TRY(json_new_array(&models));
    TRY(json_set(out, "models", models));
    for (int i = 0; i < session->model_count; i++) TRY(add_name(models, session->models[i]->name));
    TRY(json_new_array(&sources));
    TRY(json_set(out, "sources", sources));
    for (int i = 0; i < session->source_count; i++) TRY(add_name(sources, session->sources[i].name));
    return STATUS_OK;
}

static Status add_objective(const Session *session, int place, json_t *list)
{
    const Objective *objective = session->objectives[place];
    json_t *entry;
    TRY(json_new_object(&entry));
    TRY(json_append(list, entry));
    TRY(json_set_text(entry, "name", objective->name));
    TRY(json_set_number(entry, "weight", objective->weight));
    TRY(json_set_boolean(entry, "enabled", objective->enabled));
    TRY(json_set_text(entry, "record", objective->record->name));
    TRY(add_options(entry, objective->record->options, objective->config));
    return json_set_number(entry, "value", session->last.step ? session->last.objectives[place] : (double)NAN);
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
    TRY(add_record(out, "optimizer", session->optimizer.record->name, session->optimizer.record->options,
                   &session->optimizer.config));
    TRY(add_record(out, "schedule", session->schedule.record->name, session->schedule.record->options,
                   &session->schedule.config));
    TRY(add_names(session, out));
    TRY(json_set_number(out, "lr", session->last.step ? session->last.lr : session_next_lr(session)));
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
    return bind_push_json(L, status, out);
}

/* --- the schedule --- */

enum { MOST_POINTS = 2000 };

/* The learning rate at evenly spaced steps of the whole run, the first and the last among them. */
static Status describe_schedule(const Session *session, int64_t points, json_t *out)
{
    json_t *list;
    TRY(json_new_array(&list));
    TRY(json_set(out, "schedule", list));
    for (int64_t i = 0; i < points; i++) {
        int64_t step = points > 1 ? (int64_t)((double)(session->steps - 1) * (double)i / (double)(points - 1)) : 0;
        double factor = schedule_factor(&session->schedule, step, session->steps);
        json_t *value = json_real(session->optimizer.config.lr * factor);
        if (!value) return status_fail(STATUS_NOMEM, "out of memory for a schedule");
        TRY(json_append(list, value));
    }
    return STATUS_OK;
}

/* lathe.view_schedule(run, points) */
static int view_schedule(lua_State *L)
{
    const Session *session = bind_check_session(L, 1)->session;
    lua_Integer points = luaL_checkinteger(L, 2);
    json_t *out = NULL;
    luaL_argcheck(L, points > 0 && points <= MOST_POINTS, 2, "1 to 2000 points");
    Status status = json_new_object(&out);
    if (status == STATUS_OK) status = describe_schedule(session, points, out);
    return bind_push_json(L, status, out);
}

void bind_open_views(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"json", push_json}, {"view_session", view_session}, {"view_schedule", view_schedule}, {NULL, NULL}};
    lua_getglobal(L, "lathe");
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
    bind_open_watch(L);
}
