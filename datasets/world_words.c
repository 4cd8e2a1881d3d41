/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/world_internal.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"

#include <ctype.h>
#include <string.h>

static uint8_t glue_of(const char *text)
{
    if (strcmp(text, "``") == 0) return WORLD_GLUE_RIGHT;
    if (strcmp(text, "'") == 0) return WORLD_GLUE_LEFT | WORLD_GLUE_RIGHT;
    return text[0] && !isalpha((unsigned char)text[0]) ? WORLD_GLUE_LEFT : 0;
}

/* Opening and closing quotation marks look alike, but are two words. */
Status world_intern(World *world, const char *text, uint16_t *out)
{
    uint8_t glue = glue_of(text);
    const char *shown = strcmp(text, "``") == 0 || strcmp(text, "''") == 0 ? "\"" : text;
    const uint64_t mask = sizeof world->slots / sizeof *world->slots - 1;
    uint64_t at = hash_bytes(text, strlen(text)).low & mask;
    for (; world->slots[at]; at = (at + 1) & mask) {
        const WorldWord *word = &world->words[world->slots[at] - 1];
        if (word->glue == glue && strcmp(word->text, shown) == 0) {
            *out = (uint16_t)(world->slots[at] - 1);
            return STATUS_OK;
        }
    }
    if (strlen(shown) >= WORLD_WORD_SIZE || world->word_count >= WORLD_WORDS_MAX)
        return status_fail(STATUS_INVALID, "world: no room for the word '%s'", text);
    if ((world->word_count & (world->word_count - 1)) == 0)
        TRY(memory_resize(&world->words, world->word_count ? 2 * (size_t)world->word_count : 1, sizeof(WorldWord)));
    WorldWord *word = &world->words[world->word_count];
    *word = (WorldWord){.glue = glue};
    memcpy(word->text, shown, strlen(shown));
    world->slots[at] = ++world->word_count;
    *out = (uint16_t)(world->word_count - 1);
    return STATUS_OK;
}

static Status number_list(World *world, const char *const *list, uint16_t *out, int *count)
{
    for (*count = 0; list[*count]; ++*count) {
        if (*count == WORLD_DOMAIN_MAX)
            return status_fail(STATUS_INVALID, "world: more than %d '%s'", *count, list[0]);
        TRY(world_intern(world, list[*count], &out[*count]));
    }
    if (*count == 0) return status_fail(STATUS_INVALID, "world: an empty list of words");
    return STATUS_OK;
}

static int place_in(const char *const *list, const char *text)
{
    for (int i = 0; list[i]; i++)
        if (strcmp(list[i], text) == 0) return i;
    return -1;
}

static Status number_kinds(World *world)
{
    WorldNumbering *numbers = &world->numbers;
    char form[WORLD_WORD_SIZE];
    for (const WorldKind *kind = world->grammar->kinds; kind->noun; kind++) {
        int k = numbers->kind_count++;
        if (k >= WORLD_UNKNOWN) return status_fail(STATUS_INVALID, "world: too many kinds of things");
        TRY(world_intern(world, kind->noun, &numbers->kinds[k].singular));
        TRY(world_inflect(kind->noun, WORLD_PLURAL, form));
        TRY(world_intern(world, form, &numbers->kinds[k].plural));
        TRY(world_inflect(kind->verb, WORLD_PAST, form));
        TRY(world_intern(world, form, &numbers->kinds[k].verb));
        for (int i = 0; i < WORLD_KIND_COLOURS && kind->colours[i]; i++) {
            int colour = place_in(world->grammar->colours, kind->colours[i]);
            if (colour < 0) return status_fail(STATUS_INVALID, "world: '%s' is no colour", kind->colours[i]);
            numbers->kinds[k].colours[numbers->kinds[k].colour_count++] = (uint8_t)colour;
        }
    }
    return STATUS_OK;
}

