/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/world_grammar.h"

#include <stdio.h>
#include <string.h>

typedef struct Irregular {
    const char *lemma, *form;
} Irregular;

static const Irregular irregular_plurals[] = {{"child", "children"},  {"fish", "fish"},
                                              {"goose", "geese"},     {"knife", "knives"},
                                              {"leaf", "leaves"},     {"loaf", "loaves"},
                                              {"mouse", "mice"},      {"scarf", "scarves"},
                                              {"sheep", "sheep"},     {"calf", "calves"},
                                              {"wolf", "wolves"},     {"potato", "potatoes"},
                                              {"tomato", "tomatoes"}, {0}};

static const Irregular irregular_pasts[] = {{"be", "was"},
                                            {"beat", "beat"},
                                            {"begin", "began"},
                                            {"bite", "bit"},
                                            {"blow", "blew"},
                                            {"break", "broke"},
                                            {"bring", "brought"},
                                            {"build", "built"},
                                            {"buy", "bought"},
                                            {"catch", "caught"},
                                            {"come", "came"},
                                            {"cut", "cut"},
                                            {"do", "did"},
                                            {"draw", "drew"},
                                            {"drink", "drank"},
                                            {"eat", "ate"},
                                            {"fall", "fell"},
                                            {"feed", "fed"},
                                            {"feel", "felt"},
                                            {"find", "found"},
                                            {"fly", "flew"},
                                            {"forget", "forgot"},
                                            {"get", "got"},
                                            {"give", "gave"},
                                            {"go", "went"},
                                            {"have", "had"},
                                            {"hear", "heard"},
                                            {"hide", "hid"},
                                            {"hold", "held"},
                                            {"keep", "kept"},
                                            {"know", "knew"},
                                            {"lay", "laid"},
                                            {"lead", "led"},
                                            {"leave", "left"},
                                            {"lose", "lost"},
                                            {"make", "made"},
                                            {"meet", "met"},
                                            {"put", "put"},
                                            {"read", "read"},
                                            {"ride", "rode"},
                                            {"run", "ran"},
                                            {"say", "said"},
                                            {"see", "saw"},
                                            {"shake", "shook"},
                                            {"shine", "shone"},
                                            {"sing", "sang"},
                                            {"sit", "sat"},
                                            {"sleep", "slept"},
                                            {"spin", "spun"},
                                            {"stand", "stood"},
                                            {"sweep", "swept"},
                                            {"take", "took"},
                                            {"tell", "told"},
                                            {"think", "thought"},
                                            {"throw", "threw"},
                                            {"wear", "wore"},
                                            {"win", "won"},
                                            {"write", "wrote"},
                                            {0}};

static const Irregular irregular_participles[] = {{"be", "been"},       {"bite", "bitten"},
                                                  {"blow", "blown"},    {"break", "broken"},
                                                  {"come", "come"},     {"do", "done"},
                                                  {"draw", "drawn"},    {"drink", "drunk"},
                                                  {"eat", "eaten"},     {"fall", "fallen"},
                                                  {"fly", "flown"},     {"forget", "forgotten"},
                                                  {"give", "given"},    {"go", "gone"},
                                                  {"hide", "hidden"},   {"know", "known"},
                                                  {"ride", "ridden"},   {"run", "run"},
                                                  {"see", "seen"},      {"shake", "shaken"},
                                                  {"sing", "sung"},     {"take", "taken"},
                                                  {"throw", "thrown"},  {"wear", "worn"},
                                                  {"write", "written"}, {0}};

static const Irregular irregular_comparatives[] = {
    {"bad", "worse"}, {"good", "better"}, {"far", "farther"}, {"much", "more"}, {0}};
static const Irregular irregular_superlatives[] = {
    {"bad", "worst"}, {"good", "best"}, {"far", "farthest"}, {"much", "most"}, {0}};

static const char *irregular(const Irregular *table, const char *lemma)
{
    for (; table->lemma; table++)
        if (strcmp(table->lemma, lemma) == 0) return table->form;
    return NULL;
}

static int vowel(char c)
{
    return c && strchr("aeiou", c) != NULL;
}

