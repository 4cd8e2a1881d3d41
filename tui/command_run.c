/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lathe run RECIPE, lathe run --resume DIR, and with --look a run that is over */
#include "engine/base/cancel.h"
#include "engine/base/memory.h"
#include "engine/base/signals.h"
#include "engine/base/thousands.h"
#include "engine/base/threads.h"
#include "engine/io/checkpoints.h"
#include "engine/io/file.h"
#include "engine/kernels/blas_core.h"
#include "engine/train/run.h"
#include "scripts/bind_data.h"
#include "scripts/bind_history.h"
#include "scripts/bind_session.h"
#include "tui/detach.h"
#include "tui/progress.h"
#include "tui/run_setup.h"
#include "tui/samples.h"
#include "tui/server.h"
#include "tui/workbench/attend.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PASSING_BATCHES = 20, SAMPLES = 5, WRITTEN = 200 };

/* A run on its way, for the callbacks. */
typedef struct Live {
    RunSetup setup;
    RunDirectory *directory;
    Progress progress;
    Evaluation last;
    Server *server;     /* NULL: nobody can attach */
    int64_t saved_step; /* -1: nothing was saved */
    int64_t stop;       /* where the recipe says to leave, -1: nowhere */
    bool evaluated, terminal, moved, piped, training, trained, at_stop;
    bool stays; /* in the background: who attaches finds it where it is, also after a step that failed */
} Live;

static volatile sig_atomic_t stopped_by; /* the first signal */
static volatile sig_atomic_t hung_up;

/* The terminal was closed: training goes on. */
static void on_hangup(int number)
{
    (void)number;
    hung_up = 1;
}

static void on_signal(int number)
{
    static const char words[] = "\nleft at once; the last checkpoint stands\n";
    if (!stopped_by) stopped_by = number;
    if (cancel_training_requested()) {
        ssize_t written = write(STDERR_FILENO, words, sizeof words - 1);
        (void)written;
        _exit(128 + number);
    }
    cancel_request();
}

static void catch_signals(void)
{
    signals_catch(SIGINT, on_signal, NULL);
    signals_catch(SIGTERM, on_signal, NULL);
    signals_catch(SIGUSR1, on_signal, NULL);
    signals_catch(SIGHUP, on_hangup, NULL);
    signal(SIGPIPE, SIG_IGN); /* who reads the lines may leave: the run saves then, too */
}

/* What is written to a terminal that is gone fails, so it goes to the run's log.txt from now on. */
static void leave_terminal(Live *live)
{
    char *path;
    hung_up = 0;
    if (live->moved || !live->terminal || !live->directory) return;
    live->moved = true;
    if (file_join(run_directory_path(live->directory), "log.txt", &path) != STATUS_OK) return;
    FILE *out = freopen(path, "a", stdout), *errors = freopen(path, "a", stderr);
    memory_free(path);
    live->progress.terminal = live->progress.drawn = false;
    if (out) puts("the terminal was closed; the run goes on here"), fflush(out);
    if (errors) setvbuf(errors, NULL, _IONBF, 0);
}

/* --- reports --- */

static void tell_log(const Live *live, LogLevel level, const char *words)
{
    if (!live->directory || !live->setup.session) return; /* it did not come to be */
    run_log_put(run_directory_log(live->directory), level, live->setup.session->step, "%s", words);
}

static Status boundary(void *context, Session *session)
{
    Live *live = context;
    if (hung_up) leave_terminal(live);
    TRY(bind_history(live->setup.host, "due", live->directory, live->setup.session));
    TRY(server_boundary(live->server));
    TRY(bind_history(live->setup.host, "due", live->directory, live->setup.session)); /* after a rewind */
    live->at_stop = session->step == live->stop;
    if (!live->at_stop) return STATUS_OK;
    return status_fail(STATUS_CANCELLED, "the recipe stops at step %lld", (long long)session->step);
}

static Status step(void *context, Session *session, StepMetrics *out)
{
    return bind_step(((Live *)context)->setup.host, session, out);
}

