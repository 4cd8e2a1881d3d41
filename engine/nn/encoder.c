/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/nn/encoder.h"

#include "engine/autograd/functions.h"

#include <stdio.h>
#include <string.h>

Status encoder_complete(EncoderConfig *config, const char *owner)
{
    int64_t h = config->hidden_size;
    if (!config->num_attention_heads) config->num_attention_heads = h % 64 == 0 ? h / 64 : 1;
    if (!config->intermediate_size) config->intermediate_size = 4 * h;
    if (h % config->num_attention_heads)
        return status_fail(STATUS_INVALID,
                           "%s: hidden_size %lld is not a multiple of num_attention_heads %lld; change either",
                           owner, (long long)h, (long long)config->num_attention_heads);
    if (config->position_embedding_type == POSITIONS_ROTARY && h / config->num_attention_heads % 2)
        return status_fail(STATUS_INVALID,
                           "%s: rotary positions turn pairs, but a head has %lld elements (hidden_size %lld, "
                           "num_attention_heads %lld); change either",
                           owner, (long long)(h / config->num_attention_heads), (long long)h,
                           (long long)config->num_attention_heads);
    return STATUS_OK;
}

/* --- the tree --- */

Status encoder_add_embeddings(Module *trunk, const EncoderConfig *config, int64_t vocab_size, int64_t width,
                              RandomKey key)
{
    Module *embeddings;
    double deviation = config->initializer_range;
    TRY(module_add(trunk, "embeddings", &embeddings));
    TRY(embedding_add(embeddings, "word_embeddings", vocab_size, width, key, deviation, NULL));
    if (config->position_embedding_type == POSITIONS_ABSOLUTE)
        TRY(embedding_add(embeddings, "position_embeddings", config->max_position_embeddings, width, key, deviation,
                          NULL));
    TRY(embedding_add(embeddings, "token_type_embeddings", config->type_vocab_size, width, key, deviation, NULL));
    return layer_norm_add(embeddings, "LayerNorm", width, config->bias, NULL);
}

/* A part of a layer in the making. */
typedef struct Building {
    const EncoderConfig *config;
    RandomKey key;
} Building;

static Status add_linear(const Building *building, Module *parent, const char *name, int64_t in, int64_t out)
{
    const EncoderConfig *config = building->config;
    return linear_add(parent, name, in, out, config->bias, building->key, config->initializer_range, NULL);
}

/* The norm of a half of a layer: it stands at the half's beginning or at its end. */
static Status add_norm(const Building *building, Module *parent, bool first)
{
    const EncoderConfig *config = building->config;
    if (first != config->norm_first) return STATUS_OK;
    return layer_norm_add(parent, "LayerNorm", config->hidden_size, config->bias, NULL);
}

/* The projection that ends a half of a layer: "output" of the attention and of the layer. */
static Status add_output(const Building *building, Module *parent, int64_t in)
{
    Module *output;
    TRY(module_add(parent, "output", &output));
    TRY(add_linear(building, output, "dense", in, building->config->hidden_size));
    return add_norm(building, output, false);
}

static Status add_layer(const Building *building, Module *list, int64_t number)
{
    Module *layer, *attention, *self, *intermediate;
    char name[24];
    int64_t h = building->config->hidden_size, wide = building->config->intermediate_size;
    snprintf(name, sizeof name, "%lld", (long long)number);
    TRY(module_add(list, name, &layer));
    TRY(module_add(layer, "attention", &attention));
    TRY(module_add(attention, "self", &self));
    TRY(add_linear(building, self, "query", h, h));
    TRY(add_linear(building, self, "key", h, h));
    TRY(add_linear(building, self, "value", h, h));
    TRY(add_output(building, attention, h));
    TRY(add_norm(building, attention, true));
    TRY(module_add(layer, "intermediate", &intermediate));
    TRY(add_linear(building, intermediate, "dense", h,
                   building->config->hidden_act == ACTIVATION_GEGLU ? 2 * wide : wide));
    TRY(add_norm(building, intermediate, true));
    return add_output(building, layer, wide);
}

