/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/labelled.h"

#include "engine/base/memory.h"

#include <stdio.h>
#include <string.h>

const Option labelled_options[] = {
    TEXT_OPTION_FIELDS(LabelledConfig, text), TEXT_OPTION_VALID(LabelledConfig), {0}};

typedef struct Labelled {
    TextSource base;
    int32_t *classes; /* the text's class number -> ours */
} Labelled;

static void labelled_example(const TextSource *source, uint64_t seed, int64_t epoch, int64_t index,
                             TextExample *out)
{
    const Tokenized *text = source->text;
    int64_t first = text->documents[index], room = source->options.length - 2;
    int64_t from = text->sentences[first], to = text->sentences[text->documents[index + 1]];
    (void)seed;
    (void)epoch;
    text_example_special(out, text->vocabulary->classify, 0);
    text_example_tokens(out, text, first, from, to - from < room ? to : from + room, 0);
    text_example_special(out, text->vocabulary->separator, 0);
    out->label = ((const Labelled *)source)->classes[text->labels[index]];
}

static void labelled_clear(TextSource *source)
{
    memory_free(((Labelled *)source)->classes);
}

static const TextKind labelled_kind = {TEXT_SOURCE_TYPES("labelled"), .example = labelled_example,
                                       .clear = labelled_clear};

static Status check_labels(const Tokenized *text)
{
    if (text->class_count == 0) return status_fail(STATUS_INVALID, "labelled: the text has no labels");
    for (int64_t d = 0; d < text->document_count; d++)
        if (text->labels[d] < 0 || text->labels[d] >= text->class_count)
            return status_fail(STATUS_INVALID, "labelled: text %lld has no label", (long long)d);
    return STATUS_OK;
}

/* "negative, positive, ..." */
static void list_classes(const Tokenized *text, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (int64_t i = 0; i < text->class_count && used + 1 < size; i++) {
        int n = snprintf(out + used, size - used, "%s%s", i ? ", " : "", i == 8 ? "..." : text->classes[i]);
        used += n > 0 ? (size_t)n : 0;
        if (i == 8) break;
    }
}

/* Classes count as in 'reference', by name. */
static Status map_classes(Labelled *labelled, const Tokenized *reference)
{
    const Tokenized *text = labelled->base.text;
    TRY(memory_new((size_t)text->class_count, sizeof *labelled->classes, &labelled->classes));
    for (int64_t i = 0; i < text->class_count; i++) {
        int64_t k = 0;
        while (k < reference->class_count && strcmp(text->classes[i], reference->classes[k]) != 0) k++;
        if (k == reference->class_count) {
            char known[256];
            list_classes(reference, known, sizeof known);
            return status_fail(STATUS_INVALID,
                               "labelled: label '%s' does not occur in the text to train on, which has %s",
                               text->classes[i], known);
        }
        labelled->classes[i] = (int32_t)k;
    }
    return STATUS_OK;
}

static Status setup(Labelled *labelled, const Tokenized *reference)
{
    Source *source = &labelled->base.source;
    TRY(check_labels(labelled->base.text));
    TRY(map_classes(labelled, reference));
    labelled->base.label_field = "labels";
    source->examples = labelled->base.text->document_count;
    snprintf(source->doc, sizeof source->doc, "%lld texts of %lld classes, %lld pieces",
             (long long)source->examples, (long long)reference->class_count, (long long)source->vocabulary->size);
    return text_source_start(&labelled->base);
}

static Status labelled_new_as(Tokenized *text, const LabelledConfig *config, const Tokenized *reference,
                              Source **out)
{
    Labelled *labelled;
    TRY(text_source_new(sizeof *labelled, &labelled_kind, &config->text, text, &labelled));
    Status status = setup(labelled, reference);
    if (status == STATUS_OK)
        *out = &labelled->base.source;
    else
        source_unref(&labelled->base.source);
    return status;
}

Status labelled_new(Tokenized *text, const LabelledConfig *config, Source **out)
{
    return labelled_new_as(text, config, text, out);
}

typedef struct Make {
    const LabelledConfig *config;
    const Tokenized *reference;
} Make;

static Status make(Tokenized *text, const void *context, Source **out)
{
    const Make *with = context;
    return labelled_new_as(text, with->config, with->reference, out);
}

Status labelled_split(Tokenized *text, Tokenized *held_out, const LabelledConfig *config, Source **train,
                      Source **valid)
{
    Make with = {config, text};
    return text_source_split(text, held_out, config->valid, config->text.seed, make, &with, train, valid);
}
