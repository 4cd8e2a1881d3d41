/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A trie over the bytes of pieces, for the longest piece that text begins with. Start from {0}; piece_trie_free()
 * ends it. Reading it is safe for any number of threads. */
#ifndef LATHE_DATASETS_PIECE_TRIE_H
#define LATHE_DATASETS_PIECE_TRIE_H

#include "engine/base/status.h"

#include <stddef.h>
#include <stdint.h>

typedef struct PieceTrie {
    struct PieceEdge *edges; /* a hash table, its room a power of two */
    size_t room;
    int32_t *ids; /* of the piece that ends at a node, -1: none; node 0 is the root */
    int32_t count, nodes_room;
} PieceTrie;

enum { PIECE_TRIE_NONE = -1 };

/* *previous is the id that the piece already has, or -1 and it is added. Errors: memory. */
Status piece_trie_add(PieceTrie *trie, const char *bytes, size_t length, int32_t id,
                      int32_t *previous) STATUS_CHECKED;

/* The node that is reached from another one by a byte, PIECE_TRIE_NONE: none. */
int32_t piece_trie_next(const PieceTrie *trie, int32_t node, uint8_t byte);

/* The node, or the id, of a whole string from the root; PIECE_TRIE_NONE. */
int32_t piece_trie_walk(const PieceTrie *trie, const char *bytes, size_t length);
int32_t piece_trie_find(const PieceTrie *trie, const char *bytes, size_t length);

/* Bytes of the longest piece with which the bytes begin, 0: none; *id is its id. */
size_t piece_trie_longest(const PieceTrie *trie, const char *bytes, size_t length, int32_t *id);

void piece_trie_free(PieceTrie *trie);

#endif
