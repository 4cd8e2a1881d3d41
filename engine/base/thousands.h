/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole numbers as people read them. */
#ifndef LATHE_BASE_THOUSANDS_H
#define LATHE_BASE_THOUSANDS_H

#include <stdint.h>

enum { THOUSANDS_BYTES = 32 };

/* "1,204,000". Returns out, which has THOUSANDS_BYTES. */
const char *thousands(int64_t value, char *out);

#endif
