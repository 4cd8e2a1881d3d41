/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/safetensors.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* IEEE 754 binary16; every value is exact in f32. */
static float f16_to_f32(uint16_t bits)
{
    uint32_t sign = (uint32_t)(bits & 0x8000) << 16, exponent = bits >> 10 & 31, fraction = bits & 1023;
    if (exponent == 0) {
        float tiny = ldexpf((float)fraction, -24);
        return sign ? -tiny : tiny;
    }
    uint32_t word = sign | (exponent == 31 ? 255u : exponent + 112) << 23 | fraction << 13;
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

static float load_f64(const uint8_t *from)
{
    double value;
    memcpy(&value, from, sizeof value);
    return (float)value;
}

static float load_f32(const uint8_t *from)
{
    float value;
    memcpy(&value, from, sizeof value);
    return value;
}

static float load_f16(const uint8_t *from)
{
    uint16_t bits;
    memcpy(&bits, from, sizeof bits);
    return f16_to_f32(bits);
}

static float load_bf16(const uint8_t *from)
{
    uint16_t bits;
    memcpy(&bits, from, sizeof bits);
    return bf16_to_f32(bits);
}

typedef float (*LoadReal)(const uint8_t *from);

static LoadReal real_loader(SafetensorsType type, DType dtype)
{
    if (dtype != DTYPE_F32 && dtype != DTYPE_BF16) return NULL;
    switch (type) {
    case SAFETENSORS_F64: return dtype == DTYPE_F32 ? load_f64 : NULL;
    case SAFETENSORS_F32: return load_f32;
    case SAFETENSORS_F16: return load_f16;
    case SAFETENSORS_BF16: return load_bf16;
    default: return NULL;
    }
}

static bool is_integer(SafetensorsType type)
{
    return type == SAFETENSORS_BOOL || type == SAFETENSORS_U8 || type == SAFETENSORS_I8 ||
           type == SAFETENSORS_I16 || type == SAFETENSORS_U16 || type == SAFETENSORS_I32 ||
           type == SAFETENSORS_U32 || type == SAFETENSORS_I64 || type == SAFETENSORS_U64;
}

/* Little-endian, with the sign carried up; U64 beyond i64 is told by *fits. */
static int64_t load_integer(const uint8_t *from, SafetensorsType type, bool *fits)
{
    size_t size = safetensors_type_size(type);
    uint64_t word = 0;
    for (size_t i = size; i-- > 0;) word = word << 8 | from[i];
    bool has_sign = type == SAFETENSORS_I8 || type == SAFETENSORS_I16 || type == SAFETENSORS_I32;
    if (has_sign && word >> (size * 8 - 1)) word |= ~UINT64_C(0) << (size * 8);
    *fits = type != SAFETENSORS_U64 || word <= INT64_MAX;
    return (int64_t)word;
}

static Status load_integers(const Safetensors *file, const SafetensorsEntry *entry, DType dtype, void *out)
{
    const uint8_t *from = entry->data;
    size_t size = safetensors_type_size(entry->type);
    for (int64_t i = 0; i < entry->count; i++, from += size) {
        bool fits;
        int64_t value = load_integer(from, entry->type, &fits);
        if (!fits || !dtype_holds(dtype, value))
            return status_fail(STATUS_INVALID,
                               "%s: tensor '%s' has a value at element %" PRId64 " that does not fit %s",
                               safetensors_path(file), entry->name, i, dtype_name(dtype));
        if (dtype == DTYPE_I64)
            ((int64_t *)out)[i] = value;
        else if (dtype == DTYPE_I32)
            ((int32_t *)out)[i] = (int32_t)value;
        else
            ((uint8_t *)out)[i] = (uint8_t)value;
    }
    return STATUS_OK;
}

Status safetensors_load(const Safetensors *file, const SafetensorsEntry *entry, DType dtype, void *out)
{
    if (entry->type == safetensors_type(dtype)) {
        if (entry->bytes) memcpy(out, entry->data, entry->bytes);
        return STATUS_OK;
    }
    bool wants_integers = dtype == DTYPE_I32 || dtype == DTYPE_I64 || dtype == DTYPE_U8;
    if (wants_integers && is_integer(entry->type)) return load_integers(file, entry, dtype, out);
    LoadReal load = real_loader(entry->type, dtype);
    if (!load)
        return status_fail(STATUS_INVALID, "%s: tensor '%s' is %s, which cannot be read as %s",
                           safetensors_path(file), entry->name, safetensors_type_name(entry->type),
                           dtype_name(dtype));
    const uint8_t *from = entry->data;
    size_t size = safetensors_type_size(entry->type);
    for (int64_t i = 0; i < entry->count; i++, from += size) {
        if (dtype == DTYPE_F32)
            ((float *)out)[i] = load(from);
        else
            ((uint16_t *)out)[i] = bf16_from_f32(load(from));
    }
    return STATUS_OK;
}
