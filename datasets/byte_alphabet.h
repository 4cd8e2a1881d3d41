/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GPT-2's printable name for each byte: the printable ones of Latin-1 stand for themselves, the others for the code
 * points from U+0100 on, in order (Radford et al. 2019, encoder.py, bytes_to_unicode). Nothing is allocated. */
#ifndef LATHE_DATASETS_BYTE_ALPHABET_H
#define LATHE_DATASETS_BYTE_ALPHABET_H

#include <stddef.h>
#include <stdint.h>

enum { BYTE_ALPHABET_MAX = 2 }; /* bytes of a name in UTF-8 */

int32_t byte_alphabet_code(uint8_t byte);
/* Its name in UTF-8; returns how many bytes that has. */
size_t byte_alphabet_name(uint8_t byte, char out[BYTE_ALPHABET_MAX]);
/* The byte of a name, -1 for another code point. */
int byte_alphabet_byte(int32_t code);

#endif
