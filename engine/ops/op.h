/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Differentiable operations. An op is one record beside its code, listed in ops.list; the Lua function, help,
 * argument checking, gradient check, parity test and benchmark row are derived from it. A Node is one call of an
 * op: inputs, attributes, outputs, what was saved for the backward pass, and the places where gradients go. Nodes
 * are made and freed by the tape (engine/autograd/tape.h); an op only reads and fills them. */
#ifndef LATHE_OPS_OP_H
#define LATHE_OPS_OP_H

#include "engine/base/option.h"
#include "engine/base/random.h"
#include "engine/tensor/tensor.h"

enum { OP_MAX_INPUTS = 16, OP_MAX_OUTPUTS = 3, OP_MAX_SAVED = 4, OP_MAX_SCRATCH = 16 };

typedef struct Node Node;

/* One call for the derived tests: inputs as words, "f32[2,3]" (normal), "f32[3]+" (positive), "f32[3]~0.1" (kept at
 * least 0.1 away from 0, for kinks), "i32[4]<7" (in [0,7)), "-" (an optional input left out); attributes as
 * "dim=1 keepdim=true". */
typedef struct OpCase {
    const char *inputs, *attrs;
} OpCase;

/* An input of an op; the list ends with {0}. */
typedef struct OpInput {
    const char *name, *doc;
    bool optional;
    bool integer; /* numbers of rows and the like: i32 instead of f32, never has a gradient */
    bool any;     /* any dtype, as it is */
    bool exact;   /* f32, or integers in one type with the op's other such inputs, computed as integers */
    bool half;    /* a parameter that is held in bf16 alone (param_hold_half()) is taken as it is */
} OpInput;

typedef struct Op {
    const char *name, *doc,
        *source; /* source: paper or specification, NULL where the formula is common knowledge */
    const OpInput *inputs;
    const Option *attrs; /* fields of the attribute struct; NULL: none */
    size_t attrs_size;
    bool variadic;     /* takes any number of inputs like the last one, up to OP_MAX_INPUTS */
    bool random;       /* draws from node->random; without noise unless node->training */
    bool accumulates;  /* its backward honours *accumulate of node_grad() */
    bool constant;     /* its output is a constant for the way back, whatever its inputs are */
    bool recompute;    /* cheap enough to be run again instead of keeping its outputs (activation recomputation) */
    const char *saves; /* what is kept for backward, in words; "nothing", "output", "mean, rstd" */

    /* Makes node->outputs[] (node_output()), checks shapes and dtypes, computes, saves (node_save()). */
    Status (*forward)(Node *node);
    /* The same in double precision and as plain as can be, from contiguous f64 operands to f64 outputs: what
     * forward and backward are checked against. NULL: forward itself, which then treats all types alike. */
    Status (*reference)(Node *node);
    /* From node->grad_outputs[] to gradients of the inputs with needs_grad; of values it reads what was saved, and
     * inputs that are integers. NULL: no_backward says why. */
    Status (*backward)(Node *node);
    const char *no_backward;

    double (*flops)(const Node *node); /* multiply-adds count 2; NULL: one an output element */
    double (*bytes)(const Node *node); /* that it reads and writes; NULL: node_tensor_bytes() */
    const OpCase *cases;               /* ends with {0}; at least one where there is a backward */
} Op;

struct Node {
    const Op *op;
    Arena *arena;    /* where outputs and scratch go; NULL: the pool */
    bool training;   /* dropout is on */
    bool recording;  /* a backward pass may come: save what it needs */
    bool reference;  /* the op's plain form is wanted */
    DType precision; /* of the operands of products: DTYPE_F32 or DTYPE_BF16 */
    RandomKey random;
    void *attrs; /* the op's attribute struct */
    void *cache; /* generation cache of the caller, NULL outside generation */

    int input_count, output_count, saved_count;
    Tensor *inputs[OP_MAX_INPUTS]; /* held; NULL: an optional one left out */
    Tensor *outputs[OP_MAX_OUTPUTS];
    Tensor *saved[OP_MAX_SAVED]; /* held aliases without autograd, or scratch tensors */
    bool needs_grad[OP_MAX_INPUTS];
    uint64_t saved_versions[OP_MAX_SAVED], input_versions[OP_MAX_INPUTS]; /* storage_version() at the call */
    Tensor *scratch[OP_MAX_SCRATCH]; /* held until the call (forward or backward) is over, whatever its end */
    int scratch_count;

    /* Backward. A gradient that did not come is NULL: zero. */
    Tensor *grad_outputs[OP_MAX_OUTPUTS];
    Tensor *pending[OP_MAX_INPUTS]; /* fresh gradients to be added to ones that exist already */

