/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pruning: which weights go, the schedule's values, and that masks survive optimizers, snapshots, checkpoints and
 * failures. */
#include "engine/base/threads.h"
#include "engine/io/checkpoints.h"
#include "engine/nn/reshape.h"
#include "engine/train/checkpoint.h"
#include "engine/train/pruning.h"
#include "engine/train/snapshot.h"
#include "engine/train/structure.h"
#include "tests/unit/scratch.h"
#include "tests/unit/tiny_bert.h"

#include <math.h>
#include <stdlib.h>

Suite *prune_suite(void);

static Hash hash_of(const Session *session)
{
    Hash hash;
    OK(session_hash(session, &hash));
    return hash;
}

static PruneConfig config_of(double sparsity)
{
    PruneConfig config = {0};
    option_defaults(prune_options, &config);
    config.sparsity = sparsity;
    return config;
}

static PruneConfig cubic(double sparsity, int64_t begin, int64_t end, int64_t frequency)
{
    PruneConfig config = config_of(sparsity);
    config.schedule = PRUNE_CUBIC;
    config.begin_step = begin;
    config.end_step = end;
    config.frequency = frequency;
    return config;
}

static Status prune(Session *session, PruneConfig config)
{
    PrunePlan plan;
    TRY(session_plan_pruning(session, &config, PRUNE_BESIDE, &plan));
    session_prune(session, &config, &plan);
    prune_clear(&plan);
    return STATUS_OK;
}

static void steps(Session *session, int count)
{
    for (int i = 0; i < count; i++) OK(session_step(session, NULL));
}

static Param *param_of(const Session *session, const char *path)
{
    Param *param = module_find_param(session->models[0]->root, path);
    ck_assert_msg(param != NULL, "%s", path);
    return param;
}

/* --- the schedule --- */

START_TEST(the_schedule_is_the_formula)
{
    PruneConfig config = cubic(0.9, 100, 1050, 100);
    config.initial_sparsity = 0.1;
    OK(prune_complete(&config, 50, 2000));
    ck_assert_int_eq(prune_last_step(&config), 1000);
    int due = 0;
    for (int64_t t = 0; t < 1200; t++) {
        ck_assert(prune_due(&config, t) == (t >= 100 && t <= 1000 && t % 100 == 0));
        if (!prune_due(&config, t)) continue;
        double share = (double)(t - 100) / 900;
        double expected = 0.9 + (0.1 - 0.9) * pow(1 - share, 3);
        ck_assert_double_eq_tol(prune_target(&config, t), expected, 1e-12);
        due++;
    }
    ck_assert_int_eq(due, 10);
    ck_assert(prune_target(&config, 100) == 0.1 + 0.0 || fabs(prune_target(&config, 100) - 0.1) < 1e-15);
    ck_assert(prune_target(&config, 1000) == 0.9);
}
END_TEST

START_TEST(open_fields_are_filled_in)
{
    PruneConfig config = cubic(0.5, 0, 0, 0);
    OK(prune_complete(&config, 200, 1000));
    ck_assert_int_eq(config.begin_step, 200);
    ck_assert_int_eq(config.end_step, 800);
    ck_assert_int_eq(config.frequency, 30);
    config = cubic(0.5, 0, 0, 0);
    OK(prune_complete(&config, 999, 1000));
    ck_assert(prune_last_step(&config) > 999);
    config = cubic(0.5, 0, 0, 0);
    OK(prune_complete(&config, 0, 0));
}
END_TEST

static void refuses(PruneConfig config, int64_t step, const char *words)
{
    ck_assert_int_eq(prune_complete(&config, step, 1000), STATUS_INVALID);
    ck_assert_msg(strstr(status_message(), words) != NULL, "%s", status_message());
}

START_TEST(schedules_that_do_not_fit)
{
    PruneConfig config = config_of(0.5);
    config.begin_step = 3;
    refuses(config, 0, "belong to schedule");
    refuses(cubic(0.5, 10, 10, 1), 0, "no room");
    refuses(cubic(0.5, 10, 5, 1), 0, "no room");
    refuses(cubic(0.5, 10, 20, 11), 0, "no room");
    refuses(cubic(0.5, 10, 20, 5), 20, "would have ended at step 20");
    refuses(cubic(0.5, 10, 20, 5), 11, "begin_step 10 is over, 11 steps are done");
    config = cubic(0.5, 10, 20, 5);
    config.initial_sparsity = 0.5;
    refuses(config, 0, "above initial_sparsity");
}
END_TEST

