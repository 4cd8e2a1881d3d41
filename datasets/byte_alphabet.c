/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/byte_alphabet.h"

#include "datasets/utf8.h"

#include <stdbool.h>
#include <string.h>

enum { FIRST_OTHER = 0x100, OTHERS = 68 };

static bool is_printable(int byte)
{
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

/* How many unprintable bytes there are below one of them: 0 to 32, 127 to 160, and 173. */
static int rank_of_other(int byte)
{
    if (byte <= 0x20) return byte;
    return byte == 0xAD ? OTHERS - 1 : 33 + byte - 0x7F;
}

int32_t byte_alphabet_code(uint8_t byte)
{
    return is_printable(byte) ? byte : FIRST_OTHER + rank_of_other(byte);
}

size_t byte_alphabet_name(uint8_t byte, char out[BYTE_ALPHABET_MAX])
{
    char name[UTF8_MAX_BYTES];
    size_t length = utf8_encode(byte_alphabet_code(byte), name);
    memcpy(out, name, length);
    return length;
}

int byte_alphabet_byte(int32_t code)
{
    if (code >= 0 && code < FIRST_OTHER) return is_printable(code) ? code : -1;
    int rank = code - FIRST_OTHER;
    if (rank < 0 || rank >= OTHERS) return -1;
    if (rank == OTHERS - 1) return 0xAD;
    return rank <= 0x20 ? rank : 0x7F + rank - 33;
}
