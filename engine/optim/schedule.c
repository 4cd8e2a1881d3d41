/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/optim/schedule.h"

#include <math.h>
#include <string.h>

#define SCHEDULE(name) extern const ScheduleRecord schedule_##name;
#include "engine/optim/schedules.list"
#undef SCHEDULE

#define SCHEDULE(name) &schedule_##name,
const ScheduleRecord *const schedule_records[] = {
#include "engine/optim/schedules.list"
};
#undef SCHEDULE

const int schedule_record_count = sizeof schedule_records / sizeof *schedule_records;

const ScheduleRecord *schedule_record_find(const char *name)
{
    for (int i = 0; i < schedule_record_count; i++)
        if (strcmp(schedule_records[i]->name, name) == 0) return schedule_records[i];
    return NULL;
}

double schedule_factor(const Schedule *schedule, int64_t step, int64_t total)
{
    const ScheduleConfig *config = &schedule->config;
    double warm = config->warmup < 1 ? floor(config->warmup * (double)total) : config->warmup;
    double at = (double)step;
    if (at < warm) return (at + 1) / (warm + 1);
    double left = (double)total - warm;
    double progress = left > 0 ? (at - warm) / left : 1;
    return schedule->record->factor(config, progress < 1 ? progress : 1);
}

#define WARMUP                                                                                                     \
    OPTION_NUMBER_FIELD(ScheduleConfig, warmup, 0, 0, 1e12, "warm-up: share of the steps, or steps from 1 on")
#define MINIMUM OPTION_NUMBER_FIELD(ScheduleConfig, minimum, 0, 0, 1, "share of the rate that is left at the end")

static const Option constant_options[] = {WARMUP, {0}};
static const Option falling_options[] = {WARMUP, MINIMUM, {0}};
static const Option wsd_options[] = {
    WARMUP,
    MINIMUM,
    OPTION_NUMBER_FIELD(ScheduleConfig, decay, 0.2, 0, 1, "share of the steps in which the rate falls"),
    {0}};

static double constant_factor(const ScheduleConfig *config, double progress)
{
    (void)config;
    (void)progress;
    return 1;
}

static double linear_factor(const ScheduleConfig *config, double progress)
{
    return 1 - (1 - config->minimum) * progress;
}

static double cosine_factor(const ScheduleConfig *config, double progress)
{
    return config->minimum + (1 - config->minimum) * 0.5 * (1 + cos(3.14159265358979323846 * progress));
}

static double wsd_factor(const ScheduleConfig *config, double progress)
{
    double start = 1 - config->decay;
    if (progress <= start || config->decay <= 0) return 1;
    return 1 - (1 - config->minimum) * (progress - start) / config->decay;
}

const ScheduleRecord schedule_constant = {.name = "constant",
                                          .doc = "The same rate from the warm-up to the end.",
                                          .options = constant_options,
                                          .factor = constant_factor};
const ScheduleRecord schedule_linear = {.name = "linear",
                                        .doc = "Falls in a straight line to the minimum.",
                                        .options = falling_options,
                                        .factor = linear_factor};
const ScheduleRecord schedule_cosine = {.name = "cosine",
                                        .doc = "Falls along half a cosine to the minimum.",
                                        .source = "Loshchilov, Hutter 2017, SGDR",
                                        .options = falling_options,
                                        .factor = cosine_factor};
const ScheduleRecord schedule_wsd = {.name = "wsd",
                                     .doc =
                                         "Warm-up, stable, decay: constant, then a straight fall in the last part.",
                                     .source = "Hu et al. 2024, MiniCPM",
                                     .options = wsd_options,
                                     .factor = wsd_factor};
