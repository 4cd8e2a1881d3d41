/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checking and cutting of text. Nothing is allocated here but what the corpus takes. */
#ifndef LATHE_DATASETS_TEXT_SENTENCES_H
#define LATHE_DATASETS_TEXT_SENTENCES_H

#include "datasets/corpus.h"

/* Whether the bytes are text: UTF-8 without NUL. first_line: the number of their first line, for the message, which
 * names line, byte and a remedy. */
Status text_check(const char *path, const char *bytes, size_t length, int64_t first_line) STATUS_CHECKED;

/* Cuts a line or paragraph into sentences and adds them: behind . ! ? and their kin (closing quotes and brackets
 * included) where white space and then no lower-case letter follows, but not behind an initial or a usual title
 * ("J. R. Smith", "Dr. Brown"); and behind the full stops of Chinese and Japanese. White space at the ends is cut
 * off. */
Status text_add_sentences(Corpus *corpus, const char *bytes, size_t length) STATUS_CHECKED;

/* ASCII white space. */
bool text_is_space(char c);
/* The bytes without it at both ends. */
void text_trim(const char **bytes, size_t *length);

#endif
