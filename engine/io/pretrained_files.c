/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which files of a directory hold the weights: model.safetensors, or the shards of an index. An index comes from
 * somebody else: it may only name plain files of its own directory. */
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/pretrained_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { INDEX_MAX = 64 << 20, SHARDS_MAX = 10000 };

static Status add_file(PretrainedTensors *tensors, const char *path, const Safetensors **out)
{
    Safetensors *file;
    TRY(memory_resize(&tensors->files, tensors->file_count + 1, sizeof *tensors->files));
    TRY(safetensors_open(path, &file));
    tensors->files[tensors->file_count++] = file;
    *out = file;
    return STATUS_OK;
}

static Status add_tensor(PretrainedTensors *tensors, const Safetensors *file, const SafetensorsEntry *entry)
{
    if (tensors->count == tensors->room) {
        size_t room = tensors->room ? tensors->room * 2 : 256;
        TRY(memory_resize(&tensors->items, room, sizeof *tensors->items));
        tensors->room = room;
    }
    tensors->items[tensors->count++] = (PretrainedTensor){file, entry, false};
    return STATUS_OK;
}

static Status open_single(const char *path, PretrainedTensors *out)
{
    const Safetensors *file;
    TRY(add_file(out, path, &file));
    for (size_t i = 0; i < safetensors_count(file); i++) TRY(add_tensor(out, file, safetensors_entry(file, i)));
    return STATUS_OK;
}

/* --- shards --- */

static Status check_name(const char *index, const char *shard)
{
    const char *why = !*shard               ? "empty"
                      : *shard == '/'       ? "an absolute path"
                      : strchr(shard, '/')  ? "a path into another directory"
                      : strchr(shard, '\\') ? "a path into another directory"
                      : *shard == '.'       ? "a hidden file or a directory"
                      : strlen(shard) > 255 ? "too long"
                                            : NULL;
    if (!why) return STATUS_OK;
    return status_fail(STATUS_FORMAT, "%s: the shard's name '%.80s' is %s; shards stand beside their index", index,
                       shard, why);
}

static Status check_file(const char *index, const char *shard, const char *path)
{
    struct stat info;
    if (lstat(path, &info) != 0)
        return status_fail(STATUS_IO, "%s: the shard '%.80s' is missing; was the whole model fetched?", index,
                           shard);
    if (S_ISLNK(info.st_mode))
        return status_fail(STATUS_FORMAT,
                           "%s: the shard '%.80s' is a link, which is not followed; copy the directory with its "
                           "files, as with: cp -rL",
                           index, shard);
    if (!S_ISREG(info.st_mode))
        return status_fail(STATUS_FORMAT, "%s: the shard '%.80s' is no regular file", index, shard);
    return STATUS_OK;
}

/* The open file of the path, opened if it is not yet. */
static Status shard_file(PretrainedTensors *tensors, const char *index, const char *shard, const char *path,
                         const Safetensors **out)
{
    for (size_t i = 0; i < tensors->file_count; i++) {
        *out = tensors->files[i];
        if (strcmp(safetensors_path(*out), path) == 0) return STATUS_OK;
    }
    if (tensors->file_count == SHARDS_MAX)
        return status_fail(STATUS_FORMAT, "%s: more than %d shards", index, (int)SHARDS_MAX);
    TRY(check_file(index, shard, path));
    return add_file(tensors, path, out);
}

static Status add_mapped(PretrainedTensors *tensors, const char *index, const char *directory, const char *name,
                         const json_t *value)
{
    const char *shard = json_string_value(value);
    const Safetensors *file = NULL;
    char *path;
    if (!shard)
        return status_fail(STATUS_FORMAT, "%s: the shard of tensor '%.80s' is %s, not a text", index, name,
                           json_kind(value));
    TRY(check_name(index, shard));
    TRY(file_join(directory, shard, &path));
    Status status = shard_file(tensors, index, shard, path, &file);
    memory_free(path);
    TRY(status);
    const SafetensorsEntry *entry = safetensors_find(file, name);
    if (!entry)
        return status_fail(STATUS_FORMAT, "%s: tensor '%.80s' is not in its shard '%.80s'", index, name, shard);
    return add_tensor(tensors, file, entry);
}

