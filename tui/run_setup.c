/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/run_setup.h"

#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/metadata.h"
#include "engine/io/pretrained.h"
#include "engine/train/run.h"
#include "scripts/bind.h"
#include "scripts/bind_history.h"
#include "scripts/bind_session.h"
#include "scripts/bind_tokenizers.h"
#include "scripts/host_files.h"
#include "tui/run_origin.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 10000 };

static Status make_host(RunSetup *setup, bool restricted)
{
    HostOptions options = {.restricted = restricted, .seed = setup->seed};
    TRY(host_new(&options, &setup->host));
    host_seed(setup->host, setup->seed);
    return restricted ? STATUS_OK : host_protect(setup->host, bind_guard_system, NULL);
}

static Status load_recipe(const char *name, int64_t seed, RunSetup *out)
{
    *out = (RunSetup){.seed = (uint64_t)seed};
    TRY(make_host(out, false));
    return recipe_load(out->host, name, &out->recipe);
}

/* With the seed of the recipe where nobody names one: it is loaded once more then, as its file may draw numbers. */
static Status load_with_its_seed(const char *name, RunSetup *out)
{
    int64_t seed;
    TRY(load_recipe(name, 1, out));
    TRY(recipe_setting(out->recipe, "seed", &seed));
    if (seed < 0 || seed == 1) return STATUS_OK;
    run_setup_free(out);
    return load_recipe(name, seed, out);
}

Status run_setup_recipe(const Arguments *arguments, RunSetup *out)
{
    const char *name = arguments->names[0];
    TRY(arguments->seed >= 0 ? load_recipe(name, arguments->seed, out) : load_with_its_seed(name, out));
    for (int i = 0; i < arguments->set_count; i++) TRY(recipe_set_pair(out->recipe, arguments->sets[i]));
    return memory_copy_text(recipe_path(out->recipe), &out->recipe_path);
}

/* Whether one of the --set names the parameter. */
static bool is_changed(const Arguments *changes, const char *key)
{
    size_t length = strlen(key);
    for (int i = 0; changes && i < changes->set_count; i++)
        if (strncmp(changes->sets[i], key, length) == 0 && changes->sets[i][length] == '=') return true;
    return false;
}

/* As --set would be given. Numbers are JSON's own; runs of before that have texts throughout. */
static Status parameter_text(const char *name, const char *key, const json_t *value, Buffer *out)
{
    buffer_clear(out);
    if (json_is_string(value)) return buffer_text(out, json_string_value(value));
    if (json_is_boolean(value)) return buffer_text(out, json_is_true(value) ? "true" : "false");
    if (json_is_integer(value)) return buffer_printf(out, "%lld", (long long)json_integer_value(value));
    if (json_is_real(value)) return buffer_printf(out, "%.17g", json_real_value(value));
    return status_fail(STATUS_FORMAT, "%s: parameter '%s' must be a text, a number or a boolean", name, key);
}

/* A file that is gone. */
static Status say_remedy(Status status, const char *directory, const char *key, const char *value)
{
    char message[1024];
    if (status != STATUS_LUA || !strchr(value, '/') || file_exists(value)) return status;
    snprintf(message, sizeof message, "%s", status_message());
    return status_fail(STATUS_IO, "%s; put it back, or evaluate the run on another: lathe eval %s --set %s=FILE",
                       message, directory, key);
}

static Status set_parameters(RunSetup *setup, const char *directory, const char *name, const json_t *parameters,
                             const Arguments *changes, Buffer *text)
{
    const char *key;
    const json_t *value;
    json_object_foreach((json_t *)parameters, key, value)
    {
        if (is_changed(changes, key)) continue;
        TRY(parameter_text(name, key, value, text));
        Status status = recipe_set(setup->recipe, key, text->data);
        if (status != STATUS_OK) return say_remedy(status, directory, key, text->data);
    }
    for (int i = 0; changes && i < changes->set_count; i++) TRY(recipe_set_pair(setup->recipe, changes->sets[i]));
    return STATUS_OK;
}

