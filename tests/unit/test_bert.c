/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A tiny BERT against PyTorch (tests/parity/bert.py): logits, and the losses of 20 AdamW steps. */
#include "engine/base/memory.h"
#include "engine/base/threads.h"
#include "engine/io/weights.h"
#include "engine/nn/bert.h"
#include "engine/train/session.h"

#include <check.h>
#include <math.h>
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

static Status stored_next(Source *source, Arena *arena, Cursor *cursor, Batch *out)
{
    Stored *stored = (Stored *)source;
    *out = (Batch){.size = B};
    int64_t at = cursor->index++;
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

static Session *make_session(void)
{
    Session *session;
    Stored *stored;
    Model *model;
    Objective *objective;
    BertConfig config;
    OK(session_new(1, &session));
    OK(memory_new(1, sizeof *stored, &stored));
    stored->source = (Source){.type = &stored_type, .refs = 1, .batch_size = B};
    OK(safetensors_open(TEST_GOLDEN "/bert_steps.safetensors", &stored->file));
    OK(session_add_source(session, "train", &stored->source));
    source_unref(&stored->source);
    option_defaults(model_bert.options, &config);
    config.vocab_size = VOCAB;
    config.hidden_size = 24;
    config.num_attention_heads = 3;
    config.max_position_embeddings = 16;
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0;
    OK(model_new(&model_bert, &config, "model", random_key(1, "weights"), &model));
    OK(session_add_model(session, model));
    OK(weights_load(model, TEST_GOLDEN "/bert_model.safetensors"));
    OK(objective_new(objective_record_find("mlm"), NULL, NULL, 1, &objective));
    objective->view[0] = '\0'; /* the stored batches are masked already */
    OK(session_add_objective(session, objective));
    OK(objective_new(objective_record_find("nsp"), NULL, NULL, 0.5, &objective));
    OK(session_add_objective(session, objective));
    session->optimizer.config.lr = 1e-3;
    return session;
}

static void compare(const Stored *stored, const char *name, const Tensor *got, double tolerance)
{
    const SafetensorsEntry *entry;
    OK(safetensors_get(stored->file, name, &entry));
    ck_assert_int_eq(entry->count, tensor_count(got));
    for (int64_t i = 0; i < entry->count; i++)
        ck_assert_double_eq_tol(tensor_get(got, i), (double)((const float *)entry->data)[i], tolerance);
}

START_TEST(logits_match)
{
    Session *session = make_session();
    Stored *stored = (Stored *)session->sources[0].source;
    Cursor cursor = {0};
    Batch batch;
    Forward *pass;
    Tensor *logits;
    OK(stored_next(&stored->source, session->arena, &cursor, &batch));
    OK(forward_new(session->models[0], session->tape, &batch, &pass));
    OK(forward_output(pass, "mlm_logits", &logits));
    compare(stored, "mlm_logits", logits, 1e-5);
    OK(forward_output(pass, "nsp_logits", &logits));
    compare(stored, "nsp_logits", logits, 1e-5);
    batch_clear(&batch);
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

static double stored_value(const Stored *stored, const char *name, int64_t at)
{
    const SafetensorsEntry *entry;
    OK(safetensors_get(stored->file, name, &entry));
    return (double)((const float *)entry->data)[at];
}

START_TEST(losses_match)
{
    Session *session = make_session();
    const Stored *stored = (Stored *)session->sources[0].source;
    StepMetrics metrics;
    for (int64_t step = 0; step < STEPS; step++) {
        OK(session_step(session, &metrics));
        double mlm = stored_value(stored, "mlm_losses", step), nsp = stored_value(stored, "nsp_losses", step);
        ck_assert_double_eq_tol(metrics.objectives[0], mlm, 1e-4 * mlm);
        ck_assert_double_eq_tol(metrics.objectives[1], nsp, 1e-4 * nsp);
        double norm = stored_value(stored, "grad_norms", step);
        ck_assert_double_eq_tol(metrics.grad_norm, norm, 1e-3 * norm);
    }
    session_free(session);
}
END_TEST

/* The same bits whatever the number of threads. */
START_TEST(threads_do_not_matter)
{
    static const int counts[] = {1, 2, 3, 5};
    Hash hashes[4];
    for (int i = 0; i < 4; i++) {
        threads_set(counts[i]);
        Session *session = make_session();
        ((BertConfig *)session->models[0]->config)->hidden_dropout_prob = 0.1;
        for (int step = 0; step < 4; step++) OK(session_step(session, NULL));
        OK(session_hash(session, &hashes[i]));
        session_free(session);
        ck_assert(hash_equal(hashes[i], hashes[0]));
    }
}
END_TEST

Suite *bert_suite(void);
Suite *bert_suite(void)
{
    Suite *suite = suite_create("bert");
    TCase *tests = tcase_create("bert");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, logits_match);
    tcase_add_test(tests, losses_match);
    tcase_add_test(tests, threads_do_not_matter);
    suite_add_tcase(suite, tests);
    return suite;
}
