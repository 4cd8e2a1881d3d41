/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The session: steps that fail leave no trace, and a state that is saved goes on as if nothing had been. */
#include "engine/autograd/functions.h"
#include "engine/base/cancel.h"
#include "engine/base/threads.h"
#include "engine/io/checkpoints.h"
#include "engine/io/file.h"
#include "engine/train/checkpoint.h"
#include "engine/train/evaluate.h"
#include "engine/train/run.h"
#include "tests/unit/scratch.h"
#include "tests/unit/tiny_bert.h"

#include <math.h>
#include <stdlib.h>

Suite *session_suite(void);

static Hash hash_of(const Session *session)
{
    Hash hash;
    OK(session_hash(session, &hash));
    return hash;
}

static Hash hash_after(int steps)
{
    Session *session = make_session();
    for (int i = 0; i < steps; i++) OK(session_step(session, NULL));
    Hash hash = hash_of(session);
    session_free(session);
    return hash;
}

/* Every allocation of a step fails once: an error, the state as it was, and the next step as ever. */
START_TEST(step_survives_failing_allocations)
{
    Hash second = hash_after(2);
    size_t start = memory_in_use();
    for (int warm = 0; warm < 2; warm++) {
        for (uint64_t n = 1;; n++) {
            Session *session = make_session();
            if (warm) OK(session_step(session, NULL));
            Hash before = hash_of(session);
            memory_fail_after(n, 0);
            Status status = session_step(session, NULL);
            memory_fail_after(0, 0);
            if (status != STATUS_OK) {
                ck_assert_int_eq(status, STATUS_NOMEM);
                ck_assert(hash_equal(before, hash_of(session)));
                OK(session_step(session, NULL));
            }
            if (!warm) OK(session_step(session, NULL));
            ck_assert(hash_equal(second, hash_of(session)));
            session_free(session);
            ck_assert_uint_eq(memory_in_use(), start);
            if (status == STATUS_OK) break;
        }
    }
}
END_TEST

START_TEST(cancelled_step_leaves_no_trace)
{
    Session *session = make_session();
    OK(session_step(session, NULL));
    Hash before = hash_of(session);
    cancel_request();
    ck_assert_int_eq(session_step(session, NULL), STATUS_CANCELLED);
    cancel_clear();
    ck_assert(hash_equal(before, hash_of(session)));
    OK(session_step(session, NULL));
    Hash second = hash_after(2);
    ck_assert(hash_equal(second, hash_of(session)));
    session_free(session);
}
END_TEST

START_TEST(nonfinite_loss_is_named)
{
    Session *session = make_session();
    OK(session_step(session, NULL));
    Param *bias = module_find_param(session->models[0]->root, "cls.predictions.bias");
    TENSOR_F32(bias->value)[3] = (float)NAN;
    Hash before = hash_of(session);
    ck_assert_int_eq(session_step(session, NULL), STATUS_NONFINITE);
    ck_assert_msg(strstr(status_message(), "step 2") && strstr(status_message(), "'mlm'"), "%s", status_message());
    ck_assert_msg(strstr(status_message(), "first in linear of cls.predictions.decoder (forward)") &&
                      strstr(status_message(), "1 NaN  (cls.predictions.bias)") &&
                      strstr(status_message(), "batch of step 2: 'train', epoch 0"),
                  "%s", status_message());
    ck_assert(hash_equal(before, hash_of(session)));
    session_free(session);
}
END_TEST

/* An objective of one's own whose loss is fine and whose gradient is not. */
static Status steep_loss(void *context, const ObjectiveInput *in, Tensor **loss)
{
    Tensor *pooled, *steep, *zero;
    Tape *tape = in->pass->tape;
    (void)context;
    TRY(forward_output(in->pass, "pooled", &pooled));
    TRY(f_gradient_reverse(tape, pooled, 1e300, &steep));
    TRY(f_scale(tape, pooled, 0, &zero));
    return f_mse_loss(tape, steep, zero, loss);
}

START_TEST(nonfinite_gradient_names_its_objective)
{
    Session *session = make_session();
    Objective *objective;
    OK(objective_new(&objective_custom, NULL, "steep", 1, &objective));
    objective->custom = steep_loss;
    OK(session_add_objective(session, objective));
    objective->enabled = false;
    OK(session_step(session, NULL));
    objective->enabled = true;
    Hash before = hash_of(session);
    ck_assert_int_eq(session_step(session, NULL), STATUS_NONFINITE);
    ck_assert_msg(strstr(status_message(), "step 2: the gradient of 'bert.") &&
                      strstr(status_message(), "gradient of objective 'steep'\n") &&
                      strstr(status_message(), "first in gradient_reverse"),
                  "%s", status_message());
    ck_assert(hash_equal(before, hash_of(session)));
    session_free(session);
}
END_TEST

