/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What sweeps (scripts/lib/sweep.lua) need from C: runs as processes of their own, their energy and memory,
 * metrics. */
#include "scripts/bind_experiments.h"
#include "engine/base/cancel.h"
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/metrics_store.h"
#include "engine/io/run_directory.h"
#include "engine/train/estimate.h"
#include "scripts/bind_session.h"
#include "scripts/recipe.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_PACKAGES = 16, MOST_ARGUMENTS = 400, WAIT_MICROSECONDS = 20000, LOOK_EVERY = 50 };

/* --- energy: RAPL counts microjoules of each processor package and begins again at its range --- */

typedef struct Energy {
    int count; /* packages that can be read; 0: unavailable */
    double last[MOST_PACKAGES], range[MOST_PACKAGES], joules;
} Energy;

static bool read_counter(int package, const char *name, double *out)
{
    char path[512];
    const char *folder = getenv("LATHE_POWERCAP");
    snprintf(path, sizeof path, "%.400s/intel-rapl:%d/%s", folder ? folder : "/sys/class/powercap", package, name);
    FILE *file = fopen(path, "r");
    if (!file) return false;
    bool read = fscanf(file, "%lf", out) == 1 && *out >= 0;
    fclose(file);
    return read;
}

static void energy_look(Energy *energy)
{
    for (int i = 0; i < energy->count; i++) {
        double now;
        if (!read_counter(i, "energy_uj", &now)) {
            energy->count = 0;
            return;
        }
        double used = now - energy->last[i];
        energy->joules += 1e-6 * (used < 0 ? used + energy->range[i] : used);
        energy->last[i] = now;
    }
}

static Energy energy_begin(void)
{
    Energy energy = {0};
    while (energy.count < MOST_PACKAGES && read_counter(energy.count, "energy_uj", &energy.last[energy.count]) &&
           read_counter(energy.count, "max_energy_range_uj", &energy.range[energy.count]))
        energy.count++;
    return energy;
}

/* --- a child --- */

/* In a process group of its own: Ctrl-C reaches it once, through its parent. */
static int start(const char *program, char **arguments, const char *log, pid_t *child)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    int error = posix_spawn_file_actions_init(&files);
    if (error) return error;
    error = posix_spawnattr_init(&attributes);
    if (error) {
        posix_spawn_file_actions_destroy(&files);
        return error;
    }
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    error = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    if (!error) error = posix_spawn_file_actions_addopen(&files, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (!error) error = posix_spawn_file_actions_adddup2(&files, 1, 2);
    if (!error) error = posix_spawn(child, program, &files, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return error;
}

static int await(pid_t child, Energy *energy, struct rusage *usage)
{
    bool told = false;
    int status;
    for (int round = 0;; round++) {
        pid_t ended = wait4(child, &status, WNOHANG, usage);
        if (ended == child) break;
        if (ended < 0 && errno != EINTR) return -1;
        if (cancel_requested() && !told) {
            kill(child, SIGINT); /* it saves its state and leaves */
            told = true;
        }
        if (round % LOOK_EVERY == 0) energy_look(energy);
        usleep(WAIT_MICROSECONDS);
    }
    energy_look(energy);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void set_number(lua_State *L, const char *name, double value)
{
    lua_pushnumber(L, value);
    lua_setfield(L, -2, name);
}

/* lathe.spawn({"run", ...}, log) -> { status, peak_bytes, joules (nil: unavailable) }: this program once more. */
static int spawn(lua_State *L)
{
    static char name[] = "lathe";
    char *arguments[MOST_ARGUMENTS + 2] = {name};
    struct rusage usage = {0};
    pid_t child;
    luaL_checktype(L, 1, LUA_TTABLE);
    const char *log = luaL_checkstring(L, 2);
    lua_Integer count = (lua_Integer)lua_rawlen(L, 1);
    luaL_argcheck(L, count <= MOST_ARGUMENTS, 1, "too many arguments");
    luaL_checkstack(L, (int)count + 4, "arguments of a process");
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, 1, i); /* stays on the stack */
        arguments[i] = (char *)(uintptr_t)luaL_checkstring(L, -1);
    }
    Energy energy = energy_begin();
    bool counted = energy.count > 0;
    int error = start("/proc/self/exe", arguments, log, &child);
    if (error)
        return luaL_error(L, "the program cannot be started, its output going to %s: %s", log, strerror(error));
    int status = await(child, &energy, &usage);
    lua_newtable(L);
    set_number(L, "status", status);
    set_number(L, "peak_bytes", 1024 * (double)usage.ru_maxrss);
    if (counted && energy.count) set_number(L, "joules", energy.joules);
    return 1;
}

