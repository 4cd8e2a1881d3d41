/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pruning of single weights: which ones go is a criterion, a record each (criteria.list); how many go when is a
 * PruneConfig. Only matrices are pruned, not biases and norms. A pruned weight has a zero in its parameter's mask
 * and is zero itself, with its optimizer's state; optimizers keep it so. A plan is everything that a pruning will
 * change, so that nothing can fail any more when it is carried out; prune_clear() frees it. */
#ifndef LATHE_COMPRESS_PRUNE_H
#define LATHE_COMPRESS_PRUNE_H

#include "engine/nn/model.h"

typedef struct CriterionRecord {
    const char *name, *doc, *source;
    /* Scores of count entries of the parameter from the given one on, all 0 or more: the lowest go first. The key
     * belongs to the model. */
    void (*score)(const Param *param, RandomKey key, int64_t from, int64_t count, float *out);
} CriterionRecord;

extern const CriterionRecord *const criterion_records[];
extern const int criterion_record_count;

typedef enum PruneScope { PRUNE_GLOBAL, PRUNE_LAYER } PruneScope;
typedef enum PruneSchedule { PRUNE_ONCE, PRUNE_CUBIC } PruneSchedule;

typedef struct PruneConfig {
    double sparsity;         /* share of the weights that is to be zero, in [0, 1) */
    double initial_sparsity; /* of the cubic schedule */
    int64_t criterion, scope, schedule;
    int64_t begin_step, end_step, frequency; /* of the cubic schedule; end_step, frequency 0: to be chosen */
    char params[OPTION_TEXT_SIZE], model[OPTION_TEXT_SIZE];
} PruneConfig;

extern const Option prune_options[];

/* --- the cubic schedule (Zhu, Gupta 2017, To prune, or not to prune, equation 1) --- */

/* Fills in what is left open, for a run of so many steps of which so many are done. Errors: the numbers do not fit
 * together; the schedule would be over already. */
Status prune_complete(PruneConfig *config, int64_t step, int64_t steps) STATUS_CHECKED;
/* Whether masks change when so many steps are done. */
bool prune_due(const PruneConfig *config, int64_t step);
/* s_f + (s_i - s_f) (1 - (t - t_0) / (n dt))^3, at the last step that is due exactly s_f. */
double prune_target(const PruneConfig *config, int64_t step);
/* The last step that is due: begin_step and as many whole frequencies as there are before end_step. */
int64_t prune_last_step(const PruneConfig *config);

/* --- what is pruned --- */

/* Whether the parameter is a matrix that the patterns name: separated by spaces or commas, '*' stands for any
 * characters, the path of a module for all that is below it. */
bool prune_selects(const char *patterns, const Param *param);

typedef struct PruneRow {
    Param *param;
    int64_t weights, before, after;             /* zeros of the mask, now and then */
    Tensor *mask, *value, *state[PARAM_STATES]; /* what is to come; value and state NULL: in place */
} PruneRow;

typedef struct PrunePlan {
    PruneRow *rows; /* one a parameter; a tied weight has one */
    int count;
    int64_t weights, before, after;
    const CriterionRecord *criterion;
    PruneScope scope;
    RandomKey key;
    int64_t *histogram; /* [PRUNE_BINS] */
} PrunePlan;

typedef enum PruneHow {
    PRUNE_LOOK,    /* the numbers only */
    PRUNE_BESIDE,  /* tensors are made beside the parameters' own and change places with these */
    PRUNE_IN_PLACE /* the parameters' own are written to; nobody else looks at them between plan and carrying out */
} PruneHow;

/* Which parameters, and what is needed for them. Errors: memory; unless in place also a pattern that names no
 * parameter (with the nearest) or none that can be pruned. */
Status prune_plan(const Model *model, const PruneConfig *config, RandomKey key, PruneHow how,
                  PrunePlan *out) STATUS_CHECKED;
/* Chooses, by the weights as they are now, which of them are pruned so that the share is reached: of all together
 * or of each parameter. What is pruned stays so, even where that is more. */
void prune_choose(PrunePlan *plan, double sparsity);
/* Chooses none: no mask is left, and what was pruned learns again from zero. */
void prune_choose_none(PrunePlan *plan);
/* Carries out what was chosen. */
void prune_carry_out(PrunePlan *plan);
void prune_clear(PrunePlan *plan);

#endif
