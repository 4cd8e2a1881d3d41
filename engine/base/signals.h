/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signals that are safe while kernels run. oneDNN's matrix products point the stack register at a buffer in the
 * heap, so that a handler which ran on "the stack" would write its frame over whatever is beside that buffer.
 * Handlers are therefore run on a stack of their own, in the engine thread only; all other threads block signals.
 */
#ifndef LATHE_BASE_SIGNALS_H
#define LATHE_BASE_SIGNALS_H

#include <signal.h>

/* sigaction() with that stack, to be called by the engine thread. before: NULL, or what was set. */
void signals_catch(int number, void (*handler)(int number), struct sigaction *before);

/* For the calling thread, which is not the engine thread. */
void signals_block(void);

#endif
