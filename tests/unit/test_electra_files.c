/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ELECTRA as transformers has it: the discriminator's directory and the generator's below it
 * (tests/parity/pretrained.py wrote tests/golden/hf_electra): read, written, one of both missing, hostile. */
#include "engine/io/json.h"
#include "engine/io/pretrained.h"
#include "engine/io/safetensors.h"
#include "engine/nn/electra.h"
#include "tests/unit/scratch.h"

#include <unistd.h>

#define OK(call) ck_assert_msg((call) == STATUS_OK, "%s", status_message())

Suite *electra_files_suite(void);

static const char golden[] = TEST_GOLDEN "/hf_electra";

static Status new_model(const char *directory, bool generator, Model **out)
{
    const ModelRecord *record;
    ElectraConfig config = {0};
    TRY(pretrained_record(directory, &record));
    ck_assert_ptr_eq(record, &model_electra);
    TRY(pretrained_config(directory, record, &config));
    if (generator) config.generator = true;
    return model_new(record, &config, "model", random_key(1, "weights"), out);
}

/* The generator is made even where the directory has none. */
static Status load(const char *directory, bool strict, bool generator, PretrainedReport *report, Model **out)
{
    TRY(new_model(directory, generator, out));
    Status status = pretrained_load(*out, directory, strict, RANDOM_NONE, report);
    if (status != STATUS_OK) model_free(*out);
    return status;
}

static Model *load_whole(const char *directory)
{
    PretrainedReport report = {0};
    Model *model;
    OK(load(directory, true, false, &report, &model));
    ck_assert_int_eq(report.left_count + report.missing_count, 0);
    return model;
}

static Status compare_param(void *context, Param *param)
{
    char name[MODULE_PATH_SIZE + 16];
    const SafetensorsEntry *entry;
    snprintf(name, sizeof name, "weights.%s", param->path);
    OK(safetensors_get(context, name, &entry));
    ck_assert_uint_eq(entry->bytes, (size_t)tensor_count(param->value) * sizeof(float));
    ck_assert_msg(memcmp(tensor_data(param->value), entry->data, entry->bytes) == 0, "%s", param->path);
    return STATUS_OK;
}

static void compare_with_golden(Model *model)
{
    Safetensors *file;
    OK(safetensors_open(TEST_GOLDEN "/electra.safetensors", &file));
    OK(module_each_param(model->root, compare_param, file));
    safetensors_close(file);
}

START_TEST(both_directories_are_read)
{
    Model *model = load_whole(golden);
    const ElectraConfig *config = model->config;
    ck_assert(config->generator);
    ck_assert_int_eq(config->encoder.hidden_size, 24);
    ck_assert_int_eq(config->embedding_size, 16);
    ck_assert_int_eq(config->generator_hidden_size, 12);
    ck_assert_int_eq(config->generator_num_hidden_layers, 1);
    ck_assert_int_eq(config->generator_num_attention_heads, 2);
    compare_with_golden(model);
    model_free(model);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

static bool has_tensor(const char *path, const char *name)
{
    Safetensors *file;
    OK(safetensors_open(scratch_path(path), &file));
    bool found = safetensors_find(file, name) != NULL;
    safetensors_close(file);
    return found;
}

START_TEST(both_directories_are_written)
{
    PretrainedReport report = {0};
    Model *model = load_whole(golden), *again;
    json_t *config;
    for (int twice = 0; twice < 2; twice++)
        OK(pretrained_save(model, scratch_path("saved"), &(PretrainedSaving){0}, &report));
    ck_assert_int_eq(report.left_count, 0);
    ck_assert(!has_tensor("saved/model.safetensors", "generator.generator_lm_head.bias"));
    ck_assert(has_tensor("saved/generator/model.safetensors", "generator_lm_head.bias"));
    ck_assert(has_tensor("saved/generator/model.safetensors", "electra.encoder.layer.0.output.dense.weight"));
    ck_assert(has_tensor("saved/generator/model.safetensors", "electra.embeddings.LayerNorm.weight"));
    ck_assert(!has_tensor("saved/generator/model.safetensors", "discriminator_predictions.dense.weight"));
    OK(json_read(scratch_path("saved/generator/config.json"), 0, &config));
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(config, "architectures"), 0)),
                     "ElectraForMaskedLM");
    ck_assert_str_eq(json_string_value(json_object_get(config, "model_type")), "electra");
    ck_assert_int_eq(json_integer_value(json_object_get(config, "hidden_size")), 12);
    ck_assert_int_eq(json_integer_value(json_object_get(config, "embedding_size")), 16);
    ck_assert_ptr_null(json_object_get(config, "generator_hidden_size"));
    ck_assert_ptr_null(json_object_get(config, "generator"));
    json_decref(config);
    again = load_whole(scratch_path("saved"));
    compare_with_golden(again);
    model_free(model);
    model_free(again);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* --- copies of the stored directories, made worse --- */

