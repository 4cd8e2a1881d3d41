/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/server_internal.h"

#include "engine/base/cancel.h"
#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/base/thousands.h"
#include "engine/base/turns.h"
#include "engine/io/file.h"
#include "engine/train/run.h"
#include "scripts/library.h"
#include "tui/address.h"
#include "tui/bind_samples.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const double progress_seconds = 0.1, deserted_seconds = 2, awaited_seconds = 60;

/* --- lines --- */

static void on_output(void *context, uint64_t client, int64_t id, const char *text, size_t length)
{
    clients_send_output(context, client, id, text, length);
}

static void on_waiting(void *context, uint64_t client, int64_t id, const char *what)
{
    clients_send(context, client, &(WireMessage){.type = WIRE_WAITING, .id = id, .text = what});
}

static void end_task(Server *server)
{
    clients_set_task(server, &(Task){0});
}

static void on_done(void *context, uint64_t client, int64_t id, LineEnd end, const char *text)
{
    static const char *const words[] = {"done", "failed", "interrupted", "exit"};
    Server *server = context;
    server->names_changed |= !(client & LOOKS);
    if (!(client & LOOKS)) end_task(server);
    if (end == LINE_FAILED)
        run_log_put(atomic_load(&server->log), LOG_ERROR, atomic_load(&server->step), "%.*s",
                    (int)strcspn(text, "\n"), text);
    clients_end_output(server, client, id);
    clients_send(server, client, &(WireMessage){.type = WIRE_DONE, .id = id, .status = words[end], .text = text});
}

static void set_pause(Server *server, const char *words)
{
    pthread_mutex_lock(&server->lock);
    buffer_clear(&server->pause);
    if (buffer_text(&server->pause, words) != STATUS_OK) buffer_clear(&server->pause);
    pthread_mutex_unlock(&server->lock);
}

static void on_told(void *context, const char *words)
{
    Server *server = context;
    const char *what = *words == '[' ? words + strcspn(words, " ") : words; /* the log has the step of its own */
    run_log_put(atomic_load(&server->log), LOG_NOTE, atomic_load(&server->step), "%s", what + (*what == ' '));
    /* The first that is told while it stands says why. Kept before it is sent: who joins now may hear it twice. */
    if (!control_paused(server->control) || !server->pause.length)
        set_pause(server, control_paused(server->control) ? words : "");
    clients_send_all(server, &(WireMessage){.type = WIRE_LOG, .text = words});
}

/* --- who may change the run --- */

static const char *refuse_look(Server *server)
{
    bool finished = server->session->step >= server->session->steps;
    snprintf(server->refusal, sizeof server->refusal, "this run is over and only looked at; %s%.200s%s",
             finished ? "nothing can be changed" : "'lathe run --resume ",
             finished ? "" : run_directory_path(server->directory), finished ? "" : "' goes on with it");
    return server->refusal;
}

/* Why the line that runs now may not change anything; NULL: it may. */
static const char *refuse_change(void *context)
{
    Server *server = context;
    uint64_t number = lines_client(server->lines);
    const char *refusal = NULL;
    if (!number) return NULL;
    if (server->look) return refuse_look(server);
    if (number & LOOKS) return "a question cannot change the run";
    pthread_mutex_lock(&server->lock);
    bool free = !server->controller || server->controller == number;
    if (!free && clients_has_viewer(server, number)) {
        snprintf(server->refusal, sizeof server->refusal,
                 "%s is in control of this run, and you look on; control() takes over",
                 clients_name(server, server->controller));
        refusal = server->refusal;
    }
    pthread_mutex_unlock(&server->lock);
    return refusal;
}

