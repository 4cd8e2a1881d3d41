/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/piece_pairs.h"

#include "engine/base/memory.h"

typedef struct PairWord {
    size_t start;
    int32_t count;
    int64_t times;
} PairWord;

typedef struct Pair {
    int32_t left, right;
    int64_t count, uses; /* uses: the first of a list, 0: none */
    bool touched;
} Pair;

/* A word that holds the pair, or once did. */
typedef struct PairUse {
    size_t word;
    int64_t next;
} PairUse;

/* The heap's counts may be old: counts only shrink between two fillings, so the true one stands further down. */
typedef struct PairEntry {
    int64_t count, pair;
    int32_t left, right;
} PairEntry;

/* --- the table of pairs --- */

static size_t find_slot(const PiecePairs *pairs, int32_t left, int32_t right)
{
    uint64_t hash = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9E3779B97F4A7C15u;
    size_t mask = pairs->slots_room - 1;
    for (size_t slot = (size_t)(hash >> 29) & mask;; slot = (slot + 1) & mask) {
        if (pairs->slots[slot] == 0) return slot;
        const Pair *pair = &pairs->pairs[pairs->slots[slot] - 1];
        if (pair->left == left && pair->right == right) return slot;
    }
}

static Status grow_slots(PiecePairs *pairs)
{
    if (pairs->pair_count * 2 < pairs->slots_room) return STATUS_OK;
    size_t room = pairs->slots_room ? pairs->slots_room * 2 : 4096;
    int32_t *slots;
    if (pairs->pair_count >= INT32_MAX / 2) return status_fail(STATUS_NOMEM, "out of memory: too many pairs");
    TRY(memory_new(room, sizeof *slots, &slots));
    memory_free(pairs->slots);
    pairs->slots = slots;
    pairs->slots_room = room;
    for (size_t i = 0; i < pairs->pair_count; i++)
        slots[find_slot(pairs, pairs->pairs[i].left, pairs->pairs[i].right)] = (int32_t)i + 1;
    return STATUS_OK;
}

static Status find_pair(PiecePairs *pairs, int32_t left, int32_t right, int64_t *out)
{
    TRY(grow_slots(pairs));
    size_t slot = find_slot(pairs, left, right);
    if (pairs->slots[slot] == 0) {
        TRY(memory_grow(&pairs->pairs, &pairs->pairs_room, (int64_t)pairs->pair_count + 1, sizeof *pairs->pairs));
        pairs->pairs[pairs->pair_count++] = (Pair){.left = left, .right = right};
        pairs->slots[slot] = (int32_t)pairs->pair_count;
    }
    *out = pairs->slots[slot] - 1;
    return STATUS_OK;
}

static Status add_use(PiecePairs *pairs, int64_t number, size_t word)
{
    Pair *pair = &pairs->pairs[number];
    if (pair->uses && pairs->uses[pair->uses].word == word) return STATUS_OK;
    if (pairs->use_count == 0) pairs->use_count = 1; /* number 0 means none */
    TRY(memory_grow(&pairs->uses, &pairs->uses_room, (int64_t)pairs->use_count + 1, sizeof *pairs->uses));
    pairs->uses[pairs->use_count] = (PairUse){.word = word, .next = pair->uses};
    pair->uses = (int64_t)pairs->use_count++;
    return STATUS_OK;
}

static Status touch(PiecePairs *pairs, int64_t number)
{
    if (pairs->pairs[number].touched) return STATUS_OK;
    TRY(memory_grow(&pairs->touched, &pairs->touched_room, (int64_t)pairs->touched_count + 1,
                    sizeof *pairs->touched));
    pairs->touched[pairs->touched_count++] = number;
    pairs->pairs[number].touched = true;
    return STATUS_OK;
}

/* Counts the pairs of a word; those with 'piece' are new to it (piece -1: all are). */
static Status count_word(PiecePairs *pairs, size_t index, int32_t piece)
{
    PairWord word = pairs->words[index];
    const int32_t *symbols = pairs->symbols + word.start;
    for (int32_t i = 0; i + 1 < word.count; i++) {
        int64_t number;
        TRY(find_pair(pairs, symbols[i], symbols[i + 1], &number));
        pairs->pairs[number].count += word.times;
        if (piece >= 0 && symbols[i] != piece && symbols[i + 1] != piece) continue;
        TRY(add_use(pairs, number, index));
        TRY(touch(pairs, number));
    }
    return STATUS_OK;
}

static void discount_word(PiecePairs *pairs, size_t index)
{
    PairWord word = pairs->words[index];
    const int32_t *symbols = pairs->symbols + word.start;
    for (int32_t i = 0; i + 1 < word.count; i++)
        pairs->pairs[pairs->slots[find_slot(pairs, symbols[i], symbols[i + 1])] - 1].count -= word.times;
}

