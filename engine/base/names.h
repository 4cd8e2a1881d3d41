/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finding the name that somebody probably meant. */
#ifndef LATHE_BASE_NAMES_H
#define LATHE_BASE_NAMES_H

#include <stddef.h>

/* Edits between two names (insert, delete, replace, swap two neighbours: optimal string alignment); names longer
 * than 63 bytes are compared by their first 63. */
int names_distance(const char *a, const char *b);

/* The candidate nearest to name, or NULL where none is near enough to be a misspelling of it. names is an
 * array of pointers, or of structs whose first member is the name: stride is the size of an entry. */
const char *names_nearest(const char *name, const void *names, size_t count, size_t stride);

#endif
