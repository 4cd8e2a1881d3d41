/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A multilayer perceptron on rows of features: layers.0, layers.1, ... and a classifier. The Model owns everything.
 */
#ifndef LATHE_NN_MLP_H
#define LATHE_NN_MLP_H

#include "engine/nn/model.h"

typedef enum MlpActivation { MLP_RELU, MLP_SIGMOID, MLP_TANH } MlpActivation;

typedef struct MlpConfig {
    int64_t input_size, num_labels, activation; /* activation: MlpActivation */
    OptionInts hidden_sizes;
    double dropout, initializer_range;
} MlpConfig;

extern const ModelRecord model_mlp;

#endif