Status encoder_add_layers(Module *trunk, const EncoderConfig *config, RandomKey key)
{
    Building building = {config, key};
    Module *encoder, *list;
    TRY(module_add(trunk, "encoder", &encoder));
    TRY(module_add(encoder, "layer", &list));
    for (int64_t i = 0; i < config->num_hidden_layers; i++) TRY(add_layer(&building, list, i));
    return add_norm(&building, trunk, true);
}

double encoder_classifier_dropout(const EncoderConfig *config)
{
    return config->classifier_dropout < 0 ? config->hidden_dropout_prob : config->classifier_dropout;
}

int64_t encoder_parts(const EncoderConfig *config, const char *path)
{
    bool gated = config->hidden_act == ACTIVATION_GEGLU && strstr(path, ".intermediate.dense.") != NULL;
    return gated ? 2 : 1;
}

double encoder_products(const EncoderConfig *config, int64_t batch, int64_t length)
{
    double tokens = (double)batch * (double)length, h = (double)config->hidden_size;
    double wide = (double)config->intermediate_size * (config->hidden_act == ACTIVATION_GEGLU ? 3 : 2);
    double layer = tokens * (4 * h * h + h * wide) + 2 * tokens * (double)length * h;
    return (double)config->num_hidden_layers * layer;
}

/* --- forward; B sequences of T tokens, width H --- */

static Status check_length(const Forward *pass, const EncoderConfig *config, const Tensor *ids)
{
    if (ids->ndim == 2 && ids->shape[1] <= config->max_position_embeddings) return STATUS_OK;
    return status_fail(
        STATUS_INVALID,
        "%s: a sequence of %lld tokens is longer than max_position_embeddings %lld; shorten 'length' "
        "of the data or build the model with more positions",
        pass->model->record->name, (long long)ids->shape[ids->ndim - 1],
        (long long)config->max_position_embeddings);
}

/* The tables for words, places and token types; NULL where places have none. */
static Status find_tables(const Module *embeddings, const EncoderConfig *config, Tensor *tables[3])
{
    static const char *const names[] = {"word_embeddings", "position_embeddings", "token_type_embeddings"};
    for (int i = 0; i < 3; i++) {
        Module *table;
        Param *weight;
        tables[i] = NULL;
        if (i == 1 && config->position_embedding_type != POSITIONS_ABSOLUTE) continue;
        TRY(module_child(embeddings, names[i], &table));
        TRY(module_param(table, "weight", &weight));
        tables[i] = weight->value;
    }
    return STATUS_OK;
}

static Status embed(Forward *pass, const Module *embeddings, const EncoderConfig *config, Tensor **out)
{
    Tensor *ids, *types, *tables[3], *sum, *normal;
    TRY(batch_get(pass->batch, "input_ids", &ids));
    TRY(batch_get(pass->batch, "token_type_ids", &types));
    TRY(check_length(pass, config, ids));
    TRY(find_tables(embeddings, config, tables));
    TRY(f_embedding_sum(pass->tape, tables[0], tables[1], tables[2], ids, types, 0, &sum));
    TRY(layer_norm_forward(embeddings, "LayerNorm", pass->tape, sum, config->layer_norm_eps, &normal));
    return f_dropout(pass->tape, normal, config->hidden_dropout_prob, out);
}

/* The tape stands at the root. */
static Status enter_module(Tape *tape, const Module *module)
{
    char path[MODULE_PATH_SIZE];
    module_path(module, path);
    return tape_enter(tape, path);
}

Status encoder_embed(Forward *pass, const Module *trunk, const EncoderConfig *config, Tensor **out)
{
    Module *embeddings;
    TRY(module_child(trunk, "embeddings", &embeddings));
    TRY(enter_module(pass->tape, embeddings));
    Status status = embed(pass, embeddings, config, out);
    tape_leave(pass->tape);
    return status;
}

/* What the parts of a layer need in a pass. */
typedef struct Running {
    Tape *tape;
    const EncoderConfig *config;
    Tensor *lengths; /* NULL: no padding */
} Running;

