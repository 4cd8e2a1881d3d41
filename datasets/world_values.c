/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/world_internal.h"

#include <string.h>

WorldValues world_values_unknown(void)
{
    WorldValues values;
    memset(&values, WORLD_UNKNOWN, sizeof values);
    return values;
}

static int range(int count, uint8_t *out)
{
    for (int i = 0; i < count; i++) out[i] = (uint8_t)i;
    return count;
}

static int domain_kind(const World *world, const WorldPlot *plot, const WorldValues *values, uint8_t *out)
{
    int theme = values->v[WORLD_THEME], count = 0;
    const uint8_t *kinds = world->numbers.themes[theme].kinds[plot->class];
    for (int i = 0; i < world->numbers.themes[theme].kind_counts[plot->class]; i++)
        if (kinds[i] != values->past_kinds[0] && kinds[i] != values->past_kinds[1]) out[count++] = kinds[i];
    return count;
}

int world_domain(const World *world, const WorldPlot *plot, const WorldValues *values, int variable,
                 uint8_t out[WORLD_DOMAIN_MAX], const double **probabilities)
{
    const WorldNumbering *n = &world->numbers;
    const uint8_t *v = values->v;
    int count = 0;
    *probabilities = NULL;
    switch ((WorldVariable)variable) {
    case WORLD_THEME: return range(n->theme_count, out);
    case WORLD_GENDER: return range(2, out);
    case WORLD_HERO: return range(n->themes[v[WORLD_THEME]].name_counts[v[WORLD_GENDER]], out);
    case WORLD_FRIEND: return range(n->themes[v[WORLD_THEME]].name_counts[1 - v[WORLD_GENDER]], out);
    case WORLD_PLACE:
        for (int i = 0; i < n->themes[v[WORLD_THEME]].places; i++)
            if (i != values->left) out[count++] = (uint8_t)i;
        return count;
    case WORLD_KIND: return domain_kind(world, plot, values, out);
    case WORLD_COUNT: *probabilities = world->grammar->counts[plot->class]; return range(4, out);
    case WORLD_COLOUR:
        count = n->kinds[v[WORLD_KIND]].colour_count;
        memcpy(out, n->kinds[v[WORLD_KIND]].colours, (size_t)count);
        return count;
    case WORLD_SIZE: return range(n->size_count, out);
    case WORLD_SPOT: return range(n->themes[v[WORLD_THEME]].spots, out);
    case WORLD_WEATHER: return range(n->weather_count, out);
    case WORLD_DAYTIME: return range(n->daytime_count, out);
    case WORLD_VARIABLES: break;
    }
    return 0;
}

void world_values_set(WorldValues *values, int variable, uint8_t value)
{
    values->v[variable] = value;
    if (variable == WORLD_PLACE) values->left = WORLD_UNKNOWN; /* what does not matter any more is not kept */
}

void world_values_renew(const WorldEvent *event, WorldValues *values)
{
    uint8_t *v = values->v;
    if (event->renews & WORLD_NEW_PLACE) {
        values->left = v[WORLD_PLACE];
        v[WORLD_PLACE] = WORLD_UNKNOWN;
    }
    if (event->renews & WORLD_NEW_THING) {
        values->past_kinds[1] = values->past_kinds[0];
        values->past_kinds[0] = v[WORLD_KIND];
        v[WORLD_KIND] = v[WORLD_COUNT] = v[WORLD_COLOUR] = v[WORLD_SIZE] = WORLD_UNKNOWN;
    }
    if (event->renews & (WORLD_NEW_THING | WORLD_NEW_SPOT)) v[WORLD_SPOT] = WORLD_UNKNOWN;
}

#define BIT(variable) (1u << (variable))

uint32_t world_feature_needs(WorldFeature feature, int actor)
{
    switch (feature) {
    case WORLD_F_NAME0: return BIT(actor ? WORLD_FRIEND : WORLD_HERO);
    case WORLD_F_NAME1: return BIT(actor ? WORLD_HERO : WORLD_FRIEND);
    case WORLD_F_HERO: return BIT(WORLD_HERO);
    case WORLD_F_FRIEND: return BIT(WORLD_FRIEND);
    case WORLD_F_HE0:
    case WORLD_F_HE1:
    case WORLD_F_HIM0:
    case WORLD_F_HIM1:
    case WORLD_F_HIS0:
    case WORLD_F_HIS1:
    case WORLD_F_GIRL0: return BIT(WORLD_GENDER);
    case WORLD_F_KIND:
    case WORLD_F_A_KIND: return BIT(WORLD_KIND) | BIT(WORLD_COUNT);
    case WORLD_F_COLOUR: return BIT(WORLD_COLOUR);
    case WORLD_F_A_COLOUR: return BIT(WORLD_COLOUR) | BIT(WORLD_COUNT);
    case WORLD_F_SIZE: return BIT(WORLD_SIZE);
    case WORLD_F_A_SIZE: return BIT(WORLD_SIZE) | BIT(WORLD_COUNT);
    case WORLD_F_IT:
    case WORLD_F_THEY:
    case WORLD_F_WAS:
    case WORLD_F_IS: return BIT(WORLD_COUNT);
    case WORLD_F_VERB: return BIT(WORLD_KIND);
    case WORLD_F_AT:
    case WORLD_F_PLACE: return BIT(WORLD_PLACE);
    case WORLD_F_BY:
    case WORLD_F_SPOT: return BIT(WORLD_SPOT);
    case WORLD_F_WEATHER: return BIT(WORLD_WEATHER);
    case WORLD_F_DAY: return BIT(WORLD_DAYTIME);
    case WORLD_FEATURES: break;
    }
    return 0;
}

