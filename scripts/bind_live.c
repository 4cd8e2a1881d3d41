/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Live options: run.objectives.nsp.weight = 0.1 changes the session and says so. */
#include "scripts/bind_edit.h"

#include "engine/nn/reshape.h"
#include "scripts/bind_parts.h"

#include <stdio.h>
#include <string.h>

#define LIVE_TYPE "lathe.live"

/* A handle says where to look: edits may replace what stands there. User value 1 is the session. */
typedef struct LiveHandle {
    BindLive kind;
    char name[OBJECTIVE_NAME_SIZE]; /* of the objective or model */
} LiveHandle;

/* What it shows now. */
typedef struct Live {
    char path[OBJECTIVE_NAME_SIZE + 32]; /* for messages and lines of Lua, without "run." */
    const Option *options, *common;
    void *config, *head;
    Model *model; /* whose config it is; NULL: something else's */
} Live;

const Option bind_live_objective[] = {
    {.name = "weight",
     .doc = "what its loss is multiplied by",
     .kind = OPTION_NUMBER,
     .offset = offsetof(Objective, weight),
     .number = 1,
     .max = 1e6,
     .bounded = true},
    OPTION_BOOLEAN_FIELD(Objective, enabled, 1, "whether it takes part"),
    {0},
};

const Option bind_live_session[] = {
    OPTION_INT_FIELD(Session, steps, 1000, 1, 1e15, "steps of the whole run"),
    OPTION_INT_FIELD(Session, accumulate, 1, 1, 1e6, "micro-batches whose gradients make one step"),
    OPTION_NUMBER_FIELD(Session, clip_norm, 1, 0, 1e9, "the gradient's norm is cut to this; 0: never"),
    OPTION_NUMBER_FIELD(Session, skip_spikes, 0, 0, 1e9,
                        "steps whose loss lies so many deviations above the mean update nothing, at most 10 in a "
                        "row; 0: never"),
    OPTION_CHOICE_FIELD(Session, precision, "f32", "f32 bf16",
                        "what products of matrices read: bf16 is faster, weights stay f32"),
    OPTION_BOOLEAN_FIELD(Session, recompute, 0,
                         "layers are computed once more on the way back: less memory, a third more time"),
    OPTION_INT_FIELD(Session, checkpoint_every, 0, 0, 1e15, "steps between two checkpoints; 0: a tenth of the run"),
    OPTION_INT_FIELD(Session, evaluate_every, 0, 0, 1e15,
                     "steps between two evaluations of held-out data; 0: with each checkpoint"),
    OPTION_INT_FIELD(Session, keep_checkpoints, 3, 1, 1e6,
                     "checkpoints that are kept, the last ones, beside the best"),
    OPTION_CHOICE_FIELD(Session, on_nonfinite, "auto", "auto pause stop",
                        "what a run does whose step fails (NaN, an error in Lua, no memory): auto pauses where "
                        "somebody is attached or it runs in the background"),
    {0},
};

void bind_push_live(lua_State *L, int session, BindLive kind, const char *name)
{
    session = lua_absindex(L, session);
    LiveHandle *handle = lua_newuserdatauv(L, sizeof *handle, 1);
    *handle = (LiveHandle){.kind = kind};
    snprintf(handle->name, sizeof handle->name, "%s", name ? name : "");
    luaL_setmetatable(L, LIVE_TYPE);
    lua_pushvalue(L, session);
    lua_setiuservalue(L, -2, 1);
}

static bool is_plain_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    return name[0] && !(name[0] >= '0' && name[0] <= '9') && strspn(name, letters) == strlen(name);
}

static void resolve_objective(lua_State *L, const Session *session, const char *name, Live *out)
{
    Objective *objective = session_objective(session, name);
    if (!objective) luaL_error(L, "the session has no objective '%s' any more", name);
    snprintf(out->path, sizeof out->path, is_plain_name(name) ? "objectives.%s" : "objectives[\"%s\"]", name);
    out->options = objective->record->options;
    out->config = objective->config;
    out->common = bind_live_objective;
    out->head = objective;
}

static void resolve_model(lua_State *L, const Session *session, const char *name, Live *out)
{
    Model *model = session_model(session, name);
    if (!model) luaL_error(L, "the session has no model '%s' any more", name);
    snprintf(out->path, sizeof out->path, "models[\"%s\"].config", name);
    if (model == session->models[0]) snprintf(out->path, sizeof out->path, "model.config");
    out->options = model->record->options;
    out->config = model->config;
    out->model = model;
}

