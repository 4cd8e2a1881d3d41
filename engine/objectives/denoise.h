/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Denoising with a decoder: it reads a corrupted text and a separator, and writes the text as it was. The noises
 * are those of BART (Lewis et al. 2020, section 2.2); that the corrupted text is a prefix, as in T5's prefix
 * language models (Raffel et al. 2020, section 3.2.1). */
#ifndef LATHE_OBJECTIVES_DENOISE_H
#define LATHE_OBJECTIVES_DENOISE_H

#include "engine/objectives/objective.h"

typedef enum DenoiseNoise { DENOISE_SPAN, DENOISE_PERMUTE } DenoiseNoise;

typedef struct DenoiseConfig {
    int64_t noise; /* DenoiseNoise */
    double noise_density, span_p;
    int64_t span_max;
} DenoiseConfig;

extern const ObjectiveRecord objective_denoise;

/* Writes the corrupted text of ids i32[length] to out i32[length]; words i32[length], NULL: every piece is a word.
 * hole: the token that stands for a span. scratch i32[4*length]. Returns how many tokens were written. */
int64_t denoise_corrupt(const DenoiseConfig *config, RandomKey key, const Vocabulary *vocabulary, int32_t hole,
                        int64_t length, const int32_t *ids, const int32_t *words, int32_t *out, int32_t *scratch);

#endif