/* --- metrics --- */

/* lathe.run_metrics(directory) -> { NAME = { last = , step = , sum = } }, or nil and why */
static int run_metrics(lua_State *L)
{
    MetricsStore *store;
    Status status = run_directory_open_metrics(luaL_checkstring(L, 1), &store);
    if (status != STATUS_OK) {
        lua_pushnil(L);
        lua_pushstring(L, status_message());
        return 2;
    }
    int count = metrics_name_count(store);
    if (!lua_checkstack(L, 8)) count = 0;
    lua_newtable(L);
    for (int i = 0; i < count; i++) {
        const char *name = metrics_name(store, i);
        MetricsSpan span;
        int64_t step;
        double value;
        if (!metrics_last(store, name, &step, &value)) continue;
        if (metrics_range(store, name, 0, INT64_MAX - 1, 1, &span) != STATUS_OK) continue;
        lua_newtable(L);
        set_number(L, "last", value);
        set_number(L, "step", (double)step);
        set_number(L, "sum", span.sum);
        lua_setfield(L, -2, name);
    }
    metrics_close(store);
    return 1;
}

/* --- files, recipes --- */

static int make_directory(lua_State *L)
{
    host_check(L, file_make_directory(luaL_checkstring(L, 1), true));
    return 0;
}

/* lathe.write_file(path, text): whole or not at all */
static int write_file(lua_State *L)
{
    size_t length;
    const char *text = luaL_checklstring(L, 2, &length);
    host_check(L, file_write(luaL_checkstring(L, 1), text, length));
    return 0;
}

static int check_cancelled(lua_State *L)
{
    host_check(L, cancel_check());
    return 0;
}

static int find_recipe(lua_State *L)
{
    Buffer *path = host_push_buffer(L);
    host_check(L, recipe_find(luaL_checkstring(L, 1), path));
    host_buffer_to_string(L, path);
    return 1;
}

static Status step(void *context, Session *session, StepMetrics *out)
{
    return bind_step(context, session, out);
}

/* lathe.estimate_session(session) -> a table; the session is used up */
static int estimate_session(lua_State *L)
{
    SessionHandle *handle = bind_check_session(L, 1);
    Estimate e;
    if (handle->stepping) return luaL_error(L, "estimate: a training step is under way");
    host_check(L, session_estimate(handle->session, step, host_of(L), &e));
    lua_newtable(L);
    set_number(L, "step_flops", e.step_flops);
    set_number(L, "run_flops", e.step_flops * (double)e.steps);
    set_number(L, "step_seconds", e.step_seconds);
    set_number(L, "run_seconds", e.step_seconds * (double)e.steps);
    set_number(L, "gflops", 1e-9 * e.step_flops / e.step_seconds);
    const struct {
        const char *name;
        int64_t value;
    } integers[] = {{"parameters", e.parameters},
                    {"steps", e.steps},
                    {"tokens", e.tokens},
                    {"examples", e.examples},
                    {"parameter_bytes", e.parameter_bytes},
                    {"gradient_bytes", e.gradient_bytes},
                    {"optimizer_bytes", e.optimizer_bytes},
                    {"activation_bytes", e.activation_bytes},
                    {"process_bytes", e.process_bytes}};
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        lua_pushinteger(L, integers[i].value);
        lua_setfield(L, -2, integers[i].name);
    }
    return 1;
}

void bind_open_experiments(lua_State *L, bool restricted)
{
    static const luaL_Reg functions[] = {{"find_recipe", find_recipe},
                                         {"estimate_session", estimate_session},
                                         {"run_metrics", run_metrics},
                                         {"check_cancelled", check_cancelled},
                                         {NULL, NULL}};
    static const luaL_Reg trusted[] = {
        {"spawn", spawn}, {"make_directory", make_directory}, {"write_file", write_file}, {NULL, NULL}};
    lua_getglobal(L, "lathe");
    luaL_setfuncs(L, functions, 0);
    if (!restricted) luaL_setfuncs(L, trusted, 0);
    lua_pop(L, 1);
}
