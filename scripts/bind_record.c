/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records and their options between C and Lua. */
#include "scripts/bind.h"

#include "engine/base/names.h"

#include <math.h>
#include <string.h>

#define RECORD_TYPE "lathe.record"

typedef struct RecordHandle {
    const RecordKind *kind;
    Record record;
} RecordHandle;

/* --- options --- */

static Status read_ints(lua_State *L, int index, const char *owner, const char *name, OptionInts *out)
{
    lua_Unsigned count = lua_rawlen(L, index);
    *out = (OptionInts){0};
    if (count > OPTION_INTS_MAX)
        return status_fail(STATUS_INVALID, "%s: %s takes at most %d integers; got %llu", owner, name,
                           OPTION_INTS_MAX, (unsigned long long)count);
    for (lua_Unsigned i = 0; i < count; i++) {
        int is_integer;
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        out->values[out->count++] = lua_tointegerx(L, -1, &is_integer);
        const char *type = luaL_typename(L, -1);
        lua_pop(L, 1);
        if (!is_integer)
            return status_fail(STATUS_INVALID, "%s: %s must be a list of integers; entry %llu is a %s", owner, name,
                               (unsigned long long)i + 1, type);
    }
    return STATUS_OK;
}

static Status wrong_type(lua_State *L, int index, const Option *option, const char *owner)
{
    Buffer range = {0};
    Status status = option_describe_range(option, &range);
    if (status == STATUS_OK)
        status = status_fail(STATUS_INVALID, "%s: %s must be %s; got a %s", owner, option->name, range.data,
                             luaL_typename(L, index));
    buffer_free(&range);
    return status;
}

Status bind_set_option(lua_State *L, int index, const Option *options, void *config, const char *owner,
                       const char *name)
{
    const Option *option = option_find(options, name);
    OptionInts ints;
    if (!option) return option_unknown(options, owner, name);
    index = lua_absindex(L, index);
    switch (lua_type(L, index)) {
    case LUA_TNUMBER: return option_set_number(options, config, owner, name, lua_tonumber(L, index));
    case LUA_TBOOLEAN:
        if (option->kind == OPTION_CHOICE) /* "auto true false" */
            return option_set_text(options, config, owner, name, lua_toboolean(L, index) ? "true" : "false");
        return option_set_boolean(options, config, owner, name, lua_toboolean(L, index));
    case LUA_TSTRING:
        if (option->kind != OPTION_CHOICE && option->kind != OPTION_TEXT) break;
        if (strlen(lua_tostring(L, index)) != lua_rawlen(L, index))
            return status_fail(STATUS_INVALID, "%s: %s contains a zero byte", owner, name);
        return option_set_text(options, config, owner, name, lua_tostring(L, index));
    case LUA_TTABLE:
        if (option->kind != OPTION_INTS) break;
        TRY(read_ints(L, index, owner, name, &ints));
        return option_set_ints(options, config, owner, name, &ints);
    default: break;
    }
    return wrong_type(L, index, option, owner);
}

static bool in_words(const char *words, const char *name)
{
    size_t length = strlen(name);
    while (words && *words) {
        size_t word = strcspn(words, " ");
        if (word == length && memcmp(words, name, length) == 0) return true;
        words += word + (words[word] == ' ');
    }
    return false;
}

/* As option_unknown(), with the words of 'other' among the candidates. Leaves values on the stack. */
static Status unknown_of_both(lua_State *L, const Option *options, const char *other, const char *owner,
                              const char *name)
{
    const char *names[128];
    size_t count = 0;
    for (; options && options->name && count < 100; options++) names[count++] = options->name;
    for (const char *word = other; *word && count < 128; word += strspn(word, " ")) {
        size_t length = strcspn(word, " ");
        luaL_checkstack(L, 4, "option names");
        names[count++] = lua_pushlstring(L, word, length);
        word += length;
    }
    const char *near = names_nearest(name, names, count, sizeof *names);
    if (near) return status_fail(STATUS_INVALID, "%s has no option '%s'; did you mean '%s'?", owner, name, near);
    return status_fail(STATUS_INVALID, "%s has no option '%s'; help(%s) lists its options", owner, name, owner);
}

