/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/detach.h"

#include "engine/base/memory.h"
#include "engine/base/signals.h"
#include "engine/io/file.h"
#include "engine/io/run_directory.h"
#include "tui/client.h"
#include "tui/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_WORDS = 24 + 2 * COMMAND_MAX_SETS, NUMBER_SIZE = 24, LOOK_MICROSECONDS = 50000 };

extern char **environ;

typedef struct Words {
    char *list[MOST_WORDS];
    char numbers[4][NUMBER_SIZE];
    int count, number_count;
} Words;

static void add(Words *words, const char *word)
{
    words->list[words->count++] = (char *)word; /* posix_spawn() does not write to it */
}

static void add_number(Words *words, const char *flag, int64_t value)
{
    if (value < 0) return;
    char *text = words->numbers[words->number_count++];
    snprintf(text, NUMBER_SIZE, "%lld", (long long)value);
    add(words, flag);
    add(words, text);
}

static void command_line(const Arguments *arguments, const char *directory, Words *out)
{
    add(out, "lathe");
    add(out, "run");
    add(out, "--plain");
    add(out, arguments->resume ? "--resume" : "--out");
    add(out, directory);
    add(out, "--stay");
    if (arguments->paused) add(out, "--paused");
    for (int i = 0; i < arguments->set_count; i++) {
        add(out, "--set");
        add(out, arguments->sets[i]);
    }
    add_number(out, "--seed", arguments->seed);
    add_number(out, "--steps", arguments->steps);
    add_number(out, "--threads", arguments->threads);
    if (arguments->no_socket) add(out, "--no-socket");
    if (arguments->look) add(out, "--look");
    add_number(out, "--lua-memory", arguments->lua_memory);
    if (arguments->resume) return;
    add(out, "--");
    add(out, arguments->names[0]);
}

/* A new process, not a fork that goes on: OpenMP's threads would be missing in one. */
static Status start(const Arguments *arguments, const char *directory, DetachedRun *out)
{
    Words words = {0};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    command_line(arguments, directory, &words);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    int error = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!error) error = posix_spawn_file_actions_adddup2(&files, out->words, STDOUT_FILENO);
    if (!error) error = posix_spawn_file_actions_adddup2(&files, out->words, STDERR_FILENO);
    if (!error) error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    if (!error) error = posix_spawn(&out->process, "/proc/self/exe", &files, &attributes, words.list, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    if (!error) return STATUS_OK;
    out->process = 0;
    detach_forget(out);
    return status_fail(STATUS_IO, "%s: the run cannot be started: %s", directory, strerror(error));
}

static Status open_log(const char *directory, DetachedRun *out)
{
    char *path;
    out->made = !file_exists(directory);
    TRY(file_make_directory(directory, true));
    TRY(file_join(directory, "log.txt", &path));
    out->words = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    Status status = out->words < 0 ? file_fail(path, "opened", errno) : STATUS_OK;
    memory_free(path);
    if (status == STATUS_OK) out->from = lseek(out->words, 0, SEEK_END);
    return status;
}

Status detach_start(const Arguments *arguments, const char *directory, DetachedRun *out)
{
    *out = (DetachedRun){.words = -1};
    TRY(open_log(directory, out));
    return start(arguments, directory, out);
}

/* Its words go to a file without a name: nothing is written to the run. */
Status detach_look(const char *directory, DetachedRun *out)
{
    Arguments arguments = command_nothing();
    arguments.resume = directory;
    arguments.look = true;
    *out = (DetachedRun){.words = memfd_create("lathe-look", MFD_CLOEXEC)};
    if (out->words < 0) return status_fail(STATUS_IO, "no file for a new process: %s", strerror(errno));
    return start(&arguments, directory, out);
}

bool detach_ended(DetachedRun *run)
{
    int status;
    if (run->process && waitpid(run->process, &status, WNOHANG) == run->process) {
        run->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        run->process = 0;
    }
    return !run->process;
}

void detach_end(const DetachedRun *run)
{
    if (run->process) kill(run->process, SIGTERM);
}

void detach_dismiss(DetachedRun *run)
{
    enum { LOOKS = 100 };
    detach_end(run);
    for (int i = 0; i < LOOKS && !detach_ended(run); i++) usleep(LOOK_MICROSECONDS);
}

