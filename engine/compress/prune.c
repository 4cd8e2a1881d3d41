/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/compress/prune.h"

#include "engine/base/memory.h"
#include "engine/base/names.h"

#include <math.h>
#include <string.h>

#define CRITERION(name) extern const CriterionRecord criterion_##name;
#include "engine/compress/criteria.list"
#undef CRITERION

#define CRITERION(name) &criterion_##name,
const CriterionRecord *const criterion_records[] = {
#include "engine/compress/criteria.list"
};
#undef CRITERION

const int criterion_record_count = sizeof criterion_records / sizeof *criterion_records;

#define CRITERION(name) " " #name
static const char criterion_names[] =
#include "engine/compress/criteria.list"
    ;
#undef CRITERION

const Option prune_options[] = {
    {.name = "sparsity",
     .doc = "share of the selected weights that is to be zero; 0: none, and no mask is left",
     .kind = OPTION_NUMBER,
     .offset = offsetof(PruneConfig, sparsity),
     .required = true,
     .max = 1,
     .bounded = true,
     .max_open = true},
    OPTION_TEXT_FIELD(PruneConfig, params, "*",
                      "which parameters, by path: '*' stands for any characters, a module for all below it, spaces "
                      "part several; matrices only"),
    OPTION_CHOICE_FIELD(PruneConfig, criterion, "magnitude", criterion_names + 1, "which weights go first"),
    OPTION_CHOICE_FIELD(PruneConfig, scope, "global", "global layer",
                        "whether the share is that of all selected weights together or of each parameter"),
    OPTION_CHOICE_FIELD(PruneConfig, schedule, "once", "once cubic",
                        "now, or little by little after Zhu and Gupta 2017"),
    OPTION_INT_FIELD(PruneConfig, begin_step, 0, 0, 1e15, "cubic: where it begins; 0: now"),
    OPTION_INT_FIELD(
        PruneConfig, end_step, 0, 0, 1e15,
        "cubic: where the sparsity is reached; 0: when three quarters of the steps that are left are done"),
    OPTION_INT_FIELD(PruneConfig, frequency, 0, 0, 1e15, "cubic: steps between two prunings; 0: twenty of them"),
    {.name = "initial_sparsity",
     .doc = "cubic: the share at begin_step",
     .kind = OPTION_NUMBER,
     .offset = offsetof(PruneConfig, initial_sparsity),
     .max = 1,
     .bounded = true,
     .max_open = true},
    OPTION_TEXT_FIELD(PruneConfig, model, "", "which model; without it, the first"),
    {0},
};

/* --- the schedule --- */

int64_t prune_last_step(const PruneConfig *config)
{
    return config->begin_step + (config->end_step - config->begin_step) / config->frequency * config->frequency;
}

bool prune_due(const PruneConfig *config, int64_t step)
{
    return step >= config->begin_step && step <= prune_last_step(config) &&
           (step - config->begin_step) % config->frequency == 0;
}

double prune_target(const PruneConfig *config, int64_t step)
{
    double span = (double)(prune_last_step(config) - config->begin_step);
    double left = 1 - (double)(step - config->begin_step) / span;
    return config->sparsity + (config->initial_sparsity - config->sparsity) * left * left * left;
}

static Status complete_cubic(PruneConfig *config, int64_t step, int64_t steps)
{
    if (!config->begin_step) config->begin_step = step;
    int64_t left = steps > config->begin_step ? steps - config->begin_step : 0;
    if (!config->end_step) config->end_step = config->begin_step + (left < 2 ? 1 : left - left / 4);
    int64_t span = config->end_step - config->begin_step;
    if (!config->frequency) config->frequency = span < 20 ? 1 : span / 20;
    if (config->sparsity <= config->initial_sparsity)
        return status_fail(STATUS_INVALID, "prune: sparsity %g must be above initial_sparsity %g", config->sparsity,
                           config->initial_sparsity);
    if (span < config->frequency)
        return status_fail(
            STATUS_INVALID, "prune: from begin_step %lld to end_step %lld there is no room for a frequency of %lld",
            (long long)config->begin_step, (long long)config->end_step, (long long)config->frequency);
    if (prune_last_step(config) <= step)
        return status_fail(STATUS_INVALID, "prune: the schedule would have ended at step %lld, and %lld are done",
                           (long long)prune_last_step(config), (long long)step);
    if (config->begin_step >= step) return STATUS_OK;
    return status_fail(STATUS_INVALID,
                       "prune: begin_step %lld is over, %lld steps are done; without it the schedule begins now",
                       (long long)config->begin_step, (long long)step);
}

