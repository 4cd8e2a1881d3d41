/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tensors as Lua values. */
#include "scripts/bind.h"

#include "engine/base/names.h"

#include <math.h>
#include <string.h>

#define TENSOR_TYPE "lathe.tensor"

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

static int tensor_help(lua_State *L)
{
    Tensor *tensor = bind_check_tensor(L, 1);
    char text[TENSOR_TEXT_SIZE];
    lua_pushfstring(L, "tensor %s; help(tensor) lists the methods", tensor_describe(tensor, text));
    return 1;
}

/* --- places --- */

static int64_t check_place(lua_State *L, const Tensor *tensor, int dim, lua_Integer place)
{
    int64_t size = tensor->shape[dim];
    char text[TENSOR_TEXT_SIZE];
    if (place < -size || place >= size)
        luaL_error(L, "index %I is outside of dimension %d of %s, which counts from 0", place, dim,
                   tensor_describe(tensor, text));
    return place < 0 ? place + size : place;
}

/* A view of the tensor at index 1: start, and stop -1 for one element whose dimension disappears. Through the op of
 * that name where gradients matter. */
static int push_part(lua_State *L, Tensor *tensor, int dim, int64_t start, int64_t stop)
{
    const char *name = stop < 0 ? "select" : "slice";
    if (tensor->requires_grad && op_find(name)) {
        lua_settop(L, 1);
        lua_pushinteger(L, dim);
        lua_pushinteger(L, start);
        if (stop >= 0) lua_pushinteger(L, stop);
        return bind_call_named_op(L, name, 1);
    }
    TensorHandle *handle = bind_new_tensor(L);
    Tensor *view = NULL;
    host_check(L, stop < 0 ? tensor_select(tensor->arena, tensor, dim, start, &view)
                           : tensor_slice(tensor->arena, tensor, dim, start, stop, 1, &view));
    bind_fill_tensor(L, handle, view);
    return 1;
}

/* The bounds of {start, stop}; either may be nil or count from the end. */
static void read_range(lua_State *L, int index, int64_t size, int64_t *start, int64_t *stop)
{
    lua_rawgeti(L, index, 1);
    lua_rawgeti(L, index, 2);
    *start = luaL_optinteger(L, -2, 0);
    *stop = luaL_optinteger(L, -1, size);
    lua_pop(L, 2);
    if (*start < 0) *start += size;
    if (*stop < 0) *stop += size;
    if (*start < 0 || *stop > size || *start > *stop)
        luaL_error(L, "the range {%I, %I} is outside of a dimension of size %I", (lua_Integer)*start,
                   (lua_Integer)*stop, (lua_Integer)size);
}

static void need_dimension(lua_State *L, const Tensor *tensor)
{
    if (tensor->ndim == 0) luaL_error(L, "a single number has no elements to index; :item() gives its value");
}

