/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The thread grid. Work is cut into tiles on a grid that never depends on the number of threads; the tiles are
 * run in any order, and whatever is reduced is combined in grid order by the caller. So the bits are the same
 * at 1, 2, 3 and 5 threads. OpenMP (libgomp) is the only pool; OpenBLAS and oneDNN run single-threaded inside a
 * tile. */
#ifndef LATHE_BASE_THREADS_H
#define LATHE_BASE_THREADS_H

#include <stdint.h>

enum { THREADS_MAX = 256 };

/* How many threads a grid uses, the caller included; clamped to [1, THREADS_MAX]. At start: the online processors.
 */
void threads_set(int count);
int threads_count(void);

/* Calls run(context, tile) once for each tile in [0, tiles). Inside a tile further grids run serially. */
void threads_run(int64_t tiles, void (*run)(void *context, int64_t tile), void *context);

/* The calling thread's number inside a grid, in [0, threads_count()); 0 outside. For scratch memory only. */
int threads_index(void);

#endif
