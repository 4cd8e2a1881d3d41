/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/safetensors.h"

#include "engine/base/memory.h"
#include "engine/base/names.h"
#include "engine/io/file.h"
#include "engine/io/json.h"
#include "engine/io/safetensors_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} types[SAFETENSORS_TYPE_COUNT] = {
    [SAFETENSORS_BOOL] = {"BOOL", 1},       [SAFETENSORS_U8] = {"U8", 1},
    [SAFETENSORS_I8] = {"I8", 1},           [SAFETENSORS_F8_E5M2] = {"F8_E5M2", 1},
    [SAFETENSORS_F8_E4M3] = {"F8_E4M3", 1}, [SAFETENSORS_F8_E8M0] = {"F8_E8M0", 1},
    [SAFETENSORS_I16] = {"I16", 2},         [SAFETENSORS_U16] = {"U16", 2},
    [SAFETENSORS_F16] = {"F16", 2},         [SAFETENSORS_BF16] = {"BF16", 2},
    [SAFETENSORS_I32] = {"I32", 4},         [SAFETENSORS_U32] = {"U32", 4},
    [SAFETENSORS_F32] = {"F32", 4},         [SAFETENSORS_C64] = {"C64", 8},
    [SAFETENSORS_F64] = {"F64", 8},         [SAFETENSORS_I64] = {"I64", 8},
    [SAFETENSORS_U64] = {"U64", 8},
};

const char *safetensors_type_name(SafetensorsType type)
{
    return type < SAFETENSORS_TYPE_COUNT ? types[type].name : "unknown";
}

size_t safetensors_type_size(SafetensorsType type)
{
    return types[type].size;
}

SafetensorsType safetensors_type(DType dtype)
{
    static const SafetensorsType of[DTYPE_COUNT] = {
        [DTYPE_F32] = SAFETENSORS_F32, [DTYPE_BF16] = SAFETENSORS_BF16, [DTYPE_I32] = SAFETENSORS_I32,
        [DTYPE_I64] = SAFETENSORS_I64, [DTYPE_U8] = SAFETENSORS_U8,     [DTYPE_F64] = SAFETENSORS_F64};
    return of[dtype];
}

const char *safetensors_text(const SafetensorsEntry *entry, char out[SAFETENSORS_TEXT_SIZE])
{
    int at = snprintf(out, SAFETENSORS_TEXT_SIZE, "%s[", safetensors_type_name(entry->type));
    for (int i = 0; i < entry->ndim; i++)
        at += snprintf(out + at, (size_t)(SAFETENSORS_TEXT_SIZE - at), "%s%" PRId64, i ? "," : "", entry->shape[i]);
    snprintf(out + at, (size_t)(SAFETENSORS_TEXT_SIZE - at), "]");
    return out;
}

bool safetensors_measure(SafetensorsEntry *entry)
{
    entry->count = 1;
    bool overflow = false;
    for (int i = 0; i < entry->ndim; i++)
        overflow |= __builtin_mul_overflow(entry->count, entry->shape[i], &entry->count);
    return !overflow && !__builtin_mul_overflow((uint64_t)entry->count, types[entry->type].size, &entry->bytes);
}

const char *safetensors_grouped(uint64_t number, char out[SAFETENSORS_GROUPED_SIZE])
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, number), at = 0;
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0) out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

/* ---- reading ---- */

typedef struct Place {
    SafetensorsEntry entry;
    uint64_t begin;
    size_t order; /* in the header */
} Place;

struct Safetensors {
    char *path;
    FileMap map;
    json_t *header; /* owns the names and the metadata */
    const json_t *metadata;
    const uint8_t *data;
    uint64_t data_bytes;
    SafetensorsEntry *entries;
    const SafetensorsEntry **by_name;
    size_t count;
};

#define NOTHING_LOADED "The file is truncated or corrupt; nothing was loaded."

/* Control characters are below 0x20, 0x7f, and U+0080 to U+009f, which begin with 0xc2. */
SafetensorsShown safetensors_shown(const char *name)
{
    SafetensorsShown out;
    size_t at = 0;
    for (; name[at] && at < 90; at++) {
        unsigned char c = (unsigned char)name[at], before = at ? (unsigned char)name[at - 1] : 0;
        out.text[at] = c < 0x20 || c == 0x7f || (before == 0xc2 && c < 0xa0) ? '?' : name[at];
        if (out.text[at] == '?' && c >= 0x80) out.text[at - 1] = '?';
    }
    while (name[at] && at > 0 && ((unsigned char)name[at] & 0xc0) == 0x80) at--; /* not inside a character */
    strcpy(out.text + at, name[at] ? "..." : "");
    return out;
}

