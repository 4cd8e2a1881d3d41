/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A tokenizer for which each character is a token: the code points of a text in order, behind <|endoftext|> (0) and
 * <|unknown|> (1). A Characters is counted and never changes once it is made; characters_unref() by the last holder
 * frees it. What it hands out lives as long as it does. */
#ifndef LATHE_DATASETS_CHARACTERS_H
#define LATHE_DATASETS_CHARACTERS_H

#include "datasets/corpus.h"
#include "engine/base/option.h"

typedef struct Characters Characters;

typedef struct CharactersTrainConfig {
    int64_t min_frequency;
} CharactersTrainConfig;
extern const Option characters_train_options[];

/* Those that occur in the text. Errors: none do, memory. */
Status characters_train(const Corpus *corpus, const CharactersTrainConfig *config, Characters **out) STATUS_CHECKED;

/* Reads and writes {"type": "characters", "characters": ["\n", " ", ...]}. Errors: not such a file, an entry that
 * is not one character, or stands there twice. */
Status characters_load(const char *path, Characters **out) STATUS_CHECKED;
Status characters_save(const Characters *tokenizer, const char *path) STATUS_CHECKED;

Characters *characters_ref(Characters *tokenizer);
void characters_unref(Characters *tokenizer);

/* Adds the tokens of a text; a word is a run of letters and digits, or one other character. What is no UTF-8 is
 * unknown byte by byte. Errors: memory. */
Status characters_encode(const Characters *tokenizer, const char *bytes, size_t length,
                         TokenList *out) STATUS_CHECKED;
/* Appends the text; special tokens leave none. Errors: an id outside the vocabulary. */
Status characters_decode(const Characters *tokenizer, const int32_t *ids, int64_t count,
                         Buffer *out) STATUS_CHECKED;

const Vocabulary *characters_vocabulary(const Characters *tokenizer);
/* For tokenized_encode(); the caller keeps its reference to the tokenizer, whoever retains the owner adds one. */
Encoder characters_encoder(Characters *tokenizer);

#endif
