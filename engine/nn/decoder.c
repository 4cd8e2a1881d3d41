/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/nn/decoder.h"

#include "engine/base/memory.h"

#include <string.h>

struct Decoder {
    Model *model;
    Arena *arena;
    Tape *tape;
    int32_t *ids; /* [capacity]: so far */
    int64_t length, capacity, vocabulary;
    AttentionCache *layers; /* [shape.layers]; NULL: not cached */
    CacheShape shape;
};

static Status new_caches(Decoder *decoder)
{
    const CacheShape *shape = &decoder->shape;
    int64_t sizes[4] = {1, shape->heads, decoder->capacity, shape->size};
    TRY(memory_new((size_t)shape->layers, sizeof *decoder->layers, &decoder->layers));
    for (int64_t i = 0; i < shape->layers; i++) {
        TRY(tensor_new(NULL, DTYPE_F32, 4, sizes, &decoder->layers[i].keys));
        TRY(tensor_new(NULL, DTYPE_F32, 4, sizes, &decoder->layers[i].values));
    }
    return STATUS_OK;
}

static Status fill(Decoder *decoder, DType precision, bool cached)
{
    TRY(memory_new((size_t)decoder->capacity, sizeof *decoder->ids, &decoder->ids));
    TRY(arena_new(&decoder->arena));
    TRY(tape_new(decoder->arena, &decoder->tape));
    tape_set_precision(decoder->tape, precision);
    return cached ? new_caches(decoder) : STATUS_OK;
}

Status decoder_new(Model *model, int64_t capacity, DType precision, bool cached, Decoder **out)
{
    Decoder *decoder;
    const ModelRecord *record = model->record;
    if (!record->next)
        return status_fail(STATUS_INVALID, "%s cannot generate: it is no decoder, as gpt2 is", record->name);
    int64_t context = record->max_length(model);
    if (capacity < 1 || capacity > context)
        return status_fail(STATUS_INVALID, "%s: %lld tokens do not fit into the context of %lld", record->name,
                           (long long)capacity, (long long)context);
    TRY(memory_new(1, sizeof *decoder, &decoder));
    decoder->model = model;
    decoder->capacity = capacity;
    decoder->shape = record->cache_shape(model);
    Status status = fill(decoder, precision, cached);
    if (status == STATUS_OK)
        *out = decoder;
    else
        decoder_free(decoder);
    return status;
}

void decoder_free(Decoder *decoder)
{
    if (!decoder) return;
    for (int64_t i = 0; decoder->layers && i < decoder->shape.layers; i++) {
        tensor_unref(decoder->layers[i].keys);
        tensor_unref(decoder->layers[i].values);
    }
    memory_free(decoder->layers);
    tape_free(decoder->tape);
    arena_free(decoder->arena);
    memory_free(decoder->ids);
    memory_free(decoder);
}

/* What the model is to look at now: the new tokens, or without a cache all of them. */
static Status put_ids(Decoder *decoder, int64_t count, Batch *batch)
{
    int64_t from = decoder->layers ? decoder->length : 0;
    int64_t shape[2] = {1, decoder->length + count - from};
    Tensor *tensor;
    TRY(tensor_new(decoder->arena, DTYPE_I32, 2, shape, &tensor));
    memcpy(tensor_data(tensor), decoder->ids + from, (size_t)shape[1] * sizeof *decoder->ids);
    return batch_put(batch, "input_ids", tensor);
}

static Status run(Decoder *decoder, int64_t count, Batch *batch, Tensor **logits)
{
    Forward *pass;
    TRY(put_ids(decoder, count, batch));
    TRY(forward_new(decoder->model, decoder->tape, batch, &pass));
    pass->cache = decoder->layers;
    return forward_output(pass, decoder->model->record->next, logits);
}

Status decoder_feed(Decoder *decoder, const int32_t *ids, int64_t count, const float **logits)
{
    Batch batch = {.size = 1};
    Tensor *out;
    if (count < 1 || count > decoder->capacity - decoder->length)
        return status_fail(STATUS_INVALID, "generate: %lld tokens behind %lld do not fit into %lld",
                           (long long)count, (long long)decoder->length, (long long)decoder->capacity);
    memcpy(decoder->ids + decoder->length, ids, (size_t)count * sizeof *ids);
    tape_reset(decoder->tape);
    tape_set_mode(decoder->tape, false, false);
    Status status = run(decoder, count, &batch, &out);
    batch_clear(&batch);
    TRY(status);
    decoder->length += count;
    decoder->vocabulary = tensor_count(out);
    for (int64_t i = 0; decoder->layers && i < decoder->shape.layers; i++)
        decoder->layers[i].length = decoder->length;
    *logits = TENSOR_F32(out);
    return STATUS_OK;
}

Tape *decoder_tape(Decoder *decoder)
{
    return decoder->tape;
}

void decoder_reset(Decoder *decoder)
{
    decoder->length = 0;
    for (int64_t i = 0; decoder->layers && i < decoder->shape.layers; i++) decoder->layers[i].length = 0;
}

int64_t decoder_length(const Decoder *decoder)
{
    return decoder->length;
}

int64_t decoder_vocabulary(const Decoder *decoder)
{
    return decoder->vocabulary;
}
