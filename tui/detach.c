/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/detach.h"

#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "tui/address.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_WORDS = 24 + 2 * COMMAND_MAX_SETS, NUMBER_SIZE = 24 };
static const double patience_seconds = 60;

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
    add_number(out, "--lua-memory", arguments->lua_memory);
    if (arguments->resume) return;
    add(out, "--");
    add(out, arguments->names[0]);
}

/* A new process, not a fork that goes on: OpenMP's threads would be missing in one. */
static Status start(const Arguments *arguments, const char *directory, const char *log, pid_t *out)
{
    Words words = {0};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    command_line(arguments, directory, &words);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    int error = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!error)
        error = posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (!error) error = posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    if (!error) error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    if (!error) error = posix_spawn(out, "/proc/self/exe", &files, &attributes, words.list, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return error ? status_fail(STATUS_IO, "the run cannot be started (%s): %s", log, strerror(error)) : STATUS_OK;
}

/* True: somebody answers; false: the process has ended, with *code. */
static bool await_start(pid_t process, const char *directory, int *code)
{
    double until = clock_seconds() + patience_seconds;
    int socket, status;
    while (clock_seconds() < until) {
        if (waitpid(process, &status, WNOHANG) == process) {
            *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            return false;
        }
        if (address_connect(directory, &socket) == STATUS_OK) {
            close(socket);
            return true;
        }
        usleep(50000);
    }
    return true;
}

static void print_log(const char *log, FILE *out)
{
    Buffer text = {0};
    if (file_read_empty(log, 0, &text) == STATUS_OK && text.length) fwrite(text.data, 1, text.length, out);
    buffer_free(&text);
}

static Status start_and_await(const Arguments *arguments, const char *directory, const char *log, DetachedRun *out)
{
    bool logged = file_exists(log), made = !file_exists(directory);
    TRY(file_make_directory(directory, true));
    TRY(start(arguments, directory, log, &out->process));
    out->listens = await_start(out->process, directory, &out->code);
    if (out->listens || out->code == 0) return STATUS_OK;
    print_log(log, stderr);
    if (!arguments->resume && !logged) unlink(log);
    if (!arguments->resume && made) rmdir(directory); /* where it is empty */
    return STATUS_OK;
}

Status detach_start(const Arguments *arguments, const char *directory, DetachedRun *out)
{
    char *log;
    *out = (DetachedRun){0};
    TRY(file_join(directory, "log.txt", &log));
    Status status = start_and_await(arguments, directory, log, out);
    memory_free(log);
    return status;
}

Status detach_print_log(const char *directory)
{
    char *log;
    TRY(file_join(directory, "log.txt", &log));
    print_log(log, stdout);
    memory_free(log);
    return STATUS_OK;
}

int detach_run(const Arguments *arguments, const char *directory)
{
    DetachedRun run;
    Status status = detach_start(arguments, directory, &run);
    if (status != STATUS_OK) return command_fail(status);
    if (run.listens)
        printf("started in the background, process %ld, log in %s/log.txt\n"
               "  lathe attach %s           the workbench on it\n"
               "  lathe attach --plain %s   follows it\n",
               (long)run.process, directory, directory, directory);
    else if (run.code == 0)
        printf("the run is over already; its log is %s/log.txt\n", directory);
    return run.code;
}
