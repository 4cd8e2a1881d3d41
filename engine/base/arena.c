/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/arena.h"

#include "engine/base/memory.h"

#include <stdatomic.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
enum { RED_ZONE = MEMORY_ALIGNMENT };
#define POISON(at, bytes)   ASAN_POISON_MEMORY_REGION(at, bytes)
#define UNPOISON(at, bytes) ASAN_UNPOISON_MEMORY_REGION(at, bytes)
#else
enum { RED_ZONE = 0 };
#define POISON(at, bytes)   ((void)(at), (void)(bytes))
#define UNPOISON(at, bytes) ((void)(at), (void)(bytes))
#endif

enum {
    CHUNK_BYTES = 1 << 20, /* the first chunk; each further one is at least a quarter of all before */
    CLASSES = 512          /* free lists, eight for each power of two */
};

typedef struct Chunk {
    struct Chunk *next;
    char *data;
    size_t size, used;
} Chunk;

typedef struct FreeBlock {
    void *block;
    uint32_t next; /* place in the table of free blocks plus one */
} FreeBlock;

typedef struct Deferred {
    void (*release)(void *object);
    void *object;
    struct Deferred *next;
} Deferred;

static uint64_t next_generation(void)
{
    static atomic_uint_least64_t newest;
    return atomic_fetch_add(&newest, 1) + 1;
}

struct Arena {
    Deferred *deferred; /* in blocks of the arena itself */
    Chunk *chunks;      /* newest first */
    size_t capacity, used, peak;
    uint64_t generation;
    uint32_t lists[CLASSES]; /* heads; the links live outside the blocks, which stay poisoned */
    FreeBlock *blocks;
    uint32_t block_count, block_capacity, spare;
};

/* Blocks are rounded up to one of eight sizes for each power of two: at most an eighth is lost. */
static size_t rounded(size_t bytes, int *list)
{
    size_t units = (bytes + MEMORY_ALIGNMENT - 1) / MEMORY_ALIGNMENT;
    if (units < 8) {
        *list = units ? (int)units : 1;
        return (size_t)*list * MEMORY_ALIGNMENT;
    }
    int log = 63 - __builtin_clzll(units);
    size_t eighth = (size_t)1 << (log - 3);
    size_t steps = (units + eighth - 1) / eighth; /* 8 to 16 */
    *list = log * 8 + (int)(steps - 8);
    return steps * eighth * MEMORY_ALIGNMENT;
}

static Status chunk_add(Arena *arena, size_t size)
{
    Chunk *chunk;
    TRY(memory_new(1, sizeof *chunk, &chunk));
    Status status = memory_map(size, &chunk->data);
    if (status != STATUS_OK) {
        memory_free(chunk);
        return status;
    }
    POISON(chunk->data, size);
    *chunk = (Chunk){arena->chunks, chunk->data, size, 0};
    arena->chunks = chunk;
    arena->capacity += size;
    return STATUS_OK;
}

static void chunks_free(Arena *arena)
{
    while (arena->chunks) {
        Chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        UNPOISON(chunk->data, chunk->size);
        memory_unmap(chunk->data, chunk->size);
        memory_free(chunk);
    }
    arena->capacity = 0;
}

Status arena_new(Arena **out)
{
    TRY(memory_new(1, sizeof(Arena), out));
    (*out)->generation = next_generation();
    return STATUS_OK;
}

static void run_deferred(Arena *arena)
{
    Deferred *entry = arena->deferred;
    arena->deferred = NULL;
    for (; entry; entry = entry->next) entry->release(entry->object);
}

void arena_free(Arena *arena)
{
    if (!arena) return;
    run_deferred(arena);
    chunks_free(arena);
    memory_free(arena->blocks);
    memory_free(arena);
}

static void *reuse(Arena *arena, int list)
{
    uint32_t place = arena->lists[list];
    if (!place) return NULL;
    FreeBlock *entry = &arena->blocks[place - 1];
    arena->lists[list] = entry->next;
    entry->next = arena->spare;
    arena->spare = place;
    return entry->block;
}

Status arena_take(Arena *arena, size_t bytes, void *out)
{
    int list;
    if (bytes > SIZE_MAX / 4) return status_fail(STATUS_NOMEM, "out of memory: %zu bytes were asked for", bytes);
    size_t size = rounded(bytes, &list);
    void *block = reuse(arena, list);
    if (!block) {
        size_t need = size + RED_ZONE;
        if (!arena->chunks || arena->chunks->size - arena->chunks->used < need) {
            size_t least = arena->capacity / 4 > CHUNK_BYTES ? arena->capacity / 4 : CHUNK_BYTES;
            TRY(chunk_add(arena, need > least ? need : least));
        }
        block = arena->chunks->data + arena->chunks->used;
        arena->chunks->used += need;
    }
    UNPOISON(block, bytes);
    arena->used += size;
    if (arena->used > arena->peak) arena->peak = arena->used;
    memcpy(out, &block, sizeof block);
    return STATUS_OK;
}

static uint32_t spare_place(Arena *arena)
{
    if (arena->spare) {
        uint32_t place = arena->spare;
        arena->spare = arena->blocks[place - 1].next;
        return place;
    }
    if (arena->block_count == arena->block_capacity) {
        uint32_t capacity = arena->block_capacity ? arena->block_capacity * 2 : 256;
        if (memory_resize(&arena->blocks, capacity, sizeof *arena->blocks) != STATUS_OK) return 0;
        arena->block_capacity = capacity;
    }
    return ++arena->block_count;
}

void arena_give(Arena *arena, void *block, size_t bytes)
{
    int list;
    size_t size = rounded(bytes, &list);
    if (!block) return;
    POISON(block, size);
    arena->used -= size;
    uint32_t place = spare_place(arena);
    if (!place) return; /* no memory to remember it by: it comes back with the reset */
    arena->blocks[place - 1] = (FreeBlock){block, arena->lists[list]};
    arena->lists[list] = place;
}

Status arena_defer(Arena *arena, void (*release)(void *object), void *object)
{
    Deferred *entry;
    TRY(arena_take(arena, sizeof *entry, &entry));
    *entry = (Deferred){release, object, arena->deferred};
    arena->deferred = entry;
    return STATUS_OK;
}

void arena_reset(Arena *arena)
{
    run_deferred(arena);
    if (arena->chunks && arena->chunks->next) {
        size_t total = 0; /* what was taken, without the ends that stayed empty: the next step takes the same */
        for (const Chunk *chunk = arena->chunks; chunk; chunk = chunk->next) total += chunk->used;
        chunks_free(arena);
        /* Failing here is no loss: the next step takes chunks again. */
        if (chunk_add(arena, total) != STATUS_OK) arena->capacity = 0;
    } else if (arena->chunks) {
        POISON(arena->chunks->data, arena->chunks->size);
        arena->chunks->used = 0;
    }
    memset(arena->lists, 0, sizeof arena->lists);
    arena->block_count = arena->spare = 0;
    arena->used = 0;
    arena->generation = next_generation();
}

uint64_t arena_generation(const Arena *arena)
{
    return arena->generation;
}

size_t arena_capacity(const Arena *arena)
{
    return arena->capacity;
}

size_t arena_peak(const Arena *arena)
{
    return arena->peak;
}
