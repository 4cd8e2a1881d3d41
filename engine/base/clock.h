/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Time, for reports only: it never enters the state. */
#ifndef LATHE_BASE_CLOCK_H
#define LATHE_BASE_CLOCK_H

/* Seconds of the monotonic clock. */
double clock_seconds(void);

#endif
