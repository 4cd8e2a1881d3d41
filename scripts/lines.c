/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scripts/lines.h"

#include "engine/base/cancel.h"
#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "scripts/bind_history.h"
#include "scripts/library.h"
#include "scripts/report.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

static const double usual_slice = 0.02;

typedef struct Line {
    struct Line *next;
    uint64_t client;
    int64_t id;
    char *text;
    size_t length;
    lua_State *thread; /* NULL: not started */
    int reference;     /* of the thread, in the registry */
    HostWait waits;
    bool interrupted, forgotten, told;
} Line;

struct Lines {
    Host *host;
    LineEvents events;
    int runner; /* reference of lib/lines.lua's function */
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    Line *first;   /* in order of arrival; the lock's, but for the fields of the line that runs */
    Line *running; /* written by the engine thread */
    double begun;  /* clock: when it was taken */
    bool paused, over;
    atomic_bool pending;
    double slice, rest_until;
};

/* --- making --- */

static int find_runner(lua_State *L)
{
    Lines *lines = lua_touserdata(L, 1);
    library_require(L, "lines");
    lines->runner = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

static void make_lock(Lines *lines)
{
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&lines->lock, NULL);
    pthread_cond_init(&lines->arrived, &clock);
    pthread_condattr_destroy(&clock);
}

Status lines_new(Host *host, const LineEvents *events, Lines **out)
{
    Lines *lines;
    TRY(memory_new(1, sizeof *lines, &lines));
    lines->host = host;
    lines->events = *events;
    lines->runner = LUA_NOREF;
    lines->slice = usual_slice;
    make_lock(lines);
    Status status = host_protect(host, find_runner, lines);
    if (status == STATUS_OK)
        *out = lines;
    else
        lines_free(lines);
    return status;
}

/* --- the queue --- */

static void wake(Lines *lines)
{
    atomic_store(&lines->pending, true);
    pthread_cond_signal(&lines->arrived);
}

static Status new_line(uint64_t client, int64_t id, const char *text, size_t length, Line **out)
{
    Line *line;
    TRY(memory_new(1, sizeof *line, &line));
    *line = (Line){.client = client, .id = id, .length = length, .reference = LUA_NOREF};
    Status status = memory_copy_bytes(text, length, &line->text);
    if (status == STATUS_OK)
        *out = line;
    else
        memory_free(line);
    return status;
}

Status lines_put(Lines *lines, uint64_t client, int64_t id, const char *text, size_t length)
{
    Line *line, **end;
    int count = 0;
    if (length > LINE_LONGEST) return status_fail(STATUS_INVALID, "a line of more than 1 MB; put it into a file");
    TRY(new_line(client, id, text, length, &line));
    pthread_mutex_lock(&lines->lock);
    for (end = &lines->first; *end; end = &(*end)->next) count += (*end)->client == client;
    bool over = lines->over, taken = count < LINES_OF_A_CLIENT && !over;
    if (taken) *end = line;
    wake(lines);
    pthread_mutex_unlock(&lines->lock);
    if (taken) return STATUS_OK;
    memory_free(line->text);
    memory_free(line);
    if (over) return status_fail(STATUS_CANCELLED, "the run is over");
    return status_fail(STATUS_BUSY, "%d lines wait already; wait for their answers", LINES_OF_A_CLIENT);
}

static void interrupt(Lines *lines, uint64_t client, bool forget)
{
    pthread_mutex_lock(&lines->lock);
    for (Line *line = lines->first; line; line = line->next) {
        if (line->client != client) continue;
        line->interrupted = true;
        line->forgotten |= forget;
        if (line == lines->running) cancel_line_request();
    }
    if (!lines->running && !forget) cancel_callback_request(); /* which holds up the client's lines */
    wake(lines);
    pthread_mutex_unlock(&lines->lock);
}

void lines_interrupt(Lines *lines, uint64_t client)
{
    interrupt(lines, client, false);
}

void lines_forget(Lines *lines, uint64_t client)
{
    interrupt(lines, client, true);
}

bool lines_running(Lines *lines, uint64_t *client, double *seconds)
{
    pthread_mutex_lock(&lines->lock);
    bool runs = lines->running != NULL;
    if (runs) {
        *client = lines->running->client;
        *seconds = clock_seconds() - lines->begun;
    }
    pthread_mutex_unlock(&lines->lock);
    return runs;
}

