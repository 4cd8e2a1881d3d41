/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between the view and the run: what the run tells goes into the view, lines and questions go to the run. A run
 * that is still being started, or was lost, is sought until it listens; one that is over is looked at through a
 * process that holds its last state. link_close() ends the link; the run goes on. */
#ifndef LATHE_WORKBENCH_LINK_H
#define LATHE_WORKBENCH_LINK_H

#include "engine/base/hash.h"
#include "tui/client.h"
#include "tui/detach.h"
#include "tui/workbench/log_follow.h"
#include "tui/workbench/pace.h"
#include "tui/workbench/topics.h"

typedef enum LinkPhase {
    LINK_SEEKS,  /* nobody is connected */
    LINK_GREETS, /* connected; the run's hello is to come */
    LINK_OPEN,
    LINK_ENDED /* there is nobody to ask any more */
} LinkPhase;

typedef struct Link {
    Client client;
    View *view;
    LinkPhase phase;
    DetachedRun child;         /* the process that is to listen, where it was started here */
    bool looked;               /* a process was started to look at the run that is over */
    bool refused;              /* the run could not be started: child.code and its words say why */
    bool resuming;             /* the one that looks shall go, so that the run can go on */
    double left;               /* clock: when the last connection came to its end */
    double sought;             /* clock: when it was last tried to connect */
    double heard;              /* when the run last said something */
    int64_t last_id, words_id; /* of lines and completions */
    int64_t last_look;         /* of questions */
    int pending;               /* lines that were sent and have not ended */
    uint64_t answer_from;      /* lines of the console before the answer to these */
    unsigned shown;            /* bits of the panes that are in sight */
    struct Question {
        int64_t id;       /* 0: nothing is being answered */
        double sent, due; /* clock; due: when it is asked next */
        Buffer line, answer;
    } questions[TOPICS];
    double metrics_read, overlays_read;
    Hash branches; /* as the overlays know them */
    Pace pace;
    LogFollow log;
    bool metrics_stale, failed, stopped;
    char farewell[600]; /* how it ended, for after the screen */
    void (*completed)(void *context, const WireMessage *words);
    void *context;
} Link;

/* A link to nothing yet. child: the process that is being started for the run in the directory, which the link
 * takes over; NULL: it is there, or over. */
void link_new(Link *link, View *view, const char *directory, const DetachedRun *child);
void link_close(Link *link);

/* A line of Lua from a person. */
Status link_line(Link *link, const char *text) STATUS_CHECKED;
Status link_interrupt(Link *link) STATUS_CHECKED;
Status link_complete(Link *link, const char *line) STATUS_CHECKED;

/* Draws the curves of a branch, or of another run, over the others, or no more (tui/workbench/link_overlay.c). */
Status link_overlay(Link *link, const char *name) STATUS_CHECKED;
Status link_overlay_run(Link *link, const char *path) STATUS_CHECKED;
/* Follows them, now and then. now: of the clock. */
void link_refresh_overlays(Link *link, double now, bool *changed);
/* Puts the names of the runs beside this one into the view. */
void link_find_runs(Link *link);

/* Takes all that has come; *changed: the view did. A lost connection is told in the view. */
void link_take(Link *link, bool *changed);
/* Connects where that is possible, asks what is due, maps the metrics anew, follows the log. shown: bits
 * 1 << PaneId. */
void link_refresh(Link *link, unsigned shown, bool *changed);

/* --- link_connect.c --- */

/* Tries to get a connection, now and then. */
void link_seek(Link *link, double now, bool *changed);
/* The connection has come to its end. lost: without a farewell, status_message() says why. */
void link_leave(Link *link, bool lost);
/* The run's first message. */
Status link_greet(Link *link, const WireMessage *hello) STATUS_CHECKED;
/* Ends a run that is being started here. Errors: it was started by somebody else. */
Status link_end_start(Link *link) STATUS_CHECKED;
/* Goes on with a run that is over. Errors: it is at its last step; nothing is known of it. */
Status link_resume(Link *link) STATUS_CHECKED;

#endif
