/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/squad_source.h"

#include "datasets/loader.h"
#include "engine/base/cancel.h"
#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/base/thousands.h"
#include "engine/io/file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SQUAD_MAX_LENGTH = 1 << 16, SQUAD_MAX_BATCH = 1 << 16 };

const Option squad_options[] = {
    OPTION_INT_FIELD(SquadConfig, length, 384, 16, SQUAD_MAX_LENGTH,
                     "most tokens of an example, specials included"),
    OPTION_INT_FIELD(SquadConfig, stride, 128, 1, SQUAD_MAX_LENGTH, "tokens from one window to the next"),
    OPTION_INT_FIELD(SquadConfig, question_length, 64, 1, SQUAD_MAX_LENGTH, "most tokens of a question"),
    OPTION_INT_FIELD(SquadConfig, batch_size, 32, 1, SQUAD_MAX_BATCH, "examples of a batch"),
    OPTION_BOOLEAN_FIELD(SquadConfig, shuffle, 1, "another order in every epoch; false: as they stand"),
    OPTION_BOOLEAN_FIELD(SquadConfig, lenient, 0,
                         "leave questions out whose answers do not stand in their context"),
    OPTION_NUMBER_FIELD(SquadConfig, valid, 0.1, 0, 0.9, "share of the questions held out, where no file is"),
    OPTION_TEXT_FIELD(SquadConfig, held_out, "", "another file of questions, to evaluate on"),
    OPTION_INT_FIELD(SquadConfig, seed, 1, 0, 9007199254740992.0, "seed of the order"),
    {0}};

typedef struct Window {
    int64_t question, from; /* token of the paragraph */
    int32_t count, start, end;
} Window;

typedef struct Tokens {
    TokenSpan *items;
    int64_t count;
} Tokens;

typedef struct SquadSource {
    Source source;
    Squad *squad;
    TextOwner owner; /* of the vocabulary */
    Tokens *paragraphs, *questions;
    Window *windows;
    int64_t room, length;
    bool shuffle, impossible; /* some question has no answer */
} SquadSource;

/* --- batches --- */

static int64_t row_length(const SquadSource *source, const Window *window)
{
    return source->questions[window->question].count + window->count + 3;
}

static void fill_row(const SquadSource *source, const Window *window, int64_t width, int32_t *ids, int32_t *types)
{
    const Tokens *question = &source->questions[window->question];
    const TokenSpan *paragraph =
        source->paragraphs[source->squad->questions[window->question].paragraph].items + window->from;
    const Vocabulary *vocabulary = source->source.vocabulary;
    int64_t at = 0;
    ids[at++] = vocabulary->classify;
    for (int64_t i = 0; i < question->count; i++) ids[at++] = question->items[i].id;
    ids[at++] = vocabulary->separator;
    for (int64_t i = 0; i < width; i++) types[i] = i >= at && i < at + window->count + 1;
    for (int64_t i = 0; i < window->count; i++) ids[at++] = paragraph[i].id;
    ids[at++] = vocabulary->separator;
    while (at < width) ids[at++] = vocabulary->pad;
}

static int64_t window_at(const SquadSource *source, const Cursor *cursor, int64_t place)
{
    uint64_t position = (uint64_t)(cursor->index + place), all = (uint64_t)source->source.examples;
    if (!source->shuffle) return (int64_t)position;
    RandomKey key = random_subkey(random_key(cursor->seed, "order"), (uint64_t)cursor->epoch);
    return (int64_t)random_permuted(key, all, position);
}

static Status new_field(Arena *arena, Batch *out, const char *name, DType dtype, int ndim, const int64_t *shape,
                        Tensor **tensor)
{
    TRY(tensor_new(arena, dtype, ndim, shape, tensor));
    return batch_put(out, name, *tensor);
}

