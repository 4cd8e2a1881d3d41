/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/tokenizer_json.h"

#include "engine/base/memory.h"
#include "engine/io/file.h"

#include <string.h>

/* --- the vocabulary --- */

static Status place_piece(const char *name, const char *piece, json_int_t id, const char **places, size_t count)
{
    size_t length = strlen(piece);
    if (length == 0 || length > TOKENIZER_PIECE_MAX)
        return status_fail(STATUS_FORMAT, "%s: the piece with id %lld has %zu bytes; pieces have 1 to %d", name,
                           (long long)id, length, (int)TOKENIZER_PIECE_MAX);
    if (id < 0 || (uint64_t)id >= count)
        return status_fail(STATUS_FORMAT, "%s: piece '%.80s' has id %lld, but there are %zu pieces: 0 to %zu", name,
                           piece, (long long)id, count, count - 1);
    if (places[id] && strcmp(places[id], piece) != 0)
        return status_fail(STATUS_FORMAT, "%s: pieces '%.80s' and '%.80s' both have id %lld", name, places[id],
                           piece, (long long)id);
    places[id] = piece;
    return STATUS_OK;
}

static Status check_added(const char *name, const json_t *token, const char **content, int64_t *id)
{
    static const char *const ways[] = {"lstrip", "rstrip", "single_word"};
    TRY(json_member_text(name, token, "content", content));
    TRY(json_member_integer(name, token, "id", 0, INT32_MAX, id));
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (json_is_true(json_object_get(token, ways[i])))
            return status_fail(STATUS_FORMAT, "%s: added token '%.80s' has %s, which Lathe does not do", name,
                               *content, ways[i]);
    return STATUS_OK;
}

static size_t count_pieces(const json_t *vocab, const json_t *added)
{
    size_t count = json_object_size(vocab), i;
    json_t *token;
    json_array_foreach(added, i, token)
    {
        const char *content = json_string_value(json_object_get(token, "content"));
        count += content && !json_object_get(vocab, content);
    }
    return count;
}

static Status place_pieces(const char *name, const json_t *vocab, const json_t *added, const char **places,
                           size_t count)
{
    const char *piece;
    json_t *value;
    size_t i;
    json_object_foreach((json_t *)vocab, piece, value)
    {
        if (!json_is_integer(value))
            return status_fail(STATUS_FORMAT, "%s: the id of piece '%.80s' is %s, not an integer", name, piece,
                               json_kind(value));
        TRY(place_piece(name, piece, json_integer_value(value), places, count));
    }
    json_array_foreach(added, i, value)
    {
        int64_t id;
        TRY(check_added(name, value, &piece, &id));
        TRY(place_piece(name, piece, id, places, count));
    }
    return STATUS_OK;
}

static Status list_pieces(const char *name, const char **places, size_t count, TokenizerPieces *out)
{
    for (size_t i = 0; i < count; i++) {
        int32_t previous;
        if (!places[i])
            return status_fail(STATUS_FORMAT, "%s: no piece has id %zu, though there are %zu pieces", name, i,
                               count);
        TRY(buffer_append(&out->text, places[i], strlen(places[i]) + 1));
        TRY(piece_trie_add(&out->ids, places[i], strlen(places[i]), (int32_t)i, &previous));
    }
    out->count = (int64_t)count;
    return STATUS_OK;
}

Status tokenizer_pieces_read(const char *name, const json_t *vocab, const json_t *added, TokenizerPieces *out)
{
    size_t count = count_pieces(vocab, added);
    const char **places;
    if (added && !json_is_array(added))
        return status_fail(STATUS_FORMAT, "%s: added_tokens is %s, not an array", name, json_kind(added));
    if (!json_is_object(vocab) || count == 0 || count > INT32_MAX / 4)
        return status_fail(STATUS_FORMAT, "%s: the vocabulary is %s of %zu pieces, not an object of some", name,
                           json_kind(vocab), count);
    TRY(memory_new(count, sizeof *places, &places));
    Status status = place_pieces(name, vocab, added, places, count);
    if (status == STATUS_OK) status = list_pieces(name, places, count, out);
    memory_free(places);
    return status;
}

void tokenizer_pieces_free(TokenizerPieces *pieces)
{
    buffer_free(&pieces->text);
    piece_trie_free(&pieces->ids);
}

Status tokenizer_json_each_added(const char *name, const json_t *added,
                                 Status (*visit)(void *context, const char *content, TokenizerAdded token),
                                 void *context)
{
    json_t *entry;
    size_t i;
    json_array_foreach(added, i, entry)
    {
        const char *content;
        int64_t id;
        TRY(check_added(name, entry, &content, &id));
        TokenizerAdded token = {.id = (int32_t)id, .special = json_is_true(json_object_get(entry, "special"))};
        const json_t *normalized = tokenizer_json_part(entry, "normalized");
        token.normalized = normalized ? json_is_true(normalized) : !token.special;
        TRY(visit(context, content, token));
    }
    return STATUS_OK;
}

