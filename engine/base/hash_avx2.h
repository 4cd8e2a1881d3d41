/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hash_bytes() for processors with AVX2: hash.c asks for it, nobody else. */
#ifndef LATHE_BASE_HASH_AVX2_H
#define LATHE_BASE_HASH_AVX2_H

#include "engine/base/hash.h"

#if defined __x86_64__ && defined __GNUC__
#define HASH_AVX2 /* it is compiled; whether the processor has it is for the caller to ask */
Hash hash_bytes_avx2(const void *bytes, size_t length);
#endif

#endif
