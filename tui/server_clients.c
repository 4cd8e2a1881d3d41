/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The socket thread: clients come, say hello, send lines and leave; one viewer of them is in control. */
#include "tui/server_internal.h"

#include "engine/base/cancel.h"
#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/base/thousands.h"
#include "tui/completion.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MOST_QUEUED = 16 << 20,
    MOST_OUTPUT = 4 << 20, /* of it what lines print */
    OUTPUT_PIECE = 1 << 20,
    READ_AT_ONCE = 1 << 16,
    MOST_SHOWN = 200
};
static const double greet_seconds = 10, farewell_seconds = 1, task_seconds = 0.2, long_seconds = 1;

/* --- to clients --- */

static void wake_thread(const Server *server)
{
    uint64_t one = 1;
    ssize_t written = write(server->wake, &one, sizeof one);
    (void)written; /* full means awake */
}

/* With the lock held. What does not fit is not sent, and the client is dropped: it does not read. */
static void queue(Client *client, const WireMessage *message)
{
    if (client->dropped || client->leaving || !client->greeted) return;
    if (client->out.length - client->sent > MOST_QUEUED || wire_write(message, &client->out) != STATUS_OK)
        client->dropped = true;
}

static void queue_all(Server *server, const WireMessage *message)
{
    for (int i = 0; i < server->count; i++) queue(server->clients[i], message);
}

void clients_send(Server *server, uint64_t number, const WireMessage *message)
{
    pthread_mutex_lock(&server->lock);
    for (int i = 0; i < server->count; i++)
        if (server->clients[i]->number == (number & ~LOOKS)) queue(server->clients[i], message);
    pthread_mutex_unlock(&server->lock);
    wake_thread(server);
}

void clients_send_all(Server *server, const WireMessage *message)
{
    pthread_mutex_lock(&server->lock);
    queue_all(server, message);
    pthread_mutex_unlock(&server->lock);
    wake_thread(server);
}

bool clients_any(Server *server)
{
    pthread_mutex_lock(&server->lock);
    bool any = server->count > 0;
    pthread_mutex_unlock(&server->lock);
    return any;
}

/* --- what lines print --- */

/* The end of a piece of a long text, not inside of a character. */
static size_t piece_of(const char *text, size_t length)
{
    if (length <= OUTPUT_PIECE) return length;
    size_t end = OUTPUT_PIECE;
    while (end > OUTPUT_PIECE - 4 && ((unsigned char)text[end] & 0xc0) == 0x80) end--;
    return end;
}

/* With the lock held. What there is no room for is left out and counted. */
static void queue_output(Client *client, int64_t id, const char *text, size_t length)
{
    while (length && client->out.length - client->sent < MOST_OUTPUT) {
        size_t piece = piece_of(text, length);
        queue(client, &(WireMessage){.type = WIRE_OUTPUT, .id = id, .text = text, .text_length = piece});
        text += piece;
        length -= piece;
    }
    client->lost += length;
}

/* With the lock held: how much is missing here, once there is room again or the line has ended. */
static void queue_lost(Client *client, int64_t id)
{
    char words[120], number[THOUSANDS_BYTES];
    if (!client->lost) return;
    int length = snprintf(words, sizeof words, "\n... %s bytes that were printed here are left out\n",
                          thousands((int64_t)client->lost, number));
    client->lost = 0;
    queue(client, &(WireMessage){.type = WIRE_OUTPUT, .id = id, .text = words, .text_length = (size_t)length});
}

/* With the lock held. */
static Client *client_of(const Server *server, uint64_t number)
{
    for (int i = 0; i < server->count; i++)
        if (server->clients[i]->number == (number & ~LOOKS)) return server->clients[i];
    return NULL;
}

