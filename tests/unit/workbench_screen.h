/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A workbench on a screen of cells, with keys and clicks, for tests that look for words on it. */
#ifndef LATHE_TESTS_WORKBENCH_SCREEN_H
#define LATHE_TESTS_WORKBENCH_SCREEN_H

#include "tests/unit/workbench_keys.h"
#include "tui/workbench/curves_keys.h"
#include "tui/workbench/pane_curves.h"
#include "tui/workbench/panes.h"

enum { WIDTH = 120, HEIGHT = 30 };

/* --- a workbench on a screen --- */

static char overlaid[256];

static inline void on_overlay(void *context, const char *name)
{
    (void)context;
    snprintf(overlaid, sizeof overlaid, "%s", name);
}

static inline void find_runs(void *context)
{
    View *view = context;
    snprintf(view->beside[0], VIEW_NAME, "other");
    view->beside_count = 1;
}

typedef struct Screen {
    Workbench workbench;
    Grid grid;
} Screen;

static inline void draw(Screen *screen)
{
    int x, y;
    ASSERT_OK(workbench_draw(&screen->workbench, &screen->grid, WIDTH, HEIGHT, &x, &y));
}

static inline void open_screen(Screen *screen, DataKind kind)
{
    Port own = port;
    own.overlay = own.overlay_run = on_overlay;
    own.find_runs = find_runs;
    own.context = &screen->workbench.view;
    *screen = (Screen){0};
    ASSERT_OK(workbench_init(&screen->workbench, &own));
    data_fill(&screen->workbench.view, kind);
    draw(screen);
}

static inline void close_screen(Screen *screen)
{
    grid_free(&screen->grid);
    workbench_free(&screen->workbench);
    buffer_free(&sent);
}

static inline void press(Screen *screen, const char *bytes)
{
    press_keys(&screen->workbench, bytes);
    draw(screen);
}

static inline void click(Screen *screen, int x, int y)
{
    char bytes[64];
    snprintf(bytes, sizeof bytes, "\033[<0;%d;%dM\033[<0;%d;%dm", x + 1, y + 1, x + 1, y + 1);
    press(screen, bytes);
}

/* Where the words begin, in cells; false: they are not on the screen. */
static inline bool find(const Screen *screen, const char *words, int *out_x, int *out_y)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            const char *at = words;
            for (int i = x; *at && i < WIDTH; i++) {
                const char *text = grid_cell(&screen->grid, i, y)->text;
                if (strncmp(at, text, strlen(text)) != 0 || !*text) break;
                at += strlen(text);
            }
            if (*at) continue;
            *out_x = x;
            *out_y = y;
            return true;
        }
    return false;
}

static inline bool has(const Screen *screen, const char *words)
{
    int x, y;
    return find(screen, words, &x, &y);
}

/* The pane's inside and its parts. */
static inline CurvesPlaces places_of(const Screen *screen, Rect *inside)
{
    Layout layout = layout_make(WIDTH, HEIGHT, &screen->workbench.view.focus);
    const Rect *pane = &layout.panes[PANE_CURVES];
    *inside = (Rect){pane->x + 1, pane->y + 1, pane->width - 2, pane->height - 2};
    return curves_places(&screen->workbench.view, inside->width, inside->height);
}

#endif
