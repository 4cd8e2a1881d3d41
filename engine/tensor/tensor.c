/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/tensor/tensor.h"

#include "engine/base/memory.h"
#include "engine/base/threads.h"
#include "engine/tensor/spare.h"

#include <stdio.h>
#include <string.h>

static Status describe_size_error(int ndim, const int64_t *shape)
{
    Buffer text = {0};
    for (int i = 0; i < ndim && i < TENSOR_MAX_DIMS; i++)
        TRY(buffer_printf(&text, i ? ",%lld" : "%lld", (long long)shape[i]));
    Status status = status_fail(STATUS_INVALID, "a tensor of shape [%s] cannot be: %s", text.data ? text.data : "",
                                ndim > TENSOR_MAX_DIMS ? "too many dimensions" : "negative or too large a size");
    buffer_free(&text);
    return status;
}

/* Elements of the shape; fails where the bytes would not fit an int64. */
static Status count_elements(DType dtype, int ndim, const int64_t *shape, int64_t *out)
{
    int64_t count = 1, bytes;
    if (ndim < 0 || ndim > TENSOR_MAX_DIMS) return describe_size_error(ndim, shape);
    for (int i = 0; i < ndim; i++)
        if (shape[i] < 0 || __builtin_mul_overflow(count, shape[i], &count))
            return describe_size_error(ndim, shape);
    if (__builtin_mul_overflow(count, (int64_t)dtype_size(dtype), &bytes)) return describe_size_error(ndim, shape);
    *out = count;
    return STATUS_OK;
}

static void contiguous_strides(int ndim, const int64_t *shape, int64_t *strides)
{
    int64_t stride = 1;
    for (int i = ndim - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= shape[i] > 0 ? shape[i] : 1;
    }
}

/* The struct alone, taking over the storage reference on success. */
static Status wrap(Arena *arena, DType dtype, int ndim, const int64_t *shape, const int64_t *strides,
                   Storage *storage, int64_t offset, Tensor **out)
{
    Tensor *tensor;
    if (arena)
        TRY(arena_take(arena, sizeof *tensor, &tensor));
    else
        TRY(memory_new_raw(1, sizeof *tensor, &tensor));
    *tensor =
        (Tensor){.dtype = dtype, .ndim = ndim, .storage = storage, .offset = offset, .refs = 1, .arena = arena};
    if (ndim) memcpy(tensor->shape, shape, (size_t)ndim * sizeof *shape);
    if (strides && ndim)
        memcpy(tensor->strides, strides, (size_t)ndim * sizeof *strides);
    else
        contiguous_strides(ndim, shape, tensor->strides);
    *out = tensor;
    return STATUS_OK;
}

Status tensor_new(Arena *arena, DType dtype, int ndim, const int64_t *shape, Tensor **out)
{
    int64_t count;
    Storage *storage;
    TRY(count_elements(dtype, ndim, shape, &count));
    TRY(storage_new(arena, (size_t)count * dtype_size(dtype), &storage));
    Status status = wrap(arena, dtype, ndim, shape, NULL, storage, 0, out);
    if (status != STATUS_OK) storage_unref(storage);
    return status;
}

Status tensor_new_zeros(Arena *arena, DType dtype, int ndim, const int64_t *shape, Tensor **out)
{
    TRY(tensor_new(arena, dtype, ndim, shape, out));
    memset(tensor_data(*out), 0, storage_bytes((*out)->storage));
    return STATUS_OK;
}

Status tensor_new_like(Arena *arena, const Tensor *like, Tensor **out)
{
    return tensor_new(arena, like->dtype, like->ndim, like->shape, out);
}

/* The place of the last element that the view reaches. */
static Status last_element(int ndim, const int64_t *shape, const int64_t *strides, int64_t offset, int64_t *out)
{
    int64_t last = offset, reach;
    for (int i = 0; i < ndim; i++) {
        if (strides[i] < 0 || __builtin_mul_overflow(shape[i] - 1, strides[i], &reach) ||
            __builtin_add_overflow(last, reach, &last))
            return describe_size_error(ndim, shape);
    }
    *out = last;
    return STATUS_OK;
}

