/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/repl.h"

#include "engine/base/memory.h"
#include "scripts/bind_history.h"
#include "scripts/library.h"
#include "scripts/report.h"
#include "tui/completion.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_NAME REPORT_CHUNK

struct Repl {
    Host *host;
    Buffer chunk; /* lines of a chunk that is not complete yet */
    bool sent;    /* repl_gather() handed it out */
};

Status repl_new(Host *host, Repl **out)
{
    TRY(memory_new(1, sizeof **out, out));
    (*out)->host = host;
    return STATUS_OK;
}

void repl_free(Repl *repl)
{
    if (!repl) return;
    buffer_free(&repl->chunk);
    memory_free(repl);
}

Host *repl_host(Repl *repl)
{
    return repl->host;
}

void repl_abandon(Repl *repl)
{
    buffer_clear(&repl->chunk);
}

static void put(Repl *repl, const char *text)
{
    host_write(repl->host, text, strlen(text));
}

/* --- errors --- */

static void report(Repl *repl, Status status)
{
    Buffer words = {0};
    bool one_line = repl->chunk.data && !strchr(repl->chunk.data, '\n');
    Status told = report_error(status, status_message(), host_traceback(repl->host), one_line, &words);
    put(repl, told == STATUS_OK ? words.data : "out of memory\n");
    buffer_free(&words);
}

/* --- evaluation --- */

/* The arguments, as the Lua library shows them. */
static int print_shown(lua_State *L)
{
    size_t length;
    library_push(L, "lathe");
    lua_getfield(L, -1, "show");
    lua_replace(L, -2);
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    lua_pushliteral(L, "\n");
    lua_concat(L, 2);
    const char *text = lua_tolstring(L, -1, &length);
    host_write(host_of(L), text, length);
    return 0;
}

/* The values on the stack from 'base' up. */
static Status show_values(Repl *repl, int base)
{
    lua_State *L = host_lua(repl->host);
    int count = lua_gettop(L) - base;
    if (count == 0 || (count == 1 && lua_isnil(L, -1))) {
        if (count == 1) put(repl, "nil\n");
        lua_settop(L, base);
        return STATUS_OK;
    }
    lua_pushcfunction(L, print_shown);
    lua_insert(L, base + 1);
    return host_call(repl->host, count, 0);
}

static Status run_loaded(Repl *repl)
{
    lua_State *L = host_lua(repl->host);
    int base = lua_gettop(L) - 1;
    TRY(host_call(repl->host, 0, LUA_MULTRET));
    return show_values(repl, base);
}

static Status run_line(Repl *repl)
{
    TRY(bind_begin_line(repl->host, host_lua(repl->host)));
    host_set_line(repl->host, repl->chunk.data);
    Status status = run_loaded(repl);
    host_set_line(repl->host, NULL);
    return status;
}

/* A line that failed takes its edits back. */
static void tell_taken_back(Repl *repl, bool failed)
{
    Buffer words = {0};
    if (bind_end_line(repl->host, host_lua(repl->host), failed, &words) != STATUS_OK) put(repl, status_message());
    if (words.length) put(repl, words.data);
    buffer_free(&words);
}

/* "?x" is help(x), "=x" is x. */
static Status rewrite(const char *line, Buffer *out)
{
    while (*line == ' ' || *line == '\t') line++;
    if (*line == '=') return buffer_text(out, line + 1);
    if (*line == '?') return buffer_printf(out, "lathe.explain[==[%s]==]", line + 1);
    return buffer_text(out, line);
}

static bool incomplete(Status status)
{
    const char *message = status_message(), *mark = "<eof>";
    size_t length = strlen(message);
    return status == STATUS_LUA && length >= 5 && strcmp(message + length - 5, mark) == 0;
}

/* Loads the chunk as an expression, or else as statements. */
static Status load_chunk(Repl *repl)
{
    Buffer expression = {0};
    Status status = buffer_printf(&expression, "return %s", repl->chunk.data);
    if (status == STATUS_OK) status = host_load(repl->host, expression.data, expression.length, CHUNK_NAME);
    buffer_free(&expression);
    if (status != STATUS_LUA || incomplete(status)) return status;
    return host_load(repl->host, repl->chunk.data, repl->chunk.length, CHUNK_NAME);
}

