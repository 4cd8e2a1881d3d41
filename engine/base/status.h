/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What went wrong. A fallible function returns a Status; the words belonging to the last failure of this
 * thread are kept in a thread-local buffer, so that reporting an error never allocates and never fails.
 * Nobody frees anything. */
#ifndef LATHE_BASE_STATUS_H
#define LATHE_BASE_STATUS_H

typedef enum Status {
    STATUS_OK = 0,
    STATUS_INVALID,   /* an argument, a shape or a value that does not fit */
    STATUS_NOMEM,     /* out of memory: an ordinary error */
    STATUS_IO,        /* the operating system refused: file, disk, socket */
    STATUS_FORMAT,    /* a file whose content breaks its format's rules */
    STATUS_BUSY,      /* in use by another process */
    STATUS_NONFINITE, /* a loss or gradient became NaN or infinite */
    STATUS_CANCELLED, /* somebody asked to stop; nothing was committed */
    STATUS_LUA        /* an error raised by a Lua function that the engine called */
} Status;

/* Forwards a failure to the caller. */
#define TRY(expression)                                                                                            \
    do {                                                                                                           \
        Status try_status_ = (expression);                                                                         \
        if (try_status_ != STATUS_OK) return try_status_;                                                          \
    } while (0)

#define STATUS_CHECKED __attribute__((warn_unused_result))

/* Records the message (printf format, no newline at the end) and returns the code, for "return status_fail(...)".
 */
Status status_fail(Status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "format: " before the message of the failure that is being forwarded; returns the code unchanged. */
Status status_context(Status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The message of this thread's last failure; valid until the next one. */
const char *status_message(void);

/* A short name of the code ("invalid", "out of memory", ...). */
const char *status_name(Status code);

#endif
