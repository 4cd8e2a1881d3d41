/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The live run as a server: one thread carries frames (tui/wire.h) between a socket and the engine thread, which
 * runs the lines (scripts/lines.h). Clients never make the engine wait: what lines
 * print faster than it is read is left out, and one that reads nothing at all is dropped.
 * Functions take NULL for a run that nobody can attach to. */
#ifndef LATHE_TUI_SERVER_H
#define LATHE_TUI_SERVER_H

#include "engine/train/evaluate.h"
#include "engine/train/session.h"
#include "scripts/host.h"

typedef struct Server Server;

/* Listens for the run in the directory and puts the address there. The session must be the global 'run'.
 * server_stop() ends and frees it, before the host. */
Status server_start(Host *host, Session *session, const char *directory, Server **out) STATUS_CHECKED;

/* --- engine thread --- */

/* Between two steps; returns when training may go on. STATUS_CANCELLED: stop() was called, or somebody cancelled.
 */
Status server_boundary(Server *server) STATUS_CHECKED;
/* Between two ops or batches. */
void server_poll_lines(Server *server);
/* Pauses at the next boundary. */
void server_pause(Server *server, const char *words);
/* The same for a step that failed; false where there is no server: nobody could go on. */
bool server_pause_failed(Server *server, const char *message);
bool server_has_clients(Server *server);
/* stop() was called. */
bool server_stopped(const Server *server);

void server_step(Server *server, const Session *session, const StepMetrics *metrics);
void server_evaluation(Server *server, const Session *session, const Evaluation *evaluation);
/* Tells clients why (status: "finished", "stopped", "failed"), and removes the socket. */
void server_stop(Server *server, const char *status, const char *words);

#endif
