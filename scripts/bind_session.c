/* SPDX-License-Identifier: GPL-3.0-or-later */
/* session {...}: models, data, objectives, optimizer and schedule put together. */
#include "scripts/bind_session.h"

#include "engine/base/names.h"
#include "engine/base/thousands.h"
#include "engine/train/early_stopping.h"
#include "engine/train/watch.h"
#include "scripts/bind_edit.h"
#include "scripts/bind_parts.h"
#include "scripts/library.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SESSION_TYPE "lathe.session"

Session *bind_test_session(lua_State *L, int index)
{
    SessionHandle *handle = luaL_testudata(L, index, SESSION_TYPE);
    return handle ? handle->session : NULL;
}

SessionHandle *bind_check_session(lua_State *L, int index)
{
    SessionHandle *handle = luaL_checkudata(L, index, SESSION_TYPE);
    if (!handle->session) luaL_argerror(L, index, "this session was never made");
    return handle;
}

static int session_gc(lua_State *L)
{
    SessionHandle *handle = luaL_checkudata(L, 1, SESSION_TYPE);
    if (!handle->session) return 0;
    bind_debug_free(handle);
    watch_free(handle->watch);
    session_free(handle->session);
    handle->session = NULL;
    host_forget_tensors(host_of(L));
    return 0;
}

/* --- making; the table is at 1, the new session at 2 --- */

static void add_model(lua_State *L, Session *session, const char *name)
{
    Part *part = bind_check_part(L, -1, &bind_models, "model");
    if (!name) name = part->name[0] ? part->name : "model";
    RandomKey key = random_subkey_name(random_key(session->seed, "weights"), name);
    Model *model = bind_make_model(L, part, name, key);
    size_t bytes = (size_t)module_count_weights(model->root) * sizeof(float);
    host_check(L, session_add_model(session, model));
    host_count_bytes(L, bytes);
}

/* The names of the table at the top, sorted: the order of Lua's pairs is not in the state. Pushes a list. */
static lua_Integer push_sorted_names(lua_State *L, const char *what)
{
    int table = lua_gettop(L);
    lua_Integer count = 0;
    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, table)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "session: %s have names, as in %s = {NAME = ...}", what, what);
        lua_pushvalue(L, -1);
        lua_rawseti(L, table + 1, ++count);
    }
    library_push(L, "table");
    lua_getfield(L, -1, "sort");
    lua_remove(L, -2);
    lua_pushvalue(L, -2);
    lua_call(L, 1, 0);
    return count;
}

