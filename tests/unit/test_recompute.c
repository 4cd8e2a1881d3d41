/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Layers that are computed once more on the way back: the same bits in less memory, and whoever looks on sees each
 * op once. */
#include "tests/unit/session_checks.h"
#include "tests/unit/tiny_bert.h"

/* Layers of its own, with dropout. */
static Session *make_deep_session(int64_t layers, int64_t width, bool recompute)
{
    Session *session = make_session();
    Model *model = session->models[0], *deep;
    BertConfig config = *(const BertConfig *)model->config;
    config.encoder.num_hidden_layers = layers;
    config.encoder.hidden_size = width;
    config.encoder.intermediate_size = 0;
    config.encoder.hidden_dropout_prob = config.encoder.attention_probs_dropout_prob = 0.1;
    OK(model_new(&model_bert, &config, "model", random_key(1, "weights"), &deep));
    session->models[0] = deep;
    model_free(model);
    session->recompute = recompute;
    return session;
}

static Hash hash_after(Session *session, int steps)
{
    Hash hash;
    for (int i = 0; i < steps; i++) OK(session_step(session, NULL));
    OK(session_hash(session, &hash));
    session_free(session);
    return hash;
}

START_TEST(bits_are_the_same)
{
    Hash hashes[2];
    for (int i = 0; i < 2; i++) {
        Session *session = make_deep_session(4, 24, i);
        session->precision = _i % 2 ? PRECISION_BF16 : PRECISION_F32;
        if (_i > 1)
            module_find_param(session->models[0]->root, "bert.embeddings.word_embeddings.weight")->frozen = true;
        hashes[i] = hash_after(session, 4);
    }
    ck_assert(hash_equal(hashes[0], hashes[1]));
}
END_TEST

START_TEST(memory_is_less)
{
    size_t peaks[2];
    for (int i = 0; i < 2; i++) {
        Session *session = make_deep_session(24, 192, i);
        for (int step = 0; step < 3; step++) OK(session_step(session, NULL));
        peaks[i] = arena_peak(session->arena);
        session_free(session);
    }
    ck_assert_msg(peaks[1] < peaks[0] / 3, "%zu of %zu bytes", peaks[1], peaks[0]);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

typedef struct Calls {
    int there, back;
} Calls;

static Status count_call(void *context, const Node *node, bool backward, double seconds)
{
    Calls *calls = context;
    (void)seconds;
    if (strcmp(node->op->name, "recompute") == 0) return STATUS_OK;
    (*(backward ? &calls->back : &calls->there))++;
    return STATUS_OK;
}

START_TEST(onlookers_see_each_op_once)
{
    Calls calls[2] = {0};
    for (int i = 0; i < 2; i++) {
        Session *session = make_deep_session(3, 24, i);
        TapeObserver observer = {count_call, &calls[i]};
        tape_observe(session->tape, &observer);
        OK(session_step(session, NULL));
        session_free(session);
    }
    ck_assert_int_gt(calls[0].back, 30);
    ck_assert_int_eq(calls[0].there, calls[1].there);
    ck_assert_int_eq(calls[0].back, calls[1].back);
}
END_TEST

static Session *make_recomputing_session(void)
{
    return make_deep_session(2, 24, true);
}

START_TEST(step_survives_failing_allocations)
{
    expect_steps_survive_failing_allocations(make_recomputing_session);
}
END_TEST

Suite *recompute_suite(void);
Suite *recompute_suite(void)
{
    Suite *suite = suite_create("recompute");
    TCase *tests = tcase_create("recompute");
    tcase_add_loop_test(tests, bits_are_the_same, 0, 4);
    tcase_add_test(tests, memory_is_less);
    tcase_add_test(tests, onlookers_see_each_op_once);
    tcase_add_test(tests, step_survives_failing_allocations);
    suite_add_tcase(suite, tests);
    return suite;
}
