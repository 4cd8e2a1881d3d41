/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/hash.h"

#include "engine/base/hash_avx2.h"
#include "engine/base/memory.h"
#include "engine/base/turns.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

enum { FILE_CHUNK = 1 << 16, SHORT = 1024 /* bytes: too few for a call to pay */ };

static Hash from_library(XXH128_hash_t hash)
{
    return (Hash){hash.low64, hash.high64};
}

Hash hash_bytes(const void *bytes, size_t length)
{
#ifdef HASH_AVX2
    if (length > SHORT && __builtin_cpu_supports("avx2")) return hash_bytes_avx2(bytes, length);
#endif
    return from_library(XXH3_128bits(bytes, length));
}

Hash hash_combine(Hash a, Hash b)
{
    Hash both[2] = {a, b};
    return hash_bytes(both, sizeof both);
}

int hash_equal(Hash a, Hash b)
{
    return a.low == b.low && a.high == b.high;
}

void hash_text(Hash hash, char out[HASH_TEXT_SIZE])
{
    snprintf(out, HASH_TEXT_SIZE, "%016" PRIx64 "%016" PRIx64, hash.high, hash.low);
}

static Status hash_stream(FILE *file, XXH3_state_t *state, const char *path)
{
    char *chunk;
    TRY(memory_new_raw(FILE_CHUNK, 1, &chunk));
    size_t got;
    while ((got = fread(chunk, 1, FILE_CHUNK, file)) > 0) {
        XXH3_128bits_update(state, chunk, got);
        turns_give();
    }
    memory_free(chunk);
    if (ferror(file)) return status_fail(STATUS_IO, "%s: cannot be read: %s", path, strerror(errno));
    return STATUS_OK;
}

Status hash_file(const char *path, Hash *out)
{
    FILE *file = fopen(path, "rb");
    if (!file) return status_fail(STATUS_IO, "%s: cannot be opened: %s", path, strerror(errno));
    XXH3_state_t *state = XXH3_createState();
    Status status = state ? STATUS_OK : status_fail(STATUS_NOMEM, "out of memory: hashing %s", path);
    if (status == STATUS_OK) {
        XXH3_128bits_reset(state);
        status = hash_stream(file, state, path);
        *out = from_library(XXH3_128bits_digest(state));
    }
    XXH3_freeState(state);
    fclose(file);
    return status;
}
