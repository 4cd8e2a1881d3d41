/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Choosing the next token from logits. */
#ifndef LATHE_NN_SAMPLING_H
#define LATHE_NN_SAMPLING_H

#include "engine/base/option.h"
#include "engine/base/random.h"
#include "engine/base/status.h"

typedef struct SamplingConfig {
    double temperature, top_p;
    int64_t top_k;
} SamplingConfig;

/* The lines for the option table of a config struct that has a member of type SamplingConfig. */
#define SAMPLING_OPTION_FIELDS(type, member)                                                                       \
    {.name = "temperature",                                                                                        \
     .doc = "what logits are divided by; 0: always the likeliest token",                                           \
     .kind = OPTION_NUMBER,                                                                                        \
     .offset = offsetof(type, member.temperature),                                                                 \
     .number = 1,                                                                                                  \
     .max = 1000,                                                                                                  \
     .bounded = true},                                                                                             \
        {.name = "top_k",                                                                                          \
         .doc = "draw among that many of the likeliest tokens; 0: all",                                            \
         .kind = OPTION_INTEGER,                                                                                   \
         .offset = offsetof(type, member.top_k),                                                                   \
         .max = 1 << 24,                                                                                           \
         .bounded = true},                                                                                         \
    {                                                                                                              \
        .name = "top_p", .doc = "draw among the fewest likeliest tokens that have this share of the probability",  \
        .kind = OPTION_NUMBER, .offset = offsetof(type, member.top_p), .number = 1, .max = 1, .bounded = true,     \
        .min_open = true                                                                                           \
    }

/* A token and its probability, while one is chosen. */
typedef struct Candidate {
    float probability;
    int32_t id;
} Candidate;

/* One token of logits f32[count], drawn by the first number of the key's stream (none is drawn at temperature 0).
 * Equal logits: the smaller id is the likelier. scratch [count]. top_p: Holtzman et al. 2020, top_k: Fan et al.
 * 2018. Errors: logits are not finite. */
Status sampling_draw(const SamplingConfig *config, const float *logits, int64_t count, RandomKey key,
                     Candidate *scratch, int32_t *out) STATUS_CHECKED;

/* The likeliest tokens of logits f32[count] with their probabilities, the best first; best [k], k at most count. NaN
 * counts as the least. */
void sampling_best(const float *logits, int64_t count, int64_t k, Candidate *best);

#endif
