/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Learning a vocabulary: words are counted on all threads, then pieces are joined by one. */
#include "datasets/piece_pairs.h"
#include "datasets/word_counting.h"
#include "datasets/wordpiece_internal.h"
#include "engine/base/cancel.h"
#include "engine/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const Option wordpiece_train_options[] = {
    OPTION_INT_FIELD(WordPieceTrainConfig, vocab_size, 4096, 16, 1 << 24,
                     "pieces at most, special tokens included"),
    OPTION_INT_FIELD(WordPieceTrainConfig, min_frequency, 2, 1, 1 << 30,
                     "times that a pair must occur to be joined"),
    OPTION_INT_FIELD(WordPieceTrainConfig, limit_alphabet, 1000, 1, 1 << 21,
                     "characters at most, the frequent ones"),
    OPTION_BOOLEAN_FIELD(WordPieceTrainConfig, lowercase, 1, "make letters lower-case and strip accents"),
    {0}};

/* --- counting words --- */

static Status count_one(void *context, const BasicWord *word)
{
    if (word->characters > BASIC_WORD_MAX) return STATUS_OK;
    return word_counts_add(context, word->bytes, word->length, 1);
}

static Status count_sentence(const void *options, const char *bytes, size_t length, WordCounts *out)
{
    return basic_tokenize(bytes, length, *(const BasicOptions *)options, count_one, out);
}

/* --- the alphabet --- */

typedef struct Letter {
    char bytes[4];
    uint8_t length;
    bool inner; /* occurs behind the first place of a word */
    int64_t times;
} Letter;

/* Bytes of the character that begins here. */
static size_t letter_length(const char *bytes, size_t left)
{
    size_t length = 1;
    while (length < left && ((uint8_t)bytes[length] & 0xC0) == 0x80) length++;
    return length;
}

static Status count_letters(const WordCounts *words, WordCounts *all, WordCounts *inner)
{
    for (size_t i = 0; i < words->count; i++) {
        WordCount word = words->words[i];
        const char *bytes = words->bytes.data + word.start;
        for (size_t at = 0, used; at < word.length; at += used) {
            used = letter_length(bytes + at, word.length - at);
            TRY(word_counts_add(all, bytes + at, used, word.times));
            if (at) TRY(word_counts_add(inner, bytes + at, used, word.times));
        }
    }
    return STATUS_OK;
}

static Status list_letters(const WordCounts *words, Letter **out, size_t *count)
{
    WordCounts all = {0}, inner = {0};
    Status status = count_letters(words, &all, &inner);
    if (status == STATUS_OK) status = memory_new(all.count, sizeof **out, out);
    for (size_t i = 0; i < all.count && status == STATUS_OK; i++) {
        const WordCount *word = &all.words[i];
        Letter *letter = &(*out)[i];
        letter->length = (uint8_t)word->length;
        letter->times = word->times;
        memcpy(letter->bytes, all.bytes.data + word->start, word->length);
        letter->inner = word_counts_find(&inner, letter->bytes, letter->length) != NULL;
    }
    *count = all.count;
    word_counts_free(&all);
    word_counts_free(&inner);
    return status;
}

/* Bytes of UTF-8 stand in the order of the code points; unused ones are 0. */
static int by_code(const void *a, const void *b)
{
    return memcmp(((const Letter *)a)->bytes, ((const Letter *)b)->bytes, sizeof((const Letter *)a)->bytes);
}

static int by_times(const void *a, const void *b)
{
    const Letter *x = a, *y = b;
    return x->times != y->times ? (x->times < y->times ? 1 : -1) : by_code(a, b);
}

/* How many of the letters, sorted by frequency, are kept: each takes a piece, and one more with "##" where it
 * occurs inside words; all of them take at most half of the vocabulary. */
static size_t letters_kept(const Letter *letters, size_t count, const WordPieceTrainConfig *config)
{
    int64_t room = (config->vocab_size - WORDPIECE_SPECIALS) / 2;
    size_t kept = 0;
    while (kept < count && (int64_t)kept < config->limit_alphabet && room >= 1 + letters[kept].inner) {
        room -= 1 + letters[kept].inner;
        kept++;
    }
    return kept;
}

/* --- learning --- */

typedef struct Learner {
    const WordPieceTrainConfig *config;
    WordCounts words;
    Buffer text;    /* the pieces, each ending in NUL */
    size_t *starts; /* of the pieces in text */
    size_t starts_room;
    int64_t count;
    PieceTrie ids;
    PiecePairs pairs;
    EncodeProgress progress;
    void *context;
} Learner;

