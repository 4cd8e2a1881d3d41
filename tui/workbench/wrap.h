/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts over several rows, broken between words. */
#ifndef LATHE_WORKBENCH_WRAP_H
#define LATHE_WORKBENCH_WRAP_H

#include "tui/workbench/grid.h"

/* Bytes of the longest beginning that is at most so many columns wide and ends behind a space or at the end; a word
 * that is longer is cut. At least one character where there is a column for it. */
size_t wrap_cut(const char *text, int columns);
/* Rows of the text, at least 1; those behind the first are indented. */
int wrap_rows(const char *text, int columns, int indent);
/* Draws rows from 'first' of the text on, at y, as far as the area goes. Returns the row behind the last. */
int wrap_draw(Area area, int y, Style style, const char *text, int indent, int first);

#endif
