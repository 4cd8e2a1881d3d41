/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What comparing two runs (scripts/lib/compare.lua) needs from C: config, journal and metrics of a run's directory.
 */
#include "engine/io/checkpoints.h"
#include "engine/io/json.h"
#include "engine/io/metrics_store.h"
#include "engine/io/run_directory.h"
#include "scripts/bind_experiments.h"
#include "scripts/bind_session.h"

#include <math.h>
#include <string.h>

/* --- config: {"parameters": {"lr": "1e-3"}} becomes { ["parameters.lr"] = "1e-3" } --- */

static void put_value(lua_State *L, const json_t *value)
{
    if (json_is_string(value))
        lua_pushstring(L, json_string_value(value));
    else if (json_is_integer(value))
        lua_pushfstring(L, "%I", (LUAI_UACINT)json_integer_value(value));
    else if (json_is_real(value))
        lua_pushfstring(L, "%f", (LUAI_UACNUMBER)json_real_value(value));
    else
        lua_pushstring(L, json_is_true(value) ? "true" : json_is_false(value) ? "false" : "null");
}

/* Puts what is below 'value' into the table at the top, named by the path. */
static void flatten(lua_State *L, const json_t *value, const char *path)
{
    const char *key;
    json_t *member;
    luaL_checkstack(L, 8, "a config");
    if (!json_is_object(value) && !json_is_array(value)) {
        put_value(L, value);
        lua_setfield(L, -2, path);
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        lua_pushfstring(L, *path ? "%s.%s" : "%s%s", path, key);
        lua_insert(L, -2);
        flatten(L, member, lua_tostring(L, -2));
        lua_remove(L, -2);
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        lua_pushfstring(L, "%s.%d", path, (int)i);
        lua_insert(L, -2);
        flatten(L, json_array_get(value, i), lua_tostring(L, -2));
        lua_remove(L, -2);
    }
}

static int push_flat(lua_State *L)
{
    lua_newtable(L);
    flatten(L, lua_touserdata(L, 1), "");
    return 1;
}

/* lathe.run_config(directory) */
static int run_config(lua_State *L)
{
    json_t *config;
    host_check(L, run_directory_read_config(luaL_checkstring(L, 1), &config));
    lua_pushcfunction(L, push_flat);
    lua_pushlightuserdata(L, config);
    int code = lua_pcall(L, 1, 1, 0);
    json_decref(config);
    return code == LUA_OK ? 1 : lua_error(L);
}

/* lathe.run_journal(directory) */
static int run_journal(lua_State *L)
{
    Buffer *text = host_push_buffer(L);
    host_check(L, run_directory_read_journal(luaL_checkstring(L, 1), text));
    host_buffer_to_string(L, text);
    return 1;
}

/* lathe.newest_checkpoint(directory): its folder, nil where there is none that is whole */
static int newest_checkpoint(lua_State *L)
{
    Checkpoint checkpoint;
    Buffer *path = host_push_buffer(L);
    host_check(L, checkpoints_newest(luaL_checkstring(L, 1), &checkpoint));
    Status status = checkpoint.step < 0 ? STATUS_OK : buffer_text(path, checkpoint.path);
    checkpoint_close(&checkpoint);
    host_check(L, status);
    if (path->length == 0) return 0;
    host_buffer_to_string(L, path);
    return 1;
}

/* --- metrics --- */

static bool same_span(const MetricsSpan *a, const MetricsSpan *b)
{
    bool sums = a->sum == b->sum || (isnan(a->sum) && isnan(b->sum));
    return a->count == b->count && a->nans == b->nans && a->min == b->min && a->max == b->max && sums;
}

/* The first step of [first, last] at which the two have other values, -1 where there is none: the first column that
 * differs, and so on inside of it. */
static Status first_difference(const MetricsStore *a, const MetricsStore *b, const char *name, int64_t first,
                               int64_t last, int64_t *out)
{
    enum { COLUMNS = 64 };
    MetricsSpan x[COLUMNS], y[COLUMNS];
    int64_t steps = last - first + 1, width = (steps + COLUMNS - 1) / COLUMNS;
    int columns = (int)((steps + width - 1) / width), i = 0;
    *out = -1;
    TRY(metrics_range(a, name, first, first + columns * width - 1, columns, x));
    TRY(metrics_range(b, name, first, first + columns * width - 1, columns, y));
    while (i < columns && same_span(&x[i], &y[i])) i++;
    if (i == columns) return STATUS_OK;
    first += i * width;
    if (width > 1) return first_difference(a, b, name, first, first + width - 1, out);
    *out = first;
    return STATUS_OK;
}

static Status part(const char *const paths[2], const char *name, int64_t *step)
{
    MetricsStore *a, *b;
    TRY(run_directory_open_metrics(paths[0], &a));
    Status status = run_directory_open_metrics(paths[1], &b);
    if (status == STATUS_OK) {
        int64_t ends[2] = {metrics_last_step(a), metrics_last_step(b)};
        int64_t last = ends[0] < ends[1] ? ends[0] : ends[1];
        *step = -1;
        if (last >= 0) status = first_difference(a, b, name, 0, last, step);
        metrics_close(b);
    }
    metrics_close(a);
    return status;
}

/* lathe.runs_part(a, b, metric): the first step at which the metric differs, nil where both have no such step */
static int runs_part(lua_State *L)
{
    const char *paths[2] = {luaL_checkstring(L, 1), luaL_checkstring(L, 2)};
    int64_t step;
    host_check(L, part(paths, luaL_checkstring(L, 3), &step));
    if (step < 0) return 0;
    lua_pushinteger(L, step);
    return 1;
}

void bind_open_compare(lua_State *L)
{
    static const luaL_Reg functions[] = {{"run_config", run_config},
                                         {"run_journal", run_journal},
                                         {"runs_part", runs_part},
                                         {"newest_checkpoint", newest_checkpoint},
                                         {NULL, NULL}};
    lua_getglobal(L, "lathe");
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
