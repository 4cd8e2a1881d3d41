/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Readers of text files: plain text, JSON lines, tables. The corpus is the caller's. A file is read whole or not at
 * all; messages name path, line and remedy. */
#ifndef LATHE_DATASETS_TEXT_FILES_H
#define LATHE_DATASETS_TEXT_FILES_H

#include "datasets/corpus.h"
#include "engine/base/option.h"

typedef enum TextCut { TEXT_CUT_LINES, TEXT_CUT_SENTENCES, TEXT_CUT_PARAGRAPHS, TEXT_CUT_VERBATIM } TextCut;
typedef enum TextDocuments { TEXT_DOCUMENTS_PARAGRAPHS, TEXT_DOCUMENTS_LINES, TEXT_DOCUMENTS_FILE } TextDocuments;

typedef struct TextFileConfig {
    int64_t sentences; /* TextCut */
    int64_t documents; /* TextDocuments */
} TextFileConfig;

extern const Option text_file_options[];

/* Documents stand between empty lines (of white space only), or are lines, or are the file. White space around
 * sentences is dropped, unless they are cut verbatim: then the file is one document of pieces of about 1,000 bytes,
 * cut before white space, all bytes kept. Errors: missing, empty, a directory, not UTF-8. */
Status text_file_read(const char *path, const TextFileConfig *config, Corpus **out) STATUS_CHECKED;

typedef struct TableConfig {
    char text[OPTION_TEXT_SIZE], label[OPTION_TEXT_SIZE], target[OPTION_TEXT_SIZE], delimiter[OPTION_TEXT_SIZE];
    bool header, labels;
} TableConfig;

extern const Option jsonl_options[];
/* A JSON object a line (jsonlines.org); the members of text and target are strings, the label's a string, number or
 * boolean. Each object is a document, cut into sentences; its target is the last one (CORPUS_PAIRS). Classes stand
 * in order of first appearance. Errors also: a line that is not an object, a member that is missing or of another
 * type. */
Status jsonl_read(const char *path, const TableConfig *config, Corpus **out) STATUS_CHECKED;

extern const Option csv_options[];
/* Comma-separated values (RFC 4180), or another delimiter; each row is a document. Columns by name, or by number
 * (from 0) without a header. Errors also: a ragged row, an open quote, no such column. */
Status csv_read(const char *path, const TableConfig *config, Corpus **out) STATUS_CHECKED;

extern const Option labelled_lines_options[];
/* Lines of a label, white space, and the text; each is a document. labels = false leaves the labels out, for
 * pre-training. Errors also: a line without a text. */
Status labelled_lines_read(const char *path, const TableConfig *config, Corpus **out) STATUS_CHECKED;

#endif
