/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Structural edits: what is carried over, what is new, that the rest of the run goes on, and that a failure leaves
 * everything as it was. */
#include "engine/base/threads.h"
#include "engine/io/checkpoints.h"
#include "engine/nn/reshape.h"
#include "engine/train/checkpoint.h"
#include "engine/train/snapshot.h"
#include "engine/train/structure.h"
#include "tests/unit/scratch.h"
#include "tests/unit/tiny_bert.h"

#include <math.h>

Suite *reshape_suite(void);

static Hash hash_of(const Session *session)
{
    Hash hash;
    OK(session_hash(session, &hash));
    return hash;
}

static Session *session_after(int steps)
{
    Session *session = make_session();
    for (int i = 0; i < steps; i++) OK(session_step(session, NULL));
    return session;
}

static BertConfig config_of(const Session *session)
{
    return *(const BertConfig *)session->models[0]->config;
}

static Param *param_of(const Session *session, const char *path)
{
    Param *param = module_find_param(session->models[0]->root, path);
    ck_assert_msg(param != NULL, "%s", path);
    return param;
}

static Status reshape(Session *session, const BertConfig *config)
{
    Model *fresh;
    TRY(session_reshaped(session, session->models[0], config, &fresh));
    model_exchange(session->models[0], fresh);
    model_free(fresh);
    return STATUS_OK;
}

static Status widen(Session *session)
{
    BertConfig config = config_of(session);
    config.encoder.intermediate_size += 40;
    return reshape(session, &config);
}

static Status deepen(Session *session)
{
    BertConfig config = config_of(session);
    config.encoder.num_hidden_layers++;
    return reshape(session, &config);
}

static double next_loss(Session *session)
{
    StepMetrics metrics;
    OK(session_step(session, &metrics));
    return metrics.loss;
}

START_TEST(widening_keeps_the_function)
{
    Session *session = session_after(3), *plain = session_after(3);
    const Model *model = session->models[0];
    OK(widen(session));
    ck_assert_ptr_eq(model, session->models[0]);
    ck_assert_double_eq_tol(next_loss(session), next_loss(plain), 1e-6);
    next_loss(session);
    session_free(session);
    session_free(plain);
}
END_TEST

START_TEST(a_new_layer_begins_near_the_identity)
{
    Session *session = session_after(5), *plain = session_after(5);
    OK(deepen(session));
    ck_assert_int_eq(module_find(session->models[0]->root, "bert.encoder.layer")->child_count,
                     config_of(plain).encoder.num_hidden_layers + 1);
    double with = next_loss(session), without = next_loss(plain);
    ck_assert_msg(fabs(with - without) < 0.01 * without, "%g with, %g without the layer", with, without);
    /* it learns */
    next_loss(session);
    const Param *param = param_of(session, "bert.encoder.layer.2.output.dense.weight");
    ck_assert(TENSOR_F32(param->value)[0] != 0);
    session_free(session);
    session_free(plain);
}
END_TEST

static const char wide_path[] = "bert.encoder.layer.0.output.dense.weight";

/* Old entries at the front of the grown dimensions, moments beside them, new ones zero, masks 1. */
START_TEST(parameters_are_carried_over)
{
    Session *session = session_after(2), *plain = session_after(2);
    Param *masked = param_of(session, wide_path);
    OK(tensor_new_like(NULL, masked->value, &masked->mask));
    tensor_fill(masked->mask, 0);
    param_set_frozen(param_of(session, "bert.pooler.dense.weight"), true);
    OK(widen(session));
    const Param *now = param_of(session, wide_path), *old = param_of(plain, wide_path);
    int64_t rows = old->value->shape[0], columns = old->value->shape[1];
    ck_assert_int_eq(now->value->shape[1], columns + 40);
    ck_assert_int_eq(now->step, 2);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns + 40; c++) {
            int64_t at = r * (columns + 40) + c, from = r * columns + c;
            bool carried = c < columns;
            ck_assert(TENSOR_F32(now->value)[at] == (carried ? TENSOR_F32(old->value)[from] : 0));
            ck_assert(TENSOR_F32(now->mask)[at] == (carried ? 0 : 1));
            for (int s = 0; s < 2; s++)
                ck_assert(TENSOR_F32(now->state[s])[at] == (carried ? TENSOR_F32(old->state[s])[from] : 0));
        }
    ck_assert(param_of(session, "bert.pooler.dense.weight")->frozen);
    const Param *in = param_of(session, "bert.encoder.layer.0.intermediate.dense.weight");
    ck_assert(TENSOR_F32(in->value)[columns * rows] != 0); /* new rows are drawn */
    session_free(session);
    session_free(plain);
}
END_TEST

