/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The request to stop: set by signal handlers and clients, polled by long C calls and between ops. */
#ifndef LATHE_BASE_CANCEL_H
#define LATHE_BASE_CANCEL_H

#include "engine/base/status.h"

/* Async-signal-safe. */
void cancel_request(void);
void cancel_clear(void);
int cancel_requested(void);

/* A line of a client that runs amid training has a flag of its own: between enter and leave (engine thread only)
 * cancel_requested() and cancel_check() tell of both, outside of it only of the first. The request may come from
 * any thread. */
void cancel_line_enter(void);
void cancel_line_leave(void);
void cancel_line_request(void);
/* Only the first. */
int cancel_training_requested(void);

/* A function of a user's that a step calls (a hook, a watch) has one, too, which any client may set: it counts once
 * the function has run for longer than a moment, so that one that ends by itself is let be. Calls may nest; leave
 * says whether the request counted. */
void cancel_callback_enter(void);
int cancel_callback_leave(void);
void cancel_callback_request(void);

/* STATUS_CANCELLED with a message where a stop was asked for. */
Status cancel_check(void) STATUS_CHECKED;

#endif
