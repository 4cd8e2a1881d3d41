/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/nn/sampling.h"

#include <math.h>
#include <stdlib.h>

static Status find_best(const float *logits, int64_t count, int64_t *best)
{
    *best = 0;
    for (int64_t i = 0; i < count; i++) {
        if (isnan(logits[i]) || logits[i] == INFINITY)
            return status_fail(STATUS_NONFINITE, "generate: the logit of token %lld is %s", (long long)i,
                               isnan(logits[i]) ? "NaN" : "infinite");
        if (logits[i] > logits[*best]) *best = i;
    }
    return STATUS_OK;
}

static int likelier_first(const void *a, const void *b)
{
    const Candidate *x = a, *y = b;
    if (x->probability != y->probability) return x->probability > y->probability ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Unnormalised probabilities of all; returns their sum. */
static double list(const SamplingConfig *config, const float *logits, int64_t count, int64_t best,
                   Candidate *candidates)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        float share = (float)exp(((double)logits[i] - (double)logits[best]) / config->temperature);
        candidates[i] = (Candidate){share, (int32_t)i};
        sum += (double)share;
    }
    return sum;
}

static void swap(Candidate *a, Candidate *b)
{
    Candidate other = *a;
    *a = *b;
    *b = other;
}

/* Brings the k likeliest of the candidates to the front, in no order (Hoare 1961). */
static void select_likeliest(Candidate *candidates, int64_t count, int64_t k)
{
    int64_t low = 0, high = count - 1;
    while (low < high) {
        Candidate middle = candidates[low + (high - low) / 2];
        int64_t i = low, j = high;
        while (i <= j) {
            while (likelier_first(&candidates[i], &middle) < 0) i++;
            while (likelier_first(&candidates[j], &middle) > 0) j--;
            if (i <= j) swap(&candidates[i++], &candidates[j--]);
        }
        if (k - 1 <= j)
            high = j;
        else if (k - 1 >= i)
            low = i;
        else
            return;
    }
}

/* Of tokens that together have the sum: those that may be among the first with the share top_p. A less likely one
 * is not, since even all of such tokens have less than 1 - top_p. */
static int64_t drop_unlikely(const SamplingConfig *config, double sum, Candidate *candidates, int64_t count)
{
    int64_t kept = 0;
    double least = count > 1 ? 0.999 * sum * (1 - config->top_p) / (double)(count - 1) : 0;
    for (int64_t i = 0; i < count; i++)
        if ((double)candidates[i].probability >= least) candidates[kept++] = candidates[i];
    return kept;
}

/* How many of the sorted candidates have the share top_p of the sum. */
static int64_t cut(const SamplingConfig *config, double sum, const Candidate *sorted, int64_t count)
{
    double reached = 0;
    for (int64_t i = 0; i < count; i++) {
        reached += (double)sorted[i].probability;
        if (reached >= config->top_p * sum) return i + 1;
    }
    return count;
}

/* Brings the candidates that remain to the front, likeliest first; returns how many. */
static int64_t restrict_choice(const SamplingConfig *config, double sum, Candidate *candidates, int64_t count)
{
    if (config->top_k > 0 && config->top_k < count) {
        select_likeliest(candidates, count, config->top_k);
        count = config->top_k;
        sum = 0;
        for (int64_t i = 0; i < count; i++) sum += (double)candidates[i].probability;
    }
    if (config->top_p < 1) count = drop_unlikely(config, sum, candidates, count);
    qsort(candidates, (size_t)count, sizeof *candidates, likelier_first);
    return config->top_p < 1 ? cut(config, sum, candidates, count) : count;
}

static int32_t draw(const Candidate *candidates, int64_t count, RandomKey key)
{
    Random random = random_stream(key);
    double sum = 0, reached = 0;
    for (int64_t i = 0; i < count; i++) sum += (double)candidates[i].probability;
    double at = random_uniform(&random) * sum;
    for (int64_t i = 0; i < count; i++) {
        reached += (double)candidates[i].probability;
        if (at < reached) return candidates[i].id;
    }
    return candidates[count - 1].id;
}

Status sampling_draw(const SamplingConfig *config, const float *logits, int64_t count, RandomKey key,
                     Candidate *scratch, int32_t *out)
{
    int64_t best;
    TRY(find_best(logits, count, &best));
    *out = (int32_t)best;
    if (config->temperature <= 0 || config->top_k == 1) return STATUS_OK;
    double sum = list(config, logits, count, best, scratch);
    bool all = config->top_p >= 1 && (config->top_k <= 0 || config->top_k >= count);
    *out = draw(scratch, all ? count : restrict_choice(config, sum, scratch, count), key);
    return STATUS_OK;
}

void sampling_best(const float *logits, int64_t count, int64_t k, Candidate *best)
{
    double sum = 0;
    for (int64_t n = 0; n < k; n++) best[n] = (Candidate){-INFINITY, -1};
    for (int64_t i = 0; i < count; i++) {
        Candidate here = {isnan(logits[i]) ? -INFINITY : logits[i], (int32_t)i};
        if (k && best[k - 1].id >= 0 && here.probability <= best[k - 1].probability) continue;
        int64_t at = k - 1;
        for (; at > 0 && (best[at - 1].id < 0 || best[at - 1].probability < here.probability); at--)
            best[at] = best[at - 1];
        best[at] = here;
    }
    float highest = best[0].probability;
    for (int64_t i = 0; i < count; i++)
        if (!isnan(logits[i])) sum += exp((double)logits[i] - (double)highest);
    for (int64_t n = 0; n < k; n++)
        best[n].probability = (float)(exp((double)best[n].probability - (double)highest) / sum);
}
