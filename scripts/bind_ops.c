/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls of ops from Lua: ops.NAME(x, y, {options}) and x:NAME(y, {options}). */
#include "scripts/bind.h"

static bool get_op(int index, Record *out)
{
    if (index >= op_record_count) return false;
    const Op *op = op_records[index];
    *out = (Record){.name = op->name,
                    .doc = op->doc,
                    .source = op->source,
                    .inputs = op->inputs,
                    .options = op->attrs,
                    .data = op};
    return true;
}

static int call_op(lua_State *L, const Record *record)
{
    return bind_call_op(L, record->data, 1);
}

const RecordKind bind_ops = {"ops", "op", "operations on tensors", get_op, call_op};

/* A table with names, rather than a list of values. */
static bool has_names(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TTABLE || lua_rawlen(L, index)) return false;
    return true;
}

static bool is_tensor_list(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TTABLE) return false;
    lua_rawgeti(L, index, 1);
    bool yes = bind_counts_as_tensor(L, -1);
    lua_pop(L, 1);
    return yes;
}

/* The places on the stack of a call's inputs; nil stands for one that is left out. */
typedef struct Inputs {
    int places[OP_MAX_INPUTS], count;
} Inputs;

static void add_input(lua_State *L, const Op *op, int index, Inputs *inputs)
{
    if (inputs->count == OP_MAX_INPUTS)
        host_check(L, status_fail(STATUS_INVALID, "%s: takes at most %d inputs", op->name, OP_MAX_INPUTS));
    inputs->places[inputs->count++] = index;
}

/* Where Lua's arguments stop being inputs. */
static int find_inputs(lua_State *L, const Op *op, int first, int top, Inputs *inputs)
{
    int named = op_input_count(op), at = first;
    if (op->variadic && at <= top && is_tensor_list(L, at)) {
        lua_Integer length = (lua_Integer)lua_rawlen(L, at);
        for (lua_Integer i = 1; i <= length; i++) {
            luaL_checkstack(L, 4, op->name);
            lua_rawgeti(L, at, i);
            add_input(L, op, lua_gettop(L), inputs);
        }
        return at + 1;
    }
    for (; at <= top && (inputs->count < named || op->variadic); at++) {
        bool extra = inputs->count >= named || op->inputs[inputs->count].optional;
        int type = lua_type(L, at);
        if (type == LUA_TTABLE && (extra || has_names(L, at))) break;
        if (type != LUA_TNIL && type != LUA_TTABLE && extra && !bind_counts_as_tensor(L, at)) break;
        add_input(L, op, at, inputs);
    }
    return at;
}

/* A number stands beside tensors of integers as an integer where it is one, else as f32. */
static bool beside_integers(lua_State *L, const Op *op, const Inputs *inputs)
{
    bool some = false;
    for (int i = 0; i < inputs->count; i++) {
        const Tensor *tensor = bind_test_tensor(L, inputs->places[i]);
        if (!tensor || op_input(op, i)->integer) continue;
        if (dtype_is_real(tensor->dtype)) return false;
        some = true;
    }
    return some;
}

static void read_inputs(lua_State *L, const Op *op, const Inputs *inputs, Tensor **out)
{
    bool integers = beside_integers(L, op, inputs);
    luaL_checkstack(L, OP_MAX_INPUTS + OP_MAX_OUTPUTS + 8, op->name);
    for (int i = 0; i < inputs->count; i++) {
        int place = inputs->places[i];
        DType dtype = op_input(op, i)->integer                    ? DTYPE_I32
                      : integers && bind_holds_integers(L, place) ? DTYPE_I64
                                                                  : DTYPE_F32;
        out[i] = lua_isnil(L, place) ? NULL : bind_push_as_tensor(L, place, dtype);
    }
}

static void read_rest_of_ints(lua_State *L, const Op *op, const Option *option, void *attrs, int at, int top)
{
    OptionInts ints = {0};
    for (; at <= top && ints.count < OPTION_INTS_MAX; at++) ints.values[ints.count++] = luaL_checkinteger(L, at);
    if (at <= top)
        host_check(L, status_fail(STATUS_INVALID, "%s: %s takes at most %d integers", op->name, option->name,
                                  OPTION_INTS_MAX));
    host_check(L, option_set_ints(op->attrs, attrs, op->name, option->name, &ints));
}

/* Attributes by place, then perhaps a table of named ones. */
static void read_attrs(lua_State *L, const Op *op, void *attrs, int at, int top)
{
    const Option *option = op->attrs;
    for (; at <= top; at++) {
        if (has_names(L, at) && at == top) {
            bind_read_options(L, at, op->attrs, attrs, op->name, NULL);
            return;
        }
        if (!option || !option->name)
            host_check(L, status_fail(STATUS_INVALID, "%s: too many arguments; help(ops.%s) lists what it takes",
                                      op->name, op->name));
        if (option->kind == OPTION_INTS && lua_type(L, at) == LUA_TNUMBER) {
            read_rest_of_ints(L, op, option, attrs, at, top);
            return;
        }
        if (!lua_isnil(L, at)) host_check(L, bind_set_option(L, at, op->attrs, attrs, op->name, option->name));
        option++;
    }
}

int bind_call_op(lua_State *L, const Op *op, int first)
{
    int top = lua_gettop(L);
    Inputs places = {0};
    Tensor *inputs[OP_MAX_INPUTS] = {0}, *outputs[OP_MAX_OUTPUTS] = {0};
    TensorHandle *handles[OP_MAX_OUTPUTS];
    int at = find_inputs(L, op, first, top, &places);
    read_inputs(L, op, &places, inputs);
    void *attrs = NULL;
    if (op->attrs_size) {
        attrs = lua_newuserdatauv(L, op->attrs_size, 0);
        option_defaults(op->attrs, attrs);
    }
    read_attrs(L, op, attrs, at, top);
    int base = lua_gettop(L), made = 0;
    for (int i = 0; i < OP_MAX_OUTPUTS; i++) handles[i] = bind_new_tensor(L);
    host_check(L, tape_apply(host_tape(host_of(L)), op, inputs, places.count, attrs, outputs));
    for (; made < OP_MAX_OUTPUTS && outputs[made]; made++) handles[made]->tensor = outputs[made];
    for (int i = 0; i < made; i++) bind_fill_tensor(L, handles[i], outputs[i]);
    lua_settop(L, base + made);
    return made;
}

int bind_call_named_op(lua_State *L, const char *name, int first)
{
    const Op *op = op_find(name);
    if (!op) return luaL_error(L, "there is no operation '%s'", name);
    return bind_call_op(L, op, first);
}
