/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command 'lathe repl [SCRIPT]'. It owns its host. */
#ifndef LATHE_TUI_COMMAND_REPL_H
#define LATHE_TUI_COMMAND_REPL_H

/* Runs the script, if any, then the prompt: on a terminal by readline, otherwise lines of standard input without a
 * prompt. Returns the exit status: 0, 1 after an error (of the script, or of the last chunk of the input), what
 * exit(n) asked for. */
int command_repl(const char *script);

#endif
