/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tokenizers in Lua. A tokenizer is an Encoder; the userdata holds a reference to its owner. */
#ifndef LATHE_SCRIPTS_BIND_TOKENIZERS_H
#define LATHE_SCRIPTS_BIND_TOKENIZERS_H

#include "datasets/bpe.h"
#include "datasets/characters.h"
#include "datasets/wordpiece.h"
#include "scripts/bind.h"

/* What a tokenizer can do besides encoding; each NULL where it cannot. */
typedef struct TokenizerFunctions {
    Status (*save)(const void *tokenizer, const char *path);
    Status (*decode)(const void *tokenizer, const int32_t *ids, int64_t count, Buffer *out);
} TokenizerFunctions;

/* Pushes a tokenizer that retains the encoder's owner. The functions are constant data. */
void bind_push_tokenizer(lua_State *L, const Encoder *encoder, const TokenizerFunctions *functions);
/* {classify = 2, separator = 3, mask = 4, pad = 0, unknown = 1}, empty for NULL (scripts/bind_source.c). */
void bind_push_special(lua_State *L, const Vocabulary *vocabulary);
Encoder bind_check_encoder(lua_State *L, int index);
void bind_open_tokenizers(lua_State *L);
/* tokenizers.load, tokenizers.wordpiece and so on. */
extern const RecordKind bind_tokenizers, bind_wordpiece, bind_bpe, bind_characters;
/* The arguments of train and load. */
extern const RecordWord tokenizer_corpus[], tokenizer_path[];
/* Push the tokenizer and take over the caller's reference; return 1. */
int bind_push_wordpiece(lua_State *L, WordPiece *tokenizer);
int bind_push_characters(lua_State *L, Characters *tokenizer);
int bind_push_bpe(lua_State *L, Bpe *tokenizer);

/* A tokenizer of one kind or another; the others are NULL. */
typedef struct LoadedTokenizer {
    WordPiece *wordpiece;
    Characters *characters;
    Bpe *bpe;
} LoadedTokenizer;

/* The one of a file, or of a directory: tokenizer.json, vocab.json (with merges.txt), vocab.txt or characters.json.
 * Errors: none of them is there, those of the kind. */
Status tokenizer_load(const char *path, LoadedTokenizer *out) STATUS_CHECKED;
/* Whether the directory has such a file. */
bool bind_has_tokenizer(const char *directory);
/* From now on the recipe's tokenizers are that of the directory, however it would make them. Errors: memory. */
Status bind_keep_tokenizer(Host *host, const char *directory) STATUS_CHECKED;
/* Pushes that one; false where none was said. Errors: raised. */
bool bind_push_kept(lua_State *L);
/* Pushes it and takes over the caller's reference; returns 1. */
int bind_push_loaded(lua_State *L, const LoadedTokenizer *loaded);

#endif
