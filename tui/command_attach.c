/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lathe attach DIR: the workbench, a prompt or lines on a run that trains in another process. */
#include "engine/base/cancel.h"
#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "tui/client.h"
#include "tui/command.h"
#include "tui/progress.h"
#include "tui/repl.h"
#include "tui/workbench/attend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double patience_seconds = 0.3, deaf_seconds = 1.5;

typedef struct Attached {
    Client client;
    Repl *repl;      /* gathers lines to chunks; runs nothing */
    int64_t last_id; /* of lines and completions */
    Buffer news;     /* what came while nobody asked */
    Progress task;   /* what goes on while a line is awaited */
    bool terminal, over, failed, unanswered;
} Attached;

/* A short wait is not worth a word. */
typedef struct Waiting {
    char what[128];
    double since, interrupted;
    bool told;
} Waiting;

/* --- messages --- */

static Status put_news(Attached *attached, const char *text)
{
    size_t length = strlen(text);
    TRY(buffer_text(&attached->news, text));
    return length && text[length - 1] == '\n' ? STATUS_OK : buffer_text(&attached->news, "\n");
}

static Status take_role(Attached *attached, const WireMessage *message)
{
    char words[160];
    if (strcmp(message->status, "guest") != 0) return STATUS_OK;
    snprintf(words, sizeof words, "%.60s is in control: what changes the run is refused here until control()",
             message->text);
    return put_news(attached, words);
}

static Status take_news(Attached *attached, const WireMessage *message)
{
    if (message->type == WIRE_BYE) attached->over = true;
    if (message->type == WIRE_ROLE) return take_role(attached, message);
    if (message->type == WIRE_LOG || message->type == WIRE_BYE) return put_news(attached, message->text);
    return STATUS_OK;
}

/* Over the one before, until something else is printed. */
static void show_task(Attached *attached, const WireMessage *message)
{
    if (message->text[0] && message->steps)
        progress_task(&attached->task, message->text, message->step, message->steps);
}

static void show_news(Attached *attached)
{
    if (attached->news.length) progress_finish(&attached->task);
    if (attached->news.length) fputs(attached->news.data, stdout);
    buffer_clear(&attached->news);
    fflush(stdout);
}

/* --- a line --- */

static void tell_waiting(const Attached *attached, Waiting *waiting)
{
    if (!attached->terminal || !waiting->what[0] || waiting->told) return;
    if (clock_seconds() - waiting->since < patience_seconds) return;
    waiting->told = true;
    printf("(waits for %s; Ctrl-C gives up)\n", waiting->what);
    fflush(stdout);
}

/* Ctrl-C: once asks the run to end the line; again, when it could not, leaves. */
static Status follow_interrupt(Attached *attached, Waiting *waiting)
{
    if (!cancel_requested()) return STATUS_OK;
    cancel_clear();
    if (!waiting->interrupted) {
        waiting->interrupted = clock_seconds();
        return client_send(&attached->client, &(WireMessage){.type = WIRE_INTERRUPT});
    }
    attached->over = true;
    return put_news(attached, "left the line to itself; the run goes on when the line has ended");
}

static void tell_deaf(Waiting *waiting)
{
    if (waiting->interrupted <= 0 || clock_seconds() - waiting->interrupted < deaf_seconds) return;
    waiting->interrupted = clock_seconds() + 1e9;
    puts("(the run is inside a function that cannot be interrupted, and waits for it; Ctrl-C again detaches)");
    fflush(stdout);
}

/* Whether the message ends the line. */
static Status take_answer(Attached *attached, int64_t id, const WireMessage *message, Waiting *waiting, bool *done)
{
    bool own = message->id == id;
    if (message->type == WIRE_TASK) {
        show_task(attached, message);
        return STATUS_OK;
    }
    if (own) progress_finish(&attached->task);
    if (message->type == WIRE_OUTPUT && own) {
        fwrite(message->text, 1, message->text_length, stdout);
        fflush(stdout);
    } else if (message->type == WIRE_WAITING && own) {
        waiting->since = clock_seconds();
        snprintf(waiting->what, sizeof waiting->what, "%s", message->text);
    } else if (message->type == WIRE_DONE && own) {
        fputs(message->text, stdout);
        bool failed = strcmp(message->status, "failed") == 0 || strcmp(message->status, "interrupted") == 0;
        attached->failed = failed || (attached->failed && !attached->terminal);
        attached->over |= strcmp(message->status, "exit") == 0;
        *done = true;
    } else {
        TRY(take_news(attached, message));
        show_news(attached);
    }
    return STATUS_OK;
}

static Status run_line(Attached *attached, const char *chunk)
{
    int64_t id = ++attached->last_id;
    Waiting waiting = {0};
    bool done = false, got;
    WireMessage message;
    attached->unanswered = true;
    TRY(client_send(&attached->client, &(WireMessage){.type = WIRE_LINE, .id = id, .text = chunk}));
    while (!done && !attached->over) {
        TRY(client_next(&attached->client, 100, &message, &got));
        if (got) {
            Status status = take_answer(attached, id, &message, &waiting, &done);
            wire_clear(&message);
            TRY(status);
        }
        tell_waiting(attached, &waiting);
        tell_deaf(&waiting);
        TRY(follow_interrupt(attached, &waiting));
    }
    attached->unanswered = !done;
    show_news(attached);
    return STATUS_OK;
}

