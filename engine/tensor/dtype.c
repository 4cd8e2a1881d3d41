/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/tensor/dtype.h"

#include <string.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[DTYPE_COUNT] = {
    [DTYPE_F32] = {"f32", 4}, [DTYPE_BF16] = {"bf16", 2}, [DTYPE_I32] = {"i32", 4},
    [DTYPE_I64] = {"i64", 8}, [DTYPE_U8] = {"u8", 1},     [DTYPE_F64] = {"f64", 8},
};

size_t dtype_size(DType dtype)
{
    return dtypes[dtype].size;
}

const char *dtype_name(DType dtype)
{
    return dtypes[dtype].name;
}

bool dtype_is_real(DType dtype)
{
    return dtype == DTYPE_F32 || dtype == DTYPE_BF16 || dtype == DTYPE_F64;
}

bool dtype_find(const char *name, DType *out)
{
    for (int dtype = 0; dtype < DTYPE_F64; dtype++)
        if (strcmp(dtypes[dtype].name, name) == 0) {
            *out = (DType)dtype;
            return true;
        }
    return false;
}

DType dtype_promote(DType a, DType b)
{
    static const DType order[DTYPE_COUNT] = {DTYPE_U8, DTYPE_I32, DTYPE_I64, DTYPE_BF16, DTYPE_F32, DTYPE_F64};
    int place = 0;
    for (int i = 0; i < DTYPE_COUNT; i++)
        if (order[i] == a || order[i] == b) place = i;
    return order[place];
}

bool dtype_holds(DType dtype, int64_t value)
{
    switch (dtype) {
    case DTYPE_I32: return value >= INT32_MIN && value <= INT32_MAX;
    case DTYPE_U8: return value >= 0 && value <= UINT8_MAX;
    default: return dtype == DTYPE_I64;
    }
}

float bf16_to_f32(uint16_t bits)
{
    uint32_t word = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

uint16_t bf16_from_f32(float value)
{
    uint32_t word;
    memcpy(&word, &value, sizeof word);
    if ((word & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(word >> 16 | 0x40);
    return (uint16_t)((word + 0x7fffu + (word >> 16 & 1)) >> 16);
}