static Live resolve(lua_State *L, int index)
{
    const LiveHandle *handle = luaL_checkudata(L, index, LIVE_TYPE);
    static const char *const paths[] = {[BIND_LIVE_RUN] = "run",
                                        [BIND_LIVE_OPTIONS] = "options",
                                        [BIND_LIVE_OPTIMIZER] = "optimizer",
                                        [BIND_LIVE_SCHEDULE] = "schedule"};
    Live live = {0};
    lua_getiuservalue(L, index, 1);
    Session *session = bind_check_session(L, -1)->session;
    lua_pop(L, 1);
    if (handle->kind < BIND_LIVE_OBJECTIVE) snprintf(live.path, sizeof live.path, "%s", paths[handle->kind]);
    switch (handle->kind) {
    case BIND_LIVE_RUN:
    case BIND_LIVE_OPTIONS:
        live.options = bind_live_session;
        live.config = session;
        break;
    case BIND_LIVE_OPTIMIZER:
        live.options = session->optimizer.record->options;
        live.config = &session->optimizer.config;
        break;
    case BIND_LIVE_SCHEDULE:
        live.options = session->schedule.record->options;
        live.config = &session->schedule.config;
        break;
    case BIND_LIVE_OBJECTIVE: resolve_objective(L, session, handle->name, &live); break;
    case BIND_LIVE_MODEL: resolve_model(L, session, handle->name, &live); break;
    }
    return live;
}

/* The table and struct that have the option; NULL where neither does. */
static const Option *find(const Live *live, const char *name, const Option **table, void **config)
{
    bool common = option_find(live->common, name) != NULL;
    *table = common ? live->common : live->options;
    *config = common ? live->head : live->config;
    return option_find(*table, name);
}

static int live_index(lua_State *L)
{
    Live shown = resolve(L, 1), *live = &shown;
    const Option *table, *option;
    void *config;
    option = find(live, luaL_checkstring(L, 2), &table, &config);
    if (!option)
        host_check(L, option_unknown(live->options ? live->options : live->common, live->path, lua_tostring(L, 2)));
    bind_push_option(L, option, config);
    return 1;
}

static Status short_value(const Option *option, const void *config, Buffer *out)
{
    if (option->kind != OPTION_NUMBER) return option_print(option, config, out);
    return buffer_printf(out, "%.10g", *(const double *)((const char *)config + option->offset));
}

/* The line of Lua that gives the option the value that it has now in config. */
static Status assignment(const Live *live, const Option *option, const void *config, Buffer *out)
{
    bool whole = strcmp(live->path, "run") == 0;
    TRY(buffer_printf(out, "run%s%s.%s = ", whole ? "" : ".", whole ? "" : live->path, option->name));
    return bind_option_value(option, config, out);
}

/* Whether a model's option that has its new value in config can be changed alone. What is no number may decide the
 * shapes: then its outline is made to see. */
static Status check_model_option(const Model *model, const Option *option, const char *words)
{
    Model *fresh;
    if (option->kind == OPTION_NUMBER) return STATUS_OK;
    TRY(model_outline(model->record, model->config, &fresh));
    bool same = model_same_shapes(model, fresh);
    /* build() may have filled in what the config left open */
    bool kept = memcmp(model->config, fresh->config, model->record->config_size) == 0;
    model_free(fresh);
    if (same && kept) return STATUS_OK;
    return status_fail(STATUS_INVALID,
                       "%s changes the shapes of the model: run.models[\"%s\"]:reshape { %s = ... } does that",
                       words, model->name, option->name);
}

/* Steps that are done cannot be left out. at: the field that has a new value. */
static Status check_steps(const Session *session, const void *at)
{
    if (at != &session->steps || session->steps >= session->step) return STATUS_OK;
    return status_fail(STATUS_INVALID, "steps must be at least %lld, which are done; stop() ends the run here",
                       (long long)session->step);
}

