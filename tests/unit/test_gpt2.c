/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A tiny GPT-2 against PyTorch (tests/parity/gpt2.py): logits, and the losses of 20 AdamW steps; the view of causal
 * language modelling; files with transposed weights. */
#include "engine/base/threads.h"
#include "engine/train/evaluate.h"
#include "tests/unit/scratch.h"
#include "tests/unit/session_checks.h"
#include "tests/unit/tiny_gpt2.h"

#include <math.h>

static const float *stored(const Session *session, const char *name, int64_t *count)
{
    const SafetensorsEntry *entry;
    OK(safetensors_get(((const Gpt2Batches *)session->sources[0].source)->file, name, &entry));
    if (count) *count = entry->count;
    return entry->data;
}

/* The pass over the first stored batch as clm sees it. */
static Forward *first_pass(Session *session, Batch *plain, Batch *view)
{
    Cursor cursor = {0};
    Forward *pass;
    Source *source = session->sources[0].source;
    const Objective *clm = session->objectives[0];
    OK(source->type->next(source, session->arena, &cursor, plain));
    batch_share(view, plain);
    OK(clm->record->view(clm, random_key(1, "view"), session->arena, plain, view));
    OK(forward_new(session->models[0], session->tape, view, &pass));
    return pass;
}

START_TEST(logits_match)
{
    Session *session = gpt2_session();
    Batch plain = {0}, view = {0};
    Tensor *logits;
    int64_t count;
    const float *wanted = stored(session, "clm_logits", &count);
    OK(forward_output(first_pass(session, &plain, &view), "clm_logits", &logits));
    ck_assert_int_eq(count, tensor_count(logits));
    for (int64_t i = 0; i < count; i++) ck_assert_double_eq_tol(tensor_get(logits, i), (double)wanted[i], 1e-5);
    batch_clear(&view);
    batch_clear(&plain);
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(losses_match)
{
    Session *session = gpt2_session();
    const float *losses = stored(session, "losses", NULL), *norms = stored(session, "grad_norms", NULL);
    StepMetrics metrics;
    for (int64_t step = 0; step < GPT2_STEPS; step++) {
        OK(session_step(session, &metrics));
        ck_assert_double_eq_tol(metrics.loss, (double)losses[step], 1e-4 * (double)losses[step]);
        ck_assert_double_eq_tol(metrics.grad_norm, (double)norms[step], 1e-3 * (double)norms[step]);
    }
    session_free(session);
}
END_TEST

/* next_logits is the row of clm_logits at each sequence's end. */
START_TEST(next_logits_are_the_last)
{
    Session *session = gpt2_session();
    Batch plain = {0}, view = {0};
    Forward *pass = first_pass(session, &plain, &view);
    Tensor *all, *next, *lengths = batch_find(&view, "lengths");
    OK(forward_output(pass, "clm_logits", &all));
    OK(forward_output(pass, "next_logits", &next));
    for (int64_t row = 0; row < GPT2_B; row++) {
        int64_t at = row * (GPT2_T - 1) + TENSOR_I32(lengths)[row] - 1;
        for (int64_t i = 0; i < GPT2_VOCAB; i++)
            ck_assert_double_eq_tol(tensor_get(next, row * GPT2_VOCAB + i), tensor_get(all, at * GPT2_VOCAB + i),
                                    1e-5);
    }
    batch_clear(&view);
    batch_clear(&plain);
    session_free(session);
}
END_TEST

/* Targets are the tokens one place on, and none behind a row's end. */
START_TEST(view_shifts)
{
    Session *session = gpt2_session();
    Batch plain = {0}, view = {0};
    first_pass(session, &plain, &view);
    const int32_t *ids = TENSOR_I32(batch_find(&plain, "input_ids")),
                  *lengths = TENSOR_I32(batch_find(&plain, "lengths"));
    const int32_t *in = TENSOR_I32(batch_find(&view, "input_ids")),
                  *targets = TENSOR_I32(batch_find(&view, "clm_targets"));
    for (int64_t row = 0; row < GPT2_B; row++) {
        ck_assert_int_eq(TENSOR_I32(batch_find(&view, "lengths"))[row], lengths[row] - 1);
        for (int64_t i = 0; i < GPT2_T - 1; i++) {
            int32_t next = i + 1 < lengths[row] ? ids[row * GPT2_T + i + 1] : -100;
            ck_assert_int_eq(in[row * (GPT2_T - 1) + i], ids[row * GPT2_T + i]);
            ck_assert_int_eq(targets[row * (GPT2_T - 1) + i], next);
        }
    }
    batch_clear(&view);
    batch_clear(&plain);
    session_free(session);
}
END_TEST

START_TEST(view_refuses)
{
    Session *session = gpt2_session();
    const Objective *clm = session->objectives[0];
    Batch plain = {.size = 2}, view = {0};
    Tensor *ids, *lengths;
    OK(tensor_new_zeros(session->arena, DTYPE_I32, 2, (int64_t[]){2, 1}, &ids));
    OK(batch_put(&plain, "input_ids", ids));
    batch_share(&view, &plain);
    ck_assert_int_eq(clm->record->view(clm, random_key(1, "view"), session->arena, &plain, &view), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(status_message(), "one token only"));
    OK(tensor_new_zeros(session->arena, DTYPE_I32, 2, (int64_t[]){2, 3}, &ids));
    OK(batch_put(&plain, "input_ids", ids));
    OK(tensor_new_zeros(session->arena, DTYPE_I32, 1, (int64_t[]){2}, &lengths));
    OK(batch_put(&plain, "lengths", lengths));
    batch_clear(&view);
    batch_share(&view, &plain);
    ck_assert_int_eq(clm->record->view(clm, random_key(1, "view"), session->arena, &plain, &view), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(status_message(), "no token behind another"));
    batch_clear(&view);
    batch_clear(&plain);
    session_free(session);
}
END_TEST

START_TEST(too_long_is_an_error)
{
    Session *session = gpt2_session();
    Batch batch = {.size = 1};
    Forward *pass;
    Tensor *ids, *out;
    OK(tensor_new_zeros(session->arena, DTYPE_I32, 2, (int64_t[]){1, GPT2_CONTEXT + 1}, &ids));
    OK(batch_put(&batch, "input_ids", ids));
    OK(forward_new(session->models[0], session->tape, &batch, &pass));
    ck_assert_int_eq(forward_output(pass, "hidden", &out), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(status_message(), "longer than n_positions 256"));
    batch_clear(&batch);
    session_free(session);
}
END_TEST

/* Perplexity is the exponential of the loss; bits per byte need pieces with lengths. */
START_TEST(evaluation_of_text)
{
    Session *session = gpt2_session();
    int32_t lengths[GPT2_VOCAB];
    uint8_t special[GPT2_VOCAB] = {1};
    for (int i = 0; i < GPT2_VOCAB; i++) lengths[i] = 2;
    const Vocabulary vocabulary = {.size = GPT2_VOCAB, .special = special, .lengths = lengths};
    EvaluationOptions options = {.source = "train", .batches = 2};
    Evaluation evaluation;
    const Score *score = &evaluation.scores[0];
    OK(evaluate(session, &options, &evaluation));
    ck_assert_int_gt(score->targets, 2 * GPT2_T);
    ck_assert_double_eq_tol(score->perplexity, exp(score->loss), 1e-9);
    ck_assert(isnan(score->bits_per_byte));
    gpt2_vocabulary = &vocabulary;
    OK(evaluate(session, &options, &evaluation));
    ck_assert_int_eq(score->bytes, 2 * score->targets);
    ck_assert_double_eq_tol(score->bits_per_byte, score->loss / log(2) / 2, 1e-9);
    session_free(session);
}
END_TEST

/* Written as it was read, transposes included; a weight that is not transposed is refused. */
START_TEST(files_have_transposes)
{
    Session *session = gpt2_session();
    Model *model = session->models[0];
    Safetensors *file, *golden;
    const char *path = scratch_path("model.safetensors");
    OK(weights_save(model, path, false));
    OK(safetensors_open(path, &file));
    OK(safetensors_open(TEST_GOLDEN "/gpt2_model.safetensors", &golden));
    ck_assert_uint_eq(safetensors_count(file), safetensors_count(golden));
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const SafetensorsEntry *got = safetensors_entry(file, i), *wanted = safetensors_find(golden, got->name);
        ck_assert_ptr_nonnull(wanted);
        ck_assert_int_eq(got->shape[0], wanted->shape[0]);
        ck_assert_uint_eq(got->bytes, wanted->bytes);
        ck_assert(memcmp(got->data, wanted->data, got->bytes) == 0);
    }
    safetensors_close(file);
    safetensors_close(golden);
    const Param *param = module_find_param(model->root, "transformer.h.1.mlp.c_fc.weight");
    ck_assert_int_eq(param->value->shape[0], 96);
    SafetensorsEntry entry = {.name = param->path,
                              .type = SAFETENSORS_F32,
                              .ndim = 2,
                              .shape = {96, 24},
                              .data = tensor_data(param->value)};
    OK(safetensors_write(path, false, &entry, 1, NULL, 0));
    ck_assert_int_eq(weights_load(model, path), STATUS_FORMAT);
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

static Session *make_with_dropout(void)
{
    Session *session = gpt2_session();
    Gpt2Config *config = session->models[0]->config;
    config->resid_pdrop = config->attn_pdrop = 0.1;
    return session;
}

START_TEST(threads_do_not_matter)
{
    expect_same_bits_with_threads(make_with_dropout, 4);
}
END_TEST

Suite *gpt2_suite(void);
Suite *gpt2_suite(void)
{
    Suite *suite = suite_create("gpt2");
    TCase *tests = tcase_create("gpt2");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, logits_match);
    tcase_add_test(tests, losses_match);
    tcase_add_test(tests, next_logits_are_the_last);
    tcase_add_test(tests, view_shifts);
    tcase_add_test(tests, view_refuses);
    tcase_add_test(tests, too_long_is_an_error);
    tcase_add_test(tests, evaluation_of_text);
    tcase_add_test(tests, files_have_transposes);
    tcase_add_test(tests, threads_do_not_matter);
    suite_add_tcase(suite, tests);
    return suite;
}
