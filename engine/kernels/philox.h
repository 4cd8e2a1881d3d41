/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Philox in vector code: the same words as random_block(), many blocks at a time. Runs on the calling thread,
 * inside a tile. */
#ifndef LATHE_KERNELS_PHILOX_H
#define LATHE_KERNELS_PHILOX_H

#include "engine/base/random.h"

#include <stdint.h>

/* out u32[4 blocks]: word j of block i at 4 i + j, blocks counted from first. */
void philox_words(RandomKey key, uint64_t first, int64_t blocks, uint32_t *out);

/* y[n] = x / (1 - p) where word (start + i) of the stream is at least p 2^32, else 0. x and y may be the same. */
void philox_dropout(RandomKey key, int64_t start, int64_t n, double p, const float *x, float *y);

#endif
