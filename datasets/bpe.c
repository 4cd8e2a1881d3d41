/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/bpe_internal.h"

#include "datasets/byte_alphabet.h"
#include "datasets/utf8.h"
#include "engine/base/memory.h"

#include <string.h>

const char bpe_end_of_text[] = "<|endoftext|>", bpe_mask[] = "<|mask|>";

/* Other names that the field has for a token that ends a text. */
static const char *const ends[] = {bpe_end_of_text, "<|end_of_text|>", "</s>", "<eos>", "[SEP]"};

/* --- parts --- */

Status bpe_parts_merge(BpeParts *parts, int32_t left, int32_t right)
{
    TRY(memory_grow(&parts->merges, &parts->merges_room, parts->merge_count + 1, sizeof *parts->merges));
    parts->merges[parts->merge_count++] = (BpeMerge){left, right, -1};
    return STATUS_OK;
}

Status bpe_parts_add(BpeParts *parts, TokenizerAdded token)
{
    TRY(memory_grow(&parts->added, &parts->added_room, parts->added_count + 1, sizeof *parts->added));
    parts->added[parts->added_count++] = token;
    return STATUS_OK;
}

void bpe_parts_free(BpeParts *parts)
{
    buffer_free(&parts->text);
    memory_free(parts->merges);
    memory_free(parts->added);
}

/* --- making --- */

static Status take_memory(Bpe *made)
{
    size_t size = (size_t)made->vocabulary.size;
    TRY(memory_new(size, sizeof *made->pieces, &made->pieces));
    TRY(memory_new(size + 1, sizeof *made->starts, &made->starts));
    TRY(memory_new(size, sizeof *made->lengths, &made->lengths));
    TRY(memory_new(size, 1, &made->special));
    TRY(memory_new(size, 1, &made->passes));
    memset(made->passes, BPE_PASSES, size);
    return STATUS_OK;
}

/* The bytes that a piece stands for; an added token, or a character that names no byte, stands for its own text. */
static Status add_bytes(Bpe *made, const char *piece, bool added)
{
    size_t length = strlen(piece);
    if (added) return buffer_append(&made->bytes, piece, length);
    for (size_t at = 0, used; at < length; at += used) {
        int byte = byte_alphabet_byte(utf8_decode(piece + at, length - at, &used));
        char one = (char)byte;
        TRY(byte >= 0 ? buffer_append(&made->bytes, &one, 1) : buffer_append(&made->bytes, piece + at, used));
    }
    return STATUS_OK;
}

static Status index_pieces(Bpe *made, PieceTrie *ids)
{
    const char *piece = made->text.data;
    for (int64_t i = 0; i < made->vocabulary.size; i++, piece += strlen(piece) + 1) {
        int32_t previous;
        made->pieces[i] = piece;
        made->starts[i] = made->bytes.length;
        TRY(piece_trie_add(ids, piece, strlen(piece), (int32_t)i, &previous));
        TRY(add_bytes(made, piece, made->passes[i] < BPE_PASSES));
        if (!made->special[i]) made->lengths[i] = (int32_t)(made->bytes.length - made->starts[i]);
    }
    made->starts[made->vocabulary.size] = made->bytes.length;
    for (int byte = 0; byte < 256; byte++) {
        char name[BYTE_ALPHABET_MAX];
        made->byte_ids[byte] = piece_trie_find(ids, name, byte_alphabet_name((uint8_t)byte, name));
    }
    return STATUS_OK;
}

static void mark_added(Bpe *made, TokenizerAdded token)
{
    made->passes[token.id] = token.normalized;
    made->special[token.id] = token.special;
}

static Status find_added(Bpe *made, const BpeParts *parts)
{
    for (int64_t i = 0; i < parts->added_count; i++) mark_added(made, parts->added[i]);
    const char *piece = parts->text.data;
    for (int64_t i = 0; i < parts->count; i++, piece += strlen(piece) + 1) {
        int32_t previous;
        if (strcmp(piece, bpe_end_of_text) == 0 || strcmp(piece, bpe_mask) == 0)
            mark_added(made, (TokenizerAdded){(int32_t)i, true, false});
        if (made->passes[i] < BPE_PASSES)
            TRY(piece_trie_add(&made->added[made->passes[i]], piece, strlen(piece), (int32_t)i, &previous));
    }
    return STATUS_OK;
}

