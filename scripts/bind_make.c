/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making tensors in Lua: tensor{...}, zeros(2, 3), randn{2, 3, requires_grad = true}, ... */
#include "scripts/bind.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What is asked for: a shape, and named options. */
typedef struct Wanted {
    DType dtype;
    int ndim;
    int64_t shape[TENSOR_MAX_DIMS];
    bool requires_grad;
} Wanted;

static DType check_dtype(lua_State *L, const char *name)
{
    DType dtype = DTYPE_F32;
    if (!dtype_find(name, &dtype)) luaL_error(L, "dtype must be one of f32, bf16, i32, i64, u8; got '%s'", name);
    return dtype;
}

/* The named entries of the table at the index. */
static void read_names(lua_State *L, int index, Wanted *wanted)
{
    lua_pushnil(L);
    while (lua_next(L, index)) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
        if (name && strcmp(name, "dtype") == 0)
            wanted->dtype = check_dtype(L, luaL_checkstring(L, -1));
        else if (name && strcmp(name, "requires_grad") == 0)
            wanted->requires_grad = lua_toboolean(L, -1);
        else if (name)
            luaL_error(L, "a new tensor has no option '%s'; there are dtype and requires_grad", name);
        lua_pop(L, 1);
    }
    if (wanted->requires_grad && wanted->dtype != DTYPE_F32) luaL_error(L, "only f32 tensors have gradients");
}

static void add_size(lua_State *L, int index, Wanted *wanted)
{
    int is_integer;
    lua_Integer size = lua_tointegerx(L, index, &is_integer);
    if (!is_integer || size < 0)
        luaL_error(L, "a size must be an integer of at least 0; got %s", luaL_tolstring(L, index, NULL));
    if (wanted->ndim == TENSOR_MAX_DIMS) luaL_error(L, "a tensor has at most %d dimensions", TENSOR_MAX_DIMS);
    wanted->shape[wanted->ndim++] = size;
}

/* Sizes from 'first' on, as numbers or one table, then perhaps a table of names. */
static Wanted read_shape(lua_State *L, int first)
{
    Wanted wanted = {.dtype = DTYPE_F32};
    int top = lua_gettop(L), at = first;
    for (; at <= top && lua_type(L, at) != LUA_TTABLE; at++) add_size(L, at, &wanted);
    for (; at <= top; at++) {
        luaL_checktype(L, at, LUA_TTABLE);
        for (lua_Integer i = 1, n = (lua_Integer)lua_rawlen(L, at); i <= n; i++) {
            lua_rawgeti(L, at, i);
            add_size(L, -1, &wanted);
            lua_pop(L, 1);
        }
        read_names(L, at, &wanted);
    }
    return wanted;
}

static Tensor *push_new(lua_State *L, const Wanted *wanted)
{
    Tensor *tensor = NULL;
    TensorHandle *handle = bind_new_tensor(L);
    host_check(L, tensor_new_zeros(NULL, wanted->dtype, wanted->ndim, wanted->shape, &tensor));
    bind_fill_tensor(L, handle, tensor);
    tensor->requires_grad = wanted->requires_grad;
    return tensor;
}

static int make_zeros(lua_State *L)
{
    Wanted wanted = read_shape(L, 1);
    push_new(L, &wanted);
    return 1;
}

void bind_set_element(lua_State *L, int index, const char *what, Tensor *tensor, int64_t place)
{
    int whole;
    const char *name = dtype_name(tensor->dtype);
    if (lua_type(L, index) != LUA_TNUMBER) luaL_error(L, "%s is a %s, not a number", what, luaL_typename(L, index));
    if (dtype_is_real(tensor->dtype)) {
        tensor_set(tensor, place, lua_tonumber(L, index));
        return;
    }
    lua_Integer value = lua_tointegerx(L, index, &whole);
    if (!whole) luaL_error(L, "%s is %f, but %s holds whole numbers", what, lua_tonumber(L, index), name);
    if (!dtype_holds(tensor->dtype, value)) luaL_error(L, "%s is %I, which %s cannot hold", what, value, name);
    tensor_set_integer(tensor, place, value);
}

