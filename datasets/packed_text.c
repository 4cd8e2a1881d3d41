/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/packed_text.h"

#include "datasets/text_stream.h"
#include "engine/base/thousands.h"

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

static void packed_example(const TextSource *source, uint64_t seed, int64_t epoch, int64_t index, TextExample *out)
{
    const Packed *packed = (const Packed *)source;
    const Tokenized *text = source->text;
    int64_t all = text_stream_length(text), from = index * packed->block;
    int64_t to = all - from < packed->block ? all : from + packed->block;
    (void)seed;
    (void)epoch;
    if (packed->specials) text_example_special(out, text->vocabulary->classify, 0);
    text_stream_read(text, from, to, out);
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
    int64_t all = text_stream_length(text);
    source->examples = (all + packed->block - 1) / packed->block;
    char n[3][THOUSANDS_BYTES];
    snprintf(source->doc, sizeof source->doc, "%s blocks of %s tokens, %s pieces",
             thousands(source->examples, n[0]), thousands(config->text.length, n[1]),
             thousands(source->vocabulary->size, n[2]));
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
