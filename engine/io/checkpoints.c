/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/checkpoints.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/io/file.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATE_LIMIT = 1 << 30, STEP_DIGITS_MAX = 18 };

/* "RUN/checkpoints/step-00001200", and a name in it unless that is NULL. */
static Status checkpoint_path(const char *run, int64_t step, const char *name, char **out)
{
    char last[300];
    snprintf(last, sizeof last, "checkpoints/step-%08" PRId64 "%s%s", step, name ? "/" : "", name ? name : "");
    return file_join(run, last, out);
}

/* The step in the name of a checkpoint's directory, -1 where it is none. */
static int64_t parse_step(const char *name)
{
    static const char prefix[] = "step-";
    if (strncmp(name, prefix, strlen(prefix)) != 0) return -1;
    name += strlen(prefix);
    size_t digits = strspn(name, "0123456789");
    if (digits < 8 || digits > STEP_DIGITS_MAX || name[digits] || (digits > 8 && *name == '0')) return -1;
    return strtoll(name, NULL, 10);
}

static int compare_steps(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

Status checkpoints_list(const char *run, CheckpointSteps *out)
{
    char *directory;
    FileNames names = {0};
    FileKind kind;
    *out = (CheckpointSteps){0};
    TRY(file_join(run, "checkpoints", &directory));
    Status status = file_kind(directory, &kind);
    if (status == STATUS_OK && kind != FILE_MISSING) status = file_list(directory, &names);
    memory_free(directory);
    if (status == STATUS_OK) status = memory_new(names.count, sizeof *out->steps, &out->steps);
    if (status == STATUS_OK) {
        for (size_t i = 0; i < names.count; i++)
            if (parse_step(names.names[i]) >= 0) out->steps[out->count++] = parse_step(names.names[i]);
        if (out->count > 1) qsort(out->steps, out->count, sizeof *out->steps, compare_steps);
    }
    file_names_free(&names);
    return status;
}

void checkpoints_list_free(CheckpointSteps *list)
{
    memory_free(list->steps);
    *list = (CheckpointSteps){0};
}

/* ---- opening ---- */

void checkpoint_close(Checkpoint *checkpoint)
{
    memory_free(checkpoint->path);
    memory_free(checkpoint->state_path);
    json_decref(checkpoint->file);
    *checkpoint = (Checkpoint){.step = -1, .score = (double)NAN};
}

static Status check_format(const Checkpoint *checkpoint)
{
    if (checkpoint->format <= CHECKPOINTS_FORMAT) return STATUS_OK;
    return status_fail(STATUS_INVALID,
                       "%s: has format %" PRId64 ", this Lathe reads formats up to %d; use the newer Lathe that "
                       "wrote it",
                       checkpoint->state_path, checkpoint->format, CHECKPOINTS_FORMAT);
}

/* Reads state.json as far as it concerns this room. */
static Status read_state(const char *run, int64_t step, Checkpoint *out)
{
    int64_t said;
    TRY(checkpoint_path(run, step, NULL, &out->path));
    TRY(checkpoint_path(run, step, "state.json", &out->state_path));
    TRY(json_read(out->state_path, STATE_LIMIT, &out->file));
    const char *name = out->state_path;
    TRY(json_member_integer(name, out->file, "format", 1, INT64_MAX, &out->format));
    TRY(check_format(out));
    TRY(json_member_integer(name, out->file, "step", 0, INT64_MAX, &said));
    if (said != step)
        return status_fail(STATUS_FORMAT, "%s: is of step %" PRId64 ", not of the step in its directory's name",
                           name, said);
    TRY(json_member(name, out->file, "state", JSON_OBJECT, &out->state));
    if (json_object_get(out->file, "score")) TRY(json_member_number(name, out->file, "score", &out->score));
    out->step = step;
    return STATUS_OK;
}

static Status check_bytes(const char *path, const json_t *entry, const char *state_path)
{
    uint64_t size;
    int64_t said;
    const char *said_hash;
    TRY(json_member_integer(state_path, entry, "bytes", 0, INT64_MAX, &said));
    TRY(json_member_text(state_path, entry, "hash", &said_hash));
    TRY(file_size(path, &size));
    if (size != (uint64_t)said)
        return status_fail(STATUS_FORMAT,
                           "%s: has %" PRIu64 " bytes where %s says %" PRId64 "; it is truncated or corrupt", path,
                           size, state_path, said);
    Hash hash;
    char text[HASH_TEXT_SIZE];
    TRY(hash_file(path, &hash));
    hash_text(hash, text);
    if (strcmp(text, said_hash) == 0) return STATUS_OK;
    return status_fail(STATUS_FORMAT, "%s: its content is not what was saved (hash %s, %s says %s); it is corrupt",
                       path, text, state_path, said_hash);
}

/* A name in state.json must be of a file beside it. */
static bool plain_name(const char *name)
{
    return *name && *name != '.' && !strchr(name, '/');
}

static Status check_files(const Checkpoint *checkpoint)
{
    json_t *files;
    TRY(json_member(checkpoint->state_path, checkpoint->file, "files", JSON_OBJECT, &files));
    for (void *at = json_object_iter(files); at; at = json_object_iter_next(files, at)) {
        const char *name = json_object_iter_key(at);
        char *path;
        if (!plain_name(name))
            return status_fail(STATUS_FORMAT, "%s: '%s' is no name of a file beside it", checkpoint->state_path,
                               name);
        TRY(file_join(checkpoint->path, name, &path));
        Status status = check_bytes(path, json_object_iter_value(at), checkpoint->state_path);
        memory_free(path);
        TRY(status);
    }
    return STATUS_OK;
}

/* "; there are 100, 200" */
static Status no_such_step(const char *run, int64_t step, const CheckpointSteps *list)
{
    char words[200] = "";
    size_t at = 0;
    for (size_t i = 0; i < list->count && at < 150; i++)
        at += (size_t)snprintf(words + at, sizeof words - at, "%s%" PRId64, i ? ", " : "; there are those of ",
                               list->steps[i]);
    return status_fail(STATUS_INVALID, "%s: has no checkpoint of step %" PRId64 "%s", run, step,
                       *words ? words : "; it has none at all");
}

Status checkpoints_open(const char *run, int64_t step, Checkpoint *out)
{
    CheckpointSteps list;
    *out = (Checkpoint){.step = -1, .score = (double)NAN};
    TRY(checkpoints_list(run, &list));
    bool there = false;
    for (size_t i = 0; i < list.count; i++) there |= list.steps[i] == step;
    Status status = there ? STATUS_OK : no_such_step(run, step, &list);
    checkpoints_list_free(&list);
    if (status == STATUS_OK) status = read_state(run, step, out);
    if (status == STATUS_OK) status = check_files(out);
    if (status != STATUS_OK) checkpoint_close(out);
    return status;
}

/* Whether to try an older one after this failure: damage is passed over, everything else is not. */
static bool is_damage(Status status)
{
    return status == STATUS_FORMAT || status == STATUS_IO;
}

static Status open_newest(const char *run, const CheckpointSteps *list, Checkpoint *out)
{
    char skipped[CHECKPOINTS_TEXT_SIZE] = "";
    Status status = STATUS_OK;
    for (size_t i = list->count; i-- > 0;) {
        status = checkpoints_open(run, list->steps[i], out);
        if (!is_damage(status)) break;
        if (!*skipped) snprintf(skipped, sizeof skipped, "%s", status_message());
    }
    if (is_damage(status)) return status_fail(status, "%s: no checkpoint is whole: %s", run, skipped);
    if (status == STATUS_OK) memcpy(out->skipped, skipped, sizeof skipped);
    return status;
}

Status checkpoints_newest(const char *run, Checkpoint *out)
{
    CheckpointSteps list;
    *out = (Checkpoint){.step = -1, .score = (double)NAN};
    TRY(checkpoints_list(run, &list));
    Status status = open_newest(run, &list, out);
    checkpoints_list_free(&list);
    return status;
}

/* The step of the lowest score, -1 where none has one. What cannot be read has none. */
static Status find_best(const char *run, const CheckpointSteps *list, int64_t *out)
{
    double lowest = (double)INFINITY;
    *out = -1;
    for (size_t i = 0; i < list->count; i++) {
        Checkpoint checkpoint = {.step = -1, .score = (double)NAN};
        Status status = read_state(run, list->steps[i], &checkpoint);
        if (status == STATUS_OK && checkpoint.score < lowest) {
            lowest = checkpoint.score;
            *out = list->steps[i];
        }
        checkpoint_close(&checkpoint);
        if (status == STATUS_NOMEM) return status;
    }
    return STATUS_OK;
}

Status checkpoints_best(const char *run, Checkpoint *out)
{
    CheckpointSteps list;
    int64_t best;
    *out = (Checkpoint){.step = -1, .score = (double)NAN};
    TRY(checkpoints_list(run, &list));
    Status status = find_best(run, &list, &best);
    checkpoints_list_free(&list);
    TRY(status);
    return best >= 0 ? checkpoints_open(run, best, out) : checkpoints_newest(run, out);
}

/* ---- saving ---- */

static Status describe_file(const char *directory, const char *name, json_t *files)
{
    char *path, text[HASH_TEXT_SIZE];
    json_t *entry;
    Hash hash = {0};
    uint64_t size = 0;
    TRY(file_join(directory, name, &path));
    Status status = file_size(path, &size);
    if (status == STATUS_OK) status = hash_file(path, &hash);
    memory_free(path);
    TRY(status);
    hash_text(hash, text);
    TRY(json_new_object(&entry));
    TRY(json_set(files, name, entry));
    TRY(json_set_integer(entry, "bytes", (int64_t)size));
    return json_set_text(entry, "hash", text);
}

static Status describe_files(const char *directory, json_t *files)
{
    FileNames names;
    TRY(file_list(directory, &names));
    Status status = STATUS_OK;
    for (size_t i = 0; i < names.count && status == STATUS_OK; i++)
        status = describe_file(directory, names.names[i], files);
    file_names_free(&names);
    return status;
}

static Status write_text(const char *directory, const json_t *file)
{
    char *path;
    Buffer text = {0};
    FileWriter *writer = NULL;
    TRY(file_join(directory, "state.json", &path));
    Status status = json_print(file, 2, &text);
    if (status == STATUS_OK) status = buffer_text(&text, "\n");
    if (status == STATUS_OK) status = file_writer_create(path, &writer);
    if (status == STATUS_OK) status = file_writer_put(writer, text.data, text.length);
    if (status == STATUS_OK)
        status = file_writer_commit(writer);
    else
        file_writer_discard(writer);
    buffer_free(&text);
    memory_free(path);
    return status;
}

static Status fill(const char *directory, json_t *file, int64_t step, double score, CheckpointWriter write,
                   void *context)
{
    json_t *files, *state;
    TRY(json_set_integer(file, "format", CHECKPOINTS_FORMAT));
    TRY(json_set_integer(file, "step", step));
    if (!isnan(score)) TRY(json_set_number(file, "score", score));
    TRY(json_new_object(&files));
    TRY(json_set(file, "files", files));
    TRY(json_new_object(&state));
    TRY(json_set(file, "state", state));
    TRY(write(context, directory, state));
    TRY(describe_files(directory, files));
    return write_text(directory, file);
}

/* Makes, fills and puts in place. */
static Status save_one(const char *path, int64_t step, double score, CheckpointWriter write, void *context)
{
    char *staged;
    json_t *file;
    TRY(file_stage_directory(path, &staged));
    Status status = json_new_object(&file);
    if (status == STATUS_OK) {
        status = fill(staged, file, step, score, write, context);
        json_decref(file);
    }
    if (status == STATUS_OK) {
        status = file_commit_directory(staged, path);
    } else {
        char message[1024];
        snprintf(message, sizeof message, "%s", status_message());
        if (file_remove_tree(staged) != STATUS_OK) status_fail(status, "%s", message);
    }
    memory_free(staged);
    return status;
}

static Status remove_step(const char *run, int64_t step)
{
    char *path;
    TRY(checkpoint_path(run, step, NULL, &path));
    Status status = file_remove_tree(path);
    memory_free(path);
    return status;
}

static Status remove_old(const char *run, const CheckpointSteps *list, int64_t saved, int64_t keep_last)
{
    int64_t best;
    TRY(find_best(run, list, &best));
    for (size_t i = 0; i < list->count; i++) {
        int64_t step = list->steps[i];
        if (step == best || step == saved || (int64_t)(list->count - i) <= keep_last) continue;
        TRY(remove_step(run, step));
    }
    return STATUS_OK;
}

Status checkpoints_remove_after(const char *run, int64_t step)
{
    CheckpointSteps list;
    TRY(checkpoints_list(run, &list));
    Status status = STATUS_OK;
    for (size_t i = 0; i < list.count && status == STATUS_OK; i++)
        if (list.steps[i] > step) status = remove_step(run, list.steps[i]);
    checkpoints_list_free(&list);
    return status;
}

static Status move_step(const char *run, int64_t step, const char *to)
{
    char *from, *there, *parent;
    TRY(file_remove_tree(to));
    TRY(checkpoint_path(run, step, NULL, &from));
    Status status = checkpoint_path(to, step, NULL, &there);
    if (status == STATUS_OK) {
        status = file_parent(there, &parent);
        if (status == STATUS_OK) {
            status = file_make_directory(parent, true);
            memory_free(parent);
        }
        if (status == STATUS_OK && rename(from, there) != 0) status = file_fail(from, "moved", errno);
        memory_free(there);
    }
    memory_free(from);
    return status;
}

Status checkpoints_move_after(const char *run, int64_t step, const char *to)
{
    CheckpointSteps list;
    TRY(checkpoints_list(run, &list));
    int64_t newest = list.count ? list.steps[list.count - 1] : -1;
    checkpoints_list_free(&list);
    if (newest > step) TRY(move_step(run, newest, to));
    return checkpoints_remove_after(run, step);
}

/* Says what is still there after a failed save. */
static Status explain(Status status, const char *run, int64_t step)
{
    Checkpoint newest;
    char message[1024];
    snprintf(message, sizeof message, "%s", status_message());
    if (checkpoints_newest(run, &newest) != STATUS_OK || newest.step < 0)
        status_fail(status, "the checkpoint of step %" PRId64 " was not saved: %s", step, message);
    else
        status_fail(status,
                    "the checkpoint of step %" PRId64 " was not saved: %s. That of step %" PRId64 " is whole", step,
                    message, newest.step);
    checkpoint_close(&newest);
    return status;
}

Status checkpoints_save(const char *run, int64_t step, double score, int64_t keep_last, CheckpointWriter write,
                        void *context)
{
    char *path, *directory;
    if (step < 0 || step > 999999999999)
        return status_fail(STATUS_INVALID, "there can be no checkpoint of step %" PRId64, step);
    TRY(file_join(run, "checkpoints", &directory));
    Status status = file_make_directory(directory, false);
    memory_free(directory);
    TRY(status);
    TRY(checkpoint_path(run, step, NULL, &path));
    status = save_one(path, step, score, write, context);
    memory_free(path);
    if (status != STATUS_OK) return explain(status, run, step);
    CheckpointSteps list;
    TRY(checkpoints_list(run, &list));
    status = remove_old(run, &list, step, keep_last < 1 ? 1 : keep_last);
    checkpoints_list_free(&list);
    return status;
}
