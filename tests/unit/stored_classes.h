/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tiny BERT and GPT-2 of tests/golden as classifiers, with stored batches and what PyTorch made of them
 * (tests/parity/torch_classes.py), as sessions for tests. */
#ifndef LATHE_TESTS_STORED_CLASSES_H
#define LATHE_TESTS_STORED_CLASSES_H

#include "engine/io/pretrained.h"
#include "engine/io/safetensors.h"
#include "engine/train/session.h"
#include "tests/unit/scratch.h"

#include <math.h>

enum { CLASS_STEPS = 20, CLASS_ROWS = 3, CLASS_COUNT = 3 };

typedef struct StoredModel {
    const char *directory, *steps;
    const char *head; /* the module that PyTorch drew */
    int layers;
} StoredModel;

static const StoredModel stored_models[] = {
    {TEST_GOLDEN "/hf_bert", TEST_GOLDEN "/bert_steps.safetensors", "classifier", 2},
    {TEST_GOLDEN "/hf_gpt2", TEST_GOLDEN "/gpt2_steps.safetensors", "score", 2}};

enum { STORED_MODELS = sizeof stored_models / sizeof *stored_models };

typedef struct StoredBatches {
    Source source;
    Safetensors *file;
} StoredBatches;

/* The step's part of a tensor [steps,...], if the file has it. */
static inline Status stored_classes_put(const StoredBatches *stored, Batch *batch, Arena *arena, const char *name,
                                        int64_t step)
{
    const SafetensorsEntry *entry = safetensors_find(stored->file, name);
    Tensor *tensor;
    if (!entry) return STATUS_OK;
    TRY(tensor_new(arena, DTYPE_I32, entry->ndim - 1, entry->shape + 1, &tensor));
    size_t bytes = (size_t)tensor_count(tensor) * sizeof(int32_t);
    memcpy(tensor_data(tensor), (const char *)entry->data + (size_t)step * bytes, bytes);
    return batch_put(batch, name, tensor);
}

static inline Status stored_classes_next(Source *source, Arena *arena, Cursor *cursor, Batch *out)
{
    static const char *const names[] = {"input_ids", "token_type_ids", "lengths", "labels"};
    int64_t step = cursor->index++;
    *out = (Batch){.size = CLASS_ROWS};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        TRY(stored_classes_put((const StoredBatches *)source, out, arena, names[i], step));
    return STATUS_OK;
}

static inline void stored_classes_free(Source *source)
{
    safetensors_close(((StoredBatches *)source)->file);
    memory_free(source);
}

/* What PyTorch made: losses and so on. */
static inline const SafetensorsEntry *stored_classes_get(const Session *session, const char *name)
{
    const SafetensorsEntry *entry;
    ASSERT_OK(safetensors_get(((const StoredBatches *)session->sources[0].source)->file, name, &entry));
    return entry;
}

static inline void stored_classes_model(const StoredModel *stored, const char *options, Session *session)
{
    const ModelRecord *record;
    Model *model;
    PretrainedReport report = {0};
    void *config;
    ASSERT_OK(pretrained_record(stored->directory, &record));
    ASSERT_OK(memory_new(1, record->config_size, &config));
    ASSERT_OK(pretrained_config(stored->directory, record, config));
    ASSERT_OK(option_set_number(record->options, config, "test", "num_labels", CLASS_COUNT));
    for (const char *at = options; at && *at;) { /* "name=value name=value" */
        char name[64], value[64];
        int used;
        ck_assert_int_eq(sscanf(at, " %63[^=]=%63[^;];%n", name, value, &used), 2);
        ASSERT_OK(option_set_text(record->options, config, "test", name, value));
        at += used;
    }
    ASSERT_OK(model_new(record, config, "model", random_key(1, "weights"), &model));
    memory_free(config);
    ASSERT_OK(session_add_model(session, model));
    ASSERT_OK(pretrained_load(model, stored->directory, false, RANDOM_NONE, &report));
    pretrained_report_free(&report);
}

static inline Status stored_classes_fill(void *context, Param *param)
{
    const SafetensorsEntry *entry;
    char name[MODULE_PATH_SIZE + 8];
    snprintf(name, sizeof name, "class.%s", param->path);
    entry = stored_classes_get(context, name);
    ck_assert_int_eq(entry->count, tensor_count(param->value));
    memcpy(tensor_data(param->value), entry->data, entry->bytes);
    return STATUS_OK;
}

/* options of the model beside its own, "name=value;name=value;"; NULL: none. */
static inline Session *stored_classes_session(const StoredModel *stored, const char *options)
{
    static const SourceType type = {"stored", stored_classes_next, NULL, stored_classes_free};
    Session *session;
    StoredBatches *batches;
    Objective *objective;
    ASSERT_OK(session_new(1, &session));
    ASSERT_OK(memory_new(1, sizeof *batches, &batches));
    batches->source =
        (Source){.type = &type, .refs = 1, .examples = CLASS_STEPS * CLASS_ROWS, .batch_size = CLASS_ROWS};
    ASSERT_OK(safetensors_open(stored->steps, &batches->file));
    ASSERT_OK(session_add_source(session, "train", &batches->source));
    source_unref(&batches->source);
    stored_classes_model(stored, options, session);
    ASSERT_OK(module_each_param(module_find(session->models[0]->root, stored->head), stored_classes_fill, session));
    ASSERT_OK(objective_new(objective_record_find("classify"), NULL, NULL, 1, &objective));
    ASSERT_OK(session_add_objective(session, objective));
    session->optimizer.config.lr = 1e-3;
    return session;
}

static inline double stored_classes_number(const Session *session, const char *name, int64_t at)
{
    return (double)((const float *)stored_classes_get(session, name)->data)[at];
}

/* The losses and gradient norms of 20 steps of the session are the stored ones. */
static inline void stored_classes_steps(Session *session, const char *losses, const char *norms)
{
    StepMetrics metrics;
    for (int64_t step = 0; step < CLASS_STEPS; step++) {
        double loss = stored_classes_number(session, losses, step),
               norm = stored_classes_number(session, norms, step);
        ASSERT_OK(session_step(session, &metrics));
        ck_assert_double_eq_tol(metrics.loss, loss, 1e-4 * loss);
        ck_assert_double_eq_tol(metrics.grad_norm, norm, 1e-3 * norm);
    }
}

static inline Status stored_classes_freeze_param(void *context, Param *param)
{
    (void)context;
    param_set_frozen(param, true);
    return STATUS_OK;
}

static inline const char *stored_classes_trunk(const Session *session)
{
    return session->models[0]->record->base;
}

static inline void stored_classes_freeze(Session *session, const char *path)
{
    ASSERT_OK(module_each_param(module_find(session->models[0]->root, path), stored_classes_freeze_param, NULL));
}

#endif
