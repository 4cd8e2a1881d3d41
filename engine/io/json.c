/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/json.h"

#include "engine/base/memory.h"
#include "engine/io/file.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { READ_LIMIT = 64 << 20 };

/* Jansson reports a lack of memory in several ways, or as a syntax error; this remembers it. */
static _Thread_local bool ran_out;

/* Its lexer does not look whether its text could grow, and then reads beyond it. So while it parses, that text
 * grows into a reserve when memory runs out. */
static _Thread_local struct Reserve {
    char *bytes;
    size_t size, used;
} reserve;

static void *json_allocate(size_t bytes)
{
    void *block;
    if (memory_new_raw(bytes, 1, &block) == STATUS_OK) return block;
    ran_out = true;
    if (bytes > reserve.size - reserve.used) return NULL;
    block = reserve.bytes + reserve.used;
    reserve.used += (bytes + 15) / 16 * 16;
    if (reserve.used > reserve.size) reserve.used = reserve.size;
    return block;
}

static void json_release(void *block)
{
    char *at = block;
    if (!reserve.bytes || at < reserve.bytes || at >= reserve.bytes + reserve.size) memory_free(block);
}

/* The lexer's text holds one token and doubles until it fits. */
static Status reserve_open(const char *text, size_t length)
{
    size_t longest = 0, from = 0;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && (text[i] != '"' || (i && text[i - 1] == '\\'))) continue;
        if (i - from > longest) longest = i - from;
        from = i;
    }
    TRY(memory_new_raw(4 * longest + 256, 1, &reserve.bytes));
    reserve.size = 4 * longest + 256;
    reserve.used = 0;
    return STATUS_OK;
}

static void reserve_close(void)
{
    memory_free(reserve.bytes);
    reserve = (struct Reserve){0};
}

/* Before main(), since Jansson's values must all come from one allocator. */
__attribute__((constructor)) static void json_use_counted_memory(void)
{
    json_set_alloc_funcs(json_allocate, json_release);
}

static Status no_memory(const char *what)
{
    return status_fail(STATUS_NOMEM, "out of memory: %s", what);
}

Status json_parse_line(const char *name, int64_t line, const char *text, size_t length, json_t **out)
{
    json_error_t error;
    TRY(reserve_open(text, length));
    ran_out = false;
    json_t *value = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (value && ran_out) { /* it may stand in the reserve */
        json_decref(value);
        value = NULL;
    }
    reserve_close();
    if (value) {
        *out = value;
        return STATUS_OK;
    }
    if (ran_out || json_error_code(&error) == json_error_out_of_memory) return no_memory(name);
    /* Jansson names a flag of its own */
    const char *nul = strstr(error.text, "\\u0000") ? "\\u0000, a zero byte, is not allowed in a text" : NULL;
    return status_fail(STATUS_FORMAT, "%s: line %lld, column %d: %s", name, (long long)line + error.line - 1,
                       error.column, nul ? nul : error.text);
}

Status json_parse(const char *name, const char *text, size_t length, json_t **out)
{
    return json_parse_line(name, 1, text, length, out);
}

Status json_read(const char *path, uint64_t limit, json_t **out)
{
    Buffer text = {0};
    Status status = file_read(path, limit ? limit : READ_LIMIT, &text);
    if (status == STATUS_OK) status = json_parse(path, text.data, text.length, out);
    buffer_free(&text);
    return status;
}

static const char *const kind_names[] = {
    [JSON_OBJECT] = "an object",   [JSON_ARRAY] = "an array",     [JSON_STRING] = "a string",
    [JSON_INTEGER] = "an integer", [JSON_REAL] = "a real number", [JSON_TRUE] = "true",
    [JSON_FALSE] = "false",        [JSON_NULL] = "null"};

const char *json_kind(const json_t *value)
{
    return value ? kind_names[json_typeof(value)] : "nothing";
}

