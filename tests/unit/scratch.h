/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tests of files share: a folder of their own. The folder is made by
 * scratch_make() and removed with all in it by scratch_remove(); both fit tcase_add_checked_fixture(). */
#ifndef LATHE_TESTS_SCRATCH_H
#define LATHE_TESTS_SCRATCH_H

#include "engine/base/memory.h"
#include "engine/base/status.h"
#include "engine/io/file.h"
#include "tests/unit/check_more.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char scratch_folder[128];

static inline void scratch_make(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(scratch_folder, sizeof scratch_folder, "%.100s/lathe-test-XXXXXX", base && *base ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(scratch_folder));
}

static inline void scratch_remove(void)
{
    memory_fail_after(0, 0);
    file_fail_after(0, 0);
    ASSERT_OK(file_remove_tree(scratch_folder));
}

/* A path in the folder, good until the eighth call after it. */
static inline const char *scratch_path(const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, 512, "%s/%s", scratch_folder, name);
    return path;
}

static inline void scratch_write(const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
}

/* The file's bytes as a text, for the caller to free() with memory_free(). */
static inline char *scratch_read(const char *path)
{
    Buffer bytes = {0};
    ASSERT_OK(file_read_empty(path, 0, &bytes));
    return buffer_take(&bytes);
}

/* Replaces the first 'from' in the file of that name in the folder. */
static inline void scratch_edit(const char *name, const char *from, const char *to)
{
    const char *path = scratch_path(name);
    char *text = scratch_read(path), *at = strstr(text, from);
    Buffer out = {0};
    ck_assert_ptr_nonnull(at);
    ASSERT_OK(buffer_append(&out, text, (size_t)(at - text)));
    ASSERT_OK(buffer_printf(&out, "%s%s", to, at + strlen(from)));
    scratch_write(path, out.data, out.length);
    buffer_free(&out);
    memory_free(text);
}

static inline void scratch_assert_text(const char *path, const char *expected)
{
    char *text = scratch_read(path);
    ck_assert_str_eq(text, expected);
    memory_free(text);
}

#endif
