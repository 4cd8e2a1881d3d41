/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a cell means. Which colours that gives is the screen's business (tui/workbench/themes.c); no meaning is told
 * by colour alone. */
#ifndef LATHE_WORKBENCH_STYLE_H
#define LATHE_WORKBENCH_STYLE_H

enum { STYLE_MAX_SERIES = 8 };

typedef enum Style {
    STYLE_TEXT,
    STYLE_DIM,
    STYLE_BAR, /* title and keys */
    STYLE_BAR_KEY,
    STYLE_FRAME,
    STYLE_FOCUS, /* frame of the pane that has the keys */
    STYLE_HEADING,
    STYLE_GOOD,
    STYLE_WARN,
    STYLE_BAD,
    STYLE_MARK,
    STYLE_SELECTED,
    STYLE_INPUT,
    STYLE_SERIES,                                  /* and the seven after it */
    STYLE_SHADE = STYLE_SERIES + STYLE_MAX_SERIES, /* what lies behind the mean of each series */
    STYLE_COUNT = STYLE_SHADE + STYLE_MAX_SERIES
} Style;

#endif
