/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From text to numbers, on all threads: sentences are encoded in tiles and added in order, so the result does not
 * depend on the number of threads. The Tokenized that comes out is the caller's. */
#ifndef LATHE_DATASETS_TOKENIZED_ENCODE_H
#define LATHE_DATASETS_TOKENIZED_ENCODE_H

#include "datasets/tokenized.h"

/* A growable list of tokens, for an encoder to add to. */
typedef struct TokenList {
    int32_t *ids, *words;
    int64_t count, ids_room, words_room;
} TokenList;

Status token_list_add(TokenList *list, int32_t id, int32_t word) STATUS_CHECKED;
void token_list_free(TokenList *list);

/* Text to encode; all of it is only read, by several threads at once. */
typedef struct EncodeInput {
    int64_t document_count;
    const int64_t *documents; /* [document_count + 1]: where each begins in the sentences */
    void (*sentence)(const void *text, int64_t index, const char **bytes, size_t *length);
    const void *text;
    const int32_t *labels; /* [document_count], NULL: none */
    int64_t class_count;
    char *const *classes;
} EncodeInput;

/* A token and the bytes [begin, end) of the text that it stands for. */
typedef struct TokenSpan {
    int32_t id, word;
    size_t begin, end;
} TokenSpan;

/* A tokenizer. Adds the tokens of one sentence, words numbered from 0. */
typedef struct Encoder {
    const Vocabulary *vocabulary;
    TextOwner owner; /* of the vocabulary */
    Status (*encode)(const void *tokenizer, const char *bytes, size_t length, TokenList *out);
    const void *tokenizer;
    /* The tokens with their places; *out is the caller's. NULL: it does not tell them. */
    Status (*spans)(const void *tokenizer, const char *bytes, size_t length, TokenSpan **out, int64_t *count);
} Encoder;

/* Called between groups of tiles with the sentences done and all. */
typedef void (*EncodeProgress)(void *context, int64_t done, int64_t all);

/* progress may be NULL. Errors: cancelled; nothing to encode; what encode() reports, with the sentence's number. */
Status tokenized_encode(const EncodeInput *input, const Encoder *encoder, EncodeProgress progress, void *context,
                        Tokenized **out) STATUS_CHECKED;

#endif
