/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/printable.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* C0 but for line break and tab, DEL, and C1 as UTF-8 has it (U+0080 to U+009F), which some terminals follow. */
static bool steers(const unsigned char *at)
{
    if (*at == 0xC2 && at[1] >= 0x80 && at[1] < 0xA0) return true;
    return (*at < 0x20 && *at != '\n' && *at != '\t') || *at == 0x7F;
}

/* Bytes of the character that begins here; 1 where it is none. */
static size_t character(const unsigned char *at)
{
    size_t length = *at >= 0xF0 ? 4 : *at >= 0xE0 ? 3 : *at >= 0xC2 ? 2 : 1;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xC0) != 0x80) return 1;
    return length;
}

char *printable(const char *text, char *out, size_t size)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t used = 0;
    while (*at) {
        char escape[5];
        bool escaped = steers(at);
        size_t length = character(at), needed = escaped ? 4 : length;
        if (used + needed >= size) break;
        if (escaped) snprintf(escape, sizeof escape, "\\x%02x", length == 2 ? at[1] : *at);
        memcpy(out + used, escaped ? escape : (const char *)at, needed);
        used += needed;
        at += length;
    }
    out[used] = '\0';
    return out;
}
