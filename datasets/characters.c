/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/characters.h"

#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/json.h"

#include <stdatomic.h>
#include <string.h>
#include <utf8proc.h>

enum { END_OF_TEXT, UNKNOWN, SPECIALS, CODES = 0x110000, PIECE_SIZE = 5 };

static const char *const special_names[SPECIALS] = {"<|endoftext|>", "<|unknown|>"};
static const char type_name[] = "characters";

struct Characters {
    atomic_int refs;
    Vocabulary vocabulary;
    int32_t *codes;            /* [size - SPECIALS], rising */
    char (*texts)[PIECE_SIZE]; /* [size - SPECIALS] */
    const char **pieces;       /* [size] */
    int32_t *lengths;          /* [size] */
    uint8_t *special;          /* [size] */
};

const Option characters_train_options[] = {OPTION_INT_FIELD(CharactersTrainConfig, min_frequency, 1, 1, 1000000000,
                                                            "a character that occurs less often is unknown"),
                                           {0}};

/* --- making --- */

static Status save_files(const void *tokenizer, const char *directory)
{
    char *path;
    TRY(file_join(directory, "characters.json", &path));
    Status status = characters_save(tokenizer, path);
    memory_free(path);
    return status;
}

static Status decode(const void *tokenizer, const int32_t *ids, int64_t count, Buffer *out)
{
    return characters_decode(tokenizer, ids, count, out);
}

static Status take_memory(Characters *made, size_t count)
{
    size_t size = count + SPECIALS;
    TRY(memory_new(count, sizeof *made->codes, &made->codes));
    TRY(memory_new(count, sizeof *made->texts, &made->texts));
    TRY(memory_new(size, sizeof *made->pieces, &made->pieces));
    TRY(memory_new(size, sizeof *made->lengths, &made->lengths));
    return memory_new(size, 1, &made->special);
}

static void fill(Characters *made, const int32_t *codes, int64_t count)
{
    memcpy(made->codes, codes, (size_t)count * sizeof *codes);
    for (int i = 0; i < SPECIALS; i++) {
        made->pieces[i] = special_names[i];
        made->special[i] = 1;
    }
    for (int64_t i = 0; i < count; i++) {
        made->lengths[i + SPECIALS] = (int32_t)utf8proc_encode_char(codes[i], (utf8proc_uint8_t *)made->texts[i]);
        made->pieces[i + SPECIALS] = made->texts[i];
    }
    made->vocabulary = (Vocabulary){.size = count + SPECIALS,
                                    .pad = END_OF_TEXT,
                                    .unknown = UNKNOWN,
                                    .classify = END_OF_TEXT,
                                    .separator = END_OF_TEXT,
                                    .mask = -1,
                                    .special = made->special,
                                    .pieces = made->pieces,
                                    .lengths = made->lengths,
                                    .save = save_files,
                                    .decode = decode,
                                    .tokenizer = made};
}

/* codes: rising. */
static Status characters_new(const int32_t *codes, int64_t count, Characters **out)
{
    Characters *made;
    TRY(memory_new(1, sizeof *made, &made));
    made->refs = 1;
    Status status = take_memory(made, (size_t)count);
    if (status != STATUS_OK) {
        characters_unref(made);
        return status;
    }
    fill(made, codes, count);
    *out = made;
    return STATUS_OK;
}

/* The next character of a text, -1 for a byte that is none; moves on. */
static int32_t next_code(const char *bytes, size_t length, size_t *at)
{
    utf8proc_int32_t code;
    utf8proc_ssize_t used =
        utf8proc_iterate((const utf8proc_uint8_t *)bytes + *at, (utf8proc_ssize_t)(length - *at), &code);
    *at += used > 0 ? (size_t)used : 1;
    return used > 0 ? code : -1;
}

static void count_codes(const Buffer *text, int64_t *counts)
{
    for (size_t at = 0; at < text->length;) {
        int32_t code = next_code(text->data, text->length, &at);
        if (code > 0) counts[code]++;
    }
}

Status characters_train(const Corpus *corpus, const CharactersTrainConfig *config, Characters **out)
{
    int64_t *counts, known = 0;
    int32_t *codes;
    TRY(memory_new(CODES, sizeof *counts, &counts));
    count_codes(&corpus->bytes, counts);
    for (int32_t code = 1; code < CODES; code++) known += counts[code] >= config->min_frequency;
    Status status = memory_new((size_t)known + 1, sizeof *codes, &codes);
    if (status == STATUS_OK) {
        int64_t count = 0;
        for (int32_t code = 1; code < CODES; code++)
            if (counts[code] >= config->min_frequency) codes[count++] = code;
        status = known ? characters_new(codes, known, out)
                       : status_fail(STATUS_INVALID, "characters: no character of the text occurs %lld times",
                                     (long long)config->min_frequency);
        memory_free(codes);
    }
    memory_free(counts);
    return status;
}

Characters *characters_ref(Characters *tokenizer)
{
    tokenizer->refs++;
    return tokenizer;
}

