/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/themes.h"

const char *const theme_names[THEMES] = {"dark", "light", "mono"};

static const Look dark[STYLE_COUNT] = {
    [STYLE_TEXT] = {-1, -1, -1, -1},
    [STYLE_DIM] = {245, -1, -1, -1, .dim = false},
    [STYLE_BAR] = {252, 7, 236, 4},
    [STYLE_BAR_KEY] = {231, 7, 236, 4, .bold = true},
    [STYLE_FRAME] = {240, -1, -1, -1},
    [STYLE_FOCUS] = {75, 6, -1, -1, .bold = true},
    [STYLE_HEADING] = {-1, -1, -1, -1, .bold = true},
    [STYLE_GOOD] = {36, 2, -1, -1},
    [STYLE_WARN] = {214, 3, -1, -1},
    [STYLE_BAD] = {202, 1, -1, -1, .bold = true},
    [STYLE_MARK] = {180, 3, -1, -1},
    [STYLE_SELECTED] = {-1, -1, -1, -1, .reverse = true},
    [STYLE_INPUT] = {-1, -1, -1, -1},
    [STYLE_SERIES] = {75, 6, -1, -1},
    [STYLE_SERIES + 1] = {214, 3, -1, -1},
    [STYLE_SERIES + 2] = {36, 2, -1, -1},
    [STYLE_SERIES + 3] = {175, 5, -1, -1},
    [STYLE_SERIES + 4] = {227, 3, -1, -1, .bold = true},
    [STYLE_SERIES + 5] = {202, 1, -1, -1},
    [STYLE_SERIES + 6] = {33, 4, -1, -1, .bold = true},
    [STYLE_SERIES + 7] = {252, 7, -1, -1},
};

static const Look light[STYLE_COUNT] = {
    [STYLE_TEXT] = {-1, -1, -1, -1},
    [STYLE_DIM] = {243, -1, -1, -1},
    [STYLE_BAR] = {236, 0, 253, 7},
    [STYLE_BAR_KEY] = {16, 0, 253, 7, .bold = true},
    [STYLE_FRAME] = {248, -1, -1, -1},
    [STYLE_FOCUS] = {25, 4, -1, -1, .bold = true},
    [STYLE_HEADING] = {-1, -1, -1, -1, .bold = true},
    [STYLE_GOOD] = {29, 2, -1, -1},
    [STYLE_WARN] = {166, 3, -1, -1},
    [STYLE_BAD] = {160, 1, -1, -1, .bold = true},
    [STYLE_MARK] = {94, 3, -1, -1},
    [STYLE_SELECTED] = {-1, -1, -1, -1, .reverse = true},
    [STYLE_INPUT] = {-1, -1, -1, -1},
    [STYLE_SERIES] = {25, 4, -1, -1},
    [STYLE_SERIES + 1] = {166, 3, -1, -1},
    [STYLE_SERIES + 2] = {29, 2, -1, -1},
    [STYLE_SERIES + 3] = {132, 5, -1, -1},
    [STYLE_SERIES + 4] = {136, 3, -1, -1, .bold = true},
    [STYLE_SERIES + 5] = {160, 1, -1, -1},
    [STYLE_SERIES + 6] = {31, 6, -1, -1},
    [STYLE_SERIES + 7] = {236, 0, -1, -1},
};

/* Only what every terminal can do. */
static const Look mono[STYLE_COUNT] = {
    [STYLE_BAR] = {-1, -1, -1, -1, .reverse = true},
    [STYLE_BAR_KEY] = {-1, -1, -1, -1, .reverse = true, .bold = true},
    [STYLE_FOCUS] = {-1, -1, -1, -1, .bold = true},
    [STYLE_HEADING] = {-1, -1, -1, -1, .bold = true},
    [STYLE_BAD] = {-1, -1, -1, -1, .bold = true},
    [STYLE_SELECTED] = {-1, -1, -1, -1, .reverse = true},
};

const Look *theme_look(int theme, Style style)
{
    const Look *looks = theme == THEME_DARK ? dark : theme == THEME_LIGHT ? light : mono;
    return &looks[style < STYLE_COUNT ? style : STYLE_TEXT];
}
