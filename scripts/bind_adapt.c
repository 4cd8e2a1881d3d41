/* SPDX-License-Identifier: GPL-3.0-or-later */
/* run:adapt {...}: a second data source, a domain classifier and its objective, added to a live session as one
 * edit. */
#include "engine/objectives/domain.h"
#include "scripts/bind_class.h"
#include "scripts/bind_edit.h"

#include <stdio.h>
#include <string.h>

typedef struct Adapt {
    DomainConfig config;
    double weight;
    char name[OBJECTIVE_NAME_SIZE], model[OBJECTIVE_NAME_SIZE], source[OBJECTIVE_NAME_SIZE];
    Source *target; /* to be added under the config's name; NULL: it is in the session. Lua holds it */
} Adapt;

static const char method_doc[] = "how: dann is Ganin et al. 2016";
static const char weight_doc[] = "what the domain classifier's loss is multiplied by";
static const char name_doc[] = "of the objective that is added, domain unless said";
static const char model_doc[] = "the model that adapts";
static const char source_doc[] = "the data that it has labels of, train unless said";

/* What may stand beside the objective's own options. Texts are read by read_word(). */
const Option bind_adapt_options[] = {
    {.name = "target",
     .doc = "what to adapt to: the name of a data source of the run, or data of its own",
     .kind = OPTION_TEXT,
     .text = "target"},
    {.name = "method", .doc = method_doc, .kind = OPTION_CHOICE, .choices = "dann", .text = "dann"},
    {.name = "weight",
     .doc = weight_doc,
     .kind = OPTION_NUMBER,
     .offset = offsetof(Adapt, weight),
     .number = 1,
     .max = 1e6,
     .bounded = true},
    {.name = "name", .doc = name_doc, .kind = OPTION_TEXT, .text = "domain"},
    {.name = "model", .doc = model_doc, .kind = OPTION_TEXT, .text = "model"},
    {.name = "source", .doc = source_doc, .kind = OPTION_TEXT, .text = "train"},
    {0},
};

/* target is a name or a source; the option says what it is for. */
static const RecordWord adapt_words[] = {
    {"target", ""},
    {"method", method_doc},
    {"weight", weight_doc},
    {"name", name_doc},
    {"model", model_doc},
    {"source", source_doc},
    {"dry_run", "true: return what would be added and the loss of the next batches, and change nothing"},
    {0}};

static const Option *weight_option(void)
{
    return option_find(bind_adapt_options, "weight");
}

/* --- the arguments --- */

static void read_word(lua_State *L, const char *key, const char *standard, char *out, size_t size)
{
    lua_getfield(L, 2, key);
    const char *word = lua_isnil(L, -1) ? standard : lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    if (!*word || strlen(word) >= size || strpbrk(word, "./ \t\n"))
        luaL_error(L, "adapt: %s must be a short name without dots, slashes or spaces", key);
    snprintf(out, size, "%s", word);
    lua_pop(L, 1);
}

/* "target", or the first of target2, target3, ... that is free. */
static void free_name(Session *session, char *out, size_t size)
{
    snprintf(out, size, "target");
    for (int n = 2; session_source(session, out); n++) snprintf(out, size, "target%d", n);
}

/* The source at the top, which is not a name. Leaves the text of its call at the top. */
static void read_source(lua_State *L, Session *session, Adapt *adapt)
{
    if (lua_istable(L, -1)) lua_getfield(L, -1, "train");
    int index = lua_gettop(L);
    adapt->target = bind_check_source(L, index);
    for (int i = 0; i < session->source_count; i++) {
        if (session->sources[i].source != adapt->target) continue;
        snprintf(adapt->config.target, sizeof adapt->config.target, "%s", session->sources[i].name);
        adapt->target = NULL;
        return;
    }
    if (!bind_push_call(L, index))
        luaL_error(L, "adapt: the journal cannot say how this data was made; make it of a text with "
                      "run.data.train.tokenizer, or put it into the recipe, as in data = { target = ... }, and say "
                      "target = \"target\" here");
    free_name(session, adapt->config.target, sizeof adapt->config.target);
    bind_keep_tokenizer_of(L, 1, index, adapt->config.target);
}