/* *id is that of a piece of the same text where there is one. */
static Status add_piece(Learner *learner, const char *bytes, size_t length, int32_t *id)
{
    TRY(piece_trie_add(&learner->ids, bytes, length, (int32_t)learner->count, id));
    if (*id >= 0) return STATUS_OK;
    if ((size_t)learner->count == learner->starts_room) {
        size_t room = learner->starts_room ? learner->starts_room * 2 : 1024;
        TRY(memory_resize(&learner->starts, room, sizeof *learner->starts));
        learner->starts_room = room;
    }
    learner->starts[learner->count] = learner->text.length;
    TRY(buffer_append(&learner->text, bytes, length));
    TRY(buffer_append(&learner->text, "", 1));
    *id = (int32_t)learner->count++;
    return STATUS_OK;
}

static Status add_letters(Learner *learner, const Letter *letters, size_t count, bool inner)
{
    for (size_t i = 0; i < count; i++) {
        char piece[8];
        int32_t id;
        if (inner && !letters[i].inner) continue;
        int length =
            snprintf(piece, sizeof piece, "%s%.*s", inner ? "##" : "", letters[i].length, letters[i].bytes);
        TRY(add_piece(learner, piece, (size_t)length, &id));
    }
    return STATUS_OK;
}

static Status add_alphabet(Learner *learner)
{
    Letter *letters = NULL;
    size_t count;
    for (int i = 0; i < WORDPIECE_SPECIALS; i++) {
        int32_t id;
        TRY(add_piece(learner, wordpiece_specials[i], strlen(wordpiece_specials[i]), &id));
    }
    TRY(list_letters(&learner->words, &letters, &count));
    qsort(letters, count, sizeof *letters, by_times);
    count = letters_kept(letters, count, learner->config);
    qsort(letters, count, sizeof *letters, by_code);
    Status status = add_letters(learner, letters, count, false);
    if (status == STATUS_OK) status = add_letters(learner, letters, count, true);
    memory_free(letters);
    return status;
}

/* The word as letters; one with a letter outside the alphabet teaches nothing, as it will be [UNK]. */
static Status add_word(Learner *learner, const WordCount *word)
{
    const char *bytes = learner->words.bytes.data + word->start;
    int32_t pieces[BASIC_WORD_MAX], count = 0;
    for (size_t at = 0, used; at < word->length; at += used) {
        char piece[8] = "##";
        used = letter_length(bytes + at, word->length - at);
        memcpy(piece + 2, bytes + at, used);
        pieces[count] =
            at ? piece_trie_find(&learner->ids, piece, used + 2) : piece_trie_find(&learner->ids, piece + 2, used);
        if (pieces[count++] < 0) return STATUS_OK;
    }
    return piece_pairs_add(&learner->pairs, pieces, count, word->times);
}

static Status join(Learner *learner, int32_t left, int32_t right)
{
    char piece[WORDPIECE_PIECE_MAX];
    int32_t id;
    int length = snprintf(piece, sizeof piece, "%s%s", learner->text.data + learner->starts[left],
                          learner->text.data + learner->starts[right] + 2);
    TRY(add_piece(learner, piece, (size_t)length, &id));
    return piece_pairs_join(&learner->pairs, left, right, id);
}

static Status learn(Learner *learner)
{
    const WordPieceTrainConfig *config = learner->config;
    TRY(add_alphabet(learner));
    for (size_t i = 0; i < learner->words.count; i++) TRY(add_word(learner, &learner->words.words[i]));
    while (learner->count < config->vocab_size) {
        int32_t left, right;
        bool found;
        if (learner->count % 256 == 0) {
            TRY(cancel_check());
            if (learner->progress) learner->progress(learner->context, learner->count, config->vocab_size);
        }
        TRY(piece_pairs_best(&learner->pairs, config->min_frequency, &left, &right, &found));
        if (!found) break;
        TRY(join(learner, left, right));
    }
    return STATUS_OK;
}

static Status train(Learner *learner, const Corpus *corpus, WordPiece **out)
{
    const WordPieceTrainConfig *config = learner->config;
    const BasicOptions options = {config->lowercase, config->lowercase};
    TRY(corpus_count_words(corpus, count_sentence, &options, &learner->words));
    if (learner->words.count == 0)
        return status_fail(
            STATUS_INVALID,
            "wordpiece: there are no words in the text to learn from (%lld sentences of white space, "
            "control characters or words of more than %d characters)",
            (long long)corpus->sentence_count, (int)BASIC_WORD_MAX);
    TRY(learn(learner));
    return wordpiece_new("wordpiece", &learner->text, learner->count,
                         config->lowercase ? WORDPIECE_CASE_LOWER : WORDPIECE_CASE_KEEP, out);
}

Status wordpiece_train(const Corpus *corpus, const WordPieceTrainConfig *config, EncodeProgress progress,
                       void *context, WordPiece **out)
{
    Learner learner = {.config = config, .progress = progress, .context = context};
    Status status = train(&learner, corpus, out);
    word_counts_free(&learner.words);
    buffer_free(&learner.text);
    memory_free(learner.starts);
    piece_trie_free(&learner.ids);
    piece_pairs_free(&learner.pairs);
    return status;
}
