/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/numbers.h"

#include "engine/base/thousands.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* "7.30e-04" to "7.3e-4" */
static void shorten_exponent(char *text)
{
    char *e = strchr(text, 'e'), *digits = e + 1 + (e[1] == '-' || e[1] == '+');
    char exponent[8];
    snprintf(exponent, sizeof exponent, "e%s%s", e[1] == '-' ? "-" : "",
             digits + (digits[0] == '0' && digits[1] ? 1 : 0));
    char *end = e;
    while (end - 1 > text && end[-1] == '0' && memchr(text, '.', (size_t)(end - text))) end--;
    if (end > text && end[-1] == '.') end--;
    memmove(end, exponent, strlen(exponent) + 1);
}

const char *number_short(double value, char *out)
{
    double size = fabs(value);
    if (isnan(value)) return strcpy(out, "nan");
    if (isinf(value)) return strcpy(out, value > 0 ? "inf" : "-inf");
    if (size != 0 && (size < 1e-2 || size >= 1e5)) {
        snprintf(out, NUMBER_BYTES, "%.2e", value);
        shorten_exponent(out);
        return out;
    }
    int digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3;
    if (size != 0 && size < 0.1) digits = 4;
    snprintf(out, NUMBER_BYTES, "%.*f", digits, value);
    return out;
}

const char *number_fit(double value, int columns, char *out)
{
    number_short(value, out);
    for (int digits = 3; digits > 0 && (int)strlen(out) > columns && isfinite(value); digits--) {
        snprintf(out, NUMBER_BYTES, "%.*g", digits, value);
        if (strchr(out, 'e')) shorten_exponent(out);
    }
    return out;
}

const char *number_count(int64_t value, char *out)
{
    return thousands(value, out);
}

const char *number_big(double value, char *out)
{
    static const char letters[] = " KMGTP";
    int power = 0;
    while (fabs(value) >= 999.5 && power < 5) value /= 1000, power++;
    if (power == 0)
        snprintf(out, NUMBER_BYTES, "%.0f", value);
    else
        snprintf(out, NUMBER_BYTES, "%.*f%c", fabs(value) < 9.95 ? 1 : 0, value, letters[power]);
    return out;
}

const char *number_time(double seconds, char *out)
{
    if (!(seconds >= 0 && seconds < 1e8)) return strcpy(out, "?");
    long whole = (long)(seconds + 0.5);
    if (whole < 3600)
        snprintf(out, NUMBER_BYTES, "%ld:%02ld", whole / 60, whole % 60);
    else
        snprintf(out, NUMBER_BYTES, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    return out;
}

const char *number_bytes(double bytes, char *out)
{
    double size = bytes / 1e6;
    if (size < 1000)
        snprintf(out, NUMBER_BYTES, "%.0f MB", size);
    else
        snprintf(out, NUMBER_BYTES, "%.1f GB", size / 1000);
    return out;
}
