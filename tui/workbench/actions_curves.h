/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What keys do in the curves pane, for actions.list.h. */
#ifndef LATHE_WORKBENCH_ACTIONS_CURVES_H
#define LATHE_WORKBENCH_ACTIONS_CURVES_H

#include "tui/workbench/workbench.h"

void action_choose_metrics(Workbench *workbench);
void action_choose_overlays(Workbench *workbench);
void action_crosshair_left(Workbench *workbench);
void action_crosshair_right(Workbench *workbench);
void action_crosshair_far_left(Workbench *workbench);
void action_crosshair_far_right(Workbench *workbench);
void action_crosshair_first(Workbench *workbench);
void action_crosshair_last(Workbench *workbench);
void action_crosshair_off(Workbench *workbench);
void action_next_mark(Workbench *workbench);
void action_previous_mark(Workbench *workbench);
void action_open_mark(Workbench *workbench);
void action_zoom_in(Workbench *workbench);
void action_zoom_out(Workbench *workbench);
void action_whole(Workbench *workbench);
void action_pan_left(Workbench *workbench);
void action_pan_right(Workbench *workbench);
void action_live(Workbench *workbench);
void action_zoom_in_values(Workbench *workbench);
void action_zoom_out_values(Workbench *workbench);
void action_pan_up(Workbench *workbench);
void action_pan_down(Workbench *workbench);
void action_all_values(Workbench *workbench);
void action_log_y(Workbench *workbench);
void action_log_x(Workbench *workbench);
void action_unit(Workbench *workbench);
void action_smooth_more(Workbench *workbench);
void action_smooth_less(Workbench *workbench);
void action_dots(Workbench *workbench);

/* The line that goes back to the crosshair's step, by way of the branch that has it; nothing without a crosshair.
 */
void action_rewind_line(const View *view, Buffer *out);
void action_branch_there_line(const View *view, Buffer *out);
void action_rewind(Workbench *workbench);
void action_branch_there(Workbench *workbench);

#endif
