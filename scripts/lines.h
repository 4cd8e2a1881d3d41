/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of Lua that clients send to a live run. A line starts between two ops of a training step, as a coroutine on
 * the host's state, and runs to its end as long as it looks at committed values; at the first call that needs the
 * boundary between two steps (host_need_boundary()) it is suspended until then. Lines of one client run one after
 * the other. A line can be interrupted without stopping the training: it has a flag of its own
 * (cancel_line_request()). lines_end() ends what still waits; the host lives longer. */
#ifndef LATHE_SCRIPTS_LINES_H
#define LATHE_SCRIPTS_LINES_H

#include "scripts/host.h"

#include <stdint.h>

typedef struct Lines Lines;

typedef enum LineEnd { LINE_DONE, LINE_FAILED, LINE_INTERRUPTED, LINE_EXIT } LineEnd;

/* Called in the engine thread; each must be given. text of an end: the error as the prompt shows it, or "". */
typedef struct LineEvents {
    void (*output)(void *context, uint64_t client, int64_t id, const char *text, size_t length);
    void (*waiting)(void *context, uint64_t client, int64_t id, const char *what);
    void (*done)(void *context, uint64_t client, int64_t id, LineEnd end, const char *text);
    void *context;
} LineEvents;

enum { LINES_OF_A_CLIENT = 256, LINE_LONGEST = 1 << 20 };

Status lines_new(Host *host, const LineEvents *events, Lines **out) STATUS_CHECKED;
/* Ends all lines, telling their clients that the run is over; lines that are put from now on are refused. */
void lines_end(Lines *lines);
void lines_free(Lines *lines);

/* --- from any thread --- */

/* Errors: STATUS_BUSY where the client has LINES_OF_A_CLIENT waiting; too long; memory. */
Status lines_put(Lines *lines, uint64_t client, int64_t id, const char *text, size_t length) STATUS_CHECKED;
/* Ends all lines of the client, the one that runs as well, within a second. */
void lines_interrupt(Lines *lines, uint64_t client);
/* The same without events: the client is gone. */
void lines_forget(Lines *lines, uint64_t client);

/* Whose line runs now, and since how many seconds; false: none does. */
bool lines_running(Lines *lines, uint64_t *client, double *seconds);

/* --- engine thread --- */

/* Whose line runs now, 0: none does. */
uint64_t lines_client(const Lines *lines);

/* Between two ops: cheap where nothing waits. Takes at most half of the time. */
void lines_between_ops(Lines *lines);
/* How long, in seconds, lines are taken between ops before training has as much; between steps ten times that.
 * INFINITY: as long as there are any. 0.02 unless said. */
void lines_set_slice(Lines *lines, double seconds);
/* Between two steps. Returns how many lines ended. */
int lines_boundary(Lines *lines);
/* Waits at most so long for something to do. */
void lines_wait(Lines *lines, double seconds);
/* Whether the run is paused now: what lines that called host_wait_for_pause() wait for. */
void lines_set_paused(Lines *lines, bool paused);

#endif
