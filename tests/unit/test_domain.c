/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The perceptron and domain-adversarial training against PyTorch (tests/parity/mlp.py); the target's labels are
 * never read; a head that was added to a live session is part of its state. */
#include "engine/base/threads.h"
#include "engine/io/checkpoints.h"
#include "engine/io/weights.h"
#include "engine/nn/mlp.h"
#include "engine/objectives/domain.h"
#include "engine/train/checkpoint.h"
#include "engine/train/evaluate.h"
#include "engine/train/session.h"
#include "engine/train/snapshot.h"
#include "tests/unit/scratch.h"

#include <math.h>

Suite *domain_suite(void);

enum { STEPS = 12, SOURCE_ROWS = 4, TARGET_ROWS = 3, FEATURES = 7 };

/* --- the stored batches as sources; the labels of the target are whatever a test says --- */

typedef struct Stored {
    Source source;
    Safetensors *file;
    const char *name;
    int64_t rows;
    DType poison_type;
    double poison; /* label of each row of the target */
} Stored;

static Status put_labels(const Stored *stored, Arena *arena, int64_t at, Batch *out)
{
    Tensor *labels;
    const SafetensorsEntry *entry;
    bool own = strcmp(stored->name, "source") == 0;
    TRY(tensor_new(arena, own ? DTYPE_I32 : stored->poison_type, 1, &stored->rows, &labels));
    TRY(batch_put(out, "labels", labels));
    TRY(safetensors_get(stored->file, "labels", &entry));
    for (int64_t i = 0; i < stored->rows; i++)
        tensor_set(labels, i, own ? (double)((const int32_t *)entry->data)[at * stored->rows + i] : stored->poison);
    return STATUS_OK;
}

static Status stored_next(Source *source, Arena *arena, Cursor *cursor, Batch *out)
{
    const Stored *stored = (Stored *)source;
    Tensor *features;
    const SafetensorsEntry *entry;
    int64_t at = cursor->index++ % STEPS, count = stored->rows * FEATURES;
    *out = (Batch){.size = stored->rows};
    TRY(safetensors_get(stored->file, stored->name, &entry));
    TRY(tensor_new(arena, DTYPE_F32, 2, (int64_t[]){stored->rows, FEATURES}, &features));
    TRY(batch_put(out, "features", features));
    memcpy(tensor_data(features), (const float *)entry->data + at * count, (size_t)count * sizeof(float));
    return put_labels(stored, arena, at, out);
}

static void stored_free(Source *source)
{
    safetensors_close(((Stored *)source)->file);
    memory_free(source);
}

static const SourceType stored_type = {"stored", stored_next, NULL, stored_free};

static Stored *add_source(Session *session, const char *as, const char *name, int64_t rows)
{
    Stored *stored;
    ASSERT_OK(memory_new(1, sizeof *stored, &stored));
    stored->source = (Source){.type = &stored_type, .refs = 1, .batch_size = rows, .examples = rows * STEPS};
    ASSERT_OK(safetensors_open(TEST_GOLDEN "/mlp_steps.safetensors", &stored->file));
    stored->name = name;
    stored->rows = rows;
    stored->poison_type = DTYPE_I32;
    ASSERT_OK(session_add_source(session, as, &stored->source));
    source_unref(&stored->source);
    return stored;
}

/* --- sessions --- */

static void add_model(Session *session, int64_t activation)
{
    MlpConfig config;
    Model *model;
    option_defaults(model_mlp.options, &config);
    config.input_size = FEATURES;
    config.hidden_sizes = (OptionInts){2, {6, 5}};
    config.num_labels = 3;
    config.activation = activation;
    ASSERT_OK(
        model_new(&model_mlp, &config, "model", random_subkey_name(random_key(1, "weights"), "model"), &model));
    ASSERT_OK(session_add_model(session, model));
}

static Status add_domain(Session *session)
{
    DomainConfig config;
    Objective *objective;
    option_defaults(objective_domain.options, &config);
    config.gamma = 5;
    config.lambda = 1.5;
    config.hidden_size = 4;
    TRY(objective_new(&objective_domain, &config, NULL, 0.7, &objective));
    TRY(session_add_objective(session, objective));
    return session_check(session);
}

