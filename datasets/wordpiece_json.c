/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tokenizer.json of WordPiece, read and written. */
#include "datasets/tokenizer_json.h"
#include "datasets/wordpiece_internal.h"
#include "engine/base/memory.h"
#include "engine/io/file.h"

#include <string.h>

/* --- reading --- */

static Status check_normalizer(const char *path, const json_t *document, bool *lowercase)
{
    TRY(tokenizer_json_type(path, document, "normalizer", "BertNormalizer"));
    const json_t *part = tokenizer_json_part(document, "normalizer"), *accents;
    TRY(tokenizer_json_flag(path, part, "clean_text", true, true));
    TRY(tokenizer_json_flag(path, part, "handle_chinese_chars", true, true));
    *lowercase = !tokenizer_json_part(part, "lowercase") || json_is_true(json_object_get(part, "lowercase"));
    accents = tokenizer_json_part(part, "strip_accents"); /* null: as lowercase */
    return accents ? tokenizer_json_flag(path, part, "strip_accents", *lowercase, *lowercase) : STATUS_OK;
}

static Status check_decoder(const char *path, const json_t *document)
{
    const json_t *part = tokenizer_json_part(document, "decoder");
    if (!part) return STATUS_OK;
    TRY(tokenizer_json_type(path, document, "decoder", "WordPiece"));
    TRY(tokenizer_json_text(path, part, "prefix", "##"));
    return tokenizer_json_flag(path, part, "cleanup", true, true);
}

static Status check_document(const char *path, const json_t *document, bool *lowercase)
{
    const json_t *model = json_object_get(document, "model"), *most;
    TRY(check_normalizer(path, document, lowercase));
    TRY(tokenizer_json_type(path, document, "pre_tokenizer", "BertPreTokenizer"));
    TRY(check_decoder(path, document));
    TRY(tokenizer_json_text(path, model, "unk_token", "[UNK]"));
    TRY(tokenizer_json_text(path, model, "continuing_subword_prefix", "##"));
    most = tokenizer_json_part(model, "max_input_chars_per_word");
    if (!most || json_integer_value(most) == BASIC_WORD_MAX) return STATUS_OK;
    return status_fail(STATUS_FORMAT, "%s: max_input_chars_per_word is %lld; Lathe reads files where it is %d",
                       path, (long long)json_integer_value(most), (int)BASIC_WORD_MAX);
}

typedef struct Adding {
    const char *path;
    WordPiece *tokenizer;
} Adding;

static Status add_token(void *context, const char *content, TokenizerAdded token)
{
    const Adding *adding = context;
    if (token.normalized)
        return status_fail(STATUS_FORMAT,
                           "%s: added token '%.80s' is looked for in normalized text, which Lathe does not do; "
                           "give it normalized = false",
                           adding->path, content);
    return wordpiece_add_token(adding->tokenizer, token.id, token.special);
}

static Status read_document(const char *path, const json_t *document, TokenizerPieces *pieces, WordPiece **out)
{
    const json_t *vocab = json_object_get(json_object_get(document, "model"), "vocab");
    const json_t *added = tokenizer_json_part(document, "added_tokens");
    bool lowercase;
    TRY(check_document(path, document, &lowercase));
    TRY(tokenizer_pieces_read(path, vocab, added, pieces));
    Adding adding = {path, NULL};
    TRY(wordpiece_new(path, &pieces->text, pieces->count, lowercase ? WORDPIECE_CASE_LOWER : WORDPIECE_CASE_KEEP,
                      &adding.tokenizer));
    Status status = tokenizer_json_each_added(path, added, add_token, &adding);
    if (status == STATUS_OK)
        *out = adding.tokenizer;
    else
        wordpiece_unref(adding.tokenizer);
    return status;
}

Status wordpiece_load_json(const char *path, WordPiece **out)
{
    json_t *document;
    const char *kind;
    TokenizerPieces pieces = {0};
    TRY(tokenizer_json_open(path, &document, &kind));
    Status status = strcmp(kind, "WordPiece") == 0
                        ? read_document(path, document, &pieces, out)
                        : status_fail(STATUS_FORMAT, "%s: its model is '%.60s', not 'WordPiece'", path, kind);
    tokenizer_pieces_free(&pieces);
    json_decref(document);
    return status;
}

/* --- writing --- */

static Status put_normalizer(const WordPiece *tokenizer, json_t *document)
{
    json_t *part;
    TRY(tokenizer_json_put(document, "normalizer", "BertNormalizer", &part));
    TRY(json_set_boolean(part, "clean_text", true));
    TRY(json_set_boolean(part, "handle_chinese_chars", true));
    TRY(json_set(part, "strip_accents", json_null()));
    TRY(json_set_boolean(part, "lowercase", tokenizer->lowercase));
    return tokenizer_json_put(document, "pre_tokenizer", "BertPreTokenizer", &part);
}

