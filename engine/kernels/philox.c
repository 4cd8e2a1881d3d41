/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/philox.h"

#include "engine/kernels/vector.h"

enum { BLOCKS = 64, WORDS = 4 * BLOCKS };

VECTOR_CLONES void philox_words(RandomKey key, uint64_t first, int64_t blocks, uint32_t *out)
{
#pragma omp simd
    for (int64_t i = 0; i < blocks; i++) {
        uint64_t index = first + (uint64_t)i;
        uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32), c2 = 0, c3 = 0;
        uint32_t k0 = (uint32_t)key.word, k1 = (uint32_t)(key.word >> 32);
        for (int round = 0; round < 10; round++) {
            uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
            uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
            c1 = (uint32_t)p1;
            c3 = (uint32_t)p0;
            c0 = n0;
            c2 = n2;
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        out[4 * i] = c0;
        out[4 * i + 1] = c1;
        out[4 * i + 2] = c2;
        out[4 * i + 3] = c3;
    }
}

VECTOR_CLONES static void keep(int64_t n, const uint32_t *restrict words, uint32_t limit, float scale,
                               const float *x, float *y)
{
#pragma omp simd
    for (int64_t i = 0; i < n; i++) y[i] = words[i] >= limit ? x[i] * scale : 0;
}

void philox_dropout(RandomKey key, int64_t start, int64_t n, double p, const float *x, float *y)
{
    uint32_t words[WORDS + 4];
    uint32_t limit = (uint32_t)(p * 0x1p32);
    float scale = (float)(1 / (1 - p));
    for (int64_t at = 0; at < n;) {
        int64_t skip = (start + at) % 4, count = smaller(WORDS - skip, n - at);
        philox_words(key, (uint64_t)(start + at) / 4, tiles_of(skip + count, 4), words);
        keep(count, words + skip, limit, scale, x + at, y + at);
        at += count;
    }
}
