/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be said about a tensor's values in a line. Plain values; nobody frees anything. */
#ifndef LATHE_TENSOR_STATISTICS_H
#define LATHE_TENSOR_STATISTICS_H

#include "engine/tensor/tensor.h"

enum { STATISTICS_TEXT_SIZE = 160 };

/* norm, mean, min and max are those of the finite values; of none, min is above max. */
typedef struct Statistics {
    int64_t count, nan, infinite, zeros;
    double norm, mean, min, max;
} Statistics;

Statistics tensor_statistics(const Tensor *tensor);
/* "-3.1 to 4.2, 12 NaN" into out; returns out. */
const char *statistics_text(const Statistics *statistics, char out[STATISTICS_TEXT_SIZE]);

/* counts[i] of the finite values in the i-th of bins equal parts of [low, high], the last one closed. */
void tensor_histogram(const Tensor *tensor, double low, double high, int bins, int64_t *counts);

#endif
