/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How each style looks: constant data. Colours of series are those of Okabe and Ito, which colour-blind people can
 * tell apart. */
#ifndef LATHE_WORKBENCH_THEMES_H
#define LATHE_WORKBENCH_THEMES_H

#include "tui/workbench/style.h"

#include <stdbool.h>

enum { THEME_DARK, THEME_LIGHT, THEME_MONO, THEMES };

typedef struct Look {
    short colour, plain;        /* of 256, of 8; -1: the terminal's own */
    short ground, plain_ground; /* behind it */
    bool bold, dim, reverse;
} Look;

extern const char *const theme_names[THEMES];
const Look *theme_look(int theme, Style style);

#endif
