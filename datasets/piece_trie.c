/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/piece_trie.h"

#include "engine/base/memory.h"

#include <string.h>

/* child 0: free, as the root is nobody's child. */
typedef struct PieceEdge {
    int32_t node, child;
    uint8_t byte;
} PieceEdge;

static size_t slot_of(const PieceTrie *trie, int32_t node, uint8_t byte)
{
    uint64_t hash = ((uint64_t)(uint32_t)node << 8 | byte) * 0x9E3779B97F4A7C15u;
    return (size_t)(hash >> 32) & (trie->room - 1);
}

int32_t piece_trie_next(const PieceTrie *trie, int32_t node, uint8_t byte)
{
    if (trie->room == 0) return PIECE_TRIE_NONE;
    for (size_t slot = slot_of(trie, node, byte);; slot = (slot + 1) & (trie->room - 1)) {
        const PieceEdge *edge = &trie->edges[slot];
        if (edge->child == 0) return PIECE_TRIE_NONE;
        if (edge->node == node && edge->byte == byte) return edge->child;
    }
}

static void put_edge(PieceTrie *trie, PieceEdge edge)
{
    size_t slot = slot_of(trie, edge.node, edge.byte);
    while (trie->edges[slot].child != 0) slot = (slot + 1) & (trie->room - 1);
    trie->edges[slot] = edge;
}

static Status grow_edges(PieceTrie *trie)
{
    PieceTrie grown = {.room = trie->room ? trie->room * 2 : 1024};
    TRY(memory_new(grown.room, sizeof *grown.edges, &grown.edges));
    for (size_t i = 0; i < trie->room; i++)
        if (trie->edges[i].child != 0) put_edge(&grown, trie->edges[i]);
    memory_free(trie->edges);
    trie->edges = grown.edges;
    trie->room = grown.room;
    return STATUS_OK;
}

static Status add_node(PieceTrie *trie, int32_t *out)
{
    if (trie->count == trie->nodes_room) {
        if (trie->nodes_room > INT32_MAX / 2) return status_fail(STATUS_NOMEM, "out of memory: too many pieces");
        int32_t room = trie->nodes_room ? trie->nodes_room * 2 : 512;
        TRY(memory_resize(&trie->ids, (size_t)room, sizeof *trie->ids));
        trie->nodes_room = room;
    }
    trie->ids[trie->count] = -1;
    *out = trie->count++;
    return STATUS_OK;
}

/* The table stays at most half full. */
static Status add_child(PieceTrie *trie, int32_t node, uint8_t byte, int32_t *out)
{
    if ((size_t)trie->count * 2 >= trie->room) TRY(grow_edges(trie));
    TRY(add_node(trie, out));
    put_edge(trie, (PieceEdge){.node = node, .child = *out, .byte = byte});
    return STATUS_OK;
}

Status piece_trie_add(PieceTrie *trie, const char *bytes, size_t length, int32_t id, int32_t *previous)
{
    int32_t node = 0;
    if (trie->count == 0) TRY(add_node(trie, &node));
    for (size_t i = 0; i < length; i++) {
        int32_t child = piece_trie_next(trie, node, (uint8_t)bytes[i]);
        if (child == PIECE_TRIE_NONE) TRY(add_child(trie, node, (uint8_t)bytes[i], &child));
        node = child;
    }
    *previous = trie->ids[node];
    if (*previous < 0) trie->ids[node] = id;
    return STATUS_OK;
}

int32_t piece_trie_walk(const PieceTrie *trie, const char *bytes, size_t length)
{
    int32_t node = trie->count ? 0 : PIECE_TRIE_NONE;
    for (size_t i = 0; i < length && node != PIECE_TRIE_NONE; i++)
        node = piece_trie_next(trie, node, (uint8_t)bytes[i]);
    return node;
}

int32_t piece_trie_find(const PieceTrie *trie, const char *bytes, size_t length)
{
    int32_t node = piece_trie_walk(trie, bytes, length);
    return node == PIECE_TRIE_NONE ? PIECE_TRIE_NONE : trie->ids[node];
}

size_t piece_trie_longest(const PieceTrie *trie, const char *bytes, size_t length, int32_t *id)
{
    size_t found = 0;
    int32_t node = 0;
    for (size_t i = 0; i < length; i++) {
        node = piece_trie_next(trie, node, (uint8_t)bytes[i]);
        if (node == PIECE_TRIE_NONE) break;
        if (trie->ids[node] < 0) continue;
        *id = trie->ids[node];
        found = i + 1;
    }
    return found;
}

void piece_trie_free(PieceTrie *trie)
{
    memory_free(trie->edges);
    memory_free(trie->ids);
    *trie = (PieceTrie){0};
}
