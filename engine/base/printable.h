/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text of strangers (names in files, say) on its way to a terminal: what would steer it is spelled out. */
#ifndef LATHE_BASE_PRINTABLE_H
#define LATHE_BASE_PRINTABLE_H

#include <stddef.h>

/* Writes the text with its control characters as \x1b, at most size - 1 bytes and a NUL, never half of an escape or
 * of a UTF-8 character. Line breaks and tabs stay. Returns out. */
char *printable(const char *text, char *out, size_t size);

#endif