static Status find_member(const char *name, const json_t *object, const char *key, json_t **out)
{
    if (!json_is_object(object))
        return status_fail(STATUS_FORMAT, "%s: is %s where an object with '%s' was expected", name,
                           json_kind(object), key);
    *out = json_object_get(object, key);
    return *out ? STATUS_OK : status_fail(STATUS_FORMAT, "%s: '%s' is missing", name, key);
}

static Status wrong_kind(const char *name, const char *key, const json_t *value, const char *wanted)
{
    return status_fail(STATUS_FORMAT, "%s: '%s' is %s, %s was expected", name, key, json_kind(value), wanted);
}

Status json_member(const char *name, const json_t *object, const char *key, json_type type, json_t **out)
{
    json_t *value;
    TRY(find_member(name, object, key, &value));
    if (json_typeof(value) != type) return wrong_kind(name, key, value, kind_names[type]);
    *out = value;
    return STATUS_OK;
}

Status json_member_text(const char *name, const json_t *object, const char *key, const char **out)
{
    json_t *value;
    TRY(json_member(name, object, key, JSON_STRING, &value));
    *out = json_string_value(value);
    return STATUS_OK;
}

Status json_member_integer(const char *name, const json_t *object, const char *key, int64_t low, int64_t high,
                           int64_t *out)
{
    json_t *value;
    TRY(json_member(name, object, key, JSON_INTEGER, &value));
    int64_t number = json_integer_value(value);
    if (number < low || number > high)
        return status_fail(STATUS_FORMAT, "%s: '%s' is %" PRId64 ", which is not from %" PRId64 " to %" PRId64,
                           name, key, number, low, high);
    *out = number;
    return STATUS_OK;
}

Status json_member_number(const char *name, const json_t *object, const char *key, double *out)
{
    json_t *value;
    TRY(find_member(name, object, key, &value));
    const char *text = json_string_value(value);
    if (text && strcmp(text, "NaN") == 0)
        *out = (double)NAN;
    else if (text && strcmp(text, "Infinity") == 0)
        *out = (double)INFINITY;
    else if (text && strcmp(text, "-Infinity") == 0)
        *out = -(double)INFINITY;
    else if (json_is_number(value))
        *out = json_number_value(value);
    else
        return wrong_kind(name, key, value, "a number");
    return STATUS_OK;
}

Status json_member_boolean(const char *name, const json_t *object, const char *key, bool *out)
{
    json_t *value;
    TRY(find_member(name, object, key, &value));
    if (!json_is_boolean(value)) return wrong_kind(name, key, value, "true or false");
    *out = json_is_true(value);
    return STATUS_OK;
}

Status json_new_object(json_t **out)
{
    json_t *value = json_object();
    if (!value) return no_memory("a JSON object");
    *out = value;
    return STATUS_OK;
}

Status json_new_array(json_t **out)
{
    json_t *value = json_array();
    if (!value) return no_memory("a JSON array");
    *out = value;
    return STATUS_OK;
}

Status json_set(json_t *object, const char *key, json_t *value)
{
    if (value && json_object_set_new(object, key, value) == 0) return STATUS_OK;
    if (ran_out) return no_memory(key);
    return status_fail(STATUS_INVALID, "'%s': its name or text is not valid UTF-8", key);
}

Status json_append(json_t *array, json_t *value)
{
    if (value && json_array_append_new(array, value) == 0) return STATUS_OK;
    return ran_out ? no_memory("a JSON array") : status_fail(STATUS_INVALID, "a text in a list is not valid UTF-8");
}

Status json_set_text(json_t *object, const char *key, const char *text)
{
    ran_out = false;
    return json_set(object, key, json_string(text));
}

Status json_set_integer(json_t *object, const char *key, int64_t value)
{
    ran_out = false;
    return json_set(object, key, json_integer(value));
}

static const char *nonfinite_name(double value)
{
    return isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

Status json_set_number(json_t *object, const char *key, double value)
{
    ran_out = false;
    return json_set(object, key, isfinite(value) ? json_real(value) : json_string(nonfinite_name(value)));
}

Status json_set_boolean(json_t *object, const char *key, bool value)
{
    return json_set(object, key, json_boolean(value));
}