void clients_send_output(Server *server, uint64_t number, int64_t id, const char *text, size_t length)
{
    pthread_mutex_lock(&server->lock);
    Client *client = client_of(server, number);
    if (client && client->out.length - client->sent < MOST_OUTPUT) queue_lost(client, id);
    if (client) queue_output(client, id, text, length);
    pthread_mutex_unlock(&server->lock);
    wake_thread(server);
}

void clients_end_output(Server *server, uint64_t number, int64_t id)
{
    pthread_mutex_lock(&server->lock);
    Client *client = client_of(server, number);
    if (client) queue_lost(client, id);
    pthread_mutex_unlock(&server->lock);
}

static void tell_log(Server *server, LogLevel level, const char *who, const char *between, const char *text)
{
    int length = (int)strcspn(text, "\n");
    run_log_put(atomic_load(&server->log), level, atomic_load(&server->step), "%s%s%.*s%s", who, between,
                length < MOST_SHOWN ? length : MOST_SHOWN, text,
                length < MOST_SHOWN && !text[length] ? "" : " ...");
}

/* --- what goes on --- */

static void queue_task(const Task *task, Client *client)
{
    queue(client, &(WireMessage){.type = WIRE_TASK, .text = task->text, .step = task->done, .steps = task->all});
}

/* With the lock held. */
static void set_task(Server *server, const Task *task)
{
    bool same = strcmp(server->task.text, task->text) == 0;
    double now = clock_seconds();
    server->task = *task;
    if (same && (!task->text[0] || now - server->task_told < task_seconds)) return;
    server->task_told = now;
    for (int i = 0; i < server->count; i++) queue_task(task, server->clients[i]);
}

void clients_set_task(Server *server, const Task *task)
{
    pthread_mutex_lock(&server->lock);
    set_task(server, task);
    pthread_mutex_unlock(&server->lock);
    wake_thread(server);
}

/* The engine thread says nothing while a line is inside of a function that never returns. */
static void tell_long_line(Server *server)
{
    uint64_t number;
    double seconds;
    Task task = {.line = true};
    bool runs = lines_running(server->lines, &number, &seconds) && seconds >= long_seconds;
    pthread_mutex_lock(&server->lock);
    if (runs) {
        snprintf(task.text, sizeof task.text, "running a %s of %s", number & LOOKS ? "question" : "line",
                 clients_name(server, number));
        task.done = (int64_t)seconds;
    }
    if (server->task.line || !server->task.text[0]) set_task(server, &task);
    pthread_mutex_unlock(&server->lock);
}

/* --- who is in control; with the lock held --- */

static Client *find(const Server *server, uint64_t number)
{
    for (int i = 0; i < server->count; i++)
        if (server->clients[i]->number == (number & ~LOOKS)) return server->clients[i];
    return NULL;
}

const char *clients_name(const Server *server, uint64_t number)
{
    const Client *client = find(server, number);
    return !client ? "somebody" : client->name[0] ? client->name : "a script";
}

bool clients_has_viewer(const Server *server, uint64_t number)
{
    const Client *client = find(server, number);
    return client && client->name[0];
}

static void queue_role(const Server *server, Client *client)
{
    bool controls = client->number == server->controller;
    if (!client->name[0]) return;
    queue(client, &(WireMessage){.type = WIRE_ROLE,
                                 .status = server->look ? "look"
                                           : controls   ? "control"
                                                        : "guest",
                                 .text = server->look ? server->ending : clients_name(server, server->controller)});
}

static void set_controller(Server *server, uint64_t number)
{
    server->controller = number;
    for (int i = 0; i < server->count; i++) queue_role(server, server->clients[i]);
}

void clients_tell_ending(Server *server, const char *ending)
{
    pthread_mutex_lock(&server->lock);
    snprintf(server->ending, sizeof server->ending, "%s", ending);
    set_controller(server, 0);
    pthread_mutex_unlock(&server->lock);
    wake_thread(server);
}

