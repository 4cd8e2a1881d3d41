/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Moving over the curves: zoom, pan, crosshair. */
#ifndef LATHE_WORKBENCH_CURVES_KEYS_H
#define LATHE_WORKBENCH_CURVES_KEYS_H

#include "tui/workbench/view.h"

/* factor below 1 shows less, around the crosshair or the middle. */
void curves_zoom(View *view, double factor);
/* By a part of what is in sight. */
void curves_pan(View *view, double part);
/* Moves the crosshair by so many columns of an assumed width; shows it where it was hidden. */
void curves_move(View *view, int columns);
void curves_live(View *view);
/* The mouse over the pane's rectangle. */
void curves_wheel(View *view, const Rect *pane, int x, bool closer);
void curves_point(View *view, const Rect *pane, bool framed, int x);
/* Shows or hides a metric. */
void curves_toggle(View *view, const char *name);

#endif
