/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/corpus.h"

#include "engine/base/memory.h"

#include <string.h>

Status corpus_new(Corpus **out)
{
    Corpus *corpus;
    TRY(memory_new(1, sizeof *corpus, &corpus));
    corpus->refs = 1;
    *out = corpus;
    return STATUS_OK;
}

Corpus *corpus_ref(Corpus *corpus)
{
    corpus->refs++;
    return corpus;
}

void corpus_unref(Corpus *corpus)
{
    if (!corpus || --corpus->refs > 0) return;
    corpus_unref(corpus->held_out);
    buffer_free(&corpus->bytes);
    memory_free(corpus->sentences);
    memory_free(corpus->documents);
    memory_free(corpus->labels);
    for (int64_t i = 0; i < corpus->class_count; i++) memory_free(corpus->classes[i]);
    memory_free(corpus->classes);
    word_counts_free(&corpus->class_names);
    if (corpus->oracle_owner.release) corpus->oracle_owner.release(corpus->oracle_owner.object);
    memory_free(corpus);
}

void corpus_set_oracle(Corpus *corpus, Status (*attach)(void *object, const Encoder *encoder, Tokenized *text),
                       TextOwner owner)
{
    if (owner.retain) owner.retain(owner.object);
    if (corpus->oracle_owner.release) corpus->oracle_owner.release(corpus->oracle_owner.object);
    corpus->attach_oracle = attach;
    corpus->oracle_owner = owner;
}

static Status grow_documents(Corpus *corpus)
{
    int64_t room = corpus->document_room;
    TRY(memory_grow(&corpus->labels, &room, corpus->document_count + 2, sizeof *corpus->labels));
    TRY(memory_grow(&corpus->documents, &corpus->document_room, corpus->document_count + 2,
                    sizeof *corpus->documents));
    return STATUS_OK;
}

Status corpus_add_sentence(Corpus *corpus, const char *bytes, size_t length)
{
    if (length == 0) return STATUS_OK;
    TRY(memory_grow(&corpus->sentences, &corpus->sentence_room, corpus->sentence_count + 2,
                    sizeof *corpus->sentences));
    corpus->sentences[corpus->sentence_count] = (int64_t)corpus->bytes.length;
    TRY(buffer_append(&corpus->bytes, bytes, length));
    corpus->sentences[++corpus->sentence_count] = (int64_t)corpus->bytes.length;
    return STATUS_OK;
}

Status corpus_end_document(Corpus *corpus, int32_t label)
{
    int64_t begin = corpus->document_count ? corpus->documents[corpus->document_count] : 0;
    if (corpus->sentence_count == begin) return STATUS_OK;
    TRY(grow_documents(corpus));
    corpus->documents[corpus->document_count] = begin;
    corpus->labels[corpus->document_count++] = label;
    corpus->documents[corpus->document_count] = corpus->sentence_count;
    return STATUS_OK;
}

Status corpus_class(Corpus *corpus, const char *name, int32_t *out)
{
    size_t length = strlen(name);
    const WordCount *known = word_counts_find(&corpus->class_names, name, length);
    if (known) {
        *out = (int32_t)(known - corpus->class_names.words);
        return STATUS_OK;
    }
    if (corpus->class_count >= TEXT_MAX_CLASSES)
        return status_fail(STATUS_INVALID, "more than %d different labels; is this what holds the labels?",
                           (int)TEXT_MAX_CLASSES);
    TRY(memory_resize(&corpus->classes, (size_t)corpus->class_count + 1, sizeof *corpus->classes));
    char *copy;
    TRY(memory_copy_text(name, &copy));
    Status status = word_counts_add(&corpus->class_names, name, length, 1);
    if (status != STATUS_OK) {
        memory_free(copy);
        return status;
    }
    corpus->classes[corpus->class_count] = copy;
    *out = (int32_t)corpus->class_count++;
    return STATUS_OK;
}

static Hash hash_items(Hash hash, const void *items, int64_t count, size_t size)
{
    return hash_combine(hash, hash_bytes(items, (size_t)count * size));
}

Status corpus_finish(Corpus *corpus)
{
    TRY(corpus_end_document(corpus, -1));
    if (corpus->document_count == 0) return status_fail(STATUS_INVALID, "the text is empty");
    Hash hash = hash_bytes("corpus", 6);
    hash = hash_items(hash, corpus->bytes.data, (int64_t)corpus->bytes.length, 1);
    hash = hash_items(hash, corpus->sentences, corpus->sentence_count + 1, sizeof *corpus->sentences);
    hash = hash_items(hash, corpus->documents, corpus->document_count + 1, sizeof *corpus->documents);
    hash = hash_items(hash, corpus->labels, corpus->document_count, sizeof *corpus->labels);
    if (corpus->task) hash = hash_items(hash, &corpus->task, 1, sizeof corpus->task);
    for (int64_t i = 0; i < corpus->class_count; i++)
        hash = hash_items(hash, corpus->classes[i], (int64_t)strlen(corpus->classes[i]), 1);
    corpus->content = hash;
    return STATUS_OK;
}

const char *corpus_sentence(const Corpus *corpus, int64_t index, size_t *length)
{
    *length = (size_t)(corpus->sentences[index + 1] - corpus->sentences[index]);
    return corpus->bytes.data + corpus->sentences[index];
}

static void input_sentence(const void *text, int64_t index, const char **bytes, size_t *length)
{
    *bytes = corpus_sentence(text, index, length);
}

Status corpus_encode(const Corpus *corpus, const Encoder *encoder, EncodeProgress progress, void *context,
                     Tokenized **out)
{
    EncodeInput input = {.document_count = corpus->document_count,
                         .documents = corpus->documents,
                         .sentence = input_sentence,
                         .text = corpus,
                         .labels = corpus->labels,
                         .class_count = corpus->class_count,
                         .classes = corpus->classes};
    Tokenized *text;
    TRY(tokenized_encode(&input, encoder, progress, context, &text));
    Status status = STATUS_OK;
    text->pairs = corpus->task != CORPUS_TEXT;
    if (corpus->attach_oracle) status = corpus->attach_oracle(corpus->oracle_owner.object, encoder, text);
    if (status == STATUS_OK)
        *out = text;
    else
        tokenized_unref(text);
    return status;
}
