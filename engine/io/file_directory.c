/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/file_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static Status make_one(const char *path)
{
    if (system_make_directory(path) == 0) return STATUS_OK;
    int error = errno;
    struct stat info;
    if (error == EEXIST && stat(path, &info) == 0) {
        if (S_ISDIR(info.st_mode)) return STATUS_OK;
        return status_fail(STATUS_IO, "%s: cannot be made a directory: a file of this name is there", path);
    }
    return file_fail(path, "made", error);
}

Status file_make_directory(const char *path, bool parents)
{
    if (!*path) return status_fail(STATUS_IO, "the name of a directory is empty");
    char *copy;
    TRY(memory_copy_text(path, &copy));
    Status status = STATUS_OK;
    for (char *at = copy + 1; parents && status == STATUS_OK && *at; at++) {
        if (*at != '/' || at[-1] == '/') continue;
        *at = '\0';
        if (!file_exists(copy)) status = make_one(copy);
        *at = '/';
    }
    if (status == STATUS_OK) status = make_one(path);
    memory_free(copy);
    return status;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info, (void)type, (void)place;
    return remove(path);
}

static int remove_all(void *path)
{
    return nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

Status file_remove_tree(const char *path)
{
    struct stat info;
    if (lstat(path, &info) != 0) return errno == ENOENT ? STATUS_OK : file_fail(path, "removed", errno);
    if (!S_ISDIR(info.st_mode)) return unlink(path) == 0 ? STATUS_OK : file_fail(path, "removed", errno);
    /* Renamed first, so that a crash leaves a name that is known to be rubbish rather than half of something. */
    char *aside = NULL;
    if (!file_is_temporary(file_name(path))) {
        TRY(file_stage_directory(path, &aside));
        if (system_rename(path, aside) != 0) { /* an empty directory gives way */
            Status status = file_fail(path, "removed", errno);
            rmdir(aside);
            memory_free(aside);
            return status;
        }
    }
    Status status = STATUS_OK;
    if (system_call_giving_turns(remove_all, (void *)(aside ? aside : path)) != 0)
        status = file_fail(path, "removed", errno);
    memory_free(aside);
    return status;
}

void file_discard_directory(const char *staged)
{
    char message[2048];
    snprintf(message, sizeof message, "%s", status_message());
    Status status = file_remove_tree(staged);
    status_fail(status, "%s", message);
}

bool file_is_temporary(const char *name)
{
    const char *mark = *name == '.' ? strstr(name, ".tmp-") : NULL;
    if (!mark) return false;
    mark += strlen(".tmp-");
    size_t pid = strspn(mark, "0123456789");
    if (pid == 0 || mark[pid] != '-') return false;
    mark += pid + 1;
    size_t number = strspn(mark, "0123456789");
    return number > 0 && (mark[number] == '\0' || strcmp(mark + number, ".old") == 0);
}

Status file_remove_temporaries(const char *directory)
{
    FileNames names;
    TRY(file_list(directory, &names));
    Status status = STATUS_OK;
    for (size_t i = 0; i < names.count && status == STATUS_OK; i++) {
        if (!file_is_temporary(names.names[i])) continue;
        char *path;
        status = file_join(directory, names.names[i], &path);
        if (status != STATUS_OK) break;
        status = file_remove_tree(path);
        memory_free(path);
    }
    file_names_free(&names);
    return status;
}

struct FileLock {
    int fd;
};

/* The pid that the holder wrote. It writes just after it got the lock, so an empty file is looked at again. */
static pid_t read_holder(int fd)
{
    for (int attempt = 0; attempt < 20; attempt++) {
        char text[32];
        ssize_t got = pread(fd, text, sizeof text - 1, 0);
        if (got > 0) {
            text[got] = '\0';
            return (pid_t)strtol(text, NULL, 10);
        }
        usleep(5000);
    }
    return 0;
}

static Status take_lock(int fd, const char *path, pid_t *holder)
{
    int result;
    do result = flock(fd, LOCK_EX | LOCK_NB);
    while (result != 0 && errno == EINTR);
    if (result != 0 && errno != EWOULDBLOCK) return file_fail(path, "locked", errno);
    if (result != 0) {
        pid_t pid = read_holder(fd);
        if (holder) *holder = pid;
        if (pid <= 0) return status_fail(STATUS_BUSY, "%s: is held by another process", path);
        return status_fail(STATUS_BUSY, "%s: is held by process %ld", path, (long)pid);
    }
    struct stat file;
    if (fstat(fd, &file) != 0) return file_fail(path, "read", errno);
    if (file.st_nlink == 0) return status_fail(STATUS_BUSY, "%s: was removed by another process", path);
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || system_write(fd, text, (size_t)length) != 0)
        return file_fail(path, "written", errno);
    return STATUS_OK;
}

Status file_lock(const char *path, FileLock **out, pid_t *holder)
{
    FileLock *lock;
    if (holder) *holder = 0;
    TRY(memory_new(1, sizeof *lock, &lock));
    lock->fd = system_open(path, O_RDWR | O_CREAT);
    Status status = lock->fd < 0 ? file_fail(path, "opened", errno) : take_lock(lock->fd, path, holder);
    if (status == STATUS_OK) {
        *out = lock;
        return STATUS_OK;
    }
    if (lock->fd >= 0) close(lock->fd);
    memory_free(lock);
    return status;
}

void file_unlock(FileLock *lock)
{
    if (!lock) return;
    /* The file stays: removing it would let two processes hold locks on two files of one name. */
    (void)!ftruncate(lock->fd, 0);
    close(lock->fd);
    memory_free(lock);
}

/* The lines of /proc/locks: "1: FLOCK  ADVISORY  WRITE 4711 fd:00:1234 0 EOF". */
bool file_is_locked(const char *path)
{
    struct stat info;
    char line[256], inode[32];
    bool found = false;
    if (stat(path, &info) != 0) return false;
    FILE *locks = fopen("/proc/locks", "re");
    if (!locks) return false;
    snprintf(inode, sizeof inode, ":%lu ", (unsigned long)info.st_ino);
    while (!found && fgets(line, sizeof line, locks)) found = strstr(line, " FLOCK ") && strstr(line, inode);
    fclose(locks);
    return found;
}
