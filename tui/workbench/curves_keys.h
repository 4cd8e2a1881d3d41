/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Moving over the curves, as the pane stood when it was drawn last. */
#ifndef LATHE_WORKBENCH_CURVES_KEYS_H
#define LATHE_WORKBENCH_CURVES_KEYS_H

#include "tui/workbench/workbench.h"

/* factor below 1 shows less: of the end while the run is followed, else around the crosshair or the middle. */
void curves_zoom(Workbench *workbench, double factor);
/* By a part of what is in sight. */
void curves_pan(View *view, double part);
/* The same for the values: factor below 1 shows a smaller range; by: a part of it. */
void curves_zoom_values(Workbench *workbench, double factor, double by);
/* All values, or the usual ones. */
void curves_all_values(View *view);
/* The whole run, followed. */
void curves_whole(View *view);
/* Follows the run, or stays. */
void curves_live(View *view);
/* The next of what the axis can count. */
void curves_change_unit(View *view);
/* The next longer mean, or a shorter one. */
void curves_change_smoothing(View *view, bool longer);

/* Moves the crosshair by so many columns of the screen; shows it where it was hidden. */
void curves_move(Workbench *workbench, int columns);
/* Puts it on a step, which comes into sight. */
void curves_go(View *view, int64_t step);
/* The step of this run under it. */
int64_t curves_step(const View *view);

/* The mouse, at a column of the pane's inside: a click puts the crosshair there, on a mark where there is one; true
 * where it stood on that mark already. What was dragged over fills the pane. */
bool curves_click(Workbench *workbench, int x);
void curves_release(Workbench *workbench, int x);
void curves_wheel(Workbench *workbench, int x, bool closer);

/* Shows or hides a metric. */
void curves_toggle(View *view, const char *name);

#endif
