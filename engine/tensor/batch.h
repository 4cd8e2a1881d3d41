/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A batch: named tensors that belong to the same examples. The batch holds a reference to each of its tensors;
 * batch_clear() lets them go. Text batches use these names:
 *   input_ids, token_type_ids, word_ids  i32[B,T]   word_ids: number of the word a piece belongs to, -1 for
 * specials and padding lengths              i32[B]     tokens before the padding next_sentence_label  i32[B]     0:
 * B follows A, 1: B is from elsewhere (Hugging Face's convention) sentence_order_label i32[B]     0: in order, 1:
 * swapped labels               i32[B]     class of a labelled example prefix_lengths       i32[B]     tokens that
 * are given and not predicted example_ids          i64[B]     which example of the epoch each row is: masks are
 * keyed by it and a view made by masking adds masked_positions i32[n]  places in the flattened [B*T];
 * masked_targets i32[n]  the tokens that were there. */
#ifndef LATHE_TENSOR_BATCH_H
#define LATHE_TENSOR_BATCH_H

#include "engine/base/buffer.h"
#include "engine/tensor/tensor.h"

enum { BATCH_MAX_FIELDS = 16, BATCH_NAME_SIZE = 32 };

/* What masking and decoding must know of a vocabulary. Belongs to the source, which outlives its batches. */
typedef struct Vocabulary {
    int64_t size;
    int32_t pad, unknown, classify, separator, mask; /* ids of [PAD] [UNK] [CLS] [SEP] [MASK]; -1: there is none */
    const uint8_t *special;                          /* u8[size]: 1 for special tokens */
    const char *const *pieces;                       /* texts of the pieces, "##" included; size of them */
    const int32_t *lengths; /* i32[size]: bytes of text that each stands for; NULL: a text cannot be had back */
    /* Writes the tokenizer's own files into the directory; NULL: vocab.txt will do. */
    Status (*save)(const void *tokenizer, const char *directory);
    /* Appends the text of the tokens; NULL: pieces with spaces between them will do. */
    Status (*decode)(const void *tokenizer, const int32_t *ids, int64_t count, Buffer *out);
    const void *tokenizer;
} Vocabulary;

typedef struct Batch {
    int64_t size;  /* B */
    int64_t epoch; /* of the examples: masks are keyed by it */
    const Vocabulary *vocabulary;
    double random_share,
        keep_share; /* of the tokens that a view masks: became random ones, stayed; 0: not masked */
    int count;
    char names[BATCH_MAX_FIELDS][BATCH_NAME_SIZE];
    Tensor *fields[BATCH_MAX_FIELDS];
} Batch;

/* Puts or replaces a field, taking over the caller's reference (also on failure). Errors: too many fields. */
Status batch_put(Batch *batch, const char *name, Tensor *tensor) STATUS_CHECKED;
/* NULL where there is none. */
Tensor *batch_find(const Batch *batch, const char *name);
/* Errors: there is none; the message lists what there is. */
Status batch_get(const Batch *batch, const char *name, Tensor **out) STATUS_CHECKED;
/* to = the same fields, each referenced once more. to must be empty. */
void batch_share(Batch *to, const Batch *from);
void batch_clear(Batch *batch);

#endif
