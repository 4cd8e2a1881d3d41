/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts of tensors: t[1], t[{start, stop, step}], t[{{0, 2}, 1, {}}] with a word for each dimension, t[mask] and
 * t[rows]; and assignment to them. Views where that is possible, through ops where a gradient may come. */
#include "scripts/bind_index.h"

#include <string.h>

/* One element of a dimension, which disappears, or a range of it. */
typedef struct Selector {
    bool one;
    int64_t start, stop, step;
} Selector;

typedef struct Selection {
    int count; /* of the first dimensions */
    Selector of[TENSOR_MAX_DIMS];
} Selection;

/* --- reading --- */

static int64_t check_place(lua_State *L, const Tensor *tensor, int dim, lua_Integer place)
{
    int64_t size = tensor->shape[dim];
    char text[TENSOR_TEXT_SIZE];
    if (place < -size || place >= size)
        luaL_error(L, "index %I is outside of dimension %d of %s, which counts from 0", place, dim,
                   tensor_describe(tensor, text));
    return place < 0 ? place + size : place;
}

/* Entry i of {start, stop, step}; nil: the standard. */
static lua_Integer read_bound(lua_State *L, int index, int i, lua_Integer standard)
{
    int whole = 1;
    lua_Integer value = standard;
    if (lua_rawgeti(L, index, i) != LUA_TNIL) value = lua_tointegerx(L, -1, &whole);
    if (!whole) luaL_error(L, "a range is {start, stop, step}, integers; got %s", bind_type_name(L, -1));
    lua_pop(L, 1);
    return value;
}

/* What else the table holds would be left out unnoticed. */
static void check_entries(lua_State *L, int index, lua_Integer most, const char *form)
{
    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pop(L, 1);
        if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 1 || lua_tointeger(L, -1) > most)
            luaL_error(L, "%s; there is no entry '%s'", form, luaL_tolstring(L, -1, NULL));
    }
}

/* The table {start, stop, step} at the index; negative bounds count from the end. */
static Selector read_range(lua_State *L, int index, int64_t size)
{
    index = lua_absindex(L, index);
    check_entries(L, index, 3, "a range is {start, stop, step}");
    Selector range = {.start = read_bound(L, index, 1, 0),
                      .stop = read_bound(L, index, 2, size),
                      .step = read_bound(L, index, 3, 1)};
    if (range.start < 0) range.start += size;
    if (range.stop < 0) range.stop += size;
    if (range.start < 0 || range.stop > size || range.start > range.stop)
        luaL_error(L, "the range {%I, %I} is outside of a dimension of size %I", (lua_Integer)range.start,
                   (lua_Integer)range.stop, (lua_Integer)size);
    if (range.step < 1) luaL_error(L, "the step of a range must be at least 1; got %I", (lua_Integer)range.step);
    return range;
}

static Selector read_selector(lua_State *L, int index, const Tensor *tensor, int dim)
{
    if (lua_type(L, index) == LUA_TTABLE) return read_range(L, index, tensor->shape[dim]);
    if (!lua_isinteger(L, index))
        luaL_error(L, "a dimension is indexed by an integer or a range {start, stop}; got %s",
                   bind_type_name(L, index));
    return (Selector){.one = true, .start = check_place(L, tensor, dim, lua_tointeger(L, index))};
}

/* Whether the table has a word for each dimension, rather than being a range of the first. */
static bool by_dimension(lua_State *L, int index)
{
    bool tables = false;
    for (int i = 1; i <= TENSOR_MAX_DIMS && !tables; i++) {
        tables = lua_rawgeti(L, index, i) == LUA_TTABLE;
        lua_pop(L, 1);
    }
    return tables;
}