static Status fill_batch(const SquadSource *source, Arena *arena, const Cursor *cursor, Batch *out)
{
    int64_t shape[2] = {out->size, 1};
    Tensor *ids, *types, *lengths, *starts, *ends, *examples;
    for (int64_t i = 0; i < out->size; i++) {
        int64_t length = row_length(source, &source->windows[window_at(source, cursor, i)]);
        if (length > shape[1]) shape[1] = length;
    }
    TRY(new_field(arena, out, "input_ids", DTYPE_I32, 2, shape, &ids));
    TRY(new_field(arena, out, "token_type_ids", DTYPE_I32, 2, shape, &types));
    TRY(new_field(arena, out, "lengths", DTYPE_I32, 1, shape, &lengths));
    TRY(new_field(arena, out, "start_positions", DTYPE_I32, 1, shape, &starts));
    TRY(new_field(arena, out, "end_positions", DTYPE_I32, 1, shape, &ends));
    TRY(new_field(arena, out, "example_ids", DTYPE_I64, 1, shape, &examples));
    for (int64_t i = 0; i < out->size; i++) {
        int64_t number = window_at(source, cursor, i);
        const Window *window = &source->windows[number];
        fill_row(source, window, shape[1], TENSOR_I32(ids) + i * shape[1], TENSOR_I32(types) + i * shape[1]);
        TENSOR_I32(lengths)[i] = (int32_t)row_length(source, window);
        TENSOR_I32(starts)[i] = window->start;
        TENSOR_I32(ends)[i] = window->end;
        ((int64_t *)tensor_data(examples))[i] = number;
    }
    return STATUS_OK;
}

static Status squad_next(Source *base, Arena *arena, Cursor *cursor, Batch *out)
{
    const SquadSource *source = (const SquadSource *)base;
    Cursor behind = *cursor;
    Batch batch = {.epoch = cursor->epoch, .vocabulary = base->vocabulary};
    if (base->batch_size > SQUAD_MAX_BATCH)
        return status_fail(STATUS_INVALID, "batch_size is at most %d; got %lld", SQUAD_MAX_BATCH,
                           (long long)base->batch_size);
    batch.size = cursor_advance(&behind, base->examples, base->batch_size);
    Status status = fill_batch(source, arena, cursor, &batch);
    if (status != STATUS_OK) {
        batch_clear(&batch);
        return status;
    }
    *out = batch;
    *cursor = behind;
    return STATUS_OK;
}

/* --- answers --- */

/* The best window of a question so far. */
typedef struct Best {
    const SpanAnswer *answer; /* NULL: none was seen */
    float none;
} Best;

static Status score_best(const SquadSource *source, int64_t number, const Best *best, double *exact, double *f1)
{
    const SquadQuestion *question = &source->squad->questions[number];
    const SpanAnswer *answer = best->answer;
    const Window *window = &source->windows[answer->example];
    const TokenSpan *tokens = source->paragraphs[question->paragraph].items + window->from;
    int64_t first = source->questions[number].count + 2;
    bool found = answer->start >= first && answer->end >= answer->start && answer->end < first + window->count;
    if (!found || (source->impossible && best->none > answer->score))
        return squad_score(source->squad, question, "", 0, exact, f1);
    const char *paragraph = source->squad->text.data + source->squad->paragraphs[question->paragraph];
    size_t begin = tokens[answer->start - first].begin, end = tokens[answer->end - first].end;
    return squad_score(source->squad, question, paragraph + begin, end - begin, exact, f1);
}

static Status squad_answer(Source *base, const SpanAnswer *answers, int64_t count, AnswerScore *out)
{
    const SquadSource *source = (const SquadSource *)base;
    Best *best;
    Status status = STATUS_OK;
    *out = (AnswerScore){0};
    TRY(memory_new((size_t)source->squad->question_count, sizeof *best, &best));
    for (int64_t i = 0; i < count; i++) {
        Best *so_far = &best[source->windows[answers[i].example].question];
        if (!so_far->answer || answers[i].none < so_far->none) so_far->none = answers[i].none;
        if (!so_far->answer || answers[i].score > so_far->answer->score) so_far->answer = &answers[i];
    }
    for (int64_t q = 0; q < source->squad->question_count && status == STATUS_OK; q++) {
        double exact, f1;
        if (!best[q].answer) continue;
        status = score_best(source, q, &best[q], &exact, &f1);
        if (status != STATUS_OK) break;
        out->questions++;
        out->exact_match += exact;
        out->f1 += f1;
    }
    memory_free(best);
    return status;
}

