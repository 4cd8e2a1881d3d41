/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/address.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { ADDRESS_SIZE = sizeof((struct sockaddr_un *)0)->sun_path, HASH_DIGITS = 16 };

/* --- the folder --- */

static Status check_folder(const char *path)
{
    struct stat info;
    if (mkdir(path, 0700) != 0 && errno != EEXIST) return file_fail(path, "made", errno);
    if (lstat(path, &info) != 0) return file_fail(path, "opened", errno);
    if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 077))
        return status_fail(STATUS_IO,
                           "%s: is not a folder of yours alone, so no socket is put there; remove it, or set "
                           "XDG_RUNTIME_DIR to a folder that only you can enter",
                           path);
    return STATUS_OK;
}

/* "" where the folder does not fit into an address. */
static void folder_path(char out[ADDRESS_SIZE])
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    struct stat info;
    size_t rest = sizeof "/lathe/" + HASH_DIGITS;
    bool usable = runtime && *runtime == '/' && strlen(runtime) + rest < ADDRESS_SIZE &&
                  stat(runtime, &info) == 0 && S_ISDIR(info.st_mode) && access(runtime, W_OK) == 0;
    if (usable)
        snprintf(out, ADDRESS_SIZE, "%s/lathe", runtime);
    else
        snprintf(out, ADDRESS_SIZE, "/tmp/lathe-%lu", (unsigned long)geteuid());
}

/* The last part of the run's path and a hash of the whole; where that is too long, only the hash. */
static Status socket_path(const char *folder, const char *whole, char **out)
{
    char text[HASH_TEXT_SIZE];
    Buffer path = {0};
    hash_text(hash_bytes(whole, strlen(whole)), text);
    Status status = buffer_printf(&path, "%s/%s-%.*s", folder, file_name(whole), HASH_DIGITS, text);
    if (status == STATUS_OK && path.length >= ADDRESS_SIZE) {
        buffer_clear(&path);
        status = buffer_printf(&path, "%s/%.*s", folder, HASH_DIGITS, text);
    }
    if (status == STATUS_OK)
        *out = buffer_take(&path);
    else
        buffer_free(&path);
    return status;
}

Status address_new(const char *directory, char **out)
{
    char folder[ADDRESS_SIZE];
    char *whole = realpath(directory, NULL);
    if (!whole) return file_fail(directory, "opened", errno);
    folder_path(folder);
    Status status = check_folder(folder);
    if (status == STATUS_OK) status = socket_path(folder, whole, out);
    free(whole);
    return status;
}

/* --- sockets --- */

static Status fill(const char *address, struct sockaddr_un *out)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(address) >= sizeof out->sun_path)
        return status_fail(STATUS_INVALID, "%s: is too long for a socket", address);
    memcpy(out->sun_path, address, strlen(address));
    return STATUS_OK;
}

static Status new_socket(int *out)
{
    *out = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return *out < 0 ? status_fail(STATUS_IO, "a socket cannot be made: %s", strerror(errno)) : STATUS_OK;
}

/* What a process that was killed left there. */
static Status remove_stale(const char *address, const struct sockaddr_un *name)
{
    int probe;
    struct stat info;
    if (lstat(address, &info) != 0) return STATUS_OK;
    TRY(new_socket(&probe));
    bool alive = connect(probe, (const struct sockaddr *)name, sizeof *name) == 0;
    close(probe);
    if (alive) return status_fail(STATUS_BUSY, "%s: somebody listens there already", address);
    return unlink(address) == 0 || errno == ENOENT ? STATUS_OK : file_fail(address, "removed", errno);
}

static Status bind_and_listen(int handle, const char *address, const struct sockaddr_un *name)
{
    mode_t before = umask(0177);
    int failed = bind(handle, (const struct sockaddr *)name, sizeof *name) != 0;
    int error = errno;
    umask(before);
    if (failed) return file_fail(address, "made", error);
    if (listen(handle, 16) != 0 || fcntl(handle, F_SETFL, O_NONBLOCK) != 0)
        return file_fail(address, "opened", errno);
    return STATUS_OK;
}

Status address_listen(const char *address, int *out)
{
    struct sockaddr_un name;
    TRY(fill(address, &name));
    TRY(remove_stale(address, &name));
    TRY(new_socket(out));
    Status status = bind_and_listen(*out, address, &name);
    if (status != STATUS_OK) close(*out);
    return status;
}

static Status read_address(const char *directory, Buffer *out)
{
    char *path;
    FileKind kind;
    TRY(file_kind(directory, &kind));
    if (kind != FILE_DIRECTORY) return status_fail(STATUS_IO, "%s: there is no such run directory", directory);
    TRY(file_join(directory, "socket", &path));
    bool there = file_exists(path);
    Status status = there ? file_read(path, ADDRESS_SIZE, out)
                          : status_fail(STATUS_INVALID,
                                        "%s: no run listens there; it is over, or was started with --no-socket. "
                                        "'lathe run --resume %s' goes on with it",
                                        directory, directory);
    memory_free(path);
    TRY(status);
    while (out->length && out->data[out->length - 1] == '\n') out->data[--out->length] = '\0';
    return STATUS_OK;
}

static Status connect_to(const char *directory, const char *address, int *out)
{
    struct sockaddr_un name;
    TRY(fill(address, &name));
    TRY(new_socket(out));
    if (connect(*out, (const struct sockaddr *)&name, sizeof name) == 0) return STATUS_OK;
    int error = errno;
    close(*out);
    if (error == ECONNREFUSED || error == ENOENT)
        return status_fail(STATUS_IO, "%s: the run's process is gone; 'lathe run --resume %s' goes on with it",
                           directory, directory);
    return status_fail(STATUS_IO, "%s: cannot be attached to: %s: %s", directory, address, strerror(error));
}

Status address_connect(const char *directory, int *out)
{
    Buffer address = {0};
    Status status = read_address(directory, &address);
    if (status == STATUS_OK) status = connect_to(directory, address.data, out);
    buffer_free(&address);
    return status;
}