static Status read_parameters(RunSetup *setup, const char *directory, const char *name, const json_t *config,
                              const Arguments *changes)
{
    json_t *parameters;
    Buffer text = {0};
    TRY(json_member(name, config, "parameters", JSON_OBJECT, &parameters));
    Status status = set_parameters(setup, directory, name, parameters, changes, &text);
    buffer_free(&text);
    return status;
}

/* Whether the run's sources have one vocabulary: that of the tokenizer which it saved. */
static bool has_one_vocabulary(const json_t *config)
{
    const char *first = NULL, *key;
    json_t *source;
    json_object_foreach(json_object_get(config, "data"), key, source)
    {
        const char *vocabulary = json_string_value(json_object_get(source, "vocabulary"));
        if (!vocabulary || (first && strcmp(first, vocabulary) != 0)) return false;
        first = vocabulary;
    }
    return first != NULL;
}

/* --- copies of the Lua files that the recipe loads: DIR/lua --- */

/* "lua/1-mylib.lua", from the directory of the run */
static Status copy_name(size_t number, const HostFile *file, Buffer *out)
{
    return buffer_printf(out, "lua/%zu-%s", number + 1, file_name(file->path));
}

static Status write_text(const char *directory, const char *name, const char *text, size_t length)
{
    char *path;
    TRY(file_join(directory, name, &path));
    Status status = file_write(path, text, length);
    memory_free(path);
    return status;
}

static Status put_lua_file(const RunDirectory *directory, size_t number, const HostFile *file, json_t *list)
{
    const char *text = file->text.data ? file->text.data : "";
    char content[HASH_TEXT_SIZE];
    Buffer name = {0};
    json_t *entry;
    TRY(json_new_object(&entry));
    TRY(json_set(list, file->name, entry));
    hash_text(hash_bytes(text, file->text.length), content);
    Status status = copy_name(number, file, &name);
    if (status == STATUS_OK) status = write_text(run_directory_path(directory), name.data, text, file->text.length);
    if (status == STATUS_OK) status = json_set_text(entry, "path", file->path);
    if (status == STATUS_OK) status = json_set_text(entry, "file", name.data);
    if (status == STATUS_OK) status = json_set_text(entry, "content", content);
    buffer_free(&name);
    return status;
}

/* config.lua = { "require mylib": {"path": ..., "file": "lua/1-mylib.lua", "content": ...}, ... } */
static Status put_lua_files(const RunSetup *setup, const RunDirectory *directory, json_t *config)
{
    const HostFiles *files = host_files(setup->host);
    json_t *list;
    char *folder;
    if (!files->count) return STATUS_OK;
    TRY(file_join(run_directory_path(directory), "lua", &folder));
    Status status = file_make_directory(folder, false);
    memory_free(folder);
    TRY(status);
    TRY(json_new_object(&list));
    TRY(json_set(config, "lua", list));
    for (size_t i = 0; i < files->count; i++) TRY(put_lua_file(directory, i, &files->list[i], list));
    return STATUS_OK;
}

/* A file that is loaded while the run trains. */
static Status keep_late_file(void *context)
{
    const RunSetup *setup = context;
    json_t *config;
    if (!setup->directory) return STATUS_OK;
    TRY(run_directory_read_config(run_directory_path(setup->directory), &config));
    Status status = put_lua_files(setup, setup->directory, config);
    if (status == STATUS_OK) status = run_directory_write_config(setup->directory, config);
    json_decref(config);
    return status;
}

/* The name of an entry's copy, from a file that may be anybody's. */
static Status copy_of(const char *config_name, const json_t *entry, const char **out)
{
    TRY(json_member_text(config_name, entry, "file", out));
    if (strncmp(*out, "lua/", 4) == 0 && !strchr(*out + 4, '/')) return STATUS_OK;
    return status_fail(STATUS_FORMAT, "%s: '%.80s' is not the name of a copy, lua/NAME", config_name, *out);
}