static int make_ones(lua_State *L)
{
    Wanted wanted = read_shape(L, 1);
    tensor_fill(push_new(L, &wanted), 1);
    return 1;
}

/* full(value, sizes...) */
static int make_full(lua_State *L)
{
    luaL_checknumber(L, 1);
    Wanted wanted = read_shape(L, 2);
    Tensor *tensor = push_new(L, &wanted);
    for (int64_t i = 0, n = tensor_count(tensor); i < n; i++) bind_set_element(L, 1, "full: the value", tensor, i);
    return 1;
}

/* A new tensor for random numbers. */
static Tensor *push_real(lua_State *L, const char *maker)
{
    Wanted wanted = read_shape(L, 1);
    if (!dtype_is_real(wanted.dtype))
        luaL_error(L, "%s: its numbers are no integers; dtype must be f32 or bf16", maker);
    return push_new(L, &wanted);
}

static int make_randn(lua_State *L)
{
    tensor_fill_normal(push_real(L, "randn"), host_next_random(host_of(L)), 0, 1);
    return 1;
}

static int make_rand(lua_State *L)
{
    tensor_fill_uniform(push_real(L, "rand"), host_next_random(host_of(L)), 0, 1);
    return 1;
}

static int make_eye(lua_State *L)
{
    Wanted wanted = read_shape(L, 1);
    if (wanted.ndim == 1) wanted.shape[wanted.ndim++] = wanted.shape[0];
    if (wanted.ndim != 2) return luaL_error(L, "eye takes one or two sizes; got %d", wanted.ndim);
    Tensor *tensor = push_new(L, &wanted);
    for (int64_t i = 0; i < wanted.shape[0] && i < wanted.shape[1]; i++)
        tensor_set(tensor, i * wanted.shape[1] + i, 1);
    return 1;
}

/* start + step i, exact where all are integers. */
static void fill_steps(lua_State *L, Tensor *tensor, bool integers, double start, double step)
{
    lua_Integer first = (lua_Integer)start, by = (lua_Integer)step;
    for (int64_t i = 0; i < tensor->shape[0]; i++) {
        if (integers)
            lua_pushinteger(L, first + by * i);
        else
            lua_pushnumber(L, start + step * (double)i);
        bind_set_element(L, -1, "arange: an element", tensor, i);
        lua_pop(L, 1);
    }
}

/* arange(stop), arange(start, stop), arange(start, stop, step), with a table of names at the end */
static int make_arange(lua_State *L)
{
    Wanted wanted = {.dtype = DTYPE_F32, .ndim = 1};
    int top = lua_gettop(L);
    if (lua_type(L, top) == LUA_TTABLE) read_names(L, top--, &wanted);
    if (top > 3) return luaL_error(L, "arange takes start, stop and step; got %d numbers", top);
    double start = top >= 2 ? luaL_checknumber(L, 1) : 0, stop = luaL_checknumber(L, top >= 2 ? 2 : 1);
    double step = top >= 3 ? luaL_checknumber(L, 3) : 1, count = ceil((stop - start) / step);
    if (!(step != 0) || !(count < 1e15))
        return luaL_error(L, "arange: the step %f does not lead from %f to %f", step, start, stop);
    bool integers = true;
    for (int i = 1; i <= top; i++) integers &= lua_isinteger(L, i) && fabs(lua_tonumber(L, i)) < 0x1p53;
    wanted.shape[0] = count > 0 ? (int64_t)count : 0;
    fill_steps(L, push_new(L, &wanted), integers, start, step);
    return 1;
}

/* --- from values --- */

/* The shape of nested lists, by their first entries. */
static void measure(lua_State *L, int index, Wanted *wanted)
{
    lua_pushvalue(L, index);
    while (lua_type(L, -1) == LUA_TTABLE) {
        lua_Integer size = (lua_Integer)lua_rawlen(L, -1);
        lua_pushinteger(L, size);
        add_size(L, -1, wanted);
        lua_pop(L, 1);
        if (size == 0) break;
        lua_rawgeti(L, -1, 1);
        lua_remove(L, -2);
    }
    lua_pop(L, 1);
}

