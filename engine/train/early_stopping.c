/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/train/early_stopping.h"

#include "engine/base/names.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { RISING = 3 }; /* evaluations in a row above the lowest */
static const double rise = 0.01;

bool metric_rises(const char *metric)
{
    const char *last = strrchr(metric, '.');
    last = last ? last + 1 : metric;
    return strcmp(last, "accuracy") == 0 || strcmp(last, "f1") == 0;
}

static bool is_name(const Session *session, const char *metric)
{
    char name[OPTION_TEXT_SIZE];
    for (int i = 0; i < session->objective_count; i++) {
        int length = snprintf(name, sizeof name, "valid.%s", session->objectives[i]->name);
        if (strncmp(metric, name, (size_t)length) != 0) continue;
        if (!metric[length] || strcmp(metric + length, ".accuracy") == 0) return true;
    }
    return false;
}

Status early_stopping_check(Session *session)
{
    const char *metric = session->early_stopping.metric;
    char names[SESSION_MAX_OBJECTIVES][OPTION_TEXT_SIZE];
    const char *list[SESSION_MAX_OBJECTIVES];
    if (session->early_stopping.patience == 0) return STATUS_OK;
    if (!session_source(session, "valid"))
        return status_fail(STATUS_INVALID, "early_stopping: there is no data source 'valid' to evaluate on");
    if (strcmp(metric, "valid") == 0 || is_name(session, metric)) return STATUS_OK;
    for (int i = 0; i < session->objective_count; i++) {
        snprintf(names[i], sizeof names[i], "valid.%s", session->objectives[i]->name);
        list[i] = names[i];
    }
    const char *near = names_nearest(metric, list, (size_t)session->objective_count, sizeof *list);
    return status_fail(STATUS_INVALID, "early_stopping: there is no metric '%.100s'; %s%s%s", metric,
                       near ? "did you mean '" : "there are valid, valid.NAME and valid.NAME.accuracy",
                       near ? near : "", near ? "'?" : " for each objective");
}

typedef struct Judging {
    const EarlyStopping *options;
    int64_t step;
    bool rises;
    EarlyStop *out;
} Judging;

static Status judge(void *context, int64_t step, double value)
{
    const Judging *judging = context;
    EarlyStop *out = judging->out;
    if (step > judging->step) return STATUS_OK;
    double better = judging->rises ? value - out->best : out->best - value;
    out->evaluations++;
    out->since++;
    if (!isnan(value) && (out->best_step < 0 || better > judging->options->min_delta)) {
        out->best = value;
        out->best_step = step;
        out->since = 0;
    }
    out->last = value;
    out->last_step = step;
    return STATUS_OK;
}

Status early_stop(const MetricsStore *store, const EarlyStopping *options, int64_t step, EarlyStop *out)
{
    *out = (EarlyStop){.best_step = -1, .last_step = -1, .best = (double)NAN, .last = (double)NAN};
    Judging judging = {options, step, metric_rises(options->metric), out};
    TRY(metrics_each(store, options->metric, 0, judge, &judging));
    out->stop = options->patience > 0 && out->since >= options->patience;
    return STATUS_OK;
}

/* --- overfitting --- */

typedef struct Valley {
    int64_t step, best_step, before_best, last_step, before_last;
    double best, last;
    int above; /* of the last evaluations in a row */
} Valley;

static Status walk(void *context, int64_t step, double value)
{
    Valley *valley = context;
    if (step > valley->step || isnan(value)) return STATUS_OK;
    if (valley->best_step < 0 || value < valley->best) {
        valley->best = value;
        valley->best_step = step;
        valley->before_best = valley->last_step;
    }
    valley->above = value > valley->best + rise * fabs(valley->best) ? valley->above + 1 : 0;
    valley->before_last = valley->last_step;
    valley->last_step = step;
    valley->last = value;
    return STATUS_OK;
}

/* The mean over the steps from 'after' to step. */
static Status mean(const MetricsStore *store, const char *name, int64_t after, int64_t step, double *out)
{
    MetricsSpan span;
    TRY(metrics_range(store, name, after + 1 > 0 ? after + 1 : 0, step, 1, &span));
    *out = span.count > span.nans ? span.sum / (double)(span.count - span.nans) : (double)NAN;
    return STATUS_OK;
}

Status find_overfitting(const MetricsStore *store, const char *valid, const char *training, int64_t step,
                        Overfitting *out)
{
    Valley valley = {.step = step, .best_step = -1, .last_step = -1, .before_best = -1, .before_last = -1};
    *out = (Overfitting){0};
    TRY(metrics_each(store, valid, 0, walk, &valley));
    if (valley.above < RISING) return STATUS_OK;
    TRY(mean(store, training, valley.before_best, valley.best_step, &out->training_before));
    TRY(mean(store, training, valley.before_last, valley.last_step, &out->training_last));
    out->found = out->training_last < out->training_before;
    out->step = valley.best_step;
    out->valid_best = valley.best;
    out->valid_last = valley.last;
    return STATUS_OK;
}
