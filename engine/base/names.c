/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/names.h"

#include <stdbool.h>
#include <string.h>

enum { LONGEST = 63 };

static int smallest(int a, int b, int c)
{
    int least = a < b ? a : b;
    return least < c ? least : c;
}

int names_distance(const char *a, const char *b)
{
    size_t na = strnlen(a, LONGEST), nb = strnlen(b, LONGEST);
    int rows[3][LONGEST + 1]; /* of the last three prefixes of a */
    for (size_t j = 0; j <= nb; j++) rows[0][j] = (int)j;
    for (size_t i = 1; i <= na; i++) {
        int *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = (int)i;
        for (size_t j = 1; j <= nb; j++) {
            row[j] = smallest(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && above2[j - 2] + 1 < row[j]) row[j] = above2[j - 2] + 1;
        }
    }
    return rows[na % 3][nb];
}

const char *names_nearest(const char *name, const void *names, size_t count, size_t stride)
{
    const char *best = NULL;
    int length = (int)strnlen(name, LONGEST);
    int best_distance = (length + 2) / 3 + 1;
    if (best_distance > length) best_distance = length; /* something must be left of it */
    for (size_t i = 0; i < count; i++) {
        const char *candidate;
        memcpy(&candidate, (const char *)names + i * stride, sizeof candidate);
        if (!candidate) continue;
        int distance = names_distance(name, candidate);
        if (distance < best_distance) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}
