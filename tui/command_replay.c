/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lathe replay RUN and lathe export-recipe RUN: what a journal is good for. */
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/run_directory.h"
#include "scripts/bind_edit.h"
#include "scripts/library.h"
#include "tui/run_setup.h"

#include <stdio.h>

typedef struct Replay {
    const char *path;
    RunSetup setup;
    Buffer journal, states, recipe;
    int64_t until; /* -1: all */
    json_t *config;
    bool same;
} Replay;

static void push_text(lua_State *L, const Buffer *text)
{
    lua_pushlstring(L, text->data ? text->data : "", text->length);
}

static Status read_file(const char *directory, const char *name, Buffer *out)
{
    char *path;
    TRY(file_join(directory, name, &path));
    Status status = file_exists(path) ? file_read_empty(path, 0, out) : STATUS_OK;
    memory_free(path);
    return status;
}

/* The metrics of the run and of the branches that it has left. */
static Status read_metrics(const char *path, Buffer *out)
{
    char *branches;
    FileNames names = {0};
    TRY(read_file(path, "metrics.jsonl", out));
    TRY(file_join(path, "branches", &branches));
    Status status = file_exists(branches) ? file_list(branches, &names) : STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < names.count; i++)
        status = read_file(branches, names.names[i], out);
    file_names_free(&names);
    memory_free(branches);
    return status;
}

static int push_metrics(lua_State *L)
{
    Buffer *text = host_push_buffer(L);
    host_check(L, read_metrics(lua_tostring(L, lua_upvalueindex(1)), text));
    host_buffer_to_string(L, text);
    return 1;
}

/* Before anything else. */
static int tell_warnings(lua_State *L)
{
    const Replay *replay = lua_touserdata(L, 1);
    bind_push_history(L, "repeat_warnings");
    push_text(L, &replay->journal);
    lua_pushliteral(L, "not replayable: ");
    lua_call(L, 2, 0);
    return 0;
}

static int replay(lua_State *L)
{
    Replay *replay = lua_touserdata(L, 1);
    bind_push_history(L, "replay");
    library_push(L, "run");
    push_text(L, &replay->journal);
    push_text(L, &replay->states);
    if (replay->until >= 0)
        lua_pushinteger(L, replay->until);
    else
        lua_pushnil(L);
    lua_pushstring(L, replay->path);
    lua_pushcclosure(L, push_metrics, 1);
    lua_call(L, 5, 1);
    replay->same = lua_toboolean(L, -1);
    return 0;
}

/* What differs from the run's beginning is told first: it explains what comes. */
static Status tell_changes(const Replay *replay)
{
    Buffer words = {0};
    Status status = run_setup_changes(replay->path, &words);
    if (status == STATUS_OK) status = run_setup_data_changes(&replay->setup, replay->path, &words);
    if (status == STATUS_OK) status = run_setup_differences(replay->path, &words);
    if (status == STATUS_OK && words.length) printf("the states may differ from the run's:\n%s", words.data);
    buffer_free(&words);
    return status;
}

static Status replay_run(const char *path, Replay *out)
{
    out->path = path;
    TRY(run_setup_directory(path, true, &out->setup));
    TRY(run_directory_read_journal(path, &out->journal));
    TRY(read_file(path, "states.jsonl", &out->states));
    TRY(host_protect(out->setup.host, tell_warnings, out));
    TRY(tell_changes(out));
    return host_protect(out->setup.host, replay, out);
}

static void free_replay(Replay *replay)
{
    run_setup_free(&replay->setup);
    buffer_free(&replay->journal);
    buffer_free(&replay->states);
    buffer_free(&replay->recipe);
    json_decref(replay->config);
}

int command_replay(const Arguments *arguments)
{
    Replay replay = {.until = arguments->until};
    Status status = replay_run(arguments->names[0], &replay);
    int result = status == STATUS_OK ? !replay.same : command_fail(status);
    free_replay(&replay);
    return result;
}

/* --- the clean recipe --- */

/* As --set would be given. */
static void push_parameter(lua_State *L, const json_t *value)
{
    if (json_is_string(value))
        lua_pushstring(L, json_string_value(value));
    else if (json_is_boolean(value))
        lua_pushstring(L, json_is_true(value) ? "true" : "false");
    else {
        if (json_is_integer(value))
            lua_pushinteger(L, (lua_Integer)json_integer_value(value));
        else
            lua_pushnumber(L, json_number_value(value));
        lua_tostring(L, -1); /* makes it a text in its place */
    }
}

static int export(lua_State *L)
{
    Replay *replay = lua_touserdata(L, 1);
    json_t *parameters = json_object_get(replay->config, "parameters"), *value;
    const char *key;
    bind_push_history(L, "export");
    push_text(L, &replay->journal);
    push_text(L, &replay->recipe);
    lua_newtable(L);
    json_object_foreach(parameters, key, value)
    {
        push_parameter(L, value);
        lua_setfield(L, -2, key);
    }
    lua_pushinteger(L, (lua_Integer)json_integer_value(json_object_get(replay->config, "steps")));
    lua_pushinteger(L, (lua_Integer)json_integer_value(json_object_get(replay->config, "seed")));
    lua_call(L, 5, 1);
    fputs(lua_tostring(L, -1), stdout);
    return 0;
}

static Status export_run(const char *path, Replay *out)
{
    TRY(run_directory_read_config(path, &out->config));
    TRY(run_directory_read_journal(path, &out->journal));
    TRY(read_file(path, "recipe.lua", &out->recipe));
    HostOptions options = {.restricted = true};
    TRY(host_new(&options, &out->setup.host));
    return host_protect(out->setup.host, export, out);
}

int command_export(const Arguments *arguments)
{
    Replay replay = {0};
    Status status = export_run(arguments->names[0], &replay);
    int result = status == STATUS_OK ? 0 : command_fail(status);
    free_replay(&replay);
    return result;
}
