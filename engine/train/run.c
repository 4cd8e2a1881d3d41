/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/train/run.h"

#include "engine/base/cancel.h"
#include "engine/base/memory.h"
#include "engine/io/checkpoints.h"
#include "engine/io/file.h"
#include "engine/io/pretrained.h"
#include "engine/io/weights.h"
#include "engine/train/checkpoint.h"
#include "engine/train/classes.h"
#include "engine/train/early_stopping.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_METRICS = SESSION_MAX_OBJECTIVES * 4 + SESSION_MAX_EXTRA + 10, NAME_SIZE = OBJECTIVE_NAME_SIZE + 24 };

typedef struct Run {
    Session *session;
    RunDirectory *directory;
    const RunOptions *options;
    double score;  /* of the last evaluation since the last checkpoint; NaN: none */
    bool improved; /* the last evaluation was the best one, whose weights may be asked for at the end */
    bool stopped;  /* early */
    bool behind;   /* the directory could not be written to: what is there does not fit the session's step */
} Run;

/* --- metrics --- */

typedef char MetricName[OBJECTIVE_NAME_SIZE + 10];

/* "KIND.OBJECTIVE" for each objective that has a value. */
static void add_metrics(const Session *session, const char *kind, const double *values, MetricName *names,
                        RunMetric *list, size_t *count)
{
    for (int i = 0; i < session->objective_count; i++) {
        if (isnan(values[i])) continue;
        snprintf(names[i], sizeof names[i], "%s.%s", kind, session->objectives[i]->name);
        list[(*count)++] = (RunMetric){names[i], values[i], 9};
    }
}

static Status put_metrics(const Run *run, const StepMetrics *metrics)
{
    MetricName names[3][SESSION_MAX_OBJECTIVES];
    RunMetric list[MAX_METRICS];
    size_t count = 0;
    if (!run->directory) return STATUS_OK;
    list[count++] = (RunMetric){"loss", metrics->loss, 9};
    add_metrics(run->session, "loss", metrics->objectives, names[0], list, &count);
    add_metrics(run->session, "accuracy", metrics->accuracies, names[1], list, &count);
    add_metrics(run->session, "lambda", metrics->lambdas, names[2], list, &count);
    list[count++] = (RunMetric){"lr", metrics->lr, 9};
    if (!isnan(metrics->sparsity)) list[count++] = (RunMetric){"sparsity", metrics->sparsity, 9};
    if (metrics->skipped) list[count++] = (RunMetric){"skipped", 1, 1};
    list[count++] = (RunMetric){"grad_norm", metrics->grad_norm, 9};
    list[count++] = (RunMetric){"tokens", (double)metrics->tokens, 15};
    list[count++] = (RunMetric){"tokens_per_second", (double)metrics->tokens / metrics->seconds, 6};
    list[count++] = (RunMetric){"seconds", metrics->seconds, 6};
    for (int i = 0; i < metrics->extra_count; i++)
        list[count++] = (RunMetric){metrics->extra[i].name, metrics->extra[i].value, 9};
    return run_directory_put_metrics(run->directory, metrics->step, list, count);
}

/* --- checkpoints --- */

static Status write_checkpoint(void *context, const char *directory, json_t *state)
{
    const Run *run = context;
    return checkpoint_write(run->session, directory, state);
}

static Status save_checkpoint(Run *run)
{
    const Session *session = run->session;
    if (!run->directory) return STATUS_OK;
    run->behind = true;
    TRY(run_directory_sync_metrics(run->directory));
    TRY(checkpoints_save(run_directory_path(run->directory), session->step, run->score, session->keep_checkpoints,
                         write_checkpoint, run));
    run->behind = false;
    run->score = (double)NAN;
    return run->options->saved ? run->options->saved(run->options->context, run->session) : STATUS_OK;
}

/* --- evaluation --- */

/* What checkpoints are judged by: the weighted held-out loss. */
static double score_of(const Session *session, const Evaluation *evaluation)
{
    double sum = 0;
    for (int i = 0; i < evaluation->count; i++)
        if (objective_active(session->objectives[i]) && !objective_target(session->objectives[i]))
            sum += session->objectives[i]->weight * evaluation->scores[i].loss;
    return sum;
}

/* "valid.mlm", "valid.mlm.accuracy", "valid.classify.f1" and the weighted sum "valid"; the last evaluation, of all
 * held-out data, is "final". */
