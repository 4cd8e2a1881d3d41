/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The environment that the libraries read while they are loaded. Nobody owns anything. */
#ifndef LATHE_TUI_ENVIRONMENT_H
#define LATHE_TUI_ENVIRONMENT_H

/* The first call of main(). Starts the program once more, with the same arguments, where the libraries need other
 * variables than they found; then it does not return. Where that is impossible the program goes on, only slower. */
void environment_settle(char **arguments);

#endif
