/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run's directory for the history in Lua: its journal, states, checkpoints and metrics. */
#include "engine/base/memory.h"
#include "engine/io/checkpoints.h"
#include "engine/io/file.h"
#include "engine/train/checkpoint.h"
#include "scripts/bind_history.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { KEEP = 3 }; /* checkpoints */

typedef struct Place {
    RunDirectory *directory;
    Session *session;
} Place;

static Place *place_of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

static const char *path_of(lua_State *L)
{
    return run_directory_path(place_of(L)->directory);
}

static int put_journal(lua_State *L)
{
    host_check(L, run_directory_put_journal(place_of(L)->directory, luaL_checkstring(L, 1)));
    return 0;
}

static int read_journal(lua_State *L)
{
    Buffer *text = host_push_buffer(L);
    host_check(L, run_directory_read_journal(path_of(L), text));
    host_buffer_to_string(L, text);
    return 1;
}

/* log(level, text): "edit", "note", ... */
static int put_log(lua_State *L)
{
    const char *level = luaL_checkstring(L, 1), *text = luaL_checkstring(L, 2);
    const Place *place = place_of(L);
    run_log_put(run_directory_log(place->directory), log_level_of(level), place->session->step, "%s", text);
    return 0;
}

/* --- files below the run --- */

static Status append(const char *directory, const char *name, const char *text, size_t length)
{
    char *path, *parent;
    FileAppender *appender;
    TRY(file_join(directory, name, &path));
    Status status = file_parent(path, &parent);
    if (status == STATUS_OK) {
        status = file_make_directory(parent, true);
        memory_free(parent);
    }
    if (status == STATUS_OK) status = file_appender_open(path, &appender);
    if (status == STATUS_OK) {
        status = file_appender_put(appender, text, length, true);
        file_appender_close(appender);
    }
    memory_free(path);
    return status;
}

/* The file's text, nothing where there is none. */
static Status read_text(const char *directory, const char *name, Buffer *out)
{
    char *path;
    TRY(file_join(directory, name, &path));
    Status status = file_exists(path) ? file_read_empty(path, 0, out) : STATUS_OK;
    memory_free(path);
    return status;
}

static Status remove_file(const char *directory, const char *name)
{
    char *path;
    TRY(file_join(directory, name, &path));
    Status status = file_exists(path) && remove(path) != 0 ? file_fail(path, "removing", 0) : STATUS_OK;
    memory_free(path);
    return status;
}

/* --- states.jsonl: the tensors' hashes at each entry of the journal, to say where a replay differs --- */

static Status put_tensor(void *context, const char *name, Hash hash)
{
    Buffer *out = context;
    char text[HASH_TEXT_SIZE];
    hash_text(hash, text);
    return buffer_printf(out, "%s\"%s\": \"%s\"", out->data[out->length - 1] == '{' ? "" : ", ", name, text);
}

static Status print_state(const Session *session, int64_t step, const char *hash, Buffer *out)
{
    TRY(buffer_printf(out, "{\"step\": %lld, \"hash\": \"%s\", \"tensors\": {", (long long)step, hash));
    TRY(session_each_hash(session, put_tensor, out));
    return buffer_text(out, "}}\n");
}

/* put_state(step, hash) */
static int put_state(lua_State *L)
{
    Buffer *line = host_push_buffer(L);
    host_check(L, print_state(place_of(L)->session, luaL_checkinteger(L, 1), luaL_checkstring(L, 2), line));
    host_check(L, append(path_of(L), "states.jsonl", line->data, line->length));
    return 0;
}

/* --- checkpoints --- */

