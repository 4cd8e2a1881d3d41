/* SPDX-License-Identifier: GPL-3.0-or-later */
/* UTF-8, as the Unicode standard defines it (chapter 3.9, table 3-7). Nothing is allocated. */
#ifndef LATHE_DATASETS_UTF8_H
#define LATHE_DATASETS_UTF8_H

#include <stddef.h>
#include <stdint.h>

enum { UTF8_REPLACEMENT = 0xFFFD, UTF8_MAX_BYTES = 4 };

/* The code point that begins here, and how many bytes it takes. Bytes that are no UTF-8 read as U+FFFD, one for
 * each maximal subpart of a sequence (as Python's "replace" and the browsers' decoders do). length > 0. */
int32_t utf8_decode(const char *bytes, size_t length, size_t *used);

/* Writes a code point; returns its bytes, 1 to 4. */
size_t utf8_encode(int32_t code, char out[UTF8_MAX_BYTES]);

#endif
