/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The encoder that BERT and ELECTRA are made of: embeddings and layers of attention and feed-forward. As it comes
 * it is that of Devlin et al. 2019: a norm behind each half of a layer, learned positions, GELU, biases. Its
 * options give what later encoders do (Warner et al. 2024, ModernBERT): norms first, rotary positions, GeGLU, no
 * biases. Names of modules and options are Hugging Face's; those of norms that stand first are its
 * RoBERTa-PreLayerNorm's. Modules belong to the tree that they are added to. */
#ifndef LATHE_NN_ENCODER_H
#define LATHE_NN_ENCODER_H

#include "engine/nn/model.h"

typedef enum EncoderPositions { POSITIONS_ABSOLUTE, POSITIONS_ROTARY } EncoderPositions;
typedef enum EncoderActivation { ACTIVATION_GELU, ACTIVATION_GEGLU } EncoderActivation;
typedef enum EncoderPooling { ENCODER_POOL_CLS, ENCODER_POOL_MEAN } EncoderPooling;

/* Stands first in the config of a model, so that ENCODER_OPTIONS serve for it. */
typedef struct EncoderConfig {
    int64_t hidden_size, num_hidden_layers, num_attention_heads, intermediate_size;
    int64_t max_position_embeddings, type_vocab_size;
    double hidden_dropout_prob, attention_probs_dropout_prob, classifier_dropout, layer_norm_eps, initializer_range;
    int64_t position_embedding_type, hidden_act; /* EncoderPositions, EncoderActivation */
    int64_t classifier_pooling;                  /* EncoderPooling */
    double rope_theta;
    bool norm_first, bias;
} EncoderConfig;

#define ENCODER_OPTIONS                                                                                            \
    OPTION_INT_FIELD(EncoderConfig, hidden_size, 128, 1, 1 << 16, "width of the hidden states"),                   \
        OPTION_INT_FIELD(EncoderConfig, num_hidden_layers, 2, 1, 1000, "layers of the encoder"),                   \
        OPTION_INT_FIELD(EncoderConfig, num_attention_heads, 0, 0, 1024,                                           \
                         "attention heads; 0: one for every 64 of the width"),                                     \
        OPTION_INT_FIELD(EncoderConfig, intermediate_size, 0, 0, 1 << 18,                                          \
                         "width of the feed-forward layer; 0: 4 x hidden_size"),                                   \
        OPTION_INT_FIELD(EncoderConfig, max_position_embeddings, 512, 1, 1 << 20, "longest sequence"),             \
        OPTION_INT_FIELD(EncoderConfig, type_vocab_size, 2, 1, 1024, "token types (sentence A, sentence B)"),      \
        OPTION_NUMBER_FIELD(EncoderConfig, hidden_dropout_prob, 0.1, 0, 0.999, "dropout of hidden states"),        \
        OPTION_NUMBER_FIELD(EncoderConfig, attention_probs_dropout_prob, 0.1, 0, 0.999,                            \
                            "dropout of attention probabilities"),                                                 \
        OPTION_NUMBER_FIELD(EncoderConfig, classifier_dropout, -1, -1, 0.999,                                      \
                            "dropout before the classifier; -1: as hidden_dropout_prob"),                          \
        OPTION_NUMBER_FIELD(EncoderConfig, layer_norm_eps, 1e-12, 0, 1,                                            \
                            "added to the variance in layer normalisation"),                                       \
        OPTION_NUMBER_FIELD(EncoderConfig, initializer_range, 0.02, 0, 10,                                         \
                            "standard deviation of the initial weights"),                                          \
        OPTION_CHOICE_FIELD(EncoderConfig, position_embedding_type, "absolute", "absolute rotary",                 \
                            "places as a table of embeddings, or as rotations of queries and keys"),               \
        OPTION_NUMBER_FIELD(EncoderConfig, rope_theta, 10000, 1, 1e12,                                             \
                            "rotary positions: base of the wavelengths"),                                          \
        OPTION_CHOICE_FIELD(EncoderConfig, hidden_act, "gelu", "gelu geglu",                                       \
                            "activation of the feed-forward layer; geglu has a gate beside it"),                   \
        OPTION_CHOICE_FIELD(EncoderConfig, classifier_pooling, "cls", "cls mean",                                  \
                            "what classes are told from: the first token, or the mean of all"),                    \
        OPTION_BOOLEAN_FIELD(EncoderConfig, norm_first, 0,                                                         \
                             "each half of a layer begins with its norm, instead of ending with it"),              \
        OPTION_BOOLEAN_FIELD(EncoderConfig, bias, 1, "linear layers and norms of the encoder have biases")

/* Options whose default is what transformers' models do, and which its files do not have. */
#define ENCODER_EXTENSIONS                                                                                         \
    "position_embedding_type", "rope_theta", "hidden_act", "classifier_pooling", "norm_first", "bias"

/* Fills in what the config leaves open. Errors: what does not fit together; owner names the model. */
Status encoder_complete(EncoderConfig *config, const char *owner) STATUS_CHECKED;

/* "embeddings" below the trunk: tables of that width for words, places and token types, and their norm. */
Status encoder_add_embeddings(Module *trunk, const EncoderConfig *config, int64_t vocab_size, int64_t width,
                              RandomKey key) STATUS_CHECKED;
/* "encoder.layer.0" and so on below the trunk, and the last norm where norms stand first. */
Status encoder_add_layers(Module *trunk, const EncoderConfig *config, RandomKey key) STATUS_CHECKED;

/* The embeddings of the batch, normalised and dropped out: f32[B,T,width]. Errors: a batch without input_ids, a
 * sequence that is too long. */
Status encoder_embed(Forward *pass, const Module *trunk, const EncoderConfig *config, Tensor **out) STATUS_CHECKED;
/* x f32[B,T,H] through the trunk's layers. */
Status encoder_forward(Forward *pass, const Module *trunk, const EncoderConfig *config, Tensor *x,
                       Tensor **out) STATUS_CHECKED;
/* What a classifier reads of hidden f32[B,T,H], by the config's classifier_pooling: f32[B,H]. */
Status encoder_pool(Forward *pass, const EncoderConfig *config, Tensor *hidden, Tensor **out) STATUS_CHECKED;
/* Words at n places of hidden f32[B,T,H]: rows f32[n,H], the head's "dense", GELU, its "LayerNorm", then the table
 * of words and a bias: f32[n,vocab]. decoder: path of the last product. */
Status encoder_word_logits(Forward *pass, const Module *head, const char *decoder, Tensor *hidden, Tensor *words,
                           Tensor *bias, double eps, Tensor **out) STATUS_CHECKED;

/* Before a classifier. */
double encoder_classifier_dropout(const EncoderConfig *config);
/* Parameters of one size that stand below each other in the one at the path (ModelRecord.parts). */
int64_t encoder_parts(const EncoderConfig *config, const char *path);
/* Multiply-adds of the layers for one way forward on B sequences of T tokens. */
double encoder_products(const EncoderConfig *config, int64_t batch, int64_t length);

#endif
