/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scripts/report.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

/* --- places --- */

static bool is_library(const char *chunk, size_t length)
{
    return length > 6 && memcmp(chunk, "lathe/", 6) == 0;
}

/* How long "bert.lua:12: " at the start is; 0: none is there. *chunk: of its name. */
static size_t place_length(const char *message, size_t *chunk)
{
    size_t line = strcspn(message, "\n"), colon = 0;
    for (colon = 1; colon < line; colon++) {
        if (message[colon] != ':') continue;
        size_t digits = strspn(message + colon + 1, "0123456789");
        if (digits && message[colon + 1 + digits] == ':' && message[colon + 2 + digits] == ' ') {
            *chunk = colon;
            return colon + digits + 3;
        }
    }
    return 0;
}

void report_place(lua_State *L, int level, char *out, size_t size)
{
    lua_Debug call;
    out[0] = '\0';
    for (; lua_getstack(L, level, &call); level++) {
        lua_getinfo(L, "Sl", &call);
        if (call.currentline <= 0 || is_library(call.short_src, strlen(call.short_src))) continue;
        snprintf(out, size, "%s:%d: ", call.short_src, call.currentline);
        return;
    }
}

/* --- the words of Lua's C library --- */

/* "got lathe.tensor" names a tensor as Lua's registry does. */
static Status put_plainly(const char *text, size_t length, Buffer *out)
{
    static const char prefix[] = "lathe.";
    for (size_t at = 0; at < length; at++) {
        bool word = at == 0 || text[at - 1] == ' ' || text[at - 1] == '(';
        if (word && length - at > 6 && memcmp(text + at, prefix, 6) == 0) at += 6;
        TRY(buffer_append(out, text + at, 1));
    }
    return STATUS_OK;
}

static const char *article(const char *word)
{
    if (strncmp(word, "lathe.", 6) == 0) word += 6;
    return *word && strchr("aeiou", *word) ? "an" : "a";
}

static Status put_type(const char *type, size_t length, Buffer *out)
{
    if (strncmp(type, "no value", 8) == 0 || strncmp(type, "nil", 3) == 0) return buffer_text(out, "nothing");
    TRY(buffer_printf(out, "%s ", article(type)));
    return put_plainly(type, length, out);
}

/* What stands at the place of an argument: of a function, of x[name] = value. */
static Status put_argument(int number, const char *function, size_t length, Buffer *out)
{
    bool sets = length == 8 && memcmp(function, "newindex", 8) == 0;
    if (sets || (length == 5 && memcmp(function, "index", 5) == 0))
        return buffer_text(out, sets && (number == 3 || number == -1) ? "the value" : "the name or index");
    return buffer_printf(out, "%.*s: argument %d", (int)length, function, number);
}

/* "bad argument #1 to 'arange' (number expected, got string)" -> "arange: argument 1 must be a number; got a
 * string". *known: it was one. */
static Status put_bad_argument(const char *text, bool *known, Buffer *out)
{
    int number = 0, name = 0, reason = 0;
    *known = sscanf(text, "bad argument #%d to '%n%*[^']' (%n", &number, &name, &reason) == 1 && reason > 0;
    if (!*known) return STATUS_OK;
    const char *why = text + reason, *expected = strstr(why, " expected, got "), *end = strrchr(why, ')');
    size_t length = end ? (size_t)(end - why) : strlen(why);
    TRY(put_argument(number, text + name, strcspn(text + name, "'"), out));
    if (!expected) {
        TRY(buffer_text(out, ": "));
        return put_plainly(why, length, out);
    }
    TRY(buffer_text(out, " must be "));
    TRY(put_type(why, (size_t)(expected - why), out));
    TRY(buffer_text(out, "; got "));
    return put_type(expected + 15, length - (size_t)(expected + 15 - why), out);
}

Status report_in_words(const char *message, const char *place, Buffer *out)
{
    size_t chunk = 0, own = 0;
    bool known, inside = false;
    while ((own = place_length(message, &chunk)) && is_library(message, chunk)) {
        message += own;
        inside = true;
    }
    TRY(own || !inside ? buffer_append(out, message, own) : buffer_text(out, place));
    message += own;
    TRY(put_bad_argument(message, &known, out));
    if (known) return STATUS_OK;
    bool luas = strncmp(message, "attempt to ", 11) == 0 || strncmp(message, "calling '", 9) == 0;
    return luas ? put_plainly(message, strlen(message), out) : buffer_text(out, message);
}

/* --- at the prompt --- */

/* Lines of a traceback that tell the user nothing: the prompt's own, and those of the Lua library. */
static bool own_line(const char *line, size_t length)
{
    static const char *const marks[] = {"in main chunk", "[C]: in ?", "(...tail calls...)",
                                        "\tlathe/",      "\tlathe:",  "in local 'typed_line'"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (memmem(line, length, marks[i], strlen(marks[i]))) return true;
    return memmem(line, length, "\tprompt:", 8) && memmem(line, length, "in function <prompt:", 20);
}

/* Nothing where no function of the user's was on the way. */
static Status put_traceback(const char *traceback, Buffer *out)
{
    const char *line = strchr(traceback, '\n');
    bool said = false;
    while (line && *++line) {
        size_t length = strcspn(line, "\n");
        if (!own_line(line, length) && (said || !memmem(line, length, "[C]:", 4))) {
            if (!said) TRY(buffer_text(out, "stack traceback:\n"));
            said = true;
            TRY(buffer_append(out, line, length));
            TRY(buffer_text(out, "\n"));
        }
        line += length;
        if (!*line) break;
    }
    return STATUS_OK;
}

Status report_error(Status status, const char *message, const char *traceback, bool one_line, Buffer *out)
{
    static const char place[] = REPORT_CHUNK ":1: ";
    if (status == STATUS_CANCELLED) return buffer_text(out, "interrupted\n");
    if (one_line && strncmp(message, place, sizeof place - 1) == 0) message += sizeof place - 1;
    TRY(buffer_printf(out, "%s\n", message));
    return put_traceback(traceback, out);
}
