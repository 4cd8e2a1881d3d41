/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The terminal: shows grids, gives bytes. screen_curses.c is the only file that talks to ncurses. There is one
 * screen; whoever opens it closes it, and it is closed as well by exit() and by a crash: then the terminal is as it
 * was, and what was written to standard output and standard error meanwhile is printed. */
#ifndef LATHE_WORKBENCH_SCREEN_H
#define LATHE_WORKBENCH_SCREEN_H

#include "tui/workbench/grid.h"

/* Whether standard input and output are a terminal that is known and can do more than print. */
bool screen_possible(void);
/* Takes over the terminal of standard input and output. Errors: it is none; TERM is not known. */
Status screen_open(void) STATUS_CHECKED;
void screen_close(void);
/* Gives the terminal back, stops the process, and comes back when it is continued. */
void screen_suspend(void);

/* Whether UTF-8 can be shown, and how many colours. */
bool screen_utf8(void);
void screen_size(int *width, int *height);
/* After the size has changed, or something else wrote on the terminal: all is drawn again. */
void screen_refresh(void);
/* x, y: the cursor; hidden where they are negative. */
void screen_show(const Grid *grid, int x, int y);
void screen_theme(int number);
void screen_mouse(bool on);

/* The descriptor that keys are read from. */
int screen_input(void);
/* What was written to standard output and standard error since the last call. */
Status screen_held(Buffer *out) STATUS_CHECKED;

#endif
