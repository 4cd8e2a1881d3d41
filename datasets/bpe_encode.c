/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From text to pieces: words (datasets/gpt_words.h) to bytes, then the pair of the earliest rank is joined, the
 * first of equals, until none is left. A heap of pairs keeps a word of n bytes at n log n. */
#include "datasets/bpe_internal.h"

#include "datasets/gpt_words.h"
#include "engine/base/memory.h"

#include <string.h>

enum { SMALL = 64 }; /* bytes of a word that needs no memory */

/* A pair that stood at a place when it was put here; stale where the pieces there have changed. */
typedef struct Candidate {
    int32_t rank, at, left, right;
} Candidate;

/* The pieces of a word as a list: next and previous are places, -1 at the ends. */
typedef struct Word {
    const Bpe *tokenizer;
    int32_t *ids, *next, *previous;
    Candidate *heap;
    int32_t count, heap_count;
} Word;

static bool before(const Candidate *a, const Candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

static void heap_put(Word *word, Candidate candidate)
{
    int32_t at = word->heap_count++;
    for (; at > 0 && before(&candidate, &word->heap[(at - 1) / 2]); at = (at - 1) / 2)
        word->heap[at] = word->heap[(at - 1) / 2];
    word->heap[at] = candidate;
}

static Candidate heap_take(Word *word)
{
    Candidate first = word->heap[0], last = word->heap[--word->heap_count];
    int32_t at = 0;
    for (;;) {
        int32_t child = 2 * at + 1;
        if (child >= word->heap_count) break;
        if (child + 1 < word->heap_count && before(&word->heap[child + 1], &word->heap[child])) child++;
        if (!before(&word->heap[child], &last)) break;
        word->heap[at] = word->heap[child];
        at = child;
    }
    word->heap[at] = last;
    return first;
}

/* Puts the pair that begins at the place, if it is one that is joined. */
static void offer(Word *word, int32_t at)
{
    if (at < 0 || word->next[at] < 0) return;
    int32_t left = word->ids[at], right = word->ids[word->next[at]];
    int64_t rank = bpe_rank(word->tokenizer, left, right);
    if (rank >= 0) heap_put(word, (Candidate){(int32_t)rank, at, left, right});
}

static void join(Word *word, const Candidate *pair)
{
    int32_t at = pair->at, gone = word->next[at];
    if (word->ids[at] != pair->left || gone < 0 || word->ids[gone] != pair->right) return;
    word->ids[at] = word->tokenizer->merges[pair->rank].id;
    word->ids[gone] = -1;
    word->next[at] = word->next[gone];
    if (word->next[at] >= 0) word->previous[word->next[at]] = at;
    offer(word, word->previous[at]);
    offer(word, at);
}

/* The bytes as pieces; those that have none are left out. */
static void fill(Word *word, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        int32_t id = word->tokenizer->byte_ids[(uint8_t)bytes[i]];
        if (id < 0) continue;
        word->ids[word->count] = id;
        word->previous[word->count] = word->count - 1;
        word->next[word->count] = word->count + 1;
        word->count++;
    }
    if (word->count) word->next[word->count - 1] = -1;
}

static Status encode_with(Word *word, const char *bytes, size_t length, int32_t number, TokenList *out)
{
    fill(word, bytes, length);
    for (int32_t i = 0; i + 1 < word->count; i++) offer(word, i);
    while (word->heap_count) {
        Candidate best = heap_take(word);
        join(word, &best);
    }
    for (int32_t i = 0; word->count && i >= 0; i = word->next[i]) TRY(token_list_add(out, word->ids[i], number));
    return STATUS_OK;
}

static Status encode_word(const Bpe *tokenizer, const char *bytes, size_t length, int32_t number, TokenList *out)
{
    int32_t small[3 * SMALL], *ids;
    Candidate small_heap[3 * SMALL];
    if (length > INT32_MAX / 4)
        return status_fail(STATUS_NOMEM, "out of memory: a word of %zu bytes without a space", length);
    if (length <= SMALL) {
        Word word = {tokenizer, small, small + SMALL, small + 2 * SMALL, small_heap, 0, 0};
        return encode_with(&word, bytes, length, number, out);
    }
    Word word = {.tokenizer = tokenizer};
    TRY(memory_new_raw(3 * length, sizeof *ids, &ids));
    Status status = memory_new_raw(3 * length, sizeof *word.heap, &word.heap);
    if (status == STATUS_OK) {
        word.ids = ids;
        word.next = ids + length;
        word.previous = ids + 2 * length;
        status = encode_with(&word, bytes, length, number, out);
        memory_free(word.heap);
    }
    memory_free(ids);
    return status;
}

static Status encode_words(const Bpe *tokenizer, const char *bytes, size_t length, int32_t *words, TokenList *out)
{
    for (size_t from = 0, to; from < length; from = to) {
        to = gpt_word_end(bytes, length, from);
        TRY(encode_word(tokenizer, bytes + from, to - from, (*words)++, out));
    }
    return STATUS_OK;
}

/* Text without added tokens. */
static Status encode_part(const Bpe *tokenizer, const char *bytes, size_t length, int32_t *words, TokenList *out)
{
    Buffer spaced = {0};
    if (!tokenizer->prefix_space || length == 0 || bytes[0] == ' ')
        return encode_words(tokenizer, bytes, length, words, out);
    Status status = buffer_append(&spaced, " ", 1);
    if (status == STATUS_OK) status = buffer_append(&spaced, bytes, length);
    if (status == STATUS_OK) status = encode_words(tokenizer, spaced.data, spaced.length, words, out);
    buffer_free(&spaced);
    return status;
}

/* The passes from this one on: what stands between the tokens of one is looked through by the next. */
static Status encode_pass(const Bpe *tokenizer, int pass, const char *bytes, size_t length, int32_t *words,
                          TokenList *out)
{
    int32_t id = -1;
    size_t from = 0;
    if (pass == BPE_PASSES) return encode_part(tokenizer, bytes, length, words, out);
    for (size_t at = 0; at < length && tokenizer->added[pass].count;) {
        size_t found = piece_trie_longest(&tokenizer->added[pass], bytes + at, length - at, &id);
        if (found == 0) {
            at++;
            continue;
        }
        TRY(encode_pass(tokenizer, pass + 1, bytes + from, at - from, words, out));
        TRY(token_list_add(out, id, (*words)++));
        at += found;
        from = at;
    }
    return encode_pass(tokenizer, pass + 1, bytes + from, length - from, words, out);
}

Status bpe_encode(const Bpe *tokenizer, const char *bytes, size_t length, TokenList *out)
{
    int32_t words = 0;
    return encode_pass(tokenizer, 0, bytes, length, &words, out);
}