/* --- making --- */

static void squad_free(Source *base)
{
    SquadSource *source = (SquadSource *)base;
    for (int64_t i = 0; source->paragraphs && i < source->squad->paragraph_count; i++)
        memory_free(source->paragraphs[i].items);
    for (int64_t i = 0; source->questions && i < source->squad->question_count; i++)
        memory_free(source->questions[i].items);
    memory_free(source->paragraphs);
    memory_free(source->questions);
    memory_free(source->windows);
    if (source->owner.release) source->owner.release(source->owner.object);
    squad_unref(source->squad);
    memory_free(source);
}

static const SourceType squad_type = {"squad", squad_next, NULL, squad_free, squad_answer};

static Status encode(SquadSource *source, const Encoder *encoder)
{
    const Squad *squad = source->squad;
    TRY(memory_new((size_t)squad->paragraph_count, sizeof *source->paragraphs, &source->paragraphs));
    TRY(memory_new((size_t)squad->question_count, sizeof *source->questions, &source->questions));
    for (int64_t i = 0; i < squad->paragraph_count; i++) {
        const char *text = squad->text.data + squad->paragraphs[i];
        TRY(cancel_check());
        TRY(encoder->spans(encoder->tokenizer, text, strlen(text), &source->paragraphs[i].items,
                           &source->paragraphs[i].count));
    }
    for (int64_t i = 0; i < squad->question_count; i++) {
        const char *text = squad->text.data + squad->questions[i].text;
        TRY(encoder->spans(encoder->tokenizer, text, strlen(text), &source->questions[i].items,
                           &source->questions[i].count));
    }
    return STATUS_OK;
}

static Status add_window(SquadSource *source, const Window *window)
{
    int64_t count = source->source.examples;
    if (count == source->room) {
        source->room = count ? 2 * count : 256;
        TRY(memory_resize(&source->windows, (size_t)source->room, sizeof *window));
    }
    source->windows[source->source.examples++] = *window;
    return STATUS_OK;
}

/* The tokens that the bytes of the first answer touch. */
static void find_tokens(const SquadSource *source, const SquadQuestion *question, int64_t *first, int64_t *last)
{
    const Tokens *tokens = &source->paragraphs[question->paragraph];
    *first = *last = -1;
    if (question->answer_count == 0) return;
    const SquadAnswer *answer = &source->squad->answers[question->answer];
    for (int64_t i = 0; i < tokens->count; i++) {
        if (tokens->items[i].end <= answer->begin || tokens->items[i].begin >= answer->end) continue;
        if (*first < 0) *first = i;
        *last = i;
    }
}

static Status cut_question(SquadSource *source, int64_t number, const SquadConfig *config)
{
    const SquadQuestion *question = &source->squad->questions[number];
    Tokens *words = &source->questions[number];
    int64_t first, last, all = source->paragraphs[question->paragraph].count;
    if (words->count > config->question_length) words->count = config->question_length;
    int64_t room = config->length - words->count - 3, place = words->count + 2;
    find_tokens(source, question, &first, &last);
    for (int64_t from = 0; from < all; from += config->stride) {
        Window window = {.question = number, .from = from};
        window.count = (int32_t)(all - from < room ? all - from : room);
        if (first >= from && last >= 0 && last < from + window.count) {
            window.start = (int32_t)(place + first - from);
            window.end = (int32_t)(place + last - from);
        }
        TRY(add_window(source, &window));
        if (from + window.count == all) break;
    }
    return STATUS_OK;
}

static Status check_config(const Encoder *encoder, const SquadConfig *config)
{
    if (!encoder->spans)
        return status_fail(STATUS_INVALID,
                           "squad: this tokenizer does not tell where its tokens stand in a text; use a "
                           "WordPiece tokenizer");
    if (config->length - config->question_length - 3 < 1)
        return status_fail(STATUS_INVALID, "squad: a length of %lld leaves no room beside questions of %lld tokens",
                           (long long)config->length, (long long)config->question_length);
    if (config->stride <= config->length - config->question_length - 3) return STATUS_OK;
    return status_fail(STATUS_INVALID, "squad: a stride of %lld passes over tokens: windows have %lld",
                       (long long)config->stride, (long long)(config->length - config->question_length - 3));
}

