/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A tiny ELECTRA against PyTorch (tests/parity/electra.py): logits, and the losses of 20 AdamW steps of both
 * networks; what the generator draws; that nothing is learned through the draw; structural edits; bad sessions. */
#include "engine/base/threads.h"
#include "engine/nn/electra.h"
#include "engine/nn/reshape.h"
#include "engine/objectives/rtd.h"
#include "engine/train/evaluate.h"
#include "engine/train/structure.h"
#include "tests/unit/session_checks.h"
#include "tests/unit/tiny_bert.h"

#include <math.h>
#include <stdio.h>

Suite *electra_suite(void);

static const char golden[] = TEST_GOLDEN "/electra.safetensors";

static ElectraConfig electra_config(void)
{
    ElectraConfig config;
    option_defaults(model_electra.options, &config);
    config.vocab_size = VOCAB;
    config.embedding_size = 16;
    config.encoder.hidden_size = 24;
    config.encoder.num_attention_heads = 3;
    config.encoder.intermediate_size = 48;
    config.encoder.max_position_embeddings = 16;
    config.encoder.hidden_dropout_prob = config.encoder.attention_probs_dropout_prob = 0;
    config.num_labels = 3;
    config.generator_hidden_size = 12;
    config.generator_num_hidden_layers = 1;
    config.generator_num_attention_heads = 2;
    config.generator_intermediate_size = 24;
    return config;
}

static Status load_param(void *context, Param *param)
{
    char name[MODULE_PATH_SIZE + 16];
    const SafetensorsEntry *entry;
    snprintf(name, sizeof name, "weights.%s", param->path);
    TRY(safetensors_get(context, name, &entry));
    ck_assert_uint_eq(entry->bytes, (size_t)tensor_count(param->value) * sizeof(float));
    memcpy(tensor_data(param->value), entry->data, entry->bytes);
    return STATUS_OK;
}

static void set_temperature(Session *session, double temperature)
{
    ((RtdConfig *)session_objective(session, "rtd")->config)->temperature = temperature;
}

static Session *electra_session(double temperature)
{
    Safetensors *file;
    ElectraConfig config = electra_config();
    Session *session = session_with(&model_electra, &config);
    OK(safetensors_open(golden, &file));
    OK(module_each_param(session->models[0]->root, load_param, file));
    safetensors_close(file);
    add_objective(session, "mlm", 1);
    add_objective(session, "rtd", 50);
    set_temperature(session, temperature);
    return session;
}

/* --- parity --- */

static void compare(Forward *pass, const Safetensors *file, const char *output)
{
    const SafetensorsEntry *entry;
    Tensor *got;
    OK(safetensors_get(file, output, &entry));
    OK(forward_output(pass, output, &got));
    ck_assert_int_eq(entry->count, tensor_count(got));
    for (int64_t i = 0; i < entry->count; i++)
        ck_assert_double_eq_tol(tensor_get(got, i), (double)((const float *)entry->data)[i], 1e-5);
}

