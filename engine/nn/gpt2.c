/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/nn/gpt2.h"

#include "engine/autograd/functions.h"

#include <math.h>
#include <stdio.h>

static const Option options[] = {
    OPTION_INT_FIELD(Gpt2Config, vocab_size, 50257, 2, 1 << 24, "pieces in the vocabulary"),
    OPTION_INT_FIELD(Gpt2Config, n_positions, 1024, 1, 1 << 20, "longest sequence: the context"),
    OPTION_INT_FIELD(Gpt2Config, n_embd, 768, 1, 1 << 16, "width of the hidden states"),
    OPTION_INT_FIELD(Gpt2Config, n_layer, 12, 1, 1000, "layers"),
    OPTION_INT_FIELD(Gpt2Config, n_head, 0, 0, 1024, "attention heads; 0: one for every 64 of the width"),
    OPTION_INT_FIELD(Gpt2Config, n_inner, 0, 0, 1 << 18, "width of the feed-forward layer; 0: 4 x n_embd"),
    OPTION_INT_FIELD(Gpt2Config, num_labels, 0, 0, 1 << 20, "classes of a classification head; 0: no such head"),
    OPTION_NUMBER_FIELD(Gpt2Config, resid_pdrop, 0.1, 0, 0.999, "dropout at the end of each half of a layer"),
    OPTION_NUMBER_FIELD(Gpt2Config, embd_pdrop, 0.1, 0, 0.999, "dropout of the embeddings"),
    OPTION_NUMBER_FIELD(Gpt2Config, attn_pdrop, 0.1, 0, 0.999, "dropout of attention probabilities"),
    OPTION_NUMBER_FIELD(Gpt2Config, layer_norm_epsilon, 1e-5, 0, 1, "added to the variance in layer normalisation"),
    OPTION_NUMBER_FIELD(Gpt2Config, initializer_range, 0.02, 0, 10, "standard deviation of the initial weights"),
    LORA_OPTION_FIELDS(Gpt2Config, lora, "c_attn"),
    {0},
};

/* What the config leaves open, and whether it fits together. */
static Status complete(Gpt2Config *config)
{
    if (!config->n_head) config->n_head = config->n_embd % 64 == 0 ? config->n_embd / 64 : 1;
    if (!config->n_inner) config->n_inner = 4 * config->n_embd;
    if (config->n_embd % config->n_head)
        return status_fail(STATUS_INVALID, "gpt2: n_embd %lld is not a multiple of n_head %lld; change either",
                           (long long)config->n_embd, (long long)config->n_head);
    return STATUS_OK;
}

static Status build_layer(Module *list, int64_t number, const Gpt2Config *config, RandomKey key)
{
    Module *layer, *attention, *mlp;
    char name[24];
    int64_t h = config->n_embd;
    double deviation = config->initializer_range, last = deviation / sqrt(2 * (double)config->n_layer);
    snprintf(name, sizeof name, "%lld", (long long)number);
    TRY(module_add(list, name, &layer));
    TRY(layer_norm_add(layer, "ln_1", h, true, NULL));
    TRY(module_add(layer, "attn", &attention));
    TRY(linear_add(attention, "c_attn", h, 3 * h, true, key, deviation, NULL));
    TRY(linear_add(attention, "c_proj", h, h, true, key, last, NULL));
    TRY(layer_norm_add(layer, "ln_2", h, true, NULL));
    TRY(module_add(layer, "mlp", &mlp));
    TRY(linear_add(mlp, "c_fc", h, config->n_inner, true, key, deviation, NULL));
    return linear_add(mlp, "c_proj", config->n_inner, h, true, key, last, NULL);
}

static Status build(Model *model, RandomKey key)
{
    Gpt2Config *config = model->config;
    Module *transformer, *list;
    TRY(complete(config));
    double deviation = config->initializer_range;
    TRY(module_add(model->root, "transformer", &transformer));
    TRY(embedding_add(transformer, "wte", config->vocab_size, config->n_embd, key, deviation, NULL));
    TRY(embedding_add(transformer, "wpe", config->n_positions, config->n_embd, key, deviation, NULL));
    TRY(module_add(transformer, "h", &list));
    for (int64_t i = 0; i < config->n_layer; i++) TRY(build_layer(list, i, config, key));
    TRY(layer_norm_add(transformer, "ln_f", config->n_embd, true, NULL));
    if (config->num_labels)
        TRY(linear_add(model->root, "score", config->n_embd, config->num_labels, false, key, deviation, NULL));
    return STATUS_OK;
}

