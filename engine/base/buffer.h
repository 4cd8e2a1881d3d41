/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A growable byte string, always NUL-terminated once anything was added. Start from {0}; the owner calls
 * buffer_free(), or takes the bytes with buffer_take(). */
#ifndef LATHE_BASE_BUFFER_H
#define LATHE_BASE_BUFFER_H

#include "engine/base/status.h"

#include <stddef.h>

typedef struct Buffer {
    char *data;
    size_t length, capacity;
} Buffer;

Status buffer_append(Buffer *buffer, const void *bytes, size_t length) STATUS_CHECKED;
Status buffer_text(Buffer *buffer, const char *text) STATUS_CHECKED;
Status buffer_printf(Buffer *buffer, const char *format, ...) STATUS_CHECKED __attribute__((format(printf, 2, 3)));

/* Makes room for at least extra more bytes (and the NUL). */
Status buffer_reserve(Buffer *buffer, size_t extra) STATUS_CHECKED;

/* Empties it, keeping the memory. */
void buffer_clear(Buffer *buffer);

/* Hands the bytes over to the caller, who frees them with memory_free(); the buffer is empty again. */
char *buffer_take(Buffer *buffer);

void buffer_free(Buffer *buffer);

#endif