static int by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (const SafetensorsEntry *const *)a,
              y = (uintptr_t) * (const SafetensorsEntry *const *)b;
    return (x > y) - (x < y);
}

/* Tensors of the shards that the index passes over: they are part of the directory all the same. */
static Status add_unnamed(PretrainedTensors *tensors)
{
    const SafetensorsEntry **named;
    size_t count = tensors->count;
    Status status = STATUS_OK;
    TRY(memory_new(count + 1, sizeof *named, &named));
    for (size_t i = 0; i < count; i++) named[i] = tensors->items[i].entry;
    qsort(named, count, sizeof *named, by_address);
    for (size_t f = 0; f < tensors->file_count; f++)
        for (size_t i = 0; status == STATUS_OK && i < safetensors_count(tensors->files[f]); i++) {
            const SafetensorsEntry *entry = safetensors_entry(tensors->files[f], i);
            if (!bsearch(&entry, named, count, sizeof *named, by_address))
                status = add_tensor(tensors, tensors->files[f], entry);
        }
    memory_free(named);
    return status;
}

static Status open_shards(const char *index, const char *directory, PretrainedTensors *out)
{
    json_t *document, *map, *value;
    const char *name;
    TRY(json_read(index, INDEX_MAX, &document));
    Status status = json_member(index, document, "weight_map", JSON_OBJECT, &map);
    if (status == STATUS_OK)
        json_object_foreach(map, name, value) if (status == STATUS_OK) status =
            add_mapped(out, index, directory, name, value);
    json_decref(document);
    return status == STATUS_OK ? add_unnamed(out) : status;
}

/* --- which --- */

static Status refuse_others(const char *directory)
{
    static const char *const pickles[] = {"pytorch_model.bin", "pytorch_model.bin.index.json"};
    for (size_t i = 0; i < sizeof pickles / sizeof *pickles; i++) {
        char *path;
        TRY(file_join(directory, pickles[i], &path));
        bool there = file_exists(path);
        memory_free(path);
        if (there)
            return status_fail(
                STATUS_FORMAT,
                "%s: the weights are in %s, a pickle, which Lathe does not read; save the model with "
                "safe_serialization=True",
                directory, pickles[i]);
    }
    return status_fail(STATUS_IO,
                       "%s: there are no weights: neither model.safetensors nor model.safetensors.index.json",
                       directory);
}

Status pretrained_open(const char *directory, PretrainedTensors *out)
{
    char *single = NULL, *index = NULL;
    Status status = file_join(directory, "model.safetensors", &single);
    if (status == STATUS_OK) status = file_join(directory, "model.safetensors.index.json", &index);
    if (status == STATUS_OK) {
        if (file_exists(single))
            status = open_single(single, out);
        else
            status = file_exists(index) ? open_shards(index, directory, out) : refuse_others(directory);
    }
    memory_free(single);
    memory_free(index);
    return status;
}

void pretrained_close(PretrainedTensors *tensors)
{
    for (size_t i = 0; i < tensors->file_count; i++) safetensors_close(tensors->files[i]);
    memory_free(tensors->files);
    memory_free(tensors->items);
    *tensors = (PretrainedTensors){0};
}

static Hash hash_tensor(const SafetensorsEntry *entry)
{
    Hash hash = hash_bytes(entry->name, strlen(entry->name));
    hash = hash_combine(hash, hash_bytes(&entry->type, sizeof entry->type));
    hash = hash_combine(hash, hash_bytes(entry->shape, (size_t)entry->ndim * sizeof *entry->shape));
    return hash_combine(hash, hash_bytes(entry->data, entry->bytes));
}

Status pretrained_content(const char *directory, Hash *out)
{
    PretrainedTensors tensors = {0};
    Hash hash = hash_bytes("weights", 7);
    Status status = pretrained_open(directory, &tensors);
    for (size_t i = 0; i < tensors.count; i++) hash = hash_combine(hash, hash_tensor(tensors.items[i].entry));
    pretrained_close(&tensors);
    if (status == STATUS_OK) *out = hash;
    return status;
}

PretrainedTensor *pretrained_find(const PretrainedTensors *tensors, const char *name)
{
    for (size_t i = 0; i < tensors->count; i++)
        if (strcmp(tensors->items[i].entry->name, name) == 0) return &tensors->items[i];
    return NULL;
}