/* --- reading --- */

static Status read_kind(const char *path, const json_t *document, const char **kind)
{
    json_t *model;
    TRY(json_member(path, document, "model", JSON_OBJECT, &model));
    if (!json_object_get(model, "type")) { /* files of old have none */
        *kind = json_object_get(model, "merges") ? "BPE" : "WordPiece";
        return STATUS_OK;
    }
    return json_member_text(path, model, "type", kind);
}

Status tokenizer_json_open(const char *path, json_t **document, const char **kind)
{
    TRY(json_read(path, TOKENIZER_JSON_MAX, document));
    Status status = read_kind(path, *document, kind);
    if (status != STATUS_OK) json_decref(*document);
    return status;
}

const json_t *tokenizer_json_part(const json_t *object, const char *key)
{
    const json_t *part = json_object_get(object, key);
    return part && !json_is_null(part) ? part : NULL;
}

Status tokenizer_json_type(const char *name, const json_t *document, const char *key, const char *type)
{
    const json_t *part = tokenizer_json_part(document, key);
    const char *found = part ? json_string_value(json_object_get(part, "type")) : NULL;
    if (!part && !type) return STATUS_OK;
    if (found && type && strcmp(found, type) == 0) return STATUS_OK;
    return status_fail(STATUS_FORMAT, "%s: its %s is %s%.60s%s; Lathe reads files with %s", name, key,
                       found ? "'" : "", found ? found : "missing", found ? "'" : "", type ? type : "none");
}

Status tokenizer_json_flag(const char *name, const json_t *part, const char *key, bool standard, bool must)
{
    const json_t *value = tokenizer_json_part(part, key);
    bool is = value ? json_is_true(value) : standard;
    if (is == must) return STATUS_OK;
    return status_fail(STATUS_FORMAT, "%s: %s is %s; Lathe reads files where it is %s", name, key,
                       is ? "true" : "false", must ? "true" : "false");
}

Status tokenizer_json_text(const char *name, const json_t *part, const char *key, const char *must)
{
    const json_t *value = tokenizer_json_part(part, key);
    const char *text = value ? json_string_value(value) : "";
    if (text && strcmp(text, must) == 0) return STATUS_OK;
    return status_fail(STATUS_FORMAT, "%s: %s is '%.60s'; Lathe reads files where it is '%s'", name, key,
                       text ? text : json_kind(value), must);
}

/* --- writing --- */

Status tokenizer_json_put(json_t *parent, const char *key, const char *type, json_t **out)
{
    json_t *part;
    if (!type) return json_set(parent, key, json_null());
    TRY(json_new_object(&part));
    TRY(json_set(parent, key, part));
    *out = part;
    return json_set_text(part, "type", type);
}

static Status put_head(json_t *document)
{
    TRY(json_set_text(document, "version", "1.0"));
    TRY(json_set(document, "truncation", json_null()));
    return json_set(document, "padding", json_null());
}

Status tokenizer_json_new(json_t **document)
{
    TRY(json_new_object(document));
    Status status = put_head(*document);
    if (status != STATUS_OK) json_decref(*document);
    return status;
}

Status tokenizer_json_put_added(json_t *list, const char *content, TokenizerAdded added)
{
    static const char *const flags[] = {"single_word", "lstrip", "rstrip"};
    json_t *token;
    TRY(json_new_object(&token));
    TRY(json_append(list, token));
    TRY(json_set_integer(token, "id", added.id));
    TRY(json_set_text(token, "content", content));
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) TRY(json_set_boolean(token, flags[i], false));
    TRY(json_set_boolean(token, "normalized", added.normalized));
    return json_set_boolean(token, "special", added.special);
}

static Status fill_config(json_t *config, const char *class_name, bool lowercase, const char *const *specials)
{
    TRY(json_set_text(config, "tokenizer_class", class_name));
    TRY(json_set_boolean(config, "do_lower_case", lowercase));
    for (; specials[0]; specials += 2) TRY(json_set_text(config, specials[0], specials[1]));
    return STATUS_OK;
}

Status tokenizer_config_write(const char *directory, const char *class_name, bool lowercase,
                              const char *const *specials)
{
    json_t *config;
    TRY(json_new_object(&config));
    Status status = fill_config(config, class_name, lowercase, specials);
    if (status == STATUS_OK) status = json_write_in(directory, "tokenizer_config.json", config);
    json_decref(config);
    return status;
}
