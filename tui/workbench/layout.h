/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which panes are on the screen, and where: a function of its size and of the order in which panes had the keys.
 * Plain values. */
#ifndef LATHE_WORKBENCH_LAYOUT_H
#define LATHE_WORKBENCH_LAYOUT_H

#include "tui/workbench/grid.h"

typedef enum PaneId {
    PANE_CURVES,
    PANE_OBJECTIVES,
    PANE_MODEL,
    PANE_SAMPLES,
    PANE_DATA,
    PANE_BRANCHES,
    PANE_LOG,
    PANE_PROMPT,
    PANE_COUNT
} PaneId;

typedef struct Focus {
    PaneId pane;
    bool zoomed;                    /* alone on the screen */
    unsigned long used[PANE_COUNT]; /* when each last had the keys: the later, the larger */
} Focus;

/* Rectangles do not overlap and lie inside of the screen; a pane that is not shown has width 0. The pane of the
 * focus is always shown. */
typedef struct Layout {
    Rect title, keys; /* height 0: there is no room */
    Rect panes[PANE_COUNT];
    bool framed;
} Layout;

Focus focus_new(PaneId pane);
void focus_set(Focus *focus, PaneId pane);
/* Puts the pane in its place on the screen; the keys stay where they are. */
void focus_show(Focus *focus, PaneId pane);
Layout layout_make(int width, int height, const Focus *focus);

#endif
