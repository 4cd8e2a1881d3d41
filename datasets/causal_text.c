/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/causal_text.h"

#include "datasets/text_stream.h"
#include "engine/base/random.h"
#include "engine/base/thousands.h"

#include <stdio.h>

const Option causal_text_options[] = {
    TEXT_OPTION_FIELDS(CausalTextConfig, text),
    OPTION_CHOICE_FIELD(CausalTextConfig, documents, "joined", "joined separate",
                        "joined: one behind the other, cut into blocks; separate: each is an example"),
    TEXT_OPTION_VALID(CausalTextConfig),
    {0}};

typedef struct Causal {
    TextSource base;
    int64_t context; /* tokens of an example but the last */
} Causal;

/* How far before its usual place an epoch's blocks begin. */
static int64_t epoch_shift(const Causal *causal, uint64_t seed, int64_t epoch)
{
    if (epoch == 0 || !causal->base.options.shuffle) return 0;
    Random random = random_stream(random_subkey(random_key(seed, "blocks"), (uint64_t)epoch));
    return (int64_t)random_below(&random, (uint64_t)causal->context);
}

static void joined_example(const TextSource *source, uint64_t seed, int64_t epoch, int64_t index, TextExample *out)
{
    const Causal *causal = (const Causal *)source;
    int64_t all = text_stream_length(source->text);
    int64_t from = index * causal->context - epoch_shift(causal, seed, epoch), to = from + causal->context + 1;
    text_stream_read(source->text, from < 0 ? 0 : from, to < all ? to : all, out);
}

static void separate_example(const TextSource *source, uint64_t seed, int64_t epoch, int64_t index,
                             TextExample *out)
{
    const Tokenized *text = source->text;
    int64_t from = text_document_begin(text, index), to = text_document_begin(text, index + 1);
    int64_t room = ((const Causal *)source)->context;
    (void)seed;
    (void)epoch;
    text_example_special(out, text->vocabulary->separator, 0);
    text_example_tokens(out, text, text->documents[index], from, to - from < room ? to : from + room, 0);
    if (to - from < room) text_example_special(out, text->vocabulary->separator, 0);
}

static const TextKind joined_kind = {TEXT_SOURCE_TYPES("causal_text"), .example = joined_example, .clear = NULL};
static const TextKind separate_kind = {TEXT_SOURCE_TYPES("causal_text"), .example = separate_example,
                                       .clear = NULL};

static Status setup(Causal *causal, bool separate)
{
    Source *source = &causal->base.source;
    const Tokenized *text = causal->base.text;
    source->length = causal->context; /* the last token is predicted only */
    source->examples =
        separate ? text->document_count : (text_stream_length(text) - 1 + causal->context - 1) / causal->context;
    char n[3][THOUSANDS_BYTES];
    snprintf(source->doc, sizeof source->doc, "%s %s of %s%s tokens, %s pieces", thousands(source->examples, n[0]),
             separate ? "documents" : "blocks", separate ? "at most " : "", thousands(causal->context, n[1]),
             thousands(source->vocabulary->size, n[2]));
    return text_source_start(&causal->base);
}

Status causal_text_new(Tokenized *text, const CausalTextConfig *config, Source **out)
{
    Causal *causal;
    bool separate = config->documents == CAUSAL_SEPARATE;
    TextOptions options = config->text;
    options.length++;
    TRY(text_source_new(sizeof *causal, separate ? &separate_kind : &joined_kind, &options, text, &causal));
    causal->context = config->text.length;
    Status status = setup(causal, separate);
    if (status == STATUS_OK)
        *out = &causal->base.source;
    else
        source_unref(&causal->base.source);
    return status;
}

static Status make(Tokenized *text, const void *config, Source **out)
{
    return causal_text_new(text, config, out);
}

Status causal_text_split(Tokenized *text, Tokenized *held_out, const CausalTextConfig *config, Source **train,
                         Source **valid)
{
    return text_source_split(text, held_out, config->valid, config->text.seed, make, config, train, valid);
}
