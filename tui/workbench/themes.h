/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How each style looks: constant data. The colours of series begin with those of Okabe and Ito; colour-blind people
 * can tell all of them apart (tests/unit/test_themes.c). */
#ifndef LATHE_WORKBENCH_THEMES_H
#define LATHE_WORKBENCH_THEMES_H

#include "tui/workbench/style.h"

#include <stdbool.h>

enum { THEME_DARK, THEME_LIGHT, THEME_MONO, THEMES };

typedef struct Look {
    short colour, plain;        /* of 256, of 8; -1: the terminal's own */
    short ground, plain_ground; /* behind it */
    bool bold, reverse;
    bool dim; /* where there are no 256 colours */
} Look;

extern const char *const theme_names[THEMES];
const Look *theme_look(int theme, Style style);

#endif
