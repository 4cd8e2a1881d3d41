/* SPDX-License-Identifier: GPL-3.0-or-later */
/* BERT's basic tokenization: text is cleaned (control characters and bytes that are no UTF-8 removed), ideographs
 * are set apart, letters made lower-case, accents stripped (NFD, then without Mn), and all is cut at white space
 * and around each punctuation character. Devlin et al. 2019, tokenization.py, BasicTokenizer; Hugging Face's
 * BertNormalizer and BertPreTokenizer. Lower-casing is Unicode's full one, final sigma included, as in Python.
 * Text goes through as a stream: memory does not grow with its length, but with its longest run of accents. */
#ifndef LATHE_DATASETS_BASIC_TOKENIZER_H
#define LATHE_DATASETS_BASIC_TOKENIZER_H

#include "engine/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BASIC_WORD_MAX = 100 }; /* characters of a word; longer ones become [UNK] */

typedef struct BasicOptions {
    bool lowercase, strip_accents;
} BasicOptions;

/* A word, or one punctuation character. Valid during the call of the sink. */
typedef struct BasicWord {
    int32_t characters;                                  /* > BASIC_WORD_MAX: too long, and the rest is cut off */
    size_t length;                                       /* bytes of the normalized word */
    size_t begin, end;                                   /* in the text that was given */
    char bytes[4 * BASIC_WORD_MAX];                      /* normalized UTF-8 */
    uint16_t starts[BASIC_WORD_MAX + 1];                 /* of each character in bytes, and the end */
    size_t begins[BASIC_WORD_MAX], ends[BASIC_WORD_MAX]; /* of each character in the text */
} BasicWord;

typedef Status (*BasicSink)(void *context, const BasicWord *word);

/* Calls the sink for each word in order. Any bytes will do. Errors: memory; the sink's. */
Status basic_tokenize(const char *bytes, size_t length, BasicOptions options, BasicSink sink,
                      void *context) STATUS_CHECKED;

#endif