/* --- what is chosen --- */

START_TEST(patterns_name_parameters)
{
    Session *session = make_session();
    const Param *dense = param_of(session, "bert.encoder.layer.0.intermediate.dense.weight");
    const Param *bias = param_of(session, "bert.encoder.layer.0.intermediate.dense.bias");
    static const char *const good[] = {"*",
                                       "bert",
                                       "bert.encoder",
                                       "bert.encoder.layer.0",
                                       "*.dense.weight",
                                       "cls, bert.encoder.layer.*.intermediate",
                                       " x  *intermediate* ",
                                       "bert.encoder.layer.0.intermediate.dense.weight",
                                       "*e*"};
    static const char *const bad[] = {"",
                                      "ber",
                                      "bert.enc",
                                      "bert.encoder.layer.1",
                                      "dense.weight",
                                      "cls",
                                      "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
                                      "*.weight.x"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert_msg(prune_selects(good[i], dense), "%s", good[i]);
        ck_assert(!prune_selects(good[i], bias));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!prune_selects(bad[i], dense), "%s", bad[i]);
    static const struct {
        const char *params, *words;
    } refused[] = {{" , ", "names nothing"},
                   {"bert.pooler.dense.wait", "did you mean 'bert.pooler.dense.weight'"},
                   {"bert nothing_like_it_at_all", "'nothing_like_it_at_all'"},
                   {"*.bias", "names no matrix"}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        PruneConfig config = config_of(0.5);
        snprintf(config.params, sizeof config.params, "%s", refused[i].params);
        ck_assert_int_eq(prune(session, config), STATUS_INVALID);
        ck_assert_msg(strstr(status_message(), refused[i].words) != NULL, "%s", status_message());
    }
    PruneConfig config = config_of(0.5);
    snprintf(config.model, sizeof config.model, "teacher");
    ck_assert_int_eq(prune(session, config), STATUS_INVALID);
    session_free(session);
}
END_TEST

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Magnitudes of the weights of all rows from 'from' to 'to', in order. */
static float *sorted(const PrunePlan *plan, int from, int to, int64_t *count)
{
    *count = 0;
    for (int r = from; r < to; r++) *count += plan->rows[r].weights;
    float *all = malloc((size_t)*count * sizeof *all);
    int64_t n = 0;
    for (int r = from; r < to; r++)
        for (int64_t i = 0; i < plan->rows[r].weights; i++)
            all[n++] = fabsf(TENSOR_F32(plan->rows[r].param->value)[i]);
    qsort(all, (size_t)n, sizeof *all, compare_floats);
    return all;
}

/* The mask keeps what lies above the quantile, whatever lies at it. */
static void check_rows(const PrunePlan *plan, int from, int to, double sparsity)
{
    int64_t count, gone = 0;
    float *all = sorted(plan, from, to, &count);
    int64_t expected = (int64_t)floor((double)count * sparsity + 1e-6);
    float limit = all[expected ? expected - 1 : 0];
    for (int r = from; r < to; r++) {
        const PruneRow *row = &plan->rows[r];
        for (int64_t i = 0; i < row->weights; i++) {
            float size = fabsf(TENSOR_F32(row->param->value)[i]);
            bool goes = TENSOR_F32(row->mask)[i] == 0;
            ck_assert(goes ? size <= limit : size >= limit);
            gone += goes;
        }
    }
    ck_assert_int_eq(gone, expected);
    free(all);
}

