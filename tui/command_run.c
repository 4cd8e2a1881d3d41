/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lathe run RECIPE, lathe run --resume DIR */
#include "engine/base/cancel.h"
#include "engine/base/memory.h"
#include "engine/base/signals.h"
#include "engine/base/threads.h"
#include "engine/io/checkpoints.h"
#include "engine/kernels/blas_core.h"
#include "engine/train/run.h"
#include "scripts/bind_data.h"
#include "scripts/bind_history.h"
#include "scripts/bind_session.h"
#include "tui/progress.h"
#include "tui/run_setup.h"
#include "tui/samples.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEEP_CHECKPOINTS = 3, PASSING_BATCHES = 20, SAMPLES = 5 };

/* A run on its way, for the callbacks. */
typedef struct Live {
    RunSetup setup;
    RunDirectory *directory;
    Progress progress;
    Evaluation last;
    bool evaluated;
} Live;

static volatile sig_atomic_t stopped_by; /* the first signal */

/* A terminal that is closed may say so twice; only who asks twice to stop leaves at once. */
static void on_signal(int number)
{
    static const char words[] = "\nleft at once; the last checkpoint stands\n";
    if (!stopped_by) stopped_by = number;
    if (cancel_requested() && number != SIGHUP) {
        ssize_t written = write(STDERR_FILENO, words, sizeof words - 1);
        (void)written;
        _exit(128 + number);
    }
    cancel_request();
}

/* A run under nohup goes on when the terminal is closed. */
static void catch_signals(void)
{
    struct sigaction before;
    signals_catch(SIGINT, on_signal, NULL);
    signals_catch(SIGTERM, on_signal, NULL);
    signals_catch(SIGHUP, on_signal, &before);
    if (before.sa_handler == SIG_IGN) sigaction(SIGHUP, &before, NULL);
}

/* --- reports --- */

static Status step(void *context, Session *session, StepMetrics *out)
{
    return bind_step(((Live *)context)->setup.host, session, out);
}

static Status stepped(void *context, const Session *session, const StepMetrics *metrics)
{
    Live *live = context;
    progress_step(&live->progress, session, metrics);
    return bind_history(live->setup.host, "stepped", live->directory, live->setup.session);
}

static void preparing(void *context, const char *what, int64_t done, int64_t all)
{
    progress_task(&((Live *)context)->progress, what, done, all);
}

static void evaluating(void *context, int64_t done, int64_t all)
{
    progress_task(&((Live *)context)->progress, "evaluating", done, all);
}

static void evaluated(void *context, const Session *session, const Evaluation *evaluation, bool last)
{
    Live *live = context;
    live->last = *evaluation;
    live->evaluated = true;
    if (last || !live->progress.terminal) progress_evaluation(&live->progress, session, evaluation);
}

static void print_head(const Live *live, FILE *out)
{
    const Session *session = live->setup.session;
    char number[32];
    fprintf(out, "%s  %s -> %s  %d threads, OpenBLAS %s, seed %llu\n", PACKAGE_STRING, live->setup.recipe_path,
            run_directory_path(live->directory), threads_count(), blas_core_name(),
            (unsigned long long)live->setup.seed);
    for (int i = 0; i < session->source_count; i++)
        fprintf(out, "data   %s: %s\n", session->sources[i].name, session->sources[i].source->doc);
    for (int i = 0; i < session->model_count; i++)
        fprintf(out, "model  %s: %s, %s parameters\n", session->models[i]->name, session->models[i]->record->name,
                progress_number(module_count_weights(session->models[i]->root), number));
    fflush(out);
}

/* --- the two ways in --- */

static Status start(Live *live, const Arguments *arguments)
{
    char *path = NULL;
    TRY(run_setup_recipe(arguments, &live->setup));
    if (arguments->out)
        TRY(memory_copy_text(arguments->out, &path));
    else
        TRY(run_setup_new_path(&live->setup, &path));
    Status status = run_directory_create(path, &live->directory);
    memory_free(path);
    TRY(status);
    TRY(run_setup_build(&live->setup, arguments->steps));
    TRY(run_setup_write(&live->setup, live->directory));
    return bind_history(live->setup.host, "begin", live->directory, live->setup.session);
}

/* The same bits come out only of the same parts. */
static Status warn_of_differences(const char *path)
{
    Buffer words = {0};
    Status status = run_setup_differences(path, &words);
    if (status == STATUS_OK && words.length)
        fprintf(stderr, "lathe: the results may differ in their last bits from an uninterrupted run's:\n%s",
                words.data);
    buffer_free(&words);
    return status;
}

