/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All derivations of a run of tokens, as a graph: a state is a place in the text, a node of the grammar, the plot
 * and the values known so far; an arc emits a word. The caller frees a lattice with lattice_free(); clearing keeps
 * the memory. */
#ifndef LATHE_DATASETS_WORLD_LATTICE_H
#define LATHE_DATASETS_WORLD_LATTICE_H

#include "datasets/world_internal.h"

/* The words as pieces: word * 2 + capital. */
typedef struct WorldPieces {
    int32_t *first; /* [2 * words + 1] */
    int32_t *pieces;
} WorldPieces;

/* What is seen: tokens, and which of them may be corrupted. */
typedef struct WorldEvidence {
    const int32_t *tokens;
    const uint8_t *selected;
    int32_t begin, end, mask;
    double random, keep; /* likelihood of a wrong visible token, and what is added where it is right */
} WorldEvidence;

typedef struct LatticeState {
    WorldValues values;
    int32_t plot, node, position, next; /* next: in the list of the position */
    uint8_t initial;                    /* a capital comes here */
    double forward, backward;
} LatticeState;

typedef struct LatticeArc {
    int32_t from, to;
    int32_t word; /* word * 2 + capital, -1: emits nothing */
    int32_t node; /* that emits it */
    double weight;
} LatticeArc;

/* What a lattice may leave out without changing any sum. */
typedef struct LatticeScope {
    const uint32_t *needs; /* [nodes, actors]: the variables that words from here to the end of the sentence name */
    uint32_t keep;        /* what is needed behind the sentence; LATTICE_ALL: everything, more sentences may come */
    const int32_t *merge; /* [plots]: a plot that tells the same sentences, NULL: plots are kept apart */
    const uint8_t *alive; /* [positions, 2 * nodes]: where a state can lead to the end, NULL: unknown */
} LatticeScope;

#define LATTICE_ALL UINT32_MAX

typedef struct Lattice {
    LatticeState *states;
    LatticeArc *arcs;
    int32_t *slots; /* hash table: number + 1 */
    int32_t *heads, *tails;
    int32_t state_count, state_room, arc_count, arc_room, slot_room, position_room;
    const World *world;
    const WorldPieces *words;
    WorldEvidence evidence;
    LatticeScope scope;
} Lattice;

Status lattice_begin(Lattice *lattice, const World *world, const WorldPieces *words, const WorldEvidence *evidence,
                     const LatticeScope *scope) STATUS_CHECKED;
/* Forgets the values that nothing needed follows from, so that equal futures are one state. */
void lattice_forget(uint32_t needed, WorldValues *values);
/* A sentence of the plot begins the text with this probability. *state its number, -1 where it
 * leads nowhere. */
Status lattice_start(Lattice *lattice, int32_t plot, const WorldValues *values, double probability,
                     int32_t *state) STATUS_CHECKED;
/* Finds all derivations; afterwards states have their forward probabilities. */
Status lattice_forward(Lattice *lattice) STATUS_CHECKED;
/* 1 where the state is behind the last word. */
int lattice_final(const Lattice *lattice, const LatticeState *state);
double lattice_total(const Lattice *lattice);
/* From the backward probabilities of the final states to those of all. */
void lattice_backward(Lattice *lattice);
void lattice_free(Lattice *lattice);

#endif
