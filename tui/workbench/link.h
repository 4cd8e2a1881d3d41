/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Between the view and the run: what the run tells goes into the view, lines and questions go to the run.
 * link_close() ends it; the run goes on. */
#ifndef LATHE_WORKBENCH_LINK_H
#define LATHE_WORKBENCH_LINK_H

#include "engine/base/hash.h"
#include "tui/client.h"
#include "tui/workbench/topics.h"

typedef struct Link {
    Client client;
    View *view;
    int64_t last_id, line_id, words_id; /* line_id: the line whose end is awaited, 0: none */
    int pending;                        /* lines that were sent and have not ended */
    struct Question {
        int64_t id;       /* 0: nothing was asked */
        double sent, due; /* clock; due: when it is asked next */
        Buffer line, answer;
    } questions[TOPICS];
    double metrics_read, progress_time, overlays_read;
    Hash branches; /* as the overlays know them */
    int64_t progress_step;
    bool metrics_stale, failed, stopped;
    char evaluation[4096], farewell[600]; /* the last of each, for after the screen */
    void (*completed)(void *context, const WireMessage *words);
    void *context;
} Link;

Status link_open(Link *link, View *view, const char *directory) STATUS_CHECKED;
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
/* Asks what is due and maps the metrics anew. shown: bits 1 << PaneId. */
void link_refresh(Link *link, unsigned shown, bool *changed);

#endif
