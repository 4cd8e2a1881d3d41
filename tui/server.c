/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/server.h"

#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/train/run.h"
#include "scripts/control.h"
#include "scripts/library.h"
#include "tui/address.h"
#include "tui/bind_samples.h"
#include "tui/progress.h"
#include "tui/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MOST_CLIENTS = 32,
    MOST_QUEUED = 16 << 20,
    READ_AT_ONCE = 1 << 16,
    MOST_WORDS = 500,
    OUTPUT_PIECE = 1 << 20
};
/* Lines that only look run beside the client's others, as if they were another client's. */
#define LOOKS (UINT64_C(1) << 63)

static const double progress_seconds = 0.1, greet_seconds = 10, farewell_seconds = 1;

typedef struct Client {
    int socket;
    uint64_t number;
    Buffer in;    /* the socket thread's */
    Buffer out;   /* the lock's */
    size_t sent;  /* of out */
    bool greeted; /* its hello was read */
    bool leaving; /* dropped as soon as what is queued has been sent */
    bool dropped; /* at once */
    double since;
} Client;

struct Server {
    Host *host;
    Session *session;
    Lines *lines;
    Control *control;
    char *address, *file; /* the socket, and the file in the run's directory that names it */
    int listener, wake;
    pthread_t thread;
    bool has_thread, has_lock;
    pthread_mutex_t
        lock; /* of what follows, but for reads of the list by the socket thread, which alone changes it */
    Client *clients[MOST_CLIENTS];
    int count;
    bool over;    /* the thread ends */
    Buffer names; /* what clients complete from */
    /* the engine thread's */
    Progress progress;
    double last_progress;
    bool names_changed;
    int names_function;
    uint64_t next_client; /* the socket thread's */
};

/* --- from the engine to clients --- */

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

static void send_to(Server *server, uint64_t number, const WireMessage *message)
{
    pthread_mutex_lock(&server->lock);
    for (int i = 0; i < server->count; i++)
        if (server->clients[i]->number == (number & ~LOOKS)) queue(server->clients[i], message);
    pthread_mutex_unlock(&server->lock);
    wake_thread(server);
}

static void send_all(Server *server, const WireMessage *message)
{
    pthread_mutex_lock(&server->lock);
    for (int i = 0; i < server->count; i++) queue(server->clients[i], message);
    pthread_mutex_unlock(&server->lock);
    wake_thread(server);
}

/* The end of a piece of a long text, not inside of a character. */
static size_t piece_of(const char *text, size_t length)
{
    if (length <= OUTPUT_PIECE) return length;
    size_t end = OUTPUT_PIECE;
    while (end > OUTPUT_PIECE - 4 && ((unsigned char)text[end] & 0xc0) == 0x80) end--;
    return end;
}

static void on_output(void *context, uint64_t client, int64_t id, const char *text, size_t length)
{
    while (length) {
        size_t piece = piece_of(text, length);
        WireMessage message = {.type = WIRE_OUTPUT, .id = id, .text = text, .text_length = piece};
        send_to(context, client, &message);
        text += piece;
        length -= piece;
    }
}

static void on_waiting(void *context, uint64_t client, int64_t id, const char *what)
{
    send_to(context, client, &(WireMessage){.type = WIRE_WAITING, .id = id, .text = what});
}

static void on_done(void *context, uint64_t client, int64_t id, LineEnd end, const char *text)
{
    static const char *const words[] = {"done", "failed", "interrupted", "exit"};
    Server *server = context;
    server->names_changed |= !(client & LOOKS);
    send_to(server, client, &(WireMessage){.type = WIRE_DONE, .id = id, .status = words[end], .text = text});
}

static void on_told(void *context, const char *words)
{
    send_all(context, &(WireMessage){.type = WIRE_LOG, .text = words});
}

/* --- names --- */

static int make_names(lua_State *L)
{
    Server *server = lua_touserdata(L, 1);
    size_t length;
    if (server->names_function == LUA_NOREF) {
        library_require(L, "names");
        server->names_function = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, server->names_function);
    lua_call(L, 0, 1);
    const char *text = lua_tolstring(L, -1, &length);
    pthread_mutex_lock(&server->lock);
    buffer_clear(&server->names);
    Status status = text ? buffer_append(&server->names, text, length) : STATUS_OK;
    pthread_mutex_unlock(&server->lock);
    host_check(L, status);
    return 0;
}

/* Completion is a convenience: where the names cannot be made, the old ones stay. */
static void publish_names(Server *server)
{
    server->names_changed = false;
    Status status = host_protect(server->host, make_names, server);
    (void)status;
}

static void on_served(void *context)
{
    Server *server = context;
    if (server->names_changed) publish_names(server);
}

/* --- completion, in the socket thread --- */

static bool part_of_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("_.:[]", c));
}

/* The part of a path up to the end of the name that the word is in. */
static size_t candidate(const char *path, size_t length, size_t word)
{
    size_t end = word;
    while (end < length && path[end] != '.' && path[end] != ':' && (path[end] != '[' || end == word)) end++;
    if (end == word && end < length && path[end] == '[') end += strcspn(path + end, "]") + 1;
    return end < length ? end : length;
}

