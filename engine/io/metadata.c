/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/io/metadata.h"

#include "engine/base/threads.h"
#include "engine/kernels/blas_core.h"
#include "engine/kernels/libraries.h"

#include <gnu/libc-version.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

enum { BRAND_SIZE = 49 };

#if defined(__x86_64__)
/* Intel's manual, volume 2A, CPUID: the brand string stands in leaves 0x80000002 to 0x80000004. */
static void read_brand(char out[BRAND_SIZE])
{
    unsigned words[12], highest = __get_cpuid_max(0x80000000, NULL);
    if (highest < 0x80000004) return;
    for (unsigned i = 0; i < 3; i++)
        __get_cpuid(0x80000002 + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2], &words[4 * i + 3]);
    memcpy(out, words, sizeof words);
    out[BRAND_SIZE - 1] = '\0';
    for (size_t length = strlen(out); length > 0 && out[length - 1] == ' '; length--) out[length - 1] = '\0';
}

#define FEATURE(name)                                                                                              \
    if (status == STATUS_OK && __builtin_cpu_supports(name)) status = json_append(list, json_string(name))

static Status add_features(json_t *list)
{
    Status status = STATUS_OK;
    FEATURE("avx2");
    FEATURE("fma");
    FEATURE("avx512f");
    FEATURE("avx512bw");
    FEATURE("avx512dq");
    FEATURE("avx512vl");
    FEATURE("avx512vnni");
    FEATURE("avx512bf16");
    return status;
}
#else
static void read_brand(char out[BRAND_SIZE])
{
    (void)out;
}

static Status add_features(json_t *list)
{
    (void)list;
    return STATUS_OK;
}
#endif

/* object[key] = a new object, owned by it at once. */
static Status new_member(json_t *object, const char *key, json_t **out)
{
    TRY(json_new_object(out));
    return json_set(object, key, *out);
}

static Status add_cpu(json_t *object)
{
    char brand[BRAND_SIZE] = "unknown";
    json_t *cpu, *features;
    read_brand(brand);
    TRY(new_member(object, "cpu", &cpu));
    TRY(json_set_text(cpu, "name", brand + strspn(brand, " ")));
    TRY(json_set_text(cpu, "vector_level", libraries_vector_level()));
    TRY(json_new_array(&features));
    TRY(json_set(cpu, "features", features));
    TRY(add_features(features));
    return json_set_integer(cpu, "processors", sysconf(_SC_NPROCESSORS_ONLN));
}

static Status add_libraries(json_t *object)
{
    json_t *libraries, *blas;
    char xxhash[32];
    unsigned version = XXH_versionNumber();
    snprintf(xxhash, sizeof xxhash, "%u.%u.%u", version / 10000, version / 100 % 100, version % 100);
    TRY(new_member(object, "libraries", &libraries));
    TRY(new_member(libraries, "openblas", &blas));
    TRY(json_set_text(blas, "config", libraries_blas_config()));
    TRY(json_set_text(blas, "core", blas_core_name()));
    TRY(json_set_text(blas, "threading", libraries_blas_threading()));
    if (libraries_onednn_version()) TRY(json_set_text(libraries, "onednn", libraries_onednn_version()));
    TRY(json_set_text(libraries, "bf16", libraries_bf16()));
    TRY(json_set_text(libraries, "jansson", jansson_version_str()));
    TRY(json_set_text(libraries, "glibc", gnu_get_libc_version()));
    return json_set_text(libraries, "xxhash", xxhash);
}

Status metadata_json(json_t **out)
{
    json_t *object;
    TRY(json_new_object(&object));
    Status status = json_set_text(object, "lathe", PACKAGE_VERSION);
    if (status == STATUS_OK) status = json_set_text(object, "compiler", __VERSION__);
    if (status == STATUS_OK) status = add_libraries(object);
    if (status == STATUS_OK) status = add_cpu(object);
    if (status == STATUS_OK) status = json_set_integer(object, "threads", threads_count());
    if (status == STATUS_OK)
        *out = object;
    else
        json_decref(object);
    return status;
}

/* The text at a path like "libraries.openblas.core", NULL where there is none. */
static const char *text_at(const json_t *object, const char *path)
{
    char key[32];
    while (object && *path) {
        size_t length = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)length, path);
        object = json_object_get(object, key);
        path += length + (path[length] == '.');
    }
    return json_string_value(object);
}

Status metadata_differences(const json_t *then, const json_t *now, Buffer *out)
{
    static const char *const paths[][2] = {{"lathe", "Lathe"},
                                           {"compiler", "the compiler"},
                                           {"libraries.openblas.config", "OpenBLAS"},
                                           {"libraries.openblas.core", "OpenBLAS' core"},
                                           {"libraries.onednn", "oneDNN"},
                                           {"libraries.bf16", "bf16"},
                                           {"libraries.glibc", "the C library"},
                                           {"libraries.lua", "Lua"},
                                           {"cpu.name", "the processor"},
                                           {"cpu.vector_level", "the vector level"}};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const char *old = text_at(then, paths[i][0]), *fresh = text_at(now, paths[i][0]);
        if (old && fresh && strcmp(old, fresh) != 0)
            TRY(buffer_printf(out, "%s was %s, now %s\n", paths[i][1], old, fresh));
    }
    return STATUS_OK;
}
