/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tokenizers.characters.train(corpus, {options}) and tokenizers.characters.load(path). */
#include "datasets/characters.h"
#include "scripts/bind_data.h"
#include "scripts/bind_tokenizers.h"

#include <string.h>

static bool get(int index, Record *out)
{
    static const Record records[] = {
        {.name = "train",
         .doc = "Each character of a corpus as a token.",
         .arguments = tokenizer_corpus,
         .options = characters_train_options,
         .data = "train"},
        {.name = "load", .doc = "The tokenizer of a characters.json.", .arguments = tokenizer_path, .data = "load"},
    };
    if (index >= (int)(sizeof records / sizeof *records)) return false;
    *out = records[index];
    return true;
}

static Status save(const void *tokenizer, const char *path)
{
    return characters_save(tokenizer, path);
}

static Status decode(const void *tokenizer, const int32_t *ids, int64_t count, Buffer *out)
{
    return characters_decode(tokenizer, ids, count, out);
}

static const TokenizerFunctions functions = {save, decode};

int bind_push_characters(lua_State *L, Characters *tokenizer)
{
    Encoder encoder = characters_encoder(tokenizer);
    bind_push_tokenizer(L, &encoder, &functions);
    characters_unref(tokenizer);
    return 1;
}

static int call(lua_State *L, const Record *record)
{
    Characters *tokenizer;
    CharactersTrainConfig config;
    lua_settop(L, 2);
    if (bind_push_kept(L)) return 1;
    if (strcmp(record->name, "load") == 0) {
        host_check(L, characters_load(luaL_checkstring(L, 1), &tokenizer));
        return bind_push_characters(L, tokenizer);
    }
    option_defaults(record->options, &config);
    if (!lua_isnil(L, 2)) bind_read_options(L, 2, record->options, &config, "characters.train", NULL);
    host_check(L, characters_train(bind_check_corpus(L, 1), &config, &tokenizer));
    return bind_push_characters(L, tokenizer);
}

const RecordKind bind_characters = {"tokenizers.characters", "tokenizer", "characters as tokens", get, call, NULL};
