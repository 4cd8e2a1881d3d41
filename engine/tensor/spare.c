/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/tensor/spare.h"

#include "engine/base/memory.h"
#include "engine/base/turns.h"

typedef struct Spare {
    Storage *storage;
    size_t written; /* bytes, from the first: all of them, and it is ready */
    bool wanted;
} Spare;

static struct {
    Spare *list;
    int64_t count, room;
    bool complete; /* since the last preparation nothing was taken or missed, and all of it was ready */
    size_t sum;    /* of the sizes that were asked for then */
    bool busy;     /* a turn is given amid a preparation: nothing is taken, the list stays as it is */
} pool;

enum { PAGE = 4096, TURN_BYTES = 2 << 20 };

/* One of that size that is not wanted yet, or a new one; NULL: no memory. */
static Spare *want(size_t bytes)
{
    Spare *spare = pool.list;
    for (; spare < pool.list + pool.count; spare++)
        if (!spare->wanted && storage_bytes(spare->storage) == bytes) return spare;
    Storage *storage;
    if (memory_grow(&pool.list, &pool.room, pool.count + 1, sizeof *pool.list) != STATUS_OK) return NULL;
    if (storage_new(NULL, bytes, &storage) != STATUS_OK) return NULL;
    spare = &pool.list[pool.count++];
    *spare = (Spare){.storage = storage};
    return spare;
}

static void give_turn(void)
{
    pool.busy = true;
    turns_give();
    pool.busy = false;
}

/* Writes to its next pages, as far as the budget goes; whether it is ready. A page may take 20 us. */
static bool write_on(Spare *spare, size_t *budget)
{
    volatile char *bytes = storage_data(spare->storage);
    size_t all = storage_bytes(spare->storage);
    for (; spare->written < all && *budget >= PAGE; *budget -= PAGE) {
        bytes[spare->written] = 0;
        spare->written = spare->written + PAGE < all ? spare->written + PAGE : all;
        if (spare->written % TURN_BYTES == 0) give_turn();
    }
    return spare->written == all;
}

static void drop(int64_t i)
{
    storage_unref(pool.list[i].storage);
    pool.list[i] = pool.list[--pool.count];
}

static void drop_unwanted(void)
{
    for (int64_t i = pool.count - 1; i >= 0; i--)
        if (!pool.list[i].wanted) drop(i);
}

void spare_prepare(const size_t *sizes, int64_t count, size_t budget)
{
    size_t sum = 0;
    if (pool.busy) return;
    for (int64_t i = 0; i < count; i++) sum += sizes[i];
    if (pool.complete && pool.sum == sum) return;
    for (int64_t i = 0; i < pool.count; i++) pool.list[i].wanted = false;
    bool ready = true;
    for (int64_t i = 0; i < count && ready; i++) {
        if (sizes[i] < SPARE_LEAST) continue;
        Spare *spare = want(sizes[i]);
        if (spare) spare->wanted = true;
        ready = spare && write_on(spare, &budget);
    }
    if (ready) drop_unwanted();
    pool.complete = ready;
    pool.sum = sum;
}

Storage *spare_take(size_t bytes)
{
    if (bytes < SPARE_LEAST) return NULL;
    pool.complete = false;
    for (int64_t i = 0; i < pool.count && !pool.busy; i++) {
        Spare *spare = &pool.list[i];
        if (storage_bytes(spare->storage) != bytes || spare->written < bytes) continue;
        Storage *storage = spare->storage;
        *spare = pool.list[--pool.count];
        return storage;
    }
    return NULL;
}

size_t spare_bytes(void)
{
    size_t bytes = 0;
    for (int64_t i = 0; i < pool.count; i++) bytes += storage_bytes(pool.list[i].storage);
    return bytes;
}

void spare_clear(void)
{
    if (pool.busy) return;
    while (pool.count > 0) drop(pool.count - 1);
    memory_free(pool.list);
    pool.list = NULL;
    pool.room = 0;
    pool.complete = false;
}
