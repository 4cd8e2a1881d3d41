/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/text_source.h"

#include "engine/base/memory.h"
#include "engine/base/random.h"

#include <string.h>

/* The order of one window. */
typedef struct Plan {
    bool valid;
    uint64_t seed;
    int64_t epoch, start, count;
    int64_t *examples;         /* [count], in the order in which they are shown */
    int64_t *sorted, *lengths; /* [count], scratch */
    int64_t *starts;           /* [length + 2]: where each length begins in sorted */
} Plan;

/* A slot of the loader: the raw rows of a batch, each as wide as the options' length. */
typedef struct Rows {
    Cursor cursor;
    int64_t count, room;
    int32_t *input_ids, *token_type_ids, *word_ids; /* [room, length] */
    int32_t *lengths, *labels;                      /* [room] */
    int64_t *examples;                              /* [room] */
    Plan plan;
} Rows;

int64_t text_source_order(const TextSource *source, uint64_t seed, int64_t epoch, int64_t position)
{
    if (!source->options.shuffle) return position;
    RandomKey key = random_subkey(random_key(seed, "order"), (uint64_t)epoch);
    return (int64_t)random_permuted(key, (uint64_t)source->source.examples, (uint64_t)position);
}

void text_example_special(TextExample *example, int32_t id, int32_t type)
{
    if (example->input_ids) {
        example->input_ids[example->length] = id;
        example->token_type_ids[example->length] = type;
        example->word_ids[example->length] = -1;
    }
    example->length++;
}

void text_example_tokens(TextExample *example, const Tokenized *text, int64_t sentence, int64_t from, int64_t to,
                         int32_t type)
{
    if (!example->input_ids) {
        example->length += to - from;
        return;
    }
    while (sentence + 1 < text->sentence_count && text->sentences[sentence + 1] <= from) sentence++;
    for (int64_t i = from; i < to; i++) {
        bool first = i == from;
        if (sentence + 1 < text->sentence_count && text->sentences[sentence + 1] == i) {
            sentence++;
            first = true;
        }
        if (first || text->words[i] != text->words[i - 1]) example->last_word++;
        example->input_ids[example->length] = text->ids[i];
        example->token_type_ids[example->length] = type;
        example->word_ids[example->length++] = example->last_word;
    }
}

/* --- the plan of a window --- */

static Status plan_room(Plan *plan, int64_t window, int64_t length)
{
    if (plan->starts) return STATUS_OK;
    if (!plan->examples) TRY(memory_new((size_t)window, sizeof *plan->examples, &plan->examples));
    if (!plan->sorted) TRY(memory_new((size_t)window, sizeof *plan->sorted, &plan->sorted));
    if (!plan->lengths) TRY(memory_new((size_t)window, sizeof *plan->lengths, &plan->lengths));
    return memory_new((size_t)length + 2, sizeof *plan->starts, &plan->starts);
}

/* A counting sort, stable, so that the order of equal lengths stays random. */
static void sort_by_length(const TextSource *source, Plan *plan)
{
    int64_t *starts = plan->starts, top = source->options.length;
    memset(starts, 0, (size_t)(top + 2) * sizeof *starts);
    for (int64_t i = 0; i < plan->count; i++) {
        TextExample example = {.last_word = -1};
        plan->examples[i] = text_source_order(source, plan->seed, plan->epoch, plan->start + i);
        source->kind->example(source, plan->seed, plan->epoch, plan->examples[i], &example);
        plan->lengths[i] = example.length;
        starts[example.length + 1]++;
    }
    for (int64_t i = 1; i <= top + 1; i++) starts[i] += starts[i - 1];
    for (int64_t i = 0; i < plan->count; i++) plan->sorted[starts[plan->lengths[i]]++] = plan->examples[i];
}

/* Full chunks in random order; what is left (the longest) comes last, so that all batches but the last stay aligned
 * with the chunks. */
static void shuffle_chunks(const TextSource *source, Plan *plan)
{
    int64_t size = source->options.batch_size, chunks = plan->count / size;
    RandomKey key = random_subkey(random_key(plan->seed, "buckets"), (uint64_t)plan->epoch);
    key = random_subkey(key, (uint64_t)plan->start);
    memcpy(plan->examples, plan->sorted, (size_t)plan->count * sizeof *plan->sorted);
    for (int64_t c = 0; c < chunks && source->options.shuffle; c++) {
        int64_t from = (int64_t)random_permuted(key, (uint64_t)chunks, (uint64_t)c);
        memcpy(plan->examples + c * size, plan->sorted + from * size, (size_t)size * sizeof *plan->sorted);
    }
}

