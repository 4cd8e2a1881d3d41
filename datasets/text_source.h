/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the sources of text have in common: order, length buckets, padding, loader threads. A kind of source
 * (sentence pairs, blocks, labelled texts) only says how the tokens of one example read. The TextSource is a
 * Source: counted, it holds its text; let go with source_unref().
 *
 * Order. Position p of an epoch shows example random_permuted(seed, epoch, p), so an epoch shows each example once
 * and the batch is a pure function of (seed, epoch, index). The cursor counts positions.
 *
 * Buckets. Positions are planned in windows of bucket_window: the examples of a window are sorted by length and cut
 * into chunks of the batch size that the source was made with, and the chunks are put in a random order. The plan
 * depends on nothing that can be edited later: another batch size takes other amounts from the same order, so
 * nothing is skipped or repeated; a batch may then reach over the border of two chunks and carry a little more
 * padding. */
#ifndef LATHE_DATASETS_TEXT_SOURCE_H
#define LATHE_DATASETS_TEXT_SOURCE_H

#include "datasets/loader.h"
#include "datasets/tokenized.h"
#include "engine/base/option.h"
#include "engine/train/source.h"

enum { TEXT_MAX_LENGTH = 1 << 20, TEXT_MAX_BATCH = 1 << 20 };

typedef struct TextOptions {
    int64_t length, batch_size;
    bool shuffle, buckets;
    int64_t bucket_window;
    int64_t padding; /* TextPadding */
    int64_t loader_threads, seed;
} TextOptions;

typedef enum TextPadding { TEXT_PAD_LONGEST, TEXT_PAD_LENGTH } TextPadding;

#define TEXT_OPTION_INT(type, member, field, standard, low, high, words)                                           \
    {                                                                                                              \
        .name = #field, .doc = (words), .kind = OPTION_INTEGER, .offset = offsetof(type, member.field),            \
        .number = (standard), .min = (low), .max = (high), .bounded = true                                         \
    }
#define TEXT_OPTION_BOOL(type, member, field, standard, words)                                                     \
    {                                                                                                              \
        .name = #field, .doc = (words), .kind = OPTION_BOOLEAN, .offset = offsetof(type, member.field),            \
        .number = (standard)                                                                                       \
    }

/* The lines for the option table of a config struct that has a member of type TextOptions. */
#define TEXT_OPTION_FIELDS(type, member)                                                                           \
    TEXT_OPTION_INT(type, member, length, 128, 4, TEXT_MAX_LENGTH,                                                 \
                    "most tokens of an example, specials included"),                                               \
        TEXT_OPTION_INT(type, member, batch_size, 32, 1, TEXT_MAX_BATCH, "examples of a batch"),                   \
        TEXT_OPTION_BOOL(type, member, shuffle, true, "another order in every epoch; false: as they stand"),       \
        TEXT_OPTION_BOOL(type, member, buckets, true, "put examples of similar length into a batch"),              \
        TEXT_OPTION_INT(type, member, bucket_window, 2048, 1, 1 << 24, "examples that are sorted by length"),      \
        {.name = "padding",                                                                                        \
         .doc = "pad to the longest example of the batch, or always to length",                                    \
         .kind = OPTION_CHOICE,                                                                                    \
         .offset = offsetof(type, member.padding),                                                                 \
         .text = "longest",                                                                                        \
         .choices = "longest length"},                                                                             \
        TEXT_OPTION_INT(type, member, loader_threads, 1, 0, LOADER_MAX_THREADS, "threads that prefetch; 0: none"), \
        TEXT_OPTION_INT(type, member, seed, 1, 0, 9007199254740992.0, "seed of the order and of what is drawn")

#define TEXT_OPTION_VALID(type)                                                                                    \
    {                                                                                                              \
        .name = "valid", .doc = "share of the documents held out for evaluation", .kind = OPTION_NUMBER,           \
        .offset = offsetof(type, valid), .number = 0.05, .min = 0, .max = 1, .bounded = true, .min_open = true,    \
        .max_open = true                                                                                           \
    }

/* One example under construction. */
typedef struct TextExample {
    int32_t *input_ids, *token_type_ids, *word_ids; /* room for 'length' tokens; NULL: only the length is wanted */
    int64_t length;
    int32_t label;
    int32_t last_word; /* of the words so far; begins as -1 */
} TextExample;

typedef struct TextSource TextSource;

Status text_source_next(Source *source, Arena *arena, Cursor *cursor, Batch *out) STATUS_CHECKED;
Status text_source_oracle(Source *source, const Batch *view, const char *targets, uint8_t *known,
                          double *nll_sum) STATUS_CHECKED;
void text_source_free(Source *source);

#define TEXT_SOURCE_TYPES(word)                                                                                    \
    .plain = {(word), text_source_next, NULL, text_source_free},                                                   \
    .knowing = {(word), text_source_next, text_source_oracle, text_source_free}

typedef struct TextKind {
    SourceType plain,
        knowing; /* TEXT_SOURCE_TYPES(name); knowing has the text's oracle: for a kind that suits it */
    /* Writes example 'index' of the epoch. Pure, and called by several threads at once. */
    void (*example)(const TextSource *source, uint64_t seed, int64_t epoch, int64_t index, TextExample *out);
    void (*clear)(TextSource *source); /* frees what the kind added; may be NULL */
} TextKind;

/* Kinds put this first in a struct of theirs. */
struct TextSource {
    Source source;
    const TextKind *kind;
    const char *label_field; /* the name of the field of labels, NULL for none */
    TextOptions options;     /* as the source was made */
    Tokenized *text;
    Loader *loader;
};

/* A source of 'bytes' bytes (a struct that begins with a TextSource, zeroed), holding the text. type: whose next
 * and free are text_source_next and text_source_free. The caller sets source.examples and what is its own, and then
 * calls text_source_start(). Errors: memory. */
Status text_source_new(size_t bytes, const TextKind *kind, const TextOptions *options, Tokenized *text,
                       void *out) STATUS_CHECKED;
/* Errors: no examples; memory. */
Status text_source_start(TextSource *source) STATUS_CHECKED;

/* The two sources of a recipe. held_out NULL: a share 'valid' of the documents of text is held out. make() makes
 * each. Errors: as tokenized_split() and make(). */
Status text_source_split(Tokenized *text, Tokenized *held_out, double valid_share, int64_t seed,
                         Status (*make)(Tokenized *text, const void *config, Source **out), const void *config,
                         Source **train, Source **valid) STATUS_CHECKED;

/* --- for TextKind.example --- */

/* A special token. */
void text_example_special(TextExample *example, int32_t id, int32_t type);
/* Tokens [from, to) of the text, words numbered on. Begins a new word, and so does each sentence. */
void text_example_tokens(TextExample *example, const Tokenized *text, int64_t sentence, int64_t from, int64_t to,
                         int32_t type);
/* Which example stands at a position of an epoch, before buckets. */
int64_t text_source_order(const TextSource *source, uint64_t seed, int64_t epoch, int64_t position);

#endif
