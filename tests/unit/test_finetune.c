/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fine-tuning of tiny pre-trained models against PyTorch (tests/parity/torch_classes.py). */
#include "engine/io/checkpoints.h"
#include "engine/train/checkpoint.h"
#include "engine/train/snapshot.h"
#include "tests/unit/stored_classes.h"

#include <math.h>

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

/* --- frozen parts --- */

static Status freeze(void *context, Param *param)
{
    (void)context;
    param_set_frozen(param, true);
    return STATUS_OK;
}

static Status thaw(void *context, Param *param)
{
    (void)context;
    param_set_frozen(param, false);
    return STATUS_OK;
}

static Status write_session(void *context, const char *directory, json_t *state)
{
    return checkpoint_write(context, directory, state);
}

static const char *trunk_of(const Session *session)
{
    return session->models[0]->record->base;
}

static void freeze_below(Session *session, const char *path)
{
    ASSERT_OK(module_each_param(module_find(session->models[0]->root, path), freeze, NULL));
}

/* Nothing of a frozen trunk is differentiated. */
static Status refuse_trunk(void *context, const Node *node, bool backward, double seconds)
{
    (void)seconds;
    if (backward) ck_assert_msg(!module_path_below(node->path, context), "%s was differentiated", node->path);
    return STATUS_OK;
}

static Status assert_untouched(void *context, Param *param)
{
    const Param *before = module_find_param(context, param->path);
    size_t bytes = (size_t)tensor_count(param->value) * sizeof(float);
    ck_assert(memcmp(tensor_data(param->value), tensor_data(before->value), bytes) == 0);
    ck_assert_ptr_null(param->value->grad);
    ck_assert_int_eq(param->step, 0);
    return STATUS_OK;
}

/* The losses and norms of a linear probe are PyTorch's with requires_grad_(False): a frozen weight has no share in
 * the clipping. */
START_TEST(probe_matches)
{
    Session *session = stored_classes_session(&stored_models[_i], NULL),
            *fresh = stored_classes_session(&stored_models[_i], NULL);
    const char *trunk = trunk_of(session);
    const TapeObserver observer = {refuse_trunk, (void *)(uintptr_t)trunk};
    freeze_below(session, trunk);
    tape_observe(session->tape, &observer);
    assert_steps(session, "probe_losses", "probe_norms");
    tape_observe(session->tape, NULL);
    ASSERT_OK(
        module_each_param(module_find(session->models[0]->root, trunk), assert_untouched, fresh->models[0]->root));
    session_free(session);
    session_free(fresh);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* Freezing amid training: the gradient is gone at once, and thawing goes on where it was. */
START_TEST(freezing_is_at_once)
{
    Session *session = stored_classes_session(&stored_models[_i], NULL);
    StepMetrics before, after;
    ASSERT_OK(session_step(session, &before));
    Param *param = module_find_param(session->models[0]->root,
                                     _i ? "transformer.wte.weight" : "bert.embeddings.word_embeddings.weight");
    ck_assert_ptr_nonnull(param->value->grad);
    freeze_below(session, trunk_of(session));
    ck_assert_ptr_null(param->value->grad);
    ASSERT_OK(session_step(session, &after));
    ck_assert(after.grad_norm < before.grad_norm);
    ck_assert_int_eq(param->step, 1);
    param_set_frozen(param, false);
    ASSERT_OK(session_step(session, NULL));
    ck_assert_ptr_nonnull(param->value->grad);
    ck_assert_int_eq(param->step, 2);
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* With all of it frozen a step only looks. */
START_TEST(all_may_be_frozen)
{
    Session *session = stored_classes_session(&stored_models[_i], NULL);
    StepMetrics metrics;
    freeze_below(session, "");
    ASSERT_OK(session_step(session, &metrics));
    ck_assert(metrics.loss > 0 && metrics.grad_norm == 0);
    ck_assert_int_eq(session->step, 1);
    session_free(session);
}
END_TEST

/* What was frozen is so again, gradients included. */
START_TEST(snapshots_and_checkpoints_keep_frozen)
{
    Session *session = stored_classes_session(&stored_models[_i], NULL);
    Snapshot *snapshot;
    Checkpoint checkpoint;
    Hash expected, got;
    freeze_below(session, trunk_of(session));
    ASSERT_OK(session_step(session, NULL));
    ASSERT_OK(snapshot_take(session, &snapshot));
    ASSERT_OK(checkpoints_save(scratch_folder, 1, (double)NAN, 1, write_session, session));
    ASSERT_OK(session_step(session, NULL));
    ASSERT_OK(session_hash(session, &expected));
    ASSERT_OK(module_each_param(session->models[0]->root, thaw, NULL));
    ASSERT_OK(snapshot_restore(snapshot, session));
    snapshot_free(snapshot);
    ASSERT_OK(session_step(session, NULL));
    ASSERT_OK(session_hash(session, &got));
    ck_assert(hash_equal(got, expected));
    session_free(session);
    session = stored_classes_session(&stored_models[_i], NULL);
    ASSERT_OK(checkpoints_newest(scratch_folder, &checkpoint));
    ASSERT_OK(checkpoint_read(session, checkpoint.path, checkpoint.state_path, checkpoint.state));
    checkpoint_close(&checkpoint);
    ASSERT_OK(session_step(session, NULL));
    ASSERT_OK(session_hash(session, &got));
    ck_assert(hash_equal(got, expected));
    session_free(session);
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
    tcase_add_loop_test(tests, probe_matches, 0, STORED_MODELS);
    tcase_add_loop_test(tests, freezing_is_at_once, 0, STORED_MODELS);
    tcase_add_loop_test(tests, all_may_be_frozen, 0, STORED_MODELS);
    tcase_add_loop_test(tests, snapshots_and_checkpoints_keep_frozen, 0, STORED_MODELS);
    tcase_add_test(tests, classes_must_agree);
    suite_add_tcase(suite, tests);
    return suite;
}