static size_t find_slot(const Bpe *tokenizer, int32_t left, int32_t right)
{
    uint64_t hash = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9E3779B97F4A7C15u;
    size_t mask = tokenizer->room - 1;
    for (size_t slot = (size_t)(hash >> 32) & mask;; slot = (slot + 1) & mask) {
        if (tokenizer->slots[slot] == 0) return slot;
        const BpeMerge *merge = &tokenizer->merges[tokenizer->slots[slot] - 1];
        if (merge->left == left && merge->right == right) return slot;
    }
}

int64_t bpe_rank(const Bpe *tokenizer, int32_t left, int32_t right)
{
    return tokenizer->slots[find_slot(tokenizer, left, right)] - 1;
}

static Status index_merge(Bpe *made, const char *name, const PieceTrie *ids, int64_t rank, Buffer *joined)
{
    BpeMerge *merge = &made->merges[rank];
    buffer_clear(joined);
    TRY(buffer_printf(joined, "%s%s", made->pieces[merge->left], made->pieces[merge->right]));
    merge->id = piece_trie_find(ids, joined->data, joined->length);
    if (merge->id < 0)
        return status_fail(STATUS_FORMAT,
                           "%s: merge %lld joins '%.60s' and '%.60s' to a piece that the vocabulary "
                           "does not have",
                           name, (long long)rank + 1, made->pieces[merge->left], made->pieces[merge->right]);
    size_t slot = find_slot(made, merge->left, merge->right);
    if (made->slots[slot])
        return status_fail(STATUS_FORMAT, "%s: merge %lld ('%.60s' and '%.60s') stands there twice", name,
                           (long long)rank + 1, made->pieces[merge->left], made->pieces[merge->right]);
    made->slots[slot] = (int32_t)rank + 1;
    return STATUS_OK;
}

static Status index_merges(Bpe *made, const char *name, const PieceTrie *ids)
{
    Buffer joined = {0};
    Status status = STATUS_OK;
    made->room = 16;
    while (made->room < 2 * (size_t)made->merge_count) made->room *= 2;
    TRY(memory_new(made->room, sizeof *made->slots, &made->slots));
    for (int64_t i = 0; i < made->merge_count && status == STATUS_OK; i++)
        status = index_merge(made, name, ids, i, &joined);
    buffer_free(&joined);
    return status;
}

/* Our own name, and RoBERTa's. -1 where there is none. */
static int32_t find_mask(const Bpe *made, const PieceTrie *ids)
{
    int32_t id = piece_trie_find(ids, bpe_mask, strlen(bpe_mask));
    if (id < 0) id = piece_trie_find(ids, "<mask>", strlen("<mask>"));
    return id >= 0 && made->special[id] ? id : -1;
}

static Status find_end(Bpe *made, const char *name, const PieceTrie *ids)
{
    int32_t end = -1;
    for (size_t i = 0; i < sizeof ends / sizeof *ends && end < 0; i++)
        end = piece_trie_find(ids, ends[i], strlen(ends[i]));
    if (end < 0)
        return status_fail(STATUS_FORMAT, "%s: no token ends a text; the vocabulary needs '%s'", name, ends[0]);
    if (!made->special[end]) {
        int32_t previous;
        bool found = made->passes[end] < BPE_PASSES;
        made->special[end] = 1;
        made->lengths[end] = 0;
        if (!found) made->passes[end] = 0;
        if (!found)
            TRY(piece_trie_add(&made->added[0], made->pieces[end], strlen(made->pieces[end]), end, &previous));
    }
    Vocabulary *vocabulary = &made->vocabulary;
    vocabulary->pad = vocabulary->classify = vocabulary->separator = end;
    vocabulary->unknown = -1;
    vocabulary->mask = find_mask(made, ids);
    return STATUS_OK;
}

