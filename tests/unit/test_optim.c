/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Optimizers against their formulas in double precision, and the norm of gradients. */
#include "engine/base/threads.h"
#include "engine/optim/optimizer.h"

#include <check.h>
#include <math.h>

enum { COUNT = 40001, STEPS = 5 }; /* more than two tiles */

Suite *optim_suite(void);

#define OK(call) ck_assert_msg((call) == STATUS_OK, "%s", status_message())

static double weight[COUNT], mean[COUNT], square[COUNT];

static double gradient_at(int step, int i)
{
    return sin(0.37 * i + step) * (1 + i % 7);
}

static Module *make_module(void)
{
    Module *root;
    Param *param;
    OK(module_new("root", &root));
    OK(module_add_param(root, "weight", true, 1, (int64_t[]){COUNT}, &param));
    OK(tensor_new_like(NULL, param->value, &param->value->grad));
    for (int i = 0; i < COUNT; i++) {
        weight[i] = (double)(TENSOR_F32(param->value)[i] = (float)cos(0.11 * i));
        mean[i] = square[i] = 0;
    }
    return root;
}

static void set_gradient(Param *param, int step)
{
    param->value->grad_fresh = false;
    for (int i = 0; i < COUNT; i++) TENSOR_F32(param->value->grad)[i] = (float)gradient_at(step, i);
}

/* One step of the reference; t counts from 1. */
typedef void (*Reference)(const OptimizerConfig *c, int t, double lr, double scale);

static double adam_direction(const OptimizerConfig *c, int t, int i, double g)
{
    mean[i] = c->beta1 * mean[i] + (1 - c->beta1) * g;
    square[i] = c->beta2 * square[i] + (1 - c->beta2) * g * g;
    return mean[i] / (1 - pow(c->beta1, t)) / (sqrt(square[i] / (1 - pow(c->beta2, t))) + c->eps);
}

static void adamw(const OptimizerConfig *c, int t, double lr, double scale)
{
    for (int i = 0; i < COUNT; i++) {
        double d = adam_direction(c, t, i, scale * (double)(float)gradient_at(t, i));
        weight[i] -= lr * (d + c->weight_decay * weight[i]);
    }
}

static void adam(const OptimizerConfig *c, int t, double lr, double scale)
{
    for (int i = 0; i < COUNT; i++)
        weight[i] -=
            lr * adam_direction(c, t, i, scale * (double)(float)gradient_at(t, i) + c->weight_decay * weight[i]);
}

static void sgd(const OptimizerConfig *c, int t, double lr, double scale)
{
    for (int i = 0; i < COUNT; i++) {
        double g = scale * (double)(float)gradient_at(t, i) + c->weight_decay * weight[i];
        mean[i] = t == 1 ? g : c->momentum * mean[i] + g;
        weight[i] -= lr * (c->nesterov ? g + c->momentum * mean[i] : mean[i]);
    }
}

static void lamb(const OptimizerConfig *c, int t, double lr, double scale)
{
    static double direction[COUNT];
    double weights = 0, directions = 0;
    for (int i = 0; i < COUNT; i++) {
        direction[i] =
            adam_direction(c, t, i, scale * (double)(float)gradient_at(t, i)) + c->weight_decay * weight[i];
        weights += weight[i] * weight[i];
        directions += direction[i] * direction[i];
    }
    for (int i = 0; i < COUNT; i++) weight[i] -= lr * sqrt(weights / directions) * direction[i];
}

