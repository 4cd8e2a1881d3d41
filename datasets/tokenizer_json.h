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
 * empty or very long piece; an added token that is matched in a way of its own (lstrip, rstrip, single_word). */
Status tokenizer_pieces_read(const char *name, const json_t *vocab, const json_t *added,
                             TokenizerPieces *out) STATUS_CHECKED;
void tokenizer_pieces_free(TokenizerPieces *pieces);
/* Calls visit for each added token that is special. */
Status tokenizer_json_specials(const char *name, const json_t *added, Status (*visit)(void *context, int32_t id),
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
/* Adds a special token to the list. */
Status tokenizer_json_put_added(json_t *list, int64_t id, const char *content) STATUS_CHECKED;

#endif