static Status put_evaluation(const Run *run, const Evaluation *evaluation, const char *prefix)
{
    char names[3 * SESSION_MAX_OBJECTIVES][NAME_SIZE];
    RunMetric list[MAX_METRICS];
    size_t count = 0;
    for (int i = 0; i < evaluation->count; i++) {
        const Score *score = &evaluation->scores[i];
        if (isnan(score->loss) && isnan(score->accuracy)) continue;
        snprintf(names[count], NAME_SIZE, "%s.%s", prefix, score->name);
        list[count] = (RunMetric){names[count], score->loss, 9};
        count++;
        if (isnan(score->accuracy)) continue;
        snprintf(names[count], NAME_SIZE, "%s.%s.accuracy", prefix, score->name);
        list[count] = (RunMetric){names[count], score->accuracy, 9};
        count++;
        if (score->classes.count == 0 && score->answers.questions == 0) continue;
        snprintf(names[count], NAME_SIZE, "%s.%s.f1", prefix, score->name);
        list[count] = (RunMetric){names[count], score->classes.count ? score->classes.f1 : score->answers.f1, 9};
        count++;
    }
    list[count++] = (RunMetric){prefix, score_of(run->session, evaluation), 9};
    return run_directory_put_metrics(run->directory, run->session->step, list, count);
}

/* Whether the metrics have this step's evaluation: a finished run is looked at once more, say. */
static bool is_recorded(const Run *run, const char *name)
{
    MetricsStore *store;
    int64_t step = -1;
    double value;
    if (!run->directory) return false;
    if (run_directory_open_metrics(run_directory_path(run->directory), &store) != STATUS_OK) return false;
    bool known = metrics_last(store, name, &step, &value) && step == run->session->step;
    metrics_close(store);
    return known;
}

static Status record_evaluation(const Run *run, const Evaluation *evaluation, bool last)
{
    if (!run->directory || (last && is_recorded(run, "final"))) return STATUS_OK;
    TRY(put_evaluation(run, evaluation, last ? "final" : "valid"));
    return last ? run_directory_sync_metrics(run->directory) : STATUS_OK;
}

/* --- stopping early --- */

