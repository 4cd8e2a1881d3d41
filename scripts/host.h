/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Lua host: one lua_State with counted memory, text-only chunks, interruption and tracebacks. Whoever made
 * the host frees it; what Lua code made dies with it. One thread only (the engine thread). */
#ifndef LATHE_SCRIPTS_HOST_H
#define LATHE_SCRIPTS_HOST_H

#include "engine/autograd/tape.h"
#include "engine/base/buffer.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct Host Host;

typedef struct HostOptions {
    /* Where print() goes; NULL: standard output, or where host_print_to() says. */
    void (*output)(void *context, const char *text, size_t length);
    void *context;
    bool restricted;     /* without os, io and files: for journals and the like, which are not trusted programs */
    size_t memory_limit; /* bytes that Lua itself may hold; 0: the standard of host_limit_memory() */
    uint64_t seed;       /* of randn() and its like at the prompt */
    bool inside;         /* for tests: chunks have the globals of the Lua library (scripts/library.h) */
} HostOptions;

/* options NULL: all zeros. */
Status host_new(const HostOptions *options, Host **out) STATUS_CHECKED;
void host_free(Host *host);
/* What Lua may hold in hosts that are made from now on; 0: a quarter of the machine's memory, at most a gigabyte.
 */
void host_limit_memory(size_t bytes);

lua_State *host_lua(Host *host);
/* The host of a state or coroutine. */
Host *host_of(lua_State *L);
/* For programs whose standard output is a document: print() goes there instead, in every host without an output. */
void host_print_to(FILE *file);
bool host_is_restricted(const Host *host);
/* Writes to where print() goes. */
void host_write(Host *host, const char *text, size_t length);
/* Something that happened in a step and that everybody should know, one line without its newline: written as by
 * print(), and told to who is set here, for prompts on a live run; NULL: nobody. */
void host_tell(Host *host, const char *words);
void host_set_teller(Host *host, void (*told)(void *context, const char *words), void *context);

/* Calls the function under its 'arguments' values on the main stack, leaving 'results' values (LUA_MULTRET: all),
 * or nothing on failure. Errors: STATUS_LUA with Lua's message; STATUS_CANCELLED and the engine's own codes as they
 * were raised; STATUS_NOMEM. */
Status host_call(Host *host, int arguments, int results) STATUS_CHECKED;
/* Runs a C function as host_call() does: for C code that uses Lua's API and may meet an error in it. */
Status host_protect(Host *host, lua_CFunction function, void *argument) STATUS_CHECKED;
/* The same for a function of a user's that a step calls: an interrupt from any prompt ends it, which is STATUS_LUA.
 */
Status host_protect_callback(Host *host, lua_CFunction function, void *argument) STATUS_CHECKED;
/* As Lua's pcall for such a function, from bindings: the function and its arguments are all that is on the stack.
 */
int host_pcall_callback(lua_State *L);
/* Whether Lua code has to end now. */
bool host_interrupted(lua_State *L);
/* Compiles text and leaves the function on the stack. name is shown in messages ("bert.lua"). */
Status host_load(Host *host, const char *text, size_t length, const char *name) STATUS_CHECKED;
/* host_load() and host_call(). */
Status host_run(Host *host, const char *text, size_t length, const char *name, int results) STATUS_CHECKED;
/* The same for a file. Errors: also that it cannot be read, is a directory, or is no text. */
Status host_load_file(Host *host, const char *path) STATUS_CHECKED;

/* --- lines: coroutines that may wait for the boundary between two steps (scripts/lines.h) --- */

typedef enum HostWait { HOST_NOTHING, HOST_BOUNDARY, HOST_PAUSE } HostWait;

/* Runs the coroutine from where it stands until it ends, fails or waits; *waits says for what. amid: a training
 * step is under way, so what needs a boundary has to wait. Nothing that the line does reaches the step: its ops are
 * recorded elsewhere, its random numbers are its own. On an end the results are on the coroutine's stack. Errors:
 * as host_call(). */
