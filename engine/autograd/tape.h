/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tape: records calls of ops and runs them backwards. A step's tape stands in an arena and is emptied by
 * tape_reset(); a tape without arena keeps its nodes in the pool, each held by the tensors that it made, which is
 * how tensors at the prompt differentiate. Whoever makes a tape frees it. One thread only.
 * Who may unref what: a node holds the inputs that live in the pool, so their makers may let go of them at any
 * time; it does not hold inputs of its own arena, so nobody but the tape lets go of a tensor of the arena that an
 * op has seen. Those die on the way back or with tape_reset(). */
#ifndef LATHE_AUTOGRAD_TAPE_H
#define LATHE_AUTOGRAD_TAPE_H

#include "engine/ops/op.h"

typedef struct Tape Tape;

/* What one op cost, summed over its calls of a kind; see tape_profile(). */
typedef struct ProfileEntry {
    const Op *op;
    char path[128]; /* module path, its tail where it is longer */
    bool backward;
    int64_t calls;
    double seconds, flops, bytes;
} ProfileEntry;

/* Somebody who looks on: called after each op ran, forward or backward, while its inputs, outputs, saved tensors
 * and gradients are there. It changes nothing; a failure of it fails the call. */
typedef struct TapeObserver {
    Status (*called)(void *context, const Node *node, bool backward, double seconds);
    void *context;
} TapeObserver;

/* arena NULL: nodes in the pool. The arena stays the caller's. */
Status tape_new(Arena *arena, Tape **out) STATUS_CHECKED;
void tape_free(Tape *tape);

/* Forgets all nodes and, with an arena, resets it. */
void tape_reset(Tape *tape);

Arena *tape_arena(const Tape *tape);

/* Training mode (dropout) and recording of gradients; both off at first. */
void tape_set_mode(Tape *tape, bool training, bool recording);
bool tape_training(const Tape *tape);
bool tape_recording(const Tape *tape);
/* What products of matrices read: DTYPE_F32, at first, or DTYPE_BF16: operands rounded to bf16, sums and all else
 * in f32 (Micikevicius et al. 2018; Kalamkar et al. 2019). */
void tape_set_precision(Tape *tape, DType precision);
/* From now on every op computes in its plain form (Op.reference): real operands become f64, nothing is recorded.
 * For checks; off at first. */
void tape_set_reference(Tape *tape, bool on);
/* The key below which random ops draw: derived from seed, step, micro-step and forward pass by the caller. */
void tape_set_random(Tape *tape, RandomKey key);
RandomKey tape_random(const Tape *tape);

/* Given to the ops that follow as their cache (Node.cache), until NULL is set: generation. */
void tape_set_cache(Tape *tape, void *cache);

/* A part of a forward pass, from x to y: a layer. run(context, ...) is called now and, while tape_set_recompute()
 * is on, gradients are recorded and the tape stands in an arena, once more on the way back; then nothing of the
 * part but x is kept in between. Where no gradients are recorded its inner tensors are given back at its end,
 * unless an observer or a cache is set. context: size bytes, copied; what they point to lives until the step is
 * over. */
typedef Status (*TapePart)(void *context, Tape *tape, Tensor *x, Tensor **y);
Status tape_part(Tape *tape, TapePart run, void *context, size_t size, Tensor *x, Tensor **y) STATUS_CHECKED;
void tape_set_recompute(Tape *tape, bool recompute);

/* Enters and leaves a module: the path is part of random keys, messages and profiles. */
Status tape_enter(Tape *tape, const char *name) STATUS_CHECKED;
void tape_leave(Tape *tape);
const char *tape_path(const Tape *tape);

/* Calls an op. attrs is the op's attribute struct (copied; NULL: defaults); inputs may contain NULL for optional
 * ones, and operands of several types, which get one in common (promote.c). On a tape without arena every output is
 * the caller's to unref; on one with an arena they belong to the tape. Errors: wrong inputs, memory, cancelled;
 * with the module path before the message. */
Status tape_apply(Tape *tape, const Op *op, Tensor *const *inputs, int input_count, const void *attrs,
                  Tensor **outputs) STATUS_CHECKED;

/* Runs backwards from a scalar loss (gradient 1) or from any tensor with a given gradient (f32, its shape).
 * Gradients of leaves that require one are added to leaf->grad. On an arena tape the nodes are used up: activations
 * are given back as soon as they are not needed. Errors: nothing requires a gradient, a shape, an op without
 * backward. */
Status tape_backward(Tape *tape, Tensor *root, Tensor *gradient) STATUS_CHECKED;

/* Whether turns are given (turns_give()) before each op, forwards and backwards. */
void tape_set_turns(Tape *tape, bool turns);

/* Profiling: on clears the table. Entries are by op, path and direction, in order of first use. */
void tape_profile(Tape *tape, bool on);
const ProfileEntry *tape_profile_entries(const Tape *tape, int *count);

/* Who looks on, NULL: nobody. The struct stays the caller's, who takes it away again before it dies. */
void tape_observe(Tape *tape, const TapeObserver *observer);
const TapeObserver *tape_observer(const Tape *tape);

#endif
