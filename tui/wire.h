/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a live run and its clients say to each other: frames of a length (four bytes, little-endian, of what follows
 * the type), a byte for the type, and a JSON object. Both begin with a hello that holds the version. Whoever reads
 * trusts nothing: a frame that is too long, of an unknown type, not JSON, or without its fields is refused. A
 * message that was read is given back with wire_clear(). */
#ifndef LATHE_TUI_WIRE_H
#define LATHE_TUI_WIRE_H

#include "engine/base/buffer.h"
#include "engine/io/json.h"

#include <stdbool.h>
#include <stdint.h>

enum { WIRE_VERSION = 3, WIRE_LARGEST = 8 << 20, WIRE_HEAD = 5 };

typedef enum WireType {
    WIRE_HELLO = 'H',      /* both: version, text (who speaks) */
    WIRE_VIEWER = 'V',     /* client: text (its name); a person looks on, and may be in control (tui/server.h) */
    WIRE_LINE = 'L',       /* client: id, text */
    WIRE_LOOK = 'K',       /* client: id, text; a line that only looks: never behind the others, not interrupted */
    WIRE_INTERRUPT = 'I',  /* client: all its lines */
    WIRE_COMPLETE = 'C',   /* client: id, text (the line up to the cursor) */
    WIRE_OUTPUT = 'O',     /* run: id of the line, text */
    WIRE_WAITING = 'W',    /* run: id, text (what for) */
    WIRE_DONE = 'D',       /* run: id, status (done, failed, interrupted, exit), text (the error) */
    WIRE_WORDS = 'N',      /* run: id, start (where the word begins), text ("word\tdoc\n"...) */
    WIRE_PROGRESS = 'P',   /* run: step, steps, due (a line for followers), text, metrics */
    WIRE_EVALUATION = 'E', /* run: step, text, metrics */
    WIRE_LOG = 'G',        /* run: text */
    WIRE_TASK = 'T', /* run: text (what goes on instead of training; "": nothing), step of steps (0: seconds) */
    WIRE_ROLE = 'R', /* run: status (control, guest, look), text (who is in control, or how the run has ended) */
    WIRE_BYE = 'B',  /* run: status, text; it is over, or the client is not wanted. A viewer, to a run that is only
                      * looked at: the process shall go, so that the run can go on */
} WireType;

typedef struct WireMessage {
    WireType type;
    int64_t version, id, start, step, steps;
    bool due;
    const char *text, *status; /* read: borrowed from json */
    size_t text_length;        /* written: of text; 0: up to its NUL */
    json_t *metrics;           /* an object; written: stays the caller's, NULL for none */
    json_t *json;              /* read: the whole */
} WireMessage;

/* Appends the frame. Bytes that are no UTF-8, and zeros, become U+FFFD. Errors: longer than WIRE_LARGEST. */
Status wire_write(const WireMessage *message, Buffer *out) STATUS_CHECKED;

/* Reads the frame at the start of the bytes. *used: its bytes, 0 where it is not whole yet; then nothing else is
 * set. Errors: STATUS_FORMAT, after which the stream cannot be read on. */
Status wire_read(const char *bytes, size_t length, size_t *used, WireMessage *out) STATUS_CHECKED;
void wire_clear(WireMessage *message);

/* Whether a hello's version is spoken here; who: "the run" or "the client", for the message. */
Status wire_check_version(const WireMessage *hello, const char *who) STATUS_CHECKED;

#endif
