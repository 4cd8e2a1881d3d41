/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/text_stream.h"

int64_t text_document_begin(const Tokenized *text, int64_t document)
{
    return text->sentences[text->documents[document]];
}

int64_t text_stream_length(const Tokenized *text)
{
    return text->tokens + text->document_count;
}

static int64_t document_at(const Tokenized *text, int64_t place)
{
    int64_t low = 0, high = text->document_count - 1;
    while (low < high) {
        int64_t middle = low + (high - low + 1) / 2;
        if (text_document_begin(text, middle) + middle <= place)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static int64_t sentence_at(const Tokenized *text, int64_t document, int64_t token)
{
    int64_t low = text->documents[document], high = text->documents[document + 1] - 1;
    while (low < high) {
        int64_t middle = low + (high - low + 1) / 2;
        if (text->sentences[middle] <= token)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

void text_stream_read(const Tokenized *text, int64_t from, int64_t to, TextExample *out)
{
    for (int64_t d = document_at(text, from); from < to; d++) {
        int64_t token = from - d, end = text_document_begin(text, d + 1), stop = to - d < end ? to - d : end;
        if (token < stop) text_example_tokens(out, text, sentence_at(text, d, token), token, stop, 0);
        from = stop + d;
        if (from < to) {
            text_example_special(out, text->vocabulary->separator, 0);
            from++;
        }
    }
}
