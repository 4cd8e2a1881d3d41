/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A tiny BERT with stored weights and batches (tests/parity/bert.py), as a session for tests. */
#ifndef LATHE_TESTS_TINY_BERT_H
#define LATHE_TESTS_TINY_BERT_H

#include "engine/base/memory.h"
#include "engine/io/weights.h"
#include "engine/nn/bert.h"
#include "engine/train/session.h"

#include <check.h>
#include <string.h>

enum { STEPS = 20, B = 3, T = 11, N = 5, VOCAB = 61 };

#define OK(call) ck_assert_msg((call) == STATUS_OK, "%s", status_message())

/* The stored batches as a data source that hands out one a step, masks included. */
typedef struct Stored {
    Source source;
    Safetensors *file;
} Stored;

static Status put(Stored *stored, Batch *batch, Arena *arena, const char *name, int64_t at, int ndim, int64_t rows,
                  int64_t columns)
{
    Tensor *tensor;
    const SafetensorsEntry *entry;
    TRY(safetensors_get(stored->file, name, &entry));
    TRY(tensor_new(arena, DTYPE_I32, ndim, (int64_t[]){rows, columns}, &tensor));
    int64_t count = tensor_count(tensor);
    memcpy(tensor_data(tensor), (const int32_t *)entry->data + at * count, (size_t)count * 4);
    return batch_put(batch, name, tensor);
}

/* Which example each row is. */
static Status put_examples(Batch *batch, Arena *arena, int64_t first)
{
    Tensor *examples;
    TRY(tensor_new(arena, DTYPE_I64, 1, (int64_t[]){B}, &examples));
    for (int64_t i = 0; i < B; i++) ((int64_t *)tensor_data(examples))[i] = first + i;
    return batch_put(batch, "example_ids", examples);
}

static Status stored_next(Source *source, Arena *arena, Cursor *cursor, Batch *out)
{
    Stored *stored = (Stored *)source;
    *out = (Batch){.size = B, .epoch = cursor->epoch};
    int64_t at = cursor->index++;
    if (cursor->index == STEPS) *cursor = (Cursor){.seed = cursor->seed, .epoch = cursor->epoch + 1};
    TRY(put_examples(out, arena, at * B));
    TRY(put(stored, out, arena, "input_ids", at, 2, B, T));
    TRY(put(stored, out, arena, "token_type_ids", at, 2, B, T));
    TRY(put(stored, out, arena, "lengths", at, 1, B, 0));
    TRY(put(stored, out, arena, "masked_positions", at, 1, N, 0));
    TRY(put(stored, out, arena, "masked_targets", at, 1, N, 0));
    return put(stored, out, arena, "next_sentence_label", at, 1, B, 0);
}

static void stored_free(Source *source)
{
    safetensors_close(((Stored *)source)->file);
    memory_free(source);
}

static const SourceType stored_type = {"stored", stored_next, NULL, stored_free};

static inline BertConfig tiny_config(void)
{
    BertConfig config;
    option_defaults(model_bert.options, &config);
    config.vocab_size = VOCAB;
    config.encoder.hidden_size = 24;
    config.encoder.num_attention_heads = 3;
    config.encoder.max_position_embeddings = 16;
    config.encoder.hidden_dropout_prob = config.encoder.attention_probs_dropout_prob = 0;
    return config;
}

/* A session with the stored batches and a model with weights drawn by chance. */
static Session *session_with(const ModelRecord *record, const void *config)
{
    Session *session;
    Stored *stored;
    Model *model;
    OK(session_new(1, &session));
    OK(memory_new(1, sizeof *stored, &stored));
    stored->source = (Source){.type = &stored_type, .refs = 1, .batch_size = B};
    OK(safetensors_open(TEST_GOLDEN "/bert_steps.safetensors", &stored->file));
    OK(session_add_source(session, "train", &stored->source));
    source_unref(&stored->source);
    OK(model_new(record, config, "model", random_key(1, "weights"), &model));
    OK(session_add_model(session, model));
    session->optimizer.config.lr = 1e-3;
    return session;
}

/* On the batches as they are: they are masked already. */
static void add_objective(Session *session, const char *name, double weight)
{
    Objective *objective;
    OK(objective_new(objective_record_find(name), NULL, NULL, weight, &objective));
    objective->view[0] = '\0';
    OK(session_add_objective(session, objective));
}

static inline Session *session_of(const BertConfig *config)
{
    Session *session = session_with(&model_bert, config);
    add_objective(session, "mlm", 1);
    add_objective(session, "nsp", 0.5);
    return session;
}

static inline Session *make_session(void)
{
    BertConfig config = tiny_config();
    Session *session = session_of(&config);
    OK(weights_load(session->models[0], TEST_GOLDEN "/bert_model.safetensors"));
    return session;
}

#endif