/* --- evaluation beside the best achievable loss --- */

/* As stored_next(), and the epoch ends. */
static Status next_of_epoch(Source *source, Arena *arena, Cursor *cursor, Batch *out)
{
    TRY(stored_next(source, arena, cursor, out));
    if (cursor->index == STEPS) *cursor = (Cursor){.seed = cursor->seed, .epoch = cursor->epoch + 1};
    return STATUS_OK;
}

/* Knows the first of the targets. */
static Status know_first(Source *source, const Batch *view, const char *targets, uint8_t *known, double *nll_sum)
{
    (void)source;
    if (!batch_find(view, targets)) return STATUS_OK;
    known[0] = 1;
    *nll_sum += 0.25;
    return STATUS_OK;
}

static Status know_all(Source *source, const Batch *view, const char *targets, uint8_t *known, double *nll_sum)
{
    (void)source;
    memset(known, 1, (size_t)tensor_count(batch_find(view, targets)));
    *nll_sum += (double)tensor_count(batch_find(view, targets)) * 0.25;
    return STATUS_OK;
}

/* The model's loss stands beside the best one on the same targets, as many of them as are answered. */
START_TEST(best_achievable_loss_is_on_the_same_targets)
{
    static const SourceType first = {"first", next_of_epoch, know_first, stored_free};
    static const SourceType all = {"all", next_of_epoch, know_all, stored_free};
    Session *session = make_session();
    Evaluation evaluation, same;
    const Score *mlm = &evaluation.scores[0], *nsp = &evaluation.scores[1];
    EvaluationOptions options = {.source = "train", .batches = 3, .baselines = true};
    session->sources[0].source->examples = B * STEPS;
    session->sources[0].source->type = &all;
    OK(evaluate(session, &options, &evaluation));
    ck_assert(mlm->best_targets == 3 * N && nsp->best_targets == 3 * B);
    ck_assert_double_eq_tol(mlm->known_loss, mlm->loss, 1e-6);
    ck_assert_double_eq_tol(nsp->known_loss, nsp->loss, 1e-6);
    ck_assert_double_eq_tol(mlm->best_loss, 0.25, 1e-12);
    session->sources[0].source->type = &first;
    options.oracle_batches = 2;
    OK(evaluate(session, &options, &evaluation));
    ck_assert(mlm->targets == 3 * N && mlm->best_targets == 2 && nsp->best_targets == 2);
    ck_assert_double_eq_tol(mlm->best_loss, 0.25, 1e-12);
    ck_assert(fabs(mlm->known_loss - mlm->loss) > 1e-4);
    OK(evaluate(session, &options, &same)); /* no clock decides */
    ck_assert(mlm->known_loss == same.scores[0].known_loss && mlm->best_loss == same.scores[0].best_loss);
    session_free(session);
}
END_TEST

/* A model's files are called by its name, in a run and in its checkpoints. */
START_TEST(names_of_models_are_names_of_files)
{
    static const char *const refused[] = {
        "config", "tokenizer", "tokenizer_config", "vocab", "characters",     "optimizer",
        "state",  "",          "../model",         "a b",   "model.optimizer"};
    Session *session = make_session();
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        Model *model;
        OK(model_new(session->models[0]->record, session->models[0]->config, refused[i], random_key(1, "x"),
                     &model));
        ck_assert_int_eq(session_add_model(session, model), STATUS_INVALID);
        ck_assert_msg(strstr(status_message(), refused[i]), "%s", status_message());
    }
    ck_assert_int_eq(session->model_count, 1);
    session_free(session);
}
END_TEST

/* --- gradient accumulation --- */

/* The stored batches, two at a time. */
static Status pairs_next(Source *source, Arena *arena, Cursor *cursor, Batch *out)
{
    Stored *stored = (Stored *)source;
    *out = (Batch){.size = 2 * B};
    int64_t at = cursor->index++;
    TRY(put(stored, out, arena, "input_ids", at, 2, 2 * B, T));
    TRY(put(stored, out, arena, "token_type_ids", at, 2, 2 * B, T));
    TRY(put(stored, out, arena, "lengths", at, 1, 2 * B, 0));
    return put(stored, out, arena, "next_sentence_label", at, 1, 2 * B, 0);
}