static int push_shape(lua_State *L, const Tensor *tensor)
{
    lua_createtable(L, tensor->ndim, 0);
    for (int i = 0; i < tensor->ndim; i++) {
        lua_pushinteger(L, tensor->shape[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static int push_field(lua_State *L, Tensor *tensor, const char *name)
{
    if (strcmp(name, "shape") == 0) return push_shape(L, tensor);
    if (strcmp(name, "dtype") == 0) lua_pushstring(L, dtype_name(tensor->dtype));
    if (strcmp(name, "ndim") == 0) lua_pushinteger(L, tensor->ndim);
    if (strcmp(name, "count") == 0) lua_pushinteger(L, tensor_count(tensor));
    if (strcmp(name, "grad") == 0) {
        if (tensor->grad && !tensor->grad_fresh && !tensor->node)
            bind_push_tensor(L, tensor->grad);
        else
            lua_pushnil(L);
    }
    return lua_gettop(L) - 2;
}

/* Upvalue 1: the table of methods. */
static int tensor_index(lua_State *L)
{
    Tensor *tensor = bind_check_tensor(L, 1);
    int64_t start, stop;
    if (lua_isinteger(L, 2)) {
        need_dimension(L, tensor);
        return push_part(L, tensor, 0, check_place(L, tensor, 0, lua_tointeger(L, 2)), -1);
    }
    if (lua_type(L, 2) == LUA_TTABLE) {
        need_dimension(L, tensor);
        read_range(L, 2, tensor->shape[0], &start, &stop);
        return push_part(L, tensor, 0, start, stop);
    }
    const char *name = luaL_checkstring(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
    lua_settop(L, 2);
    if (push_field(L, tensor, name)) return 1;
    return luaL_error(L, "tensors have no '%s'; help(tensor) lists what they have", name);
}

/* The value at index 3 into a part of a tensor, in place. */
static void assign(lua_State *L, Tensor *part)
{
    Tensor *value = bind_test_tensor(L, 3), *wide = NULL;
    if (!value) {
        for (int64_t i = 0, n = tensor_count(part); i < n; i++) bind_set_element(L, 3, "the value", part, i);
        return;
    }
    Status status = tensor_expand(NULL, value, part->ndim, part->shape, &wide);
    if (status == STATUS_OK) status = tensor_copy(part, wide);
    tensor_unref(wide);
    host_check(L, status);
}

static int tensor_newindex(lua_State *L)
{
    Tensor *tensor = bind_check_tensor(L, 1);
    int64_t start, stop;
    if (tensor->param)
        return luaL_error(L, "a parameter is not assigned element by element; use an edit of the run");
    if (tensor->node)
        return luaL_error(L, "this tensor was computed and keeps its history; assign to a :clone() of it");
    need_dimension(L, tensor);
    if (lua_type(L, 2) == LUA_TTABLE) {
        read_range(L, 2, tensor->shape[0], &start, &stop);
    } else {
        if (!lua_isinteger(L, 2))
            return luaL_error(L, "tensors have no field '%s' to assign; elements are t[0], t[1], ...",
                              luaL_tolstring(L, 2, NULL));
        start = check_place(L, tensor, 0, lua_tointeger(L, 2));
        stop = -1;
    }
    TensorHandle *handle = bind_new_tensor(L);
    Tensor *part = NULL;
    host_check(L, stop < 0 ? tensor_select(tensor->arena, tensor, 0, start, &part)
                           : tensor_slice(tensor->arena, tensor, 0, start, stop, 1, &part));
    bind_fill_tensor(L, handle, part);
    assign(L, part);
    storage_touch(part->storage);
    return 0;
}

static int tensor_length(lua_State *L)
{
    Tensor *tensor = bind_check_tensor(L, 1);
    need_dimension(L, tensor);
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

static int method_slice(lua_State *L)
{
    Tensor *tensor = bind_check_tensor(L, 1);
    int dim;
    host_check(L, tensor_dim(tensor, luaL_checkinteger(L, 2), &dim));
    int64_t size = tensor->shape[dim];
    lua_settop(L, 4);
    lua_createtable(L, 2, 0);
    lua_pushvalue(L, 3);
    lua_rawseti(L, -2, 1);
    lua_pushvalue(L, 4);
    lua_rawseti(L, -2, 2);
    int64_t start, stop;
    read_range(L, 5, size, &start, &stop);
    return push_part(L, tensor, dim, start, stop);
}

static int method_select(lua_State *L)
{
    Tensor *tensor = bind_check_tensor(L, 1);
    int dim;
    host_check(L, tensor_dim(tensor, luaL_checkinteger(L, 2), &dim));
    return push_part(L, tensor, dim, check_place(L, tensor, dim, luaL_checkinteger(L, 3)), -1);
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
    if (op_find("neg")) return bind_call_named_op(L, "neg", 1);
    lua_pushnumber(L, -1);
    return bind_call_named_op(L, "mul", 1);
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

static void add_operators(lua_State *L)
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
}

static const luaL_Reg methods[] = {{"slice", method_slice},
                                   {"select", method_select},
                                   {"item", method_item},
                                   {"tolist", method_tolist},
                                   {"clone", method_clone},
                                   {"to", method_to},
                                   {"requires_grad", method_requires_grad},
                                   {"backward", method_backward},
                                   {"zero_grad", method_zero_grad},
                                   {NULL, NULL}};

/* Pushes the table of methods: every op, then those above. */
static void push_methods(lua_State *L)
{
    Record record;
    lua_newtable(L);
    for (int i = 0; bind_ops.get(i, &record); i++) {
        bind_push_record(L, &bind_ops, &record);
        lua_setfield(L, -2, record.name);
    }
    luaL_setfuncs(L, methods, 0);
}

void bind_open_tensors(lua_State *L)
{
    static const luaL_Reg events[] = {{"__gc", tensor_gc},      {"__newindex", tensor_newindex},
                                      {"__len", tensor_length}, {"__tostring", tensor_tostring},
                                      {"__eq", tensor_same},    {"__unm", call_negate},
                                      {"__help", tensor_help},  {NULL, NULL}};
    luaL_newmetatable(L, TENSOR_TYPE);
    luaL_setfuncs(L, events, 0);
    add_operators(L);
    push_methods(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "__methods"); /* for completion and help */
    lua_pushcclosure(L, tensor_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}
