/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/train/watch.h"

#include "engine/base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    BLOCK = 16,           /* entries that are read together: a cache line */
    MOST_BLOCKS = 256,    /* of one parameter */
    ALL_BLOCKS = 1 << 16, /* of all parameters, as far as possible */
    LEAST_BLOCKS = 16,
    SORTED = 256 /* values that quantiles are taken from */
};

const double watch_shares[WATCH_QUANTILES] = {0, 0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.98, 1};

typedef struct Entry {
    char model[MODEL_NAME_SIZE], path[MODULE_PATH_SIZE];
    int64_t count;
    float *before; /* the sample before the step that is measured; NULL: none */
    double update_square;
    WatchTime *times;
    int time_count, every, skipped; /* every: a look of so many is kept */
} Entry;

struct ParamWatch {
    Entry *entries;
    int count;
    bool asked, measuring;
};

Status watch_new(ParamWatch **out)
{
    return memory_new(1, sizeof **out, out);
}

static void clear_entry(Entry *entry)
{
    memory_free(entry->before);
    memory_free(entry->times);
    *entry = (Entry){0};
}

void watch_free(ParamWatch *watch)
{
    if (!watch) return;
    for (int i = 0; i < watch->count; i++) clear_entry(&watch->entries[i]);
    memory_free(watch->entries);
    memory_free(watch);
}

/* --- the sample --- */

/* Blocks of entries, the same ones at every look. */
typedef struct Sample {
    int64_t count, blocks, each, size;
} Sample;

static Sample sample_of(const ParamWatch *watch, const Tensor *value)
{
    int64_t count = tensor_count(value), blocks = ALL_BLOCKS / (watch->count ? watch->count : 1);
    blocks = blocks > MOST_BLOCKS ? MOST_BLOCKS : blocks < LEAST_BLOCKS ? LEAST_BLOCKS : blocks;
    if (count <= blocks * BLOCK) return (Sample){count, 1, count, count};
    int64_t each = (count - BLOCK) / blocks;
    return (Sample){count, blocks, each % 2 ? each : each - 1, BLOCK};
}

static double sample_scale(const Sample *sample)
{
    int64_t looked = sample->blocks * sample->size;
    return looked ? (double)sample->count / (double)looked : 0;
}

/* Calls 'add' with each block of values and its place in the sample. */
static void each_block(const Sample *sample, void (*add)(void *context, int64_t at, int64_t place, int64_t size),
                       void *context)
{
    for (int64_t b = 0; b < sample->blocks; b++) add(context, b * sample->each, b * sample->size, sample->size);
}

/* --- the update of a step --- */

typedef struct Difference {
    const float *values;
    float *kept;
    double square;
} Difference;

static void keep_block(void *context, int64_t at, int64_t place, int64_t size)
{
    const Difference *difference = context;
    memcpy(difference->kept + place, difference->values + at, (size_t)size * sizeof(float));
}

static void compare_block(void *context, int64_t at, int64_t place, int64_t size)
{
    Difference *difference = context;
    for (int64_t i = 0; i < size; i++) {
        double change = (double)difference->values[at + i] - (double)difference->kept[place + i];
        difference->square += change * change;
    }
}

/* One walk over the parameters of all models, in order. */
typedef struct Walk {
    ParamWatch *watch;
    const Session *session;
    const Model *model;
    int at;
    Status (*visit)(void *context, const ParamLook *look);
    void *context;
} Walk;

/* The entry at the walk's place, where it is still this parameter's; NULL otherwise. */
static Entry *next_entry(Walk *walk, const Param *param)
{
    if (walk->at == walk->watch->count) return NULL;
    Entry *entry = &walk->watch->entries[walk->at++];
    bool same = strcmp(entry->path, param->path) == 0 && strcmp(entry->model, walk->model->name) == 0;
    return same && entry->count == tensor_count(param->value) ? entry : NULL;
}

static Status keep_sample(void *context, Param *param)
{
    Walk *walk = context;
    Entry *entry = next_entry(walk, param);
    if (!entry) return STATUS_OK;
    Sample sample = sample_of(walk->watch, param->value);
    if (!entry->before) TRY(memory_new_raw((size_t)(sample.blocks * sample.size), sizeof(float), &entry->before));
    Difference difference = {TENSOR_F32(param->value), entry->before, 0};
    each_block(&sample, keep_block, &difference);
    return STATUS_OK;
}

