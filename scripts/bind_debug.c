/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Those who look on in steps: hooks on the outputs of modules, the losses of single examples, and what runs after a
 * step. Lua functions get copies in the pool, so that whatever they do leaves the step as it is. */
#include "scripts/bind_session.h"

#include "engine/base/memory.h"
#include "engine/base/thousands.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_HOOKS = 64, MAX_CALLS = 64 };

/* The function stands in the session's user value under the hook's number. */
typedef struct Hook {
    lua_Integer id;
    char model[MODEL_NAME_SIZE], path[MODULE_PATH_SIZE];
    const Node *last;          /* the newest call inside of the module; NULL: none since it was told of */
    Tensor *output;            /* of that call */
    uint64_t calls[MAX_CALLS]; /* outputs that were told of in this step, whose gradients will come */
    int call_count;
} Hook;

typedef struct Debugger {
    Hook *hooks[MAX_HOOKS];
    int hook_count;
    lua_Integer next_id;
    bool want_losses;
    double *losses; /* of the examples of the last step, micro-step by micro-step, weighted; NaN: it has none */
    int64_t loss_count, loss_capacity, loss_start; /* start: of this micro-step */
    int last_objective;
    HostDraws draws; /* of hooks, which draw nothing away from who computes */
    TapeObserver tape;
    StepObserver step;
} Debugger;

void bind_push_handle(lua_State *L, const SessionHandle *handle)
{
    lua_getfield(L, LUA_REGISTRYINDEX, "lathe.sessions");
    lua_rawgetp(L, -1, handle);
    lua_remove(L, -2);
}

void bind_debug_free(SessionHandle *handle)
{
    Debugger *debugger = handle->debugger;
    if (!debugger) return;
    for (int i = 0; i < debugger->hook_count; i++) memory_free(debugger->hooks[i]);
    memory_free(debugger->losses);
    memory_free(debugger);
    handle->debugger = NULL;
}

/* --- hooks --- */

typedef struct HookCall {
    SessionHandle *handle;
    const Hook *hook;
    const Tensor *value;
    bool backward;
} HookCall;

static int call_hook(lua_State *L)
{
    const HookCall *call = lua_touserdata(L, 1);
    Tensor *copy = NULL;
    bind_push_handle(L, call->handle);
    lua_getiuservalue(L, -1, 1);
    lua_rawgeti(L, -1, call->hook->id);
    lua_pushstring(L, call->hook->path);
    TensorHandle *tensor = bind_new_tensor(L);
    host_check(L, tensor_clone(NULL, call->value, &copy));
    bind_fill_tensor(L, tensor, copy);
    lua_pushstring(L, call->backward ? "backward" : "forward");
    lua_call(L, 3, 0);
    return 0;
}

static int drop_function(lua_State *L)
{
    const HookCall *call = lua_touserdata(L, 1);
    bind_push_handle(L, call->handle);
    lua_getiuservalue(L, -1, 1);
    lua_pushnil(L);
    lua_rawseti(L, -2, call->hook->id);
    return 0;
}

static void remove_hook(SessionHandle *handle, int place)
{
    Debugger *debugger = handle->debugger;
    HookCall call = {.handle = handle, .hook = debugger->hooks[place]};
    if (host_protect(handle->host, drop_function, &call) != STATUS_OK)
        return; /* the function stays a while longer */
    memory_free(debugger->hooks[place]);
    debugger->hooks[place] = debugger->hooks[--debugger->hook_count];
}

