/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Modules and parameters: run.model.bert.encoder.layer[0].attention.self.query.weight. */
#include "scripts/bind_edit.h"

#include "engine/tensor/statistics.h"

#include <stdio.h>
#include <string.h>

#define MODULE_TYPE "lathe.module"
#define PARAM_TYPE  "lathe.parameter"

/* A handle says where to look: edits of the tree may replace what stands there. User value 1 is the session. */
typedef struct Place {
    char model[MODEL_NAME_SIZE], path[MODULE_PATH_SIZE];
} Place;

static void push_place(lua_State *L, int session, const Module *root, const char *path, const char *type)
{
    session = lua_absindex(L, session);
    while (root->parent) root = root->parent;
    Place *place = lua_newuserdatauv(L, sizeof *place, 1);
    snprintf(place->model, sizeof place->model, "%s", root->name);
    snprintf(place->path, sizeof place->path, "%s", path);
    luaL_setmetatable(L, type);
    lua_pushvalue(L, session);
    lua_setiuservalue(L, -2, 1);
}

void bind_push_module(lua_State *L, int session, Module *module)
{
    char path[MODULE_PATH_SIZE];
    module_path(module, path);
    push_place(L, session, module, path, MODULE_TYPE);
}

void bind_push_param(lua_State *L, int session, const Module *owner, const Param *param)
{
    push_place(L, session, owner, param->path, PARAM_TYPE);
}

SessionHandle *bind_handle_of(lua_State *L, int index)
{
    lua_getiuservalue(L, index, 1);
    SessionHandle *handle = bind_check_session(L, -1);
    lua_pop(L, 1);
    return handle;
}

static Model *model_of(lua_State *L, int index, const Place *place)
{
    Model *model = session_model(bind_handle_of(L, index)->session, place->model);
    if (!model) luaL_error(L, "the session has no model '%s' any more", place->model);
    return model;
}

static Module *check_module(lua_State *L, int index)
{
    const Place *place = luaL_checkudata(L, index, MODULE_TYPE);
    Module *module = module_find(model_of(L, index, place)->root, place->path);
    if (!module) luaL_error(L, "%s has no module '%s' any more", place->model, place->path);
    return module;
}

Module *bind_test_module(lua_State *L, int index)
{
    return luaL_testudata(L, index, MODULE_TYPE) ? check_module(L, index) : NULL;
}

Param *bind_test_param(lua_State *L, int index)
{
    const Place *place = luaL_testudata(L, index, PARAM_TYPE);
    return place ? module_find_param(model_of(L, index, place)->root, place->path) : NULL;
}

Param *bind_check_param(lua_State *L, int index)
{
    const Place *place = luaL_checkudata(L, index, PARAM_TYPE);
    Param *param = bind_test_param(L, index);
    if (!param) luaL_error(L, "%s has no parameter '%s' any more", place->model, place->path);
    return param;
}

Model *bind_check_place(lua_State *L, int index, SessionHandle **session, const char **path)
{
    const Place *place = luaL_checkudata(L, index, MODULE_TYPE);
    *session = bind_handle_of(L, index);
    *path = place->path;
    return model_of(L, index, place);
}

/* --- modules --- */

static const BindClass module_class;

static int no_such_member(lua_State *L, const Module *module, const char *name)
{
    const char *names[256];
    char path[MODULE_PATH_SIZE];
    size_t count = 0;
    module_path(module, path);
    for (int i = 0; i < module->child_count && count < 255; i++) names[count++] = module->children[i]->name;
    for (int i = 0; i < module->param_count && count < 255; i++) names[count++] = module->params[i]->name;
    names[count] = NULL;
    return bind_unknown_member(L, &module_class, *path ? path : module->name, name, names);
}

/* model["bert.encoder.layer.0"]; the session is at the top. */
static bool push_by_path(lua_State *L, const Module *module, const char *path)
{
    Module *found = module_find(module, path);
    const Param *param = found ? NULL : module_find_param(module, path);
    if (found) bind_push_module(L, -1, found);
    if (param) bind_push_param(L, -1, module, param);
    return found || param;
}