/* --- forward; B sequences of T tokens, width H --- */

/* Places before the batch. */
static int64_t start_of(const Forward *pass)
{
    return pass->cache ? pass->cache[0].length : 0;
}

static Status check_length(const Forward *pass, const Tensor *ids)
{
    const Gpt2Config *config = pass->model->config;
    int64_t length = start_of(pass) + ids->shape[ids->ndim - 1];
    if (ids->ndim == 2 && length <= config->n_positions) return STATUS_OK;
    return status_fail(STATUS_INVALID,
                       "gpt2: a sequence of %lld tokens is longer than n_positions %lld; shorten 'length' of the "
                       "data or build the model with more positions",
                       (long long)length, (long long)config->n_positions);
}

/* Words and places, dropped out: f32[B,T,H]. */
static Status embed(Forward *pass, Tensor **out)
{
    const Gpt2Config *config = pass->model->config;
    Param *words = module_find_param(pass->model->root, "transformer.wte.weight"),
          *places = module_find_param(pass->model->root, "transformer.wpe.weight");
    Tensor *ids, *sum;
    if (!words || !places) return status_fail(STATUS_INVALID, "gpt2: the module tree has no embeddings");
    TRY(batch_get(pass->batch, "input_ids", &ids));
    TRY(check_length(pass, ids));
    TRY(f_embedding_sum(pass->tape, words->value, places->value, NULL, ids, NULL, start_of(pass), &sum));
    return f_dropout(pass->tape, sum, config->embd_pdrop, out);
}

/* One layer in a pass. */
typedef struct Layer {
    const Module *module;
    Tape *tape;
    const Gpt2Config *config;
    AttentionCache *cache; /* NULL: no generation */
} Layer;

/* x + dropout(projection(y)) with the child c_proj. */
static Status add_projection(const Layer *layer, const Module *module, Tensor *x, Tensor *y, Tensor **out)
{
    Tensor *projected, *dropped;
    TRY(linear_forward(module, "c_proj", layer->tape, y, false, &projected));
    TRY(f_dropout(layer->tape, projected, layer->config->resid_pdrop, &dropped));
    return f_add(layer->tape, x, dropped, out);
}

static Status attention_forward(const Layer *layer, const Module *attention, Tensor *x, Tensor *normal,
                                Tensor **out)
{
    const Gpt2Config *config = layer->config;
    Tensor *qkv, *context;
    TRY(linear_forward(attention, "c_attn", layer->tape, normal, false, &qkv));
    tape_set_cache(layer->tape, layer->cache);
    Status status =
        f_attention(layer->tape, qkv, NULL, NULL, NULL, config->n_head, true, config->attn_pdrop, &context);
    tape_set_cache(layer->tape, NULL);
    TRY(status);
    return add_projection(layer, attention, x, context, out);
}

static Status mlp_forward(const Layer *layer, const Module *mlp, Tensor *x, Tensor *normal, Tensor **out)
{
    Tensor *wide, *active;
    TRY(linear_forward(mlp, "c_fc", layer->tape, normal, false, &wide));
    TRY(f_gelu(layer->tape, wide, true, &active));
    return add_projection(layer, mlp, x, active, out);
}

typedef Status (*Half)(const Layer *layer, const Module *module, Tensor *x, Tensor *normal, Tensor **out);

/* x + half(norm(x)) */
static Status half_forward(const Layer *layer, const char *norm, const char *name, Half half, Tensor *x,
                           Tensor **out)
{
    Module *module;
    Tensor *normal;
    TRY(layer_norm_forward(layer->module, norm, layer->tape, x, layer->config->layer_norm_epsilon, &normal));
    TRY(module_child(layer->module, name, &module));
    TRY(tape_enter(layer->tape, name));
    Status status = half(layer, module, x, normal, out);
    tape_leave(layer->tape);
    return status;
}

