/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/nn/mlp.h"

#include "engine/autograd/functions.h"

#include <math.h>
#include <stdio.h>

enum { WIDEST = 1 << 24 };

static const Option options[] = {
    OPTION_INT_FIELD(MlpConfig, input_size, 784, 1, WIDEST, "features of an example"),
    OPTION_INTS_FIELD(MlpConfig, hidden_sizes, "128", "widths of the hidden layers"),
    OPTION_INT_FIELD(MlpConfig, num_labels, 2, 1, 1 << 20, "classes"),
    OPTION_CHOICE_FIELD(MlpConfig, activation, "relu", "relu sigmoid tanh", "what follows each hidden layer"),
    OPTION_NUMBER_FIELD(MlpConfig, dropout, 0, 0, 0.999, "dropout behind each hidden layer"),
    OPTION_NUMBER_FIELD(MlpConfig, initializer_range, 0, 0, 10,
                        "standard deviation of the initial weights; 0: by the layer's width, sqrt(2 / in) for relu "
                        "and sqrt(1 / in) otherwise"),
    {0},
};

static Status check_sizes(const MlpConfig *config)
{
    if (config->hidden_sizes.count == 0)
        return status_fail(STATUS_INVALID, "mlp: hidden_sizes is empty; give a width, as in hidden_sizes = {128}");
    for (int64_t i = 0; i < config->hidden_sizes.count; i++)
        if (config->hidden_sizes.values[i] < 1 || config->hidden_sizes.values[i] > WIDEST)
            return status_fail(STATUS_INVALID, "mlp: hidden_sizes has %lld; a width is 1 to %d",
                               (long long)config->hidden_sizes.values[i], WIDEST);
    return STATUS_OK;
}

/* He et al. 2015 where half of the units are silent, LeCun et al. 1998 otherwise. */
static double deviation(const MlpConfig *config, int64_t in, bool last)
{
    if (config->initializer_range > 0) return config->initializer_range;
    return sqrt((!last && config->activation == MLP_RELU ? 2.0 : 1.0) / (double)in);
}

static Status build(Model *model, RandomKey key)
{
    const MlpConfig *config = model->config;
    Module *layers;
    int64_t in = config->input_size;
    TRY(check_sizes(config));
    TRY(module_add(model->root, "layers", &layers));
    for (int64_t i = 0; i < config->hidden_sizes.count; i++) {
        char name[24];
        int64_t out = config->hidden_sizes.values[i];
        snprintf(name, sizeof name, "%lld", (long long)i);
        TRY(linear_add(layers, name, in, out, true, key, deviation(config, in, false), NULL));
        in = out;
    }
    return linear_add(model->root, "classifier", in, config->num_labels, true, key, deviation(config, in, true),
                      NULL);
}

static Status activate(const MlpConfig *config, Tape *tape, Tensor *x, Tensor **y)
{
    if (config->activation == MLP_RELU) return f_relu(tape, x, y);
    return config->activation == MLP_SIGMOID ? f_sigmoid(tape, x, y) : f_tanh(tape, x, y);
}

static Status layer_forward(const Module *layers, const char *name, const MlpConfig *config, Tape *tape, Tensor *x,
                            Tensor **out)
{
    Tensor *y;
    TRY(linear_forward(layers, name, tape, x, false, &y));
    TRY(activate(config, tape, y, &y));
    return f_dropout(tape, y, config->dropout, out);
}

static Status compute_hidden(Forward *pass, Tensor **out)
{
    const MlpConfig *config = pass->model->config;
    const Module *layers = module_find(pass->model->root, "layers");
    Tensor *x;
    if (!layers) return status_fail(STATUS_INVALID, "mlp: the module tree has no 'layers'");
    TRY(batch_get(pass->batch, "features", &x));
    if (x->ndim != 2 || x->shape[1] != config->input_size)
        return status_fail(
            STATUS_INVALID,
            "mlp: the data have %lld features, the model an input_size of %lld; build the model with "
            "that input_size, or read the data with features = %lld",
            (long long)x->shape[x->ndim - 1], (long long)config->input_size, (long long)config->input_size);
    TRY(tape_enter(pass->tape, "layers"));
    Status status = STATUS_OK;
    for (int i = 0; i < layers->child_count && status == STATUS_OK; i++)
        status = layer_forward(layers, layers->children[i]->name, config, pass->tape, x, &x);
    tape_leave(pass->tape);
    *out = x;
    return status;
}

static Status compute_logits(Forward *pass, Tensor **out)
{
    Tensor *hidden;
    TRY(forward_output(pass, "hidden", &hidden));
    return linear_forward(pass->model->root, "classifier", pass->tape, hidden, false, out);
}

static int64_t trunk_size(const Model *model)
{
    const MlpConfig *config = model->config;
    const Module *layers = module_find(model->root, "layers");
    const Param *last = layers && layers->child_count
                            ? module_find_param(layers->children[layers->child_count - 1], "weight")
                            : NULL;
    return last ? last->value->shape[0] : config->hidden_sizes.values[config->hidden_sizes.count - 1];
}

static double step_flops(const Model *model, int64_t batch, int64_t length, int64_t masked)
{
    const MlpConfig *config = model->config;
    double in = (double)config->input_size, weights = 0;
    (void)length;
    (void)masked;
    for (int64_t i = 0; i < config->hidden_sizes.count; i++) {
        double out = (double)config->hidden_sizes.values[i];
        weights += in * out;
        in = out;
    }
    return 3 * 2 * (double)batch * (weights + in * (double)config->num_labels);
}

const ModelRecord model_mlp = {
    .name = "mlp",
    .doc = "Multilayer perceptron: rows of features through hidden layers to classes.",
    .source = "Rumelhart, Hinton, Williams 1986",
    .options = options,
    .config_size = sizeof(MlpConfig),
    .build = build,
    .outputs =
        (const ModelOutput[]){
            {"hidden", "the last hidden layer, f32[B,H]", compute_hidden},
            {"logits", "classes, f32[B,num_labels]", compute_logits},
            {0},
        },
    .classes = "logits",
    .trunk = "hidden",
    .layers = "layers",
    .trunk_size = trunk_size,
    .step_flops = step_flops,
};
