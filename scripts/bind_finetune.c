/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edits for fine-tuning: module:freeze { except = "lora_A lora_B" }, model:merge_lora(). */
#include "engine/nn/reshape.h"
#include "engine/train/structure.h"
#include "scripts/bind_edit.h"

#include <string.h>

/* --- freezing --- */

typedef struct FreezeConfig {
    char except[OPTION_TEXT_SIZE];
} FreezeConfig;

static const Option freeze_options[] = {
    OPTION_TEXT_FIELD(
        FreezeConfig, except, "",
        "names that stay trained, with spaces between them: a parameter with one of them in its path"),
    {0}};

/* Whether one of the words is a part of the path. */
static bool has_part(const char *path, const char *words)
{
    for (const char *part = path; *part; part += strcspn(part, "."), part += *part == '.') {
        size_t length = strcspn(part, ".");
        for (const char *at = words; *at; at += strcspn(at, " "), at += strspn(at, " "))
            if (strcspn(at, " ") == length && memcmp(at, part, length) == 0) return true;
    }
    return false;
}

typedef struct Freezing {
    const char *except;
    int64_t frozen, trained;
    bool apply;
} Freezing;

static Status freeze_param(void *context, Param *param)
{
    Freezing *freezing = context;
    bool trained = has_part(param->path, freezing->except);
    *(trained ? &freezing->trained : &freezing->frozen) += tensor_count(param->value);
    if (freezing->apply) param_set_frozen(param, !trained);
    return STATUS_OK;
}

static Status count_frozen(Module *module, Freezing *freezing)
{
    TRY(module_each_param(module, freeze_param, freezing));
    if (!*freezing->except || freezing->trained) return STATUS_OK;
    return status_fail(STATUS_INVALID,
                       "freeze: no parameter has '%s' in its path; print the model to see its names",
                       freezing->except);
}

static Status freeze_line(const Model *model, const char *path, const char *except, Buffer *out)
{
    TRY(buffer_printf(out, "run.models[\"%s\"]%s%s%s:freeze {", model->name, *path ? "[\"" : "", path,
                      *path ? "\"]" : ""));
    return buffer_printf(out, *except ? " except = \"%s\" }" : "%s}", except);
}

/* A line for each part of the tree whose parameters are all frozen, or none is. */
static Status frozen_lines(const Module *module, const char *model, Buffer *out)
{
    char path[MODULE_PATH_SIZE];
    int64_t count = module_count_params(module), frozen = module_count_frozen(module);
    if (count == 0) return STATUS_OK;
    module_path(module, path);
    if (frozen == 0 || frozen == count) return bind_frozen_line(model, path, frozen > 0, out);
    for (int i = 0; i < module->param_count; i++)
        TRY(bind_frozen_line(model, module->params[i]->path, module->params[i]->frozen, out));
    for (int i = 0; i < module->child_count; i++) TRY(frozen_lines(module->children[i], model, out));
    return STATUS_OK;
}

Status bind_frozen_lines(const Module *module, Buffer *out)
{
    const Module *root = module;
    while (root->parent) root = root->parent;
    return frozen_lines(module, root->name, out);
}

Status bind_frozen_line(const char *model, const char *path, bool frozen, Buffer *out)
{
    return buffer_printf(out, "%srun.models[\"%s\"]%s%s%s.frozen = %s", out->length ? " " : "", model,
                         *path ? "[\"" : "", path, *path ? "\"]" : "", frozen ? "true" : "false");
}

/* module:freeze { except = "names" } */
static int freeze(lua_State *L)
{
    SessionHandle *handle;
    const char *path;
    bind_need_boundary(L, freeze);
    lua_settop(L, 2);
    Model *model = bind_check_place(L, 1, &handle, &path);
    Module *module = *path ? module_find(model->root, path) : model->root;
    if (!module) return luaL_error(L, "freeze: '%s' is a parameter; set its frozen = true", path);
    FreezeConfig *config = lua_newuserdatauv(L, sizeof *config, 0);
    option_defaults(freeze_options, config);
    if (!lua_isnil(L, 2)) luaL_checktype(L, 2, LUA_TTABLE);
    if (!lua_isnil(L, 2)) bind_read_options(L, 2, freeze_options, config, "freeze", NULL);
    Buffer *effect = host_push_buffer(L), *inverse = host_push_buffer(L), *what = host_push_buffer(L);
    Freezing freezing = {.except = config->except};
    if (strpbrk(config->except, "\"\\\n")) return luaL_error(L, "freeze: except must be names of modules");
    host_check(L, count_frozen(module, &freezing));
    host_check(L, freeze_line(model, path, config->except, effect));
    host_check(L, bind_frozen_lines(module, inverse));
    host_check(L, buffer_printf(what, "%s: %lld weights frozen, %lld trained", *path ? path : model->name,
                                (long long)freezing.frozen, (long long)freezing.trained));
    bind_edit(L, handle, effect->data, inverse->data);
    freezing.apply = true;
    host_check(L, module_each_param(module, freeze_param, &freezing)); /* it cannot fail */
    bind_edit_done(L, handle, what->data);
    return 0;
}

/* --- adapters --- */

/* model:merge_lora(): what adapters add goes into the weights beside them. */
static int merge_lora(lua_State *L)
{
    SessionHandle *handle;
    const char *path;
    bind_need_boundary(L, merge_lora);
    Model *model = bind_check_place(L, 1, &handle, &path);
    if (*path) return luaL_error(L, "merge_lora belongs to the whole model: run.model:merge_lora()");
    Buffer *effect = host_push_buffer(L), *what = host_push_buffer(L);
    Model **fresh = bind_push_fresh_model(L);
    host_check(L, session_merged(handle->session, model, fresh));
    host_check(L, buffer_printf(effect, "run.models[\"%s\"]:merge_lora()", model->name));
    host_check(L, buffer_printf(what, "%s: adapters merged; %lld -> %lld weights", model->name,
                                (long long)module_count_weights(model->root),
                                (long long)module_count_weights((*fresh)->root)));
    bind_edit(L, handle, effect->data, NULL);
    model_exchange(model, *fresh);
    model_free(*fresh);
    *fresh = NULL;
    bind_edit_done(L, handle, what->data);
    return 0;
}

const BindMethod bind_finetune_methods[] = {
    {.name = "freeze",
     .arguments = "{ options }",
     .doc = "Freezes the weights of the module, as in run.model:freeze { except = \"classifier\" } for a linear "
            "probe: "
            "they have no gradient and cost nothing on the way back. The others are trained.",
     .call = freeze,
     .options = freeze_options},
    {.name = "merge_lora",
     .arguments = "()",
     .doc = "What the adapters of the whole model add goes into the weights beside them, and the adapters go.",
     .call = merge_lora},
    {0}};