void characters_unref(Characters *tokenizer)
{
    if (!tokenizer || --tokenizer->refs > 0) return;
    memory_free(tokenizer->codes);
    memory_free(tokenizer->texts);
    memory_free(tokenizer->pieces);
    memory_free(tokenizer->lengths);
    memory_free(tokenizer->special);
    memory_free(tokenizer);
}

/* --- files --- */

static Status read_code(const char *path, const json_t *entry, size_t number, int32_t after, int32_t *out)
{
    const char *text = json_string_value(entry);
    size_t length = text ? json_string_length(entry) : 0, at = 0;
    int32_t code = length ? next_code(text, length, &at) : -1;
    if (code <= 0 || at != length)
        return status_fail(STATUS_FORMAT, "%s: entry %zu of \"characters\" is not one character", path, number);
    if (code <= after)
        return status_fail(STATUS_FORMAT, "%s: entry %zu of \"characters\" is not behind the one before it", path,
                           number);
    *out = code;
    return STATUS_OK;
}

static Status read_codes(const char *path, const json_t *list, int32_t *codes)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        TRY(read_code(path, json_array_get(list, i), i, i ? codes[i - 1] : 0, &codes[i]));
    return STATUS_OK;
}

static Status read_document(const char *path, const json_t *document, Characters **out)
{
    const char *type;
    json_t *list;
    int32_t *codes;
    TRY(json_member_text(path, document, "type", &type));
    if (strcmp(type, type_name) != 0)
        return status_fail(STATUS_FORMAT, "%s: its type is '%.64s', not '%s'", path, type, type_name);
    TRY(json_member(path, document, "characters", JSON_ARRAY, &list));
    TRY(memory_new(json_array_size(list) + 1, sizeof *codes, &codes));
    Status status = read_codes(path, list, codes);
    if (status == STATUS_OK) status = characters_new(codes, (int64_t)json_array_size(list), out);
    memory_free(codes);
    return status;
}

Status characters_load(const char *path, Characters **out)
{
    json_t *document;
    TRY(json_read(path, 0, &document));
    Status status = read_document(path, document, out);
    json_decref(document);
    return status;
}

static Status fill_document(const Characters *tokenizer, json_t *document)
{
    json_t *list;
    TRY(json_set_text(document, "type", type_name));
    TRY(json_new_array(&list));
    TRY(json_set(document, "characters", list));
    for (int64_t i = SPECIALS; i < tokenizer->vocabulary.size; i++)
        TRY(json_append(list, json_string(tokenizer->pieces[i])));
    return STATUS_OK;
}

Status characters_save(const Characters *tokenizer, const char *path)
{
    json_t *document;
    TRY(json_new_object(&document));
    Status status = fill_document(tokenizer, document);
    if (status == STATUS_OK) status = json_write(path, document);
    json_decref(document);
    return status;
}

/* --- using --- */

static int32_t id_of(const Characters *tokenizer, int32_t code)
{
    int64_t low = 0, high = tokenizer->vocabulary.size - SPECIALS - 1;
    while (low <= high) {
        int64_t middle = (low + high) / 2;
        if (tokenizer->codes[middle] == code) return (int32_t)middle + SPECIALS;
        if (tokenizer->codes[middle] < code)
            low = middle + 1;
        else
            high = middle - 1;
    }
    return UNKNOWN;
}

static bool is_word_character(int32_t code)
{
    utf8proc_category_t category = code < 0 ? UTF8PROC_CATEGORY_CN : utf8proc_category(code);
    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_ME) ||
           (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

Status characters_encode(const Characters *tokenizer, const char *bytes, size_t length, TokenList *out)
{
    int32_t word = -1;
    bool inside = false;
    for (size_t at = 0; at < length;) {
        int32_t code = next_code(bytes, length, &at);
        bool joins = is_word_character(code);
        if (!joins || !inside) word++;
        inside = joins;
        TRY(token_list_add(out, id_of(tokenizer, code), word));
    }
    return STATUS_OK;
}

Status characters_decode(const Characters *tokenizer, const int32_t *ids, int64_t count, Buffer *out)
{
    for (int64_t i = 0; i < count; i++) {
        if (ids[i] < 0 || ids[i] >= tokenizer->vocabulary.size)
            return status_fail(STATUS_INVALID, "decode: there are pieces 0 to %lld, not %d",
                               (long long)tokenizer->vocabulary.size - 1, (int)ids[i]);
        if (!tokenizer->special[ids[i]])
            TRY(buffer_append(out, tokenizer->pieces[ids[i]], (size_t)tokenizer->lengths[ids[i]]));
    }
    return STATUS_OK;
}

const Vocabulary *characters_vocabulary(const Characters *tokenizer)
{
    return &tokenizer->vocabulary;
}

static void retain(void *object)
{
    characters_ref(object);
}

static void release(void *object)
{
    characters_unref(object);
}

static Status encode(const void *tokenizer, const char *bytes, size_t length, TokenList *out)
{
    return characters_encode(tokenizer, bytes, length, out);
}

Encoder characters_encoder(Characters *tokenizer)
{
    return (Encoder){.vocabulary = &tokenizer->vocabulary,
                     .owner = {tokenizer, retain, release},
                     .encode = encode,
                     .tokenizer = tokenizer};
}
