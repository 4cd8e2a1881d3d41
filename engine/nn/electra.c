/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/nn/electra.h"

#include "engine/autograd/functions.h"

#include <string.h>

static const Option options[] = {
    OPTION_INT_FIELD(ElectraConfig, vocab_size, 30522, 8, 1 << 24, "pieces in the vocabulary"),
    OPTION_INT_FIELD(ElectraConfig, embedding_size, 0, 0, 1 << 16,
                     "width of the embeddings, which both networks share; 0: hidden_size"),
    ENCODER_OPTIONS,
    OPTION_INT_FIELD(ElectraConfig, num_labels, 0, 0, 1 << 20, "classes of a classification head; 0: no such head"),
    OPTION_BOOLEAN_FIELD(ElectraConfig, generator, 1, "there is a generator beside the discriminator"),
    OPTION_INT_FIELD(ElectraConfig, generator_hidden_size, 0, 0, 1 << 16,
                     "width of the generator; 0: a quarter of hidden_size"),
    OPTION_INT_FIELD(ElectraConfig, generator_num_hidden_layers, 0, 0, 1000,
                     "layers of the generator; 0: as many as the discriminator has"),
    OPTION_INT_FIELD(ElectraConfig, generator_num_attention_heads, 0, 0, 1024,
                     "heads of the generator; 0: one for every 64 of its width"),
    OPTION_INT_FIELD(ElectraConfig, generator_intermediate_size, 0, 0, 1 << 18,
                     "width of the generator's feed-forward layer; 0: 4 x generator_hidden_size"),
    LORA_OPTION_FIELDS(ElectraConfig, lora, "query value"),
    {0},
};

/* The generator's encoder: the discriminator's with sizes of its own. */
static EncoderConfig generator_of(const ElectraConfig *config)
{
    EncoderConfig encoder = config->encoder;
    encoder.hidden_size = config->generator_hidden_size;
    encoder.num_hidden_layers = config->generator_num_hidden_layers;
    encoder.num_attention_heads = config->generator_num_attention_heads;
    encoder.intermediate_size = config->generator_intermediate_size;
    return encoder;
}

static Status complete_generator(ElectraConfig *config)
{
    int64_t quarter = config->encoder.hidden_size / 4;
    if (!config->generator_hidden_size) config->generator_hidden_size = quarter > 0 ? quarter : 1;
    if (!config->generator_num_hidden_layers)
        config->generator_num_hidden_layers = config->encoder.num_hidden_layers;
    EncoderConfig encoder = generator_of(config);
    TRY(encoder_complete(&encoder, "electra: the generator"));
    config->generator_num_attention_heads = encoder.num_attention_heads;
    config->generator_intermediate_size = encoder.intermediate_size;
    return STATUS_OK;
}

static Status complete(ElectraConfig *config)
{
    TRY(encoder_complete(&config->encoder, "electra"));
    if (!config->embedding_size) config->embedding_size = config->encoder.hidden_size;
    return config->generator ? complete_generator(config) : STATUS_OK;
}

/* --- the tree --- */

/* The layers of one of both networks, and before them the projection of the embeddings where widths differ. */
static Status add_trunk(Module *trunk, const EncoderConfig *encoder, int64_t embedding_size, RandomKey key)
{
    if (embedding_size != encoder->hidden_size)
        TRY(linear_add(trunk, "embeddings_project", embedding_size, encoder->hidden_size, true, key,
                       encoder->initializer_range, NULL));
    return encoder_add_layers(trunk, encoder, key);
}

static Status build_generator(Module *root, const ElectraConfig *config, RandomKey key)
{
    Module *generator, *trunk, *predictions, *head;
    Param *bias;
    EncoderConfig encoder = generator_of(config);
    int64_t width = config->embedding_size;
    TRY(module_add(root, "generator", &generator));
    TRY(module_add(generator, "electra", &trunk));
    TRY(add_trunk(trunk, &encoder, width, key));
    TRY(module_add(generator, "generator_predictions", &predictions));
    TRY(layer_norm_add(predictions, "LayerNorm", width, true, NULL));
    TRY(linear_add(predictions, "dense", encoder.hidden_size, width, true, key, encoder.initializer_range, NULL));
    TRY(module_add(generator, "generator_lm_head", &head));
    return module_add_param(head, "bias", false, 1, (int64_t[]){config->vocab_size}, &bias);
}

