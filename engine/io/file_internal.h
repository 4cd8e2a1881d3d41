/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The writing calls to the system, in one place so that tests can make the n-th one fail. They return and set errno
 * as the calls themselves do. */
#ifndef LATHE_IO_FILE_INTERNAL_H
#define LATHE_IO_FILE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

int system_open(const char *path, int flags);
/* All bytes, whatever the call's own chunks; 0 or -1. */
int system_write(int fd, const void *bytes, size_t length);
/* The same at an offset. */
int system_write_at(int fd, const void *bytes, size_t length, off_t at);
int system_sync(int fd);
/* Calls function(context), which returns 0 or -1 with errno, in another thread, and gives turns
 * (engine/base/turns.h) until it is over: a busy disk takes its time. Where nobody takes turns it is a plain call.
 */
int system_call_giving_turns(int (*function)(void *context), void *context);
int system_sync_giving_turns(int fd);
int system_rename(const char *from, const char *to);
/* Swaps two names in one step; -1 with EINVAL or ENOSYS where the file system cannot. */
int system_exchange(const char *a, const char *b);
int system_make_directory(const char *path);
int system_truncate(int fd, off_t size);

/* fsync of a directory, so that a rename in it is on disk; with turns meanwhile or without. */
int system_sync_directory(const char *path, bool turns);

#endif
