/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/run_origin.h"

#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/pretrained.h"
#include "scripts/bind_origin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a model and its tokenizer are read from, beside the weights. */
static const char *const small_files[] = {"config.json", "model.json", "tokenizer.json", "tokenizer_config.json",
                                          "vocab.txt",   "vocab.json", "merges.txt",     "characters.json"};

/* --- at the beginning --- */

static Status put_model(const Model *model, json_t *models)
{
    json_t *entry;
    char content[HASH_TEXT_SIZE];
    hash_text(model->content, content);
    TRY(json_new_object(&entry));
    TRY(json_set(models, model->name, entry));
    TRY(json_set_text(entry, "directory", model->origin));
    return json_set_text(entry, "content", content);
}

Status run_origin_put(const Session *session, json_t *config)
{
    json_t *models = NULL;
    for (int i = 0; i < session->model_count; i++) {
        if (!session->models[i]->origin) continue;
        if (!models) {
            TRY(json_new_object(&models));
            TRY(json_set(config, "models", models));
        }
        TRY(put_model(session->models[i], models));
    }
    return STATUS_OK;
}

static Status copy_file(const char *from, const char *to, const char *name)
{
    char *source, *target = NULL;
    Buffer bytes = {0};
    TRY(file_join(from, name, &source));
    Status status = file_join(to, name, &target);
    if (status == STATUS_OK && file_exists(source)) {
        status = file_read_empty(source, 0, &bytes);
        if (status == STATUS_OK) status = file_write(target, bytes.data ? bytes.data : "", bytes.length);
    }
    buffer_free(&bytes);
    memory_free(source);
    memory_free(target);
    return status;
}

/* "runs/a/origin/model" */
static Status kept_path(const char *run, const char *model, char **out)
{
    Buffer path = {0};
    Status status = buffer_printf(&path, "%s/origin/%s", run, model);
    if (status != STATUS_OK) {
        buffer_free(&path);
        return status;
    }
    *out = buffer_take(&path);
    return STATUS_OK;
}

static Status keep_model(const Model *model, const char *run)
{
    char *kept;
    TRY(kept_path(run, model->name, &kept));
    Status status = file_make_directory(kept, true);
    for (size_t i = 0; status == STATUS_OK && i < sizeof small_files / sizeof *small_files; i++)
        status = copy_file(model->origin, kept, small_files[i]);
    memory_free(kept);
    return status;
}

Status run_origin_keep(const Session *session, const char *run)
{
    for (int i = 0; i < session->model_count; i++)
        if (session->models[i]->origin) TRY(keep_model(session->models[i], run));
    return STATUS_OK;
}

/* --- later --- */

static bool parse_hash(const char *text, Hash *out)
{
    unsigned long long high, low;
    int used = 0;
    if (strlen(text) != HASH_TEXT_SIZE - 1 || sscanf(text, "%16llx%16llx%n", &high, &low, &used) != 2) return false;
    *out = (Hash){low, high};
    return used == HASH_TEXT_SIZE - 1;
}

static Status replace(Host *host, const char *run, const char *name, const char *directory, Hash content,
                      const char *why, bool exact)
{
    char *kept;
    if (exact)
        return status_fail(
            STATUS_INVALID,
            "%s: the run began from the weights in %s, and %s; put them back, then it can be done again", run,
            directory, why);
    TRY(kept_path(run, name, &kept));
    fprintf(stderr, "lathe: %s: %s; the run goes by what it kept\n", directory, why);
    char *whole = realpath(kept, NULL); /* as models.load() will know it */
    Status status = bind_stand_in(host, directory, whole ? whole : kept, content);
    free(whole);
    memory_free(kept);
    return status;
}

static Status check_model(Host *host, const char *run, const char *name, const json_t *entry, bool exact)
{
    const char *directory, *text;
    Hash then, now;
    char why[64 + 2 * HASH_TEXT_SIZE] = "they are gone", current[HASH_TEXT_SIZE];
    TRY(json_member_text(run, entry, "directory", &directory));
    TRY(json_member_text(run, entry, "content", &text));
    if (!parse_hash(text, &then))
        return status_fail(STATUS_FORMAT, "%s: config.json: the content of model '%s' is no hash", run, name);
    Status status = pretrained_content(directory, &now);
    if (status == STATUS_NOMEM || status == STATUS_CANCELLED) return status;
    if (status == STATUS_OK && hash_equal(then, now)) return STATUS_OK;
    if (status == STATUS_OK) {
        hash_text(now, current);
        snprintf(why, sizeof why, "other weights are there now (content %.12s, then %.12s)", current, text);
    }
    return replace(host, run, name, directory, then, why, exact);
}

Status run_origin_check(Host *host, const char *run, const json_t *config, bool exact)
{
    const char *name;
    json_t *entry;
    json_object_foreach(json_object_get(config, "models"), name, entry)
        TRY(check_model(host, run, name, entry, exact));
    return STATUS_OK;
}