/* Without the domain classifier. */
static Session *make_plain(void)
{
    Session *session;
    Objective *objective;
    ASSERT_OK(session_new(1, &session));
    add_source(session, "train", "source", SOURCE_ROWS);
    add_source(session, "target", "target", TARGET_ROWS);
    add_model(session, MLP_TANH);
    ASSERT_OK(objective_new(objective_record_find("classify"), NULL, NULL, 1, &objective));
    ASSERT_OK(session_add_objective(session, objective));
    session->optimizer.config.lr = 1e-2;
    session->steps = STEPS;
    return session;
}

static Session *make_session(void)
{
    Session *session = make_plain();
    ASSERT_OK(add_domain(session));
    return session;
}

static Hash hash_of(const Session *session)
{
    Hash hash;
    ASSERT_OK(session_hash(session, &hash));
    return hash;
}

static void train(Session *session, int steps)
{
    for (int i = 0; i < steps; i++) ASSERT_OK(session_step(session, NULL));
}

static double stored_value(const Session *session, const char *name, int64_t at)
{
    const SafetensorsEntry *entry;
    ASSERT_OK(safetensors_get(((Stored *)session->sources[0].source)->file, name, &entry));
    return (double)((const float *)entry->data)[at];
}

/* --- against PyTorch --- */

START_TEST(logits_match)
{
    static const char *const names[] = {"logits.relu", "logits.sigmoid", "logits.tanh"};
    Session *session = make_session();
    Cursor cursor = {0};
    Batch batch;
    Forward *pass;
    Tensor *logits;
    ASSERT_OK(weights_load(session->models[0], TEST_GOLDEN "/mlp_model.safetensors"));
    ((MlpConfig *)session->models[0]->config)->activation = _i;
    ASSERT_OK(stored_next(session->sources[0].source, session->arena, &cursor, &batch));
    ASSERT_OK(forward_new(session->models[0], session->tape, &batch, &pass));
    ASSERT_OK(forward_output(pass, "logits", &logits));
    for (int64_t i = 0; i < tensor_count(logits); i++)
        ck_assert_double_eq_tol(tensor_get(logits, i), stored_value(session, names[_i], i), 1e-6);
    batch_clear(&batch);
    session_free(session);
}
END_TEST

/* Losses, accuracy and lambda of each step: the gradient is reversed with the paper's schedule. */
START_TEST(adversarial_steps_match)
{
    Session *session = make_session();
    StepMetrics metrics;
    ASSERT_OK(weights_load(session->models[0], TEST_GOLDEN "/mlp_model.safetensors"));
    for (int64_t step = 0; step < STEPS; step++) {
        ASSERT_OK(session_step(session, &metrics));
        double classify = stored_value(session, "classify_losses", step);
        double domain = stored_value(session, "domain_losses", step),
               norm = stored_value(session, "grad_norms", step);
        ck_assert_double_eq_tol(metrics.objectives[0], classify, 1e-4 * classify);
        ck_assert_double_eq_tol(metrics.objectives[1], domain, 1e-4 * domain);
        ck_assert_double_eq_tol(metrics.grad_norm, norm, 1e-3 * norm);
        ck_assert_double_eq_tol(metrics.accuracies[1], stored_value(session, "domain_accuracies", step), 1e-6);
        ck_assert_double_eq_tol(metrics.lambdas[1], stored_value(session, "lambdas", step), 1e-6);
        ck_assert(isnan(metrics.accuracies[0]) && isnan(metrics.lambdas[0]));
    }
    session_free(session);
}
END_TEST

START_TEST(schedule)
{
    DomainConfig config;
    option_defaults(objective_domain.options, &config);
    ck_assert_double_eq(domain_lambda(&config, 0, 100), 0);
    ck_assert_double_eq_tol(domain_lambda(&config, 10, 100), 2 / (1 + exp(-1)) - 1, 1e-12);
    ck_assert_double_eq_tol(domain_lambda(&config, 100, 100), 1, 1e-4);
    config.start = 60;
    ck_assert_double_eq(domain_lambda(&config, 30, 100), 0);
    ck_assert_double_eq_tol(domain_lambda(&config, 80, 100), 2 / (1 + exp(-5)) - 1, 1e-12);
    config.start = 100; /* nothing is left to grow in */
    ck_assert_double_eq_tol(domain_lambda(&config, 100, 100), 1, 1e-4);
}
END_TEST

/* --- what is read --- */