/* Whoever has been here for longest follows the one that has left. */
static void pass_control_on(Server *server)
{
    uint64_t number = 0;
    if (server->look || find(server, server->controller)) return;
    for (int i = 0; i < server->count; i++) {
        const Client *client = server->clients[i];
        if (client->name[0] && (!number || client->number < number)) number = client->number;
    }
    set_controller(server, number);
}

Status clients_give_control(Server *server, uint64_t number)
{
    char who[VIEWER_BYTES] = "", words[2 * VIEWER_BYTES + 32];
    pthread_mutex_lock(&server->lock);
    const Client *client = find(server, number);
    bool viewer = client && client->name[0], changes = viewer && server->controller != client->number;
    if (changes) {
        snprintf(who, sizeof who, "%s", clients_name(server, server->controller));
        snprintf(words, sizeof words, "%s takes control over from %s", client->name, who);
        set_controller(server, client->number);
        queue_all(server, &(WireMessage){.type = WIRE_LOG, .text = words});
    }
    pthread_mutex_unlock(&server->lock);
    wake_thread(server);
    if (changes) tell_log(server, LOG_NOTE, "", "", words);
    return viewer
               ? STATUS_OK
               : status_fail(STATUS_INVALID, "control() is for viewers: the lines of a script are followed anyway");
}

/* --- from clients --- */

static void refuse(Server *server, Client *client, const char *words)
{
    pthread_mutex_lock(&server->lock);
    client->greeted = true; /* so that it hears why */
    queue(client, &(WireMessage){.type = WIRE_BYE, .status = "refused", .text = words});
    client->leaving = true;
    pthread_mutex_unlock(&server->lock);
}

/* What of the run cannot be done again: it is known as soon as there is a config. */
static void push_marks(const Server *server, Buffer *out)
{
    Status status = server->directory ? run_marks_describe(run_directory_path(server->directory), out) : STATUS_OK;
    if (status != STATUS_OK) buffer_clear(out);
}

static void take_hello(Server *server, Client *client, const WireMessage *message)
{
    Buffer marks = {0};
    if (wire_check_version(message, "the client") != STATUS_OK) {
        refuse(server, client, status_message());
        return;
    }
    push_marks(server, &marks);
    pthread_mutex_lock(&server->lock);
    client->greeted = true;
    if (marks.length) queue(client, &(WireMessage){.type = WIRE_LOG, .text = marks.data});
    if (server->task.text[0]) queue_task(&server->task, client);
    if (server->pause.length) queue(client, &(WireMessage){.type = WIRE_LOG, .text = server->pause.data});
    pthread_mutex_unlock(&server->lock);
    buffer_free(&marks);
}

/* Its name is shown to others: what is no plain character is left off. */
static void take_viewer(Server *server, Client *client, const WireMessage *message)
{
    char name[VIEWER_BYTES];
    size_t length = 0;
    for (const char *at = message->text; *at && length < sizeof name - 1; at++)
        if (*at > ' ' && *at <= '~') name[length++] = *at;
    name[length] = '\0';
    pthread_mutex_lock(&server->lock);
    bool known = client->name[0];
    if (!known) memcpy(client->name, length ? name : "viewer", length ? length + 1 : sizeof "viewer");
    if (!server->controller && !server->look)
        set_controller(server, client->number);
    else
        queue_role(server, client);
    pthread_mutex_unlock(&server->lock);
    if (!known) tell_log(server, LOG_NOTE, client->name, " looks on", "");
}

static void take_line(Server *server, Client *client, const WireMessage *message)
{
    bool looks = message->type == WIRE_LOOK;
    uint64_t number = client->number | (looks ? LOOKS : 0);
    if (!looks) tell_log(server, LOG_LINE, client->name[0] ? client->name : "script", "> ", message->text);
    Status status = lines_put(server->lines, number, message->id, message->text, message->text_length);
    if (status == STATUS_OK) return;
    char words[512];
    snprintf(words, sizeof words, "%s\n", status_message());
    clients_send(server, client->number,
                 &(WireMessage){.type = WIRE_DONE, .id = message->id, .status = "failed", .text = words});
}

