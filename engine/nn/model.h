/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Models: a record each (models.list), a config struct, a module tree, and outputs that are computed on demand. A
 * Forward is one pass over one view of the input: the trunk runs once, and every output that objectives ask for is
 * computed once. model_free() frees the tree; a Forward lives in the step's arena and is not freed. */
#ifndef LATHE_NN_MODEL_H
#define LATHE_NN_MODEL_H

#include "engine/base/hash.h"
#include "engine/nn/module.h"
#include "engine/ops/attention.h"
#include "engine/tensor/batch.h"

enum { MODEL_NAME_SIZE = 64, MODEL_MAX_OUTPUTS = 12 };

typedef struct Model Model;
typedef struct Forward Forward;

/* Something that a model can compute; the list ends with {0}. The first is the trunk's output, of which all others
 * are made. */
typedef struct ModelOutput {
    const char *name, *doc;
    Status (*compute)(Forward *pass, Tensor **out);
} ModelOutput;

/* Another name that files have for a parameter (a tied weight), or for something that is not one (path NULL: passed
 * over; there a star is one part of a path). */
typedef struct ModelAlias {
    const char *name, *path;
} ModelAlias;

/* What config.json of transformers says beside the options, and what it must say there: a text, or "true" or
 * "false". also: another way to say the same; NULL: none. */
typedef struct ModelFixed {
    const char *name, *value, *also;
} ModelFixed;

/* A class of transformers for the model, as config.json has it in "architectures". Its files have the trunk (what
 * is below ModelRecord.base) and these modules, by path; the list ends with NULL. */
typedef struct ModelArchitecture {
    const char *name;
    const char *const *heads;
    /* An option without which the model has not all of them: num_labels, which id2label counts; NULL: none. */
    const char *option;
} ModelArchitecture;

/* A second network in the model's tree that transformers has in a directory of its own: ELECTRA's generator. Lathe
 * puts it below the model's, under the name. */
typedef struct ModelCompanion {
    /* Of its module, of its folder, of the option that says whether it is there, and, before "_", of the options
     * that it has values of its own for. */
    const char *name;
    const char *shared; /* module of the model that its files have as well, by path */
    ModelArchitecture architecture;
    const ModelAlias *aliases; /* of its files; paths of the model */
} ModelCompanion;

/* Layers of attention, each with heads of that size. */
typedef struct CacheShape {
    int64_t layers, heads, size;
} CacheShape;

typedef struct ModelRecord {
    const char *name, *doc, *source;
    const Option *options; /* fields of the config struct, with Hugging Face's names */
    size_t config_size;
    /* Fills in what the config leaves open, checks it, and builds the tree below model->root. */
    Status (*build)(Model *model, RandomKey key);
    const ModelOutput *outputs;
    /* Which of them scores the classes of whole examples, and which one heads for whole examples read (f32[B,H]).
     * NULL: none. */
    const char *classes, *trunk;
    int64_t (*trunk_size)(const Model *model); /* H of the trunk */
    const ModelAlias *aliases;                 /* ends with {0}; NULL: none */
    /* A decoder that can generate: the output with the logits of the token behind each sequence, f32[B,vocab], and
     * what its attention keeps. NULL: it cannot. */
    const char *next;
    CacheShape (*cache_shape)(const Model *model);
    /* Its forms in transformers (engine/io/pretrained.h), ending with {0}; a model is saved as the first one whose
     * heads it has. NULL: there is none. base: the part of paths that files of the bare model leave out. */
    const ModelArchitecture *architectures;
    const char *base;
    const ModelCompanion *companion; /* NULL: none */
    const ModelFixed *fixed;         /* ends with {0}; NULL: nothing */
    /* Options that transformers' model does not have: it does what their defaults say. Ends with NULL; NULL: none.
     */
    const char *const *extensions;
    /* The module whose children are the layers, from the input on, and what stands before them, by path; ends with
     * NULL. NULL: there are no layers. */
    const char *layers;
    const char *const *before;
    /* Modules whose weight stands in files as [in,out], by their own name; ends with NULL. NULL: none. */
    const char *const *transposed;
    /* Parameters whose new entries are zero after a structural edit (engine/nn/reshape.h): the projections that end
     * a residual branch. A star is one part of a path; ends with NULL. NULL: none. */
    const char *const *quiet;
    /* How many of the same size the parameter at the path holds one below the other (queries, keys and values: 3):
     * a structural edit carries each over by itself. NULL: one. */
    int64_t (*parts)(const Model *model, const char *path);
    /* The longest sequence, 0 where it is not text. */
    int64_t (*max_length)(const Model *model);
    /* Multiply-adds (times 2) of forward and backward for one step on B sequences of T tokens with n masked
     * positions. */
    double (*step_flops)(const Model *model, int64_t batch, int64_t length, int64_t masked);
} ModelRecord;

