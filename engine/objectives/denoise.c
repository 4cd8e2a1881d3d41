/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/objectives/denoise.h"

#include "engine/objectives/clm.h"
#include "engine/objectives/units.h"

#include <math.h>
#include <string.h>

static const Option options[] = {
    OPTION_CHOICE_FIELD(DenoiseConfig, noise, "span", "span permute",
                        "span: spans of words become one mask token each; permute: words change places"),
    {.name = "noise_density",
     .doc = "share of the tokens that is hidden in spans",
     .kind = OPTION_NUMBER,
     .offset = offsetof(DenoiseConfig, noise_density),
     .number = 0.3,
     .min = 0,
     .max = 1,
     .bounded = true,
     .min_open = true},
    OPTION_NUMBER_FIELD(DenoiseConfig, span_p, 0.33, 0.01, 1, "parameter of the spans' geometric length, in words"),
    OPTION_INT_FIELD(DenoiseConfig, span_max, 10, 1, 1000, "longest span, in words"),
    {0},
};

/* --- one text --- */

static int64_t hide_spans(const DenoiseConfig *config, Random *random, const Units *units, int32_t hole,
                          int64_t length, const int32_t *ids, int32_t *out, uint8_t *selected)
{
    int64_t budget = llround((double)units->tokens * config->noise_density), count = 0;
    memset(selected, 0, (size_t)length);
    units_select_spans(units, random, config->span_p, config->span_max, budget < 1 ? 1 : budget, selected);
    for (int64_t i = 0; i < length; i++)
        if (!selected[i])
            out[count++] = ids[i];
        else if (i == 0 || !selected[i - 1])
            out[count++] = hole;
    return count;
}

/* Special tokens stay where they are between the units. */
static int64_t permute(Random *random, Units *units, int64_t length, const int32_t *ids, int32_t *out)
{
    int64_t count = 0, unit = 0;
    for (int64_t i = units->count - 1; i > 0; i--) {
        int64_t j = (int64_t)random_below(random, (uint64_t)i + 1);
        int32_t other = units->order[j];
        units->order[j] = units->order[i];
        units->order[i] = other;
    }
    for (int64_t i = 0; i < length;) {
        if (unit == units->count || units->starts[unit] != i) {
            out[count++] = ids[i++];
            continue;
        }
        int32_t from = units->order[unit];
        memcpy(out + count, ids + units->starts[from], (size_t)units->sizes[from] * sizeof *out);
        count += units->sizes[from];
        i += units->sizes[unit++];
    }
    return count;
}

int64_t denoise_corrupt(const DenoiseConfig *config, RandomKey key, const Vocabulary *vocabulary, int32_t hole,
                        int64_t length, const int32_t *ids, const int32_t *words, int32_t *out, int32_t *scratch)
{
    Random random = random_stream(key);
    Units units = units_find(vocabulary, length, ids, words, scratch);
    if (units.count == 0) {
        memcpy(out, ids, (size_t)length * sizeof *out);
        return length;
    }
    if (config->noise == DENOISE_PERMUTE) return permute(&random, &units, length, ids, out);
    return hide_spans(config, &random, &units, hole, length, ids, out, (uint8_t *)(scratch + 3 * length));
}

/* --- a batch --- */

/* The token that stands for a span: [MASK], or where there is none what stands for anything unknown. */
static int32_t hole_of(const Vocabulary *vocabulary)
{
    int32_t unknown = vocabulary->unknown;
    if (vocabulary->mask >= 0) return vocabulary->mask;
    return unknown >= 0 && vocabulary->special[unknown] ? unknown : -1;
}

static Status check(const DenoiseConfig *config, const Batch *in)
{
    const Vocabulary *vocabulary = in->vocabulary;
    if (!vocabulary) return status_fail(STATUS_INVALID, "denoise: the data are not text");
    if (vocabulary->separator < 0)
        return status_fail(STATUS_INVALID, "denoise: the tokenizer has no token that ends a text");
    if (config->noise == DENOISE_SPAN && hole_of(vocabulary) < 0)
        return status_fail(STATUS_INVALID,
                           "denoise: the tokenizer has no mask token to put in place of spans; train it with "
                           "mask = true, or take noise = 'permute'");
    return STATUS_OK;
}

/* The sequences of a batch: corrupted text, separator, text, separator. */
typedef struct Sequences {
    const Objective *objective;
    RandomKey key; /* of the epoch */
    const Batch *in;
    Tensor *ids, *words, *from, *examples; /* of 'in'; words and from (its lengths) may be NULL */
    int32_t *rows, *scratch;               /* [B, room]; [4*T] */
    int64_t room, width;                   /* of a row; of the longest one */
    Tensor *lengths, *prefixes;            /* i32[B] */
} Sequences;