START_TEST(the_smallest_go)
{
    static const double shares[] = {0.001, 0.3, 0.5, 0.77, 0.999};
    Session *session = make_session();
    steps(session, 1);
    Param *ties = param_of(session, "bert.pooler.dense.weight");
    for (int i = 0; i < 50; i++) TENSOR_F32(ties->value)[i] = i % 2 ? 0.25f : -0.25f;
    TENSOR_F32(ties->value)[60] = 0;
    TENSOR_F32(ties->value)[61] = -0.0f;
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
        for (int scope = 0; scope < 2; scope++) {
            PruneConfig config = config_of(shares[i]);
            PrunePlan plan;
            config.scope = scope;
            OK(session_plan_pruning(session, &config, PRUNE_BESIDE, &plan));
            if (scope == PRUNE_GLOBAL) check_rows(&plan, 0, plan.count, shares[i]);
            for (int r = 0; scope == PRUNE_LAYER && r < plan.count; r++) check_rows(&plan, r, r + 1, shares[i]);
            prune_clear(&plan);
        }
    session_free(session);
}
END_TEST

/* A random choice has the right size, and a larger one holds the smaller one. */
START_TEST(random_choices_grow)
{
    Session *session = make_session();
    PruneConfig config = config_of(0.3);
    config.criterion = 1;
    ck_assert_str_eq(criterion_records[1]->name, "random");
    OK(prune(session, config));
    const Param *param = param_of(session, "bert.pooler.dense.weight");
    ck_assert_double_eq_tol(session_sparsity(session), 0.3, 1e-3);
    Tensor *before;
    OK(tensor_clone(NULL, param->mask, &before));
    config.sparsity = 0.6;
    OK(prune(session, config));
    for (int64_t i = 0; i < tensor_count(before); i++)
        ck_assert(TENSOR_F32(param->mask)[i] <= TENSOR_F32(before)[i]);
    ck_assert_double_eq_tol(session_sparsity(session), 0.6, 1e-3);
    tensor_unref(before);
    session_free(session);
}
END_TEST

static Status count_matrix(void *context, Param *param)
{
    if (param->value->ndim >= 2) *(int64_t *)context += tensor_count(param->value);
    return STATUS_OK;
}

/* The decoder is tied to the word embeddings: one Param, one row. */
START_TEST(a_tied_weight_counts_once)
{
    Session *session = make_session();
    PruneConfig config = config_of(0.5);
    PrunePlan plan;
    int64_t weights = 0, words = 0;
    OK(module_each_param(session->models[0]->root, count_matrix, &weights));
    OK(session_plan_pruning(session, &config, PRUNE_LOOK, &plan));
    ck_assert_int_eq(plan.weights, weights);
    ck_assert_int_eq(plan.after, weights / 2);
    for (int r = 0; r < plan.count; r++) {
        ck_assert_ptr_null(plan.rows[r].mask);
        words += strstr(plan.rows[r].param->path, "word_embeddings") != NULL;
        ck_assert_ptr_null(strstr(plan.rows[r].param->path, "decoder"));
    }
    ck_assert_int_eq(words, 1);
    prune_clear(&plan);
    ck_assert(isnan(session_sparsity(session)));
    session_free(session);
}
END_TEST

/* --- masks stay --- */

static int64_t check_masked(const Tensor *tensor, const Tensor *mask)
{
    int64_t zeros = 0;
    for (int64_t i = 0; tensor && i < tensor_count(tensor); i++) {
        if (TENSOR_F32(mask)[i] == 0) ck_assert(TENSOR_F32(tensor)[i] == 0);
        zeros += TENSOR_F32(mask)[i] == 0;
    }
    return zeros;
}

static Status check_param(void *context, Param *param)
{
    (void)context;
    if (!param->mask) return STATUS_OK;
    ck_assert_int_eq(check_masked(param->value, param->mask), param->pruned);
    for (int i = 0; i < PARAM_STATES; i++) check_masked(param->state[i], param->mask);
    return STATUS_OK;
}

static void check_pruned(const Session *session)
{
    OK(module_each_param(session->models[0]->root, check_param, NULL));
}

