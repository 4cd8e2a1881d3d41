/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What keys do on the selected row of the branches. */
#ifndef LATHE_WORKBENCH_BRANCHES_KEYS_H
#define LATHE_WORKBENCH_BRANCHES_KEYS_H

#include "tui/workbench/workbench.h"

/* To the end of a branch at once; to an edit or a snapshot by a line that is shown first. */
void branches_go(Workbench *workbench);
void branches_go_line(const View *view, Buffer *out);
void branches_open(Workbench *workbench);
/* Closes it, or goes up to the branch that it stands on. */
void branches_close(Workbench *workbench);
void branches_compare_line(const View *view, Buffer *out);
/* Its row, where it is known. */
void branches_select(View *view, const char *name);
void branches_overlay(Workbench *workbench);
void branches_rename(Workbench *workbench);
void branches_delete(Workbench *workbench);
void branches_delete_line(const View *view, Buffer *out);

#endif