/* Growing and cutting again gives back every old entry. */
START_TEST(cutting_is_the_way_back)
{
    Session *session = session_after(2);
    BertConfig config = config_of(session);
    Hash before = hash_of(session);
    OK(widen(session));
    OK(deepen(session));
    ck_assert(!hash_equal(before, hash_of(session)));
    OK(reshape(session, &config));
    ck_assert(hash_equal(before, hash_of(session)));
    session_free(session);
}
END_TEST

START_TEST(what_does_not_fit_changes_nothing)
{
    static const Vocabulary pieces = {.size = VOCAB};
    Session *session = session_after(2);
    Hash before = hash_of(session);
    BertConfig config = config_of(session);
    session->sources[0].source->vocabulary = &pieces;
    session->sources[0].source->length = T;
    config.encoder.num_attention_heads = 5;
    ck_assert_int_eq(reshape(session, &config), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(status_message(), "not a multiple"));
    config = config_of(session);
    config.vocab_size--;
    ck_assert_int_eq(reshape(session, &config), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(status_message(), "vocab_size"));
    config = config_of(session);
    config.encoder.max_position_embeddings = T - 1;
    ck_assert_int_eq(reshape(session, &config), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(status_message(), "more positions"));
    Model *fresh;
    ck_assert_int_eq(session_reset_part(session, session->models[0], "bert.pooler.dens", &fresh), STATUS_INVALID);
    ck_assert(hash_equal(before, hash_of(session)));
    session_free(session);
}
END_TEST

static Status reset(Session *session, const char *path)
{
    Model *fresh;
    TRY(session_reset_part(session, session->models[0], path, &fresh));
    model_exchange(session->models[0], fresh);
    model_free(fresh);
    return STATUS_OK;
}

START_TEST(a_part_is_drawn_anew)
{
    Session *session = session_after(3), *plain = session_after(3);
    OK(reset(session, "cls.seq_relationship"));
    const Param *head = param_of(session, "cls.seq_relationship.weight");
    const Param *trunk = param_of(session, "bert.pooler.dense.weight");
    ck_assert_int_eq(head->step, 0);
    ck_assert_ptr_null(head->state[0]);
    ck_assert(TENSOR_F32(head->value)[0] != TENSOR_F32(param_of(plain, "cls.seq_relationship.weight")->value)[0]);
    ck_assert_int_eq(trunk->step, 3);
    ck_assert(TENSOR_F32(trunk->value)[0] == TENSOR_F32(param_of(plain, "bert.pooler.dense.weight")->value)[0]);
    float first = TENSOR_F32(head->value)[0];
    OK(reset(session, "cls.seq_relationship.weight"));
    ck_assert(TENSOR_F32(param_of(session, "cls.seq_relationship.weight")->value)[0] == first); /* the same step */
    next_loss(session);
    session_free(session);
    session_free(plain);
}
END_TEST

/* Every allocation of a structural edit fails once: an error, the state as it was. */
static void fail_allocations(Status (*edit)(Session *session))
{
    size_t start = memory_in_use();
    Status status = STATUS_NOMEM;
    Session *session = session_after(1);
    Hash before = hash_of(session);
    for (uint64_t n = 1; status != STATUS_OK; n++) {
        memory_fail_after(n, 0);
        status = edit(session);
        memory_fail_after(0, 0);
        if (status == STATUS_OK) break;
        ck_assert_int_eq(status, STATUS_NOMEM);
        ck_assert(hash_equal(before, hash_of(session)));
    }
    next_loss(session);
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), start);
}

static Status reset_pooler(Session *session)
{
    return reset(session, "bert.pooler");
}

START_TEST(edits_survive_failing_allocations)
{
    fail_allocations(widen);
    fail_allocations(deepen);
    fail_allocations(reset_pooler);
}
END_TEST

/* --- resuming --- */

static Status write_state(void *context, const char *directory, json_t *state)
{
    return checkpoint_write(context, directory, state);
}

static void change_much(Session *session)
{
    Optimizer lamb = {.record = optimizer_record_find("lamb")};
    option_defaults(lamb.record->options, &lamb.config);
    OK(deepen(session));
    OK(widen(session));
    OK(reset_pooler(session));
    ((BertConfig *)session->models[0]->config)->encoder.hidden_dropout_prob = 0.1;
    session_set_optimizer(session, &lamb);
    session->schedule.record = schedule_record_find("wsd");
    option_defaults(session->schedule.record->options, &session->schedule.config);
    session->sources[0].batch_size = 7;
    param_set_frozen(param_of(session, "bert.embeddings.LayerNorm.bias"), true);
    OK(session_check_removal(session, "nsp"));
    session_remove_objective(session, "nsp");
    Objective *objective;
    OK(objective_new(objective_record_find("nsp"), NULL, "pairs", 0.25, &objective));
    OK(session_check_new_objective(session, objective));
    OK(session_add_objective(session, objective));
}