/* Questions [from, to) in the order of a permutation where they are a part of all. */
static Status cut(SquadSource *source, const SquadConfig *config, int64_t from, int64_t to)
{
    int64_t all = source->squad->question_count;
    RandomKey key = random_key((uint64_t)config->seed, "held out");
    for (int64_t i = from; i < to; i++) {
        bool part = to - from < all;
        TRY(cut_question(source, part ? (int64_t)random_permuted(key, (uint64_t)all, (uint64_t)i) : i, config));
    }
    if (source->source.examples) return STATUS_OK;
    return status_fail(STATUS_INVALID, "squad: no question has a context with a token");
}

static Status squad_source_new(const char *path, Squad *squad, const Encoder *encoder, const SquadConfig *config,
                               int64_t from, int64_t to, Source **out)
{
    SquadSource *source;
    TRY(memory_new(1, sizeof *source, &source));
    source->source = (Source){.type = &squad_type,
                              .refs = 1,
                              .length = config->length,
                              .batch_size = config->batch_size,
                              .seed = (uint64_t)config->seed,
                              .content = hash_combine(squad->content, hash_bytes((int64_t[]){from, to}, 16)),
                              .vocabulary = encoder->vocabulary};
    source->squad = squad_ref(squad);
    source->owner = encoder->owner;
    if (source->owner.retain) source->owner.retain(source->owner.object);
    source->shuffle = config->shuffle;
    for (int64_t i = 0; i < squad->question_count; i++) source->impossible |= squad->questions[i].answer_count == 0;
    Status status = encode(source, encoder);
    if (status == STATUS_OK) status = cut(source, config, from, to);
    if (status != STATUS_OK) {
        squad_free(&source->source);
        return status;
    }
    for (int64_t i = 0; i < source->source.examples; i++)
        source->source.tokens += row_length(source, &source->windows[i]);
    char n[3][THOUSANDS_BYTES];
    snprintf(source->source.doc, sizeof source->source.doc, "%.60s: %s questions in %s windows, %s left out",
             file_name(path), thousands(to - from, n[0]), thousands(source->source.examples, n[1]),
             thousands(squad->skipped, n[2]));
    *out = &source->source;
    return STATUS_OK;
}

static Status hold_out(const char *path, Squad *squad, const Encoder *encoder, const SquadConfig *config,
                       Source **train, Source **valid)
{
    int64_t all = squad->question_count, held = llround(config->valid * (double)all);
    if (held >= all || (config->valid > 0 && held == 0))
        return status_fail(STATUS_INVALID, "%s: %g of %lld questions cannot be held out; change 'valid'", path,
                           config->valid, (long long)all);
    TRY(squad_source_new(path, squad, encoder, config, held, all, train));
    Status status = held ? squad_source_new(path, squad, encoder, config, 0, held, valid) : STATUS_OK;
    if (status != STATUS_OK) source_unref(*train);
    return status;
}

static Status with_file(const char *path, Squad *squad, const Encoder *encoder, const SquadConfig *config,
                        Source **train, Source **valid)
{
    Squad *other;
    TRY(squad_read(config->held_out, config->lenient, &other));
    Status status = squad_source_new(path, squad, encoder, config, 0, squad->question_count, train);
    if (status == STATUS_OK) {
        status = squad_source_new(config->held_out, other, encoder, config, 0, other->question_count, valid);
        if (status != STATUS_OK) source_unref(*train);
    }
    squad_unref(other);
    return status;
}

Status squad_sources(const char *path, const Encoder *encoder, const SquadConfig *config, Source **train,
                     Source **valid)
{
    Squad *squad;
    Source *first = NULL, *second = NULL;
    TRY(check_config(encoder, config));
    TRY(squad_read(path, config->lenient, &squad));
    Status status = config->held_out[0] ? with_file(path, squad, encoder, config, &first, &second)
                                        : hold_out(path, squad, encoder, config, &first, &second);
    squad_unref(squad);
    TRY(status);
    *train = first;
    *valid = second;
    return STATUS_OK;
}
