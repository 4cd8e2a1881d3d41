/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What data can be made from Lua, a record each, listed in data_records[]. Constant; nobody frees anything. */
#ifndef LATHE_DATASETS_DATA_RECORDS_H
#define LATHE_DATASETS_DATA_RECORDS_H

#include "datasets/corpus.h"
#include "engine/base/option.h"
#include "engine/train/source.h"

/* data.NAME(corpus, tokenizer, options), or data.NAME(path, options) where it reads a file itself: a source to
 * train on and a held-out one. */
typedef struct DataRecord {
    const char *name, *doc, *source; /* source: the paper or specification it follows */
    const Option *options;
    size_t config_size;
    /* held_out NULL: the share 'valid' of the options is held out from text. */
    Status (*split)(Tokenized *text, Tokenized *held_out, const void *config, Source **train, Source **valid);
    /* NULL: made from a corpus. *valid is NULL where nothing is held out. */
    Status (*read)(const char *path, const void *config, Source **train, Source **valid);
    /* The same with a tokenizer: data.NAME(path, tokenizer, options). */
    Status (*read_text)(const char *path, const Encoder *encoder, const void *config, Source **train,
                        Source **valid);
} DataRecord;

/* data.NAME(path, options), or data.NAME(options) where text is made and not read: a corpus. */
typedef struct CorpusRecord {
    const char *name, *doc, *source;
    const Option *options;
    size_t config_size;
    bool reads; /* path is the file to read; otherwise it is NULL */
    Status (*make)(const char *path, const void *config, EncodeProgress progress, void *context, Corpus **out);
} CorpusRecord;

extern const CorpusRecord *const corpus_records[];
extern const int corpus_record_count;
/* NULL where there is none. */
const CorpusRecord *corpus_record_find(const char *name);

/* Both sources of a record. held_out NULL: the corpus's own held-out text, and where it has none, a share of it.
 * progress may be NULL and is called for one text after the other. */
Status data_make(const DataRecord *record, const Corpus *corpus, const Corpus *held_out, const Encoder *encoder,
                 const void *config, EncodeProgress progress, void *context, Source **train,
                 Source **valid) STATUS_CHECKED;

extern const DataRecord *const data_records[];
extern const int data_record_count;
/* NULL where there is none. */
const DataRecord *data_record_find(const char *name);

#endif
