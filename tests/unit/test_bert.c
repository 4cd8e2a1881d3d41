/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A tiny BERT against PyTorch (tests/parity/bert.py): logits, and the losses of 20 AdamW steps. */
#include "engine/base/threads.h"
#include "tests/unit/session_checks.h"
#include "tests/unit/tiny_bert.h"

#include <math.h>

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

static Session *make_with_dropout(void)
{
    Session *session = make_session();
    ((BertConfig *)session->models[0]->config)->encoder.hidden_dropout_prob = 0.1;
    return session;
}

START_TEST(threads_do_not_matter)
{
    expect_same_bits_with_threads(make_with_dropout, 4);
}
END_TEST

Suite *bert_suite(void);
Suite *bert_suite(void)
{
    Suite *suite = suite_create("bert");
    TCase *tests = tcase_create("bert");
    tcase_add_test(tests, logits_match);
    tcase_add_test(tests, losses_match);
    tcase_add_test(tests, threads_do_not_matter);
    suite_add_tcase(suite, tests);
    return suite;
}
