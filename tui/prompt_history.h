/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lines that were typed at prompts, kept by readline and in a file of the user's state folder. */
#ifndef LATHE_TUI_PROMPT_HISTORY_H
#define LATHE_TUI_PROMPT_HISTORY_H

#include "engine/base/buffer.h"

/* path: the file, empty where there is none; the caller frees it. */
void prompt_history_load(Buffer *path);
void prompt_history_add(const char *line, const Buffer *path);

#endif
