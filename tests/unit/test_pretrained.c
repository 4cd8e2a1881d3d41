/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Directories of transformers (tests/parity/pretrained.py wrote those in tests/golden): read, written, refused. */
#include "engine/io/json.h"
#include "engine/io/pretrained.h"
#include "engine/io/weights.h"
#include "engine/nn/bert.h"
#include "engine/nn/gpt2.h"
#include "scripts/host.h"
#include "tests/unit/scratch.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#define OK(call) ck_assert_msg((call) == STATUS_OK, "%s", status_message())

static const char bert_golden[] = TEST_GOLDEN "/hf_bert", gpt2_golden[] = TEST_GOLDEN "/hf_gpt2";

/* The model of a directory's config.json, with weights drawn by chance. */
static Status new_model(const char *directory, Model **out)
{
    const ModelRecord *record;
    void *config;
    TRY(pretrained_record(directory, &record));
    TRY(memory_new(1, record->config_size, &config));
    Status status = pretrained_config(directory, record, config);
    if (status == STATUS_OK) status = model_new(record, config, "model", random_key(1, "weights"), out);
    memory_free(config);
    return status;
}

static Status compare_param(void *context, Param *param)
{
    const Param *other = module_find_param(context, param->path);
    ck_assert_ptr_nonnull(other);
    ck_assert(tensor_same_shape(param->value, other->value));
    ck_assert_msg(memcmp(tensor_data(param->value), tensor_data(other->value),
                         (size_t)tensor_count(param->value) * sizeof(float)) == 0,
                  "%s differs", param->path);
    return STATUS_OK;
}

static Model *load(const char *directory)
{
    Model *model;
    PretrainedReport report = {0};
    OK(new_model(directory, &model));
    OK(pretrained_load(model, directory, true, RANDOM_NONE, &report));
    ck_assert_int_eq(report.left_count + report.missing_count, 0);
    pretrained_report_free(&report);
    return model;
}

static const PretrainedSaving plainly = {0};

/* Nothing is left out. */
static void save(const Model *model, const char *directory, const PretrainedSaving *how)
{
    PretrainedReport report = {0};
    OK(pretrained_save(model, directory, how, &report));
    ck_assert_int_eq(report.left_count, 0);
}

static const struct Golden {
    const char *directory, *weights;
} goldens[] = {{bert_golden, TEST_GOLDEN "/bert_model.safetensors"},
               {gpt2_golden, TEST_GOLDEN "/gpt2_model.safetensors"}};

/* Shards, gamma and beta, tied decoders, buffers, names of the bare model: the same weights come out. */
START_TEST(directories_are_read)
{
    Model *model = load(goldens[_i].directory), *expected;
    OK(new_model(goldens[_i].directory, &expected));
    OK(weights_load(expected, goldens[_i].weights));
    OK(module_each_param(model->root, compare_param, expected->root));
    model_free(model);
    model_free(expected);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(directories_are_written)
{
    const char *path = scratch_path("saved");
    Model *model = load(goldens[_i].directory), *again;
    Safetensors *file, *golden;
    for (int twice = 0; twice < 2; twice++) save(model, path, &plainly);
    OK(safetensors_open(scratch_path("saved/model.safetensors"), &file));
    OK(safetensors_open(goldens[_i].weights, &golden));
    ck_assert_uint_eq(safetensors_count(file), safetensors_count(golden));
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const SafetensorsEntry *a = safetensors_entry(file, i), *b = safetensors_find(golden, a->name);
        ck_assert(b && a->bytes == b->bytes && a->ndim == b->ndim && a->shape[0] == b->shape[0]);
        ck_assert(memcmp(a->data, b->data, a->bytes) == 0);
    }
    safetensors_close(file);
    safetensors_close(golden);
    again = load(path);
    ck_assert(memcmp(model->config, again->config, model->record->config_size) == 0);
    model_free(model);
    model_free(again);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(config_says_what_transformers_needs)
{
    Model *model = load(bert_golden);
    json_t *config;
    save(model, scratch_path("saved"), &plainly);
    OK(json_read(scratch_path("saved/config.json"), 0, &config));
    ck_assert_str_eq(json_string_value(json_object_get(config, "model_type")), "bert");
    ck_assert_str_eq(json_string_value(json_object_get(config, "hidden_act")), "gelu");
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(config, "architectures"), 0)),
                     "BertForPreTraining");
    ck_assert_int_eq(json_integer_value(json_object_get(config, "num_attention_heads")), 3);
    ck_assert_ptr_null(json_object_get(config, "num_labels"));
    ck_assert_ptr_null(json_object_get(config, "id2label"));
    json_decref(config);
    model_free(model);
}
END_TEST

