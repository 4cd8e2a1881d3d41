/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/buffer.h"

#include "engine/base/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

Status buffer_reserve(Buffer *buffer, size_t extra)
{
    if (extra >= SIZE_MAX / 2 - buffer->length)
        return status_fail(STATUS_NOMEM, "out of memory: a text of more than %zu bytes", SIZE_MAX / 2);
    size_t need = buffer->length + extra + 1;
    if (need <= buffer->capacity) return STATUS_OK;
    size_t capacity = buffer->capacity ? buffer->capacity * 2 : 64;
    while (capacity < need) capacity *= 2;
    TRY(memory_resize(&buffer->data, capacity, 1));
    buffer->capacity = capacity;
    return STATUS_OK;
}

Status buffer_append(Buffer *buffer, const void *bytes, size_t length)
{
    TRY(buffer_reserve(buffer, length));
    if (length) memcpy(buffer->data + buffer->length, bytes, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
    return STATUS_OK;
}

Status buffer_text(Buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

Status buffer_printf(Buffer *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0) return status_fail(STATUS_INVALID, "format '%s' cannot be printed", format);
    TRY(buffer_reserve(buffer, (size_t)length));
    va_start(args, format);
    vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, args);
    va_end(args);
    buffer->length += (size_t)length;
    return STATUS_OK;
}

void buffer_clear(Buffer *buffer)
{
    buffer->length = 0;
    if (buffer->data) buffer->data[0] = '\0';
}

char *buffer_take(Buffer *buffer)
{
    char *data = buffer->data;
    *buffer = (Buffer){0};
    return data;
}

void buffer_free(Buffer *buffer)
{
    memory_free(buffer->data);
    *buffer = (Buffer){0};
}
