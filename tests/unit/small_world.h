/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A world that is small enough to go through all of its stories. */
#ifndef LATHE_TESTS_SMALL_WORLD_H
#define LATHE_TESTS_SMALL_WORLD_H

#include "datasets/world_internal.h"

static const char *const small_colours[] = {"red", "orange", NULL}, *const small_sizes[] = {"big", NULL};
static const char *const small_weathers[] = {"cold", NULL}, *const small_days[] = {"day", NULL};
static const char *const small_numbers[] = {"one", "two", "three", "four", NULL};
static const double small_counts[WORLD_CLASSES][4] = {{0.7, 0.3, 0, 0}, {1, 0, 0, 0}};
static const WorldKind small_kinds[] = {{"apple", "cut", {"red"}},
                                        {"plum", "cut", {"red", "orange"}},
                                        {"egg", "cut", {"orange"}},
                                        {"ball", "kick", {"red", "orange"}},
                                        {"kite", "fly", {"red"}},
                                        {"balloon", "fly", {"orange"}},
                                        {0}};
static const WorldTheme small_themes[] = {{"home",
                                           {{"Ann", "Eve"}, {"Tom"}},
                                           {{"in", "kitchen"}, {"in", "hall"}},
                                           {{"on", "table"}},
                                           {{"apple", "plum", "egg"}, {"ball", "kite", "balloon"}}},
                                          {"farm",
                                           {{"Ann", "Ida"}, {"Tom"}},
                                           {{"in", "barn"}, {"on", "hill"}, {"in", "hall"}},
                                           {{"on", "table"}},
                                           {{"plum", "egg", "apple"}, {"kite", "ball", "balloon"}}},
                                          {0}};
static const WorldMacro small_macros[] = {{'S', "{@name0*2|@he0}"}, {'T', "the {@kind|@colour @kind}"}, {0}};
static const WorldEvent small_events[] = {
    {.name = "begin", .weight = 2, .opening = 1, .templates = {{"$S was @at the @place .", "$S {run+ed|go+ed} ."}}},
    {.name = "pair", .weight = 1, .opening = 1, .company = 1, .templates = {{"@hero and @friend run+ed ."}}},
    {.name = "see",
     .weight = 2,
     .holder = WORLD_IF_NOBODY,
     .classes = 3,
     .renews = WORLD_NEW_THING,
     .change = WORLD_TO_HERE,
     .templates = {{"$S {see+ed|find+ed} @a_colour @colour @kind ."}}},
    {.name = "go",
     .weight = 1,
     .renews = WORLD_NEW_PLACE,
     .change = WORLD_TO_NOBODY,
     .templates = {{"$S go+ed to the @place ."}}},
    {.name = "take",
     .weight = 2,
     .holder = WORLD_IF_HERE,
     .classes = 3,
     .change = WORLD_TO_ACTOR,
     .templates = {{"$S take+ed $T .", "`` @verb @it , '' say+ed $S ."}}},
    {.name = "eat",
     .weight = 3,
     .holder = WORLD_IF_ACTOR,
     .classes = 1,
     .change = WORLD_TO_NOBODY,
     .fate = WORLD_EATEN,
     .templates = {{"$S eat+ed $T ."}}},
    {.name = "play",
     .weight = 3,
     .holder = WORLD_IF_ACTOR,
     .classes = 2,
     .change = WORLD_TO_HERE,
     .templates = {{"$S @verb $T ."}}},
    {0}};
static const WorldGrammar small_grammar = {.colours = small_colours,
                                           .sizes = small_sizes,
                                           .numbers = small_numbers,
                                           .weathers = small_weathers,
                                           .daytimes = small_days,
                                           .counts = small_counts,
                                           .kinds = small_kinds,
                                           .themes = small_themes,
                                           .events = small_events,
                                           .macros = small_macros,
                                           .same_actor = 2};

/* Goes through all sequences of choices, one story each. */
typedef struct Script {
    int choice[64], count[64];
    int used, length;
    double probability;
} Script;

static inline int pick_scripted(void *context, const double *probabilities, int count)
{
    Script *script = context;
    int at = script->used++;
    if (at == script->length) {
        script->choice[at] = 0;
        script->length++;
    }
    script->count[at] = count;
    script->probability *= probabilities ? probabilities[script->choice[at]] : 1.0 / count;
    return script->choice[at];
}

static inline int script_advance(Script *script)
{
    while (script->length > 0 && script->choice[script->length - 1] + 1 == script->count[script->length - 1])
        script->length--;
    if (script->length == 0) return 0;
    script->choice[script->length - 1]++;
    script->used = 0;
    script->probability = 1;
    return 1;
}

#endif
