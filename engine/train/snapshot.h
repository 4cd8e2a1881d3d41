/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A snapshot: the whole state of a session in memory. Tensors are shared with the session until one of the two
 * changes them (the optimizer writes to bytes of its own then), so taking one copies nothing and unchanged tensors
 * are kept once. snapshot_free() lets go; a snapshot may outlive its session. */
#ifndef LATHE_TRAIN_SNAPSHOT_H
#define LATHE_TRAIN_SNAPSHOT_H

#include "engine/train/session.h"

typedef struct Snapshot Snapshot;

Status snapshot_take(const Session *session, Snapshot **out) STATUS_CHECKED;
void snapshot_free(Snapshot *snapshot);
/* As well, with turns (turns.h) between its parameters: the system takes a while for a gigabyte. */
void snapshot_free_giving_turns(Snapshot *snapshot);

/* Makes memory ready for the copies that the step behind the next snapshot makes: at each call, to come after each
 * step, a part of it. In all that is about as much as a snapshot holds; more than 'most' bytes: nothing is made. */
void snapshot_prepare(const Session *session, size_t most);

/* Gives the session the state: parameters, masks, optimizer state, cursors, objectives, options, the shape of the
 * models. Errors: memory, and then nothing has changed. The snapshot stays as it is. */
Status snapshot_restore(const Snapshot *snapshot, Session *session) STATUS_CHECKED;

/* Moves the bytes that nobody else has into files of the directory that have no names. It can be restored as
 * before. Errors: memory, disk; what was moved by then stays there, and it can still be restored. */
Status snapshot_put_aside(Snapshot *snapshot, const char *directory) STATUS_CHECKED;

int64_t snapshot_step(const Snapshot *snapshot);
/* Bytes of tensors in memory that would be free if this snapshot went and nobody else had them. */
size_t snapshot_bytes(const Snapshot *snapshot);
/* Those that lie on the disk. */
size_t snapshot_bytes_aside(const Snapshot *snapshot);

#endif
