/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tokenizer.json of byte-level BPE, read and written. */
#include "datasets/bpe_internal.h"
#include "datasets/tokenizer_json.h"

#include <string.h>

/* --- reading --- */

typedef struct Reading {
    const char *path;
    TokenizerPieces pieces;
    BpeParts parts;
} Reading;

static Status check_model(const char *path, const json_t *model)
{
    TRY(tokenizer_json_text(path, model, "continuing_subword_prefix", ""));
    TRY(tokenizer_json_text(path, model, "end_of_word_suffix", ""));
    TRY(tokenizer_json_flag(path, model, "byte_fallback", false, false));
    TRY(tokenizer_json_flag(path, model, "ignore_merges", false, false));
    if (!tokenizer_json_part(model, "dropout")) return STATUS_OK;
    return status_fail(STATUS_FORMAT, "%s: its model has dropout, which Lathe does not do", path);
}

static Status check_document(const char *path, const json_t *document, bool *prefix_space)
{
    TRY(tokenizer_json_type(path, document, "normalizer", NULL));
    TRY(tokenizer_json_type(path, document, "pre_tokenizer", "ByteLevel"));
    const json_t *words = tokenizer_json_part(document, "pre_tokenizer");
    TRY(tokenizer_json_flag(path, words, "use_regex", true, true));
    if (tokenizer_json_part(document, "decoder")) TRY(tokenizer_json_type(path, document, "decoder", "ByteLevel"));
    *prefix_space = json_is_true(json_object_get(words, "add_prefix_space"));
    return check_model(path, json_object_get(document, "model"));
}

typedef struct Part {
    const char *text;
    size_t length;
} Part;

/* A text "left right", or a pair of texts; false where it is neither. */
static bool split_merge(const json_t *entry, Part out[2])
{
    const char *text = json_string_value(entry), *space = text ? strchr(text, ' ') : NULL;
    if (text) {
        if (!space || strchr(space + 1, ' ')) return false;
        out[0] = (Part){text, (size_t)(space - text)};
        out[1] = (Part){space + 1, strlen(space + 1)};
        return true;
    }
    if (json_array_size(entry) != 2) return false;
    for (size_t i = 0; i < 2; i++) {
        out[i].text = json_string_value(json_array_get(entry, i));
        if (!out[i].text) return false;
        out[i].length = strlen(out[i].text);
    }
    return true;
}

static Status read_merge(Reading *reading, const json_t *entry, size_t number)
{
    Part parts[2] = {0};
    int32_t ids[2];
    if (!split_merge(entry, parts))
        return status_fail(STATUS_FORMAT, "%s: merge %zu is not two pieces", reading->path, number + 1);
    for (int i = 0; i < 2; i++) {
        int length = parts[i].length > 80 ? 80 : (int)parts[i].length;
        ids[i] = piece_trie_find(&reading->pieces.ids, parts[i].text, parts[i].length);
        if (ids[i] < 0)
            return status_fail(STATUS_FORMAT,
                               "%s: merge %zu names the piece '%.*s', which the vocabulary does not have",
                               reading->path, number + 1, length, parts[i].text);
    }
    return bpe_parts_merge(&reading->parts, ids[0], ids[1]);
}

static Status add_token(void *parts, const char *content, TokenizerAdded token)
{
    (void)content;
    return bpe_parts_add(parts, token);
}

static Status read_document(Reading *reading, const json_t *document, Bpe **out)
{
    BpeParts *parts = &reading->parts;
    json_t *model = json_object_get(document, "model"), *merges, *entry;
    const json_t *added = tokenizer_json_part(document, "added_tokens");
    size_t i;
    TRY(check_document(reading->path, document, &parts->prefix_space));
    TRY(tokenizer_pieces_read(reading->path, json_object_get(model, "vocab"), added, &reading->pieces));
    TRY(json_member(reading->path, model, "merges", JSON_ARRAY, &merges));
    json_array_foreach(merges, i, entry) TRY(read_merge(reading, entry, i));
    TRY(tokenizer_json_each_added(reading->path, added, add_token, parts));
    parts->name = reading->path;
    parts->text = reading->pieces.text;
    parts->count = reading->pieces.count;
    reading->pieces.text = (Buffer){0};
    return bpe_new(parts, out);
}

