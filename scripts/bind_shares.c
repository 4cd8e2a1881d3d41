/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What scripts/lib/shares.lua needs from C: the share of each objective in the gradient, at the trunk's output and
 * exactly, parameter by parameter. */
#include "engine/train/shares.h"
#include "scripts/bind_session.h"
#include "scripts/library.h"

#include <math.h>
#include <string.h>

/* --- at the trunk --- */

static void set_number(lua_State *L, const char *name, double value)
{
    lua_pushnumber(L, value);
    lua_setfield(L, -2, name);
}

/* lathe.shares(session) -> {{name =, norm =, share =}, ...} of the objectives that are on, step */
static int shares(lua_State *L)
{
    host_need_boundary(L, shares);
    SessionHandle *handle = bind_check_idle(L, 1, "gradient_shares");
    const Session *session = handle->session;
    StepPlace place = bind_step_place(session, false);
    Tape *before = host_step_tape(handle->host);
    GradientShares found;
    lua_Integer count = 0;
    Status status = session_gradient_shares(handle->session, &place, &found);
    host_set_tape(handle->host, before);
    host_check(L, status);
    lua_newtable(L);
    for (int i = 0; i < session->objective_count; i++) {
        if (!objective_active(session->objectives[i])) continue;
        lua_newtable(L);
        lua_pushstring(L, session->objectives[i]->name);
        lua_setfield(L, -2, "name");
        set_number(L, "norm", found.norms[i]);
        set_number(L, "share", found.shares[i]);
        lua_rawseti(L, -2, ++count);
    }
    lua_pushinteger(L, found.step);
    return 2;
}

/* --- at each parameter --- */

/* The parameters below a module, or one, with a norm for each objective. */
typedef struct Norms {
    const Module *module;
    const Param *only; /* NULL: all below the module */
    double *values;    /* of this objective, by place of the parameter */
    int64_t count;
} Norms;

static double norm_of(const Param *param)
{
    const Tensor *grad = param->value->grad;
    double squares = 0;
    if (!grad || param->value->grad_fresh) return 0;
    for (int64_t i = 0, n = tensor_count(grad); i < n; i++) squares += tensor_get(grad, i) * tensor_get(grad, i);
    return sqrt(squares);
}

static Status take_norm(void *context, Param *param)
{
    Norms *norms = context;
    if (!norms->only || norms->only == param) norms->values[norms->count++] = norm_of(param);
    return STATUS_OK;
}

static Status take_norms(void *context, const Session *session)
{
    Norms *norms = context;
    (void)session;
    norms->count = 0;
    return module_each_param(norms->module, take_norm, norms);
}

typedef struct PathList {
    lua_State *L;
    const Param *only;
    lua_Integer count;
} PathList;

static Status add_path(void *context, Param *param)
{
    PathList *list = context;
    if (list->only && list->only != param) return STATUS_OK;
    lua_pushstring(list->L, param->path);
    lua_rawseti(list->L, -2, ++list->count);
    return STATUS_OK;
}

/* Pushes the list of norms of one objective. */
static void push_norms(lua_State *L, SessionHandle *handle, const Objective *objective, Norms *norms)
{
    StepPlace place = bind_step_place(handle->session, false);
    SessionLook look = {.place = &place, .only = objective, .finished = take_norms, .context = norms};
    StepMetrics metrics;
    host_check(L, bind_look(handle, &look, &metrics));
    lua_createtable(L, (int)norms->count, 0);
    for (int64_t i = 0; i < norms->count; i++) {
        lua_pushnumber(L, norms->values[i]);
        lua_rawseti(L, -2, i + 1);
    }
}

/* lathe.gradient_norms(module or parameter) -> {path, ...}, {{name =, norms = {...}}, ...}, step. A whole look for
 * each objective. */
static int gradient_norms(lua_State *L)
{
    host_need_boundary(L, gradient_norms);
    Norms norms = {.module = bind_test_module(L, 1), .only = bind_test_param(L, 1)};
    if (!norms.module && !norms.only)
        return luaL_error(L, "gradient_shares: a module or a parameter is wanted, as run.model.bert.pooler");
    lua_settop(L, 1);
    SessionHandle *handle = bind_handle_of(L, 1);
    Session *session = handle->session;
    lua_Integer count = 0;
    if (session->busy || handle->stepping) return luaL_error(L, "gradient_shares: a training step is under way");
    for (int i = 0; !norms.module && i < session->model_count; i++)
        if (module_find_param(session->models[i]->root, norms.only->path) == norms.only)
            norms.module = session->models[i]->root;
    if (!norms.module) return luaL_error(L, "gradient_shares: the parameter is in no model of the session");
    PathList list = {.L = L, .only = norms.only};
    lua_newtable(L);
    host_check(L, module_each_param(norms.module, add_path, &list));
    norms.values = lua_newuserdatauv(L, sizeof *norms.values * (size_t)(list.count + 1), 0);
    lua_newtable(L);
    for (int i = 0; i < session->objective_count; i++) {
        if (!objective_active(session->objectives[i])) continue;
        lua_createtable(L, 0, 2);
        lua_pushstring(L, session->objectives[i]->name);
        lua_setfield(L, -2, "name");
        push_norms(L, handle, session->objectives[i], &norms);
        lua_setfield(L, -2, "norms");
        lua_rawseti(L, -2, ++count);
    }
    lua_remove(L, 3); /* the values */
    lua_pushinteger(L, session->tried.step + 1);
    return 3;
}

/* --- run.objectives as text --- */

static int objectives_text(lua_State *L)
{
    library_push(L, "lathe");
    lua_getfield(L, -1, "describe_objectives");
    luaL_getmetafield(L, 1, "session");
    lua_call(L, 1, 1);
    return 1;
}

void bind_give_text(lua_State *L, int session)
{
    session = lua_absindex(L, session);
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, objectives_text);
    lua_setfield(L, -2, "__tostring");
    lua_pushvalue(L, session);
    lua_setfield(L, -2, "session");
    lua_setmetatable(L, -2);
}

void bind_open_shares(lua_State *L)
{
    static const luaL_Reg functions[] = {{"shares", shares}, {"gradient_norms", gradient_norms}, {NULL, NULL}};
    lua_getglobal(L, "lathe");
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
