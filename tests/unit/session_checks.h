/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What holds for every session, whatever it trains. */
#ifndef LATHE_TESTS_SESSION_CHECKS_H
#define LATHE_TESTS_SESSION_CHECKS_H

#include "engine/base/memory.h"
#include "engine/base/threads.h"
#include "engine/io/checkpoints.h"
#include "engine/train/checkpoint.h"
#include "engine/train/session.h"
#include "engine/train/snapshot.h"
#include "tests/unit/check_more.h"
#include "tests/unit/scratch.h"

#include <math.h>

/* The same bits whatever the number of threads. */
static inline void expect_same_bits_with_threads(Session *(*make)(void), int steps)
{
    static const int counts[] = {1, 2, 3, 5};
    Hash first, hash;
    for (int i = 0; i < 4; i++) {
        threads_set(counts[i]);
        Session *session = make();
        for (int step = 0; step < steps; step++) ASSERT_OK(session_step(session, NULL));
        ASSERT_OK(session_hash(session, &hash));
        session_free(session);
        if (i == 0) first = hash;
        ck_assert(hash_equal(hash, first));
    }
}

/* Every allocation of the first step fails once: an error, the state as it was, and the step can be done after all.
 */
static inline void expect_steps_survive_failing_allocations(Session *(*make)(void))
{
    Hash before, after;
    Session *first = make(); /* what is kept for good is there then */
    ASSERT_OK(session_step(first, NULL));
    session_free(first);
    size_t start = memory_in_use();
    for (uint64_t n = 1;; n++) {
        Session *session = make();
        ASSERT_OK(session_hash(session, &before));
        memory_fail_after(n, 0);
        Status status = session_step(session, NULL);
        memory_fail_after(0, 0);
        ASSERT_OK(session_hash(session, &after));
        if (status != STATUS_OK) {
            ck_assert_int_eq(status, STATUS_NOMEM);
            ck_assert(hash_equal(before, after));
            ASSERT_OK(session_step(session, NULL));
        }
        session_free(session);
        ck_assert_uint_eq(memory_in_use(), start);
        if (status == STATUS_OK) break;
    }
}

static inline Status session_checks_write(void *session, const char *directory, json_t *state)
{
    return checkpoint_write(session, directory, state);
}

static inline void expect_next_step(Session *session, Hash expected)
{
    Hash got;
    ASSERT_OK(session_step(session, NULL));
    ASSERT_OK(session_hash(session, &got));
    ck_assert(hash_equal(got, expected));
}

/* A snapshot gives back what 'disturb' (or NULL) and a step have changed, and a checkpoint makes 'other', which was
 * built anew, go on as the session did. Both are freed; the checkpoint stands in the scratch folder. */
static inline void expect_state_comes_back(Session *session, void (*disturb)(Session *session), Session *other)
{
    Snapshot *snapshot;
    Checkpoint checkpoint;
    Hash expected;
    ASSERT_OK(session_step(session, NULL));
    ASSERT_OK(snapshot_take(session, &snapshot));
    ASSERT_OK(checkpoints_save(scratch_folder, 1, (double)NAN, 1, session_checks_write, session));
    ASSERT_OK(session_step(session, NULL));
    ASSERT_OK(session_hash(session, &expected));
    if (disturb) disturb(session);
    ASSERT_OK(snapshot_restore(snapshot, session));
    snapshot_free(snapshot);
    expect_next_step(session, expected);
    session_free(session);
    ASSERT_OK(checkpoints_newest(scratch_folder, &checkpoint));
    ASSERT_OK(checkpoint_read(other, checkpoint.path, checkpoint.state_path, checkpoint.state));
    checkpoint_close(&checkpoint);
    expect_next_step(other, expected);
    session_free(other);
}

#endif
