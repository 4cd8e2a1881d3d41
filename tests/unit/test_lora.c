/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Low-rank adapters of tiny pre-trained models: against PyTorch (tests/parity/torch_classes.py), merged, saved. */
#include "engine/io/adapter.h"
#include "engine/io/json.h"
#include "engine/io/weights.h"
#include "engine/nn/lora.h"
#include "engine/nn/reshape.h"
#include "engine/train/structure.h"
#include "tests/unit/session_checks.h"
#include "tests/unit/stored_classes.h"

#include <unistd.h>

Suite *lora_suite(void);

static const char adapted[] = "lora_rank=4;lora_alpha=8;";

static Status fill_adapter(void *context, Param *param)
{
    char name[MODULE_PATH_SIZE + 8];
    const SafetensorsEntry *entry;
    if (!lora_is_adapter(param->path)) return STATUS_OK;
    snprintf(name, sizeof name, "lora.%s", param->path);
    entry = stored_classes_get(context, name);
    ck_assert_int_eq(entry->count, tensor_count(param->value));
    memcpy(tensor_data(param->value), entry->data, entry->bytes);
    param_changed(param);
    return STATUS_OK;
}

/* As one trains adapters: all but them and the head is frozen. */
static Status freeze_others(void *context, Param *param)
{
    const StoredModel *stored = context;
    param_set_frozen(param, !lora_is_adapter(param->path) && !module_path_below(param->path, stored->head));
    return STATUS_OK;
}

static Session *adapted_session(int model)
{
    StoredModel stored = stored_models[model];
    Session *session = stored_classes_session(&stored, adapted);
    ASSERT_OK(module_each_param(session->models[0]->root, fill_adapter, session));
    ASSERT_OK(module_each_param(session->models[0]->root, freeze_others, &stored));
    return session;
}

static void read_logits(Session *session, Model *model, float out[CLASS_ROWS * CLASS_COUNT])
{
    Source *source = session->sources[0].source;
    Cursor cursor = {0};
    Batch batch;
    Forward *pass;
    Tensor *logits;
    session_set_mode(session, false);
    ASSERT_OK(source->type->next(source, session->arena, &cursor, &batch));
    ASSERT_OK(forward_new(model, session->tape, &batch, &pass));
    ASSERT_OK(forward_output(pass, "class_logits", &logits));
    ck_assert_int_eq(tensor_count(logits), CLASS_ROWS * CLASS_COUNT);
    memcpy(out, TENSOR_F32(logits), sizeof(float) * CLASS_ROWS * CLASS_COUNT);
    batch_clear(&batch);
    tape_reset(session->tape);
}

static void assert_logits(Session *session, Model *model, const float expected[CLASS_ROWS * CLASS_COUNT])
{
    float got[CLASS_ROWS * CLASS_COUNT];
    read_logits(session, model, got);
    for (int i = 0; i < CLASS_ROWS * CLASS_COUNT; i++)
        ck_assert_double_eq_tol((double)got[i], (double)expected[i], 1e-6);
}

/* Nothing frozen moved, by a single bit. */
static Status assert_kept(void *context, Param *param)
{
    const Param *before = module_find_param(context, param->path);
    size_t bytes = (size_t)tensor_count(param->value) * sizeof(float);
    bool same = memcmp(tensor_data(param->value), tensor_data(before->value), bytes) == 0;
    ck_assert_msg(same == param->frozen, "%s", param->path);
    return STATUS_OK;
}