static Selection read_selection(lua_State *L, int index, const Tensor *tensor)
{
    Selection selection = {.count = 1};
    if (lua_type(L, index) != LUA_TTABLE || !by_dimension(L, index)) {
        selection.of[0] = read_selector(L, index, tensor, 0);
        return selection;
    }
    check_entries(L, index, TENSOR_MAX_DIMS,
                  "an index has an integer or a range for each dimension, as in t[{1, {0, 2}}]");
    selection.count = (int)lua_rawlen(L, index);
    if (selection.count > tensor->ndim) {
        char text[TENSOR_TEXT_SIZE];
        luaL_error(L, "an index of %d dimensions is too long for %s", selection.count,
                   tensor_describe(tensor, text));
    }
    for (int i = 0; i < selection.count; i++) {
        lua_rawgeti(L, index, i + 1);
        selection.of[i] = read_selector(L, lua_gettop(L), tensor, i);
        lua_pop(L, 1);
    }
    return selection;
}

/* --- views --- */

static bool is_whole(const Selector *s, int64_t size)
{
    return !s->one && s->start == 0 && s->stop == size && s->step == 1;
}

/* Replaces the tensor at the top by its part, through the op of that name. */
static void select_by_op(lua_State *L, int dim, const Selector *s)
{
    int first = lua_gettop(L);
    lua_pushinteger(L, dim);
    lua_pushinteger(L, s->start);
    if (!s->one) lua_pushinteger(L, s->stop);
    if (!s->one) lua_pushinteger(L, s->step);
    bind_call_named_op(L, s->one ? "select" : "slice", first);
    lua_replace(L, first);
    lua_settop(L, first);
}

static void select_view(lua_State *L, int dim, const Selector *s)
{
    const Tensor *tensor = bind_check_tensor(L, -1);
    TensorHandle *handle = bind_new_tensor(L);
    Tensor *view = NULL;
    host_check(L, s->one ? tensor_select(tensor->arena, tensor, dim, s->start, &view)
                         : tensor_slice(tensor->arena, tensor, dim, s->start, s->stop, s->step, &view));
    bind_fill_tensor(L, handle, view);
    lua_replace(L, -2);
}

/* Pushes the part of the tensor at the index. ops: gradients may come back. */
static void push_part(lua_State *L, int index, const Selection *selection, bool ops)
{
    lua_pushvalue(L, index);
    for (int i = 0, dim = 0; i < selection->count; i++) {
        const Tensor *now = bind_check_tensor(L, -1);
        const Selector *s = &selection->of[i];
        if (is_whole(s, now->shape[dim]) && selection->count > 1) {
            dim++;
            continue;
        }
        if (ops)
            select_by_op(L, dim, s);
        else
            select_view(L, dim, s);
        dim += !s->one;
    }
}

/* --- rows, by numbers or by a mask --- */

/* Which of the first dimensions' elements are taken: places[count], each of 'size' elements of the tensor. */
typedef struct Rows {
    int dims; /* of the tensor, that the index stands for */
    int64_t all, count, size;
    const Tensor *shape; /* the index, whose shape numbers have in the result */
    bool mask;
    int32_t *places; /* a userdata at the top of the stack */
} Rows;

static void take_mask(lua_State *L, const Tensor *tensor, const Tensor *mask, Rows *rows)
{
    char a[TENSOR_TEXT_SIZE], b[TENSOR_TEXT_SIZE];
    bool fits = mask->ndim >= 1 && mask->ndim <= tensor->ndim;
    for (int d = 0; fits && d < mask->ndim; d++) fits = mask->shape[d] == tensor->shape[d];
    if (!fits)
        luaL_error(L, "the mask %s does not have the first sizes of %s", tensor_describe(mask, b),
                   tensor_describe(tensor, a));
    rows->dims = mask->ndim;
    for (int64_t i = 0, n = tensor_count(mask); i < n; i++)
        if (tensor_get_integer(mask, i)) rows->places[rows->count++] = (int32_t)i;
}

static void take_numbers(lua_State *L, const Tensor *tensor, const Tensor *numbers, Rows *rows)
{
    rows->dims = 1;
    for (int64_t i = 0, n = tensor_count(numbers); i < n; i++)
        rows->places[rows->count++] = (int32_t)check_place(L, tensor, 0, tensor_get_integer(numbers, i));
}

