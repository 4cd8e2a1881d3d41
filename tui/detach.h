/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs in a process of their own session: lathe run --detach, and what the workbench shows. */
#ifndef LATHE_TUI_DETACH_H
#define LATHE_TUI_DETACH_H

#include "tui/command.h"

#include <sys/types.h>

/* A run that was started: it listens, or has ended already with the code; then what it wrote was printed to
 * standard error, unless the code is 0. */
typedef struct DetachedRun {
    pid_t process;
    bool listens;
    int code;
} DetachedRun;

/* Starts 'lathe run' with these arguments in the background, its words in DIR/log.txt, and waits until it listens
 * (or has ended, or a minute is over). */
Status detach_start(const Arguments *arguments, const char *directory, DetachedRun *out) STATUS_CHECKED;
/* Prints DIR/log.txt. */
Status detach_print_log(const char *directory) STATUS_CHECKED;

/* The same for --detach: says how to attach. Returns the exit status. */
int detach_run(const Arguments *arguments, const char *directory);

#endif