static Status broken(const char *path, const char *tensor, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static Status broken(const char *path, const char *tensor, const char *format, ...)
{
    char words[512];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    if (!tensor) return status_fail(STATUS_FORMAT, "%s: %s. " NOTHING_LOADED, path, words);
    return status_fail(STATUS_FORMAT, "%s: tensor '%s' %s. " NOTHING_LOADED, path, safetensors_shown(tensor).text,
                       words);
}

static Status read_type(const char *path, const char *name, const json_t *value, SafetensorsType *out)
{
    const char *text = json_string_value(value);
    if (!text) return broken(path, name, "has %s as its dtype; a string was expected", json_kind(value));
    for (int i = 0; i < SAFETENSORS_TYPE_COUNT; i++) {
        if (strcmp(text, types[i].name) != 0) continue;
        *out = (SafetensorsType)i;
        return STATUS_OK;
    }
    return broken(path, name,
                  "has the unknown dtype '%s'; known are BOOL, U8 to U64, I8 to I64, F8_*, F16, BF16, "
                  "F32, F64 and C64",
                  safetensors_shown(text).text);
}

/* A size or an offset: an integer from 0 on. */
static Status read_count(const char *path, const char *name, const char *what, const json_t *value, int64_t *out)
{
    if (!json_is_integer(value))
        return broken(path, name, "has %s in its %s; an integer was expected", json_kind(value), what);
    *out = json_integer_value(value);
    if (*out < 0) return broken(path, name, "has the negative number %" PRId64 " in its %s", *out, what);
    return STATUS_OK;
}

static Status read_shape(const char *path, const char *name, const json_t *value, SafetensorsEntry *entry)
{
    if (!json_is_array(value))
        return broken(path, name, "has %s as its shape; an array of integers was expected", json_kind(value));
    size_t ndim = json_array_size(value);
    if (ndim > SAFETENSORS_MAX_DIMS)
        return broken(path, name, "has %zu dimensions; at most %d are supported", ndim, SAFETENSORS_MAX_DIMS);
    entry->ndim = (int)ndim;
    for (size_t i = 0; i < ndim; i++)
        TRY(read_count(path, name, "shape", json_array_get(value, i), &entry->shape[i]));
    return STATUS_OK;
}

static Status read_offsets(const Safetensors *file, const json_t *value, Place *place)
{
    const char *path = file->path, *name = place->entry.name;
    int64_t begin, end;
    if (!json_is_array(value) || json_array_size(value) != 2)
        return broken(path, name, "has data_offsets that are not an array of two integers");
    TRY(read_count(path, name, "data_offsets", json_array_get(value, 0), &begin));
    TRY(read_count(path, name, "data_offsets", json_array_get(value, 1), &end));
    char a[SAFETENSORS_GROUPED_SIZE], b[SAFETENSORS_GROUPED_SIZE], c[SAFETENSORS_GROUPED_SIZE];
    safetensors_grouped((uint64_t)begin, a);
    safetensors_grouped((uint64_t)end, b);
    if (begin > end) return broken(path, name, "claims bytes %s to %s, which is backwards", a, b);
    if ((uint64_t)end > file->data_bytes)
        return broken(path, name, "claims bytes %s to %s, but the file's data ends at %s", a, b,
                      safetensors_grouped(file->data_bytes, c));
    char text[SAFETENSORS_TEXT_SIZE];
    if (place->entry.bytes != (uint64_t)end - (uint64_t)begin)
        return broken(path, name, "claims bytes %s to %s, which is not the %s bytes of %s", a, b,
                      safetensors_grouped(place->entry.bytes, c), safetensors_text(&place->entry, text));
    place->begin = (uint64_t)begin;
    return STATUS_OK;
}

static Status read_entry(const Safetensors *file, const char *name, const json_t *value, Place *place)
{
    static const char *const keys[] = {"dtype", "shape", "data_offsets"};
    const char *path = file->path;
    place->entry.name = name;
    if (!*name) return broken(path, NULL, "has a tensor without a name");
    if (!json_is_object(value))
        return broken(path, name, "is described by %s; an object was expected", json_kind(value));
    for (int i = 0; i < 3; i++)
        if (!json_object_get(value, keys[i])) return broken(path, name, "has no '%s'", keys[i]);
    if (json_object_size(value) != 3) return broken(path, name, "has keys besides dtype, shape and data_offsets");
    TRY(read_type(path, name, json_object_get(value, "dtype"), &place->entry.type));
    TRY(read_shape(path, name, json_object_get(value, "shape"), &place->entry));
    char text[SAFETENSORS_TEXT_SIZE];
    if (!safetensors_measure(&place->entry))
        return broken(path, name, "claims to be %s: its size overflows 64 bits",
                      safetensors_text(&place->entry, text));
    return read_offsets(file, json_object_get(value, "data_offsets"), place);
}

static Status check_metadata(const Safetensors *file)
{
    if (!file->metadata) return STATUS_OK;
    if (!json_is_object(file->metadata))
        return broken(file->path, NULL, "has %s as its __metadata__; an object of strings was expected",
                      json_kind(file->metadata));
    json_t *object = (json_t *)(uintptr_t)file->metadata;
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at))
        if (!json_is_string(json_object_iter_value(at)))
            return broken(file->path, NULL, "has %s in its __metadata__ under '%s'; a string was expected",
                          json_kind(json_object_iter_value(at)), safetensors_shown(json_object_iter_key(at)).text);
    return STATUS_OK;
}