static void tell(const Run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(const Run *run, const char *format, ...)
{
    char words[512];
    va_list list;
    va_start(list, format);
    vsnprintf(words, sizeof words, format, list);
    va_end(list);
    if (run->options->told) run->options->told(run->options->context, words);
}

/* Looks at the evaluations so far, the last of which was at this step. */
static Status judge(Run *run)
{
    const EarlyStopping *options = &run->session->early_stopping;
    MetricsStore *store;
    EarlyStop found;
    if (options->patience == 0 || !run->directory) return STATUS_OK;
    TRY(run_directory_open_metrics(run_directory_path(run->directory), &store));
    Status status = early_stop(store, options, run->session->step, &found);
    metrics_close(store);
    TRY(status);
    if (found.last_step != run->session->step) return STATUS_OK;
    run->score = metric_rises(options->metric) ? -found.last : found.last;
    run->improved = found.best_step == run->session->step;
    if (!found.stop || run->session->step == run->session->steps) return STATUS_OK;
    run->stopped = true;
    tell(run, "early stopping at step %lld: %.80s was best at step %lld (%.4g), %lld evaluation%s ago",
         (long long)run->session->step, options->metric, (long long)found.best_step, found.best,
         (long long)found.since, found.since == 1 ? "" : "s");
    return STATUS_OK;
}

static Status tell_overfitting(const Run *run)
{
    const Session *session = run->session;
    MetricsStore *store;
    Status status = STATUS_OK;
    if (!run->directory || !session_source(run->session, "valid")) return STATUS_OK;
    TRY(run_directory_open_metrics(run_directory_path(run->directory), &store));
    for (int i = 0; i < session->objective_count && status == STATUS_OK; i++) {
        char valid[NAME_SIZE], training[NAME_SIZE];
        const char *name = session->objectives[i]->name;
        Overfitting found = {0};
        snprintf(valid, sizeof valid, "valid.%s", name);
        snprintf(training, sizeof training, "loss.%s", name);
        status = find_overfitting(store, valid, training, session->step, &found);
        if (status == STATUS_OK && found.found)
            tell(run,
                 "%s: overfitting began about step %lld: held-out loss %.3f there, %.3f now; training %.3f, %.3f",
                 name, (long long)found.step, found.valid_best, found.valid_last, found.training_before,
                 found.training_last);
    }
    metrics_close(store);
    return status;
}

/* --- an evaluation --- */

static Status evaluate_now(Run *run, bool last)
{
    const RunOptions *options = run->options;
    Evaluation evaluation;
    EvaluationOptions evaluation_options = {.source = "valid",
                                            .batches = last ? 0 : options->evaluate_batches,
                                            .baselines = last,
                                            .progress = options->evaluating,
                                            .context = options->context};
    if (!session_source(run->session, "valid")) return STATUS_OK;
    TRY(evaluate(run->session, &evaluation_options, &evaluation));
    run->score = score_of(run->session, &evaluation);
    TRY(record_evaluation(run, &evaluation, last));
    if (options->evaluated) options->evaluated(options->context, run->session, &evaluation, last);
    return last ? STATUS_OK : judge(run);
}

/* --- the loop --- */

static int64_t save_interval(const Session *session)
{
    if (session->checkpoint_every) return session->checkpoint_every;
    return session->steps < 10 ? 1 : session->steps / 10;
}

static bool evaluation_is_due(const Run *run)
{
    Session *session = run->session;
    int64_t look = session->evaluate_every ? session->evaluate_every : save_interval(session);
    return session->step < session->steps && session->step % look == 0 && session_source(session, "valid") &&
           !is_recorded(run, "valid");
}

static Status evaluate_and_save(Run *run)
{
    const Session *session = run->session;
    run->improved = false;
    if (evaluation_is_due(run)) TRY(evaluate_now(run, false));
    bool best = run->improved && session->early_stopping.restore_best;
    if (session->step == session->steps || best || run->stopped || session->step % save_interval(session) == 0)
        return save_checkpoint(run);
    return STATUS_OK;
}

static Status after_step(Run *run, const StepMetrics *metrics)
{
    const RunOptions *options = run->options;
    run->behind = true;
    TRY(put_metrics(run, metrics));
    run->behind = false;
    if (options->stepped) TRY(options->stepped(options->context, run->session, metrics));
    return evaluate_and_save(run);
}

/* A run that was stopped in an evaluation makes up for it; one that had stopped early does not go on. */
static Status go_on(Run *run)
{
    if (run->session->step == 0) return STATUS_OK;
    return evaluation_is_due(run) ? evaluate_and_save(run) : judge(run);
}

/* The run may stand where it is for long, so the state is saved. */
static Status wait_or_fail(Run *run, Status status)
{
    const RunOptions *options = run->options;
    if (status == STATUS_CANCELLED || !options->failed || !options->failed(options->context, run->session))
        return status;
    if (run->session->step > 0 && save_checkpoint(run) != STATUS_OK)
        tell(run, "the state could not be saved: %s", status_message());
    return STATUS_OK;
}

static Status run_steps(Run *run)
{
    Session *session = run->session;
    const RunOptions *options = run->options;
    for (;;) {
        StepMetrics metrics;
        if (options->boundary) TRY(options->boundary(options->context, session));
        if (session->step >= session->steps || run->stopped) return STATUS_OK;
        Status status =
            options->step ? options->step(options->context, session, &metrics) : session_step(session, &metrics);
        TRY(status == STATUS_OK ? after_step(run, &metrics) : wait_or_fail(run, status));
    }
}

/* A step that failed has left no trace, so the state is good and is saved; the failure's message stays. */
static Status save_and_fail(Run *run, Status status)
{
    char message[2048];
    bool worth = run->session->step > 0 || status == STATUS_CANCELLED;
    if (!worth || !run->directory || run->behind) return status;
    snprintf(message, sizeof message, "%s", status_message());
    cancel_clear();
    Status saved = save_checkpoint(run);
    if (saved != STATUS_OK) {
        Buffer both = {0};
        if (buffer_printf(&both, "%s; and the state could not be saved: %s", message, status_message()) ==
            STATUS_OK)
            status_fail(saved, "%s", both.data);
        buffer_free(&both);
        return saved;
    }
    return status_fail(status, "%s", message);
}

/* --- what stays at the end --- */

/* The vocabulary of the first text source: its tokenizer's own files, or one piece a line. */
static Status write_vocabulary(const Session *session, const char *directory)
{
    const Vocabulary *vocabulary = session->source_count ? session->sources[0].source->vocabulary : NULL;
    Buffer text = {0};
    char *path;
    if (!vocabulary || !vocabulary->pieces) return STATUS_OK;
    if (vocabulary->save) return vocabulary->save(vocabulary->tokenizer, directory);
    TRY(file_join(directory, "vocab.txt", &path));
    Status status = STATUS_OK;
    for (int64_t i = 0; i < vocabulary->size && status == STATUS_OK; i++)
        status = buffer_printf(&text, "%s\n", vocabulary->pieces[i]);
    if (status == STATUS_OK) status = file_write(path, text.data, text.length);
    buffer_free(&text);
    memory_free(path);
    return status;
}

static Status put_classes(const Session *session, const Model *model, json_t *out)
{
    int64_t count;
    json_t *list;
    const char *const *names = session_classes(session, model, &count);
    if (!names || !count) return STATUS_OK;
    TRY(json_new_object(&list));
    TRY(json_set(out, "id2label", list));
    for (int64_t i = 0; i < count; i++) {
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)i);
        TRY(json_set_text(list, number, names[i]));
    }
    return STATUS_OK;
}