static Status stepped(void *context, const Session *session, const StepMetrics *metrics)
{
    Live *live = context;
    progress_step(&live->progress, session, metrics);
    server_step(live->server, session, metrics);
    if (ferror(live->progress.out) && live->piped) /* a terminal that is gone says so by SIGHUP */
        return status_fail(STATUS_IO, "nothing can be printed any more: the pipe was closed, or the disk is full");
    return bind_history_tell(live->setup.host, "stepped", live->directory, live->setup.session);
}

static Status saved(void *context, const Session *session)
{
    Live *live = context;
    live->saved_step = session->step;
    tell_log(live, LOG_NOTE, "a checkpoint is saved");
    return bind_history_tell(live->setup.host, "saved", live->directory, live->setup.session);
}

static void working(void *context, const char *what, int64_t done, int64_t all)
{
    Live *live = context;
    progress_task(&live->progress, what, done, all);
    server_task(live->server, what, done, all);
}

static void evaluating(void *context, int64_t done, int64_t all)
{
    working(context, "evaluating", done, all);
    server_poll_lines(((Live *)context)->server);
}

static void evaluated(void *context, const Session *session, const Evaluation *evaluation, bool last)
{
    Live *live = context;
    char text[PROGRESS_LINE];
    live->last = *evaluation;
    live->evaluated = true;
    progress_evaluation(session, evaluation, text, sizeof text);
    tell_log(live, LOG_NOTE, text);
    server_evaluation(live->server, session, evaluation, text);
    if (last || !live->progress.terminal) progress_line(&live->progress, text);
    if (last) progress_confusion(&live->progress, evaluation);
}

static void told(void *context, const char *words)
{
    Live *live = context;
    tell_log(live, LOG_NOTE, words);
    progress_line(&live->progress, words);
}

/* Pauses where somebody can do something about it, now or later. */
static bool failed(void *context, const Session *session)
{
    Live *live = context;
    bool awaited = session->on_nonfinite == ON_FAILURE_PAUSE || live->stays || server_has_clients(live->server);
    char message[2048];
    if (session->on_nonfinite == ON_FAILURE_STOP || !awaited) return false;
    snprintf(message, sizeof message, "%s", status_message());
    if (!server_pause_failed(live->server, message)) return false;
    told(live, message);
    told(live, "the run is paused there: 'lathe attach' gives a prompt on it");
    return true;
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
                thousands(module_count_weights(session->models[i]->root), number));
    fflush(out);
}

/* --- the ways in --- */

/* Before the session is built, so that somebody can look on. Without a socket a run trains all the same. */
static Status listen_for_clients(Live *live, const Arguments *arguments)
{
    if (arguments->no_socket) return STATUS_OK;
    Status status = server_open(live->setup.host, live->directory, arguments->look, &live->server);
    if (status == STATUS_OK || arguments->look) return status;
    fprintf(stderr, "lathe: nobody can attach to this run: %s\n", status_message());
    return STATUS_OK;
}

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
    TRY(listen_for_clients(live, arguments));
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
    buffer_clear(&words);
    if (status == STATUS_OK) status = run_setup_changes(path, &words);
    if (status == STATUS_OK && words.length)
        fprintf(stderr, "lathe: the results may differ from an uninterrupted run's:\n%s", words.data);
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
    int64_t steps;
    TRY(run_directory_resume(arguments->resume, &live->directory));
    if (!arguments->look) TRY(warn_of_differences(arguments->resume));
    TRY(run_setup_load(arguments->resume, false, &live->setup, &steps));
    TRY(listen_for_clients(live, arguments));
    TRY(run_setup_build(&live->setup, steps));
    TRY(check_checkpoints(live->directory, skipped));
    if (skipped[0]) fprintf(stderr, "lathe: %s\n", skipped);
    const char *how = arguments->look ? "look" : "resume";
    return bind_history(live->setup.host, how, live->directory, live->setup.session);
}

/* A run that goes on from there, or from behind it, does not stop again. */
static Status find_stop(Live *live)
{
    TRY(recipe_setting(live->setup.recipe, "stop", &live->stop));
    if (live->stop <= live->setup.session->step) live->stop = -1;
    return STATUS_OK;
}

