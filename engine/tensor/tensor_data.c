/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading, writing and copying elements. */
#include "engine/base/threads.h"
#include "engine/tensor/tensor.h"

#include <math.h>
#include <string.h>

/* Where the element at a row-major place stands, in elements from the start of the storage. */
static int64_t element(const Tensor *tensor, int64_t place)
{
    int64_t at = tensor->offset;
    for (int i = tensor->ndim - 1; i >= 0; i--) {
        at += place % tensor->shape[i] * tensor->strides[i];
        place /= tensor->shape[i];
    }
    return at;
}

static double load(const Tensor *tensor, int64_t at)
{
    const void *base = storage_data(tensor->storage);
    switch (tensor->dtype) {
    case DTYPE_F32: return (double)((const float *)base)[at];
    case DTYPE_F64: return ((const double *)base)[at];
    case DTYPE_BF16: return (double)bf16_to_f32(((const uint16_t *)base)[at]);
    case DTYPE_I32: return ((const int32_t *)base)[at];
    case DTYPE_I64: return (double)((const int64_t *)base)[at];
    default: return ((const uint8_t *)base)[at];
    }
}

/* A double into an integer type: saturated, NaN as 0, so that no value is undefined behaviour. */
static int64_t to_integer(double value, double low, double high)
{
    if (isnan(value)) return 0;
    return value < low ? (int64_t)low : value >= high ? (int64_t)high : (int64_t)value;
}

static void store(Tensor *tensor, int64_t at, double value)
{
    void *base = storage_data(tensor->storage);
    switch (tensor->dtype) {
    case DTYPE_F32: ((float *)base)[at] = (float)value; break;
    case DTYPE_F64: ((double *)base)[at] = value; break;
    case DTYPE_BF16: ((uint16_t *)base)[at] = bf16_from_f32((float)value); break;
    case DTYPE_I32: ((int32_t *)base)[at] = (int32_t)to_integer(value, INT32_MIN, INT32_MAX); break;
    case DTYPE_I64: ((int64_t *)base)[at] = to_integer(value, -0x1p63, 0x1.fffffffffffffp62); break;
    default: ((uint8_t *)base)[at] = (uint8_t)to_integer(value, 0, 255); break;
    }
}

/* Integers do not go by double, which would round those beyond 2^53. */
static int64_t load_integer(const Tensor *tensor, int64_t at)
{
    const void *base = storage_data(tensor->storage);
    switch (tensor->dtype) {
    case DTYPE_I32: return ((const int32_t *)base)[at];
    case DTYPE_I64: return ((const int64_t *)base)[at];
    case DTYPE_U8: return ((const uint8_t *)base)[at];
    default: return to_integer(load(tensor, at), -0x1p63, 0x1.fffffffffffffp62);
    }
}

/* The low bits where the type is too small, as in C. */
static void store_integer(Tensor *tensor, int64_t at, int64_t value)
{
    void *base = storage_data(tensor->storage);
    switch (tensor->dtype) {
    case DTYPE_I32: ((int32_t *)base)[at] = (int32_t)(uint32_t)value; break;
    case DTYPE_I64: ((int64_t *)base)[at] = value; break;
    case DTYPE_U8: ((uint8_t *)base)[at] = (uint8_t)value; break;
    default: store(tensor, at, (double)value); break;
    }
}

int64_t tensor_get_integer(const Tensor *tensor, int64_t place)
{
    return load_integer(tensor, element(tensor, place));
}

void tensor_set_integer(Tensor *tensor, int64_t place, int64_t value)
{
    store_integer(tensor, element(tensor, place), value);
}

double tensor_get(const Tensor *tensor, int64_t place)
{
    return load(tensor, element(tensor, place));
}

void tensor_set(Tensor *tensor, int64_t place, double value)
{
    store(tensor, element(tensor, place), value);
}

#define COPY(type)                                                                                                 \
    do {                                                                                                           \
        type *t = (type *)storage_data(to->storage) + t_at;                                                        \
        const type *f = (const type *)storage_data(from->storage) + f_at;                                          \
        for (int64_t i = 0; i < count; i++) t[i * t_step] = f[i * f_step];                                         \
    } while (0)

