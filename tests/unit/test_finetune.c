/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fine-tuning of tiny pre-trained models against PyTorch (tests/parity/torch_classes.py). */
#include "engine/train/class_scores.h"
#include "tests/unit/session_checks.h"
#include "tests/unit/stored_classes.h"

Suite *finetune_suite(void);

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
        ck_assert_double_eq_tol(tensor_get(logits, i), stored_classes_number(session, "class_logits", i), 1e-5);
    batch_clear(&batch);
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(class_losses_match)
{
    Session *session = stored_classes_session(&stored_models[_i], NULL);
    stored_classes_steps(session, "class_losses", "class_norms");
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* --- frozen parts --- */

static Status thaw(void *context, Param *param)
{
    (void)context;
    param_set_frozen(param, false);
    return STATUS_OK;
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
    const char *trunk = stored_classes_trunk(session);
    const TapeObserver observer = {refuse_trunk, (void *)(uintptr_t)trunk};
    stored_classes_freeze(session, trunk);
    tape_observe(session->tape, &observer);
    stored_classes_steps(session, "probe_losses", "probe_norms");
    tape_observe(session->tape, NULL);
    ASSERT_OK(
        module_each_param(module_find(session->models[0]->root, trunk), assert_untouched, fresh->models[0]->root));
    session_free(session);
    session_free(fresh);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* Learning rates by depth are PyTorch's groups of parameters. */
START_TEST(layer_decay_matches)
{
    Session *session = stored_classes_session(&stored_models[_i], NULL);
    session->optimizer.config.layer_decay = 0.5;
    stored_classes_steps(session, "decay_losses", "decay_norms");
    session_free(session);
}
END_TEST

START_TEST(depths_are_told)
{
    static const char *const paths[STORED_MODELS][5] = {
        {"bert.embeddings.word_embeddings.weight", "bert.encoder.layer.0.output.dense.bias",
         "bert.encoder.layer.1.output.dense.bias", "bert.pooler.dense.weight", "classifier.weight"},
        {"transformer.wpe.weight", "transformer.h.0.ln_1.weight", "transformer.h.1.ln_1.weight",
         "transformer.ln_f.weight", "score.weight"}};
    static const int64_t depths[] = {0, 1, 2, 3, 3};
    Session *session = stored_classes_session(&stored_models[_i], NULL);
    session->optimizer.config.layer_decay = 0.5;
    ASSERT_OK(session_step(session, NULL));
    for (int i = 0; i < 5; i++) {
        const Param *param = module_find_param(session->models[0]->root, paths[_i][i]);
        ck_assert_int_eq(model_depth(session->models[0], param->path), depths[i]);
        ck_assert_double_eq_tol(param->lr_scale, pow(0.5, (double)(3 - depths[i])), 1e-12);
    }
    session->optimizer.config.layer_decay = 1; /* a live edit: at the next step */
    ASSERT_OK(session_step(session, NULL));
    ck_assert_double_eq(module_find_param(session->models[0]->root, paths[_i][0])->lr_scale, 1);
    session_free(session);
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
    stored_classes_freeze(session, stored_classes_trunk(session));
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
    stored_classes_freeze(session, "");
    ASSERT_OK(session_step(session, &metrics));
    ck_assert(metrics.loss > 0 && metrics.grad_norm == 0);
    ck_assert_int_eq(session->step, 1);
    session_free(session);
}
END_TEST

/* What was frozen is so again, gradients included; what is drawn in the head depends on the step alone. */
static void thaw_all(Session *session)
{
    ASSERT_OK(module_each_param(session->models[0]->root, thaw, NULL));
}

START_TEST(snapshots_and_checkpoints_keep_frozen)
{
    const char *dropout = _i ? "resid_pdrop=0.2;" : "classifier_dropout=0.5;";
    Session *session = stored_classes_session(&stored_models[_i], dropout);
    stored_classes_freeze(session, stored_classes_trunk(session));
    expect_state_comes_back(session, thaw_all, stored_classes_session(&stored_models[_i], dropout));
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

/* By hand, as scikit-learn's precision_recall_fscore_support(average="macro") has them. */
START_TEST(class_scores_are_right)
{
    static const int64_t cells[3][3] = {{5, 1, 0}, {2, 3, 1}, {0, 0, 4}};
    ClassCounts counts = {0};
    ClassScores scores = {0};
    for (int64_t label = 0; label < 3; label++)
        for (int64_t answer = 0; answer < 3; answer++)
            for (int64_t n = 0; n < cells[label][answer]; n++)
                ASSERT_OK(class_counts_add(&counts, 4, label, answer, &scores)); /* a fourth class never occurs */
    class_counts_finish(&counts, &scores);
    class_counts_free(&counts);
    ck_assert_int_eq(scores.count, 4);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) ck_assert_int_eq(scores.confusion[i][k], cells[i][k]);
    ck_assert_double_eq_tol(scores.precision, (5.0 / 7 + 3.0 / 4 + 4.0 / 5) / 3, 1e-12);
    ck_assert_double_eq_tol(scores.recall, (5.0 / 6 + 3.0 / 6 + 1) / 3, 1e-12);
    ck_assert_double_eq_tol(scores.f1, (10.0 / 13 + 6.0 / 10 + 8.0 / 9) / 3, 1e-12);
    ClassScore second = class_score(&scores, 1), fourth = class_score(&scores, 3);
    ck_assert_int_eq(second.examples, 6);
    ck_assert_double_eq_tol(second.f1, 0.6, 1e-12);
    ck_assert(fourth.precision == 0 && fourth.recall == 0 && fourth.f1 == 0);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* More classes than a matrix is kept of. */
START_TEST(many_classes_have_means)
{
    ClassCounts counts = {0};
    ClassScores scores = {0};
    for (int64_t i = 0; i < 100; i++) ASSERT_OK(class_counts_add(&counts, 50, i % 50, i % 25, &scores));
    class_counts_finish(&counts, &scores);
    class_counts_free(&counts);
    ck_assert_int_eq(scores.count, 50);
    ck_assert_double_eq_tol(scores.recall, 0.5, 1e-12);
    ck_assert_double_eq_tol(scores.f1, 25 * (2.0 * 2 / (2 + 4)) / 50, 1e-12);
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
    tcase_add_loop_test(tests, layer_decay_matches, 0, STORED_MODELS);
    tcase_add_loop_test(tests, depths_are_told, 0, STORED_MODELS);
    tcase_add_loop_test(tests, freezing_is_at_once, 0, STORED_MODELS);
    tcase_add_loop_test(tests, all_may_be_frozen, 0, STORED_MODELS);
    tcase_add_loop_test(tests, snapshots_and_checkpoints_keep_frozen, 0, STORED_MODELS);
    tcase_add_test(tests, classes_must_agree);
    tcase_add_test(tests, class_scores_are_right);
    tcase_add_test(tests, many_classes_have_means);
    suite_add_tcase(suite, tests);
    return suite;
}
