/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The safetensors file format (github.com/huggingface/safetensors, "Format"): 8 bytes of header length, a JSON
 * header, the tensors' bytes, little-endian, row-major, without holes. A reader keeps the file mapped, and its
 * entries point into the map until safetensors_close(). Nothing here knows Tensor: entries are plain values.
 *
 * Every rule of the format is checked before any entry can be seen, so a file is taken whole or not at all. */
#ifndef LATHE_IO_SAFETENSORS_H
#define LATHE_IO_SAFETENSORS_H

#include "engine/base/status.h"
#include "engine/tensor/dtype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SAFETENSORS_MAX_DIMS = 8 };

/* The format's types of whole bytes, in the format's own order (by which writers sort). Its types of parts of a
 * byte (F4, F6_E2M3, F6_E3M2) are refused by name. */
typedef enum SafetensorsType {
    SAFETENSORS_BOOL,
    SAFETENSORS_U8,
    SAFETENSORS_I8,
    SAFETENSORS_F8_E5M2,
    SAFETENSORS_F8_E4M3,
    SAFETENSORS_F8_E8M0,
    SAFETENSORS_I16,
    SAFETENSORS_U16,
    SAFETENSORS_F16,
    SAFETENSORS_BF16,
    SAFETENSORS_I32,
    SAFETENSORS_U32,
    SAFETENSORS_F32,
    SAFETENSORS_C64,
    SAFETENSORS_F64,
    SAFETENSORS_I64,
    SAFETENSORS_U64,
    SAFETENSORS_TYPE_COUNT
} SafetensorsType;

/* "F32", ... as in files. */
const char *safetensors_type_name(SafetensorsType type);
size_t safetensors_type_size(SafetensorsType type);
/* The file's type of a tensor's type. */
SafetensorsType safetensors_type(DType dtype);

/* One tensor of a file. count is the product of shape (1 for a scalar), bytes = count x size of the type. data need
 * not be aligned to the type when it comes from a file that another tool wrote: copy it, or use safetensors_load().
 */
typedef struct SafetensorsEntry {
    const char *name;
    SafetensorsType type;
    int ndim;
    int64_t shape[SAFETENSORS_MAX_DIMS];
    int64_t count;
    uint64_t bytes;
    const void *data;
} SafetensorsEntry;

/* A name of the file for people: cut, and without control characters, which could be meant for their terminal. */
typedef struct SafetensorsShown {
    char text[100];
} SafetensorsShown;

SafetensorsShown safetensors_shown(const char *name);

/* "F32[2,3]" into out; returns out. */
enum { SAFETENSORS_TEXT_SIZE = 192 };
const char *safetensors_text(const SafetensorsEntry *entry, char out[SAFETENSORS_TEXT_SIZE]);

/* ---- reading ---- */

typedef struct Safetensors Safetensors;

/* Errors: those of file_map(), and every way in which the content breaks the format, with file, tensor and place.
 */
Status safetensors_open(const char *path, Safetensors **out) STATUS_CHECKED;
/* The same for bytes in memory, which must stay until safetensors_close(); name stands for the path in messages. */
Status safetensors_parse(const char *name, const void *bytes, size_t size, Safetensors **out) STATUS_CHECKED;
void safetensors_close(Safetensors *file);

/* Entries in the order of their bytes in the file. */
size_t safetensors_count(const Safetensors *file);
const SafetensorsEntry *safetensors_entry(const Safetensors *file, size_t index);
/* NULL where there is none of this name. */
const SafetensorsEntry *safetensors_find(const Safetensors *file, const char *name);
/* The same, but an error that names the file and the nearest name. */
Status safetensors_get(const Safetensors *file, const char *name, const SafetensorsEntry **out) STATUS_CHECKED;
const char *safetensors_path(const Safetensors *file);
/* Bytes of all tensors. */
uint64_t safetensors_data_bytes(const Safetensors *file);

/* The texts of __metadata__, in the file's order. */
size_t safetensors_metadata_count(const Safetensors *file);
void safetensors_metadata(const Safetensors *file, size_t index, const char **key, const char **value);
/* NULL where there is none of this key. */
const char *safetensors_metadata_find(const Safetensors *file, const char *key);

/* Copies the entry's elements to out, which has room for entry->count of dtype, converting where no value can be
 * lost in range: F64 (rounded), F32, F16, BF16 to f32; F32, F16, BF16 to bf16 (rounded); integers and BOOL to i64,
 * i32 and u8 where each value fits. Errors name the file, the tensor and the first value that does not fit, or the
 * pair of types. */
Status safetensors_load(const Safetensors *file, const SafetensorsEntry *entry, DType dtype,
                        void *out) STATUS_CHECKED;

/* ---- writing ---- */

typedef struct SafetensorsMetadata {
    const char *key, *value;
} SafetensorsMetadata;

/* Writes the entries (name, type, ndim, shape and data are read; count and bytes are not) to path by
 * file_writer_open(), or by file_writer_create() where in_place (a file in a staged directory). Sorted as the
 * format's own library does: by type, widest first, then by name; the header is padded with spaces to 8 bytes.
 * Metadata is written in the order given; readers of PyTorch expect {"format", "pt"}. Equal input gives equal
 * bytes. Errors: a name that is double, empty, not UTF-8 or "__metadata__", a negative size, overflow, a header
 * over the format's 100 MB, the disk. */
Status safetensors_write(const char *path, bool in_place, const SafetensorsEntry *entries, size_t count,
                         const SafetensorsMetadata *metadata, size_t metadata_count) STATUS_CHECKED;

#endif
