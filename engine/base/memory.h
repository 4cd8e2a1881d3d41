/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every heap allocation of Lathe goes through here, so that tests can make the n-th one fail and the live
 * bytes can be counted. Whoever allocates frees with memory_free(); NULL may be freed. */
#ifndef LATHE_BASE_MEMORY_H
#define LATHE_BASE_MEMORY_H

#include "engine/base/status.h"

#include <stddef.h>
#include <stdint.h>

enum { MEMORY_ALIGNMENT = 64 }; /* a cache line and an AVX-512 register */

/* Zeroed memory for count items of size bytes, aligned to MEMORY_ALIGNMENT. *out is set only on success.
 * Zero bytes give a pointer that may be freed. Errors: out of memory (also when count * size overflows). */
Status memory_new(size_t count, size_t size, void *out) STATUS_CHECKED;

/* The same without zeroing: for bytes that are written before they are read. */
Status memory_new_raw(size_t count, size_t size, void *out) STATUS_CHECKED;

/* Grows or shrinks *block (may be NULL) to count items of size bytes, keeping the content; new bytes are not
 * zeroed. On failure *block is untouched. block is the address of a pointer. */
Status memory_resize(void *block, size_t count, size_t size) STATUS_CHECKED;

/* Gives *block room for count items, with more to spare each time; *room is how many fit. On failure nothing has
 * changed. */
Status memory_grow(void *block, int64_t *room, int64_t count, size_t size) STATUS_CHECKED;

/* A copy of the text, or of its first length bytes, with a terminating NUL. */
Status memory_copy_text(const char *text, char **out) STATUS_CHECKED;
Status memory_copy_bytes(const char *bytes, size_t length, char **out) STATUS_CHECKED;

void memory_free(void *block);

/* Whole pages straight from the system, in huge ones where it has them, and straight back to it: for large blocks
 * that are taken seldom. The pages are zeroed. Errors: out of memory. */
Status memory_map(size_t bytes, void *out) STATUS_CHECKED;
void memory_unmap(void *block, size_t bytes);

/* Bytes now held, and the highest that this has been. */
size_t memory_in_use(void);
size_t memory_peak(void);

/* For tests: the n-th allocation from now fails (and every one after it while 'persistent'); 0 turns it off. */
void memory_fail_after(uint64_t n, int persistent);
/* Allocations asked for since memory_fail_after() was last called. */
uint64_t memory_allocations(void);

#endif
