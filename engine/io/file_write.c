/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/memory.h"
#include "engine/base/turns.h"
#include "engine/io/file.h"
#include "engine/io/file_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WRITER_CHUNK = 1 << 18, WRITER_PIECE = 1 << 21, SYNC_PIECE = 1 << 24 }; /* bytes; a turn after each piece */

struct FileWriter {
    int fd;
    char *path, *temporary; /* temporary is NULL where path itself is being written */
    char *chunk;            /* small puts are gathered here */
    size_t held;
    uint64_t size, synced;
};

static void writer_free(FileWriter *writer)
{
    if (writer->fd >= 0) close(writer->fd);
    memory_free(writer->path);
    memory_free(writer->temporary);
    memory_free(writer->chunk);
    memory_free(writer);
}

void file_writer_discard(FileWriter *writer)
{
    if (!writer) return;
    if (writer->fd >= 0) unlink(writer->temporary ? writer->temporary : writer->path);
    writer_free(writer);
}

/* ".name.tmp-PID-N" in the same directory; file_is_temporary() knows the form. */
static Status temporary_name(const char *path, unsigned attempt, char **out)
{
    char *parent, name[300];
    const char *last = file_name(path);
    TRY(file_parent(path, &parent));
    snprintf(name, sizeof name, ".%.*s.tmp-%ld-%u", (int)strcspn(last, "/") > 200 ? 200 : (int)strcspn(last, "/"),
             last, (long)getpid(), attempt);
    Status status = file_join(parent, name, out);
    memory_free(parent);
    return status;
}

/* Runs make(name) on temporary names until one is free. */
static Status make_temporary(const char *path, int (*make)(const char *name), int *result, char **out)
{
    for (unsigned attempt = 0;; attempt++) {
        TRY(temporary_name(path, attempt, out));
        *result = make(*out);
        if (*result >= 0) return STATUS_OK;
        int error = errno;
        memory_free(*out);
        *out = NULL;
        if (error != EEXIST || attempt > 10000) return file_fail(path, "written", error);
    }
}

static int make_file(const char *name)
{
    return system_open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
}

static int make_shared(const char *name)
{
    return system_open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW);
}

static int write_aside(int fd, const char *bytes, size_t length)
{
    for (size_t piece; length > 0; length -= piece, bytes += piece) {
        piece = length < WRITER_PIECE ? length : WRITER_PIECE;
        if (system_write(fd, bytes, piece) != 0) return -1;
        turns_give();
    }
    return 0;
}

Status file_put_aside(const char *directory, const void *bytes, size_t length, void **out)
{
    char *path, *name;
    int fd;
    TRY(file_join(directory, "aside", &path));
    Status status = make_temporary(path, make_shared, &fd, &name);
    memory_free(path);
    TRY(status);
    unlink(name);
    *out = MAP_FAILED;
    if (write_aside(fd, bytes, length) == 0) *out = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (*out == MAP_FAILED) status = file_fail(name, "written", errno);
    close(fd);
    memory_free(name);
    return status;
}

void file_put_back(void *data, size_t length)
{
    munmap(data, length);
}

static Status writer_start(FileWriter *writer, const char *path, bool in_place)
{
    TRY(memory_copy_text(path, &writer->path));
    TRY(memory_new_raw(WRITER_CHUNK, 1, &writer->chunk));
    FileKind kind;
    TRY(file_kind(path, &kind));
    if (kind == FILE_DIRECTORY) return file_fail(path, "written", EISDIR);
    if (!in_place) return make_temporary(path, make_file, &writer->fd, &writer->temporary);
    writer->fd = make_file(path);
    return writer->fd < 0 ? file_fail(path, "written", errno) : STATUS_OK;
}

static Status writer_new(const char *path, bool in_place, FileWriter **out)
{
    FileWriter *writer;
    if (!*path) return status_fail(STATUS_IO, "the name of a file is empty");
    TRY(memory_new(1, sizeof *writer, &writer));
    writer->fd = -1;
    Status status = writer_start(writer, path, in_place);
    if (status != STATUS_OK) {
        writer_free(writer);
        return status;
    }
    *out = writer;
    return STATUS_OK;
}

Status file_writer_open(const char *path, FileWriter **out)
{
    return writer_new(path, false, out);
}

Status file_writer_create(const char *path, FileWriter **out)
{
    return writer_new(path, true, out);
}

static Status writer_flush(FileWriter *writer)
{
    if (writer->held == 0) return STATUS_OK;
    int result = system_write(writer->fd, writer->chunk, writer->held);
    writer->held = 0;
    return result == 0 ? STATUS_OK : file_fail(writer->path, "written", errno);
}

/* A large file gets to the disk a piece at a time: the last sync of 1 GB at once takes seconds. */
static Status writer_rest(FileWriter *writer)
{
    if (writer->size - writer->synced < SYNC_PIECE) return STATUS_OK;
    if (system_sync_giving_turns(writer->fd) != 0) return file_fail(writer->path, "written", errno);
    writer->synced = writer->size;
    return STATUS_OK;
}

static Status put_piece(FileWriter *writer, const void *bytes, size_t length)
{
    if (length > WRITER_CHUNK - writer->held) TRY(writer_flush(writer));
    writer->size += length;
    if (length >= WRITER_CHUNK)
        return system_write(writer->fd, bytes, length) == 0 ? STATUS_OK : file_fail(writer->path, "written", errno);
    memcpy(writer->chunk + writer->held, bytes, length);
    writer->held += length;
    return STATUS_OK;
}