static void compare(const char *name, Reference reference, double momentum, bool nesterov)
{
    Module *root = make_module();
    Param *param = root->params[0];
    Optimizer optimizer = {.record = optimizer_record_find(name)};
    option_defaults(optimizer.record->options, &optimizer.config);
    optimizer.config.weight_decay = 0.1;
    optimizer.config.momentum = momentum;
    optimizer.config.nesterov = nesterov;
    OK(optimizer_prepare(&optimizer, root));
    for (int t = 1; t <= STEPS; t++) {
        double lr = 0.01 * t, scale = t == 3 ? 0.25 : 1;
        set_gradient(param, t);
        optimizer_step(&optimizer, root, lr, scale);
        reference(&optimizer.config, t, lr, scale);
    }
    ck_assert_int_eq(param->step, STEPS);
    for (int i = 0; i < COUNT; i++)
        ck_assert_msg(fabs((double)TENSOR_F32(param->value)[i] - weight[i]) < 2e-6 * (1 + fabs(weight[i])),
                      "%s[%d]: %.9g, the formula gives %.9g", name, i, (double)TENSOR_F32(param->value)[i],
                      weight[i]);
    module_free(root);
}

START_TEST(optimizers_follow_their_formulas)
{
    compare("adamw", adamw, 0, false);
    compare("adam", adam, 0, false);
    compare("sgd", sgd, 0, false);
    compare("sgd", sgd, 0.9, false);
    compare("sgd", sgd, 0.9, true);
    compare("lamb", lamb, 0, false);
}
END_TEST

START_TEST(masked_weights_stay_zero)
{
    for (int o = 0; o < optimizer_record_count; o++) {
        Module *root = make_module();
        Param *param = root->params[0];
        Optimizer optimizer = {.record = optimizer_records[o]};
        option_defaults(optimizer.record->options, &optimizer.config);
        OK(tensor_new_zeros(NULL, DTYPE_F32, 1, param->value->shape, &param->mask));
        TENSOR_F32(param->mask)[7] = 1;
        OK(optimizer_prepare(&optimizer, root));
        set_gradient(param, 1);
        optimizer_step(&optimizer, root, 0.1, 1);
        for (int i = 0; i < COUNT; i++) ck_assert((TENSOR_F32(param->value)[i] != 0) == (i == 7));
        module_free(root);
    }
}
END_TEST

START_TEST(frozen_and_untouched_stay)
{
    Module *root = make_module();
    Param *param = root->params[0];
    Optimizer optimizer = {.record = optimizer_record_find("adamw")};
    option_defaults(optimizer.record->options, &optimizer.config);
    OK(optimizer_prepare(&optimizer, root));
    float before = TENSOR_F32(param->value)[3];
    set_gradient(param, 1);
    param_set_frozen(param, true);
    optimizer_step(&optimizer, root, 0.1, 1);
    param_set_frozen(param, false);
    gradient_forget(root);
    optimizer_step(&optimizer, root, 0.1, 1);
    ck_assert(TENSOR_F32(param->value)[3] == before && param->step == 0);
    module_free(root);
}
END_TEST

START_TEST(norm_is_that_of_all_gradients)
{
    Module *root = make_module();
    double squares = 0, norms[3];
    for (int i = 0; i < COUNT; i++) squares += (double)(float)gradient_at(2, i) * (double)(float)gradient_at(2, i);
    set_gradient(root->params[0], 2);
    for (int t = 0; t < 3; t++) {
        threads_set(t + 1);
        norms[t] = gradient_norm(root);
        ck_assert(norms[t] == norms[0]);
    }
    ck_assert_double_eq_tol(norms[0], sqrt(squares), 1e-9 * sqrt(squares));
    ck_assert_ptr_null(gradient_nonfinite(root));
    TENSOR_F32(root->params[0]->value->grad)[COUNT - 1] = (float)INFINITY;
    ck_assert_ptr_eq(gradient_nonfinite(root), root->params[0]);
    module_free(root);
}
END_TEST

Suite *optim_suite(void)
{
    Suite *suite = suite_create("optim");
    TCase *tests = tcase_create("optim");
    tcase_add_test(tests, optimizers_follow_their_formulas);
    tcase_add_test(tests, masked_weights_stay_zero);
    tcase_add_test(tests, frozen_and_untouched_stay);
    tcase_add_test(tests, norm_is_that_of_all_gradients);
    suite_add_tcase(suite, tests);
    return suite;
}
