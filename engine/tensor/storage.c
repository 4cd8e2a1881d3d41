/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/tensor/storage.h"

#include "engine/base/memory.h"

struct Storage {
    int refs;
    Arena *arena; /* NULL: pool or foreign */
    void *data;
    size_t bytes;
    void (*release)(void *owner);
    void *owner;
    bool foreign, sealed;
    uint64_t version;
};

Status storage_new(Arena *arena, size_t bytes, Storage **out)
{
    Storage *storage;
    if (arena) {
        TRY(arena_take(arena, sizeof *storage, &storage));
        *storage = (Storage){.refs = 1, .arena = arena, .bytes = bytes};
        TRY(arena_take(arena, bytes, &storage->data));
    } else {
        TRY(memory_new(1, sizeof *storage, &storage));
        *storage = (Storage){.refs = 1, .bytes = bytes};
        Status status = memory_new_raw(bytes, 1, &storage->data);
        if (status != STATUS_OK) {
            memory_free(storage);
            return status;
        }
    }
    *out = storage;
    return STATUS_OK;
}

Status storage_new_foreign(void *data, size_t bytes, void (*release)(void *owner), void *owner, Storage **out)
{
    Storage *storage;
    TRY(memory_new(1, sizeof *storage, &storage));
    *storage =
        (Storage){.refs = 1, .data = data, .bytes = bytes, .release = release, .owner = owner, .foreign = true};
    *out = storage;
    return STATUS_OK;
}

void storage_ref(Storage *storage)
{
    storage->refs++;
}

void storage_unref(Storage *storage)
{
    if (!storage || --storage->refs > 0) return;
    if (storage->arena) {
        /* The few bytes of the header stay until the reset, so that a late look at refs is harmless. */
        if (storage->data) arena_give(storage->arena, storage->data, storage->bytes);
        storage->data = NULL;
        return;
    }
    if (!storage->foreign) memory_free(storage->data);
    if (storage->release) storage->release(storage->owner);
    memory_free(storage);
}

void *storage_data(const Storage *storage)
{
    return storage->data;
}

size_t storage_bytes(const Storage *storage)
{
    return storage->bytes;
}

bool storage_shared(const Storage *storage)
{
    return storage->refs > 1;
}

uint64_t storage_version(const Storage *storage)
{
    return storage->version;
}

void storage_touch(Storage *storage)
{
    storage->version++;
}

void storage_seal(Storage *storage)
{
    storage->sealed = true;
}

bool storage_sealed(const Storage *storage)
{
    return storage->sealed;
}

bool storage_foreign(const Storage *storage)
{
    return storage->foreign;
}

bool storage_in_arena(const Storage *storage)
{
    return storage->arena != NULL;
}
