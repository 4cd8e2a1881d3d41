/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The start screen: recipes, a form for the parameters of one, recent runs. Without terminal and without files:
 * whoever runs it fills the lists and answers through the port. Plain values, but for the form, which start_free()
 * frees. */
#ifndef LATHE_WORKBENCH_START_H
#define LATHE_WORKBENCH_START_H

#include "tui/workbench/form.h"

enum { START_ITEMS = 64, START_TEXT = 512, START_PATH = 512 };

typedef enum StartKind { START_RECIPE, START_LIVE_RUN, START_STOPPED_RUN, START_FINISHED_RUN } StartKind;

/* How long a recipe takes here. */
typedef struct StartTime {
    double seconds;           /* 0: not known */
    bool asking;              /* it is being measured */
    char trouble[START_TEXT]; /* why it cannot be trained like that; "": nothing is known against it */
} StartTime;

typedef struct StartItem {
    StartKind kind;
    char name[96], path[START_PATH], doc[START_TEXT];
    StartTime time;
} StartItem;

typedef enum StartChoice {
    START_NOTHING,
    START_LEAVE,
    START_TRAIN,
    START_OPEN,  /* the selected run, as it is */
    START_RESUME /* the selected run, training on */
} StartChoice;

typedef struct Start Start;

typedef struct StartPort {
    /* Fills start->form for the recipe of the item, its port included. */
    Status (*form)(void *context, int item) STATUS_CHECKED;
    /* Called several times a second: how long things take may be known by now. NULL: it never is. */
    void (*tick)(void *context);
    void *context;
} StartPort;

struct Start {
    StartPort port;
    StartItem items[START_ITEMS];
    int item_count, row;
    bool filling, help; /* the form of items[row] is open; the keys are explained */
    Form form;
    StartTime time; /* of what the form says */
    char note[START_TEXT];
    StartChoice choice;
};

void start_free(Start *start);
void start_key(Start *start, const Key *key, const char *pasted);
void start_draw(const Start *start, Grid *grid, int *x, int *y);

#endif
