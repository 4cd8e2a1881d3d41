/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be done in the panes on objectives, model, samples and data: for the table of actions. A '_line' is the
 * line of Lua that the key would send now. */
#ifndef LATHE_WORKBENCH_ACTIONS_PANES_H
#define LATHE_WORKBENCH_ACTIONS_PANES_H

#include "tui/workbench/workbench.h"

/* Moves the selected row, or what is in sight of a text, in the pane of the focus. */
void move_by(Workbench *workbench, int by);

void toggle_line(const View *view, Buffer *out);
void edit_line(const View *view, Buffer *out);
void ask_weight(Workbench *workbench);
void remove_line(const View *view, Buffer *out);
void ask_removal(Workbench *workbench);
void form_add_objective(Workbench *workbench);
void form_objective(Workbench *workbench);
void form_optimizer(Workbench *workbench);
void form_schedule(Workbench *workbench);
void form_prune(Workbench *workbench);
void form_adapt(Workbench *workbench);

void open_module(Workbench *workbench);
void close_module(Workbench *workbench);
void freeze_line(const View *view, Buffer *out);
void exact_shares_line(const View *view, Buffer *out);
void sort_model(Workbench *workbench);
void filter_model(Workbench *workbench);
void more_columns(Workbench *workbench);
void fewer_columns(Workbench *workbench);
void show_spread(Workbench *workbench);
void show_attention(Workbench *workbench);
void layer_before(Workbench *workbench);
void layer_behind(Workbench *workbench);
void ask_attention_text(Workbench *workbench);
void model_back(Workbench *workbench);

void page_before(Workbench *workbench);
void page_behind(Workbench *workbench);
void freeze_page(Workbench *workbench);
void ask_sample(Workbench *workbench);
void forget_sample(Workbench *workbench);
void take_sample(Workbench *workbench, const char *text);

#endif
