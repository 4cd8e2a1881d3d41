/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A text as one stream of tokens: the tokens of each document, then its separator. The stream is never written
 * down: document d begins in it at the place of its first token plus the d separators before it. */
#ifndef LATHE_DATASETS_TEXT_STREAM_H
#define LATHE_DATASETS_TEXT_STREAM_H

#include "datasets/text_source.h"

/* Tokens and separators. */
int64_t text_stream_length(const Tokenized *text);
/* Adds places [from, to) of the stream to the example. */
void text_stream_read(const Tokenized *text, int64_t from, int64_t to, TextExample *out);

/* Where a document's tokens begin among those of the text; document_count: where the last one's end. */
int64_t text_document_begin(const Tokenized *text, int64_t document);

#endif