static void copy(const char *name, const char *to)
{
    char from[512];
    Buffer bytes = {0};
    snprintf(from, sizeof from, "%s/%s", golden, name);
    OK(file_read(from, 0, &bytes));
    scratch_write(scratch_path(to), bytes.data, bytes.length);
    buffer_free(&bytes);
}

static void copy_all(void)
{
    OK(file_make_directory(scratch_path("generator"), false));
    copy("config.json", "config.json");
    copy("model.safetensors", "model.safetensors");
    copy("generator/config.json", "generator/config.json");
    copy("generator/model.safetensors", "generator/model.safetensors");
}

static void refuse(const char *word)
{
    PretrainedReport report = {0};
    Model *model;
    ck_assert_int_ne(load(scratch_folder, true, false, &report, &model), STATUS_OK);
    ck_assert_msg(strstr(status_message(), word) != NULL, "%s", status_message());
    pretrained_report_free(&report);
    ck_assert_msg(memory_in_use() == 0, "%zu bytes are left: %s", memory_in_use(), status_message());
}

/* A discriminator alone is a model, too; a generator that is asked for is then drawn. */
START_TEST(a_discriminator_alone)
{
    PretrainedReport report = {0};
    Model *model;
    copy("config.json", "config.json");
    copy("model.safetensors", "model.safetensors");
    model = load_whole(scratch_folder);
    ck_assert(!((const ElectraConfig *)model->config)->generator);
    ck_assert_ptr_null(module_find(model->root, "generator"));
    compare_with_golden(model);
    OK(pretrained_save(model, scratch_path("saved"), &(PretrainedSaving){0}, &report));
    FileKind kind;
    OK(file_kind(scratch_path("saved/generator"), &kind));
    ck_assert_int_eq(kind, FILE_MISSING);
    model_free(model);
    OK(load(scratch_folder, true, true, &report, &model));
    ck_assert_int_eq(report.left_count, 0);
    ck_assert_ptr_nonnull(strstr(report.missing.data, "generator.generator_lm_head.bias"));
    ck_assert_ptr_null(strstr(report.missing.data, "discriminator"));
    pretrained_report_free(&report);
    model_free(model);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(a_generator_alone_is_refused)
{
    copy("generator/config.json", "config.json");
    copy("generator/model.safetensors", "model.safetensors");
    refuse("this is the generator of a pair");
}
END_TEST

START_TEST(directories_that_do_not_fit)
{
    static const struct {
        const char *from, *to, *word;
    } edits[] = {
        {"\"vocab_size\": 61", "\"vocab_size\": 62", "vocab_size is 62, that of the model above it 61"},
        {"\"embedding_size\": 16", "\"embedding_size\": 12", "embedding_size is 12, that of the model above it 16"},
        {"\"model_type\": \"electra\"", "\"model_type\": \"bert\"", "its model_type is that of bert"},
        {"\"model_type\": \"electra\"", "\"model_type\": 3", "model_type"},
        {"\"hidden_size\": 12", "\"hidden_size\": 13", "13 is not a multiple"},
        {"\"hidden_size\": 12", "\"hidden_size\": -12", "hidden_size"},
        {"\"hidden_size\": 12", "\"hidden_size\": \"wide\"", "hidden_size"},
        {"\"hidden_act\": \"gelu\"", "\"hidden_act\": \"relu\"", "hidden_act"},
        {"\"hidden_size\": 12", "\"hidden_size\": 14", "generator/model.safetensors"},
        {"{", "[", "config.json: line"},
    };
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        scratch_remove();
        scratch_make();
        copy_all();
        scratch_edit("generator/config.json", edits[i].from, edits[i].to);
        refuse(edits[i].word);
    }
}
END_TEST

