/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fine-tuning of tiny pre-trained models against PyTorch (tests/parity/torch_classes.py). */
#include "tests/unit/stored_classes.h"

Suite *finetune_suite(void);

static double stored_number(const Session *session, const char *name, int64_t at)
{
    return (double)((const float *)stored_classes_get(session, name)->data)[at];
}

START_TEST(class_logits_match)
{
    Session *session = stored_classes_session(&stored_models[_i], NULL);
    Source *source = session->sources[0].source;
    Cursor cursor = {0};
    Batch batch;
    Forward *pass;
    Tensor *logits;
    ASSERT_OK(source->type->next(source, session->arena, &cursor, &batch));
    ASSERT_OK(forward_new(session->models[0], session->tape, &batch, &pass));
    ASSERT_OK(forward_output(pass, "class_logits", &logits));
    ck_assert_int_eq(tensor_count(logits), CLASS_ROWS * CLASS_COUNT);
    for (int64_t i = 0; i < tensor_count(logits); i++)
        ck_assert_double_eq_tol(tensor_get(logits, i), stored_number(session, "class_logits", i), 1e-5);
    batch_clear(&batch);
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* The losses and gradient norms of 20 steps of the session are the stored ones. */
static void assert_steps(Session *session, const char *losses, const char *norms)
{
    StepMetrics metrics;
    for (int64_t step = 0; step < CLASS_STEPS; step++) {
        double loss = stored_number(session, losses, step), norm = stored_number(session, norms, step);
        ASSERT_OK(session_step(session, &metrics));
        ck_assert_double_eq_tol(metrics.loss, loss, 1e-4 * loss);
        ck_assert_double_eq_tol(metrics.grad_norm, norm, 1e-3 * norm);
    }
}

START_TEST(class_losses_match)
{
    Session *session = stored_classes_session(&stored_models[_i], NULL);
    assert_steps(session, "class_losses", "class_norms");
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* What the labels of the data must be to the classifier. */
START_TEST(classes_must_agree)
{
    static const char *const same[] = {"bad", "good", "fair"}, *const moved[] = {"good", "bad"},
                             *const other[] = {"good", "else"};
    Session *session = stored_classes_session(&stored_models[0], NULL);
    Source *source = session->sources[0].source;
    source->class_count = 4;
    ASSERT_FAILS(session_check(session), STATUS_INVALID,
                 "data source 'train' has 4 classes, model 'model' a num_labels of 3; build the model with "
                 "num_labels = 4");
    ASSERT_OK(model_set_classes(session->models[0], same, 3));
    source->class_count = 2;
    source->classes = same;
    ASSERT_OK(session_check(session));
    source->classes = moved;
    ASSERT_FAILS(session_check(session), STATUS_INVALID,
                 "has the classes good, bad, model 'model' was trained with bad, good, fair; give the data classes "
                 "= \"bad,good,fair\"");
    source->classes = other; /* another task */
    ASSERT_OK(session_check(session));
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

Suite *finetune_suite(void)
{
    Suite *suite = suite_create("finetune");
    TCase *tests = tcase_create("finetune");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_loop_test(tests, class_logits_match, 0, STORED_MODELS);
    tcase_add_loop_test(tests, class_losses_match, 0, STORED_MODELS);
    tcase_add_test(tests, classes_must_agree);
    suite_add_tcase(suite, tests);
    return suite;
}
