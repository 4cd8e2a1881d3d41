/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The built-in world: little stories about people, places and things. A plot (a Markov chain of events) moves a
 * scene, and a style renders each event as a sentence; pictures, sounds and questions can be rendered from the same
 * scenes. A story is a pure function of (seed, index). A World is made by world_new(), never changes afterwards,
 * may be read by several threads, and is freed with world_free(); a Story is plain bytes, but reads its World. */
#ifndef LATHE_DATASETS_WORLD_H
#define LATHE_DATASETS_WORLD_H

#include "engine/base/buffer.h"
#include "engine/base/option.h"
#include "engine/base/status.h"

#include <stdint.h>

enum {
    WORLD_MAX_SENTENCES = 32, /* of a story */
    WORLD_MAX_WORDS = 48,     /* of a sentence, punctuation included */
    WORLD_MAX_THINGS = 16,    /* that a story may introduce */
    WORLD_WORD_SIZE = 24
};

typedef enum WorldLabels { WORLD_NO_LABELS, WORLD_MOODS } WorldLabels;
typedef enum WorldTask { WORLD_NO_TASK, WORLD_TASK_QUESTIONS, WORLD_TASK_SUMMARIES } WorldTask;

typedef struct WorldOptions {
    int64_t seed, stories, held_out, sentences, style, labels; /* labels: WorldLabels */
    int64_t task, questions;                                   /* WorldTask; of each story */
} WorldOptions;

extern const Option world_options[];

typedef struct World World;
typedef struct WorldGrammar WorldGrammar; /* datasets/world_grammar.h */

/* Variables whose values the words of a sentence follow from. Values count from 0 in the tables of the grammar. */
typedef enum WorldVariable {
    WORLD_THEME,
    WORLD_GENDER, /* of the hero: 0 female, 1 male; the friend has the other one */
    WORLD_HERO,   /* name, in the list of the gender */
    WORLD_FRIEND,
    WORLD_PLACE, /* where the story is now, in the list of the theme */
    WORLD_KIND,  /* of the thing that the story is about now, in the list of kinds */
    WORLD_COUNT, /* how many they are, less one */
    WORLD_COLOUR,
    WORLD_SIZE,
    WORLD_SPOT, /* where the thing lies, in the list of the theme */
    WORLD_WEATHER,
    WORLD_DAYTIME,
    WORLD_VARIABLES
} WorldVariable;

enum { WORLD_UNKNOWN = 255 }; /* a value not drawn yet, or not known */

/* Where the thing of the story is. */
typedef enum WorldHolder { WORLD_NOBODY, WORLD_HERE, WORLD_BY_HERO, WORLD_BY_FRIEND, WORLD_LOST } WorldHolder;

typedef struct WorldPerson {
    uint8_t name, gender;
    uint8_t present;     /* in the place of the story */
    uint8_t place;       /* where they were seen last; WORLD_UNKNOWN: at home */
    int8_t mood;         /* -1 sad, 0, 1 happy */
    int8_t holds, wears; /* a thing of the scene; -1 nothing */
} WorldPerson;

typedef enum WorldFate { WORLD_LIES, WORLD_HELD, WORLD_MISLAID, WORLD_EATEN, WORLD_BROKEN, WORLD_AWAY } WorldFate;

typedef struct WorldThing {
    uint8_t kind, class, count, colour, size; /* count: how many, less one */
    uint8_t fate;                             /* WorldFate */
    int8_t holder;                            /* who holds it, -1 nobody */
    uint8_t place, spot;                      /* where it is, or was seen last */
} WorldThing;

/* What is true after the event of a sentence. people[0] is the hero. */
typedef struct WorldScene {
    uint8_t event, actor; /* of the grammar; whose doing it was: 0 hero, 1 friend */
    uint8_t theme, place, weather, daytime;
    int8_t thing; /* which thing the story is about, -1 none */
    int8_t things_count;
    WorldPerson people[2];
    WorldThing things[WORLD_MAX_THINGS];
} WorldScene;

typedef enum WorldRole {
    WORLD_ROLE_WORD,
    WORLD_ROLE_PUNCTUATION,
    WORLD_ROLE_VERB,
    WORLD_ROLE_ACTOR, /* a name of the one who acts, or a pronoun for them */
    WORLD_ROLE_OTHER, /* the same for the other person */
    WORLD_ROLE_THING,
    WORLD_ROLE_COUNT,
    WORLD_ROLE_COLOUR,
    WORLD_ROLE_SIZE,
    WORLD_ROLE_PLACE,
    WORLD_ROLE_SPOT,
    WORLD_ROLE_WEATHER,
    WORLD_ROLE_DAYTIME,
    WORLD_ROLES
} WorldRole;

typedef struct WorldToken {
    uint16_t word; /* of world_word() */
    uint8_t role;  /* WorldRole */
    uint8_t capital;
} WorldToken;

typedef struct WorldSentence {
    int32_t count;
    WorldToken words[WORLD_MAX_WORDS];
    WorldScene scene;
} WorldSentence;

typedef struct WorldStory {
    uint64_t index;
    int32_t count;
    WorldSentence sentences[WORLD_MAX_SENTENCES];
} WorldStory;

/* Errors: options out of range, memory. */
Status world_new(const WorldOptions *options, World **out) STATUS_CHECKED;
/* The same with another grammar, which must outlive the world. Errors also: a template that does not parse. */
Status world_new_grammar(const WorldOptions *options, const WorldGrammar *grammar, World **out) STATUS_CHECKED;
void world_free(World *world);
const WorldOptions *world_get_options(const World *world);
const WorldGrammar *world_get_grammar(const World *world);

/* Story number index: any number. By agreement training uses [0, stories) and held-out text the next held_out.
 * Errors: the grammar leads to a sentence of more than WORLD_MAX_WORDS words. */
Status world_story(const World *world, uint64_t index, WorldStory *out) STATUS_CHECKED;

/* Adds the sentence as text, as in: Anna's red kite was gone. */
Status world_sentence_text(const World *world, const WorldSentence *sentence, Buffer *out) STATUS_CHECKED;

/* Calls visit with the text of every sentence of stories [first, first + stories) in order; last is 1 at the end of
 * a story. Stops at the first failure of visit and forwards it. */
typedef Status (*WorldVisit)(void *context, const WorldStory *story, const char *sentence, size_t length, int last);
Status world_each_sentence(const World *world, uint64_t first, uint64_t stories, WorldVisit visit,
                           void *context) STATUS_CHECKED;

/* The words that sentences are made of, punctuation included; words are lower case except names and "I". */
int world_word_count(const World *world);
const char *world_word(const World *world, int word);
/* The word as it stands at the beginning of a sentence if capital. */
void world_word_text(const World *world, int word, int capital, char out[WORLD_WORD_SIZE]);
const char *world_role_name(WorldRole role);

#endif