/* Somebody wants to go on with a run that is looked at. */
static void take_bye(Server *server, Client *client)
{
    if (!server->look) {
        refuse(server, client, "a message that only a run sends");
        return;
    }
    cancel_request();
}

static void complete(Server *server, Client *client, const WireMessage *request)
{
    CompletionWord word;
    Buffer words = {0};
    pthread_mutex_lock(&server->lock);
    Status status = completion_word(request->text, request->text_length, &word);
    if (status == STATUS_OK) status = completion_find(&word, server->names.data, &words);
    if (status == STATUS_OK)
        queue(client, &(WireMessage){.type = WIRE_WORDS,
                                     .id = request->id,
                                     .start = (int64_t)word.start,
                                     .text = words.data ? words.data : ""});
    pthread_mutex_unlock(&server->lock);
    buffer_free(&word.key);
    buffer_free(&words);
}

static void take(Server *server, Client *client, const WireMessage *message)
{
    if (!client->greeted) {
        take_hello(server, client, message);
        return;
    }
    switch (message->type) {
    case WIRE_VIEWER: take_viewer(server, client, message); break;
    case WIRE_LINE:
    case WIRE_LOOK: take_line(server, client, message); break;
    case WIRE_INTERRUPT: lines_interrupt(server->lines, client->number); break;
    case WIRE_COMPLETE: complete(server, client, message); break;
    case WIRE_BYE: take_bye(server, client); break;
    default: refuse(server, client, "a message that only a run sends"); break;
    }
}

static void take_frames(Server *server, Client *client)
{
    size_t at = 0, used = 1;
    while (used && !client->leaving && !client->dropped) {
        WireMessage message;
        Status status = wire_read(client->in.data + at, client->in.length - at, &used, &message);
        if (status != STATUS_OK) {
            refuse(server, client, status_message());
            break;
        }
        if (used) {
            take(server, client, &message);
            wire_clear(&message);
        }
        at += used;
    }
    if (at) memmove(client->in.data, client->in.data + at, client->in.length - at);
    client->in.length -= at;
}

static void receive(Server *server, Client *client)
{
    char block[READ_AT_ONCE];
    ssize_t got = recv(client->socket, block, sizeof block, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0 || buffer_append(&client->in, block, (size_t)got) != STATUS_OK)
        client->dropped = true;
    else
        take_frames(server, client);
}