static const SourceType pairs_type = {"pairs", pairs_next, NULL, stored_free};

/* Plain gradient descent, so that what changes is the gradient itself; nsp, whose mean is over equally many. */
static Session *make_descent(const SourceType *type, int64_t accumulate)
{
    Session *session = make_session();
    session->sources[0].source->type = type;
    session->objectives[0]->enabled = false;
    session->optimizer.record = optimizer_record_find("sgd");
    option_defaults(session->optimizer.record->options, &session->optimizer.config);
    session->optimizer.config.lr = 1;
    session->accumulate = accumulate;
    session->clip_norm = 0;
    return session;
}

static void assert_same_weights(const Module *a, const Module *b)
{
    for (int i = 0; i < a->param_count; i++)
        for (int64_t j = 0; j < tensor_count(a->params[i]->value); j++)
            ck_assert_double_eq_tol((double)TENSOR_F32(a->params[i]->value)[j],
                                    (double)TENSOR_F32(b->params[i]->value)[j], 1e-6);
    for (int i = 0; i < a->child_count; i++) assert_same_weights(a->children[i], b->children[i]);
}

START_TEST(accumulated_gradients_are_those_of_a_large_batch)
{
    Session *large = make_descent(&pairs_type, 1), *small = make_descent(&stored_type, 2);
    for (int step = 0; step < 3; step++) {
        StepMetrics a, b;
        OK(session_step(large, &a));
        OK(session_step(small, &b));
        ck_assert_double_eq_tol(a.loss, b.loss, 1e-6);
        ck_assert_double_eq_tol(a.grad_norm, b.grad_norm, 1e-6 * a.grad_norm);
        ck_assert_int_eq(a.tokens, b.tokens);
    }
    assert_same_weights(large->models[0]->root, small->models[0]->root);
    session_free(large);
    session_free(small);
}
END_TEST

static Hash accumulated_hash(int threads)
{
    threads_set(threads);
    Session *session = make_session();
    session->accumulate = 2;
    for (int i = 0; i < 3; i++) OK(session_step(session, NULL));
    Hash hash = hash_of(session);
    session_free(session);
    return hash;
}

START_TEST(accumulation_does_not_depend_on_threads)
{
    Hash one = accumulated_hash(1);
    for (int threads = 2; threads <= 5; threads++) ck_assert(hash_equal(one, accumulated_hash(threads)));
}
END_TEST

/* --- checkpoints --- */

static Status write_state(void *context, const char *directory, json_t *state)
{
    return checkpoint_write(context, directory, state);
}

static void load_newest(Session *session, const char *run)
{
    Checkpoint checkpoint;
    OK(checkpoints_newest(run, &checkpoint));
    OK(checkpoint_read(session, checkpoint.path, checkpoint.state_path, checkpoint.state));
    checkpoint_close(&checkpoint);
}

/* The loss is far above what the session remembers: the batch is passed over, the weights stay. */
START_TEST(a_spike_updates_nothing)
{
    Session *session = make_session(), *calm = make_session();
    StepMetrics metrics;
    for (int i = 0; i < 5; i++) OK(session_step(session, NULL));
    session->losses.count = 50;
    session->losses.mean = calm->losses.mean = 0.01;
    session->losses.square = calm->losses.square = 0.0002;
    calm->losses.count = 49; /* too few to judge by */
    const Param *param = module_find_param(session->models[0]->root, "bert.pooler.dense.weight");
    float before = TENSOR_F32(param->value)[0];
    OK(session_step(session, &metrics));
    ck_assert(!metrics.skipped); /* nobody asked for it */
    ck_assert(TENSOR_F32(param->value)[0] != before);
    before = TENSOR_F32(param->value)[0];
    session->losses.mean = 0.01;
    session->losses.square = 0.0002;
    session->skip_spikes = calm->skip_spikes = 4;
    LossStatistics losses = session->losses;
    OK(session_step(session, &metrics));
    ck_assert(metrics.skipped);
    ck_assert_int_eq(session->step, 7);
    ck_assert(TENSOR_F32(param->value)[0] == before);
    ck_assert(losses.mean == session->losses.mean && session->losses.skipped == 1);
    OK(session_step(calm, &metrics));
    ck_assert(!metrics.skipped);
    session_free(session);
    session_free(calm);
}
END_TEST