START_TEST(masks_survive_the_optimizers)
{
    static const char *const names[] = {"adamw", "adam", "sgd", "lamb"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        Session *session = make_session();
        Optimizer optimizer = {.record = optimizer_record_find(names[i])};
        option_defaults(optimizer.record->options, &optimizer.config);
        optimizer.config.weight_decay = 0.1;
        optimizer.config.momentum = 0.9;
        session_set_optimizer(session, &optimizer);
        steps(session, 2);
        OK(prune(session, config_of(0.6)));
        check_pruned(session);
        Param *param = param_of(session, "bert.encoder.layer.0.output.dense.weight");
        Tensor *before;
        OK(tensor_clone(NULL, param->value, &before));
        steps(session, 3);
        check_pruned(session);
        int64_t changed = 0;
        for (int64_t w = 0; w < tensor_count(before); w++)
            changed += TENSOR_F32(before)[w] != TENSOR_F32(param->value)[w];
        ck_assert_int_gt(changed, (tensor_count(before) - param->pruned) / 2);
        ck_assert_double_eq_tol(session->last.sparsity, 0.6, 1e-3);
        tensor_unref(before);
        session_free(session);
    }
}
END_TEST

/* Gradients of pruned weights count neither for the norm nor for clipping. */
START_TEST(the_norm_is_that_of_the_living)
{
    Session *session = make_session();
    OK(prune(session, config_of(0.5)));
    steps(session, 1);
    double squares = 0;
    const Module *root = session->models[0]->root;
    const Param *param = param_of(session, "bert.pooler.dense.weight");
    for (int64_t i = 0; i < tensor_count(param->value); i++)
        squares += pow((double)TENSOR_F32(param->value->grad)[i] * (double)TENSOR_F32(param->mask)[i], 2);
    const Module *dense = module_find(root, "bert.pooler.dense");
    param->value->grad->requires_grad = false;
    param->value->grad_fresh = false;
    ck_assert_double_eq_tol(gradient_norm(dense), sqrt(squares), 1e-9);
    session_free(session);
}
END_TEST

START_TEST(no_masks_and_they_learn_again)
{
    Session *session = make_session();
    OK(prune(session, config_of(0.5)));
    steps(session, 1);
    OK(prune(session, config_of(0)));
    ck_assert(isnan(session_sparsity(session)));
    const Param *param = param_of(session, "bert.pooler.dense.weight");
    ck_assert_ptr_null(param->mask);
    ck_assert_int_eq(param->pruned, 0);
    steps(session, 2); /* the heads' own zeros let no gradient through at first */
    int64_t zeros = 0;
    for (int64_t i = 0; i < tensor_count(param->value); i++) zeros += TENSOR_F32(param->value)[i] == 0;
    ck_assert_int_lt(zeros, 5);
    session_free(session);
}
END_TEST

START_TEST(a_schedule_is_followed)
{
    Session *session = make_session();
    steps(session, 1);
    OK(prune(session, cubic(0.8, 2, 10, 2)));
    PruneConfig formula = session->prunes[0];
    for (int64_t t = 2; t <= 11; t++) {
        steps(session, 1);
        int64_t last = t > 10 ? 10 : t - t % 2;
        ck_assert_double_eq_tol(session->last.sparsity, prune_target(&formula, last), 1e-3);
        check_pruned(session);
        ck_assert_int_eq(session->prune_count, t < 10);
    }
    session_free(session);
}
END_TEST

START_TEST(one_schedule_a_parameter)
{
    Session *session = make_session();
    PruneConfig layer = cubic(0.5, 5, 10, 1), pooler = cubic(0.5, 5, 10, 1);
    snprintf(layer.params, sizeof layer.params, "bert.encoder");
    snprintf(pooler.params, sizeof pooler.params, "bert.pooler");
    OK(prune(session, layer));
    OK(prune(session, pooler));
    ck_assert_int_eq(session->prune_count, 2);
    layer.sparsity = 0.7;
    OK(prune(session, layer));
    ck_assert_int_eq(session->prune_count, 2);
    ck_assert(session->prunes[1].sparsity == 0.7);
    pooler.sparsity = 0.2;
    pooler.schedule = PRUNE_ONCE;
    pooler.begin_step = pooler.end_step = pooler.frequency = 0;
    OK(prune(session, pooler));
    ck_assert_int_eq(session->prune_count, 1);
    OK(prune(session, config_of(0)));
    ck_assert_int_eq(session->prune_count, 0);
    session_free(session);
}
END_TEST

/* --- the state carries it --- */

