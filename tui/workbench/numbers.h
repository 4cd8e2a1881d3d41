/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers in little room. Each writes into out (NUMBER_BYTES) and returns it. */
#ifndef LATHE_WORKBENCH_NUMBERS_H
#define LATHE_WORKBENCH_NUMBERS_H

#include <stdint.h>

enum { NUMBER_BYTES = 32 };

/* Three or four digits that matter: "3.871", "0.0412", "4.3e-3", "1.2e6", "nan", "-inf". */
const char *number_short(double value, char *out);
/* As many digits as fit into so many columns, at least 5 of them; never a wrong beginning or sign. */
const char *number_fit(double value, int columns, char *out);
/* "1,204" */
const char *number_count(int64_t value, char *out);
/* "1.1M", "263K", "512" */
const char *number_big(double value, char *out);
/* "5:37", "1:02:10" */
const char *number_time(double seconds, char *out);
/* "412 MB" */
const char *number_bytes(double bytes, char *out);

#endif
