/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts that the run made of itself, one at a time on the screen: samples, whose older ones are kept, and batches.
 * A line without indent is a heading; one with four spaces is a detail of the one above. pages_free() frees them.
 */
#ifndef LATHE_WORKBENCH_PAGES_H
#define LATHE_WORKBENCH_PAGES_H

#include "engine/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAGES_KEPT = 64 };

typedef struct Page {
    int64_t step;
    char *text;
} Page;

typedef struct Pages {
    Page list[PAGES_KEPT]; /* in order of steps */
    int count, at;         /* at: the page that is shown, where it is not the newest one */
    bool turned;           /* an older one is shown */
    bool frozen;           /* nothing new is asked for */
} Pages;

/* Adds the newest, in place of one of the same step; those of later steps go, since the run went back. Where there
 * are too many, every second one goes. */
Status pages_add(Pages *pages, int64_t step, const char *text) STATUS_CHECKED;
/* What is shown; NULL: there is none yet. */
const Page *pages_shown(const Pages *pages);
/* To an older (-1) or newer (1) page; behind the newest one the newest is followed again. */
void pages_turn(Pages *pages, int by);
void pages_clear(Pages *pages);

#endif
