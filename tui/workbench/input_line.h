/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The line that is typed at the prompt: GNU readline with its history and key bindings, fed byte by byte and drawn
 * by the prompt's pane. It never reads or writes the terminal. There is one. */
#ifndef LATHE_WORKBENCH_INPUT_LINE_H
#define LATHE_WORKBENCH_INPUT_LINE_H

#include "tui/workbench/keys.h"

typedef struct InputEvents {
    /* NULL: the end of input, Ctrl-D on an empty line. False: it was not taken, and stays to be entered again. */
    bool (*entered)(void *context, const char *line);
    void (*complete)(void *context, const char *line); /* Tab: the line up to the cursor */
    void *context;
} InputEvents;

void input_open(const InputEvents *events);
void input_close(void);

void input_key(const Key *key);
/* The line is given up, a search of the history as well. */
void input_abandon(void);
void input_paste(const char *text);
/* The line instead of what was typed. */
void input_put(const char *line);
/* Replaces what is between byte 'start' and the cursor. */
void input_replace_word(size_t start, const char *word);

/* readline's own, until the next call. */
const char *input_text(void);
/* What stands for the prompt while the history is searched ("(reverse-i-search)`abc': "), NULL: it is not. */
const char *input_searching(void);
int input_cursor(void); /* bytes */

#endif