uint64_t lines_client(const Lines *lines)
{
    return lines->running ? lines->running->client : 0;
}

static void unlink_line(Lines *lines, Line *line)
{
    pthread_mutex_lock(&lines->lock);
    Line **at = &lines->first;
    while (*at != line) at = &(*at)->next;
    *at = line->next;
    pthread_mutex_unlock(&lines->lock);
}

static bool has_earlier(const Lines *lines, const Line *line)
{
    for (const Line *at = lines->first; at != line; at = at->next)
        if (at->client == line->client) return true;
    return false;
}

static bool is_ready(const Lines *lines, const Line *line, bool amid)
{
    if (line->interrupted) return true;
    if (has_earlier(lines, line)) return false;
    if (!line->thread) return true;
    return !amid && (line->waits == HOST_BOUNDARY || (line->waits == HOST_PAUSE && lines->paused));
}

/* The first that can go on, as the one that runs from now on. */
static Line *take_ready(Lines *lines, bool amid)
{
    pthread_mutex_lock(&lines->lock);
    Line *line = lines->first;
    while (line && !is_ready(lines, line, amid)) line = line->next;
    lines->running = line;
    lines->begun = clock_seconds();
    cancel_line_enter();
    if (line && line->interrupted) cancel_line_request();
    if (!line) cancel_line_leave();
    pthread_mutex_unlock(&lines->lock);
    return line;
}

static void none_runs(Lines *lines)
{
    pthread_mutex_lock(&lines->lock);
    lines->running = NULL;
    cancel_line_leave();
    pthread_mutex_unlock(&lines->lock);
}

/* --- running --- */

static void line_output(void *context, const char *text, size_t length)
{
    Lines *lines = context;
    const Line *line = lines->running;
    lines->events.output(lines->events.context, line->client, line->id, text, length);
}

static int start_line(lua_State *L)
{
    Lines *lines = lua_touserdata(L, 1);
    Line *line = lines->running;
    lua_State *thread = lua_newthread(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, lines->runner);
    lua_pushlstring(L, line->text, line->length);
    lua_xmove(L, thread, 2);
    line->reference = luaL_ref(L, LUA_REGISTRYINDEX);
    line->thread = thread;
    return 0;
}

static Status go_on(Lines *lines, Line *line, bool amid)
{
    int arguments = 0;
    if (line->interrupted) return cancel_check();
    if (!line->thread) {
        TRY(host_protect(lines->host, start_line, lines));
        arguments = 1;
    }
    TRY(bind_begin_line(lines->host, line->thread));
    host_set_line(lines->host, line->text);
    Status status = host_resume(lines->host, line->thread, arguments, amid, &line->waits);
    host_set_line(lines->host, NULL);
    return status;
}

/* Closes variables of a coroutine that did not end, which may call Lua functions: still as this line. An error
 * raised by the interrupt hook leaves hooks switched off in the coroutine, so that nothing could end such a
 * function: then the variables are left to the collector. */
static void close_variables(const Line *line)
{
    if (!line->thread) return;
    int code = lua_status(line->thread);
    if (code == LUA_OK || code == LUA_YIELD || !cancel_requested()) lua_resetthread(line->thread);
}

static void drop_thread(Lines *lines, Line *line)
{
    if (line->thread) luaL_unref(host_lua(lines->host), LUA_REGISTRYINDEX, line->reference);
    line->thread = NULL;
}

static void free_line(Line *line)
{
    memory_free(line->text);
    memory_free(line);
}

/* What the client is told of its end; words: filled for it. */
static LineEnd describe_end(Lines *lines, const Line *line, Status status, Buffer *words)
{
    int code;
    if (host_exit_requested(lines->host, &code)) {
        host_clear_exit(lines->host);
        return LINE_EXIT;
    }
    if (status == STATUS_OK) return LINE_DONE;
    bool one_line = memchr(line->text, '\n', line->length) == NULL;
    Status told = report_error(status, status_message(), host_traceback(lines->host), one_line, words);
    (void)told; /* without memory it is not told why */
    return status == STATUS_CANCELLED ? LINE_INTERRUPTED : LINE_FAILED;
}

