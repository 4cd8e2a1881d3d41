/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/thousands.h"

#include <inttypes.h>
#include <stdio.h>

const char *thousands(int64_t value, char *out)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRId64, value), used = 0;
    for (int i = 0; i < length; i++) {
        if (i && digits[i - 1] != '-' && (length - i) % 3 == 0) out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
    return out;
}
