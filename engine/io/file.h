/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files and directories: read whole or mapped, written so that a reader (or a crash, or a full disk) sees either
 * the old content or the new, never a part. Paths handed out belong to the caller, who frees them with
 * memory_free(); writers and maps are ended by the functions named at them. Every message names the path. */
#ifndef LATHE_IO_FILE_H
#define LATHE_IO_FILE_H

#include "engine/base/buffer.h"
#include "engine/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- names ---- */

/* "directory/name"; name alone where it is absolute or directory is "" or NULL. */
Status file_join(const char *directory, const char *name, char **out) STATUS_CHECKED;
/* The directory part: "a/b" -> "a", "b" -> ".", "/b" -> "/". A slash at the end does not count. */
Status file_parent(const char *path, char **out) STATUS_CHECKED;
/* The last part of the path, a pointer into it (with the slashes at its end, if any). */
const char *file_name(const char *path);

typedef enum FileKind { FILE_MISSING, FILE_REGULAR, FILE_DIRECTORY, FILE_OTHER } FileKind;

/* What is there, links followed. Errors: it cannot be told (permission, a file used as a directory, ...). */
Status file_kind(const char *path, FileKind *out) STATUS_CHECKED;
bool file_exists(const char *path);
/* Bytes of a regular file. */
Status file_size(const char *path, uint64_t *out) STATUS_CHECKED;

/* The message of a failed system call on a path, from errno and with a remedy where there is one:
 * "runs/a/x: cannot be written: No space left on device". doing is "opened", "written", ... */
Status file_fail(const char *path, const char *doing, int error);

/* ---- reading ---- */

/* Appends the whole file (or pipe) to out. Errors (out keeps what it had): missing, a directory, not readable,
 * empty, larger than limit bytes (0: no limit). */
Status file_read(const char *path, uint64_t limit, Buffer *out) STATUS_CHECKED;
/* The same, but an empty file is not an error. */
Status file_read_empty(const char *path, uint64_t limit, Buffer *out) STATUS_CHECKED;

/* A file mapped read-only. Files that Lathe writes are replaced, not changed, so a map stays whole. */
typedef struct FileMap {
    const uint8_t *data;
    size_t size;
} FileMap;

/* Errors: missing, a directory, not a regular file, not readable, empty. file_unmap() ends it; {0} may be
 * unmapped. */
Status file_map(const char *path, FileMap *out) STATUS_CHECKED;
void file_unmap(FileMap *map);

/* The names in a directory, sorted by bytes, without "." and "..". */
typedef struct FileNames {
    char **names;
    size_t count;
} FileNames;

Status file_list(const char *directory, FileNames *out) STATUS_CHECKED;
void file_names_free(FileNames *names);

/* ---- writing ---- */

/* A file being written under another name in the same directory. */
typedef struct FileWriter FileWriter;

/* Errors: the directory is missing or not writable, path is a directory. */
Status file_writer_open(const char *path, FileWriter **out) STATUS_CHECKED;
/* The same for a file in a directory that will be renamed whole: under its own name, which must be free. */
Status file_writer_create(const char *path, FileWriter **out) STATUS_CHECKED;
/* Gives a turn every 2 MB and syncs every 16 MB. */
Status file_writer_put(FileWriter *writer, const void *bytes, size_t length) STATUS_CHECKED;
/* Bytes put so far. */
uint64_t file_writer_size(const FileWriter *writer);
/* fsync, rename over path, fsync of the directory. Ends the writer whatever happens; after a failure the temporary
 * file is gone and path is as it was (or, where only the last fsync failed, whole and new). */
Status file_writer_commit(FileWriter *writer) STATUS_CHECKED;
/* Ends the writer and removes the temporary file; path is as it was. NULL is allowed. */
void file_writer_discard(FileWriter *writer);

/* All of that for bytes in memory. */
Status file_write(const char *path, const void *bytes, size_t length) STATUS_CHECKED;

/* A file that grows by whole records. Opened for appending, made where missing. */
typedef struct FileAppender FileAppender;

Status file_appender_open(const char *path, FileAppender **out) STATUS_CHECKED;
/* All of the bytes or none: what a full disk cut off is taken back. sync: wait for the disk. */
Status file_appender_put(FileAppender *appender, const void *bytes, size_t length, bool sync) STATUS_CHECKED;
Status file_appender_sync(FileAppender *appender) STATUS_CHECKED;
void file_appender_close(FileAppender *appender);

/* Copies the bytes into a file of the directory that has no name, so that nothing of it stays behind. *out is
 * memory mapped on it, which the system may take back and read again; what is written to it does not reach the
 * file. file_put_back() ends it. Errors: the directory is not writable, disk full, length 0. */
Status file_put_aside(const char *directory, const void *bytes, size_t length, void **out) STATUS_CHECKED;
void file_put_back(void *data, size_t length);

/* Cuts a file to its first size bytes and waits for the disk. */
Status file_truncate(const char *path, uint64_t size) STATUS_CHECKED;

/* ---- directories ---- */

/* Makes the directory; one that is there already is fine. parents: those above it, too. */
Status file_make_directory(const char *path, bool parents) STATUS_CHECKED;

/* A new empty directory beside path, to be filled and then put in its place; *out is its name. */
Status file_stage_directory(const char *path, char **out) STATUS_CHECKED;
/* Puts the staged directory in path's place, on disk; an old one there is replaced and removed. After a failure the
 * old one is whole and the staged one is removed. */
Status file_commit_directory(const char *staged, const char *path) STATUS_CHECKED;

/* Removes the staged directory after a failure, whose message stays the last one. */
void file_discard_directory(const char *staged);

/* Moves the directory (or file) out of sight in one step, then removes it; links are removed, not followed. One
 * that is missing is fine. */
Status file_remove_tree(const char *path) STATUS_CHECKED;
/* True for the names of temporary files and directories made here, which a killed process may leave behind. */
bool file_is_temporary(const char *name);
/* Removes those in a directory. Only for a directory that no other process writes to. */
Status file_remove_temporaries(const char *directory) STATUS_CHECKED;

/* ---- locks ---- */

/* A lock file held by this process until it ends or lets go (flock; not inherited by exec). It holds the pid. */
typedef struct FileLock FileLock;

/* Errors: STATUS_BUSY when another process (or another FileLock of this one) holds it, *holder is then its pid, or
 * 0 where it cannot be told. holder may be NULL. */
Status file_lock(const char *path, FileLock **out, pid_t *holder) STATUS_CHECKED;
void file_unlock(FileLock *lock);
/* Whether some process holds it, without touching it: nobody who takes it meanwhile is hindered. */
bool file_is_locked(const char *path);

/* ---- for tests ---- */

/* The n-th writing call to the system from now (open, write, fsync, rename, mkdir, truncate) fails as on a full
 * disk, and every later one while 'persistent'; 0 turns it off. */
void file_fail_after(uint64_t n, int persistent);
/* Such calls since file_fail_after() was last called. */
uint64_t file_operations(void);

#endif
