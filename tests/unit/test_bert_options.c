/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What later encoders do, as options of BERT, against PyTorch (tests/parity/bert_options.py): each alone and all
 * together; structural edits, directories and the same bits at any number of threads with all of them. */
#include "engine/base/threads.h"
#include "engine/io/json.h"
#include "engine/io/pretrained.h"
#include "engine/nn/reshape.h"
#include "engine/train/structure.h"
#include "tests/unit/scratch.h"
#include "tests/unit/session_checks.h"
#include "tests/unit/tiny_bert.h"

#include <math.h>

Suite *bert_options_suite(void);

static const char golden[] = TEST_GOLDEN "/bert_options.safetensors";

typedef struct Case {
    const char *name;
    bool norm_first, rotary, geglu, bias;
} Case;

static const Case cases[] = {{"norm_first", true, false, false, true},
                             {"rotary", false, true, false, true},
                             {"geglu", false, false, true, true},
                             {"bias", false, false, false, false},
                             {"all", true, true, true, false}};
enum { CASES = sizeof cases / sizeof *cases, ALL = CASES - 1 };

static BertConfig config_of(const Case *which)
{
    BertConfig config = tiny_config();
    config.encoder.intermediate_size = 36;
    config.encoder.norm_first = which->norm_first;
    config.encoder.position_embedding_type = which->rotary ? POSITIONS_ROTARY : POSITIONS_ABSOLUTE;
    config.encoder.rope_theta = which->rotary ? 100 : 10000;
    config.encoder.hidden_act = which->geglu ? ACTIVATION_GEGLU : ACTIVATION_GELU;
    config.encoder.bias = which->bias;
    return config;
}

/* The stored tensor has at least as many rows as the parameter. */
static Status load_param(void *context, Param *param)
{
    char name[MODULE_PATH_SIZE + 16];
    const SafetensorsEntry *entry;
    snprintf(name, sizeof name, "weights.%s", param->path);
    TRY(safetensors_get(context, name, &entry));
    size_t bytes = (size_t)tensor_count(param->value) * sizeof(float);
    ck_assert_uint_ge(entry->bytes, bytes);
    memcpy(tensor_data(param->value), entry->data, bytes);
    return STATUS_OK;
}

static Session *make_case(const Case *which)
{
    Safetensors *file;
    BertConfig config = config_of(which);
    Session *session = session_of(&config);
    OK(safetensors_open(golden, &file));
    OK(module_each_param(session->models[0]->root, load_param, file));
    safetensors_close(file);
    return session;
}

static const float *expected(const Safetensors *file, const Case *which, const char *what, int64_t *count)
{
    char name[64];
    const SafetensorsEntry *entry;
    snprintf(name, sizeof name, "%s.%s", which->name, what);
    OK(safetensors_get(file, name, &entry));
    *count = entry->count;
    return (const float *)entry->data;
}

static void compare(Forward *pass, const Safetensors *file, const Case *which, const char *output)
{
    int64_t count;
    const float *want = expected(file, which, output, &count);
    Tensor *got;
    OK(forward_output(pass, output, &got));
    ck_assert_int_eq(count, tensor_count(got));
    for (int64_t i = 0; i < count; i++) ck_assert_double_eq_tol(tensor_get(got, i), (double)want[i], 1e-5);
}

