/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/completion.h"

#include <stdbool.h>
#include <string.h>

enum { MOST_WORDS = 500, DEEPEST = 64 };

static bool part_of_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("_.:[]", c));
}

/* --- the word --- */

static size_t word_start(const char *line, size_t end)
{
    while (end && part_of_word(line[end - 1])) end--;
    return end;
}

static size_t without_spaces(const char *line, size_t end)
{
    while (end && strchr(" \t\n", line[end - 1])) end--;
    return end;
}

/* The end of the string that begins at 'at'; a long string's brackets are left to the others. */
static size_t skip_string(const char *line, size_t length, size_t at)
{
    char quote = line[at++];
    while (at < length && line[at] != quote) at += 1 + (line[at] == '\\');
    return at < length ? at : length;
}

/* The brackets that are open at the end; how many, -1: too many. */
static int open_brackets(const char *line, size_t length, size_t places[DEEPEST])
{
    int depth = 0;
    for (size_t at = 0; at < length; at++) {
        if (strchr("\"'", line[at])) at = skip_string(line, length, at);
        if (at >= length) break;
        if (strchr("({", line[at])) {
            if (depth == DEEPEST) return -1;
            places[depth++] = at;
        }
        if (strchr(")}", line[at]) && depth) depth--;
    }
    return depth;
}

/* Where the path of the call ends whose table of options the place is in: models.bert { here or
 * data.text("file", { here; 0: in none. */
static size_t call_end(const char *line, size_t place)
{
    size_t places[DEEPEST], end = without_spaces(line, place);
    if (!end || !strchr("{,", line[end - 1])) return 0; /* a value stands there, not a name */
    int depth = open_brackets(line, place, places);
    if (depth < 1 || line[places[depth - 1]] != '{') return 0;
    end = without_spaces(line, places[depth - 1]);
    if (end && part_of_word(line[end - 1])) return end;
    bool argument = depth > 1 && end && strchr("(,", line[end - 1]) && line[places[depth - 2]] == '(';
    return argument ? without_spaces(line, places[depth - 2]) : 0;
}

Status completion_word(const char *line, size_t length, CompletionWord *out)
{
    *out = (CompletionWord){.start = word_start(line, length)};
    size_t end = call_end(line, out->start), from = word_start(line, end);
    if (end > from) {
        TRY(buffer_append(&out->key, line + from, end - from));
        TRY(buffer_text(&out->key, "{"));
    }
    out->owner = out->key.length;
    return buffer_append(&out->key, line + out->start, length - out->start);
}

/* --- candidates --- */

static bool begins(const char *path, size_t length, const char *key, size_t size)
{
    if (length < size) return false;
    for (size_t i = 0; i < size; i++)
        if (path[i] != key[i] && !(strchr(".:", path[i]) && strchr(".:", key[i]))) return false;
    return true;
}

/* The part of a path up to the end of the name that the word is in. */
static size_t name_end(const char *path, size_t length, size_t word)
{
    size_t end = word;
    while (end < length && !strchr(".:{", path[end]) && (path[end] != '[' || end == word)) end++;
    if (end == word && end < length && path[end] == '[') end += strcspn(path + end, "]") + 1;
    return end < length ? end : length;
}

static Status find(const char *key, size_t size, size_t owner, const char *names, Buffer *out)
{
    const char *last = NULL;
    size_t last_length = 0;
    int count = 0;
    for (const char *line = names; line && *line && count < MOST_WORDS; line = strchr(line, '\n') + 1) {
        size_t whole = strcspn(line, "\n"), path = strcspn(line, "\t\n");
        if (!begins(line, path, key, size)) continue;
        size_t end = name_end(line, path, size);
        if (last && end == last_length && memcmp(line, last, end) == 0) continue;
        last = line;
        last_length = end;
        count++;
        TRY(buffer_append(out, line + owner, end - owner));
        TRY(end == path ? buffer_append(out, line + path, whole - path) : buffer_text(out, "\t"));
        TRY(buffer_text(out, "\n"));
    }
    return STATUS_OK;
}

Status completion_find(const CompletionWord *word, const char *names, Buffer *out)
{
    size_t before = out->length;
    TRY(find(word->key.data, word->key.length, word->owner, names, out));
    if (!word->owner || out->length > before) return STATUS_OK;
    return find(word->key.data + word->owner, word->key.length - word->owner, 0, names, out);
}