/* Pushes the places. */
static Rows push_rows(lua_State *L, const Tensor *tensor, const Tensor *index)
{
    Rows rows = {.shape = index, .mask = index->dtype == DTYPE_U8};
    char text[TENSOR_TEXT_SIZE];
    if (dtype_is_real(index->dtype))
        luaL_error(L, "%s is no index: a mask is u8, numbers of rows are i32 or i64", tensor_describe(index, text));
    if (tensor_count(tensor) > INT32_MAX) luaL_error(L, "%s is too large for this", tensor_describe(tensor, text));
    rows.places = lua_newuserdatauv(L, (size_t)tensor_count(index) * sizeof *rows.places + 1, 0);
    if (rows.mask)
        take_mask(L, tensor, index, &rows);
    else
        take_numbers(L, tensor, index, &rows);
    rows.size = 1;
    for (int d = rows.dims; d < tensor->ndim; d++) rows.size *= tensor->shape[d];
    return rows;
}

/* The shape of what is taken; returns its dimensions. */
static int rows_shape(lua_State *L, const Rows *rows, const Tensor *tensor, int64_t shape[TENSOR_MAX_DIMS])
{
    int ndim = 0, front = rows->mask ? 1 : rows->shape->ndim;
    if (front + tensor->ndim - rows->dims > TENSOR_MAX_DIMS)
        luaL_error(L, "what is taken would have more than %d dimensions", TENSOR_MAX_DIMS);
    for (int d = 0; d < front; d++) shape[ndim++] = rows->mask ? rows->count : rows->shape->shape[d];
    for (int d = rows->dims; d < tensor->ndim; d++) shape[ndim++] = tensor->shape[d];
    return ndim;
}

static void copy_element(Tensor *to, int64_t at, const Tensor *from, int64_t place)
{
    if (dtype_is_real(from->dtype))
        tensor_set(to, at, tensor_get(from, place));
    else
        tensor_set_integer(to, at, tensor_get_integer(from, place));
}

/* Pushes a copy. */
static void push_copied_rows(lua_State *L, const Tensor *tensor, const Rows *rows)
{
    int64_t shape[TENSOR_MAX_DIMS];
    int ndim = rows_shape(L, rows, tensor, shape);
    TensorHandle *handle = bind_new_tensor(L);
    Tensor *out = NULL;
    host_check(L, tensor_new(NULL, tensor->dtype, ndim, shape, &out));
    bind_fill_tensor(L, handle, out);
    for (int64_t i = 0; i < rows->count; i++)
        for (int64_t k = 0; k < rows->size; k++)
            copy_element(out, i * rows->size + k, tensor, rows->places[i] * rows->size + k);
}

static void push_places(lua_State *L, const Rows *rows)
{
    TensorHandle *handle = bind_new_tensor(L);
    Tensor *places = NULL;
    host_check(L, tensor_new(NULL, DTYPE_I32, 1, &rows->count, &places));
    bind_fill_tensor(L, handle, places);
    if (rows->count) memcpy(tensor_data(places), rows->places, (size_t)rows->count * sizeof *rows->places);
}

/* Calls the op with the tensor at the top and the shape as its attribute. */
static void reshape_top(lua_State *L, int ndim, const int64_t *shape)
{
    int first = lua_gettop(L);
    lua_createtable(L, ndim, 0);
    for (int d = 0; d < ndim; d++) {
        lua_pushinteger(L, shape[d]);
        lua_rawseti(L, -2, d + 1);
    }
    lua_createtable(L, 0, 1);
    lua_insert(L, -2);
    lua_setfield(L, -2, "shape");
    bind_call_named_op(L, "reshape", first);
    lua_replace(L, first);
    lua_settop(L, first);
}

/* Pushes x as [all,size], of that the rows, and these in their shape: ops, so that gradients come back. */
static void push_gathered_rows(lua_State *L, int index, const Tensor *tensor, const Rows *rows)
{
    int64_t shape[TENSOR_MAX_DIMS], flat[2] = {rows->size ? tensor_count(tensor) / rows->size : 0, rows->size};
    int ndim = rows_shape(L, rows, tensor, shape);
    lua_pushvalue(L, index);
    reshape_top(L, 2, flat);
    int first = lua_gettop(L);
    push_places(L, rows);
    bind_call_named_op(L, "gather_rows", first);
    lua_replace(L, first);
    lua_settop(L, first);
    reshape_top(L, ndim, shape);
}

