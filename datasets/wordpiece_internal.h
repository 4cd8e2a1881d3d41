/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of WordPiece share. */
#ifndef LATHE_DATASETS_WORDPIECE_INTERNAL_H
#define LATHE_DATASETS_WORDPIECE_INTERNAL_H

#include "datasets/basic_tokenizer.h"
#include "datasets/piece_trie.h"
#include "datasets/wordpiece.h"

#include <stdatomic.h>

enum { WORDPIECE_SPECIALS = 5, WORDPIECE_PIECE_MAX = 1024, WORDPIECE_FILE_MAX = 64 << 20 };

/* [PAD] [UNK] [CLS] [SEP] [MASK] */
extern const char *const wordpiece_specials[WORDPIECE_SPECIALS];

struct WordPiece {
    atomic_int refs;
    Vocabulary vocabulary;
    char *text; /* the pieces, each ending in NUL */
    const char **pieces;
    uint8_t *special;
    PieceTrie trie;
    PieceTrie added;    /* tokens that are found in texts before all else */
    uint8_t first[256]; /* 1 where one of them begins with the byte */
    int32_t continuing; /* the trie's node behind "##", -1: no such piece */
    bool lowercase;
    Hash content;
};

/* Takes the text (pieces, each ending in NUL; count of them, all different, all UTF-8) from the buffer on success.
 * name stands for the file in messages. lowercase: as in WordPiece. Errors: a special token is missing; memory. */
Status wordpiece_new(const char *name, Buffer *text, int64_t count, WordPieceCase letters,
                     WordPiece **out) STATUS_CHECKED;
/* From now on the token of the id is found in texts before all else, as those of wordpiece_specials are. For
 * whoever makes a tokenizer. Errors: memory. */
Status wordpiece_add_token(WordPiece *tokenizer, int32_t id, bool special) STATUS_CHECKED;

/* tokenizer.json (datasets/wordpiece_json.c) */
Status wordpiece_load_json(const char *path, WordPiece **out) STATUS_CHECKED;
/* vocab.txt, tokenizer.json and tokenizer_config.json: Vocabulary.save */
Status wordpiece_save_files(const void *tokenizer, const char *directory) STATUS_CHECKED;
Status wordpiece_save_json(const WordPiece *tokenizer, const char *path) STATUS_CHECKED;

#endif
