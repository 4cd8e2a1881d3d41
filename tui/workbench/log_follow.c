/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/log_follow.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/json.h"
#include "engine/io/run_log.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST_BYTES = 2 << 20, BLOCK = 1 << 16, LONGEST_REST = 1 << 16 };

static const Style level_styles[LOG_LEVELS] = {
    [LOG_PRINTED] = STYLE_DIM, [LOG_LINE] = STYLE_HEADING, [LOG_NOTE] = STYLE_TEXT,
    [LOG_EDIT] = STYLE_MARK,   [LOG_WARNING] = STYLE_WARN, [LOG_ERROR] = STYLE_BAD,
};

Status log_follow_begin(const char *directory, LogFollow *out)
{
    *out = (LogFollow){.entries.file = -1, .printed.file = -1};
    TRY(file_join(directory, "log.jsonl", &out->entries_path));
    return file_join(directory, "log.txt", &out->printed_path);
}

static void end_file(LogFile *file)
{
    if (file->file >= 0) close(file->file);
    buffer_free(&file->rest);
}

void log_follow_end(LogFollow *follow)
{
    end_file(&follow->entries);
    end_file(&follow->printed);
    memory_free(follow->entries_path);
    memory_free(follow->printed_path);
    *follow = (LogFollow){.entries.file = -1, .printed.file = -1};
}

/* --- files --- */

static off_t size_of(const LogFile *file)
{
    struct stat info;
    return file->file >= 0 && fstat(file->file, &info) == 0 ? info.st_size : 0;
}

/* Beyond the most, from a line's beginning on. */
static void open_file(LogFile *file, const char *path)
{
    char byte = '\n';
    if (file->file >= 0) return;
    file->file = open(path, O_RDONLY | O_CLOEXEC);
    off_t size = size_of(file);
    if (size <= MOST_BYTES) return;
    file->at = size - MOST_BYTES;
    while (file->at < size && pread(file->file, &byte, 1, file->at - 1) == 1 && byte != '\n') file->at++;
}

typedef struct LineTaker {
    Status (*take)(void *context, const char *line);
    void *context;
} LineTaker;

/* Whole lines of what waits; of a rest that grows without an end, its beginning. */
static Status take_lines(Buffer *rest, const LineTaker *taker)
{
    size_t at = 0;
    Status status = STATUS_OK;
    for (char *end; status == STATUS_OK && (end = memchr(rest->data + at, '\n', rest->length - at));) {
        size_t next = (size_t)(end - rest->data) + 1;
        *end = '\0';
        if (next - 1 > at && end[-1] == '\r') end[-1] = '\0';
        status = taker->take(taker->context, rest->data + at);
        at = next;
    }
    if (at) memmove(rest->data, rest->data + at, rest->length - at);
    rest->length -= at;
    if (rest->length > LONGEST_REST) rest->length = LONGEST_REST;
    return status;
}

/* Reads on, up to 'end'. */
static Status read_to(LogFile *file, off_t end, const LineTaker *taker)
{
    char block[BLOCK];
    while (file->file >= 0 && file->at < end) {
        size_t wanted = end - file->at < BLOCK ? (size_t)(end - file->at) : BLOCK;
        ssize_t got = pread(file->file, block, wanted, file->at);
        if (got <= 0) break;
        TRY(buffer_append(&file->rest, block, (size_t)got));
        file->at += got;
        TRY(take_lines(&file->rest, taker));
    }
    return STATUS_OK;
}

/* --- lines --- */

typedef struct Reading {
    LogFollow *follow;
    Scroll *log;
    ScrollStamp stamp; /* of what was printed */
} Reading;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* A line of its own where another day begins. */
static Status add_day(LogFollow *follow, double time, Scroll *log)
{
    struct tm before = {0}, here;
    time_t last = (time_t)follow->last.time, seconds = (time_t)time;
    char text[32];
    if (time <= 0 || !localtime_r(&seconds, &here)) return STATUS_OK;
    bool known = last > 0 && localtime_r(&last, &before);
    if (known && before.tm_yday == here.tm_yday && before.tm_year == here.tm_year) return STATUS_OK;
    strftime(text, sizeof text, "--- %Y-%m-%d ---", &here);
    return scroll_stamped(log, STYLE_DIM, text, &(ScrollStamp){.level = LOG_ERROR});
}