struct Model {
    const ModelRecord *record;
    char name[MODEL_NAME_SIZE];
    void *config;
    Module *root;
    char **classes; /* names of its classes, where files told them; class_count of them, else 0 */
    int64_t class_count;
    char *origin; /* the directory that it was loaded from; NULL: none */
    Hash content; /* of the weights there */
};

struct Forward {
    Model *model;
    Tape *tape;
    const Batch *batch;
    AttentionCache *cache; /* one for each layer of attention: the batch goes on behind it; NULL: no generation */
    Tensor *outputs[MODEL_MAX_OUTPUTS]; /* computed so far, by place in the record's list */
};

/* config is copied. key: where the weights are drawn from; RANDOM_NONE: they stay zeros, for who fills them in. */
Status model_new(const ModelRecord *record, const void *config, const char *name, RandomKey key,
                 Model **out) STATUS_CHECKED;
/* The same without memory for the parameters: for paths and shapes alone. */
Status model_outline(const ModelRecord *record, const void *config, Model **out) STATUS_CHECKED;
void model_free(Model *model);
/* Copies the names of its classes. Errors: memory; it has the old ones then. */
Status model_set_classes(Model *model, const char *const *names, int64_t count) STATUS_CHECKED;
/* Where it was loaded from; the text is copied. */
Status model_set_origin(Model *model, const char *directory, Hash content) STATUS_CHECKED;
/* How far from the input the parameter at the path stands: 0 before the layers, 1 to n in them, n + 1 behind them.
 */
int64_t model_depth(const Model *model, const char *path);
/* Gives each parameter its share of the learning rate: decay^(n + 1 - depth), so that what stands behind the layers
 * has all of it. Howard, Ruder 2018 (discriminative fine-tuning); Clark et al. 2020 (ELECTRA), appendix B. */
void model_scale_rates(Model *model, double decay);
/* Pieces of the vocabulary that it was built for; 0 where it reads no text. */
int64_t model_vocab_size(const Model *model);
/* Errors: a vocabulary with more pieces than the model has ('whose' names it in the message). */
Status model_check_vocabulary(const Model *model, const char *whose, int64_t pieces) STATUS_CHECKED;
/* Whether the option is one of the record's extensions. */
bool model_extends(const ModelRecord *record, const char *option);
/* Whether the model is another one than transformers': an extension is not at its default. Errors: memory. */
Status model_is_extended(const Model *model, bool *extended) STATUS_CHECKED;
/* Whether files have the parameter's value as its transpose. */
bool model_transposes(const Model *model, const Param *param);

Status forward_new(Model *model, Tape *tape, const Batch *batch, Forward **out) STATUS_CHECKED;
/* A pass over the batch of another one with this in place of its input_ids; the pass's batch must live as long.
 * ids i32[B,T] stays the caller's. */
Status forward_replaced(const Forward *pass, Tensor *ids, Forward **out) STATUS_CHECKED;
/* The named output, computed at the first request. Errors: unknown name (with the nearest). */
Status forward_output(Forward *pass, const char *name, Tensor **out) STATUS_CHECKED;

bool model_has_output(const ModelRecord *record, const char *name);

extern const ModelRecord *const model_records[];
extern const int model_record_count;
const ModelRecord *model_record_find(const char *name);

#endif