static void each_named(lua_State *L, Session *session, const char *field,
                       void (*add)(lua_State *L, Session *session, const char *name))
{
    if (lua_getfield(L, 1, field) != LUA_TNIL) {
        char who[64];
        snprintf(who, sizeof who, "session: %s", field);
        bind_check_type(L, -1, LUA_TTABLE, who, "a table by name, as data.sentence_pairs(...) gives one for data");
        lua_Integer count = push_sorted_names(L, field);
        for (lua_Integer i = 1; i <= count; i++) {
            lua_rawgeti(L, -1, i);
            const char *name = lua_tostring(L, -1);
            lua_pushvalue(L, -1);
            lua_gettable(L, -4);
            add(L, session, name);
            lua_pop(L, 2);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void add_models(lua_State *L, Session *session)
{
    if (lua_getfield(L, 1, "model") != LUA_TNIL) add_model(L, session, NULL);
    lua_pop(L, 1);
    each_named(L, session, "models", add_model);
}

void bind_keep_tokenizer_of(lua_State *L, int session, int source, const char *name)
{
    source = lua_absindex(L, source);
    lua_getiuservalue(L, session, 1);
    lua_pushfstring(L, "tokenizer:%s", name);
    bind_push_source_tokenizer(L, source);
    lua_settable(L, -3);
    lua_pop(L, 1);
}

static void add_source(lua_State *L, Session *session, const char *name)
{
    host_check(L, session_add_source(session, name, bind_check_source(L, -1)));
    bind_keep_tokenizer_of(L, 2, -1, name);
}

static void copy_name(char to[OBJECTIVE_NAME_SIZE], const char from[OBJECTIVE_NAME_SIZE])
{
    if (from[0]) memcpy(to, from, OBJECTIVE_NAME_SIZE);
}

Status bind_make_objective(lua_State *L, int index, SessionHandle *handle, Objective **out)
{
    Part *part = bind_check_part(L, index, &bind_objectives, "objectives");
    Objective *objective;
    TRY(objective_new(part->record.data, part->config, part->name[0] ? part->name : NULL, part->weight,
                      &objective));
    objective->enabled = part->enabled;
    copy_name(objective->model, part->model);
    copy_name(objective->source, part->source);
    bool custom = part->record.data == &objective_custom;
    Status status = custom ? bind_custom_objective(handle, part->text, objective) : STATUS_OK;
    if (status != STATUS_OK)
        objective_free(objective);
    else
        *out = objective;
    return status;
}

static void add_objective(lua_State *L, SessionHandle *handle)
{
    if (lua_isfunction(L, -1)) {
        bind_push_custom(L, -1);
        lua_replace(L, -2);
    }
    Objective *objective;
    host_check(L, bind_make_objective(L, -1, handle, &objective));
    host_check(L, session_add_objective(handle->session, objective));
    if (objective->record == &objective_custom) bind_keep_function(L, -1, objective);
}

/* A named entry would be left out unnoticed. */
static void check_list(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pop(L, 1);
        if (!lua_isinteger(L, -1))
            luaL_error(L, "session: objectives are a list without names; write objectives.NAME {name = '%s'}",
                       luaL_tolstring(L, -1, NULL));
    }
}

static void add_objectives(lua_State *L, SessionHandle *handle)
{
    if (lua_getfield(L, 1, "objectives") != LUA_TNIL) {
        bind_check_type(L, -1, LUA_TTABLE, "session: objectives",
                        "a list, as in {objectives.mlm {}, objectives.nsp {}}");
        check_list(L, -1);
        for (lua_Integer i = 1, n = (lua_Integer)lua_rawlen(L, -1); i <= n; i++) {
            lua_rawgeti(L, -1, i);
            add_objective(L, handle);
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
}

static void set_optimizer(lua_State *L, Session *session)
{
    if (lua_getfield(L, 1, "optimizer") != LUA_TNIL) {
        Part *part = bind_check_part(L, -1, &bind_optimizers, "optimizer");
        session->optimizer.record = part->record.data;
        memcpy(&session->optimizer.config, part->config, sizeof session->optimizer.config);
    }
    lua_pop(L, 1);
    if (lua_getfield(L, 1, "schedule") != LUA_TNIL) {
        Part *part = bind_check_part(L, -1, &bind_schedules, "schedule");
        session->schedule.record = part->record.data;
        memcpy(&session->schedule.config, part->config, sizeof session->schedule.config);
    }
    lua_pop(L, 1);
}

/* early_stopping = { patience = 5, metric = "valid.mlm", restore_best = true } */
static void set_early_stopping(lua_State *L, Session *session)
{
    if (lua_getfield(L, 1, "early_stopping") != LUA_TNIL) {
        option_defaults(early_stopping_options, &session->early_stopping);
        bind_read_options(L, -1, early_stopping_options, &session->early_stopping, "early_stopping", NULL);
        host_check(L, early_stopping_check(session));
    }
    lua_pop(L, 1);
}

static void push_empty_session(lua_State *L, uint64_t seed)
{
    SessionHandle *handle = lua_newuserdatauv(L, sizeof *handle, 1);
    *handle = (SessionHandle){.host = host_of(L)};
    luaL_setmetatable(L, SESSION_TYPE);
    lua_newtable(L);
    lua_setiuservalue(L, -2, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, "lathe.sessions");
    lua_pushvalue(L, -2);
    lua_rawsetp(L, -2, handle);
    lua_pop(L, 1);
    host_check(L, session_new(seed, &handle->session));
    handle->session->owner = handle;
}

static const RecordWord session_words[] = {
    {"model", "made by models.NAME {...} or models.load(directory)"},
    {"models", "several of them by name, in place of model: models = {student = ..., teacher = ...}"},
    {"data", "data sources by name: data = {train = ..., valid = ...}"},
    {"objectives",
     "a list of loss terms, objectives.NAME {...}; a function(model, batch) that returns a loss is one, too"},
    {"optimizer", "optim.NAME {...}, adamw unless said"},
    {"schedule", "schedules.NAME {...}, constant unless said"},
    {"early_stopping",
     "{patience = 5, metric = 'valid.mlm', restore_best = true} ends the run when it stops improving"},
    {"seed", "of weights, masks and dropout"},
    {0}};

/* session { model = ..., data = {...}, objectives = {...}, optimizer = ..., schedule = ..., steps = ... } */
static int make_session(lua_State *L, const Record *record)
{
    (void)record;
    bind_check_type(L, 1, LUA_TTABLE, "session", "a table, as in session {model = models.bert {}, data = ...}");
    lua_settop(L, 1);
    uint64_t seed = host_seed_value(host_of(L));
    if (lua_getfield(L, 1, "seed") != LUA_TNIL) seed = (uint64_t)luaL_checkinteger(L, -1);
    lua_settop(L, 1);
    push_empty_session(L, seed);
    SessionHandle *handle = bind_check_session(L, 2);
    bind_read_options(L, 1, bind_live_session, handle->session, "session", session_words);
    add_models(L, handle->session);
    each_named(L, handle->session, "data", add_source);
    add_objectives(L, handle);
    set_optimizer(L, handle->session);
    set_early_stopping(L, handle->session);
    bool looks = handle->session->objective_count == 0 && handle->session->source_count == 0; /* no training */
    if (!looks) host_check(L, session_fit(handle->session));
    return 1;
}

static const RecordKind session_kind = {"", "maker", "", NULL, make_session, NULL};
static const Record session_record = {.name = "session",
                                      .doc = "Models, data, objectives, optimizer and schedule put together: what "
                                             "a recipe's build function returns, and what "
                                             "run is.",
                                      .options = bind_live_session,
                                      .words = session_words};

/* --- training --- */

static void tell_spike(Host *host, const StepMetrics *metrics)
{
    char words[240], step[THOUSANDS_BYTES];
    thousands(metrics->step, step);
    if (metrics->skipped)
        snprintf(words, sizeof words,
                 "[%s] skipped, nothing was updated: the loss %.4g lies %.1f deviations above the usual %.4g", step,
                 metrics->loss, (metrics->loss - metrics->usual) / metrics->spread, metrics->usual);
    else
        snprintf(
            words, sizeof words,
            "[%s] %d steps in a row were skipped: this is no spike, a loss of %.4g is the usual one from now on",
            step, SESSION_MOST_SKIPPED, metrics->loss);
    if (metrics->skipped || metrics->accepted) host_tell(host, words);
}

Status bind_step(Host *host, Session *session, StepMetrics *out)
{
    Tape *before = host_step_tape(host);
    SessionHandle *handle = session->owner;
    StepMetrics metrics;
    if (handle) bind_debug_begin(handle);
    if (handle) watch_before_step(handle->watch, session);
    Status status = session_step(session, &metrics);
    if (handle) bind_debug_end(handle);
    host_set_tape(host, before);
    TRY(status);
    if (handle) watch_after_step(handle->watch, session);
    tell_spike(host, &metrics);
    if (handle) bind_debug_stepped(handle, &metrics);
    session->last = metrics;
    if (out) *out = metrics;
    return STATUS_OK;
}

/* Sets "KIND.OBJECTIVE" of the table at the top where there is a value. */
static void push_known(lua_State *L, const Session *session, int place, const char *kind, double value)
{
    if (isnan(value) || session->step == 0) return;
    lua_pushfstring(L, "%s.%s", kind, session->objectives[place]->name);
    lua_pushnumber(L, value);
    lua_settable(L, -3);
}

void bind_push_metrics(lua_State *L, const Session *session, const StepMetrics *metrics)
{
    lua_newtable(L);
    lua_pushinteger(L, metrics->step);
    lua_setfield(L, -2, "step");
    lua_pushnumber(L, metrics->loss);
    lua_setfield(L, -2, "loss");
    lua_pushnumber(L, metrics->lr);
    lua_setfield(L, -2, "lr");
    lua_pushnumber(L, metrics->grad_norm);
    lua_setfield(L, -2, "grad_norm");
    for (int i = 0; i < session->objective_count; i++) {
        lua_pushfstring(L, "loss.%s", session->objectives[i]->name);
        lua_pushnumber(L, metrics->objectives[i]);
        lua_settable(L, -3);
        push_known(L, session, i, "accuracy", metrics->accuracies[i]);
        push_known(L, session, i, "lambda", metrics->lambdas[i]);
    }
    if (metrics->step && !isnan(metrics->sparsity)) {
        lua_pushnumber(L, metrics->sparsity);
        lua_setfield(L, -2, "sparsity");
    }
    lua_pushnumber(L, metrics->seconds);
    lua_setfield(L, -2, "seconds");
    lua_pushnumber(L, metrics->seconds > 0 ? (double)metrics->tokens / metrics->seconds : 0);
    lua_setfield(L, -2, "tokens_per_second");
    for (int i = 0; i < metrics->extra_count; i++) {
        lua_pushnumber(L, metrics->extra[i].value);
        lua_setfield(L, -2, metrics->extra[i].name);
    }
}

/* Where no server follows it, a breakpoint ends run:train(n) early. */
static void say_paused(lua_State *L, SessionHandle *handle)
{
    if (!handle->pause[0]) return;
    char step[THOUSANDS_BYTES];
    Buffer *line = host_push_buffer(L);
    Status status = buffer_printf(line, "[%s] paused %s\n", thousands(handle->session->step, step), handle->pause);
    handle->pause[0] = '\0';
    host_check(L, status);
    host_write(host_of(L), line->data, line->length);
    lua_pop(L, 1);
}

/* run:train(n): n steps, 1 unless said; returns the metrics of the last one. */
static int session_train(lua_State *L)
{
    SessionHandle *handle = bind_check_session(L, 1);
    lua_Integer steps = luaL_optinteger(L, 2, 1);
    if (steps < 1) return luaL_error(L, "train takes a number of steps, from 1; got %I", steps);
    host_need_boundary(L, session_train);
    if (handle->live)
        return luaL_error(L, "train: this run trains by itself: step(%d) takes so many steps and pauses",
                          (int)(steps < 1 || steps > 1000000 ? 1 : steps));
    host_check_change(L);
    StepMetrics metrics = handle->session->last;
    if (handle->stepping) return luaL_error(L, "train: a training step is under way");
    if (lua_pushthread(L) != 1 && !host_is_line(L)) return luaL_error(L, "train: not inside a coroutine");
    lua_pop(L, 1);
    handle->pause[0] = '\0';
    for (lua_Integer i = 0; i < steps && !handle->pause[0]; i++)
        host_check(L, bind_step(host_of(L), handle->session, &metrics));
    say_paused(L, handle);
    bind_push_metrics(L, handle->session, &metrics);
    return 1;
}

static int session_state_hash(lua_State *L)
{
    Hash hash;
    char text[HASH_TEXT_SIZE];
    host_need_boundary(L, session_state_hash);
    host_check(L, session_hash(bind_check_session(L, 1)->session, &hash));
    hash_text(hash, text);
    lua_pushstring(L, text);
    return 1;
}

/* --- its parts, by name --- */

static void push_objective(lua_State *L, int session, Objective *objective)
{
    bind_push_live(L, session, BIND_LIVE_OBJECTIVE, objective->name);
}

static void push_objectives(lua_State *L, Session *session)
{
    lua_newtable(L);
    for (int i = 0; i < session->objective_count; i++) {
        push_objective(L, 1, session->objectives[i]);
        lua_setfield(L, -2, session->objectives[i]->name);
    }
    bind_give_text(L, 1);
}

static void push_models(lua_State *L, Session *session)
{
    lua_newtable(L);
    for (int i = 0; i < session->model_count; i++) {
        bind_push_module(L, 1, session->models[i]->root);
        lua_setfield(L, -2, session->models[i]->name);
    }
}

static void push_sources(lua_State *L, Session *session)
{
    lua_newtable(L);
    for (int i = 0; i < session->source_count; i++) {
        bind_push_session_source(L, 1, &session->sources[i]);
        lua_getiuservalue(L, 1, 1);
        lua_pushfstring(L, "tokenizer:%s", session->sources[i].name);
        lua_gettable(L, -2);
        lua_remove(L, -2);
        bind_set_source_tokenizer(L, -2);
        lua_setfield(L, -2, session->sources[i].name);
    }
}

static Session *own_session(lua_State *L)
{
    return bind_check_session(L, 1)->session;
}

static int field_objectives(lua_State *L)
{
    push_objectives(L, own_session(L));
    return 1;
}

static int field_models(lua_State *L)
{
    push_models(L, own_session(L));
    return 1;
}

static int field_model(lua_State *L)
{
    const Session *session = own_session(L);
    if (session->model_count)
        bind_push_module(L, 1, session->models[0]->root);
    else
        lua_pushnil(L);
    return 1;
}

static int field_data(lua_State *L)
{
    push_sources(L, own_session(L));
    return 1;
}

static int field_optimizer(lua_State *L)
{
    bind_push_live(L, 1, BIND_LIVE_OPTIMIZER, NULL);
    return 1;
}

static int field_schedule(lua_State *L)
{
    bind_push_live(L, 1, BIND_LIVE_SCHEDULE, NULL);
    return 1;
}

static int field_options(lua_State *L)
{
    bind_push_live(L, 1, BIND_LIVE_OPTIONS, NULL);
    return 1;
}

static int field_step(lua_State *L)
{
    lua_pushinteger(L, own_session(L)->step);
    return 1;
}

static int field_seed(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)own_session(L)->seed);
    return 1;
}

static int field_loss(lua_State *L)
{
    const Session *session = own_session(L);
    lua_pushnumber(L, session->last.step ? session->last.loss : (double)NAN);
    return 1;
}

static int field_last(lua_State *L)
{
    bind_push_metrics(L, own_session(L), &own_session(L)->last);
    return 1;
}

static int field_batch(lua_State *L)
{
    host_need_boundary(L, field_batch);
    bind_push_step_batch(L, bind_check_session(L, 1), 0);
    return 1;
}

static const BindField fields[] = {
    {"objectives", "loss terms by name", field_objectives},
    {"models", "models by name", field_models},
    {"model", "the first model", field_model},
    {"data", "data sources by name", field_data},
    {"optimizer", "options of the optimizer; another one can be assigned", field_optimizer},
    {"schedule", "options of the schedule; another one can be assigned", field_schedule},
    {"options", "what else can be set, as a view", field_options},
    {"step", "steps done", field_step},
    {"seed", "seed of everything random", field_seed},
    {"loss", "loss of the last step", field_loss},
    {"last", "metrics of the last step", field_last},
    {"batch", "the batch of the last step", field_batch},
    {0}};

static const BindMethod methods[] = {
    {.name = "train",
     .arguments = "(n)",
     .doc = "Takes n steps, 1 unless said; gives the metrics of the last one.",
     .call = session_train},
    {.name = "hash", .arguments = "()", .doc = "The hash of the whole state.", .call = session_state_hash},
    {0}};

static const BindClass class = {
    .type = SESSION_TYPE,
    .name = "run",
    .article = "a",
    .doc = "A session, or the live run. help(run.options) lists what else can be set, as in run.steps = 500; "
           "run.objectives.NAME.weight, run.optimizer.lr and run.data.NAME.batch_size can be, too.",
    .fields = fields,
    .methods = {methods, bind_evaluate_methods, bind_generate_methods, bind_likelihood_methods, bind_adapt_methods,
                bind_prune_methods, bind_structure_methods}};

static int unknown_field(lua_State *L, const char *name)
{
    const char *options[64];
    int count = 0;
    for (const Option *option = bind_live_session; option->name && count < 63; option++)
        options[count++] = option->name;
    options[count] = NULL;
    return bind_unknown_member(L, &class, NULL, name, options);
}

static int session_index(lua_State *L)
{
    Session *session = own_session(L);
    if (bind_push_member(L, &class)) return 1;
    const char *name = luaL_tolstring(L, 2, NULL);
    const Option *option = option_find(bind_live_session, name);
    if (!option) return unknown_field(L, name);
    bind_push_option(L, option, session);
    return 1;
}

/* run.steps = 500 is run.options.steps = 500. */
static int session_newindex(lua_State *L)
{
    bind_check_session(L, 1);
    const char *name = luaL_tolstring(L, 2, NULL);
    lua_settop(L, 3);
    if (bind_set_part(L, name)) return 0;
    if (!option_find(bind_live_session, name)) {
        if (bind_push_member(L, &class)) return luaL_error(L, "run.%s cannot be assigned", name);
        return unknown_field(L, name);
    }
    host_need_boundary(L, session_newindex);
    bind_push_live(L, 1, BIND_LIVE_RUN, NULL);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_settable(L, -3);
    return 0;
}

/* --- words --- */

static Status describe(const Session *session, const char *headline, Buffer *out)
{
    char step[THOUSANDS_BYTES], steps[THOUSANDS_BYTES];
    TRY(headline ? buffer_text(out, headline)
                 : buffer_printf(out, "session: step %s of %s, seed %llu", thousands(session->step, step),
                                 thousands(session->steps, steps), (unsigned long long)session->seed));
    TRY(buffer_text(out, "\n  models     "));
    for (int i = 0; i < session->model_count; i++)
        TRY(buffer_printf(out, "%s%s (%s, %.2f M parameters)", i ? ", " : "", session->models[i]->name,
                          session->models[i]->record->name,
                          (double)module_count_weights(session->models[i]->root) / 1e6));
    for (int i = 0; i < session->source_count; i++)
        TRY(buffer_printf(out, "%s%s: %s", i ? "; " : "\n  data       ", session->sources[i].name,
                          session->sources[i].source->doc));
    TRY(buffer_text(out, "\n  objectives "));
    for (int i = 0; i < session->objective_count; i++) {
        const Objective *objective = session->objectives[i];
        TRY(buffer_printf(out, "%s%s x %.2f%s", i ? "    " : "", objective->name, objective->weight,
                          objective->enabled ? "" : " (off)"));
        if (session->last.step) TRY(buffer_printf(out, " = %.3f", session->last.objectives[i]));
    }
    TRY(buffer_printf(out, "\n  optimizer  %s, lr %.2g (%s)", session->optimizer.record->name,
                      session->last.step ? session->last.lr : session_next_lr(session),
                      session->schedule.record->name));
    return session->last.step ? buffer_printf(out, ", grad_norm %.3g", session->last.grad_norm) : STATUS_OK;
}

static int session_tostring(lua_State *L)
{
    Session *session = bind_check_session(L, 1)->session;
    bind_push_history(L, "headline");
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    const char *headline = lua_tostring(L, -1); /* nil: not the run that has a history */
    Buffer *out = host_push_buffer(L);
    host_check(L, describe(session, headline, out));
    host_buffer_to_string(L, out);
    return 1;
}

static int session_members(lua_State *L)
{
    bind_push_members(L, &class);
    lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
    for (const Option *option = bind_live_session; option->name; option++) {
        lua_pushstring(L, option->name);
        lua_rawseti(L, -2, ++count);
    }
    return 1;
}

void bind_set_run(lua_State *L, int index)
{
    library_set_run(L, index);
}

static int session_doc(lua_State *L)
{
    const Option *option = option_find(bind_live_session, luaL_checkstring(L, 2));
    if (option)
        lua_pushstring(L, option->doc);
    else
        bind_push_member_doc(L, &class);
    return 1;
}

void bind_open_sessions(lua_State *L)
{
    static const luaL_Reg events[] = {{"__gc", session_gc},
                                      {"__index", session_index},
                                      {"__newindex", session_newindex},
                                      {"__tostring", session_tostring},
                                      {"__members", session_members},
                                      {"__doc", session_doc},
                                      {NULL, NULL}};
    bind_open_class(L, &class, events);
    bind_open_structure(L);
    bind_open_prune(L);
    bind_push_record(L, &session_kind, &session_record);
    lua_setglobal(L, "session");
}