static void transmit(Server *server, Client *client)
{
    pthread_mutex_lock(&server->lock);
    size_t left = client->out.length - client->sent;
    ssize_t sent =
        left ? send(client->socket, client->out.data + client->sent, left, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
    if (sent < 0 && errno != EAGAIN && errno != EINTR) client->dropped = true;
    if (sent > 0) client->sent += (size_t)sent;
    if (client->sent == client->out.length) {
        buffer_free(&client->out);
        client->sent = 0;
    } else if (client->sent > READ_AT_ONCE) {
        memmove(client->out.data, client->out.data + client->sent, client->out.length - client->sent);
        client->out.length -= client->sent;
        client->sent = 0;
    }
    if (client->leaving && !client->out.length) client->dropped = true;
    pthread_mutex_unlock(&server->lock);
}

/* --- coming and going --- */

static bool is_own(int handle)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(handle, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
    return peer.uid == geteuid() || peer.uid == 0;
}

static void greet(Server *server, Client *client)
{
    Status status = wire_write(&(WireMessage){.type = WIRE_HELLO, .version = WIRE_VERSION, .text = PACKAGE_STRING},
                               &client->out);
    client->dropped = status != STATUS_OK;
    pthread_mutex_lock(&server->lock);
    server->clients[server->count++] = client;
    pthread_mutex_unlock(&server->lock);
}

static void welcome(Server *server)
{
    Client *client;
    int handle = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (handle < 0) return;
    if (server->count == MOST_CLIENTS || !is_own(handle) || memory_new(1, sizeof *client, &client) != STATUS_OK) {
        close(handle);
        return;
    }
    *client = (Client){.socket = handle, .number = ++server->next_client, .since = clock_seconds()};
    greet(server, client);
}

static void free_client(Client *client)
{
    close(client->socket);
    buffer_free(&client->in);
    buffer_free(&client->out);
    memory_free(client);
}

static void drop(Server *server, int i)
{
    Client *client = server->clients[i];
    lines_forget(server->lines, client->number);
    lines_forget(server->lines, client->number | LOOKS);
    pthread_mutex_lock(&server->lock);
    server->clients[i] = server->clients[--server->count];
    pass_control_on(server);
    server->deserted = clock_seconds();
    pthread_mutex_unlock(&server->lock);
    if (client->name[0]) tell_log(server, LOG_NOTE, client->name, " has left", "");
    free_client(client);
}

static void drop_clients(Server *server)
{
    double now = clock_seconds();
    for (int i = server->count - 1; i >= 0; i--) {
        const Client *client = server->clients[i];
        if (client->dropped || (!client->greeted && now - client->since >= greet_seconds)) drop(server, i);
    }
}

/* --- the thread --- */

static int wait_for_sockets(Server *server, struct pollfd *list)
{
    list[0] = (struct pollfd){.fd = server->wake, .events = POLLIN};
    list[1] = (struct pollfd){.fd = server->listener, .events = POLLIN};
    pthread_mutex_lock(&server->lock);
    int count = server->count;
    for (int i = 0; i < count; i++) {
        const Client *client = server->clients[i];
        short events = (short)((client->leaving ? 0 : POLLIN) | (client->out.length ? POLLOUT : 0));
        list[i + 2] = (struct pollfd){.fd = client->socket, .events = events};
    }
    pthread_mutex_unlock(&server->lock);
    poll(list, (nfds_t)count + 2, 1000);
    return count;
}

static void *serve(void *context)
{
    Server *server = context;
    struct pollfd list[MOST_CLIENTS + 2];
    uint64_t times;
    for (;;) {
        int count = wait_for_sockets(server, list);
        if (list[0].revents && read(server->wake, &times, sizeof times) < 0 && errno != EAGAIN) break;
        tell_long_line(server);
        for (int i = 0; i < count; i++) {
            if (list[i + 2].revents & (POLLIN | POLLHUP | POLLERR)) receive(server, server->clients[i]);
            transmit(server, server->clients[i]);
        }
        drop_clients(server);
        if (list[1].revents) welcome(server);
        pthread_mutex_lock(&server->lock);
        bool over = server->over;
        pthread_mutex_unlock(&server->lock);
        if (over) break;
    }
    return NULL;
}

Status clients_begin(Server *server)
{
    server->deserted = clock_seconds();
    server->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->wake < 0) return status_fail(STATUS_IO, "no event descriptor: %s", strerror(errno));
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited: no moment in which a handler could run there */
    int error = pthread_create(&server->thread, NULL, serve, server);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) return status_fail(STATUS_IO, "no thread for the socket: %s", strerror(error));
    server->has_thread = true;
    return STATUS_OK;
}

static bool all_sent(Server *server)
{
    pthread_mutex_lock(&server->lock);
    bool all = true;
    for (int i = 0; i < server->count; i++) all &= server->clients[i]->out.length == 0;
    pthread_mutex_unlock(&server->lock);
    return all;
}

void clients_end(Server *server)
{
    double until = clock_seconds() + farewell_seconds;
    if (server->has_thread) {
        while (!all_sent(server) && clock_seconds() < until) usleep(2000);
        pthread_mutex_lock(&server->lock);
        server->over = true;
        pthread_mutex_unlock(&server->lock);
        wake_thread(server);
        pthread_join(server->thread, NULL);
    }
    while (server->count) free_client(server->clients[--server->count]);
}
