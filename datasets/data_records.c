/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/data_records.h"

#include "datasets/causal_text.h"
#include "datasets/labelled.h"
#include "datasets/packed_text.h"
#include "datasets/pairs.h"
#include "datasets/sentence_pairs.h"
#include "datasets/squad_source.h"
#include "datasets/svmlight.h"

#include <string.h>

static Status split_pairs(Tokenized *text, Tokenized *held_out, const void *config, Source **train, Source **valid)
{
    return sentence_pairs_split(text, held_out, config, train, valid);
}

static Status split_packed(Tokenized *text, Tokenized *held_out, const void *config, Source **train, Source **valid)
{
    return packed_text_split(text, held_out, config, train, valid);
}

static Status split_causal(Tokenized *text, Tokenized *held_out, const void *config, Source **train, Source **valid)
{
    return causal_text_split(text, held_out, config, train, valid);
}

static Status split_labelled(Tokenized *text, Tokenized *held_out, const void *config, Source **train,
                             Source **valid)
{
    return labelled_split(text, held_out, config, train, valid);
}

static Status split_targets(Tokenized *text, Tokenized *held_out, const void *config, Source **train,
                            Source **valid)
{
    return pairs_split(text, held_out, config, train, valid);
}

static const DataRecord data_sentence_pairs = {
    .name = "sentence_pairs",
    .doc = "pairs of sentences [CLS] A [SEP] B [SEP] for next sentence prediction or sentence order prediction",
    .source = "Devlin et al. 2019, section 3.1 and appendix A.2; Lan et al. 2020, section 3.1",
    .options = sentence_pairs_options,
    .config_size = sizeof(SentencePairsConfig),
    .split = split_pairs};

static const DataRecord data_packed_text = {
    .name = "packed_text",
    .doc = "documents one behind the other, cut into blocks of the same length",
    .source = "Liu et al. 2019 (RoBERTa), section 4.2, full sentences",
    .options = packed_text_options,
    .config_size = sizeof(PackedTextConfig),
    .split = split_packed};

static const DataRecord data_causal_text = {
    .name = "causal_text",
    .doc = "contexts of 'length' tokens with the token behind each, for causal language models",
    .source = "Radford et al. 2018, section 3.1",
    .options = causal_text_options,
    .config_size = sizeof(CausalTextConfig),
    .split = split_causal};

static const DataRecord data_labelled = {.name = "labelled",
                                         .doc = "labelled texts [CLS] text [SEP] for classification",
                                         .source = "Devlin et al. 2019, section 4.1",
                                         .options = labelled_options,
                                         .config_size = sizeof(LabelledConfig),
                                         .split = split_labelled};

static const DataRecord data_pairs = {
    .name = "pairs",
    .doc =
        "texts with what is to be written about them, as summaries and answers: text, separator, target, separator",
    .source = "Raffel et al. 2020 (T5), section 3.2.1, prefix language models; Radford et al. 2018, section 3.3",
    .options = pairs_options,
    .config_size = sizeof(PairsConfig),
    .split = split_targets};

static Status read_svmlight(const char *path, const void *config, Source **train, Source **valid)
{
    return svmlight_read(path, config, train, valid);
}

static const DataRecord data_svmlight = {
    .name = "svmlight",
    .doc = "a file of sparse rows 'label index:value ...', one example a line, as dense batches",
    .source = "Joachims 1999, SVM-light",
    .options = svmlight_options,
    .config_size = sizeof(SvmlightConfig),
    .read = read_svmlight};

static Status read_squad(const char *path, const Encoder *encoder, const void *config, Source **train,
                         Source **valid)
{
    return squad_sources(path, encoder, config, train, valid);
}

static const DataRecord data_squad = {
    .name = "squad",
    .doc = "a file of questions with answers in their contexts, in windows [CLS] question [SEP] context [SEP]",
    .source = "Rajpurkar et al. 2016 (SQuAD 1.1), 2018 (2.0); Devlin et al. 2019, section 4.2",
    .options = squad_options,
    .config_size = sizeof(SquadConfig),
    .read_text = read_squad};

const DataRecord *const data_records[] = {&data_sentence_pairs, &data_packed_text, &data_causal_text,
                                          &data_labelled,       &data_pairs,       &data_svmlight,
                                          &data_squad};
const int data_record_count = sizeof data_records / sizeof *data_records;

const DataRecord *data_record_find(const char *name)
{
    for (int i = 0; i < data_record_count; i++)
        if (strcmp(data_records[i]->name, name) == 0) return data_records[i];
    return NULL;
}

/* A labelled text that becomes no token would be missing among those that are counted, and what is to be written
 * about a text would be its last sentence. */
static Status encode(const Corpus *corpus, const Encoder *encoder, EncodeProgress progress, void *context,
                     Tokenized **out)
{
    Tokenized *text;
    TRY(corpus_encode(corpus, encoder, progress, context, &text));
    int64_t lost = corpus->document_count - text->document_count;
    if (corpus->class_count && lost) {
        tokenized_unref(text);
        return status_fail(STATUS_INVALID, "%lld of %lld labelled texts have no token; take them out",
                           (long long)lost, (long long)corpus->document_count);
    }
    lost = corpus->sentence_count - text->sentence_count;
    if (text->pairs && lost) {
        tokenized_unref(text);
        return status_fail(STATUS_INVALID,
                           "%lld of %lld sentences of texts and targets have no token; take them out",
                           (long long)lost, (long long)corpus->sentence_count);
    }
    *out = text;
    return STATUS_OK;
}

Status data_make(const DataRecord *record, const Corpus *corpus, const Corpus *held_out, const Encoder *encoder,
                 const void *config, EncodeProgress progress, void *context, Source **train, Source **valid)
{
    Tokenized *text, *other = NULL;
    if (!record->split) return status_fail(STATUS_INVALID, "data.%s reads a file, not a corpus", record->name);
    if (!held_out) held_out = corpus->held_out;
    TRY(encode(corpus, encoder, progress, context, &text));
    Status status = held_out ? encode(held_out, encoder, progress, context, &other) : STATUS_OK;
    if (status == STATUS_OK) status = record->split(text, other, config, train, valid);
    tokenized_unref(text);
    tokenized_unref(other);
    return status == STATUS_OK ? status : status_context(status, "data.%s", record->name);
}