/* A colour or kind is itself once it is known; places, spots and names are numbers in a list of the parent's. */
uint32_t world_needs_parents(uint32_t needs, const WorldValues *values)
{
    if ((needs & BIT(WORLD_COLOUR)) && values->v[WORLD_COLOUR] == WORLD_UNKNOWN) needs |= BIT(WORLD_KIND);
    if ((needs & BIT(WORLD_KIND)) && values->v[WORLD_KIND] == WORLD_UNKNOWN) needs |= BIT(WORLD_THEME);
    if (needs & (BIT(WORLD_PLACE) | BIT(WORLD_SPOT))) needs |= BIT(WORLD_THEME);
    if (needs & (BIT(WORLD_HERO) | BIT(WORLD_FRIEND))) needs |= BIT(WORLD_GENDER) | BIT(WORLD_THEME);
    return needs;
}

/* "a", "an" or a number, before the word. */
static uint16_t article(const World *world, int count, uint16_t next)
{
    if (count > 0) return world->numbers.numbers[count];
    return strchr("aeiou", world->words[next].text[0]) ? world->numbers.an : world->numbers.a;
}

static uint16_t kind_word(const World *world, const uint8_t *v)
{
    return v[WORLD_COUNT] ? world->numbers.kinds[v[WORLD_KIND]].plural
                          : world->numbers.kinds[v[WORLD_KIND]].singular;
}

static uint16_t name_word(const World *world, const uint8_t *v, int person)
{
    return world->numbers.themes[v[WORLD_THEME]]
        .names[v[WORLD_GENDER] ^ person][v[person ? WORLD_FRIEND : WORLD_HERO]];
}

uint16_t world_feature_word(const World *world, WorldFeature feature, const WorldPlot *plot,
                            const WorldValues *values)
{
    const WorldNumbering *n = &world->numbers;
    const uint8_t *v = values->v;
    int actor = plot->actor, gender = v[WORLD_GENDER] ^ actor, many = v[WORLD_COUNT] > 0, theme = v[WORLD_THEME];
    switch (feature) {
    case WORLD_F_NAME0: return name_word(world, v, actor);
    case WORLD_F_NAME1: return name_word(world, v, !actor);
    case WORLD_F_HERO: return name_word(world, v, 0);
    case WORLD_F_FRIEND: return name_word(world, v, 1);
    case WORLD_F_HE0: return n->he[gender];
    case WORLD_F_HE1: return n->he[!gender];
    case WORLD_F_HIM0: return n->him[gender];
    case WORLD_F_HIM1: return n->him[!gender];
    case WORLD_F_HIS0: return n->his[gender];
    case WORLD_F_HIS1: return n->his[!gender];
    case WORLD_F_GIRL0: return n->girl[gender];
    case WORLD_F_KIND: return kind_word(world, v);
    case WORLD_F_COLOUR: return n->colours[v[WORLD_COLOUR]];
    case WORLD_F_SIZE: return n->sizes[v[WORLD_SIZE]];
    case WORLD_F_A_KIND: return article(world, v[WORLD_COUNT], kind_word(world, v));
    case WORLD_F_A_COLOUR: return article(world, v[WORLD_COUNT], n->colours[v[WORLD_COLOUR]]);
    case WORLD_F_A_SIZE: return article(world, v[WORLD_COUNT], n->sizes[v[WORLD_SIZE]]);
    case WORLD_F_IT: return n->it[many];
    case WORLD_F_THEY: return n->they[many];
    case WORLD_F_WAS: return n->was[many];
    case WORLD_F_IS: return n->is[many];
    case WORLD_F_VERB: return n->kinds[v[WORLD_KIND]].verb;
    case WORLD_F_AT: return n->themes[theme].at[v[WORLD_PLACE]];
    case WORLD_F_PLACE: return n->themes[theme].place[v[WORLD_PLACE]];
    case WORLD_F_BY: return n->themes[theme].by[v[WORLD_SPOT]];
    case WORLD_F_SPOT: return n->themes[theme].spot[v[WORLD_SPOT]];
    case WORLD_F_WEATHER: return n->weathers[v[WORLD_WEATHER]];
    case WORLD_F_DAY: return n->daytimes[v[WORLD_DAYTIME]];
    case WORLD_FEATURES: break;
    }
    return 0;
}
