/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tensors as Lua values. */
#include "scripts/bind_class.h"
#include "scripts/bind_index.h"

#define TENSOR_TYPE "lathe.tensor"

enum { MOST_NAMES = 200 };

/* --- handles --- */

TensorHandle *bind_new_tensor(lua_State *L)
{
    TensorHandle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    *handle = (TensorHandle){0};
    luaL_setmetatable(L, TENSOR_TYPE);
    return handle;
}

void bind_fill_tensor(lua_State *L, TensorHandle *handle, Tensor *tensor)
{
    handle->tensor = tensor;
    handle->arena = tensor->arena;
    handle->generation = tensor->arena ? arena_generation(tensor->arena) : 0;
    handle->era = host_tensor_era(host_of(L));
    if (!tensor->arena) host_count_bytes(L, (size_t)tensor_count(tensor) * dtype_size(tensor->dtype));
}

void bind_push_tensor(lua_State *L, Tensor *tensor)
{
    TensorHandle *handle = bind_new_tensor(L);
    bind_fill_tensor(L, handle, tensor->arena ? tensor : tensor_ref(tensor));
}

Tensor *bind_test_tensor(lua_State *L, int index)
{
    TensorHandle *handle = luaL_testudata(L, index, TENSOR_TYPE);
    return handle && handle->tensor ? bind_check_tensor(L, index) : NULL;
}

Tensor *bind_check_tensor(lua_State *L, int index)
{
    TensorHandle *handle = luaL_checkudata(L, index, TENSOR_TYPE);
    if (!handle->tensor) luaL_argerror(L, index, "this tensor was never made");
    if (handle->arena && !bind_step_lives(L, handle->arena, handle->generation, &handle->era))
        luaL_error(
            L, "this tensor belonged to a training step that is over; keep a copy with :clone() inside the step");
    return handle->tensor;
}

static int tensor_gc(lua_State *L)
{
    TensorHandle *handle = luaL_checkudata(L, 1, TENSOR_TYPE);
    if (handle->tensor && !handle->arena) tensor_unref(handle->tensor);
    handle->tensor = NULL;
    return 0;
}

/* A failed op may leave a handle whose arena is not known yet: never touch that tensor. */

/* --- printing --- */

static Status describe(const Tensor *tensor, Buffer *out)
{
    char text[TENSOR_TEXT_SIZE];
    if (tensor->ndim == 0) return tensor_print(tensor, out);
    TRY(buffer_printf(out, "%s%s\n", tensor_describe(tensor, text),
                      tensor->requires_grad && !tensor->node ? " requires_grad" : ""));
    return tensor_print(tensor, out);
}

static int tensor_tostring(lua_State *L)
{
    Tensor *tensor = bind_check_tensor(L, 1);
    Buffer *out = host_push_buffer(L);
    host_check(L, describe(tensor, out));
    host_buffer_to_string(L, out);
    return 1;
}

/* --- fields --- */