Status prune_complete(PruneConfig *config, int64_t step, int64_t steps)
{
    if (config->schedule == PRUNE_CUBIC) return complete_cubic(config, step, steps);
    if (config->begin_step || config->end_step || config->frequency || config->initial_sparsity > 0)
        return status_fail(STATUS_INVALID, "prune: begin_step, end_step, frequency and initial_sparsity belong to "
                                           "schedule = \"cubic\"");
    return STATUS_OK;
}

/* --- which parameters --- */

/* Whether the pattern is all of the text; going back to the last star is enough. */
static bool matches(const char *pattern, size_t pattern_size, const char *text, size_t size)
{
    size_t p = 0, t = 0, star = SIZE_MAX, from = 0;
    while (t < size) {
        if (p < pattern_size && pattern[p] == '*') {
            star = p++;
            from = t;
        } else if (p < pattern_size && pattern[p] == text[t]) {
            p++, t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern_size && pattern[p] == '*') p++;
    return p == pattern_size;
}

/* The parameter's path or that of a module above it. */
static bool matches_above(const char *pattern, size_t size, const char *path)
{
    for (size_t end = strcspn(path, ".");; end += 1 + strcspn(path + end + 1, ".")) {
        if (matches(pattern, size, path, end)) return true;
        if (!path[end]) return false;
    }
}

static const char separators[] = " ,\t\n";

/* The next pattern of the list at *list, its bytes; 0 at the end. */
static size_t next_pattern(const char **list)
{
    *list += strspn(*list, separators);
    return strcspn(*list, separators);
}

static bool is_matrix(const Param *param)
{
    return param->value->ndim >= 2 && tensor_count(param->value) > 0;
}

bool prune_selects(const char *patterns, const Param *param)
{
    size_t size;
    if (!is_matrix(param)) return false;
    for (const char *at = patterns; (size = next_pattern(&at)); at += size)
        if (matches_above(at, size, param->path)) return true;
    return false;
}

typedef struct Search {
    const char *pattern;
    size_t size;
    const char **names; /* of all parameters */
    size_t count;
    const Param *found; /* that the pattern names; the last one */
    bool matrix;        /* one of them is a matrix */
} Search;

static Status search_param(void *context, Param *param)
{
    Search *search = context;
    search->names[search->count++] = param->path;
    if (!matches_above(search->pattern, search->size, param->path)) return STATUS_OK;
    search->found = param;
    search->matrix |= is_matrix(param);
    return STATUS_OK;
}

static Status refuse_pattern(const Model *model, const Search *search)
{
    char name[OPTION_TEXT_SIZE] = {0};
    memcpy(name, search->pattern, search->size < sizeof name ? search->size : sizeof name - 1);
    if (search->found)
        return status_fail(STATUS_INVALID, "prune: '%s' names no matrix; biases and norms are not pruned", name);
    const char *near = names_nearest(name, search->names, search->count, sizeof *search->names);
    return near ? status_fail(STATUS_INVALID, "prune: model '%s' has no parameter '%s'; did you mean '%s'?",
                              model->name, name, near)
                : status_fail(STATUS_INVALID,
                              "prune: model '%s' has no parameter '%s'; summary(run.model) shows their paths",
                              model->name, name);
}

static Status check_patterns(const Model *model, const char *patterns)
{
    Search search = {0};
    TRY(memory_new((size_t)module_count_params(model->root) + 1, sizeof *search.names, &search.names));
    Status status = STATUS_OK;
    const char *at = patterns;
    if (!next_pattern(&at))
        status = status_fail(STATUS_INVALID, "prune: params names nothing; '*' is all matrices");
    for (size_t size; status == STATUS_OK && (size = next_pattern(&at)); at += size) {
        search = (Search){.pattern = at, .size = size, .names = search.names};
        status = module_each_param(model->root, search_param, &search);
        if (status == STATUS_OK && !search.matrix) status = refuse_pattern(model, &search);
    }
    memory_free(search.names);
    return status;
}

/* --- plans --- */

enum { BINS = 1 << 16, CHUNK = 4096 };

typedef struct Planning {
    PrunePlan *plan;
    const char *patterns;
    PruneHow how;
} Planning;

static Status make_room(PruneRow *row, PruneHow how)
{
    Param *param = row->param;
    if (how == PRUNE_LOOK) return STATUS_OK;
    TRY(tensor_new_like(NULL, param->value, &row->mask));
    if (how == PRUNE_IN_PLACE) TRY(tensor_own(param->value));
    if (how == PRUNE_BESIDE) TRY(tensor_clone(NULL, param->value, &row->value));
    for (int i = 0; i < PARAM_STATES; i++) {
        if (!param->state[i]) continue;
        TRY(how == PRUNE_IN_PLACE ? tensor_own(param->state[i])
                                  : tensor_clone(NULL, param->state[i], &row->state[i]));
    }
    return STATUS_OK;
}

static Status plan_param(void *context, Param *param)
{
    Planning *planning = context;
    PrunePlan *plan = planning->plan;
    if (!prune_selects(planning->patterns, param)) return STATUS_OK;
    PruneRow *row = &plan->rows[plan->count++];
    *row = (PruneRow){.param = param, .weights = tensor_count(param->value), .before = param->pruned};
    plan->weights += row->weights;
    plan->before += row->before;
    return make_room(row, planning->how);
}

static Status fill_plan(const Model *model, const PruneConfig *config, PruneHow how, PrunePlan *out)
{
    Planning planning = {out, config->params, how};
    if (how != PRUNE_IN_PLACE) TRY(check_patterns(model, config->params));
    TRY(memory_new((size_t)module_count_params(model->root) + 1, sizeof *out->rows, &out->rows));
    TRY(memory_new(BINS, sizeof *out->histogram, &out->histogram));
    return module_each_param(model->root, plan_param, &planning);
}

Status prune_plan(const Model *model, const PruneConfig *config, RandomKey key, PruneHow how, PrunePlan *out)
{
    *out = (PrunePlan){.criterion = criterion_records[config->criterion],
                       .scope = (PruneScope)config->scope,
                       .key = random_subkey_name(key, model->name)};
    Status status = fill_plan(model, config, how, out);
    if (status != STATUS_OK) prune_clear(out);
    return status;
}

void prune_clear(PrunePlan *plan)
{
    for (int r = 0; r < plan->count; r++) {
        tensor_unref(plan->rows[r].mask);
        tensor_unref(plan->rows[r].value);
        for (int i = 0; i < PARAM_STATES; i++) tensor_unref(plan->rows[r].state[i]);
    }
    memory_free(plan->rows);
    memory_free(plan->histogram);
    *plan = (PrunePlan){0};
}

/* --- choosing: scores are 0 or more, so the order of their bits is theirs. The one up to which weights go is found
 * in two passes, first by the upper half of the bits, then by the lower. --- */

typedef struct Scores {
    uint32_t bits[CHUNK];
    bool pruned[CHUNK]; /* before */
    int64_t count;
} Scores;

static void read_scores(const PrunePlan *plan, const PruneRow *row, int64_t from, Scores *out)
{
    const float *mask = row->param->mask ? TENSOR_F32(row->param->mask) + from : NULL;
    float values[CHUNK];
    out->count = row->weights - from < CHUNK ? row->weights - from : CHUNK;
    plan->criterion->score(row->param, plan->key, from, out->count, values);
    memcpy(out->bits, values, (size_t)out->count * sizeof *values);
    for (int64_t i = 0; i < out->count; i++) out->pruned[i] = mask && mask[i] == 0;
}

/* Which weights go: those whose score lies below 'bits', and so many of those with just this score. */
typedef struct Limit {
    uint32_t bits;
    int64_t ties;
} Limit;

/* Counts the weights that live by a half of their bits; of the lower half only those with this upper one. */
static void count_scores(const PrunePlan *plan, const PruneRow *rows, int count, int64_t upper)
{
    Scores scores;
    memset(plan->histogram, 0, BINS * sizeof *plan->histogram);
    for (int r = 0; r < count; r++)
        for (int64_t from = 0; from < rows[r].weights; from += CHUNK) {
            read_scores(plan, &rows[r], from, &scores);
            for (int64_t i = 0; i < scores.count; i++) {
                if (scores.pruned[i] || (upper >= 0 && scores.bits[i] >> 16 != (uint32_t)upper)) continue;
                plan->histogram[upper < 0 ? scores.bits[i] >> 16 : scores.bits[i] & (BINS - 1)]++;
            }
        }
}

/* The bin in which the n-th of the counted scores lies (n from 1); n becomes its place in there. */
static uint32_t find_bin(const PrunePlan *plan, int64_t *n)
{
    uint32_t bin = 0;
    while (bin < BINS - 1 && *n > plan->histogram[bin]) *n -= plan->histogram[bin++];
    return bin;
}

static Limit find_limit(const PrunePlan *plan, const PruneRow *rows, int count, int64_t more)
{
    if (more <= 0) return (Limit){0, 0};
    count_scores(plan, rows, count, -1);
    uint32_t upper = find_bin(plan, &more);
    count_scores(plan, rows, count, upper);
    uint32_t lower = find_bin(plan, &more);
    return (Limit){upper << 16 | lower, more};
}

/* Fills in the mask and how many go. */
static void mark(const PrunePlan *plan, PruneRow *row, Limit *limit)
{
    Scores scores;
    float *mask = row->mask ? TENSOR_F32(row->mask) : NULL;
    row->after = 0;
    for (int64_t from = 0; from < row->weights; from += CHUNK) {
        read_scores(plan, row, from, &scores);
        for (int64_t i = 0; i < scores.count; i++) {
            bool tie = !scores.pruned[i] && scores.bits[i] == limit->bits && limit->ties > 0;
            bool goes = scores.pruned[i] || scores.bits[i] < limit->bits || tie;
            limit->ties -= tie;
            row->after += goes;
            if (mask) mask[from + i] = goes ? 0 : 1;
        }
    }
}

/* The weights to prune: never all. */
static int64_t quota(int64_t weights, double sparsity)
{
    int64_t wanted = (int64_t)floor((double)weights * sparsity + 1e-6);
    return wanted < weights ? wanted : weights - 1;
}

static void choose(const PrunePlan *plan, PruneRow *rows, int count, double sparsity)
{
    int64_t weights = 0, before = 0;
    for (int r = 0; r < count; r++) {
        weights += rows[r].weights;
        before += rows[r].before;
    }
    Limit limit = find_limit(plan, rows, count, quota(weights, sparsity) - before);
    for (int r = 0; r < count; r++) mark(plan, &rows[r], &limit);
}

void prune_choose(PrunePlan *plan, double sparsity)
{
    if (plan->scope == PRUNE_GLOBAL) choose(plan, plan->rows, plan->count, sparsity);
    plan->after = 0;
    for (int r = 0; r < plan->count; r++) {
        if (plan->scope == PRUNE_LAYER) choose(plan, &plan->rows[r], 1, sparsity);
        plan->after += plan->rows[r].after;
    }
}

void prune_choose_none(PrunePlan *plan)
{
    plan->after = 0;
    for (int r = 0; r < plan->count; r++) {
        plan->rows[r].after = 0;
        tensor_unref(plan->rows[r].mask);
        plan->rows[r].mask = NULL;
    }
}

/* --- carrying out --- */

static void clear_pruned(Tensor *tensor, const Tensor *mask)
{
    float *values = TENSOR_F32(tensor);
    const float *kept = TENSOR_F32(mask);
    for (int64_t i = 0, n = tensor_count(tensor); i < n; i++) values[i] = kept[i] == 0 ? 0 : values[i];
}

/* What was there goes where the new tensors were, to be freed with the plan. */
static void carry_out(PruneRow *row)
{
    Param *param = row->param;
    clear_pruned(row->value ? row->value : param->value, row->mask);
    if (row->value) tensor_swap_storage(param->value, row->value);
    for (int i = 0; i < PARAM_STATES; i++) {
        if (!param->state[i]) continue;
        clear_pruned(row->state[i] ? row->state[i] : param->state[i], row->mask);
        if (row->state[i]) tensor_swap_storage(param->state[i], row->state[i]);
    }
    param_changed(param);
}

void prune_carry_out(PrunePlan *plan)
{
    for (int r = 0; r < plan->count; r++) {
        PruneRow *row = &plan->rows[r];
        if (row->mask && row->param->mask && row->before == row->after) continue;
        if (row->mask) carry_out(row);
        param_set_mask(row->param, row->mask);
        row->mask = NULL;
    }
}
