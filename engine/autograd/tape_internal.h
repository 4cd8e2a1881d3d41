/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tape.c (calls) and backward.c (the way back) share. */
#ifndef LATHE_AUTOGRAD_TAPE_INTERNAL_H
#define LATHE_AUTOGRAD_TAPE_INTERNAL_H

#include "engine/autograd/tape.h"

enum { TAPE_MAX_DEPTH = 64 };

typedef struct Frame {
    const char *path;
    int64_t calls;
} Frame;

/* Where an op stands: what its random numbers and its name come from. */
typedef struct TapePlace {
    const char *path;
    int64_t calls;
    RandomKey random;
    bool training, recording;
    void *cache;
} TapePlace;

struct Tape {
    Arena *arena;
    bool training, recording, profiling, reference;
    bool recompute;         /* parts are computed once more on the way back */
    bool again, collecting; /* such a part runs once more; runs for the first time */
    bool wanted;            /* something that requires a gradient went into it */
    Tensor **loose;         /* what ops made while collecting */
    int64_t loose_count, loose_capacity;
    DType precision;
    RandomKey random;
    void *cache;
    const char *path;
    char pool_path[1]; /* always empty */
    int64_t calls;     /* random ops under this path so far */
    Frame frames[TAPE_MAX_DEPTH];
    int depth;
    Node **nodes; /* an arena tape's, in order */
    int64_t count, capacity;
    const TapeObserver *observer;
    ProfileEntry *profile;
    int profile_count, profile_capacity;
    bool turns; /* given before each op */
};

/* A call whose operands have the types that the op takes; *made: how many outputs it gave. */
Status tape_call(Tape *tape, const Op *op, Tensor *const *inputs, int input_count, const void *attrs,
                 Tensor **outputs, int *made) STATUS_CHECKED;
/* Calls with other operands (promote.c). */
DType tape_operand_type(const Tape *tape, const Op *op);
/* Whether input i is a parameter that is held in bf16 alone and the op takes it so, as products read bf16 anyway.
 */
bool tape_holds_half(const Tape *tape, const Op *op, int i, const Tensor *input);
bool tape_needs_promotion(const Tape *tape, const Op *op, Tensor *const *inputs, int count);
Status tape_apply_promoted(Tape *tape, const Op *op, Tensor *const *inputs, int count, const void *attrs,
                           Tensor **outputs) STATUS_CHECKED;

extern const Op op_recompute; /* made by tape_part(), so it is not in ops.list */

TapePlace tape_place(const Tape *tape);
void tape_set_place(Tape *tape, const TapePlace *place);
/* A node that was computed already: from x to y. */
Status tape_add_node(Tape *tape, const Op *op, Tensor *x, Tensor *y, const void *attrs) STATUS_CHECKED;
/* Remembers outputs while the tape is collecting. */
Status tape_collect(Tape *tape, Tensor *const *outputs, int count) STATUS_CHECKED;

uint64_t tape_next_sequence(void);
/* Runs one node backwards where a gradient reached it. */
Status tape_run_backward(Tape *tape, Node *node) STATUS_CHECKED;
/* Lets go of saved tensors and gradients. */
void tape_drop_saved(Node *node);

#endif
