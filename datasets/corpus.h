/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text as bytes: documents of sentences, perhaps labelled. What readers and generators make, tokenizers learn from,
 * and sources are made of. A Corpus is counted and never changes once it is finished; corpus_unref() by the last
 * holder frees it. It holds the owner of its oracle by that one's retain and release. */
#ifndef LATHE_DATASETS_CORPUS_H
#define LATHE_DATASETS_CORPUS_H

#include "datasets/tokenized_encode.h"
#include "datasets/word_counts.h"
#include "engine/base/buffer.h"

/* What the last sentences of each document are for. */
typedef enum CorpusTask {
    CORPUS_TEXT,     /* nothing: text like the others */
    CORPUS_PAIRS,    /* the last one is to be written about the others: a summary, a copy */
    CORPUS_QUESTIONS /* the last one is the answer to the one before it, about the others */
} CorpusTask;

typedef struct Corpus {
    int refs;
    CorpusTask task;
    char doc[160];      /* where it is from, in words */
    Buffer bytes;       /* UTF-8 */
    int64_t *sentences; /* [sentence_count + 1]: where each begins in bytes */
    int64_t *documents; /* [document_count + 1]: where each begins in the sentences */
    int32_t *labels;    /* [document_count], -1 for none */
    int64_t sentence_count, document_count;
    int64_t class_count;    /* 0 where nothing is labelled */
    char **classes;         /* [class_count] */
    WordCounts class_names; /* the same, to find them by name */
    Hash content;           /* of all of the above; set by corpus_finish() */
    /* Gives an encoded text its oracle; NULL where nobody knows how the text was made. */
    Status (*attach_oracle)(void *object, const Encoder *encoder, Tokenized *text);
    TextOwner oracle_owner;  /* of that object */
    struct Corpus *held_out; /* text to evaluate on that comes with it, held; NULL: none */
    int64_t sentence_room, document_room;
} Corpus;

Status corpus_new(Corpus **out) STATUS_CHECKED;

/* Adds a sentence to the document under construction; an empty one is left out. Errors: memory. */
Status corpus_add_sentence(Corpus *corpus, const char *bytes, size_t length) STATUS_CHECKED;
/* Ends the document; one without sentences is left out. label: a class number, -1 for none. */
Status corpus_end_document(Corpus *corpus, int32_t label) STATUS_CHECKED;
/* The number of the class, added as a new one where there is none of the name. Errors: memory; more than
 * TEXT_MAX_CLASSES, as when a column of texts is read as labels. */
Status corpus_class(Corpus *corpus, const char *name, int32_t *out) STATUS_CHECKED;
/* attach(owner.object, ...) is called by corpus_encode() and calls tokenized_set_oracle(). Retains the owner. */
void corpus_set_oracle(Corpus *corpus, Status (*attach)(void *object, const Encoder *encoder, Tokenized *text),
                       TextOwner owner);
/* Ends an open document and computes the content's hash. Errors: nothing in it. */
Status corpus_finish(Corpus *corpus) STATUS_CHECKED;

/* One sentence; not terminated. */
const char *corpus_sentence(const Corpus *corpus, int64_t index, size_t *length);

/* The numbers of the corpus. Errors: as tokenized_encode(). */
Status corpus_encode(const Corpus *corpus, const Encoder *encoder, EncodeProgress progress, void *context,
                     Tokenized **out) STATUS_CHECKED;

/* The same text as it reads, for causal models: a space before each sentence that follows another one in its
 * document, but not before what a task has written. Its held-out text likewise; there is no oracle of it. Errors:
 * memory. */
Status corpus_joined(const Corpus *corpus, Corpus **out) STATUS_CHECKED;

Corpus *corpus_ref(Corpus *corpus);
void corpus_unref(Corpus *corpus);

#endif