int bind_push_shape(lua_State *L, const Tensor *tensor)
{
    lua_createtable(L, tensor->ndim, 0);
    for (int i = 0; i < tensor->ndim; i++) {
        lua_pushinteger(L, tensor->shape[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static int field_shape(lua_State *L)
{
    return bind_push_shape(L, bind_check_tensor(L, 1));
}

static int field_dtype(lua_State *L)
{
    lua_pushstring(L, dtype_name(bind_check_tensor(L, 1)->dtype));
    return 1;
}

static int field_ndim(lua_State *L)
{
    lua_pushinteger(L, bind_check_tensor(L, 1)->ndim);
    return 1;
}

static int field_count(lua_State *L)
{
    lua_pushinteger(L, tensor_count(bind_check_tensor(L, 1)));
    return 1;
}

static int field_grad(lua_State *L)
{
    const Tensor *tensor = bind_check_tensor(L, 1);
    if (tensor->grad && !tensor->grad_fresh && !tensor->node)
        bind_push_tensor(L, tensor->grad);
    else
        lua_pushnil(L);
    return 1;
}

static const BindClass class;

/* Every method that there is, those of ops and of the Lua library too, is a candidate. */
static int unknown_name(lua_State *L, const char *name)
{
    const char *names[MOST_NAMES];
    int count = 0;
    luaL_getmetafield(L, 1, "__methods");
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_pop(L, 1);
        if (count < MOST_NAMES - 1) names[count++] = lua_tostring(L, -1);
    }
    names[count] = NULL;
    return bind_unknown_member(L, &class, NULL, name, names);
}

static int tensor_index(lua_State *L)
{
    bind_check_tensor(L, 1);
    if (bind_is_index(L, 2)) return bind_push_indexed(L, 1, 2);
    if (bind_push_member(L, &class)) return 1;
    return unknown_name(L, luaL_tolstring(L, 2, NULL));
}

static int tensor_newindex(lua_State *L)
{
    const Tensor *tensor = bind_check_tensor(L, 1);
    if (tensor->param)
        return luaL_error(L, "a parameter is not assigned element by element; use an edit of the run");
    if (tensor->node)
        return luaL_error(L, "this tensor was computed and keeps its history; assign to a :clone() of it");
    if (!bind_is_index(L, 2))
        return luaL_error(
            L, "tensors have no field '%s' to assign; elements are t[0], t[{0, 2}], t[{1, {0, 2}}], t[mask]",
            luaL_tolstring(L, 2, NULL));
    bind_assign_indexed(L, 1, 2, 3);
    return 0;
}

static int tensor_length(lua_State *L)
{
    const Tensor *tensor = bind_check_tensor(L, 1);
    if (tensor->ndim == 0) return luaL_error(L, "a single number has no length; :item() gives its value");
    lua_pushinteger(L, tensor->shape[0]);
    return 1;
}

static int tensor_same(lua_State *L)
{
    Tensor *a = bind_test_tensor(L, 1), *b = bind_test_tensor(L, 2);
    lua_pushboolean(L, a && a == b);
    return 1;
}

/* --- methods that are no ops --- */

/* {start, stop, step} of one dimension: as an index with a word for each dimension, {} for those before it. */
static int push_of_dimension(lua_State *L, int range)
{
    int dim;
    host_check(L, tensor_dim(bind_check_tensor(L, 1), luaL_checkinteger(L, 2), &dim));
    lua_createtable(L, dim + 1, 0);
    for (int d = 0; d < dim; d++) {
        lua_newtable(L);
        lua_rawseti(L, -2, d + 1);
    }
    lua_pushvalue(L, range);
    lua_rawseti(L, -2, dim + 1);
    return bind_push_indexed(L, 1, lua_gettop(L));
}

static int method_slice(lua_State *L)
{
    if (lua_type(L, 2) == LUA_TTABLE) return bind_call_named_op(L, "slice", 1); /* by names */
    lua_settop(L, 5);
    lua_createtable(L, 3, 0);
    for (int i = 1; i <= 3; i++) {
        lua_pushvalue(L, 2 + i);
        lua_rawseti(L, 6, i);
    }
    return push_of_dimension(L, 6);
}

static int method_select(lua_State *L)
{
    if (lua_type(L, 2) == LUA_TTABLE) return bind_call_named_op(L, "select", 1);
    luaL_checkinteger(L, 3);
    return push_of_dimension(L, 3);
}

static void push_element(lua_State *L, const Tensor *tensor, int64_t place)
{
    if (dtype_is_real(tensor->dtype))
        lua_pushnumber(L, tensor_get(tensor, place));
    else
        lua_pushinteger(L, tensor_get_integer(tensor, place));
}

static int method_item(lua_State *L)
{
    Tensor *tensor = bind_check_tensor(L, 1);
    char text[TENSOR_TEXT_SIZE];
    if (tensor_count(tensor) != 1)
        return luaL_error(L, "item: %s is not one number; tolist() gives them all", tensor_describe(tensor, text));
    push_element(L, tensor, 0);
    return 1;
}

static void push_list(lua_State *L, const Tensor *tensor, int dim, int64_t *place)
{
    if (dim == tensor->ndim) {
        push_element(L, tensor, (*place)++);
        return;
    }
    luaL_checkstack(L, 3, "tolist");
    lua_createtable(L, 0, 0);
    for (int64_t i = 0; i < tensor->shape[dim]; i++) {
        push_list(L, tensor, dim + 1, place);
        lua_rawseti(L, -2, i + 1);
    }
}

static int method_tolist(lua_State *L)
{
    int64_t place = 0;
    push_list(L, bind_check_tensor(L, 1), 0, &place);
    return 1;
}

static int method_clone(lua_State *L)
{
    Tensor *tensor = bind_check_tensor(L, 1), *copy = NULL;
    TensorHandle *handle = bind_new_tensor(L);
    host_check(L, tensor_clone(NULL, tensor, &copy));
    bind_fill_tensor(L, handle, copy);
    return 1;
}

/* t:to("i32"): the op cast under the name that it has in PyTorch. */
static int method_to(lua_State *L)
{
    luaL_checkstring(L, 2);
    return bind_call_named_op(L, "cast", 1);
}

static int method_requires_grad(lua_State *L)
{
    Tensor *tensor = bind_check_tensor(L, 1);
    bool on = lua_isnoneornil(L, 2) || lua_toboolean(L, 2);
    if (tensor->node)
        return luaL_error(L, "requires_grad: this tensor was computed; take it from a :detach()ed one");
    if (on && tensor->dtype != DTYPE_F32)
        return luaL_error(L, "requires_grad: only f32 tensors have gradients; this one is %s",
                          dtype_name(tensor->dtype));
    if (tensor->param) return luaL_error(L, "requires_grad: a parameter is frozen by an edit of the run");
    tensor->requires_grad = on;
    lua_settop(L, 1);
    return 1;
}

static int method_backward(lua_State *L)
{
    Tensor *tensor = bind_check_tensor(L, 1), *gradient = bind_test_tensor(L, 2);
    host_check(L, tape_backward(host_tape(host_of(L)), tensor, gradient));
    return 0;
}

static int method_zero_grad(lua_State *L)
{
    Tensor *tensor = bind_check_tensor(L, 1);
    if (tensor->param) return luaL_error(L, "zero_grad: the run looks after the gradients of its parameters");
    tensor_unref(tensor->grad);
    tensor->grad = NULL;
    lua_settop(L, 1);
    return 1;
}

/* --- operators --- */

static int call_operator(lua_State *L)
{
    return bind_call_named_op(L, lua_tostring(L, lua_upvalueindex(1)), 1);
}

static int call_negate(lua_State *L)
{
    lua_settop(L, 1);
    return bind_call_named_op(L, "neg", 1);
}

/* Lua turns the result of a < b into true or false, so only single numbers can be ordered that way. */
static int call_order(lua_State *L)
{
    const char *name = lua_tostring(L, lua_upvalueindex(1));
    for (int i = 1; i <= 2; i++) {
        Tensor *tensor = bind_test_tensor(L, i);
        char text[TENSOR_TEXT_SIZE];
        if (tensor && tensor_count(tensor) != 1)
            return luaL_error(L, "%s is not one number; a:%s(b) compares element by element",
                              tensor_describe(tensor, text), name);
    }
    bind_call_named_op(L, name, 1);
    lua_pushboolean(L, tensor_get(bind_check_tensor(L, -1), 0) != 0);
    return 1;
}

void bind_add_operators(lua_State *L)
{
    static const char *const pairs[][2] = {{"__add", "add"}, {"__sub", "sub"}, {"__mul", "mul"},
                                           {"__div", "div"}, {"__pow", "pow"}, {NULL, NULL}};
    for (int i = 0; pairs[i][0]; i++) {
        lua_pushstring(L, pairs[i][1]);
        lua_pushcclosure(L, call_operator, 1);
        lua_setfield(L, -2, pairs[i][0]);
    }
    for (int i = 0; i < 2; i++) {
        lua_pushstring(L, i ? "le" : "lt");
        lua_pushcclosure(L, call_order, 1);
        lua_setfield(L, -2, i ? "__le" : "__lt");
    }
    lua_pushcfunction(L, call_negate);
    lua_setfield(L, -2, "__unm");
}

static const BindField fields[] = {
    {"shape", "a list of the sizes", field_shape},
    {"dtype", "f32, bf16, i32, i64 or u8", field_dtype},
    {"ndim", "the number of dimensions", field_ndim},
    {"count", "the number of elements", field_count},
    {"grad", "the gradient of a tensor that requires one, after backward()", field_grad},
    {0}};

static const BindMethod methods[] = {
    {.name = "item", .arguments = "()", .doc = "The value of a single number.", .call = method_item},
    {.name = "tolist",
     .arguments = "()",
     .doc = "The values as nested lists of Lua, which count from 1.",
     .call = method_tolist},
    {.name = "to", .arguments = "(dtype)", .doc = "In another type: t:to(\"i32\").", .call = method_to},
    {.name = "clone", .arguments = "()", .doc = "A copy, without history.", .call = method_clone},
    {.name = "select",
     .arguments = "(dim, index)",
     .doc = "One element of a dimension, which disappears. A view.",
     .call = method_select},
    {.name = "slice",
     .arguments = "(dim, start, stop, step)",
     .doc = "Elements start, start + step and so on below stop of a dimension. A view.",
     .call = method_slice},
    {.name = "requires_grad",
     .arguments = "(on)",
     .doc = "From now on backward() leaves a gradient in t.grad; false: no more. Gives t.",
     .call = method_requires_grad},
    {.name = "backward",
     .arguments = "(gradient)",
     .doc = "The gradients of all tensors that this one was computed from and that require one; gradient is this "
            "one's own, 1 "
            "for a single number.",
     .call = method_backward},
    {.name = "zero_grad", .arguments = "()", .doc = "Forgets the gradient. Gives t.", .call = method_zero_grad},
    {0}};

static const BindClass class = {
    .type = TENSOR_TYPE,
    .name = "tensor",
    .article = "a",
    .doc = "A tensor, made by tensor{{1, 2}, {3, 4}}, zeros(2, 3), randn(2, 3), arange(5) and so on. "
           "t[1], t[{start, stop, step}] and, with a word for each dimension, t[{1, {0, 2}, {}}] are views, which "
           "can be "
           "assigned; t[mask] and t[rows] are copies. Indices count from 0, negative ones from the end. Operators: "
           "+ - * / ^ "
           "and unary -; a < b of single numbers, a:lt(b) of each element. #t is the first size. Every op is a "
           "method, too: "
           "help(ops) lists them.",
    .fields = fields,
    .methods = {methods}};

/* Every op that is no method of another form. */
static void add_op_methods(lua_State *L)
{
    Record record;
    lua_getfield(L, -1, "__methods");
    for (int i = 0; bind_ops.get(i, &record); i++) {
        if (lua_getfield(L, -1, record.name) == LUA_TNIL) {
            bind_push_record(L, &bind_ops, &record);
            lua_setfield(L, -3, record.name);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

void bind_open_tensors(lua_State *L)
{
    static const luaL_Reg events[] = {{"__gc", tensor_gc},
                                      {"__index", tensor_index},
                                      {"__newindex", tensor_newindex},
                                      {"__len", tensor_length},
                                      {"__tostring", tensor_tostring},
                                      {"__eq", tensor_same},
                                      {NULL, NULL}};
    bind_open_class(L, &class, events);
    luaL_getmetatable(L, TENSOR_TYPE);
    bind_add_operators(L);
    add_op_methods(L);
    lua_pop(L, 1);
}