static int kind_number(const WorldGrammar *grammar, const char *noun)
{
    for (int i = 0; grammar->kinds[i].noun; i++)
        if (strcmp(grammar->kinds[i].noun, noun) == 0) return i;
    return -1;
}

static Status number_theme(World *world, const WorldTheme *theme, int t)
{
    WorldNumbering *numbers = &world->numbers;
    for (int g = 0; g < 2; g++)
        for (int i = 0; i < WORLD_THEME_NAMES && theme->names[g][i]; i++, numbers->themes[t].name_counts[g]++)
            TRY(world_intern(world, theme->names[g][i], &numbers->themes[t].names[g][i]));
    for (int i = 0; i < WORLD_THEME_PLACES && theme->places[i].noun; i++, numbers->themes[t].places++) {
        TRY(world_intern(world, theme->places[i].preposition, &numbers->themes[t].at[i]));
        TRY(world_intern(world, theme->places[i].noun, &numbers->themes[t].place[i]));
    }
    for (int i = 0; i < WORLD_THEME_SPOTS && theme->spots[i].noun; i++, numbers->themes[t].spots++) {
        TRY(world_intern(world, theme->spots[i].preposition, &numbers->themes[t].by[i]));
        TRY(world_intern(world, theme->spots[i].noun, &numbers->themes[t].spot[i]));
    }
    for (int c = 0; c < WORLD_CLASSES; c++)
        for (int i = 0; i < WORLD_CLASS_KINDS && theme->kinds[c][i]; i++) {
            int kind = kind_number(world->grammar, theme->kinds[c][i]);
            if (kind < 0) return status_fail(STATUS_INVALID, "world: '%s' is no kind of thing", theme->kinds[c][i]);
            numbers->themes[t].kinds[c][numbers->themes[t].kind_counts[c]++] = (uint8_t)kind;
        }
    return STATUS_OK;
}

static Status number_pronouns(World *world)
{
    static const char *const words[] = {"she",  "he", "her",  "him", "her",  "his", "girl", "boy", "it",
                                        "them", "it", "they", "was", "were", "is",  "are",  "a",   "an"};
    WorldNumbering *n = &world->numbers;
    uint16_t *out[] = {&n->he[0],   &n->he[1],   &n->him[0], &n->him[1], &n->his[0],  &n->his[1],
                       &n->girl[0], &n->girl[1], &n->it[0],  &n->it[1],  &n->they[0], &n->they[1],
                       &n->was[0],  &n->was[1],  &n->is[0],  &n->is[1],  &n->a,       &n->an};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) TRY(world_intern(world, words[i], out[i]));
    return STATUS_OK;
}

Status world_number_tables(World *world)
{
    const WorldGrammar *grammar = world->grammar;
    WorldNumbering *n = &world->numbers;
    TRY(number_list(world, grammar->colours, n->colours, &n->colour_count));
    TRY(number_list(world, grammar->sizes, n->sizes, &n->size_count));
    TRY(number_list(world, grammar->numbers, n->numbers, &n->number_count));
    TRY(number_list(world, grammar->weathers, n->weathers, &n->weather_count));
    TRY(number_list(world, grammar->daytimes, n->daytimes, &n->daytime_count));
    TRY(number_kinds(world));
    for (const WorldTheme *theme = grammar->themes; theme->name; theme++) {
        if (n->theme_count == WORLD_DOMAIN_MAX) return status_fail(STATUS_INVALID, "world: too many themes");
        TRY(number_theme(world, theme, n->theme_count++));
    }
    return number_pronouns(world);
}

int world_word_count(const World *world)
{
    return world->word_count;
}

const char *world_word(const World *world, int word)
{
    return world->words[word].text;
}

void world_word_text(const World *world, int word, int capital, char out[WORLD_WORD_SIZE])
{
    memcpy(out, world->words[word].text, WORLD_WORD_SIZE);
    if (capital) out[0] = (char)toupper((unsigned char)out[0]);
}
