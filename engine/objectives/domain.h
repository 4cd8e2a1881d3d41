/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The options of the objective 'domain': adversarial adaptation of a model to a second data source, of which only
 * the inputs are read. Plain bytes. */
#ifndef LATHE_OBJECTIVES_DOMAIN_H
#define LATHE_OBJECTIVES_DOMAIN_H

#include "engine/objectives/objective.h"

typedef struct DomainConfig {
    char target[OPTION_TEXT_SIZE];
    int64_t hidden_size, start;
    double gamma, lambda;
} DomainConfig;

/* lambda (2 / (1 + exp(-gamma p)) - 1), where p goes from 0 at 'start' to 1 at the run's last step. */
double domain_lambda(const DomainConfig *config, int64_t step, int64_t steps);

extern const ObjectiveRecord objective_domain;
extern const Option objective_domain_options[];

#endif
