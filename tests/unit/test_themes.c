/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Themes: nothing is drawn in the colour that is behind it, and series can be told apart by everybody. */
#include "tests/unit/check_more.h"
#include "tui/workbench/themes.h"

#include <math.h>

Suite *themes_suite(void);

/* --- what a number of a terminal's 256 colours is --- */

typedef struct Colour {
    double x, y, z;
} Colour;

static double linear(int level)
{
    double part = level / 255.0;
    return part <= 0.04045 ? part / 12.92 : pow((part + 0.055) / 1.055, 2.4);
}

/* Linear red, green and blue of 16 to 255, as xterm has them. */
static Colour light_of(int number)
{
    static const int levels[6] = {0, 95, 135, 175, 215, 255};
    if (number >= 232) {
        double grey = linear(8 + 10 * (number - 232));
        return (Colour){grey, grey, grey};
    }
    int cube = number - 16;
    return (Colour){linear(levels[cube / 36]), linear(levels[cube / 6 % 6]), linear(levels[cube % 6])};
}

static double root(double t)
{
    return t > 0.008856 ? cbrt(t) : 7.787 * t + 16.0 / 116;
}

/* CIELAB, white D65. */
static Colour lab_of(Colour rgb)
{
    double x = root((0.4124 * rgb.x + 0.3576 * rgb.y + 0.1805 * rgb.z) / 0.9505);
    double y = root(0.2126 * rgb.x + 0.7152 * rgb.y + 0.0722 * rgb.z);
    double z = root((0.0193 * rgb.x + 0.1192 * rgb.y + 0.9505 * rgb.z) / 1.089);
    return (Colour){116 * y - 16, 500 * (x - y), 200 * (y - z)};
}

/* Vienot, Brettel and Mollon 1999: what is left without the long, and without the middle cones. */
static const double eyes[][3][3] = {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
                                    {{0.11238, 0.88762, 0}, {0.11238, 0.88762, 0}, {0.00401, -0.00401, 1}},
                                    {{0.29275, 0.70725, 0}, {0.29275, 0.70725, 0}, {-0.02234, 0.02234, 1}}};
enum { EYES = sizeof eyes / sizeof *eyes };

static double seen_part(const double row[3], Colour rgb)
{
    return fmax(0, row[0] * rgb.x + row[1] * rgb.y + row[2] * rgb.z);
}

static Colour seen(int number, int eye)
{
    Colour rgb = light_of(number);
    return lab_of(
        (Colour){seen_part(eyes[eye][0], rgb), seen_part(eyes[eye][1], rgb), seen_part(eyes[eye][2], rgb)});
}

static double apart(int a, int b, int eye)
{
    Colour p = seen(a, eye), q = seen(b, eye);
    return sqrt((p.x - q.x) * (p.x - q.x) + (p.y - q.y) * (p.y - q.y) + (p.z - q.z) * (p.z - q.z));
}

/* --- the themes --- */

START_TEST(everything_can_be_seen)
{
    for (int theme = 0; theme < THEMES; theme++)
        for (int style = 0; style < STYLE_COUNT; style++) {
            const Look *look = theme_look(theme, (Style)style);
            bool own = look->colour < 0 && look->ground < 0, plain = look->plain < 0 && look->plain_ground < 0;
            ck_assert_msg(own || look->colour != look->ground, "%s: style %d", theme_names[theme], style);
            ck_assert_msg(plain || look->plain != look->plain_ground, "%s: style %d", theme_names[theme], style);
            ck_assert_int_lt(look->plain, 8);
            ck_assert_int_lt(look->plain_ground, 8);
            if (theme == THEME_MONO)
                ck_assert_msg(own && plain, "mono has a colour for style %d", style);
            else if (look->colour >= 0)
                ck_assert_int_ge(look->colour, 16); /* what is below is the user's to choose */
        }
}
END_TEST

/* A distance of 2.3 can just be noticed. */
START_TEST(series_differ_for_everybody)
{
    enum { LEAST = 20 };
    for (int theme = 0; theme < THEME_MONO; theme++)
        for (int eye = 0; eye < EYES; eye++)
            for (int a = 0; a < STYLE_MAX_SERIES; a++)
                for (int b = 0; b < a; b++) {
                    int first = theme_look(theme, (Style)(STYLE_SERIES + a))->colour;
                    int second = theme_look(theme, (Style)(STYLE_SERIES + b))->colour;
                    ck_assert_msg(apart(first, second, eye) >= LEAST, "%s: %d and %d for eye %d: %.1f",
                                  theme_names[theme], first, second, eye, apart(first, second, eye));
                }
}
END_TEST

Suite *themes_suite(void)
{
    Suite *suite = suite_create("themes");
    TCase *cases = tcase_create("themes");
    tcase_add_test(cases, everything_can_be_seen);
    tcase_add_test(cases, series_differ_for_everybody);
    suite_add_tcase(suite, cases);
    return suite;
}
