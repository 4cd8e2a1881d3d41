/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Status, buffers, names, hashes, the request to stop, the thread grid. */
#include "engine/base/buffer.h"
#include "engine/base/cancel.h"
#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/base/names.h"
#include "engine/base/printable.h"
#include "engine/base/signals.h"
#include "engine/base/thousands.h"
#include "engine/base/threads.h"
#include "engine/kernels/gemm.h"
#include "tests/unit/check_more.h"
#include "tests/unit/scratch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/time.h>

/* --- status --- */

static Status failing(void)
{
    return status_fail(STATUS_FORMAT, "line %d", 7);
}

static Status forwarding(int *reached)
{
    TRY(failing());
    *reached = 1;
    return STATUS_OK;
}

START_TEST(status_is_forwarded_with_context)
{
    int reached = 0;
    ck_assert_int_eq(forwarding(&reached), STATUS_FORMAT);
    ck_assert_int_eq(reached, 0);
    ck_assert_int_eq(status_context(STATUS_FORMAT, "%s", "a.csv"), STATUS_FORMAT);
    ck_assert_str_eq(status_message(), "a.csv: line 7");
    ck_assert_int_eq(status_fail(STATUS_IO, "again: %s", status_message()), STATUS_IO);
    ck_assert_str_eq(status_message(), "again: a.csv: line 7");
    for (Status code = STATUS_OK; code <= STATUS_LUA; code++) ck_assert_str_ne(status_name(code), "unknown");
    ck_assert_str_eq(status_name((Status)99), "unknown");
}
END_TEST

START_TEST(status_cuts_long_messages)
{
    char words[5000];
    memset(words, 'x', sizeof words);
    words[sizeof words - 1] = '\0';
    status_fail(STATUS_INVALID, "%s", words);
    ck_assert_uint_eq(strlen(status_message()), 2047);
    status_context(STATUS_INVALID, "%s", words);
    ck_assert_uint_eq(strlen(status_message()), 2047);
}
END_TEST

static void *other_thread(void *unused)
{
    (void)unused;
    status_fail(STATUS_IO, "theirs");
    return NULL;
}

/* What a file says may reach a terminal, but does not steer it. */
START_TEST(messages_are_printable)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {{"plain\ttext\nand more", "plain\ttext\nand more"},
                 {"\x1b[31mred\a\x7f\r", "\\x1b[31mred\\x07\\x7f\\x0d"},
                 {"caf\xc3\xa9 \xe2\x82\xac", "caf\xc3\xa9 \xe2\x82\xac"},
                 {"\xc2\x9b"
                  "2J",
                  "\\x9b2J"},
                 {"\xc2", "\xc2"},
                 {"\xff\xfe", "\xff\xfe"}};
    char out[64], small[6];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_str_eq(printable(cases[i].text, out, sizeof out), cases[i].shown);
        (void)status_fail(STATUS_FORMAT, "tensor '%s'", cases[i].text);
        ck_assert_str_eq(status_message() + 8, strcat(out, "'"));
        (void)status_context(STATUS_FORMAT, "%s", cases[i].text);
        printable(cases[i].text, out, sizeof out);
        ck_assert_int_eq(strncmp(status_message(), out, strlen(out)), 0);
    }
    ck_assert_str_eq(printable("ab\x1b[", small, sizeof small), "ab"); /* not half of an escape */
    ck_assert_str_eq(printable("abcd\xc3\xa9", small, sizeof small), "abcd");
    ck_assert_str_eq(printable("", small, 1), "");
}
END_TEST

START_TEST(status_belongs_to_its_thread)
{
    pthread_t thread;
    status_fail(STATUS_IO, "mine");
    ck_assert_int_eq(pthread_create(&thread, NULL, other_thread, NULL), 0);
    pthread_join(thread, NULL);
    ck_assert_str_eq(status_message(), "mine");
}
END_TEST

/* --- buffer --- */

