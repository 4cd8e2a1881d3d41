/* SPDX-License-Identifier: GPL-3.0-or-later */
/* 128-bit content hashes (XXH3, libxxhash) for state, input files and tensors. Not for secrets. */
#ifndef LATHE_BASE_HASH_H
#define LATHE_BASE_HASH_H

#include "engine/base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct Hash {
    uint64_t low, high;
} Hash;

enum { HASH_TEXT_SIZE = 33 };

Hash hash_bytes(const void *bytes, size_t length);

/* The hash of a followed by b; the order matters. */
Hash hash_combine(Hash a, Hash b);

int hash_equal(Hash a, Hash b);

/* 32 hexadecimal digits and a NUL, the high half first. */
void hash_text(Hash hash, char out[HASH_TEXT_SIZE]);

/* The hash of a whole file's bytes. Errors: the file cannot be read. */
Status hash_file(const char *path, Hash *out) STATUS_CHECKED;

#endif
