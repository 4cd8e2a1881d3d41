/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions whose answers stand in a paragraph: files of SQuAD 1.1 and 2.0 (Rajpurkar et al. 2016, 2018). A Squad
 * is counted and never changes; squad_unref() by the last holder frees it. */
#ifndef LATHE_DATASETS_SQUAD_H
#define LATHE_DATASETS_SQUAD_H

#include "engine/base/buffer.h"
#include "engine/base/hash.h"

#include <stdbool.h>

/* Text is kept in Squad.text, each piece ending in NUL: places are bytes of it. */
typedef struct SquadAnswer {
    size_t text;       /* as the file has it, which is what stands in the paragraph */
    size_t begin, end; /* bytes of the paragraph */
} SquadAnswer;

typedef struct SquadQuestion {
    size_t id, text;
    int64_t paragraph, answer, answer_count; /* its answers are [answer, answer + answer_count); 0: there is none */
} SquadQuestion;

typedef struct Squad {
    int refs;
    Buffer text;
    size_t *paragraphs; /* [paragraph_count] */
    SquadQuestion *questions;
    SquadAnswer *answers;
    int64_t paragraph_count, question_count, answer_count;
    int64_t paragraph_room, question_room, answer_room;
    int64_t skipped; /* questions left out, as their answers do not stand where the file says */
    Hash content;
} Squad;

/* Places of answers count code points, as the files do; the answer must stand there. lenient: questions whose
 * answers do not are left out and counted. Errors name the file and the question's id: not of this form, an answer
 * outside of its paragraph or that is not there, no answer without is_impossible. */
Status squad_read(const char *path, bool lenient, Squad **out) STATUS_CHECKED;
Squad *squad_ref(Squad *squad);
void squad_unref(Squad *squad);

/* The official evaluation: lower case, no punctuation, no articles, single spaces. Appends; the text is UTF-8. */
Status squad_normalize(const char *text, size_t length, Buffer *out) STATUS_CHECKED;
/* The best of the question's answers (of none where there is none): 1 where the normalised texts are the same, and
 * F1 of their words. Errors: memory. */
Status squad_score(const Squad *squad, const SquadQuestion *question, const char *answer, size_t length,
                   double *exact, double *f1) STATUS_CHECKED;

#endif