static Status layer_forward(void *context, Tape *tape, Tensor *x, Tensor **out)
{
    const Layer *layer = context;
    Tensor *attended;
    (void)tape;
    TRY(half_forward(layer, "ln_1", "attn", attention_forward, x, &attended));
    return half_forward(layer, "ln_2", "mlp", mlp_forward, attended, out);
}

static Status layers_forward(Forward *pass, const Module *list, Tensor *x, Tensor **out)
{
    Status status = STATUS_OK;
    for (int i = 0; status == STATUS_OK && i < list->child_count; i++) {
        Layer layer = {list->children[i], pass->tape, pass->model->config, pass->cache ? &pass->cache[i] : NULL};
        char path[MODULE_PATH_SIZE];
        module_path(layer.module, path);
        TRY(tape_enter(pass->tape, path));
        status = tape_part(pass->tape, layer_forward, &layer, sizeof layer, x, &x);
        tape_leave(pass->tape);
    }
    *out = x;
    return status;
}

static Status compute_hidden(Forward *pass, Tensor **out)
{
    const Gpt2Config *config = pass->model->config;
    Module *transformer = module_find(pass->model->root, "transformer"),
           *list = module_find(pass->model->root, "transformer.h");
    Tensor *x;
    if (!transformer || !list) return status_fail(STATUS_INVALID, "gpt2: the module tree has no 'transformer.h'");
    TRY(tape_enter(pass->tape, "transformer"));
    Status status = embed(pass, &x);
    tape_leave(pass->tape);
    TRY(status);
    TRY(layers_forward(pass, list, x, &x));
    TRY(tape_enter(pass->tape, "transformer"));
    status = layer_norm_forward(transformer, "ln_f", pass->tape, x, config->layer_norm_epsilon, out);
    tape_leave(pass->tape);
    return status;
}

/* rows f32[n,H] -> f32[n,vocab] */
static Status head(Forward *pass, Tensor *rows, Tensor **out)
{
    Param *words = module_find_param(pass->model->root, "transformer.wte.weight");
    if (!words) return status_fail(STATUS_INVALID, "gpt2: the module tree has no 'transformer.wte.weight'");
    TRY(tape_enter(pass->tape, "lm_head"));
    Status status = f_linear(pass->tape, rows, words->value, NULL, out);
    tape_leave(pass->tape);
    return status;
}

static Status compute_clm_logits(Forward *pass, Tensor **out)
{
    const Gpt2Config *config = pass->model->config;
    Tensor *hidden, *flat;
    TRY(forward_output(pass, "hidden", &hidden));
    TRY(f_reshape(pass->tape, hidden, 2, (int64_t[]){-1, config->n_embd}, &flat));
    return head(pass, flat, out);
}

/* The hidden state of each sequence's last token: f32[B,H]. */
static Status compute_last_hidden(Forward *pass, Tensor **out)
{
    const Gpt2Config *config = pass->model->config;
    Tensor *hidden, *flat, *places, *lengths = batch_find(pass->batch, "lengths");
    TRY(forward_output(pass, "hidden", &hidden));
    int64_t batch = hidden->shape[0], width = hidden->shape[1];
    TRY(f_reshape(pass->tape, hidden, 2, (int64_t[]){-1, config->n_embd}, &flat));
    TRY(tensor_new(tape_arena(pass->tape), DTYPE_I32, 1, &batch, &places));
    for (int64_t i = 0; i < batch; i++) {
        int64_t length = lengths ? TENSOR_I32(lengths)[i] : width;
        TENSOR_I32(places)[i] = (int32_t)(i * width + (length < 1 ? 0 : length - 1));
    }
    return f_gather_rows(pass->tape, flat, places, out);
}

static Status compute_next_logits(Forward *pass, Tensor **out)
{
    Tensor *last;
    TRY(forward_output(pass, "last_hidden", &last));
    return head(pass, last, out);
}

static Status compute_class_logits(Forward *pass, Tensor **out)
{
    Tensor *last;
    if (!module_find(pass->model->root, "score"))
        return status_fail(STATUS_INVALID, "gpt2: there is no classifier; build the model with num_labels");
    TRY(forward_output(pass, "last_hidden", &last));
    return linear_forward(pass->model->root, "score", pass->tape, last, false, out);
}

