/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/run_directory.h"

#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/run_internal.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static const char lock_name[] = ".lock";

static Status holds(const char *directory, const char *name, bool *out)
{
    char *path;
    TRY(file_join(directory, name, &path));
    *out = file_exists(path);
    memory_free(path);
    return STATUS_OK;
}

static bool is_one_of(const char *name, const char *const *list)
{
    while (*list && strcmp(name, *list) != 0) list++;
    return *list != NULL;
}

/* Whether a new run may find this in its directory: hidden files, the log of who starts it, which only grows, and
 * what a run leaves that was killed while it began (its lock is there then). */
static bool harmless(const char *name, bool begun)
{
    static const char *const beginnings[] = {"socket", "log.jsonl", "recipe.lua", "lua", "origin", NULL};
    return *name == '.' || strcmp(name, "log.txt") == 0 || (begun && is_one_of(name, beginnings));
}

/* A run writes many files; so that none of somebody's is lost, it begins in an empty directory. */
static Status refuse_content(const char *path)
{
    FileNames names;
    bool begun, config, metrics, checkpoints;
    TRY(holds(path, lock_name, &begun));
    TRY(holds(path, "config.json", &config));
    TRY(holds(path, "metrics.jsonl", &metrics));
    TRY(holds(path, "checkpoints", &checkpoints));
    if (config && (metrics || checkpoints))
        return status_fail(STATUS_INVALID,
                           "%s: holds another run. Continue it with 'lathe run --resume %s', or choose another "
                           "directory with --out",
                           path, path);
    TRY(file_list(path, &names));
    Status status = STATUS_OK;
    for (size_t i = 0; i < names.count && status == STATUS_OK; i++)
        if (!harmless(names.names[i], begun))
            status = status_fail(STATUS_INVALID,
                                 "%s: is not empty: it holds '%s'; choose a new or empty directory with --out",
                                 path, names.names[i]);
    file_names_free(&names);
    return status;
}

static Status refuse_no_run(const char *path)
{
    FileKind kind;
    TRY(file_kind(path, &kind));
    if (kind == FILE_MISSING) return status_fail(STATUS_IO, "%s: there is no such run directory", path);
    if (kind != FILE_DIRECTORY) return status_fail(STATUS_IO, "%s: is a file; a run directory was expected", path);
    bool there;
    TRY(holds(path, "config.json", &there));
    if (there) return STATUS_OK;
    return status_fail(STATUS_INVALID, "%s: is not a run directory: it holds no config.json", path);
}

/* Models have a config.json as well. */
static Status read_config(const char *path, const char *file, json_t **out)
{
    json_t *config;
    TRY(json_read(file, 0, &config));
    if (json_object_get(config, "seed")) {
        *out = config;
        return STATUS_OK;
    }
    Status status =
        json_is_object(config)
            ? status_fail(STATUS_INVALID,
                          "%s: is not a run directory: its config.json has no 'seed', it may be that of a "
                          "model; 'lathe info %s' shows what is there",
                          path, path)
            : status_fail(STATUS_FORMAT, "%s: is %s; an object was expected", file, json_kind(config));
    json_decref(config);
    return status;
}

static Status take_lock(RunDirectory *run)
{
    char *path;
    pid_t holder;
    TRY(file_join(run->path, lock_name, &path));
    Status status = file_lock(path, &run->lock, &holder);
    memory_free(path);
    if (status != STATUS_BUSY) return status;
    if (holder <= 0)
        return status_fail(STATUS_BUSY, "%s is in use by another process; wait for it, or choose another directory",
                           run->path);
    return status_fail(STATUS_BUSY,
                       "%s is in use by process %ld; wait for it, stop it, or choose another directory", run->path,
                       (long)holder);
}

static Status check_config(const char *path)
{
    json_t *config;
    TRY(run_directory_read_config(path, &config));
    json_decref(config);
    return STATUS_OK;
}

static Status start(RunDirectory *run, const char *path, bool fresh)
{
    TRY(memory_copy_text(path, &run->path));
    if (!fresh) TRY(check_config(path));
    run->made = fresh && !file_exists(path);
    if (fresh) TRY(file_make_directory(path, true));
    /* A directory without a lock is nobody's run, so nothing is put into it before it is known to be free. */
    bool locked;
    TRY(holds(path, lock_name, &locked));
    if (fresh && !locked) TRY(refuse_content(path));
    TRY(take_lock(run));
    TRY(fresh ? refuse_content(path) : refuse_no_run(path));
    return run_clean(run);
}

static Status open_run(const char *path, bool fresh, RunDirectory **out)
{
    RunDirectory *run;
    if (!*path) return status_fail(STATUS_INVALID, "the name of the run directory is empty");
    TRY(memory_new(1, sizeof *run, &run));
    run->last_step = -1;
    Status status = start(run, path, fresh);
    if (status == STATUS_OK)
        *out = run;
    else
        run_directory_close(run);
    return status;
}

Status run_directory_create(const char *path, RunDirectory **out)
{
    return open_run(path, true, out);
}

Status run_directory_resume(const char *path, RunDirectory **out)
{
    return open_run(path, false, out);
}

void run_directory_close(RunDirectory *run)
{
    if (!run) return;
    file_appender_close(run->metrics);
    file_appender_close(run->journal);
    metrics_writer_close(run->store);
    run_log_close(run->log);
    file_unlock(run->lock);
    memory_free(run->path);
    memory_free(run);
}

void run_directory_abandon(RunDirectory *run)
{
    char *lock = NULL;
    bool started = true;
    if (run && holds(run->path, "config.json", &started) == STATUS_OK && !started &&
        file_join(run->path, lock_name, &lock) == STATUS_OK) {
        unlink(lock); /* while it is held: file_lock() does not take a lock whose file is gone */
        if (run->made) rmdir(run->path);
    }
    memory_free(lock);
    run_directory_close(run);
}

const char *run_directory_path(const RunDirectory *run)
{
    return run->path;
}

RunLog *run_directory_log(RunDirectory *run)
{
    if (!run->log && run_log_open(run->path, &run->log) != STATUS_OK) run->log = NULL;
    return run->log;
}

bool run_directory_in_use(const char *path)
{
    char *lock;
    if (file_join(path, lock_name, &lock) != STATUS_OK) return false;
    bool locked = file_is_locked(lock);
    memory_free(lock);
    return locked;
}

bool run_directory_is_run(const char *path)
{
    bool there;
    return holds(path, "config.json", &there) == STATUS_OK && there;
}

Status run_directory_write_config(const RunDirectory *run, const json_t *config)
{
    return json_write_in(run->path, "config.json", config);
}

Status run_directory_read_config(const char *path, json_t **out)
{
    char *file;
    TRY(refuse_no_run(path));
    TRY(file_join(path, "config.json", &file));
    Status status = read_config(path, file, out);
    memory_free(file);
    return status;
}
