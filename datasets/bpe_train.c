/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Learning byte pairs: words are counted on all threads, then pieces are joined by one. */
#include "datasets/bpe_internal.h"
#include "datasets/byte_alphabet.h"
#include "datasets/gpt_words.h"
#include "datasets/piece_pairs.h"
#include "datasets/utf8.h"
#include "datasets/word_counting.h"
#include "engine/base/cancel.h"
#include "engine/base/memory.h"

#include <string.h>

enum { LEAST = 257 };

const Option bpe_train_options[] = {
    OPTION_INT_FIELD(BpeTrainConfig, vocab_size, 8192, LEAST, 1 << 24,
                     "pieces at most: special tokens, the 256 bytes, and what is joined"),
    OPTION_INT_FIELD(BpeTrainConfig, min_frequency, 2, 1, 1 << 30, "times that a pair must occur to be joined"),
    OPTION_BOOLEAN_FIELD(BpeTrainConfig, mask, 0, "a token <|mask|>, for objectives that hide tokens"),
    {0}};

typedef struct Learner {
    const BpeTrainConfig *config;
    WordCounts words;
    BpeParts parts;
    size_t *starts; /* of the pieces in the text */
    size_t starts_room;
    PieceTrie ids;
    PiecePairs pairs;
    EncodeProgress progress;
    void *context;
} Learner;

static Status count_sentence(const void *context, const char *bytes, size_t length, WordCounts *out)
{
    (void)context;
    for (size_t from = 0, to; from < length; from = to) {
        to = gpt_word_end(bytes, length, from);
        TRY(word_counts_add(out, bytes + from, to - from, 1));
    }
    return STATUS_OK;
}

/* *id is that of a piece of the same text where there is one. */
static Status add_piece(Learner *learner, const char *piece, size_t length, int32_t *id)
{
    BpeParts *parts = &learner->parts;
    TRY(piece_trie_add(&learner->ids, piece, length, (int32_t)parts->count, id));
    if (*id >= 0) return STATUS_OK;
    if ((size_t)parts->count == learner->starts_room) {
        size_t room = learner->starts_room ? learner->starts_room * 2 : 1024;
        TRY(memory_resize(&learner->starts, room, sizeof *learner->starts));
        learner->starts_room = room;
    }
    learner->starts[parts->count] = parts->text.length;
    TRY(buffer_append(&parts->text, piece, length));
    TRY(buffer_append(&parts->text, "", 1));
    *id = (int32_t)parts->count++;
    return STATUS_OK;
}

static Status add_special(Learner *learner, const char *name)
{
    int32_t id;
    TRY(add_piece(learner, name, strlen(name), &id));
    TRY(bpe_parts_add(&learner->parts, (TokenizerAdded){.id = (int32_t)learner->parts.count - 1, .special = true}));
    return STATUS_OK;
}

/* The special tokens, then the bytes in the order of their names' code points. */
static Status add_alphabet(Learner *learner)
{
    int32_t id;
    TRY(add_special(learner, bpe_end_of_text));
    if (learner->config->mask) TRY(add_special(learner, bpe_mask));
    for (int32_t code = 0; code < 0x200; code++) {
        char name[UTF8_MAX_BYTES];
        if (byte_alphabet_byte(code) < 0) continue;
        TRY(add_piece(learner, name, utf8_encode(code, name), &id));
    }
    return STATUS_OK;
}

static Status add_word(Learner *learner, const WordCount *word, const int32_t byte_ids[256])
{
    const char *bytes = learner->words.bytes.data + word->start;
    int32_t small[64], *pieces = small;
    if (word->length > INT32_MAX / 4) return STATUS_OK;
    if (word->length > 64) TRY(memory_new_raw(word->length, sizeof *pieces, &pieces));
    for (size_t i = 0; i < word->length; i++) pieces[i] = byte_ids[(uint8_t)bytes[i]];
    Status status = piece_pairs_add(&learner->pairs, pieces, (int32_t)word->length, word->times);
    if (pieces != small) memory_free(pieces);
    return status;
}

static Status add_words(Learner *learner)
{
    int32_t byte_ids[256];
    for (int byte = 0; byte < 256; byte++) {
        char name[BYTE_ALPHABET_MAX];
        byte_ids[byte] = piece_trie_find(&learner->ids, name, byte_alphabet_name((uint8_t)byte, name));
    }
    for (size_t i = 0; i < learner->words.count; i++) TRY(add_word(learner, &learner->words.words[i], byte_ids));
    return STATUS_OK;
}

static Status join(Learner *learner, int32_t left, int32_t right)
{
    Buffer piece = {0};
    int32_t id = -1;
    const char *text = learner->parts.text.data;
    Status status = buffer_printf(&piece, "%s%s", text + learner->starts[left], text + learner->starts[right]);
    if (status == STATUS_OK) status = add_piece(learner, piece.data, piece.length, &id);
    buffer_free(&piece);
    TRY(status);
    TRY(bpe_parts_merge(&learner->parts, left, right));
    return piece_pairs_join(&learner->pairs, left, right, id);
}

static Status learn(Learner *learner)
{
    const BpeTrainConfig *config = learner->config;
    TRY(add_alphabet(learner));
    TRY(add_words(learner));
    while (learner->parts.count < config->vocab_size) {
        int32_t left, right;
        bool found;
        if (learner->parts.merge_count % 256 == 0) {
            TRY(cancel_check());
            if (learner->progress) learner->progress(learner->context, learner->parts.count, config->vocab_size);
        }
        TRY(piece_pairs_best(&learner->pairs, config->min_frequency, &left, &right, &found));
        if (!found) break;
        TRY(join(learner, left, right));
    }
    return STATUS_OK;
}

Status bpe_train(const Corpus *corpus, const BpeTrainConfig *config, EncodeProgress progress, void *context,
                 Bpe **out)
{
    Learner learner = {.config = config, .parts.name = "bpe", .progress = progress, .context = context};
    Status status = corpus_count_words(corpus, count_sentence, NULL, &learner.words);
    if (status == STATUS_OK) status = learn(&learner);
    if (status == STATUS_OK) status = bpe_new(&learner.parts, out);
    bpe_parts_free(&learner.parts);
    word_counts_free(&learner.words);
    memory_free(learner.starts);
    piece_trie_free(&learner.ids);
    piece_pairs_free(&learner.pairs);
    return status;
}