static void check_required(lua_State *L, int index, const Option *options, const char *owner)
{
    for (const Option *option = options; option && option->name; option++) {
        if (!option->required) continue;
        lua_getfield(L, index, option->name);
        if (lua_isnil(L, -1))
            host_check(L,
                       status_fail(STATUS_INVALID, "%s: %s must be given: %s", owner, option->name, option->doc));
        lua_pop(L, 1);
    }
}

void bind_read_options(lua_State *L, int index, const Option *options, void *config, const char *owner,
                       const char *other)
{
    index = lua_absindex(L, index);
    luaL_checkstack(L, 6, "reading options");
    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            host_check(L, status_fail(STATUS_INVALID,
                                      "%s: options have names, as in {name = value}; got a %s as a name", owner,
                                      luaL_typename(L, -2)));
        const char *name = lua_tostring(L, -2);
        if (!in_words(other, name)) {
            if (other && !option_find(options, name))
                host_check(L, unknown_of_both(L, options, other, owner, name));
            host_check(L, bind_set_option(L, -1, options, config, owner, name));
        }
        lua_pop(L, 1);
    }
    check_required(L, index, options, owner);
}

void bind_push_option(lua_State *L, const Option *option, const void *config)
{
    const void *at = (const char *)config + option->offset;
    const OptionInts *ints = at;
    size_t length = 0;
    const char *name;
    switch (option->kind) {
    case OPTION_NUMBER: lua_pushnumber(L, *(const double *)at); break;
    case OPTION_INTEGER: lua_pushinteger(L, *(const int64_t *)at); break;
    case OPTION_BOOLEAN: lua_pushboolean(L, *(const bool *)at); break;
    case OPTION_TEXT: lua_pushstring(L, at); break;
    case OPTION_CHOICE:
        name = option_choice(option, *(const int64_t *)at, &length);
        lua_pushlstring(L, name ? name : "", length);
        break;
    case OPTION_INTS:
        lua_createtable(L, (int)ints->count, 0);
        for (int64_t i = 0; i < ints->count; i++) {
            lua_pushinteger(L, ints->values[i]);
            lua_rawseti(L, -2, i + 1);
        }
        break;
    }
}

void bind_push_options(lua_State *L, const Option *options, const void *config)
{
    lua_newtable(L);
    for (; options && options->name; options++) {
        bind_push_option(L, options, config);
        lua_setfield(L, -2, options->name);
    }
}

/* --- options as text --- */

Status bind_print_text(const char *text, Buffer *out)
{
    TRY(buffer_text(out, "\""));
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < ' ' || c == '"' || c == '\\')
            TRY(buffer_printf(out, "\\%03d", c));
        else
            TRY(buffer_append(out, text, 1));
    }
    return buffer_text(out, "\"");
}

static Status print_value(const Option *option, const void *config, Buffer *out)
{
    Buffer value = {0};
    bool quoted = option->kind == OPTION_TEXT || option->kind == OPTION_CHOICE, list = option->kind == OPTION_INTS;
    Status status = buffer_text(&value, "");
    if (status == STATUS_OK) status = option_print(option, config, &value);
    if (status == STATUS_OK)
        status = quoted ? bind_print_text(value.data, out) : buffer_printf(out, list ? "{%s}" : "%s", value.data);
    buffer_free(&value);
    return status;
}

Status bind_print_options(const Option *options, const void *config, Buffer *out)
{
    for (; options && options->name; options++) {
        TRY(buffer_printf(out, "%s = ", options->name));
        TRY(print_value(options, config, out));
        TRY(buffer_text(out, ", "));
    }
    return STATUS_OK;
}

/* --- records as Lua values --- */

void bind_push_record(lua_State *L, const RecordKind *kind, const Record *record)
{
    RecordHandle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    *handle = (RecordHandle){kind, *record};
    luaL_setmetatable(L, RECORD_TYPE);
}

const Record *bind_test_record(lua_State *L, int index, const RecordKind **kind)
{
    RecordHandle *handle = luaL_testudata(L, index, RECORD_TYPE);
    if (!handle) return NULL;
    if (kind) *kind = handle->kind;
    return &handle->record;
}