static int module_index(lua_State *L)
{
    Module *module = check_module(L, 1);
    char number[24];
    const char *name = number;
    if (lua_isinteger(L, 2))
        snprintf(number, sizeof number, "%lld", (long long)lua_tointeger(L, 2));
    else
        name = luaL_tolstring(L, 2, NULL);
    lua_getiuservalue(L, 1, 1);
    if (strchr(name, '.') && push_by_path(L, module, name)) return 1;
    for (int i = 0; i < module->child_count; i++)
        if (strcmp(module->children[i]->name, name) == 0) {
            bind_push_module(L, -1, module->children[i]);
            return 1;
        }
    for (int i = 0; i < module->param_count; i++)
        if (strcmp(module->params[i]->name, name) == 0) {
            bind_push_param(L, -1, module, module->params[i]);
            return 1;
        }
    if (!module->parent && strcmp(name, "config") == 0) {
        bind_push_live(L, -1, BIND_LIVE_MODEL, module->name);
        return 1;
    }
    if (bind_push_member(L, &module_class)) return 1;
    return no_such_member(L, module, name);
}

static Status describe_module(const Module *module, Buffer *out)
{
    char path[MODULE_PATH_SIZE], text[TENSOR_TEXT_SIZE];
    module_path(module, path);
    TRY(buffer_printf(out, "Module %s: %lld weights in %lld parameters", *path ? path : module->name,
                      (long long)module_count_weights(module), (long long)module_count_params(module)));
    int64_t frozen = module_count_frozen(module);
    if (frozen) TRY(buffer_printf(out, ", %lld of them frozen", (long long)frozen));
    for (int i = 0; i < module->child_count; i++) {
        if (i == 12 && module->child_count > 14)
            return buffer_printf(out, "\n  ... (%d more)", module->child_count - i);
        const Module *child = module->children[i];
        TRY(buffer_printf(out, "\n  %-24s %12lld", child->name, (long long)module_count_weights(child)));
    }
    for (int i = 0; i < module->param_count; i++)
        TRY(buffer_printf(out, "\n  %-24s %s", module->params[i]->name,
                          tensor_describe(module->params[i]->value, text)));
    return STATUS_OK;
}

static int module_tostring(lua_State *L)
{
    const Module *module = check_module(L, 1);
    Buffer *out = host_push_buffer(L);
    host_check(L, describe_module(module, out));
    host_buffer_to_string(L, out);
    return 1;
}

static int module_members(lua_State *L)
{
    Module *module = check_module(L, 1);
    bind_push_members(L, &module_class);
    lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
    for (int i = 0; i < module->child_count; i++) {
        lua_pushstring(L, module->children[i]->name);
        lua_rawseti(L, -2, ++count);
    }
    for (int i = 0; i < module->param_count; i++) {
        lua_pushstring(L, module->params[i]->name);
        lua_rawseti(L, -2, ++count);
    }
    return 1;
}

static int module_length(lua_State *L)
{
    lua_pushinteger(L, check_module(L, 1)->child_count);
    return 1;
}

static int field_all_frozen(lua_State *L)
{
    const Module *module = check_module(L, 1);
    int64_t count = module_count_params(module);
    lua_pushboolean(L, count > 0 && module_count_frozen(module) == count);
    return 1;
}

static const BindField module_fields[] = {
    {"frozen", "whether updates pass by all parameters below it; can be assigned", field_all_frozen}, {0}};

static const BindClass module_class = {
    .type = MODULE_TYPE,
    .name = "module",
    .article = "a",
    .doc = "A module of a model, by the names of Hugging Face's files: "
           "run.model.bert.encoder.layer[0].attention. Its parts are "
           "modules and parameters; .frozen = true freezes all below it; "
           "summary(module) shows the tree; #module counts its "
           "children; run.model.config are the options of the model.",
    .fields = module_fields,
    .methods = {bind_module_methods, bind_finetune_methods, bind_generate_methods, bind_save_methods}};

/* --- parameters --- */

static Status print_indented(const Tensor *tensor, Buffer *scratch, Buffer *out)
{
    TRY(tensor_print(tensor, scratch));
    for (const char *line = scratch->data; line && *line; line += strcspn(line, "\n")) {
        line += *line == '\n';
        TRY(buffer_text(out, "\n  "));
        TRY(buffer_append(out, line, strcspn(line, "\n")));
    }
    return STATUS_OK;
}

static double pruned_share(const Param *param)
{
    int64_t count = tensor_count(param->value);
    return count ? (double)param->pruned / (double)count : 0;
}

