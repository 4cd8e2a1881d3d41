/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scripts/host.h"

#include "engine/base/cancel.h"
#include "engine/base/memory.h"
#include "scripts/bind.h"
#include "scripts/host_files.h"
#include "scripts/library.h"
#include "scripts/report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { HOOK_INTERVAL = 1000, GC_REPORT_BYTES = 64 << 10 };

enum {
    LARGE_BYTES = 64 << 20, /* an allocation that takes long enough to ask for interrupts */
    MOST_BYTES = 1 << 30    /* that Lua may hold, unless said */
};

static FILE *standard; /* NULL: standard output */
static size_t standard_limit;

struct Host {
    const char *typed; /* by a person, and running now */
    lua_State *lua;
    HostOptions options;
    size_t lua_bytes;
    Buffer traceback;
    char place[128];  /* where the user's own code stood, as report_place() says */
    char raised[512]; /* the message of the last engine failure that became a Lua error */
    Status raised_status;
    Tape *own_tape, *tape;
    uint64_t era;
    HostDraws draws, line_draws; /* the latter: of lines, which draw nothing away from a step */
    size_t unreported;           /* bytes that the collector was not told about yet */
    lua_State *line;             /* the coroutine of a line, while one runs */
    HostWait waits;              /* what it asked to wait for */
    HostFiles files;
    const char *(*gate)(void *context);
    void *gate_context;
    void (*told)(void *context, const char *words); /* NULL: nobody */
    void *told_context;
    int exit_code, masked; /* masked: so many host_mask() without host_unmask() */
    bool exiting, amid;
};

/* --- memory --- */

/* Lua's allocator. Shrinking never fails: the old block will do. */
static void *allocate(void *context, void *block, size_t old_size, size_t new_size)
{
    Host *host = context;
    size_t had = block ? old_size : 0;
    if (new_size == 0) {
        memory_free(block);
        host->lua_bytes -= had;
        return NULL;
    }
    size_t limit = host->options.memory_limit;
    if (new_size > had && new_size - had > LARGE_BYTES && !host->masked && cancel_requested()) return NULL;
    if (limit && new_size > had && (new_size - had > limit || host->lua_bytes > limit - (new_size - had)))
        return NULL;
    void *fresh = block;
    if (memory_resize(&fresh, new_size, 1) != STATUS_OK && (!block || new_size > had)) return NULL;
    host->lua_bytes = host->lua_bytes - had + new_size;
    return fresh;
}

void host_count_bytes(lua_State *L, size_t bytes)
{
    Host *host = host_of(L);
    host->unreported += bytes;
    if (host->unreported < GC_REPORT_BYTES) return;
    size_t kilobytes = host->unreported >> 10;
    host->unreported = 0;
    lua_gc(L, LUA_GCSTEP, kilobytes > 1 << 20 ? 1 << 20 : (int)kilobytes);
}

/* --- interruption --- */

static int raise_at(lua_State *L, Status status, int level)
{
    Host *host = host_of(L);
    host->raised_status = status;
    snprintf(host->raised, sizeof host->raised, "%s", status_message());
    luaL_where(L, level);
    lua_pushstring(L, status_message());
    lua_concat(L, 2);
    return lua_error(L);
}

/* A new coroutine inherits the hook of its maker. While a stop is wanted the hook comes at every instruction, in
 * this coroutine and in the main one, so that neither pcall nor resume can swallow the interrupt. */
static void interrupt_hook(lua_State *L, lua_Debug *event)
{
    (void)event;
    if (host_of(L)->masked) return;
    if (!cancel_requested()) {
        if (lua_gethookcount(L) != HOOK_INTERVAL) lua_sethook(L, interrupt_hook, LUA_MASKCOUNT, HOOK_INTERVAL);
        return;
    }
    lua_sethook(L, interrupt_hook, LUA_MASKCOUNT, 1);
    lua_sethook(host_of(L)->lua, interrupt_hook, LUA_MASKCOUNT, 1);
    if (host_of(L)->line) lua_sethook(host_of(L)->line, interrupt_hook, LUA_MASKCOUNT, 1);
    raise_at(L, cancel_check(), 0);
}

