/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The session: named models, named data sources with a cursor each, objectives, optimizer and schedule. Parameters,
 * optimizer state, cursors and the step count together are the state; random numbers are a function of seed and
 * step, so they need no state of their own. A step commits everything together or nothing. session_free() frees all
 * that it holds. */
#ifndef LATHE_TRAIN_SESSION_H
#define LATHE_TRAIN_SESSION_H

#include "engine/base/hash.h"
#include "engine/compress/prune.h"
#include "engine/objectives/objective.h"
#include "engine/optim/optimizer.h"
#include "engine/optim/schedule.h"
#include "engine/train/source.h"

enum {
    SESSION_MAX_MODELS = 8,
    SESSION_MAX_SOURCES = 8,
    SESSION_MAX_OBJECTIVES = 16,
    SESSION_MAX_PRUNES = 8,
    SESSION_NAME_SIZE = 64,
    SESSION_MAX_EXTRA = 16,
    SESSION_MOST_SKIPPED = 10
};

typedef struct SessionSource {
    char name[SESSION_NAME_SIZE]; /* "train", "valid", ... */
    Source *source;
    Cursor cursor;
    int64_t batch_size; /* of this session; the source may serve others too */
} SessionSource;

/* Where a step begins: enough to run it once more. */
typedef struct StepPlace {
    int64_t step; /* steps done before it */
    Cursor cursors[SESSION_MAX_SOURCES];
} StepPlace;

/* A number that somebody else adds to a step's metrics. */
typedef struct NamedValue {
    char name[SESSION_NAME_SIZE];
    double value;
} NamedValue;

/* What a step reports. Values of objectives are means over the micro-steps, NaN where the objective is off. */
typedef struct StepMetrics {
    int64_t step; /* the number of steps done, from 1; 0 where this process did none */
    double loss, lr, grad_norm, seconds;
    double batch_seconds, update_seconds; /* of these: reading batches; norm, clipping and optimizer */
    int64_t tokens, examples;
    double objectives[SESSION_MAX_OBJECTIVES];
    bool skipped;         /* the loss was a spike: nothing was updated; pruning keeps to its schedule */
    bool accepted;        /* it was one, but no spike lasts so long: from now on such a loss is the usual one */
    double usual, spread; /* what the loss was judged by: mean and deviation of those before */
    NamedValue extra[SESSION_MAX_EXTRA];
    int extra_count;
    double sparsity; /* pruned among the weights that a pruning chose from; NaN: there was none */
    double accuracies[SESSION_MAX_OBJECTIVES], lambdas[SESSION_MAX_OBJECTIVES]; /* or NaN */
} StepMetrics;

/* The losses so far, as exponential means: what a spike is measured by. Part of the state. */
typedef struct LossStatistics {
    double mean, square; /* of the loss and of its square */
    int64_t count;
    int64_t skipped; /* steps in a row that were skipped, as spikes; 0 after one that was not */
} LossStatistics;

typedef struct Session Session;

/* Somebody who looks on in steps: told of each objective's loss before the way back. It changes nothing; a failure
 * of it fails the step. prediction: NULL logits for custom objectives. */
typedef struct StepObserver {
    Status (*lost)(void *context, const Session *session, int objective, const Forward *pass,
                   const Prediction *prediction);
    void *context;
} StepObserver;

/* When a run ends before its last step; options of a session, no part of the state. */
typedef struct EarlyStopping {
    int64_t patience; /* evaluations without improvement; 0: never */
    char metric[OPTION_TEXT_SIZE];
    double min_delta;  /* less than this is no improvement */
    bool restore_best; /* the final weights are those of the best evaluation */
} EarlyStopping;

extern const Option early_stopping_options[];

/* What products of matrices read; weights, their gradients and all else stay f32. */
typedef enum Precision { PRECISION_F32, PRECISION_BF16 } Precision;

/* What becomes of a run whose step fails: it waits for somebody, or ends. AUTO: it waits where somebody is there.
 */
typedef enum OnFailure { ON_FAILURE_AUTO, ON_FAILURE_PAUSE, ON_FAILURE_STOP } OnFailure;

struct Session {
    uint64_t seed;
    int64_t step, steps; /* done; all */
    int64_t accumulate;  /* micro-steps of a step */
    double clip_norm;    /* 0: no clipping */
    /* A step whose loss lies so many deviations above the mean updates nothing, up to SESSION_MOST_SKIPPED in a
     * row: a loss that stays is no spike. 0: never. */
    double skip_spikes;
    int64_t precision; /* a Precision */
    bool recompute; /* layers are computed once more on the way back instead of kept: the same bits, less memory */
    int64_t checkpoint_every, evaluate_every; /* steps; 0: a tenth of the run, with each checkpoint */
    int64_t keep_checkpoints;                 /* the last ones that are kept, beside the best */
    int64_t on_nonfinite;                     /* an OnFailure: of whatever makes a step fail */
    LossStatistics losses;
    Model *models[SESSION_MAX_MODELS];
    SessionSource sources[SESSION_MAX_SOURCES];
    Objective *objectives[SESSION_MAX_OBJECTIVES];
    int model_count, source_count, objective_count;
    Optimizer optimizer;
    Schedule schedule;
    EarlyStopping early_stopping;
    PruneConfig prunes[SESSION_MAX_PRUNES]; /* schedules of pruning under way (engine/train/pruning.h) */
    int prune_count;
    Arena *arena;
    Tape *tape;
    StepMetrics last;
    char *edits; /* which edits of the history shaped the state, "1 2 5"; NULL: none */
    /* For those who look on; no part of the state. */
    StepPlace tried;              /* where the last step that was tried began */
    const Model *computing;       /* whose forward pass runs */
    const StepObserver *observer; /* NULL: nobody */
    void *owner;                  /* who wraps it; the owner's own business */
    bool busy;                    /* a step or a look is under way: tape and arena are in use */
    bool updating;                /* some parameters have had the update of this step, others not yet */
};

