/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/run_log.h"

#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/json.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LONGEST = 2048 }; /* bytes of a text; the rest is left off */
static const double stamp_seconds = 1;

const char *const log_level_names[LOG_LEVELS] = {"printed", "line", "note", "edit", "warning", "error"};

LogLevel log_level_of(const char *name)
{
    for (int i = 0; i < LOG_LEVELS; i++)
        if (strcmp(log_level_names[i], name) == 0) return (LogLevel)i;
    return LOG_NOTE;
}

struct RunLog {
    char *printed; /* the path of log.txt */
    int file;
    pthread_mutex_t lock; /* of what follows */
    bool torn;            /* the last line could not be written whole */
    off_t out;            /* as it was last told, -1: never */
    double told;          /* when */
};

Status run_log_open(const char *directory, RunLog **out)
{
    RunLog *log;
    char *path;
    TRY(memory_new(1, sizeof *log, &log));
    *log = (RunLog){.file = -1, .out = -1};
    pthread_mutex_init(&log->lock, NULL);
    Status status = file_join(directory, "log.txt", &log->printed);
    if (status == STATUS_OK) status = file_join(directory, "log.jsonl", &path);
    if (status == STATUS_OK) {
        log->file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        if (log->file < 0) status = file_fail(path, "opened", errno);
        memory_free(path);
    }
    if (status == STATUS_OK)
        *out = log;
    else
        run_log_close(log);
    return status;
}

void run_log_close(RunLog *log)
{
    if (!log) return;
    if (log->file >= 0) close(log->file);
    pthread_mutex_destroy(&log->lock);
    memory_free(log->printed);
    memory_free(log);
}

/* How long log.txt is, -1 where standard output is something else. */
static off_t printed_bytes(const RunLog *log)
{
    struct stat own, file;
    if (fstat(STDOUT_FILENO, &own) != 0 || !S_ISREG(own.st_mode) || stat(log->printed, &file) != 0) return -1;
    return own.st_ino == file.st_ino && own.st_dev == file.st_dev ? own.st_size : -1;
}

static Status print_entry(LogLevel level, int64_t step, off_t out, const char *text, Buffer *line)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    TRY(buffer_printf(line, "{\"time\": %lld.%03ld, \"step\": %" PRId64, (long long)now.tv_sec,
                      now.tv_nsec / 1000000, step));
    if (out >= 0) TRY(buffer_printf(line, ", \"out\": %lld", (long long)out));
    if (text) {
        TRY(buffer_printf(line, ", \"level\": \"%s\", \"text\": ", log_level_names[level]));
        TRY(json_print_text(text, strlen(text), line));
    }
    return buffer_text(line, "}\n");
}

/* With the lock held. One call writes the line, so that nobody reads another's inside of it. */
static void put(RunLog *log, LogLevel level, int64_t step, off_t out, const char *text)
{
    Buffer line = {0};
    if (print_entry(level, step, out, text, &line) == STATUS_OK) {
        if (log->torn && write(log->file, "\n", 1) == 1) log->torn = false;
        ssize_t written = write(log->file, line.data, line.length);
        log->torn |= written > 0 && written < (ssize_t)line.length;
    }
    buffer_free(&line);
    log->out = out;
    log->told = clock_seconds();
}

void run_log_put(RunLog *log, LogLevel level, int64_t step, const char *format, ...)
{
    char text[LONGEST];
    va_list list;
    if (!log) return;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    fflush(stdout);
    pthread_mutex_lock(&log->lock);
    put(log, level, step, printed_bytes(log), text);
    pthread_mutex_unlock(&log->lock);
}

void run_log_stamp(RunLog *log, int64_t step)
{
    if (!log) return;
    pthread_mutex_lock(&log->lock);
    if (clock_seconds() - log->told >= stamp_seconds) {
        fflush(stdout);
        off_t out = printed_bytes(log);
        if (out > log->out) put(log, LOG_PRINTED, step, out, NULL);
        log->told = clock_seconds();
    }
    pthread_mutex_unlock(&log->lock);
}
