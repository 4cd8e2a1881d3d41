/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/nn/reshape.h"

#include "engine/nn/lora.h"

#include <string.h>

static bool matches_any(const char *const *pattern, const char *path)
{
    for (; pattern && *pattern; pattern++)
        if (module_path_matches(*pattern, path)) return true;
    return false;
}

/* A contiguous tensor as blocks of its first dimension: [blocks, rows/blocks, ...]. */
static void block_shape(const Tensor *tensor, int64_t blocks, int64_t out[TENSOR_MAX_DIMS + 1])
{
    memcpy(out + 1, tensor->shape, (size_t)tensor->ndim * sizeof *out);
    out[0] = blocks;
    out[1] /= blocks;
}

/* Copies the corner that both have of each block, row by row; to and from are contiguous f32 of as many
 * dimensions. */
static void copy_corner(Tensor *to, const Tensor *from, int64_t blocks)
{
    int last = to->ndim;
    int64_t place[TENSOR_MAX_DIMS + 1] = {0}, common[TENSOR_MAX_DIMS + 1], rows = 1;
    int64_t wide[TENSOR_MAX_DIMS + 1], narrow[TENSOR_MAX_DIMS + 1];
    block_shape(to, blocks, wide);
    block_shape(from, blocks, narrow);
    for (int d = 0; d <= last; d++) {
        common[d] = wide[d] < narrow[d] ? wide[d] : narrow[d];
        if (d < last) rows *= common[d];
    }
    for (int64_t row = 0; row < rows; row++) {
        int64_t at = 0, source = 0, left = row;
        for (int d = last - 1; d >= 0; d--) {
            place[d] = left % common[d];
            left /= common[d];
        }
        for (int d = 0; d <= last; d++) {
            at = at * wide[d] + place[d];
            source = source * narrow[d] + place[d];
        }
        memcpy(TENSOR_F32(to) + at, TENSOR_F32(from) + source, (size_t)common[last] * sizeof(float));
    }
}

static bool has_entries(const Tensor *tensor)
{
    return tensor->ndim > 0 && tensor_count(tensor) > 0;
}

/* A mask or a state tensor for the shape of value: shared where the shape stayed, else filled around the corner. */
static Status carry_beside(const Tensor *old, const Tensor *value, int64_t blocks, double fill, Tensor **out)
{
    if (!old) return STATUS_OK;
    if (tensor_same_shape(old, value)) return tensor_alias(NULL, old, out);
    TRY(tensor_new_like(NULL, value, out));
    tensor_fill(*out, fill);
    if (has_entries(*out) && has_entries(old)) copy_corner(*out, old, blocks);
    return STATUS_OK;
}

static Status carry_value(const Param *old, int64_t blocks, Param *param)
{
    Tensor *alias;
    if (tensor_same_shape(old->value, param->value)) {
        TRY(tensor_alias(NULL, old->value, &alias));
        tensor_swap_storage(param->value, alias);
        tensor_unref(alias);
    } else if (has_entries(param->value) && has_entries(old->value)) {
        copy_corner(param->value, old->value, blocks);
    }
    return STATUS_OK;
}

typedef struct Carrying {
    const Model *from, *to;
    const char *except; /* what is below this path is drawn; NULL: nothing */
    RandomKey key;
} Carrying;

/* What the parameter carries over, NULL where it is nothing; *whole: all of its entries. */
static const Param *carried(const Carrying *carrying, const Param *param, bool *whole)
{
    const Param *old = module_find_param(carrying->from->root, param->path);
    bool fits = old && old->value->ndim == param->value->ndim;
    if (carrying->except && module_path_below(param->path, carrying->except)) fits = false;
    *whole = fits && tensor_same_shape(old->value, param->value);
    return fits ? old : NULL;
}

static Status draw_param(void *context, Param *param)
{
    const Carrying *carrying = context;
    bool whole;
    (void)carried(carrying, param, &whole);
    if (!whole) param_draw(param, carrying->key);
    return STATUS_OK;
}

void model_draw_new(const Model *from, Model *to, const char *except, RandomKey key)
{
    Carrying carrying = {from, to, except, key};
    Status status = module_each_param(to->root, draw_param, &carrying);
    (void)status; /* it cannot fail */
}

/* Parts of a parameter that both models have; a model of other parts is another model. */
static int64_t common_parts(const Carrying *carrying, const char *path)
{
    const ModelRecord *record = carrying->from->record;
    int64_t parts = record->parts ? record->parts(carrying->from, path) : 1;
    return parts > 1 && record->parts(carrying->to, path) == parts ? parts : 1;
}

static Status carry_param(void *context, Param *param)
{
    const Carrying *carrying = context;
    const ModelRecord *record = carrying->from->record;
    bool whole;
    const Param *there = module_find_param(carrying->from->root, param->path);
    const Param *old = carried(carrying, param, &whole);
    int64_t blocks = common_parts(carrying, param->path);
    if (carrying->except && module_path_below(param->path, carrying->except)) {
        if (there) param->version = there->version + 1;
        return STATUS_OK;
    }
    if (!whole && (matches_any(record->quiet, param->path) || lora_is_quiet(param->path)))
        tensor_fill(param->value, 0);
    if (!old) return STATUS_OK;
    TRY(carry_value(old, blocks, param));
    TRY(carry_beside(old->mask, param->value, blocks, 1, &param->mask));
    param_set_mask(param, param->mask);
    for (int i = 0; i < PARAM_STATES; i++)
        TRY(carry_beside(old->state[i], param->value, blocks, 0, &param->state[i]));
    param->step = old->step;
    param_set_frozen(param, old->frozen);
    param->version = old->version + 1;
    return STATUS_OK;
}

Status model_carry(const Model *from, Model *to, const char *except)
{
    Carrying carrying = {from, to, except, RANDOM_NONE};
    return module_each_param(to->root, carry_param, &carrying);
}

void model_exchange(Model *a, Model *b)
{
    Module *root = a->root;
    void *config = a->config;
    a->root = b->root;
    a->config = b->config;
    b->root = root;
    b->config = config;
}

Status model_set_config(Model *model, const void *config)
{
    Model *fresh;
    TRY(model_new(model->record, config, model->name, RANDOM_NONE, &fresh));
    model_exchange(model, fresh);
    model_free(fresh);
    return STATUS_OK;
}

static Status check_twin(void *context, Param *param)
{
    const Param *twin = module_find_param(context, param->path);
    return twin && tensor_same_shape(twin->value, param->value) ? STATUS_OK : STATUS_CANCELLED;
}

bool model_same_shapes(const Model *a, const Model *b)
{
    if (module_count_params(a->root) != module_count_params(b->root)) return false;
    return module_each_param(a->root, check_twin, b->root) == STATUS_OK;
}
