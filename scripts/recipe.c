/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scripts/recipe.h"

#include "engine/base/memory.h"
#include "engine/base/names.h"
#include "engine/io/file.h"
#include "scripts/bind_edit.h"
#include "scripts/library.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef LATHE_DATADIR
#define LATHE_DATADIR "/usr/local/share/lathe"
#endif
#ifndef LATHE_SOURCE
#define LATHE_SOURCE "."
#endif

static const char own_recipes[] = "/share/lathe/recipes";

struct Recipe {
    Host *host;
    int ref; /* of the recipe's table in the registry */
    char *path, *spoken;
    Buffer plan; /* the recipe that a journal stands for; empty: it is none */
};

/* --- finding --- */

static bool is_there(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

/* FOLDER/NAME, then with ".lua"; leaves the one that exists in path. */
static Status try_folder(const char *folder, size_t length, const char *name, Buffer *path, Buffer *tried,
                         bool *found)
{
    if (length == 0) return STATUS_OK;
    for (int with_ending = 0; with_ending < 2 && !*found; with_ending++) {
        buffer_clear(path);
        TRY(buffer_append(path, folder, length));
        TRY(buffer_printf(path, "/%s%s", name, with_ending ? ".lua" : ""));
        struct stat info;
        *found = stat(path->data, &info) == 0 && S_ISREG(info.st_mode);
    }
    return *found ? STATUS_OK : buffer_printf(tried, "%s%.*s", tried->length ? ", " : "", (int)length, folder);
}

static Status try_list(const char *folders, const char *name, Buffer *path, Buffer *tried, bool *found)
{
    while (folders && *folders && !*found) {
        size_t length = strcspn(folders, ":");
        TRY(try_folder(folders, length, name, path, tried, found));
        folders += length + (folders[length] == ':');
    }
    return STATUS_OK;
}

/* share/lathe/recipes beside the bin/ that the program is in, where that is not the folder that configure knows: of
 * an installation that was moved. */
static Status add_own_folder(Buffer *folders)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - sizeof own_recipes);
    for (int part = 0; part < 2; part++)
        while (length > 0 && path[--length] != '/') continue;
    if (length <= 0) return STATUS_OK;
    memcpy(path + length, own_recipes, sizeof own_recipes);
    struct stat info;
    bool other = strcmp(path, LATHE_DATADIR "/recipes") != 0 && stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    return other ? buffer_printf(folders, "%s:", path) : STATUS_OK;
}

/* Where recipes are looked for, with colons between. */
static Status list_folders(Buffer *folders)
{
    const char *listed = getenv("LATHE_PATH"), *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (listed && *listed) TRY(buffer_printf(folders, "%s:", listed));
    if (data && *data)
        TRY(buffer_printf(folders, "%s/lathe/recipes:", data));
    else if (home && *home)
        TRY(buffer_printf(folders, "%s/.local/share/lathe/recipes:", home));
    TRY(add_own_folder(folders));
    return buffer_text(folders, LATHE_DATADIR "/recipes:" LATHE_SOURCE "/scripts/recipes");
}

static Status search(const char *name, Buffer *path, Buffer *tried, bool *found)
{
    Buffer folders = {0};
    Status status = list_folders(&folders);
    if (status == STATUS_OK) status = try_list(folders.data, name, path, tried, found);
    buffer_free(&folders);
    return status;
}

/* --- listing --- */

static Status visit_folder(const char *folder, Status (*visit)(void *context, const char *name, const char *path),
                           void *context)
{
    FileNames names;
    Status status = file_list(folder, &names);
    if (status != STATUS_OK) return status == STATUS_NOMEM ? status : STATUS_OK; /* it may be missing */
    for (size_t i = 0; i < names.count && status == STATUS_OK; i++) {
        size_t length = strlen(names.names[i]);
        char name[256], *path;
        if (length < 5 || length > sizeof name || strcmp(names.names[i] + length - 4, ".lua") != 0) continue;
        snprintf(name, sizeof name, "%.*s", (int)length - 4, names.names[i]);
        status = file_join(folder, names.names[i], &path);
        if (status != STATUS_OK) break;
        status = visit(context, name, path);
        memory_free(path);
    }
    file_names_free(&names);
    return status;
}