START_TEST(logits_match)
{
    Session *session = make_case(&cases[_i]);
    Safetensors *file;
    Cursor cursor = {0};
    Batch batch;
    Forward *pass;
    OK(safetensors_open(golden, &file));
    OK(stored_next(session->sources[0].source, session->arena, &cursor, &batch));
    OK(forward_new(session->models[0], session->tape, &batch, &pass));
    compare(pass, file, &cases[_i], "mlm_logits");
    compare(pass, file, &cases[_i], "nsp_logits");
    safetensors_close(file);
    batch_clear(&batch);
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(losses_match)
{
    Session *session = make_case(&cases[_i]);
    Safetensors *file;
    StepMetrics metrics;
    int64_t count;
    OK(safetensors_open(golden, &file));
    const float *losses = expected(file, &cases[_i], "losses", &count);
    ck_assert_int_eq(count, STEPS);
    for (int64_t step = 0; step < STEPS; step++) {
        OK(session_step(session, &metrics));
        ck_assert_double_eq_tol(metrics.loss, (double)losses[step], 1e-4 * (double)losses[step]);
    }
    safetensors_close(file);
    session_free(session);
}
END_TEST

static Session *make_all_with_dropout(void)
{
    Session *session = make_case(&cases[ALL]);
    ((BertConfig *)session->models[0]->config)->encoder.hidden_dropout_prob = 0.1;
    return session;
}

START_TEST(threads_do_not_matter)
{
    expect_same_bits_with_threads(make_all_with_dropout, 3);
}
END_TEST

/* --- classes from the mean of the tokens --- */

static double product(const Param *weight, const Param *bias, int64_t row, const double *x)
{
    int64_t width = weight->value->shape[1];
    double sum = tensor_get(bias->value, row);
    for (int64_t i = 0; i < width; i++) sum += tensor_get(weight->value, row * width + i) * x[i];
    return sum;
}

/* The classes of one example by their definition, from the hidden states, which the cases above compare. */
static void expect_classes(const Model *model, const Tensor *hidden, int64_t example, int64_t length,
                           const Tensor *got)
{
    const Module *root = model->root;
    double mean[24] = {0}, pooled[24];
    int64_t width = hidden->shape[2], classes = got->shape[1];
    for (int64_t t = 0; t < length; t++)
        for (int64_t i = 0; i < width; i++)
            mean[i] += tensor_get(hidden, (example * hidden->shape[1] + t) * width + i) / (double)length;
    for (int64_t i = 0; i < width; i++)
        pooled[i] = tanh(product(module_find_param(root, "bert.pooler.dense.weight"),
                                 module_find_param(root, "bert.pooler.dense.bias"), i, mean));
    for (int64_t c = 0; c < classes; c++)
        ck_assert_double_eq_tol(tensor_get(got, example * classes + c),
                                product(module_find_param(root, "classifier.weight"),
                                        module_find_param(root, "classifier.bias"), c, pooled),
                                1e-5);
}

START_TEST(classes_from_the_mean)
{
    BertConfig config = tiny_config();
    config.num_labels = 3;
    config.encoder.classifier_pooling = ENCODER_POOL_MEAN;
    config.encoder.initializer_range = 0.3;
    Session *session = session_of(&config);
    Cursor cursor = {0};
    Batch batch;
    Forward *pass;
    Tensor *hidden, *classes;
    bool padded = false;
    OK(stored_next(session->sources[0].source, session->arena, &cursor, &batch));
    OK(forward_new(session->models[0], session->tape, &batch, &pass));
    OK(forward_output(pass, "hidden", &hidden));
    OK(forward_output(pass, "class_logits", &classes));
    for (int64_t i = 0; i < batch.size; i++) {
        int64_t length = TENSOR_I32(batch_find(&batch, "lengths"))[i];
        padded |= length < hidden->shape[1];
        expect_classes(session->models[0], hidden, i, length, classes);
    }
    ck_assert(padded);
    batch_clear(&batch);
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* --- structural edits --- */

static double loss_after(Session *session, const BertConfig *config)
{
    StepMetrics metrics;
    Model *fresh;
    OK(session_reshaped(session, session->models[0], config, &fresh));
    model_exchange(session->models[0], fresh);
    model_free(fresh);
    OK(session_step(session, &metrics));
    return metrics.loss;
}

/* A wider feed-forward layer and a further layer compute what was there; gates stay gates. */
START_TEST(growing_keeps_the_function)
{
    StepMetrics plain;
    BertConfig wider = config_of(&cases[ALL]), deeper = wider;
    wider.encoder.intermediate_size += 20;
    deeper.encoder.num_hidden_layers++;
    Session *session = make_case(&cases[ALL]);
    OK(session_step(session, &plain));
    session_free(session);
    session = make_case(&cases[ALL]);
    ck_assert_double_eq_tol(loss_after(session, &wider), plain.loss, 1e-6);
    session_free(session);
    session = make_case(&cases[ALL]);
    ck_assert_double_eq_tol(loss_after(session, &deeper), plain.loss,
                            1e-6); /* norms first: the layer adds nothing */
    session_free(session);
}
END_TEST

/* From the plain model to one with all options and back: what both have stays, and the run goes on. */
START_TEST(options_change_in_a_run)
{
    BertConfig modern = config_of(&cases[ALL]), plain = modern;
    plain.encoder.norm_first = false;
    plain.encoder.position_embedding_type = POSITIONS_ABSOLUTE;
    plain.encoder.hidden_act = ACTIVATION_GELU;
    plain.encoder.bias = true;
    Session *session = session_of(&plain);
    const char *query = "bert.encoder.layer.1.attention.self.query.weight";
    float before = TENSOR_F32(module_find_param(session->models[0]->root, query)->value)[5];
    Model *fresh;
    OK(session_reshaped(session, session->models[0], &modern, &fresh));
    ck_assert(TENSOR_F32(module_find_param(fresh->root, query)->value)[5] == before);
    ck_assert_ptr_null(module_find_param(fresh->root, "bert.embeddings.position_embeddings.weight"));
    ck_assert_ptr_null(module_find_param(fresh->root, "bert.encoder.layer.0.output.LayerNorm.weight"));
    ck_assert_ptr_nonnull(module_find_param(fresh->root, "bert.LayerNorm.weight"));
    model_free(fresh);
    ck_assert(loss_after(session, &modern) > 0);
    ck_assert(loss_after(session, &plain) > 0);
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(rotary_heads_must_be_even)
{
    BertConfig config = config_of(&cases[ALL]);
    Model *model;
    config.encoder.num_attention_heads = 8; /* of 3 elements */
    ck_assert_int_eq(model_new(&model_bert, &config, "model", random_key(1, "weights"), &model), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(status_message(), "rotary positions turn pairs, but a head has 3 elements"));
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* --- directories: such a model is Lathe's own --- */

static Status load_config(const char *directory, BertConfig *out)
{
    const ModelRecord *record;
    TRY(pretrained_record(directory, &record));
    ck_assert_ptr_eq(record, &model_bert);
    return pretrained_config(directory, record, out);
}

static Status same_param(void *context, Param *param)
{
    const Param *other = module_find_param(context, param->path);
    ck_assert(other && tensor_same_shape(other->value, param->value));
    ck_assert(memcmp(tensor_data(other->value), tensor_data(param->value),
                     (size_t)tensor_count(param->value) * sizeof(float)) == 0);
    return STATUS_OK;
}

START_TEST(directories_are_read_back)
{
    Session *session = make_case(&cases[_i]);
    const char *path = scratch_path("saved");
    PretrainedReport report = {0};
    BertConfig config;
    json_t *json;
    Model *again;
    OK(pretrained_save(session->models[0], path, &(PretrainedSaving){0}, &report));
    OK(json_read(scratch_path("saved/config.json"), 0, &json));
    ck_assert_str_eq(json_string_value(json_object_get(json, "model_type")), "lathe-bert");
    json_decref(json);
    OK(load_config(path, &config));
    for (const Option *option = model_bert.options; option->name; option++)
        ck_assert_msg(option_same(option, session->models[0]->config, &config), "%s", option->name);
    OK(model_new(&model_bert, &config, "model", random_key(2, "weights"), &again));
    OK(pretrained_load(again, path, true, RANDOM_NONE, &report));
    OK(module_each_param(again->root, same_param, session->models[0]->root));
    model_free(again);
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

static void refuse_config(const char *text, const char *word)
{
    BertConfig config;
    scratch_write(scratch_path("config.json"), text, strlen(text));
    ck_assert_int_ne(load_config(scratch_folder, &config), STATUS_OK);
    ck_assert_msg(strstr(status_message(), word) != NULL, "%s", status_message());
}

/* The options count in Lathe's own kind alone; there they are checked. */
START_TEST(hostile_configs)
{
    BertConfig config;
    static const char plain[] = "{\"model_type\": \"bert\", \"bias\": false, \"rope_theta\": \"x\"}";
    scratch_write(scratch_path("config.json"), plain, strlen(plain));
    OK(load_config(scratch_folder, &config));
    ck_assert(config.encoder.bias);
    refuse_config("{\"model_type\": \"bert\", \"hidden_act\": \"geglu\"}", "hidden_act is \"geglu\"");
    refuse_config("{\"model_type\": \"lathe-bert\", \"hidden_act\": \"relu\"}", "one of gelu, geglu");
    refuse_config("{\"model_type\": \"lathe-bert\", \"hidden_act\": [1]}", "hidden_act is an array");
    refuse_config("{\"model_type\": \"lathe-bert\", \"classifier_pooling\": \"max\"}", "one of cls, mean");
    refuse_config("{\"model_type\": \"lathe-bert\", \"norm_first\": \"yes\"}", "norm_first is a string");
    refuse_config("{\"model_type\": \"lathe-bert\", \"rope_theta\": 0}", "rope_theta");
    refuse_config("{\"model_type\": \"lathe-bert\", \"is_decoder\": true}", "is_decoder");
    refuse_config("{\"model_type\": \"lathe-gpt2\"}", "model_type is 'lathe-gpt2'");
    refuse_config("{\"model_type\": \"lathe-\"}", "model_type is 'lathe-'");
}
END_TEST

Suite *bert_options_suite(void)
{
    Suite *suite = suite_create("bert_options");
    TCase *tests = tcase_create("bert_options");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_loop_test(tests, logits_match, 0, CASES);
    tcase_add_loop_test(tests, losses_match, 0, CASES);
    tcase_add_test(tests, threads_do_not_matter);
    tcase_add_test(tests, classes_from_the_mean);
    tcase_add_test(tests, growing_keeps_the_function);
    tcase_add_test(tests, options_change_in_a_run);
    tcase_add_test(tests, rotary_heads_must_be_even);
    tcase_add_loop_test(tests, directories_are_read_back, 0, CASES);
    tcase_add_test(tests, hostile_configs);
    suite_add_tcase(suite, tests);
    return suite;
}