static Status read_copy(const char *directory, const char *config_name, const json_t *entry, Buffer *out)
{
    const char *file;
    char *path;
    TRY(copy_of(config_name, entry, &file));
    TRY(file_join(directory, file, &path));
    Status status = file_read_empty(path, 0, out);
    memory_free(path);
    return status;
}

static Status load_lua_files(RunSetup *setup, const char *directory, const char *config_name, const json_t *config)
{
    const char *key, *path;
    json_t *entry;
    json_object_foreach(json_object_get(config, "lua"), key, entry)
    {
        Buffer text = {0};
        TRY(json_member_text(config_name, entry, "path", &path));
        Status status = read_copy(directory, config_name, entry, &text);
        if (status == STATUS_OK) status = host_files_add(host_files(setup->host), key, path, &text);
        buffer_free(&text);
        TRY(status);
    }
    return STATUS_OK;
}

/* --- a run's directory --- */

static Status load_directory(const char *path, const json_t *config, bool exact, const Arguments *changes,
                             RunSetup *out, int64_t *steps)
{
    char *name = NULL;
    int64_t seed;
    TRY(file_join(path, "config.json", &name));
    Status status = json_member_integer(name, config, "seed", 0, INT64_MAX, &seed);
    out->seed = status == STATUS_OK ? (uint64_t)seed : 1;
    if (status == STATUS_OK) status = file_join(path, "recipe.lua", &out->recipe_path);
    if (status == STATUS_OK) status = make_host(out, true);
    if (status == STATUS_OK) status = run_origin_check(out->host, path, config, exact);
    if (status == STATUS_OK) status = load_lua_files(out, path, name, config);
    if (status == STATUS_OK) status = recipe_load(out->host, out->recipe_path, &out->recipe);
    if (status == STATUS_OK) status = read_parameters(out, path, name, config, changes);
    if (status == STATUS_OK && changes && changes->set_count && has_one_vocabulary(config))
        status = bind_keep_tokenizer(out->host, path);
    if (status == STATUS_OK) status = json_member_integer(name, config, "steps", 1, INT64_MAX, steps);
    memory_free(name);
    return status;
}

static Status load(const char *path, bool exact, const Arguments *changes, RunSetup *out, int64_t *steps)
{
    json_t *config;
    *out = (RunSetup){0};
    TRY(run_directory_read_config(path, &config));
    Status status = load_directory(path, config, exact, changes, out, steps);
    json_decref(config);
    return status;
}

Status run_setup_load(const char *path, bool exact, RunSetup *out, int64_t *steps)
{
    return load(path, exact, NULL, out, steps);
}

static Status open_directory(const char *path, bool exact, const Arguments *changes, RunSetup *out)
{
    int64_t steps;
    TRY(load(path, exact, changes, out, &steps));
    return run_setup_build(out, steps);
}

Status run_setup_directory(const char *path, bool exact, RunSetup *out)
{
    return open_directory(path, exact, NULL, out);
}

Status run_setup_final(const char *path, const Arguments *changes, RunSetup *out)
{
    Buffer journal = {0};
    TRY(open_directory(path, false, changes, out));
    Status status = run_directory_read_journal(path, &journal);
    if (status == STATUS_OK && journal.length) status = bind_settle(out->host, journal.data);
    buffer_free(&journal);
    return status;
}

/* What the run's recipe was given as 'precision'; a recipe may have no such parameter. */
static const char *precision_of(const char *path, json_t **config)
{
    *config = NULL;
    if (run_directory_read_config(path, config) != STATUS_OK) return NULL;
    return json_string_value(json_object_get(json_object_get(*config, "parameters"), "precision"));
}

