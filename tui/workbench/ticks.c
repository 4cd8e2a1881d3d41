/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/ticks.h"

#include "tui/workbench/numbers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

double ticks_round(double value)
{
    double power = pow(10, floor(log10(value) + 1e-9)), part = value / power;
    return power * (part <= 1 + 1e-9 ? 1 : part <= 2 + 1e-9 ? 2 : part <= 5 + 1e-9 ? 5 : 10);
}

/* Seconds: parts of a minute and of an hour are round there. */
static double clock_step(double least)
{
    static const double steps[] = {1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600};
    if (least < 1) return ticks_round(least);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i] >= least) return steps[i];
    return 3600 * ticks_round(least / 3600);
}

static double step_of(TicksKind kind, double least)
{
    if (kind == TICKS_CLOCK) return clock_step(least);
    return ticks_round(kind == TICKS_COUNTS && least < 1 ? 1 : least);
}

static Ticks make_linear(TicksKind kind, double low, double high, int most)
{
    Ticks ticks = {.kind = kind};
    double least = high / most - low / most;
    if (!(least > 0) || !isfinite(least)) return ticks;
    ticks.step = step_of(kind, least);
    double slack = 1e-9 * ticks.step;
    for (double n = ceil((low - slack) / ticks.step); ticks.count < most; n++) {
        double at = n * ticks.step + 0.0; /* no -0 */
        if (!(at <= high + slack)) break;
        ticks.at[ticks.count++] = at;
    }
    return ticks;
}

/* Powers of ten, each 'every'-th of them; with the factors between where these are few. */
static int put_decades(double low, double high, const double *factors, int factor_count, int every, Ticks *out)
{
    out->count = 0;
    for (double power = floor(log10(low)); power <= log10(high); power++) {
        if (fmod(power, every) != 0) continue;
        for (int i = 0; i < factor_count; i++) {
            double at = factors[i] * pow(10, power);
            if (at < low * (1 - 1e-9) || at > high * (1 + 1e-9)) continue;
            if (out->count == TICKS_MOST) return TICKS_MOST + 1;
            out->at[out->count++] = at;
        }
    }
    return out->count;
}

static Ticks make_log(TicksKind kind, double low, double high, int most)
{
    static const double factors[] = {1, 2, 5}, one[] = {1};
    Ticks ticks = {.kind = kind, .log = true};
    if (high / low < 10) return make_linear(kind, low, high, most);
    if (put_decades(low, high, factors, 3, 1, &ticks) <= most) return ticks;
    for (int every = 1; every < 1000; every++)
        if (put_decades(low, high, one, 1, every, &ticks) <= most) break;
    return ticks;
}

Ticks ticks_make(TicksKind kind, bool log, double low, double high, int most)
{
    if (most > TICKS_MOST) most = TICKS_MOST;
    if (most < 1) return (Ticks){.kind = kind};
    return log ? make_log(kind, low, high, most) : make_linear(kind, low, high, most);
}

/* --- labels --- */

/* Digits behind the point that a distance needs. */
static int digits_of(double step)
{
    int digits = (int)ceil(-log10(step) - 1e-9);
    return digits > 0 ? digits : 0;
}

static const char *clock_label(double value, double step, char *out)
{
    if (step >= 1) return number_time(value, out);
    snprintf(out, NUMBER_BYTES, "%.*fs", digits_of(step), value);
    return out;
}

static const char *count_label(double value, double step, char *out)
{
    static const struct Unit {
        double size;
        const char *letter;
    } units[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e5, "K"}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        double unit = units[i].size == 1e5 ? 1e3 : units[i].size;
        if (value < units[i].size || digits_of(step / unit) > 2) continue;
        snprintf(out, NUMBER_BYTES, "%.*f%s", digits_of(step / unit), value / unit, units[i].letter);
        return out;
    }
    return number_count((int64_t)(value + 0.5), out);
}

/* By the largest one, so that all are written alike. */
static const char *value_label(const Ticks *ticks, double value, double step, char *out)
{
    double size = fabs(value), largest = size;
    for (int i = 0; i < ticks->count && !ticks->log; i++) largest = fmax(largest, fabs(ticks->at[i]));
    if (size < step * 1e-6) return strcpy(out, "0");
    if (largest >= 1e6 || largest < 1e-2) return number_short(value, out);
    snprintf(out, NUMBER_BYTES, "%.*f", digits_of(step), value);
    return out;
}

const char *ticks_label(const Ticks *ticks, double value, char *out)
{
    double step = ticks->log ? fabs(value) : ticks->step;
    if (ticks->kind == TICKS_CLOCK) return clock_label(value, ticks->log && value >= 1 ? 1 : step, out);
    if (ticks->kind == TICKS_COUNTS) return count_label(value, step, out);
    return value_label(ticks, value, step, out);
}
