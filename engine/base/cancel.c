/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/cancel.h"

#include "engine/base/clock.h"

#include <stdatomic.h>

static const double moment = 0.2; /* seconds */

static atomic_int requested, line_requested, line_inside, callback_requested, callbacks;
static double callback_since; /* the engine thread's */

void cancel_request(void)
{
    atomic_store(&requested, 1);
}

void cancel_clear(void)
{
    atomic_store(&requested, 0);
}

static int callback_is_interrupted(void)
{
    return atomic_load_explicit(&callback_requested, memory_order_relaxed) &&
           atomic_load_explicit(&callbacks, memory_order_relaxed) && clock_seconds() - callback_since > moment;
}

int cancel_requested(void)
{
    return atomic_load_explicit(&requested, memory_order_relaxed) ||
           (atomic_load_explicit(&line_inside, memory_order_relaxed) &&
            atomic_load_explicit(&line_requested, memory_order_relaxed)) ||
           callback_is_interrupted();
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

void cancel_callback_enter(void)
{
    if (atomic_load(&callbacks) == 0) {
        callback_since = clock_seconds();
        atomic_store(&callback_requested, 0);
    }
    atomic_fetch_add(&callbacks, 1);
}

int cancel_callback_leave(void)
{
    int interrupted = callback_is_interrupted();
    if (atomic_fetch_sub(&callbacks, 1) == 1) atomic_store(&callback_requested, 0);
    return interrupted;
}

void cancel_callback_request(void)
{
    if (atomic_load(&callbacks)) atomic_store(&callback_requested, 1);
}

Status cancel_check(void)
{
    return cancel_requested() ? status_fail(STATUS_CANCELLED, "interrupted") : STATUS_OK;
}
