/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/threads.h"

#include <omp.h>

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

void threads_run(int64_t tiles, void (*run)(void *context, int64_t tile), void *context)
{
    int count = threads_count();
    if (tiles < count) count = (int)tiles;
    if (count <= 1 || omp_in_parallel()) {
        for (int64_t tile = 0; tile < tiles; tile++) run(context, tile);
        return;
    }
    /* num_threads is named because the OpenMP flavour of OpenBLAS changes the caller's default to 1. */
#pragma omp parallel for schedule(dynamic, 1) num_threads(count)
    for (int64_t tile = 0; tile < tiles; tile++) run(context, tile);
}