static Hash hash_with_labels(DType type, double poison)
{
    Session *session = make_session();
    Stored *target = (Stored *)session_source(session, "target")->source;
    target->poison_type = type;
    target->poison = poison;
    train(session, STEPS);
    Hash hash = hash_of(session);
    session_free(session);
    return hash;
}

START_TEST(labels_of_the_target_are_never_read)
{
    Hash zeros = hash_with_labels(DTYPE_I32, 0);
    ck_assert(hash_equal(zeros, hash_with_labels(DTYPE_I32, 2)));
    ck_assert(hash_equal(zeros, hash_with_labels(DTYPE_I32, 1000000)));
    ck_assert(hash_equal(zeros, hash_with_labels(DTYPE_I32, -7)));
    ck_assert(hash_equal(zeros, hash_with_labels(DTYPE_F32, (double)NAN)));
}
END_TEST

/* The domains are harder to tell apart where the trunk learns to hide them than where it learns nothing. */
START_TEST(reversal_confuses)
{
    double accuracy[2];
    for (int reversed = 0; reversed < 2; reversed++) {
        Session *session = make_session();
        StepMetrics metrics;
        double sum = 0;
        session->steps = 600;
        session->objectives[0]->enabled = false;
        ((DomainConfig *)session->objectives[1]->config)->lambda = reversed ? 1 : 0;
        for (int i = 0; i < 600; i++) {
            ASSERT_OK(session_step(session, &metrics));
            if (i >= 480) sum += metrics.accuracies[1];
        }
        accuracy[reversed] = sum / 120;
        session_free(session);
    }
    ck_assert_msg(accuracy[0] > accuracy[1] + 0.05, "%.3f, reversed %.3f", accuracy[0], accuracy[1]);
}
END_TEST

/* --- the state --- */

START_TEST(threads_do_not_matter)
{
    static const int counts[] = {1, 2, 3, 5};
    Hash hashes[4];
    for (int i = 0; i < 4; i++) {
        threads_set(counts[i]);
        hashes[i] = hash_with_labels(DTYPE_I32, 0);
        ck_assert(hash_equal(hashes[i], hashes[0]));
    }
}
END_TEST

static Status write_state(void *context, const char *directory, json_t *state)
{
    return checkpoint_write(context, directory, state);
}

/* Saved and loaded into a session as a recipe with the edit builds it. */
START_TEST(resuming_is_exact)
{
    Session *session = make_plain(), *again = make_plain();
    Checkpoint checkpoint;
    ASSERT_OK(file_make_directory(scratch_path("run"), true));
    train(session, 3);
    ASSERT_OK(add_domain(session));
    train(session, 3);
    ASSERT_OK(checkpoints_save(scratch_path("run"), session->step, 0, 2, write_state, session));
    ASSERT_OK(add_domain(again));
    ASSERT_OK(checkpoints_newest(scratch_path("run"), &checkpoint));
    ASSERT_OK(checkpoint_read(again, checkpoint.path, checkpoint.state_path, checkpoint.state));
    checkpoint_close(&checkpoint);
    ck_assert(hash_equal(hash_of(session), hash_of(again)));
    train(session, 4);
    train(again, 4);
    ck_assert(hash_equal(hash_of(session), hash_of(again)));
    const Param *head = module_find_param(again->models[0]->root, "domain_classifier.dense.weight");
    ck_assert(head && head->step == 7 && head->state[0]);
    session_free(session);
    session_free(again);
}
END_TEST

/* Back to before the head was there, and there again. */
START_TEST(snapshots)
{
    Session *session = make_plain();
    Snapshot *before, *after;
    train(session, 2);
    ASSERT_OK(snapshot_take(session, &before));
    Hash plain = hash_of(session);
    ASSERT_OK(add_domain(session));
    train(session, 2);
    ASSERT_OK(snapshot_take(session, &after));
    Hash adapted = hash_of(session);
    ASSERT_OK(snapshot_restore(before, session));
    ck_assert(hash_equal(plain, hash_of(session)));
    ck_assert_ptr_null(module_find(session->models[0]->root, "domain_classifier"));
    ASSERT_OK(add_domain(session));
    train(session, 2);
    ck_assert(hash_equal(adapted, hash_of(session)));
    ASSERT_OK(snapshot_restore(before, session));
    ASSERT_OK(snapshot_restore(after, session));
    ck_assert(hash_equal(adapted, hash_of(session)));
    train(session, 1);
    snapshot_free(before);
    snapshot_free(after);
    session_free(session);
}
END_TEST

