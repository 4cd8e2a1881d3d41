/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Structural edits from Lua: the model's tree, the list of objectives, optimizer and schedule as a whole. What is
 * to come is made and checked first and belongs to a userdata, then the edit is told, then it takes the old one's
 * place. */
#include "engine/train/structure.h"

#include "engine/nn/reshape.h"
#include "scripts/bind_edit.h"
#include "scripts/bind_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FRESH_TYPE "lathe.fresh"

/* What is to come, and after the exchange what was. */
typedef struct Fresh {
    Model *model;
    Objective *objective;
} Fresh;

static Fresh *push_fresh(lua_State *L)
{
    Fresh *fresh = lua_newuserdatauv(L, sizeof *fresh, 1);
    *fresh = (Fresh){0};
    luaL_setmetatable(L, FRESH_TYPE);
    return fresh;
}

static int free_fresh(lua_State *L)
{
    Fresh *fresh = luaL_checkudata(L, 1, FRESH_TYPE);
    model_free(fresh->model);
    objective_free(fresh->objective);
    *fresh = (Fresh){0};
    return 0;
}

/* --- models --- */

/* Reads the table at the index over the config. Required options are there already. */
static void read_changes(lua_State *L, int index, const ModelRecord *record, void *config)
{
    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "reshape takes options with their names, as in :reshape { num_hidden_layers = 3 }");
        host_check(L, bind_set_option(L, -1, record->options, config, record->name, lua_tostring(L, -2)));
        lua_pop(L, 1);
    }
}

/* run.models["model"]:reshape { ... } with what differs between the two configs, as it is in 'to'. */
static Status reshape_line(const Model *model, const void *from, const void *to, Buffer *out)
{
    const char *comma = "";
    TRY(buffer_printf(out, "run.models[\"%s\"]:reshape {", model->name));
    for (const Option *option = model->record->options; option && option->name; option++) {
        if (option_same(option, from, to)) continue;
        TRY(buffer_printf(out, "%s %s = ", comma, option->name));
        TRY(bind_option_value(option, to, out));
        comma = ",";
    }
    return buffer_text(out, " }");
}

static Status reshape_words(const Model *model, const Model *fresh, Buffer *out)
{
    const char *comma = "";
    TRY(buffer_printf(out, "%s: ", model->name));
    for (const Option *option = model->record->options; option && option->name; option++) {
        if (option_same(option, model->config, fresh->config)) continue;
        TRY(buffer_printf(out, "%s%s ", comma, option->name));
        TRY(bind_option_value(option, model->config, out));
        TRY(buffer_text(out, " -> "));
        TRY(bind_option_value(option, fresh->config, out));
        comma = ", ";
    }
    return buffer_printf(out, "; %lld -> %lld weights", (long long)module_count_weights(model->root),
                         (long long)module_count_weights(fresh->root));
}

/* model:reshape { option = value, ... } */
static int reshape(lua_State *L)
{
    SessionHandle *handle;
    const char *path;
    bind_check_type(L, 2, LUA_TTABLE, "reshape", "a table, as in run.model:reshape {num_hidden_layers = 6}");
    bind_need_boundary(L, reshape);
    Model *model = bind_check_place(L, 1, &handle, &path);
    if (*path) return luaL_error(L, "reshape belongs to the whole model: run.model:reshape { ... }");
    void *config = lua_newuserdatauv(L, model->record->config_size, 0);
    memcpy(config, model->config, model->record->config_size);
    read_changes(L, 2, model->record, config);
    Buffer *effect = host_push_buffer(L), *inverse = host_push_buffer(L), *what = host_push_buffer(L);
    Fresh *fresh = push_fresh(L);
    host_check(L, bind_edit_refused(session_reshaped(handle->session, model, config, &fresh->model)));
    if (memcmp(model->config, fresh->model->config, model->record->config_size) == 0) {
        bind_edit_needless(L, handle, "the model has these sizes");
        return 0;
    }
    host_check(L, reshape_line(model, model->config, fresh->model->config, effect));
    host_check(L, reshape_line(model, fresh->model->config, model->config, inverse));
    host_check(L, reshape_words(model, fresh->model, what));
    host_count_bytes(L, (size_t)module_count_weights(fresh->model->root) * sizeof(float));
    bind_edit(L, handle, effect->data, inverse->data);
    model_exchange(model, fresh->model);
    model_free(fresh->model);
    fresh->model = NULL;
    bind_edit_done(L, handle, what->data);
    return 0;
}

