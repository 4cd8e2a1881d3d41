/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/objectives/domain.h"

#include "engine/autograd/functions.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const Option objective_domain_options[] = {
    OPTION_TEXT_FIELD(DomainConfig, target, "target", "the data source to adapt to; its labels are not read"),
    OPTION_INT_FIELD(DomainConfig, hidden_size, 0, 0, 1 << 20,
                     "width of the domain classifier's hidden layer when it is made; 0: it has none"),
    OPTION_INT_FIELD(DomainConfig, start, 0, 0, 1e15, "the step from which the reversed gradient grows"),
    OPTION_NUMBER_FIELD(DomainConfig, gamma, 10, 0, 1e6, "how soon the reversed gradient reaches its full size"),
    OPTION_NUMBER_FIELD(DomainConfig, lambda, 1, 0, 1e6, "full size of the reversed gradient"),
    {0},
};

double domain_lambda(const DomainConfig *config, int64_t step, int64_t steps)
{
    double p = steps > config->start ? (double)(step - config->start) / (double)(steps - config->start) : 1;
    p = p < 0 ? 0 : p > 1 ? 1 : p;
    return config->lambda * (2 / (1 + exp(-config->gamma * p)) - 1);
}

static const char *target_of(const Objective *objective)
{
    return ((const DomainConfig *)objective->config)->target;
}

/* --- the head: NAME_classifier in the model's tree --- */

static void head_name(const Objective *objective, char out[OBJECTIVE_NAME_SIZE + 16])
{
    snprintf(out, OBJECTIVE_NAME_SIZE + 16, "%s_classifier", objective->name);
}

static Status fill_head(Module *head, int64_t in, int64_t hidden, RandomKey key)
{
    if (hidden) TRY(linear_add(head, "dense", in, hidden, true, key, sqrt(2.0 / (double)in), NULL));
    if (hidden) in = hidden;
    return linear_add(head, "out_proj", in, 1, true, key, sqrt(1.0 / (double)in), NULL);
}

static Status prepare(const Objective *objective, Model *model, RandomKey key)
{
    char name[OBJECTIVE_NAME_SIZE + 16];
    Module *head;
    head_name(objective, name);
    if (module_find(model->root, name)) return STATUS_OK;
    if (!model->record->trunk)
        return status_fail(STATUS_INVALID, "%s: model '%s' (%s) has no output for whole examples to adapt",
                           objective->name, model->name, model->record->name);
    TRY(module_new_below(model->root, name, &head));
    int64_t hidden = ((const DomainConfig *)objective->config)->hidden_size;
    Status status = fill_head(head, model->record->trunk_size(model), hidden, key);
    if (status == STATUS_OK) status = module_attach(head);
    if (status != STATUS_OK) module_free(head);
    return status;
}

static Status head_forward(const Module *head, Tape *tape, Tensor *x, Tensor **out)
{
    if (module_find(head, "dense")) {
        TRY(linear_forward(head, "dense", tape, x, false, &x));
        TRY(f_relu(tape, x, &x));
    }
    return linear_forward(head, "out_proj", tape, x, false, out);
}

/* --- the loss --- */

/* 0 for the source, 1 for the target: f32[n,1]. */
static Status domain_labels(Tape *tape, int64_t from_source, int64_t n, Tensor **out)
{
    TRY(tensor_new(tape_arena(tape), DTYPE_F32, 2, (int64_t[]){n, 1}, out));
    for (int64_t i = 0; i < n; i++) TENSOR_F32(*out)[i] = i >= from_source;
    return STATUS_OK;
}

static double accuracy(const Tensor *logits, const Tensor *labels)
{
    int64_t n = tensor_count(labels), right = 0;
    for (int64_t i = 0; i < n; i++) right += (TENSOR_F32(logits)[i] > 0) == (TENSOR_F32(labels)[i] > 0);
    return (double)right / (double)n;
}

static Status adversary(const Objective *objective, const ObjectiveInput *in, Tensor *const trunks[2],
                        Tensor **loss, Prediction *prediction)
{
    char name[OBJECTIVE_NAME_SIZE + 16];
    Tape *tape = in->pass->tape;
    Tensor *both, *turned, *logits, *labels;
    Module *head;
    double lambda = domain_lambda(objective->config, in->step, in->steps);
    head_name(objective, name);
    TRY(module_child(in->pass->model->root, name, &head));
    TRY(f_concat(tape, trunks, 2, 0, &both));
    TRY(f_gradient_reverse(tape, both, lambda, &turned));
    TRY(tape_enter(tape, name));
    Status status = head_forward(head, tape, turned, &logits);
    tape_leave(tape);
    TRY(status);
    TRY(domain_labels(tape, trunks[0]->shape[0], logits->shape[0], &labels));
    if (prediction) prediction->accuracy = accuracy(logits, labels);
    if (prediction) prediction->lambda = lambda;
    return f_binary_cross_entropy_with_logits(tape, logits, labels, loss);
}

static Status domain_loss(const Objective *objective, const ObjectiveInput *in, Tensor **loss,
                          Prediction *prediction)
{
    const char *trunk = in->pass->model->record->trunk;
    Tensor *trunks[2];
    TRY(forward_output(in->pass, trunk, &trunks[0]));
    TRY(forward_output(in->target, trunk, &trunks[1]));
    TRY(tape_enter(in->pass->tape, objective->name));
    Status status = adversary(objective, in, trunks, loss, prediction);
    tape_leave(in->pass->tape);
    return status;
}

const ObjectiveRecord objective_domain = {
    .name = "domain",
    .doc =
        "Domain-adversarial training: a classifier tells the target's inputs from the source's, and its reversed "
        "gradient makes the trunk forget what it sees them by.",
    .source = "Ganin et al. 2016, Domain-adversarial training of neural networks",
    .options = objective_domain_options,
    .config_size = sizeof(DomainConfig),
    .target = target_of,
    .prepare = prepare,
    .loss = domain_loss,
};
