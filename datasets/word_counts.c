/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/word_counts.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"

#include <string.h>

enum { MOST_WORDS = 1 << 30 };

static size_t find_slot(const WordCounts *counts, const char *bytes, size_t length)
{
    size_t mask = counts->slots_room - 1;
    for (size_t slot = hash_bytes(bytes, length).low & mask;; slot = (slot + 1) & mask) {
        if (counts->slots[slot] == 0) return slot;
        const WordCount *word = &counts->words[counts->slots[slot] - 1];
        if (word->length == length && memcmp(counts->bytes.data + word->start, bytes, length) == 0) return slot;
    }
}

/* The table stays at most half full. */
static Status grow(WordCounts *counts)
{
    if (counts->count >= MOST_WORDS)
        return status_fail(STATUS_NOMEM, "out of memory: more than %d different words", (int)MOST_WORDS);
    if (counts->count == counts->words_room) {
        size_t room = counts->words_room ? counts->words_room * 2 : 256;
        TRY(memory_resize(&counts->words, room, sizeof *counts->words));
        counts->words_room = room;
    }
    if (counts->count * 2 < counts->slots_room) return STATUS_OK;
    size_t room = counts->slots_room ? counts->slots_room * 2 : 1024;
    int32_t *slots;
    TRY(memory_new(room, sizeof *slots, &slots));
    memory_free(counts->slots);
    counts->slots = slots;
    counts->slots_room = room;
    for (size_t i = 0; i < counts->count; i++) {
        const WordCount *word = &counts->words[i];
        slots[find_slot(counts, counts->bytes.data + word->start, word->length)] = (int32_t)i + 1;
    }
    return STATUS_OK;
}

Status word_counts_add(WordCounts *counts, const char *bytes, size_t length, int64_t times)
{
    TRY(grow(counts));
    size_t slot = find_slot(counts, bytes, length);
    if (counts->slots[slot] == 0) {
        WordCount word = {.start = counts->bytes.length, .length = length};
        TRY(buffer_append(&counts->bytes, bytes, length));
        counts->words[counts->count++] = word;
        counts->slots[slot] = (int32_t)counts->count;
    }
    counts->words[counts->slots[slot] - 1].times += times;
    return STATUS_OK;
}

const WordCount *word_counts_find(const WordCounts *counts, const char *bytes, size_t length)
{
    if (counts->count == 0) return NULL;
    int32_t number = counts->slots[find_slot(counts, bytes, length)];
    return number ? &counts->words[number - 1] : NULL;
}

Status word_counts_merge(WordCounts *counts, const WordCounts *other)
{
    for (size_t i = 0; i < other->count; i++) {
        const WordCount *word = &other->words[i];
        TRY(word_counts_add(counts, other->bytes.data + word->start, word->length, word->times));
    }
    return STATUS_OK;
}

void word_counts_free(WordCounts *counts)
{
    buffer_free(&counts->bytes);
    memory_free(counts->words);
    memory_free(counts->slots);
    *counts = (WordCounts){0};
}
