/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text as numbers: documents of sentences of tokens, in flat arrays. A Tokenized is counted and never changes once
 * it is finished, so that sources and loader threads read it without locks; tokenized_unref() by the last holder
 * frees it. It holds the owners of its vocabulary (a tokenizer) and of its oracle by their retain and release. */
#ifndef LATHE_DATASETS_TOKENIZED_H
#define LATHE_DATASETS_TOKENIZED_H

#include "engine/base/hash.h"
#include "engine/tensor/batch.h"

enum { TEXT_MAX_CLASSES = 4096 };

/* A counted object that somebody else made; all may be NULL where it outlives everything. */
typedef struct TextOwner {
    void *object;
    void (*retain)(void *object), (*release)(void *object);
} TextOwner;

/* Somebody who knows how the text was made gives the best achievable loss on it, as SourceType.oracle. */
typedef Status (*TextOracle)(void *object, const Batch *view, const char *targets, uint8_t *known, double *nll_sum);

typedef struct Tokenized {
    int refs;
    int32_t *ids;       /* [tokens] */
    int32_t *words;     /* [tokens]: number of the word inside its sentence */
    int64_t *sentences; /* [sentence_count + 1]: where each begins in ids */
    int64_t *documents; /* [document_count + 1]: where each begins in sentences */
    int32_t *labels;    /* [document_count], -1 for none */
    int64_t tokens, sentence_count, document_count;
    int64_t class_count; /* 0 where nothing is labelled */
    char **classes;      /* [class_count] */
    bool pairs;          /* the last sentence of each document is to be written about the others */
    Hash content;        /* of all of the above; set by tokenized_finish() */
    const Vocabulary *vocabulary;
    TextOwner vocabulary_owner, oracle_owner;
    TextOracle oracle; /* NULL where nobody knows */
    int64_t token_room, sentence_room, document_room;
} Tokenized;

/* An empty one, which retains the owner of the vocabulary until it dies. */
Status tokenized_new(const Vocabulary *vocabulary, TextOwner owner, Tokenized **out) STATUS_CHECKED;
/* oracle(owner.object, ...) is asked by the sources that are made from the text. Retains the owner. */
void tokenized_set_oracle(Tokenized *text, TextOracle oracle, TextOwner owner);

/* Adds a sentence to the document under construction; words NULL: each token is a word. Empty sentences are left
 * out. Errors: an id outside the vocabulary, memory. */
Status tokenized_add_sentence(Tokenized *text, const int32_t *ids, const int32_t *words,
                              int64_t count) STATUS_CHECKED;
/* Ends the document; one without sentences is left out. label: a class number, -1 for none. */
Status tokenized_end_document(Tokenized *text, int32_t label) STATUS_CHECKED;
/* The number of the class, added as a new one where there is none of the name. Errors: memory; more than
 * TEXT_MAX_CLASSES. */
Status tokenized_class(Tokenized *text, const char *name, int32_t *out) STATUS_CHECKED;
/* Gives the classes of another text, in its order, to one that has none. */
Status tokenized_copy_classes(Tokenized *text, const Tokenized *from) STATUS_CHECKED;
/* Sorts the class names (bytewise), renumbering the labels. */
void tokenized_sort_classes(Tokenized *text);
/* Ends an open document and computes the content's hash. Nothing may be added afterwards. Errors: nothing in it. */
Status tokenized_finish(Tokenized *text) STATUS_CHECKED;

/* Two texts from one: about 'share' of it is held out. Documents are drawn by a permutation of the seed; a text of
 * one document gives its last sentences. Errors: too little text to hold out anything. */
Status tokenized_split(const Tokenized *text, double share, uint64_t seed, Tokenized **train,
                       Tokenized **held_out) STATUS_CHECKED;

/* The document of a sentence. */
int64_t tokenized_document_of(const Tokenized *text, int64_t sentence);

Tokenized *tokenized_ref(Tokenized *text);
void tokenized_unref(Tokenized *text);

#endif