START_TEST(resuming_is_exact)
{
    const char *run = scratch_folder;
    Hash straight = hash_after(6);
    Session *session = make_session();
    for (int i = 0; i < 3; i++) OK(session_step(session, NULL));
    OK(checkpoints_save(run, 3, (double)NAN, 1, write_state, session));
    Hash saved = hash_of(session);
    session_free(session);
    threads_set(3);
    session = make_session();
    load_newest(session, run);
    ck_assert(hash_equal(saved, hash_of(session)));
    for (int i = 0; i < 3; i++) OK(session_step(session, NULL));
    ck_assert(hash_equal(straight, hash_of(session)));
    session_free(session);
}
END_TEST

/* The stored batches as epochs. */
static Status epochs_next(Source *source, Arena *arena, Cursor *cursor, Batch *out)
{
    TRY(stored_next(source, arena, cursor, out));
    if (cursor->index == STEPS) *cursor = (Cursor){.seed = cursor->seed, .epoch = cursor->epoch + 1};
    return STATUS_OK;
}

static int cancel_at; /* which batch of held-out data is cut off; 0: none */

static Status valid_next(Source *source, Arena *arena, Cursor *cursor, Batch *out)
{
    if (cancel_at && --cancel_at == 0) cancel_request();
    TRY(cancel_check());
    return epochs_next(source, arena, cursor, out);
}

static const SourceType epochs_type = {"epochs", epochs_next, NULL, stored_free};
static const SourceType valid_type = {"valid", valid_next, NULL, stored_free};

static Session *make_evaluated(void)
{
    Session *session = make_session();
    Stored *stored;
    OK(memory_new(1, sizeof *stored, &stored));
    stored->source = (Source){.type = &valid_type, .refs = 1, .batch_size = B, .examples = 2 * B};
    OK(safetensors_open(TEST_GOLDEN "/bert_steps.safetensors", &stored->file));
    OK(session_add_source(session, "valid", &stored->source));
    source_unref(&stored->source);
    session->sources[0].source->type = &epochs_type;
    session->steps = 5;
    session->evaluate_every = 2;
    session->checkpoint_every = 4;
    return session;
}

/* The loss rises for good, and the steps with it are cut by a checkpoint: so many are passed over, then it is
 * learnt. */
START_TEST(a_loss_that_stays_is_no_spike)
{
    Hash straight = {0};
    for (int cut = 0; cut <= SESSION_MOST_SKIPPED; cut += 5) {
        Session *session = make_evaluated();
        StepMetrics metrics = {0};
        session->skip_spikes = 4;
        session->losses = (LossStatistics){.mean = 0.01, .square = 0.0002, .count = 50};
        const Param *param = module_find_param(session->models[0]->root, "bert.pooler.dense.weight");
        float before = TENSOR_F32(param->value)[0];
        for (int i = 1; i <= SESSION_MOST_SKIPPED; i++) {
            OK(session_step(session, &metrics));
            ck_assert(metrics.skipped && !metrics.accepted && TENSOR_F32(param->value)[0] == before);
            if (i != cut) continue;
            OK(checkpoints_save(scratch_folder, cut, (double)NAN, 1, write_state, session));
            session_free(session);
            session = make_evaluated();
            load_newest(session, scratch_folder);
            session->skip_spikes = 4; /* an option, of which checkpoints know nothing */
            param = module_find_param(session->models[0]->root, "bert.pooler.dense.weight");
        }
        OK(session_step(session, &metrics));
        ck_assert(!metrics.skipped && metrics.accepted && TENSOR_F32(param->value)[0] != before);
        ck_assert(session->losses.count == 1 && session->losses.mean == metrics.loss);
        OK(session_step(session, &metrics));
        ck_assert(!metrics.skipped && !metrics.accepted);
        Hash hash = hash_of(session);
        if (!cut) straight = hash;
        ck_assert(hash_equal(hash, straight));
        session_free(session);
    }
}
END_TEST

/* The names and held-out losses in metrics.jsonl. */
static void evaluations_of(const char *path, char *out, size_t size)
{
    char *text = scratch_read(path);
    size_t used = 0;
    for (char *at = strstr(text, "\"valid"); at; at = strstr(at + 1, "\"valid"))
        used += (size_t)snprintf(out + used, size - used, "%.*s ", (int)strcspn(at, ",}"), at);
    memory_free(text);
}

