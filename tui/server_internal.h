/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the server's files share: the engine thread's side (server.c) and the socket thread's (server_clients.c). */
#ifndef LATHE_TUI_SERVER_INTERNAL_H
#define LATHE_TUI_SERVER_INTERNAL_H

#include "engine/io/run_marks.h"
#include "scripts/control.h"
#include "tui/progress.h"
#include "tui/server.h"
#include "tui/wire.h"

#include <pthread.h>
#include <stdatomic.h>

enum { MOST_CLIENTS = 32, VIEWER_BYTES = 48, TASK_BYTES = 96 };
/* Lines that only look run beside the client's others, as if they were another client's. */
#define LOOKS (UINT64_C(1) << 63)

typedef struct Client {
    int socket;
    uint64_t number;
    Buffer in;               /* the socket thread's */
    Buffer out;              /* the lock's, as what follows */
    size_t sent;             /* of out */
    size_t lost;             /* bytes that the line now has printed and that were left out */
    char name[VIEWER_BYTES]; /* of a viewer, "" for a script */
    bool greeted;            /* its hello was read */
    bool leaving;            /* dropped as soon as what is queued has been sent */
    bool dropped;            /* at once */
    double since;
} Client;

/* What goes on instead of training. */
typedef struct Task {
    char text[TASK_BYTES]; /* "" for nothing */
    int64_t done, all;
    bool line; /* told by the socket thread: a line that runs for long */
} Task;

struct Server {
    Host *host;
    Session *session; /* NULL while it is being built */
    Lines *lines;
    Control *control;
    RunDirectory *directory;
    char *address, *file; /* the socket, and the file in the run's directory that names it */
    bool look;            /* the run is over and only looked at */
    int listener, wake;
    pthread_t thread;
    bool has_thread;
    atomic_int_fast64_t step;
    _Atomic(RunLog *) log; /* NULL: none yet */
    pthread_mutex_t
        lock; /* of what follows, but for reads of the list by the socket thread, which alone changes it */
    Client *clients[MOST_CLIENTS];
    int count;
    uint64_t controller; /* the client in control, 0: nobody */
    char ending[64];     /* of a run that is looked at: "finished at step 40" */
    bool over;           /* the thread ends */
    Buffer names;        /* what clients complete from */
    Buffer pause;        /* why the run stands still, for who comes later; empty while it trains */
    Task task;
    double task_told;
    /* the engine thread's */
    Progress progress;
    double last_progress;
    bool names_changed;
    int names_function;
    char refusal[320];
    /* the socket thread's */
    uint64_t next_client;
    double deserted; /* clock: since when nobody is here */
};

/* --- server_clients.c --- */

Status clients_begin(Server *server) STATUS_CHECKED;
void clients_end(Server *server);

/* From any thread. */
void clients_send(Server *server, uint64_t number, const WireMessage *message);
void clients_send_all(Server *server, const WireMessage *message);
bool clients_any(Server *server);
/* What a line prints; what the client reads too slowly for is left out, which it is told then or at the line's end.
 */
void clients_send_output(Server *server, uint64_t number, int64_t id, const char *text, size_t length);
void clients_end_output(Server *server, uint64_t number, int64_t id);
/* With the lock held: the viewer's name, "a script", or "somebody" who is gone; whether it is a viewer. */
const char *clients_name(const Server *server, uint64_t number);
bool clients_has_viewer(const Server *server, uint64_t number);
/* Tells viewers how the run has ended. */
void clients_tell_ending(Server *server, const char *ending);
/* Gives control to a viewer and tells all. Errors: it is no viewer. */
Status clients_give_control(Server *server, uint64_t number) STATUS_CHECKED;
/* What goes on now; sends it where it is new, or the last one is old. */
void clients_set_task(Server *server, const Task *task);

#endif
