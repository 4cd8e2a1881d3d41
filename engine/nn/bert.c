/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/nn/bert.h"

#include "engine/autograd/functions.h"

static const Option options[] = {
    OPTION_INT_FIELD(BertConfig, vocab_size, 30522, 8, 1 << 24, "pieces in the vocabulary"),
    ENCODER_OPTIONS,
    OPTION_INT_FIELD(BertConfig, num_labels, 0, 0, 1 << 20, "classes of a classification head; 0: no such head"),
    OPTION_BOOLEAN_FIELD(BertConfig, span_head, 0, "a head for beginnings and ends of answers, qa_outputs"),
    LORA_OPTION_FIELDS(BertConfig, lora, "query value"),
    {0},
};

static Status build_heads(Module *root, const BertConfig *config, RandomKey key)
{
    Module *cls, *predictions, *transform;
    Param *bias;
    int64_t h = config->encoder.hidden_size;
    double deviation = config->encoder.initializer_range;
    TRY(module_add(root, "cls", &cls));
    TRY(module_add(cls, "predictions", &predictions));
    TRY(module_add_param(predictions, "bias", false, 1, (int64_t[]){config->vocab_size}, &bias));
    TRY(module_add(predictions, "transform", &transform));
    TRY(linear_add(transform, "dense", h, h, true, key, deviation, NULL));
    TRY(layer_norm_add(transform, "LayerNorm", h, true, NULL));
    TRY(linear_add(cls, "seq_relationship", h, 2, true, key, deviation, NULL));
    if (config->span_head) TRY(linear_add(root, "qa_outputs", h, 2, true, key, deviation, NULL));
    if (config->num_labels) TRY(linear_add(root, "classifier", h, config->num_labels, true, key, deviation, NULL));
    return STATUS_OK;
}

static Status build(Model *model, RandomKey key)
{
    BertConfig *config = model->config;
    EncoderConfig *encoder = &config->encoder;
    Module *bert, *pooler;
    int64_t h = encoder->hidden_size;
    TRY(encoder_complete(encoder, "bert"));
    TRY(module_add(model->root, "bert", &bert));
    TRY(encoder_add_embeddings(bert, encoder, config->vocab_size, h, key));
    TRY(encoder_add_layers(bert, encoder, key));
    TRY(module_add(bert, "pooler", &pooler));
    TRY(linear_add(pooler, "dense", h, h, true, key, encoder->initializer_range, NULL));
    return build_heads(model->root, config, key);
}

/* --- forward; B sequences of T tokens, width H --- */

static Status compute_hidden(Forward *pass, Tensor **out)
{
    const BertConfig *config = pass->model->config;
    Module *bert;
    Tensor *x;
    TRY(module_child(pass->model->root, "bert", &bert));
    TRY(encoder_embed(pass, bert, &config->encoder, &x));
    return encoder_forward(pass, bert, &config->encoder, x, out);
}

static Status pooler_forward(Forward *pass, Tensor *x, Tensor **out)
{
    Tensor *dense;
    Module *pooler = module_find(pass->model->root, "bert.pooler");
    if (!pooler) return status_fail(STATUS_INVALID, "bert: the module tree has no 'bert.pooler'");
    TRY(tape_enter(pass->tape, "bert.pooler"));
    Status status = linear_forward(pooler, "dense", pass->tape, x, false, &dense);
    if (status == STATUS_OK) status = f_tanh(pass->tape, dense, out);
    tape_leave(pass->tape);
    return status;
}

static Status compute_pooled(Forward *pass, Tensor **out)
{
    Tensor *hidden, *first;
    TRY(forward_output(pass, "hidden", &hidden));
    TRY(f_select(pass->tape, hidden, 1, 0, &first));
    return pooler_forward(pass, first, out);
}