static CacheShape cache_shape(const Model *model)
{
    const Gpt2Config *config = model->config;
    return (CacheShape){config->n_layer, config->n_head, config->n_embd / config->n_head};
}

static int64_t trunk_size(const Model *model)
{
    return ((const Gpt2Config *)model->config)->n_embd;
}

static int64_t max_length(const Model *model)
{
    return ((const Gpt2Config *)model->config)->n_positions;
}

/* Queries, keys and values stand below each other. */
static int64_t parts(const Model *model, const char *path)
{
    (void)model;
    bool together = module_path_matches("transformer.h.*.attn.c_attn.*", path) ||
                    module_path_matches("transformer.h.*.attn.c_attn.lora_B.weight", path);
    return together ? 3 : 1;
}

/* All positions are predicted, whatever 'masked' says; a query sees half of the keys on average. */
static double step_flops(const Model *model, int64_t batch, int64_t length, int64_t masked)
{
    const Gpt2Config *c = model->config;
    double tokens = (double)batch * (double)length, h = (double)c->n_embd, wide = (double)c->n_inner;
    double layer = tokens * (4 * h * h + 2 * h * wide) + tokens * (double)length * h;
    (void)masked;
    return 3 * 2 * ((double)c->n_layer * layer + tokens * h * (double)c->vocab_size);
}

const ModelRecord model_gpt2 = {
    .name = "gpt2",
    .doc = "GPT-2: a causal pre-norm decoder that predicts the next token, its head tied to the word embeddings.",
    .source = "Radford et al. 2019, Language models are unsupervised multitask learners",
    .options = options,
    .config_size = sizeof(Gpt2Config),
    .build = build,
    .outputs =
        (const ModelOutput[]){
            {"hidden", "hidden states behind the last norm, f32[B,T,H]", compute_hidden},
            {"clm_logits", "the token behind each place, f32[B*T,vocab]", compute_clm_logits},
            {"last_hidden", "the hidden state of each sequence's last token, f32[B,H]", compute_last_hidden},
            {"next_logits", "the token behind each sequence, f32[B,vocab]", compute_next_logits},
            {"class_logits", "classes, from the last token, f32[B,num_labels]", compute_class_logits},
            {0},
        },
    .classes = "class_logits",
    .trunk = "last_hidden",
    .next = "next_logits",
    .cache_shape = cache_shape,
    .trunk_size = trunk_size,
    .aliases =
        (const ModelAlias[]){
            {"lm_head.weight", "transformer.wte.weight"},
            {"transformer.h.*.attn.bias", NULL}, /* the causal mask, which old files have */
            {"transformer.h.*.attn.masked_bias", NULL},
            {0},
        },
    .transposed = (const char *const[]){"c_attn", "c_proj", "c_fc", NULL},
    .architectures =
        (const ModelArchitecture[]){
            {"GPT2ForSequenceClassification", (const char *const[]){"score", NULL}, "num_labels"},
            {"GPT2LMHeadModel", (const char *const[]){NULL}, NULL},
            {"GPT2Model", (const char *const[]){NULL}, NULL},
            {0},
        },
    .base = "transformer",
    .fixed = (const ModelFixed[]){{"activation_function", "gelu_new", "gelu_pytorch_tanh"},
                                  {"scale_attn_weights", "true", NULL},
                                  {"scale_attn_by_inverse_layer_idx", "false", NULL},
                                  {"add_cross_attention", "false", NULL},
                                  {"tie_word_embeddings", "true", NULL},
                                  {0}},
    .layers = "transformer.h",
    .before = (const char *const[]){"transformer.wte", "transformer.wpe", NULL},
    .quiet =
        (const char *const[]){
            "transformer.h.*.attn.c_proj.weight",
            "transformer.h.*.attn.c_proj.bias",
            "transformer.h.*.mlp.c_proj.weight",
            "transformer.h.*.mlp.c_proj.bias",
            NULL,
        },
    .parts = parts,
    .max_length = max_length,
    .step_flops = step_flops,
};
