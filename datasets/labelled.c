/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/labelled.h"

#include "engine/base/memory.h"
#include "engine/base/thousands.h"

#include <stdio.h>
#include <string.h>

const Option labelled_options[] = {
    TEXT_OPTION_FIELDS(LabelledConfig, text),
    TEXT_OPTION_VALID(LabelledConfig),
    OPTION_TEXT_FIELD(LabelledConfig, classes, "",
                      "the labels in the order of the classes, as negative,positive; empty: as they first appear"),
    {0}};

typedef struct Labelled {
    TextSource base;
    char **names;     /* of our classes; source.class_count of them */
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
    Labelled *labelled = (Labelled *)source;
    for (int64_t i = 0; labelled->names && i < source->source.class_count; i++) memory_free(labelled->names[i]);
    memory_free(labelled->names);
    memory_free(labelled->classes);
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

/* --- the names of the classes --- */

static Status add_name(Labelled *labelled, const char *name, size_t length)
{
    Source *source = &labelled->base.source;
    for (int64_t i = 0; i < source->class_count; i++)
        if (strlen(labelled->names[i]) == length && memcmp(labelled->names[i], name, length) == 0)
            return status_fail(STATUS_INVALID, "labelled: classes has '%s' twice", labelled->names[i]);
    TRY(memory_resize(&labelled->names, (size_t)source->class_count + 1, sizeof *labelled->names));
    TRY(memory_copy_bytes(name, length, &labelled->names[source->class_count]));
    source->class_count++;
    return STATUS_OK;
}

static Status split_names(Labelled *labelled, const char *list)
{
    for (const char *at = list; *at;) {
        size_t length = strcspn(at, ",");
        if (length == 0) return status_fail(STATUS_INVALID, "labelled: classes has an empty name: '%s'", list);
        TRY(add_name(labelled, at, length));
        at += length;
        if (*at) at++;
    }
    return STATUS_OK;
}

static Status find_names(Labelled *labelled, const char *list, const Tokenized *reference)
{
    Source *source = &labelled->base.source;
    TRY(split_names(labelled, list));
    for (int64_t i = 0; !*list && i < reference->class_count; i++)
        TRY(add_name(labelled, reference->classes[i], strlen(reference->classes[i])));
    source->classes = (const char *const *)labelled->names;
    if (source->class_count > 1) return STATUS_OK;
    return status_fail(
        STATUS_INVALID,
        "labelled: there is one class only, '%s'; a classifier tells two or more apart. Is this what "
        "holds the labels?",
        labelled->names[0]);
}

/* "negative, positive, ..." */
static void list_names(const Labelled *labelled, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (int64_t i = 0; i < labelled->base.source.class_count && used + 1 < size; i++) {
        int n = snprintf(out + used, size - used, "%s%s", i ? ", " : "", i == 8 ? "..." : labelled->names[i]);
        used += n > 0 ? (size_t)n : 0;
        if (i == 8) break;
    }
}

/* The text's classes count as ours, by name. */
static Status map_classes(Labelled *labelled, bool listed)
{
    const Tokenized *text = labelled->base.text;
    int64_t count = labelled->base.source.class_count;
    TRY(memory_new((size_t)text->class_count, sizeof *labelled->classes, &labelled->classes));
    for (int64_t i = 0; i < text->class_count; i++) {
        int64_t k = 0;
        while (k < count && strcmp(text->classes[i], labelled->names[k]) != 0) k++;
        labelled->classes[i] = (int32_t)k;
        if (k < count) continue;
        char known[256];
        list_names(labelled, known, sizeof known);
        return status_fail(STATUS_INVALID, "labelled: label '%s' %s %s", text->classes[i],
                           listed ? "is not one of 'classes', which are"
                                  : "does not occur in the text to train on, which has",
                           known);
    }
    return STATUS_OK;
}

static Status setup(Labelled *labelled, const LabelledConfig *config, const Tokenized *reference)
{
    Source *source = &labelled->base.source;
    TRY(check_labels(labelled->base.text));
    TRY(find_names(labelled, config->classes, reference));
    TRY(map_classes(labelled, config->classes[0] != '\0'));
    labelled->base.label_field = "labels";
    source->examples = labelled->base.text->document_count;
    char n[3][THOUSANDS_BYTES];
    snprintf(source->doc, sizeof source->doc, "%s texts of %s classes, %s pieces",
             thousands(source->examples, n[0]), thousands(source->class_count, n[1]),
             thousands(source->vocabulary->size, n[2]));
    return text_source_start(&labelled->base);
}

static Status labelled_new_as(Tokenized *text, const LabelledConfig *config, const Tokenized *reference,
                              Source **out)
{
    Labelled *labelled;
    TRY(text_source_new(sizeof *labelled, &labelled_kind, &config->text, text, &labelled));
    Status status = setup(labelled, config, reference);
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