static void release_storage(void *storage)
{
    storage_unref(storage);
}

/* A tensor in an arena is not told when it dies, so the arena itself lets go of a storage that is elsewhere. */
static bool arena_holds(const Tensor *tensor)
{
    return tensor->arena && !storage_in_arena(tensor->storage);
}

static Status hold_storage(Tensor *tensor)
{
    Status status = arena_holds(tensor) ? arena_defer(tensor->arena, release_storage, tensor->storage) : STATUS_OK;
    if (status == STATUS_OK) storage_ref(tensor->storage);
    return status;
}

Status tensor_new_view(Arena *arena, DType dtype, int ndim, const int64_t *shape, const int64_t *strides,
                       Storage *storage, int64_t offset, Tensor **out)
{
    int64_t count, last = 0, plain[TENSOR_MAX_DIMS];
    TRY(count_elements(dtype, ndim, shape, &count));
    if (!strides) {
        contiguous_strides(ndim, shape, plain);
        strides = plain;
    }
    TRY(last_element(ndim, shape, strides, offset, &last));
    if (offset < 0 || (count > 0 && (uint64_t)last >= storage_bytes(storage) / dtype_size(dtype)))
        return status_fail(STATUS_INVALID, "a view reaches element %lld of a storage of %zu bytes", (long long)last,
                           storage_bytes(storage));
    TRY(wrap(arena, dtype, ndim, shape, strides, storage, offset, out));
    return hold_storage(*out);
}

Status tensor_alias(Arena *arena, const Tensor *tensor, Tensor **out)
{
    TRY(wrap(arena, tensor->dtype, tensor->ndim, tensor->shape, tensor->strides, tensor->storage, tensor->offset,
             out));
    return hold_storage(*out);
}

Status tensor_clone(Arena *arena, const Tensor *tensor, Tensor **out)
{
    TRY(tensor_new_like(arena, tensor, out));
    Status status = tensor_copy(*out, tensor);
    if (status != STATUS_OK) tensor_unref(*out);
    return status;
}

Tensor *tensor_ref(Tensor *tensor)
{
    tensor->refs++;
    return tensor;
}

void tensor_unref(Tensor *tensor)
{
    if (!tensor || --tensor->refs > 0) return;
    if (tensor->refs < 0) { /* an arena tensor that was let go before */
        tensor->refs = 0;
        return;
    }
    if (tensor->node && tensor->node_release) tensor->node_release(tensor);
    tensor_unref(tensor->grad);
    tensor->grad = NULL;
    tensor_unref(tensor->half);
    tensor->half = NULL;
    if (tensor->storage && !arena_holds(tensor)) storage_unref(tensor->storage);
    tensor->storage = NULL;
    if (!tensor->arena) memory_free(tensor);
}

int64_t tensor_count(const Tensor *tensor)
{
    int64_t count = 1;
    for (int i = 0; i < tensor->ndim; i++) count *= tensor->shape[i];
    return count;
}

bool tensor_contiguous(const Tensor *tensor)
{
    int64_t stride = 1;
    for (int i = tensor->ndim - 1; i >= 0; i--) {
        if (tensor->shape[i] != 1 && tensor->strides[i] != stride) return tensor_count(tensor) == 0;
        stride *= tensor->shape[i];
    }
    return true;
}

bool tensor_same_shape(const Tensor *a, const Tensor *b)
{
    if (a->ndim != b->ndim) return false;
    for (int i = 0; i < a->ndim; i++)
        if (a->shape[i] != b->shape[i]) return false;
    return true;
}