Status host_resume(Host *host, lua_State *line, int arguments, bool amid, HostWait *waits) STATUS_CHECKED;
/* For bindings that change the state or look at what is in flux during a step, to be called first, before the
 * arguments are touched; 'again' is the binding itself. Where a step is under way and L is a
 * line, does not return: the binding is called again at the boundary. Raises where it cannot wait: below a C
 * function or inside a coroutine of the line's own. */
void host_need_boundary(lua_State *L, lua_CFunction again);
/* The same for what may be looked at amid a step but is better seen after it: where it cannot wait, it returns. */
void host_prefer_boundary(lua_State *L, lua_CFunction again);
/* The same until the run is paused; 'again' is called at that boundary. */
int host_wait_for_pause(lua_State *L, lua_CFunction again);
/* Whether a line looks at the run amid a step. */
bool host_amid_step(const Host *host);
/* Whether this is the coroutine of a line itself. */
bool host_is_line(lua_State *L);

typedef void (*HostOutput)(void *context, const char *text, size_t length);
/* Where print() goes from now on; *before (may be NULL) and *context_before: where it went. */
void host_set_output(Host *host, HostOutput output, void *context, HostOutput *before, void **context_before);

/* Between the two nothing interrupts Lua code: for what must happen as a whole. They nest. */
void host_mask(Host *host);
void host_unmask(Host *host);

/* The traceback of the last failure of host_call(), "" where there is none; valid until the next call. */
const char *host_traceback(const Host *host);
/* Lua code asked to leave (os.exit, exit, quit); *code is the exit status. */
bool host_exit_requested(const Host *host, int *code);

/* Who may change the run: the gate gives the reason why the line that runs now may not, or NULL; no gate (NULL):
 * everybody may. host_check_change() raises the reason; bindings that change the run call it before they do. */
void host_set_gate(Host *host, const char *(*gate)(void *context), void *context);
void host_check_change(lua_State *L);

/* --- tensors and tapes --- */

/* Where ops called from Lua are recorded: a step's tape, or with NULL the host's own tape in the pool. The tape
 * stays the caller's. */
void host_set_tape(Host *host, Tape *tape);
Tape *host_tape(Host *host);
/* What host_set_tape() set, NULL outside of steps. */
Tape *host_step_tape(Host *host);
uint64_t host_seed_value(const Host *host);
/* After an arena died: every Lua handle to a tensor of any arena is dead from now on. */
void host_forget_tensors(Host *host);
uint64_t host_tensor_era(const Host *host);
/* The random numbers of Lua code, randn and math.random alike: the n-th draw is a function of the key and n. */
typedef struct HostDraws {
    RandomKey key;
    uint64_t count;
} HostDraws;

/* A fresh key for each call of a random function. */
RandomKey host_next_random(Host *host);
/* Draws go on there from now on; returns where they stood. */
HostDraws host_draw_from(Host *host, HostDraws draws);
void host_seed(Host *host, uint64_t seed);

/* The text that the person typed and that runs now, for the journal; the caller's, NULL: none. */
void host_set_line(Host *host, const char *line);
const char *host_line(const Host *host);

/* --- for bindings --- */

/* Raises the failure as a Lua error (with position); never returns. To be called holding no C memory. */
int host_raise(lua_State *L, Status status);
static inline void host_check(lua_State *L, Status status)
{
    if (status != STATUS_OK) host_raise(L, status);
}
/* Pushes an empty Buffer that Lua's collector frees. */
Buffer *host_push_buffer(lua_State *L);
/* Replaces the Buffer at the top of the stack by its text. */
void host_buffer_to_string(lua_State *L, Buffer *buffer);
/* Tells Lua's collector about bytes that a new userdata keeps outside Lua. */
void host_count_bytes(lua_State *L, size_t bytes);

/* Hardens the standard libraries of a new state (scripts/host_libraries.c). */
void host_open_libraries(lua_State *L, bool restricted);
/* What the Lua library may look into and a user's code may not: metatables of values, variables of the library. */
void host_guard_internals(lua_State *L);
void host_set_exit(Host *host, int code);
void host_clear_exit(Host *host);

#endif