static int compare_places(const void *a, const void *b)
{
    const Place *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    /* Tensors without elements take no place and come before the one that starts here. */
    if (x->entry.bytes != y->entry.bytes && (x->entry.bytes == 0 || y->entry.bytes == 0))
        return x->entry.bytes == 0 ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static int compare_by_name(const void *a, const void *b)
{
    return strcmp((*(const SafetensorsEntry *const *)a)->name, (*(const SafetensorsEntry *const *)b)->name);
}

/* The places, sorted, must follow one another from 0 to the end of the data. */
static Status check_layout(const Safetensors *file, const Place *places)
{
    uint64_t at = 0;
    char a[SAFETENSORS_GROUPED_SIZE], b[SAFETENSORS_GROUPED_SIZE];
    for (size_t i = 0; i < file->count; i++) {
        const Place *place = &places[i];
        safetensors_grouped(place->begin, a);
        safetensors_grouped(at, b);
        if (place->begin < at)
            return broken(file->path, place->entry.name, "starts at byte %s inside tensor '%s', which ends at %s",
                          a, safetensors_shown(places[i - 1].entry.name).text, b);
        if (place->begin > at)
            return broken(file->path, place->entry.name,
                          "starts at byte %s, but the data before it ends at %s: "
                          "there is a hole",
                          a, b);
        at = place->begin + place->entry.bytes;
    }
    if (at == file->data_bytes) return STATUS_OK;
    return broken(file->path, NULL, "its tensors end at byte %s of the data, but the file's data ends at %s",
                  safetensors_grouped(at, a), safetensors_grouped(file->data_bytes, b));
}

static Status collect_entries(Safetensors *file, Place *places)
{
    size_t at = 0;
    json_t *header = file->header;
    for (void *i = json_object_iter(header); i; i = json_object_iter_next(header, i)) {
        if (strcmp(json_object_iter_key(i), "__metadata__") == 0) continue;
        places[at].order = at;
        TRY(read_entry(file, json_object_iter_key(i), json_object_iter_value(i), &places[at]));
        at++;
    }
    if (file->count > 1) qsort(places, file->count, sizeof *places, compare_places);
    TRY(check_layout(file, places));
    for (size_t i = 0; i < file->count; i++) {
        file->entries[i] = places[i].entry;
        file->entries[i].data = file->data + places[i].begin;
        file->by_name[i] = &file->entries[i];
    }
    if (file->count > 1) qsort(file->by_name, file->count, sizeof *file->by_name, compare_by_name);
    return STATUS_OK;
}

static Status index_header(Safetensors *file)
{
    if (!json_is_object(file->header)) return broken(file->path, NULL, "its header is not a JSON object");
    file->metadata = json_object_get(file->header, "__metadata__");
    TRY(check_metadata(file));
    file->count = json_object_size(file->header) - (file->metadata ? 1 : 0);
    TRY(memory_new(file->count, sizeof *file->entries, &file->entries));
    TRY(memory_new(file->count, sizeof *file->by_name, &file->by_name));
    Place *places;
    TRY(memory_new(file->count, sizeof *places, &places));
    Status status = collect_entries(file, places);
    memory_free(places);
    return status;
}

static Status read_header(Safetensors *file, const uint8_t *bytes, uint64_t size)
{
    char a[SAFETENSORS_GROUPED_SIZE], b[SAFETENSORS_GROUPED_SIZE];
    if (size < 8)
        return broken(file->path, NULL, "has %s bytes; a safetensors file has at least 8 bytes of header length",
                      safetensors_grouped(size, a));
    uint64_t length = 0;
    for (int i = 7; i >= 0; i--) length = length << 8 | bytes[i];
    if (length > SAFETENSORS_HEADER_LIMIT)
        return broken(file->path, NULL,
                      "claims a header of %s bytes in its first 8 bytes, more than the format's "
                      "limit of %s; it may not be a safetensors file",
                      safetensors_grouped(length, a), safetensors_grouped(SAFETENSORS_HEADER_LIMIT, b));
    if (length > size - 8)
        return broken(file->path, NULL, "claims a header from byte 8 to %s, but the file ends at %s",
                      safetensors_grouped(length + 8, a), safetensors_grouped(size, b));
    if (length == 0 || bytes[8] != '{')
        return broken(file->path, NULL, "its header does not start with '{' at byte 8");
    file->data = bytes + 8 + length;
    file->data_bytes = size - 8 - length;
    Status status = json_parse(file->path, (const char *)bytes + 8, length, &file->header);
    if (status == STATUS_FORMAT) {
        char words[512];
        snprintf(words, sizeof words, "%s", status_message() + strlen(file->path) + 2);
        status = broken(file->path, NULL, "its header, from byte 8 on, is not JSON: %s", words);
    }
    TRY(status);
    return index_header(file);
}

Status safetensors_parse(const char *name, const void *bytes, size_t size, Safetensors **out)
{
    Safetensors *file;
    TRY(memory_new(1, sizeof *file, &file));
    Status status = memory_copy_text(name, &file->path);
    if (status == STATUS_OK) status = read_header(file, bytes, size);
    if (status == STATUS_OK)
        *out = file;
    else
        safetensors_close(file);
    return status;
}

Status safetensors_open(const char *path, Safetensors **out)
{
    FileMap map;
    TRY(file_map(path, &map));
    Status status = safetensors_parse(path, map.data, map.size, out);
    if (status == STATUS_OK)
        (*out)->map = map;
    else
        file_unmap(&map);
    return status;
}

void safetensors_close(Safetensors *file)
{
    if (!file) return;
    json_decref(file->header);
    memory_free(file->entries);
    memory_free(file->by_name);
    file_unmap(&file->map);
    memory_free(file->path);
    memory_free(file);
}

size_t safetensors_count(const Safetensors *file)
{
    return file->count;
}

const SafetensorsEntry *safetensors_entry(const Safetensors *file, size_t index)
{
    return &file->entries[index];
}

const SafetensorsEntry *safetensors_find(const Safetensors *file, const char *name)
{
    size_t low = 0, high = file->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, file->by_name[middle]->name);
        if (order == 0) return file->by_name[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

Status safetensors_get(const Safetensors *file, const char *name, const SafetensorsEntry **out)
{
    const SafetensorsEntry *entry = safetensors_find(file, name);
    if (entry) {
        *out = entry;
        return STATUS_OK;
    }
    const char *near = names_nearest(name, file->entries, file->count, sizeof *file->entries);
    if (!near)
        return status_fail(STATUS_INVALID, "%s: has no tensor '%s'", file->path, safetensors_shown(name).text);
    return status_fail(STATUS_INVALID, "%s: has no tensor '%s'; did you mean '%s'?", file->path,
                       safetensors_shown(name).text, safetensors_shown(near).text);
}

const char *safetensors_path(const Safetensors *file)
{
    return file->path;
}

uint64_t safetensors_data_bytes(const Safetensors *file)
{
    return file->data_bytes;
}

size_t safetensors_metadata_count(const Safetensors *file)
{
    return file->metadata ? json_object_size(file->metadata) : 0;
}

void safetensors_metadata(const Safetensors *file, size_t index, const char **key, const char **value)
{
    json_t *object = (json_t *)(uintptr_t)file->metadata;
    void *at = json_object_iter(object);
    while (index-- > 0) at = json_object_iter_next(object, at);
    *key = json_object_iter_key(at);
    *value = json_string_value(json_object_iter_value(at));
}

const char *safetensors_metadata_find(const Safetensors *file, const char *key)
{
    return json_string_value(json_object_get(file->metadata, key));
}
