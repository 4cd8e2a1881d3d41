/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/tokenized.h"

#include "engine/base/memory.h"
#include "engine/base/random.h"

#include <string.h>

static void retain(TextOwner owner)
{
    if (owner.retain) owner.retain(owner.object);
}

static void release(TextOwner owner)
{
    if (owner.release) owner.release(owner.object);
}

Status tokenized_new(const Vocabulary *vocabulary, TextOwner owner, Tokenized **out)
{
    Tokenized *text;
    TRY(memory_new(1, sizeof *text, &text));
    text->refs = 1;
    text->vocabulary = vocabulary;
    text->vocabulary_owner = owner;
    retain(owner);
    *out = text;
    return STATUS_OK;
}

void tokenized_set_oracle(Tokenized *text, TextOracle oracle, TextOwner owner)
{
    retain(owner);
    release(text->oracle_owner);
    text->oracle = oracle;
    text->oracle_owner = owner;
}

Tokenized *tokenized_ref(Tokenized *text)
{
    __atomic_add_fetch(&text->refs, 1, __ATOMIC_RELAXED);
    return text;
}

void tokenized_unref(Tokenized *text)
{
    if (!text || __atomic_sub_fetch(&text->refs, 1, __ATOMIC_ACQ_REL) > 0) return;
    memory_free(text->ids);
    memory_free(text->words);
    memory_free(text->sentences);
    memory_free(text->documents);
    memory_free(text->labels);
    for (int64_t i = 0; i < text->class_count; i++) memory_free(text->classes[i]);
    memory_free(text->classes);
    release(text->vocabulary_owner);
    release(text->oracle_owner);
    memory_free(text);
}

/* Room for 'extra' more items in *block, which has *room. */
static Status grow(void *block, int64_t *room, int64_t used, int64_t extra, size_t size)
{
    int64_t need;
    if (__builtin_add_overflow(used, extra, &need))
        return status_fail(STATUS_NOMEM, "out of memory: a text of more than %lld tokens", (long long)used);
    return memory_grow(block, room, need, size);
}

static Status grow_tokens(Tokenized *text, int64_t extra)
{
    int64_t room = text->token_room;
    TRY(grow(&text->ids, &room, text->tokens, extra, sizeof *text->ids));
    TRY(grow(&text->words, &text->token_room, text->tokens, extra, sizeof *text->words));
    return STATUS_OK;
}

static Status grow_sentences(Tokenized *text)
{
    return grow(&text->sentences, &text->sentence_room, text->sentence_count, 2, sizeof *text->sentences);
}

static Status grow_documents(Tokenized *text)
{
    int64_t room = text->document_room;
    TRY(grow(&text->documents, &room, text->document_count, 2, sizeof *text->documents));
    TRY(grow(&text->labels, &text->document_room, text->document_count, 2, sizeof *text->labels));
    return STATUS_OK;
}

static Status check_ids(const Tokenized *text, const int32_t *ids, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (ids[i] < 0 || ids[i] >= text->vocabulary->size)
            return status_fail(STATUS_INVALID, "sentence %lld: token %lld is %d, outside the vocabulary of %lld",
                               (long long)text->sentence_count, (long long)i, (int)ids[i],
                               (long long)text->vocabulary->size);
    return STATUS_OK;
}

Status tokenized_add_sentence(Tokenized *text, const int32_t *ids, const int32_t *words, int64_t count)
{
    if (count <= 0) return STATUS_OK;
    TRY(check_ids(text, ids, count));
    TRY(grow_tokens(text, count));
    TRY(grow_sentences(text));
    TRY(grow_documents(text));
    memcpy(text->ids + text->tokens, ids, (size_t)count * sizeof *ids);
    for (int64_t i = 0; i < count; i++) text->words[text->tokens + i] = words ? words[i] : (int32_t)i;
    if (text->document_count == 0 && text->sentence_count == 0) text->documents[0] = 0;
    text->sentences[text->sentence_count++] = text->tokens;
    text->tokens += count;
    text->sentences[text->sentence_count] = text->tokens;
    return STATUS_OK;
}

Status tokenized_end_document(Tokenized *text, int32_t label)
{
    int64_t begin = text->document_count ? text->documents[text->document_count] : 0;
    if (text->sentence_count == begin) return STATUS_OK;
    TRY(grow_documents(text));
    text->labels[text->document_count++] = label;
    text->documents[text->document_count] = text->sentence_count;
    return STATUS_OK;
}

Status tokenized_class(Tokenized *text, const char *name, int32_t *out)
{
    for (int64_t i = 0; i < text->class_count; i++) {
        if (strcmp(text->classes[i], name) != 0) continue;
        *out = (int32_t)i;
        return STATUS_OK;
    }
    if (text->class_count >= TEXT_MAX_CLASSES)
        return status_fail(STATUS_INVALID, "more than %d classes", (int)TEXT_MAX_CLASSES);
    TRY(memory_resize(&text->classes, (size_t)text->class_count + 1, sizeof *text->classes));
    TRY(memory_copy_text(name, &text->classes[text->class_count]));
    *out = (int32_t)text->class_count++;
    return STATUS_OK;
}

