/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How errors of Lua code are told. Nobody frees anything. */
#ifndef LATHE_SCRIPTS_REPORT_H
#define LATHE_SCRIPTS_REPORT_H

#include "engine/base/buffer.h"

#include <lua.h>
#include <stdbool.h>

#define REPORT_CHUNK "prompt" /* the name of a chunk that was typed */

/* For the prompt, here or at the other end of a socket: appends the message, without the place where the chunk is
 * one line, and those calls of the traceback that are the user's own; each line with a newline. Interrupted: that
 * word only. */
Status report_error(Status status, const char *message, const char *traceback, bool one_line,
                    Buffer *out) STATUS_CHECKED;

/* Writes "bert.lua:12: ": where the user's own code stands, at that level of the stack or further out; "" where it
 * is nowhere. */
void report_place(lua_State *L, int level, char *out, size_t size);

/* Appends an error's message in a person's words: a place inside of Lathe's Lua library becomes the one that is
 * given, and nothing is said in the words of Lua's C library. */
Status report_in_words(const char *message, const char *place, Buffer *out) STATUS_CHECKED;

#endif
