/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/pace.h"

#include <math.h>

static const double memory_seconds = 300, least_seconds = 0.5;

/* What lies back by memory_seconds counts a third. Evaluations and checkpoints are steps that take long: they come
 * again. */
static void count_steps(Pace *pace, double seconds, double steps)
{
    double keep = exp(-seconds / memory_seconds);
    pace->seconds = keep * pace->seconds + seconds;
    pace->steps = keep * pace->steps + steps;
}

void pace_take(Pace *pace, double time, int64_t step, double tokens, double seconds)
{
    double rate = tokens > 0 && seconds > 0 ? tokens / seconds : (double)NAN;
    bool known = pace->begun && pace->rate > 0 && !isnan(rate);
    pace->rate = known ? 0.9 * pace->rate + 0.1 * rate : rate;
    if (pace->begun && step > pace->step && time > pace->time)
        count_steps(pace, time - pace->time, (double)(step - pace->step));
    pace->begun = true;
    pace->time = time;
    pace->step = step;
}

void pace_pause(Pace *pace)
{
    pace->begun = false;
}

double pace_left(const Pace *pace, int64_t steps)
{
    if (pace->seconds < least_seconds || pace->steps <= 0) return (double)NAN;
    return pace->seconds / pace->steps * (double)(steps - pace->step);
}

double pace_rate(const Pace *pace)
{
    return pace->rate > 0 ? pace->rate : (double)NAN;
}