static void say_removed(SessionHandle *handle, const char *path, const char *message)
{
    char line[2400], step[THOUSANDS_BYTES];
    int length = snprintf(line, sizeof line, "[%s] the hook on %s is removed, because it failed: %s\n",
                          thousands(handle->session->step, step), path, message);
    host_write(handle->host, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
}

/* False where the hook was removed. An interrupt goes on to the step. */
static Status tell(SessionHandle *handle, int place, const Tensor *value, bool backward, bool *kept)
{
    Host *host = handle->host;
    HookCall call = {handle, handle->debugger->hooks[place], value, backward};
    Tape *tape = host_step_tape(host);
    bool stepping = handle->stepping;
    char message[2048], path[MODULE_PATH_SIZE];
    HostDraws draws = host_draw_from(host, handle->debugger->draws);
    host_set_tape(host, NULL); /* what it computes is no part of the step */
    handle->stepping = true;
    Status status = host_protect(host, call_hook, &call);
    handle->stepping = stepping;
    host_set_tape(host, tape);
    handle->debugger->draws = host_draw_from(host, draws);
    *kept = status == STATUS_OK;
    if (status == STATUS_OK || status == STATUS_CANCELLED) return status;
    snprintf(message, sizeof message, "%s", status_message());
    snprintf(path, sizeof path, "%s", call.hook->path);
    remove_hook(handle, place);
    say_removed(handle, path, message);
    return STATUS_OK;
}

static bool inside(const Hook *hook, const char *path)
{
    size_t length = strlen(hook->path);
    return strncmp(path, hook->path, length) == 0 && (path[length] == '\0' || path[length] == '.');
}

/* A module's output is that of the last call inside of it, which is known when the next call is outside. */
static Status flush(SessionHandle *handle, int place, bool *kept)
{
    Hook *hook = handle->debugger->hooks[place];
    *kept = true;
    if (!hook->last) return STATUS_OK;
    if (hook->call_count < MAX_CALLS) hook->calls[hook->call_count++] = hook->last->sequence;
    hook->last = NULL;
    return tell(handle, place, hook->output, false, kept);
}

static Status forward_seen(SessionHandle *handle, const Node *node, int place, bool *kept)
{
    Hook *hook = handle->debugger->hooks[place];
    bool mine = inside(hook, node->path) && strcmp(handle->session->computing->name, hook->model) == 0;
    *kept = true;
    if (!mine) return flush(handle, place, kept);
    hook->last = node;
    hook->output = node->outputs[0];
    return STATUS_OK;
}

static Status backward_seen(SessionHandle *handle, const Node *node, int place, bool *kept)
{
    TRY(flush(handle, place, kept));
    if (!*kept || !node->grad_outputs[0]) return STATUS_OK;
    const Hook *hook = handle->debugger->hooks[place];
    for (int i = 0; i < hook->call_count; i++)
        if (hook->calls[i] == node->sequence) return tell(handle, place, node->grad_outputs[0], true, kept);
    return STATUS_OK;
}

static Status called(void *context, const Node *node, bool backward, double seconds)
{
    SessionHandle *handle = context;
    (void)seconds;
    for (int i = 0; i < handle->debugger->hook_count;) {
        bool kept;
        TRY(backward ? backward_seen(handle, node, i, &kept) : forward_seen(handle, node, i, &kept));
        i += kept;
    }
    return STATUS_OK;
}

/* --- losses of single examples --- */

static Status room_for_losses(Debugger *debugger, int64_t count)
{
    if (count > debugger->loss_capacity) {
        TRY(memory_resize(&debugger->losses, (size_t)count, sizeof *debugger->losses));
        debugger->loss_capacity = count;
    }
    while (debugger->loss_count < count) debugger->losses[debugger->loss_count++] = 0;
    return STATUS_OK;
}

/* -log softmax(row)[target] */
static double row_loss(const Tensor *logits, int64_t row, int64_t target)
{
    int64_t classes = logits->shape[1];
    double largest = tensor_get(logits, row * classes), sum = 0;
    const float *at = TENSOR_F32(logits) + row * logits->strides[0];
    for (int64_t i = 1; i < classes; i++)
        if ((double)at[i] > largest) largest = (double)at[i];
    for (int64_t i = 0; i < classes; i++) sum += exp((double)at[i] - largest);
    return log(sum) + largest - (double)at[target];
}

/* Adds weight * mean loss over the example's targets to each example. counts: scratch of batch->size. */
static void add_losses(Debugger *debugger, const Batch *batch, const Prediction *prediction, double weight,
                       double *sums, int64_t *counts)
{
    const Tensor *positions = batch_find(batch, "masked_positions"), *ids = batch_find(batch, "input_ids");
    int64_t rows = prediction->logits->shape[0];
    bool masked = positions && ids && tensor_count(positions) == rows && rows != batch->size;
    if (!masked && rows != batch->size) return;
    for (int64_t r = 0; r < rows; r++) {
        int64_t target = TENSOR_I32(prediction->targets)[r];
        int64_t example = masked ? TENSOR_I32(positions)[r] / ids->shape[1] : r;
        if (target < 0) continue;
        sums[example] += row_loss(prediction->logits, r, target);
        counts[example]++;
    }
    for (int64_t i = 0; i < batch->size; i++)
        if (counts[i]) debugger->losses[debugger->loss_start + i] += weight * sums[i] / (double)counts[i];
}

static Status lost(void *context, const Session *session, int objective, const Forward *pass,
                   const Prediction *prediction)
{
    Debugger *debugger = ((SessionHandle *)context)->debugger;
    if (objective <= debugger->last_objective) debugger->loss_start = debugger->loss_count; /* a new micro-step */
    debugger->last_objective = objective;
    if (!prediction->logits || prediction->logits->strides[1] != 1) return STATUS_OK;
    double *sums = NULL;
    int64_t *counts = NULL;
    size_t size = (size_t)pass->batch->size + 1;
    Status status = room_for_losses(debugger, debugger->loss_start + pass->batch->size);
    if (status == STATUS_OK) status = memory_new(size, sizeof *sums, &sums);
    if (status == STATUS_OK) status = memory_new(size, sizeof *counts, &counts);
    if (status == STATUS_OK)
        add_losses(debugger, pass->batch, prediction, session->objectives[objective]->weight, sums, counts);
    memory_free(sums);
    memory_free(counts);
    return STATUS_OK; /* without memory only the look is lost */
}

/* --- around a step --- */

void bind_debug_begin(SessionHandle *handle)
{
    Debugger *debugger = handle->debugger;
    if (!debugger) return;
    for (int i = 0; i < debugger->hook_count; i++) {
        debugger->hooks[i]->call_count = 0;
        debugger->hooks[i]->last = NULL;
    }
    debugger->loss_count = debugger->loss_start = 0;
    debugger->last_objective = SESSION_MAX_OBJECTIVES;
    debugger->tape = (TapeObserver){called, handle};
    debugger->step = (StepObserver){lost, handle};
    tape_observe(handle->session->tape, debugger->hook_count ? &debugger->tape : NULL);
    handle->session->observer = debugger->want_losses ? &debugger->step : NULL;
}

void bind_debug_end(SessionHandle *handle)
{
    if (!handle->debugger) return;
    tape_observe(handle->session->tape, NULL);
    handle->session->observer = NULL;
}

typedef struct Stepped {
    SessionHandle *handle;
    StepMetrics *metrics;
} Stepped;

/* The table of extra values at the top goes into the metrics. */
static void take_extra(lua_State *L, StepMetrics *metrics)
{
    for (lua_Integer i = 1; metrics->extra_count < SESSION_MAX_EXTRA; i++) {
        NamedValue *extra = &metrics->extra[metrics->extra_count];
        if (lua_rawgeti(L, -1, i) != LUA_TTABLE) break;
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        snprintf(extra->name, sizeof extra->name, "%s", lua_tostring(L, -2));
        extra->value = lua_tonumber(L, -1);
        metrics->extra_count++;
        lua_pop(L, 3);
    }
}

/* after_step(session, metrics) -> {{name, value}, ...}, why to pause or nil */
static int run_stepped(lua_State *L)
{
    const Stepped *call = lua_touserdata(L, 1);
    if (lua_getfield(L, LUA_REGISTRYINDEX, "lathe.after_step") != LUA_TFUNCTION) return 0;
    bind_push_handle(L, call->handle);
    bind_push_metrics(L, call->handle->session, call->metrics);
    lua_call(L, 2, 2);
    if (lua_isstring(L, -1)) snprintf(call->handle->pause, sizeof call->handle->pause, "%s", lua_tostring(L, -1));
    lua_pop(L, 1);
    if (lua_istable(L, -1)) take_extra(L, call->metrics);
    return 0;
}

void bind_debug_stepped(SessionHandle *handle, StepMetrics *metrics)
{
    Stepped call = {handle, metrics};
    bool stepping = handle->stepping;
    handle->stepping = true;
    Status status = host_protect(handle->host, run_stepped, &call);
    handle->stepping = stepping;
    if (status == STATUS_OK || status == STATUS_CANCELLED) return;
    host_write(handle->host, status_message(), strlen(status_message()));
    host_write(handle->host, "\n", 1);
}

/* --- for the Lua library --- */

static Debugger *debugger_of(lua_State *L, SessionHandle *handle)
{
    if (handle->debugger) return handle->debugger;
    host_check(L, memory_new(1, sizeof *handle->debugger, &handle->debugger));
    handle->debugger->draws.key = random_key(handle->session->seed, "hooks");
    return handle->debugger;
}

/* lathe.add_hook(module, f) -> a number */
static int add_hook(lua_State *L)
{
    host_need_boundary(L, add_hook);
    const Module *module = bind_test_module(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    if (!module) return luaL_error(L, "hook: a module is wanted, as in hook(run.model.bert.encoder.layer[0], f)");
    if (!module->parent) return luaL_error(L, "hook: take a part of the model, as in hook(run.model.bert, f)");
    SessionHandle *handle = bind_handle_of(L, 1);
    Debugger *debugger = debugger_of(L, handle);
    if (handle->stepping) return luaL_error(L, "hook: not inside of a step");
    if (debugger->hook_count == MAX_HOOKS)
        return luaL_error(L, "hook: there are %d already; remove some", MAX_HOOKS);
    Hook *hook;
    lua_getiuservalue(L, 1, 1);
    lua_getiuservalue(L, -1, 1);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, debugger->next_id + 1);
    host_check(L, memory_new(1, sizeof *hook, &hook));
    hook->id = ++debugger->next_id;
    module_path(module, hook->path);
    while (module->parent) module = module->parent;
    snprintf(hook->model, sizeof hook->model, "%s", module->name);
    debugger->hooks[debugger->hook_count++] = hook;
    lua_pushinteger(L, hook->id);
    return 1;
}

/* lathe.remove_hook(session, number) -> whether it was there */
static int take_hook_away(lua_State *L)
{
    host_need_boundary(L, take_hook_away);
    SessionHandle *handle = bind_check_session(L, 1);
    lua_Integer id = luaL_checkinteger(L, 2);
    Debugger *debugger = handle->debugger;
    if (handle->session->busy)
        return luaL_error(L, "a hook cannot be removed inside of a step; let it fail instead");
    for (int i = 0; debugger && i < debugger->hook_count; i++)
        if (debugger->hooks[i]->id == id) {
            remove_hook(handle, i);
            lua_pushboolean(L, true);
            return 1;
        }
    lua_pushboolean(L, false);
    return 1;
}

/* lathe.want_losses(session, yes) */
static int want_losses(lua_State *L)
{
    host_need_boundary(L, want_losses);
    SessionHandle *handle = bind_check_session(L, 1);
    debugger_of(L, handle)->want_losses = lua_toboolean(L, 2);
    return 0;
}

/* lathe.example_losses(session) -> the list of the last step */
static int example_losses(lua_State *L)
{
    host_need_boundary(L, example_losses);
    const Debugger *debugger = bind_check_session(L, 1)->debugger;
    lua_newtable(L);
    for (int64_t i = 0; debugger && i < debugger->loss_count; i++) {
        lua_pushnumber(L, debugger->losses[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* lathe.after_step(f): f(session, metrics) -> {{name, value}, ...}, why to pause or nil; called after each step. */
static int after_step(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "lathe.after_step");
    return 0;
}

void bind_open_hooks(lua_State *L)
{
    static const luaL_Reg functions[] = {{"add_hook", add_hook},       {"remove_hook", take_hook_away},
                                         {"want_losses", want_losses}, {"example_losses", example_losses},
                                         {"after_step", after_step},   {NULL, NULL}};
    lua_getglobal(L, "lathe");
    luaL_setfuncs(L, functions, 0);
    lua_pop(L, 1);
}
