/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/cancel.h"

#include <stdatomic.h>

static atomic_int requested;

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
    return atomic_load_explicit(&requested, memory_order_relaxed);
}

Status cancel_check(void)
{
    return cancel_requested() ? status_fail(STATUS_CANCELLED, "interrupted") : STATUS_OK;
}
