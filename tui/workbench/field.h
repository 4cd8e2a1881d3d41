/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A line of text that is typed somewhere on the screen: a filter, a name, a value. Plain values. */
#ifndef LATHE_WORKBENCH_FIELD_H
#define LATHE_WORKBENCH_FIELD_H

#include "tui/workbench/grid.h"
#include "tui/workbench/keys.h"

enum { FIELD_BYTES = 512 };

typedef struct Field {
    char text[FIELD_BYTES];
    int length, cursor; /* in bytes, at the beginning of a character */
    bool replaces;      /* what is typed first takes the place of the text */
} Field;

void field_set(Field *field, const char *text);
/* The same for an old value, which one more often replaces than changes; an arrow, or deleting, begins to change
 * it. */
void field_offer(Field *field, const char *text);
/* Letters, arrows, deleting; false: the key means nothing here. */
bool field_key(Field *field, const Key *key);
/* Inserts what fits, in place of an offered text; newlines become spaces. */
void field_insert(Field *field, const char *text);
/* The part around the cursor; *cursor: its column in the area. */
void field_draw(const Field *field, Area area, int x, int y, int *cursor);

#endif