/* --- copies of the stored directories, made worse --- */

static void copy(const char *golden, const char *name)
{
    char from[512], to[512];
    Buffer bytes = {0};
    snprintf(from, sizeof from, "%s/%s", golden, name);
    snprintf(to, sizeof to, "%s/%s", scratch_folder, name);
    OK(file_read(from, 0, &bytes));
    scratch_write(to, bytes.data, bytes.length);
    buffer_free(&bytes);
}

static void copy_bert(void)
{
    static const char *const names[] = {"config.json", "model.safetensors.index.json",
                                        "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) copy(bert_golden, names[i]);
}

static void expect_refusal(const char *words)
{
    Model *model = NULL, *before;
    PretrainedReport report = {0};
    Status status = new_model(scratch_folder, &model);
    if (status == STATUS_OK) {
        OK(new_model(scratch_folder, &before));
        status = pretrained_load(model, scratch_folder, true, RANDOM_NONE, &report);
        char message[1024];
        snprintf(message, sizeof message, "%s", status_message());
        OK(module_each_param(model->root, compare_param, before->root)); /* as they were drawn */
        model_free(before);
        ck_assert_int_ne(status, STATUS_OK);
        status_fail(status, "%s", message);
    }
    ck_assert_int_ne(status, STATUS_OK);
    ck_assert_msg(strstr(status_message(), words) != NULL, "'%s' is not in: %s", words, status_message());
    pretrained_report_free(&report);
    model_free(model);
    ck_assert_uint_eq(memory_in_use(), 0);
}

static const char shard[] = "model-00001-of-00002.safetensors";

static const struct BadConfig {
    const char *from, *to, *message;
} bad_configs[] = {
    {"\"bert\"", "\"llama\"", "its model_type is 'llama'; Lathe reads bert, electra, gpt2"},
    {"\"bert\"", "\"mlp\"", "its model_type is 'mlp'"},
    {"\"model_type\"", "\"kind\"", "'model_type' is missing"},
    {"\"gelu\"", "\"relu\"", "hidden_act is \"relu\"; Lathe's bert has 'gelu'"},
    {"\"gelu\"", "3", "hidden_act is 3; Lathe's bert has 'gelu'"},
    {"\"gelu\"", "{\"a\": []}", "hidden_act is {\"a\": []}; Lathe's bert has 'gelu'"},
    {"\"absolute\"", "\"relative_key\"", "position_embedding_type is \"relative_key\""},
    {"\"hidden_size\": 24", "\"hidden_size\": 0", "hidden_size must be"},
    {"\"hidden_size\": 24", "\"hidden_size\": \"x\"", "hidden_size is a string"},
    {"\"hidden_size\": 24", "\"hidden_size\": 2.5", "hidden_size must be"},
    {"\"hidden_size\": 24", "\"hidden_size\": 48", "is F32[61,24], the model's is f32[61,48]"},
    {"\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3",
     "16 parameters of the model are missing: bert.encoder"},
    {"\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1", "16 tensors have no place in the model: bert.encoder"},
    {"ForPreTraining", "ForTokenClassification",
     "its architecture is 'BertForTokenClassification'; Lathe reads BertForSequenceClassification, "},
    {"ForPreTraining\"\n  ]", "ForSequenceClassification\"], \"id2label\": [\"a\", \"b\"]", "id2label is an array"},
    {"ForPreTraining\"\n  ]", "ForSequenceClassification\"], \"id2label\": {\"0\": \"a\", \"2\": \"b\"}",
     "id2label names 2 classes, but that of class 1 is missing"},
    {"ForPreTraining\"\n  ]", "ForSequenceClassification\"], \"id2label\": {\"0\": \"a\", \"1\": 7}",
     "that of class 1 is an integer"},
    {"ForPreTraining\"\n  ]", "ForSequenceClassification\"], \"num_labels\": \"2\"", "num_labels is a string"},
};

START_TEST(bad_configs_are_refused)
{
    copy_bert();
    scratch_edit("config.json", bad_configs[_i].from, bad_configs[_i].to);
    expect_refusal(bad_configs[_i].message);
}
END_TEST

static const struct BadIndex {
    const char *to, *message;
} bad_indexes[] = {
    {"../model-00001-of-00002.safetensors", "is a path into another directory"},
    {"/etc/passwd", "is an absolute path"},
    {"sub/x.safetensors", "is a path into another directory"},
    {"..", "is a hidden file or a directory"},
    {"", "is empty"},
    {"a\\\\b", "is a path into another directory"},
    {"model-00003-of-00002.safetensors", "'model-00003-of-00002.safetensors' is missing"},
    {"model-00002-of-00002.safetensors", "is not in its shard 'model-00002-of-00002.safetensors'"},
    {"config.json", "config.json"},
};

START_TEST(bad_indexes_are_refused)
{
    copy_bert();
    scratch_edit("model.safetensors.index.json", shard, bad_indexes[_i].to);
    expect_refusal(bad_indexes[_i].message);
}
END_TEST

START_TEST(links_are_refused)
{
    char from[512];
    copy_bert();
    snprintf(from, sizeof from, "%s/%s", bert_golden, shard);
    ck_assert_int_eq(unlink(scratch_path(shard)), 0);
    ck_assert_int_eq(symlink(from, scratch_path(shard)), 0);
    expect_refusal("is a link, which is not followed");
    ck_assert_int_eq(unlink(scratch_path(shard)), 0);
    ck_assert_int_eq(mkdir(scratch_path(shard), 0755), 0);
    expect_refusal("is no regular file");
    ck_assert_int_eq(rmdir(scratch_path(shard)), 0);
    expect_refusal("is missing; was the whole model fetched?");
}
END_TEST

/* A pipe that nobody writes to is no file, and nobody waits for it. */
START_TEST(pipes_are_refused)
{
    copy(bert_golden, "config.json");
    ck_assert_int_eq(mkfifo(scratch_path("model.safetensors"), 0600), 0);
    expect_refusal("model.safetensors: is not a regular file");
    ck_assert_int_eq(unlink(scratch_path("config.json")), 0);
    ck_assert_int_eq(mkfifo(scratch_path("config.json"), 0600), 0);
    expect_refusal("config.json: is empty");
}
END_TEST

/* Tensors of the golden BERT, with a place for more. */
static size_t golden_entries(Safetensors **file, SafetensorsEntry entries[64])
{
    size_t count = 0;
    OK(safetensors_open(TEST_GOLDEN "/bert_model.safetensors", file));
    for (; count < safetensors_count(*file); count++) entries[count] = *safetensors_entry(*file, count);
    return count;
}

/* A name from a file does not steer the terminal, in errors and in lists. */
START_TEST(names_are_shown_harmless)
{
    static const float value[1] = {1};
    Model *model;
    PretrainedReport report = {0};
    Safetensors *file;
    SafetensorsEntry entries[64];
    copy(bert_golden, "config.json");
    size_t count = golden_entries(&file, entries);
    entries[count++] =
        (SafetensorsEntry){.name = "\x1b[2Jred", .type = SAFETENSORS_F32, .ndim = 1, .shape = {1}, .data = value};
    OK(safetensors_write(scratch_path("model.safetensors"), false, entries, count, NULL, 0));
    safetensors_close(file);
    expect_refusal("1 tensors have no place in the model: \\x1b[2Jred");
    OK(new_model(scratch_folder, &model));
    OK(pretrained_load(model, scratch_folder, false, RANDOM_NONE, &report));
    ck_assert_str_eq(report.left.data, "\\x1b[2Jred\n");
    pretrained_report_free(&report);
    model_free(model);
}
END_TEST

/* Nothing trains from NaN: an error, or the rest without it. */
START_TEST(values_must_be_finite)
{
    Model *model;
    PretrainedReport report = {0};
    Safetensors *file;
    SafetensorsEntry entries[64];
    float bias[24] = {0};
    copy(bert_golden, "config.json");
    size_t count = golden_entries(&file, entries), at = 0;
    while (strcmp(entries[at].name, "bert.pooler.dense.bias") != 0) at++;
    bias[7] = _i ? (float)INFINITY : (float)NAN;
    entries[at].data = bias;
    OK(safetensors_write(scratch_path("model.safetensors"), false, entries, count, NULL, 0));
    safetensors_close(file);
    expect_refusal("tensor 'bert.pooler.dense.bias' holds values that are not finite");
    OK(new_model(scratch_folder, &model));
    OK(pretrained_load(model, scratch_folder, false, RANDOM_NONE, &report));
    ck_assert_str_eq(report.left.data, "bert.pooler.dense.bias (its values are not finite)\n");
    ck_assert_str_eq(report.missing.data, "bert.pooler.dense.bias\n");
    ck_assert(tensor_get(module_find_param(model->root, "bert.pooler.dense.bias")->value, 7) == 0);
    pretrained_report_free(&report);
    model_free(model);
}
END_TEST

/* What an index passes over is in the shards all the same. */
START_TEST(shards_have_no_more_than_the_index)
{
    copy_bert();
    scratch_edit("model.safetensors.index.json", "\"bert.embeddings.LayerNorm.gamma\"",
                 "\"bert.embeddings.position_ids2\"");
    expect_refusal("tensor 'bert.embeddings.position_ids2' is not in its shard");
    copy_bert();
    char *index = scratch_read(scratch_path("model.safetensors.index.json"));
    char *at = strstr(index, "\"cls.predictions.decoder.weight\""), *line = at;
    size_t end = strcspn(line, "\n");
    memset(line, ' ', end); /* the line of a tensor, which was found by its twin */
    scratch_write(scratch_path("model.safetensors.index.json"), index, strlen(index));
    memory_free(index);
    model_free(load(scratch_folder));
    Safetensors *file;
    SafetensorsEntry entries[64];
    static const float value[1] = {1};
    size_t count = 0;
    OK(safetensors_open(scratch_path(shard), &file));
    for (; count < safetensors_count(file); count++) entries[count] = *safetensors_entry(file, count);
    entries[count++] =
        (SafetensorsEntry){.name = "smuggled", .type = SAFETENSORS_F32, .ndim = 1, .shape = {1}, .data = value};
    OK(safetensors_write(scratch_path("new"), false, entries, count, NULL, 0));
    safetensors_close(file);
    ck_assert_int_eq(rename(scratch_path("new"), scratch_path(shard)), 0);
    expect_refusal("1 tensors have no place in the model: smuggled");
}
END_TEST

/* null of transformers means as hidden_dropout_prob, both ways. */
START_TEST(classifier_dropout_is_read)
{
    Model *model;
    json_t *config;
    copy_bert();
    OK(new_model(scratch_folder, &model));
    ck_assert(((BertConfig *)model->config)->encoder.classifier_dropout == -1);
    save(model, scratch_path("saved"), &plainly);
    OK(json_read(scratch_path("saved/config.json"), 0, &config));
    ck_assert(json_is_null(json_object_get(config, "classifier_dropout")));
    json_decref(config);
    model_free(model);
    scratch_edit("config.json", "\"classifier_dropout\": null", "\"classifier_dropout\": 0.25");
    OK(new_model(scratch_folder, &model));
    ck_assert(((BertConfig *)model->config)->encoder.classifier_dropout == 0.25);
    model_free(model);
}
END_TEST

START_TEST(no_weights)
{
    copy(bert_golden, "config.json");
    expect_refusal("neither model.safetensors nor model.safetensors.index.json");
    scratch_write(scratch_path("pytorch_model.bin"), "x", 1);
    expect_refusal("the weights are in pytorch_model.bin, a pickle");
    OK(file_remove_tree(scratch_path("config.json")));
    expect_refusal("config.json: cannot be opened");
    ck_assert(!pretrained_is_there(scratch_folder));
    ck_assert(pretrained_is_there(bert_golden));
}
END_TEST

/* A tied weight under another name must be the same. */
START_TEST(tied_weights_must_agree)
{
    copy(gpt2_golden, "config.json");
    Safetensors *file;
    SafetensorsEntry entries[64];
    size_t count;
    OK(safetensors_open(TEST_GOLDEN "/hf_gpt2/model.safetensors", &file));
    for (count = 0; count < safetensors_count(file); count++) entries[count] = *safetensors_entry(file, count);
    entries[count] = *safetensors_find(file, "wte.weight");
    entries[count].name = "lm_head.weight";
    OK(safetensors_write(scratch_path("model.safetensors"), false, entries, count + 1, NULL, 0));
    model_free(load(scratch_folder));
    float other[61 * 24] = {1};
    entries[count].data = other;
    OK(safetensors_write(scratch_path("model.safetensors"), false, entries, count + 1, NULL, 0));
    safetensors_close(file);
    expect_refusal("'lm_head.weight' differs from 'wte.weight', to which it is tied");
}
END_TEST

START_TEST(lenient_loading_lists)
{
    Model *model;
    PretrainedReport report = {0};
    copy_bert();
    scratch_edit("config.json", "\"max_position_embeddings\": 16", "\"max_position_embeddings\": 20");
    scratch_edit("config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1");
    scratch_edit("config.json", "\"vocab_size\": 61", "\"vocab_size\": 61, \"num_labels\": 3");
    OK(new_model(scratch_folder, &model));
    OK(pretrained_load(model, scratch_folder, false, RANDOM_NONE, &report));
    ck_assert_str_eq(report.missing.data, "bert.embeddings.position_embeddings.weight\nclassifier.weight\n"
                                          "classifier.bias\n");
    ck_assert_int_eq(report.missing_count, 3);
    ck_assert_int_eq(report.left_count, 17);
    ck_assert_ptr_nonnull(strstr(report.left.data, "position_embeddings.weight (it is F32[16,24], the model's is "
                                                   "f32[20,24])\n"));
    ck_assert_ptr_nonnull(strstr(report.left.data, "bert.encoder.layer.1.output.dense.weight\n"));
    pretrained_report_free(&report);
    model_free(model);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* No memory is taken for what the files cannot fill. */
START_TEST(sizes_are_compared_first)
{
    const ModelRecord *record;
    Model *model;
    PretrainedReport report = {0};
    BertConfig config;
    copy_bert();
    scratch_edit("config.json", "\"hidden_size\": 24", "\"hidden_size\": 65535");
    scratch_edit("config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 900");
    OK(pretrained_record(scratch_folder, &record));
    OK(pretrained_config(scratch_folder, record, &config));
    RandomKey key = random_key(1, "weights");
    ASSERT_FAILS(pretrained_new(record, &config, "model", scratch_folder, true, key, &report, &model),
                 STATUS_FORMAT, "the model's is f32[61,65535]; nothing was loaded");
    pretrained_report_free(&report);
    ASSERT_FAILS(pretrained_new(record, &config, "model", scratch_folder, false, key, &report, &model),
                 STATUS_FORMAT, "config.json describes a model of 154");
    pretrained_report_free(&report);
    ck_assert_uint_lt(memory_peak(), 64 << 20);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* What is missing is drawn as a new model's would be. */
START_TEST(missing_heads_are_drawn)
{
    const ModelRecord *record;
    Model *model, *fresh;
    PretrainedReport report = {0};
    Gpt2Config config;
    RandomKey key = random_key(1, "weights");
    OK(pretrained_record(gpt2_golden, &record));
    OK(pretrained_config(gpt2_golden, record, &config));
    config.num_labels = 3;
    OK(pretrained_new(record, &config, "model", gpt2_golden, true, key, &report, &model));
    OK(model_new(record, &config, "model", key, &fresh));
    ck_assert_str_eq(report.missing.data, "score.weight\n");
    OK(module_each_param(module_find(model->root, "score"), compare_param, fresh->root));
    ck_assert(tensor_get(module_find_param(model->root, "score.weight")->value, 5) != 0);
    pretrained_report_free(&report);
    model_free(model);
    model_free(fresh);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(labels_are_counted)
{
    Model *model;
    copy_bert();
    scratch_edit("config.json", "BertForPreTraining", "BertForSequenceClassification");
    OK(new_model(scratch_folder, &model));
    ck_assert_ptr_nonnull(module_find_param(model->root, "classifier.weight"));
    ck_assert_int_eq(module_find_param(model->root, "classifier.weight")->value->shape[0], 2);
    model_free(model);
    scratch_edit("config.json", "\"vocab_size\": 61",
                 "\"vocab_size\": 61, \"id2label\": {\"0\": \"a\", \"1\": \"b\", \"2\": \"c\"}");
    OK(new_model(scratch_folder, &model));
    ck_assert_int_eq(module_find_param(model->root, "classifier.weight")->value->shape[0], 3);
    model_free(model);
}
END_TEST

/* --- classes of transformers --- */

/* A directory of a class that has not all heads, as transformers writes it. */
static void write_class(const char *name, const char *const *without)
{
    Safetensors *file;
    SafetensorsEntry entries[64];
    size_t count = 0;
    copy(bert_golden, "config.json");
    scratch_edit("config.json", "BertForPreTraining", name);
    OK(safetensors_open(TEST_GOLDEN "/bert_model.safetensors", &file));
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const SafetensorsEntry *entry = safetensors_entry(file, i);
        bool out = false;
        for (const char *const *head = without; *head; head++) out |= module_path_below(entry->name, *head);
        if (!out) entries[count++] = *entry;
    }
    OK(safetensors_write(scratch_path("model.safetensors"), false, entries, count, NULL, 0));
    safetensors_close(file);
}

static const struct Class {
    const char *name, *without[4], *missing;
    int count;
} classes[] = {
    {"BertForPreTraining", {NULL}, NULL, 0},
    {"BertModel",
     {"cls", NULL},
     "cls.predictions.bias\ncls.predictions.transform.dense.weight\n"
     "cls.predictions.transform.dense.bias\ncls.predictions.transform.LayerNorm.weight\n"
     "cls.predictions.transform.LayerNorm.bias\ncls.seq_relationship.weight\ncls.seq_relationship.bias\n",
     7},
    {"BertForMaskedLM",
     {"bert.pooler", "cls.seq_relationship", NULL},
     "bert.pooler.dense.weight\nbert.pooler.dense.bias\ncls.seq_relationship.weight\ncls.seq_relationship.bias\n",
     4},
    {"BertForNextSentencePrediction", {"cls.predictions", NULL}, NULL, 5},
};

enum { CLASSES = sizeof classes / sizeof *classes };

/* What a class has not is drawn anew and listed, strict or not; what it should have must be there. */
START_TEST(classes_of_transformers_are_read)
{
    const struct Class *class = &classes[_i];
    Model *model;
    PretrainedReport report = {0};
    write_class(class->name, class->without);
    OK(new_model(scratch_folder, &model));
    OK(pretrained_load(model, scratch_folder, true, RANDOM_NONE, &report));
    ck_assert_int_eq(report.missing_count, class->count);
    ck_assert_int_eq(report.left_count, 0);
    if (class->missing) ck_assert_str_eq(report.missing.data, class->missing);
    pretrained_report_free(&report);
    model_free(model);
    ck_assert_uint_eq(memory_in_use(), 0);
    write_class(class->name, (const char *const[]){"bert.encoder.layer.1.output.dense", "cls", NULL});
    expect_refusal("parameters of the model are missing: bert.encoder.layer.1.output.dense.weight");
}
END_TEST

/* A head of a class that Lathe does not know may mean something else, though its name is one of ours. */
START_TEST(unknown_classes_give_the_trunk)
{
    static const float values[3 * 24] = {1};
    Model *model;
    PretrainedReport report = {0};
    Safetensors *file;
    SafetensorsEntry entries[64];
    size_t count = 0;
    copy(bert_golden, "config.json");
    scratch_edit("config.json", "BertForPreTraining\"\n  ]", "BertForTokenClassification\"], \"num_labels\": 3");
    OK(safetensors_open(TEST_GOLDEN "/bert_model.safetensors", &file));
    for (size_t i = 0; i < safetensors_count(file); i++)
        if (module_path_below(safetensors_entry(file, i)->name, "bert"))
            entries[count++] = *safetensors_entry(file, i);
    entries[count++] = (SafetensorsEntry){
        .name = "classifier.weight", .type = SAFETENSORS_F32, .ndim = 2, .shape = {3, 24}, .data = values};
    OK(safetensors_write(scratch_path("model.safetensors"), false, entries, count, NULL, 0));
    safetensors_close(file);
    expect_refusal("its architecture is 'BertForTokenClassification'");
    OK(new_model(scratch_folder, &model));
    double before = tensor_get(module_find_param(model->root, "classifier.weight")->value, 0);
    OK(pretrained_load(model, scratch_folder, false, RANDOM_NONE, &report));
    ck_assert_str_eq(report.left.data, "classifier.weight\n");
    ck_assert(tensor_get(module_find_param(model->root, "classifier.weight")->value, 0) == before);
    ck_assert_ptr_nonnull(strstr(report.missing.data, "classifier.weight\n"));
    pretrained_report_free(&report);
    model_free(model);
}
END_TEST

/* A classifier comes back as it was, with the names of its classes; what its files have no place for is listed. */
START_TEST(classifiers_come_back)
{
    static const char *const names[] = {"bad", "so so", "good \xe2\x98\xba"};
    static const char *const heads[] = {"classifier", "score"};
    PretrainedReport report = {0};
    PretrainedSaving how = {.classes = names, .class_count = 3};
    const ModelRecord *record;
    Model *model;
    Module *head;
    char config[4096];
    OK(pretrained_record(goldens[_i].directory, &record));
    OK(pretrained_config(goldens[_i].directory, record, config));
    OK(option_set_number(record->options, config, "test", "num_labels", 3));
    OK(model_new(record, config, "model", random_key(1, "weights"), &model));
    OK(module_add(model->root, "domain_classifier", &head));
    OK(linear_add(head, "out_proj", 24, 1, true, random_key(1, "x"), 1, NULL));
    OK(pretrained_save(model, scratch_path("saved"), &how, &report));
    ck_assert_ptr_nonnull(strstr(report.left.data, "domain_classifier.out_proj.bias\n"));
    ck_assert_int_eq(report.left_count, _i == 0 ? 9 : 2); /* BERT's heads of pre-training, and the domain's */
    pretrained_report_free(&report);
    Model *again;
    OK(new_model(scratch_path("saved"), &again));
    OK(pretrained_load(again, scratch_path("saved"), true, RANDOM_NONE, &report));
    ck_assert_int_eq(again->class_count, 3);
    for (int i = 0; i < 3; i++) ck_assert_str_eq(again->classes[i], names[i]);
    OK(module_each_param(module_find(again->root, heads[_i]), compare_param, model->root));
    pretrained_report_free(&report);
    OK(pretrained_save(again, scratch_path("twice"), &plainly, &report)); /* names without data */
    char *first = scratch_read(scratch_path("saved/config.json")),
         *second = scratch_read(scratch_path("twice/config.json"));
    ck_assert_str_eq(first, second);
    memory_free(first);
    memory_free(second);
    pretrained_report_free(&report);
    model_free(model);
    model_free(again);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* Begin and end of texts are the tokenizer's, not GPT-2's own. */
START_TEST(token_ids_are_written)
{
    Model *model = load(gpt2_golden);
    Vocabulary vocabulary = {.size = 61, .pad = 7, .separator = 7, .classify = 7, .mask = -1, .unknown = -1};
    json_t *config;
    save(model, scratch_path("saved"), &(PretrainedSaving){.vocabulary = &vocabulary});
    OK(json_read(scratch_path("saved/config.json"), 0, &config));
    ck_assert_int_eq(json_integer_value(json_object_get(config, "eos_token_id")), 7);
    ck_assert_int_eq(json_integer_value(json_object_get(config, "bos_token_id")), 7);
    ck_assert_int_eq(json_integer_value(json_object_get(config, "pad_token_id")), 7);
    json_decref(config);
    vocabulary.separator = -1;
    save(model, scratch_path("saved"), &(PretrainedSaving){.vocabulary = &vocabulary});
    OK(json_read(scratch_path("saved/config.json"), 0, &config));
    ck_assert(json_is_null(json_object_get(config, "eos_token_id")));
    json_decref(config);
    model_free(model);
}
END_TEST

/* What stands in the way is not written over. */
START_TEST(saving_keeps_what_is_there)
{
    Model *model = load(gpt2_golden);
    scratch_write(scratch_path("file"), "x", 1);
    PretrainedReport report = {0};
    ck_assert_int_ne(pretrained_save(model, scratch_path("file"), &plainly, &report), STATUS_OK);
    ck_assert_int_eq(pretrained_save(model, scratch_folder, &plainly, &report), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(status_message(), "holds something else than a model"));
    scratch_assert_text(scratch_path("file"), "x");
    model_free(model);
}
END_TEST

static void fail_all(int writes)
{
    Model *model = load(gpt2_golden);
    save(model, scratch_path("saved"), &plainly);
    for (uint64_t n = 1;; n += 1 + n / 8) {
        PretrainedReport report = {0};
        (writes ? file_fail_after : memory_fail_after)(n, 0);
        Status status = pretrained_save(model, scratch_path("saved"), &plainly, &report);
        if (status == STATUS_OK) status = pretrained_load(model, gpt2_golden, true, RANDOM_NONE, &report);
        (writes ? file_fail_after : memory_fail_after)(0, 0);
        pretrained_report_free(&report);
        model_free(load(scratch_path("saved")));
        if (status == STATUS_OK) break;
        ck_assert_int_eq(status, writes ? STATUS_IO : STATUS_NOMEM);
    }
    model_free(model);
    ck_assert_uint_eq(memory_in_use(), 0);
}

START_TEST(failures_leave_the_old)
{
    fail_all(_i);
}
END_TEST

/* --- from Lua --- */

static int push_paths(lua_State *L)
{
    lua_pushstring(L, scratch_folder);
    lua_setglobal(L, "folder");
    lua_pushstring(L, TEST_GOLDEN);
    lua_setglobal(L, "golden");
    return 0;
}

START_TEST(from_lua)
{
    static const char script[] =
        "local gpt = models.load(golden .. '/hf_gpt2')\n"
        "assert(gpt.n_embd == 24 and gpt.n_layer == 2)\n"
        "local s = session { model = gpt }\n"
        "s.model:save(folder .. '/saved')\n"
        "local t = session { models = { a = models.load(folder .. '/saved'), b = models.load(golden .. '/hf_gpt2', "
        "{ attn_pdrop = 0.5, name = 'b' }) } }\n"
        "local path = 'transformer.h.1.attn.c_attn.weight'\n"
        "assert(t.models.a[path]:norm():item() == t.models.b[path]:norm():item())\n"
        "local function fails(words, f, ...)\n"
        "  local ok, message = pcall(f, ...)\n"
        "  assert(not ok and message:find(words, 1, true), message)\n"
        "end\n"
        "fails(\"did you mean 'strict'?\", models.load, golden .. '/hf_gpt2', { strct = false })\n"
        "fails('there is no such directory', models.load, folder .. '/nowhere')\n"
        "local c = session { model = models.load(golden .. '/hf_bert', { num_labels = 2 }) }\n"
        "c.model:save(folder .. '/classes')\n"
        "c.model:save(folder .. '/bare', { architecture = 'BertModel' })\n"
        "fails(\"has no form 'BertMdl' in transformers; there are BertForS\", c.model.save, c.model, folder .. "
        "'/x',\n"
        "  { architecture = 'BertMdl' })\n"
        "fails('has not all parts of a BertForSequenceClassification', function()\n"
        "  session { model = models.load(golden .. '/hf_bert') }.model:save(folder .. '/x',\n"
        "    { architecture = 'BertForSequenceClassification' })\n"
        "end)\n"
        "local d = session { model = models.load(folder .. '/classes') }\n"
        "assert(d.model.classifier.weight:norm():item() == c.model.classifier.weight:norm():item())\n"
        "session { model = models.load(folder .. '/bare') }\n";
    Host *host;
    HostOptions options = {.seed = 1};
    OK(host_new(&options, &host));
    OK(host_protect(host, push_paths, NULL));
    OK(host_run(host, script, sizeof script - 1, "test", 0));
    host_free(host);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

Suite *pretrained_suite(void);
Suite *pretrained_suite(void)
{
    Suite *suite = suite_create("pretrained");
    TCase *tests = tcase_create("pretrained");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_loop_test(tests, directories_are_read, 0, 2);
    tcase_add_loop_test(tests, directories_are_written, 0, 2);
    tcase_add_test(tests, config_says_what_transformers_needs);
    tcase_add_loop_test(tests, bad_configs_are_refused, 0, sizeof bad_configs / sizeof *bad_configs);
    tcase_add_loop_test(tests, bad_indexes_are_refused, 0, sizeof bad_indexes / sizeof *bad_indexes);
    tcase_add_test(tests, links_are_refused);
    tcase_add_test(tests, pipes_are_refused);
    tcase_add_test(tests, names_are_shown_harmless);
    tcase_add_loop_test(tests, values_must_be_finite, 0, 2);
    tcase_add_test(tests, shards_have_no_more_than_the_index);
    tcase_add_test(tests, classifier_dropout_is_read);
    tcase_add_test(tests, no_weights);
    tcase_add_test(tests, tied_weights_must_agree);
    tcase_add_test(tests, lenient_loading_lists);
    tcase_add_test(tests, labels_are_counted);
    tcase_add_test(tests, sizes_are_compared_first);
    tcase_add_test(tests, missing_heads_are_drawn);
    tcase_add_loop_test(tests, classes_of_transformers_are_read, 0, CLASSES);
    tcase_add_test(tests, unknown_classes_give_the_trunk);
    tcase_add_loop_test(tests, classifiers_come_back, 0, 2);
    tcase_add_test(tests, token_ids_are_written);
    tcase_add_test(tests, saving_keeps_what_is_there);
    tcase_add_loop_test(tests, failures_leave_the_old, 0, 2);
    tcase_add_test(tests, from_lua);
    suite_add_tcase(suite, tests);
    return suite;
}