/* --- the prompt --- */

static Status on_line(void *context, const char *line, bool *more)
{
    Attached *attached = context;
    const char *chunk;
    TRY(repl_gather(attached->repl, line, more, &chunk));
    return chunk ? run_line(attached, chunk) : STATUS_OK;
}

static void on_abandon(void *context)
{
    repl_abandon(((Attached *)context)->repl);
}

static bool is_over(void *context)
{
    return ((Attached *)context)->over;
}

static void on_lost(Attached *attached)
{
    attached->over = true;
    attached->failed = true;
    if (put_news(attached, status_message()) != STATUS_OK) attached->news.length = 0;
}

/* All that has come, without waiting for more. */
static bool on_ready(void *context)
{
    Attached *attached = context;
    WireMessage message;
    bool got = true;
    while (got && !attached->over) {
        Status status = client_next(&attached->client, 0, &message, &got);
        if (status == STATUS_OK && got) {
            status = take_news(attached, &message);
            wire_clear(&message);
        }
        if (status != STATUS_OK) on_lost(attached);
    }
    return attached->news.length > 0 || attached->over;
}

static void on_show(void *context)
{
    show_news(context);
}

static Status on_complete(void *context, const char *line, size_t *start, Buffer *out)
{
    Attached *attached = context;
    WireMessage message;
    int64_t id = ++attached->last_id;
    double until = clock_seconds() + 5;
    bool got;
    TRY(client_send(&attached->client, &(WireMessage){.type = WIRE_COMPLETE, .id = id, .text = line}));
    while (clock_seconds() < until) {
        TRY(client_next(&attached->client, 100, &message, &got));
        if (!got) continue;
        bool mine = message.type == WIRE_WORDS && message.id == id;
        Status status = mine ? buffer_text(out, message.text) : take_news(attached, &message);
        *start = (size_t)message.start;
        wire_clear(&message);
        if (mine || status != STATUS_OK) return status;
    }
    return status_fail(STATUS_BUSY, "the run does not answer");
}

static Status prompt(Attached *attached, const char *directory)
{
    const Prompt terminal = {.line = on_line,
                             .abandon = on_abandon,
                             .complete = on_complete,
                             .over = is_over,
                             .watched = attached->client.socket,
                             .ready = on_ready,
                             .show = on_show,
                             .context = attached};
    printf("%s is attached. run shows it, help() or ?x explains, Ctrl-C interrupts a line, Ctrl-D detaches.\n",
           directory);
    Status status = prompt_read_terminal(&terminal);
    show_news(attached);
    return status;
}

/* --- without a terminal --- */

static Status read_lines(Attached *attached)
{
    char *line = NULL; /* getline's own memory */
    size_t capacity = 0;
    ssize_t length;
    bool more = false;
    Status status = STATUS_OK;
    while (status == STATUS_OK && !attached->over && (length = getline(&line, &capacity, stdin)) >= 0) {
        if (length && line[length - 1] == '\n') line[--length] = '\0';
        status = strlen(line) == (size_t)length
                     ? on_line(attached, line, &more)
                     : status_fail(STATUS_FORMAT, "standard input: a line contains a zero byte; Lua is text");
    }
    free(line);
    if (status == STATUS_OK && more && !attached->over)
        status = status_fail(STATUS_LUA, "standard input ends inside a chunk; nothing of it was run");
    return status;
}

/* Progress until the run is over. */
static Status follow(Attached *attached)
{
    WireMessage message;
    bool got;
    while (!attached->over) {
        TRY(client_next(&attached->client, -1, &message, &got));
        if (!got) continue;
        Status status = STATUS_OK;
        if ((message.type == WIRE_PROGRESS && message.due) || message.type == WIRE_EVALUATION)
            puts(message.text);
        else
            status = take_news(attached, &message);
        if (message.type == WIRE_BYE) attached->failed = strcmp(message.status, "failed") == 0;
        wire_clear(&message);
        show_news(attached);
        TRY(status);
    }
    return STATUS_OK;
}

static Status attach(Attached *attached, const Arguments *arguments)
{
    bool viewer = attached->terminal && !arguments->plain;
    TRY(client_open(arguments->names[0], viewer, &attached->client));
    if (arguments->plain) return follow(attached);
    return attached->terminal ? prompt(attached, arguments->names[0]) : read_lines(attached);
}

static int open_workbench(const char *directory)
{
    int code = 0;
    Status status = attend_run(directory, NULL, &code);
    return status == STATUS_OK ? code : command_fail(status);
}

int command_attach(const Arguments *arguments)
{
    if (!arguments->plain && !arguments->prompt && attend_possible()) return open_workbench(arguments->names[0]);
    bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    Attached attached = {
        .terminal = terminal, .task = {.out = stdout, .terminal = terminal}, .client = {.socket = -1}};
    Host *host = NULL;
    Status status = host_new(&(HostOptions){.restricted = true}, &host);
    if (status == STATUS_OK) status = repl_new(host, &attached.repl);
    if (status == STATUS_OK) status = attach(&attached, arguments);
    int result = status != STATUS_OK ? command_fail(status) : attached.failed || attached.unanswered;
    client_close(&attached.client);
    repl_free(attached.repl);
    host_free(host);
    buffer_free(&attached.news);
    return result;
}
