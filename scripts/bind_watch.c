/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parameters of a session as a workbench shows them (engine/train/watch.h), as JSON. */
#include "engine/train/watch.h"
#include "scripts/bind_view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SHAPE_BYTES = 96 };

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
static Status add_look(void *context, const ParamLook *look)
{
    json_t *list = context, *entry;
    TRY(json_new_object(&entry));
    TRY(json_append(list, entry));
    TRY(json_set_text(entry, "model", look->model->name));
    TRY(json_set_text(entry, "path", look->param->path));
    TRY(add_shape(look->param->value, entry));
    TRY(json_set_number(entry, "count", look->count));
    TRY(json_set_number(entry, "norm2", look->square));
    TRY(json_set_number(entry, "grad2", look->grad_square));
    TRY(json_set_number(entry, "update2", look->update_square));
    TRY(json_set_number(entry, "zeros", look->zeros));
    if (look->units > 0) TRY(json_set_number(entry, "units", look->units));
    if (look->units > 0) TRY(json_set_number(entry, "dead", look->dead));
    return json_set_boolean(entry, "frozen", look->param->frozen);
}

static Status describe_parameters(SessionHandle *handle, json_t *out)
{
    json_t *list;
    TRY(json_new_array(&list));
    TRY(json_set(out, "parameters", list));
    if (!handle->watch) TRY(watch_new(&handle->watch));
    return watch_look(handle->watch, handle->session, add_look, list);
}

/* lathe.view_parameters(run) */
static int view_parameters(lua_State *L)
{
    host_need_boundary(L, view_parameters);
    SessionHandle *handle = bind_check_idle(L, 1, "view");
    json_t *out = NULL;
    Status status = json_new_object(&out);
    if (status == STATUS_OK) status = describe_parameters(handle, out);
    return bind_push_json(L, status, out);
}

/* --- how the values of one were spread over time --- */

static Status add_time(const WatchTime *time, json_t *list)
{
    json_t *row, *step;
    TRY(json_new_array(&row));
    TRY(json_append(list, row));
    step = json_integer(time->step);
    if (!step) return status_fail(STATUS_NOMEM, "out of memory for a parameter's times");
    TRY(json_append(row, step));
    for (int q = 0; q < WATCH_QUANTILES; q++) {
        json_t *value = json_real((double)time->quantiles[q]);
        if (!value) return status_fail(STATUS_NOMEM, "out of memory for a parameter's times");
        TRY(json_append(row, value));
    }
    return STATUS_OK;
}

static Status describe_times(const ParamWatch *watch, const char *model, const char *path, json_t *out)
{
    json_t *list;
    int count;
    const WatchTime *times = watch_times(watch, model, path, &count);
    TRY(json_set_text(out, "spread", path));
    TRY(json_set_text(out, "model", model));
    TRY(json_new_array(&list));
    TRY(json_set(out, "times", list));
    for (int i = 0; i < count; i++) TRY(add_time(&times[i], list));
    return STATUS_OK;
}

/* lathe.view_spread(run, model, path) */
static int view_spread(lua_State *L)
{
    const SessionHandle *handle = bind_check_session(L, 1);
    const char *model = luaL_checkstring(L, 2), *path = luaL_checkstring(L, 3);
    json_t *out = NULL;
    Status status = json_new_object(&out);
    if (status == STATUS_OK) status = describe_times(handle->watch, model, path, out);
    return bind_push_json(L, status, out);
}

void bind_open_watch(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"view_parameters", view_parameters}, {"view_spread", view_spread}, {NULL, NULL}};
    lua_getglobal(L, "lathe");
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
