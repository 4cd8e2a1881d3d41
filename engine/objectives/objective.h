/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Objectives: loss terms, a record each (objectives.list). An objective names its model, its data source and its
 * view of the input (a corruption with its own random stream), and turns model outputs into a loss. Those with the
 * same model, source and view share one forward pass. objective_free() frees one. */
#ifndef LATHE_OBJECTIVES_OBJECTIVE_H
#define LATHE_OBJECTIVES_OBJECTIVE_H

#include "engine/nn/model.h"

enum { OBJECTIVE_NAME_SIZE = 64 };

typedef struct Objective Objective;

/* What an objective reads in a step. */
typedef struct ObjectiveInput {
    Forward *pass, *target; /* of its data source; of the second one, NULL where it has none */
    int64_t step, steps;    /* done; all */
    int64_t micro;          /* which micro-step of the step, from 0 */
    RandomKey key;          /* for draws by epoch and example, as views have them; of the seed and the objective */
    RandomKey random;       /* for all other draws: of the seed, the objective, the step and the micro-step */
} ObjectiveInput;

/* What it predicted: for evaluation, and for the metrics of a step. */
typedef struct Prediction {
    Tensor *logits, *targets; /* of a classification: f32[n,classes], i32[n]; otherwise NULL */
    double accuracy, lambda;  /* what a step's metrics show: a share of right answers, a domain classifier's lambda;
                                 NaN: none */
} Prediction;

typedef struct ObjectiveRecord {
    const char *name, *doc, *source;
    const Option *options;
    size_t config_size;
    /* Makes its own view of the input: out starts as a share of in. The key belongs to this objective; whatever is
     * drawn is keyed by epoch and example below it. NULL: it reads another objective's view, or the plain batch. */
    Status (*view)(const Objective *objective, RandomKey key, Arena *arena, const Batch *in, Batch *out);
    /* A classification: cross-entropy of this model output (NULL: the model's classes) against this field. No
     * field: only loss(), which may need the output, or custom code gives a loss. */
    const char *output, *targets;
    const char *remedy; /* what gives the targets, in Lua: "data.text(...)"; NULL: it makes them itself */
    bool
        spans; /* the logits are places of beginnings, then of ends of answers: exact match and F1 mean something */
    bool text; /* the targets are a text, token by token: perplexity and bits per byte mean something */
    /* The name of a second data source that it reads, of which there is no oracle and no evaluation. */
    const char *(*target)(const Objective *objective);
    /* Adds what it needs to the model's tree, drawn below the key, where it is not there yet; all or nothing. */
    Status (*prepare)(const Objective *objective, Model *model, RandomKey key);
    Status (*loss)(const Objective *objective, const ObjectiveInput *in, Tensor **loss, Prediction *prediction);
} ObjectiveRecord;

struct Objective {
    int refs; /* holders: the session, snapshots */
    const ObjectiveRecord *record;
    char name[OBJECTIVE_NAME_SIZE];
    char model[OBJECTIVE_NAME_SIZE], source[OBJECTIVE_NAME_SIZE];
    char
        view[OBJECTIVE_NAME_SIZE]; /* whose view it reads: its own name where it makes one; "" is the plain batch */
    double weight;
    bool enabled;
    void *config;
    /* A user's own objective: a function, kept alive by its context. */
    Status (*custom)(void *context, const ObjectiveInput *in, Tensor **loss);
    void (*custom_free)(void *context);
    void *context;
};

/* config is copied (NULL: defaults). The name is the record's unless given. */
Status objective_new(const ObjectiveRecord *record, const void *config, const char *name, double weight,
                     Objective **out) STATUS_CHECKED;
Objective *objective_ref(Objective *objective);
/* The last holder's call frees it. */
void objective_free(Objective *objective);

/* The mean loss over its targets, f32[]. prediction may be NULL. */
Status objective_loss(const Objective *objective, const ObjectiveInput *in, Tensor **loss,
                      Prediction *prediction) STATUS_CHECKED;
/* Whether a step computes it. */
bool objective_active(const Objective *objective);
/* The second data source that it reads, NULL where it has none. */
const char *objective_target(const Objective *objective);

extern const ObjectiveRecord *const objective_records[];
extern const int objective_record_count;
const ObjectiveRecord *objective_record_find(const char *name);
/* The record of a user's own function. */
extern const ObjectiveRecord objective_custom;

#endif