static Status build_heads(Module *root, const ElectraConfig *config, RandomKey key)
{
    Module *predictions, *classifier;
    int64_t h = config->encoder.hidden_size;
    double deviation = config->encoder.initializer_range;
    TRY(module_add(root, "discriminator_predictions", &predictions));
    TRY(linear_add(predictions, "dense", h, h, true, key, deviation, NULL));
    TRY(linear_add(predictions, "dense_prediction", h, 1, true, key, deviation, NULL));
    if (!config->num_labels) return STATUS_OK;
    TRY(module_add(root, "classifier", &classifier));
    TRY(linear_add(classifier, "dense", h, h, true, key, deviation, NULL));
    return linear_add(classifier, "out_proj", h, config->num_labels, true, key, deviation, NULL);
}

static Status build(Model *model, RandomKey key)
{
    ElectraConfig *config = model->config;
    Module *electra;
    TRY(complete(config));
    TRY(module_add(model->root, "electra", &electra));
    TRY(encoder_add_embeddings(electra, &config->encoder, config->vocab_size, config->embedding_size, key));
    TRY(add_trunk(electra, &config->encoder, config->embedding_size, key));
    TRY(build_heads(model->root, config, key));
    return config->generator ? build_generator(model->root, config, key) : STATUS_OK;
}

/* --- forward; B sequences of T tokens, width H of the network --- */

static Status find(const Forward *pass, const char *path, Module **out)
{
    *out = module_find(pass->model->root, path);
    if (*out) return STATUS_OK;
    bool generator = strncmp(path, "generator", strlen("generator")) == 0;
    return status_fail(STATUS_INVALID, "electra: the module tree has no '%s'%s", path,
                       generator ? "; build the model with generator = true" : "");
}

/* The shared embeddings through one of both networks: f32[B,T,H]. */
static Status trunk_forward(Forward *pass, const char *path, const EncoderConfig *encoder, Tensor **out)
{
    Module *electra, *trunk;
    Tensor *x;
    TRY(find(pass, "electra", &electra));
    TRY(find(pass, path, &trunk));
    TRY(encoder_embed(pass, electra, encoder, &x));
    if (module_find(trunk, "embeddings_project")) {
        TRY(tape_enter(pass->tape, path));
        Status status = linear_forward(trunk, "embeddings_project", pass->tape, x, false, &x);
        tape_leave(pass->tape);
        TRY(status);
    }
    return encoder_forward(pass, trunk, encoder, x, out);
}

static Status compute_hidden(Forward *pass, Tensor **out)
{
    const ElectraConfig *config = pass->model->config;
    return trunk_forward(pass, "electra", &config->encoder, out);
}

static Status compute_generator_hidden(Forward *pass, Tensor **out)
{
    EncoderConfig encoder = generator_of(pass->model->config);
    return trunk_forward(pass, "generator.electra", &encoder, out);
}

static Status compute_pooled(Forward *pass, Tensor **out)
{
    Tensor *hidden;
    TRY(forward_output(pass, "hidden", &hidden));
    return f_select(pass->tape, hidden, 1, 0, out);
}

static Status compute_mlm_logits(Forward *pass, Tensor **out)
{
    const ElectraConfig *config = pass->model->config;
    Module *predictions, *head, *words;
    Param *table, *bias;
    Tensor *hidden;
    TRY(find(pass, "generator.generator_predictions", &predictions));
    TRY(find(pass, "generator.generator_lm_head", &head));
    TRY(find(pass, "electra.embeddings.word_embeddings", &words));
    TRY(module_param(words, "weight", &table));
    TRY(module_param(head, "bias", &bias));
    TRY(forward_output(pass, "generator_hidden", &hidden));
    return encoder_word_logits(pass, predictions, "generator.generator_lm_head", hidden, table->value, bias->value,
                               config->encoder.layer_norm_eps, out);
}

/* Two layers of a head, GELU between them; between: dropped out there. */
static Status head_forward(Forward *pass, const char *path, const char *last, double between, Tensor *x,
                           Tensor **out)
{
    Module *head;
    TRY(find(pass, path, &head));
    TRY(tape_enter(pass->tape, path));
    Status status = f_dropout(pass->tape, x, between, &x);
    if (status == STATUS_OK) status = linear_forward(head, "dense", pass->tape, x, true, &x);
    if (status == STATUS_OK) status = f_dropout(pass->tape, x, between, &x);
    if (status == STATUS_OK) status = linear_forward(head, last, pass->tape, x, false, out);
    tape_leave(pass->tape);
    return status;
}

static Status compute_rtd_logits(Forward *pass, Tensor **out)
{
    Tensor *hidden, *column;
    TRY(forward_output(pass, "hidden", &hidden));
    TRY(head_forward(pass, "discriminator_predictions", "dense_prediction", 0, hidden, &column));
    return f_reshape(pass->tape, column, 1, (int64_t[]){-1}, out);
}

