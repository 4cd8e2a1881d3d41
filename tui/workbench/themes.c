/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/themes.h"

const char *const theme_names[THEMES] = {"dark", "light", "mono"};

static const Look dark[STYLE_COUNT] = {
    [STYLE_TEXT] = {-1, -1, -1, -1},
    [STYLE_DIM] = {245, -1, -1, -1},
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
    [STYLE_SERIES + 2] = {35, 2, -1, -1},
    [STYLE_SERIES + 3] = {225, 5, -1, -1},
    [STYLE_SERIES + 4] = {228, 7, -1, -1, .bold = true},
    [STYLE_SERIES + 5] = {27, 4, -1, -1, .bold = true},
    [STYLE_SERIES + 6] = {130, 1, -1, -1},
    [STYLE_SERIES + 7] = {246, 7, -1, -1},
    [STYLE_SHADE] = {24, 6, -1, -1, .dim = true},
    [STYLE_SHADE + 1] = {94, 3, -1, -1, .dim = true},
    [STYLE_SHADE + 2] = {22, 2, -1, -1, .dim = true},
    [STYLE_SHADE + 3] = {96, 5, -1, -1, .dim = true},
    [STYLE_SHADE + 4] = {100, 7, -1, -1, .dim = true},
    [STYLE_SHADE + 5] = {18, 4, -1, -1, .dim = true},
    [STYLE_SHADE + 6] = {52, 1, -1, -1, .dim = true},
    [STYLE_SHADE + 7] = {238, 7, -1, -1, .dim = true},
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
    [STYLE_SERIES + 2] = {65, 2, -1, -1},
    [STYLE_SERIES + 3] = {139, 5, -1, -1},
    [STYLE_SERIES + 4] = {88, 1, -1, -1},
    [STYLE_SERIES + 5] = {27, 6, -1, -1},
    [STYLE_SERIES + 6] = {16, 0, -1, -1, .bold = true},
    [STYLE_SERIES + 7] = {18, 4, -1, -1, .bold = true},
    [STYLE_SHADE] = {153, 4, -1, -1, .dim = true},
    [STYLE_SHADE + 1] = {223, 3, -1, -1, .dim = true},
    [STYLE_SHADE + 2] = {151, 2, -1, -1, .dim = true},
    [STYLE_SHADE + 3] = {182, 5, -1, -1, .dim = true},
    [STYLE_SHADE + 4] = {217, 1, -1, -1, .dim = true},
    [STYLE_SHADE + 5] = {117, 6, -1, -1, .dim = true},
    [STYLE_SHADE + 6] = {250, 0, -1, -1, .dim = true},
    [STYLE_SHADE + 7] = {147, 4, -1, -1, .dim = true},
};

/* Only what every terminal can do. */
#define OWN -1, -1, -1, -1
static const Look mono[STYLE_COUNT] = {
    [STYLE_TEXT] = {OWN},
    [STYLE_DIM] = {OWN},
    [STYLE_BAR] = {OWN, .reverse = true},
    [STYLE_BAR_KEY] = {OWN, .reverse = true, .bold = true},
    [STYLE_FRAME] = {OWN},
    [STYLE_FOCUS] = {OWN, .bold = true},
    [STYLE_HEADING] = {OWN, .bold = true},
    [STYLE_GOOD] = {OWN},
    [STYLE_WARN] = {OWN},
    [STYLE_BAD] = {OWN, .bold = true},
    [STYLE_MARK] = {OWN},
    [STYLE_SELECTED] = {OWN, .reverse = true},
    [STYLE_INPUT] = {OWN},
    [STYLE_SERIES] = {OWN},
    [STYLE_SERIES + 1] = {OWN},
    [STYLE_SERIES + 2] = {OWN},
    [STYLE_SERIES + 3] = {OWN},
    [STYLE_SERIES + 4] = {OWN},
    [STYLE_SERIES + 5] = {OWN},
    [STYLE_SERIES + 6] = {OWN},
    [STYLE_SERIES + 7] = {OWN},
    [STYLE_SHADE] = {OWN, .dim = true},
    [STYLE_SHADE + 1] = {OWN, .dim = true},
    [STYLE_SHADE + 2] = {OWN, .dim = true},
    [STYLE_SHADE + 3] = {OWN, .dim = true},
    [STYLE_SHADE + 4] = {OWN, .dim = true},
    [STYLE_SHADE + 5] = {OWN, .dim = true},
    [STYLE_SHADE + 6] = {OWN, .dim = true},
    [STYLE_SHADE + 7] = {OWN, .dim = true},
};

const Look *theme_look(int theme, Style style)
{
    const Look *looks = theme == THEME_DARK ? dark : theme == THEME_LIGHT ? light : mono;
    return &looks[style < STYLE_COUNT ? style : STYLE_TEXT];
}