    /* The tape's own. */
    uint64_t sequence, walk;
    Node *next;
    int refs;
    bool done;        /* backward was run and the saved tensors are gone */
    const char *path; /* module path of the caller, for messages and profiles */
};

/* --- for the code of ops --- */

/* The next output, not initialised, in the right memory. */
Status node_output(Node *node, DType dtype, int ndim, const int64_t *shape, Tensor **out) STATUS_CHECKED;
/* The next output is this tensor (a view of an input); the node takes over the caller's reference. */
void node_output_view(Node *node, Tensor *view);
/* Keeps a tensor's bytes for backward as saved[saved_count++]; does nothing unless recording. */
Status node_save(Node *node, const Tensor *tensor) STATUS_CHECKED;
/* A new f32 tensor kept as saved[saved_count++] (also made when not recording, as scratch of the forward). */
Status node_save_new(Node *node, int ndim, const int64_t *shape, Tensor **out) STATUS_CHECKED;
/* Scratch memory, which the node lets go of when the call is over. */
Status node_scratch(Node *node, DType dtype, int ndim, const int64_t *shape, Tensor **out) STATUS_CHECKED;

/* In backward: where the gradient of inputs[i] (which must have needs_grad) is to be written, contiguous f32 of its
 * shape. *accumulate: add to what is there (only ever true for an op that accumulates). Write one gradient before
 * asking for the next: an input may stand in two places. */
Status node_grad(Node *node, int i, Tensor **grad, bool *accumulate) STATUS_CHECKED;
/* In backward: the gradient of inputs[i] is this tensor, of its shape (a view of a grad_output, say); not copied
 * where none exists yet. */
Status node_grad_is(Node *node, int i, Tensor *grad) STATUS_CHECKED;

/* Shape errors in the house form: "softmax: x is f32[3]: ...". i is the input's place. */
Status node_refuse(const Node *node, int i, const char *format, ...) STATUS_CHECKED
    __attribute__((format(printf, 3, 4)));
/* Checks that inputs[i] has ndim dimensions. */
Status node_expect_ndim(const Node *node, int i, int ndim) STATUS_CHECKED;
/* Resolves a dimension of inputs[i] that may count from the end (-1 is the last). */
Status node_dim(const Node *node, int i, int64_t dim, int *out) STATUS_CHECKED;
/* inputs[i] or, where it is not contiguous, a copy in scratch memory. */
Status node_contiguous(Node *node, int i, Tensor **out) STATUS_CHECKED;
/* The same for the gradient of the first output. */
Status node_dense_gradient(Node *node, Tensor **out) STATUS_CHECKED;
/* What a product reads of inputs[i], contiguous: the input itself or, where node->precision is bf16, its values
 * rounded to that (made once for all products that read the input, or held so): bf16 where the machine multiplies
 * bf16, else f32. */
Status node_operand(Node *node, int i, Tensor **out) STATUS_CHECKED;
/* The same of a contiguous f32 tensor that is only looked at in this call. */
Status node_operand_of(Node *node, Tensor *tensor, Tensor **out) STATUS_CHECKED;
/* Hands a tensor over to the scratch of the call. */
Status node_keep(Node *node, Tensor *tensor) STATUS_CHECKED;
/* The shape to which all inputs are broadcast (NumPy's rule). Errors: sizes that differ and are not 1. */
Status node_broadcast(const Node *node, int *ndim, int64_t shape[TENSOR_MAX_DIMS]) STATUS_CHECKED;
/* inputs[i] broadcast to the shape, contiguous, in scratch memory where it is not that already. */
Status node_expanded(Node *node, int i, int ndim, const int64_t *shape, Tensor **out) STATUS_CHECKED;
/* The same in another type. */
Status node_expanded_as(Node *node, int i, DType dtype, int ndim, const int64_t *shape,
                        Tensor **out) STATUS_CHECKED;
/* In backward: the gradient of inputs[i] is full, summed over the dimensions in which it was broadcast. */
Status node_grad_reduced(Node *node, int i, Tensor *full) STATUS_CHECKED;

/* --- for the tape and tests --- */

/* The place of a tensor's gradient: its node's, or its own for a leaf. */
Tensor **node_gradient_place(Tensor *tensor);
/* Lets go of the call's scratch. */
void node_drop_scratch(Node *node);
/* Adds what backward left pending. */
Status node_finish_backward(Node *node) STATUS_CHECKED;
/* How many inputs the record names, and what it says of inputs[i]. */
int op_input_count(const Op *op);
const OpInput *op_input(const Op *op, int i);
double node_flops(const Node *node);
/* Bytes that a call reads and writes. */
double node_bytes(const Node *node);
/* All of its inputs and outputs. */
double node_tensor_bytes(const Node *node);

/* All records, in the order of ops.list. */
extern const Op *const op_records[];
extern const int op_record_count;
const Op *op_find(const char *name);

#endif
