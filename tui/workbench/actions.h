/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The registry of what a person can do: keys, palette, help and the line of keys derive from it. What changes the
 * run is a line of Lua. Constant data. */
#ifndef LATHE_WORKBENCH_ACTIONS_H
#define LATHE_WORKBENCH_ACTIONS_H

#include "tui/workbench/workbench.h"

enum { EVERYWHERE = 0, ACTIONS_MOST = 256, ACTION_CURSOR = '|' };

typedef struct Action {
    const char *name, *keys; /* keys: names separated by spaces, as key_name() gives them; "" for none */
    unsigned panes;          /* bits 1 << PaneId; EVERYWHERE */
    const char *label;       /* for the line of keys; NULL: not there */
    const char *doc;
    /* The line that is sent; with ACTION_CURSOR in it one that is finished by hand first, there. NULL: it does not
     * touch the run, or depends on what is selected. */
    const char *lua;
    void (*run)(Workbench *workbench);           /* NULL: lua is sent */
    void (*line)(const View *view, Buffer *out); /* the line that it would send now; NULL: lua */
} Action;

/* What there is: the table of actions.list.h, as init.lua changed it (tui/workbench/actions_user.c). */
extern Action actions[ACTIONS_MOST];
extern int action_count;

/* Gives the command these keys alone; those with which they would clash lose them. Errors: there is no such command
 * (with the nearest) or key. */
Status actions_bind(const char *name, const char *keys) STATUS_CHECKED;
/* One more command, a line of Lua. Errors: the name is taken; no such key; too many. */
Status actions_add(const char *name, const char *keys, unsigned panes, const char *label, const char *doc,
                   const char *lua) STATUS_CHECKED;
/* As the table has it. */
void actions_reset(void);
int actions_builtin(Action *out);

/* All of the table, pane by pane, as text for help("keys") and with man's marks for the manual page. */
Status actions_help(Buffer *out) STATUS_CHECKED;
Status actions_manual(Buffer *out) STATUS_CHECKED;

/* What the key does with the focus where it is; NULL: nothing. The pane's own actions come first. */
const Action *action_of_key(const char *key, PaneId pane);
/* The first of its keys that does it in this pane; "" where none does. out: at least 16 bytes. */
const char *action_key(const Action *action, PaneId pane, char *out);
/* The i-th whose name, doc, line or pane holds the words of the filter, those that the pane has first; all: those
 * of other panes too. NULL: there are not so many. */
const Action *action_found(const char *filter, PaneId pane, bool all, int i);
/* The first pane that has it, -1: all have. */
int action_pane(const Action *action);
/* The line of Lua that it would send now, "" where it sends none. */
void action_line(const Action *action, const View *view, Buffer *out);
void action_run(const Action *action, Workbench *workbench);

#endif