/* Fills from the nested lists at the top of the stack. */
static void fill_values(lua_State *L, Tensor *tensor, int dim, int64_t *place)
{
    if (dim == tensor->ndim) {
        char what[48];
        snprintf(what, sizeof what, "tensor: element %lld", (long long)*place);
        bind_set_element(L, -1, what, tensor, (*place)++);
        return;
    }
    luaL_checkstack(L, 4, "tensor");
    lua_Integer size = lua_type(L, -1) == LUA_TTABLE ? (lua_Integer)lua_rawlen(L, -1) : -1;
    if (size != tensor->shape[dim])
        luaL_error(L, "tensor: the lists of dimension %d differ in length: %I and %I", dim,
                   (lua_Integer)tensor->shape[dim], size < 0 ? (lua_Integer)1 : size);
    for (lua_Integer i = 1; i <= size; i++) {
        lua_rawgeti(L, -1, i);
        fill_values(L, tensor, dim + 1, place);
        lua_pop(L, 1);
    }
}

static Tensor *push_values(lua_State *L, int index, Wanted *wanted)
{
    int64_t place = 0;
    index = lua_absindex(L, index);
    measure(L, index, wanted);
    Tensor *tensor = push_new(L, wanted);
    lua_pushvalue(L, index);
    fill_values(L, tensor, 0, &place);
    lua_pop(L, 1);
    return tensor;
}

bool bind_counts_as_tensor(lua_State *L, int index)
{
    if (bind_test_tensor(L, index)) return true;
    if (luaL_getmetafield(L, index, "__tensor") == LUA_TNIL) return false;
    lua_pop(L, 1);
    return true;
}

bool bind_holds_integers(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TTABLE) return lua_isinteger(L, index);
    bool all = true;
    index = lua_absindex(L, index);
    luaL_checkstack(L, 4, "numbers");
    for (lua_Integer i = 1, n = (lua_Integer)lua_rawlen(L, index); all && i <= n; i++) {
        lua_rawgeti(L, index, i);
        all = bind_holds_integers(L, -1);
        lua_pop(L, 1);
    }
    return all;
}

Tensor *bind_push_as_tensor(lua_State *L, int index, DType dtype)
{
    Wanted wanted = {.dtype = dtype};
    int type = lua_type(L, index);
    if (luaL_callmeta(L, index, "__tensor")) return bind_check_tensor(L, -1);
    if (type != LUA_TNUMBER && type != LUA_TTABLE) {
        if (!bind_counts_as_tensor(L, index))
            luaL_error(L, "a tensor, a number or a list of numbers is wanted; got %s", bind_type_name(L, index));
        lua_pushvalue(L, index);
        return bind_check_tensor(L, index);
    }
    return push_values(L, index, &wanted);
}

/* tensor{{1, 2}, {3, 4}}, tensor(3.5), tensor({1, 2}, {dtype = "i32"}), tensor{1, 2, dtype = "i32"} */
static int make_tensor(lua_State *L)
{
    Wanted wanted = {.dtype = DTYPE_F32};
    if (bind_test_tensor(L, 1)) return luaL_error(L, "tensor: this is a tensor already; :clone() copies it");
    if (lua_type(L, 1) != LUA_TTABLE) luaL_checknumber(L, 1);
    if (lua_type(L, 1) == LUA_TTABLE) read_names(L, 1, &wanted);
    if (lua_type(L, 2) == LUA_TTABLE) read_names(L, 2, &wanted);
    push_values(L, 1, &wanted);
    return 1;
}

static int set_seed(lua_State *L)
{
    host_seed(host_of(L), (uint64_t)luaL_checkinteger(L, 1));
    return 0;
}

void bind_open_makers(lua_State *L)
{
    static const luaL_Reg makers[] = {
        {"tensor", make_tensor}, {"zeros", make_zeros}, {"ones", make_ones}, {"full", make_full},
        {"randn", make_randn},   {"rand", make_rand},   {"eye", make_eye},   {"arange", make_arange},
        {"seed", set_seed},      {NULL, NULL}};
    lua_pushglobaltable(L);
    luaL_setfuncs(L, makers, 0);
    lua_pop(L, 1);
}
