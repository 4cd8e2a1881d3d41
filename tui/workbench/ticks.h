/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the numbers of an axis stand: at 1, 2 and 5 times powers of ten, on a clock at whole seconds, minutes and
 * hours. Plain values. */
#ifndef LATHE_WORKBENCH_TICKS_H
#define LATHE_WORKBENCH_TICKS_H

#include <stdbool.h>

enum { TICKS_MOST = 32 };

/* What is counted: anything, things (steps, tokens), seconds. */
typedef enum TicksKind { TICKS_VALUES, TICKS_COUNTS, TICKS_CLOCK } TicksKind;

typedef struct Ticks {
    TicksKind kind;
    bool log;
    int count;
    double at[TICKS_MOST]; /* ascending, in [low, high] */
    double step;           /* between two of them; of no meaning where log holds */
} Ticks;

/* At most 'most' of them. low < high, finite; log: powers of ten and what stands between, low > 0; what is less
 * than a decade has linear ones. */
Ticks ticks_make(TicksKind kind, bool log, double low, double high, int most);
/* The least of 1, 2 and 5 times a power of ten that is not below the value, which is positive. */
double ticks_round(double value);
/* A value with as many digits as the distance needs: "3.5", "4e-5"; "1,200", "1.5M"; "2:30". out: NUMBER_BYTES of
 * numbers.h. */
const char *ticks_label(const Ticks *ticks, double value, char *out);

#endif
