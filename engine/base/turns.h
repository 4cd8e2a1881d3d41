/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Turns: long work of a thread (a training step, the writing of a large file) lets somebody else have one every now
 * and then, at places where all that may be looked at is whole. */
#ifndef LATHE_BASE_TURNS_H
#define LATHE_BASE_TURNS_H

#include <stdbool.h>

/* From now on serve(context) is called at every turn that this thread gives; NULL: nobody takes them. It must not
 * touch what the work is about. */
void turns_set(void (*serve)(void *context), void *context);
/* Such a place. */
void turns_give(void);
/* Whether somebody takes this thread's turns. */
bool turns_wanted(void);

#endif
