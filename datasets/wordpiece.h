/* SPDX-License-Identifier: GPL-3.0-or-later */
/* WordPiece, BERT's tokenizer: Schuster and Nakajima 2012; Devlin et al. 2019, tokenization.py; Hugging Face's
 * BertTokenizer. A WordPiece is counted and never changes once it is made, so that any number of threads encode
 * with it at once; wordpiece_unref() by the last holder frees it. What it hands out (pieces, vocabulary) lives as
 * long as it does. */
#ifndef LATHE_DATASETS_WORDPIECE_H
#define LATHE_DATASETS_WORDPIECE_H

#include "datasets/corpus.h"
#include "engine/base/option.h"

typedef struct WordPiece WordPiece;

typedef enum WordPieceCase { WORDPIECE_CASE_AUTO, WORDPIECE_CASE_KEEP, WORDPIECE_CASE_LOWER } WordPieceCase;

typedef struct WordPieceLoadConfig {
    int64_t lowercase; /* WordPieceCase */
} WordPieceLoadConfig;
extern const Option wordpiece_load_options[];

/* Reads a tokenizer.json where the path ends in .json, a directory's tokenizer.json or else vocab.txt, or a
 * vocab.txt: a piece a line, its number from 0 the id. lowercase 'auto': where no piece has a capital letter,
 * as in the field's uncased vocabularies. Errors: missing, empty, a directory, not UTF-8, an empty or very long
 * line, a piece that stands there twice, no [PAD], [UNK], [CLS], [SEP] or [MASK]. */
Status wordpiece_load(const char *path, const WordPieceLoadConfig *config, WordPiece **out) STATUS_CHECKED;

/* The same from memory; name stands for the path in messages. */
Status wordpiece_parse(const char *name, const char *bytes, size_t length, const WordPieceLoadConfig *config,
                       WordPiece **out) STATUS_CHECKED;

/* Writes vocab.txt, or a tokenizer.json where the path ends in .json, whole or not at all. */
Status wordpiece_save(const WordPiece *tokenizer, const char *path) STATUS_CHECKED;

typedef struct WordPieceTrainConfig {
    int64_t vocab_size, min_frequency, limit_alphabet;
    bool lowercase;
} WordPieceTrainConfig;
extern const Option wordpiece_train_options[];

/* Learns pieces from text: the special tokens, the characters (the most frequent limit_alphabet; at most half of
 * the vocabulary), then the most frequent pair of neighbours inside the words is joined to a new piece, again and
 * again, ties by the smaller ids: what Hugging Face's WordPieceTrainer does. Fewer than vocab_size pieces come out
 * where no pair is left that occurs min_frequency times. The same text gives the same pieces in the same order.
 * progress may be NULL. Errors: no words in the text, cancelled, memory. */
Status wordpiece_train(const Corpus *corpus, const WordPieceTrainConfig *config, EncodeProgress progress,
                       void *context, WordPiece **out) STATUS_CHECKED;

WordPiece *wordpiece_ref(WordPiece *tokenizer);
void wordpiece_unref(WordPiece *tokenizer);

/* Adds the tokens of a text, words numbered from 0. [PAD], [UNK], [CLS], [SEP] and [MASK] in the text are read as
 * those tokens, each a word of its own; none are added. Any bytes will do. Errors: memory. */
Status wordpiece_encode(const WordPiece *tokenizer, const char *bytes, size_t length,
                        TokenList *out) STATUS_CHECKED;

typedef TokenSpan WordPieceSpan;

/* The same with places; *out is the caller's, freed with memory_free(). */
Status wordpiece_encode_spans(const WordPiece *tokenizer, const char *bytes, size_t length, WordPieceSpan **out,
                              int64_t *count) STATUS_CHECKED;

/* Appends readable text: pieces joined, "##" and the spaces before . ? ! , and the English contractions taken away,
 * as Hugging Face's decoder does with clean_up_tokenization_spaces. skip_special: leaves special tokens out.
 * Errors: an id outside the vocabulary. */
Status wordpiece_decode(const WordPiece *tokenizer, const int32_t *ids, int64_t count, bool skip_special,
                        Buffer *out) STATUS_CHECKED;

/* What sources, masks and Lua need: size, ids of the special tokens, pieces. */
const Vocabulary *wordpiece_vocabulary(const WordPiece *tokenizer);
/* For tokenized_encode(); the caller keeps its reference to the tokenizer, whoever retains the owner adds one. */
Encoder wordpiece_encoder(WordPiece *tokenizer);

bool wordpiece_lowercase(const WordPiece *tokenizer);
/* Of the pieces in order, and of whether letters are made lower-case. */
Hash wordpiece_hash(const WordPiece *tokenizer);

/* -1 where there is no such piece. */
int32_t wordpiece_id(const WordPiece *tokenizer, const char *piece, size_t length);
/* NULL outside the vocabulary. */
const char *wordpiece_piece(const WordPiece *tokenizer, int32_t id);
/* Whether the piece goes on with a word ("##ing"). */
bool wordpiece_is_continuation(const WordPiece *tokenizer, int32_t id);
bool wordpiece_is_special(const WordPiece *tokenizer, int32_t id);

#endif
