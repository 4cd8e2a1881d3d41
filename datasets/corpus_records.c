/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/data_records.h"
#include "datasets/stories.h"
#include "datasets/text_files.h"

#include <string.h>

static Status make_text(const char *path, const void *config, EncodeProgress progress, void *context, Corpus **out)
{
    (void)progress;
    (void)context;
    return text_file_read(path, config, out);
}

static Status make_jsonl(const char *path, const void *config, EncodeProgress progress, void *context, Corpus **out)
{
    (void)progress;
    (void)context;
    return jsonl_read(path, config, out);
}

static Status make_csv(const char *path, const void *config, EncodeProgress progress, void *context, Corpus **out)
{
    (void)progress;
    (void)context;
    return csv_read(path, config, out);
}

static Status make_labelled_lines(const char *path, const void *config, EncodeProgress progress, void *context,
                                  Corpus **out)
{
    (void)progress;
    (void)context;
    return labelled_lines_read(path, config, out);
}

static Status make_stories(const char *path, const void *config, EncodeProgress progress, void *context,
                           Corpus **out)
{
    (void)path;
    return stories_new(config, progress, context, out);
}

static const CorpusRecord corpus_stories = {
    .name = "stories",
    .doc = "the built-in world: little stories about people, places and things, and how well one can know them",
    .source = "datasets/world.h",
    .options = world_options,
    .config_size = sizeof(WorldOptions),
    .make = make_stories};

static const CorpusRecord corpus_text = {.name = "text",
                                         .doc = "a plain text file in UTF-8, documents between empty lines",
                                         .source = "the input of Devlin et al. 2019's create_pretraining_data.py",
                                         .options = text_file_options,
                                         .config_size = sizeof(TextFileConfig),
                                         .reads = true,
                                         .make = make_text};

static const CorpusRecord corpus_jsonl = {.name = "jsonl",
                                          .doc =
                                              "a file of JSON objects, one a line, with a text and perhaps a label",
                                          .source = "jsonlines.org; RFC 8259",
                                          .options = jsonl_options,
                                          .config_size = sizeof(TableConfig),
                                          .reads = true,
                                          .make = make_jsonl};

static const CorpusRecord corpus_csv = {.name = "csv",
                                        .doc = "a table with a column of texts and perhaps one of labels",
                                        .source = "RFC 4180",
                                        .options = csv_options,
                                        .config_size = sizeof(TableConfig),
                                        .reads = true,
                                        .make = make_csv};

static const CorpusRecord corpus_labelled_lines = {.name = "labelled_lines",
                                                   .doc = "a file of lines 'label text', as those of SST-2",
                                                   .source = "Socher et al. 2013; Kim 2014 (the files' form)",
                                                   .options = labelled_lines_options,
                                                   .config_size = sizeof(TableConfig),
                                                   .reads = true,
                                                   .make = make_labelled_lines};

const CorpusRecord *const corpus_records[] = {&corpus_stories, &corpus_text, &corpus_jsonl, &corpus_csv,
                                              &corpus_labelled_lines};
const int corpus_record_count = sizeof corpus_records / sizeof *corpus_records;

const CorpusRecord *corpus_record_find(const char *name)
{
    for (int i = 0; i < corpus_record_count; i++)
        if (strcmp(corpus_records[i]->name, name) == 0) return corpus_records[i];
    return NULL;
}