static bool blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

/* *loaded: whether the chunk compiles; the function is on the stack then. */
static Status gather(Repl *repl, const char *line, bool *more, Status *loaded)
{
    if (repl->chunk.length) {
        TRY(buffer_printf(&repl->chunk, "\n%s", line));
    } else {
        TRY(rewrite(line, &repl->chunk));
        if (!repl->chunk.length) TRY(buffer_text(&repl->chunk, " "));
    }
    *loaded = load_chunk(repl);
    *more = incomplete(*loaded);
    return STATUS_OK;
}

Status repl_gather(Repl *repl, const char *line, bool *more, const char **chunk)
{
    Status loaded;
    *more = false;
    *chunk = NULL;
    if (repl->sent) buffer_clear(&repl->chunk);
    repl->sent = false;
    bool first = !repl->chunk.length;
    if (first && blank(line)) return STATUS_OK;
    TRY(gather(repl, line, more, &loaded));
    if (loaded == STATUS_OK) lua_pop(host_lua(repl->host), 1);
    if (*more) return STATUS_OK;
    repl->sent = true;
    const char *begin = line + strspn(line, " \t");
    *chunk = first && *begin == '?' ? begin : repl->chunk.data; /* a run knows the mark, and logs what was typed */
    return STATUS_OK;
}

Status repl_line(Repl *repl, const char *line, bool *more, bool *failed)
{
    int base = lua_gettop(host_lua(repl->host)), code;
    Status status;
    *more = false;
    if (failed) *failed = false;
    if (!repl->chunk.length && blank(line)) return STATUS_OK;
    TRY(gather(repl, line, more, &status));
    if (*more) return STATUS_OK;
    if (status == STATUS_OK) status = run_line(repl);
    if (status != STATUS_OK && !host_exit_requested(repl->host, &code)) {
        report(repl, status);
        if (failed) *failed = true;
    }
    tell_taken_back(repl, status != STATUS_OK && !host_exit_requested(repl->host, &code));
    lua_settop(host_lua(repl->host), base);
    buffer_clear(&repl->chunk);
    return STATUS_OK;
}

/* --- completion --- */

typedef struct Completion {
    const CompletionWord *word;
    Buffer *out;
} Completion;

static int find_words(lua_State *L)
{
    const Completion *completion = lua_touserdata(L, 1);
    library_require(L, "names");
    lua_pushstring(L, completion->word->key.data);
    lua_call(L, 1, 1);
    host_check(L, completion_find(completion->word, lua_tostring(L, -1), completion->out));
    return 0;
}

Status repl_complete(Repl *repl, const char *line, size_t *start, Buffer *out)
{
    CompletionWord word;
    Status status = completion_word(line, strlen(line), &word);
    if (status == STATUS_OK) status = host_protect(repl->host, find_words, &(Completion){&word, out});
    *start = word.start;
    buffer_free(&word.key);
    return status;
}

/* --- without a terminal --- */

static Status take_line(Repl *repl, char *line, ssize_t length, bool *more, bool *failed)
{
    if (length && line[length - 1] == '\n') line[--length] = '\0';
    if (strlen(line) != (size_t)length)
        return status_fail(STATUS_FORMAT, "standard input: a line contains a zero byte; Lua is text");
    return repl_line(repl, line, more, failed);
}

/* A chunk that the end of the input cut off. */
static void report_unfinished(Repl *repl, bool *failed)
{
    Status status = load_chunk(repl);
    if (status != STATUS_OK) report(repl, status);
    *failed = true;
}

Status repl_read_file(Repl *repl, FILE *file, bool *failed)
{
    char *line = NULL; /* getline's own memory */
    size_t capacity = 0;
    ssize_t length;
    bool more = false, line_failed = false;
    int code;
    Status status = STATUS_OK;
    *failed = false;
    while (status == STATUS_OK && !host_exit_requested(repl->host, &code) &&
           (length = getline(&line, &capacity, file)) >= 0) {
        status = take_line(repl, line, length, &more, &line_failed);
        *failed |= line_failed;
    }
    free(line);
    if (status == STATUS_OK && more) report_unfinished(repl, failed);
    return status;
}