/* Stopped in an evaluation, a run makes up for it when it goes on: its metrics, and what is judged by them, are
 * those of a run that was left alone. */
START_TEST(evaluations_that_were_cut_off_are_made_up_for)
{
    char alone[1000], stopped[1000], skipped[CHECKPOINTS_TEXT_SIZE];
    RunOptions options = {.evaluate_batches = 2};
    RunDirectory *directory;
    for (cancel_at = 0; cancel_at < 5; cancel_at++) {
        Session *session = make_evaluated();
        int was = cancel_at;
        OK(run_directory_create(scratch_path(was ? "b" : "a"), &directory));
        if (was) {
            ck_assert_int_eq(run_train(session, directory, &options), STATUS_CANCELLED);
            ck_assert_int_eq(session->step, was < 3 ? 2 : 4);
            session_free(session);
            session = make_evaluated();
            OK(run_resume(session, directory, skipped));
            ck_assert_int_eq(session->step, was < 3 ? 2 : 4);
        }
        OK(run_train(session, directory, &options));
        session_free(session);
        run_directory_close(directory);
        if (was) {
            evaluations_of(scratch_path("a/metrics.jsonl"), alone, sizeof alone);
            evaluations_of(scratch_path("b/metrics.jsonl"), stopped, sizeof stopped);
            ck_assert_str_eq(alone, stopped);
            OK(file_remove_tree(scratch_path("b")));
        }
        cancel_at = was;
    }
}
END_TEST

static void save_at(Session *session, const char *run)
{
    OK(session_step(session, NULL));
    OK(checkpoints_save(run, session->step, (double)NAN, 5, write_state, session));
}

/* Damaged checkpoints that were passed over do not come back beside the new ones. */
START_TEST(resuming_removes_what_it_passed_over)
{
    RunDirectory *directory;
    CheckpointSteps list;
    char skipped[CHECKPOINTS_TEXT_SIZE];
    char *run = strdup(scratch_path("run"));
    Session *session = make_session();
    OK(run_directory_create(run, &directory));
    for (int i = 0; i < 3; i++) save_at(session, run);
    session_free(session);
    OK(file_truncate(scratch_path("run/checkpoints/step-00000002/state.json"), 10));
    OK(file_truncate(scratch_path("run/checkpoints/step-00000003/state.json"), 10));
    session = make_session();
    OK(run_resume(session, directory, skipped));
    ck_assert_int_eq(session->step, 1);
    ck_assert_ptr_nonnull(strstr(skipped, "step-00000003"));
    OK(checkpoints_list(run, &list));
    ck_assert_uint_eq(list.count, 1);
    checkpoints_list_free(&list);
    session_free(session);
    run_directory_close(directory);
    free(run);
}
END_TEST

/* Every allocation, then every write of a checkpoint fails once: the one before stays whole. */
static void fail_saves(int writes)
{
    const char *run = scratch_folder;
    Session *session = make_session();
    OK(session_step(session, NULL));
    OK(checkpoints_save(run, 1, (double)NAN, 2, write_state, session));
    Hash first = hash_of(session);
    OK(session_step(session, NULL));
    for (uint64_t n = 1;; n++) {
        (writes ? file_fail_after : memory_fail_after)(n, 0);
        Status status = checkpoints_save(run, 2, (double)NAN, 2, write_state, session);
        (writes ? file_fail_after : memory_fail_after)(0, 0);
        Session *other = make_session();
        load_newest(other, run);
        if (other->step == 1) ck_assert(hash_equal(first, hash_of(other)));
        if (status == STATUS_OK) ck_assert_int_eq(other->step, 2);
        session_free(other);
        if (status == STATUS_OK) break;
        ck_assert_int_eq(status, writes ? STATUS_IO : STATUS_NOMEM);
        if (n % 7) n += 3; /* a sample of the places: each costs a session */
    }
    session_free(session);
}

START_TEST(saving_survives_failing_allocations)
{
    fail_saves(0);
}
END_TEST

START_TEST(saving_survives_failing_writes)
{
    fail_saves(1);
}
END_TEST

/* Whatever the precision: a steady step takes no memory from the heap or the system. */
START_TEST(steady_steps_ask_for_no_memory)
{
    Session *session = make_session();
    session->precision = _i % 2 ? PRECISION_BF16 : PRECISION_F32;
    session->recompute = _i > 1;
    for (int step = 0; step < 2; step++) OK(session_step(session, NULL));
    for (int step = 0; step < 4; step++) {
        memory_fail_after(0, 0); /* counts from here */
        OK(session_step(session, NULL));
        ck_assert_uint_eq(memory_allocations(), 0);
    }
    session_free(session);
}
END_TEST

