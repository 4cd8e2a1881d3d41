/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/status.h"

#include "engine/base/printable.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_SIZE = 2048 };

static _Thread_local char message[MESSAGE_SIZE];

Status status_fail(Status code, const char *format, ...)
{
    /* The arguments may point into the old message, so the new one is made beside it. */
    char fresh[MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(fresh, sizeof fresh, format, args);
    va_end(args);
    printable(fresh, message, sizeof message); /* it may hold what a file says */
    return code;
}

Status status_context(Status code, const char *format, ...)
{
    char prefix[MESSAGE_SIZE / 2];
    char old[MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    memcpy(old, message, sizeof old);
    printable(prefix, message, sizeof message);
    size_t used = strlen(message);
    snprintf(message + used, sizeof message - used, ": %s", old);
    return code;
}

const char *status_message(void)
{
    return message;
}

const char *status_name(Status code)
{
    static const char *const names[] = {"ok",   "invalid",    "out of memory", "input/output", "format",
                                        "busy", "not finite", "cancelled",     "lua"};
    return code < sizeof names / sizeof *names ? names[code] : "unknown";
}