START_TEST(snapshots_keep_their_masks)
{
    Session *session = make_session();
    Snapshot *dense, *sparse;
    steps(session, 2);
    OK(snapshot_take(session, &dense));
    Hash before = hash_of(session), between;
    OK(prune(session, config_of(0.4)));
    OK(prune(session, cubic(0.9, 2, 8, 2)));
    steps(session, 2);
    OK(snapshot_take(session, &sparse));
    between = hash_of(session);
    ck_assert(!hash_equal(before, between));
    param_set_frozen(param_of(session, "bert.pooler.dense.weight"), true); /* pruned without being stepped */
    steps(session, 3);
    Hash frozen_end = hash_of(session);
    OK(prune(session, config_of(0.95)));
    OK(snapshot_restore(sparse, session));
    ck_assert(hash_equal(between, hash_of(session)));
    check_pruned(session);
    ck_assert_int_eq(session->prune_count, 1);
    param_set_frozen(param_of(session, "bert.pooler.dense.weight"), true);
    steps(session, 3);
    ck_assert(hash_equal(frozen_end, hash_of(session)));
    OK(snapshot_restore(dense, session));
    ck_assert(hash_equal(before, hash_of(session)));
    ck_assert(isnan(session_sparsity(session)) && session->prune_count == 0);
    snapshot_free(dense);
    snapshot_free(sparse);
    session_free(session);
}
END_TEST

static Status write_state(void *context, const char *directory, json_t *state)
{
    return checkpoint_write(context, directory, state);
}

static void load_newest(Session *session)
{
    Checkpoint checkpoint;
    OK(checkpoints_newest(scratch_folder, &checkpoint));
    OK(checkpoint_read(session, checkpoint.path, checkpoint.state_path, checkpoint.state));
    checkpoint_close(&checkpoint);
}

START_TEST(resuming_amid_a_schedule_is_exact)
{
    static const int threads[] = {1, 2, 3, 5};
    Session *session = make_session();
    steps(session, 1);
    OK(prune(session, cubic(0.8, 1, 9, 2)));
    steps(session, 4);
    OK(checkpoints_save(scratch_folder, session->step, (double)NAN, 1, write_state, session));
    Hash saved = hash_of(session);
    steps(session, 5);
    Hash end = hash_of(session);
    ck_assert_int_eq(session->prune_count, 0);
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        Session *other = make_session();
        other->steps = session->steps;
        threads_set(threads[i]);
        OK(prune(other, config_of(0.1))); /* a mask that the checkpoint's takes the place of */
        load_newest(other);
        ck_assert(hash_equal(saved, hash_of(other)));
        check_pruned(other);
        steps(other, 5);
        ck_assert(hash_equal(end, hash_of(other)));
        session_free(other);
    }
    session_free(session);
}
END_TEST

static void read_damaged(const char *key, const char *value, const char *words)
{
    Session *session = make_session();
    Checkpoint checkpoint;
    OK(checkpoints_newest(scratch_folder, &checkpoint));
    json_t *prunes, *first, *options;
    OK(json_member("state.json", checkpoint.state, "prunes", JSON_OBJECT, &prunes));
    OK(json_member("state.json", prunes, "0", JSON_OBJECT, &first));
    OK(json_member("state.json", first, "options", JSON_OBJECT, &options));
    OK(json_set_text(options, key, value));
    ck_assert_int_ne(checkpoint_read(session, checkpoint.path, checkpoint.state_path, checkpoint.state), STATUS_OK);
    ck_assert_msg(strstr(status_message(), words) != NULL, "%s", status_message());
    ck_assert_int_eq(session->prune_count, 0);
    checkpoint_close(&checkpoint);
    session_free(session);
}

START_TEST(damaged_checkpoints_are_refused)
{
    Session *session = make_session();
    OK(prune(session, cubic(0.8, 1, 9, 2)));
    steps(session, 2);
    OK(checkpoints_save(scratch_folder, session->step, (double)NAN, 1, write_state, session));
    read_damaged("frequency", "-1", "frequency");
    read_damaged("frequency", "99", "no room");
    read_damaged("sparsity", "1", "sparsity");
    read_damaged("schedule", "once", "on a schedule");
    read_damaged("criterion", "luck", "criterion");
    Param *param = param_of(session, "bert.pooler.dense.weight");
    Tensor *mask;
    OK(tensor_new_like(NULL, param->value, &mask));
    tensor_fill(mask, 0.5);
    param_set_mask(param, mask);
    OK(checkpoints_save(scratch_folder, session->step, (double)NAN, 1, write_state, session));
    Checkpoint checkpoint;
    Session *other = make_session();
    OK(checkpoints_newest(scratch_folder, &checkpoint));
    ck_assert_int_eq(checkpoint_read(other, checkpoint.path, checkpoint.state_path, checkpoint.state),
                     STATUS_FORMAT);
    ck_assert_ptr_nonnull(strstr(status_message(), "entries other than 0 and 1"));
    checkpoint_close(&checkpoint);
    session_free(other);
    session_free(session);
}
END_TEST