static Status add_words(const Buffer *names, const char *word, Buffer *out)
{
    size_t length = strlen(word), last_length = 0;
    const char *last = NULL;
    int count = 0;
    for (const char *line = names->data; line && *line && count < MOST_WORDS; line = strchr(line, '\n') + 1) {
        size_t whole = strcspn(line, "\n"), path = strcspn(line, "\t\n");
        if (path < length || memcmp(line, word, length) != 0) continue;
        size_t size = candidate(line, path, length);
        if (last && size == last_length && memcmp(line, last, size) == 0) continue;
        last = line;
        last_length = size;
        count++;
        TRY(buffer_append(out, line, size));
        TRY(size == path ? buffer_append(out, line + path, whole - path) : buffer_text(out, "\t"));
        TRY(buffer_text(out, "\n"));
    }
    return STATUS_OK;
}

static void complete(Server *server, Client *client, const WireMessage *request)
{
    size_t start = request->text_length;
    Buffer words = {0};
    while (start && part_of_word(request->text[start - 1])) start--;
    pthread_mutex_lock(&server->lock);
    if (add_words(&server->names, request->text + start, &words) == STATUS_OK)
        queue(client, &(WireMessage){.type = WIRE_WORDS,
                                     .id = request->id,
                                     .start = (int64_t)start,
                                     .text = words.data ? words.data : ""});
    pthread_mutex_unlock(&server->lock);
    buffer_free(&words);
}

/* --- from clients, in the socket thread --- */

static void refuse(Server *server, Client *client, const char *words)
{
    pthread_mutex_lock(&server->lock);
    client->greeted = true; /* so that it hears why */
    queue(client, &(WireMessage){.type = WIRE_BYE, .status = "refused", .text = words});
    client->leaving = true;
    pthread_mutex_unlock(&server->lock);
}

static void take_line(Server *server, Client *client, const WireMessage *message)
{
    uint64_t number = client->number | (message->type == WIRE_LOOK ? LOOKS : 0);
    Status status = lines_put(server->lines, number, message->id, message->text, message->text_length);
    if (status == STATUS_OK) return;
    char words[512];
    snprintf(words, sizeof words, "%s\n", status_message());
    send_to(server, client->number,
            &(WireMessage){.type = WIRE_DONE, .id = message->id, .status = "failed", .text = words});
}