bool host_interrupted(lua_State *L)
{
    return !host_of(L)->masked && cancel_requested();
}

void host_mask(Host *host)
{
    host->masked++;
}

void host_unmask(Host *host)
{
    host->masked--;
}

/* --- calls --- */

static int keep_traceback(lua_State *L)
{
    Host *host = host_of(L);
    const char *message = lua_tostring(L, 1);
    if (!message) {
        if (luaL_callmeta(L, 1, "__tostring") && lua_type(L, -1) == LUA_TSTRING)
            message = lua_tostring(L, -1);
        else
            message = lua_pushfstring(L, "(the error is a %s value)", luaL_typename(L, 1));
    }
    buffer_clear(&host->traceback);
    report_place(L, 1, host->place, sizeof host->place);
    luaL_traceback(L, L, NULL, 1);
    size_t length;
    const char *trace = lua_tolstring(L, -1, &length);
    if (buffer_append(&host->traceback, trace, length) != STATUS_OK) buffer_clear(&host->traceback);
    lua_pushstring(L, message);
    return 1;
}

static Status failure(Host *host, lua_State *L, int code)
{
    if (code == LUA_ERRMEM) {
        lua_pop(L, 1);
        size_t limit = host->options.memory_limit;
        if (!host->masked) TRY(cancel_check()); /* for which a large block was not given */
        return status_fail(STATUS_NOMEM, "out of memory: Lua code may hold %zu MB; --lua-memory says how many",
                           (limit + (1 << 20) - 1) >> 20);
    }
    const char *message = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "error without a message";
    bool engine = host->raised_status != STATUS_OK && strstr(message, host->raised) != NULL;
    Buffer words = {0};
    bool told =
        host->raised_status != STATUS_CANCELLED && report_in_words(message, host->place, &words) == STATUS_OK;
    Status status = status_fail(engine ? host->raised_status : STATUS_LUA, "%s", told ? words.data : message);
    buffer_free(&words);
    lua_pop(L, 1);
    return status;
}

Status host_call(Host *host, int arguments, int results)
{
    lua_State *L = host->lua;
    int base = lua_gettop(L) - arguments;
    if (!lua_checkstack(L, 4)) {
        lua_settop(L, base - 1);
        return status_fail(STATUS_NOMEM, "out of memory for Lua's stack");
    }
    buffer_clear(&host->traceback);
    host->place[0] = '\0';
    host->raised_status = STATUS_OK;
    lua_sethook(L, interrupt_hook, LUA_MASKCOUNT, HOOK_INTERVAL);
    lua_pushcfunction(L, keep_traceback);
    lua_insert(L, base);
    int code = lua_pcall(L, arguments, results, base);
    lua_remove(L, base);
    return code == LUA_OK ? STATUS_OK : failure(host, L, code);
}

Status host_protect(Host *host, lua_CFunction function, void *argument)
{
    lua_pushcfunction(host->lua, function);
    lua_pushlightuserdata(host->lua, argument);
    return host_call(host, 1, 0);
}

static const char interrupted_words[] = "it was interrupted from a prompt";

Status host_protect_callback(Host *host, lua_CFunction function, void *argument)
{
    cancel_callback_enter();
    Status status = host_protect(host, function, argument);
    bool interrupted = cancel_callback_leave();
    if (status != STATUS_CANCELLED || !interrupted || cancel_requested()) return status;
    return status_fail(STATUS_LUA, "%s", interrupted_words);
}

