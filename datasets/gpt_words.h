/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How GPT-2 cuts text before bytes are joined: the pattern of Radford et al. 2019, encoder.py,
 *   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * by hand. Letters and numbers are Unicode's categories L and N (utf8proc), \s its property White_Space; bytes that
 * are no UTF-8 are other characters. Nothing is allocated. */
#ifndef LATHE_DATASETS_GPT_WORDS_H
#define LATHE_DATASETS_GPT_WORDS_H

#include <stddef.h>

/* Where the word ends that begins at 'from' < length; words cover the text without gaps. */
size_t gpt_word_end(const char *bytes, size_t length, size_t from);

#endif
