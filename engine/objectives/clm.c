/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Causal language modelling: its view is the batch without the last token, and the targets are the tokens one place
 * on. */
#include "engine/objectives/clm.h"

enum { IGNORED = -100 };

/* to[B,T-1] = from[B,T] from column 'first' on; beyond a row's length 'beyond' where it is not 0. */
static void copy_columns(const Tensor *from, int64_t first, const Tensor *lengths, int32_t beyond, Tensor *to)
{
    int64_t rows = from->shape[0], width = from->shape[1];
    for (int64_t r = 0; r < rows; r++) {
        const int32_t *in = TENSOR_I32(from) + r * width + first;
        int32_t *out = TENSOR_I32(to) + r * (width - 1);
        int64_t known = lengths ? TENSOR_I32(lengths)[r] - first : width;
        for (int64_t i = 0; i < width - 1; i++) out[i] = beyond && i >= known ? beyond : in[i];
    }
}

static Status put_columns(Arena *arena, const Batch *in, int64_t first, int32_t beyond, int ndim, const char *name,
                          Batch *out)
{
    Tensor *ids, *made;
    TRY(batch_get(in, "input_ids", &ids));
    int64_t rows = ids->shape[0], width = ids->shape[1] - 1;
    TRY(tensor_new(arena, DTYPE_I32, ndim, (int64_t[]){ndim == 1 ? rows * width : rows, width}, &made));
    copy_columns(ids, first, batch_find(in, "lengths"), beyond, made);
    return batch_put(out, name, made);
}

static Status put_lengths(Arena *arena, const Batch *in, Batch *out)
{
    Tensor *lengths = batch_find(in, "lengths"), *shorter;
    if (!lengths) return STATUS_OK;
    TRY(tensor_clone(arena, lengths, &shorter));
    for (int64_t i = 0; i < tensor_count(shorter); i++)
        if (TENSOR_I32(shorter)[i] > 0) TENSOR_I32(shorter)[i]--;
    return batch_put(out, "lengths", shorter);
}

static bool any_target(const Tensor *targets)
{
    for (int64_t i = 0; i < tensor_count(targets); i++)
        if (TENSOR_I32(targets)[i] != IGNORED) return true;
    return false;
}

/* What is given and not predicted. */
static void ignore_prefixes(const Tensor *prefixes, int64_t width, Tensor *targets)
{
    for (int64_t r = 0; r < tensor_count(prefixes); r++)
        for (int64_t i = 0; i < TENSOR_I32(prefixes)[r] - 1 && i < width; i++)
            TENSOR_I32(targets)[r * width + i] = IGNORED;
}

Status clm_shift(Arena *arena, const Batch *in, Batch *out)
{
    Tensor *ids, *targets, *prefixes = batch_find(in, "prefix_lengths");
    TRY(batch_get(in, "input_ids", &ids));
    if (ids->ndim != 2 || ids->shape[1] < 2)
        return status_fail(STATUS_INVALID, "clm: the examples have one token only: there is none to predict");
    TRY(put_columns(arena, in, 1, IGNORED, 1, "clm_targets", out));
    TRY(batch_get(out, "clm_targets", &targets));
    if (prefixes) ignore_prefixes(prefixes, ids->shape[1] - 1, targets);
    if (!any_target(targets))
        return status_fail(STATUS_INVALID, "clm: the batch has no token behind another one to predict");
    TRY(put_columns(arena, in, 0, 0, 2, "input_ids", out));
    return put_lengths(arena, in, out);
}

static Status view(const Objective *objective, RandomKey key, Arena *arena, const Batch *in, Batch *out)
{
    (void)objective;
    (void)key;
    return clm_shift(arena, in, out);
}

const ObjectiveRecord objective_clm = {
    .name = "clm",
    .doc = "Causal language modelling: predict each token from those before it; of data.pairs those of the target.",
    .source = "Radford et al. 2018, section 3.1",
    .view = view,
    .output = "clm_logits",
    .targets = "clm_targets",
    .text = true,
};