int host_pcall_callback(lua_State *L)
{
    luaL_checkany(L, 1);
    cancel_callback_enter();
    int code = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    bool interrupted = cancel_callback_leave();
    if (code != LUA_OK && host_interrupted(L))
        return lua_error(L); /* the step as well, or the line that it is in */
    if (code != LUA_OK && interrupted) {
        lua_pop(L, 1);
        lua_pushstring(L, interrupted_words);
    }
    lua_pushboolean(L, code == LUA_OK);
    lua_insert(L, 1);
    return lua_gettop(L);
}

/* --- lines --- */

/* What a step under way must find again as it was. */
typedef struct Outside {
    Tape *tape;
    HostDraws draws;
    Status raised_status;
    char raised[sizeof((Host *)0)->raised];
} Outside;

static void enter_line(Host *host, lua_State *line, bool amid, Outside *outside)
{
    *outside = (Outside){
        .tape = host->tape, .draws = host_draw_from(host, host->line_draws), .raised_status = host->raised_status};
    memcpy(outside->raised, host->raised, sizeof outside->raised);
    host->tape = NULL;
    host->raised_status = STATUS_OK;
    host->line = line;
    host->amid = amid;
    host->waits = HOST_NOTHING;
    buffer_clear(&host->traceback);
    lua_sethook(line, interrupt_hook, LUA_MASKCOUNT, HOOK_INTERVAL);
}

static void leave_line(Host *host, const Outside *outside)
{
    host->tape = outside->tape;
    host->line_draws = host_draw_from(host, outside->draws);
    host->raised_status = outside->raised_status;
    memcpy(host->raised, outside->raised, sizeof outside->raised);
    host->line = NULL;
    host->amid = false;
}

typedef struct TracebackOf {
    lua_State *line;
} TracebackOf;

/* The coroutine still stands where it failed. */
static int trace_line(lua_State *L)
{
    Host *host = host_of(L);
    const TracebackOf *of = lua_touserdata(L, 1);
    report_place(of->line, 0, host->place, sizeof host->place);
    luaL_traceback(L, of->line, NULL, 0);
    size_t length;
    const char *trace = lua_tolstring(L, -1, &length);
    if (buffer_append(&host->traceback, trace, length) != STATUS_OK) buffer_clear(&host->traceback);
    return 0;
}

static Status line_failure(Host *host, lua_State *line, int code)
{
    host->place[0] = '\0';
    TracebackOf of = {line};
    bool room = code != LUA_ERRMEM && lua_checkstack(host->lua, 4);
    if (room) {
        lua_pushcfunction(host->lua, trace_line);
        lua_pushlightuserdata(host->lua, &of);
        if (lua_pcall(host->lua, 1, 0, 0) != LUA_OK) lua_pop(host->lua, 1);
    }
    return failure(host, line, code);
}

Status host_resume(Host *host, lua_State *line, int arguments, bool amid, HostWait *waits)
{
    Outside outside;
    int results = 0;
    enter_line(host, line, amid, &outside);
    int code = lua_resume(line, host->lua, arguments, &results);
    if (code == LUA_YIELD && host->waits == HOST_NOTHING) { /* coroutine.yield() of the line's own */
        lua_settop(line, 0);
        leave_line(host, &outside);
        return status_fail(STATUS_LUA, "a line cannot yield: it is no coroutine of yours");
    }
    *waits = code == LUA_YIELD ? host->waits : HOST_NOTHING;
    Status status = code == LUA_OK || code == LUA_YIELD ? STATUS_OK : line_failure(host, line, code);
    leave_line(host, &outside);
    return status;
}

static int go_on_at_boundary(lua_State *L, int status, lua_KContext context)
{
    (void)status;
    return ((lua_CFunction)context)(L);
}

static int wait_for(lua_State *L, HostWait what, lua_CFunction again)
{
    Host *host = host_of(L);
    if (L != host->line || !lua_isyieldable(L))
        return luaL_error(L,
                          "this has to wait for the end of the step, and cannot wait %s; call it from the prompt, "
                          "not through another function",
                          L != host->line ? "inside a coroutine" : "below a C function");
    host->waits = what;
    return lua_yieldk(L, 0, (lua_KContext)again, go_on_at_boundary);
}

