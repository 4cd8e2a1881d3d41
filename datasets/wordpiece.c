/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The object: making it, asking it, giving it away. */
#include "datasets/wordpiece.h"

#include "datasets/bert_characters.h"
#include "datasets/utf8.h"
#include "datasets/wordpiece_internal.h"
#include "engine/base/memory.h"

#include <string.h>

const char *const wordpiece_specials[WORDPIECE_SPECIALS] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};

static Status index_pieces(WordPiece *tokenizer)
{
    int64_t count = tokenizer->vocabulary.size;
    TRY(memory_new((size_t)count, sizeof *tokenizer->pieces, &tokenizer->pieces));
    TRY(memory_new((size_t)count, 1, &tokenizer->special));
    const char *piece = tokenizer->text;
    for (int64_t i = 0; i < count; i++) {
        int32_t previous;
        size_t length = strlen(piece);
        tokenizer->pieces[i] = piece;
        TRY(piece_trie_add(&tokenizer->trie, piece, length, (int32_t)i, &previous));
        piece += length + 1;
    }
    return STATUS_OK;
}

Status wordpiece_add_token(WordPiece *tokenizer, int32_t id, bool special)
{
    int32_t previous;
    const char *piece = tokenizer->pieces[id];
    TRY(piece_trie_add(&tokenizer->added, piece, strlen(piece), id, &previous));
    if (special) tokenizer->special[id] = 1;
    tokenizer->first[(uint8_t)piece[0]] = 1;
    if (previous < 0) tokenizer->content = hash_combine(tokenizer->content, hash_bytes(piece, strlen(piece)));
    return STATUS_OK;
}

static Status find_specials(WordPiece *tokenizer, const char *name)
{
    Vocabulary *vocabulary = &tokenizer->vocabulary;
    int32_t *const ids[WORDPIECE_SPECIALS] = {&vocabulary->pad, &vocabulary->unknown, &vocabulary->classify,
                                              &vocabulary->separator, &vocabulary->mask};
    for (int i = 0; i < WORDPIECE_SPECIALS; i++) {
        *ids[i] = wordpiece_id(tokenizer, wordpiece_specials[i], strlen(wordpiece_specials[i]));
        if (*ids[i] < 0)
            return status_fail(
                STATUS_FORMAT,
                "%s: there is no %s among the %lld pieces; a BERT vocabulary has [PAD], [UNK], [CLS], "
                "[SEP] and [MASK], each on a line of its own: add that line at the end, or train a "
                "vocabulary from text",
                name, wordpiece_specials[i], (long long)vocabulary->size);
        TRY(wordpiece_add_token(tokenizer, *ids[i], true));
    }
    return STATUS_OK;
}

/* Whether some piece has a capital letter; tokens in brackets ("[unused1]") do not count. */
static bool has_capitals(const WordPiece *tokenizer)
{
    for (int64_t i = 0; i < tokenizer->vocabulary.size; i++) {
        const char *piece = tokenizer->pieces[i];
        size_t length = strlen(piece), used;
        if (piece[0] == '[' && length > 2) continue;
        for (size_t at = 0; at < length; at += used) {
            int32_t lower[BERT_LOWER_MAX], code = utf8_decode(piece + at, length - at, &used);
            if (bert_lower(code, lower) != 1 || lower[0] != code) return true;
        }
    }
    return false;
}

static Status build(WordPiece *tokenizer, const char *name, size_t bytes, WordPieceCase letters)
{
    TRY(index_pieces(tokenizer));
    TRY(find_specials(tokenizer, name));
    tokenizer->vocabulary.special = tokenizer->special;
    tokenizer->vocabulary.pieces = tokenizer->pieces;
    tokenizer->vocabulary.save = wordpiece_save_files;
    tokenizer->vocabulary.tokenizer = tokenizer;
    tokenizer->continuing = piece_trie_walk(&tokenizer->trie, "##", 2);
    tokenizer->lowercase =
        letters == WORDPIECE_CASE_AUTO ? !has_capitals(tokenizer) : letters == WORDPIECE_CASE_LOWER;
    tokenizer->content =
        hash_combine(hash_bytes(tokenizer->lowercase ? "lower" : "keeps", 5), hash_bytes(tokenizer->text, bytes));
    return STATUS_OK;
}

Status wordpiece_new(const char *name, Buffer *text, int64_t count, WordPieceCase letters, WordPiece **out)
{
    WordPiece *tokenizer;
    TRY(memory_new(1, sizeof *tokenizer, &tokenizer));
    tokenizer->refs = 1;
    tokenizer->text = text->data;
    tokenizer->vocabulary.size = count;
    Status status = build(tokenizer, name, text->length, letters);
    if (status != STATUS_OK) {
        tokenizer->text = NULL;
        wordpiece_unref(tokenizer);
        return status;
    }
    buffer_take(text);
    *out = tokenizer;
    return STATUS_OK;
}

WordPiece *wordpiece_ref(WordPiece *tokenizer)
{
    atomic_fetch_add(&tokenizer->refs, 1);
    return tokenizer;
}

void wordpiece_unref(WordPiece *tokenizer)
{
    if (!tokenizer || atomic_fetch_sub(&tokenizer->refs, 1) > 1) return;
    piece_trie_free(&tokenizer->trie);
    piece_trie_free(&tokenizer->added);
    memory_free(tokenizer->pieces);
    memory_free(tokenizer->special);
    memory_free(tokenizer->text);
    memory_free(tokenizer);
}

const Vocabulary *wordpiece_vocabulary(const WordPiece *tokenizer)
{
    return &tokenizer->vocabulary;
}

bool wordpiece_lowercase(const WordPiece *tokenizer)
{
    return tokenizer->lowercase;
}

Hash wordpiece_hash(const WordPiece *tokenizer)
{
    return tokenizer->content;
}

int32_t wordpiece_id(const WordPiece *tokenizer, const char *piece, size_t length)
{
    return piece_trie_find(&tokenizer->trie, piece, length);
}

const char *wordpiece_piece(const WordPiece *tokenizer, int32_t id)
{
    return id >= 0 && id < tokenizer->vocabulary.size ? tokenizer->pieces[id] : NULL;
}

bool wordpiece_is_continuation(const WordPiece *tokenizer, int32_t id)
{
    const char *piece = wordpiece_piece(tokenizer, id);
    return piece && strncmp(piece, "##", 2) == 0 && piece[2] != '\0';
}

bool wordpiece_is_special(const WordPiece *tokenizer, int32_t id)
{
    return id >= 0 && id < tokenizer->vocabulary.size && tokenizer->special[id];
}

static void retain(void *object)
{
    wordpiece_ref(object);
}

static void release(void *object)
{
    wordpiece_unref(object);
}

static Status encode(const void *tokenizer, const char *bytes, size_t length, TokenList *out)
{
    return wordpiece_encode(tokenizer, bytes, length, out);
}

static Status spans(const void *tokenizer, const char *bytes, size_t length, TokenSpan **out, int64_t *count)
{
    return wordpiece_encode_spans(tokenizer, bytes, length, out, count);
}

Encoder wordpiece_encoder(WordPiece *tokenizer)
{
    return (Encoder){.vocabulary = &tokenizer->vocabulary,
                     .owner = {.object = tokenizer, .retain = retain, .release = release},
                     .encode = encode,
                     .tokenizer = tokenizer,
                     .spans = spans};
}
