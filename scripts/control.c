/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scripts/control.h"

#include "engine/base/cancel.h"
#include "engine/base/memory.h"
#include "engine/base/thousands.h"
#include "scripts/bind_session.h"
#include "scripts/library.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { WORDS_SIZE = 2400 }; /* also for the message of a step that was not finite */

static const double look_seconds = 0.05; /* a signal does not wake who waits for lines */
static const char control_key;           /* in the registry: the Control */

struct Control {
    Host *host;
    Session *session;
    Lines *lines;
    ControlEvents events;
    int asked; /* reference of the function that control.lua returns */
    bool armed, pause, paused, stop;
    bool failed; /* what the pause is for */
    char words[WORDS_SIZE];
};

/* --- what control.lua calls --- */

static Control *control_of(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &control_key);
    Control *control = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (!control) luaL_error(L, "this run is over");
    return control;
}

static void tell(Control *control, const char *what)
{
    char line[WORDS_SIZE + 400], step[THOUSANDS_BYTES];
    snprintf(line, sizeof line, "[%s] %s", thousands(control->session->step, step), what);
    control->events.told(control->events.context, line);
}

static void go_on(Control *control, bool quietly)
{
    bool was_paused = control->paused;
    control->paused = control->pause = false;
    control->words[0] = '\0';
    lines_set_paused(control->lines, false);
    if (was_paused && !quietly) tell(control, "goes on");
}

static int order(lua_State *L)
{
    Control *control = control_of(L);
    const char *word = luaL_checkstring(L, 1);
    if (strcmp(word, "control") == 0) {
        host_check(L, control->events.control(control->events.context));
        return 0;
    }
    host_check_change(L);
    control->armed = true;
    if (strcmp(word, "pause") == 0)
        control_pause(control, "");
    else if (strcmp(word, "stop") == 0)
        control->stop = true;
    else
        go_on(control, strcmp(word, "resume quietly") == 0);
    return 0;
}

static int boundary(lua_State *L)
{
    host_need_boundary(L, boundary);
    return 0;
}

/* lathe.paused() */
static int tell_paused(lua_State *L)
{
    lua_pushboolean(L, control_of(L)->paused);
    return 1;
}

static int nothing(lua_State *L)
{
    (void)L;
    return 0;
}

static int await_pause(lua_State *L)
{
    return host_wait_for_pause(L, nothing);
}

/* Seconds of a clock that goes on, and of the day where the user is. */
static int tell_time(lua_State *L)
{
    struct timespec now;
    struct tm local = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    lua_pushnumber(L, (double)now.tv_sec + (double)now.tv_nsec * 1e-9);
    lua_pushinteger(L, local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec);
    return 2;
}

/* --- making --- */

/* Whether the session trains by itself: then run:train() would bypass the run. */
static void set_live(const Control *control, bool live)
{
    SessionHandle *handle = control->session->owner;
    if (handle) handle->live = live;
}

static int open_control(lua_State *L)
{
    Control *control = lua_touserdata(L, 1);
    set_live(control, true);
    lua_pushlightuserdata(L, control);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &control_key);
    library_push(L, "lathe");
    lua_pushcfunction(L, boundary);
    lua_setfield(L, -2, "boundary");
    lua_pushcfunction(L, tell_paused);
    lua_setfield(L, -2, "paused");
    library_load(L, "control");
    lua_pushcfunction(L, order);
    lua_pushcfunction(L, boundary);
    lua_pushcfunction(L, await_pause);
    lua_pushcfunction(L, tell_time);
    lua_call(L, 4, 1);
    control->asked = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

Status control_new(Host *host, Session *session, Lines *lines, const ControlEvents *events, Control **out)
{
    Control *control;
    TRY(memory_new(1, sizeof *control, &control));
    *control = (Control){.host = host, .session = session, .lines = lines, .events = *events, .asked = LUA_NOREF};
    Status status = host_protect(host, open_control, control);
    if (status == STATUS_OK)
        *out = control;
    else
        control_free(control);
    if (status == STATUS_OK) host_set_teller(host, events->told, events->context);
    return status;
}

static int close_control(lua_State *L)
{
    const Control *control = lua_touserdata(L, 1);
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &control_key);
    luaL_unref(L, LUA_REGISTRYINDEX, control->asked);
    return 0;
}

void control_free(Control *control)
{
    if (!control) return;
    host_set_teller(control->host, NULL, NULL);
    set_live(control, false);
    Status status = host_protect(control->host, close_control, control);
    (void)status; /* without memory the entries stay until the state dies */
    memory_free(control);
}

/* --- between two steps --- */

void control_pause(Control *control, const char *words)
{
    control->pause = true;
    control->failed = false;
    snprintf(control->words, sizeof control->words, "%s", words);
}

void control_pause_failed(Control *control, const char *message)
{
    control_pause(control, message);
    control->failed = true;
}

bool control_paused(const Control *control)
{
    return control->paused;
}

bool control_stopped(const Control *control)
{
    return control->stop;
}

static int ask(lua_State *L)
{
    Control *control = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, control->asked);
    lua_call(L, 0, 2);
    const char *words = lua_tostring(L, -2);
    control->armed = lua_toboolean(L, -1);
    if (words) control_pause(control, words);
    return 0;
}

/* A condition that fails, or that is interrupted from a prompt, pauses. */
static Status ask_conditions(Control *control)
{
    if (!control->armed || control->paused) return STATUS_OK;
    Status status = host_protect(control->host, ask, control);
    if (status == STATUS_CANCELLED) return status;
    if (status != STATUS_OK) control_pause(control, status_message());
    return STATUS_OK;
}

static void begin_pause(Control *control)
{
    char what[WORDS_SIZE + 300];
    if (control->failed)
        snprintf(
            what, sizeof what,
            "paused, because the next step failed: %s\n  run.batch is the batch of that step; undo() goes back "
            "before the last edit; resume() tries the step again, stop() ends the run",
            control->words);
    else
        snprintf(what, sizeof what, "paused%s%s; resume() goes on", control->words[0] ? " " : "", control->words);
    control->pause = false;
    control->paused = true;
    tell(control, what);
    lines_set_paused(control->lines, true);
}

static void serve(Control *control)
{
    if (lines_boundary(control->lines) > 0) control->events.served(control->events.context);
}

void control_hold(Control *control)
{
    control->paused = true;
    lines_set_paused(control->lines, true);
}

void control_serve(Control *control)
{
    serve(control);
    lines_wait(control->lines, look_seconds);
}

static void follow_breakpoints(Control *control)
{
    SessionHandle *handle = control->session->owner;
    if (!handle || !handle->pause[0]) return;
    control_pause(control, handle->pause);
    handle->pause[0] = '\0';
}

Status control_boundary(Control *control)
{
    if (control->pause && !control->paused) begin_pause(control); /* asked for by nobody's line, so before any */
    serve(control);
    follow_breakpoints(control);
    TRY(ask_conditions(control));
    while ((control->pause || control->paused) && !control->stop) {
        TRY(cancel_check());
        if (control->pause && !control->paused) begin_pause(control);
        control->pause = false;
        serve(control);
        if (control->paused && !control->stop) lines_wait(control->lines, look_seconds);
    }
    return control->stop ? status_fail(STATUS_CANCELLED, "stopped") : STATUS_OK;
}
