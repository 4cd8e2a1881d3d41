/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/file.h"

#include "engine/base/cancel.h"
#include "engine/base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

Status file_join(const char *directory, const char *name, char **out)
{
    if (!directory || !*directory || *name == '/') return memory_copy_text(name, out);
    Buffer path = {0};
    bool slash = directory[strlen(directory) - 1] == '/';
    Status status = buffer_printf(&path, "%s%s%s", directory, slash ? "" : "/", name);
    if (status == STATUS_OK)
        *out = buffer_take(&path);
    else
        buffer_free(&path);
    return status;
}

/* Bytes of the path without slashes at its end. */
static size_t trimmed_length(const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    return length;
}

Status file_parent(const char *path, char **out)
{
    size_t length = trimmed_length(path);
    while (length > 0 && path[length - 1] != '/') length--;
    if (length == 0) return memory_copy_text(".", out);
    while (length > 1 && path[length - 1] == '/') length--;
    return memory_copy_bytes(path, length, out);
}

const char *file_name(const char *path)
{
    size_t length = trimmed_length(path);
    while (length > 0 && path[length - 1] != '/') length--;
    return path + length;
}

/* What is missing may be the directory that the file should stand in. */
static Status missing(const char *path, const char *doing)
{
    char parent[4096];
    size_t length = trimmed_length(path);
    while (length > 0 && path[length - 1] != '/') length--;
    while (length > 1 && path[length - 1] == '/') length--;
    bool gone = length > 0 && length < sizeof parent;
    if (gone) {
        struct stat info;
        memcpy(parent, path, length);
        parent[length] = '\0';
        gone = stat(parent, &info) != 0 && errno == ENOENT;
    }
    if (gone) return status_fail(STATUS_IO, "%s: cannot be %s: there is no directory '%s'", path, doing, parent);
    return status_fail(STATUS_IO, "%s: cannot be %s: there is no such file or directory", path, doing);
}

Status file_fail(const char *path, const char *doing, int error)
{
    const char *remedy = "";
    switch (error) {
    case ENOENT: return missing(path, doing);
    case EISDIR: return status_fail(STATUS_IO, "%s: cannot be %s: it is a directory, not a file", path, doing);
    case EACCES:
    case EPERM: remedy = "; check its owner and permissions"; break;
    case ENOSPC: remedy = "; free some space and try again"; break;
    case EDQUOT: remedy = "; free some of your disk quota and try again"; break;
    case EROFS: remedy = "; choose another place with --out"; break;
    case EMFILE: remedy = "; raise the limit with 'ulimit -n'"; break;
    default: break;
    }
    char words[128];
    return status_fail(STATUS_IO, "%s: cannot be %s: %s%s", path, doing, strerror_r(error, words, sizeof words),
                       remedy);
}

Status file_kind(const char *path, FileKind *out)
{
    struct stat info;
    *out = FILE_MISSING;
    if (stat(path, &info) != 0) return errno == ENOENT ? STATUS_OK : file_fail(path, "looked at", errno);
    *out = S_ISREG(info.st_mode) ? FILE_REGULAR : S_ISDIR(info.st_mode) ? FILE_DIRECTORY : FILE_OTHER;
    return STATUS_OK;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* Opens for reading what is not a directory. A pipe that nobody writes to would keep open() waiting for ever: it is
 * opened at once, and is empty. */
static Status open_readable(const char *path, int *fd, struct stat *info)
{
    if (!*path) return status_fail(STATUS_IO, "the name of a file is empty");
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0) return file_fail(path, "opened", errno);
    int error = fstat(*fd, info) != 0 ? errno : S_ISDIR(info->st_mode) ? EISDIR : 0;
    if (error == 0 && !S_ISREG(info->st_mode) && fcntl(*fd, F_SETFL, O_RDONLY) != 0) error = errno;
    if (error == 0) return STATUS_OK;
    close(*fd);
    return file_fail(path, "read", error);
}

Status file_size(const char *path, uint64_t *out)
{
    struct stat info;
    if (stat(path, &info) != 0) return file_fail(path, "opened", errno);
    if (S_ISDIR(info.st_mode)) return file_fail(path, "read", EISDIR);
    *out = (uint64_t)info.st_size;
    return STATUS_OK;
}

static Status too_large(const char *path, uint64_t limit)
{
    return status_fail(STATUS_FORMAT, "%s: is larger than the %" PRIu64 " bytes allowed here", path, limit);
}

