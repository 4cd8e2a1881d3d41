/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Masked language modelling (Devlin et al. 2019, section 3.1), with whole words and spans (Joshi et al. 2020). */
#ifndef LATHE_OBJECTIVES_MLM_H
#define LATHE_OBJECTIVES_MLM_H

#include "engine/objectives/objective.h"

typedef enum MlmMasking { MLM_TOKENS, MLM_WHOLE_WORDS, MLM_SPANS } MlmMasking;

typedef struct MlmConfig {
    double mlm_probability, mask_share, random_share;
    int64_t masking; /* MlmMasking */
    double span_p;
    int64_t span_max;
} MlmConfig;

extern const ObjectiveRecord objective_mlm;

/* Chooses and corrupts the tokens of one sequence in place. ids i32[length], words i32[length] (NULL: every piece
 * is a word); selected u8[length] gets 1 where a token was chosen. scratch i32[3*length]. Returns how many were
 * chosen. */
int64_t mlm_mask_sequence(const MlmConfig *config, RandomKey key, const Vocabulary *vocabulary, int64_t length,
                          int32_t *ids, const int32_t *words, uint8_t *selected, int32_t *scratch);

#endif
