/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/tensor/statistics.h"

#include <math.h>
#include <stdio.h>

/* tensor_get() walks the shape for each element; most tensors are dense. */
static double value_at(const Tensor *tensor, const float *dense, int64_t place)
{
    return dense ? (double)dense[place] : tensor_get(tensor, place);
}

static const float *dense_values(const Tensor *tensor)
{
    return tensor->dtype == DTYPE_F32 && tensor_contiguous(tensor) ? TENSOR_F32(tensor) : NULL;
}

static void add_value(Statistics *sum, double value)
{
    if (isnan(value)) sum->nan++;
    if (isinf(value)) sum->infinite++;
    if (!isfinite(value)) return;
    sum->zeros += value == 0;
    sum->norm += value * value;
    sum->mean += value;
    if (value < sum->min) sum->min = value;
    if (value > sum->max) sum->max = value;
}

Statistics tensor_statistics(const Tensor *tensor)
{
    Statistics sum = {.count = tensor_count(tensor), .min = (double)INFINITY, .max = -(double)INFINITY};
    const float *dense = dense_values(tensor);
    for (int64_t i = 0; i < sum.count; i++) add_value(&sum, value_at(tensor, dense, i));
    int64_t finite = sum.count - sum.nan - sum.infinite;
    sum.norm = sqrt(sum.norm);
    sum.mean = finite ? sum.mean / (double)finite : 0;
    return sum;
}

const char *statistics_text(const Statistics *s, char out[STATISTICS_TEXT_SIZE])
{
    int64_t finite = s->count - s->nan - s->infinite;
    int at = 0;
    out[0] = '\0';
    if (s->count == 0) snprintf(out, STATISTICS_TEXT_SIZE, "empty");
    if (finite) at = snprintf(out, STATISTICS_TEXT_SIZE, "%.4g to %.4g", s->min, s->max);
    const char *separator = finite ? ", " : "";
    if (s->nan)
        at += snprintf(out + at, STATISTICS_TEXT_SIZE - (size_t)at, "%s%lld NaN", separator, (long long)s->nan);
    if (s->nan) separator = ", ";
    if (s->infinite)
        snprintf(out + at, STATISTICS_TEXT_SIZE - (size_t)at, "%s%lld infinite", separator, (long long)s->infinite);
    return out;
}

void tensor_histogram(const Tensor *tensor, double low, double high, int bins, int64_t *counts)
{
    const float *dense = dense_values(tensor);
    double scale = high > low ? bins / (high - low) : 0;
    for (int i = 0; i < bins; i++) counts[i] = 0;
    for (int64_t i = 0, n = tensor_count(tensor); i < n; i++) {
        double value = value_at(tensor, dense, i);
        if (!(value >= low && value <= high)) continue;
        int bin = (int)((value - low) * scale);
        counts[bin < bins ? bin : bins - 1]++;
    }
}
