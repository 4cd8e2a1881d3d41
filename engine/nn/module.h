/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The module tree: named children and parameters. A Param is one trainable tensor: fp32 master value, gradient,
 * mask, the optimizer's state and its own step count. Its path is the one of the weight files
 * ("bert.encoder.layer.0.output.dense.weight"). module_free() frees the whole tree below. A forward pass walks the
 * live tree and finds children and parameters by name, so that edits of the tree need nothing else. */
#ifndef LATHE_NN_MODULE_H
#define LATHE_NN_MODULE_H

#include "engine/autograd/tape.h"

enum { PARAM_STATES = 2, MODULE_PATH_SIZE = 256 };

typedef struct Param {
    char *path;       /* whole path from the root, the root's own name left out */
    const char *name; /* its last part */
    Tensor *value;    /* f32 leaf in the pool, its gradient is value->grad; or bf16: module_hold_half() */
    Tensor *mask;     /* f32 of 0 and 1, same shape; NULL: dense. Replaced, never written to */
    Tensor *state[PARAM_STATES]; /* the optimizer's, NULL before the first step */
    int64_t step;                /* how often the optimizer stepped it */
    uint64_t version;            /* grows with every change of the value: key of caches */
    bool frozen;                 /* not trained: see param_set_frozen() */
    bool decay;                  /* weight decay applies: matrices, not biases and norms */
    bool linear;                 /* the matrix of a linear layer: a row makes a unit */
    int64_t pruned;              /* zeros of the mask */
    double lr_scale;             /* what the learning rate is multiplied by (model_scale_rates()) */
    double deviation;            /* of the normal distribution that it begins with; 0: it begins with constants */
} Param;

/* How linear layers are adapted (engine/nn/lora.h). */
typedef struct LoraConfig {
    int64_t rank;
    double alpha, dropout;
    char modules[OPTION_TEXT_SIZE];
} LoraConfig;

typedef struct Module {
    char *name;
    struct Module *parent;
    struct Module **children;
    Param **params;
    int child_count, param_count;
    const LoraConfig *lora; /* of a linear layer with an adapter: the model's; NULL: it has none */
    bool outline; /* of a root: the parameters below have shapes and no memory of their own (model_outline()) */
} Module;

Status module_new(const char *name, Module **out) STATUS_CHECKED;
void module_free(Module *module);

/* A new child below the module, which owns it. */
Status module_add(Module *module, const char *name, Module **out) STATUS_CHECKED;
/* The same, but not there yet: to be filled and then put there by module_attach(), or freed. */
Status module_new_below(Module *module, const char *name, Module **out) STATUS_CHECKED;
Status module_attach(Module *child) STATUS_CHECKED;
/* Takes it out of its parent and frees it. */
void module_remove(Module *child);
/* A new parameter with the shape, zeroed; decay as given. */
Status module_add_param(Module *module, const char *name, bool decay, int ndim, const int64_t *shape,
                        Param **out) STATUS_CHECKED;

/* Errors: there is none of that name; the message names the module's path. */
Status module_child(const Module *module, const char *name, Module **out) STATUS_CHECKED;
Status module_param(const Module *module, const char *name, Param **out) STATUS_CHECKED;
/* By dotted path ("encoder.layer.0"); NULL where there is none. */
Module *module_find(const Module *root, const char *path);
Param *module_find_param(const Module *root, const char *path);

/* To be called after every change of the value: copies of it are stale. */
void param_changed(Param *param);

/* Gives the parameter a mask (NULL: none) in place of the one that it has; the reference becomes its own. */
void param_set_mask(Param *param, Tensor *mask);

/* A frozen parameter is not stepped and has no gradient: none is computed for it, nor for anything that only it
 * needs, and it has no share in the norm. The gradient that it had is forgotten. */
void param_set_frozen(Param *param, bool frozen);

/* From now on the matrices below are bf16 alone, a third of what they take as f32 with copies for bf16 products,
 * and nothing is trained: for who only generates in bf16. Nothing happens on a machine without such products
 * (bf16_native()). Errors: memory; what was changed by then stays so. */
Status module_hold_half(Module *module) STATUS_CHECKED;

/* All parameters below, depth first in order of making. Stops at the first failure. */
Status module_each_param(const Module *module, Status (*visit)(void *context, Param *param),
                         void *context) STATUS_CHECKED;
int64_t module_count_params(const Module *module);  /* Param objects */
int64_t module_count_frozen(const Module *module);  /* those that are frozen */
int64_t module_count_weights(const Module *module); /* elements */
/* "bert.encoder.layer.*.output.dense.weight": a star stands for one part of a path. */
bool module_path_matches(const char *pattern, const char *path);
/* Whether the path is top or goes on below it; everything is below "". */
bool module_path_below(const char *path, const char *top);
/* Its path into out: names from below the root joined by dots. */
void module_path(const Module *module, char out[MODULE_PATH_SIZE]);

/* --- layers with the field's names: "weight" and "bias" --- */

/* Draws the first value of a parameter below the key, each from its own path; RANDOM_NONE: leaves it as it is. */
void param_draw(Param *param, RandomKey key);

/* weight f32[out,in] drawn from N(0, deviation^2), bias f32[out] zeros (unless without it). */
Status linear_add(Module *parent, const char *name, int64_t in, int64_t out, bool bias, RandomKey key,
                  double deviation, Module **made) STATUS_CHECKED;
/* weight f32[rows,width] drawn from N(0, deviation^2). */
Status embedding_add(Module *parent, const char *name, int64_t rows, int64_t width, RandomKey key, double deviation,
                     Module **made) STATUS_CHECKED;
/* weight f32[width] ones, bias f32[width] zeros (unless without it). */
Status layer_norm_add(Module *parent, const char *name, int64_t width, bool bias, Module **made) STATUS_CHECKED;

/* y = x W' + b of the child called name; entered on the tape under its name. gelu: followed by the exact GELU. */
Status linear_forward(const Module *parent, const char *name, Tape *tape, Tensor *x, bool gelu,
                      Tensor **y) STATUS_CHECKED;
Status layer_norm_forward(const Module *parent, const char *name, Tape *tape, Tensor *x, double eps,
                          Tensor **y) STATUS_CHECKED;
/* layer_norm(residual + dropout(x)) of the child called name. */
Status residual_norm_forward(const Module *parent, const char *name, Tape *tape, Tensor *x, Tensor *residual,
                             double p, double eps, Tensor **y) STATUS_CHECKED;

#endif
