/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Standard output and standard error while the screen is open: they go to a file, are read from there for the log,
 * and are printed when the screen is closed. */
#ifndef LATHE_WORKBENCH_HELD_H
#define LATHE_WORKBENCH_HELD_H

#include "engine/base/buffer.h"

Status held_begin(void) STATUS_CHECKED;
/* Puts both back and prints what was held. */
void held_end(void);
/* What has come since the last call. */
Status held_read(Buffer *out) STATUS_CHECKED;
/* For a crash: prints it, by calls that signal handlers may make. */
void held_spill(void);

#endif
