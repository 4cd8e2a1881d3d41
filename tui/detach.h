/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs in a process of their own session: lathe run --detach, and what the workbench shows. */
#ifndef LATHE_TUI_DETACH_H
#define LATHE_TUI_DETACH_H

#include "tui/command.h"

#include <stdbool.h>
#include <sys/types.h>

/* A process that was started here; {.words = -1}: none. */
typedef struct DetachedRun {
    pid_t process; /* 0: none, or it has ended */
    int code;      /* its exit status, once it has ended */
    int words;     /* a file with what it writes, -1: none */
    off_t from;    /* where that begins */
    bool made;     /* the directory was made for it */
} DetachedRun;

/* Starts 'lathe run' with these arguments in the background, its words in DIR/log.txt. detach_forget() ends what is
 * kept of it, not the process. */
Status detach_start(const Arguments *arguments, const char *directory, DetachedRun *out) STATUS_CHECKED;
/* Starts a process that holds the last state of the run, which is over (lathe run --resume DIR --look). */
Status detach_look(const char *directory, DetachedRun *out) STATUS_CHECKED;
/* Whether it has ended. */
bool detach_ended(DetachedRun *run);
/* Asks it to end, by SIGTERM. */
void detach_end(const DetachedRun *run);
/* The same, and waits for it, some seconds at most. */
void detach_dismiss(DetachedRun *run);
/* Appends what it has written. */
Status detach_words(const DetachedRun *run, Buffer *out) STATUS_CHECKED;
void detach_forget(DetachedRun *run);
/* Takes back what was made for a run that did not come to be: its words, and the directory where it holds nothing
 * else. Before detach_forget(). */
void detach_discard(const DetachedRun *run, const char *directory);

/* lathe run --detach: starts it, waits until it trains, showing how far it is, and says how to attach. Returns the
 * exit status. */
int detach_run(const Arguments *arguments, const char *directory);

#endif
