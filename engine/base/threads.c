/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/threads.h"

#include "engine/base/signals.h"

#include <omp.h>
#include <stdbool.h>

static int thread_count;

void threads_set(int count)
{
    thread_count = count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : count;
}

int threads_count(void)
{
    if (thread_count == 0) threads_set(omp_get_num_procs());
    return thread_count;
}

int threads_index(void)
{
    return omp_get_thread_num();
}

/* libgomp starts its threads when it needs them. */
static void enter(void)
{
    static _Thread_local bool entered;
    if (entered) return;
    if (omp_get_thread_num() > 0) signals_block();
    entered = true;
}

void threads_run(int64_t tiles, void (*run)(void *context, int64_t tile), void *context)
{
    int count = threads_count();
    if (tiles < count) count = (int)tiles;
    if (count <= 1 || omp_in_parallel()) {
        for (int64_t tile = 0; tile < tiles; tile++) run(context, tile);
        return;
    }
    /* num_threads is named because the OpenMP flavour of OpenBLAS changes the caller's default to 1. */
#pragma omp parallel num_threads(count)
    {
        enter();
#pragma omp for schedule(dynamic, 1) nowait
        for (int64_t tile = 0; tile < tiles; tile++) run(context, tile);
    }
}
