/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Learning-rate schedules, a record each (schedules.list): a factor in [0, 1] of the base rate as a pure function
 * of the step. Each warms up linearly first. Plain values; nobody frees anything. */
#ifndef LATHE_OPTIM_SCHEDULE_H
#define LATHE_OPTIM_SCHEDULE_H

#include "engine/base/option.h"

/* Every schedule has these fields first. */
typedef struct ScheduleConfig {
    double warmup;  /* share of all steps, or a number of steps where it is 1 or more */
    double minimum; /* factor at the end */
    double decay;   /* wsd: share of all steps at the end in which the rate falls */
} ScheduleConfig;

typedef struct ScheduleRecord {
    const char *name, *doc, *source;
    const Option *options;
    /* After the warm-up; progress in [0, 1] from its end to the last step. */
    double (*factor)(const ScheduleConfig *config, double progress);
} ScheduleRecord;

typedef struct Schedule {
    const ScheduleRecord *record;
    ScheduleConfig config;
} Schedule;

/* The factor for the step (from 0) of total steps. */
double schedule_factor(const Schedule *schedule, int64_t step, int64_t total);

extern const ScheduleRecord *const schedule_records[];
extern const int schedule_record_count;
const ScheduleRecord *schedule_record_find(const char *name);

#endif