/* The input of a half of a layer: x, or its norm where that stands first. */
static Status begin_half(const Running *run, const Module *module, Tensor *x, Tensor **out)
{
    *out = x;
    if (!run->config->norm_first) return STATUS_OK;
    return layer_norm_forward(module, "LayerNorm", run->tape, x, run->config->layer_norm_eps, out);
}

/* dense(x) added to the residual, and its norm where that stands last. */
static Status end_half(const Running *run, const Module *output, Tensor *x, Tensor *residual, Tensor **out)
{
    const EncoderConfig *config = run->config;
    Tensor *projected, *dropped;
    TRY(linear_forward(output, "dense", run->tape, x, false, &projected));
    if (!config->norm_first)
        return residual_norm_forward(output, "LayerNorm", run->tape, projected, residual,
                                     config->hidden_dropout_prob, config->layer_norm_eps, out);
    TRY(f_dropout(run->tape, projected, config->hidden_dropout_prob, &dropped));
    return f_add(run->tape, residual, dropped, out);
}

static Status output_forward(const Running *run, const Module *parent, Tensor *x, Tensor *residual, Tensor **out)
{
    Module *output;
    TRY(module_child(parent, "output", &output));
    TRY(tape_enter(run->tape, "output"));
    Status status = end_half(run, output, x, residual, out);
    tape_leave(run->tape);
    return status;
}

static Status self_forward(const Running *run, const Module *self, Tensor *x, Tensor **out)
{
    const EncoderConfig *config = run->config;
    Tensor *query, *key, *value;
    int64_t heads = config->num_attention_heads;
    TRY(linear_forward(self, "query", run->tape, x, false, &query));
    TRY(linear_forward(self, "key", run->tape, x, false, &key));
    TRY(linear_forward(self, "value", run->tape, x, false, &value));
    if (config->position_embedding_type == POSITIONS_ROTARY) {
        TRY(f_rotary(run->tape, query, heads, config->rope_theta, 0, &query));
        TRY(f_rotary(run->tape, key, heads, config->rope_theta, 0, &key));
    }
    return f_attention(run->tape, query, key, value, run->lengths, heads, false,
                       config->attention_probs_dropout_prob, out);
}

static Status attention_forward(const Running *run, const Module *attention, Tensor *x, Tensor **out)
{
    Module *self;
    Tensor *normal, *context;
    TRY(module_child(attention, "self", &self));
    TRY(begin_half(run, attention, x, &normal));
    TRY(tape_enter(run->tape, "self"));
    Status status = self_forward(run, self, normal, &context);
    tape_leave(run->tape);
    TRY(status);
    return output_forward(run, attention, context, x, out);
}

static Status intermediate_forward(const Running *run, const Module *intermediate, Tensor *x, Tensor **out)
{
    bool gated = run->config->hidden_act == ACTIVATION_GEGLU;
    Tensor *normal, *wide;
    TRY(begin_half(run, intermediate, x, &normal));
    TRY(linear_forward(intermediate, "dense", run->tape, normal, !gated, &wide));
    if (gated) return f_geglu(run->tape, wide, out);
    *out = wide;
    return STATUS_OK;
}

/* One layer in a pass; it may be run once more on the way back. */
typedef struct Layer {
    const Module *module;
    EncoderConfig config;
    Tensor *lengths;
} Layer;

static Status layer_forward(void *context, Tape *tape, Tensor *x, Tensor **out)
{
    const Layer *layer = context;
    Running run = {tape, &layer->config, layer->lengths};
    Module *attention, *intermediate;
    Tensor *attended, *wide;
    TRY(module_child(layer->module, "attention", &attention));
    TRY(module_child(layer->module, "intermediate", &intermediate));
    TRY(tape_enter(tape, "attention"));
    Status status = attention_forward(&run, attention, x, &attended);
    tape_leave(tape);
    TRY(status);
    TRY(tape_enter(tape, "intermediate"));
    status = intermediate_forward(&run, intermediate, attended, &wide);
    tape_leave(tape);
    TRY(status);
    return output_forward(&run, layer->module, wide, attended, out);
}

