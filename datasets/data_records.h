/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What data can be made from Lua, a record each, listed in data_records[]. Constant; nobody frees anything. */
#ifndef LATHE_DATASETS_DATA_RECORDS_H
#define LATHE_DATASETS_DATA_RECORDS_H

#include "datasets/tokenized.h"
#include "engine/base/option.h"
#include "engine/train/source.h"

/* data.NAME(corpus, tokenizer, options): a source to train on and a held-out one. */
typedef struct DataRecord {
    const char *name, *doc, *source; /* source: the paper or specification it follows */
    const Option *options;
    size_t config_size;
    /* held_out NULL: the share 'valid' of the options is held out from text. */
    Status (*split)(Tokenized *text, Tokenized *held_out, const void *config, Source **train, Source **valid);
} DataRecord;

extern const DataRecord *const data_records[];
extern const int data_record_count;
/* NULL where there is none. */
const DataRecord *data_record_find(const char *name);

#endif
