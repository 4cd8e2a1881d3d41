/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tokenizers.wordpiece.train(corpus, {options}) and tokenizers.wordpiece.load(path, {options}). */
#include "datasets/wordpiece.h"
#include "scripts/bind_data.h"
#include "scripts/bind_tokenizers.h"

#include <string.h>

static bool get(int index, Record *out)
{
    static const Record records[] = {
        {.name = "train",
         .doc = "A WordPiece vocabulary learned from a corpus.",
         .arguments = tokenizer_corpus,
         .source = "Schuster, Nakajima 2012; the merges of Hugging Face's WordPieceTrainer",
         .options = wordpiece_train_options,
         .data = "train"},
        {.name = "load",
         .doc = "The WordPiece vocabulary of a vocab.txt.",
         .arguments = tokenizer_path,
         .source = "Devlin et al. 2019, tokenization.py",
         .options = wordpiece_load_options,
         .data = "load"},
    };
    if (index >= (int)(sizeof records / sizeof *records)) return false;
    *out = records[index];
    return true;
}

static Status save(const void *tokenizer, const char *path)
{
    return wordpiece_save(tokenizer, path);
}

static Status decode(const void *tokenizer, const int32_t *ids, int64_t count, Buffer *out)
{
    return wordpiece_decode(tokenizer, ids, count, false, out);
}

static const TokenizerFunctions functions = {save, decode};

int bind_push_wordpiece(lua_State *L, WordPiece *tokenizer)
{
    Encoder encoder = wordpiece_encoder(tokenizer);
    bind_push_tokenizer(L, &encoder, &functions);
    wordpiece_unref(tokenizer);
    return 1;
}

static int call(lua_State *L, const Record *record)
{
    WordPiece *tokenizer;
    lua_settop(L, 2);
    if (bind_push_kept(L)) return 1;
    if (strcmp(record->name, "load") == 0) {
        WordPieceLoadConfig config;
        option_defaults(record->options, &config);
        if (!lua_isnil(L, 2)) bind_read_options(L, 2, record->options, &config, "wordpiece.load", NULL);
        host_check(L, wordpiece_load(luaL_checkstring(L, 1), &config, &tokenizer));
        return bind_push_wordpiece(L, tokenizer);
    }
    WordPieceTrainConfig config;
    char what[] = "learning pieces";
    option_defaults(record->options, &config);
    if (!lua_isnil(L, 2)) bind_read_options(L, 2, record->options, &config, "wordpiece.train", NULL);
    host_check(L, wordpiece_train(bind_check_corpus(L, 1), &config, bind_report_progress, what, &tokenizer));
    return bind_push_wordpiece(L, tokenizer);
}

const RecordKind bind_wordpiece = {"tokenizers.wordpiece", "tokenizer", "WordPiece, the tokenizer of BERT", get,
                                   call};
