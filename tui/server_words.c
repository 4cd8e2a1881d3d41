/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Completion, in the socket thread. */
#include "tui/server_internal.h"

#include <string.h>

enum { MOST_WORDS = 500 };

static bool part_of_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("_.:[]", c));
}

/* The part of a path up to the end of the name that the word is in. */
static size_t candidate(const char *path, size_t length, size_t word)
{
    size_t end = word;
    while (end < length && path[end] != '.' && path[end] != ':' && (path[end] != '[' || end == word)) end++;
    if (end == word && end < length && path[end] == '[') end += strcspn(path + end, "]") + 1;
    return end < length ? end : length;
}

static Status add_words(const Buffer *names, const char *word, Buffer *out)
{
    size_t length = strlen(word), last_length = 0;
    const char *last = NULL;
    int count = 0;
    for (const char *line = names->data; line && *line && count < MOST_WORDS; line = strchr(line, '\n') + 1) {
        size_t whole = strcspn(line, "\n"), path = strcspn(line, "\t\n");
        if (path < length || memcmp(line, word, length) != 0) continue;
        size_t size = candidate(line, path, length);
        if (last && size == last_length && memcmp(line, last, size) == 0) continue;
        last = line;
        last_length = size;
        count++;
        TRY(buffer_append(out, line, size));
        TRY(size == path ? buffer_append(out, line + path, whole - path) : buffer_text(out, "\t"));
        TRY(buffer_text(out, "\n"));
    }
    return STATUS_OK;
}

Status words_complete(const Buffer *names, const char *line, size_t length, size_t *start, Buffer *out)
{
    *start = length;
    while (*start && part_of_word(line[*start - 1])) --*start;
    return add_words(names, line + *start, out);
}
