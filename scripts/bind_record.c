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

/* --- types in words --- */

const char *bind_type_name(lua_State *L, int index)
{
    if (lua_isnoneornil(L, index)) return "nothing";
    index = lua_absindex(L, index);
    const char *name = luaL_typename(L, index);
    if (luaL_getmetafield(L, index, "__word") == LUA_TFUNCTION) { /* of a part: what it is a part of */
        lua_pushvalue(L, index);
        lua_call(L, 1, 1);
        name = lua_tostring(L, -1);
    } else if (luaL_getmetafield(L, index, "__name") == LUA_TSTRING) {
        name = lua_tostring(L, -1);
        if (strncmp(name, "lathe.", 6) == 0) name += 6;
    }
    return lua_pushfstring(L, "%s %s", strchr("aeiou", name[0]) ? "an" : "a", name);
}

void bind_check_type(lua_State *L, int index, int type, const char *who, const char *wanted)
{
    if (lua_type(L, index) == type) return;
    luaL_error(L, "%s takes %s; got %s", who, wanted, bind_type_name(L, index));
}

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
        status = status_fail(STATUS_INVALID, "%s: %s must be %s; got %s", owner, option->name, range.data,
                             bind_type_name(L, index));
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

static bool in_words(const RecordWord *words, const char *name)
{
    for (; words && words->name; words++)
        if (strcmp(words->name, name) == 0) return true;
    return false;
}

/* As option_unknown(), with the words of 'other' among the candidates. */
static Status unknown_of_both(const Option *options, const RecordWord *other, const char *owner, const char *name)
{
    const char *names[128];
    size_t count = 0;
    for (; options && options->name && count < 100; options++) names[count++] = options->name;
    for (; other->name && count < 128; other++) names[count++] = other->name;
    const char *near = names_nearest(name, names, count, sizeof *names);
    if (near) return status_fail(STATUS_INVALID, "%s has no option '%s'; did you mean '%s'?", owner, name, near);
    return status_fail(STATUS_INVALID, "%s has no option '%s'; help(\"%s\") lists its options", owner, name, owner);
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
                       const RecordWord *other)
{
    bind_check_type(L, index, LUA_TTABLE, owner, "a table of options, as in {name = value}");
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
            if (other && !option_find(options, name)) host_check(L, unknown_of_both(options, other, owner, name));
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
        if (c == '\n')
            TRY(buffer_text(out, "\\n"));
        else if (c == '"' || c == '\\')
            TRY(buffer_printf(out, "\\%c", c));
        else if (c < ' ')
            TRY(buffer_printf(out, "\\%03d", c));
        else
            TRY(buffer_append(out, text, 1));
    }
    return buffer_text(out, "\"");
}

Status bind_option_value(const Option *option, const void *config, Buffer *out)
{
    const char *at = (const char *)config + option->offset;
    if (option->kind == OPTION_TEXT) return bind_print_text(at, out);
    const char *quote = option->kind == OPTION_CHOICE ? "\"" : "";
    TRY(buffer_text(out, option->kind == OPTION_INTS ? "{ " : quote));
    TRY(option_print(option, config, out));
    return buffer_text(out, option->kind == OPTION_INTS ? " }" : quote);
}

Status bind_print_options(const Option *options, const void *config, Buffer *out)
{
    for (; options && options->name; options++) {
        TRY(buffer_printf(out, "%s = ", options->name));
        TRY(bind_option_value(options, config, out));
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

/* Ops count their own: some take any number. */
static void check_count(lua_State *L, const RecordKind *kind, const Record *record)
{
    int most = record->options || record->words || kind->common, given = lua_gettop(L);
    if (record->inputs) return;
    for (const RecordWord *argument = record->arguments; argument && argument->name; argument++) most++;
    while (given > 0 && lua_isnil(L, given)) given--;
    if (given <= most) return;
    Buffer *signature = host_push_buffer(L);
    host_check(L, bind_print_signature(kind, record, signature));
    luaL_error(L, "%s.%s: got %d argument%s; it is %s", kind->library, record->name, given, given == 1 ? "" : "s",
               signature->data);
}

static int record_call(lua_State *L)
{
    const RecordKind *kind;
    const Record *record = bind_test_record(L, 1, &kind);
    if (!record) return luaL_typeerror(L, 1, "record");
    lua_remove(L, 1); /* records live as long as the libraries, and those as long as the state */
    check_count(L, kind, record);
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
    static const char *const fields[] = {"name", "doc", "source", "kind"};
    const char *const values[] = {record->name, record->doc, record->source, kind->word};
    for (int i = 0; i < 4; i++)
        if (strcmp(name, fields[i]) == 0) {
            lua_pushstring(L, values[i]);
            return 1;
        }
    return luaL_error(L, "the %s %s has no '%s'; there are name, doc, source, kind and options", kind->word,
                      record->name, name);
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
    for (const RecordKind *const *part = record_kinds; *part && count < 512; part++)
        if (bind_part_of(*part, kind)) names[count++] = bind_part_of(*part, kind);
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
    int count = 0;
    for (; kind->get(count, &record); count++)
        host_check(L, buffer_printf(out, "%s %s", count ? "," : "", record.name));
    for (const RecordKind *const *part = record_kinds; *part; part++)
        if (bind_part_of(*part, kind))
            host_check(L, buffer_printf(out, "%s %s", count++ ? "," : "", bind_part_of(*part, kind)));
    host_buffer_to_string(L, out);
    return 1;
}

const char *bind_part_of(const RecordKind *part, const RecordKind *whole)
{
    size_t length = strlen(whole->library);
    bool inside = strncmp(part->library, whole->library, length) == 0 && part->library[length] == '.';
    return inside ? part->library + length + 1 : NULL;
}

/* tokenizers.wordpiece goes into the table tokenizers, which stands before it in the list of kinds. */
static void set_library(lua_State *L, const RecordKind *kind)
{
    const char *dot = strchr(kind->library, '.');
    if (!dot) {
        lua_setglobal(L, kind->library);
        return;
    }
    lua_pushlstring(L, kind->library, (size_t)(dot - kind->library));
    lua_pushglobaltable(L);
    lua_insert(L, -2);
    lua_gettable(L, -2);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, dot + 1);
    lua_pop(L, 3);
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
    set_library(L, kind);
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
