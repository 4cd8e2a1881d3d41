/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/cancel.h"

#include <stdatomic.h>

static atomic_int requested, line_requested, line_inside;

void cancel_request(void)
{
    atomic_store(&requested, 1);
}

void cancel_clear(void)
{
    atomic_store(&requested, 0);
}

int cancel_requested(void)
{
    return atomic_load_explicit(&requested, memory_order_relaxed) ||
           (atomic_load_explicit(&line_inside, memory_order_relaxed) &&
            atomic_load_explicit(&line_requested, memory_order_relaxed));
}

int cancel_training_requested(void)
{
    return atomic_load_explicit(&requested, memory_order_relaxed);
}

void cancel_line_enter(void)
{
    atomic_store(&line_requested, 0);
    atomic_store(&line_inside, 1);
}

void cancel_line_request(void)
{
    atomic_store(&line_requested, 1);
}

void cancel_line_leave(void)
{
    atomic_store(&line_inside, 0);
    atomic_store(&line_requested, 0);
}

Status cancel_check(void)
{
    return cancel_requested() ? status_fail(STATUS_CANCELLED, "interrupted") : STATUS_OK;
}