/* The model and its tokenizer become globals. precision: NULL: f32. */
static Status load_model(const char *path, const char *precision, RunSetup *out)
{
    static const char words[] = "run = session { model = models.load(directory), precision = precision }\n"
                                "tokenizer = tokenizers.load(directory)\n";
    HostOptions options = {.seed = 1};
    *out = (RunSetup){0};
    TRY(host_new(&options, &out->host));
    lua_pushstring(host_lua(out->host), path);
    lua_setglobal(host_lua(out->host), "directory");
    lua_pushstring(host_lua(out->host), precision);
    lua_setglobal(host_lua(out->host), "precision");
    return host_run(out->host, words, sizeof words - 1, "lathe", 0);
}

static bool holds(const char *directory, const char *name)
{
    char *path;
    if (file_join(directory, name, &path) != STATUS_OK) return false;
    bool there = file_exists(path);
    memory_free(path);
    return there;
}

/* Weights, shape and tokenizer lie there; a model that transformers has no form of, or has in two directories
 * (ModelCompanion), is built by its recipe. */
static bool says_all(const char *path)
{
    const ModelRecord *record;
    return holds(path, "model.json") && holds(path, "model.safetensors") && bind_has_tokenizer(path) &&
           pretrained_record(path, &record) == STATUS_OK && !record->companion;
}

Status run_setup_model(const char *path, RunSetup *out)
{
    if (pretrained_is_there(path)) return load_model(path, NULL, out);
    if (says_all(path)) {
        json_t *config;
        const char *precision = precision_of(path, &config);
        Status status = load_model(path, precision, out);
        json_decref(config);
        if (status == STATUS_OK) return STATUS_OK;
        run_setup_free(out); /* it has parts of its own, adapters say: its recipe and journal know them */
    }
    TRY(run_setup_final(path, NULL, out));
    return run_load_weights(out->session, path);
}

static int take_session(lua_State *L)
{
    RunSetup *setup = lua_touserdata(L, 1);
    SessionHandle *handle = luaL_testudata(L, 2, "lathe.session");
    if (!handle)
        return luaL_error(L, "build() of the recipe must return a session {...}; it returned a %s",
                          luaL_typename(L, 2));
    setup->session = handle->session;
    host_check(L, session_check(setup->session)); /* one without objectives may look, but not train */
    bind_set_run(L, 2);
    return 0;
}

Status run_setup_build(RunSetup *setup, int64_t steps)
{
    TRY(recipe_build(setup->recipe));
    lua_State *L = host_lua(setup->host);
    lua_pushvalue(L, -1); /* one copy stays on the stack and keeps the session alive */
    lua_pushcfunction(L, take_session);
    lua_insert(L, -2);
    lua_pushlightuserdata(L, setup);
    lua_insert(L, -2);
    TRY(host_call(setup->host, 2, 0));
    if (steps > 0) setup->session->steps = steps;
    return STATUS_OK;
}

/* --- what a new run's directory says about it --- */

/* A parameter's value with JSON's type; the path of a file is made absolute, so that the run can go on from
 * anywhere. */
static Status put_parameter(json_t *parameters, const RecipeParam *param)
{
    if (!param->has_value) return STATUS_OK;
    if (strcmp(param->kind, "integer") == 0)
        return json_set_integer(parameters, param->name, strtoll(param->value, NULL, 10));
    if (strcmp(param->kind, "number") == 0)
        return json_set_number(parameters, param->name, strtod(param->value, NULL));
    if (strcmp(param->kind, "boolean") == 0)
        return json_set_boolean(parameters, param->name, strcmp(param->value, "true") == 0);
    char *whole = strcmp(param->kind, "file") == 0 ? realpath(param->value, NULL) : NULL;
    Status status = json_set_text(parameters, param->name, whole ? whole : param->value);
    free(whole);
    return status;
}

static Status put_parameters(RunSetup *setup, json_t *parameters)
{
    int count;
    TRY(recipe_param_count(setup->recipe, &count));
    for (int i = 0; i < count; i++) {
        RecipeParam param;
        TRY(recipe_param(setup->recipe, i, &param));
        TRY(put_parameter(parameters, &param));
    }
    return STATUS_OK;
}