static Status plan_window(const TextSource *source, Plan *plan, uint64_t seed, int64_t epoch, int64_t position)
{
    int64_t window = source->options.bucket_window, start = position - position % window;
    if (plan->valid && plan->seed == seed && plan->epoch == epoch && plan->start == start) return STATUS_OK;
    TRY(plan_room(plan, window, source->options.length));
    int64_t left = source->source.examples - start;
    plan->seed = seed;
    plan->epoch = epoch;
    plan->start = start;
    plan->count = left < window ? left : window;
    sort_by_length(source, plan);
    shuffle_chunks(source, plan);
    plan->valid = true;
    return STATUS_OK;
}

/* --- rows --- */

static void rows_clear(void *slot)
{
    Rows *rows = slot;
    memory_free(rows->input_ids);
    memory_free(rows->token_type_ids);
    memory_free(rows->word_ids);
    memory_free(rows->lengths);
    memory_free(rows->labels);
    memory_free(rows->examples);
    memory_free(rows->plan.examples);
    memory_free(rows->plan.sorted);
    memory_free(rows->plan.lengths);
    memory_free(rows->plan.starts);
    memset(rows, 0, sizeof *rows);
}

static Status rows_room(Rows *rows, int64_t count, int64_t length)
{
    if (count <= rows->room) return STATUS_OK;
    size_t n = (size_t)count, tokens = n * (size_t)length; /* both at most 2^20 */
    TRY(memory_resize(&rows->input_ids, tokens, sizeof(int32_t)));
    TRY(memory_resize(&rows->token_type_ids, tokens, sizeof(int32_t)));
    TRY(memory_resize(&rows->word_ids, tokens, sizeof(int32_t)));
    TRY(memory_resize(&rows->lengths, n, sizeof(int32_t)));
    TRY(memory_resize(&rows->labels, n, sizeof(int32_t)));
    TRY(memory_resize(&rows->examples, n, sizeof(int64_t)));
    rows->room = count;
    return STATUS_OK;
}

static Status rows_make(const void *context, void *slot, const Cursor *cursor, int64_t count)
{
    const TextSource *source = context;
    Rows *rows = slot;
    int64_t length = source->options.length;
    TRY(rows_room(rows, count, length));
    rows->cursor = *cursor;
    rows->count = count;
    for (int64_t r = 0; r < count; r++) {
        int64_t position = cursor->index + r, number;
        if (source->options.buckets) {
            TRY(plan_window(source, &rows->plan, cursor->seed, cursor->epoch, position));
            number = rows->plan.examples[position - rows->plan.start];
        } else {
            number = text_source_order(source, cursor->seed, cursor->epoch, position);
        }
        TextExample example = {.input_ids = rows->input_ids + r * length,
                               .token_type_ids = rows->token_type_ids + r * length,
                               .word_ids = rows->word_ids + r * length,
                               .last_word = -1};
        source->kind->example(source, cursor->seed, cursor->epoch, number, &example);
        rows->lengths[r] = (int32_t)example.length;
        rows->labels[r] = example.label;
        rows->examples[r] = number;
    }
    return STATUS_OK;
}

static const LoaderType rows_type = {sizeof(Rows), rows_make, rows_clear};

/* --- batches --- */

static Status put_matrix(Arena *arena, Batch *batch, const char *name, const Rows *rows, const int32_t *values,
                         int64_t stride, int64_t width, int32_t padding)
{
    Tensor *tensor;
    TRY(tensor_new(arena, DTYPE_I32, 2, (int64_t[]){rows->count, width}, &tensor));
    int32_t *out = TENSOR_I32(tensor);
    for (int64_t r = 0; r < rows->count; r++, out += width) {
        int64_t length = rows->lengths[r];
        memcpy(out, values + r * stride, (size_t)length * sizeof *out);
        for (int64_t i = length; i < width; i++) out[i] = padding;
    }
    return batch_put(batch, name, tensor);
}

static Status put_vector(Arena *arena, Batch *batch, const char *name, const Rows *rows, DType dtype,
                         const void *values)
{
    Tensor *tensor;
    TRY(tensor_new(arena, dtype, 1, &rows->count, &tensor));
    memcpy(tensor_data(tensor), values, (size_t)rows->count * dtype_size(dtype));
    return batch_put(batch, name, tensor);
}

static int64_t batch_width(const TextSource *source, const Rows *rows)
{
    int64_t width = 1;
    if (source->options.padding == TEXT_PAD_LENGTH) return source->options.length;
    for (int64_t r = 0; r < rows->count; r++)
        if (rows->lengths[r] > width) width = rows->lengths[r];
    return width;
}

