/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/wire.h"

#include <string.h>

enum {
    HAS_TEXT = 1,
    HAS_STATUS = 2,
    HAS_ID = 4,
    HAS_VERSION = 8,
    HAS_START = 16,
    HAS_STEP = 32,
    HAS_STEPS = 64,
    HAS_DUE = 128,
    HAS_METRICS = 256
};

static const struct Kind {
    WireType type;
    int fields;
} kinds[] = {
    {WIRE_HELLO, HAS_VERSION | HAS_TEXT},
    {WIRE_VIEWER, HAS_TEXT},
    {WIRE_LINE, HAS_ID | HAS_TEXT},
    {WIRE_LOOK, HAS_ID | HAS_TEXT},
    {WIRE_INTERRUPT, 0},
    {WIRE_COMPLETE, HAS_ID | HAS_TEXT},
    {WIRE_OUTPUT, HAS_ID | HAS_TEXT},
    {WIRE_WAITING, HAS_ID | HAS_TEXT},
    {WIRE_DONE, HAS_ID | HAS_STATUS | HAS_TEXT},
    {WIRE_WORDS, HAS_ID | HAS_START | HAS_TEXT},
    {WIRE_PROGRESS, HAS_STEP | HAS_STEPS | HAS_DUE | HAS_TEXT | HAS_METRICS},
    {WIRE_EVALUATION, HAS_STEP | HAS_TEXT | HAS_METRICS},
    {WIRE_LOG, HAS_TEXT},
    {WIRE_TASK, HAS_TEXT | HAS_STEP | HAS_STEPS},
    {WIRE_ROLE, HAS_STATUS | HAS_TEXT},
    {WIRE_BYE, HAS_STATUS | HAS_TEXT},
};

static const struct Field {
    const char *name;
    int bit;
    size_t offset;
} integers[] = {
    {"version", HAS_VERSION, offsetof(WireMessage, version)}, {"id", HAS_ID, offsetof(WireMessage, id)},
    {"start", HAS_START, offsetof(WireMessage, start)},       {"step", HAS_STEP, offsetof(WireMessage, step)},
    {"steps", HAS_STEPS, offsetof(WireMessage, steps)},
};
enum { INTEGERS = sizeof integers / sizeof *integers };

static const struct Kind *kind_of(int type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if ((int)kinds[i].type == type) return &kinds[i];
    return NULL;
}

/* --- writing --- */

/* Zeros are no text for whoever reads. */
static Status print_text(const char *text, size_t length, Buffer *out)
{
    Buffer clean = {0};
    if (!memchr(text, '\0', length)) return json_print_text(text, length, out);
    Status status = STATUS_OK;
    for (size_t at = 0; at < length && status == STATUS_OK; at++)
        status = text[at] ? buffer_append(&clean, text + at, 1) : buffer_text(&clean, "\xef\xbf\xbd");
    if (status == STATUS_OK) status = json_print_text(clean.data, clean.length, out);
    buffer_free(&clean);
    return status;
}

static Status print_fields(const WireMessage *message, int fields, Buffer *out)
{
    const char *comma = "";
    for (int i = 0; i < INTEGERS; i++) {
        if (!(fields & integers[i].bit)) continue;
        int64_t value = *(const int64_t *)((const char *)message + integers[i].offset);
        TRY(buffer_printf(out, "%s\"%s\": %lld", comma, integers[i].name, (long long)value));
        comma = ", ";
    }
    if (fields & HAS_DUE) TRY(buffer_printf(out, "%s\"due\": %s", comma, message->due ? "true" : "false"));
    if (fields & HAS_STATUS) {
        TRY(buffer_printf(out, "%s\"status\": \"%s\"", comma, message->status));
        comma = ", ";
    }
    if (fields & HAS_TEXT) {
        TRY(buffer_printf(out, "%s\"text\": ", comma));
        TRY(print_text(message->text, message->text_length ? message->text_length : strlen(message->text), out));
    }
    if (!(fields & HAS_METRICS)) return STATUS_OK;
    TRY(buffer_text(out, ", \"metrics\": "));
    return message->metrics ? json_print(message->metrics, 0, out) : buffer_text(out, "{}");
}