/* What a line that failed has changed is taken back when all of it has ended. */
static void end_line(Lines *lines, Line *line, Status status)
{
    Buffer words = {0};
    LineEnd end = describe_end(lines, line, status, &words);
    close_variables(line);
    if (line->thread) {
        bool failed = end == LINE_FAILED || end == LINE_INTERRUPTED;
        Status told = bind_end_line(lines->host, line->thread, failed, &words);
        (void)told; /* words may be missing */
    }
    drop_thread(lines, line);
    if (!line->forgotten)
        lines->events.done(lines->events.context, line->client, line->id, end, words.data ? words.data : "");
    buffer_free(&words);
}

static void tell_waiting(Lines *lines, Line *line, bool amid)
{
    const char *what = line->waits == HOST_PAUSE ? "the run to pause" : "the end of the step";
    if (line->told || (!amid && line->waits == HOST_BOUNDARY)) return;
    line->told = true;
    lines->events.waiting(lines->events.context, line->client, line->id, what);
}

/* Runs it as far as it goes; whether it came to its end. */
static bool run_line(Lines *lines, Line *line, bool amid)
{
    HostOutput before;
    void *context;
    host_set_output(lines->host, line_output, lines, &before, &context);
    Status status = go_on(lines, line, amid);
    bool ended = status != STATUS_OK || line->waits == HOST_NOTHING;
    if (ended) {
        end_line(lines, line, status);
    } else {
        Status kept = bind_keep_line(lines->host);
        (void)kept; /* nothing is said */
        tell_waiting(lines, line, amid);
    }
    host_set_output(lines->host, before, context, NULL, NULL);
    none_runs(lines);
    if (!ended) return false;
    unlink_line(lines, line);
    free_line(line);
    return true;
}

static int serve(Lines *lines, bool amid, double seconds)
{
    double start = clock_seconds();
    int ended = 0;
    Line *line;
    atomic_store(&lines->pending, false);
    while ((line = take_ready(lines, amid))) {
        ended += run_line(lines, line, amid);
        if (clock_seconds() - start < seconds) continue;
        atomic_store(&lines->pending, true);
        break;
    }
    if (isfinite(seconds)) lines->rest_until = 2 * clock_seconds() - start;
    return ended;
}

void lines_between_ops(Lines *lines)
{
    if (!atomic_load_explicit(&lines->pending, memory_order_relaxed) || lines->running) return;
    if (cancel_training_requested() || clock_seconds() < lines->rest_until) return;
    serve(lines, true, lines->slice);
}

void lines_set_slice(Lines *lines, double seconds)
{
    lines->slice = seconds;
}

int lines_boundary(Lines *lines)
{
    return lines->running ? 0 : serve(lines, false, 10 * lines->slice);
}

void lines_wait(Lines *lines, double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    long nanoseconds = until.tv_nsec + (long)(seconds * 1e9);
    until.tv_sec += nanoseconds / 1000000000;
    until.tv_nsec = nanoseconds % 1000000000;
    pthread_mutex_lock(&lines->lock);
    while (!atomic_load(&lines->pending))
        if (pthread_cond_timedwait(&lines->arrived, &lines->lock, &until) == ETIMEDOUT) break;
    pthread_mutex_unlock(&lines->lock);
}

void lines_set_paused(Lines *lines, bool paused)
{
    pthread_mutex_lock(&lines->lock);
    lines->paused = paused;
    pthread_mutex_unlock(&lines->lock);
}

void lines_end(Lines *lines)
{
    pthread_mutex_lock(&lines->lock);
    lines->over = true;
    pthread_mutex_unlock(&lines->lock);
    while (lines->first) {
        Line *line = lines->first;
        lines->running = line;
        cancel_line_enter();
        cancel_line_request();
        close_variables(line);
        drop_thread(lines, line);
        none_runs(lines);
        if (!line->forgotten)
            lines->events.done(lines->events.context, line->client, line->id, LINE_INTERRUPTED,
                               "the run is over\n");
        unlink_line(lines, line);
        free_line(line);
    }
}

void lines_free(Lines *lines)
{
    if (!lines) return;
    lines_end(lines);
    luaL_unref(host_lua(lines->host), LUA_REGISTRYINDEX, lines->runner);
    pthread_mutex_destroy(&lines->lock);
    pthread_cond_destroy(&lines->arrived);
    memory_free(lines);
}