static Status add_line(LogFollow *follow, const ScrollStamp *stamp, const char *text, Scroll *log)
{
    int level = stamp->level >= 0 && stamp->level < LOG_LEVELS ? stamp->level : LOG_NOTE;
    TRY(add_day(follow, stamp->time, log));
    follow->last = *stamp;
    return scroll_stamped(log, level_styles[level], text, stamp);
}

static bool is_recent(const LogFollow *follow, uint64_t hash)
{
    int count = follow->recent_count < LOG_RECENT ? follow->recent_count : LOG_RECENT;
    for (int i = 0; i < count; i++)
        if (follow->recent[i] == hash) return true;
    return false;
}

/* What was drawn over, as bars are, is not shown. */
static Status take_printed(void *context, const char *line)
{
    Reading *reading = context;
    const char *last = strrchr(line, '\r');
    if (last && last[1]) line = last + 1;
    if (is_recent(reading->follow, hash_bytes(line, strlen(line)).low)) return STATUS_OK;
    return add_line(reading->follow, &reading->stamp, line, reading->log);
}

static Status read_printed(LogFollow *follow, off_t end, const ScrollStamp *stamp, Scroll *log)
{
    Reading reading = {follow, log, *stamp};
    reading.stamp.level = LOG_PRINTED;
    return read_to(&follow->printed, end, &(LineTaker){take_printed, &reading});
}

static Status add_entry(LogFollow *follow, const json_t *entry, Scroll *log)
{
    const char *text = json_string_value(json_object_get(entry, "text"));
    const char *level = json_string_value(json_object_get(entry, "level"));
    ScrollStamp stamp = {.time = json_number_value(json_object_get(entry, "time")),
                         .step = json_integer_value(json_object_get(entry, "step")),
                         .level = log_level_of(level ? level : "")};
    off_t printed = (off_t)json_integer_value(json_object_get(entry, "out"));
    TRY(read_printed(follow, printed, &stamp, log));
    if (!text) return STATUS_OK;
    follow->recent[follow->recent_count++ % LOG_RECENT] = hash_bytes(text, strlen(text)).low;
    if (stamp.step < follow->evaluated) follow->evaluation[0] = '\0';
    if (strncmp(text, "valid ", 6) == 0) {
        snprintf(follow->evaluation, sizeof follow->evaluation, "%s", text);
        follow->evaluated = stamp.step;
    }
    return add_line(follow, &stamp, text, log);
}

/* A line that is no entry (torn by a full disk) is passed over. */
static Status take_entry(void *context, const char *line)
{
    Reading *reading = context;
    json_t *entry;
    Status status = json_parse("log.jsonl", line, strlen(line), &entry);
    if (status == STATUS_NOMEM) return status;
    if (status != STATUS_OK) return STATUS_OK;
    status = add_entry(reading->follow, entry, reading->log);
    json_decref(entry);
    return status;
}

Status log_follow_read(LogFollow *follow, int64_t step, Scroll *log)
{
    Reading reading = {.follow = follow, .log = log};
    if (!follow->printed_path) return STATUS_OK;
    open_file(&follow->entries, follow->entries_path);
    open_file(&follow->printed, follow->printed_path);
    TRY(read_to(&follow->entries, size_of(&follow->entries), &(LineTaker){take_entry, &reading}));
    ScrollStamp stamp = follow->last;
    if (step >= 0) stamp = (ScrollStamp){.time = now(), .step = step};
    return read_printed(follow, size_of(&follow->printed), &stamp, log);
}

Status log_follow_add(LogFollow *follow, int level, int64_t step, const char *text, Scroll *log)
{
    return add_line(follow, &(ScrollStamp){.time = now(), .step = step, .level = level}, text, log);
}