Status bpe_read_json(const char *path, Bpe **out)
{
    json_t *document;
    const char *kind;
    Reading reading = {.path = path};
    TRY(tokenizer_json_open(path, &document, &kind));
    Status status = strcmp(kind, "BPE") == 0
                        ? read_document(&reading, document, out)
                        : status_fail(STATUS_FORMAT, "%s: its model is '%.60s', not 'BPE'", path, kind);
    tokenizer_pieces_free(&reading.pieces);
    bpe_parts_free(&reading.parts);
    json_decref(document);
    return status;
}

/* --- writing --- */

static Status put_byte_level(json_t *document, const char *key, bool prefix_space)
{
    json_t *part;
    TRY(tokenizer_json_put(document, key, "ByteLevel", &part));
    TRY(json_set_boolean(part, "add_prefix_space", prefix_space));
    TRY(json_set_boolean(part, "trim_offsets", true));
    return json_set_boolean(part, "use_regex", true);
}

static Status put_merges(const Bpe *tokenizer, json_t *model)
{
    Buffer text = {0};
    json_t *merges;
    TRY(json_new_array(&merges));
    TRY(json_set(model, "merges", merges));
    Status status = STATUS_OK;
    for (int64_t i = 0; i < tokenizer->merge_count && status == STATUS_OK; i++) {
        buffer_clear(&text);
        status = buffer_printf(&text, "%s %s", tokenizer->pieces[tokenizer->merges[i].left],
                               tokenizer->pieces[tokenizer->merges[i].right]);
        if (status == STATUS_OK) status = json_append(merges, json_string(text.data));
    }
    buffer_free(&text);
    return status;
}

static Status put_model(const Bpe *tokenizer, json_t *document)
{
    static const char *const none[] = {"dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"};
    json_t *model, *vocab;
    TRY(tokenizer_json_put(document, "model", "BPE", &model));
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) TRY(json_set(model, none[i], json_null()));
    TRY(json_set_boolean(model, "fuse_unk", false));
    TRY(json_set_boolean(model, "byte_fallback", false));
    TRY(json_new_object(&vocab));
    TRY(json_set(model, "vocab", vocab));
    for (int64_t i = 0; i < tokenizer->vocabulary.size; i++) TRY(json_set_integer(vocab, tokenizer->pieces[i], i));
    return put_merges(tokenizer, model);
}

static Status fill_document(const Bpe *tokenizer, json_t *document)
{
    json_t *added, *unused;
    TRY(json_new_array(&added));
    TRY(json_set(document, "added_tokens", added));
    for (int64_t i = 0; i < tokenizer->vocabulary.size; i++) {
        TokenizerAdded token = {(int32_t)i, tokenizer->special[i], tokenizer->passes[i] == 1};
        if (tokenizer->passes[i] < BPE_PASSES) TRY(tokenizer_json_put_added(added, tokenizer->pieces[i], token));
    }
    TRY(tokenizer_json_put(document, "normalizer", NULL, &unused));
    TRY(put_byte_level(document, "pre_tokenizer", tokenizer->prefix_space));
    TRY(put_byte_level(document, "post_processor", true));
    TRY(put_byte_level(document, "decoder", true));
    return put_model(tokenizer, document);
}

Status bpe_write_json(const Bpe *tokenizer, const char *path)
{
    json_t *document;
    TRY(tokenizer_json_new(&document));
    Status status = fill_document(tokenizer, document);
    if (status == STATUS_OK) status = json_write(path, document);
    json_decref(document);
    return status;
}