void host_need_boundary(lua_State *L, lua_CFunction again)
{
    if (host_of(L)->amid) wait_for(L, HOST_BOUNDARY, again);
}

void host_prefer_boundary(lua_State *L, lua_CFunction again)
{
    if (L == host_of(L)->line && lua_isyieldable(L)) host_need_boundary(L, again);
}

int host_wait_for_pause(lua_State *L, lua_CFunction again)
{
    if (!host_of(L)->line) return again(L);
    return wait_for(L, HOST_PAUSE, again);
}

bool host_is_line(lua_State *L)
{
    return L == host_of(L)->line;
}

bool host_amid_step(const Host *host)
{
    return host->amid;
}

void host_set_output(Host *host, HostOutput output, void *context, HostOutput *before, void **context_before)
{
    if (before) *before = host->options.output;
    if (context_before) *context_before = host->options.context;
    host->options.output = output;
    host->options.context = context;
}

const char *host_traceback(const Host *host)
{
    return host->traceback.data ? host->traceback.data : "";
}

/* --- chunks --- */

typedef struct ChunkText {
    const char *text, *name;
    size_t length;
} ChunkText;

static int load_chunk(lua_State *L)
{
    const ChunkText *chunk = lua_touserdata(L, 1);
    if (chunk->length && chunk->text[0] == LUA_SIGNATURE[0])
        return luaL_error(L, "%s: is a binary chunk of Lua; only text can be run", chunk->name);
    lua_pushfstring(L, "=%s", chunk->name);
    if (luaL_loadbufferx(L, chunk->text, chunk->length, lua_tostring(L, -1), "t") != LUA_OK) return lua_error(L);
    if (host_of(L)->options.inside) library_adopt(L);
    return 1;
}

Status host_load(Host *host, const char *text, size_t length, const char *name)
{
    ChunkText chunk = {text, name, length};
    lua_pushcfunction(host->lua, load_chunk);
    lua_pushlightuserdata(host->lua, &chunk);
    return host_call(host, 1, 1);
}

Status host_run(Host *host, const char *text, size_t length, const char *name, int results)
{
    TRY(host_load(host, text, length, name));
    return host_call(host, 0, results);
}

/* --- errors of the engine --- */

int host_raise(lua_State *L, Status status)
{
    return raise_at(L, status, 1);
}

void host_set_exit(Host *host, int code)
{
    host->exiting = true;
    host->exit_code = code;
}

void host_clear_exit(Host *host)
{
    host->exiting = false;
}

bool host_exit_requested(const Host *host, int *code)
{
    if (host->exiting) *code = host->exit_code;
    return host->exiting;
}

/* --- buffers --- */

static int free_buffer(lua_State *L)
{
    buffer_free(lua_touserdata(L, 1));
    return 0;
}

