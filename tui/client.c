/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/client.h"

#include "tui/address.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GREET_MILLISECONDS = 10000, BLOCK = 1 << 16 };

static Status lost(Client *client)
{
    client->lost = true;
    return status_fail(STATUS_IO,
                       "the connection to the run was lost: its process is gone, or it was not read from");
}

Status client_send(Client *client, const WireMessage *message)
{
    Buffer frame = {0};
    size_t sent = 0;
    Status status = wire_write(message, &frame);
    while (status == STATUS_OK && sent < frame.length) {
        ssize_t now = send(client->socket, frame.data + sent, frame.length - sent, MSG_NOSIGNAL);
        if (now < 0 && errno != EINTR) status = lost(client);
        if (now > 0) sent += (size_t)now;
    }
    buffer_free(&frame);
    return status;
}

static Status receive(Client *client, int milliseconds)
{
    char block[BLOCK];
    struct pollfd wait = {.fd = client->socket, .events = POLLIN};
    if (poll(&wait, 1, milliseconds) <= 0) return STATUS_OK;
    ssize_t got = recv(client->socket, block, sizeof block, MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return STATUS_OK;
    return got > 0 ? buffer_append(&client->in, block, (size_t)got) : lost(client);
}

static void forget_used(Client *client)
{
    if (client->used) memmove(client->in.data, client->in.data + client->used, client->in.length - client->used);
    client->in.length -= client->used;
    client->used = 0;
}

Status client_next(Client *client, int milliseconds, WireMessage *out, bool *got)
{
    forget_used(client);
    *got = false;
    for (int turn = 0; turn < 2; turn++) {
        if (client->in.length) TRY(wire_read(client->in.data, client->in.length, &client->used, out));
        *got = client->used > 0;
        if (*got || turn) break;
        TRY(receive(client, milliseconds));
    }
    return STATUS_OK;
}

/* The terminal, as 'who' and tmux name it: "pts/3". */
static Status send_name(Client *client)
{
    const char *terminal = ttyname(STDIN_FILENO);
    if (terminal && strncmp(terminal, "/dev/", 5) == 0) terminal += 5;
    return client_send(client, &(WireMessage){.type = WIRE_VIEWER, .text = terminal ? terminal : "viewer"});
}

Status client_connect(const char *directory, bool viewer, Client *out)
{
    *out = (Client){.socket = -1};
    TRY(address_connect(directory, &out->socket));
    TRY(client_send(out, &(WireMessage){.type = WIRE_HELLO, .version = WIRE_VERSION, .text = PACKAGE_STRING}));
    return viewer ? send_name(out) : STATUS_OK;
}

Status client_check_hello(const WireMessage *hello)
{
    return hello->type == WIRE_BYE ? status_fail(STATUS_INVALID, "the run refuses: %s", hello->text)
                                   : wire_check_version(hello, "the run");
}

Status client_open(const char *directory, bool viewer, Client *out)
{
    WireMessage hello;
    bool got;
    TRY(client_connect(directory, viewer, out));
    TRY(client_next(out, GREET_MILLISECONDS, &hello, &got));
    if (!got) return status_fail(STATUS_IO, "the run does not answer");
    Status status = client_check_hello(&hello);
    wire_clear(&hello);
    return status;
}

void client_close(Client *client)
{
    if (client->socket >= 0) close(client->socket);
    buffer_free(&client->in);
    client->used = 0;
    client->socket = -1;
}
