/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What happens between two steps of a live run: lines of clients are served, and pause(), resume(), step(n),
 * run_until(what), stop() and control() of Lua are followed. Whoever makes it frees it; host, session and lines
 * live longer.
 */
#ifndef LATHE_SCRIPTS_CONTROL_H
#define LATHE_SCRIPTS_CONTROL_H

#include "engine/train/session.h"
#include "scripts/lines.h"

typedef struct Control Control;

typedef struct ControlEvents {
    /* Something that everybody should know, "[1,206] paused": no newline. */
    void (*told)(void *context, const char *words);
    /* Lines ended at this boundary, so names may have changed. */
    void (*served)(void *context);
    /* control() was called by the line that runs. */
    Status (*control)(void *context);
    void *context;
} ControlEvents;

/* Defines the functions in Lua. The session is the global 'run'. */
Status control_new(Host *host, Session *session, Lines *lines, const ControlEvents *events,
                   Control **out) STATUS_CHECKED;
void control_free(Control *control);

/* For a run that is not trained: paused from now on; control_serve() serves the lines that have come, or waits for
 * them for a moment. */
void control_hold(Control *control);
void control_serve(Control *control);

/* The boundary: returns when training may go on. STATUS_CANCELLED: stop() was called, or somebody cancelled. */
Status control_boundary(Control *control) STATUS_CHECKED;
/* Pauses at the next boundary; words say why ("by breakpoint 0: grad_norm = 14.2"), "" for none. */
void control_pause(Control *control, const char *words);
bool control_paused(const Control *control);
/* stop() was called. */
bool control_stopped(const Control *control);

#endif