const char *tensor_describe(const Tensor *tensor, char out[TENSOR_TEXT_SIZE])
{
    int used = snprintf(out, TENSOR_TEXT_SIZE, "%s[", dtype_name(tensor->dtype));
    for (int i = 0; i < tensor->ndim; i++)
        used += snprintf(out + used, (size_t)(TENSOR_TEXT_SIZE - used), i ? ",%lld" : "%lld",
                         (long long)tensor->shape[i]);
    snprintf(out + used, (size_t)(TENSOR_TEXT_SIZE - used), "]");
    return out;
}

Status tensor_dim(const Tensor *tensor, int64_t dim, int *out)
{
    char text[TENSOR_TEXT_SIZE];
    int64_t resolved = dim < 0 ? dim + tensor->ndim : dim;
    if (resolved < 0 || resolved >= tensor->ndim)
        return status_fail(STATUS_INVALID, "dim %lld is not one of the %d of %s", (long long)dim, tensor->ndim,
                           tensor_describe(tensor, text));
    *out = (int)resolved;
    return STATUS_OK;
}

void *tensor_data(const Tensor *tensor)
{
    return (char *)storage_data(tensor->storage) + (size_t)tensor->offset * dtype_size(tensor->dtype);
}

/* --- views --- */

/* Fills in the one size that may be -1. */
static Status infer_shape(const Tensor *tensor, int ndim, const int64_t *shape, int64_t *out)
{
    char text[TENSOR_TEXT_SIZE];
    int64_t known = 1, total = tensor_count(tensor);
    int open = -1;
    for (int i = 0; i < ndim; i++) {
        out[i] = shape[i];
        if (shape[i] == -1 && open < 0)
            open = i;
        else if (shape[i] < 0 || __builtin_mul_overflow(known, shape[i], &known))
            return describe_size_error(ndim, shape);
    }
    if (open >= 0 && known > 0) out[open] = total / known;
    if (open >= 0 ? known == 0 || total % known : known != total)
        return status_fail(STATUS_INVALID, "reshape: %s has %lld elements, the new shape has %lld",
                           tensor_describe(tensor, text), (long long)total, (long long)known);
    return STATUS_OK;
}

Status tensor_reshape(Arena *arena, const Tensor *tensor, int ndim, const int64_t *shape, Tensor **out)
{
    char text[TENSOR_TEXT_SIZE];
    int64_t full[TENSOR_MAX_DIMS];
    if (ndim < 0 || ndim > TENSOR_MAX_DIMS) return describe_size_error(ndim, shape);
    TRY(infer_shape(tensor, ndim, shape, full));
    if (!tensor_contiguous(tensor))
        return status_fail(STATUS_INVALID, "reshape: %s is not contiguous; take :contiguous() first",
                           tensor_describe(tensor, text));
    return tensor_new_view(arena, tensor->dtype, ndim, full, NULL, tensor->storage, tensor->offset, out);
}

Status tensor_permute(Arena *arena, const Tensor *tensor, const int *order, Tensor **out)
{
    char text[TENSOR_TEXT_SIZE];
    int64_t shape[TENSOR_MAX_DIMS], strides[TENSOR_MAX_DIMS];
    unsigned seen = 0;
    for (int i = 0; i < tensor->ndim; i++) {
        if (order[i] < 0 || order[i] >= tensor->ndim || seen & 1u << order[i])
            return status_fail(STATUS_INVALID, "permute: the order must name each dimension of %s once",
                               tensor_describe(tensor, text));
        seen |= 1u << order[i];
        shape[i] = tensor->shape[order[i]];
        strides[i] = tensor->strides[order[i]];
    }
    return tensor_new_view(arena, tensor->dtype, tensor->ndim, shape, strides, tensor->storage, tensor->offset,
                           out);
}