/* module:reset(path): the module, or what is at the path below it, drawn anew. */
static int reset(lua_State *L)
{
    SessionHandle *handle;
    const char *top, *below = luaL_optstring(L, 2, "");
    char path[2 * MODULE_PATH_SIZE];
    bind_need_boundary(L, reset);
    Model *model = bind_check_place(L, 1, &handle, &top);
    if (!*top && lua_isnoneornil(L, 2))
        return luaL_error(L, "reset: which part, as in reset \"cls\"? reset \"*\" draws the whole model anew");
    if (strcmp(below, "*") == 0) below = "";
    snprintf(path, sizeof path, *top && *below ? "%s.%s" : "%s%s", top, below);
    Buffer *effect = host_push_buffer(L), *what = host_push_buffer(L);
    Fresh *fresh = push_fresh(L);
    host_check(L, bind_edit_refused(session_reset_part(handle->session, model, path, &fresh->model)));
    host_check(L, buffer_printf(effect, "run.models[\"%s\"]:reset(\"%s\")", model->name, *path ? path : "*"));
    host_check(L, buffer_printf(what, "%s drawn anew", *path ? path : model->name));
    bind_edit(L, handle, effect->data, NULL);
    model_exchange(model, fresh->model);
    model_free(fresh->model);
    fresh->model = NULL;
    bind_edit_done(L, handle, what->data);
    return 0;
}

Model **bind_push_fresh_model(lua_State *L)
{
    return &push_fresh(L)->model;
}

const BindMethod bind_module_methods[] = {
    {.name = "reshape",
     .arguments = "{ options }",
     .doc = "A whole model with another config, as in run.model:reshape { num_hidden_layers = 6 }: weights, masks "
            "and the "
            "optimizer's state are carried over; help(run.model.config) lists the options.",
     .call = reshape},
    {.name = "reset",
     .arguments = "(path)",
     .doc = "Draws the module's weights anew, or those below a path, as in run.model:reset \"cls\"; \"*\" is the "
            "whole model.",
     .call = reset},
    {0}};

/* --- objectives --- */

static Status added_words(const Objective *objective, Buffer *out)
{
    return buffer_printf(out, "objective %s x %.10g added", objective->name, objective->weight);
}

/* Also what it adds to its model. The session takes the objective over, or frees it. */
static Status add_checked(Session *session, Objective *objective)
{
    int count = session->objective_count;
    session->last.objectives[count] = (double)NAN;
    TRY(session_add_objective(session, objective));
    Status status = session_check(session);
    if (status != STATUS_OK) session_forget(session, session->source_count, count);
    return status;
}

/* run:add_objective(objectives.NAME {...}) */
static int add_objective(lua_State *L)
{
    bind_need_boundary(L, add_objective);
    SessionHandle *handle = bind_check_session(L, 1);
    lua_settop(L, 2);
    if (lua_isfunction(L, 2)) {
        bind_push_custom(L, 2);
        lua_replace(L, 2);
    }
    const Part *part = bind_check_part(L, 2, &bind_objectives, "an objective");
    bind_need_text(L, 2);
    Buffer *effect = host_push_buffer(L), *inverse = host_push_buffer(L), *what = host_push_buffer(L);
    Fresh *fresh = push_fresh(L);
    Session *session = handle->session;
    if (handle->stepping) return luaL_error(L, "add_objective: nothing can be changed inside a training step");
    host_check(L, bind_make_objective(L, 2, handle, &fresh->objective));
    if (part->text) bind_keep_function(L, 2, fresh->objective);
    host_check(L, bind_edit_refused(session_check_new_objective(session, fresh->objective)));
    host_check(L, buffer_text(effect, "run:add_objective("));
    host_check(L, bind_part_line(part, effect));
    host_check(L, buffer_text(effect, ")"));
    host_check(L, buffer_printf(inverse, "run:remove_objective(\"%s\")", fresh->objective->name));
    host_check(L, added_words(fresh->objective, what));
    bind_edit(L, handle, effect->data, inverse->data);
    Objective *objective = fresh->objective;
    fresh->objective = NULL;
    bind_edit_check(L, handle, add_checked(session, objective));
    bind_edit_done(L, handle, what->data);
    return 0;
}

/* The line that adds the objective again. */
static Status addition_line(const Objective *objective, Buffer *out)
{
    TRY(buffer_text(out, "run:add_objective("));
    Part part = {.kind = &bind_objectives,
                 .record = {.name = objective->record->name, .options = objective->record->options},
                 .config = objective->config,
                 .text = bind_custom_text(objective),
                 .weight = objective->weight,
                 .enabled = objective->enabled};
    memcpy(part.name, objective->name, sizeof part.name);
    memcpy(part.model, objective->model, sizeof part.model);
    memcpy(part.source, objective->source, sizeof part.source);
    TRY(bind_part_line(&part, out));
    return buffer_text(out, ")");
}

