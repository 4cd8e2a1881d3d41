/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of kinds, and what the Lua library (scripts/lib) needs from C. */
#include "scripts/bind_class.h"
#include "scripts/bind_data.h"
#include "scripts/bind_edit.h"
#include "scripts/bind_experiments.h"
#include "scripts/bind_history.h"
#include "scripts/bind_origin.h"
#include "scripts/bind_parts.h"
#include "scripts/bind_session.h"
#include "scripts/bind_tokenizers.h"
#include "scripts/library.h"

#include "engine/base/names.h"

#include <string.h>
#include <sys/stat.h>

const RecordKind *const record_kinds[] = {&bind_ops,       &bind_models,   &bind_objectives, &bind_optimizers,
                                          &bind_schedules, &bind_criteria, &bind_data,       &bind_tokenizers,
                                          &bind_wordpiece, &bind_bpe,      &bind_characters, NULL};

/* lathe.nearest(name, {candidates}) -> the one that was probably meant, or nil */
static int lathe_nearest(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_Integer count = (lua_Integer)lua_rawlen(L, 2);
    const char **names = lua_newuserdatauv(L, sizeof *names * (size_t)(count + 1), 0);
    lua_Integer have = 0;
    for (lua_Integer i = 1; i <= count; i++)
        if (lua_rawgeti(L, 2, i) == LUA_TSTRING)
            names[have++] = lua_tostring(L, -1), lua_pop(L, 1); /* the list keeps it alive */
        else
            lua_pop(L, 1);
    lua_pushstring(L, names_nearest(name, names, (size_t)have, sizeof *names));
    return 1;
}

/* lathe.file_kind(path) -> "file", "directory", "other", or nil where there is nothing */
static int lathe_file_kind(lua_State *L)
{
    struct stat info;
    if (stat(luaL_checkstring(L, 1), &info) != 0)
        lua_pushnil(L);
    else
        lua_pushstring(L, S_ISREG(info.st_mode) ? "file" : S_ISDIR(info.st_mode) ? "directory" : "other");
    return 1;
}

/* lathe.document(value, text): what help(value) prints */
static int lathe_document(lua_State *L)
{
    luaL_checkany(L, 1);
    luaL_checkstring(L, 2);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, "lathe.documents");
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_rawset(L, -3);
    lua_settop(L, 1);
    return 1;
}

/* lathe.members(value) -> a list of the names behind value. or value:, for completion */
static int lathe_members(lua_State *L)
{
    lua_settop(L, 1);
    lua_newtable(L);
    lua_Integer count = 0;
    if (lua_type(L, 1) != LUA_TTABLE) {
        if (luaL_getmetafield(L, 1, "__members") == LUA_TFUNCTION) {
            lua_pushvalue(L, 1);
            lua_call(L, 1, 1);
            return 1;
        }
        if (luaL_getmetafield(L, 1, "__methods") != LUA_TTABLE && lua_type(L, 1) != LUA_TSTRING) return 1;
        if (lua_type(L, 1) == LUA_TSTRING) library_push(L, "string");
    } else {
        lua_pushvalue(L, 1);
    }
    int names = lua_gettop(L);
    if (lua_type(L, names) != LUA_TTABLE) lua_newtable(L), names = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, names)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING) continue;
        lua_pushvalue(L, -1);
        lua_rawseti(L, 2, ++count);
    }
    lua_settop(L, 2);
    return 1;
}

/* lathe.doc_of(value) -> the doc of a record, or the text that was registered for the value; lathe.doc_of(value,
 * name) -> what value.name is, where its type tells; nil where there is none */
static int lathe_doc_of(lua_State *L)
{
    lua_settop(L, 2);
    if (!lua_isnil(L, 2)) {
        if (luaL_getmetafield(L, 1, "__doc") == LUA_TNIL) return 0;
        lua_insert(L, 1);
        lua_call(L, 2, 1);
        return 1;
    }
    const Record *record = bind_test_record(L, 1, NULL);
    if (record) {
        lua_pushstring(L, record->doc);
        return 1;
    }
    luaL_getsubtable(L, LUA_REGISTRYINDEX, "lathe.documents");
    lua_pushvalue(L, 1);
    lua_rawget(L, -2);
    return 1;
}

/* lathe.check_change(): an error where the line that runs may not change the run */
static int lathe_check_change(lua_State *L)
{
    host_check_change(L);
    return 0;
}

