/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/nn/bert.h"

#include "engine/autograd/functions.h"

#include <stdio.h>

static const Option options[] = {
    OPTION_INT_FIELD(BertConfig, vocab_size, 30522, 8, 1 << 24, "pieces in the vocabulary"),
    OPTION_INT_FIELD(BertConfig, hidden_size, 128, 1, 1 << 16, "width of the hidden states"),
    OPTION_INT_FIELD(BertConfig, num_hidden_layers, 2, 1, 1000, "layers of the encoder"),
    OPTION_INT_FIELD(BertConfig, num_attention_heads, 0, 0, 1024,
                     "attention heads; 0: one for every 64 of the width"),
    OPTION_INT_FIELD(BertConfig, intermediate_size, 0, 0, 1 << 18,
                     "width of the feed-forward layer; 0: 4 x hidden_size"),
    OPTION_INT_FIELD(BertConfig, max_position_embeddings, 512, 1, 1 << 20, "longest sequence"),
    OPTION_INT_FIELD(BertConfig, type_vocab_size, 2, 1, 1024, "token types (sentence A, sentence B)"),
    OPTION_INT_FIELD(BertConfig, num_labels, 0, 0, 1 << 20, "classes of a classification head; 0: no such head"),
    OPTION_NUMBER_FIELD(BertConfig, hidden_dropout_prob, 0.1, 0, 0.999, "dropout of hidden states"),
    OPTION_NUMBER_FIELD(BertConfig, attention_probs_dropout_prob, 0.1, 0, 0.999,
                        "dropout of attention probabilities"),
    OPTION_NUMBER_FIELD(BertConfig, classifier_dropout, -1, -1, 0.999,
                        "dropout before the classifier; -1: as hidden_dropout_prob"),
    OPTION_NUMBER_FIELD(BertConfig, layer_norm_eps, 1e-12, 0, 1, "added to the variance in layer normalisation"),
    OPTION_NUMBER_FIELD(BertConfig, initializer_range, 0.02, 0, 10, "standard deviation of the initial weights"),
    LORA_OPTION_FIELDS(BertConfig, lora, "query value"),
    {0},
};

/* What the config leaves open, and whether it fits together. */
static Status complete(BertConfig *config)
{
    if (!config->num_attention_heads)
        config->num_attention_heads = config->hidden_size % 64 == 0 ? config->hidden_size / 64 : 1;
    if (!config->intermediate_size) config->intermediate_size = 4 * config->hidden_size;
    if (config->hidden_size % config->num_attention_heads)
        return status_fail(STATUS_INVALID,
                           "bert: hidden_size %lld is not a multiple of num_attention_heads %lld; change either",
                           (long long)config->hidden_size, (long long)config->num_attention_heads);
    return STATUS_OK;
}

static Status build_embeddings(Module *bert, const BertConfig *config, RandomKey key)
{
    Module *embeddings;
    double deviation = config->initializer_range;
    TRY(module_add(bert, "embeddings", &embeddings));
    TRY(embedding_add(embeddings, "word_embeddings", config->vocab_size, config->hidden_size, key, deviation,
                      NULL));
    TRY(embedding_add(embeddings, "position_embeddings", config->max_position_embeddings, config->hidden_size, key,
                      deviation, NULL));
    TRY(embedding_add(embeddings, "token_type_embeddings", config->type_vocab_size, config->hidden_size, key,
                      deviation, NULL));
    return layer_norm_add(embeddings, "LayerNorm", config->hidden_size, NULL);
}

/* A projection followed by the residual normalisation: "output" of the attention and of the layer. */
static Status build_output(Module *parent, int64_t in, const BertConfig *config, RandomKey key)
{
    Module *output;
    TRY(module_add(parent, "output", &output));
    TRY(linear_add(output, "dense", in, config->hidden_size, true, key, config->initializer_range, NULL));
    return layer_norm_add(output, "LayerNorm", config->hidden_size, NULL);
}

static Status build_layer(Module *list, int64_t number, const BertConfig *config, RandomKey key)
{
    Module *layer, *attention, *self, *intermediate;
    char name[24];
    int64_t h = config->hidden_size;
    double deviation = config->initializer_range;
    snprintf(name, sizeof name, "%lld", (long long)number);
    TRY(module_add(list, name, &layer));
    TRY(module_add(layer, "attention", &attention));
    TRY(module_add(attention, "self", &self));
    TRY(linear_add(self, "query", h, h, true, key, deviation, NULL));
    TRY(linear_add(self, "key", h, h, true, key, deviation, NULL));
    TRY(linear_add(self, "value", h, h, true, key, deviation, NULL));
    TRY(build_output(attention, h, config, key));
    TRY(module_add(layer, "intermediate", &intermediate));
    TRY(linear_add(intermediate, "dense", h, config->intermediate_size, true, key, deviation, NULL));
    return build_output(layer, config->intermediate_size, config, key);
}

