/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/signals.h"
#include "engine/base/turns.h"
#include "engine/io/file.h"
#include "engine/io/file_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static atomic_uint_fast64_t operations, fail_at;
static atomic_int fail_persistent;

void file_fail_after(uint64_t n, int persistent)
{
    atomic_store(&operations, 0);
    atomic_store(&fail_persistent, persistent);
    atomic_store(&fail_at, n);
}

uint64_t file_operations(void)
{
    return atomic_load(&operations);
}

static bool injected_failure(void)
{
    uint64_t n = atomic_fetch_add(&operations, 1) + 1;
    uint64_t at = atomic_load(&fail_at);
    if (at == 0 || n < at || (n > at && !atomic_load(&fail_persistent))) return false;
    errno = ENOSPC;
    return true;
}

int system_open(const char *path, int flags)
{
    return injected_failure() ? -1 : open(path, flags | O_CLOEXEC, 0666);
}

static int write_all(int fd, const char *bytes, size_t length)
{
    enum { MOST = 1 << 30 }; /* Linux writes at most 2 GiB at once */
    while (length > 0) {
        ssize_t wrote = write(fd, bytes, length < MOST ? length : MOST);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) {
            if (wrote == 0) errno = ENOSPC;
            return -1;
        }
        bytes += wrote;
        length -= (size_t)wrote;
    }
    return 0;
}

int system_write(int fd, const void *bytes, size_t length)
{
    if (injected_failure()) {
        /* A disk runs full in the middle of a write: half of it arrives. */
        (void)!write(fd, bytes, length / 2);
        errno = ENOSPC;
        return -1;
    }
    return write_all(fd, bytes, length);
}

int system_write_at(int fd, const void *bytes, size_t length, off_t at)
{
    bool fails = injected_failure();
    size_t left = fails ? length / 2 : length;
    for (const char *from = bytes; left > 0;) {
        ssize_t wrote = pwrite(fd, from, left, at);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) {
            if (wrote == 0) errno = ENOSPC;
            return -1;
        }
        from += wrote;
        at += wrote;
        left -= (size_t)wrote;
    }
    if (!fails) return 0;
    errno = ENOSPC;
    return -1;
}

static int sync_file(int fd)
{
    int result;
    do result = fsync(fd);
    while (result != 0 && errno == EINTR);
    return result;
}

int system_sync(int fd)
{
    return injected_failure() ? -1 : sync_file(fd);
}

typedef struct Call {
    int (*call)(void *context);
    void *context;
    int error; /* errno, 0: it went well */
    atomic_bool over;
} Call;

static void *call_beside(void *context)
{
    Call *call = context;
    signals_block();
    call->error = call->call(call->context) == 0 ? 0 : errno;
    atomic_store(&call->over, true);
    return NULL;
}

int system_call_giving_turns(int (*function)(void *context), void *context)
{
    static const struct timespec pause = {.tv_nsec = 1000000};
    Call call = {.call = function, .context = context};
    pthread_t thread;
    if (!turns_wanted() || pthread_create(&thread, NULL, call_beside, &call) != 0) return function(context);
    while (!atomic_load(&call.over)) {
        turns_give();
        nanosleep(&pause, NULL);
    }
    pthread_join(thread, NULL);
    errno = call.error;
    return call.error ? -1 : 0;
}

static int sync_this(void *context)
{
    return sync_file(*(const int *)context);
}

int system_sync_giving_turns(int fd)
{
    return injected_failure() ? -1 : system_call_giving_turns(sync_this, &fd);
}

int system_rename(const char *from, const char *to)
{
    return injected_failure() ? -1 : rename(from, to);
}

int system_exchange(const char *a, const char *b)
{
    return injected_failure() ? -1 : renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
}

int system_make_directory(const char *path)
{
    return injected_failure() ? -1 : mkdir(path, 0777);
}

int system_truncate(int fd, off_t size)
{
    if (injected_failure()) return -1;
    int result;
    do result = ftruncate(fd, size);
    while (result != 0 && errno == EINTR);
    return result;
}

int system_sync_directory(const char *path, bool turns)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -1;
    int result = turns ? system_sync_giving_turns(fd) : system_sync(fd), error = errno;
    close(fd);
    /* Some file systems cannot sync a directory and need not. */
    if (result != 0 && (error == EINVAL || error == EROFS)) return 0;
    errno = error;
    return result;
}