static bool frames(const Vocabulary *vocabulary, int32_t id)
{
    return id == vocabulary->separator || id == vocabulary->classify;
}

static void write_row(Sequences *s, int64_t row)
{
    const Vocabulary *vocabulary = s->in->vocabulary;
    int64_t columns = s->ids->shape[1], begin = 0, end = s->from ? TENSOR_I32(s->from)[row] : columns;
    const int32_t *ids = TENSOR_I32(s->ids) + row * columns;
    const int32_t *words = s->words ? TENSOR_I32(s->words) + row * columns : NULL;
    int32_t *out = s->rows + row * s->room;
    RandomKey key = random_subkey(s->key, ((const uint64_t *)tensor_data(s->examples))[row]);
    while (begin < end && frames(vocabulary, ids[begin])) begin++;
    while (begin < end && frames(vocabulary, ids[end - 1])) end--;
    int64_t count = denoise_corrupt(s->objective->config, key, vocabulary, hole_of(vocabulary), end - begin,
                                    ids + begin, words ? words + begin : NULL, out, s->scratch);
    out[count++] = vocabulary->separator;
    TENSOR_I32(s->prefixes)[row] = (int32_t)count;
    memcpy(out + count, ids + begin, (size_t)(end - begin) * sizeof *out);
    count += end - begin;
    out[count++] = vocabulary->separator;
    TENSOR_I32(s->lengths)[row] = (int32_t)count;
    if (count > s->width) s->width = count;
}

/* The rows as wide as the longest one. */
static Status put_rows(const Sequences *s, Arena *arena, Batch *out)
{
    Tensor *ids;
    int64_t pad = s->in->vocabulary->pad >= 0 ? s->in->vocabulary->pad : 0;
    TRY(tensor_new(arena, DTYPE_I32, 2, (int64_t[]){s->ids->shape[0], s->width}, &ids));
    for (int64_t row = 0; row < ids->shape[0]; row++) {
        int32_t *to = TENSOR_I32(ids) + row * s->width;
        int64_t length = TENSOR_I32(s->lengths)[row];
        memcpy(to, s->rows + row * s->room, (size_t)length * sizeof *to);
        for (int64_t i = length; i < s->width; i++) to[i] = (int32_t)pad;
    }
    return batch_put(out, "input_ids", ids);
}

static Status make_sequences(const Objective *objective, RandomKey key, Arena *arena, const Batch *in, Batch *out)
{
    Sequences s = {.objective = objective, .key = random_subkey(key, (uint64_t)in->epoch), .in = in};
    TRY(batch_get(in, "input_ids", &s.ids));
    TRY(batch_get(in, "example_ids", &s.examples));
    s.words = batch_find(in, "word_ids");
    s.from = batch_find(in, "lengths");
    int64_t rows = s.ids->shape[0], columns = s.ids->shape[1];
    s.room = 2 * columns + 2;
    size_t bytes = (size_t)(rows * s.room) * sizeof *s.rows, more = (size_t)columns * 4 * sizeof *s.scratch;
    TRY(arena_take(arena, bytes, &s.rows));
    TRY(arena_take(arena, more, &s.scratch));
    TRY(tensor_new(arena, DTYPE_I32, 1, &rows, &s.lengths));
    TRY(batch_put(out, "lengths", s.lengths));
    TRY(tensor_new(arena, DTYPE_I32, 1, &rows, &s.prefixes));
    TRY(batch_put(out, "prefix_lengths", s.prefixes));
    for (int64_t row = 0; row < rows; row++) write_row(&s, row);
    TRY(put_rows(&s, arena, out));
    arena_give(arena, s.scratch, more);
    arena_give(arena, s.rows, bytes);
    return STATUS_OK;
}

static Status view(const Objective *objective, RandomKey key, Arena *arena, const Batch *in, Batch *out)
{
    Batch whole = {0};
    TRY(check(objective->config, in));
    Status status = make_sequences(objective, key, arena, in, &whole);
    if (status == STATUS_OK) status = clm_shift(arena, &whole, out);
    batch_clear(&whole);
    return status;
}

const ObjectiveRecord objective_denoise = {
    .name = "denoise",
    .doc = "Denoising with a decoder: write a text behind its corrupted form and a separator. A text of n tokens "
           "needs "
           "up to 2n + 2 places of the model.",
    .source = "Lewis et al. 2020, BART, section 2.2; Raffel et al. 2020, T5, section 3.2.1",
    .options = options,
    .config_size = sizeof(DenoiseConfig),
    .view = view,
    .output = "clm_logits",
    .targets = "clm_targets",
    .text = true,
};
