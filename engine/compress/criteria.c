/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pruning criteria. */
#include "engine/compress/prune.h"

#include <math.h>

static void score_magnitude(const Param *param, RandomKey key, int64_t from, int64_t count, float *out)
{
    const float *value = TENSOR_F32(param->value) + from;
    (void)key;
    for (int64_t i = 0; i < count; i++) out[i] = fabsf(value[i]);
}

/* A number of the entry's own, so that raising the sparsity prunes more of the same order. */
static void score_random(const Param *param, RandomKey key, int64_t from, int64_t count, float *out)
{
    RandomKey own = random_subkey_name(key, param->path);
    for (int64_t i = 0; i < count; i++) {
        uint32_t words[4];
        random_block(own, (uint64_t)(from + i), words);
        out[i] = (float)(words[0] >> 8);
    }
}

const CriterionRecord criterion_magnitude = {
    .name = "magnitude",
    .doc = "The weights nearest to zero go first.",
    .source = "Han et al. 2015, Learning both weights and connections for efficient neural networks",
    .score = score_magnitude,
};

const CriterionRecord criterion_random = {
    .name = "random",
    .doc = "Weights drawn at random go first: what other criteria are to be compared with.",
    .score = score_random,
};
