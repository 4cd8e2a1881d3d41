/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tokenizers in Lua. A tokenizer is an Encoder; the userdata holds a reference to its owner. */
#ifndef LATHE_SCRIPTS_BIND_TOKENIZERS_H
#define LATHE_SCRIPTS_BIND_TOKENIZERS_H

#include "datasets/tokenized_encode.h"
#include "scripts/bind.h"

/* What a tokenizer can do besides encoding; each NULL where it cannot. */
typedef struct TokenizerFunctions {
    Status (*save)(const void *tokenizer, const char *path);
    Status (*decode)(const void *tokenizer, const int32_t *ids, int64_t count, Buffer *out);
} TokenizerFunctions;

/* Pushes a tokenizer that retains the encoder's owner. The functions are constant data. */
void bind_push_tokenizer(lua_State *L, const Encoder *encoder, const TokenizerFunctions *functions);
Encoder bind_check_encoder(lua_State *L, int index);
/* The global tokenizers, whose members the kinds below add. */
void bind_open_tokenizers(lua_State *L);
/* tokenizers[name] = the records of the kind. */
void bind_open_tokenizer(lua_State *L, const RecordKind *kind, const char *name);
void bind_open_wordpiece(lua_State *L);
void bind_open_characters(lua_State *L);

#endif