Status detach_words(const DetachedRun *run, Buffer *out)
{
    char block[4096];
    off_t at = run->from;
    for (ssize_t got; run->words >= 0 && (got = pread(run->words, block, sizeof block, at)) > 0; at += got)
        TRY(buffer_append(out, block, (size_t)got));
    return STATUS_OK;
}

void detach_forget(DetachedRun *run)
{
    if (run->words >= 0) close(run->words);
    *run = (DetachedRun){.words = -1};
}

void detach_discard(const DetachedRun *run, const char *directory)
{
    char *log;
    if (run_directory_in_use(directory) || run_directory_is_run(directory)) return;
    if (run->from == 0 && file_join(directory, "log.txt", &log) == STATUS_OK) {
        unlink(log);
        memory_free(log);
    }
    if (run->made) rmdir(directory); /* where it is empty */
}

/* --- lathe run --detach --- */

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

/* A question that is answered as soon as the session is there. */
static Status ask_whether_it_trains(Client *client)
{
    return client_send(client, &(WireMessage){.type = WIRE_LOOK, .id = 1, .text = "return"});
}

/* Follows the run while it is built. */
static Status follow(Client *client, Progress *progress, bool *trains)
{
    WireMessage message;
    bool got;
    TRY(client_next(client, 100, &message, &got));
    if (!got) return STATUS_OK;
    *trains = message.type == WIRE_DONE;
    if (message.type == WIRE_TASK && message.text[0])
        progress_task(progress, message.text, message.step, message.steps);
    Status status = message.type == WIRE_BYE ? status_fail(STATUS_INVALID, "%s", message.text) : STATUS_OK;
    wire_clear(&message);
    return status;
}

/* Until it trains or has ended, or somebody interrupts. */
static bool await_training(DetachedRun *run, const char *directory, bool socket)
{
    Client client = {.socket = -1};
    Progress progress = {.out = stdout, .terminal = isatty(STDOUT_FILENO)};
    bool trains = false, ended = false;
    while (!trains && !interrupted && !ended) {
        ended = detach_ended(run);
        if (!socket) {
            trains = run_directory_is_run(directory) && run_directory_in_use(directory);
        } else if (client.socket >= 0) {
            if (follow(&client, &progress, &trains) != STATUS_OK) client_close(&client);
        } else if (client_open(directory, false, &client) != STATUS_OK ||
                   ask_whether_it_trains(&client) != STATUS_OK) {
            client_close(&client);
        }
        if (client.socket < 0 && !ended) usleep(LOOK_MICROSECONDS);
    }
    client_close(&client);
    progress_finish(&progress);
    return trains;
}

/* Waits for it, with Ctrl-C at hand. */
static bool await_with_signals(DetachedRun *run, const char *directory, bool socket)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction before[3];
    for (int i = 0; i < 3; i++) signals_catch(signals[i], on_signal, &before[i]);
    bool trains = await_training(run, directory, socket);
    for (int i = 0; i < 3; i++) sigaction(signals[i], &before[i], NULL);
    return trains;
}

static int tell_start(const Arguments *arguments, const char *directory, DetachedRun *run, bool trains)
{
    long process = (long)run->process;
    Buffer words = {0};
    if (trains) {
        printf("started in the background, process %ld, log in %s/log.txt\n"
               "  lathe attach %s           the workbench on it\n"
               "  lathe attach --plain %s   follows it\n",
               process, directory, directory, directory);
        return 0;
    }
    if (process) {
        printf("it goes on starting in the background, process %ld\n"
               "  lathe attach %s   the workbench on it\n"
               "  kill %ld   ends it\n",
               process, directory, process);
        return EXIT_INTERRUPTED;
    }
    if (run->code == 0) {
        printf("the run is over already; its log is %s/log.txt\n", directory);
        return 0;
    }
    if (detach_words(run, &words) == STATUS_OK && words.length) fwrite(words.data, 1, words.length, stderr);
    buffer_free(&words);
    if (!arguments->resume) detach_discard(run, directory);
    return run->code;
}

int detach_run(const Arguments *arguments, const char *directory)
{
    DetachedRun run;
    Status status = detach_start(arguments, directory, &run);
    if (status != STATUS_OK) return command_fail(status);
    bool trains = await_with_signals(&run, directory, !arguments->no_socket);
    int code = tell_start(arguments, directory, &run, trains);
    detach_forget(&run);
    return code;
}
