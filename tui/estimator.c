/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/estimator.h"

#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/json.h"
#include "scripts/recipe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_WORDS = 16 + 2 * COMMAND_MAX_SETS, MOST_TEXT = 1 << 16, MOST_KEPT = 500, NICE = 19 };

extern char **environ;

/* --- what is known --- */

static Status put_question(const Arguments *arguments, Buffer *out)
{
    char host[64] = "";
    gethostname(host, sizeof host - 1);
    TRY(buffer_printf(out, "%s %s %lld", PACKAGE_STRING, host, (long long)arguments->threads));
    for (int i = 0; i < arguments->set_count; i++) TRY(buffer_printf(out, "\n%s", arguments->sets[i]));
    return STATUS_OK;
}

Status estimator_key(const Arguments *arguments, Hash *out)
{
    Buffer text = {0};
    Hash recipe;
    Status status = recipe_find(arguments->names[0], &text);
    if (status == STATUS_OK) status = hash_file(text.data, &recipe);
    buffer_clear(&text);
    if (status == STATUS_OK) status = put_question(arguments, &text);
    if (status == STATUS_OK) *out = hash_combine(recipe, hash_bytes(text.data, text.length));
    buffer_free(&text);
    return status;
}

/* Empty where there is no place for it. */
static Status cache_path(Buffer *out)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && *cache) return buffer_printf(out, "%s/lathe/times.json", cache);
    if (home && *home) return buffer_printf(out, "%s/.cache/lathe/times.json", home);
    return buffer_text(out, "");
}

/* An empty object where there is nothing that can be read. */
static Status read_cache(const char *path, json_t **out)
{
    if (*path && file_exists(path) && json_read(path, MOST_TEXT, out) == STATUS_OK) {
        if (json_is_object(*out) && json_object_size(*out) < MOST_KEPT) return STATUS_OK;
        json_decref(*out);
    }
    return json_new_object(out);
}

double estimator_known(Hash key)
{
    Buffer path = {0};
    json_t *cache = NULL;
    char name[HASH_TEXT_SIZE];
    hash_text(key, name);
    Status status = cache_path(&path);
    if (status == STATUS_OK) status = read_cache(path.data, &cache);
    double seconds = status == STATUS_OK ? json_number_value(json_object_get(cache, name)) : 0;
    json_decref(cache);
    buffer_free(&path);
    return seconds;
}

static Status store(const char *path, Hash key, double seconds)
{
    char name[HASH_TEXT_SIZE], *folder;
    json_t *cache;
    if (!*path) return STATUS_OK;
    hash_text(key, name);
    TRY(file_parent(path, &folder));
    Status status = file_make_directory(folder, true);
    memory_free(folder);
    TRY(status);
    TRY(read_cache(path, &cache));
    status = json_set_number(cache, name, seconds);
    if (status == STATUS_OK) status = json_write(path, cache);
    json_decref(cache);
    return status;
}

/* A convenience: where it cannot be kept it is measured again. */
static void keep(Hash key, double seconds)
{
    Buffer path = {0};
    Status status = cache_path(&path);
    if (status == STATUS_OK) status = store(path.data, key, seconds);
    (void)status;
    buffer_free(&path);
}

/* --- measuring --- */

static void command_line(const Arguments *arguments, char number[24], char **words)
{
    int count = 0;
    words[count++] = (char *)"lathe"; /* posix_spawn() writes to none of them */
    words[count++] = (char *)"estimate";
    words[count++] = (char *)"--json";
    for (int i = 0; i < arguments->set_count; i++) {
        words[count++] = (char *)"--set";
        words[count++] = (char *)arguments->sets[i];
    }
    if (arguments->threads > 0) {
        snprintf(number, 24, "%lld", (long long)arguments->threads);
        words[count++] = (char *)"--threads";
        words[count++] = number;
    }
    words[count++] = (char *)"--";
    words[count++] = (char *)arguments->names[0];
    words[count] = NULL;
}

static int spawn(const Arguments *arguments, int output, pid_t *out)
{
    char *words[MOST_WORDS], number[24];
    posix_spawn_file_actions_t files;
    command_line(arguments, number, words);
    posix_spawn_file_actions_init(&files);
    int error = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!error) error = posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    if (!error) error = posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO);
    if (!error) error = posix_spawn(out, "/proc/self/exe", &files, NULL, words, environ);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

Status estimator_ask(Estimator *estimator, const Arguments *arguments, Hash key)
{
    int ends[2];
    pid_t process;
    estimator_stop(estimator);
    if (pipe2(ends, O_CLOEXEC) != 0) return status_fail(STATUS_IO, "no pipe for an estimate: %s", strerror(errno));
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    int error = spawn(arguments, ends[1], &process);
    close(ends[1]);
    if (error) {
        close(ends[0]);
        return status_fail(STATUS_IO, "an estimate cannot be started: %s", strerror(error));
    }
    setpriority(PRIO_PROCESS, (id_t)process, NICE); /* what trains goes first */
    *estimator = (Estimator){.process = process, .output = ends[0], .key = key};
    return STATUS_OK;
}

/* True: it has said all. */
static bool read_output(Estimator *estimator)
{
    char block[4096];
    ssize_t got;
    while ((got = read(estimator->output, block, sizeof block)) > 0) {
        bool room = estimator->text.length < MOST_TEXT;
        if (room && buffer_append(&estimator->text, block, (size_t)got) != STATUS_OK) return true;
    }
    return got == 0;
}

static double seconds_of(const Buffer *text)
{
    const char *begin = text->data ? strchr(text->data, '{') : NULL;
    json_t *object;
    if (!begin || json_parse("estimate", begin, strlen(begin), &object) != STATUS_OK) return 0;
    double seconds = json_number_value(json_object_get(object, "run_seconds"));
    json_decref(object);
    return seconds;
}

/* The line that says what went wrong. */
static void take_trouble(const Buffer *text, char *out, size_t size)
{
    static const char head[] = "lathe: ";
    const char *line = text->data ? text->data : "", *found = strstr(line, head);
    if (found) line = found + sizeof head - 1;
    snprintf(out, size, "%.*s", (int)strcspn(line, "\n"), line);
    if (!*out) snprintf(out, size, "it could not be measured");
}

bool estimator_poll(Estimator *estimator, double *seconds, char *trouble, size_t size)
{
    int status;
    *seconds = 0;
    trouble[0] = '\0';
    if (!estimator->process || !read_output(estimator)) return false;
    if (waitpid(estimator->process, &status, WNOHANG) != estimator->process) return false;
    estimator->process = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) *seconds = seconds_of(&estimator->text);
    if (*seconds > 0)
        keep(estimator->key, *seconds);
    else
        take_trouble(&estimator->text, trouble, size);
    estimator_stop(estimator);
    return true;
}

void estimator_stop(Estimator *estimator)
{
    if (estimator->process) {
        kill(estimator->process, SIGKILL); /* it holds nothing that would be lost */
        waitpid(estimator->process, NULL, 0);
    }
    if (estimator->output) close(estimator->output);
    buffer_free(&estimator->text);
    *estimator = (Estimator){0};
}
