/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The last lines of something that is written: the log, what the prompt printed. At most SCROLL_LINES are kept;
 * scroll_free() frees them. */
#ifndef LATHE_WORKBENCH_SCROLL_H
#define LATHE_WORKBENCH_SCROLL_H

#include "engine/base/status.h"
#include "tui/workbench/style.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SCROLL_LINES = 10000, SCROLL_LONGEST = 4096 };

/* What the log tells beside the text. */
typedef struct ScrollStamp {
    double time; /* seconds since 1970, 0: not known */
    int64_t step;
    int level; /* LogLevel */
} ScrollStamp;

typedef struct ScrollLine {
    char *text;
    Style style;
    ScrollStamp stamp;
} ScrollLine;

typedef struct Scroll {
    ScrollLine *lines; /* a ring of SCROLL_LINES */
    int first, count;
    bool open;      /* the last line has no newline yet */
    uint64_t begun; /* lines that were ever begun: changes with each */
} Scroll;

/* Adds text, which may hold many lines or a part of one. A line that is longer than SCROLL_LONGEST bytes is cut. */
Status scroll_add(Scroll *scroll, Style style, const char *text, size_t length) STATUS_CHECKED;
Status scroll_line(Scroll *scroll, Style style, const char *text) STATUS_CHECKED;
/* A line of the log. */
Status scroll_stamped(Scroll *scroll, Style style, const char *text, const ScrollStamp *stamp) STATUS_CHECKED;
/* From 0, the oldest. */
const ScrollLine *scroll_get(const Scroll *scroll, int i);
void scroll_free(Scroll *scroll);

#endif
