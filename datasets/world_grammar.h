/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables that a world is made from: vocabulary, events, sentence templates. Constant data; nobody frees
 * anything. Tests make worlds from smaller tables.
 *
 * Why the best achievable loss can be computed exactly: the plot (who acts, what happens, who has the thing)
 * evolves by itself and never looks at values (which name, which colour, which place). A value is drawn from a
 * distribution that depends on its parent values only, and an event may have a value drawn anew. So whatever
 * happened before, a value that was not mentioned yet has that same distribution, and an observer who reads from
 * the middle of a story may draw values lazily. Sentences may depend on plot and values in any way. Keep to this
 * when adding events. */
#ifndef LATHE_DATASETS_WORLD_GRAMMAR_H
#define LATHE_DATASETS_WORLD_GRAMMAR_H

#include "datasets/world.h"

enum {
    WORLD_CLASSES = 5,
    WORLD_THEME_NAMES = 16,
    WORLD_THEME_PLACES = 8,
    WORLD_THEME_SPOTS = 8,
    WORLD_CLASS_KINDS = 8,
    WORLD_KIND_COLOURS = 8,
    WORLD_EVENT_TEMPLATES = 8,
    WORLD_STYLES = 2
};

typedef enum WorldClass { WORLD_FOOD, WORLD_TOY, WORLD_BOOK, WORLD_CLOTHES, WORLD_ANIMAL } WorldClass;

/* A noun with its preposition: "in" the "kitchen", "under" the "table". */
typedef struct WorldLocation {
    const char *preposition, *noun;
} WorldLocation;

/* verb: what one does with it, or what it does (animals), in the past tense. Colours by name, NULL ends. */
typedef struct WorldKind {
    const char *noun, *verb;
    const char *colours[WORLD_KIND_COLOURS];
} WorldKind;

/* Lists end with NULL where they are shorter; at least three kinds of each class that is used. */
typedef struct WorldTheme {
    const char *name;
    const char *names[2][WORLD_THEME_NAMES]; /* of the people there, by gender */
    WorldLocation places[WORLD_THEME_PLACES], spots[WORLD_THEME_SPOTS];
    const char *kinds[WORLD_CLASSES][WORLD_CLASS_KINDS];
} WorldTheme;

/* Who may act in an event. */
typedef enum WorldActor {
    WORLD_ANYONE,
    WORLD_HERO_ONLY,
    WORLD_FRIEND_ONLY,
    WORLD_SAME_ACTOR,
    WORLD_OTHER_ACTOR
} WorldActor;

/* Bits: where the thing must be, seen from the one who acts. */
enum { WORLD_IF_NOBODY = 1, WORLD_IF_HERE = 2, WORLD_IF_ACTOR = 4, WORLD_IF_OTHER = 8, WORLD_IF_LOST = 16 };
/* Bits: is the friend there? */
enum { WORLD_IF_ALONE = 1, WORLD_IF_TOGETHER = 2 };
/* What an event draws anew. */
enum { WORLD_NEW_PLACE = 1, WORLD_NEW_THING = 2, WORLD_NEW_SPOT = 4 };

typedef enum WorldChange {
    WORLD_KEEP,
    WORLD_TO_NOBODY,
    WORLD_TO_HERE,
    WORLD_TO_ACTOR,
    WORLD_TO_OTHER,
    WORLD_TO_LOST
} WorldChange;

typedef struct WorldEvent {
    const char *name;
    double weight;
    uint8_t opening;  /* begins stories; otherwise never the first */
    uint8_t actor;    /* WorldActor */
    uint8_t together; /* WORLD_IF_ALONE | ...; 0: does not matter */
    uint8_t holder;   /* WORLD_IF_HERE | ...; 0: does not matter */
    uint8_t classes;  /* bit per class that the thing, or the new thing, may have; 0: does not matter */
    uint8_t renews;   /* WORLD_NEW_PLACE | ... */
    uint8_t change;   /* WorldChange of the thing */
    int8_t company;   /* 1 the friend is there from now on, -1 no longer */
    int8_t actor_mood, other_mood;
    uint8_t dresses;   /* the one who acts wears the thing from now on */
    uint8_t fate;      /* WorldFate of a thing that goes to nobody */
    const char *after; /* the events after which it may happen, separated by spaces; NULL: any */
    /* In a style for which there are none the event is told as in the first one. */
    const char *templates[WORLD_STYLES][WORLD_EVENT_TEMPLATES];
} WorldEvent;

/* $X in a template stands for a text of the table. */
typedef struct WorldMacro {
    char letter;
    const char *text;
} WorldMacro;

struct WorldGrammar {
    const char *const *colours, *const *sizes, *const *numbers, *const *weathers, *const *daytimes;
    const double (*counts)[4]; /* [class]: the chances of 1, 2, 3, 4 things */
    const WorldKind *kinds;    /* ends with {0} */
    const WorldTheme *themes;  /* ends with {0} */
    const WorldEvent *events;  /* ends with {0} */
    const WorldMacro *macros;  /* ends with {0} */
    /* By style: what each sentence begins with, NULL for nothing. NULL: no style has any. */
    const char *const *leads;
    double same_actor; /* how much likelier than the other person the last one goes on */
};

extern const WorldGrammar world_grammar_default;

/* --- morphology: regular rules, then the irregular forms of the vocabulary. out has WORLD_WORD_SIZE bytes. --- */

typedef enum WorldForm {
    WORLD_PLURAL,
    WORLD_PAST,
    WORLD_PARTICIPLE,
    WORLD_ING,
    WORLD_THIRD,
    WORLD_COMPARATIVE,
    WORLD_SUPERLATIVE
} WorldForm;

/* "walk", WORLD_PAST -> "walked"; "mouse", WORLD_PLURAL -> "mice". Errors: the form is too long. */
Status world_inflect(const char *lemma, WorldForm form, char out[WORLD_WORD_SIZE]) STATUS_CHECKED;
/* The form that a suffix in a template stands for: "walk+ed". -1: none. */
int world_form_of_suffix(const char *suffix, size_t length);

#endif