/* Amid a step gradients are in flux. */
static Status describe_param(const Param *param, bool amid, Buffer *scratch, Buffer *out)
{
    char text[TENSOR_TEXT_SIZE];
    Statistics sum = tensor_statistics(param->value);
    TRY(buffer_printf(out, "Parameter %s %s%s\n", tensor_describe(param->value, text), param->path,
                      param->frozen ? " (frozen)" : ""));
    double zeros = sum.count ? 100 * (double)sum.zeros / (double)sum.count : 0;
    TRY(buffer_printf(out, "  norm %.3g  mean %.2g  min %.3g  max %.3g  zeros %.3g%%", sum.norm, sum.mean, sum.min,
                      sum.max, zeros));
    if (sum.nan) TRY(buffer_printf(out, "  %lld NaN", (long long)sum.nan));
    const Tensor *grad = param->value->grad;
    if (param->mask) TRY(buffer_printf(out, "  pruned %.3g%%", 100 * pruned_share(param)));
    if (grad && !amid) TRY(buffer_printf(out, "   grad norm %.3g", tensor_statistics(grad).norm));
    return print_indented(param->value, scratch, out);
}

static int param_tostring(lua_State *L)
{
    const Param *param = bind_check_param(L, 1);
    Buffer *out = host_push_buffer(L), *scratch = host_push_buffer(L);
    host_check(L, describe_param(param, host_amid_step(host_of(L)), scratch, out));
    lua_pop(L, 1);
    host_buffer_to_string(L, out);
    return 1;
}

/* A copy, so that nothing done with it reaches the run; sealed, so that nobody believes it did. NULL: nil. */
static int push_copy(lua_State *L, const Tensor *tensor)
{
    Tensor *copy = NULL;
    if (!tensor) {
        lua_pushnil(L);
        return 1;
    }
    TensorHandle *handle = bind_new_tensor(L);
    host_check(L, tensor_clone(NULL, tensor, &copy));
    bind_fill_tensor(L, handle, copy);
    storage_seal(copy->storage);
    return 1;
}

void bind_prefer_updated(lua_State *L, int index, lua_CFunction again)
{
    if (!luaL_testudata(L, index, PARAM_TYPE)) return;
    if (bind_handle_of(L, index)->session->updating) host_prefer_boundary(L, again);
}

static int push_value(lua_State *L, const Param *param)
{
    return push_copy(L, param->value);
}

/* {exp_avg = tensor, ...}: copies, by the names of the session's optimizer. */
static int push_state(lua_State *L, const Param *param)
{
    const char *const *names = bind_handle_of(L, 1)->session->optimizer.record->states;
    lua_newtable(L);
    for (int i = 0; i < PARAM_STATES && names[i]; i++) {
        if (!param->state[i]) continue;
        push_copy(L, param->state[i]);
        lua_setfield(L, -2, names[i]);
    }
    return 1;
}

/* A method of tensors, called on a copy of the value. Upvalue 1: its name. */
static int forward_method(lua_State *L)
{
    bind_prefer_updated(L, 1, forward_method);
    push_value(L, bind_check_param(L, 1));
    lua_replace(L, 1);
    lua_getfield(L, 1, lua_tostring(L, lua_upvalueindex(1)));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    return lua_gettop(L);
}

static int field_value(lua_State *L)
{
    bind_prefer_updated(L, 1, field_value);
    return push_value(L, bind_check_param(L, 1));
}

/* That of the last step, before clipping. */
static int field_grad(lua_State *L)
{
    host_need_boundary(L, field_grad);
    return push_copy(L, bind_check_param(L, 1)->value->grad);
}

static int field_mask(lua_State *L)
{
    bind_prefer_updated(L, 1, field_mask);
    return push_copy(L, bind_check_param(L, 1)->mask);
}

static int field_state(lua_State *L)
{
    host_need_boundary(L, field_state);
    return push_state(L, bind_check_param(L, 1));
}