START_TEST(buffer_grows_and_is_taken)
{
    Buffer buffer = {0};
    size_t before = memory_in_use();
    for (int i = 0; i < 1000; i++) ASSERT_OK(buffer_printf(&buffer, "%d,", i % 10));
    ck_assert_uint_eq(buffer.length, 2000);
    ck_assert_int_eq(memcmp(buffer.data, "0,1,2,", 6), 0);
    ck_assert_int_eq(buffer.data[buffer.length], '\0');
    buffer_clear(&buffer);
    ck_assert_str_eq(buffer.data, "");
    ASSERT_OK(buffer_append(&buffer, "a\0b", 3));
    ASSERT_OK(buffer_append(&buffer, NULL, 0));
    ASSERT_OK(buffer_text(&buffer, "c"));
    ck_assert_uint_eq(buffer.length, 4);
    char *taken = buffer_take(&buffer);
    ck_assert_mem_eq(taken, "a\0bc", 5);
    ck_assert_ptr_null(buffer.data);
    memory_free(taken);
    buffer_free(&buffer);
    ck_assert_uint_eq(memory_in_use(), before);
}
END_TEST

START_TEST(buffer_survives_failure)
{
    Buffer buffer = {0};
    ASSERT_OK(buffer_text(&buffer, "kept"));
    ASSERT_FAILS(buffer_reserve(&buffer, SIZE_MAX - 2), STATUS_NOMEM, "out of memory");
    memory_fail_after(1, 0);
    ASSERT_FAILS(buffer_printf(&buffer, "%200d", 1), STATUS_NOMEM, "out of memory");
    ck_assert_str_eq(buffer.data, "kept");
    buffer_free(&buffer);
}
END_TEST

/* --- names --- */