static Status compute_class_logits(Forward *pass, Tensor **out)
{
    const ElectraConfig *config = pass->model->config;
    Tensor *hidden, *pooled;
    if (!module_find(pass->model->root, "classifier"))
        return status_fail(STATUS_INVALID, "electra: there is no classifier; build the model with num_labels");
    TRY(forward_output(pass, "hidden", &hidden));
    TRY(encoder_pool(pass, &config->encoder, hidden, &pooled));
    return head_forward(pass, "classifier", "out_proj", config->encoder.hidden_dropout_prob, pooled, out);
}

static int64_t trunk_size(const Model *model)
{
    return ((const ElectraConfig *)model->config)->encoder.hidden_size;
}

static int64_t max_length(const Model *model)
{
    return ((const ElectraConfig *)model->config)->encoder.max_position_embeddings;
}

static int64_t parts(const Model *model, const char *path)
{
    return encoder_parts(&((const ElectraConfig *)model->config)->encoder, path);
}

static double step_flops(const Model *model, int64_t batch, int64_t length, int64_t masked)
{
    const ElectraConfig *c = model->config;
    double tokens = (double)batch * (double)length, h = (double)c->encoder.hidden_size;
    double width = (double)c->embedding_size, products = encoder_products(&c->encoder, batch, length);
    products += tokens * (h * h + h) + (width != h ? tokens * width * h : 0);
    if (c->generator) {
        EncoderConfig encoder = generator_of(c);
        double g = (double)encoder.hidden_size;
        products += encoder_products(&encoder, batch, length) + (width != g ? tokens * width * g : 0);
        products += (double)masked * (g * width + width * (double)c->vocab_size);
    }
    return 3 * 2 * products;
}

const ModelRecord model_electra = {
    .name = "electra",
    .doc = "ELECTRA: a discriminator that tells which tokens a smaller generator has replaced, on the same "
           "embeddings.",
    .source = "Clark et al. 2020, ELECTRA: Pre-training text encoders as discriminators rather than generators",
    .options = options,
    .config_size = sizeof(ElectraConfig),
    .build = build,
    .outputs =
        (const ModelOutput[]){
            {"hidden", "the discriminator's hidden states, f32[B,T,H]", compute_hidden},
            {"pooled", "its hidden state of the first token, f32[B,H]", compute_pooled},
            {"rtd_logits", "whether each token was replaced, f32[B*T]", compute_rtd_logits},
            {"class_logits", "classes, f32[B,num_labels]", compute_class_logits},
            {"generator_hidden", "the generator's hidden states, f32[B,T,H of the generator]",
             compute_generator_hidden},
            {"mlm_logits", "the generator's words at the masked positions, f32[n,vocab]", compute_mlm_logits},
            {0},
        },
    .classes = "class_logits",
    .trunk = "pooled",
    .trunk_size = trunk_size,
    .aliases = (const ModelAlias[]){{"electra.embeddings.position_ids", NULL}, {0}},
    .architectures =
        (const ModelArchitecture[]){
            {"ElectraForSequenceClassification", (const char *const[]){"classifier", NULL}, "num_labels"},
            {"ElectraForPreTraining", (const char *const[]){"discriminator_predictions", NULL}, NULL},
            {"ElectraModel", (const char *const[]){NULL}, NULL},
            {0},
        },
    .base = "electra",
    .layers = "electra.encoder.layer",
    .before = (const char *const[]){"electra.embeddings", "electra.embeddings_project", NULL},
    .companion =
        &(const ModelCompanion){
            .name = "generator",
            .shared = "electra.embeddings",
            .architecture = {"ElectraForMaskedLM",
                             (const char *const[]){"generator_predictions", "generator_lm_head", NULL}, NULL},
            .aliases =
                (const ModelAlias[]){{"generator_lm_head.weight", "electra.embeddings.word_embeddings.weight"},
                                     {0}},
        },
    .fixed = (const ModelFixed[]){{"hidden_act", "gelu", NULL},
                                  {"position_embedding_type", "absolute", NULL},
                                  {"is_decoder", "false", NULL},
                                  {"add_cross_attention", "false", NULL},
                                  {0}},
    .quiet =
        (const char *const[]){
            "electra.encoder.layer.*.attention.output.dense.weight",
            "electra.encoder.layer.*.attention.output.dense.bias",
            "electra.encoder.layer.*.output.dense.weight",
            "electra.encoder.layer.*.output.dense.bias",
            "generator.electra.encoder.layer.*.attention.output.dense.weight",
            "generator.electra.encoder.layer.*.attention.output.dense.bias",
            "generator.electra.encoder.layer.*.output.dense.weight",
            "generator.electra.encoder.layer.*.output.dense.bias",
            NULL,
        },
    .extensions = (const char *const[]){ENCODER_EXTENSIONS, NULL},
    .parts = parts,
    .max_length = max_length,
    .step_flops = step_flops,
};