static void take(Server *server, Client *client, const WireMessage *message)
{
    if (!client->greeted) {
        if (wire_check_version(message, "the client") != STATUS_OK) {
            refuse(server, client, status_message());
            return;
        }
        pthread_mutex_lock(&server->lock);
        client->greeted = true;
        pthread_mutex_unlock(&server->lock);
        return;
    }
    switch (message->type) {
    case WIRE_LINE:
    case WIRE_LOOK: take_line(server, client, message); break;
    case WIRE_INTERRUPT: lines_interrupt(server->lines, client->number); break;
    case WIRE_COMPLETE: complete(server, client, message); break;
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

/* --- the socket thread --- */

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

static void drop_clients(Server *server)
{
    double now = clock_seconds();
    for (int i = 0; i < server->count; i++) {
        Client *client = server->clients[i];
        if (!client->dropped && (client->greeted || now - client->since < greet_seconds)) continue;
        lines_forget(server->lines, client->number);
        lines_forget(server->lines, client->number | LOOKS);
        pthread_mutex_lock(&server->lock);
        server->clients[i--] = server->clients[--server->count];
        pthread_mutex_unlock(&server->lock);
        free_client(client);
    }
}

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

/* --- beginning and end --- */

static Status start_thread(Server *server)
{
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

/* The name stands in the directory only once somebody listens. */
static Status listen_for(Server *server, const char *directory)
{
    Buffer text = {0};
    TRY(address_new(directory, &server->address));
    TRY(address_listen(server->address, &server->listener));
    TRY(file_join(directory, "socket", &server->file));
    TRY(buffer_printf(&text, "%s\n", server->address));
    Status status = file_write(server->file, text.data, text.length);
    buffer_free(&text);
    return status;
}

static Status begin(Server *server, const char *directory)
{
    const LineEvents line_events = {on_output, on_waiting, on_done, server};
    const ControlEvents control_events = {on_told, on_served, server};
    TRY(lines_new(server->host, &line_events, &server->lines));
    TRY(control_new(server->host, server->session, server->lines, &control_events, &server->control));
    TRY(bind_samples(server->host, server->session));
    publish_names(server);
    TRY(listen_for(server, directory));
    return start_thread(server);
}

static void pause_between_ops(void *context)
{
    lines_between_ops(((Server *)context)->lines);
}

Status server_start(Host *host, Session *session, const char *directory, Server **out)
{
    Server *server;
    TRY(memory_new(1, sizeof *server, &server));
    *server = (Server){.host = host,
                       .session = session,
                       .listener = -1,
                       .wake = -1,
                       .progress = progress_new(NULL, false, session, 0),
                       .names_function = LUA_NOREF};
    pthread_mutex_init(&server->lock, NULL);
    Status status = begin(server, directory);
    if (status == STATUS_OK) {
        tape_set_pause(session->tape, pause_between_ops, server);
        *out = server;
        return STATUS_OK;
    }
    char words[512];
    snprintf(words, sizeof words, "%s", status_message());
    server_stop(server, "failed", words);
    return status_fail(status, "%s", words);
}

static bool all_sent(Server *server)
{
    pthread_mutex_lock(&server->lock);
    bool all = true;
    for (int i = 0; i < server->count; i++) all &= server->clients[i]->out.length == 0;
    pthread_mutex_unlock(&server->lock);
    return all;
}

static void stop_thread(Server *server)
{
    double until = clock_seconds() + farewell_seconds;
    if (!server->has_thread) return;
    while (!all_sent(server) && clock_seconds() < until) usleep(2000);
    pthread_mutex_lock(&server->lock);
    server->over = true;
    pthread_mutex_unlock(&server->lock);
    wake_thread(server);
    pthread_join(server->thread, NULL);
}

void server_stop(Server *server, const char *status, const char *words)
{
    if (!server) return;
    if (server->file) unlink(server->file);
    if (server->listener >= 0) unlink(server->address);
    tape_set_pause(server->session->tape, NULL, NULL);
    control_free(server->control);
    if (server->lines) lines_end(server->lines);
    if (server->has_thread) {
        send_all(server, &(WireMessage){.type = WIRE_BYE, .status = status, .text = words});
        stop_thread(server);
    }
    while (server->count) free_client(server->clients[--server->count]);
    lines_free(server->lines);
    if (server->names_function != LUA_NOREF)
        luaL_unref(host_lua(server->host), LUA_REGISTRYINDEX, server->names_function);
    if (server->listener >= 0) close(server->listener);
    if (server->wake >= 0) close(server->wake);
    buffer_free(&server->names);
    memory_free(server->address);
    memory_free(server->file);
    pthread_mutex_destroy(&server->lock);
    memory_free(server);
}

/* --- what the engine thread calls --- */

void server_poll_lines(Server *server)
{
    if (server) lines_between_ops(server->lines);
}

Status server_boundary(Server *server)
{
    if (!server) return STATUS_OK;
    Status status = control_boundary(server->control);
    if (server->names_changed) publish_names(server); /* by lines that ended between ops */
    return status;
}

bool server_stopped(const Server *server)
{
    return server && control_stopped(server->control);
}

static Status step_metrics(const Session *session, const StepMetrics *metrics, json_t *out)
{
    char name[OBJECTIVE_NAME_SIZE + 8];
    TRY(json_set_number(out, "loss", metrics->loss));
    TRY(json_set_number(out, "lr", metrics->lr));
    TRY(json_set_number(out, "grad_norm", metrics->grad_norm));
    if (!isnan(metrics->sparsity)) TRY(json_set_number(out, "sparsity", metrics->sparsity));
    TRY(json_set_number(out, "seconds", metrics->seconds));
    TRY(json_set_integer(out, "tokens", metrics->tokens));
    for (int i = 0; i < session->objective_count; i++) {
        if (isnan(metrics->objectives[i])) continue;
        snprintf(name, sizeof name, "loss.%s", session->objectives[i]->name);
        TRY(json_set_number(out, name, metrics->objectives[i]));
    }
    return STATUS_OK;
}

static bool has_clients(Server *server)
{
    pthread_mutex_lock(&server->lock);
    bool any = server->count > 0;
    pthread_mutex_unlock(&server->lock);
    return any;
}

/* A line for followers now and then, as the run itself prints; in between a few a second for who draws. */
void server_step(Server *server, const Session *session, const StepMetrics *metrics)
{
    char text[1024];
    json_t *values;
    if (!server) return;
    server->progress.tokens += metrics->tokens;
    server->progress.seconds += metrics->seconds;
    bool due = metrics->step % server->progress.every == 0 || metrics->step == session->steps;
    double now = clock_seconds();
    if ((!due && now - server->last_progress < progress_seconds) || !has_clients(server)) return;
    server->last_progress = now;
    if (json_new_object(&values) != STATUS_OK) return;
    progress_text(&server->progress, session, metrics, text, sizeof text);
    if (step_metrics(session, metrics, values) == STATUS_OK)
        send_all(server, &(WireMessage){.type = WIRE_PROGRESS,
                                        .step = metrics->step,
                                        .steps = session->steps,
                                        .due = due,
                                        .text = text,
                                        .metrics = values});
    json_decref(values);
}

void server_evaluation(Server *server, const Session *session, const Evaluation *evaluation)
{
    char text[4096] = "";
    json_t *values;
    if (!server || !has_clients(server) || json_new_object(&values) != STATUS_OK) return;
    FILE *memory = fmemopen(text, sizeof text, "w");
    if (memory) {
        Progress progress = {.out = memory};
        progress_evaluation(&progress, session, evaluation);
        fclose(memory);
        text[strcspn(text, "\n")] = '\0';
    }
    if (evaluation_json(evaluation, values) == STATUS_OK)
        send_all(server,
                 &(WireMessage){.type = WIRE_EVALUATION, .step = session->step, .text = text, .metrics = values});
    json_decref(values);
}
