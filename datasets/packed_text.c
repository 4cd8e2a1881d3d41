/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The blocks are cut from a stream that is never written down: the tokens of document d, then its separator. A
 * document begins in the stream at the place of its first token plus the number of separators before it. */
#include "datasets/packed_text.h"

#include <stdio.h>

const Option packed_text_options[] = {
    TEXT_OPTION_FIELDS(PackedTextConfig, text),
    OPTION_BOOLEAN_FIELD(PackedTextConfig, specials, 1, "blocks are [CLS] ... [SEP]; false: plain tokens"),
    TEXT_OPTION_VALID(PackedTextConfig),
    {0}};

typedef struct Packed {
    TextSource base;
    bool specials;
    int64_t block; /* of the stream, in an example */
} Packed;

static int64_t token_begin(const Tokenized *text, int64_t document)
{
    return text->sentences[text->documents[document]];
}

static int64_t document_at(const Tokenized *text, int64_t place)
{
    int64_t low = 0, high = text->document_count - 1;
    while (low < high) {
        int64_t middle = low + (high - low + 1) / 2;
        if (token_begin(text, middle) + middle <= place)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static int64_t sentence_at(const Tokenized *text, int64_t document, int64_t token)
{
    int64_t low = text->documents[document], high = text->documents[document + 1] - 1;
    while (low < high) {
        int64_t middle = low + (high - low + 1) / 2;
        if (text->sentences[middle] <= token)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static void packed_example(const TextSource *source, uint64_t seed, int64_t epoch, int64_t index, TextExample *out)
{
    const Packed *packed = (const Packed *)source;
    const Tokenized *text = source->text;
    int64_t all = text->tokens + text->document_count;
    int64_t place = index * packed->block, stop = all - place < packed->block ? all : place + packed->block;
    (void)seed;
    (void)epoch;
    if (packed->specials) text_example_special(out, text->vocabulary->classify, 0);
    for (int64_t d = document_at(text, place); place < stop; d++) {
        int64_t from = place - d, end = token_begin(text, d + 1), to = stop - d < end ? stop - d : end;
        if (from < to) text_example_tokens(out, text, sentence_at(text, d, from), from, to, 0);
        place = to + d;
        if (place < stop) {
            text_example_special(out, text->vocabulary->separator, 0);
            place++;
        }
    }
    if (packed->specials) text_example_special(out, text->vocabulary->separator, 0);
}

static const TextKind packed_kind = {TEXT_SOURCE_TYPES("packed_text"), .example = packed_example, .clear = NULL};

Status packed_text_new(Tokenized *text, const PackedTextConfig *config, Source **out)
{
    Packed *packed;
    TRY(text_source_new(sizeof *packed, &packed_kind, &config->text, text, &packed));
    Source *source = &packed->base.source;
    packed->specials = config->specials;
    packed->block = config->text.length - (config->specials ? 2 : 0);
    int64_t all = text->tokens + text->document_count;
    source->examples = (all + packed->block - 1) / packed->block;
    snprintf(source->doc, sizeof source->doc, "%lld blocks of %lld tokens, %lld pieces",
             (long long)source->examples, (long long)config->text.length, (long long)source->vocabulary->size);
    Status status = text_source_start(&packed->base);
    if (status == STATUS_OK)
        *out = source;
    else
        source_unref(source);
    return status;
}

static Status make(Tokenized *text, const void *config, Source **out)
{
    return packed_text_new(text, config, out);
}

Status packed_text_split(Tokenized *text, Tokenized *held_out, const PackedTextConfig *config, Source **train,
                         Source **valid)
{
    return text_source_split(text, held_out, config->valid, config->text.seed, make, config, train, valid);
}
