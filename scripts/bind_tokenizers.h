/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tokenizers in Lua. A tokenizer is an Encoder; the userdata holds a reference to its owner. */
#ifndef LATHE_SCRIPTS_BIND_TOKENIZERS_H
#define LATHE_SCRIPTS_BIND_TOKENIZERS_H

#include "datasets/tokenized_encode.h"
#include "scripts/bind.h"

/* Pushes a tokenizer that retains the encoder's owner. save: writes it to a path; NULL where it cannot be saved. */
void bind_push_tokenizer(lua_State *L, const Encoder *encoder,
                         Status (*save)(const void *tokenizer, const char *path));
Encoder bind_check_encoder(lua_State *L, int index);
void bind_open_tokenizers(lua_State *L);
/* The global tokenizers (scripts/bind_wordpiece.c). */
void bind_open_wordpiece(lua_State *L);

#endif
