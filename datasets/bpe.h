/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Byte-level byte pair encoding, the tokenizer of GPT-2: Sennrich et al. 2016; Radford et al. 2019, encoder.py;
 * Hugging Face's ByteLevel and BPE. A Bpe is counted and never changes once it is made, so that any number of
 * threads encode with it at once; bpe_unref() by the last holder frees it. What it hands out lives as long as it
 * does. Pieces are written with a printable character for each byte (datasets/byte_alphabet.h). */
#ifndef LATHE_DATASETS_BPE_H
#define LATHE_DATASETS_BPE_H

#include "datasets/corpus.h"
#include "engine/base/option.h"

typedef struct Bpe Bpe;

/* Reads a directory (its tokenizer.json or else vocab.json and merges.txt), a tokenizer.json, or a vocab.json
 * beside whose merges.txt. Errors: missing, malformed, ids that are not 0 to n-1, a merge of or to a piece that the
 * vocabulary does not have, no <|endoftext|> or other token that ends a text, a tokenizer.json of another kind. */
Status bpe_load(const char *path, Bpe **out) STATUS_CHECKED;
/* Writes a tokenizer.json where the path ends in .json; else a directory, which is made where it is missing, gets
 * vocab.json, merges.txt and tokenizer.json. */
Status bpe_save(const Bpe *tokenizer, const char *path) STATUS_CHECKED;

typedef struct BpeTrainConfig {
    int64_t vocab_size, min_frequency;
    bool mask;
} BpeTrainConfig;
extern const Option bpe_train_options[];

/* Learns pieces from text: <|endoftext|>, where asked for <|mask|>, the 256 bytes, then the most frequent pair of
 * neighbours inside words is joined, again and again, ties by the smaller ids: what Hugging Face's BpeTrainer does.
 * Fewer than vocab_size come out where no pair is left that occurs min_frequency times. progress may be NULL.
 * Errors: cancelled, memory. */
Status bpe_train(const Corpus *corpus, const BpeTrainConfig *config, EncodeProgress progress, void *context,
                 Bpe **out) STATUS_CHECKED;

Bpe *bpe_ref(Bpe *tokenizer);
void bpe_unref(Bpe *tokenizer);

/* Adds the tokens of a text, words numbered from 0. Special tokens in the text are read as those. Any bytes will
 * do; one for which the vocabulary has no piece is left out. Errors: memory. */
Status bpe_encode(const Bpe *tokenizer, const char *bytes, size_t length, TokenList *out) STATUS_CHECKED;
/* Appends the bytes of the tokens. Errors: an id outside the vocabulary. */
Status bpe_decode(const Bpe *tokenizer, const int32_t *ids, int64_t count, Buffer *out) STATUS_CHECKED;

const Vocabulary *bpe_vocabulary(const Bpe *tokenizer);
int64_t bpe_merge_count(const Bpe *tokenizer);
/* For tokenized_encode(); the caller keeps its reference to the tokenizer, whoever retains the owner adds one. */
Encoder bpe_encoder(Bpe *tokenizer);

#endif