START_TEST(lora_matches)
{
    Session *session = adapted_session(_i), *fresh = adapted_session(_i);
    stored_classes_steps(session, "lora_losses", "lora_norms");
    ASSERT_OK(module_each_param(session->models[0]->root, assert_kept, fresh->models[0]->root));
    session_free(session);
    session_free(fresh);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* New adapters add nothing. */
START_TEST(begins_as_the_model)
{
    Session *session = stored_classes_session(&stored_models[_i], "lora_rank=3;lora_dropout=0.5;");
    float expected[CLASS_ROWS * CLASS_COUNT];
    for (int i = 0; i < CLASS_ROWS * CLASS_COUNT; i++)
        expected[i] = (float)stored_classes_number(session, "class_logits", i);
    for (int i = 0; i < CLASS_ROWS * CLASS_COUNT; i++) ck_assert(expected[i] != 0);
    float got[CLASS_ROWS * CLASS_COUNT];
    read_logits(session, session->models[0], got);
    for (int i = 0; i < CLASS_ROWS * CLASS_COUNT; i++)
        ck_assert_double_eq_tol((double)got[i], (double)expected[i], 1e-5);
    session_free(session);
}
END_TEST

START_TEST(merged_is_unmerged)
{
    Session *session = adapted_session(_i);
    Model *model = session->models[0], *merged;
    float expected[CLASS_ROWS * CLASS_COUNT];
    for (int i = 0; i < 5; i++) ASSERT_OK(session_step(session, NULL));
    read_logits(session, model, expected);
    ASSERT_OK(session_merged(session, model, &merged));
    ck_assert_int_eq(lora_config(merged)->rank, 0);
    ck_assert_int_lt(module_count_params(merged->root), module_count_params(model->root));
    assert_logits(session, merged, expected);
    model_exchange(model, merged);
    model_free(merged);
    ASSERT_OK(session_step(session, NULL));
    ASSERT_FAILS(session_merged(session, model, &merged), STATUS_INVALID, "has no adapters");
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* --- files --- */

static Model *load_with(const char *directory, const char *adapter)
{
    const ModelRecord *record;
    PretrainedReport report = {0};
    Model *model;
    void *config;
    ASSERT_OK(pretrained_record(directory, &record));
    ASSERT_OK(memory_new(1, record->config_size, &config));
    ASSERT_OK(pretrained_config(directory, record, config));
    ASSERT_OK(option_set_number(record->options, config, "test", "num_labels", CLASS_COUNT));
    if (adapter) ASSERT_OK(adapter_config(adapter, record, config));
    ASSERT_OK(pretrained_new(record, config, "model", directory, false, random_key(3, "weights"), &report, &model));
    if (adapter) ASSERT_OK(adapter_load(model, adapter));
    pretrained_report_free(&report);
    memory_free(config);
    return model;
}

START_TEST(adapters_come_back)
{
    Session *session = adapted_session(_i);
    float expected[CLASS_ROWS * CLASS_COUNT];
    const char *directory = scratch_path("adapter");
    for (int i = 0; i < 5; i++) ASSERT_OK(session_step(session, NULL));
    read_logits(session, session->models[0], expected);
    ASSERT_OK(adapter_save(session->models[0], directory));
    ASSERT_OK(adapter_save(session->models[0], directory)); /* its own kind is replaced */
    Model *model = load_with(stored_models[_i].directory, directory);
    assert_logits(session, model, expected);
    model_free(model);
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(saved_whole_is_merged)
{
    Session *session = adapted_session(_i);
    PretrainedReport report = {0};
    PretrainedSaving how = {0};
    float expected[CLASS_ROWS * CLASS_COUNT];
    const char *directory = scratch_path("merged");
    for (int i = 0; i < 5; i++) ASSERT_OK(session_step(session, NULL));
    read_logits(session, session->models[0], expected);
    ASSERT_OK(pretrained_save(session->models[0], directory, &how, &report));
    pretrained_report_free(&report);
    Model *model = load_with(directory, NULL);
    ck_assert_int_eq(lora_config(model)->rank, 0);
    assert_logits(session, model, expected);
    model_free(model);
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* The names and members that PEFT reads. */
START_TEST(files_are_those_of_peft)
{
    static const char *const names[STORED_MODELS][3] = {
        {"base_model.model.bert.encoder.layer.0.attention.self.query.lora_A.weight",
         "base_model.model.bert.encoder.layer.1.attention.self.value.lora_B.weight",
         "base_model.model.classifier.weight"},
        {"base_model.model.transformer.h.0.attn.c_attn.lora_A.weight",
         "base_model.model.transformer.h.1.attn.c_attn.lora_B.weight", "base_model.model.score.weight"}};
    Session *session = adapted_session(_i);
    Safetensors *file;
    const SafetensorsEntry *entry;
    json_t *config;
    ASSERT_OK(adapter_save(session->models[0], scratch_path("adapter")));
    ASSERT_OK(safetensors_open(scratch_path("adapter/adapter_model.safetensors"), &file));
    for (int i = 0; i < 3; i++) ASSERT_OK(safetensors_get(file, names[_i][i], &entry));
    ck_assert_uint_eq(safetensors_count(file), _i ? 5 : 10); /* with the head's bias where it has one */
    safetensors_close(file);
    ASSERT_OK(json_read(scratch_path("adapter/adapter_config.json"), 1 << 16, &config));
    ck_assert_str_eq(json_string_value(json_object_get(config, "peft_type")), "LORA");
    ck_assert_int_eq(json_integer_value(json_object_get(config, "r")), 4);
    ck_assert_double_eq(json_number_value(json_object_get(config, "lora_alpha")), 8);
    ck_assert_uint_eq(json_array_size(json_object_get(config, "target_modules")), _i ? 1 : 2);
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(config, "modules_to_save"), 0)),
                     stored_models[_i].head);
    ck_assert(json_is_true(json_object_get(config, "fan_in_fan_out")) == (_i == 1));
    json_decref(config);
    session_free(session);
}
END_TEST

static const struct {
    const char *config, *expected;
} bad_configs[] = {
    {"[]", "adapter_config.json"},
    {"{\"r\": 4}", "peft_type"},
    {"{\"peft_type\": \"IA3\"}", "its peft_type is 'IA3'; Lathe reads LORA"},
    {"{\"peft_type\": \"LORA\", \"use_dora\": true}", "it has use_dora, which Lathe does not do"},
    {"{\"peft_type\": \"LORA\", \"bias\": \"all\"}", "it has bias"},
    {"{\"peft_type\": \"LORA\", \"rank_pattern\": {\"a\": 2}}", "it has rank_pattern"},
    {"{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": 8}", "target_modules is missing"},
    {"{\"peft_type\": \"LORA\", \"target_modules\": \".*query\"}", "target_modules is"},
    {"{\"peft_type\": \"LORA\", \"target_modules\": [\"a b\"]}", "holds 'a b'"},
    {"{\"peft_type\": \"LORA\", \"target_modules\": [3]}", "target_modules holds"},
    {"{\"peft_type\": \"LORA\", \"target_modules\": [\"query\"], \"r\": 0, \"lora_alpha\": 8}", "r is 0"},
    {"{\"peft_type\": \"LORA\", \"target_modules\": [\"query\"], \"r\": 1.5, \"lora_alpha\": 8}", "lora_rank"},
    {"{\"peft_type\": \"LORA\", \"target_modules\": [\"query\"], \"r\": \"4\", \"lora_alpha\": 8}", "'r'"},
    {"{\"peft_type\": \"LORA\", \"target_modules\": [\"query\"], \"r\": 4, \"lora_alpha\": -1}", "lora_alpha"},
};

START_TEST(bad_configs_are_refused)
{
    const ModelRecord *record = model_record_find("bert");
    const char *text = bad_configs[_i].config;
    void *config;
    ASSERT_OK(memory_new(1, record->config_size, &config));
    option_defaults(record->options, config);
    scratch_write(scratch_path("adapter_config.json"), text, strlen(text));
    Status status = adapter_config(scratch_folder, record, config);
    ck_assert_msg(status == STATUS_FORMAT || status == STATUS_INVALID, "%s", text);
    ck_assert_msg(strstr(status_message(), bad_configs[_i].expected) != NULL, "%s", status_message());
    memory_free(config);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* Weights that do not fit leave the model as it was. */
START_TEST(bad_weights_are_refused)
{
    Session *session = adapted_session(0), *other = adapted_session(1);
    Hash before, after;
    ASSERT_OK(adapter_save(other->models[0], scratch_path("adapter")));
    ASSERT_OK(session_hash(session, &before));
    ASSERT_FAILS(adapter_load(session->models[0], scratch_path("adapter")), STATUS_FORMAT,
                 "query.lora_A.weight' is missing; nothing was loaded");
    session_free(other);
    other = stored_classes_session(&stored_models[0], "lora_rank=2;");
    ASSERT_OK(adapter_save(other->models[0], scratch_path("narrow")));
    ASSERT_FAILS(adapter_load(session->models[0], scratch_path("narrow")), STATUS_FORMAT, "lora_A.weight");
    session_free(other);
    other = stored_classes_session(&stored_models[0], "lora_rank=4;lora_modules=query key value;");
    ASSERT_OK(adapter_save(other->models[0], scratch_path("more")));
    ASSERT_FAILS(adapter_load(session->models[0], scratch_path("more")), STATUS_FORMAT,
                 "key.lora_A.weight' has no place in the model");
    session_free(other);
    ASSERT_OK(session_hash(session, &after));
    ck_assert(hash_equal(before, after));
    ASSERT_OK(file_make_directory(scratch_path("mine"), true));
    scratch_write(scratch_path("mine/letter.txt"), "dear", 4);
    ASSERT_FAILS(adapter_save(session->models[0], scratch_path("mine")), STATUS_INVALID, "holds something else");
    session_free(session);
    session = stored_classes_session(&stored_models[0], NULL);
    ASSERT_FAILS(adapter_save(session->models[0], scratch_path("none")), STATUS_INVALID, "has no adapters");
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(bad_options_are_refused)
{
    static const struct {
        const char *modules, *expected;
        double rank;
    } cases[] = {{"nothing", "no linear layer is called 'nothing'", 4},
                 {"query", "lora_rank 25 is more than", 25},
                 {"LayerNorm", "no linear layer is called", 2}};
    const ModelRecord *record;
    void *config;
    Model *model;
    ASSERT_OK(pretrained_record(stored_models[0].directory, &record));
    ASSERT_OK(memory_new(1, record->config_size, &config));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ASSERT_OK(pretrained_config(stored_models[0].directory, record, config));
        ASSERT_OK(option_set_number(record->options, config, "test", "lora_rank", cases[i].rank));
        ASSERT_OK(option_set_text(record->options, config, "test", "lora_modules", cases[i].modules));
        ASSERT_FAILS(model_new(record, config, "model", random_key(1, "weights"), &model), STATUS_INVALID,
                     cases[i].expected);
    }
    memory_free(config);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* --- the state --- */

/* Snapshots give the adapters back; a checkpoint makes them in a session that has another rank. */
START_TEST(the_state_has_adapters)
{
    expect_state_comes_back(adapted_session(_i), NULL, stored_classes_session(&stored_models[_i], adapted));
}
END_TEST

/* Adapters are added to a model and taken out again by its shape. */
START_TEST(reshaping_adds_adapters)
{
    Session *session = stored_classes_session(&stored_models[_i], NULL);
    Model *model = session->models[0], *fresh;
    float expected[CLASS_ROWS * CLASS_COUNT];
    void *config;
    ASSERT_OK(session_step(session, NULL));
    read_logits(session, model, expected);
    ASSERT_OK(memory_new(1, model->record->config_size, &config));
    memcpy(config, model->config, model->record->config_size);
    ASSERT_OK(option_set_number(model->record->options, config, "test", "lora_rank", 3));
    ASSERT_OK(session_reshaped(session, model, config, &fresh));
    assert_logits(session, fresh, expected);
    ck_assert_int_gt(module_count_params(fresh->root), module_count_params(model->root));
    model_exchange(model, fresh);
    model_free(fresh);
    ASSERT_OK(session_step(session, NULL));
    memory_free(config);
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

Suite *lora_suite(void)
{
    Suite *suite = suite_create("lora");
    TCase *tests = tcase_create("lora");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_loop_test(tests, lora_matches, 0, STORED_MODELS);
    tcase_add_loop_test(tests, begins_as_the_model, 0, STORED_MODELS);
    tcase_add_loop_test(tests, merged_is_unmerged, 0, STORED_MODELS);
    tcase_add_loop_test(tests, adapters_come_back, 0, STORED_MODELS);
    tcase_add_loop_test(tests, saved_whole_is_merged, 0, STORED_MODELS);
    tcase_add_loop_test(tests, files_are_those_of_peft, 0, STORED_MODELS);
    tcase_add_loop_test(tests, bad_configs_are_refused, 0, sizeof bad_configs / sizeof *bad_configs);
    tcase_add_test(tests, bad_weights_are_refused);
    tcase_add_test(tests, bad_options_are_refused);
    tcase_add_loop_test(tests, the_state_has_adapters, 0, STORED_MODELS);
    tcase_add_loop_test(tests, reshaping_adds_adapters, 0, STORED_MODELS);
    suite_add_tcase(suite, tests);
    return suite;
}