/* The norm behind all layers where norms stand first. */
static Status last_norm(const Running *run, const Module *trunk, Tensor *x, Tensor **out)
{
    if (!run->config->norm_first) {
        *out = x;
        return STATUS_OK;
    }
    TRY(enter_module(run->tape, trunk));
    Status status = layer_norm_forward(trunk, "LayerNorm", run->tape, x, run->config->layer_norm_eps, out);
    tape_leave(run->tape);
    return status;
}

Status encoder_forward(Forward *pass, const Module *trunk, const EncoderConfig *config, Tensor *x, Tensor **out)
{
    Running run = {pass->tape, config, batch_find(pass->batch, "lengths")};
    Module *encoder, *list;
    Status status = STATUS_OK;
    TRY(module_child(trunk, "encoder", &encoder));
    TRY(module_child(encoder, "layer", &list));
    for (int i = 0; status == STATUS_OK && i < list->child_count; i++) {
        Layer layer = {list->children[i], *config, run.lengths};
        TRY(enter_module(pass->tape, layer.module));
        status = tape_part(pass->tape, layer_forward, &layer, sizeof layer, x, &x);
        tape_leave(pass->tape);
    }
    TRY(status);
    return last_norm(&run, trunk, x, out);
}

/* The places that count, f32[B,1,T] of 0 and 1, and one over how many they are, f32[B,1]. */
static Status make_counts(Forward *pass, const Tensor *hidden, Tensor **places, Tensor **shares)
{
    const Tensor *lengths = batch_find(pass->batch, "lengths");
    int64_t batch = hidden->shape[0], width = hidden->shape[1];
    TRY(tensor_new(tape_arena(pass->tape), DTYPE_F32, 3, (int64_t[]){batch, 1, width}, places));
    TRY(tensor_new(tape_arena(pass->tape), DTYPE_F32, 2, (int64_t[]){batch, 1}, shares));
    for (int64_t b = 0; b < batch; b++) {
        int64_t length = lengths ? TENSOR_I32(lengths)[b] : width;
        for (int64_t t = 0; t < width; t++) TENSOR_F32(*places)[b * width + t] = t < length ? 1 : 0;
        TENSOR_F32(*shares)[b] = length > 0 ? 1 / (float)length : 0;
    }
    return STATUS_OK;
}

Status encoder_pool(Forward *pass, const EncoderConfig *config, Tensor *hidden, Tensor **out)
{
    Tensor *places, *shares, *sum, *flat;
    if (config->classifier_pooling == ENCODER_POOL_CLS) return f_select(pass->tape, hidden, 1, 0, out);
    TRY(make_counts(pass, hidden, &places, &shares));
    TRY(f_matmul(pass->tape, places, hidden, &sum));
    TRY(f_reshape(pass->tape, sum, 2, (int64_t[]){-1, hidden->shape[2]}, &flat));
    return f_mul(pass->tape, flat, shares, out);
}

Status encoder_word_logits(Forward *pass, const Module *head, const char *decoder, Tensor *hidden, Tensor *words,
                           Tensor *bias, double eps, Tensor **out)
{
    Tensor *positions, *flat, *rows, *x;
    TRY(batch_get(pass->batch, "masked_positions", &positions));
    TRY(f_reshape(pass->tape, hidden, 2, (int64_t[]){-1, hidden->shape[2]}, &flat));
    TRY(f_gather_rows(pass->tape, flat, positions, &rows));
    TRY(enter_module(pass->tape, head));
    Status status = linear_forward(head, "dense", pass->tape, rows, true, &x);
    if (status == STATUS_OK) status = layer_norm_forward(head, "LayerNorm", pass->tape, x, eps, &x);
    tape_leave(pass->tape);
    TRY(status);
    TRY(tape_enter(pass->tape, decoder));
    status = f_linear(pass->tape, x, words, bias, out);
    tape_leave(pass->tape);
    return status;
}
