/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The start screen: recipes, a form for the parameters of one, recent runs. Without terminal and without files:
 * whoever runs it fills the lists and answers through the port. Plain values. */
#ifndef LATHE_WORKBENCH_START_H
#define LATHE_WORKBENCH_START_H

#include "tui/workbench/field.h"

enum { START_ITEMS = 64, START_PARAMS = 64, START_TEXT = 512, START_PATH = 512 };

typedef enum StartKind { START_RECIPE, START_LIVE_RUN, START_STOPPED_RUN, START_FINISHED_RUN } StartKind;

typedef struct StartItem {
    StartKind kind;
    char name[96], path[START_PATH], doc[START_TEXT];
} StartItem;

typedef struct StartParam {
    char name[64], value[START_TEXT], standard[START_TEXT], range[128], doc[START_TEXT];
} StartParam;

typedef enum StartChoice { START_NOTHING, START_LEAVE, START_TRAIN, START_OPEN } StartChoice;

typedef struct StartPort {
    /* Fills the form of the recipe of the item. */
    Status (*form)(void *context, int item) STATUS_CHECKED;
    /* Checks a value of the form's recipe. */
    Status (*set)(void *context, const char *name, const char *value) STATUS_CHECKED;
    void *context;
} StartPort;

typedef struct Start {
    StartPort port;
    StartItem items[START_ITEMS];
    StartParam params[START_PARAMS];
    int item_count, param_count, row, param_row;
    bool form, editing; /* the form of items[row] is open; a value of it is being typed */
    Field field;
    char note[START_TEXT];
    StartChoice choice;
} Start;

void start_key(Start *start, const Key *key, const char *pasted);
void start_draw(const Start *start, Grid *grid, int *x, int *y);

#endif