START_TEST(weights_that_do_not_fit)
{
    PretrainedReport report = {0};
    Model *model;
    copy_all();
    copy("model.safetensors", "generator/model.safetensors"); /* the discriminator's once more */
    refuse("generator/model.safetensors: tensor 'electra.embeddings_project.weight' is F32[24,16]");
    scratch_write(scratch_path("generator/model.safetensors"), "rubbish", 7);
    refuse("generator/model.safetensors");
    ck_assert_int_eq(unlink(scratch_path("generator/model.safetensors")), 0);
    refuse("generator");
    copy("generator/model.safetensors", "generator/model.safetensors");
    OK(new_model(scratch_folder, false, &model));
    Tensor *words = module_find_param(model->root, "electra.embeddings.word_embeddings.weight")->value;
    OK(pretrained_load(model, scratch_folder, true, RANDOM_NONE, &report));
    TENSOR_F32(words)[5] += 1;
    OK(pretrained_save(model, scratch_path("other"), &(PretrainedSaving){0}, &report));
    model_free(model);
    Buffer bytes = {0};
    OK(file_read(scratch_path("other/generator/model.safetensors"), 0, &bytes));
    scratch_write(scratch_path("generator/model.safetensors"), bytes.data, bytes.length);
    buffer_free(&bytes);
    refuse("differs from 'electra.embeddings.word_embeddings.weight', to which it is tied");
}
END_TEST

static Status save(Model *model, const char *path)
{
    PretrainedReport report = {0};
    Status status = pretrained_save(model, path, &(PretrainedSaving){0}, &report);
    pretrained_report_free(&report);
    return status;
}

/* Whatever fails, a directory is there whole or not at all. */
START_TEST(saving_is_all_or_nothing)
{
    Model *model = load_whole(golden);
    const char *path = scratch_path("saved");
    FileKind kind;
    Status status = STATUS_IO;
    for (uint64_t n = 1; status != STATUS_OK; n++) {
        file_fail_after(n, 0);
        status = save(model, path);
        file_fail_after(0, 0);
        if (status == STATUS_OK) break;
        OK(file_kind(path, &kind));
        if (kind == FILE_DIRECTORY) model_free(load_whole(path)); /* it failed behind the exchange */
    }
    model_free(load_whole(path));
    status = STATUS_NOMEM;
    for (uint64_t n = 1; status != STATUS_OK; n++) {
        memory_fail_after(n, 0);
        status = save(model, path);
        memory_fail_after(0, 0);
    }
    model_free(load_whole(path));
    model_free(model);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(loading_survives_failing_allocations)
{
    Status status = STATUS_NOMEM;
    for (uint64_t n = 1; status != STATUS_OK; n++) {
        PretrainedReport report = {0};
        Model *model;
        memory_fail_after(n, 0);
        status = load(golden, true, false, &report, &model);
        memory_fail_after(0, 0);
        if (status == STATUS_OK) model_free(model);
        pretrained_report_free(&report);
        ck_assert_uint_eq(memory_in_use(), 0);
    }
}
END_TEST

Suite *electra_files_suite(void)
{
    Suite *suite = suite_create("electra_files");
    TCase *tests = tcase_create("electra_files");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, both_directories_are_read);
    tcase_add_test(tests, both_directories_are_written);
    tcase_add_test(tests, a_discriminator_alone);
    tcase_add_test(tests, a_generator_alone_is_refused);
    tcase_add_test(tests, directories_that_do_not_fit);
    tcase_add_test(tests, weights_that_do_not_fit);
    tcase_add_test(tests, saving_is_all_or_nothing);
    tcase_add_test(tests, loading_survives_failing_allocations);
    suite_add_tcase(suite, tests);
    return suite;
}