/* lathe.progress(what, done, all): says how far something long is; false where nobody wants to know */
static int lathe_progress(lua_State *L)
{
    const char *what = luaL_checkstring(L, 1);
    int64_t done = luaL_checkinteger(L, 2), all = luaL_checkinteger(L, 3);
    lua_pushboolean(L, bind_progress_wanted());
    bind_report_progress((void *)(uintptr_t)what, done, all);
    return 1;
}

static lua_Integer add_option(lua_State *L, lua_Integer count, const char *name, const char *doc)
{
    lua_pushstring(L, name);
    lua_rawseti(L, -2, ++count);
    lua_pushstring(L, doc ? doc : "");
    lua_rawseti(L, -2, ++count);
    return count;
}

/* lathe.options_of(value) -> {name, doc, name, doc, ...}: what the table may hold that it is called with */
static int lathe_options_of(lua_State *L)
{
    const RecordKind *kind = NULL;
    const BindClass *class;
    const Record *record = bind_test_record(L, 1, &kind);
    const BindMethod *method = bind_test_method(L, 1, &class);
    const Option *lists[] = {record   ? record->options
                             : method ? method->options
                                      : NULL,
                             kind ? kind->common : NULL};
    const RecordWord *word = record ? record->words : method ? method->words : NULL;
    lua_Integer count = 0;
    lua_newtable(L);
    for (int i = 0; i < 2; i++)
        for (const Option *option = lists[i]; option && option->name; option++)
            count = add_option(L, count, option->name, option->doc);
    for (; word && word->name; word++) count = add_option(L, count, word->name, word->doc);
    return 1;
}

static void run_library(lua_State *L, const char *name)
{
    library_require(L, name);
    lua_pop(L, 1);
}

/* The library's 'engine': what changes runs, and is no user's business. */
static void open_engine(lua_State *L)
{
    lua_newtable(L);
    library_set(L, "engine");
    bind_open_edits(L);
    bind_open_history(L);
}

int bind_guard_system(lua_State *L)
{
    library_push(L, "engine");
    lua_getfield(L, -1, "guard_system");
    lua_pushboolean(L, !host_is_restricted(host_of(L)));
    lua_call(L, 1, 0);
    return 0;
}

/* lathe.tell(words): a line to everybody, also to prompts on a live run. */
static int lathe_tell(lua_State *L)
{
    host_tell(host_of(L), luaL_checkstring(L, 1));
    return 0;
}

void bind_open_lathe(lua_State *L)
{
    static const luaL_Reg functions[] = {{"nearest", lathe_nearest},
                                         {"file_kind", lathe_file_kind},
                                         {"document", lathe_document},
                                         {"members", lathe_members},
                                         {"doc_of", lathe_doc_of},
                                         {"options_of", lathe_options_of},
                                         {"check_change", lathe_check_change},
                                         {"progress", lathe_progress},
                                         {"tell", lathe_tell},
                                         {"call", host_pcall_callback},
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_setglobal(L, "lathe");
    lua_pushcfunction(L, bind_help);
    lua_setglobal(L, "help");
    lua_pushcfunction(L, bind_gradcheck);
    lua_setglobal(L, "gradcheck");
    open_engine(L);
    bind_open_origin(L);
    bind_open_views(L);
    run_library(L, "prelude");
    run_library(L, "system");
}

void bind_open(lua_State *L)
{
    bind_open_records(L);
    bind_open_tensors(L);
    bind_open_makers(L);
    bind_open_parts(L);
    bind_open_live(L);
    bind_open_modules(L);
    bind_open_sources(L);
    bind_open_custom(L);
    bind_open_sessions(L);
    bind_open_tokenizers(L);
    bind_open_data(L);
    bind_open_lathe(L);
    bind_open_debug(L);
    bind_open_shares(L);
    bind_open_pretrained(L);
    run_library(L, "debug");
    run_library(L, "shares");
    bind_open_compare(L);
    bool restricted = host_is_restricted(host_of(L));
    bind_open_experiments(L, restricted);
    bind_open_likelihood(L);
    run_library(L, "likelihood");
    run_library(L, "answers");
    run_library(L, "compare");
    run_library(L, "sweep");
    if (!restricted) return;
    lua_pushcfunction(L, bind_guard_system);
    lua_call(L, 0, 0);
}