Status tokenized_copy_classes(Tokenized *text, const Tokenized *from)
{
    for (int64_t i = 0; i < from->class_count; i++) {
        int32_t number;
        TRY(tokenized_class(text, from->classes[i], &number));
    }
    return STATUS_OK;
}

/* Classes are few; an insertion sort also tells where each went. */
void tokenized_sort_classes(Tokenized *text)
{
    for (int64_t i = 1; i < text->class_count; i++)
        for (int64_t k = i; k > 0 && strcmp(text->classes[k - 1], text->classes[k]) > 0; k--) {
            char *name = text->classes[k];
            text->classes[k] = text->classes[k - 1];
            text->classes[k - 1] = name;
            for (int64_t d = 0; d < text->document_count; d++)
                if (text->labels[d] == k || text->labels[d] == k - 1)
                    text->labels[d] = (int32_t)(2 * k - 1 - text->labels[d]);
        }
}

static Hash hash_items(Hash hash, const void *items, int64_t count, size_t size)
{
    return hash_combine(hash, hash_bytes(items, (size_t)count * size));
}

Status tokenized_finish(Tokenized *text)
{
    TRY(tokenized_end_document(text, -1));
    if (text->document_count == 0) return status_fail(STATUS_INVALID, "the text is empty: it has no tokens");
    Hash hash = hash_bytes("tokenized", 9);
    hash = hash_items(hash, text->ids, text->tokens, sizeof *text->ids);
    hash = hash_items(hash, text->words, text->tokens, sizeof *text->words);
    hash = hash_items(hash, text->sentences, text->sentence_count + 1, sizeof *text->sentences);
    hash = hash_items(hash, text->documents, text->document_count + 1, sizeof *text->documents);
    hash = hash_items(hash, text->labels, text->document_count, sizeof *text->labels);
    for (int64_t i = 0; i < text->class_count; i++)
        hash = hash_items(hash, text->classes[i], (int64_t)strlen(text->classes[i]), 1);
    text->content = hash;
    return STATUS_OK;
}

int64_t tokenized_document_of(const Tokenized *text, int64_t sentence)
{
    int64_t low = 0, high = text->document_count - 1;
    while (low < high) {
        int64_t middle = low + (high - low + 1) / 2;
        if (text->documents[middle] <= sentence)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static Status copy_sentences(Tokenized *to, const Tokenized *from, int64_t first, int64_t last, int32_t label)
{
    for (int64_t s = first; s < last; s++) {
        int64_t at = from->sentences[s];
        TRY(tokenized_add_sentence(to, from->ids + at, from->words + at, from->sentences[s + 1] - at));
    }
    return tokenized_end_document(to, label);
}

static Status fill_split(const Tokenized *text, double share, uint64_t seed, Tokenized *train, Tokenized *held_out)
{
    bool whole = text->document_count > 1;
    int64_t units = whole ? text->document_count : text->sentence_count;
    int64_t held = (int64_t)((double)units * share + 0.5);
    if (held < 1) held = 1;
    if (held >= units)
        return status_fail(STATUS_INVALID,
                           "valid = %g of %lld %s leaves nothing to train on; give a smaller share or a text to "
                           "evaluate on",
                           share, (long long)units, whole ? "documents" : "sentences");
    if (!whole) {
        TRY(copy_sentences(train, text, 0, units - held, text->labels[0]));
        return copy_sentences(held_out, text, units - held, units, text->labels[0]);
    }
    RandomKey key = random_key(seed, "split");
    for (int64_t d = 0; d < units; d++) {
        bool out = random_permuted(key, (uint64_t)units, (uint64_t)d) < (uint64_t)held;
        TRY(copy_sentences(out ? held_out : train, text, text->documents[d], text->documents[d + 1],
                           text->labels[d]));
    }
    return STATUS_OK;
}

/* An empty text with the classes and the vocabulary of another. */
static Status new_part(const Tokenized *whole, Tokenized **out)
{
    Tokenized *part;
    TRY(tokenized_new(whole->vocabulary, whole->vocabulary_owner, &part));
    part->pairs = whole->pairs;
    tokenized_set_oracle(part, whole->oracle, whole->oracle_owner);
    Status status = tokenized_copy_classes(part, whole);
    if (status == STATUS_OK)
        *out = part;
    else
        tokenized_unref(part);
    return status;
}

Status tokenized_split(const Tokenized *text, double share, uint64_t seed, Tokenized **train, Tokenized **held_out)
{
    Tokenized *a = NULL, *b = NULL;
    Status status = new_part(text, &a);
    if (status == STATUS_OK) status = new_part(text, &b);
    if (status == STATUS_OK) status = fill_split(text, share, seed, a, b);
    if (status == STATUS_OK) status = tokenized_finish(a);
    if (status == STATUS_OK) status = tokenized_finish(b);
    if (status == STATUS_OK) {
        *train = a;
        *held_out = b;
    } else {
        tokenized_unref(a);
        tokenized_unref(b);
    }
    return status;
}