static Status put_vocabulary(const Vocabulary *vocabulary, json_t *source)
{
    char content[HASH_TEXT_SIZE];
    if (!vocabulary || !vocabulary->pieces) return STATUS_OK;
    Hash hash = hash_bytes(&vocabulary->size, sizeof vocabulary->size);
    for (int64_t i = 0; i < vocabulary->size; i++)
        hash = hash_combine(hash, hash_bytes(vocabulary->pieces[i], strlen(vocabulary->pieces[i])));
    hash_text(hash, content);
    return json_set_text(source, "vocabulary", content);
}

static Status put_data(const Session *session, json_t *data)
{
    for (int i = 0; i < session->source_count; i++) {
        const SessionSource *entry = &session->sources[i];
        char content[HASH_TEXT_SIZE];
        json_t *source;
        hash_text(entry->source->content, content);
        TRY(json_new_object(&source));
        TRY(json_set(data, entry->name, source));
        TRY(json_set_text(source, "doc", entry->source->doc));
        TRY(json_set_text(source, "content", content));
        TRY(json_set_integer(source, "examples", entry->source->examples));
        TRY(put_vocabulary(entry->source->vocabulary, source));
    }
    return STATUS_OK;
}

/* With the libraries of the rooms above the engine. */
static Status made_with(json_t **out)
{
    TRY(metadata_json(out));
    Status status = json_set_text(json_object_get(*out, "libraries"), "lua", LUA_RELEASE);
    if (status != STATUS_OK) json_decref(*out);
    return status;
}

Status run_setup_differences(const char *path, Buffer *out)
{
    json_t *config, *now;
    TRY(run_directory_read_config(path, &config));
    Status status = made_with(&now);
    if (status == STATUS_OK) {
        status = metadata_differences(json_object_get(config, "made_with"), now, out);
        json_decref(now);
    }
    json_decref(config);
    return status;
}

static Status add_change(const char *directory, const char *name, const char *content, Buffer *out)
{
    char *path, now[HASH_TEXT_SIZE];
    Hash hash;
    TRY(file_join(directory, name, &path));
    Status status = hash_file(path, &hash);
    memory_free(path);
    TRY(status);
    hash_text(hash, now);
    if (strcmp(now, content) == 0) return STATUS_OK;
    return buffer_printf(out, "%s is not what the run was begun with\n", name);
}

static Status add_changes(const char *directory, const json_t *config, Buffer *out)
{
    const char *recipe = json_string_value(json_object_get(config, "recipe_content"));
    const char *key;
    json_t *entry;
    if (recipe) TRY(add_change(directory, "recipe.lua", recipe, out));
    json_object_foreach(json_object_get(config, "lua"), key, entry)
    {
        const char *file, *content;
        TRY(copy_of("config.json", entry, &file));
        TRY(json_member_text("config.json", entry, "content", &content));
        TRY(add_change(directory, file, content, out));
    }
    return STATUS_OK;
}

Status run_setup_changes(const char *path, Buffer *out)
{
    json_t *config;
    TRY(run_directory_read_config(path, &config));
    Status status = add_changes(path, config, out);
    json_decref(config);
    return status;
}

static Status add_data_changes(const Session *session, const json_t *config, Buffer *out)
{
    const json_t *data = json_object_get(config, "data");
    for (int i = 0; i < session->source_count; i++) {
        const SessionSource *entry = &session->sources[i];
        const char *said = json_string_value(json_object_get(json_object_get(data, entry->name), "content"));
        char now[HASH_TEXT_SIZE];
        hash_text(entry->source->content, now);
        if (said && strcmp(said, now) != 0)
            TRY(buffer_printf(out, "the data of source '%s' are not those of the run: %s\n", entry->name,
                              entry->source->doc));
    }
    return STATUS_OK;
}

Status run_setup_data_changes(const RunSetup *setup, const char *path, Buffer *out)
{
    json_t *config;
    TRY(run_directory_read_config(path, &config));
    Status status = add_data_changes(setup->session, config, out);
    json_decref(config);
    return status;
}