/* A step of a template: a special token, or a sequence of the text. */
static Status put_step(json_t *list, const char *kind, const char *id, int64_t type)
{
    json_t *step, *inner;
    TRY(json_new_object(&step));
    TRY(json_append(list, step));
    TRY(json_new_object(&inner));
    TRY(json_set(step, kind, inner));
    TRY(json_set_text(inner, "id", id));
    return json_set_integer(inner, "type_id", type);
}

/* [CLS] A [SEP], and [CLS] A [SEP] B [SEP] */
static Status put_template(json_t *part, const char *key, int texts)
{
    static const char *const names[] = {"A", "B"};
    json_t *list;
    TRY(json_new_array(&list));
    TRY(json_set(part, key, list));
    TRY(put_step(list, "SpecialToken", "[CLS]", 0));
    for (int i = 0; i < texts; i++) {
        TRY(put_step(list, "Sequence", names[i], i));
        TRY(put_step(list, "SpecialToken", "[SEP]", i));
    }
    return STATUS_OK;
}

static Status put_template_token(json_t *tokens, const char *name, int32_t id)
{
    json_t *token, *ids, *names;
    TRY(json_new_object(&token));
    TRY(json_set(tokens, name, token));
    TRY(json_set_text(token, "id", name));
    TRY(json_new_array(&ids));
    TRY(json_set(token, "ids", ids));
    TRY(json_append(ids, json_integer(id)));
    TRY(json_new_array(&names));
    TRY(json_set(token, "tokens", names));
    return json_append(names, json_string(name));
}

static Status put_processor(const WordPiece *tokenizer, json_t *document)
{
    json_t *part, *tokens;
    TRY(tokenizer_json_put(document, "post_processor", "TemplateProcessing", &part));
    TRY(put_template(part, "single", 1));
    TRY(put_template(part, "pair", 2));
    TRY(json_new_object(&tokens));
    TRY(json_set(part, "special_tokens", tokens));
    TRY(put_template_token(tokens, "[CLS]", tokenizer->vocabulary.classify));
    TRY(put_template_token(tokens, "[SEP]", tokenizer->vocabulary.separator));
    TRY(tokenizer_json_put(document, "decoder", "WordPiece", &part));
    TRY(json_set_text(part, "prefix", "##"));
    return json_set_boolean(part, "cleanup", true);
}

static Status put_model(const WordPiece *tokenizer, json_t *document)
{
    json_t *model, *vocab;
    TRY(tokenizer_json_put(document, "model", "WordPiece", &model));
    TRY(json_set_text(model, "unk_token", "[UNK]"));
    TRY(json_set_text(model, "continuing_subword_prefix", "##"));
    TRY(json_set_integer(model, "max_input_chars_per_word", BASIC_WORD_MAX));
    TRY(json_new_object(&vocab));
    TRY(json_set(model, "vocab", vocab));
    for (int64_t i = 0; i < tokenizer->vocabulary.size; i++) TRY(json_set_integer(vocab, tokenizer->pieces[i], i));
    return STATUS_OK;
}

static Status fill_document(const WordPiece *tokenizer, json_t *document)
{
    json_t *added;
    TRY(json_new_array(&added));
    TRY(json_set(document, "added_tokens", added));
    for (int64_t i = 0; i < tokenizer->vocabulary.size; i++) {
        const char *piece = tokenizer->pieces[i];
        if (piece_trie_find(&tokenizer->added, piece, strlen(piece)) == i)
            TRY(tokenizer_json_put_added(added, piece, (TokenizerAdded){(int32_t)i, tokenizer->special[i], false}));
    }
    TRY(put_normalizer(tokenizer, document));
    TRY(put_processor(tokenizer, document));
    return put_model(tokenizer, document);
}

static Status save_in(const WordPiece *tokenizer, const char *directory, const char *name)
{
    char *path;
    TRY(file_join(directory, name, &path));
    Status status = wordpiece_save(tokenizer, path);
    memory_free(path);
    return status;
}

Status wordpiece_save_files(const void *tokenizer, const char *directory)
{
    static const char *const specials[] = {"pad_token", "[PAD]", "unk_token",  "[UNK]",  "cls_token", "[CLS]",
                                           "sep_token", "[SEP]", "mask_token", "[MASK]", NULL};
    TRY(save_in(tokenizer, directory, "vocab.txt"));
    TRY(save_in(tokenizer, directory, "tokenizer.json"));
    return tokenizer_config_write(directory, "BertTokenizer", wordpiece_lowercase(tokenizer), specials);
}

Status wordpiece_save_json(const WordPiece *tokenizer, const char *path)
{
    json_t *document;
    TRY(tokenizer_json_new(&document));
    Status status = fill_document(tokenizer, document);
    if (status == STATUS_OK) status = json_write(path, document);
    json_decref(document);
    return status;
}
