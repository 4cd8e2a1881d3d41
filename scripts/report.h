/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the prompt, here or at the other end of a socket, tells of an error of Lua code. Nobody frees anything. */
#ifndef LATHE_SCRIPTS_REPORT_H
#define LATHE_SCRIPTS_REPORT_H

#include "engine/base/buffer.h"

#include <stdbool.h>

#define REPORT_CHUNK "prompt" /* the name of a chunk that was typed */

/* Appends the message, without the place where the chunk is one line, and those calls of the traceback that are the
 * user's own; each line with a newline. Interrupted: that word only. */
Status report_error(Status status, const char *message, const char *traceback, bool one_line,
                    Buffer *out) STATUS_CHECKED;

#endif