static Status read_descriptor(int fd, const char *path, uint64_t limit, Buffer *out)
{
    enum { CHUNK = 1 << 16 };
    size_t start = out->length;
    for (;;) {
        /* Room is doubled by the buffer; what is free of it is read at once. */
        TRY(buffer_reserve(out, CHUNK));
        size_t room = out->capacity - out->length - 1;
        ssize_t got = read(fd, out->data + out->length, room);
        if (got < 0 && errno != EINTR) return file_fail(path, "read", errno);
        if (got < 0) {
            TRY(cancel_check());
            continue;
        }
        out->length += (size_t)got;
        out->data[out->length] = '\0';
        if (limit && out->length - start > limit) return too_large(path, limit);
        if (got == 0) return STATUS_OK;
    }
}

static Status read_whole(const char *path, uint64_t limit, Buffer *out)
{
    int fd;
    struct stat info;
    TRY(open_readable(path, &fd, &info));
    Status status = STATUS_OK;
    if (S_ISREG(info.st_mode)) {
        if (limit && (uint64_t)info.st_size > limit) status = too_large(path, limit);
        if (status == STATUS_OK) status = buffer_reserve(out, (size_t)info.st_size + (1 << 16));
    } else if (!S_ISFIFO(info.st_mode) && !S_ISSOCK(info.st_mode)) {
        status = status_fail(STATUS_IO, "%s: is neither a file nor a pipe", path);
    }
    if (status == STATUS_OK) status = read_descriptor(fd, path, limit, out);
    close(fd);
    return status;
}

Status file_read_empty(const char *path, uint64_t limit, Buffer *out)
{
    size_t start = out->length;
    Status status = read_whole(path, limit, out);
    if (status != STATUS_OK && out->data) {
        out->length = start;
        out->data[start] = '\0';
    }
    return status;
}

Status file_read(const char *path, uint64_t limit, Buffer *out)
{
    size_t start = out->length;
    TRY(file_read_empty(path, limit, out));
    if (out->length == start) return status_fail(STATUS_FORMAT, "%s: is empty; was it written to its end?", path);
    return STATUS_OK;
}

Status file_map(const char *path, FileMap *out)
{
    int fd;
    struct stat info;
    *out = (FileMap){0};
    TRY(open_readable(path, &fd, &info));
    Status status = STATUS_OK;
    if (!S_ISREG(info.st_mode))
        status = status_fail(STATUS_IO, "%s: is not a regular file; copy what it gives into one", path);
    else if (info.st_size == 0)
        status = status_fail(STATUS_FORMAT, "%s: is empty; was it written to its end?", path);
    if (status == STATUS_OK) {
        void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (data == MAP_FAILED)
            status = file_fail(path, "mapped", errno);
        else
            *out = (FileMap){data, (size_t)info.st_size};
    }
    close(fd);
    return status;
}

void file_unmap(FileMap *map)
{
    if (map->data) munmap((void *)(uintptr_t)map->data, map->size);
    *map = (FileMap){0};
}

static Status names_add(FileNames *names, size_t *capacity, const char *name)
{
    if (names->count == *capacity) {
        size_t wanted = *capacity ? *capacity * 2 : 16;
        TRY(memory_resize(&names->names, wanted, sizeof *names->names));
        *capacity = wanted;
    }
    TRY(memory_copy_text(name, &names->names[names->count]));
    names->count++;
    return STATUS_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

Status file_list(const char *directory, FileNames *out)
{
    *out = (FileNames){0};
    DIR *dir = opendir(directory);
    if (!dir) return file_fail(directory, "listed", errno);
    Status status = STATUS_OK;
    size_t capacity = 0;
    const struct dirent *entry;
    while (status == STATUS_OK && (errno = 0, entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            status = names_add(out, &capacity, entry->d_name);
    if (status == STATUS_OK && errno != 0) status = file_fail(directory, "listed", errno);
    closedir(dir);
    if (status != STATUS_OK) {
        file_names_free(out);
        return status;
    }
    if (out->count > 1) qsort(out->names, out->count, sizeof *out->names, compare_names);
    return STATUS_OK;
}

void file_names_free(FileNames *names)
{
    for (size_t i = 0; i < names->count; i++) memory_free(names->names[i]);
    memory_free(names->names);
    *names = (FileNames){0};
}
