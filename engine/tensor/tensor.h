/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tensors: dtype, shape and strides over a storage. A Tensor is counted: the maker holds one reference,
 * tensor_unref() lets go. A tensor made in an arena dies with the arena's reset, its struct included: whoever may
 * outlive the step keeps the arena's generation beside the pointer. Its last unref before that gives its bytes back
 * early. Views share the storage. Dimensions count from 0; a scalar has none. Strides are in elements and may be 0
 * (broadcast) but never negative. */
#ifndef LATHE_TENSOR_TENSOR_H
#define LATHE_TENSOR_TENSOR_H

#include "engine/base/buffer.h"
#include "engine/base/random.h"
#include "engine/base/status.h"
#include "engine/tensor/dtype.h"
#include "engine/tensor/storage.h"

#include <stdbool.h>
#include <stdint.h>

enum { TENSOR_MAX_DIMS = 6, TENSOR_TEXT_SIZE = 160 };

struct Node;  /* engine/autograd/tape.h */
struct Param; /* engine/nn/param.h */

typedef struct Tensor {
    DType dtype;
    int ndim;
    int64_t shape[TENSOR_MAX_DIMS];
    int64_t strides[TENSOR_MAX_DIMS];
    Storage *storage;
    int64_t offset; /* of the first element, in elements */
    int refs;
    Arena *arena; /* where it lives; NULL: the pool */
    /* Autograd. A leaf has no node; its gradient is kept here. Other gradients live in their node. */
    bool requires_grad;
    int output_index;                            /* which output of node it is */
    struct Node *node;                           /* the op call that made it */
    void (*node_release)(struct Tensor *tensor); /* called when a tensor with a node dies */
    struct Tensor *grad;                         /* f32, same shape; held; NULL until the first backward */
    bool grad_fresh;     /* grad holds nothing yet: the next backward writes instead of adding */
    struct Param *param; /* the parameter whose value this is, not held */
    /* The values rounded to bf16, contiguous, for products (node_operand()); held; NULL: not wanted yet. */
    struct Tensor *half;
    bool half_stale;       /* the values changed since */
    uint64_t half_version; /* storage_version() when they were rounded */
} Tensor;

/* --- making; arena NULL: the pool --- */

/* Contiguous, not initialised. Errors: more than TENSOR_MAX_DIMS dimensions, a negative size, overflow, memory. */
Status tensor_new(Arena *arena, DType dtype, int ndim, const int64_t *shape, Tensor **out) STATUS_CHECKED;
Status tensor_new_zeros(Arena *arena, DType dtype, int ndim, const int64_t *shape, Tensor **out) STATUS_CHECKED;
/* Shape and dtype as of like. */
Status tensor_new_like(Arena *arena, const Tensor *like, Tensor **out) STATUS_CHECKED;
/* Takes over nothing: refs the storage. strides NULL: contiguous. Errors: the view would leave the storage. */
Status tensor_new_view(Arena *arena, DType dtype, int ndim, const int64_t *shape, const int64_t *strides,
                       Storage *storage, int64_t offset, Tensor **out) STATUS_CHECKED;
/* Another Tensor on the same bytes, without autograd. */
Status tensor_alias(Arena *arena, const Tensor *tensor, Tensor **out) STATUS_CHECKED;
/* A contiguous copy, without autograd. */
Status tensor_clone(Arena *arena, const Tensor *tensor, Tensor **out) STATUS_CHECKED;

Tensor *tensor_ref(Tensor *tensor);
void tensor_unref(Tensor *tensor);

/* --- shape --- */

int64_t tensor_count(const Tensor *tensor);
bool tensor_contiguous(const Tensor *tensor);
bool tensor_same_shape(const Tensor *a, const Tensor *b);
/* "f32[32,128]" into out; returns out. */
const char *tensor_describe(const Tensor *tensor, char out[TENSOR_TEXT_SIZE]);
/* Resolves a dimension that may count from the end (-1 is the last). Errors: out of range. */
Status tensor_dim(const Tensor *tensor, int64_t dim, int *out) STATUS_CHECKED;

/* Views; each refs the storage and carries no autograd. */
/* Same elements in order, contiguous input only; one size may be -1. */
Status tensor_reshape(Arena *arena, const Tensor *tensor, int ndim, const int64_t *shape,
                      Tensor **out) STATUS_CHECKED;
Status tensor_permute(Arena *arena, const Tensor *tensor, const int *order, Tensor **out) STATUS_CHECKED;
/* Elements start, start+step, ... below stop of one dimension. */
Status tensor_slice(Arena *arena, const Tensor *tensor, int dim, int64_t start, int64_t stop, int64_t step,
                    Tensor **out) STATUS_CHECKED;
/* One element of a dimension, which disappears. */
Status tensor_select(Arena *arena, const Tensor *tensor, int dim, int64_t index, Tensor **out) STATUS_CHECKED;
/* Broadcast to a larger shape by strides of 0. */
Status tensor_expand(Arena *arena, const Tensor *tensor, int ndim, const int64_t *shape,
                     Tensor **out) STATUS_CHECKED;

/* Two contiguous tensors of one dtype and shape exchange their bytes; views of them stay where they are. */
void tensor_swap_storage(Tensor *a, Tensor *b);
/* Gives a contiguous tensor whose storage somebody else looks at too a copy of its own: to be called before
 * writing. */
Status tensor_own(Tensor *tensor) STATUS_CHECKED;

/* --- bytes --- */

/* The address of the first element. */
void *tensor_data(const Tensor *tensor);
#define TENSOR_F32(tensor) ((float *)tensor_data(tensor))
#define TENSOR_F64(tensor) ((double *)tensor_data(tensor))
#define TENSOR_I64(tensor) ((int64_t *)tensor_data(tensor))
#define TENSOR_I32(tensor) ((int32_t *)tensor_data(tensor))

/* Any element as a double by its place in row-major order; slow, for printing and tests. */
double tensor_get(const Tensor *tensor, int64_t place);
void tensor_set(Tensor *tensor, int64_t place, double value);
/* The same for integers, exact also beyond 2^53. */
int64_t tensor_get_integer(const Tensor *tensor, int64_t place);
void tensor_set_integer(Tensor *tensor, int64_t place, int64_t value);

/* Copies elements, converting dtype, any strides; shapes must be equal. A real number that an integer type does not
 * have becomes the nearest that it has, NaN becomes 0; of an integer the low bits are kept. */
Status tensor_copy(Tensor *to, const Tensor *from) STATUS_CHECKED;
void tensor_fill(Tensor *tensor, double value);
/* Element i is a function of (key, i) only. */
void tensor_fill_normal(Tensor *tensor, RandomKey key, double mean, double deviation);
void tensor_fill_uniform(Tensor *tensor, RandomKey key, double low, double high);

/* A short text picture, NumPy-like, long dimensions shortened. */
Status tensor_print(const Tensor *tensor, Buffer *out) STATUS_CHECKED;

#endif
