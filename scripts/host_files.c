/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scripts/host_files.h"

#include "engine/base/memory.h"
#include "engine/io/file.h"

#include <string.h>

enum { LARGEST_CHUNK = 64 << 20 };

/* --- what was loaded --- */

const HostFile *host_files_find(const HostFiles *files, const char *name)
{
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(files->list[i].name, name) == 0) return &files->list[i];
    return NULL;
}

static void clear_file(HostFile *file)
{
    memory_free(file->name);
    memory_free(file->path);
    buffer_free(&file->text);
}

void host_files_clear(HostFiles *files)
{
    for (size_t i = 0; i < files->count; i++) clear_file(&files->list[i]);
    memory_free(files->list);
    *files = (HostFiles){0};
}

static Status make_room(HostFiles *files)
{
    if (files->count < files->capacity) return STATUS_OK;
    size_t wanted = files->capacity ? 2 * files->capacity : 8;
    TRY(memory_resize(&files->list, wanted, sizeof *files->list));
    files->capacity = wanted;
    return STATUS_OK;
}

Status host_files_add(HostFiles *files, const char *name, const char *path, Buffer *text)
{
    HostFile file = {.text = *text}, *old = (HostFile *)host_files_find(files, name);
    *text = (Buffer){0};
    Status status = make_room(files);
    if (status == STATUS_OK) status = memory_copy_text(name, &file.name);
    if (status == STATUS_OK) status = memory_copy_text(path, &file.path);
    if (status != STATUS_OK) {
        clear_file(&file);
        return status;
    }
    if (old) clear_file(old);
    *(old ? old : &files->list[files->count++]) = file;
    return files->added ? files->added(files->context) : STATUS_OK;
}

/* --- loading --- */

/* The "#!" line is for the shell; it stays, as an empty one, so that numbers in messages are right. */
static const char *chunk_of(const Buffer *text, size_t *length)
{
    const char *start = text->data ? text->data : "";
    *length = text->length;
    if (!*length || *start != '#') return start;
    const char *line = memchr(start, '\n', *length);
    *length = line ? *length - (size_t)(line - start) : 0;
    return line ? line : "";
}

Status host_load_file(Host *host, const char *path)
{
    Buffer text = {0};
    size_t length;
    Status status = file_read_empty(path, LARGEST_CHUNK, &text);
    const char *chunk = chunk_of(&text, &length);
    if (status == STATUS_OK) status = host_load(host, chunk, length, path);
    buffer_free(&text);
    return status;
}

/* Pushes the text's function, or else a message. */
static bool push_chunk(lua_State *L, const HostFile *file)
{
    size_t length;
    const char *chunk = chunk_of(&file->text, &length);
    lua_pushfstring(L, "@%s", file->path);
    int code = luaL_loadbufferx(L, chunk, length, lua_tostring(L, -1), "t");
    lua_remove(L, -2);
    return code == LUA_OK;
}

static bool push_failure(lua_State *L, Status status)
{
    if (status == STATUS_NOMEM) host_raise(L, status);
    lua_pushstring(L, status_message());
    return false;
}

/* The same for the file that was asked for by this name: at path or, where nothing is trusted, among the copies. */
static bool push_file(lua_State *L, const char *name, const char *path)
{
    Host *host = host_of(L);
    HostFiles *files = host_files(host);
    if (!host_is_restricted(host)) {
        Buffer *text = host_push_buffer(L);
        Status status = file_read_empty(path, LARGEST_CHUNK, text);
        if (status == STATUS_OK) status = host_files_add(files, name, path, text);
        lua_pop(L, 1);
        if (status != STATUS_OK) return push_failure(L, status);
    }
    const HostFile *file = host_files_find(files, name);
    if (file) return push_chunk(L, file);
    lua_pushfstring(
        L,
        "%s: there is no copy of it: a run that goes on, is evaluated or is replayed loads only the Lua "
        "files that it loaded when it began",
        path);
    return false;
}

/* loadfile(path, mode, env), with mode always "t" */
static int load_file_text(lua_State *L)
{
    bool has_env = lua_gettop(L) >= 3;
    const char *path = luaL_checkstring(L, 1);
    if (!push_file(L, lua_pushfstring(L, "file %s", path), path)) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    if (has_env) {
        lua_pushvalue(L, 3);
        if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1);
    }
    return 1;
}

/* Lines that wait in the file go on here. */
static int done_file(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    (void)context;
    return lua_gettop(L) - 1;
}

static int do_file_text(lua_State *L)
{
    lua_settop(L, 1);
    if (load_file_text(L) != 1) return lua_error(L);
    lua_replace(L, 2);
    lua_settop(L, 2);
    lua_callk(L, 0, LUA_MULTRET, 0, done_file);
    return done_file(L, LUA_OK, 0);
}

/* --- require --- */

/* Pushes where package.path has the module, or nil and the places that were tried. */
static bool push_place(lua_State *L, const char *name)
{
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "searchpath");
    lua_pushstring(L, name);
    lua_getfield(L, -3, "path");
    lua_call(L, 2, 2);
    if (lua_isnil(L, -2)) return false;
    lua_pop(L, 1);
    return true;
}

static int search_path(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    const char *asked = lua_pushfstring(L, "require %s", name);
    const HostFile *copy = host_files_find(host_files(host_of(L)), asked);
    if (host_is_restricted(host_of(L))) {
        if (!copy) {
            lua_pushfstring(L, "no copy of '%s', which was not loaded when the run began", name);
            return 1;
        }
        lua_pushstring(L, copy->path);
    } else if (!push_place(L, name)) {
        return 1;
    }
    if (!push_file(L, asked, lua_tostring(L, -1))) return lua_error(L);
    lua_insert(L, -2);
    return 2;
}

void host_open_files(lua_State *L)
{
    lua_pushglobaltable(L);
    lua_pushcfunction(L, load_file_text);
    lua_setfield(L, -2, "loadfile");
    lua_pushcfunction(L, do_file_text);
    lua_setfield(L, -2, "dofile");
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "searchers");
    lua_pushcfunction(L, search_path);
    lua_rawseti(L, -2, 2); /* the first one is package.preload */
    for (int i = 3; i <= 4; i++) {
        lua_pushnil(L);
        lua_rawseti(L, -2, i);
    }
    lua_pop(L, 3);
}