Status recipe_list(Status (*visit)(void *context, const char *name, const char *path), void *context)
{
    Buffer folders = {0};
    Status status = list_folders(&folders);
    for (char *at = folders.data, *end; status == STATUS_OK && at; at = end) {
        end = strchr(at, ':');
        if (end) *end++ = '\0';
        if (*at) status = visit_folder(at, visit, context);
    }
    buffer_free(&folders);
    return status;
}

static bool is_path(const char *name)
{
    size_t length = strlen(name);
    return strchr(name, '/') || (length > 4 && strcmp(name + length - 4, ".lua") == 0 && is_there(name));
}

typedef struct Nearest {
    const char *wanted;
    char name[64];
} Nearest;

static Status consider(void *context, const char *name, const char *path)
{
    Nearest *nearest = context;
    const char *names[] = {name, nearest->name};
    const char *near = names_nearest(nearest->wanted, names, nearest->name[0] ? 2 : 1, sizeof *names);
    (void)path;
    if (near == name) snprintf(nearest->name, sizeof nearest->name, "%s", name);
    return STATUS_OK;
}

static Status no_recipe(const char *name, const char *tried)
{
    Nearest nearest = {.wanted = name};
    TRY(recipe_list(consider, &nearest));
    if (nearest.name[0])
        return status_fail(STATUS_IO, "there is no recipe '%s'; did you mean '%s'?", name, nearest.name);
    return status_fail(STATUS_IO, "there is no recipe '%s' in %s", name, tried ? tried : "any folder");
}

Status recipe_find(const char *name, Buffer *path)
{
    Buffer tried = {0};
    bool found = false;
    buffer_clear(path);
    if (is_path(name)) {
        if (!is_there(name)) return status_fail(STATUS_IO, "%s: there is no such recipe file", name);
        return buffer_text(path, name);
    }
    Status status = *name ? search(name, path, &tried, &found) : STATUS_OK;
    if (status == STATUS_OK && !found) status = no_recipe(name, tried.data);
    buffer_free(&tried);
    return status;
}

/* --- calling scripts/lib/recipe.lua --- */

/* Pushes the named function of its table. */
static void push_api(lua_State *L, const char *function)
{
    library_require(L, "recipe");
    lua_getfield(L, -1, function);
    lua_remove(L, -2);
}

typedef struct RecipeCall {
    Recipe *recipe;
    const char *name, *value;
    int index;
    int64_t number;
    RecipeParam *param;
    const MetricsStore *metrics;
    Buffer *out;
} RecipeCall;

static RecipeCall *begin(lua_State *L, const char *function)
{
    RecipeCall *call = lua_touserdata(L, 1);
    push_api(L, function);
    lua_rawgeti(L, LUA_REGISTRYINDEX, call->recipe->ref);
    return call;
}