static Status put_rows(const TextSource *source, Arena *arena, const Rows *rows, Batch *out)
{
    int64_t stride = source->options.length, width = batch_width(source, rows);
    const Vocabulary *vocabulary = source->text->vocabulary;
    TRY(put_matrix(arena, out, "input_ids", rows, rows->input_ids, stride, width, vocabulary->pad));
    TRY(put_matrix(arena, out, "token_type_ids", rows, rows->token_type_ids, stride, width, 0));
    TRY(put_matrix(arena, out, "word_ids", rows, rows->word_ids, stride, width, -1));
    TRY(put_vector(arena, out, "lengths", rows, DTYPE_I32, rows->lengths));
    TRY(put_vector(arena, out, "example_ids", rows, DTYPE_I64, rows->examples));
    if (source->label_field) TRY(put_vector(arena, out, source->label_field, rows, DTYPE_I32, rows->labels));
    out->size = rows->count;
    out->epoch = rows->cursor.epoch;
    out->vocabulary = vocabulary;
    return STATUS_OK;
}

Status text_source_next(Source *base, Arena *arena, Cursor *cursor, Batch *out)
{
    TextSource *source = (TextSource *)base;
    Cursor behind = *cursor;
    void *slot;
    if (base->batch_size > TEXT_MAX_BATCH)
        return status_fail(STATUS_INVALID, "batch_size is at most %d; got %lld", TEXT_MAX_BATCH,
                           (long long)base->batch_size);
    TRY(loader_next(source->loader, &behind, base->batch_size, &slot));
    Batch batch = {0};
    Status status = put_rows(source, arena, slot, &batch);
    if (status != STATUS_OK) {
        batch_clear(&batch);
        return status;
    }
    *out = batch;
    *cursor = behind;
    return STATUS_OK;
}

Status text_source_oracle(Source *base, const Batch *view, const char *targets, uint8_t *known, double *nll_sum)
{
    const Tokenized *text = ((TextSource *)base)->text;
    return text->oracle(text->oracle_owner.object, view, targets, known, nll_sum);
}

void text_source_free(Source *base)
{
    TextSource *source = (TextSource *)base;
    loader_free(source->loader);
    if (source->kind->clear) source->kind->clear(source);
    tokenized_unref(source->text);
    memory_free(source);
}

Status text_source_new(size_t bytes, const TextKind *kind, const TextOptions *options, Tokenized *text, void *out)
{
    TextSource *source;
    TRY(memory_new(1, bytes, &source));
    source->source.type = &kind->plain;
    source->source.refs = 1;
    source->source.length = options->length;
    source->source.batch_size = options->batch_size;
    source->source.seed = (uint64_t)options->seed;
    source->source.content = text->content;
    source->source.vocabulary = text->vocabulary;
    source->kind = kind;
    source->options = *options;
    source->text = tokenized_ref(text);
    memcpy(out, &source, sizeof source);
    return STATUS_OK;
}

Status text_source_start(TextSource *source)
{
    if (source->source.examples < 1)
        return status_fail(STATUS_INVALID, "%s: the text gives no example", source->source.type->name);
    int64_t size = source->options.batch_size, window = source->options.bucket_window;
    window = (window + size - 1) / size * size; /* batches do not reach over the border of windows */
    source->options.bucket_window = window < source->source.examples ? window : source->source.examples;
    source->source.tokens = source->text->tokens;
    return loader_new(&rows_type, source, source->source.examples, (int)source->options.loader_threads,
                      &source->loader);
}

static Status make_both(Tokenized *text, Tokenized *held_out,
                        Status (*make)(Tokenized *text, const void *config, Source **out), const void *config,
                        Source **train, Source **valid)
{
    Source *source;
    TRY(make(text, config, &source));
    Status status = make(held_out, config, valid);
    if (status != STATUS_OK) {
        source_unref(source);
        return status_context(status, "the held-out text");
    }
    *train = source;
    return STATUS_OK;
}

Status text_source_split(Tokenized *text, Tokenized *held_out, double valid_share, int64_t seed,
                         Status (*make)(Tokenized *text, const void *config, Source **out), const void *config,
                         Source **train, Source **valid)
{
    Tokenized *a, *b;
    if (held_out) return make_both(text, held_out, make, config, train, valid);
    TRY(tokenized_split(text, valid_share, (uint64_t)seed, &a, &b));
    Status status = make_both(a, b, make, config, train, valid);
    tokenized_unref(a);
    tokenized_unref(b);
    return status;
}
