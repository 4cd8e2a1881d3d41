/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory that is made ready for copies: a part at a time, taken by size, and never needed for the bits. */
#include "engine/base/turns.h"
#include "engine/tensor/spare.h"
#include "engine/train/snapshot.h"
#include "tests/unit/scratch.h"
#include "tests/unit/tiny_bert.h"

Suite *spare_suite(void);

enum { MB = 1 << 20 };

START_TEST(made_a_part_at_a_time)
{
    static const size_t sizes[] = {MB, 100, 2 * MB, MB};
    spare_prepare(sizes, 4, MB / 2);
    ck_assert_uint_eq(spare_bytes(), MB);
    ck_assert_ptr_null(spare_take(MB)); /* half of it was written */
    spare_prepare(sizes, 4, MB / 2);
    spare_prepare(sizes, 4, MB);
    ck_assert_uint_eq(spare_bytes(), 3 * MB);
    Storage *taken = spare_take(MB);
    ck_assert_ptr_nonnull(taken);
    ck_assert_uint_eq(storage_bytes(taken), MB);
    ck_assert(!storage_shared(taken));
    ck_assert_ptr_null(spare_take(MB));
    ck_assert_ptr_null(spare_take(100));
    for (int i = 0; i < 4; i++) spare_prepare(sizes, 4, MB);
    ck_assert_uint_eq(spare_bytes(), 4 * MB);
    spare_prepare(sizes + 2, 1, MB); /* others are wanted now */
    ck_assert_uint_eq(spare_bytes(), 2 * MB);
    storage_unref(taken);
    spare_clear();
    ck_assert_uint_eq(spare_bytes(), 0);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

static void take_amid(void *context)
{
    (*(int *)context)++;
    ck_assert_ptr_null(spare_take(MB));
    spare_clear();
}

/* Whoever has a turn amid a preparation gets nothing of it and takes nothing away. */
START_TEST(gives_turns)
{
    static const size_t sizes[] = {MB, 8 * MB};
    int turns = 0;
    spare_prepare(sizes, 1, MB);
    turns_set(take_amid, &turns);
    spare_prepare(sizes, 2, 8 * MB);
    turns_set(NULL, NULL);
    ck_assert_int_eq(turns, 4);
    Storage *one = spare_take(MB), *other = spare_take(8 * MB);
    ck_assert(one && other);
    storage_unref(one);
    storage_unref(other);
    spare_clear();
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(short_of_memory)
{
    static const size_t sizes[] = {MB, 2 * MB};
    for (uint64_t n = 1; n < 8; n++) {
        memory_fail_after(n, 0);
        spare_prepare(sizes, 2, 3 * MB);
        memory_fail_after(0, 0);
        ck_assert_uint_le(spare_bytes(), 3 * MB);
        spare_prepare(sizes, 2, 3 * MB);
        ck_assert_uint_eq(spare_bytes(), 3 * MB);
        spare_clear();
        ck_assert_uint_eq(memory_in_use(), 0);
    }
}
END_TEST

/* --- of a session --- */

static Session *wide_session(void)
{
    BertConfig config = tiny_config();
    config.encoder.hidden_size = 192;
    return session_of(&config);
}

static Hash hash_after(bool prepared)
{
    Session *session = wide_session();
    Snapshot *snapshot;
    Hash hash;
    OK(session_step(session, NULL));
    if (prepared)
        for (int i = 0; i < 50; i++) snapshot_prepare(session, 64 * MB);
    size_t ready = spare_bytes();
    ck_assert(prepared ? ready > 4 * MB : ready == 0);
    OK(snapshot_take(session, &snapshot));
    OK(session_step(session, NULL));
    ck_assert_uint_eq(spare_bytes(), 0); /* each copy found its own */
    OK(snapshot_restore(snapshot, session));
    OK(session_step(session, NULL));
    OK(session_step(session, NULL));
    OK(session_hash(session, &hash));
    snapshot_free(snapshot);
    session_free(session);
    return hash;
}

START_TEST(the_bits_are_the_same)
{
    ck_assert(hash_equal(hash_after(false), hash_after(true)));
    spare_clear();
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(no_more_than_allowed)
{
    Session *session = wide_session();
    OK(session_step(session, NULL));
    snapshot_prepare(session, 64 * MB);
    ck_assert_uint_gt(spare_bytes(), 0);
    snapshot_prepare(session, MB);
    ck_assert_uint_eq(spare_bytes(), 0);
    session_free(session);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

Suite *spare_suite(void)
{
    Suite *suite = suite_create("spare");
    TCase *cases = tcase_create("spare");
    tcase_add_test(cases, made_a_part_at_a_time);
    tcase_add_test(cases, gives_turns);
    tcase_add_test(cases, short_of_memory);
    tcase_add_test(cases, the_bits_are_the_same);
    tcase_add_test(cases, no_more_than_allowed);
    suite_add_tcase(suite, cases);
    return suite;
}