static int record_call(lua_State *L)
{
    const RecordKind *kind;
    const Record *record = bind_test_record(L, 1, &kind);
    if (!record) return luaL_typeerror(L, 1, "record");
    lua_remove(L, 1); /* records live as long as the libraries, and those as long as the state */
    return kind->call(L, record);
}

static void push_option_facts(lua_State *L, const Option *option)
{
    Buffer *range = host_push_buffer(L);
    host_check(L, option_describe_range(option, range));
    host_buffer_to_string(L, range);
    lua_newtable(L);
    lua_insert(L, -2);
    lua_setfield(L, -2, "range");
    lua_pushstring(L, option->name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, option->doc);
    lua_setfield(L, -2, "doc");
}

static int record_index(lua_State *L)
{
    const RecordKind *kind;
    const Record *record = bind_test_record(L, 1, &kind);
    const char *name = luaL_checkstring(L, 2);
    if (!record) return luaL_typeerror(L, 1, "record");
    if (strcmp(name, "options") == 0) {
        lua_newtable(L);
        for (int i = 0; record->options && record->options[i].name; i++) {
            push_option_facts(L, &record->options[i]);
            lua_rawseti(L, -2, i + 1);
        }
        return 1;
    }
    const char *value = strcmp(name, "name") == 0     ? record->name
                        : strcmp(name, "doc") == 0    ? record->doc
                        : strcmp(name, "source") == 0 ? record->source
                        : strcmp(name, "kind") == 0   ? kind->word
                                                      : NULL;
    lua_pushstring(L, value);
    return 1;
}

static int record_tostring(lua_State *L)
{
    const RecordKind *kind;
    const Record *record = bind_test_record(L, 1, &kind);
    if (!record) return luaL_typeerror(L, 1, "record");
    lua_pushfstring(L, "%s %s: %s", kind->word, record->name, record->doc ? record->doc : "");
    return 1;
}

/* A misspelt name in a library is an error that suggests the right one. */
static int library_index(lua_State *L)
{
    const RecordKind *kind = lua_touserdata(L, lua_upvalueindex(1));
    Record record;
    const char *names[512];
    size_t count = 0;
    if (lua_type(L, 2) != LUA_TSTRING) return 0;
    while (count < 512 && kind->get((int)count, &record)) names[count++] = record.name;
    const char *near = names_nearest(lua_tostring(L, 2), names, count, sizeof *names);
    if (near) return luaL_error(L, "%s has no '%s'; did you mean '%s'?", kind->library, lua_tostring(L, 2), near);
    return luaL_error(L, "%s has no '%s'; help(%s) lists what there is", kind->library, lua_tostring(L, 2),
                      kind->library);
}

/* "optim: adamw, adam, sgd, lamb" */
static int library_tostring(lua_State *L)
{
    const RecordKind *kind = lua_touserdata(L, lua_upvalueindex(1));
    Buffer *out = host_push_buffer(L);
    Record record;
    host_check(L, buffer_printf(out, "%s:", kind->library));
    for (int i = 0; kind->get(i, &record); i++)
        host_check(L, buffer_printf(out, "%s %s", i ? "," : "", record.name));
    host_buffer_to_string(L, out);
    return 1;
}

static void open_library(lua_State *L, const RecordKind *kind)
{
    Record record;
    lua_newtable(L);
    for (int i = 0; kind->get(i, &record); i++) {
        bind_push_record(L, kind, &record);
        lua_setfield(L, -2, record.name);
    }
    lua_newtable(L);
    lua_pushlightuserdata(L, (void *)kind);
    lua_pushcclosure(L, library_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushlightuserdata(L, (void *)kind);
    lua_pushcclosure(L, library_tostring, 1);
    lua_setfield(L, -2, "__tostring");
    lua_pushlightuserdata(L, (void *)kind);
    lua_setfield(L, -2, "__kind");
    lua_setmetatable(L, -2);
    lua_setglobal(L, kind->library);
}

void bind_open_records(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"__call", record_call}, {"__index", record_index}, {"__tostring", record_tostring}, {NULL, NULL}};
    luaL_newmetatable(L, RECORD_TYPE);
    luaL_setfuncs(L, methods, 0);
    lua_pop(L, 1);
    for (const RecordKind *const *kind = record_kinds; *kind; kind++) open_library(L, *kind);
}
