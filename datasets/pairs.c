/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/pairs.h"

#include "engine/base/thousands.h"

#include <stdio.h>

const Option pairs_options[] = {TEXT_OPTION_FIELDS(PairsConfig, text), TEXT_OPTION_VALID(PairsConfig), {0}};

/* The label is the length of what is given: the text and its separator. */
static void pairs_example(const TextSource *source, uint64_t seed, int64_t epoch, int64_t index, TextExample *out)
{
    const Tokenized *text = source->text;
    int64_t first = text->documents[index], last = text->documents[index + 1] - 1;
    int64_t from = text->sentences[first], target = text->sentences[last], to = text->sentences[last + 1];
    int64_t room = source->options.length - 1; /* beside the first separator */
    bool whole = to - target < room;
    (void)seed;
    (void)epoch;
    if (!whole) to = target + room;
    room -= to - target + whole;
    if (target - from > room) from = target - room;
    text_example_tokens(out, text, first, from, target, 0);
    text_example_special(out, text->vocabulary->separator, 0);
    out->label = (int32_t)out->length;
    text_example_tokens(out, text, last, target, to, 0);
    if (whole) text_example_special(out, text->vocabulary->separator, 0);
}

static const TextKind pairs_kind = {TEXT_SOURCE_TYPES("pairs"), .example = pairs_example, .clear = NULL};

static Status setup(TextSource *pairs)
{
    Source *source = &pairs->source;
    const Tokenized *text = pairs->text;
    if (!text->pairs)
        return status_fail(
            STATUS_INVALID,
            "pairs: nothing is to be written about the texts; data.jsonl(path, { target = 'MEMBER' }) "
            "and data.stories { task = 'questions' } have targets");
    if (source->vocabulary->separator < 0)
        return status_fail(STATUS_INVALID, "pairs: the tokenizer has no token that ends a text");
    pairs->label_field = "prefix_lengths";
    source->length = pairs->options.length - 1; /* the last token is predicted only */
    source->examples = text->document_count;
    char n[3][THOUSANDS_BYTES];
    snprintf(source->doc, sizeof source->doc, "%s pairs of at most %s tokens, %s pieces",
             thousands(source->examples, n[0]), thousands(source->length, n[1]),
             thousands(source->vocabulary->size, n[2]));
    return text_source_start(pairs);
}

Status pairs_new(Tokenized *text, const PairsConfig *config, Source **out)
{
    TextSource *pairs;
    TextOptions options = config->text;
    options.length++;
    TRY(text_source_new(sizeof *pairs, &pairs_kind, &options, text, &pairs));
    Status status = setup(pairs);
    if (status == STATUS_OK)
        *out = &pairs->source;
    else
        source_unref(&pairs->source);
    return status;
}

static Status make(Tokenized *text, const void *config, Source **out)
{
    return pairs_new(text, config, out);
}

Status pairs_split(Tokenized *text, Tokenized *held_out, const PairsConfig *config, Source **train, Source **valid)
{
    return text_source_split(text, held_out, config->valid, config->text.seed, make, config, train, valid);
}