/* Leaves the text of the target's call at the top where there is one. */
static void read_arguments(lua_State *L, Session *session, Adapt *adapt)
{
    char method[OBJECTIVE_NAME_SIZE];
    *adapt = (Adapt){.weight = 1};
    option_defaults(objective_domain_options, &adapt->config);
    adapt->config.start = session->step;
    bind_check_type(L, 2, LUA_TTABLE, "adapt", "a table, as in run:adapt {target = DATA}");
    bind_read_options(L, 2, objective_domain_options, &adapt->config, "adapt", adapt_words);
    read_word(L, "method", "dann", method, sizeof method);
    if (strcmp(method, "dann") != 0)
        luaL_error(L, "adapt: there is the method \"dann\" (Ganin et al. 2016); got \"%s\"", method);
    read_word(L, "name", "domain", adapt->name, sizeof adapt->name);
    read_word(L, "model", "model", adapt->model, sizeof adapt->model);
    read_word(L, "source", "train", adapt->source, sizeof adapt->source);
    if (lua_getfield(L, 2, "weight") != LUA_TNIL)
        host_check(L, bind_set_option(L, -1, weight_option(), adapt, "adapt", "weight"));
    lua_pop(L, 1);
    if (lua_getfield(L, 2, "target") == LUA_TNIL || lua_type(L, -1) == LUA_TSTRING)
        read_word(L, "target", "target", adapt->config.target, OBJECTIVE_NAME_SIZE);
    else
        read_source(L, session, adapt);
}

/* --- the change --- */

static Status add_parts(Session *session, const Adapt *adapt)
{
    Objective *objective;
    if (!session_model(session, adapt->model))
        return status_fail(STATUS_INVALID, "adapt: there is no model '%s' in the session", adapt->model);
    if (adapt->target) TRY(session_add_source(session, adapt->config.target, adapt->target));
    TRY(objective_new(&objective_domain, &adapt->config, adapt->name, adapt->weight, &objective));
    memcpy(objective->model, adapt->model, sizeof objective->model);
    memcpy(objective->source, adapt->source, sizeof objective->source);
    TRY(session_add_objective(session, objective));
    return session_check(session);
}

/* As it was with so many sources and objectives; the head goes, too, unless it was there before. */
static void take_back(Session *session, const Adapt *adapt, int sources, int objectives, bool head)
{
    char name[OBJECTIVE_NAME_SIZE + 16];
    snprintf(name, sizeof name, "%s_classifier", adapt->name);
    Model *model = session_model(session, adapt->model);
    Module *module = model ? module_find(model->root, name) : NULL;
    session_forget(session, sources, objectives);
    if (module && !head) module_remove(module);
}

/* What a trial found. */
typedef struct Trial {
    double loss;     /* of the domain classifier on the next batches */
    int64_t weights; /* that are added to the model */
} Trial;

static Status try_it(Session *session, const Adapt *adapt, const char *head, Trial *trial)
{
    const Module *made = module_find(session_model(session, adapt->model)->root, head);
    trial->weights = made ? module_count_weights(made) : 0;
    return session_try(session, session->objectives[session->objective_count - 1], &trial->loss);
}

/* Makes the change, and keeps it where there is no trial. Otherwise, and on failure, the session is as before. */
static Status change(Session *session, const Adapt *adapt, Trial *trial)
{
    char name[OBJECTIVE_NAME_SIZE + 16];
    int sources = session->source_count, objectives = session->objective_count;
    snprintf(name, sizeof name, "%s_classifier", adapt->name);
    const Model *model = session_model(session, adapt->model);
    bool head = model && module_find(model->root, name);
    Status status = add_parts(session, adapt);
    if (status == STATUS_OK && trial) status = try_it(session, adapt, name, trial);
    if (trial && head) trial->weights = 0;
    if (status != STATUS_OK || trial) take_back(session, adapt, sources, objectives, head);
    return status;
}