static bool on_terminal(const Arguments *arguments, FILE *out)
{
    const char *term = getenv("TERM");
    return isatty(fileno(out)) && !arguments->plain && !arguments->json && !(term && strcmp(term, "dumb") == 0);
}

static Status train(Live *live, FILE *out)
{
    Session *session = live->setup.session;
    RunOptions options = {.evaluate_batches = PASSING_BATCHES,
                          .step = step,
                          .boundary = boundary,
                          .failed = failed,
                          .stepped = stepped,
                          .saved = saved,
                          .evaluating = evaluating,
                          .evaluated = evaluated,
                          .told = told,
                          .context = live};
    progress_finish(&live->progress);
    tell_log(live, LOG_NOTE, session->step ? "training goes on" : "training begins");
    print_head(live, out);
    live->progress = progress_new(out, live->progress.terminal, session, 0);
    live->training = true;
    Status status = run_train(session, live->directory, &options);
    progress_finish(&live->progress);
    TRY(status);
    live->trained = true; /* whatever comes now */
    TRY(bind_history_tell(live->setup.host, "finish", live->directory, session));
    TRY(samples_text(session, WRITTEN, out));
    return samples_masks(session, SAMPLES, false, out);
}

/* A recipe may say what must have come out. */
static Status check_results(const Live *live)
{
    MetricsStore *store;
    TRY(run_directory_open_metrics(run_directory_path(live->directory), &store));
    Status status = recipe_check(live->setup.recipe, store);
    metrics_close(store);
    return status;
}

static Status pause_at_start(const Live *live)
{
    if (!live->server) return status_fail(STATUS_INVALID, "--paused: nobody can attach, so nobody could go on");
    server_pause(live->server, "before the next step");
    return STATUS_OK;
}

/* Asked to by stop() or SIGUSR1. */
static bool left_in_peace(const Live *live, Status status)
{
    return status == STATUS_CANCELLED && (live->at_stop || server_stopped(live->server) || stopped_by == SIGUSR1);
}

static void tell_end(Live *live, Status status)
{
    char words[600], step[THOUSANDS_BYTES];
    thousands(live->setup.session ? live->setup.session->step : 0, step);
    if (status == STATUS_OK)
        snprintf(words, sizeof words, "the run is finished at step %s", step);
    else if (status == STATUS_CANCELLED && !live->setup.session)
        snprintf(words, sizeof words, "the run was stopped before it began");
    else if (status == STATUS_CANCELLED)
        snprintf(words, sizeof words, "the run was stopped; saved at step %s", step);
    else
        snprintf(words, sizeof words, "the run failed: %.500s", status_message());
    const char *end = status == STATUS_OK ? "finished" : status == STATUS_CANCELLED ? "stopped" : "failed";
    char message[2048]; /* what the caller has to report */
    snprintf(message, sizeof message, "%s", status_message());
    tell_log(live, strcmp(end, "failed") == 0 ? LOG_ERROR : LOG_NOTE, words);
    server_stop(live->server, end, words);
    live->server = NULL;
    if (status != STATUS_OK) status_fail(status, "%s", message);
}

/* Whether the run got so far that it can go on: --resume finds what it needs. */
static bool is_begun(const Live *live)
{
    char *path;
    if (!live->directory || file_join(run_directory_path(live->directory), "config.json", &path) != STATUS_OK)
        return false;
    bool there = file_exists(path);
    memory_free(path);
    return there;
}

static void say_how_to_go_on(const Live *live, Status status)
{
    const char *path = run_directory_path(live->directory);
    char step[THOUSANDS_BYTES];
    if (live->saved_step >= 0) fprintf(stderr, "saved at step %s; ", thousands(live->saved_step, step));
    if (status == STATUS_LUA) fprintf(stderr, "mend %s/recipe.lua; ", path);
    fprintf(stderr, "go on with: lathe run --resume %s\n", path);
}

/* Prints what went wrong, and how to go on. */
static int report_end(Live *live, Status status, bool peaceful)
{
    int result = status == STATUS_OK || peaceful ? 0 : command_fail(status);
    if (status == STATUS_CANCELLED && stopped_by && !peaceful) result = 128 + stopped_by;
    bool broken_off = live->training ? !live->trained : status == STATUS_CANCELLED;
    if (status != STATUS_OK && broken_off && is_begun(live)) say_how_to_go_on(live, status);
    return result;
}

