/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/utf8.h"

/* What the first byte says: bytes of the sequence (0: it begins none), and the range of the second byte. */
typedef struct Lead {
    int bytes;
    uint8_t low, high;
} Lead;

static Lead lead_of(uint8_t byte)
{
    if (byte >= 0xC2 && byte <= 0xDF) return (Lead){2, 0x80, 0xBF};
    if (byte == 0xE0) return (Lead){3, 0xA0, 0xBF}; /* no overlong forms */
    if (byte == 0xED) return (Lead){3, 0x80, 0x9F}; /* no surrogates */
    if (byte >= 0xE1 && byte <= 0xEF) return (Lead){3, 0x80, 0xBF};
    if (byte == 0xF0) return (Lead){4, 0x90, 0xBF};
    if (byte >= 0xF1 && byte <= 0xF3) return (Lead){4, 0x80, 0xBF};
    if (byte == 0xF4) return (Lead){4, 0x80, 0x8F}; /* nothing beyond U+10FFFF */
    return (Lead){0, 0, 0};
}

int32_t utf8_decode(const char *bytes, size_t length, size_t *used)
{
    uint8_t first = (uint8_t)bytes[0];
    *used = 1;
    if (first < 0x80) return first;
    Lead lead = lead_of(first);
    if (lead.bytes == 0) return UTF8_REPLACEMENT;
    int32_t code = first & (0x7F >> lead.bytes);
    for (int i = 1; i < lead.bytes; i++) {
        uint8_t low = i == 1 ? lead.low : 0x80, high = i == 1 ? lead.high : 0xBF;
        if ((size_t)i >= length || (uint8_t)bytes[i] < low || (uint8_t)bytes[i] > high) return UTF8_REPLACEMENT;
        code = code << 6 | ((uint8_t)bytes[i] & 0x3F);
        *used = (size_t)i + 1;
    }
    return code;
}

size_t utf8_encode(int32_t code, char out[UTF8_MAX_BYTES])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t bytes = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = bytes - 1; i > 0; i--, code >>= 6) out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)((0xF00 >> bytes & 0xFF) | code);
    return bytes;
}