Status file_writer_put(FileWriter *writer, const void *bytes, size_t length)
{
    for (size_t piece; length > 0; length -= piece) {
        piece = length < WRITER_PIECE ? length : WRITER_PIECE;
        TRY(put_piece(writer, bytes, piece));
        if (piece == WRITER_PIECE) turns_give();
        TRY(writer_rest(writer));
        bytes = (const char *)bytes + piece;
    }
    return STATUS_OK;
}

uint64_t file_writer_size(const FileWriter *writer)
{
    return writer->size;
}

/* Makes the name in path's directory last over a crash of the system. */
static Status sync_parent(const char *path, bool turns)
{
    char *parent;
    TRY(file_parent(path, &parent));
    Status status =
        system_sync_directory(parent, turns) == 0 ? STATUS_OK : file_fail(parent, "written to the disk", errno);
    memory_free(parent);
    return status;
}

/* Whether it is large, or a part of a directory that is made: such work gives turns. */
static bool takes_long(const FileWriter *writer)
{
    return writer->synced > 0 || !writer->temporary;
}

static Status writer_finish(FileWriter *writer)
{
    TRY(writer_flush(writer));
    int result = takes_long(writer) ? system_sync_giving_turns(writer->fd) : system_sync(writer->fd);
    if (result != 0) return file_fail(writer->path, "written", errno);
    result = close(writer->fd);
    writer->fd = -1;
    if (result == 0 && writer->temporary) result = system_rename(writer->temporary, writer->path);
    if (result == 0) return STATUS_OK;
    int error = errno;
    unlink(writer->temporary ? writer->temporary : writer->path);
    return file_fail(writer->path, "written", error);
}

Status file_writer_commit(FileWriter *writer)
{
    Status status = writer_finish(writer);
    if (status != STATUS_OK) {
        file_writer_discard(writer);
        return status;
    }
    if (writer->temporary) status = sync_parent(writer->path, takes_long(writer));
    writer_free(writer);
    return status;
}

Status file_write(const char *path, const void *bytes, size_t length)
{
    FileWriter *writer;
    TRY(file_writer_open(path, &writer));
    Status status = file_writer_put(writer, bytes, length);
    if (status == STATUS_OK) return file_writer_commit(writer);
    file_writer_discard(writer);
    return status;
}

struct FileAppender {
    int fd;
    char *path;
};

Status file_appender_open(const char *path, FileAppender **out)
{
    FileAppender *appender;
    TRY(memory_new(1, sizeof *appender, &appender));
    Status status = memory_copy_text(path, &appender->path);
    if (status == STATUS_OK) {
        appender->fd = system_open(path, O_WRONLY | O_CREAT | O_APPEND);
        if (appender->fd < 0) status = file_fail(path, "opened for appending", errno);
    }
    if (status == STATUS_OK) {
        *out = appender;
        return STATUS_OK;
    }
    memory_free(appender->path);
    memory_free(appender);
    return status;
}

Status file_appender_put(FileAppender *appender, const void *bytes, size_t length, bool sync)
{
    off_t before = lseek(appender->fd, 0, SEEK_END);
    if (before < 0) return file_fail(appender->path, "written", errno);
    if (system_write(appender->fd, bytes, length) == 0 && (!sync || system_sync(appender->fd) == 0))
        return STATUS_OK;
    int error = errno;
    (void)!ftruncate(appender->fd, before);
    return file_fail(appender->path, "written", error);
}

Status file_appender_sync(FileAppender *appender)
{
    return system_sync_giving_turns(appender->fd) == 0 ? STATUS_OK : file_fail(appender->path, "written", errno);
}

void file_appender_close(FileAppender *appender)
{
    if (!appender) return;
    close(appender->fd);
    memory_free(appender->path);
    memory_free(appender);
}

Status file_truncate(const char *path, uint64_t size)
{
    if (size > INT64_MAX) return status_fail(STATUS_INVALID, "%s: cannot be cut to %" PRIu64 " bytes", path, size);
    int fd = system_open(path, O_WRONLY);
    if (fd < 0) return file_fail(path, "opened for writing", errno);
    bool done = system_truncate(fd, (off_t)size) == 0 && system_sync(fd) == 0;
    int error = errno;
    close(fd);
    return done ? STATUS_OK : file_fail(path, "cut", error);
}

Status file_stage_directory(const char *path, char **out)
{
    int made;
    return make_temporary(path, system_make_directory, &made, out);
}

/* Where the file system cannot swap two names, the old directory steps aside first. */
static int replace_directory(const char *staged, const char *path)
{
    if (system_exchange(staged, path) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP) return -1;
    char aside[4096];
    if (snprintf(aside, sizeof aside, "%s.old", staged) >= (int)sizeof aside) return (errno = ENAMETOOLONG, -1);
    if (system_rename(path, aside) != 0) return -1;
    if (system_rename(staged, path) == 0) return rename(aside, staged);
    int error = errno;
    (void)!rename(aside, path);
    errno = error;
    return -1;
}

Status file_commit_directory(const char *staged, const char *path)
{
    FileKind kind;
    Status status = file_kind(path, &kind);
    if (status == STATUS_OK && system_sync_directory(staged, true) != 0) status = file_fail(path, "written", errno);
    if (status == STATUS_OK) {
        int result = kind == FILE_DIRECTORY ? replace_directory(staged, path) : system_rename(staged, path);
        if (result != 0) status = file_fail(path, "written", errno);
    }
    if (status == STATUS_OK) status = sync_parent(path, true);
    /* What is left under the staged name is either the failed new directory or the replaced old one. */
    char message[1024];
    snprintf(message, sizeof message, "%s", status_message());
    Status removed = file_remove_tree(staged);
    if (status == STATUS_OK) return removed;
    return status_fail(status, "%s", message);
}