START_TEST(names_count_edits)
{
    static const struct {
        const char *a, *b;
        int edits;
    } cases[] = {{"", "", 0},       {"", "abc", 3},         {"abc", "", 3},     {"kitten", "sitting", 3},
                 {"run", "rnu", 1}, {"hiden", "hidden", 1}, {"abcd", "dcba", 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_int_eq(names_distance(cases[i].a, cases[i].b), cases[i].edits);
    char a[200], b[200];
    memset(a, 'a', sizeof a);
    memset(b, 'b', sizeof b);
    a[199] = b[199] = '\0';
    ck_assert_int_eq(names_distance(a, b), 63);
}
END_TEST

START_TEST(names_nearest_is_plausible)
{
    static const char *const names[] = {"hidden_size", NULL, "steps", "lr", "run"};
    ck_assert_str_eq(names_nearest("hiden_size", names, 5, sizeof *names), "hidden_size");
    ck_assert_str_eq(names_nearest("setps", names, 5, sizeof *names), "steps");
    ck_assert_str_eq(names_nearest("rnu", names, 5, sizeof *names), "run");
    ck_assert_ptr_null(names_nearest("x", names, 5, sizeof *names));
    ck_assert_ptr_null(names_nearest("dropout", names, 5, sizeof *names));
    ck_assert_ptr_null(names_nearest("", names, 5, sizeof *names));
    ck_assert_ptr_null(names_nearest("run", NULL, 0, sizeof *names));
}
END_TEST

/* --- hash --- */

START_TEST(hash_known_answer)
{
    char text[HASH_TEXT_SIZE];
    /* XXH3 with 128 bits of the empty string, from the published test vectors of xxHash. */
    hash_text(hash_bytes("", 0), text);
    ck_assert_str_eq(text, "99aa06d3014798d86001c324468d497f");
    Hash a = hash_bytes("a", 1), b = hash_bytes("b", 1);
    ck_assert(!hash_equal(a, b));
    ck_assert(!hash_equal(hash_combine(a, b), hash_combine(b, a)));
    ck_assert(hash_equal(hash_combine(a, b), hash_combine(a, b)));
}
END_TEST

START_TEST(hash_of_a_file)
{
    static char bytes[200001]; /* more than one chunk */
    Hash hash;
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i * 31 >> 3);
    scratch_make();
    const char *path = scratch_path("data");
    scratch_write(path, bytes, sizeof bytes);
    ASSERT_OK(hash_file(path, &hash));
    ck_assert(hash_equal(hash, hash_bytes(bytes, sizeof bytes)));
    memory_fail_after(1, 0);
    ASSERT_FAILS(hash_file(path, &hash), STATUS_NOMEM, "out of memory");
    ASSERT_FAILS(hash_file(scratch_path("none"), &hash), STATUS_IO, "none: cannot be opened: No such file");
    ASSERT_FAILS(hash_file(scratch_folder, &hash), STATUS_IO, "cannot be read: Is a directory");
    scratch_remove();
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(cancel_is_asked_for_and_cleared)
{
    ASSERT_OK(cancel_check());
    cancel_request();
    ck_assert(cancel_requested());
    ASSERT_FAILS(cancel_check(), STATUS_CANCELLED, "interrupted");
    cancel_clear();
    ASSERT_OK(cancel_check());
}
END_TEST

/* --- threads --- */

typedef struct Grid {
    atomic_int runs[1000];
    atomic_int worst_index, nested_runs;
} Grid;

static void nested_tile(void *context, int64_t tile)
{
    (void)tile;
    atomic_fetch_add(&((Grid *)context)->nested_runs, 1);
}

static void count_tile(void *context, int64_t tile)
{
    Grid *grid = context;
    atomic_fetch_add(&grid->runs[tile], 1);
    int index = threads_index(), worst = grid->worst_index;
    while (index > worst && !atomic_compare_exchange_weak(&grid->worst_index, &worst, index)) {
    }
    if (tile % 100 == 0) threads_run(3, nested_tile, grid);
}

START_TEST(grid_runs_every_tile_once)
{
    static const int counts[] = {1, 2, 3, 5, 17};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        Grid grid = {0};
        threads_set(counts[c]);
        ck_assert_int_eq(threads_count(), counts[c]);
        threads_run(1000, count_tile, &grid);
        for (int i = 0; i < 1000; i++) ck_assert_int_eq(grid.runs[i], 1);
        ck_assert_int_lt(grid.worst_index, counts[c]);
        ck_assert_int_eq(grid.nested_runs, 30);
        threads_run(0, count_tile, &grid);
        threads_run(1, count_tile, &grid);
        ck_assert_int_eq(grid.runs[0], 2);
    }
    ck_assert_int_eq(threads_index(), 0);
    threads_set(0);
    ck_assert_int_eq(threads_count(), 1);
    threads_set(1 << 20);
    ck_assert_int_eq(threads_count(), THREADS_MAX);
}
END_TEST

/* --- signals --- */

static volatile sig_atomic_t signals_seen;

static void count_signal(int number)
{
    (void)number;
    signals_seen++;
}

/* A handler that ran on the stack that a product points at a buffer in the heap would write over the heap. */
START_TEST(signals_spare_the_heap)
{
    enum { M = 592, N = 128 };
    static float a[M * N], b[N * N], c[M * N];
    struct itimerval often = {{0, 50}, {0, 50}}, never = {0};
    threads_set(2);
    signals_catch(SIGALRM, count_signal, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    double end = clock_seconds() + 0.5;
    while (clock_seconds() < end)
        ASSERT_OK(kernel_gemm(DTYPE_F32, false, true, M, N, N, a, N, b, N, false, c, N, NULL));
    setitimer(ITIMER_REAL, &never, NULL);
    ck_assert_int_gt(signals_seen, 100);
}
END_TEST

Suite *base_suite(void);
START_TEST(numbers_are_grouped)
{
    static const struct Case {
        int64_t value;
        const char *text;
    } list[] = {{0, "0"},
                {999, "999"},
                {-999, "-999"},
                {1000, "1,000"},
                {-1234567, "-1,234,567"},
                {INT64_MIN, "-9,223,372,036,854,775,808"}};
    char text[THOUSANDS_BYTES];
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        ck_assert_str_eq(thousands(list[i].value, text), list[i].text);
}
END_TEST

Suite *base_suite(void)
{
    Suite *suite = suite_create("base");
    TCase *tests = tcase_create("base");
    tcase_add_test(tests, status_is_forwarded_with_context);
    tcase_add_test(tests, status_cuts_long_messages);
    tcase_add_test(tests, status_belongs_to_its_thread);
    tcase_add_test(tests, messages_are_printable);
    tcase_add_test(tests, buffer_grows_and_is_taken);
    tcase_add_test(tests, buffer_survives_failure);
    tcase_add_test(tests, names_count_edits);
    tcase_add_test(tests, names_nearest_is_plausible);
    tcase_add_test(tests, hash_known_answer);
    tcase_add_test(tests, hash_of_a_file);
    tcase_add_test(tests, cancel_is_asked_for_and_cleared);
    tcase_add_test(tests, grid_runs_every_tile_once);
    tcase_add_test(tests, signals_spare_the_heap);
    tcase_add_test(tests, numbers_are_grouped);
    suite_add_tcase(suite, tests);
    return suite;
}