static Status build_heads(Module *root, const BertConfig *config, RandomKey key)
{
    Module *cls, *predictions, *transform;
    Param *bias;
    int64_t h = config->hidden_size;
    double deviation = config->initializer_range;
    TRY(module_add(root, "cls", &cls));
    TRY(module_add(cls, "predictions", &predictions));
    TRY(module_add_param(predictions, "bias", false, 1, (int64_t[]){config->vocab_size}, &bias));
    TRY(module_add(predictions, "transform", &transform));
    TRY(linear_add(transform, "dense", h, h, true, key, deviation, NULL));
    TRY(layer_norm_add(transform, "LayerNorm", h, NULL));
    TRY(linear_add(cls, "seq_relationship", h, 2, true, key, deviation, NULL));
    if (config->num_labels) TRY(linear_add(root, "classifier", h, config->num_labels, true, key, deviation, NULL));
    return STATUS_OK;
}

static Status build(Model *model, RandomKey key)
{
    BertConfig *config = model->config;
    Module *bert, *encoder, *list, *pooler;
    TRY(complete(config));
    TRY(module_add(model->root, "bert", &bert));
    TRY(build_embeddings(bert, config, key));
    TRY(module_add(bert, "encoder", &encoder));
    TRY(module_add(encoder, "layer", &list));
    for (int64_t i = 0; i < config->num_hidden_layers; i++) TRY(build_layer(list, i, config, key));
    TRY(module_add(bert, "pooler", &pooler));
    TRY(linear_add(pooler, "dense", config->hidden_size, config->hidden_size, true, key, config->initializer_range,
                   NULL));
    return build_heads(model->root, config, key);
}

/* --- forward; B sequences of T tokens, width H --- */

static Status check_length(const BertConfig *config, const Tensor *ids)
{
    if (ids->ndim == 2 && ids->shape[1] <= config->max_position_embeddings) return STATUS_OK;
    return status_fail(
        STATUS_INVALID,
        "bert: a sequence of %lld tokens is longer than max_position_embeddings %lld; shorten 'length' "
        "of the data or build the model with more positions",
        (long long)ids->shape[ids->ndim - 1], (long long)config->max_position_embeddings);
}

/* The three embeddings summed, normalised and dropped out: f32[B,T,H]. */
static Status embed(Forward *pass, const Module *bert, Tensor **out)
{
    const BertConfig *config = pass->model->config;
    static const char *const names[] = {"word_embeddings", "position_embeddings", "token_type_embeddings"};
    Module *embeddings;
    Tensor *ids, *types, *tables[3], *sum, *normal;
    TRY(batch_get(pass->batch, "input_ids", &ids));
    TRY(batch_get(pass->batch, "token_type_ids", &types));
    TRY(check_length(config, ids));
    TRY(module_child(bert, "embeddings", &embeddings));
    for (int i = 0; i < 3; i++) {
        Module *table;
        Param *weight;
        TRY(module_child(embeddings, names[i], &table));
        TRY(module_param(table, "weight", &weight));
        tables[i] = weight->value;
    }
    TRY(f_embedding_sum(pass->tape, tables[0], tables[1], tables[2], ids, types, 0, &sum));
    TRY(layer_norm_forward(embeddings, "LayerNorm", pass->tape, sum, config->layer_norm_eps, &normal));
    return f_dropout(pass->tape, normal, config->hidden_dropout_prob, out);
}

/* residual_norm(dense(x), residual): the "output" child of parent. */
static Status output_forward(const Module *parent, Tape *tape, const BertConfig *config, Tensor *x,
                             Tensor *residual, Tensor **out)
{
    Module *output;
    Tensor *projected;
    TRY(module_child(parent, "output", &output));
    TRY(tape_enter(tape, "output"));
    Status status = linear_forward(output, "dense", tape, x, false, &projected);
    if (status == STATUS_OK)
        status = residual_norm_forward(output, "LayerNorm", tape, projected, residual, config->hidden_dropout_prob,
                                       config->layer_norm_eps, out);
    tape_leave(tape);
    return status;
}

static Status self_forward(const Module *self, Tape *tape, const BertConfig *config, Tensor *x, Tensor *lengths,
                           Tensor **out)
{
    Tensor *query, *key, *value;
    TRY(linear_forward(self, "query", tape, x, false, &query));
    TRY(linear_forward(self, "key", tape, x, false, &key));
    TRY(linear_forward(self, "value", tape, x, false, &value));
    return f_attention(tape, query, key, value, lengths, config->num_attention_heads, false,
                       config->attention_probs_dropout_prob, out);
}