/* Refuses where all are damaged or one is newer than this program; *skipped says which are damaged. */
static Status check_checkpoints(const RunDirectory *directory, char *skipped)
{
    Checkpoint checkpoint;
    TRY(checkpoints_newest(run_directory_path(directory), &checkpoint));
    memcpy(skipped, checkpoint.skipped, sizeof checkpoint.skipped);
    checkpoint_close(&checkpoint);
    return STATUS_OK;
}

static Status go_on(Live *live, const Arguments *arguments)
{
    char skipped[CHECKPOINTS_TEXT_SIZE];
    TRY(run_directory_resume(arguments->resume, &live->directory));
    TRY(warn_of_differences(arguments->resume));
    TRY(run_setup_directory(arguments->resume, &live->setup));
    TRY(check_checkpoints(live->directory, skipped));
    if (skipped[0]) fprintf(stderr, "lathe: %s\n", skipped);
    return bind_history(live->setup.host, "resume", live->directory, live->setup.session);
}

static bool on_terminal(const Arguments *arguments, FILE *out)
{
    const char *term = getenv("TERM");
    return isatty(fileno(out)) && !arguments->plain && !arguments->json && !(term && strcmp(term, "dumb") == 0);
}

static Status train(Live *live, FILE *out)
{
    Session *session = live->setup.session;
    RunOptions options = {.keep = KEEP_CHECKPOINTS,
                          .evaluate_batches = PASSING_BATCHES,
                          .step = step,
                          .stepped = stepped,
                          .evaluating = evaluating,
                          .evaluated = evaluated,
                          .context = live};
    progress_finish(&live->progress);
    print_head(live, out);
    live->progress = progress_new(out, live->progress.terminal, session, 0);
    Status status = run_train(session, live->directory, &options);
    progress_finish(&live->progress);
    TRY(status);
    TRY(bind_history(live->setup.host, "finish", live->directory, session));
    return samples_masks(session, SAMPLES, out);
}

static int usage(const char *words)
{
    fprintf(stderr, "lathe: %s\n", words);
    return EXIT_USAGE;
}

static int print_recipe_help(const Arguments *arguments)
{
    RunSetup setup;
    Buffer text = {0};
    Status status = run_setup_recipe(arguments, &setup);
    if (status == STATUS_OK) status = recipe_help(setup.recipe, &text);
    if (status == STATUS_OK) fputs(text.data, stdout);
    buffer_free(&text);
    int result = status == STATUS_OK ? 0 : command_fail(status);
    run_setup_free(&setup);
    return result;
}

static Status print_json(const Live *live)
{
    json_t *document;
    Buffer text = {0};
    TRY(json_new_object(&document));
    Status status = json_set_text(document, "directory", run_directory_path(live->directory));
    if (status == STATUS_OK) status = json_set_integer(document, "step", live->setup.session->step);
    if (status == STATUS_OK && live->evaluated) status = evaluation_json(&live->last, document);
    if (status == STATUS_OK) status = json_print(document, 2, &text);
    if (status == STATUS_OK) puts(text.data);
    buffer_free(&text);
    json_decref(document);
    return status;
}

int command_run(const Arguments *arguments)
{
    if (arguments->resume && (arguments->name_count || arguments->set_count || arguments->out ||
                              arguments->seed >= 0 || arguments->steps >= 0))
        return usage("--resume goes on with a run as it is: it takes no recipe, --set, --out, --seed or --steps");
    if (!arguments->resume && !arguments->name_count)
        return usage("run takes a recipe, or --resume DIR; 'lathe run --help' explains");
    if (arguments->help) return print_recipe_help(arguments);
    Live live = {0};
    catch_signals();
    FILE *out = arguments->json ? stderr : stdout;
    live.progress = (Progress){.out = out, .terminal = on_terminal(arguments, out)};
    bind_set_progress(preparing, &live);
    Status status = arguments->resume ? go_on(&live, arguments) : start(&live, arguments);
    if (status == STATUS_OK) status = train(&live, out);
    progress_finish(&live.progress);
    if (status == STATUS_OK && arguments->json) status = print_json(&live);
    int result = status == STATUS_OK ? 0 : command_fail(status);
    if (status == STATUS_CANCELLED && stopped_by) result = 128 + stopped_by;
    if (status == STATUS_CANCELLED && live.directory)
        fprintf(stderr, "saved at step %lld; go on with: lathe run --resume %s\n",
                (long long)live.setup.session->step, run_directory_path(live.directory));
    run_directory_abandon(live.directory);
    run_setup_free(&live.setup);
    return result;
}
