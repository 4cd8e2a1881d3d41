/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The other end of tui/server.h: a process that is attached to a live run. */
#ifndef LATHE_TUI_CLIENT_H
#define LATHE_TUI_CLIENT_H

#include "tui/wire.h"

typedef struct Client {
    int socket;
    Buffer in;
    size_t used; /* bytes of in that the last message was read from */
    bool lost;   /* the other side is gone without a farewell */
} Client;

/* Connects, says hello, and as a viewer its name; the run's hello is the first message. client_close() ends it,
 * also after a failure. Errors: no such run, it is not running. */
Status client_connect(const char *directory, bool viewer, Client *out) STATUS_CHECKED;
/* The same, and waits for the run's hello. Errors: also another version. */
Status client_open(const char *directory, bool viewer, Client *out) STATUS_CHECKED;
void client_close(Client *client);
/* Whether the first message is a hello of this version. */
Status client_check_hello(const WireMessage *hello) STATUS_CHECKED;

Status client_send(Client *client, const WireMessage *message) STATUS_CHECKED;
/* The next message within so many milliseconds (-1: however long it takes); *got: there is one, for wire_clear(). A
 * signal ends the wait early. Errors: the connection is lost; not a run's words. */
Status client_next(Client *client, int milliseconds, WireMessage *out, bool *got) STATUS_CHECKED;

#endif
