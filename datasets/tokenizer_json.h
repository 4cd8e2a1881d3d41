/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What readers and writers of Hugging Face's tokenizer.json share (github.com/huggingface/tokenizers). What Lathe's
 * tokenizers do not do is refused by name, so that a file that is read means the same here as there. */
#ifndef LATHE_DATASETS_TOKENIZER_JSON_H
#define LATHE_DATASETS_TOKENIZER_JSON_H

#include "datasets/piece_trie.h"
#include "engine/base/buffer.h"
#include "engine/io/json.h"

#include <stdbool.h>

enum { TOKENIZER_JSON_MAX = 256 << 20, TOKENIZER_PIECE_MAX = 1024 };

/* A vocabulary by id. Start from {0}; tokenizer_pieces_free() ends it. */
typedef struct TokenizerPieces {
    Buffer text; /* the pieces, each ending in NUL */
    int64_t count;
    PieceTrie ids;
} TokenizerPieces;

/* vocab: {"piece": id}; added: the file's added_tokens, or NULL. Errors: ids that are not 0 to n-1, each once; an
 * empty or very long piece; added tokens that are no list, or one that is matched in a way of its own (lstrip,
 * rstrip, single_word). */
Status tokenizer_pieces_read(const char *name, const json_t *vocab, const json_t *added,
                             TokenizerPieces *out) STATUS_CHECKED;
void tokenizer_pieces_free(TokenizerPieces *pieces);

/* A token that is found in texts before all else. special: masks and decoders pass over it. normalized: it is
 * looked for in normalized text, and after those that are not. */
typedef struct TokenizerAdded {
    int32_t id;
    bool special, normalized;
} TokenizerAdded;

/* Calls visit for each added token. */
Status tokenizer_json_each_added(const char *name, const json_t *added,
                                 Status (*visit)(void *context, const char *content, TokenizerAdded token),
                                 void *context) STATUS_CHECKED;

/* The kind of a tokenizer.json, its model's type ("BPE", "WordPiece"); the document is the caller's. */
Status tokenizer_json_open(const char *path, json_t **document, const char **kind) STATUS_CHECKED;

/* The member, NULL where it is missing or null. */
const json_t *tokenizer_json_part(const json_t *object, const char *key);
/* Errors: the member 'key' of 'what' is not of the type (NULL: must be missing or null). */
Status tokenizer_json_type(const char *name, const json_t *document, const char *key,
                           const char *type) STATUS_CHECKED;
/* Errors: the boolean (missing: standard) is not what it must be. */
Status tokenizer_json_flag(const char *name, const json_t *part, const char *key, bool standard,
                           bool must) STATUS_CHECKED;
/* Errors: the text (missing or null: "") is not what it must be. */
Status tokenizer_json_text(const char *name, const json_t *part, const char *key, const char *must) STATUS_CHECKED;

/* A document with version, truncation and padding. */
Status tokenizer_json_new(json_t **document) STATUS_CHECKED;
/* parent[key] = {"type": type}; *out is borrowed. type NULL: null, and *out may be NULL. */
Status tokenizer_json_put(json_t *parent, const char *key, const char *type, json_t **out) STATUS_CHECKED;
/* Writes directory/tokenizer_config.json: the class of transformers, whether letters are made lower-case, and the
 * special tokens by their parts there ("eos_token"), names and texts in turn up to NULL. */
Status tokenizer_config_write(const char *directory, const char *class_name, bool lowercase,
                              const char *const *specials) STATUS_CHECKED;
/* Adds an added token to the list. */
Status tokenizer_json_put_added(json_t *list, const char *content, TokenizerAdded token) STATUS_CHECKED;

#endif
