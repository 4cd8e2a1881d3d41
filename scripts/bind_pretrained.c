/* SPDX-License-Identifier: GPL-3.0-or-later */
/* models.load(directory, {options}) and model:save(directory): models as transformers has them. */
#include "engine/base/memory.h"
#include "engine/io/adapter.h"
#include "engine/io/file.h"
#include "engine/io/pretrained.h"
#include "engine/train/classes.h"
#include "scripts/bind_origin.h"
#include "scripts/bind_parts.h"
#include "scripts/bind_session.h"
#include "scripts/bind_tokenizers.h"

#include <stdlib.h>
#include <string.h>

/* --- loading --- */

typedef struct LoadConfig {
    bool strict;
    char adapter[OPTION_TEXT_SIZE];
} LoadConfig;

static const Option load_options[] = {
    OPTION_BOOLEAN_FIELD(LoadConfig, strict, 1,
                         "an error where something is missing, left over or misshapen; false: it is listed"),
    OPTION_TEXT_FIELD(LoadConfig, adapter, "", "a directory with adapters for the model, as PEFT has it"),
    {0}};

/* The whole path, so that the model can be loaded again from anywhere. */
static void keep_path(lua_State *L, char out[PART_PATH_SIZE], const char *directory)
{
    char *whole = realpath(directory, NULL);
    size_t length = strlen(whole ? whole : directory);
    if (length < PART_PATH_SIZE) memcpy(out, whole ? whole : directory, length + 1);
    free(whole);
    if (length >= PART_PATH_SIZE) luaL_error(L, "models.load: the path of the directory is too long");
}

static const RecordWord others[] = {{"strict", "true: an error where something is missing, left over or misshapen"},
                                    {"adapter", "a directory with adapters for the model, as PEFT has it"},
                                    {"name", "of the model in the session"},
                                    {0}};

/* The options of the table at index 2 that are not the model's. */
static void read_load_options(lua_State *L, LoadConfig *config)
{
    for (const Option *option = load_options; option->name; option++) {
        if (lua_getfield(L, 2, option->name) != LUA_TNIL)
            host_check(L, bind_set_option(L, -1, load_options, config, "models.load", option->name));
        lua_pop(L, 1);
    }
}

/* models.load(directory, {strict =, adapter =, name =, options of the model}): a model for session {model = ...} */
static int load_model(lua_State *L)
{
    const char *directory = luaL_checkstring(L, 1);
    const ModelRecord *record;
    lua_settop(L, 2);
    if (!lua_isnil(L, 2)) luaL_checktype(L, 2, LUA_TTABLE);
    LoadConfig *config = lua_newuserdatauv(L, sizeof *config, 0);
    option_defaults(load_options, config);
    if (!lua_isnil(L, 2)) read_load_options(L, config);
    host_check(L, pretrained_record(directory, &record));
    Part *part = bind_push_model_part(L, record);
    host_check(L, pretrained_config(directory, record, part->config));
    if (config->adapter[0]) host_check(L, adapter_config(config->adapter, record, part->config));
    if (!lua_isnil(L, 2)) {
        const char *owner = lua_pushfstring(L, "models.%s", record->name); /* whose options they are */
        bind_read_options(L, 2, record->options, part->config, owner, others);
        lua_pop(L, 1);
        bind_read_part_name(L, 2, part);
    }
    part->strict = config->strict;
    keep_path(L, part->directory, directory);
    if (config->adapter[0]) keep_path(L, part->adapter, config->adapter);
    return 1;
}

static Status print_list(const char *words, const Buffer *list, int64_t count, Buffer *out)
{
    const char *line = list->data;
    if (count) TRY(buffer_printf(out, "  %s\n", words));
    for (int64_t i = 0; i < count; i++) {
        size_t length = strcspn(line, "\n");
        TRY(buffer_printf(out, "    %.*s\n", (int)length, line));
        line += length + 1;
    }
    return STATUS_OK;
}

static Status print_report(const char *directory, const PretrainedReport *report, const char *left, Buffer *out)
{
    if (!report->left_count && !report->missing_count) return STATUS_OK;
    TRY(buffer_printf(out, "%s:\n", directory));
    TRY(print_list(left, &report->left, report->left_count, out));
    return print_list("drawn anew:", &report->missing, report->missing_count, out);
}

/* Ends a call that gave a report: words (pushed before) get what it lists, which is said. */
static Status end_report(lua_State *L, Status status, const char *directory, PretrainedReport *report,
                         const char *left, Buffer *words)
{
    if (status == STATUS_OK) status = print_report(directory, report, left, words);
    pretrained_report_free(report);
    if (status == STATUS_OK && words->length) host_write(host_of(L), words->data, words->length);
    return status;
}

