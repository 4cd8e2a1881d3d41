/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/settings.h"

#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "scripts/bind.h"
#include "tui/workbench/actions.h"
#include "tui/workbench/panes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const Option settings_options[] = {
    OPTION_CHOICE_FIELD(Settings, theme, "dark", "dark light mono", "colours"),
    OPTION_CHOICE_FIELD(Settings, dots, "braille", "braille blocks letters", "what curves are drawn with"),
    OPTION_BOOLEAN_FIELD(Settings, mouse, 1, "clicks go to the workbench"),
    OPTION_BOOLEAN_FIELD(Settings, log_y, 0, "curves begin with logarithmic values"),
    {0},
};

/* --- what the file calls --- */

/* workbench.key("edit weight", "e enter") */
static int bind_key(lua_State *L)
{
    host_check(L, actions_bind(luaL_checkstring(L, 1), luaL_checkstring(L, 2)));
    return 0;
}

static const char *text_field(lua_State *L, const char *name, const char *otherwise)
{
    lua_getfield(L, 1, name);
    if (lua_isnil(L, -1) && otherwise) return otherwise;
    if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "command: %s must be a text", name);
    return lua_tostring(L, -1); /* the table keeps it alive */
}

/* Bits of the pane that is named; "" for all. */
static unsigned find_pane(lua_State *L, const char *name)
{
    if (!*name) return EVERYWHERE;
    for (int i = 0; i < PANE_COUNT; i++)
        if (strcasecmp(panes[i].name, name) == 0) return 1u << i;
    luaL_error(L,
               "command: there is no pane '%s'; there are curves, objectives, model, samples, data, branches, log, "
               "prompt",
               name);
    return 0;
}

static void check_fields(lua_State *L)
{
    static const char *const known[] = {"name", "doc", "lua", "keys", "pane", "label"};
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            found |= lua_type(L, -2) == LUA_TSTRING && strcmp(lua_tostring(L, -2), known[i]) == 0;
        if (!found)
            luaL_error(L, "command has no field '%s'; there are name, doc, lua, keys, pane, label",
                       luaL_tolstring(L, -2, NULL));
        lua_pop(L, 1);
    }
}

/* workbench.command { name = "halve the rate", keys = "H", doc = "...", lua = "run.optimizer.lr = ..." } */
static int add_command(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    check_fields(L);
    const char *name = text_field(L, "name", NULL), *lua = text_field(L, "lua", NULL);
    const char *doc = text_field(L, "doc", "a command of init.lua"), *keys = text_field(L, "keys", "");
    const char *label = text_field(L, "label", ""), *pane = text_field(L, "pane", "");
    host_check(L, actions_add(name, keys, find_pane(L, pane), label, doc, lua));
    return 0;
}

static Settings *settings_of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

/* workbench.theme = "light" */
static int set_option(lua_State *L)
{
    host_check(L, bind_set_option(L, 3, settings_options, settings_of(L), "workbench", luaL_checkstring(L, 2)));
    return 0;
}

static int get_option(lua_State *L)
{
    const char *name = luaL_checkstring(L, 2);
    const Option *option = option_find(settings_options, name);
    if (!option) host_check(L, option_unknown(settings_options, "workbench", name));
    bind_push_option(L, option, settings_of(L));
    return 1;
}

static int open_workbench(lua_State *L)
{
    static const luaL_Reg functions[] = {{"key", bind_key}, {"command", add_command}, {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_createtable(L, 0, 2);
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, set_option, 1);
    lua_setfield(L, -2, "__newindex");
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, get_option, 1);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_setglobal(L, "workbench");
    return 0;
}

/* --- reading --- */

static void print_to(void *context, const char *text, size_t length)
{
    Status status = buffer_append(context, text, length);
    (void)status; /* without memory it is not shown */
}

static Status run_file(Host *host, const char *path, Settings *settings)
{
    TRY(host_protect(host, open_workbench, settings));
    TRY(host_load_file(host, path));
    return host_call(host, 0, 0);
}

Status settings_read(const char *path, Settings *out, Buffer *trouble)
{
    HostOptions options = {.output = print_to, .context = trouble};
    Host *host;
    option_defaults(settings_options, out);
    if (!file_exists(path)) return STATUS_OK;
    TRY(host_new(&options, &host));
    Status status = run_file(host, path, out);
    if (status != STATUS_OK && status != STATUS_NOMEM)
        status = buffer_printf(trouble, "%s; the rest of it was not read\n", status_message());
    host_free(host);
    return status;
}

Status settings_load(Settings *out, Buffer *trouble)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    Buffer path = {0};
    bool own = config && *config;
    actions_reset();
    option_defaults(settings_options, out);
    if (!own && !(home && *home)) return STATUS_OK;
    TRY(buffer_printf(&path, "%s%s/lathe/init.lua", own ? config : home, own ? "" : "/.config"));
    Status status = settings_read(path.data, out, trouble);
    buffer_free(&path);
    return status;
}