START_TEST(logits_match)
{
    Session *session = electra_session(0);
    Safetensors *file;
    Cursor cursor = {0};
    Batch batch;
    Forward *pass;
    OK(safetensors_open(golden, &file));
    OK(stored_next(session->sources[0].source, session->arena, &cursor, &batch));
    OK(forward_new(session->models[0], session->tape, &batch, &pass));
    compare(pass, file, "mlm_logits");
    compare(pass, file, "rtd_logits");
    compare(pass, file, "class_logits");
    safetensors_close(file);
    batch_clear(&batch);
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(losses_match)
{
    Session *session = electra_session(0);
    Safetensors *file;
    const SafetensorsEntry *losses, *norms;
    StepMetrics metrics;
    OK(safetensors_open(golden, &file));
    OK(safetensors_get(file, "losses", &losses));
    OK(safetensors_get(file, "grad_norms", &norms));
    ck_assert_int_eq(losses->count, 2 * STEPS);
    for (int64_t step = 0; step < STEPS; step++) {
        OK(session_step(session, &metrics));
        for (int64_t i = 0; i < 2; i++) {
            double want = (double)((const float *)losses->data)[2 * step + i];
            ck_assert_double_eq_tol(metrics.objectives[i], want, 1e-4 * want);
        }
        double norm = (double)((const float *)norms->data)[step];
        ck_assert_double_eq_tol(metrics.grad_norm, norm, 1e-3 * norm);
        ck_assert(metrics.accuracies[1] >= 0 && metrics.accuracies[1] <= 1);
    }
    safetensors_close(file);
    session_free(session);
}
END_TEST

static Session *make_with_dropout(void)
{
    Session *session = electra_session(1);
    ((ElectraConfig *)session->models[0]->config)->encoder.hidden_dropout_prob = 0.1;
    return session;
}

START_TEST(threads_do_not_matter)
{
    expect_same_bits_with_threads(make_with_dropout, 4);
}
END_TEST

/* --- the draw --- */

/* The words that the generator puts into the masked places of the batch at the index, drawn with the key. */
static void filled_places(Session *session, int64_t index, RandomKey key, int32_t out[N])
{
    Cursor cursor = {.index = index};
    ObjectiveInput input = {.key = key};
    RtdDetection detection;
    Batch batch;
    OK(stored_next(session->sources[0].source, session->arena, &cursor, &batch));
    OK(forward_new(session->models[0], session->tape, &batch, &input.pass));
    OK(rtd_detect(session_objective(session, "rtd"), &input, &detection));
    const Tensor *positions = batch_find(&batch, "masked_positions"), *ids = batch_find(&batch, "input_ids");
    const Tensor *targets = batch_find(&batch, "masked_targets");
    int64_t changed = 0, replaced = 0, different = 0;
    for (int64_t i = 0; i < N; i++) {
        out[i] = TENSOR_I32(detection.ids)[TENSOR_I32(positions)[i]];
        different += out[i] != TENSOR_I32(targets)[i];
    }
    for (int64_t i = 0; i < tensor_count(ids); i++) changed += TENSOR_I32(ids)[i] != TENSOR_I32(detection.ids)[i];
    for (int64_t i = 0; i < tensor_count(detection.replaced); i++)
        replaced += TENSOR_F32(detection.replaced)[i] > 0;
    ck_assert_int_le(changed, N); /* nothing but the masked places */
    ck_assert_int_eq(replaced, different);
    batch_clear(&batch);
    tape_reset(session->tape);
}

/* A token is replaced if it differs from the original: one that was drawn right counts as original. */
START_TEST(the_generator_fills_the_masked_places)
{
    Session *session = electra_session(0);
    RandomKey key = random_key(3, "test");
    int32_t greedy[N], once[N], twice[N], other[N];
    filled_places(session, 0, key, greedy);
    set_temperature(session, 1);
    filled_places(session, 0, key, once);
    filled_places(session, 0, key, twice);
    ck_assert(memcmp(once, twice, sizeof once) == 0);
    ck_assert(memcmp(once, greedy, sizeof once) != 0);
    filled_places(session, 1, key, other);
    ck_assert(memcmp(once, other, sizeof once) != 0);
    set_temperature(session, 1e-3); /* nearly the likeliest */
    filled_places(session, 0, key, once);
    ck_assert(memcmp(once, greedy, sizeof once) == 0);
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

static Tensor *value_of(const Session *session, const char *path)
{
    const Param *param = module_find_param(session->models[0]->root, path);
    ck_assert_msg(param != NULL, "%s", path);
    return param->value;
}

/* Draws have the generator's probabilities: the bias alone makes three words come 6 : 3 : 1. */
START_TEST(draws_follow_the_probabilities)
{
    static const double shares[] = {0.6, 0.3, 0.1};
    Session *session = electra_session(1);
    int32_t out[N];
    int64_t counts[3] = {0}, all = 0;
    tensor_fill(value_of(session, "generator.generator_predictions.LayerNorm.weight"), 0);
    tensor_fill(value_of(session, "generator.generator_predictions.LayerNorm.bias"), 0);
    Tensor *bias = value_of(session, "generator.generator_lm_head.bias");
    tensor_fill(bias, -50);
    for (int i = 0; i < 3; i++) TENSOR_F32(bias)[7 + i] = (float)log(shares[i]);
    for (uint64_t salt = 0; salt < 60; salt++)
        for (int64_t index = 0; index < STEPS; index++) {
            filled_places(session, index, random_subkey(random_key(3, "test"), salt), out);
            for (int64_t i = 0; i < N; i++, all++) {
                ck_assert(out[i] >= 7 && out[i] < 10);
                counts[out[i] - 7]++;
            }
        }
    for (int i = 0; i < 3; i++) /* five standard deviations of a share */
        ck_assert_double_eq_tol((double)counts[i] / (double)all, shares[i],
                                5 * sqrt(shares[i] * (1 - shares[i]) / (double)all));
    session_free(session);
}
END_TEST

/* --- learning --- */

static int64_t steps_of(const Session *session, const char *path)
{
    const Param *param = module_find_param(session->models[0]->root, path);
    ck_assert_msg(param != NULL, "%s", path);
    return param->step;
}

/* Without the generator's own loss nothing below "generator" is told anything; the shared words are. */
START_TEST(nothing_is_learned_through_the_draw)
{
    Session *session = electra_session(1);
    session_objective(session, "mlm")->weight = 0;
    OK(session_step(session, NULL));
    ck_assert_int_eq(steps_of(session, "generator.generator_lm_head.bias"), 0);
    ck_assert_int_eq(steps_of(session, "generator.electra.encoder.layer.0.output.dense.weight"), 0);
    ck_assert_int_eq(steps_of(session, "electra.embeddings.word_embeddings.weight"), 1);
    ck_assert_int_eq(steps_of(session, "discriminator_predictions.dense_prediction.weight"), 1);
    session_objective(session, "mlm")->weight = 1;
    OK(session_step(session, NULL));
    ck_assert_int_eq(steps_of(session, "generator.generator_lm_head.bias"), 1);
    ck_assert_int_eq(steps_of(session, "electra.embeddings.word_embeddings.weight"), 2);
    session_free(session);
}
END_TEST

/* The discriminator's accuracy beside that of always saying "original", and the generator's loss. */
START_TEST(evaluation_tells_of_both)
{
    Session *session = electra_session(1);
    EvaluationOptions options = {.source = "train", .batches = 3, .baselines = true};
    Evaluation evaluation;
    session->sources[0].source->examples = B * STEPS;
    OK(evaluate(session, &options, &evaluation));
    const Score *mlm = &evaluation.scores[0], *rtd = &evaluation.scores[1];
    ck_assert_int_eq(mlm->targets, 3 * N);
    ck_assert_int_gt(rtd->targets, 3 * B * T / 2);
    ck_assert(mlm->loss > 0 && rtd->loss > 0);
    ck_assert(rtd->accuracy > 0 && rtd->accuracy <= 1);
    ck_assert(rtd->unigram_accuracy >= 0.5 && rtd->unigram_accuracy < 1);
    double p = rtd->unigram_accuracy;
    ck_assert_double_eq_tol(rtd->unigram_loss, -p * log(p) - (1 - p) * log(1 - p), 1e-9);
    ck_assert(isnan(rtd->best_loss));
    session_free(session);
}
END_TEST

START_TEST(a_failed_step_changes_nothing)
{
    Session *session = electra_session(1);
    Hash before, after;
    OK(session_step(session, NULL));
    OK(session_hash(session, &before));
    for (uint64_t n = 1; n < 400; n += 3) {
        memory_fail_after(n, 0);
        Status status = session_step(session, NULL);
        bool reached = memory_allocations() >= n;
        memory_fail_after(0, 0);
        if (status == STATUS_OK) {
            ck_assert(!reached);
            break;
        }
        OK(session_hash(session, &after));
        ck_assert(hash_equal(before, after));
    }
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* --- structural edits --- */

START_TEST(both_networks_grow)
{
    StepMetrics plain, grown;
    Model *fresh;
    Session *session = electra_session(0);
    OK(session_step(session, &plain));
    session_free(session);
    session = electra_session(0);
    ElectraConfig config = *(const ElectraConfig *)session->models[0]->config;
    config.encoder.intermediate_size += 16;
    config.generator_intermediate_size += 8;
    OK(session_reshaped(session, session->models[0], &config, &fresh));
    model_exchange(session->models[0], fresh);
    model_free(fresh);
    OK(session_step(session, &grown));
    for (int i = 0; i < 2; i++) ck_assert_double_eq_tol(grown.objectives[i], plain.objectives[i], 1e-6);
    config.generator = false; /* the generator goes; what is left classifies */
    OK(model_set_config(session->models[0], &config));
    ck_assert_ptr_null(module_find(session->models[0]->root, "generator"));
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(sizes_are_filled_in)
{
    ElectraConfig config;
    Model *model;
    option_defaults(model_electra.options, &config);
    config.vocab_size = VOCAB;
    OK(model_new(&model_electra, &config, "model", random_key(1, "weights"), &model));
    const ElectraConfig *made = model->config;
    ck_assert_int_eq(made->embedding_size, 128);
    ck_assert_int_eq(made->generator_hidden_size, 32);
    ck_assert_int_eq(made->generator_num_hidden_layers, 2);
    ck_assert_int_eq(made->generator_intermediate_size, 128);
    ck_assert_ptr_null(module_find(model->root, "electra.embeddings_project")); /* as wide as the embeddings */
    ck_assert_ptr_nonnull(module_find(model->root, "generator.electra.embeddings_project"));
    model_free(model);
    config.generator_hidden_size = 30;
    config.generator_num_attention_heads = 4;
    ck_assert_int_eq(model_new(&model_electra, &config, "model", random_key(1, "weights"), &model), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(status_message(), "the generator: hidden_size 30 is not a multiple"));
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* --- bad sessions --- */

static void refuse_step(Session *session, const char *word)
{
    ck_assert_int_eq(session_step(session, NULL), STATUS_INVALID);
    ck_assert_msg(strstr(status_message(), word) != NULL, "%s", status_message());
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}

START_TEST(bad_sessions)
{
    ElectraConfig config = electra_config();
    BertConfig bert = tiny_config();
    config.generator = false;
    Session *session = session_with(&model_electra, &config);
    add_objective(session, "rtd", 1);
    refuse_step(session, "build the model with generator = true");
    session = session_with(&model_bert, &bert);
    add_objective(session, "rtd", 1);
    refuse_step(session, "bert has no output 'rtd_logits'");
    config = electra_config();
    config.encoder.max_position_embeddings = T - 1;
    session = session_with(&model_electra, &config);
    add_objective(session, "mlm", 1);
    refuse_step(session, "electra: a sequence of 11 tokens is longer than max_position_embeddings 10");
}
END_TEST

Suite *electra_suite(void)
{
    Suite *suite = suite_create("electra");
    TCase *tests = tcase_create("electra");
    tcase_add_test(tests, logits_match);
    tcase_add_test(tests, losses_match);
    tcase_add_test(tests, threads_do_not_matter);
    tcase_add_test(tests, the_generator_fills_the_masked_places);
    tcase_add_test(tests, draws_follow_the_probabilities);
    tcase_add_test(tests, nothing_is_learned_through_the_draw);
    tcase_add_test(tests, evaluation_tells_of_both);
    tcase_add_test(tests, a_failed_step_changes_nothing);
    tcase_add_test(tests, both_networks_grow);
    tcase_add_test(tests, sizes_are_filled_in);
    tcase_add_test(tests, bad_sessions);
    suite_add_tcase(suite, tests);
    return suite;
}
