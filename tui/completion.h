/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Completion of Lua: which word of a line is to be completed, and what it may become. Names are listed as
 * scripts/lib/names.lua does: "path\tdoc\n", options behind a brace, "models.bert{hidden_size\twidth ...\n". */
#ifndef LATHE_TUI_COMPLETION_H
#define LATHE_TUI_COMPLETION_H

#include "engine/base/buffer.h"

typedef struct CompletionWord {
    size_t start; /* where in the line the word begins */
    size_t owner; /* bytes of the key before the word: "models.bert{" in models.bert { hid */
    Buffer key;   /* what names are to begin with */
} CompletionWord;

/* The word at the end of the line. Inside of the braces of a call it may be one of its options. buffer_free(&key).
 */
Status completion_word(const char *line, size_t length, CompletionWord *out) STATUS_CHECKED;

/* Appends "word\tdoc\n" for each name that goes on where the word ends, up to the end of that name. A dot stands
 * for a colon, too. */
Status completion_find(const CompletionWord *word, const char *names, Buffer *out) STATUS_CHECKED;

#endif
