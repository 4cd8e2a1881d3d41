/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers for the panes on objectives, model, samples and data. Nothing of it is trusted: what does not fit is left
 * off. */
#include "engine/io/json.h"
#include "tui/workbench/topics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- objectives --- */

static void take_shares(View *view, const json_t *object)
{
    const json_t *of = json_object_get(object, "of");
    view->shares_step = answer_integer(object, "step");
    for (int i = 0; i < view->objective_count; i++)
        view->objectives[i].share = answer_number(of, view->objectives[i].name);
}

static double plain_number(const json_t *value)
{
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static void take_schedule(View *view, const json_t *list)
{
    size_t i;
    json_t *entry;
    view->rate_count = 0;
    json_array_foreach(list, i, entry) if (view->rate_count < VIEW_RATES) view->rates[view->rate_count++] =
        plain_number(entry);
}

/* --- the model --- */

static int model_of(const ModelView *model, const json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "model"));
    for (int i = 0; name && i < model->name_count; i++)
        if (strcmp(model->names[i], name) == 0) return i;
    return 0;
}

static void take_parameters(View *view, const json_t *list)
{
    ModelView *model = &view->model;
    size_t i;
    json_t *entry;
    model->param_count = model->left_off = 0;
    if (!model->name_count) model->name_count = 1; /* nothing was said of models yet */
    json_array_foreach(list, i, entry)
    {
        if (model->param_count == MODEL_PARAMS) {
            model->left_off++;
            continue;
        }
        ModelRow *param = &model->params[model->param_count++];
        double units = answer_number(entry, "units");
        *param = (ModelRow){.model = model_of(model, entry),
                            .leaf = true,
                            .frozen = json_is_true(json_object_get(entry, "frozen")),
                            .count = answer_number(entry, "count"),
                            .norm = answer_number(entry, "norm2"),
                            .grad_norm = answer_number(entry, "grad2"),
                            .update = answer_number(entry, "update2"),
                            .zeros = answer_number(entry, "zeros"),
                            .units = units > 0 ? units : 0,
                            .dead = answer_number(entry, "dead")};
        answer_text(entry, "path", param->path, sizeof param->path);
        answer_text(entry, "shape", param->shape, sizeof param->shape);
    }
    model_view_make_rows(model, &view->rows[PANE_MODEL]);
}

static bool take_time(const json_t *row, SpreadTime *out)
{
    if (json_array_size(row) != MODEL_QUANTILES + 1) return false;
    out->step = (int64_t)json_integer_value(json_array_get(row, 0));
    for (size_t q = 0; q < MODEL_QUANTILES; q++) out->quantiles[q] = plain_number(json_array_get(row, q + 1));
    return true;
}

static void take_spread(ModelView *model, const json_t *object)
{
    const char *path = json_string_value(json_object_get(object, "spread"));
    size_t i;
    json_t *row;
    if (!path || strcmp(path, model->spread_path) != 0 || model_of(model, object) != model->spread_model) return;
    model->time_count = 0;
    json_array_foreach(json_object_get(object, "times"), i, row)
    {
        if (model->time_count == MODEL_TIMES) break;
        if (take_time(row, &model->times[model->time_count])) model->time_count++;
    }
}

static void take_map_row(const json_t *row, int tokens, float *out)
{
    for (int t = 0; t < tokens; t++) out[t] = (float)plain_number(json_array_get(row, (size_t)t));
}

static void take_attention(ModelView *model, const json_t *object)
{
    const json_t *tokens = json_object_get(object, "tokens"), *rows = json_object_get(object, "rows");
    AttentionMap map = {.layer = (int)answer_integer(object, "layer"),
                        .layers = (int)answer_integer(object, "layers"),
                        .head = (int)answer_integer(object, "head"),
                        .heads = (int)answer_integer(object, "heads"),
                        .tokens = (int)json_array_size(tokens)};
    if (map.tokens > MODEL_TOKENS) map.tokens = MODEL_TOKENS;
    answer_text(object, "path", map.path, sizeof map.path);
    for (int t = 0; t < map.tokens; t++) {
        const char *name = json_string_value(json_array_get(tokens, (size_t)t));
        snprintf(map.names[t], sizeof map.names[t], "%s", name ? name : "");
        take_map_row(json_array_get(rows, (size_t)t), map.tokens, map.rows[t]);
    }
    model->map = map;
    model->trouble[0] = '\0';
}

/* --- samples and data --- */

static Status take_samples(View *view, const json_t *object)
{
    const char *text = json_string_value(json_object_get(object, "text"));
    const char *own = json_string_value(json_object_get(object, "own"));
    if (!text || strcmp(own ? own : "", view->samples_text.text) != 0) return STATUS_OK; /* of an older question */
    return pages_add(&view->samples, answer_integer(object, "step"), text);
}

/* One page: a batch that was read is past. */
static Status take_data(View *view, const json_t *object)
{
    const char *text = json_string_value(json_object_get(object, "text"));
    if (!text) return STATUS_OK;
    pages_clear(&view->data);
    view->data_shown = (int)answer_integer(object, "ahead");
    return pages_add(&view->data, answer_integer(object, "step"), text);
}

Status answer_take_panes(View *view, const json_t *object)
{
    const json_t *shares = json_object_get(object, "shares"), *schedule = json_object_get(object, "schedule");
    const json_t *parameters = json_object_get(object, "parameters"), *map = json_object_get(object, "attention");
    const json_t *samples = json_object_get(object, "samples"), *data = json_object_get(object, "data");
    if (shares) take_shares(view, shares);
    if (json_is_array(schedule)) take_schedule(view, schedule);
    if (parameters) take_parameters(view, parameters);
    if (json_object_get(object, "spread")) take_spread(&view->model, object);
    if (map) take_attention(&view->model, map);
    if (samples) TRY(take_samples(view, samples));
    return data ? take_data(view, data) : STATUS_OK;
}