static int adopt(lua_State *L)
{
    RecipeCall *call = lua_touserdata(L, 2);
    push_api(L, "check");
    lua_pushvalue(L, 1);
    lua_pushstring(L, call->recipe->path);
    lua_call(L, 2, 1);
    call->recipe->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

static int set_value(lua_State *L)
{
    RecipeCall *call = begin(L, "set");
    lua_pushstring(L, call->name);
    lua_pushstring(L, call->value);
    lua_pushstring(L, call->recipe->spoken);
    lua_call(L, 4, 0);
    return 0;
}

static int count_params(lua_State *L)
{
    RecipeCall *call = begin(L, "count");
    lua_call(L, 1, 1);
    call->index = (int)lua_tointeger(L, -1);
    return 0;
}

static void copy_text(lua_State *L, int index, char *out, size_t size)
{
    snprintf(out, size, "%s", lua_isnil(L, index) ? "" : lua_tostring(L, index));
}

static int describe_param(lua_State *L)
{
    RecipeCall *call = begin(L, "describe");
    RecipeParam *param = call->param;
    lua_pushinteger(L, call->index + 1);
    lua_call(L, 2, 6);
    copy_text(L, -6, param->name, sizeof param->name);
    copy_text(L, -5, param->kind, sizeof param->kind);
    copy_text(L, -4, param->doc, sizeof param->doc);
    copy_text(L, -3, param->range, sizeof param->range);
    copy_text(L, -2, param->standard, sizeof param->standard);
    copy_text(L, -1, param->value, sizeof param->value);
    param->has_default = !lua_isnil(L, -2);
    param->has_value = !lua_isnil(L, -1);
    return 0;
}

static int get_setting(lua_State *L)
{
    RecipeCall *call = begin(L, "setting");
    lua_pushstring(L, call->name);
    lua_call(L, 2, 1);
    call->number = lua_tointeger(L, -1);
    return 0;
}

static int write_help(lua_State *L)
{
    RecipeCall *call = begin(L, "help");
    lua_pushstring(L, call->recipe->spoken);
    lua_call(L, 2, 1);
    size_t length;
    const char *text = lua_tolstring(L, -1, &length);
    host_check(L, buffer_append(call->out, text, length));
    return 0;
}

static int finished(lua_State *L)
{
    const RecipeCall *call = begin(L, "finished");
    int64_t step;
    double value;
    library_push(L, "run");
    lua_newtable(L);
    for (int i = 0; i < metrics_name_count(call->metrics); i++) {
        const char *name = metrics_name(call->metrics, i);
        if (!metrics_last(call->metrics, name, &step, &value)) continue;
        lua_pushnumber(L, value);
        lua_setfield(L, -2, name);
    }
    lua_call(L, 3, 0);
    return 0;
}

static int build_session(lua_State *L)
{
    begin(L, "build");
    lua_call(L, 1, 1);
    return 1;
}

/* --- a run's journal as a recipe --- */

static bool is_journal(const Buffer *text)
{
    static const char first[] = "-- lathe ", second[] = "\nlathe.run {";
    const char *end = text->length ? strchr(text->data, '\n') : NULL;
    return end && strncmp(text->data, first, sizeof first - 1) == 0 && strncmp(end, second, sizeof second - 1) == 0;
}

typedef struct Plan {
    const Buffer *journal, *recipe;
    Buffer *out;
} Plan;

static int make_plan(lua_State *L)
{
    const Plan *plan = lua_touserdata(L, 1);
    size_t length;
    bind_push_history(L, "plan_of");
    lua_pushlstring(L, plan->journal->data, plan->journal->length);
    lua_pushlstring(L, plan->recipe->data ? plan->recipe->data : "", plan->recipe->length);
    lua_call(L, 2, 1);
    const char *text = lua_tolstring(L, -1, &length);
    host_check(L, buffer_append(plan->out, text, length));
    return 0;
}

static Status read_beside(const char *path, const char *name, Buffer *out)
{
    char *folder, *beside;
    TRY(file_parent(path, &folder));
    Status status = file_join(folder, name, &beside);
    memory_free(folder);
    TRY(status);
    status = file_read_empty(beside, 0, out);
    memory_free(beside);
    return status;
}

/* Fills recipe->plan where the file is a journal. */
static Status read_plan(Recipe *recipe)
{
    Buffer journal = {0}, text = {0};
    Plan plan = {&journal, &text, &recipe->plan};
    Status status = file_read_empty(recipe->path, 0, &journal);
    if (status == STATUS_OK && is_journal(&journal)) {
        status = read_beside(recipe->path, "recipe.lua", &text);
        if (status == STATUS_OK) status = host_protect(recipe->host, make_plan, &plan);
    }
    buffer_free(&text);
    buffer_free(&journal);
    return status;
}

static bool is_named_journal(const char *path)
{
    const char *slash = strrchr(path, '/');
    return strcmp(slash ? slash + 1 : path, "journal.lua") == 0;
}

/* --- the C side --- */

/* An error names the file: one in the last line, "return recipe {...}", has no place in it. */
static Status run_file(Recipe *recipe)
{
    Host *host = recipe->host;
    const char *path = recipe->path, *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    Status status = is_named_journal(path) ? read_plan(recipe) : STATUS_OK;
    if (status == STATUS_OK && recipe->plan.length)
        status = host_load(host, recipe->plan.data, recipe->plan.length, path);
    else if (status == STATUS_OK)
        status = host_load_file(host, path);
    if (status == STATUS_OK) status = host_call(host, 0, 1);
    bool named = status == STATUS_OK || status == STATUS_CANCELLED || strstr(status_message(), name);
    return named ? status : status_context(status, "%s", name);
}

static Status load(Host *host, const char *name, Recipe *recipe)
{
    Buffer path = {0};
    recipe->host = host;
    recipe->ref = LUA_NOREF;
    Status status = recipe_find(name, &path);
    recipe->path = buffer_take(&path);
    TRY(status);
    TRY(memory_copy_text(name, &recipe->spoken));
    TRY(run_file(recipe));
    RecipeCall call = {.recipe = recipe};
    lua_State *L = host_lua(host);
    lua_pushcfunction(L, adopt);
    lua_insert(L, -2);
    lua_pushlightuserdata(L, &call);
    return host_call(host, 2, 0);
}

Status recipe_load(Host *host, const char *name, Recipe **out)
{
    Recipe *recipe;
    TRY(memory_new(1, sizeof *recipe, &recipe));
    Status status = load(host, name, recipe);
    if (status == STATUS_OK)
        *out = recipe;
    else
        recipe_free(recipe);
    return status;
}

void recipe_free(Recipe *recipe)
{
    if (!recipe) return;
    luaL_unref(host_lua(recipe->host), LUA_REGISTRYINDEX, recipe->ref);
    memory_free(recipe->path);
    memory_free(recipe->spoken);
    buffer_free(&recipe->plan);
    memory_free(recipe);
}

const char *recipe_path(const Recipe *recipe)
{
    return recipe->path;
}

Status recipe_read_text(const Recipe *recipe, Buffer *out)
{
    if (recipe->plan.length) return buffer_append(out, recipe->plan.data, recipe->plan.length);
    return file_read(recipe->path, 0, out);
}

Status recipe_setting(Recipe *recipe, const char *name, int64_t *out)
{
    RecipeCall call = {.recipe = recipe, .name = name};
    TRY(host_protect(recipe->host, get_setting, &call));
    *out = call.number;
    return STATUS_OK;
}

Status recipe_set(Recipe *recipe, const char *name, const char *value)
{
    RecipeCall call = {.recipe = recipe, .name = name, .value = value};
    return host_protect(recipe->host, set_value, &call);
}

Status recipe_set_pair(Recipe *recipe, const char *pair)
{
    const char *equals = strchr(pair, '=');
    char *name;
    if (!equals || equals == pair)
        return status_fail(STATUS_INVALID, "--set takes NAME=VALUE, as in --set steps=100; got '%s'", pair);
    TRY(memory_copy_bytes(pair, (size_t)(equals - pair), &name));
    Status status = recipe_set(recipe, name, equals + 1);
    memory_free(name);
    return status;
}

Status recipe_param_count(Recipe *recipe, int *out)
{
    RecipeCall call = {.recipe = recipe};
    TRY(host_protect(recipe->host, count_params, &call));
    *out = call.index;
    return STATUS_OK;
}

Status recipe_param(Recipe *recipe, int i, RecipeParam *out)
{
    RecipeCall call = {.recipe = recipe, .index = i, .param = out};
    return host_protect(recipe->host, describe_param, &call);
}

Status recipe_help(Recipe *recipe, Buffer *out)
{
    RecipeCall call = {.recipe = recipe, .out = out};
    return host_protect(recipe->host, write_help, &call);
}

Status recipe_check(Recipe *recipe, const MetricsStore *metrics)
{
    RecipeCall call = {.recipe = recipe, .metrics = metrics};
    return host_protect(recipe->host, finished, &call);
}

Status recipe_build(Recipe *recipe)
{
    RecipeCall call = {.recipe = recipe};
    lua_pushcfunction(host_lua(recipe->host), build_session);
    lua_pushlightuserdata(host_lua(recipe->host), &call);
    return host_call(recipe->host, 1, 1);
}