/* The options with JSON's own types, "model_type" and "id2label", as Hugging Face's config.json has them. */
static Status model_config(const Session *session, const Model *model, json_t *out)
{
    char type[PRETRAINED_TYPE_SIZE];
    TRY(pretrained_type(model, type));
    TRY(json_set_text(out, "model_type", type));
    TRY(put_classes(session, model, out));
    for (const Option *option = model->record->options; option && option->name; option++)
        TRY(json_set_option(out, option, model->config));
    return STATUS_OK;
}

static Status write_model(const Session *session, const Model *model, const char *directory)
{
    char name[MODEL_NAME_SIZE + 24];
    char *path;
    json_t *config;
    snprintf(name, sizeof name, "%s.safetensors", model->name);
    TRY(file_join(directory, name, &path));
    Status status = weights_save(model, path, false);
    memory_free(path);
    TRY(status);
    snprintf(name, sizeof name, "%s.json", model->name);
    TRY(json_new_object(&config));
    status = model_config(session, model, config);
    if (status == STATUS_OK) status = json_write_in(directory, name, config);
    json_decref(config);
    return status;
}

static Status write_results(const Run *run)
{
    if (!run->directory) return STATUS_OK;
    const char *directory = run_directory_path(run->directory);
    TRY(write_vocabulary(run->session, directory));
    for (int i = 0; i < run->session->model_count; i++)
        TRY(write_model(run->session, run->session->models[i], directory));
    return STATUS_OK;
}

static Status load_models(const Session *session, const char *directory)
{
    for (int i = 0; i < session->model_count; i++) {
        char name[MODEL_NAME_SIZE + 24], *path;
        snprintf(name, sizeof name, "%s.safetensors", session->models[i]->name);
        TRY(file_join(directory, name, &path));
        Status status = weights_load(session->models[i], path);
        memory_free(path);
        TRY(status);
    }
    return STATUS_OK;
}

/* The weights of the best checkpoint, or those of the session's step again. */
static Status load_checkpoint_weights(const Run *run, bool best, int64_t *step)
{
    Checkpoint checkpoint = {0};
    const char *path = run_directory_path(run->directory);
    TRY(best ? checkpoints_best(path, &checkpoint) : checkpoints_open(path, run->session->step, &checkpoint));
    *step = checkpoint.step;
    Status status = checkpoint.step >= 0 ? load_models(run->session, checkpoint.path) : STATUS_OK;
    checkpoint_close(&checkpoint);
    return status;
}

static Status finish(Run *run)
{
    TRY(write_results(run));
    return evaluate_now(run, true);
}

/* The results are those of the best evaluation; the session's state stays what it is at its step. */
static Status finish_with_best(Run *run)
{
    int64_t step, now;
    TRY(load_checkpoint_weights(run, true, &step));
    Status status = finish(run);
    if (status == STATUS_OK)
        tell(run, "the final weights are those of step %lld, the best by %.80s", (long long)step,
             run->session->early_stopping.metric);
    return status == STATUS_OK ? load_checkpoint_weights(run, false, &now) : status;
}

Status run_train(Session *session, RunDirectory *directory, const RunOptions *options)
{
    Run run = {.session = session, .directory = directory, .options = options, .score = (double)NAN};
    const EarlyStopping *early = &session->early_stopping;
    TRY(session_check(session));
    TRY(early_stopping_check(session));
    Status status = go_on(&run);
    if (status == STATUS_OK) status = run_steps(&run);
    if (status != STATUS_OK) return save_and_fail(&run, status);
    TRY(tell_overfitting(&run));
    return directory && early->patience && early->restore_best ? finish_with_best(&run) : finish(&run);
}

static Status set_known(json_t *out, const char *key, double value)
{
    return isnan(value) ? STATUS_OK : json_set_number(out, key, value);
}

static Status put_answers(const AnswerScore *score, json_t *out)
{
    if (score->questions == 0) return STATUS_OK;
    TRY(json_set_integer(out, "questions", score->questions));
    TRY(json_set_number(out, "exact_match", score->exact_match));
    return json_set_number(out, "f1", score->f1);
}

