/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions in Lua: session {...} makes one, 'run' is the live one. The userdata owns its Session, which dies with
 * it: C code that uses one keeps the value on the stack or in the registry. */
#ifndef LATHE_SCRIPTS_BIND_SESSION_H
#define LATHE_SCRIPTS_BIND_SESSION_H

#include "engine/train/session.h"
#include "scripts/bind_class.h"

typedef struct SessionHandle {
    Session *session;
    Host *host;
    bool stepping;             /* a step is under way: no edits now */
    bool live;                 /* a run trains it (scripts/control.h) */
    bool only_generates;       /* nothing else is asked of its models, which may become smaller for it */
    struct Debugger *debugger; /* NULL: nobody looks on */
    struct ParamWatch *watch;  /* of who shows the parameters; NULL: nobody (engine/train/watch.h) */
    char pause[480]; /* why a breakpoint wants the run to wait behind this step; cleared by who follows it */
} SessionHandle;

/* The line of Lua that sets frozen of the module or parameter at the path; the lines that set it of all below a
 * module to what it is now, with spaces between them (scripts/bind_finetune.c). */
Status bind_frozen_line(const char *model, const char *path, bool frozen, Buffer *out) STATUS_CHECKED;
Status bind_frozen_lines(const Module *module, Buffer *out) STATUS_CHECKED;

/* The session at the index, NULL where it is something else. */
Session *bind_test_session(lua_State *L, int index);
SessionHandle *bind_check_session(lua_State *L, int index);
/* Makes the session at the index the global 'run', and prints what 'what' says edits are ("[1,206] ..."). */
void bind_set_run(lua_State *L, int index);
/* One step with objectives that are Lua functions; as session_step(). From C; may be called outside of host_call().
 */
Status bind_step(Host *host, Session *session, StepMetrics *out) STATUS_CHECKED;

/* Those who look on in steps (scripts/bind_debug.c). Around a step; they change nothing, and a failure of theirs
 * costs only the look. stepped() runs watches and breakpoints, which may add to the metrics and set handle->pause.
 */
void bind_debug_begin(SessionHandle *handle);
void bind_debug_end(SessionHandle *handle);
void bind_debug_stepped(SessionHandle *handle, StepMetrics *metrics);
void bind_debug_free(SessionHandle *handle);
/* Pushes the session that a handle belongs to, nil where it is gone. */
void bind_push_handle(lua_State *L, const SessionHandle *handle);
/* Pushes the metrics as a table. */
void bind_push_metrics(lua_State *L, const Session *session, const StepMetrics *metrics);
/* Pushes the batch of the last step that was tried, as its first active objective reads it. */
void bind_push_step_batch(lua_State *L, SessionHandle *handle, int64_t micro);
/* The session at the index. Errors: something else; what: a training step is under way. */
SessionHandle *bind_check_idle(lua_State *L, int index, const char *what);
/* Where the last step began, or the next one will. */
StepPlace bind_step_place(const Session *session, bool next);
/* session_look() while Lua functions of the session (objectives of its own) may run. */
Status bind_look(SessionHandle *handle, const SessionLook *look, StepMetrics *metrics) STATUS_CHECKED;
/* Pushes an empty batch whose fields the collector lets go of. */
Batch *bind_new_batch(lua_State *L);
/* What the model makes of one text (scripts/bind_text_looks.c), after the global lathe is there. */
void bind_open_text_looks(lua_State *L);
/* gradient_shares() (scripts/bind_shares.c); gives the table at the top, run.objectives of the session at the
 * index, a text. */
void bind_open_shares(lua_State *L);
void bind_give_text(lua_State *L, int session);
void bind_open_hooks(lua_State *L);
void bind_open_debug(lua_State *L);

/* model:save(directory) (scripts/bind_pretrained.c) */
int bind_save_model(lua_State *L);
/* run:generate() (scripts/bind_generate.c) */
int bind_generate(lua_State *L);
/* What run:likelihood() and run:minimal_pairs() need (scripts/bind_likelihood.c), after the global lathe is there.
 */
void bind_open_likelihood(lua_State *L);

/* Methods of sessions: generate, likelihood and minimal_pairs, adapt, evaluate, prune and sparsity, add_objective
 * and remove_objective; of models: generate, save; of modules: reshape, reset. Each list stands where its functions
 * are. */
extern const BindMethod bind_generate_methods[], bind_likelihood_methods[], bind_adapt_methods[],
    bind_evaluate_methods[], bind_prune_methods[], bind_structure_methods[], bind_save_methods[],
    bind_module_methods[], bind_finetune_methods[];