/* What classes are told from: "pooled", which may be computed already, or the same of the mean. */
static Status pool_for_classes(Forward *pass, const EncoderConfig *config, Tensor **out)
{
    Tensor *hidden, *pooled;
    if (config->classifier_pooling == ENCODER_POOL_CLS) return forward_output(pass, "pooled", out);
    TRY(forward_output(pass, "hidden", &hidden));
    TRY(encoder_pool(pass, config, hidden, &pooled));
    return pooler_forward(pass, pooled, out);
}

/* Words at the masked positions, decoded by the word embeddings: f32[n,vocab]. */
static Status compute_mlm_logits(Forward *pass, Tensor **out)
{
    const BertConfig *config = pass->model->config;
    const Module *root = pass->model->root, *transform = module_find(root, "cls.predictions.transform");
    const Param *words = module_find_param(root, "bert.embeddings.word_embeddings.weight"),
                *bias = module_find_param(root, "cls.predictions.bias");
    Tensor *hidden;
    if (!transform || !words || !bias) return status_fail(STATUS_INVALID, "bert: the module tree has no MLM head");
    TRY(forward_output(pass, "hidden", &hidden));
    return encoder_word_logits(pass, transform, "cls.predictions.decoder", hidden, words->value, bias->value,
                               config->encoder.layer_norm_eps, out);
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
    TRY(pool_for_classes(pass, &config->encoder, &pooled));
    TRY(f_dropout(pass->tape, pooled, encoder_classifier_dropout(&config->encoder), &dropped));
    return linear_forward(pass->model->root, "classifier", pass->tape, dropped, false, out);
}

static Status compute_span_logits(Forward *pass, Tensor **out)
{
    Tensor *hidden;
    if (!module_find(pass->model->root, "qa_outputs"))
        return status_fail(STATUS_INVALID,
                           "bert: there is no head for answers; build the model with span_head = true");
    TRY(forward_output(pass, "hidden", &hidden));
    return linear_forward(pass->model->root, "qa_outputs", pass->tape, hidden, false, out);
}

static int64_t trunk_size(const Model *model)
{
    const Param *param = module_find_param(model->root, "bert.pooler.dense.weight");
    return param ? param->value->shape[0] : ((const BertConfig *)model->config)->encoder.hidden_size;
}

static int64_t max_length(const Model *model)
{
    return ((const BertConfig *)model->config)->encoder.max_position_embeddings;
}

static double step_flops(const Model *model, int64_t batch, int64_t length, int64_t masked)
{
    const BertConfig *c = model->config;
    double h = (double)c->encoder.hidden_size;
    double heads = (double)masked * (h * h + h * (double)c->vocab_size) + (double)batch * (h * h + 2 * h);
    return 3 * 2 * (encoder_products(&c->encoder, batch, length) + heads);
}

static int64_t parts(const Model *model, const char *path)
{
    return encoder_parts(&((const BertConfig *)model->config)->encoder, path);
}

const ModelRecord model_bert = {
    .name = "bert",
    .doc = "BERT: a bidirectional encoder with heads for masked words, sentence pairs and classes.",
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
            {"span_logits", "beginnings and ends of answers, f32[B,T,2]", compute_span_logits},
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
            {"BertForQuestionAnswering", (const char *const[]){"qa_outputs", NULL}, "span_head"},
            {"BertForPreTraining",
             (const char *const[]){"bert.pooler", "cls.predictions", "cls.seq_relationship", NULL}, NULL},
            {"BertForMaskedLM", (const char *const[]){"cls.predictions", NULL}, NULL},
            {"BertForNextSentencePrediction", (const char *const[]){"bert.pooler", "cls.seq_relationship", NULL},
             NULL},
            {"BertModel", (const char *const[]){"bert.pooler", NULL}, NULL},
            {0},
        },
    .base = "bert",
    .extensions = (const char *const[]){ENCODER_EXTENSIONS, NULL},
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
    .parts = parts,
    .max_length = max_length,
    .step_flops = step_flops,
};