static Status on_control(void *context)
{
    Server *server = context;
    return clients_give_control(server, lines_client(server->lines));
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

/* --- beginning and end --- */

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

static Status open_all(Server *server)
{
    const LineEvents events = {on_output, on_waiting, on_done, server};
    TRY(lines_new(server->host, &events, &server->lines));
    TRY(listen_for(server, run_directory_path(server->directory)));
    return clients_begin(server);
}

Status server_open(Host *host, RunDirectory *directory, bool look, Server **out)
{
    Server *server;
    TRY(memory_new(1, sizeof *server, &server));
    *server = (Server){.host = host,
                       .directory = directory,
                       .look = look,
                       .listener = -1,
                       .wake = -1,
                       .names_function = LUA_NOREF};
    pthread_mutex_init(&server->lock, NULL);
    Status status = open_all(server);
    if (status == STATUS_OK) {
        *out = server;
        return STATUS_OK;
    }
    char words[512];
    snprintf(words, sizeof words, "%s", status_message());
    server_stop(server, "failed", words);
    return status_fail(status, "%s", words);
}

static void take_turn(void *context)
{
    lines_between_ops(((Server *)context)->lines);
}

static void tell_ending(Server *server, const Session *session)
{
    char ending[64], step[THOUSANDS_BYTES];
    snprintf(ending, sizeof ending, "%s at step %s", session->step < session->steps ? "stopped" : "finished",
             thousands(session->step, step));
    clients_tell_ending(server, ending);
}

Status server_begin(Server *server, Session *session)
{
    const ControlEvents events = {on_told, on_served, on_control, server};
    if (!server) return STATUS_OK;
    server->session = session;
    server->progress = progress_new(NULL, false, session, 0);
    atomic_store(&server->step, session->step);
    if (!server->look) atomic_store(&server->log, run_directory_log(server->directory));
    TRY(control_new(server->host, session, server->lines, &events, &server->control));
    host_set_gate(server->host, refuse_change, server);
    TRY(bind_samples(server->host, session));
    publish_names(server);
    turns_set(take_turn, server);
    tape_set_turns(session->tape, true);
    end_task(server);
    if (server->look) tell_ending(server, session);
    return STATUS_OK;
}

void server_stop(Server *server, const char *status, const char *words)
{
    if (!server) return;
    atomic_store(&server->log, NULL); /* that everybody leaves now is no news */
    if (server->file) unlink(server->file);
    if (server->listener >= 0) unlink(server->address);
    turns_set(NULL, NULL);
    if (server->session) tape_set_turns(server->session->tape, false);
    control_free(server->control);
    host_set_gate(server->host, NULL, NULL);
    if (server->lines) lines_end(server->lines);
    if (server->has_thread)
        clients_send_all(server, &(WireMessage){.type = WIRE_BYE, .status = status, .text = words});
    clients_end(server);
    lines_free(server->lines);
    if (server->names_function != LUA_NOREF)
        luaL_unref(host_lua(server->host), LUA_REGISTRYINDEX, server->names_function);
    if (server->listener >= 0) close(server->listener);
    if (server->wake >= 0) close(server->wake);
    buffer_free(&server->names);
    buffer_free(&server->pause);
    memory_free(server->address);
    memory_free(server->file);
    pthread_mutex_destroy(&server->lock);
    memory_free(server);
}

/* --- what the engine thread calls --- */

void server_poll_lines(Server *server)
{
    if (server && server->session) lines_between_ops(server->lines);
}

Status server_boundary(Server *server)
{
    if (!server) return STATUS_OK;
    atomic_store(&server->step, server->session->step);
    run_log_stamp(atomic_load(&server->log), server->session->step);
    Status status = control_boundary(server->control);
    if (server->pause.length) set_pause(server, "");
    if (server->names_changed) publish_names(server); /* by lines that ended between ops */
    return status;
}

/* Whether nobody is here, nor to be expected. */
static bool is_deserted(Server *server)
{
    pthread_mutex_lock(&server->lock);
    double patience = server->next_client ? deserted_seconds : awaited_seconds;
    bool deserted = server->count == 0 && clock_seconds() - server->deserted > patience;
    pthread_mutex_unlock(&server->lock);
    return deserted;
}

Status server_serve(Server *server)
{
    control_hold(server->control);
    while (!is_deserted(server)) {
        TRY(cancel_check());
        control_serve(server->control);
    }
    return STATUS_OK;
}

void server_pause(Server *server, const char *words)
{
    if (server) control_pause(server->control, words);
}

bool server_pause_failed(Server *server, const char *message)
{
    if (server) control_pause_failed(server->control, message);
    return server != NULL;
}

bool server_has_clients(Server *server)
{
    return server && clients_any(server);
}

bool server_stopped(const Server *server)
{
    return server && server->control && control_stopped(server->control);
}

void server_task(Server *server, const char *what, int64_t done, int64_t all)
{
    Task task = {.done = done, .all = all};
    if (!server) return;
    if (done < all) snprintf(task.text, sizeof task.text, "%s", what);
    clients_set_task(server, &task);
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
    if ((!due && now - server->last_progress < progress_seconds) || !clients_any(server)) return;
    server->last_progress = now;
    if (json_new_object(&values) != STATUS_OK) return;
    progress_text(&server->progress, session, metrics, text, sizeof text);
    if (step_metrics(session, metrics, values) == STATUS_OK)
        clients_send_all(server, &(WireMessage){.type = WIRE_PROGRESS,
                                                .step = metrics->step,
                                                .steps = session->steps,
                                                .due = due,
                                                .text = text,
                                                .metrics = values});
    json_decref(values);
}

void server_evaluation(Server *server, const Session *session, const Evaluation *evaluation, const char *text)
{
    json_t *values;
    if (!server || !clients_any(server) || json_new_object(&values) != STATUS_OK) return;
    if (evaluation_json(evaluation, values) == STATUS_OK)
        clients_send_all(
            server,
            &(WireMessage){.type = WIRE_EVALUATION, .step = session->step, .text = text, .metrics = values});
    json_decref(values);
}
