/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counter-based random numbers: Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
 * A number is a pure function of (key, index), so that masks and dropout are the same whatever the batch size, the
 * number of threads or what else draws. Keys are derived: random_key(seed, "dropout"), then random_subkey() by
 * step, example, ... Plain values; nobody frees anything. */
#ifndef LATHE_BASE_RANDOM_H
#define LATHE_BASE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct RandomKey {
    uint64_t word; /* the Philox key */
} RandomKey;

/* A sequence drawn from one key. */
typedef struct Random {
    RandomKey key;
    uint64_t index; /* the next block of four words */
    uint32_t block[4];
    int left; /* words of the block that were not used yet */
} Random;

/* No key: whoever is given it draws nothing. */
#define RANDOM_NONE ((RandomKey){0})
bool random_is_none(RandomKey key);

RandomKey random_key(uint64_t seed, const char *domain);
RandomKey random_subkey(RandomKey key, uint64_t number);
RandomKey random_subkey_name(RandomKey key, const char *name);

/* The bare bijection: four words of counter, lowest first, to four random words. */
void random_philox(RandomKey key, const uint32_t counter[4], uint32_t out[4]);

/* The four 32-bit words at the index. Kernels call this with their own element grid. */
void random_block(RandomKey key, uint64_t index, uint32_t out[4]);

Random random_stream(RandomKey key);
uint32_t random_u32(Random *random);
uint64_t random_u64(Random *random);
/* Uniform in [0, 1), 53 bits. */
double random_uniform(Random *random);
/* Uniform in [0, n) without bias; n > 0. */
uint64_t random_below(Random *random, uint64_t n);
/* Standard normal (Box-Muller). */
double random_normal(Random *random);

/* The value at position index of a random permutation of 0..n-1, in constant memory (a Feistel network on
 * the next power of four, walked until it falls inside). n > 0, index < n. */
uint64_t random_permuted(RandomKey key, uint64_t n, uint64_t index);

#endif