/* The directory is named here, so that who started the run knows it. */
static int run_elsewhere(const Arguments *arguments,
                         int (*begin)(const Arguments *arguments, const char *directory))
{
    RunSetup setup = {0};
    char *path = NULL;
    const char *given = arguments->resume ? arguments->resume : arguments->out;
    Status status = arguments->resume ? STATUS_OK : run_setup_recipe(arguments, &setup);
    if (status == STATUS_OK) status = given ? memory_copy_text(given, &path) : run_setup_new_path(&setup, &path);
    run_setup_free(&setup);
    int result = status == STATUS_OK ? begin(arguments, path) : command_fail(status);
    memory_free(path);
    return result;
}

static int show_run(const Arguments *arguments, const char *directory)
{
    DetachedRun run;
    int code = 0;
    Status status = detach_start(arguments, directory, &run);
    if (status == STATUS_OK) status = attend_run(directory, &run, &code);
    if (status != STATUS_OK) return command_fail(status);
    if (code && !arguments->resume) detach_discard(&run, directory);
    return code;
}

/* Holds the run's last state for those who attach. Nothing of the run is written. */
static int look_at(const Arguments *arguments)
{
    Live live = {0};
    catch_signals();
    bind_set_progress(working, &live);
    live.progress.out = stdout;
    Status status = go_on(&live, arguments);
    if (status == STATUS_OK) status = server_begin(live.server, live.setup.session);
    if (status == STATUS_OK) status = server_serve(live.server);
    int result = status == STATUS_OK || status == STATUS_CANCELLED ? 0 : command_fail(status);
    server_stop(live.server, result ? "failed" : "stopped",
                result ? status_message() : "the run is looked at no more");
    run_directory_close(live.directory);
    run_setup_free(&live.setup);
    return result;
}

static bool wants_workbench(const Arguments *arguments)
{
    return !arguments->plain && !arguments->json && !arguments->no_socket && attend_possible();
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
    if (arguments->paused && arguments->no_socket)
        return usage("--paused waits for somebody to attach, which --no-socket forbids");
    if (arguments->detach && arguments->json) return usage("--json waits for the result; --detach does not");
    if (!arguments->resume && !arguments->name_count)
        return usage("run takes a recipe, or --resume DIR; 'lathe run --help' explains");
    if (arguments->look && (!arguments->resume || arguments->no_socket))
        return usage("--look holds the state of the run that --resume DIR names, for 'lathe attach'");
    if (arguments->help) return print_recipe_help(arguments);
    if (arguments->look) return look_at(arguments);
    if (arguments->detach) return run_elsewhere(arguments, detach_run);
    if (wants_workbench(arguments)) return run_elsewhere(arguments, show_run);
    Live live = {.terminal = isatty(STDOUT_FILENO) || isatty(STDERR_FILENO),
                 .saved_step = -1,
                 .stop = -1,
                 .stays = arguments->stay};
    catch_signals();
    setvbuf(stdout, NULL, _IOLBF, 0); /* a log is read while it is written */
    FILE *out = arguments->json ? stderr : stdout;
    live.piped = !isatty(fileno(out));
    live.progress = (Progress){.out = out, .terminal = on_terminal(arguments, out)};
    bind_set_progress(working, &live);
    Status status = arguments->resume ? go_on(&live, arguments) : start(&live, arguments);
    if (status == STATUS_OK) status = find_stop(&live);
    if (status == STATUS_OK) status = server_begin(live.server, live.setup.session);
    if (status == STATUS_OK && arguments->paused) status = pause_at_start(&live);
    if (status == STATUS_OK) status = train(&live, out);
    progress_finish(&live.progress);
    if (status == STATUS_OK && arguments->json) status = print_json(&live);
    if (status == STATUS_OK) status = check_results(&live);
    bool peaceful = left_in_peace(&live, status);
    tell_end(&live, status);
    int result = report_end(&live, status, peaceful);
    run_directory_abandon(live.directory);
    run_setup_free(&live.setup);
    return result;
}