/* A row of elements of one type, as they are. */
static void copy_row(Tensor *to, int64_t t_at, int64_t t_step, const Tensor *from, int64_t f_at, int64_t f_step,
                     int64_t count)
{
    switch (to->dtype) {
    case DTYPE_F32: COPY(float); break;
    case DTYPE_F64: COPY(double); break;
    case DTYPE_BF16: COPY(uint16_t); break;
    case DTYPE_I32: COPY(int32_t); break;
    case DTYPE_I64: COPY(int64_t); break;
    default: COPY(uint8_t);
    }
}
#undef COPY

Status tensor_copy(Tensor *to, const Tensor *from)
{
    char a[TENSOR_TEXT_SIZE], b[TENSOR_TEXT_SIZE];
    if (!tensor_same_shape(to, from))
        return status_fail(STATUS_INVALID, "copy: %s does not fit into %s", tensor_describe(from, a),
                           tensor_describe(to, b));
    int64_t count = tensor_count(to);
    if (count == 0) return STATUS_OK;
    if (to->dtype == from->dtype && tensor_contiguous(to) && tensor_contiguous(from)) {
        memmove(tensor_data(to), tensor_data(from), (size_t)count * dtype_size(to->dtype));
        return STATUS_OK;
    }
    bool real = dtype_is_real(from->dtype);
    int64_t inner = to->ndim ? to->shape[to->ndim - 1] : 1;
    int64_t to_stride = to->ndim ? to->strides[to->ndim - 1] : 1;
    int64_t from_stride = from->ndim ? from->strides[from->ndim - 1] : 1;
    for (int64_t row = 0; row < count; row += inner) {
        int64_t t = element(to, row), f = element(from, row);
        if (to->dtype == from->dtype) {
            copy_row(to, t, to_stride, from, f, from_stride, inner);
            continue;
        }
        for (int64_t i = 0; i < inner; i++, t += to_stride, f += from_stride) {
            if (real)
                store(to, t, load(from, f));
            else
                store_integer(to, t, load_integer(from, f));
        }
    }
    return STATUS_OK;
}

void tensor_fill(Tensor *tensor, double value)
{
    int64_t count = tensor_count(tensor), first = tensor->offset;
    if (tensor_contiguous(tensor))
        for (int64_t i = 0; i < count; i++) store(tensor, first + i, value);
    else
        for (int64_t i = 0; i < count; i++) store(tensor, element(tensor, i), value);
}

static double uniform_at(const uint32_t words[4], int half)
{
    uint64_t bits = (uint64_t)words[2 * half] << 32 | words[2 * half + 1];
    return (double)(bits >> 11) * 0x1p-53;
}

enum { FILL_TILE = 1 << 14 }; /* elements; each is a function of its place, so the tiles may run in any order */

typedef struct Filling {
    Tensor *tensor;
    RandomKey key;
    double mean, deviation;
    int64_t count;
} Filling;

static void fill_normal_tile(void *context, int64_t tile)
{
    const Filling *filling = context;
    int64_t from = tile * FILL_TILE, to = from + FILL_TILE < filling->count ? from + FILL_TILE : filling->count;
    for (int64_t i = from; i < to; i++) {
        uint32_t words[4];
        random_block(filling->key, (uint64_t)i, words);
        double radius = sqrt(-2.0 * log(1.0 - uniform_at(words, 0)));
        store(filling->tensor, element(filling->tensor, i),
              filling->mean + filling->deviation * radius * cos(6.283185307179586 * uniform_at(words, 1)));
    }
}

void tensor_fill_normal(Tensor *tensor, RandomKey key, double mean, double deviation)
{
    Filling filling = {tensor, key, mean, deviation, tensor_count(tensor)};
    threads_run((filling.count + FILL_TILE - 1) / FILL_TILE, fill_normal_tile, &filling);
}

void tensor_fill_uniform(Tensor *tensor, RandomKey key, double low, double high)
{
    int64_t count = tensor_count(tensor);
    for (int64_t i = 0; i < count; i++) {
        uint32_t words[4];
        random_block(key, (uint64_t)i, words);
        store(tensor, element(tensor, i), low + (high - low) * uniform_at(words, 0));
    }
}
