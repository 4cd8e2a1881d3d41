/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gradcheck(f, x, y, ..., {options}): gradients of a Lua function against finite differences. */
#include "scripts/bind.h"

#include "engine/autograd/gradcheck.h"

static const Option options[] = {
    OPTION_NUMBER_FIELD(GradientCheck, tolerance, 1e-4, 0, 1e30,
                        "error to let pass, beside 0.01 + the largest gradient"),
    OPTION_NUMBER_FIELD(GradientCheck, step, 1e-3, 1e-6, 1e6,
                        "of the finer differences; the others take twice that"),
    OPTION_INT_FIELD(GradientCheck, elements, 61, 0, 1e15, "of each tensor at most so many are looked at; 0: all"),
    {0}};

typedef struct LuaCheck {
    Host *host;
    Tensor *const *inputs;
    int count;
    Tensor *output; /* held */
} LuaCheck;

/* The function stands in the registry under the address of the check. */
static int run_function(lua_State *L)
{
    LuaCheck *check = lua_touserdata(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, check);
    luaL_checkstack(L, check->count + 4, "gradcheck");
    for (int i = 0; i < check->count; i++) bind_push_tensor(L, check->inputs[i]);
    lua_call(L, check->count, 1);
    Tensor *output = bind_test_tensor(L, -1);
    if (!output)
        return luaL_error(L, "gradcheck: the function must return a tensor; it returned a %s",
                          luaL_typename(L, -1));
    if (output->arena) return luaL_error(L, "gradcheck: the function returned a tensor of a training step");
    check->output = tensor_ref(output);
    return 0;
}

static Status call_function(void *context, Tape *tape, Tensor *const *inputs, int count, Tensor **output)
{
    LuaCheck *check = context;
    Tape *before = host_step_tape(check->host);
    check->inputs = inputs;
    check->count = count;
    check->output = NULL;
    host_set_tape(check->host, tape);
    Status status = host_protect(check->host, run_function, check);
    host_set_tape(check->host, before);
    if (status == STATUS_OK) *output = check->output;
    return status;
}

/* The tensor at the index without its history; an f32 one is to be checked. */
static Tensor *push_input(lua_State *L, int index)
{
    Tensor *given = bind_push_as_tensor(L, index, DTYPE_F32), *alias = NULL;
    TensorHandle *handle = bind_new_tensor(L);
    host_check(L, tensor_alias(NULL, given, &alias));
    bind_fill_tensor(L, handle, alias);
    alias->requires_grad = alias->dtype == DTYPE_F32;
    return alias;
}

static bool has_options(lua_State *L, int index)
{
    return index > 1 && lua_type(L, index) == LUA_TTABLE && lua_rawlen(L, index) == 0;
}

int bind_gradcheck(lua_State *L)
{
    GradientCheck chosen = gradient_check_defaults;
    GradientWorst worst;
    Tensor *inputs[OP_MAX_INPUTS];
    LuaCheck check = {.host = host_of(L)};
    int top = lua_gettop(L), count = 0;
    luaL_checkany(L, 1);
    if (!lua_isfunction(L, 1) && luaL_getmetafield(L, 1, "__call") == LUA_TNIL)
        return luaL_error(
            L, "gradcheck: a function and its tensors are wanted, as in gradcheck(ops.gelu, randn(3, 4)); got a %s",
            luaL_typename(L, 1));
    lua_settop(L, top);
    luaL_checkstack(L, 2 * OP_MAX_INPUTS + 8, "gradcheck");
    if (has_options(L, top)) bind_read_options(L, top--, options, &chosen, "gradcheck", NULL);
    if (top - 1 > OP_MAX_INPUTS)
        return luaL_error(L, "gradcheck: takes at most %d tensors, got %d", OP_MAX_INPUTS, top - 1);
    for (int i = 2; i <= top; i++) inputs[count++] = push_input(L, i);
    lua_pushvalue(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &check);
    Status status = gradient_check("the function", call_function, &check, inputs, count, &chosen, &worst);
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &check);
    host_check(L, status);
    lua_pushnumber(L, worst.error);
    return 1;
}
