/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counted bytes that tensors look at. A storage lives in the pool (heap), in a step arena, or in memory that
 * somebody else keeps (a mapped file, released by a callback). storage_unref() by the last holder frees it, or
 * gives an arena block back to its arena; an arena storage whose arena was reset is dead, and unref of it does
 * nothing. */
#ifndef LATHE_TENSOR_STORAGE_H
#define LATHE_TENSOR_STORAGE_H

#include "engine/base/arena.h"
#include "engine/base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct Storage Storage;

/* bytes in the arena, or in the pool where arena is NULL. Not zeroed. */
Status storage_new(Arena *arena, size_t bytes, Storage **out) STATUS_CHECKED;

/* Foreign memory; release(owner) is called when the last holder lets go (may be NULL). */
Status storage_new_foreign(void *data, size_t bytes, void (*release)(void *owner), void *owner,
                           Storage **out) STATUS_CHECKED;

void storage_ref(Storage *storage);
void storage_unref(Storage *storage);

void *storage_data(const Storage *storage);
size_t storage_bytes(const Storage *storage);
/* More than one holder: bytes that may not be changed in place. */
bool storage_shared(const Storage *storage);
/* How often somebody who does not own the bytes alone changed them in place, said by storage_touch(): a tape asks
 * whether what it keeps is still what it was. */
uint64_t storage_version(const Storage *storage);
void storage_touch(Storage *storage);
/* A copy that is there to be looked at: nobody changes it in place any more. */
void storage_seal(Storage *storage);
bool storage_sealed(const Storage *storage);
bool storage_foreign(const Storage *storage);
bool storage_in_arena(const Storage *storage);

#endif
