/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/random.h"

#include "engine/base/hash.h"

#include <math.h>
#include <string.h>

static const double two_pi = 6.283185307179586476925286766559;

bool random_is_none(RandomKey key)
{
    return key.word == 0;
}

RandomKey random_key(uint64_t seed, const char *domain)
{
    return random_subkey_name((RandomKey){seed}, domain);
}

RandomKey random_subkey(RandomKey key, uint64_t number)
{
    uint64_t words[2] = {key.word, number};
    return (RandomKey){hash_bytes(words, sizeof words).low};
}

RandomKey random_subkey_name(RandomKey key, const char *name)
{
    return random_subkey(key, hash_bytes(name, strlen(name)).low);
}

void random_philox(RandomKey key, const uint32_t counter[4], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
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
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

void random_block(RandomKey key, uint64_t index, uint32_t out[4])
{
    uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), 0, 0};
    random_philox(key, counter, out);
}

Random random_stream(RandomKey key)
{
    return (Random){.key = key};
}

uint32_t random_u32(Random *random)
{
    if (random->left == 0) {
        random_block(random->key, random->index++, random->block);
        random->left = 4;
    }
    return random->block[4 - random->left--];
}

uint64_t random_u64(Random *random)
{
    uint64_t high = random_u32(random);
    return high << 32 | random_u32(random);
}

double random_uniform(Random *random)
{
    return (double)(random_u64(random) >> 11) * 0x1p-53;
}

uint64_t random_below(Random *random, uint64_t n)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % n;
    uint64_t draw;
    do draw = random_u64(random);
    while (draw >= limit);
    return draw % n;
}

double random_normal(Random *random)
{
    double radius = sqrt(-2.0 * log(1.0 - random_uniform(random)));
    return radius * cos(two_pi * random_uniform(random));
}

static uint64_t feistel(RandomKey key, unsigned half_bits, uint64_t value)
{
    uint64_t mask = ((uint64_t)1 << half_bits) - 1;
    uint64_t left = value >> half_bits, right = value & mask;
    for (uint64_t round = 0; round < 6; round++) {
        uint32_t words[4];
        random_block(random_subkey(key, round), right, words);
        uint64_t next = left ^ (((uint64_t)words[1] << 32 | words[0]) & mask);
        left = right;
        right = next;
    }
    return left << half_bits | right;
}

uint64_t random_permuted(RandomKey key, uint64_t n, uint64_t index)
{
    unsigned half_bits = 1;
    while (half_bits < 32 && ((uint64_t)1 << 2 * half_bits) < n) half_bits++;
    do index = feistel(key, half_bits, index);
    while (index >= n);
    return index;
}
