/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/text_sentences.h"

#include <string.h>
#include <utf8proc.h>

bool text_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

void text_trim(const char **bytes, size_t *length)
{
    while (*length && text_is_space((*bytes)[0])) {
        (*bytes)++;
        (*length)--;
    }
    while (*length && text_is_space((*bytes)[*length - 1])) (*length)--;
}

Status text_check(const char *path, const char *bytes, size_t length, int64_t first_line)
{
    int64_t line = first_line;
    size_t begin = 0;
    for (size_t i = 0; i < length;) {
        if (bytes[i] == '\n') {
            line++;
            begin = i + 1;
        }
        if (bytes[i] == '\0')
            return status_fail(STATUS_FORMAT,
                               "%s: line %lld, byte %zu: a zero byte; this is not a text file (or it is UTF-16: "
                               "convert it with iconv)",
                               path, (long long)line, i - begin);
        utf8proc_int32_t code;
        utf8proc_ssize_t used = 1;
        if ((unsigned char)bytes[i] >= 0x80)
            used = utf8proc_iterate((const utf8proc_uint8_t *)bytes + i, (utf8proc_ssize_t)(length - i), &code);
        if (used <= 0)
            return status_fail(
                STATUS_FORMAT,
                "%s: line %lld, byte %zu: 0x%02x is not valid UTF-8; convert the file, as with: iconv "
                "-f LATIN1 -t UTF-8",
                path, (long long)line, i - begin, (unsigned)(unsigned char)bytes[i]);
        i += (size_t)used;
    }
    return STATUS_OK;
}

/* How many bytes of the text begin here that belong to one of the words, 0: none. */
static size_t starts_with(const char *bytes, size_t length, const char *const *words)
{
    for (; *words; words++) {
        size_t n = strlen(*words);
        if (n <= length && memcmp(bytes, *words, n) == 0) return n;
    }
    return 0;
}

static const char *const stops[] = {".", "!", "?", "\u2026", "\u203d", "\u0964", "\u061f", "\u06d4", NULL};
static const char *const wide_stops[] = {"\u3002", "\uff01", "\uff1f", NULL};
static const char *const closers[] = {"\"",     "'",      ")",      "]",      "}",      "\u2019",
                                      "\u201d", "\u00bb", "\u300d", "\u300f", "\uff09", NULL};
static const char *const openers[] = {"\"", "'", "(", "[", "{", "\u2018", "\u201c", "\u00ab", NULL};
static const char *const titles[] = {"Mr",   "Mrs", "Ms",  "Dr",  "St", "Prof", "Jr",  "Sr",  "Gen", "Col", "Lt",
                                     "Capt", "Sgt", "Rev", "Hon", "vs", "No",   "Vol", "Fig", "etc", "cf",  NULL};

/* Whether the full stop at bytes[dot] ends an initial or a title. */
static bool abbreviates(const char *bytes, size_t dot)
{
    size_t from = dot;
    while (from > 0 && !text_is_space(bytes[from - 1]) && bytes[from - 1] != '.' && bytes[from - 1] != '(') from--;
    size_t length = dot - from;
    if (length == 1) return bytes[from] >= 'A' && bytes[from] <= 'Z';
    for (int i = 0; titles[i]; i++)
        if (strlen(titles[i]) == length && memcmp(titles[i], bytes + from, length) == 0) return true;
    return false;
}

/* Whether a sentence may begin here. */
static bool may_begin(const char *bytes, size_t length)
{
    size_t skip;
    while (length && (skip = starts_with(bytes, length, openers)) > 0) {
        bytes += skip;
        length -= skip;
    }
    if (length && text_is_space(bytes[0]))
        text_trim(&bytes, &length); /* " " word, as in text with spaces everywhere */
    utf8proc_int32_t code;
    if (length == 0 || utf8proc_iterate((const utf8proc_uint8_t *)bytes, (utf8proc_ssize_t)length, &code) <= 0)
        return true;
    utf8proc_category_t category = utf8proc_category(code);
    return category != UTF8PROC_CATEGORY_LL && category != UTF8PROC_CATEGORY_PO && category != UTF8PROC_CATEGORY_PD;
}

/* Where the sentence that begins at 'from' ends. */
static size_t sentence_end(const char *bytes, size_t length, size_t from)
{
    for (size_t i = from; i < length; i++) {
        if ((unsigned char)bytes[i] < 0x80 && bytes[i] != '.' && bytes[i] != '!' && bytes[i] != '?') continue;
        size_t wide = starts_with(bytes + i, length - i, wide_stops);
        size_t stop = wide ? wide : starts_with(bytes + i, length - i, stops);
        if (stop == 0) continue;
        bool dot = bytes[i] == '.' && abbreviates(bytes, i);
        size_t end = i + stop, more;
        while ((more = starts_with(bytes + end, length - end, stops)) > 0 ||
               (more = starts_with(bytes + end, length - end, closers)) > 0)
            end += more;
        if (end >= length || wide) return end;
        size_t next = end;
        while (next < length && text_is_space(bytes[next])) next++;
        if (next > end && !dot && may_begin(bytes + next, length - next)) return end;
        i = end - 1;
    }
    return length;
}

Status text_add_sentences(Corpus *corpus, const char *bytes, size_t length)
{
    text_trim(&bytes, &length);
    for (size_t from = 0; from < length;) {
        size_t end = sentence_end(bytes, length, from);
        const char *sentence = bytes + from;
        size_t count = end - from;
        text_trim(&sentence, &count);
        TRY(corpus_add_sentence(corpus, sentence, count));
        from = end;
    }
    return STATUS_OK;
}
