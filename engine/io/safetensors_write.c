/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/json.h"
#include "engine/io/safetensors_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Widest type first keeps every tensor aligned to its type; the header's padding aligns the first. */
static int compare_entries(const void *a, const void *b)
{
    const SafetensorsEntry *x = a, *y = b;
    if (x->type != y->type) return x->type > y->type ? -1 : 1;
    return strcmp(x->name, y->name);
}

static Status check_entry(const char *path, SafetensorsEntry *entry)
{
    if (!entry->name || !*entry->name)
        return status_fail(STATUS_INVALID, "%s: cannot be written: a tensor has no name", path);
    if (strcmp(entry->name, "__metadata__") == 0)
        return status_fail(STATUS_INVALID, "%s: cannot be written: no tensor may be named '__metadata__'", path);
    bool sound = entry->type < SAFETENSORS_TYPE_COUNT && entry->ndim >= 0 && entry->ndim <= SAFETENSORS_MAX_DIMS;
    for (int i = 0; sound && i < entry->ndim; i++) sound = entry->shape[i] >= 0;
    if (!sound || !safetensors_measure(entry))
        return status_fail(STATUS_INVALID, "%s: cannot be written: the type or shape of tensor '%s' is not sound",
                           path, entry->name);
    return STATUS_OK;
}

/* Names are unique across types, so they are compared in an order by name alone. */
static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static Status check_names(const char *path, const SafetensorsEntry *entries, size_t count)
{
    const char **names;
    TRY(memory_new(count, sizeof *names, &names));
    for (size_t i = 0; i < count; i++) names[i] = entries[i].name;
    if (count > 1) qsort(names, count, sizeof *names, compare_names);
    Status status = STATUS_OK;
    for (size_t i = 1; i < count && status == STATUS_OK; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            status =
                status_fail(STATUS_INVALID, "%s: cannot be written: two tensors are named '%s'", path, names[i]);
    memory_free(names);
    return status;
}

static Status print_entry(const SafetensorsEntry *entry, uint64_t begin, Buffer *out)
{
    TRY(json_print_text(entry->name, strlen(entry->name), out));
    TRY(buffer_printf(out, ":{\"dtype\":\"%s\",\"shape\":[", safetensors_type_name(entry->type)));
    for (int i = 0; i < entry->ndim; i++) TRY(buffer_printf(out, "%s%" PRId64, i ? "," : "", entry->shape[i]));
    return buffer_printf(out, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", begin, begin + entry->bytes);
}

static Status print_metadata(const SafetensorsMetadata *metadata, size_t count, Buffer *out)
{
    TRY(buffer_text(out, "\"__metadata__\":{"));
    for (size_t i = 0; i < count; i++) {
        if (i) TRY(buffer_text(out, ","));
        TRY(json_print_text(metadata[i].key, strlen(metadata[i].key), out));
        TRY(buffer_text(out, ":"));
        TRY(json_print_text(metadata[i].value, strlen(metadata[i].value), out));
    }
    return buffer_text(out, "}");
}

/* The header, padded, with its length before it. */
static Status print_header(const char *path, const SafetensorsEntry *entries, size_t count,
                           const SafetensorsMetadata *metadata, size_t metadata_count, Buffer *out)
{
    uint64_t at = 0;
    TRY(buffer_append(out, "\0\0\0\0\0\0\0\0{", 9));
    if (metadata_count) TRY(print_metadata(metadata, metadata_count, out));
    for (size_t i = 0; i < count; i++) {
        if (i || metadata_count) TRY(buffer_text(out, ","));
        TRY(print_entry(&entries[i], at, out));
        if (__builtin_add_overflow(at, entries[i].bytes, &at) || at > INT64_MAX)
            return status_fail(STATUS_INVALID, "%s: cannot be written: the tensors' sizes overflow 64 bits", path);
    }
    TRY(buffer_text(out, "}"));
    while (out->length % 8) TRY(buffer_text(out, " "));
    uint64_t length = out->length - 8;
    if (length > SAFETENSORS_HEADER_LIMIT)
        return status_fail(STATUS_INVALID,
                           "%s: cannot be written: its header would have %" PRIu64
                           " bytes, more than the format's limit of %d",
                           path, length, SAFETENSORS_HEADER_LIMIT);
    for (int i = 0; i < 8; i++) out->data[i] = (char)(length >> (8 * i));
    return STATUS_OK;
}

/* Also finds what the printer would have had to mend: texts that are not UTF-8. */
static Status check_header(const char *path, const Buffer *header, const SafetensorsEntry *entries, size_t count)
{
    json_t *parsed;
    TRY(json_parse(path, header->data + 8, header->length - 8, &parsed));
    Status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        if (!json_object_get(parsed, entries[i].name))
            status = status_fail(STATUS_INVALID, "%s: cannot be written: the name of a tensor is not UTF-8", path);
    json_decref(parsed);
    return status;
}

static Status write_all(FileWriter *writer, const Buffer *header, const SafetensorsEntry *entries, size_t count)
{
    TRY(file_writer_put(writer, header->data, header->length));
    for (size_t i = 0; i < count; i++) TRY(file_writer_put(writer, entries[i].data, entries[i].bytes));
    return STATUS_OK;
}

static Status write_sorted(const char *path, bool in_place, SafetensorsEntry *entries, size_t count,
                           const SafetensorsMetadata *metadata, size_t metadata_count, Buffer *header)
{
    for (size_t i = 0; i < count; i++) TRY(check_entry(path, &entries[i]));
    TRY(check_names(path, entries, count));
    if (count > 1) qsort(entries, count, sizeof *entries, compare_entries);
    TRY(print_header(path, entries, count, metadata, metadata_count, header));
    TRY(check_header(path, header, entries, count));
    FileWriter *writer;
    TRY(in_place ? file_writer_create(path, &writer) : file_writer_open(path, &writer));
    Status status = write_all(writer, header, entries, count);
    if (status == STATUS_OK) return file_writer_commit(writer);
    file_writer_discard(writer);
    return status;
}

Status safetensors_write(const char *path, bool in_place, const SafetensorsEntry *entries, size_t count,
                         const SafetensorsMetadata *metadata, size_t metadata_count)
{
    SafetensorsEntry *sorted;
    TRY(memory_new(count, sizeof *sorted, &sorted));
    if (count) memcpy(sorted, entries, count * sizeof *sorted);
    Buffer header = {0};
    Status status = write_sorted(path, in_place, sorted, count, metadata, metadata_count, &header);
    buffer_free(&header);
    memory_free(sorted);
    return status;
}
