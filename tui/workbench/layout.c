/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/layout.h"

enum {
    SMALL_WIDTH = 80,
    SMALL_HEIGHT = 24,
    WIDE_WIDTH = 110,
    WIDE_HEIGHT = 28,
    LARGE_WIDTH = 165,
    LARGE_HEIGHT = 40
};

/* Where a pane has its place: each place shows the one that last had the keys. */
enum { TOP_LEFT, TOP_RIGHT, MIDDLE_RIGHT, BOTTOM_LEFT, BOTTOM_MIDDLE, BOTTOM_RIGHT, PLACES };
static const int large_places[PANE_COUNT] = {
    [PANE_CURVES] = TOP_LEFT,       [PANE_OBJECTIVES] = TOP_RIGHT, [PANE_MODEL] = BOTTOM_LEFT,
    [PANE_SAMPLES] = BOTTOM_MIDDLE, [PANE_DATA] = BOTTOM_MIDDLE,   [PANE_BRANCHES] = MIDDLE_RIGHT,
    [PANE_LOG] = BOTTOM_RIGHT,      [PANE_PROMPT] = BOTTOM_RIGHT,
};
static const int wide_places[PANE_COUNT] = {
    [PANE_CURVES] = TOP_LEFT,     [PANE_OBJECTIVES] = TOP_RIGHT, [PANE_MODEL] = BOTTOM_LEFT,
    [PANE_SAMPLES] = BOTTOM_LEFT, [PANE_DATA] = BOTTOM_LEFT,     [PANE_BRANCHES] = TOP_RIGHT,
    [PANE_LOG] = BOTTOM_RIGHT,    [PANE_PROMPT] = BOTTOM_RIGHT,
};
/* The top is one place there. */
static const int small_places[PANE_COUNT] = {
    [PANE_CURVES] = TOP_LEFT,  [PANE_OBJECTIVES] = BOTTOM_LEFT, [PANE_MODEL] = TOP_LEFT,
    [PANE_SAMPLES] = TOP_LEFT, [PANE_DATA] = TOP_LEFT,          [PANE_BRANCHES] = BOTTOM_LEFT,
    [PANE_LOG] = BOTTOM_RIGHT, [PANE_PROMPT] = BOTTOM_RIGHT,
};

Focus focus_new(PaneId pane)
{
    Focus focus = {.pane = pane};
    for (int i = 0; i < PANE_COUNT; i++) focus.used[i] = (unsigned long)(PANE_COUNT - i);
    focus.used[PANE_PROMPT] = focus.used[PANE_LOG] + 1; /* the prompt stands where the log would be */
    focus_set(&focus, pane);
    return focus;
}

void focus_show(Focus *focus, PaneId pane)
{
    unsigned long latest = 0;
    for (int i = 0; i < PANE_COUNT; i++) latest = focus->used[i] > latest ? focus->used[i] : latest;
    focus->used[pane] = latest + 1;
}

void focus_set(Focus *focus, PaneId pane)
{
    focus_show(focus, pane);
    focus->pane = pane;
}

static void place_panes(Layout *layout, const int *places, const Rect *rects, const Focus *focus)
{
    for (int place = 0; place < PLACES; place++) {
        int shown = -1;
        for (int i = 0; i < PANE_COUNT; i++)
            if (places[i] == place && (shown < 0 || focus->used[i] > focus->used[shown])) shown = i;
        if (shown >= 0) layout->panes[shown] = rects[place];
    }
}

static void split_small(Layout *layout, Rect inside, const Focus *focus)
{
    int top = (inside.height * 3 + 2) / 5, left = inside.width * 19 / 40;
    Rect rects[PLACES] = {
        [TOP_LEFT] = {inside.x, inside.y, inside.width, top},
        [BOTTOM_LEFT] = {inside.x, inside.y + top, left, inside.height - top},
        [BOTTOM_RIGHT] = {inside.x + left, inside.y + top, inside.width - left, inside.height - top},
    };
    place_panes(layout, small_places, rects, focus);
}

static void split_wide(Layout *layout, Rect inside, const Focus *focus)
{
    int top = inside.height * 2 / 3, left = inside.width * 2 / 3, half = inside.width / 2;
    Rect rects[PLACES] = {
        [TOP_LEFT] = {inside.x, inside.y, left, top},
        [TOP_RIGHT] = {inside.x + left, inside.y, inside.width - left, top},
        [BOTTOM_LEFT] = {inside.x, inside.y + top, half, inside.height - top},
        [BOTTOM_RIGHT] = {inside.x + half, inside.y + top, inside.width - half, inside.height - top},
    };
    place_panes(layout, wide_places, rects, focus);
}

static void split_large(Layout *layout, Rect inside, const Focus *focus)
{
    int top = inside.height * 2 / 3, third = inside.width / 3, left = inside.width - third, half = top / 2;
    int middle = left / 2, low = inside.height - top;
    Rect rects[PLACES] = {
        [TOP_LEFT] = {inside.x, inside.y, left, top},
        [TOP_RIGHT] = {inside.x + left, inside.y, third, half},
        [MIDDLE_RIGHT] = {inside.x + left, inside.y + half, third, top - half},
        [BOTTOM_LEFT] = {inside.x, inside.y + top, middle, low},
        [BOTTOM_MIDDLE] = {inside.x + middle, inside.y + top, left - middle, low},
        [BOTTOM_RIGHT] = {inside.x + left, inside.y + top, third, low},
    };
    place_panes(layout, large_places, rects, focus);
}

Layout layout_make(int width, int height, const Focus *focus)
{
    Layout layout = {.framed = width >= 24 && height >= 8};
    int title = height >= 3, keys = height >= 5;
    Rect inside = {0, title, width, height - title - keys};
    if (title) layout.title = (Rect){0, 0, width, 1};
    if (keys) layout.keys = (Rect){0, height - 1, width, 1};
    if (focus->zoomed || width < SMALL_WIDTH || height < SMALL_HEIGHT)
        layout.panes[focus->pane] = inside;
    else if (width < WIDE_WIDTH || height < WIDE_HEIGHT)
        split_small(&layout, inside, focus);
    else if (width < LARGE_WIDTH || height < LARGE_HEIGHT)
        split_wide(&layout, inside, focus);
    else
        split_large(&layout, inside, focus);
    return layout;
}
