/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The classes of characters that BERT's basic tokenization asks for (tokenization.py of Devlin et al.; the
 * normalizer and pre-tokenizer of Hugging Face's tokenizers), from the tables of utf8proc. */
#ifndef LATHE_DATASETS_BERT_CHARACTERS_H
#define LATHE_DATASETS_BERT_CHARACTERS_H

#include <stdbool.h>
#include <stdint.h>

/* White space, tab and line ends included. */
bool bert_is_space(int32_t code);
/* What cleaning removes: NUL, U+FFFD, and Cc, Cf, Co but tab and line ends. */
bool bert_is_removed(int32_t code);
/* All of ASCII that is neither letter, digit, space nor control, and the categories P*. */
bool bert_is_punctuation(int32_t code);
/* The blocks of CJK ideographs, each of which is a word; Hangul and kana are not among them. */
bool bert_is_ideograph(int32_t code);
/* Nonspacing marks (Mn), which stripping of accents removes. */
bool bert_is_accent(int32_t code);

/* The properties Case_Ignorable and Cased, which decide whether a capital sigma is the last letter of its word
 * (Unicode, table 3-17, Final_Sigma). As in ICU and Python, a character that is both counts as ignorable. */
bool bert_is_case_ignorable(int32_t code);
bool bert_is_cased(int32_t code);

/* Canonical combining class; 0 for starters. */
int bert_combining_class(int32_t code);

enum { BERT_LOWER_MAX = 2, BERT_DECOMPOSED_MAX = 8 };
/* The full lower-case form, without the rule for the final sigma. Returns how many code points were written. */
int bert_lower(int32_t code, int32_t out[BERT_LOWER_MAX]);
/* The canonical decomposition (NFD, not yet ordered). Returns how many code points were written. */
int bert_decompose(int32_t code, int32_t out[BERT_DECOMPOSED_MAX]);

#endif