static void load_newest(Session *session)
{
    Checkpoint checkpoint;
    OK(checkpoints_newest(scratch_folder, &checkpoint));
    OK(checkpoint_read(session, checkpoint.path, checkpoint.state_path, checkpoint.state));
    checkpoint_close(&checkpoint);
}

/* A session as the recipe builds it takes the structure of the checkpoint and goes on bit for bit. */
START_TEST(resuming_after_structural_edits_is_exact)
{
    Session *session = session_after(2);
    change_much(session);
    next_loss(session);
    OK(checkpoints_save(scratch_folder, 3, (double)NAN, 1, write_state, session));
    Session *other = make_session();
    other->steps = session->steps;
    threads_set(3);
    load_newest(other);
    ck_assert_int_eq(other->sources[0].batch_size, 7);
    ck_assert_int_eq(other->sources[0].source->batch_size, B);
    ck_assert(hash_equal(hash_of(session), hash_of(other)));
    for (int i = 0; i < 3; i++) ck_assert(next_loss(session) == next_loss(other));
    ck_assert(hash_equal(hash_of(session), hash_of(other)));
    session_free(session);
    session_free(other);
}
END_TEST

START_TEST(loading_survives_failing_allocations)
{
    Session *session = session_after(2);
    change_much(session);
    OK(checkpoints_save(scratch_folder, 2, (double)NAN, 1, write_state, session));
    size_t start = memory_in_use();
    Status status = STATUS_NOMEM;
    for (uint64_t n = 1; status != STATUS_OK; n += 3) {
        Checkpoint checkpoint;
        Session *other = make_session();
        OK(checkpoints_newest(scratch_folder, &checkpoint));
        memory_fail_after(n, 0);
        status = checkpoint_read(other, checkpoint.path, checkpoint.state_path, checkpoint.state);
        memory_fail_after(0, 0);
        checkpoint_close(&checkpoint);
        ck_assert(status == STATUS_OK || status == STATUS_NOMEM);
        if (status == STATUS_OK) ck_assert(hash_equal(hash_of(session), hash_of(other)));
        session_free(other);
        ck_assert_uint_eq(memory_in_use(), start);
    }
    session_free(session);
}
END_TEST

START_TEST(snapshots_take_the_structure_back)
{
    Session *session = session_after(2);
    Snapshot *snapshot;
    Hash before = hash_of(session);
    OK(snapshot_take(session, &snapshot));
    change_much(session);
    next_loss(session);
    OK(snapshot_restore(snapshot, session));
    snapshot_free(snapshot);
    ck_assert(hash_equal(before, hash_of(session)));
    Session *plain = session_after(2);
    ck_assert(next_loss(session) == next_loss(plain));
    ck_assert(hash_equal(hash_of(plain), hash_of(session)));
    session_free(session);
    session_free(plain);
}
END_TEST

START_TEST(objectives_come_and_go)
{
    Session *session = session_after(1);
    Objective *objective;
    ck_assert_int_eq(session_check_removal(session, "sop"), STATUS_INVALID);
    session_remove_objective(session, "nsp");
    ck_assert_int_eq(session_check_removal(session, "mlm"), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(status_message(), "only objective"));
    OK(objective_new(objective_record_find("nsp"), NULL, "mlm", 1, &objective));
    ck_assert_int_eq(session_check_new_objective(session, objective), STATUS_INVALID);
    snprintf(objective->name, sizeof objective->name, "nsp");
    snprintf(objective->model, sizeof objective->model, "teacher");
    ck_assert_int_eq(session_check_new_objective(session, objective), STATUS_INVALID);
    objective_free(objective);
    next_loss(session);
    session_free(session);
}
END_TEST

Suite *reshape_suite(void)
{
    Suite *suite = suite_create("reshape");
    TCase *tests = tcase_create("reshape");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, widening_keeps_the_function);
    tcase_add_test(tests, a_new_layer_begins_near_the_identity);
    tcase_add_test(tests, parameters_are_carried_over);
    tcase_add_test(tests, cutting_is_the_way_back);
    tcase_add_test(tests, what_does_not_fit_changes_nothing);
    tcase_add_test(tests, a_part_is_drawn_anew);
    tcase_add_test(tests, edits_survive_failing_allocations);
    tcase_add_test(tests, resuming_after_structural_edits_is_exact);
    tcase_add_test(tests, loading_survives_failing_allocations);
    tcase_add_test(tests, snapshots_take_the_structure_back);
    tcase_add_test(tests, objectives_come_and_go);
    suite_add_tcase(suite, tests);
    return suite;
}