/* Objectives that are Lua functions (scripts/bind_custom.c): the function stands in the session's user
 * value. text: its Lua, NULL where that is not known; copied. Errors: memory. */
Status bind_custom_objective(SessionHandle *handle, const char *text, Objective *objective) STATUS_CHECKED;
/* Gives it the function of the part at the index. It must be the session's by the time of the first call. */
void bind_keep_function(lua_State *L, int part, const Objective *objective);
/* The Lua text of its function, NULL: it has none. The objective holds it. */
const char *bind_custom_text(const Objective *objective);
void bind_open_custom(lua_State *L);

extern const Option bind_adapt_options[]; /* of adapt(), beside those of the objective */
/* run:prune { ... } (scripts/bind_prune.c) */
void bind_open_prune(lua_State *L);
extern const RecordKind bind_criteria;

/* run.objectives.mlm, run.optimizer and so on (scripts/bind_live.c): a view of options inside the session at the
 * index. name: of the objective or model, NULL for the rest. */
typedef enum BindLive {
    BIND_LIVE_RUN,
    BIND_LIVE_OPTIONS,
    BIND_LIVE_OPTIMIZER,
    BIND_LIVE_SCHEDULE,
    BIND_LIVE_OBJECTIVE,
    BIND_LIVE_MODEL
} BindLive;
void bind_push_live(lua_State *L, int session, BindLive kind, const char *name);
void bind_open_live(lua_State *L);
extern const Option bind_live_objective[], bind_live_session[];

/* run.model.bert.encoder.layer[0] (scripts/bind_module.c) */
void bind_push_module(lua_State *L, int session, Module *module);
/* The parameter at the index, as it stands in the tree now. Errors: something else; it is gone. NULL where it is
 * something else. */
Param *bind_check_param(lua_State *L, int index);
Param *bind_test_param(lua_State *L, int index);
/* Amid an update some parameters are of the step before and some are new. To be called first by a binding ('again')
 * that reads the value at the index: where that is a parameter, it waits for the end of the step. Each parameter is
 * whole at any time, so a binding that cannot wait gets what is there. */
void bind_prefer_updated(lua_State *L, int index, lua_CFunction again);
void bind_push_param(lua_State *L, int session, const Module *owner, const Param *param);
/* The module at the index, NULL where it is something else; and the handle that a module or parameter is of. */
Module *bind_test_module(lua_State *L, int index);
SessionHandle *bind_handle_of(lua_State *L, int index);
/* lathe.state_names(parameter) -> what its state has: {"exp_avg", "exp_avg_sq"}, {} before its first update */
int bind_state_names(lua_State *L);
void bind_open_modules(lua_State *L);

/* run.model:reshape {...} and :reset(path), run:add_objective(), run.optimizer = ... (scripts/bind_structure.c). */
/* A place for a model that is to come, freed by Lua's collector unless it is taken out. Pushed. */
Model **bind_push_fresh_model(lua_State *L);
/* Sets run.optimizer, run.schedule to the part at index 3; false where the field is another one. */
bool bind_set_part(lua_State *L, const char *name);
/* The model and the path that the module at the index stands for. */
Model *bind_check_place(lua_State *L, int index, SessionHandle **session, const char **path);
/* The session's own copy of what a part stands for, in the session at index 2. The caller owns it. */
Status bind_make_objective(lua_State *L, int part, SessionHandle *handle, Objective **out) STATUS_CHECKED;
void bind_open_structure(lua_State *L);

/* Data sources (scripts/bind_source.c). The userdata holds a reference. */
void bind_push_source(lua_State *L, Source *source);
/* The tokenizer of the source at the index (or nil), pushed; and given to it, taken from the top. */
void bind_push_source_tokenizer(lua_State *L, int index);
void bind_set_source_tokenizer(lua_State *L, int index);
/* The session at the index knows the tokenizer of the source at the index as that of its source of the name. */
void bind_keep_tokenizer_of(lua_State *L, int session, int source, const char *name);
/* The source of that name of the session at the index; its batch size is the session's. */
void bind_push_session_source(lua_State *L, int session, const SessionSource *entry);
/* Pushes a handle to be filled by the caller, whose reference it takes over. */
Source **bind_new_source(lua_State *L);
Source *bind_check_source(lua_State *L, int index);
/* Pushes a table with the batch's fields by name, and size. */
void bind_push_batch(lua_State *L, const Batch *batch);
void bind_open_sources(lua_State *L);
/* What workbenches show (scripts/bind_view.c). */
void bind_open_views(lua_State *L);
void bind_open_sessions(lua_State *L);

#endif