Status session_new(uint64_t seed, Session **out) STATUS_CHECKED;
void session_free(Session *session);

/* The session takes over models and objectives (also on failure) and references sources. Errors: the name is taken,
 * too many. */
Status session_add_model(Session *session, Model *model) STATUS_CHECKED;
Status session_add_source(Session *session, const char *name, Source *source) STATUS_CHECKED;
Status session_add_objective(Session *session, Objective *objective) STATUS_CHECKED;

/* NULL where there is none. */
Model *session_model(const Session *session, const char *name);
SessionSource *session_source(Session *session, const char *name);
Objective *session_objective(const Session *session, const char *name);

/* Lets go of the last ones, so that so many sources and objectives are left. */
void session_forget(Session *session, int sources, int objectives);

/* Whether every objective's model, source and view are there, and lengths fit; gives an objective without a view
 * the one of the first that makes one on the same model and source. Called before the first step and after edits.
 */
Status session_check(Session *session) STATUS_CHECKED;

/* What the session's tape is set to before anything of the session is computed: training (dropout, gradients) or
 * not, and its precision. */
void session_set_mode(Session *session, bool training);
/* Of the session's products. */
DType session_precision(const Session *session);

/* The learning rate that the schedule gives the next step. */
double session_next_lr(const Session *session);

/* One optimizer step over accumulate micro-steps. On any failure nothing has changed. Errors: cancelled, a loss or
 * gradient that is not finite (names step and objective or parameter), shapes, memory. */
Status session_step(Session *session, StepMetrics *out) STATUS_CHECKED;

/* A step once more (session->tried), or any other beforehand: the same batches, masks and dropout, on the weights
 * as they are now, without update. Losses that are not finite are no error here. */
typedef struct SessionLook {
    const StepPlace *place;
    bool forward_only;
    const Objective *only;        /* the one that is computed; NULL: all */
    const TapeObserver *tape;     /* NULL: nobody */
    const StepObserver *observer; /* NULL: nobody */
    /* Called when the gradients of this look stand in the parameters; NULL: nobody. */
    Status (*finished)(void *context, const Session *session);
    void *context;
} SessionLook;

/* The session is as it was afterwards, the gradients that its parameters keep included. */
Status session_look(Session *session, const SessionLook *look, StepMetrics *out) STATUS_CHECKED;

/* The batch that an objective reads in the given micro-step of the step at the place, masked where it makes or
 * reads such a view; copied into the pool, the caller's to clear. Moves nothing. */
Status session_view(Session *session, const StepPlace *place, int64_t micro, const Objective *objective,
                    Batch *out) STATUS_CHECKED;

/* Adds to the message of a step that was not finite which op was the first, the ranges of its inputs, the batch,
 * and of a gradient whose it is: by running the step once more with a look at every op. Returns STATUS_NONFINITE,
 * or why that failed. */
Status session_explain_nonfinite(Session *session) STATUS_CHECKED;

/* Computes the objective's loss on the next batches, without learning: whether it fits. Changes nothing. *loss may
 * be NULL. */
Status session_try(Session *session, const Objective *objective, double *loss) STATUS_CHECKED;

/* session_check(), and whether each objective finds its targets in the next batches and its output in its model;
 * nothing of the models is computed. Errors name the objective and what would fit. */
Status session_fit(Session *session) STATUS_CHECKED;

/* A pass over a view of a batch, and the rest of what objectives in a step share. For evaluation and samples. */
typedef struct Passes {
    Session *session;
    RandomKey key;            /* masks are drawn below it */
    RandomKey dropout, draws; /* of this micro-step; draws: of objectives */
    int64_t step, micro;
    Batch batches[SESSION_MAX_SOURCES]; /* plain, by place of the source; size 0: not read yet */
    int count;
    struct Pass {
        const Model *model;
        int source;
        char view[OBJECTIVE_NAME_SIZE];
        Batch batch;
        Forward *forward;
    } items[SESSION_MAX_OBJECTIVES];
} Passes;

/* Reads the plain batches that the objective needs and that are not there yet, at the cursors (by place of the
 * source), which move on. */
Status passes_read(Passes *passes, Cursor *cursors, const Objective *objective) STATUS_CHECKED;
/* The forward pass that the objective reads; made, with its view, at the first request for it. The plain batch of
 * its source must be in passes->batches. */
Status passes_get(Passes *passes, const Objective *objective, Forward **out) STATUS_CHECKED;
/* The same for all that it reads, its second data source included. */
Status passes_input(Passes *passes, const Objective *objective, ObjectiveInput *out) STATUS_CHECKED;
void passes_clear(Passes *passes);

/* Which edits shaped the state: kept in checkpoints, no part of the hash. */
Status session_set_edits(Session *session, const char *edits) STATUS_CHECKED;

/* The hash of the whole state: parameters, masks, optimizer state, cursors, step, objectives, options, schedules.
 */
Status session_hash(const Session *session, Hash *out) STATUS_CHECKED;
/* The same; visit gets the hash of each tensor: "model.bert.pooler.dense.weight", "... .exp_avg". */
Status session_each_hash(const Session *session, Status (*visit)(void *context, const char *name, Hash hash),
                         void *context, Hash *out) STATUS_CHECKED;

#endif