Buffer *host_push_buffer(lua_State *L)
{
    Buffer *buffer = lua_newuserdatauv(L, sizeof *buffer, 0);
    *buffer = (Buffer){0};
    if (luaL_newmetatable(L, "lathe.buffer")) {
        lua_pushcfunction(L, free_buffer);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    return buffer;
}

void host_buffer_to_string(lua_State *L, Buffer *buffer)
{
    lua_pushlstring(L, buffer->data ? buffer->data : "", buffer->length);
    buffer_free(buffer);
    lua_remove(L, -2);
}

/* --- the rest --- */

lua_State *host_lua(Host *host)
{
    return host->lua;
}

Host *host_of(lua_State *L)
{
    Host *host;
    memcpy(&host, lua_getextraspace(L), sizeof host);
    return host;
}

void host_write(Host *host, const char *text, size_t length)
{
    if (host->options.output)
        host->options.output(host->options.context, text, length);
    else
        fwrite(text, 1, length, standard ? standard : stdout);
}

void host_tell(Host *host, const char *words)
{
    if (host->told) host->told(host->told_context, words);
    if (host->told && host->line) return; /* whose client has heard it */
    host_write(host, words, strlen(words));
    host_write(host, "\n", 1);
}

void host_set_teller(Host *host, void (*told)(void *context, const char *words), void *context)
{
    host->told = told;
    host->told_context = context;
}

void host_print_to(FILE *file)
{
    standard = file;
}

void host_set_gate(Host *host, const char *(*gate)(void *context), void *context)
{
    host->gate = gate;
    host->gate_context = context;
}

void host_check_change(lua_State *L)
{
    const Host *host = host_of(L);
    const char *reason = host->gate ? host->gate(host->gate_context) : NULL;
    if (!reason) return;
    lua_pushstring(L, reason);
    lua_error(L);
}

void host_set_line(Host *host, const char *line)
{
    host->typed = line;
}

const char *host_line(const Host *host)
{
    return host->typed;
}

bool host_is_restricted(const Host *host)
{
    return host->options.restricted;
}

HostFiles *host_files(Host *host)
{
    return &host->files;
}

void host_set_tape(Host *host, Tape *tape)
{
    host->tape = tape;
}

Tape *host_tape(Host *host)
{
    return host->tape ? host->tape : host->own_tape;
}

Tape *host_step_tape(Host *host)
{
    return host->tape;
}

uint64_t host_seed_value(const Host *host)
{
    return host->options.seed;
}

void host_forget_tensors(Host *host)
{
    host->era++;
}

uint64_t host_tensor_era(const Host *host)
{
    return host->era;
}

RandomKey host_next_random(Host *host)
{
    return random_subkey(host->draws.key, host->draws.count++);
}

HostDraws host_draw_from(Host *host, HostDraws draws)
{
    HostDraws before = host->draws;
    host->draws = draws;
    return before;
}

void host_seed(Host *host, uint64_t seed)
{
    host->options.seed = seed;
    host->draws = (HostDraws){random_key(seed, "prompt"), 0};
    host->line_draws = (HostDraws){random_key(seed, "lines"), 0};
    tape_set_random(host->own_tape, random_key(seed, "prompt ops"));
}

static int open_everything(lua_State *L)
{
    Host *host = host_of(L);
    host_open_libraries(L, host->options.restricted);
    library_open(L);
    host_guard_internals(L);
    bind_open(L);
    library_seal(L);
    return 0;
}

void host_limit_memory(size_t bytes)
{
    standard_limit = bytes;
}

static size_t usual_limit(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    size_t quarter = pages > 0 && size > 0 ? (size_t)pages / 4 * (size_t)size : MOST_BYTES;
    return quarter < MOST_BYTES ? quarter : MOST_BYTES;
}

Status host_new(const HostOptions *options, Host **out)
{
    Host *host;
    TRY(memory_new(1, sizeof *host, &host));
    if (options) host->options = *options;
    if (!host->options.memory_limit) host->options.memory_limit = standard_limit ? standard_limit : usual_limit();
    Status status = tape_new(NULL, &host->own_tape);
    if (status == STATUS_OK) {
        tape_set_mode(host->own_tape, false, true);
        host_seed(host, host->options.seed);
        host->lua = lua_newstate(allocate, host);
        if (!host->lua) status = status_fail(STATUS_NOMEM, "out of memory for Lua");
    }
    if (status == STATUS_OK) {
        memcpy(lua_getextraspace(host->lua), &host, sizeof host);
        status = host_protect(host, open_everything, NULL);
    }
    if (status == STATUS_OK)
        *out = host;
    else
        host_free(host);
    return status;
}

void host_free(Host *host)
{
    if (!host) return;
    if (host->lua) lua_close(host->lua);
    host_files_clear(&host->files);
    tape_free(host->own_tape);
    buffer_free(&host->traceback);
    memory_free(host);
}