/* The value at index 3 is tried, taken back, journalled, and only then set. */
static int live_newindex(lua_State *L)
{
    const char *name = luaL_checkstring(L, 2);
    const Option *table, *option;
    void *config;
    bind_need_boundary(L, live_newindex);
    Live shown = resolve(L, 1), *live = &shown;
    lua_getiuservalue(L, 1, 1);
    SessionHandle *handle = bind_check_session(L, -1);
    option = find(live, name, &table, &config);
    if (!option) host_check(L, option_unknown(live->options ? live->options : live->common, live->path, name));
    Buffer *what = host_push_buffer(L), *effect = host_push_buffer(L), *inverse = host_push_buffer(L);
    host_check(L, buffer_printf(what, "%s.%s ", live->path, name));
    host_check(L, short_value(option, config, what));
    host_check(L, assignment(live, option, config, inverse));
    size_t size = option_size(option);
    void *at = (char *)config + option->offset, *before = lua_newuserdatauv(L, size, 0);
    void *after = lua_newuserdatauv(L, size, 0);
    memcpy(before, at, size);
    Status status = bind_set_option(L, 3, table, config, live->path, name);
    if (status == STATUS_OK && live->model) {
        status = check_model_option(live->model, option, name);
        if (status != STATUS_OK) memcpy(at, before, size);
    }
    if (status != STATUS_OK) host_check(L, bind_edit_refused(status));
    memcpy(after, at, size);
    status = check_steps(handle->session, at);
    if (status == STATUS_OK) status = session_check(handle->session); /* with the new value in its place */
    if (status != STATUS_OK) {
        memcpy(at, before, size);
        host_check(L, bind_edit_refused(status));
    }
    status = buffer_text(what, " -> ");
    if (status == STATUS_OK) status = short_value(option, config, what);
    if (status == STATUS_OK) status = assignment(live, option, config, effect);
    memcpy(at, before, size);
    host_check(L, status);
    if (strcmp(effect->data, inverse->data) == 0) {
        buffer_clear(what);
        host_check(L, buffer_printf(what, "%s is ", name));
        host_check(L, short_value(option, config, what));
        host_check(L, buffer_text(what, " already"));
        bind_edit_needless(L, handle, what->data);
        return 0;
    }
    bind_edit(L, handle, effect->data, inverse->data);
    memcpy(at, after, size);
    bind_edit_done(L, handle, what->data);
    return 0;
}

static Status describe(const Live *live, Buffer *out)
{
    TRY(buffer_text(out, live->path));
    for (int t = 0; t < 2; t++) {
        const Option *option = t ? live->options : live->common;
        for (; option && option->name; option++) {
            TRY(buffer_printf(out, "\n  %-24s ", option->name));
            TRY(short_value(option, t ? live->config : live->head, out));
        }
    }
    return STATUS_OK;
}

static int live_tostring(lua_State *L)
{
    Live shown = resolve(L, 1), *live = &shown;
    Buffer *out = host_push_buffer(L);
    host_check(L, describe(live, out));
    host_buffer_to_string(L, out);
    return 1;
}

static int live_help(lua_State *L)
{
    Live shown = resolve(L, 1), *live = &shown;
    const RecordKind kind = {.library = "run", .word = "live options"};
    Buffer *out = host_push_buffer(L);
    Record record = {.name = live->path, .options = live->options};
    if (live->common) {
        Record common = {.name = live->path, .options = live->common};
        host_check(L, bind_help_record(&kind, &common, out));
        record.doc = "and of its own:";
    }
    if (live->options) host_check(L, bind_help_record(&kind, &record, out));
    host_buffer_to_string(L, out);
    return 1;
}

static int live_members(lua_State *L)
{
    Live shown = resolve(L, 1), *live = &shown;
    lua_Integer count = 0;
    lua_newtable(L);
    for (int t = 0; t < 2; t++) {
        const Option *option = t ? live->options : live->common;
        for (; option && option->name; option++) {
            lua_pushstring(L, option->name);
            lua_rawseti(L, -2, ++count);
        }
    }
    return 1;
}

/* The doc of one option. */
static int live_doc(lua_State *L)
{
    Live shown = resolve(L, 1);
    const Option *table, *option;
    void *config;
    option = find(&shown, luaL_checkstring(L, 2), &table, &config);
    lua_pushstring(L, option ? option->doc : NULL);
    return 1;
}

void bind_open_live(lua_State *L)
{
    static const luaL_Reg events[] = {{"__index", live_index},
                                      {"__newindex", live_newindex},
                                      {"__tostring", live_tostring},
                                      {"__help", live_help},
                                      {"__members", live_members},
                                      {"__doc", live_doc},
                                      {NULL, NULL}};
    luaL_newmetatable(L, LIVE_TYPE);
    luaL_setfuncs(L, events, 0);
    lua_pop(L, 1);
}
