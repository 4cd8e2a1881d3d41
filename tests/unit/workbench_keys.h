/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A workbench on a run that takes whatever it is told, and keys for it. */
#ifndef LATHE_TESTS_WORKBENCH_KEYS_H
#define LATHE_TESTS_WORKBENCH_KEYS_H

#include "tests/unit/workbench_data.h"

static Buffer sent;

static inline void on_send(void *context, const char *line)
{
    (void)context;
    buffer_clear(&sent);
    ASSERT_OK(buffer_text(&sent, line));
}

static inline void ignore(void *context)
{
    (void)context;
}

static inline void ignore_text(void *context, const char *text)
{
    (void)context;
    ck_assert_ptr_nonnull(text);
}

static inline void ignore_key(void *context, const Key *key)
{
    (void)context;
    ck_assert_int_le(key->length, KEY_BYTES);
}

static const Port port = {.send = on_send,
                          .interrupt = ignore,
                          .type = ignore_key,
                          .paste = ignore_text,
                          .put = ignore_text,
                          .overlay = ignore_text,
                          .overlay_run = ignore_text,
                          .find_runs = ignore,
                          .suspend = ignore,
                          .resume = ignore,
                          .end_start = ignore};

static inline void open_run(Workbench *workbench, DataKind kind)
{
    ASSERT_OK(workbench_init(workbench, &port));
    data_fill(&workbench->view, kind);
}

static inline void press_keys(Workbench *workbench, const char *bytes)
{
    Keys keys = {0};
    Key key;
    for (; *bytes; bytes++)
        if (keys_take(&keys, (unsigned char)*bytes, &key)) workbench_key(workbench, &key, keys_pasted(&keys));
    while (keys_pause(&keys, &key)) workbench_key(workbench, &key, "");
    keys_free(&keys);
}

/* What the keys send in the end. */
static inline void expect_line(Workbench *workbench, const char *keys, const char *line)
{
    buffer_clear(&sent);
    press_keys(workbench, keys);
    ck_assert_msg(strcmp(sent.data ? sent.data : "", line) == 0, "'%s' sent '%s', not '%s'", keys,
                  sent.data ? sent.data : "", line);
}

#endif
