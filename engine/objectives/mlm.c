/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/objectives/mlm.h"

#include "engine/base/memory.h"
#include "engine/objectives/units.h"

#include <math.h>
#include <string.h>

static const Option options[] = {
    {.name = "mlm_probability",
     .doc = "share of the tokens that are predicted",
     .kind = OPTION_NUMBER,
     .offset = offsetof(MlmConfig, mlm_probability),
     .number = 0.15,
     .min = 0,
     .max = 1,
     .bounded = true,
     .min_open = true},
    OPTION_NUMBER_FIELD(MlmConfig, mask_share, 0.8, 0, 1, "share of those that become [MASK]"),
    OPTION_NUMBER_FIELD(MlmConfig, random_share, 0.1, 0, 1,
                        "share of those that become a random token; the rest stay"),
    OPTION_CHOICE_FIELD(MlmConfig, masking, "token", "token whole_word span", "what is masked together"),
    OPTION_NUMBER_FIELD(MlmConfig, span_p, 0.2, 0.01, 1, "spans: parameter of the geometric length, in words"),
    OPTION_INT_FIELD(MlmConfig, span_max, 10, 1, 1000, "spans: longest, in words"),
    {0},
};

int64_t mlm_mask_sequence(const MlmConfig *config, RandomKey key, const Vocabulary *vocabulary, int64_t length,
                          int32_t *ids, const int32_t *words, uint8_t *selected, int32_t *scratch)
{
    Random random = random_stream(key);
    memset(selected, 0, (size_t)length);
    Units units = units_find(vocabulary, length, ids, config->masking == MLM_TOKENS ? NULL : words, scratch);
    if (units.count == 0) return 0;
    int64_t budget = llround((double)units.tokens * config->mlm_probability);
    if (budget < 1) budget = 1;
    int64_t chosen = config->masking == MLM_SPANS
                         ? units_select_spans(&units, &random, config->span_p, config->span_max, budget, selected)
                         : units_select(&units, &random, budget, selected);
    for (int64_t i = 0; i < length; i++) {
        if (!selected[i]) continue;
        double draw = random_uniform(&random);
        if (draw < config->mask_share)
            ids[i] = vocabulary->mask;
        else if (draw < config->mask_share + config->random_share)
            ids[i] = (int32_t)random_below(&random, (uint64_t)vocabulary->size);
    }
    return chosen;
}

/* The chosen places of all sequences and what stood there. */
typedef struct Masked {
    int32_t *positions, *targets;
    int64_t count;
} Masked;

static Status mask_rows(const Objective *objective, RandomKey key, Arena *arena, const Batch *in, Tensor *ids,
                        Masked *masked)
{
    Tensor *lengths, *examples, *words = batch_find(in, "word_ids");
    if (((const MlmConfig *)objective->config)->masking != MLM_TOKENS && !words)
        return status_fail(
            STATUS_INVALID,
            "the data do not tell words (word_ids), which masking = \"whole_word\" and \"span\" need; "
            "take masking = \"token\"");
    TRY(batch_get(in, "lengths", &lengths));
    TRY(batch_get(in, "example_ids", &examples));
    int64_t width = ids->shape[1];
    int32_t *scratch;
    uint8_t *selected;
    TRY(arena_take(arena, (size_t)width * 3 * sizeof *scratch, &scratch));
    TRY(arena_take(arena, (size_t)width, &selected));
    RandomKey epoch_key = random_subkey(key, (uint64_t)in->epoch);
    for (int64_t row = 0; row < ids->shape[0]; row++) {
        int32_t *at = TENSOR_I32(ids) + row * width, *original = masked->targets + masked->count;
        int64_t length = TENSOR_I32(lengths)[row];
        uint64_t example = (uint64_t)((const int64_t *)tensor_data(examples))[row];
        memcpy(original, at,
               (size_t)length * sizeof *at); /* room for all: positions of the chosen move down below */
        mlm_mask_sequence(objective->config, random_subkey(epoch_key, example), in->vocabulary, length, at,
                          words ? TENSOR_I32(words) + row * width : NULL, selected, scratch);
        for (int64_t i = 0, kept = masked->count; i < length; i++) {
            if (!selected[i]) continue;
            masked->targets[kept] = original[i];
            masked->positions[kept++] = (int32_t)(row * width + i);
            masked->count = kept;
        }
    }
    arena_give(arena, scratch, (size_t)width * 3 * sizeof *scratch);
    arena_give(arena, selected, (size_t)width);
    return STATUS_OK;
}

static Status put_i32(Arena *arena, Batch *out, const char *name, const int32_t *values, int64_t count)
{
    Tensor *tensor;
    TRY(tensor_new(arena, DTYPE_I32, 1, &count, &tensor));
    memcpy(tensor_data(tensor), values, (size_t)count * sizeof *values);
    return batch_put(out, name, tensor);
}

static Status view(const Objective *objective, RandomKey key, Arena *arena, const Batch *in, Batch *out)
{
    const MlmConfig *config = objective->config;
    Tensor *ids, *corrupted;
    if (!in->vocabulary || in->vocabulary->mask < 0)
        return status_fail(STATUS_INVALID, "mlm: %s: there is no [MASK]",
                           in->vocabulary ? "the tokenizer is not made for it" : "the data are not text");
    if (config->mask_share + config->random_share > 1 + 1e-9)
        return status_fail(STATUS_INVALID, "mlm: mask_share %g and random_share %g together are more than 1",
                           config->mask_share, config->random_share);
    TRY(batch_get(in, "input_ids", &ids));
    TRY(tensor_clone(arena, ids, &corrupted));
    TRY(batch_put(out, "input_ids", corrupted));
    Masked masked = {0};
    size_t room = (size_t)tensor_count(ids) * sizeof(int32_t);
    TRY(arena_take(arena, room, &masked.positions));
    TRY(arena_take(arena, room, &masked.targets));
    TRY(mask_rows(objective, key, arena, in, corrupted, &masked));
    out->random_share = config->random_share;
    out->keep_share = fmax(0, 1 - config->mask_share - config->random_share);
    if (masked.count == 0) return status_fail(STATUS_INVALID, "mlm: the batch has no token that could be masked");
    TRY(put_i32(arena, out, "masked_positions", masked.positions, masked.count));
    TRY(put_i32(arena, out, "masked_targets", masked.targets, masked.count));
    arena_give(arena, masked.positions, room);
    arena_give(arena, masked.targets, room);
    return STATUS_OK;
}

const ObjectiveRecord objective_mlm = {
    .name = "mlm",
    .doc = "Masked language modelling: predict the hidden tokens from both sides.",
    .source = "Devlin et al. 2019, section 3.1; Joshi et al. 2020 (spans)",
    .options = options,
    .config_size = sizeof(MlmConfig),
    .view = view,
    .output = "mlm_logits",
    .targets = "masked_targets",
};