int bind_state_names(lua_State *L)
{
    const Param *param = bind_check_param(L, 1);
    const char *const *names = bind_handle_of(L, 1)->session->optimizer.record->states;
    lua_newtable(L);
    for (int i = 0; i < PARAM_STATES && names[i] && param->state[i]; i++) {
        lua_pushstring(L, names[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* Of these two a value's own would be asked otherwise, and copied first. */
static int field_shape(lua_State *L)
{
    return bind_push_shape(L, bind_check_param(L, 1)->value);
}

static int field_dtype(lua_State *L)
{
    lua_pushstring(L, dtype_name(bind_check_param(L, 1)->value->dtype));
    return 1;
}

static int field_path(lua_State *L)
{
    lua_pushstring(L, bind_check_param(L, 1)->path);
    return 1;
}

static int field_step(lua_State *L)
{
    bind_prefer_updated(L, 1, field_step);
    lua_pushinteger(L, bind_check_param(L, 1)->step);
    return 1;
}

static int field_sparsity(lua_State *L)
{
    lua_pushnumber(L, pruned_share(bind_check_param(L, 1)));
    return 1;
}

static int field_frozen(lua_State *L)
{
    lua_pushboolean(L, bind_check_param(L, 1)->frozen);
    return 1;
}

static const BindField param_fields[] = {
    {"value", "a copy of the weights", field_value},
    {"shape", "a list of the sizes", field_shape},
    {"dtype", "f32, always", field_dtype},
    {"grad", "a copy of the last step's gradient, before clipping", field_grad},
    {"state", "copies of the optimizer's state by name: exp_avg, exp_avg_sq", field_state},
    {"mask", "a copy of the mask of a pruned parameter, or nil", field_mask},
    {"path", "its name in files", field_path},
    {"step", "how many updates it had", field_step},
    {"frozen", "whether updates pass it by; can be assigned", field_frozen},
    {"sparsity", "the share that is pruned", field_sparsity},
    {0}};

static const BindClass param_class = {.type = PARAM_TYPE,
                                      .name = "parameter",
                                      .article = "a",
                                      .doc = "A parameter of the run. It can be computed with like a tensor, of "
                                             "which help(tensor) tells: its methods work on a "
                                             "copy of the weights.",
                                      .fields = param_fields};

/* What is none of its fields is asked of its value. */
static int param_index(lua_State *L)
{
    if (bind_push_member(L, &param_class)) return 1;
    push_value(L, bind_check_param(L, 1));
    lua_pushvalue(L, 2);
    lua_gettable(L, -2);
    if (lua_isfunction(L, -1) || bind_test_record(L, -1, NULL)) {
        lua_pushvalue(L, 2);
        lua_pushcclosure(L, forward_method, 1);
    }
    return 1;
}

static Status set_frozen(void *context, Param *param)
{
    param_set_frozen(param, *(const bool *)context);
    return STATUS_OK;
}

static void freeze_place(lua_State *L, const Place *place, Param *param, Module *module, bool frozen)
{
    SessionHandle *handle = bind_handle_of(L, 1);
    int64_t count = param ? 1 : module_count_params(module);
    int64_t before = param ? param->frozen : module_count_frozen(module);
    const char *word = frozen ? "true" : "false";
    if (before == (frozen ? count : 0)) {
        bind_edit_needless(L, handle, lua_pushfstring(L, "frozen is %s already", word));
        return;
    }
    Buffer *effect = host_push_buffer(L), *inverse = host_push_buffer(L), *what = host_push_buffer(L);
    host_check(L, bind_frozen_line(place->model, place->path, frozen, effect));
    host_check(L, param ? bind_frozen_line(place->model, place->path, param->frozen, inverse)
                        : bind_frozen_lines(module, inverse));
    host_check(L, buffer_printf(what, "%s frozen -> %s", *place->path ? place->path : place->model, word));
    bind_edit(L, handle, effect->data, inverse->data);
    host_check(L, param ? set_frozen(&frozen, param) : module_each_param(module, set_frozen, &frozen));
    bind_edit_done(L, handle, what->data);
}

/* x.frozen = true, of a parameter or of all below a module. */
static int set_field(lua_State *L)
{
    bool parameter = luaL_testudata(L, 1, PARAM_TYPE) != NULL;
    const Place *place = lua_touserdata(L, 1);
    if (strcmp(luaL_checkstring(L, 2), "frozen") != 0)
        return luaL_error(L, "of %s only frozen can be set: run.model....frozen = true",
                          parameter ? "a parameter" : "a module");
    bind_check_type(L, 3, LUA_TBOOLEAN, "frozen", "true or false");
    bind_need_boundary(L, set_field);
    Param *param = parameter ? bind_check_param(L, 1) : NULL;
    freeze_place(L, place, param, parameter ? NULL : check_module(L, 1), lua_toboolean(L, 3));
    return 0;
}

static int param_members(lua_State *L)
{
    bind_push_members(L, &param_class);
    return 1;
}

void bind_open_modules(lua_State *L)
{
    static const luaL_Reg module_events[] = {{"__index", module_index},       {"__newindex", set_field},
                                             {"__tostring", module_tostring}, {"__members", module_members},
                                             {"__len", module_length},        {NULL, NULL}};
    static const luaL_Reg param_events[] = {{"__index", param_index},       {"__newindex", set_field},
                                            {"__tostring", param_tostring}, {"__members", param_members},
                                            {"__tensor", field_value},      {NULL, NULL}};
    bind_open_class(L, &module_class, module_events);
    bind_open_class(L, &param_class, param_events);
    luaL_getmetatable(L, PARAM_TYPE);
    bind_add_operators(L);
    lua_pop(L, 1);
}
