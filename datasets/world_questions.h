/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be asked about a story of the world, and what it comes down to. A question is only asked where the text
 * has the answer: each of its parts (who, which thing, the answer's word) was mentioned, in the words that the
 * question uses, and nothing happened since that would change it. Answers are one word of the text. */
#ifndef LATHE_DATASETS_WORLD_QUESTIONS_H
#define LATHE_DATASETS_WORLD_QUESTIONS_H

#include "datasets/world.h"

typedef enum WorldQuestionKind {
    WORLD_ASK_PERSON_PLACE, /* Where is Anna? kitchen */
    WORLD_ASK_THING_SPOT,   /* Where is the kite? table */
    WORLD_ASK_COLOUR,       /* What colour is the kite? red */
    WORLD_ASK_SIZE,         /* How big is the kite? tiny */
    WORLD_ASK_HOLDER,       /* Who has the kite? Anna */
    WORLD_ASK_HELD,         /* What does Anna have? kite */
    WORLD_ASK_WEATHER,      /* What is the weather like? sunny */
    WORLD_QUESTION_KINDS
} WorldQuestionKind;

enum { WORLD_MAX_QUESTIONS = 4 * WORLD_MAX_THINGS + 5 };

typedef struct WorldQuestion {
    uint8_t kind, subject; /* WorldQuestionKind; the person's or thing's number in the scene */
    uint16_t answer;       /* of world_word() */
} WorldQuestion;

/* All questions that the story answers, in an order that only depends on it. Returns how many. */
int world_questions(const World *world, const WorldStory *story, WorldQuestion out[WORLD_MAX_QUESTIONS]);
/* The same, at most 'most' of them, drawn by the world's seed and the story's number. */
int world_draw_questions(const World *world, const WorldStory *story, int most,
                         WorldQuestion out[WORLD_MAX_QUESTIONS]);

/* Adds the question as text. */
Status world_question_text(const World *world, const WorldStory *story, const WorldQuestion *question,
                           Buffer *out) STATUS_CHECKED;
/* Adds what is true at the end, as far as it was told: who is where, who has what, how the hero feels. */
Status world_summary_text(const World *world, const WorldStory *story, Buffer *out) STATUS_CHECKED;

#endif
