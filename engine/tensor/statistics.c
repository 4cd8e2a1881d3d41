/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/tensor/statistics.h"

#include <float.h>
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

/* Sums side by side, which a processor adds in one go: a whole model is looked at while it trains. */
enum { LANES = 8 };

typedef struct Lanes {
    double norm[LANES], mean[LANES], min[LANES], max[LANES];
    int64_t zeros[LANES], odd[LANES];
} Lanes;

static void add_lanes(Lanes *lanes, const float *values)
{
    for (int l = 0; l < LANES; l++) {
        bool finite = fabsf(values[l]) <= FLT_MAX;
        double value = finite ? (double)values[l] : 0;
        lanes->odd[l] += !finite;
        lanes->zeros[l] += values[l] == 0;
        lanes->norm[l] += value * value;
        lanes->mean[l] += value;
        lanes->min[l] = finite && value < lanes->min[l] ? value : lanes->min[l];
        lanes->max[l] = finite && value > lanes->max[l] ? value : lanes->max[l];
    }
}

/* The values in front that fill lanes; how many these are. Where some are not finite, none. */
static int64_t add_dense(Statistics *sum, const float *values)
{
    Lanes lanes = {0};
    int64_t done = 0, odd = 0;
    for (int l = 0; l < LANES; l++) lanes.min[l] = sum->min, lanes.max[l] = sum->max;
    for (; done + LANES <= sum->count; done += LANES) add_lanes(&lanes, values + done);
    for (int l = 0; l < LANES; l++) odd += lanes.odd[l];
    if (odd) return 0;
    for (int l = 0; l < LANES; l++) {
        sum->zeros += lanes.zeros[l];
        sum->norm += lanes.norm[l];
        sum->mean += lanes.mean[l];
        sum->min = lanes.min[l] < sum->min ? lanes.min[l] : sum->min;
        sum->max = lanes.max[l] > sum->max ? lanes.max[l] : sum->max;
    }
    return done;
}

Statistics tensor_statistics(const Tensor *tensor)
{
    Statistics sum = {.count = tensor_count(tensor), .min = (double)INFINITY, .max = -(double)INFINITY};
    const float *dense = dense_values(tensor);
    int64_t done = dense ? add_dense(&sum, dense) : 0;
    for (int64_t i = done; i < sum.count; i++) add_value(&sum, value_at(tensor, dense, i));
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
