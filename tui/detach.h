/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lathe run --detach: the run goes on in a process of its own session. */
#ifndef LATHE_TUI_DETACH_H
#define LATHE_TUI_DETACH_H

#include "tui/command.h"

/* Starts 'lathe run' with these arguments in the background, its words in DIR/log.txt, and waits until it listens
 * (or has ended, or a minute is over). Returns the exit status. */
int detach_run(const Arguments *arguments, const char *directory);

#endif