/* One short stressed syllable, consonant-vowel-consonant: "stop", "big", "run". */
static int doubles(const char *word, size_t n)
{
    if (n < 3 || vowel(word[n - 1]) || strchr("wxy", word[n - 1]) || !vowel(word[n - 2]) || vowel(word[n - 3]))
        return 0;
    for (size_t i = 0; i + 3 < n; i++)
        if (vowel(word[i])) return 0;
    return 1;
}

static Status form_print(char out[WORLD_WORD_SIZE], const char *stem, size_t length, const char *doubled,
                         const char *suffix)
{
    int n = snprintf(out, WORLD_WORD_SIZE, "%.*s%s%s", (int)length, stem, doubled, suffix);
    if (n < 0 || n >= WORLD_WORD_SIZE)
        return status_fail(STATUS_INVALID, "world: '%s' has a form that is too long", stem);
    return STATUS_OK;
}

/* lemma + "ed", "er", "est" or "ing": silent e, y to i, doubled consonant. */
static Status add_vowel_suffix(const char *lemma, const char *suffix, char out[WORLD_WORD_SIZE])
{
    size_t n = strlen(lemma);
    char doubled[2] = {0};
    if (n > 2 && lemma[n - 1] == 'e' && !(suffix[0] == 'i' && lemma[n - 2] == 'e'))
        return form_print(out, lemma, n - 1, "", suffix);
    if (n > 2 && lemma[n - 1] == 'y' && !vowel(lemma[n - 2]) && suffix[0] != 'i')
        return form_print(out, lemma, n - 1, "i", suffix);
    if (doubles(lemma, n)) doubled[0] = lemma[n - 1];
    return form_print(out, lemma, n, doubled, suffix);
}

static Status add_s(const char *lemma, char out[WORLD_WORD_SIZE])
{
    size_t n = strlen(lemma);
    char last = n ? lemma[n - 1] : 0, before = n > 1 ? lemma[n - 2] : 0;
    if (last == 'y' && !vowel(before)) return form_print(out, lemma, n - 1, "i", "es");
    if (last && (strchr("sxz", last) || (last == 'h' && (before == 'c' || before == 's'))))
        return form_print(out, lemma, n, "", "es");
    return form_print(out, lemma, n, "", "s");
}

Status world_inflect(const char *lemma, WorldForm form, char out[WORLD_WORD_SIZE])
{
    const char *known = NULL;
    switch (form) {
    case WORLD_PLURAL: known = irregular(irregular_plurals, lemma); break;
    case WORLD_PARTICIPLE: known = irregular(irregular_participles, lemma); /* fall through */
    case WORLD_PAST: known = known ? known : irregular(irregular_pasts, lemma); break;
    case WORLD_COMPARATIVE: known = irregular(irregular_comparatives, lemma); break;
    case WORLD_SUPERLATIVE: known = irregular(irregular_superlatives, lemma); break;
    case WORLD_THIRD: known = strcmp(lemma, "be") == 0 ? "is" : strcmp(lemma, "have") == 0 ? "has" : NULL; break;
    case WORLD_ING: break;
    }
    if (known) return form_print(out, known, strlen(known), "", "");
    switch (form) {
    case WORLD_PLURAL:
    case WORLD_THIRD:
        if (strcmp(lemma, "go") == 0 || strcmp(lemma, "do") == 0) return form_print(out, lemma, 2, "", "es");
        return add_s(lemma, out);
    case WORLD_COMPARATIVE: return add_vowel_suffix(lemma, "er", out);
    case WORLD_SUPERLATIVE: return add_vowel_suffix(lemma, "est", out);
    case WORLD_ING: return add_vowel_suffix(lemma, "ing", out);
    case WORLD_PAST:
    case WORLD_PARTICIPLE: break;
    }
    return add_vowel_suffix(lemma, "ed", out);
}

int world_form_of_suffix(const char *suffix, size_t length)
{
    static const struct {
        const char *suffix;
        WorldForm form;
    } table[] = {{"pl", WORLD_PLURAL}, {"ed", WORLD_PAST},        {"en", WORLD_PARTICIPLE},  {"ing", WORLD_ING},
                 {"s", WORLD_THIRD},   {"er", WORLD_COMPARATIVE}, {"est", WORLD_SUPERLATIVE}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strlen(table[i].suffix) == length && memcmp(table[i].suffix, suffix, length) == 0)
            return (int)table[i].form;
    return -1;
}
