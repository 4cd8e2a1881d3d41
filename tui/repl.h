/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The prompt: lines of Lua, their values printed. A Repl borrows the host; repl_free() it before the host. */
#ifndef LATHE_TUI_REPL_H
#define LATHE_TUI_REPL_H

#include "scripts/host.h"

#include <stdio.h>

typedef struct Repl Repl;

Status repl_new(Host *host, Repl **out) STATUS_CHECKED;
void repl_free(Repl *repl);

Host *repl_host(Repl *repl);

/* Takes one line. *more: the chunk is not complete, and the next line continues it. Values and errors are written
 * to the host's output; a failure of the line is no failure of the prompt. *failed (may be NULL): it was an error.
 */
Status repl_line(Repl *repl, const char *line, bool *more, bool *failed) STATUS_CHECKED;
/* The first half of it: adds the line to the chunk, and where that is whole and compiles, or never will, leaves its
 * text in *chunk, until the next call and as long as the line is there; NULL where nothing is to be done. */
Status repl_gather(Repl *repl, const char *line, bool *more, const char **chunk) STATUS_CHECKED;
/* Forgets a chunk that was begun. */
void repl_abandon(Repl *repl);

/* Appends the candidates for the end of the line, "word\tdoc\n" each; *start: where the word begins. */
Status repl_complete(Repl *repl, const char *line, size_t *start, Buffer *out) STATUS_CHECKED;

/* A prompt on a terminal, whoever answers. */
typedef struct Prompt {
    Status (*line)(void *context, const char *line, bool *more);
    void (*abandon)(void *context);                                                  /* of a chunk that was begun */
    Status (*complete)(void *context, const char *line, size_t *start, Buffer *out); /* as repl_complete() */
    bool (*over)(void *context);                                                     /* leave now */
    int watched;                                                                     /* a descriptor, -1 for none */
    bool (*ready)(void *context); /* it can be read, while the prompt waits; true: something is to be shown */
    void (*show)(void *context);  /* shows it, on a line that was cleared */
    void *context;
} Prompt;

/* Reads lines by readline, with history, until the end of input. Ctrl-C during a line is cancel_request(). */
Status prompt_read_terminal(const Prompt *prompt) STATUS_CHECKED;

/* Reads lines from the file without a prompt until its end. *failed: a chunk was an error. */
Status repl_read_file(Repl *repl, FILE *file, bool *failed) STATUS_CHECKED;
/* The same from the terminal by readline, with history. */
Status repl_read_terminal(Repl *repl) STATUS_CHECKED;

#endif
