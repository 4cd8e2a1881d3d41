/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A tiny GPT-2 with stored weights and batches (tests/parity/gpt2.py), as a session for tests. */
#ifndef LATHE_TESTS_TINY_GPT2_H
#define LATHE_TESTS_TINY_GPT2_H

#include "engine/base/memory.h"
#include "engine/io/weights.h"
#include "engine/nn/gpt2.h"
#include "engine/train/session.h"

#include <check.h>
#include <string.h>

enum { GPT2_STEPS = 20, GPT2_B = 3, GPT2_T = 12, GPT2_VOCAB = 61, GPT2_CONTEXT = 256 };

#define OK(call) ck_assert_msg((call) == STATUS_OK, "%s", status_message())

/* The stored batches as a data source that hands out one a step. */
typedef struct Gpt2Batches {
    Source source;
    Safetensors *file;
} Gpt2Batches;

static Status gpt2_put(Gpt2Batches *stored, Batch *batch, Arena *arena, const char *name, int64_t at, int ndim)
{
    Tensor *tensor;
    const SafetensorsEntry *entry;
    TRY(safetensors_get(stored->file, name, &entry));
    TRY(tensor_new(arena, DTYPE_I32, ndim, (int64_t[]){GPT2_B, GPT2_T}, &tensor));
    int64_t count = tensor_count(tensor);
    memcpy(tensor_data(tensor), (const int32_t *)entry->data + at * count, (size_t)count * 4);
    return batch_put(batch, name, tensor);
}

static const Vocabulary *gpt2_vocabulary; /* of the batches; NULL: none */

static Status gpt2_next(Source *source, Arena *arena, Cursor *cursor, Batch *out)
{
    Gpt2Batches *stored = (Gpt2Batches *)source;
    *out = (Batch){.size = GPT2_B, .vocabulary = gpt2_vocabulary};
    int64_t at = cursor->index++;
    TRY(gpt2_put(stored, out, arena, "input_ids", at, 2));
    return gpt2_put(stored, out, arena, "lengths", at, 1);
}

static void gpt2_free(Source *source)
{
    safetensors_close(((Gpt2Batches *)source)->file);
    memory_free(source);
}

static const SourceType gpt2_batches_type = {"stored", gpt2_next, NULL, gpt2_free};

static inline Gpt2Config gpt2_tiny_config(void)
{
    Gpt2Config config;
    option_defaults(model_gpt2.options, &config);
    config.vocab_size = GPT2_VOCAB;
    config.n_embd = 24;
    config.n_head = 3;
    config.n_layer = 2;
    config.n_positions = GPT2_CONTEXT;
    config.resid_pdrop = config.embd_pdrop = config.attn_pdrop = 0;
    return config;
}

static inline Session *gpt2_session(void)
{
    Session *session;
    Gpt2Batches *stored;
    Model *model;
    Objective *objective;
    Gpt2Config config = gpt2_tiny_config();
    OK(session_new(1, &session));
    OK(memory_new(1, sizeof *stored, &stored));
    stored->source =
        (Source){.type = &gpt2_batches_type, .refs = 1, .examples = GPT2_STEPS * GPT2_B, .batch_size = GPT2_B};
    OK(safetensors_open(TEST_GOLDEN "/gpt2_steps.safetensors", &stored->file));
    OK(session_add_source(session, "train", &stored->source));
    source_unref(&stored->source);
    OK(model_new(&model_gpt2, &config, "model", random_key(1, "weights"), &model));
    OK(session_add_model(session, model));
    OK(weights_load(model, TEST_GOLDEN "/gpt2_model.safetensors"));
    OK(objective_new(objective_record_find("clm"), NULL, NULL, 1, &objective));
    OK(session_add_objective(session, objective));
    session->optimizer.config.lr = 1e-3;
    return session;
}

#endif