/* --- looking --- */

START_TEST(looking_changes_nothing)
{
    Hash straight = hash_after(4);
    Session *session = make_session();
    Evaluation evaluation;
    EvaluationOptions options = {.source = "train", .batches = 2};
    session->sources[0].source->examples = B * STEPS;
    for (int i = 0; i < 4; i++) {
        tape_profile(session->tape, i % 2);
        OK(session_step(session, NULL));
        OK(evaluate(session, &options, &evaluation));
        ck_assert_int_eq(evaluation.scores[0].targets, 2 * N);
    }
    ck_assert(hash_equal(straight, hash_of(session)));
    session_free(session);
}
END_TEST

/* nsp reads mlm's view here (both the plain batch): the trunk runs once. */
START_TEST(objectives_share_the_forward_pass)
{
    Session *session = make_session();
    int count, embeddings = 0;
    tape_profile(session->tape, true);
    OK(session_step(session, NULL));
    const ProfileEntry *entries = tape_profile_entries(session->tape, &count);
    for (int i = 0; i < count; i++)
        if (!entries[i].backward && strcmp(entries[i].op->name, "embedding_sum") == 0) {
            embeddings += (int)entries[i].calls;
            /* one element is written and one of each table read; the numbers of words and types are not computed */
            double elements = entries[i].flops, tokens = elements / tiny_config().encoder.hidden_size;
            ck_assert_double_eq(entries[i].bytes, 4 * (elements * 4 + tokens * 2));
        }
    ck_assert_int_eq(embeddings, 1);
    session_free(session);
}
END_TEST

START_TEST(schedules_follow_their_formulas)
{
    static const char *const names[] = {"constant", "linear", "cosine", "wsd"};
    for (int s = 0; s < 4; s++) {
        Schedule schedule = {.record = schedule_record_find(names[s])};
        option_defaults(schedule.record->options, &schedule.config);
        schedule.config.warmup = 0.1;
        schedule.config.minimum = 0.2;
        schedule.config.decay = 0.5;
        ck_assert_double_eq_tol(schedule_factor(&schedule, 4, 100), 5.0 / 11, 1e-12); /* warming up */
        ck_assert_double_eq_tol(schedule_factor(&schedule, 10, 100), 1, 1e-12);
        double middle[] = {1, 0.6, 0.6, 1}, end[] = {1, 0.2, 0.2, 0.2};
        ck_assert_double_eq_tol(schedule_factor(&schedule, 55, 100), middle[s], 1e-12);
        ck_assert_double_eq_tol(schedule_factor(&schedule, 100, 100), end[s], 1e-12);
    }
}
END_TEST

Suite *session_suite(void)
{
    Suite *suite = suite_create("session");
    TCase *tests = tcase_create("session");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, step_survives_failing_allocations);
    tcase_add_test(tests, cancelled_step_leaves_no_trace);
    tcase_add_test(tests, nonfinite_loss_is_named);
    tcase_add_test(tests, nonfinite_gradient_names_its_objective);
    tcase_add_test(tests, best_achievable_loss_is_on_the_same_targets);
    tcase_add_test(tests, names_of_models_are_names_of_files);
    tcase_add_test(tests, accumulated_gradients_are_those_of_a_large_batch);
    tcase_add_test(tests, accumulation_does_not_depend_on_threads);
    tcase_add_test(tests, a_spike_updates_nothing);
    tcase_add_test(tests, a_loss_that_stays_is_no_spike);
    tcase_add_test(tests, resuming_is_exact);
    tcase_add_test(tests, evaluations_that_were_cut_off_are_made_up_for);
    tcase_add_test(tests, resuming_removes_what_it_passed_over);
    tcase_add_test(tests, saving_survives_failing_allocations);
    tcase_add_test(tests, saving_survives_failing_writes);
    tcase_add_loop_test(tests, steady_steps_ask_for_no_memory, 0, 4);
    tcase_add_test(tests, looking_changes_nothing);
    tcase_add_test(tests, objectives_share_the_forward_pass);
    tcase_add_test(tests, schedules_follow_their_formulas);
    suite_add_tcase(suite, tests);
    return suite;
}
