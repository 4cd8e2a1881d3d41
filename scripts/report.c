/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scripts/report.h"

#include <string.h>

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
