/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scripts/bind_class.h"

#include "engine/base/names.h"

#include <string.h>

enum { MOST_NAMES = 256 };

/* How many arguments "(a, b, {options})" names; -1: any number. */
static int most_arguments(const char *text)
{
    int count = text[0] == '(' && text[1] != ')', depth = 0;
    if (text[0] == '{') return 1;
    if (strstr(text, "...)")) return -1;
    for (; *text; text++) {
        depth += (*text == '{') - (*text == '}');
        count += *text == ',' && depth == 0;
    }
    return count;
}

const BindMethod *bind_class_method(const BindClass *class, int i)
{
    for (const BindMethod *const *list = class->methods; *list; list++)
        for (const BindMethod *method = *list; method->name; method++)
            if (i-- == 0) return method;
    return NULL;
}

/* --- methods --- */

/* A nil at the end is as good as none. */
static int given_arguments(lua_State *L)
{
    int count = lua_gettop(L);
    while (count > 1 && lua_isnil(L, count)) count--;
    return count - 1;
}

/* Upvalues 1 and 2: the method and its class. */
static int call_method(lua_State *L)
{
    const BindMethod *method = lua_touserdata(L, lua_upvalueindex(1));
    const BindClass *class = lua_touserdata(L, lua_upvalueindex(2));
    int most = most_arguments(method->arguments), given = given_arguments(L);
    if (!luaL_testudata(L, 1, class->type))
        return luaL_error(L, "%s is a method of %s %s, called with a colon, as in x:%s%s; got %s", method->name,
                          class->article, class->name, method->name, method->arguments, bind_type_name(L, 1));
    if (most >= 0 && given > most)
        return luaL_error(L, "%s: got %d argument%s; it is x:%s%s", method->name, given, given == 1 ? "" : "s",
                          method->name, method->arguments);
    return method->call(L);
}

const BindMethod *bind_test_method(lua_State *L, int index, const BindClass **class)
{
    if (lua_tocfunction(L, index) != call_method) return NULL;
    index = lua_absindex(L, index);
    lua_getupvalue(L, index, 1);
    lua_getupvalue(L, index, 2);
    const BindMethod *method = lua_touserdata(L, -2);
    *class = lua_touserdata(L, -1);
    lua_pop(L, 2);
    return method;
}

/* --- names --- */

bool bind_push_member(lua_State *L, const BindClass *class)
{
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    for (const BindField *field = class->fields; field && field->name; field++)
        if (strcmp(field->name, name) == 0) {
            field->push(L);
            return true;
        }
    luaL_getmetafield(L, 1, "__methods");
    lua_pushvalue(L, 2);
    if (lua_rawget(L, -2) != LUA_TNIL) return true;
    lua_pop(L, 2);
    return false;
}

static size_t collect_names(const BindClass *class, const char **names, size_t most)
{
    size_t count = 0;
    for (const BindField *field = class->fields; field && field->name && count < most; field++)
        names[count++] = field->name;
    const BindMethod *method;
    for (int i = 0; (method = bind_class_method(class, i)) && count < most; i++) names[count++] = method->name;
    return count;
}

int bind_unknown_member(lua_State *L, const BindClass *class, const char *owner, const char *name,
                        const char *const *more)
{
    const char *names[MOST_NAMES];
    size_t count = collect_names(class, names, MOST_NAMES);
    for (; more && *more && count < MOST_NAMES; more++) names[count++] = *more;
    const char *near = names_nearest(name, names, count, sizeof *names);
    if (!owner) owner = lua_pushfstring(L, "%s %s", class->article, class->name);
    if (near) return luaL_error(L, "%s has no '%s'; did you mean '%s'?", owner, name, near);
    return luaL_error(L, "%s has no '%s'; help() of it lists what it has", owner, name);
}

static const BindClass *own_class(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

static int class_index(lua_State *L)
{
    const BindClass *class = own_class(L);
    if (bind_push_member(L, class)) return 1;
    return bind_unknown_member(L, class, NULL, luaL_tolstring(L, 2, NULL), NULL);
}

/* The methods of the object at index 1 whose names are texts, behind 'count' entries of the list at the top. */
static void add_methods(lua_State *L, lua_Integer count)
{
    luaL_getmetafield(L, 1, "__methods");
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_pop(L, 1);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -4, ++count);
    }
    lua_pop(L, 1);
}

void bind_push_members(lua_State *L, const BindClass *class)
{
    lua_Integer count = 0;
    lua_newtable(L);
    for (const BindField *field = class->fields; field && field->name; field++) {
        lua_pushstring(L, field->name);
        lua_rawseti(L, -2, ++count);
    }
    add_methods(L, count);
}

static int class_members(lua_State *L)
{
    bind_push_members(L, own_class(L));
    return 1;
}

void bind_push_member_doc(lua_State *L, const BindClass *class)
{
    const char *name = luaL_checkstring(L, 2), *doc = NULL;
    const BindMethod *method;
    for (const BindField *field = class->fields; field && field->name; field++)
        if (strcmp(field->name, name) == 0) doc = field->doc;
    for (int i = 0; (method = bind_class_method(class, i)); i++)
        if (strcmp(method->name, name) == 0) doc = method->doc;
    lua_pushstring(L, doc);
}

static int class_doc(lua_State *L)
{
    bind_push_member_doc(L, own_class(L));
    return 1;
}

static int class_help(lua_State *L)
{
    Buffer *out = host_push_buffer(L);
    host_check(L, bind_help_class(own_class(L), out));
    host_buffer_to_string(L, out);
    if (luaL_getmetafield(L, 1, "__more") != LUA_TNIL) lua_concat(L, 2); /* what the Lua library adds */
    return 1;
}

/* --- opening --- */

static void set_event(lua_State *L, const BindClass *class, const char *event, lua_CFunction function)
{
    lua_pushlightuserdata(L, (void *)class);
    lua_pushcclosure(L, function, 1);
    lua_setfield(L, -2, event);
}

void bind_open_class(lua_State *L, const BindClass *class, const luaL_Reg *events)
{
    const BindMethod *method;
    luaL_getsubtable(L, LUA_REGISTRYINDEX, BIND_CLASSES);
    lua_pushlightuserdata(L, (void *)class);
    lua_setfield(L, -2, class->name);
    lua_pop(L, 1);
    luaL_newmetatable(L, class->type);
    set_event(L, class, "__index", class_index);
    set_event(L, class, "__members", class_members);
    set_event(L, class, "__doc", class_doc);
    set_event(L, class, "__help", class_help);
    luaL_setfuncs(L, events, 0);
    lua_newtable(L);
    for (int i = 0; (method = bind_class_method(class, i)); i++) {
        lua_pushlightuserdata(L, (void *)method);
        lua_pushlightuserdata(L, (void *)class);
        lua_pushcclosure(L, call_method, 2);
        lua_setfield(L, -2, method->name);
    }
    lua_setfield(L, -2, "__methods");
    lua_pop(L, 1);
}
