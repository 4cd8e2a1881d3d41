/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loader threads: they prepare the raw rows of the next batches while the engine thread computes. What is prepared
 * is a pure function of (cursor, batch size), so the result is the same with any number of threads and with none; a
 * seek or a change of the batch size only flushes the queue. The threads are started by the first batch, block all
 * signals and touch plain memory only. Whoever made the loader frees it; a slot belongs to the loader. */
#ifndef LATHE_DATASETS_LOADER_H
#define LATHE_DATASETS_LOADER_H

#include "engine/train/source.h"

enum { LOADER_MAX_THREADS = 16 };

typedef struct Loader Loader;

typedef struct LoaderType {
    size_t slot_size; /* a slot begins as zeros and is used again and again */
    /* Prepares the batch of 'count' examples at the cursor in the slot. Called by several threads at once, each
     * with a slot of its own; a failure is reported by loader_next(). */
    Status (*make)(const void *context, void *slot, const Cursor *cursor, int64_t count);
    void (*clear)(void *slot); /* frees what the slot holds */
} LoaderType;

/* context is only read, and outlives the loader. examples: of an epoch. threads: 0 for none. */
Status loader_new(const LoaderType *type, const void *context, int64_t examples, int threads,
                  Loader **out) STATUS_CHECKED;

/* The batch at the cursor, which moves behind it; *slot is the caller's until the next call. Errors: the cursor is
 * outside the epoch; what make() reports; no thread can be started. The cursor stays where it was then. */
Status loader_next(Loader *loader, Cursor *cursor, int64_t batch_size, void **slot) STATUS_CHECKED;

/* Throws away what was prefetched; afterwards no thread reads the context until the next loader_next(). */
void loader_flush(Loader *loader);

void loader_free(Loader *loader);

/* How many examples the batch at the cursor has: batch_size, or fewer at the end of the epoch. Moves the cursor. */
int64_t cursor_advance(Cursor *cursor, int64_t examples, int64_t batch_size);

#endif
