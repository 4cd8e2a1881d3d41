/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of the valid UTF-8 character at text (RFC 3629: no surrogates, no overlong forms), 0 where there is none.
 */
static size_t utf8_length(const unsigned char *text, size_t left)
{
    static const unsigned char low[] = {[0xe0 - 0xc0] = 0xa0, [0xf0 - 0xc0] = 0x90, [0xff - 0xc0] = 0};
    unsigned char c = text[0];
    if (c < 0x80) return 1;
    size_t length = c >= 0xc2 && c <= 0xdf ? 2 : c >= 0xe0 && c <= 0xef ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
    if (length == 0 || length > left) return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80) return 0;
    if (text[1] < low[c - 0xc0] || (c == 0xed && text[1] > 0x9f) || (c == 0xf4 && text[1] > 0x8f)) return 0;
    return length;
}

static Status print_escape(unsigned char c, Buffer *out)
{
    switch (c) {
    case '"': return buffer_text(out, "\\\"");
    case '\\': return buffer_text(out, "\\\\");
    case '\n': return buffer_text(out, "\\n");
    case '\r': return buffer_text(out, "\\r");
    case '\t': return buffer_text(out, "\\t");
    default: return buffer_printf(out, "\\u%04x", c);
    }
}

Status json_print_text(const char *text, size_t length, Buffer *out)
{
    TRY(buffer_text(out, "\""));
    for (size_t at = 0; at < length;) {
        unsigned char c = (unsigned char)text[at];
        size_t bytes = utf8_length((const unsigned char *)text + at, length - at);
        if (c < 0x20 || c == '"' || c == '\\')
            TRY(print_escape(c, out));
        else if (bytes == 0)
            TRY(buffer_text(out, "\xef\xbf\xbd"));
        else
            TRY(buffer_append(out, text + at, bytes));
        at += bytes ? bytes : 1;
    }
    return buffer_text(out, "\"");
}

static Status print_nonfinite(double value, Buffer *out)
{
    return buffer_text(out, isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
}

/* A number without point or exponent would read back as an integer. */
static Status print_digits(const char *digits, Buffer *out)
{
    TRY(buffer_text(out, digits));
    return strpbrk(digits, ".e") ? STATUS_OK : buffer_text(out, ".0");
}

Status json_print_number(double value, Buffer *out)
{
    char digits[40];
    if (!isfinite(value)) return print_nonfinite(value, out);
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value) break;
    }
    return print_digits(digits, out);
}

Status json_print_float(float value, Buffer *out)
{
    char digits[40];
    if (!isfinite(value)) return print_nonfinite((double)value, out);
    for (int precision = 6; precision <= 9; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, (double)value);
        if (strtof(digits, NULL) == value) break;
    }
    return print_digits(digits, out);
}

static Status print_value(const json_t *value, int indent, int depth, Buffer *out);

/* The separator before an item: nothing, or a new line at this depth. */
static Status print_break(int indent, int depth, Buffer *out)
{
    return indent > 0 ? buffer_printf(out, "\n%*s", indent * depth, "") : STATUS_OK;
}

static Status print_object(const json_t *object, int indent, int depth, Buffer *out)
{
    json_t *mutable = (json_t *)(uintptr_t)object; /* Jansson's iterators are not const */
    const char *comma = "";
    TRY(buffer_text(out, "{"));
    for (void *at = json_object_iter(mutable); at; at = json_object_iter_next(mutable, at), comma = ",") {
        TRY(buffer_text(out, comma));
        if (indent == 0 && *comma) TRY(buffer_text(out, " "));
        TRY(print_break(indent, depth + 1, out));
        TRY(json_print_text(json_object_iter_key(at), strlen(json_object_iter_key(at)), out));
        TRY(buffer_text(out, ": "));
        TRY(print_value(json_object_iter_value(at), indent, depth + 1, out));
    }
    if (*comma) TRY(print_break(indent, depth, out));
    return buffer_text(out, "}");
}

/* Arrays of plain values stay on one line. */
static Status print_array(const json_t *array, int indent, int depth, Buffer *out)
{
    size_t count = json_array_size(array);
    bool nested = false;
    for (size_t i = 0; i < count; i++)
        nested |= json_is_object(json_array_get(array, i)) || json_is_array(json_array_get(array, i));
    int inner = nested ? indent : 0;
    TRY(buffer_text(out, "["));
    for (size_t i = 0; i < count; i++) {
        if (i) TRY(buffer_text(out, inner ? "," : ", "));
        TRY(print_break(inner, depth + 1, out));
        TRY(print_value(json_array_get(array, i), inner, depth + 1, out));
    }
    if (count) TRY(print_break(inner, depth, out));
    return buffer_text(out, "]");
}

static Status print_value(const json_t *value, int indent, int depth, Buffer *out)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return print_object(value, indent, depth, out);
    case JSON_ARRAY: return print_array(value, indent, depth, out);
    case JSON_STRING: return json_print_text(json_string_value(value), json_string_length(value), out);
    case JSON_INTEGER: return buffer_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    case JSON_REAL: return json_print_number(json_real_value(value), out);
    case JSON_TRUE: return buffer_text(out, "true");
    case JSON_FALSE: return buffer_text(out, "false");
    case JSON_NULL: break;
    }
    return buffer_text(out, "null");
}

Status json_print(const json_t *value, int indent, Buffer *out)
{
    return print_value(value, indent, 0, out);
}

Status json_write(const char *path, const json_t *value)
{
    Buffer text = {0};
    Status status = json_print(value, 2, &text);
    if (status == STATUS_OK) status = buffer_text(&text, "\n");
    if (status == STATUS_OK) status = file_write(path, text.data, text.length);
    buffer_free(&text);
    return status;
}

Status json_write_in(const char *directory, const char *name, const json_t *value)
{
    char *path;
    TRY(file_join(directory, name, &path));
    Status status = json_write(path, value);
    memory_free(path);
    return status;
}