static Status put_class(const ClassScores *scores, int64_t class, json_t *classes, json_t *confusion)
{
    json_t *entry, *row;
    ClassScore score = class_score(scores, class);
    TRY(json_new_object(&entry));
    TRY(json_append(classes, entry));
    if (scores->names) TRY(json_set_text(entry, "name", scores->names[class]));
    TRY(json_set_integer(entry, "examples", score.examples));
    TRY(json_set_number(entry, "precision", score.precision));
    TRY(json_set_number(entry, "recall", score.recall));
    TRY(json_set_number(entry, "f1", score.f1));
    TRY(json_new_array(&row));
    TRY(json_append(confusion, row));
    for (int64_t i = 0; i < scores->count; i++)
        TRY(json_append(row, json_integer((json_int_t)scores->confusion[class][i])));
    return STATUS_OK;
}

static Status put_class_scores(const ClassScores *scores, json_t *out)
{
    json_t *classes, *confusion;
    if (scores->count == 0) return STATUS_OK;
    TRY(json_set_number(out, "precision", scores->precision));
    TRY(json_set_number(out, "recall", scores->recall));
    TRY(json_set_number(out, "f1", scores->f1));
    if (scores->count > CONFUSION_CLASSES) return STATUS_OK;
    TRY(json_new_array(&classes));
    TRY(json_set(out, "classes", classes));
    TRY(json_new_array(&confusion));
    TRY(json_set(out, "confusion", confusion));
    for (int64_t i = 0; i < scores->count; i++) TRY(put_class(scores, i, classes, confusion));
    return STATUS_OK;
}

Status evaluation_json(const Evaluation *evaluation, json_t *out)
{
    json_t *valid, *entry;
    TRY(json_new_object(&valid));
    TRY(json_set(out, "valid", valid));
    for (int i = 0; i < evaluation->count; i++) {
        const Score *score = &evaluation->scores[i];
        TRY(json_new_object(&entry));
        TRY(json_set(valid, score->name, entry));
        TRY(json_set_integer(entry, "targets", score->targets));
        TRY(set_known(entry, "loss", score->loss));
        TRY(set_known(entry, "accuracy", score->accuracy));
        TRY(set_known(entry, "perplexity", score->perplexity));
        TRY(set_known(entry, "bits_per_byte", score->bits_per_byte));
        TRY(set_known(entry, "unigram_loss", score->unigram_loss));
        TRY(set_known(entry, "majority_accuracy", score->unigram_accuracy));
        TRY(put_class_scores(&score->classes, entry));
        TRY(put_answers(&score->answers, entry));
        if (!score->best_targets) continue;
        TRY(set_known(entry, "best_loss", score->best_loss));
        TRY(json_set_integer(entry, "best_targets", score->best_targets));
        TRY(set_known(entry, "loss_of_best_targets", score->known_loss));
    }
    return STATUS_OK;
}

/* --- going on --- */

Status run_resume(Session *session, RunDirectory *directory, char *skipped)
{
    Checkpoint checkpoint;
    const char *path = run_directory_path(directory);
    TRY(checkpoints_newest(path, &checkpoint));
    memcpy(skipped, checkpoint.skipped, sizeof checkpoint.skipped);
    Status status = STATUS_OK;
    if (checkpoint.step >= 0)
        status = checkpoint_read(session, checkpoint.path, checkpoint.state_path, checkpoint.state);
    /* Damaged ones that were passed over: they count among those that are kept, and may look like the best. */
    if (status == STATUS_OK && skipped[0]) status = checkpoints_remove_after(path, session->step);
    if (status == STATUS_OK) status = run_directory_cut_metrics(directory, session->step);
    checkpoint_close(&checkpoint);
    return status;
}

Status run_load_weights(Session *session, const char *path)
{
    Checkpoint checkpoint;
    char name[MODEL_NAME_SIZE + 24], *file;
    for (int i = 0; i < session->model_count; i++) {
        snprintf(name, sizeof name, "%s.safetensors", session->models[i]->name);
        TRY(file_join(path, name, &file));
        bool there = file_exists(file);
        Status status = there ? weights_load(session->models[i], file) : STATUS_OK;
        memory_free(file);
        TRY(status);
        if (there) continue;
        TRY(checkpoints_newest(path, &checkpoint));
        status = checkpoint.step < 0
                     ? status_fail(STATUS_INVALID,
                                   "%s: the run has no checkpoint yet: there is nothing to evaluate", path)
                     : checkpoint_read(session, checkpoint.path, checkpoint.state_path, checkpoint.state);
        checkpoint_close(&checkpoint);
        return status;
    }
    return STATUS_OK;
}