static Status print_effect(const Adapt *adapt, const char *call, Buffer *out)
{
    TRY(buffer_text(out, "run:adapt { method = \"dann\", target = "));
    TRY(call ? buffer_text(out, call) : bind_print_text(adapt->config.target, out));
    TRY(buffer_printf(out, ", name = \"%s\", model = \"%s\", source = \"%s\", ", adapt->name, adapt->model,
                      adapt->source));
    TRY(buffer_text(out, "weight = "));
    TRY(option_print(weight_option(), adapt, out));
    TRY(buffer_text(out, ", "));
    TRY(bind_print_options(objective_domain_options + 1, &adapt->config, out)); /* behind target */
    return buffer_text(out, "}");
}

/* --- a dry run --- */

static bool wants_dry_run(lua_State *L)
{
    lua_getfield(L, 2, "dry_run");
    if (!lua_isnil(L, -1) && !lua_isboolean(L, -1)) luaL_error(L, "adapt: dry_run must be true or false");
    bool dry = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return dry;
}

static Status print_trial(const Adapt *adapt, const Trial *trial, Buffer *out)
{
    TRY(buffer_printf(out, "objective %s x %.4g would adapt '%s' from %s to %s\n", adapt->name, adapt->weight,
                      adapt->model, adapt->source, adapt->config.target));
    if (adapt->target) TRY(buffer_printf(out, "  data source  %s: %s\n", adapt->config.target, adapt->target->doc));
    TRY(buffer_printf(out, "  adds         %s_classifier, %lld weights\n", adapt->name, (long long)trial->weights));
    return buffer_printf(out, "  loss         %.4f on the next batches (0.6931 is by chance)", trial->loss);
}

static int text_of_trial(lua_State *L)
{
    lua_getfield(L, 1, "text");
    return 1;
}

/* Pushes {loss =, weights =, text =}. */
static int push_trial(lua_State *L, const Adapt *adapt, const Trial *trial)
{
    Buffer *text = host_push_buffer(L);
    host_check(L, print_trial(adapt, trial, text));
    host_buffer_to_string(L, text);
    lua_createtable(L, 0, 3);
    lua_insert(L, -2);
    lua_setfield(L, -2, "text");
    lua_pushnumber(L, trial->loss);
    lua_setfield(L, -2, "loss");
    lua_pushinteger(L, trial->weights);
    lua_setfield(L, -2, "weights");
    luaL_newmetatable(L, "lathe.trial");
    lua_pushcfunction(L, text_of_trial);
    lua_setfield(L, -2, "__tostring");
    lua_setmetatable(L, -2);
    return 1;
}

static int adapt_session(lua_State *L)
{
    SessionHandle *handle = bind_check_session(L, 1);
    lua_settop(L, 2);
    bind_need_boundary(L, adapt_session);
    Adapt *adapt = lua_newuserdatauv(L, sizeof *adapt, 0);
    read_arguments(L, handle->session, adapt);
    const char *call = adapt->target ? lua_tostring(L, -1) : NULL;
    Buffer *effect = host_push_buffer(L), *inverse = host_push_buffer(L), *what = host_push_buffer(L);
    Trial trial = {0};
    bool dry = wants_dry_run(L);
    if (handle->stepping) return luaL_error(L, "adapt: nothing can be changed inside a training step");
    host_check(L, change(handle->session, adapt, &trial));
    if (dry) return push_trial(L, adapt, &trial);
    host_check(L, print_effect(adapt, call, effect));
    host_check(L, buffer_printf(inverse, "run.objectives.%s.enabled = false", adapt->name));
    host_check(L, buffer_printf(what, "objective %s x %.2f adapts %s to %s", adapt->name, adapt->weight,
                                adapt->source, adapt->config.target));
    bind_edit(L, handle, effect->data, inverse->data);
    bind_edit_check(L, handle, change(handle->session, adapt, NULL));
    bind_edit_done(L, handle, what->data);
    return 0;
}

const BindMethod bind_adapt_methods[] = {
    {.name = "adapt",
     .arguments = "{ options }",
     .doc = "Adds a second data source, a domain classifier behind a reversed gradient and its objective: the "
            "model learns what does not tell the domains apart. The target's labels are never read.",
     .call = adapt_session,
     .options = objective_domain_options,
     .words = adapt_words + 1},
    {0}};
