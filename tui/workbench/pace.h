/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How fast a run trains, from its reports: tokens a second over the last steps, the time that is left over the last
 * minutes. Plain values. */
#ifndef LATHE_WORKBENCH_PACE_H
#define LATHE_WORKBENCH_PACE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Pace {
    bool begun;
    double time; /* of the last report */
    int64_t step;
    double seconds, steps; /* of the last minutes, the older the less */
    double rate;           /* tokens a second; NaN: not known */
} Pace;

/* A report: at 'time' the run had done 'step'; its last step took so many tokens and seconds. */
void pace_take(Pace *pace, double time, int64_t step, double tokens, double seconds);
/* Something else than training goes on: the time until the next report says nothing. */
void pace_pause(Pace *pace);
/* Seconds up to the last step; NaN: not known. */
double pace_left(const Pace *pace, int64_t steps);
/* Tokens a second; NaN: not known, or there are none. */
double pace_rate(const Pace *pace);

#endif