static int push_steps(lua_State *L)
{
    CheckpointSteps *steps = lua_touserdata(L, 1);
    lua_newtable(L);
    for (size_t i = 0; i < steps->count; i++) {
        lua_pushinteger(L, steps->steps[steps->count - 1 - i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* The steps of the checkpoints, the newest first. */
static int list_checkpoints(lua_State *L)
{
    CheckpointSteps steps;
    host_check(L, checkpoints_list(path_of(L), &steps));
    lua_pushcfunction(L, push_steps);
    lua_pushlightuserdata(L, &steps);
    int code = lua_pcall(L, 1, 1, 0);
    checkpoints_list_free(&steps);
    return code == LUA_OK ? 1 : lua_error(L);
}

/* The edits that shaped a checkpoint, "1 2 5"; or nil and why it cannot be used. A newer format is an error. */
static int checkpoint_edits(lua_State *L)
{
    Checkpoint checkpoint = {0};
    const char *edits = "";
    Buffer *text = host_push_buffer(L);
    Status status = checkpoints_open(path_of(L), luaL_checkinteger(L, 1), &checkpoint);
    if (status == STATUS_OK && json_object_get(checkpoint.state, "edits"))
        status = json_member_text(checkpoint.state_path, checkpoint.state, "edits", &edits);
    if (status == STATUS_OK) status = buffer_text(text, edits);
    bool newer = status == STATUS_OK && checkpoint.format > CHECKPOINTS_FORMAT;
    checkpoint_close(&checkpoint);
    if (status == STATUS_NOMEM || status == STATUS_CANCELLED || newer) host_check(L, status);
    if (status == STATUS_OK) {
        host_buffer_to_string(L, text);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, status_message());
    return 2;
}

static int load_checkpoint(lua_State *L)
{
    Checkpoint checkpoint = {0};
    host_check(L, checkpoints_open(path_of(L), luaL_checkinteger(L, 1), &checkpoint));
    Status status = checkpoint_read(place_of(L)->session, checkpoint.path, checkpoint.state_path, checkpoint.state);
    checkpoint_close(&checkpoint);
    host_check(L, status);
    return 0;
}

static Status write_checkpoint(void *context, const char *directory, json_t *state)
{
    return checkpoint_write(context, directory, state);
}

/* save(): a checkpoint of the state now */
static int save_checkpoint(lua_State *L)
{
    Session *session = place_of(L)->session;
    host_check(L, run_directory_sync_metrics(place_of(L)->directory));
    host_check(L, checkpoints_save(path_of(L), session->step, (double)NAN, KEEP, write_checkpoint, session));
    return 0;
}

static int remove_checkpoints_after(lua_State *L)
{
    host_check(L, checkpoints_remove_after(path_of(L), luaL_checkinteger(L, 1)));
    return 0;
}

/* --- metrics --- */

/* cut_metrics(step): the lines that were cut off */
static int cut_metrics(lua_State *L)
{
    Buffer *before = host_push_buffer(L), *after = host_push_buffer(L);
    host_check(L, run_directory_sync_metrics(place_of(L)->directory));
    host_check(L, read_text(path_of(L), "metrics.jsonl", before));
    host_check(L, run_directory_cut_metrics(place_of(L)->directory, luaL_checkinteger(L, 1)));
    host_check(L, read_text(path_of(L), "metrics.jsonl", after));
    if (before->length > after->length)
        lua_pushlstring(L, before->data + after->length, before->length - after->length);
    else
        lua_pushliteral(L, "");
    return 1;
}

static int append_metrics(lua_State *L)
{
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    if (length == 0) return 0;
    host_check(L, run_directory_cut_metrics(place_of(L)->directory, INT64_MAX)); /* closes the file */
    host_check(L, append(path_of(L), "metrics.jsonl", text, length));
    host_check(L, run_directory_cut_metrics(place_of(L)->directory, place_of(L)->session->step));
    return 0;
}

static const char *branch_file(lua_State *L, int index)
{
    const char *name = luaL_checkstring(L, index);
    luaL_argcheck(L, *name && !strchr(name, '/'), index, "no name of a branch");
    return lua_pushfstring(L, "branches/%s.jsonl", name);
}

static bool has_columns(lua_State *L, int index)
{
    return run_directory_store_branch(path_of(L), luaL_checkstring(L, index)) == STATUS_OK;
}

/* store_branch(name): its lines as columns too, for whoever draws. The lines are what counts: a failure is no
 * error. */
static int store_branch(lua_State *L)
{
    lua_pushboolean(L, has_columns(L, 1));
    return 1;
}

/* append_branch(name, lines), take_branch(name): metrics of branches that one has left */
static int append_branch(lua_State *L)
{
    size_t length;
    const char *text = luaL_checklstring(L, 2, &length);
    host_check(L, append(path_of(L), branch_file(L, 1), text, length));
    return store_branch(L);
}

static int take_branch(lua_State *L)
{
    const char *name = branch_file(L, 1);
    Buffer *text = host_push_buffer(L);
    host_check(L, read_text(path_of(L), name, text));
    if (text->length == 0) return 0;
    host_check(L, remove_file(path_of(L), name));
    store_branch(L);
    host_buffer_to_string(L, text);
    return 1;
}

/* rename_branch(old, new): its metrics, where it has some */
static int rename_branch(lua_State *L)
{
    char *from = NULL, *to = NULL;
    const char *old = branch_file(L, 1), *new = branch_file(L, 2);
    Status status = file_join(path_of(L), old, &from);
    if (status == STATUS_OK) status = file_join(path_of(L), new, &to);
    if (status == STATUS_OK && file_exists(from) && rename(from, to) != 0)
        status = file_fail(from, "renamed", errno);
    memory_free(from);
    memory_free(to);
    host_check(L, status);
    lua_pushboolean(L, has_columns(L, 1) && has_columns(L, 2));
    return 1;
}

/* The line that ends before *end, which moves to its beginning; false: there is none. */
static bool line_before(const Buffer *text, size_t *end, size_t *length)
{
    size_t last = *end, start;
    while (last > 0 && text->data[last - 1] == '\n') last--;
    for (start = last; start > 0 && text->data[start - 1] != '\n';) start--;
    *end = start;
    *length = last - start;
    return last > 0;
}

/* last_rows(name, to): the last line of a step and the last one of an evaluation, up to that step, nil where there
 * is none; "" is the current branch */
static int last_rows(lua_State *L)
{
    const char *name = *luaL_checkstring(L, 1) ? branch_file(L, 1) : "metrics.jsonl";
    long long to = luaL_checkinteger(L, 2), step;
    Buffer *text = host_push_buffer(L);
    host_check(L, run_directory_sync_metrics(place_of(L)->directory));
    host_check(L, read_text(path_of(L), name, text));
    lua_pushnil(L);
    lua_pushnil(L);
    int rows = lua_gettop(L) - 1;
    for (size_t end = text->length, length; line_before(text, &end, &length);) {
        const char *line = text->data + end;
        if (sscanf(line, "{\"step\": %lld", &step) != 1 || step > to) continue;
        int row = rows + (memmem(line, length, "\"loss\":", 7) == NULL);
        if (lua_isnil(L, row)) lua_pushlstring(L, line, length), lua_replace(L, row);
        if (!lua_isnil(L, rows) && !lua_isnil(L, rows + 1)) break;
    }
    return 2;
}

void bind_push_directory(lua_State *L, RunDirectory *directory, Session *session)
{
    static const luaL_Reg functions[] = {{"put_journal", put_journal},
                                         {"read_journal", read_journal},
                                         {"log", put_log},
                                         {"put_state", put_state},
                                         {"checkpoints", list_checkpoints},
                                         {"checkpoint_edits", checkpoint_edits},
                                         {"load", load_checkpoint},
                                         {"save", save_checkpoint},
                                         {"remove_checkpoints_after", remove_checkpoints_after},
                                         {"cut_metrics", cut_metrics},
                                         {"append_metrics", append_metrics},
                                         {"append_branch", append_branch},
                                         {"take_branch", take_branch},
                                         {"rename_branch", rename_branch},
                                         {"store_branch", store_branch},
                                         {"last_rows", last_rows},
                                         {NULL, NULL}};
    luaL_newlibtable(L, functions);
    Place *place = lua_newuserdatauv(L, sizeof *place, 0);
    *place = (Place){directory, session};
    luaL_setfuncs(L, functions, 1);
    lua_pushstring(L, run_directory_path(directory));
    lua_setfield(L, -2, "path");
}