static Status fill_config(RunSetup *setup, json_t *config)
{
    json_t *parameters, *data, *metadata;
    TRY(json_set_text(config, "recipe", setup->recipe_path));
    TRY(json_set_integer(config, "seed", (int64_t)setup->seed));
    TRY(json_set_integer(config, "steps", setup->session->steps));
    TRY(json_new_object(&parameters));
    TRY(json_set(config, "parameters", parameters));
    TRY(put_parameters(setup, parameters));
    TRY(json_new_object(&data));
    TRY(json_set(config, "data", data));
    TRY(put_data(setup->session, data));
    TRY(run_origin_put(setup->session, config));
    TRY(made_with(&metadata));
    return json_set(config, "made_with", metadata);
}

static Status copy_recipe(const RunSetup *setup, const char *directory, json_t *config)
{
    Buffer text = {0};
    char content[HASH_TEXT_SIZE];
    Status status = recipe_read_text(setup->recipe, &text);
    if (status == STATUS_OK) hash_text(hash_bytes(text.data, text.length), content);
    if (status == STATUS_OK) status = json_set_text(config, "recipe_content", content);
    if (status == STATUS_OK) status = write_text(directory, "recipe.lua", text.data, text.length);
    buffer_free(&text);
    return status;
}

/* The Lua line that made the run. */
static Status journal_text(RunSetup *setup, const json_t *config, Buffer *out)
{
    const char *key;
    json_t *value, *parameters = json_object_get(config, "parameters");
    TRY(buffer_printf(out, "-- %s\nlathe.run { recipe = \"recipe.lua\", seed = %" PRIu64 ", steps = %lld, set = {",
                      PACKAGE_STRING, setup->seed, (long long)setup->session->steps));
    json_object_foreach(parameters, key, value)
    {
        TRY(buffer_printf(out, " %s = ", key));
        TRY(json_print(value, 0, out));
        TRY(buffer_text(out, ","));
    }
    TRY(buffer_text(out, " }, data = {"));
    json_object_foreach(json_object_get(config, "data"), key, value)
        TRY(buffer_printf(out, " [\"%s\"] = \"%s\",", key, json_string_value(json_object_get(value, "content"))));
    return buffer_text(out, " } }\n");
}

static Status write_all(RunSetup *setup, const RunDirectory *directory, json_t *config)
{
    Buffer journal = {0};
    TRY(fill_config(setup, config));
    TRY(copy_recipe(setup, run_directory_path(directory), config));
    TRY(run_origin_keep(setup->session, run_directory_path(directory)));
    TRY(put_lua_files(setup, directory, config));
    TRY(run_directory_write_config(directory, config));
    Status status = journal_text(setup, config, &journal);
    if (status == STATUS_OK) status = run_directory_put_journal((RunDirectory *)directory, journal.data);
    buffer_free(&journal);
    return status;
}

Status run_setup_write(RunSetup *setup, const RunDirectory *directory)
{
    json_t *config;
    TRY(json_new_object(&config));
    Status status = write_all(setup, directory, config);
    json_decref(config);
    TRY(status);
    setup->directory = directory;
    host_files(setup->host)->added = keep_late_file;
    host_files(setup->host)->context = setup;
    return STATUS_OK;
}

Status run_setup_new_path(const RunSetup *setup, char **out)
{
    const char *name = file_name(setup->recipe_path);
    for (int i = 1; i < RUNS; i++) {
        Buffer path = {0};
        TRY(buffer_printf(&path, "runs/%.*s-%04d", (int)strcspn(name, "."), name, i));
        if (!file_exists(path.data)) {
            *out = buffer_take(&path);
            return STATUS_OK;
        }
        buffer_free(&path);
    }
    return status_fail(STATUS_INVALID, "runs/ holds %d runs of this recipe; name the directory with --out", RUNS);
}

void run_setup_free(RunSetup *setup)
{
    recipe_free(setup->recipe);
    host_free(setup->host);
    memory_free(setup->recipe_path);
    *setup = (RunSetup){0};
}
