/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The live run as a server: one thread carries frames (tui/wire.h) between a socket and the engine thread, which
 * runs the lines (scripts/lines.h). Clients never make the engine wait: one that does not read is dropped.
 * Functions take NULL for a run that nobody can attach to.
 *
 * Clients are viewers (workbenches, prompts), of which one is in control, or scripts. A viewer that is not in
 * control may look and ask; what changes the run is refused to it until it calls control(). Scripts are followed.
 */
#ifndef LATHE_TUI_SERVER_H
#define LATHE_TUI_SERVER_H

#include "engine/io/run_directory.h"
#include "engine/train/evaluate.h"
#include "engine/train/session.h"
#include "scripts/host.h"

typedef struct Server Server;

/* Listens for the run in the directory and puts the address there, before the session is built: lines wait until
 * then. look: the run is over and only looked at: nobody can change it. server_stop() ends and frees it, before the
 * host; the directory lives longer. */
Status server_open(Host *host, RunDirectory *directory, bool look, Server **out) STATUS_CHECKED;
/* The session is there, as the global 'run'. */
Status server_begin(Server *server, Session *session) STATUS_CHECKED;

/* --- engine thread --- */

/* Between two steps; returns when training may go on. STATUS_CANCELLED: stop() was called, or somebody cancelled.
 */
Status server_boundary(Server *server) STATUS_CHECKED;
/* For a run that is only looked at: serves lines until the last client has left. STATUS_CANCELLED: somebody
 * cancelled, or wants to go on with it. */
Status server_serve(Server *server) STATUS_CHECKED;
/* Between two ops or batches. */
void server_poll_lines(Server *server);
/* stop() was called. */
bool server_stopped(const Server *server);

/* What goes on instead of training: "evaluating", done of all; it is over where done is all. */
void server_task(Server *server, const char *what, int64_t done, int64_t all);
void server_step(Server *server, const Session *session, const StepMetrics *metrics);
/* text: the evaluation as a line. */
void server_evaluation(Server *server, const Session *session, const Evaluation *evaluation, const char *text);
/* Tells clients why (status: "finished", "stopped", "failed"), and removes the socket. */
void server_stop(Server *server, const char *status, const char *words);

#endif
