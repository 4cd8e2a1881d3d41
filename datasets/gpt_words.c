/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/gpt_words.h"

#include "datasets/utf8.h"

#include <stdbool.h>
#include <string.h>
#include <utf8proc.h>

typedef enum Kind { KIND_SPACE, KIND_LETTER, KIND_NUMBER, KIND_OTHER } Kind;

/* Unicode's White_Space. */
static bool is_space(int32_t code)
{
    if (code < 0x80) return code == ' ' || (code >= '\t' && code <= '\r');
    return code == 0x85 || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
           code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

static Kind kind_of(int32_t code)
{
    if (is_space(code)) return KIND_SPACE;
    if (code < 0x80) {
        int lower = code | 0x20;
        if (lower >= 'a' && lower <= 'z') return KIND_LETTER;
        return code >= '0' && code <= '9' ? KIND_NUMBER : KIND_OTHER;
    }
    utf8proc_category_t category = utf8proc_category(code);
    if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) return KIND_LETTER;
    return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO ? KIND_NUMBER : KIND_OTHER;
}

static Kind kind_at(const char *bytes, size_t length, size_t at, size_t *used)
{
    if ((unsigned char)bytes[at] >= 0x80) return kind_of(utf8_decode(bytes + at, length - at, used));
    *used = 1;
    return kind_of(bytes[at]);
}

/* Bytes of the English ending that begins with the apostrophe here, 0: none. */
static size_t ending(const char *bytes, size_t left)
{
    static const char *const endings[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t length = strlen(endings[i]);
        if (length <= left && memcmp(bytes, endings[i], length) == 0) return length;
    }
    return 0;
}

/* The last space before something else belongs to what follows, or is a word of its own. */
static size_t spaces_end(const char *bytes, size_t length, size_t from)
{
    size_t at = from, last = from, used;
    while (at < length && kind_at(bytes, length, at, &used) == KIND_SPACE) {
        last = at;
        at += used;
    }
    return at < length && last > from ? last : at;
}

size_t gpt_word_end(const char *bytes, size_t length, size_t from)
{
    size_t at = from, used;
    if (bytes[at] == '\'') {
        size_t short_word = ending(bytes + at, length - at);
        if (short_word) return at + short_word;
    }
    if (bytes[at] == ' ' && at + 1 < length && kind_at(bytes, length, at + 1, &used) != KIND_SPACE) at++;
    Kind kind = kind_at(bytes, length, at, &used);
    if (kind == KIND_SPACE) return spaces_end(bytes, length, from);
    for (at += used; at < length && kind_at(bytes, length, at, &used) == kind;) at += used;
    return at;
}
