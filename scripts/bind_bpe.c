/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tokenizers.bpe.train(corpus, {options}) and tokenizers.bpe.load(path). */
#include "datasets/bpe.h"
#include "scripts/bind_data.h"
#include "scripts/bind_tokenizers.h"

#include <string.h>

static bool get(int index, Record *out)
{
    static const Record records[] = {
        {.name = "train",
         .doc = "Byte pairs learned from a corpus.",
         .arguments = tokenizer_corpus,
         .source = "Sennrich et al. 2016; Radford et al. 2019; the merges of Hugging Face's BpeTrainer",
         .options = bpe_train_options,
         .data = "train"},
        {.name = "load",
         .doc = "The byte pairs of a tokenizer.json, or of vocab.json and merges.txt.",
         .arguments = tokenizer_path,
         .source = "Radford et al. 2019, encoder.py",
         .data = "load"},
    };
    if (index >= (int)(sizeof records / sizeof *records)) return false;
    *out = records[index];
    return true;
}

static Status save(const void *tokenizer, const char *path)
{
    return bpe_save(tokenizer, path);
}

static Status decode(const void *tokenizer, const int32_t *ids, int64_t count, Buffer *out)
{
    return bpe_decode(tokenizer, ids, count, out);
}

static const TokenizerFunctions functions = {save, decode};

int bind_push_bpe(lua_State *L, Bpe *tokenizer)
{
    Encoder encoder = bpe_encoder(tokenizer);
    bind_push_tokenizer(L, &encoder, &functions);
    bpe_unref(tokenizer);
    return 1;
}

static int call(lua_State *L, const Record *record)
{
    Bpe *tokenizer;
    BpeTrainConfig config;
    char what[] = "learning pieces";
    lua_settop(L, 2);
    if (bind_push_kept(L)) return 1;
    if (strcmp(record->name, "load") == 0) {
        host_check(L, bpe_load(luaL_checkstring(L, 1), &tokenizer));
        return bind_push_bpe(L, tokenizer);
    }
    option_defaults(record->options, &config);
    if (!lua_isnil(L, 2)) bind_read_options(L, 2, record->options, &config, "bpe.train", NULL);
    host_check(L, bpe_train(bind_check_corpus(L, 1), &config, bind_report_progress, what, &tokenizer));
    return bind_push_bpe(L, tokenizer);
}

const RecordKind bind_bpe = {"tokenizers.bpe", "tokenizer", "byte pairs, the tokenizer of GPT-2", get, call, NULL};
