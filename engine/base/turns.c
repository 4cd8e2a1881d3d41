/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/turns.h"

#include <stddef.h>

static _Thread_local struct {
    void (*serve)(void *context);
    void *context;
} taker;

void turns_set(void (*serve)(void *context), void *context)
{
    taker.serve = serve;
    taker.context = context;
}

void turns_give(void)
{
    if (taker.serve) taker.serve(taker.context);
}

bool turns_wanted(void)
{
    return taker.serve != NULL;
}
