/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every model with every objective, in either precision, with and without recomputation: what fits together trains,
 * what does not is refused, and nothing crashes. A new record of either kind is in these tests by being in its
 * list. */
#include "engine/base/memory.h"
#include "engine/kernels/bf16_product.h"
#include "engine/objectives/rtd.h"
#include "engine/train/evaluate.h"
#include "tests/unit/check_more.h"

#include <math.h>

enum { ROWS = 3, WIDTH = 10, PIECES = 61, CLASSES = 3, FEATURES = 7 };

Suite *combinations_suite(void);

/* --- data with all fields that any objective reads --- */

static Status put_numbers(Batch *batch, Arena *arena, const char *name, DType dtype, int ndim, int64_t below)
{
    Tensor *tensor;
    TRY(tensor_new(arena, dtype, ndim, (int64_t[]){ROWS, dtype == DTYPE_F32 ? FEATURES : WIDTH}, &tensor));
    for (int64_t i = 0; i < tensor_count(tensor); i++) tensor_set(tensor, i, (double)((i * 7 + 5) % below));
    return batch_put(batch, name, tensor);
}

static const Vocabulary *vocabulary(void)
{
    static uint8_t special[PIECES] = {1, 1, 1, 1, 1};
    static const Vocabulary made = {
        .size = PIECES, .pad = 0, .unknown = 1, .classify = 2, .separator = 3, .mask = 4, .special = special};
    return &made;
}

static Status everything_next(Source *source, Arena *arena, Cursor *cursor, Batch *out)
{
    Tensor *lengths;
    (void)source;
    *out = (Batch){.size = ROWS, .epoch = cursor->epoch++, .vocabulary = vocabulary()};
    TRY(put_numbers(out, arena, "input_ids", DTYPE_I32, 2, PIECES));
    TRY(put_numbers(out, arena, "token_type_ids", DTYPE_I32, 2, 2));
    TRY(put_numbers(out, arena, "features", DTYPE_F32, 2, 5));
    TRY(put_numbers(out, arena, "labels", DTYPE_I32, 1, CLASSES));
    TRY(put_numbers(out, arena, "start_positions", DTYPE_I32, 1, 1));
    TRY(put_numbers(out, arena, "end_positions", DTYPE_I32, 1, 1));
    TRY(put_numbers(out, arena, "next_sentence_label", DTYPE_I32, 1, 2));
    TRY(put_numbers(out, arena, "sentence_order_label", DTYPE_I32, 1, 2));
    TRY(put_numbers(out, arena, "example_ids", DTYPE_I64, 1, 100));
    TRY(tensor_new(arena, DTYPE_I32, 1, (int64_t[]){ROWS}, &lengths));
    for (int i = 0; i < ROWS; i++) TENSOR_I32(lengths)[i] = WIDTH - i;
    return batch_put(out, "lengths", lengths);
}

static void everything_free(Source *source)
{
    memory_free(source);
}

static const SourceType everything = {"everything", everything_next, NULL, everything_free};

static void add_source(Session *session, const char *name)
{
    Source *source;
    ASSERT_OK(memory_new(1, sizeof *source, &source));
    *source = (Source){.type = &everything, .refs = 1, .examples = ROWS, .batch_size = ROWS};
    ASSERT_OK(session_add_source(session, name, source));
    source_unref(source);
}

/* --- a small model of any record --- */

static void set_if_there(const ModelRecord *record, void *config, const char *name, double value)
{
    if (option_find(record->options, name))
        ASSERT_OK(option_set_number(record->options, config, record->name, name, value));
}