/* Its place in the tree does not matter for where it is drawn from. */
START_TEST(head_is_drawn_from_seed_and_path)
{
    Session *at_once = make_session(), *later = make_plain();
    train(later, 3);
    ASSERT_OK(add_domain(later));
    static const char path[] = "domain_classifier.dense.weight";
    const Param *a = module_find_param(at_once->models[0]->root, path);
    const Param *b = module_find_param(later->models[0]->root, path);
    for (int64_t i = 0; i < tensor_count(a->value); i++)
        ck_assert_double_eq(tensor_get(a->value, i), tensor_get(b->value, i));
    session_free(at_once);
    session_free(later);
}
END_TEST

START_TEST(refusals)
{
    Session *session = make_session();
    DomainConfig *config = session->objectives[1]->config;
    Evaluation evaluation;
    strcpy(config->target, "nowhere");
    ASSERT_FAILS(session_check(session), STATUS_INVALID, "data source 'nowhere', which is not in the session");
    strcpy(config->target, "train");
    ASSERT_FAILS(session_step(session, NULL), STATUS_INVALID, "to itself");
    strcpy(config->target, "target");
    EvaluationOptions options = {.source = "train", .batches = 2, .baselines = true};
    ASSERT_OK(evaluate(session, &options, &evaluation)); /* the domain classifier is passed over */
    ck_assert(evaluation.scores[0].targets == 2 * SOURCE_ROWS && isnan(evaluation.scores[1].loss));
    MlpConfig *model = session->models[0]->config;
    model->input_size = FEATURES + 1;
    ASSERT_FAILS(session_step(session, NULL), STATUS_INVALID, "7 features, the model an input_size of 8");
    session_free(session);
}
END_TEST

/* Every allocation of adding the head and of a step fails once: nothing leaks, no half of a head stays. */
START_TEST(allocation_failures)
{
    Session *whole = make_session();
    train(whole, 1);
    Hash expected = hash_of(whole);
    session_free(whole);
    size_t start = memory_in_use();
    for (uint64_t n = 1;; n++) {
        Session *session = make_plain();
        memory_fail_after(n, 0);
        Status status = add_domain(session);
        if (status == STATUS_OK) status = session_step(session, NULL);
        memory_fail_after(0, 0);
        if (status != STATUS_OK) {
            ck_assert_int_eq(status, STATUS_NOMEM);
            session_forget(session, 2, 1);
            Module *head = module_find(session->models[0]->root, "domain_classifier");
            if (head) ck_assert_int_eq(module_count_weights(head), 5 * 4 + 4 + 4 + 1);
            ASSERT_OK(add_domain(session));
            ASSERT_OK(session_step(session, NULL));
        }
        ck_assert(hash_equal(expected, hash_of(session)));
        session_free(session);
        ck_assert_uint_eq(memory_in_use(), start);
        if (status == STATUS_OK) break;
    }
}
END_TEST

START_TEST(bad_models)
{
    MlpConfig config;
    Model *model;
    option_defaults(model_mlp.options, &config);
    config.hidden_sizes = (OptionInts){1, {0}};
    ASSERT_FAILS(model_new(&model_mlp, &config, "model", random_key(1, "x"), &model), STATUS_INVALID,
                 "hidden_sizes");
    config.hidden_sizes.count = 0;
    ASSERT_FAILS(model_new(&model_mlp, &config, "model", random_key(1, "x"), &model), STATUS_INVALID,
                 "hidden_sizes is empty");
}
END_TEST

Suite *domain_suite(void)
{
    Suite *suite = suite_create("domain");
    TCase *tests = tcase_create("domain");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_loop_test(tests, logits_match, 0, 3);
    tcase_add_test(tests, adversarial_steps_match);
    tcase_add_test(tests, schedule);
    tcase_add_test(tests, labels_of_the_target_are_never_read);
    tcase_add_test(tests, reversal_confuses);
    tcase_add_test(tests, threads_do_not_matter);
    tcase_add_test(tests, resuming_is_exact);
    tcase_add_test(tests, snapshots);
    tcase_add_test(tests, head_is_drawn_from_seed_and_path);
    tcase_add_test(tests, refusals);
    tcase_add_test(tests, allocation_failures);
    tcase_add_test(tests, bad_models);
    suite_add_tcase(suite, tests);
    return suite;
}