Status tensor_slice(Arena *arena, const Tensor *tensor, int dim, int64_t start, int64_t stop, int64_t step,
                    Tensor **out)
{
    char text[TENSOR_TEXT_SIZE];
    int64_t shape[TENSOR_MAX_DIMS], strides[TENSOR_MAX_DIMS];
    if (start < 0 || stop < start || stop > tensor->shape[dim] || step < 1)
        return status_fail(STATUS_INVALID, "slice: [%lld, %lld) in steps of %lld is not inside dimension %d of %s",
                           (long long)start, (long long)stop, (long long)step, dim, tensor_describe(tensor, text));
    memcpy(shape, tensor->shape, sizeof shape);
    memcpy(strides, tensor->strides, sizeof strides);
    shape[dim] = (stop - start + step - 1) / step;
    if (__builtin_mul_overflow(strides[dim], step, &strides[dim])) strides[dim] = 0;
    int64_t offset = tensor->offset + (shape[dim] ? start * tensor->strides[dim] : 0);
    return tensor_new_view(arena, tensor->dtype, tensor->ndim, shape, strides, tensor->storage, offset, out);
}

Status tensor_select(Arena *arena, const Tensor *tensor, int dim, int64_t index, Tensor **out)
{
    char text[TENSOR_TEXT_SIZE];
    int64_t shape[TENSOR_MAX_DIMS], strides[TENSOR_MAX_DIMS];
    if (index < 0 || index >= tensor->shape[dim])
        return status_fail(STATUS_INVALID, "index %lld is not in dimension %d of %s", (long long)index, dim,
                           tensor_describe(tensor, text));
    for (int i = 0, k = 0; i < tensor->ndim; i++) {
        if (i == dim) continue;
        shape[k] = tensor->shape[i];
        strides[k++] = tensor->strides[i];
    }
    return tensor_new_view(arena, tensor->dtype, tensor->ndim - 1, shape, strides, tensor->storage,
                           tensor->offset + index * tensor->strides[dim], out);
}

Status tensor_expand(Arena *arena, const Tensor *tensor, int ndim, const int64_t *shape, Tensor **out)
{
    char text[TENSOR_TEXT_SIZE];
    int64_t strides[TENSOR_MAX_DIMS];
    if (ndim < tensor->ndim || ndim > TENSOR_MAX_DIMS) return describe_size_error(ndim, shape);
    for (int i = 1; i <= ndim; i++) {
        int from = tensor->ndim - i;
        strides[ndim - i] = from >= 0 && tensor->shape[from] != 1 ? tensor->strides[from] : 0;
        if (from >= 0 && tensor->shape[from] != 1 && tensor->shape[from] != shape[ndim - i])
            return status_fail(STATUS_INVALID, "expand: %s cannot become size %lld in dimension %d",
                               tensor_describe(tensor, text), (long long)shape[ndim - i], ndim - i);
    }
    return tensor_new_view(arena, tensor->dtype, ndim, shape, strides, tensor->storage, tensor->offset, out);
}

void tensor_swap_storage(Tensor *a, Tensor *b)
{
    Storage *storage = a->storage;
    int64_t offset = a->offset;
    a->storage = b->storage;
    a->offset = b->offset;
    b->storage = storage;
    b->offset = offset;
}

enum { COPY_TILE = 1 << 20 }; /* bytes */

typedef struct Copying {
    char *to;
    const char *from;
    size_t bytes;
} Copying;

static void copy_tile(void *context, int64_t tile)
{
    const Copying *copying = context;
    size_t from = (size_t)tile * COPY_TILE, rest = copying->bytes - from;
    memcpy(copying->to + from, copying->from + from, rest < COPY_TILE ? rest : COPY_TILE);
}

Status tensor_own(Tensor *tensor)
{
    if (!storage_shared(tensor->storage)) return STATUS_OK;
    size_t bytes = (size_t)tensor_count(tensor) * dtype_size(tensor->dtype);
    Storage *own = tensor->arena ? NULL : spare_take(bytes);
    if (!own) TRY(storage_new(tensor->arena, bytes, &own));
    Copying copying = {storage_data(own), tensor_data(tensor), bytes};
    threads_run((int64_t)((bytes + COPY_TILE - 1) / COPY_TILE), copy_tile, &copying);
    storage_unref(tensor->storage);
    tensor->storage = own;
    tensor->offset = 0;
    return STATUS_OK;
}
