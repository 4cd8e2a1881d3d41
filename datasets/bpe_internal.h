/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of byte pair encoding share. */
#ifndef LATHE_DATASETS_BPE_INTERNAL_H
#define LATHE_DATASETS_BPE_INTERNAL_H

#include "datasets/bpe.h"
#include "datasets/tokenizer_json.h"

#include <stdatomic.h>

/* Added tokens are looked for in two passes: those that are 'normalized' in what the others leave. */
enum { BPE_FILE_MAX = 256 << 20, BPE_PASSES = 2 };

/* Two pieces that become one; the earlier rank goes first. */
typedef struct BpeMerge {
    int32_t left, right, id;
} BpeMerge;

struct Bpe {
    atomic_int refs;
    Vocabulary vocabulary;
    Buffer text;         /* the pieces as they are written, each ending in NUL */
    const char **pieces; /* [size], into text */
    Buffer bytes;        /* what they stand for */
    size_t *starts;      /* [size + 1], into bytes */
    int32_t *lengths;    /* [size] */
    uint8_t *special;    /* [size] */
    uint8_t *passes;     /* [size]: BPE_PASSES where the piece is no added token, else which pass looks for it */
    PieceTrie added[BPE_PASSES]; /* added tokens, as they stand in texts */
    int32_t byte_ids[256];
    BpeMerge *merges; /* [merge_count], by rank */
    int64_t merge_count;
    int32_t *slots; /* [room] a hash table of ranks + 1 */
    size_t room;
    bool prefix_space; /* a space is put before text that does not begin with one */
};

/* What a Bpe is made of. text: count pieces by id, each ending in NUL, all different, UTF-8. */
typedef struct BpeParts {
    const char *name; /* the file's, for messages */
    Buffer text;
    int64_t count;
    BpeMerge *merges; /* left and right */
    int64_t merge_count, merges_room;
    TokenizerAdded *added;
    int64_t added_count, added_room;
    bool prefix_space;
} BpeParts;

Status bpe_parts_merge(BpeParts *parts, int32_t left, int32_t right) STATUS_CHECKED;
Status bpe_parts_add(BpeParts *parts, TokenizerAdded token) STATUS_CHECKED;
void bpe_parts_free(BpeParts *parts);
/* Takes text and merges over. Errors: a merge gives no piece; no token that ends a text. */
Status bpe_new(BpeParts *parts, Bpe **out) STATUS_CHECKED;

/* The rank of a pair, -1 where it is not joined. */
int64_t bpe_rank(const Bpe *tokenizer, int32_t left, int32_t right);

extern const char bpe_end_of_text[], bpe_mask[]; /* "<|endoftext|>", "<|mask|>" */

/* tokenizer.json (datasets/bpe_json.c), and vocab.json with merges.txt (datasets/bpe_file.c). */
Status bpe_read_json(const char *path, Bpe **out) STATUS_CHECKED;
Status bpe_write_json(const Bpe *tokenizer, const char *path) STATUS_CHECKED;
Status bpe_write_files(const Bpe *tokenizer, const char *directory) STATUS_CHECKED;

#endif