Model *bind_make_model(lua_State *L, const Part *part, const char *name, RandomKey key)
{
    PretrainedReport report = {0};
    Model *model = NULL;
    Hash content;
    const char *origin = bind_stands_in_for(L, part->directory, &content);
    if (!part->directory[0] || origin) {
        if (origin) key = RANDOM_NONE; /* a checkpoint fills it in */
        host_check(L, model_new(part->record.data, part->config, name, key, &model));
        Status status = origin ? model_set_origin(model, origin, content) : STATUS_OK;
        if (status != STATUS_OK) model_free(model);
        host_check(L, status);
        return model;
    }
    Buffer *words = host_push_buffer(L);
    Status status =
        pretrained_new(part->record.data, part->config, name, part->directory, part->strict, key, &report, &model);
    if (status == STATUS_OK && part->adapter[0]) status = adapter_load(model, part->adapter);
    status = end_report(L, status, part->directory, &report, "left out:", words);
    if (status != STATUS_OK) model_free(model);
    host_check(L, status);
    lua_pop(L, 1);
    return model;
}

/* --- saving --- */

static const Vocabulary *vocabulary_of(const Session *session)
{
    for (int i = 0; i < session->source_count; i++)
        if (session->sources[i].source->vocabulary) return session->sources[i].source->vocabulary;
    return NULL;
}

static Status add_tokenizer(const void *context, const char *directory)
{
    const Vocabulary *vocabulary = context;
    return vocabulary && vocabulary->save ? vocabulary->save(vocabulary->tokenizer, directory) : STATUS_OK;
}

/* Pushes the tokenizer of the directory that the model came from, or nil; the vocabulary is valid while it is held.
 */
static const Vocabulary *push_original(lua_State *L, const Model *model)
{
    LoadedTokenizer loaded;
    if (!model->origin || tokenizer_load(model->origin, &loaded) != STATUS_OK) {
        lua_pushnil(L);
        return NULL;
    }
    bind_push_loaded(L, &loaded);
    return bind_check_encoder(L, -1).vocabulary;
}

typedef struct SaveConfig {
    char architecture[OPTION_TEXT_SIZE];
    bool adapter;
} SaveConfig;

static const Option save_options[] = {
    OPTION_TEXT_FIELD(SaveConfig, architecture, "",
                      "the class of transformers, as BertModel; empty: the one that has most of the model"),
    OPTION_BOOLEAN_FIELD(SaveConfig, adapter, 0, "only the adapters and the heads that are trained, as PEFT does"),
    {0}};

/* model:save(directory, {architecture = "BertModel", adapter = false}) */
int bind_save_model(lua_State *L)
{
    Module *module = bind_test_module(L, 1);
    const char *directory = luaL_checkstring(L, 2);
    PretrainedReport report = {0};
    if (!module || module->parent)
        return luaL_error(L, "save: a whole model is wanted, as run.model:save('directory')");
    host_need_boundary(L, bind_save_model);
    lua_settop(L, 3);
    SaveConfig *config = lua_newuserdatauv(L, sizeof *config, 0);
    option_defaults(save_options, config);
    if (!lua_isnil(L, 3)) bind_read_options(L, 3, save_options, config, "save", NULL);
    Session *session = bind_handle_of(L, 1)->session;
    Model *model = session_model(session, module->name);
    if (!model) return luaL_error(L, "save: the session has no model '%s' any more", module->name);
    if (config->adapter) {
        host_check(L, adapter_save(model, directory));
        return 0;
    }
    PretrainedSaving how = {.architecture = config->architecture[0] ? config->architecture : NULL,
                            .vocabulary = vocabulary_of(session),
                            .more = add_tokenizer};
    if (!how.vocabulary) how.vocabulary = push_original(L, model);
    how.context = how.vocabulary;
    how.classes = session_classes(session, model, &how.class_count);
    Buffer *words = host_push_buffer(L);
    Status status = pretrained_save(model, directory, &how, &report);
    host_check(L, end_report(L, status, directory, &report,
                             "left out, as files of this class of transformers do not have it:", words));
    return 0;
}

const BindMethod bind_save_methods[] = {{.name = "save",
                                         .arguments = "(directory, { options })",
                                         .doc = "Writes a whole model as Hugging Face's transformers read it: "
                                                "config.json, model.safetensors, and the files of the "
                                                "tokenizer of the run's data.",
                                         .call = bind_save_model,
                                         .options = save_options},
                                        {0}};

void bind_open_pretrained(lua_State *L)
{
    lua_getglobal(L, "models");
    lua_pushcfunction(L, load_model);
    lua_setfield(L, -2, "load");
    lua_getglobal(L, "lathe");
    lua_getfield(L, -1, "document");
    lua_getfield(L, -3, "load");
    lua_pushliteral(
        L,
        "models.load(directory, {options}): a model of a directory as Hugging Face's transformers has it (BERT, "
        "GPT-2):\n"
        "  config.json and model.safetensors, or shards with their index. For session { model = "
        "models.load('gpt2') }.\n"
        "  strict  true: an error where something is missing, left over or misshapen; false: it is listed.\n"
        "          Heads that the directory's class of transformers does not have are drawn anew and listed\n"
        "  adapter a directory of PEFT with adapters (LoRA) for it\n"
        "  name    of the model in the session\n"
        "  and options of the model in place of config.json's, as num_labels = 3.\n"
        "tokenizers.load(directory) is its tokenizer; run.model:save(directory) writes such a directory, adapters\n"
        "merged; run.model:save(directory, { adapter = true }) only the adapters and the heads.");
    lua_call(L, 2, 0);
    lua_pop(L, 2);
}
