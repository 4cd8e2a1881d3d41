/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a link finds its run: one that is being started, one that trains elsewhere, one that was lost, one that is
 * over. */
#include "engine/base/clock.h"
#include "engine/io/run_directory.h"
#include "tui/workbench/link.h"

#include <stdio.h>
#include <string.h>

static const double seek_seconds = 0.2;
static const double look_seconds = 1; /* another viewer may be about to go on with the run */

static void forget_questions(Link *link)
{
    for (int i = 0; i < TOPICS; i++) {
        buffer_clear(&link->questions[i].answer);
        link->questions[i].id = 0;
        link->questions[i].due = 0;
    }
}

void link_leave(Link *link, bool lost)
{
    View *view = link->view;
    bool refused = lost && link->phase == LINK_GREETS && !link->client.lost;
    client_close(&link->client);
    forget_questions(link);
    link->left = clock_seconds();
    link->phase = refused ? LINK_ENDED : LINK_SEEKS;
    link->sought = 0;
    link->pending = 0;
    view->evaluating = view->guest = false;
    view->task[0] = view->waiting[0] = '\0';
    if (!lost || link->resuming) return;
    link->failed |= view->state == RUN_TRAINING || view->state == RUN_PAUSED;
    if (link->failed) snprintf(link->farewell, sizeof link->farewell, "%s", status_message());
    snprintf(view->note, sizeof view->note, "%s", status_message());
    view->state = RUN_LOST;
}

Status link_greet(Link *link, const WireMessage *hello)
{
    View *view = link->view;
    TRY(client_check_hello(hello));
    forget_questions(link);
    link->phase = LINK_OPEN;
    if (view->state == RUN_LOST) view->state = RUN_CONNECTING;
    return STATUS_OK;
}

/* Its last line says why. */
static void note_words(Link *link, const char *what)
{
    Buffer words = {0};
    if (detach_words(&link->child, &words) == STATUS_OK && words.length) {
        while (words.length && words.data[words.length - 1] == '\n') words.data[--words.length] = '\0';
        const char *last = strrchr(words.data, '\n');
        snprintf(link->view->note, sizeof link->view->note, "%s: %.200s", what, last ? last + 1 : words.data);
    }
    buffer_free(&words);
}

/* A run that came to nothing is told by whoever started it; one that was too short to be seen is looked at. */
static void follow_child(Link *link)
{
    View *view = link->view;
    if (!link->child.process || !detach_ended(&link->child)) return;
    if (link->looked) {
        if (link->child.code && !link->resuming && !run_directory_in_use(view->directory)) {
            link->phase = LINK_ENDED;
            note_words(link, "it cannot be looked at");
        }
    } else if (link->child.code && view->state == RUN_CONNECTING) {
        link->refused = true;
        link->phase = LINK_ENDED;
    }
}

/* Nobody trains it, so that there is nothing to be asked about when one leaves. */
static void start_look(Link *link)
{
    View *view = link->view;
    if (view->state == RUN_CONNECTING) {
        view->state = RUN_OVER;
        snprintf(view->ending, sizeof view->ending, "over");
    }
    detach_forget(&link->child);
    link->looked = true;
    if (detach_look(view->directory, &link->child) == STATUS_OK) return;
    snprintf(view->note, sizeof view->note, "%s", status_message());
    link->phase = LINK_ENDED;
}

static void start_again(Link *link)
{
    Arguments arguments = command_nothing();
    arguments.resume = link->view->directory;
    detach_forget(&link->child);
    link->resuming = link->looked = link->stopped = false;
    link->farewell[0] = '\0';
    link->view->state = RUN_CONNECTING;
    if (detach_start(&arguments, link->view->directory, &link->child) == STATUS_OK) return;
    snprintf(link->view->note, sizeof link->view->note, "%s", status_message());
}

/* Nobody has the run: it goes on where that is wanted, else it is looked at, once. */
static void find_somebody(Link *link, double now)
{
    const char *directory = link->view->directory;
    if (link->child.process || run_directory_in_use(directory) || !run_directory_is_run(directory)) return;
    if (link->resuming)
        start_again(link);
    else if (!link->looked && now - link->left >= look_seconds)
        start_look(link);
}

void link_seek(Link *link, double now, bool *changed)
{
    if (now - link->sought < seek_seconds) return;
    link->sought = now;
    follow_child(link);
    if (link->phase != LINK_SEEKS) {
        *changed = true;
        return;
    }
    if (!link->resuming && client_connect(link->view->directory, true, &link->client) == STATUS_OK) {
        link->phase = LINK_GREETS;
        link->heard = now;
        return;
    }
    client_close(&link->client);
    find_somebody(link, now);
}

Status link_end_start(Link *link)
{
    if (!link->child.process)
        return status_fail(STATUS_INVALID, "it was started elsewhere; Ctrl-C there, or stop() once it trains");
    detach_end(&link->child);
    return STATUS_OK;
}

Status link_resume(Link *link)
{
    const View *view = link->view;
    if (view->state != RUN_LOOKING && view->state != RUN_OVER && view->state != RUN_LOST)
        return status_fail(STATUS_INVALID, "the run is going on");
    if (view->state == RUN_LOOKING && view->step >= view->steps)
        return status_fail(STATUS_INVALID, "the run is at its last step, %lld", (long long)view->steps);
    if (link->looked) detach_end(&link->child);
    if (link->phase == LINK_OPEN)
        TRY(client_send(&link->client, &(WireMessage){.type = WIRE_BYE, .status = "", .text = ""}));
    link->resuming = true;
    link_leave(link, false);
    return STATUS_OK;
}