Status piece_pairs_add(PiecePairs *pairs, const int32_t *pieces, int32_t count, int64_t times)
{
    TRY(memory_grow(&pairs->words, &pairs->words_room, (int64_t)pairs->word_count + 1, sizeof *pairs->words));
    pairs->words[pairs->word_count] = (PairWord){.start = pairs->symbol_count, .count = count, .times = times};
    for (int32_t i = 0; i < count; i++) {
        TRY(memory_grow(&pairs->symbols, &pairs->symbols_room, (int64_t)pairs->symbol_count + 1,
                        sizeof *pairs->symbols));
        pairs->symbols[pairs->symbol_count++] = pieces[i];
    }
    return count_word(pairs, pairs->word_count++, -1);
}

/* --- the heap --- */

static bool is_before(const PairEntry *a, const PairEntry *b)
{
    if (a->count != b->count) return a->count > b->count;
    return a->left != b->left ? a->left < b->left : a->right < b->right;
}

static Status push(PiecePairs *pairs, int64_t number)
{
    TRY(memory_grow(&pairs->heap, &pairs->heap_room, (int64_t)pairs->heap_count + 1, sizeof *pairs->heap));
    const Pair *pair = &pairs->pairs[number];
    PairEntry entry = {.count = pair->count, .pair = number, .left = pair->left, .right = pair->right};
    size_t at = pairs->heap_count++;
    for (size_t up; at > 0 && is_before(&entry, &pairs->heap[up = (at - 1) / 2]); at = up)
        pairs->heap[at] = pairs->heap[up];
    pairs->heap[at] = entry;
    return STATUS_OK;
}

static PairEntry pop(PiecePairs *pairs)
{
    PairEntry top = pairs->heap[0], last = pairs->heap[--pairs->heap_count];
    size_t at = 0, count = pairs->heap_count;
    for (size_t down; (down = at * 2 + 1) < count; at = down) {
        if (down + 1 < count && is_before(&pairs->heap[down + 1], &pairs->heap[down])) down++;
        if (!is_before(&pairs->heap[down], &last)) break;
        pairs->heap[at] = pairs->heap[down];
    }
    pairs->heap[at] = last;
    return top;
}

static Status fill_heap(PiecePairs *pairs, int64_t at_least)
{
    for (size_t i = 0; i < pairs->touched_count; i++) {
        pairs->pairs[pairs->touched[i]].touched = false;
        if (pairs->pairs[pairs->touched[i]].count >= at_least) TRY(push(pairs, pairs->touched[i]));
    }
    pairs->touched_count = 0;
    return STATUS_OK;
}

Status piece_pairs_best(PiecePairs *pairs, int64_t at_least, int32_t *left, int32_t *right, bool *found)
{
    TRY(fill_heap(pairs, at_least));
    *found = false;
    while (pairs->heap_count > 0 && !*found) {
        PairEntry top = pop(pairs);
        int64_t count = pairs->pairs[top.pair].count;
        if (count < at_least || count > top.count) continue; /* gone, or a newer entry stands elsewhere */
        if (count < top.count) {
            TRY(push(pairs, top.pair));
            continue;
        }
        *left = top.left;
        *right = top.right;
        *found = true;
    }
    return STATUS_OK;
}

/* --- joining --- */

static void join_in_word(PiecePairs *pairs, PairWord *word, int32_t left, int32_t right, int32_t piece)
{
    int32_t *symbols = pairs->symbols + word->start, write = 0;
    for (int32_t read = 0; read < word->count; read++) {
        bool here = symbols[read] == left && read + 1 < word->count && symbols[read + 1] == right;
        symbols[write++] = here ? piece : symbols[read];
        if (here) read++;
    }
    word->count = write;
}

static bool holds_pair(const PiecePairs *pairs, size_t index, int32_t left, int32_t right)
{
    const PairWord *word = &pairs->words[index];
    const int32_t *symbols = pairs->symbols + word->start;
    for (int32_t i = 0; i + 1 < word->count; i++)
        if (symbols[i] == left && symbols[i + 1] == right) return true;
    return false;
}

Status piece_pairs_join(PiecePairs *pairs, int32_t left, int32_t right, int32_t piece)
{
    int64_t number;
    TRY(find_pair(pairs, left, right, &number));
    for (int64_t use = pairs->pairs[number].uses; use; use = pairs->uses[use].next) {
        size_t index = pairs->uses[use].word;
        if (!holds_pair(pairs, index, left, right)) continue;
        discount_word(pairs, index);
        join_in_word(pairs, &pairs->words[index], left, right, piece);
        TRY(count_word(pairs, index, piece));
    }
    pairs->pairs[number].uses = 0;
    return STATUS_OK;
}

void piece_pairs_free(PiecePairs *pairs)
{
    memory_free(pairs->symbols);
    memory_free(pairs->words);
    memory_free(pairs->pairs);
    memory_free(pairs->uses);
    memory_free(pairs->heap);
    memory_free(pairs->slots);
    memory_free(pairs->touched);
    *pairs = (PiecePairs){0};
}
