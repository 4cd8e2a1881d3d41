/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A user's own objective: function(model, batch) return loss end. 'model' gives the outputs of the forward pass by
 * name (model.mlm_logits), 'batch' is a table of the view's fields, with step, steps and micro_step. What it draws,
 * by randn say, is a function of seed, objective, step and micro-step. The function stands in the session's user
 * value, so that a function that knows its own session is no leak. */
#include "scripts/bind_parts.h"
#include "scripts/bind_session.h"

#include "engine/base/memory.h"
#include "engine/base/names.h"
#include "scripts/library.h"

#include <string.h>

#define PASS_TYPE "lathe.pass"
#define SESSIONS  "lathe.sessions" /* registry: weak table from handle to session */

typedef struct Custom {
    SessionHandle *handle;
    char name[OBJECTIVE_NAME_SIZE];
    char *text; /* Lua for the function, NULL: not known; owned */
} Custom;

typedef struct PassHandle {
    Forward *pass;
    uint64_t generation, era;
    Arena *arena;
} PassHandle;

/* The collector may end a session, and with it an arena, while another one makes a step. */
static bool arena_lives(lua_State *L, const Arena *arena)
{
    bool lives = false;
    lua_getfield(L, LUA_REGISTRYINDEX, SESSIONS);
    lua_pushnil(L);
    while (!lives && lua_next(L, -2)) {
        const Session *session = ((const SessionHandle *)lua_touserdata(L, -1))->session;
        lives = session && session->arena == arena;
        lua_pop(L, lives ? 2 : 1);
    }
    lua_pop(L, 1);
    return lives;
}

bool bind_step_lives(lua_State *L, const Arena *arena, uint64_t generation, uint64_t *era)
{
    uint64_t now = host_tensor_era(host_of(L));
    luaL_checkstack(L, 4, "tensors");
    if (*era != now && !arena_lives(L, arena)) return false;
    if (arena_generation(arena) != generation) return false;
    *era = now;
    return true;
}

/* --- the model that the function sees --- */

static void push_pass(lua_State *L, Forward *pass)
{
    PassHandle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    Arena *arena = tape_arena(pass->tape);
    *handle = (PassHandle){pass, arena_generation(arena), host_tensor_era(host_of(L)), arena};
    luaL_setmetatable(L, PASS_TYPE);
}

static int pass_index(lua_State *L)
{
    PassHandle *handle = luaL_checkudata(L, 1, PASS_TYPE);
    Tensor *output;
    if (!bind_step_lives(L, handle->arena, handle->generation, &handle->era))
        return luaL_error(L, "this model pass belonged to a training step that is over");
    host_check(L, forward_output(handle->pass, luaL_checkstring(L, 2), &output));
    bind_push_tensor(L, output);
    return 1;
}

static int pass_members(lua_State *L)
{
    PassHandle *handle = luaL_checkudata(L, 1, PASS_TYPE);
    lua_newtable(L);
    for (int i = 0; handle->pass->model->record->outputs[i].name; i++) {
        lua_pushstring(L, handle->pass->model->record->outputs[i].name);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* --- the call --- */

typedef struct CustomCall {
    Custom *custom;
    const ObjectiveInput *in;
    Tensor *loss;
} CustomCall;

/* Functions stand in user value 1 of the session, by the address of their Custom: a snapshot may hold an objective
 * that has left the session, and whose name is another one's by now. They stay there as long as the session. */
static void push_function(lua_State *L, const Custom *custom)
{
    bind_push_handle(L, custom->handle);
    lua_getiuservalue(L, -1, 1);
    lua_rawgetp(L, -1, custom);
    lua_copy(L, -1, -3);
    lua_pop(L, 2);
}

void bind_keep_function(lua_State *L, int part, const Objective *objective)
{
    const Custom *custom = objective->context;
    part = lua_absindex(L, part);
    bind_push_handle(L, custom->handle);
    lua_getiuservalue(L, -1, 1);
    lua_getiuservalue(L, part, PART_LOSS);
    lua_rawsetp(L, -2, custom);
    lua_pop(L, 2);
}

static void set_number(lua_State *L, const char *name, int64_t value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

static int run_function(lua_State *L)
{
    CustomCall *call = lua_touserdata(L, 1);
    char text[TENSOR_TEXT_SIZE];
    library_push(L, "engine");
    lua_getfield(L, -1, "call_objective");
    push_function(L, call->custom);
    lua_pushstring(L, call->custom->name);
    bind_push_handle(L, call->custom->handle);
    push_pass(L, call->in->pass);
    bind_push_batch(L, call->in->pass->batch);
    set_number(L, "step", call->in->step);
    set_number(L, "steps", call->in->steps);
    set_number(L, "micro_step", call->in->micro);
    lua_call(L, 5, 1);
    Tensor *loss = bind_test_tensor(L, -1);
    if (!loss)
        return luaL_error(L, "objective '%s' must return a loss, a tensor; it returned a %s", call->custom->name,
                          luaL_typename(L, -1));
    if (loss->dtype != DTYPE_F32 || tensor_count(loss) != 1)
        return luaL_error(L, "objective '%s' must return one number, f32[]; it returned %s", call->custom->name,
                          tensor_describe(loss, text));
    if (!loss->arena) { /* made outside of the step, a constant for example: a place in the step's memory */
        lua_pushnumber(L, 0);
        bind_call_named_op(L, "add", lua_gettop(L) - 1);
        loss = bind_check_tensor(L, -1);
    }
    call->loss = loss;
    return 0;
}

static Status custom_loss(void *context, const ObjectiveInput *in, Tensor **loss)
{
    CustomCall call = {.custom = context, .in = in};
    Host *host = call.custom->handle->host;
    Tape *before = host_step_tape(host);
    HostDraws draws = host_draw_from(host, (HostDraws){in->random, 0});
    host_set_tape(host, in->pass->tape);
    call.custom->handle->stepping = true;
    Status status = host_protect_callback(host, run_function, &call);
    call.custom->handle->stepping = false;
    host_set_tape(host, before);
    host_draw_from(host, draws);
    *loss = call.loss;
    return status;
}

static void custom_free(void *context)
{
    Custom *custom = context;
    memory_free(custom->text);
    memory_free(custom);
}

const char *bind_custom_text(const Objective *objective)
{
    return objective->record == &objective_custom ? ((const Custom *)objective->context)->text : NULL;
}

Status bind_custom_objective(SessionHandle *handle, const char *text, Objective *objective)
{
    Custom *custom;
    TRY(memory_new(1, sizeof *custom, &custom));
    custom->handle = handle;
    Status status = text ? memory_copy_text(text, &custom->text) : STATUS_OK;
    if (status != STATUS_OK) {
        memory_free(custom);
        return status;
    }
    memcpy(custom->name, objective->name, sizeof custom->name);
    objective->custom = custom_loss;
    objective->custom_free = custom_free;
    objective->context = custom;
    return STATUS_OK;
}

void bind_open_custom(lua_State *L)
{
    static const luaL_Reg events[] = {{"__index", pass_index}, {"__members", pass_members}, {NULL, NULL}};
    luaL_newmetatable(L, PASS_TYPE);
    luaL_setfuncs(L, events, 0);
    lua_pop(L, 1);
    lua_newtable(L);
    lua_newtable(L);
    lua_pushliteral(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_setfield(L, LUA_REGISTRYINDEX, SESSIONS);
}