/* --- reading and writing --- */

static void need_dimension(lua_State *L, const Tensor *tensor)
{
    if (tensor->ndim == 0) luaL_error(L, "a single number has no elements to index; :item() gives its value");
}

bool bind_is_index(lua_State *L, int index)
{
    return lua_isnumber(L, index) ? lua_type(L, index) == LUA_TNUMBER
                                  : lua_type(L, index) == LUA_TTABLE || bind_test_tensor(L, index);
}

int bind_push_indexed(lua_State *L, int index, int key)
{
    const Tensor *tensor = bind_check_tensor(L, index), *rows = bind_test_tensor(L, key);
    need_dimension(L, tensor);
    if (rows) {
        Rows taken = push_rows(L, tensor, rows);
        if (tensor->requires_grad)
            push_gathered_rows(L, index, tensor, &taken);
        else
            push_copied_rows(L, tensor, &taken);
        return 1;
    }
    Selection selection = read_selection(L, key, tensor);
    push_part(L, index, &selection, tensor->requires_grad);
    return 1;
}

/* Pushes the tensor at the index in the shape; a copy where it looks at the bytes that are to be written. */
static const Tensor *push_wide(lua_State *L, int index, const Tensor *to, int ndim, const int64_t *shape)
{
    const Tensor *value = bind_check_tensor(L, index);
    TensorHandle *copy = bind_new_tensor(L), *handle = bind_new_tensor(L);
    Tensor *own = NULL, *wide = NULL;
    if (value->storage == to->storage) {
        host_check(L, tensor_clone(NULL, value, &own));
        bind_fill_tensor(L, copy, own);
    }
    host_check(L, tensor_expand(NULL, own ? own : value, ndim, shape, &wide));
    bind_fill_tensor(L, handle, wide);
    return wide;
}

static void assign_rows(lua_State *L, Tensor *tensor, const Rows *rows, int value)
{
    int64_t shape[TENSOR_MAX_DIMS];
    const Tensor *wide = NULL;
    int ndim = rows_shape(L, rows, tensor, shape);
    if (bind_test_tensor(L, value)) wide = push_wide(L, value, tensor, ndim, shape);
    for (int64_t i = 0; i < rows->count; i++)
        for (int64_t k = 0; k < rows->size; k++) {
            int64_t at = rows->places[i] * rows->size + k;
            if (wide)
                copy_element(tensor, at, wide, i * rows->size + k);
            else
                bind_set_element(L, value, "the value", tensor, at);
        }
}

static void assign_part(lua_State *L, Tensor *part, int value)
{
    if (bind_test_tensor(L, value)) {
        host_check(L, tensor_copy(part, push_wide(L, value, part, part->ndim, part->shape)));
        return;
    }
    for (int64_t i = 0, n = tensor_count(part); i < n; i++) bind_set_element(L, value, "the value", part, i);
}

void bind_assign_indexed(lua_State *L, int index, int key, int value)
{
    Tensor *tensor = bind_check_tensor(L, index);
    const Tensor *rows = bind_test_tensor(L, key);
    if (storage_sealed(tensor->storage))
        luaL_error(
            L, "this is a copy of what the run has: setting elements of it would change nothing there; :clone() "
               "gives one of your own, and nudge(parameter, delta) tries a change");
    need_dimension(L, tensor);
    if (lua_type(L, value) == LUA_TTABLE) { /* a list of numbers */
        bind_push_as_tensor(L, value, tensor->dtype);
        lua_replace(L, value);
    }
    storage_touch(tensor->storage);
    if (rows) {
        Rows taken = push_rows(L, tensor, rows);
        assign_rows(L, tensor, &taken, value);
        return;
    }
    Selection selection = read_selection(L, key, tensor);
    push_part(L, index, &selection, false);
    assign_part(L, bind_check_tensor(L, -1), value);
}