static Status attention_forward(const Module *layer, Tape *tape, const BertConfig *config, Tensor *x,
                                Tensor *lengths, Tensor **out)
{
    Module *attention, *self;
    Tensor *context;
    TRY(module_child(layer, "attention", &attention));
    TRY(module_child(attention, "self", &self));
    TRY(tape_enter(tape, "self"));
    Status status = self_forward(self, tape, config, x, lengths, &context);
    tape_leave(tape);
    TRY(status);
    return output_forward(attention, tape, config, context, x, out);
}

/* One layer in a pass. */
typedef struct Layer {
    const Module *module;
    const BertConfig *config;
    Tensor *lengths; /* NULL: no padding */
} Layer;

static Status layer_forward(void *context, Tape *tape, Tensor *x, Tensor **out)
{
    const Layer *layer = context;
    Module *intermediate;
    Tensor *attended, *wide;
    TRY(tape_enter(tape, "attention"));
    Status status = attention_forward(layer->module, tape, layer->config, x, layer->lengths, &attended);
    tape_leave(tape);
    TRY(status);
    TRY(module_child(layer->module, "intermediate", &intermediate));
    TRY(tape_enter(tape, "intermediate"));
    status = linear_forward(intermediate, "dense", tape, attended, true, &wide);
    tape_leave(tape);
    TRY(status);
    return output_forward(layer->module, tape, layer->config, wide, attended, out);
}

static Status compute_hidden(Forward *pass, Tensor **out)
{
    Module *bert = module_find(pass->model->root, "bert"),
           *list = module_find(pass->model->root, "bert.encoder.layer");
    Tensor *x, *lengths = batch_find(pass->batch, "lengths");
    if (!bert || !list) return status_fail(STATUS_INVALID, "bert: the module tree has no 'bert.encoder.layer'");
    TRY(tape_enter(pass->tape, "bert.embeddings"));
    Status status = embed(pass, bert, &x);
    tape_leave(pass->tape);
    for (int i = 0; status == STATUS_OK && i < list->child_count; i++) {
        Layer layer = {list->children[i], pass->model->config, lengths};
        char path[MODULE_PATH_SIZE];
        module_path(layer.module, path);
        TRY(tape_enter(pass->tape, path));
        status = tape_part(pass->tape, layer_forward, &layer, sizeof layer, x, &x);
        tape_leave(pass->tape);
    }
    *out = x;
    return status;
}

static Status compute_pooled(Forward *pass, Tensor **out)
{
    Tensor *hidden, *first, *dense;
    Module *pooler = module_find(pass->model->root, "bert.pooler");
    if (!pooler) return status_fail(STATUS_INVALID, "bert: the module tree has no 'bert.pooler'");
    TRY(forward_output(pass, "hidden", &hidden));
    TRY(f_select(pass->tape, hidden, 1, 0, &first));
    TRY(tape_enter(pass->tape, "bert.pooler"));
    Status status = linear_forward(pooler, "dense", pass->tape, first, false, &dense);
    if (status == STATUS_OK) status = f_tanh(pass->tape, dense, out);
    tape_leave(pass->tape);
    return status;
}

/* n masked positions: hidden f32[B,T,H] -> f32[n,H] -> transform -> logits f32[n,vocab], decoder tied to the words.
 */
static Status mlm_head(Forward *pass, Tensor *hidden, Tensor *positions, Tensor **out)
{
    const BertConfig *config = pass->model->config;
    Module *head = module_find(pass->model->root, "cls.predictions");
    Module *transform = module_find(pass->model->root, "cls.predictions.transform");
    Param *words = module_find_param(pass->model->root, "bert.embeddings.word_embeddings.weight"), *bias;
    if (!head || !transform || !words) return status_fail(STATUS_INVALID, "bert: the module tree has no MLM head");
    Tensor *flat, *rows, *x;
    TRY(module_param(head, "bias", &bias));
    TRY(f_reshape(pass->tape, hidden, 2, (int64_t[]){-1, config->hidden_size}, &flat));
    TRY(f_gather_rows(pass->tape, flat, positions, &rows));
    TRY(tape_enter(pass->tape, "transform"));
    Status status = linear_forward(transform, "dense", pass->tape, rows, true, &x);
    if (status == STATUS_OK)
        status = layer_norm_forward(transform, "LayerNorm", pass->tape, x, config->layer_norm_eps, &x);
    tape_leave(pass->tape);
    TRY(status);
    TRY(tape_enter(pass->tape, "decoder"));
    status = f_linear(pass->tape, x, words->value, bias->value, out);
    tape_leave(pass->tape);
    return status;
}

static Status compute_mlm_logits(Forward *pass, Tensor **out)
{
    Tensor *hidden, *positions;
    TRY(batch_get(pass->batch, "masked_positions", &positions));
    TRY(forward_output(pass, "hidden", &hidden));
    TRY(tape_enter(pass->tape, "cls.predictions"));
    Status status = mlm_head(pass, hidden, positions, out);
    tape_leave(pass->tape);
    return status;
}

