/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A step's memory. Blocks are handed out by moving a pointer, given back to free lists by size (so that the
 * backward pass runs in warm memory), and all of it is taken back at once by arena_reset(). After the first
 * step the arena is one block of the size that was needed, so a steady step asks the system for nothing.
 * Whoever made the arena frees it; blocks belong to the arena. Not thread-safe: the engine thread allocates. */
#ifndef LATHE_BASE_ARENA_H
#define LATHE_BASE_ARENA_H

#include "engine/base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct Arena Arena;

Status arena_new(Arena **out) STATUS_CHECKED;
void arena_free(Arena *arena);

/* bytes of memory aligned to MEMORY_ALIGNMENT, not zeroed. *out is set only on success. */
Status arena_take(Arena *arena, size_t bytes, void *out) STATUS_CHECKED;

/* Gives a block back for reuse in this same step; bytes as it was asked for. NULL may be given. */
void arena_give(Arena *arena, void *block, size_t bytes);

/* release(object) will be called at the next reset, or when the arena is freed: for what a block holds outside of
 * the arena. Errors: memory; then it is not called. */
Status arena_defer(Arena *arena, void (*release)(void *object), void *object) STATUS_CHECKED;

/* All blocks die; the generation becomes one that no arena ever had, by which holders of old blocks can tell. */
void arena_reset(Arena *arena);
uint64_t arena_generation(const Arena *arena);

/* Bytes held from the system, and the most that was handed out at once since the arena was made. */
size_t arena_capacity(const Arena *arena);
size_t arena_peak(const Arena *arena);

#endif