static Status print_frame(const WireMessage *message, Buffer *out)
{
    const unsigned char head[WIRE_HEAD] = {0, 0, 0, 0, (unsigned char)message->type};
    TRY(buffer_append(out, head, sizeof head));
    TRY(buffer_text(out, "{"));
    TRY(print_fields(message, kind_of((int)message->type)->fields, out));
    return buffer_text(out, "}");
}

Status wire_write(const WireMessage *message, Buffer *out)
{
    size_t start = out->length;
    Status status = print_frame(message, out);
    size_t length = out->length - start;
    if (status == STATUS_OK && length - WIRE_HEAD > WIRE_LARGEST)
        status = status_fail(STATUS_INVALID, "a message of %zu bytes; a frame holds at most 8 MB", length);
    if (status != STATUS_OK) {
        out->length = start;
        return status;
    }
    length -= WIRE_HEAD;
    for (int i = 0; i < 4; i++) out->data[start + (size_t)i] = (char)(length >> 8 * i & 0xff);
    return STATUS_OK;
}

/* --- reading --- */

static Status read_fields(WireMessage *out, int fields)
{
    static const char name[] = "message";
    for (int i = 0; i < INTEGERS; i++)
        if (fields & integers[i].bit)
            TRY(json_member_integer(name, out->json, integers[i].name, 0, INT64_MAX,
                                    (int64_t *)((char *)out + integers[i].offset)));
    if (fields & HAS_DUE) TRY(json_member_boolean(name, out->json, "due", &out->due));
    if (fields & HAS_STATUS) TRY(json_member_text(name, out->json, "status", &out->status));
    if (fields & HAS_TEXT) {
        TRY(json_member_text(name, out->json, "text", &out->text));
        out->text_length = strlen(out->text);
    }
    if (fields & HAS_METRICS) TRY(json_member(name, out->json, "metrics", JSON_OBJECT, &out->metrics));
    return STATUS_OK;
}

Status wire_read(const char *bytes, size_t length, size_t *used, WireMessage *out)
{
    const unsigned char *head = (const unsigned char *)bytes;
    *used = 0;
    if (length < WIRE_HEAD) return STATUS_OK;
    size_t size = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    const struct Kind *kind = kind_of(head[4]);
    if (size > WIRE_LARGEST)
        return status_fail(STATUS_FORMAT, "a message of %zu bytes was announced; at most 8 MB are read", size);
    if (!kind) return status_fail(STATUS_FORMAT, "a message of an unknown type, %d", head[4]);
    if (length - WIRE_HEAD < size) return STATUS_OK;
    WireMessage message = {.type = kind->type};
    TRY(json_parse("message", bytes + WIRE_HEAD, size, &message.json));
    Status status = json_is_object(message.json) ? read_fields(&message, kind->fields)
                                                 : status_fail(STATUS_FORMAT, "message: is no JSON object");
    if (status != STATUS_OK) {
        wire_clear(&message);
        return status;
    }
    *out = message;
    *used = WIRE_HEAD + size;
    return STATUS_OK;
}

void wire_clear(WireMessage *message)
{
    json_decref(message->json);
    *message = (WireMessage){.type = message->type};
}

Status wire_check_version(const WireMessage *hello, const char *who)
{
    if (hello->type != WIRE_HELLO) return status_fail(STATUS_FORMAT, "%s did not begin with a hello", who);
    if (hello->version == WIRE_VERSION) return STATUS_OK;
    return status_fail(
        STATUS_INVALID,
        "%s speaks version %lld of the protocol, this program version %d; use the same lathe on both "
        "sides",
        who, (long long)hello->version, WIRE_VERSION);
}