static Status compute_nsp_logits(Forward *pass, Tensor **out)
{
    Tensor *pooled;
    Module *cls;
    TRY(module_child(pass->model->root, "cls", &cls));
    TRY(forward_output(pass, "pooled", &pooled));
    TRY(tape_enter(pass->tape, "cls"));
    Status status = linear_forward(cls, "seq_relationship", pass->tape, pooled, false, out);
    tape_leave(pass->tape);
    return status;
}

static Status compute_class_logits(Forward *pass, Tensor **out)
{
    const BertConfig *config = pass->model->config;
    Tensor *pooled, *dropped;
    if (!module_find(pass->model->root, "classifier"))
        return status_fail(STATUS_INVALID, "bert: there is no classifier; build the model with num_labels");
    TRY(forward_output(pass, "pooled", &pooled));
    double p = config->classifier_dropout < 0 ? config->hidden_dropout_prob : config->classifier_dropout;
    TRY(f_dropout(pass->tape, pooled, p, &dropped));
    return linear_forward(pass->model->root, "classifier", pass->tape, dropped, false, out);
}

static int64_t trunk_size(const Model *model)
{
    const Param *param = module_find_param(model->root, "bert.pooler.dense.weight");
    return param ? param->value->shape[0] : ((const BertConfig *)model->config)->hidden_size;
}

static int64_t max_length(const Model *model)
{
    return ((const BertConfig *)model->config)->max_position_embeddings;
}

static double step_flops(const Model *model, int64_t batch, int64_t length, int64_t masked)
{
    const BertConfig *c = model->config;
    double tokens = (double)batch * (double)length, h = (double)c->hidden_size, wide = (double)c->intermediate_size;
    double layer = tokens * (4 * h * h + 2 * h * wide) + 2 * tokens * (double)length * h;
    double heads = (double)masked * (h * h + h * (double)c->vocab_size) + (double)batch * (h * h + 2 * h);
    return 3 * 2 * ((double)c->num_hidden_layers * layer + heads);
}

const ModelRecord model_bert = {
    .name = "bert",
    .doc = "BERT: a bidirectional post-norm encoder with heads for masked words, sentence pairs and classes.",
    .source = "Devlin et al. 2019, BERT",
    .options = options,
    .config_size = sizeof(BertConfig),
    .build = build,
    .outputs =
        (const ModelOutput[]){
            {"hidden", "hidden states of the last layer, f32[B,T,H]", compute_hidden},
            {"pooled", "tanh of a projection of the first token, f32[B,H]", compute_pooled},
            {"mlm_logits", "words at the masked positions, f32[n,vocab]", compute_mlm_logits},
            {"nsp_logits", "relation of the two sentences, f32[B,2]", compute_nsp_logits},
            {"class_logits", "classes, f32[B,num_labels]", compute_class_logits},
            {0},
        },
    .classes = "class_logits",
    .trunk = "pooled",
    .trunk_size = trunk_size,
    .aliases =
        (const ModelAlias[]){
            {"cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight"},
            {"cls.predictions.decoder.bias", "cls.predictions.bias"},
            {"bert.embeddings.position_ids", NULL},
            {0},
        },
    .architectures =
        (const ModelArchitecture[]){
            {"BertForSequenceClassification", (const char *const[]){"bert.pooler", "classifier", NULL},
             "num_labels"},
            {"BertForPreTraining",
             (const char *const[]){"bert.pooler", "cls.predictions", "cls.seq_relationship", NULL}, NULL},
            {"BertForMaskedLM", (const char *const[]){"cls.predictions", NULL}, NULL},
            {"BertForNextSentencePrediction", (const char *const[]){"bert.pooler", "cls.seq_relationship", NULL},
             NULL},
            {"BertModel", (const char *const[]){"bert.pooler", NULL}, NULL},
            {0},
        },
    .base = "bert",
    .fixed = (const ModelFixed[]){{"hidden_act", "gelu", NULL},
                                  {"position_embedding_type", "absolute", NULL},
                                  {"is_decoder", "false", NULL},
                                  {"add_cross_attention", "false", NULL},
                                  {0}},
    .layers = "bert.encoder.layer",
    .before = (const char *const[]){"bert.embeddings", NULL},
    .quiet =
        (const char *const[]){
            "bert.encoder.layer.*.attention.output.dense.weight",
            "bert.encoder.layer.*.attention.output.dense.bias",
            "bert.encoder.layer.*.output.dense.weight",
            "bert.encoder.layer.*.output.dense.bias",
            NULL,
        },
    .max_length = max_length,
    .step_flops = step_flops,
};