static Status compare_sample(void *context, Param *param)
{
    Walk *walk = context;
    Entry *entry = next_entry(walk, param);
    if (!entry || !entry->before) return STATUS_OK;
    Sample sample = sample_of(walk->watch, param->value);
    Difference difference = {TENSOR_F32(param->value), entry->before, 0};
    each_block(&sample, compare_block, &difference);
    entry->update_square = param->frozen ? (double)NAN : difference.square * sample_scale(&sample);
    memory_free(entry->before);
    entry->before = NULL;
    return STATUS_OK;
}

static Status walk_all(Walk *walk, Status (*visit)(void *context, Param *param))
{
    for (int i = 0; i < walk->session->model_count; i++) {
        walk->model = walk->session->models[i];
        TRY(module_each_param(walk->model->root, visit, walk));
    }
    return STATUS_OK;
}

void watch_before_step(ParamWatch *watch, const Session *session)
{
    if (!watch || !watch->asked) return;
    Walk walk = {.watch = watch, .session = session};
    watch->asked = false;
    watch->measuring = walk_all(&walk, keep_sample) == STATUS_OK; /* without memory the look is lost */
}

void watch_after_step(ParamWatch *watch, const Session *session)
{
    if (!watch || !watch->measuring) return;
    Walk walk = {.watch = watch, .session = session};
    watch->measuring = false;
    Status status = walk_all(&walk, compare_sample);
    (void)status; /* the visit cannot fail */
}

/* --- how the values are spread --- */

typedef struct Spread {
    const float *values;
    float low, high, some[SORTED];
    int64_t each, seen;
    int count;
} Spread;

static void spread_block(void *context, int64_t at, int64_t place, int64_t size)
{
    Spread *spread = context;
    (void)place;
    for (int64_t i = 0; i < size; i++) {
        float value = spread->values[at + i];
        if (!isfinite(value)) continue;
        if (value < spread->low) spread->low = value;
        if (value > spread->high) spread->high = value;
        if (spread->seen++ % spread->each == 0 && spread->count < SORTED) spread->some[spread->count++] = value;
    }
}

/* Shell's way, without a call for each comparison. */
static void sort(float *list, int count)
{
    for (int gap = 121; gap > 0; gap /= 3)
        for (int i = gap; i < count; i++) {
            float value = list[i];
            int at = i;
            for (; at >= gap && list[at - gap] > value; at -= gap) list[at] = list[at - gap];
            list[at] = value;
        }
}

/* False where no value is finite. */
static bool take_quantiles(const Sample *sample, const Param *param, float out[WATCH_QUANTILES])
{
    Spread spread = {.values = TENSOR_F32(param->value), .low = INFINITY, .high = -INFINITY};
    spread.each = 1 + sample->blocks * sample->size / SORTED;
    each_block(sample, spread_block, &spread);
    if (!spread.count) return false;
    sort(spread.some, spread.count);
    for (int q = 0; q < WATCH_QUANTILES; q++)
        out[q] = spread.some[(int)(watch_shares[q] * (spread.count - 1) + 0.5)];
    out[0] = spread.low;
    out[WATCH_QUANTILES - 1] = spread.high;
    return true;
}

static void thin_out(Entry *entry)
{
    int kept = 0;
    for (int i = 0; i < entry->time_count; i += 2) entry->times[kept++] = entry->times[i];
    entry->time_count = kept;
    entry->every *= 2;
}

/* The latest look always stands at the end, also where it is one of those that will not be kept. */
static Status remember_spread(Entry *entry, const Sample *sample, const Param *param, int64_t step)
{
    WatchTime now = {.step = step};
    if (!entry->times) TRY(memory_new(WATCH_TIMES, sizeof *entry->times, &entry->times));
    while (entry->time_count && entry->times[entry->time_count - 1].step >= step)
        entry->time_count--, entry->skipped = 0;
    if (!take_quantiles(sample, param, now.quantiles)) return STATUS_OK;
    if (!entry->every) entry->every = 1;
    bool replace = entry->time_count && entry->skipped > 0;
    if (replace) entry->time_count--;
    if (entry->time_count == WATCH_TIMES) thin_out(entry);
    entry->times[entry->time_count++] = now;
    entry->skipped = (entry->skipped + 1) % entry->every;
    return STATUS_OK;
}

/* --- a look --- */