static void add_model(Session *session, const ModelRecord *record)
{
    static const struct {
        const char *name;
        double value;
    } sizes[] = {{"vocab_size", PIECES},
                 {"hidden_size", 24},
                 {"n_embd", 24},
                 {"num_attention_heads", 3},
                 {"n_head", 3},
                 {"intermediate_size", 40},
                 {"n_inner", 40},
                 {"num_hidden_layers", 1},
                 {"n_layer", 1},
                 {"num_labels", CLASSES},
                 {"input_size", FEATURES},
                 {"max_position_embeddings", 16},
                 {"n_positions", 32}};
    Model *model;
    void *config;
    ASSERT_OK(memory_new(1, record->config_size, &config));
    option_defaults(record->options, config);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        set_if_there(record, config, sizes[i].name, sizes[i].value);
    if (option_find(record->options, "span_head"))
        ASSERT_OK(option_set_boolean(record->options, config, record->name, "span_head", true));
    ASSERT_OK(model_new(record, config, "model", random_key(1, "weights"), &model));
    memory_free(config);
    ASSERT_OK(session_add_model(session, model));
}

static void add_objective(Session *session, const ObjectiveRecord *record)
{
    Objective *objective;
    ASSERT_OK(objective_new(record, NULL, NULL, 1, &objective));
    ASSERT_OK(session_add_objective(session, objective));
}

static Session *make(const ModelRecord *model, const ObjectiveRecord *record)
{
    Session *session;
    ASSERT_OK(session_new(1, &session));
    add_source(session, "train");
    add_source(session, "target");
    add_model(session, model);
    if (record == &objective_rtd) add_objective(session, objective_record_find("mlm")); /* whose view it reads */
    add_objective(session, record);
    return session;
}

static bool fits(const ModelRecord *model, const ObjectiveRecord *objective)
{
    const char *output = objective->target ? model->trunk : objective->output ? objective->output : model->classes;
    return output && model_has_output(model, output);
}

static void train(Session *session)
{
    StepMetrics metrics;
    EvaluationOptions options = {.source = "train"};
    Evaluation evaluation;
    for (int step = 0; step < 3; step++) { /* the first one makes the arena, the others use it again */
        ASSERT_OK(session_step(session, &metrics));
        ck_assert(isfinite(metrics.loss) && metrics.loss > 0 && metrics.grad_norm > 0);
    }
    ASSERT_OK(evaluate(session, &options, &evaluation));
}

static Hash hash_trained(const ModelRecord *model, const ObjectiveRecord *objective, Precision precision,
                         bool recompute)
{
    Hash hash;
    Session *session = make(model, objective);
    session->precision = precision;
    session->recompute = recompute;
    ASSERT_OK(session_fit(session));
    train(session);
    session->recompute = false; /* part of the state */
    ASSERT_OK(session_hash(session, &hash));
    session_free(session);
    return hash;
}

static void refuse(const ModelRecord *model, const ObjectiveRecord *objective)
{
    Session *session = make(model, objective);
    ck_assert(session_fit(session) == STATUS_INVALID && session_step(session, NULL) == STATUS_INVALID);
    session_free(session);
}

START_TEST(every_model_with_every_objective)
{
    static const Precision precisions[] = {PRECISION_F32, PRECISION_BF16};
    const ObjectiveRecord *objective = objective_records[_i];
    if (objective == &objective_custom) return; /* a function in Lua, which may read anything */
    for (int m = 0; m < model_record_count; m++) {
        const ModelRecord *model = model_records[m];
        if (!fits(model, objective)) refuse(model, objective);
        for (int p = 0; p < 2 && fits(model, objective); p++) {
            Hash kept = hash_trained(model, objective, precisions[p], false);
            Hash again = hash_trained(model, objective, precisions[p], true);
            ck_assert_msg(hash_equal(kept, again), "%s with %s: recomputing changes bits", model->name,
                          objective->name);
        }
        bf16_forget();
        ck_assert_uint_eq(memory_in_use(), 0);
    }
}
END_TEST

Suite *combinations_suite(void)
{
    Suite *suite = suite_create("combinations");
    TCase *tests = tcase_create("combinations");
    tcase_add_loop_test(tests, every_model_with_every_objective, 0, objective_record_count);
    suite_add_tcase(suite, tests);
    return suite;
}
