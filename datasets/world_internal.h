/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A world compiled from its grammar: numbered words, the plot's states and moves, sentence templates as nodes of an
 * automaton. Shared by the generator and the oracle, so that they cannot disagree. The World owns all of it. */
#ifndef LATHE_DATASETS_WORLD_INTERNAL_H
#define LATHE_DATASETS_WORLD_INTERNAL_H

#include "datasets/world_grammar.h"
#include "engine/base/random.h"

enum { WORLD_GLUE_LEFT = 1, WORLD_GLUE_RIGHT = 2, WORLD_DOMAIN_MAX = 64, WORLD_WORDS_MAX = 4096 };

typedef struct WorldWord {
    char text[WORLD_WORD_SIZE];
    uint8_t glue; /* no space on that side */
} WorldWord;

/* --- plot --- */

typedef struct WorldPlot {
    uint8_t event, actor, together, holder, class; /* after the event; class: WORLD_CLASSES without a thing */
} WorldPlot;

typedef struct WorldMove {
    int32_t plot;
    double probability;
} WorldMove;

/* --- values --- */

/* v[WorldVariable], and what new values must differ from. WORLD_UNKNOWN where not drawn. 16 bytes. */
typedef struct WorldValues {
    uint8_t v[WORLD_VARIABLES];
    uint8_t left;          /* the place that was left, until the new one is drawn */
    uint8_t past_kinds[2]; /* of the story's things before the current one */
    uint8_t spare;
} WorldValues;

/* --- sentences --- */

/* A word that follows from the values. */
typedef enum WorldFeature {
    WORLD_F_NAME0,
    WORLD_F_NAME1,
    WORLD_F_HE0,
    WORLD_F_HE1,
    WORLD_F_HIM0,
    WORLD_F_HIM1,
    WORLD_F_HIS0,
    WORLD_F_HIS1,
    WORLD_F_GIRL0,
    WORLD_F_HERO,
    WORLD_F_FRIEND,
    WORLD_F_KIND,
    WORLD_F_COLOUR,
    WORLD_F_SIZE,
    WORLD_F_A_KIND,
    WORLD_F_A_COLOUR,
    WORLD_F_A_SIZE,
    WORLD_F_IT,
    WORLD_F_THEY,
    WORLD_F_WAS,
    WORLD_F_IS,
    WORLD_F_VERB,
    WORLD_F_AT,
    WORLD_F_PLACE,
    WORLD_F_BY,
    WORLD_F_SPOT,
    WORLD_F_WEATHER,
    WORLD_F_DAY,
    WORLD_FEATURES
} WorldFeature;

typedef enum WorldNodeKind { WORLD_NODE_END, WORLD_NODE_WORD, WORLD_NODE_FEATURE, WORLD_NODE_BRANCH } WorldNodeKind;

typedef struct WorldNode {
    uint8_t kind, role;
    uint16_t word; /* or feature, or how many branches */
    int32_t next;  /* or the first branch */
} WorldNode;

typedef struct WorldBranch {
    int32_t node;
    double probability;
} WorldBranch;

typedef struct WorldNumbering { /* word numbers of the entries of the tables */
    uint16_t colours[WORLD_DOMAIN_MAX], sizes[WORLD_DOMAIN_MAX], numbers[WORLD_DOMAIN_MAX],
        weathers[WORLD_DOMAIN_MAX], daytimes[WORLD_DOMAIN_MAX];
    uint16_t he[2], him[2], his[2], girl[2], it[2], they[2], was[2], is[2], a, an;
    struct {
        uint16_t singular, plural, verb;
        uint8_t colours[WORLD_KIND_COLOURS], colour_count;
    } kinds[256];
    struct {
        uint16_t names[2][WORLD_THEME_NAMES];
        uint16_t at[WORLD_THEME_PLACES], place[WORLD_THEME_PLACES], by[WORLD_THEME_SPOTS], spot[WORLD_THEME_SPOTS];
        uint8_t kinds[WORLD_CLASSES][WORLD_CLASS_KINDS], kind_counts[WORLD_CLASSES], places, spots, name_counts[2];
    } themes[WORLD_DOMAIN_MAX];
    int colour_count, size_count, number_count, weather_count, daytime_count, kind_count, theme_count;
} WorldNumbering;

struct World {
    WorldOptions options;
    const WorldGrammar *grammar;
    WorldWord *words;
    WorldNode *nodes;
    WorldBranch *branches;
    WorldPlot *plots;
    WorldMove *moves;
    int32_t *first_move; /* [plot_count + 1] */
    WorldMove *openings;
    int32_t *roots; /* [event_count]: where the sentence of an event begins, in the style of the options */
    int32_t word_count, node_count, branch_count, plot_count, move_count, opening_count, event_count;
    int32_t slots[8192]; /* hash table of the words while the world is made: number + 1 */
    WorldNumbering numbers;
};

/* Where the random choices come from; tests enumerate them. */
typedef struct WorldChooser {
    int (*pick)(void *context, const double *probabilities, int count); /* probabilities NULL: uniform */
    void *context;
} WorldChooser;

/* world_words.c: numbering of words and tables */
Status world_intern(World *world, const char *text, uint16_t *out) STATUS_CHECKED;
Status world_number_tables(World *world) STATUS_CHECKED;

/* world_templates.c */
Status world_compile_templates(World *world) STATUS_CHECKED;

/* world_plot.c */
Status world_plot_build(World *world) STATUS_CHECKED;

/* world_values.c */
WorldValues world_values_unknown(void);
/* The values that the variable may have, given its parents (which are known) and the plot. Returns how many;
 * *probabilities is NULL where they are alike. */
int world_domain(const World *world, const WorldPlot *plot, const WorldValues *values, int variable,
                 uint8_t out[WORLD_DOMAIN_MAX], const double **probabilities);
void world_values_set(WorldValues *values, int variable, uint8_t value);
/* Forgets what the event draws anew. */
void world_values_renew(const WorldEvent *event, WorldValues *values);
/* The variables that the feature's word follows from: a bit each. */
uint32_t world_feature_needs(WorldFeature feature, int actor);
/* The same with the parents that must be known, too. */
uint32_t world_needs_parents(uint32_t needs, const WorldValues *values);
uint16_t world_feature_word(const World *world, WorldFeature feature, const WorldPlot *plot,
                            const WorldValues *values);

/* world_scene.c, world_render.c */
typedef struct WorldTeller { /* a story in the making */
    int32_t plot;
    WorldValues values;
    WorldScene scene;
} WorldTeller;

Status world_scene_open(const World *world, const WorldChooser *chooser, WorldTeller *out) STATUS_CHECKED;
Status world_scene_step(const World *world, const WorldChooser *chooser, WorldTeller *teller) STATUS_CHECKED;
Status world_render(const World *world, const WorldTeller *teller, const WorldChooser *chooser,
                    WorldSentence *out) STATUS_CHECKED;

#endif
