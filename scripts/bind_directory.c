/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run's directory for the history in Lua: its journal, states, checkpoints and metrics. */
#include "engine/base/memory.h"
#include "engine/io/checkpoints.h"
#include "engine/io/file.h"
#include "engine/io/run_marks.h"
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

/* mark(why): the run cannot be done again */
static int mark(lua_State *L)
{
    host_check(L, run_marks_add(place_of(L)->directory, luaL_checkstring(L, 1)));
    return 0;
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

static Status append(const char *directory, const char *name, const char *text, size_t length, bool sync)
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
        status = file_appender_put(appender, text, length, sync);
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
    Status status = file_exists(path) && remove(path) != 0 ? file_fail(path, "removed", errno) : STATUS_OK;
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

static Status print_state(const Session *session, Buffer *out, char hash[HASH_TEXT_SIZE])
{
    Hash whole;
    TRY(buffer_text(out, "{"));
    TRY(session_each_hash(session, put_tensor, out, &whole));
    hash_text(whole, hash);
    return buffer_text(out, "}");
}

/* state(): the hash of the session's state, and those of its tensors as JSON */
static int read_state(lua_State *L)
{
    char hash[HASH_TEXT_SIZE];
    Buffer *tensors = host_push_buffer(L);
    host_check(L, print_state(place_of(L)->session, tensors, hash));
    host_buffer_to_string(L, tensors);
    lua_pushstring(L, hash);
    lua_insert(L, -2);
    return 2;
}

/* put_state(step, hash, tensors). Nothing waits for the disk: without the line a replay only says less. */
static int put_state(lua_State *L)
{
    size_t length;
    lua_pushfstring(L, "{\"step\": %I, \"hash\": \"%s\", \"tensors\": %s}\n", luaL_checkinteger(L, 1),
                    luaL_checkstring(L, 2), luaL_checkstring(L, 3));
    const char *line = lua_tolstring(L, -1, &length);
    host_check(L, append(path_of(L), "states.jsonl", line, length, false));
    return 0;
}

/* --- checkpoints: of the run, and where a name is given the newest one of a branch that was left --- */

static const char *checkpoints_of(lua_State *L, int name)
{
    if (lua_isnoneornil(L, name)) return path_of(L);
    const char *branch = luaL_checkstring(L, name);
    luaL_argcheck(L, *branch && !strchr(branch, '/'), name, "no name of a branch");
    return lua_pushfstring(L, "%s/left/%s.branch", path_of(L), branch);
}

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

/* checkpoints(name): their steps, the newest first */
static int list_checkpoints(lua_State *L)
{
    CheckpointSteps steps;
    host_check(L, checkpoints_list(checkpoints_of(L, 1), &steps));
    lua_pushcfunction(L, push_steps);
    lua_pushlightuserdata(L, &steps);
    int code = lua_pcall(L, 1, 1, 0);
    checkpoints_list_free(&steps);
    return code == LUA_OK ? 1 : lua_error(L);
}

/* checkpoint_edits(step, name): the edits that shaped it, "1 2 5"; or nil and why it cannot be used. A newer format
 * is an error. */
static int checkpoint_edits(lua_State *L)
{
    Checkpoint checkpoint = {0};
    const char *edits = "", *run = checkpoints_of(L, 2);
    Buffer *text = host_push_buffer(L);
    Status status = checkpoints_open(run, luaL_checkinteger(L, 1), &checkpoint);
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

/* load(step, name) */
static int load_checkpoint(lua_State *L)
{
    Checkpoint checkpoint = {0};
    host_check(L, checkpoints_open(checkpoints_of(L, 2), luaL_checkinteger(L, 1), &checkpoint));
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

/* leave_checkpoints(step, name): those of later steps go; the newest of them is kept for the branch of that name,
 * where one is given. */
static int leave_checkpoints(lua_State *L)
{
    lua_Integer step = luaL_checkinteger(L, 1);
    if (lua_isnoneornil(L, 2))
        host_check(L, checkpoints_remove_after(path_of(L), step));
    else
        host_check(L, checkpoints_move_after(path_of(L), step, checkpoints_of(L, 2)));
    return 0;
}

/* --- metrics --- */

/* The step that a line of metrics begins with, -1 where it does not. */
static int64_t step_of_line(const char *line, size_t length)
{
    static const char before[] = "{\"step\": ";
    size_t at = sizeof before - 1;
    int64_t step = 0;
    if (length <= at || memcmp(line, before, at) != 0) return -1;
    for (; at < length && line[at] >= '0' && line[at] <= '9'; at++) step = step * 10 + (line[at] - '0');
    return step;
}

/* Where the lines at the end of the text begin: those of steps after this one, or with 'last' the last one alone.
 */
static size_t find_tail(const char *text, size_t end, int64_t step, bool last)
{
    size_t from = end;
    while (from > 0) {
        size_t start = from - 1;
        while (start > 0 && text[start - 1] != '\n') start--;
        if (last) return start;
        if (step_of_line(text + start, from - start) <= step) break;
        from = start;
    }
    return from;
}

static Status map_lines(const char *directory, const char *name, FileMap *out)
{
    char *path;
    uint64_t size = 0;
    *out = (FileMap){0};
    TRY(file_join(directory, name, &path));
    Status status = file_exists(path) ? file_size(path, &size) : STATUS_OK;
    if (status == STATUS_OK && size) status = file_map(path, out);
    memory_free(path);
    return status;
}

static Status read_tail(const char *directory, const char *name, int64_t step, bool last, Buffer *out)
{
    FileMap map;
    TRY(map_lines(directory, name, &map));
    const char *text = (const char *)map.data;
    size_t end = map.size;
    while (end > 0 && text[end - 1] != '\n') end--; /* torn */
    size_t start = find_tail(text, end, step, last);
    Status status = start < end ? buffer_append(out, text + start, end - start) : STATUS_OK;
    file_unmap(&map);
    return status;
}

/* metrics_after(step): the lines of later steps */
static int metrics_after(lua_State *L)
{
    Buffer *lines = host_push_buffer(L);
    host_check(L, run_directory_sync_metrics(place_of(L)->directory));
    host_check(L, read_tail(path_of(L), "metrics.jsonl", luaL_checkinteger(L, 1), false, lines));
    host_buffer_to_string(L, lines);
    return 1;
}

static int cut_metrics(lua_State *L)
{
    host_check(L, run_directory_cut_metrics(place_of(L)->directory, luaL_checkinteger(L, 1)));
    return 0;
}

static int append_metrics(lua_State *L)
{
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    if (length == 0) return 0;
    host_check(L, run_directory_cut_metrics(place_of(L)->directory, INT64_MAX)); /* closes the file */
    host_check(L, append(path_of(L), "metrics.jsonl", text, length, true));
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

static int append_branch(lua_State *L)
{
    size_t length;
    const char *text = luaL_checklstring(L, 2, &length);
    host_check(L, append(path_of(L), branch_file(L, 1), text, length, true));
    return store_branch(L);
}

static int read_branch(lua_State *L)
{
    const char *name = branch_file(L, 1);
    Buffer *text = host_push_buffer(L);
    host_check(L, read_text(path_of(L), name, text));
    host_buffer_to_string(L, text);
    return 1;
}

/* write_branch(name, lines): none removes the file */
static int write_branch(lua_State *L)
{
    size_t length;
    const char *name = branch_file(L, 1), *text = luaL_checklstring(L, 2, &length);
    char *path;
    host_check(L, length ? file_join(path_of(L), name, &path) : remove_file(path_of(L), name));
    if (!length) return store_branch(L);
    Status status = file_write(path, text, length);
    memory_free(path);
    host_check(L, status);
    return store_branch(L);
}

static Status rename_in(const char *directory, const char *from, const char *to)
{
    char *before, *after;
    TRY(file_join(directory, from, &before));
    Status status = file_join(directory, to, &after);
    if (status == STATUS_OK) {
        if (file_exists(before) && rename(before, after) != 0) status = file_fail(before, "renamed", errno);
        memory_free(after);
    }
    memory_free(before);
    return status;
}

/* rename_branch(from, to): nothing where there is no such file */
static int rename_branch(lua_State *L)
{
    const char *from = branch_file(L, 1), *to = branch_file(L, 2);
    host_check(L, rename_in(path_of(L), from, to));
    from = lua_pushfstring(L, "left/%s.branch", lua_tostring(L, 1));
    to = lua_pushfstring(L, "left/%s.branch", lua_tostring(L, 2));
    host_check(L, rename_in(path_of(L), from, to));
    lua_pushboolean(L, has_columns(L, 1) && has_columns(L, 2));
    return 1;
}

/* last_metrics(name): the last line, nil where there is none; "" is the current branch */
static int last_metrics(lua_State *L)
{
    const char *name = *luaL_checkstring(L, 1) ? branch_file(L, 1) : "metrics.jsonl";
    Buffer *text = host_push_buffer(L);
    host_check(L, run_directory_sync_metrics(place_of(L)->directory));
    host_check(L, read_tail(path_of(L), name, 0, true, text));
    if (text->length == 0) return 0;
    text->data[--text->length] = '\0';
    host_buffer_to_string(L, text);
    return 1;
}

/* The last lines of a step and of an evaluation up to that step, pushed; nil where there is none. */
static void push_last_rows(lua_State *L, const char *text, size_t end, int64_t to)
{
    lua_pushnil(L);
    lua_pushnil(L);
    int rows = lua_gettop(L) - 1;
    while (end > 0 && (lua_isnil(L, rows) || lua_isnil(L, rows + 1))) {
        size_t start = find_tail(text, end, 0, true), length = end - start;
        int64_t step = step_of_line(text + start, length);
        int row = rows + (memmem(text + start, length, "\"loss\":", 7) == NULL);
        end = start;
        if (step < 0 || step > to || !lua_isnil(L, row)) continue;
        lua_pushlstring(L, text + start, length);
        lua_replace(L, row);
    }
}

/* last_rows(name, to): the last line of a step and the last one of an evaluation, up to that step, nil where there
 * is none; "" is the current branch */
static int last_rows(lua_State *L)
{
    const char *name = *luaL_checkstring(L, 1) ? branch_file(L, 1) : "metrics.jsonl";
    lua_Integer to = luaL_checkinteger(L, 2);
    Buffer *text = host_push_buffer(L);
    host_check(L, run_directory_sync_metrics(place_of(L)->directory));
    host_check(L, read_text(path_of(L), name, text));
    size_t end = text->length;
    while (end > 0 && text->data[end - 1] != '\n') end--; /* torn */
    push_last_rows(L, text->data, end, to);
    return 2;
}

void bind_push_directory(lua_State *L, RunDirectory *directory, Session *session)
{
    static const luaL_Reg functions[] = {{"put_journal", put_journal},
                                         {"read_journal", read_journal},
                                         {"mark", mark},
                                         {"log", put_log},
                                         {"state", read_state},
                                         {"put_state", put_state},
                                         {"checkpoints", list_checkpoints},
                                         {"checkpoint_edits", checkpoint_edits},
                                         {"load", load_checkpoint},
                                         {"save", save_checkpoint},
                                         {"leave_checkpoints", leave_checkpoints},
                                         {"metrics_after", metrics_after},
                                         {"cut_metrics", cut_metrics},
                                         {"append_metrics", append_metrics},
                                         {"append_branch", append_branch},
                                         {"read_branch", read_branch},
                                         {"write_branch", write_branch},
                                         {"rename_branch", rename_branch},
                                         {"store_branch", store_branch},
                                         {"last_metrics", last_metrics},
                                         {"last_rows", last_rows},
                                         {NULL, NULL}};
    luaL_newlibtable(L, functions);
    Place *place = lua_newuserdatauv(L, sizeof *place, 0);
    *place = (Place){directory, session};
    luaL_setfuncs(L, functions, 1);
    lua_pushstring(L, run_directory_path(directory));
    lua_setfield(L, -2, "path");
}
