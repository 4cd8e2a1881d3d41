/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The workbench without terminal and without run: keys go in, the view changes, lines of Lua come out through the
 * port. */
#ifndef LATHE_WORKBENCH_WORKBENCH_H
#define LATHE_WORKBENCH_WORKBENCH_H

#include "tui/workbench/keys.h"
#include "tui/workbench/view.h"

typedef struct Workbench Workbench;

/* What the workbench asks of whoever runs it; each must be given. */
typedef struct Port {
    void (*send)(void *context, const char *line);    /* a line of Lua to the run */
    void (*interrupt)(void *context);                 /* the line that runs */
    void (*type)(void *context, const Key *key);      /* a key for the prompt's line */
    void (*paste)(void *context, const char *text);   /* into the prompt's line */
    void (*put)(void *context, const char *line);     /* the prompt's line, to be completed by hand */
    void (*overlay)(void *context, const char *name); /* draw the curves of a branch too, or no more */
    void (*overlay_run)(void *context, const char *path);
    void (*find_runs)(void *context); /* fill view.beside */
    void (*suspend)(void *context);
    void (*resume)(void *context);    /* go on with a run that is over */
    void (*end_start)(void *context); /* end a run that is being started */
    void *context;
} Port;

struct Workbench {
    View view;
    Port port;
    int width, height; /* of the last drawing */
    const Grid *grid;  /* borrowed: what clicks refer to; NULL: nothing was drawn */
    bool leaving;
};

Status workbench_init(Workbench *workbench, const Port *port) STATUS_CHECKED;
void workbench_free(Workbench *workbench);

void workbench_key(Workbench *workbench, const Key *key, const char *pasted);
/* Draws at this size, which keys and clicks refer to from then on. */
Status workbench_draw(Workbench *workbench, Grid *grid, int width, int height, int *x, int *y) STATUS_CHECKED;

/* Sends a line and shows it in the prompt's pane. */
void workbench_send(Workbench *workbench, const char *line);
void workbench_note(Workbench *workbench, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Opens a field: what is typed goes to where 'use' says. */
void workbench_ask(Workbench *workbench, FieldUse use, const char *question, const char *text);

/* Keys of the open field (tui/workbench/overlays.c). */
void overlay_key(Workbench *workbench, const Key *key, const char *pasted);
/* What is asked of somebody who leaves, by what the run does; NULL: nothing. */
const char *overlay_leave_question(const View *view);
/* The question of leaving follows what the run does meanwhile; it is gone where nothing is to be asked any more. */
void overlay_settle(Workbench *workbench);
void overlay_draw(const View *view, Area area, int *x, int *y);
/* Of the open form. */
bool overlay_has_form(const View *view);
void overlay_form_key(Workbench *workbench, const Key *key, const char *pasted);
void overlay_form_draw(const View *view, Area area, int *x, int *y);
/* A click on a row of the open list, from 0; -1: beside it. */
void overlay_click(Workbench *workbench, int row);

#endif