/* run:remove_objective("NAME") */
static int remove_objective(lua_State *L)
{
    const char *name = luaL_checkstring(L, 2);
    bind_need_boundary(L, remove_objective);
    SessionHandle *handle = bind_check_session(L, 1);
    Session *session = handle->session;
    host_check(L, bind_edit_refused(session_check_removal(session, name)));
    const Objective *objective = session_objective(session, name);
    Buffer *effect = host_push_buffer(L), *inverse = host_push_buffer(L), *what = host_push_buffer(L);
    host_check(L, buffer_printf(effect, "run:remove_objective(\"%s\")", name));
    if (objective->record != &objective_custom || bind_custom_text(objective))
        host_check(L, addition_line(objective, inverse));
    host_check(L, buffer_printf(what, "objective %s removed", name));
    bind_edit(L, handle, effect->data, inverse->data);
    session_remove_objective(session, name);
    bind_edit_done(L, handle, what->data);
    return 0;
}

/* --- optimizer and schedule --- */

static int set_optimizer(lua_State *L, SessionHandle *handle)
{
    const Part *part = bind_check_part(L, 3, &bind_optimizers, "optimizer");
    Session *session = handle->session;
    Optimizer optimizer = {.record = part->record.data};
    Buffer *effect = host_push_buffer(L), *inverse = host_push_buffer(L), *what = host_push_buffer(L);
    memcpy(&optimizer.config, part->config, sizeof optimizer.config);
    host_check(L, buffer_text(effect, "run.optimizer = "));
    host_check(L, bind_part_line(part, effect));
    host_check(L, buffer_text(inverse, "run.optimizer = "));
    host_check(L, bind_record_line("optim", session->optimizer.record->name, session->optimizer.record->options,
                                   &session->optimizer.config, inverse));
    host_check(L, buffer_printf(what, "optimizer %s -> %s; the old one's state is dropped",
                                session->optimizer.record->name, optimizer.record->name));
    bind_edit(L, handle, effect->data, inverse->data);
    session_set_optimizer(session, &optimizer);
    bind_edit_done(L, handle, what->data);
    return 0;
}

static int set_schedule(lua_State *L, SessionHandle *handle)
{
    const Part *part = bind_check_part(L, 3, &bind_schedules, "schedule");
    Schedule *schedule = &handle->session->schedule, fresh = {.record = part->record.data};
    Buffer *effect = host_push_buffer(L), *inverse = host_push_buffer(L), *what = host_push_buffer(L);
    memcpy(&fresh.config, part->config, sizeof fresh.config);
    host_check(L, buffer_text(effect, "run.schedule = "));
    host_check(L, bind_part_line(part, effect));
    host_check(L, buffer_text(inverse, "run.schedule = "));
    host_check(L, bind_record_line("schedules", schedule->record->name, schedule->record->options,
                                   &schedule->config, inverse));
    host_check(L, buffer_printf(what, "schedule %s -> %s", schedule->record->name, fresh.record->name));
    bind_edit(L, handle, effect->data, inverse->data);
    *schedule = fresh;
    bind_edit_done(L, handle, what->data);
    return 0;
}

static int set_part(lua_State *L)
{
    bind_need_boundary(L, set_part);
    SessionHandle *handle = bind_check_session(L, 1);
    bool schedule = strcmp(lua_tostring(L, 2), "schedule") == 0;
    return schedule ? set_schedule(L, handle) : set_optimizer(L, handle);
}

bool bind_set_part(lua_State *L, const char *name)
{
    if (strcmp(name, "optimizer") != 0 && strcmp(name, "schedule") != 0) return false;
    set_part(L);
    return true;
}

const BindMethod bind_structure_methods[] = {
    {.name = "add_objective",
     .arguments = "(objective)",
     .doc = "Adds a loss term, as in run:add_objective(objectives.sop {}), or run:add_objective(function(model, "
            "batch) return loss end), which sees the libraries alone.",
     .call = add_objective},
    {.name = "remove_objective",
     .arguments = "(name)",
     .doc = "Takes a loss term away, as in run:remove_objective \"nsp\".",
     .call = remove_objective},
    {0}};

void bind_open_structure(lua_State *L)
{
    luaL_newmetatable(L, FRESH_TYPE);
    lua_pushcfunction(L, free_fresh);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
}
