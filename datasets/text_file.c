/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/text_files.h"

#include "datasets/text_sentences.h"
#include "engine/base/cancel.h"
#include "engine/io/file.h"

#include <stdio.h>
#include <string.h>

const Option text_file_options[] = {
    OPTION_CHOICE_FIELD(
        TextFileConfig, sentences, "sentences", "lines sentences paragraphs verbatim",
        "lines: a line is a sentence; sentences: lines are cut behind . ! ? unless a small letter follows; "
        "paragraphs: lines are joined up to an empty line, then cut; "
        "verbatim: all bytes as they stand, white space included"),
    OPTION_CHOICE_FIELD(TextFileConfig, documents, "paragraphs", "paragraphs lines file",
                        "what a document is: what stands between empty lines, a line, the file (also if verbatim)"),
    {0}};

enum { VERBATIM_PIECE = 1000 };

typedef struct Reading {
    Corpus *corpus;
    TextCut cut;
    TextDocuments documents;
    Buffer paragraph;
} Reading;

static Status end_paragraph(Reading *reading)
{
    if (reading->paragraph.length)
        TRY(text_add_sentences(reading->corpus, reading->paragraph.data, reading->paragraph.length));
    buffer_clear(&reading->paragraph);
    return reading->documents == TEXT_DOCUMENTS_FILE ? STATUS_OK : corpus_end_document(reading->corpus, -1);
}

static Status add_line(Reading *reading, const char *line, size_t length)
{
    if (reading->cut == TEXT_CUT_LINES) return corpus_add_sentence(reading->corpus, line, length);
    if (reading->cut == TEXT_CUT_SENTENCES) return text_add_sentences(reading->corpus, line, length);
    if (reading->paragraph.length) TRY(buffer_append(&reading->paragraph, " ", 1));
    return buffer_append(&reading->paragraph, line, length);
}

static Status read_line(Reading *reading, const char *line, size_t length)
{
    text_trim(&line, &length);
    if (length == 0) return end_paragraph(reading);
    TRY(add_line(reading, line, length));
    return reading->documents == TEXT_DOCUMENTS_LINES ? end_paragraph(reading) : STATUS_OK;
}

/* Pieces end before white space that follows something else: no tokenizer has a token across that. */
static Status read_verbatim(const char *path, const char *bytes, size_t length, Reading *reading)
{
    TRY(text_check(path, bytes, length, 1));
    for (size_t from = 0, to; from < length; from = to) {
        to = length - from > VERBATIM_PIECE ? from + VERBATIM_PIECE : length;
        while (to < length && (!text_is_space(bytes[to]) || text_is_space(bytes[to - 1]))) to++;
        TRY(corpus_add_sentence(reading->corpus, bytes + from, to - from));
    }
    return STATUS_OK;
}

static Status read_lines(const char *path, const char *bytes, size_t length, Reading *reading)
{
    int64_t number = 1;
    for (size_t at = 0; at < length; number++) {
        const char *end = memchr(bytes + at, '\n', length - at);
        size_t count = end ? (size_t)(end - bytes) - at : length - at;
        if (number % 4096 == 0) TRY(cancel_check());
        TRY(text_check(path, bytes + at, count, number));
        TRY(read_line(reading, bytes + at, count));
        at += count + 1;
    }
    return end_paragraph(reading);
}

static Status read_text(const char *path, const char *bytes, size_t length, Reading *reading)
{
    if (length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) { /* byte order mark */
        bytes += 3;
        length -= 3;
    }
    TRY(reading->cut == TEXT_CUT_VERBATIM ? read_verbatim(path, bytes, length, reading)
                                          : read_lines(path, bytes, length, reading));
    TRY(corpus_end_document(reading->corpus, -1));
    if (reading->corpus->document_count == 0)
        return status_fail(STATUS_FORMAT, "%s: the file has only white space", path);
    return corpus_finish(reading->corpus);
}

Status text_file_read(const char *path, const TextFileConfig *config, Corpus **out)
{
    FileMap map;
    Reading reading = {.cut = (TextCut)config->sentences, .documents = (TextDocuments)config->documents};
    TRY(file_map(path, &map));
    Status status = corpus_new(&reading.corpus);
    if (status == STATUS_OK) status = read_text(path, (const char *)map.data, map.size, &reading);
    buffer_free(&reading.paragraph);
    file_unmap(&map);
    if (status != STATUS_OK) {
        corpus_unref(reading.corpus);
        return status;
    }
    snprintf(reading.corpus->doc, sizeof reading.corpus->doc, "%.60s: %lld sentences in %lld documents",
             file_name(path), (long long)reading.corpus->sentence_count, (long long)reading.corpus->document_count);
    *out = reading.corpus;
    return STATUS_OK;
}