static Status write_files(const void *tokenizer, const char *directory)
{
    return bpe_write_files(tokenizer, directory);
}

static Status decode(const void *tokenizer, const int32_t *ids, int64_t count, Buffer *out)
{
    return bpe_decode(tokenizer, ids, count, out);
}

static Status build(Bpe *made, const BpeParts *parts, PieceTrie *ids)
{
    TRY(take_memory(made));
    TRY(find_added(made, parts));
    TRY(index_pieces(made, ids));
    TRY(index_merges(made, parts->name, ids));
    TRY(find_end(made, parts->name, ids));
    Vocabulary *vocabulary = &made->vocabulary;
    vocabulary->special = made->special;
    vocabulary->pieces = made->pieces;
    vocabulary->lengths = made->lengths;
    vocabulary->save = write_files;
    vocabulary->decode = decode;
    vocabulary->tokenizer = made;
    return STATUS_OK;
}

Status bpe_new(BpeParts *parts, Bpe **out)
{
    Bpe *made;
    PieceTrie ids = {0};
    TRY(memory_new(1, sizeof *made, &made));
    made->refs = 1;
    made->vocabulary.size = parts->count;
    made->text = parts->text;
    made->merges = parts->merges;
    made->merge_count = parts->merge_count;
    made->prefix_space = parts->prefix_space;
    Status status = build(made, parts, &ids);
    piece_trie_free(&ids);
    parts->text = (Buffer){0};
    parts->merges = NULL;
    if (status == STATUS_OK)
        *out = made;
    else
        bpe_unref(made);
    return status;
}

Bpe *bpe_ref(Bpe *tokenizer)
{
    atomic_fetch_add(&tokenizer->refs, 1);
    return tokenizer;
}

void bpe_unref(Bpe *tokenizer)
{
    if (!tokenizer || atomic_fetch_sub(&tokenizer->refs, 1) > 1) return;
    buffer_free(&tokenizer->text);
    buffer_free(&tokenizer->bytes);
    for (int pass = 0; pass < BPE_PASSES; pass++) piece_trie_free(&tokenizer->added[pass]);
    memory_free(tokenizer->passes);
    memory_free(tokenizer->pieces);
    memory_free(tokenizer->starts);
    memory_free(tokenizer->lengths);
    memory_free(tokenizer->special);
    memory_free(tokenizer->merges);
    memory_free(tokenizer->slots);
    memory_free(tokenizer);
}

/* --- using --- */

Status bpe_decode(const Bpe *tokenizer, const int32_t *ids, int64_t count, Buffer *out)
{
    for (int64_t i = 0; i < count; i++) {
        int32_t id = ids[i];
        if (id < 0 || id >= tokenizer->vocabulary.size)
            return status_fail(STATUS_INVALID, "decode: there are pieces 0 to %lld, not %d",
                               (long long)tokenizer->vocabulary.size - 1, (int)id);
        TRY(buffer_append(out, tokenizer->bytes.data + tokenizer->starts[id],
                          tokenizer->starts[id + 1] - tokenizer->starts[id]));
    }
    return STATUS_OK;
}

const Vocabulary *bpe_vocabulary(const Bpe *tokenizer)
{
    return &tokenizer->vocabulary;
}

int64_t bpe_merge_count(const Bpe *tokenizer)
{
    return tokenizer->merge_count;
}

static void retain(void *object)
{
    bpe_ref(object);
}

static void release(void *object)
{
    bpe_unref(object);
}

static Status encode(const void *tokenizer, const char *bytes, size_t length, TokenList *out)
{
    return bpe_encode(tokenizer, bytes, length, out);
}

Encoder bpe_encoder(Bpe *tokenizer)
{
    return (Encoder){.vocabulary = &tokenizer->vocabulary,
                     .owner = {tokenizer, retain, release},
                     .encode = encode,
                     .tokenizer = tokenizer};
}