typedef struct Sums {
    const float *values, *grads;
    double square, grad_square;
    int64_t zeros;
} Sums;

static void sum_block(void *context, int64_t at, int64_t place, int64_t size)
{
    Sums *sums = context;
    (void)place;
    for (int64_t i = at; i < at + size; i++) {
        double value = (double)sums->values[i], grad = sums->grads ? (double)sums->grads[i] : 0;
        sums->square += value * value;
        sums->grad_square += grad * grad;
        sums->zeros += value == 0;
    }
}

static bool all_zero(const float *row, int64_t count)
{
    int64_t i = 0;
    while (i < count && row[i] == 0) i++;
    return i == count;
}

/* Most rows are told by their first entries. */
static double count_dead(const Param *param, const float *grads)
{
    int64_t rows = param->value->shape[0], columns = param->value->shape[1], dead = 0;
    const float *values = TENSOR_F32(param->value);
    for (int64_t r = 0; r < rows; r++)
        dead += all_zero(grads + r * columns, columns) || all_zero(values + r * columns, columns);
    return (double)dead;
}

/* NULL where the last step had none for it. */
static const float *gradients_of(const Param *param)
{
    const Tensor *grad = param->value->grad;
    return grad && tensor_contiguous(grad) ? TENSOR_F32(grad) : NULL;
}

static Status look_at(void *context, Param *param)
{
    Walk *walk = context;
    Entry *entry = next_entry(walk, param);
    const float *grads = gradients_of(param);
    if (!entry) return STATUS_OK;
    Sample sample = sample_of(walk->watch, param->value);
    double scale = sample_scale(&sample);
    Sums sums = {.values = TENSOR_F32(param->value), .grads = grads};
    each_block(&sample, sum_block, &sums);
    TRY(remember_spread(entry, &sample, param, walk->session->step));
    ParamLook look = {.model = walk->model,
                      .param = param,
                      .count = (double)entry->count,
                      .square = sums.square * scale,
                      .grad_square = grads ? sums.grad_square * scale : (double)NAN,
                      .update_square = param->frozen ? (double)NAN : entry->update_square,
                      .zeros = param->mask ? (double)param->pruned : (double)sums.zeros * scale,
                      .units = param->linear ? (double)param->value->shape[0] : 0,
                      .dead = param->linear && grads ? count_dead(param, grads) : (double)NAN};
    return walk->visit(walk->context, &look);
}

/* --- which parameters there are --- */

static Status fill_entry(void *context, Param *param)
{
    Walk *walk = context;
    int place = walk->at;
    if (next_entry(walk, param)) return STATUS_OK;
    Entry *entry = &walk->watch->entries[place];
    clear_entry(entry);
    entry->count = tensor_count(param->value);
    entry->update_square = (double)NAN;
    snprintf(entry->model, sizeof entry->model, "%s", walk->model->name);
    snprintf(entry->path, sizeof entry->path, "%s", param->path);
    return STATUS_OK;
}

/* What an edit has made anew begins anew. */
static Status follow(ParamWatch *watch, const Session *session)
{
    int count = 0;
    Walk walk = {.watch = watch, .session = session};
    for (int i = 0; i < session->model_count; i++) count += (int)module_count_params(session->models[i]->root);
    if (count != watch->count) {
        for (int i = 0; i < watch->count; i++) clear_entry(&watch->entries[i]);
        watch->count = 0;
        TRY(memory_resize(&watch->entries, (size_t)count + 1, sizeof *watch->entries));
        memset(watch->entries, 0, sizeof *watch->entries * ((size_t)count + 1));
        watch->count = count;
    }
    return walk_all(&walk, fill_entry);
}

Status watch_look(ParamWatch *watch, const Session *session, Status (*visit)(void *context, const ParamLook *look),
                  void *context)
{
    Walk walk = {.watch = watch, .session = session, .visit = visit, .context = context};
    watch->measuring = false;
    TRY(follow(watch, session));
    watch->asked = true;
    return walk_all(&walk, look_at);
}

const WatchTime *watch_times(const ParamWatch *watch, const char *model, const char *path, int *count)
{
    *count = 0;
    for (int i = 0; watch && i < watch->count; i++) {
        const Entry *entry = &watch->entries[i];
        if (strcmp(entry->path, path) != 0 || strcmp(entry->model, model) != 0) continue;
        *count = entry->time_count;
        return entry->times;
    }
    return NULL;
}