/* A structural edit keeps masks and schedule; a schedule whose parameters went does no harm. */
START_TEST(structural_edits_keep_masks)
{
    Session *session = make_session();
    PruneConfig config = cubic(0.5, 2, 8, 1);
    Model *fresh;
    snprintf(config.params, sizeof config.params, "bert.encoder.layer.1");
    OK(prune(session, config));
    OK(prune(session, (PruneConfig){.sparsity = 0.5, .params = "bert.encoder.layer.0"}));
    steps(session, 3);
    BertConfig shape = *(const BertConfig *)session->models[0]->config;
    shape.encoder.num_hidden_layers = 1;
    shape.encoder.intermediate_size += 8;
    OK(session_reshaped(session, session->models[0], &shape, &fresh));
    model_exchange(session->models[0], fresh);
    model_free(fresh);
    steps(session, 2);
    check_pruned(session);
    ck_assert_int_eq(session->prune_count, 1);
    ck_assert_double_gt(session->last.sparsity, 0.3);
    session_free(session);
}
END_TEST

/* --- failures --- */

START_TEST(pruning_survives_failing_allocations)
{
    size_t start = memory_in_use();
    Session *session = make_session();
    steps(session, 1);
    Hash before = hash_of(session);
    Status status = STATUS_NOMEM;
    for (uint64_t n = 1; status != STATUS_OK; n++) {
        memory_fail_after(n, 0);
        status = prune(session, cubic(0.5, 2, 4, 1));
        memory_fail_after(0, 0);
        ck_assert(status == STATUS_OK || (status == STATUS_NOMEM && hash_equal(before, hash_of(session))));
    }
    Snapshot *snapshot; /* everything is shared: the step needs most memory */
    OK(snapshot_take(session, &snapshot));
    before = hash_of(session);
    status = STATUS_NOMEM;
    for (uint64_t n = 1; status != STATUS_OK; n += 7) {
        memory_fail_after(n, 0);
        status = session_step(session, NULL);
        memory_fail_after(0, 0);
        ck_assert(status == STATUS_OK || (status == STATUS_NOMEM && hash_equal(before, hash_of(session))));
    }
    check_pruned(session);
    OK(snapshot_restore(snapshot, session));
    ck_assert(hash_equal(before, hash_of(session)));
    snapshot_free(snapshot);
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), start);
}
END_TEST

Suite *prune_suite(void)
{
    Suite *suite = suite_create("prune");
    TCase *tests = tcase_create("prune");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, the_schedule_is_the_formula);
    tcase_add_test(tests, open_fields_are_filled_in);
    tcase_add_test(tests, schedules_that_do_not_fit);
    tcase_add_test(tests, patterns_name_parameters);
    tcase_add_test(tests, the_smallest_go);
    tcase_add_test(tests, random_choices_grow);
    tcase_add_test(tests, a_tied_weight_counts_once);
    tcase_add_test(tests, masks_survive_the_optimizers);
    tcase_add_test(tests, the_norm_is_that_of_the_living);
    tcase_add_test(tests, no_masks_and_they_learn_again);
    tcase_add_test(tests, a_schedule_is_followed);
    tcase_add_test(tests, one_schedule_a_parameter);
    tcase_add_test(tests, snapshots_keep_their_masks);
    tcase_add_test(tests, resuming_amid_a_schedule_is_exact);
    tcase_add_test(tests, damaged_checkpoints_are_refused);
    tcase_add_test(tests, structural_edits_keep_masks);
    tcase_add_test(tests, pruning_survives_failing_allocations);
    suite_add_tcase(suite, tests);
    return suite;
}
