/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The built-in world: stories are reproducible, varied, and say what the scene says. */
#include "datasets/world_grammar.h"
#include "datasets/world_tables.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "tests/unit/check_more.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

Suite *world_suite(void);

static WorldOptions defaults(void)
{
    WorldOptions options;
    option_defaults(world_options, &options);
    return options;
}

static World *new_world(void)
{
    WorldOptions options = defaults();
    World *world;
    ASSERT_OK(world_new(&options, &world));
    return world;
}

static WorldStory *new_story(void)
{
    WorldStory *story;
    ASSERT_OK(memory_new(1, sizeof *story, &story));
    return story;
}

static Status append(void *context, const WorldStory *story, const char *sentence, size_t length, int last)
{
    (void)story;
    TRY(buffer_append(context, sentence, length));
    return buffer_text(context, last ? "\n\n" : "\n");
}

/* --- text --- */

START_TEST(stories_are_the_stored_ones)
{
    World *world = new_world();
    Buffer text = {0};
    char line[4096];
    ASSERT_OK(world_each_sentence(world, 0, 12, append, &text));
    FILE *file = fopen(TEST_GOLDEN "/world_stories.txt", "r");
    ck_assert_ptr_nonnull(file);
    const char *at = text.data;
    while (fgets(line, sizeof line, file)) {
        ck_assert_msg(strncmp(at, line, strlen(line)) == 0, "expected: %s     got: %.120s", line, at);
        at += strlen(line);
    }
    ck_assert_int_eq(*at, 0);
    fclose(file);
    buffer_free(&text);
    world_free(world);
}
END_TEST

START_TEST(a_story_depends_on_seed_and_index_only)
{
    World *world = new_world();
    WorldOptions options = defaults();
    options.seed = 2;
    World *other;
    ASSERT_OK(world_new(&options, &other));
    WorldStory *a = new_story(), *b = new_story();
    for (uint64_t i = 50; i-- > 0;) {
        ASSERT_OK(world_story(world, i, a));
        ASSERT_OK(world_story(world, i, b));
        ck_assert_int_eq(memcmp(a, b, sizeof *a), 0);
    }
    ASSERT_OK(world_story(other, 0, b));
    ck_assert_int_ne(memcmp(a, b, sizeof *a), 0);
    ASSERT_OK(world_story(world, UINT64_MAX, b));
    memory_free(a);
    memory_free(b);
    world_free(world);
    world_free(other);
}
END_TEST

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int count_distinct(char **lines, size_t count)
{
    int distinct = count > 0;
    qsort(lines, count, sizeof *lines, compare_texts);
    for (size_t i = 1; i < count; i++) distinct += strcmp(lines[i], lines[i - 1]) != 0;
    return distinct;
}

START_TEST(sentences_are_many_and_words_are_few)
{
    World *world = new_world();
    Buffer text = {0};
    static char *lines[12000];
    static uint8_t seen[4096];
    size_t count = 0;
    int words = 0;
    WorldStory *story = new_story();
    ASSERT_OK(world_each_sentence(world, 0, 2000, append, &text));
    for (char *line = strtok(text.data, "\n"); line; line = strtok(NULL, "\n")) lines[count++] = line;
    ck_assert_uint_eq(count, 12000);
    ck_assert_int_gt(count_distinct(lines, count), 11000);
    for (uint64_t i = 0; i < 2000; i++) {
        ASSERT_OK(world_story(world, i, story));
        for (int s = 0; s < story->count; s++)
            for (int w = 0; w < story->sentences[s].count; w++) seen[story->sentences[s].words[w].word] = 1;
    }
    for (int i = 0; i < world_word_count(world); i++) words += seen[i];
    ck_assert_int_gt(words, 300);
    ck_assert_int_lt(words, 600);
    buffer_free(&text);
    memory_free(story);
    world_free(world);
}
END_TEST

static void check_spelling(const char *text)
{
    ck_assert_msg(isupper((unsigned char)text[text[0] == '"']), "no capital: %s", text);
    ck_assert_msg(strchr(".!?\"", text[strlen(text) - 1]) != NULL, "no end: %s", text);
    ck_assert_msg(!strstr(text, "  ") && !strstr(text, " .") && !strstr(text, " ,"), "spaces: %s", text);
    for (const char *vowel = "aeiou"; *vowel; vowel++) {
        char wrong[8] = {' ', 'a', ' ', *vowel};
        ck_assert_msg(!strstr(text, wrong), "'a' before a vowel: %s", text);
    }
    for (const char *an = strstr(text, " an "); an; an = strstr(an + 1, " an "))
        ck_assert_msg(strchr("aeioh", an[4]) != NULL, "'an' before a consonant: %s", text);
}

static Status spell(void *context, const WorldStory *story, const char *sentence, size_t length, int last)
{
    (void)context;
    (void)story;
    (void)length;
    (void)last;
    check_spelling(sentence);
    return STATUS_OK;
}

START_TEST(sentences_are_spelled)
{
    WorldOptions options = defaults();
    for (options.style = 0; options.style < WORLD_STYLES; options.style++) {
        World *world;
        ASSERT_OK(world_new(&options, &world));
        ASSERT_OK(world_each_sentence(world, 5000, 1000, spell, NULL));
        world_free(world);
    }
}
END_TEST

/* The same scenes in other words: the same labels, almost no sentence that both styles have. */
START_TEST(styles_tell_the_same_stories)
{
    WorldOptions options = defaults();
    World *plain = new_world(), *spoken;
    WorldStory *a = new_story(), *b = new_story();
    int moods[3] = {0};
    options.style = 1;
    ASSERT_OK(world_new(&options, &spoken));
    for (uint64_t i = 0; i < 300; i++) {
        ASSERT_OK(world_story(plain, i, a));
        ASSERT_OK(world_story(spoken, i, b));
        for (int s = 0; s < a->count; s++)
            ck_assert_mem_eq(&a->sentences[s].scene, &b->sentences[s].scene, sizeof a->sentences[s].scene);
        moods[a->sentences[a->count - 1].scene.people[0].mood + 1]++;
    }
    for (int i = 0; i < 3; i++) ck_assert_int_gt(moods[i], 20);
    memory_free(a);
    memory_free(b);
    world_free(plain);
    world_free(spoken);
}
END_TEST

/* --- scenes --- */

static int is_one_of(const char *word, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(word, *list) == 0) return 1;
    return 0;
}

static int is_about_person(const WorldTheme *theme, const char *word, const WorldPerson *person)
{
    const char *const pronouns[2][4] = {{"she", "her", "girl", NULL}, {"he", "him", "his", "boy"}};
    for (int i = 0; i < 4 && pronouns[person->gender][i]; i++)
        if (strcmp(word, pronouns[person->gender][i]) == 0) return 1;
    return strcmp(word, theme->names[person->gender][person->name]) == 0;
}

static void check_thing_word(const World *world, const char *word, const WorldThing *thing)
{
    const char *noun = world_get_grammar(world)->kinds[thing->kind].noun;
    const char *const one[] = {"it", NULL}, *const many[] = {"them", "they", NULL};
    char plural[WORLD_WORD_SIZE];
    ASSERT_OK(world_inflect(noun, WORLD_PLURAL, plural));
    if (is_one_of(word, thing->count ? many : one)) return;
    ck_assert_str_eq(word, thing->count ? plural : noun);
}

/* What a word of the role says is what the scene says. */
static void check_word(const World *world, const WorldSentence *sentence, int index)
{
    const WorldGrammar *grammar = world_get_grammar(world);
    const WorldScene *scene = &sentence->scene;
    const WorldTheme *theme = &grammar->themes[scene->theme];
    const WorldThing *thing = scene->thing >= 0 ? &scene->things[scene->thing] : NULL;
    const WorldLocation *place = &theme->places[scene->place];
    const char *word = world_word(world, sentence->words[index].word);
    int both = grammar->events[scene->event].name && strstr(grammar->events[scene->event].name, "both") != NULL;
    switch ((WorldRole)sentence->words[index].role) {
    case WORLD_ROLE_ACTOR:
        ck_assert_msg(is_about_person(theme, word, &scene->people[scene->actor]) || both ||
                          is_about_person(theme, word, &scene->people[!scene->actor]),
                      "'%s' is nobody here", word);
        break;
    case WORLD_ROLE_OTHER: ck_assert(is_about_person(theme, word, &scene->people[!scene->actor])); break;
    case WORLD_ROLE_THING: check_thing_word(world, word, thing); break;
    case WORLD_ROLE_COLOUR: ck_assert_str_eq(word, grammar->colours[thing->colour]); break;
    case WORLD_ROLE_SIZE: ck_assert_str_eq(word, grammar->sizes[thing->size]); break;
    case WORLD_ROLE_PLACE: ck_assert(!strcmp(word, place->noun) || !strcmp(word, place->preposition)); break;
    case WORLD_ROLE_WEATHER: ck_assert_str_eq(word, grammar->weathers[scene->weather]); break;
    case WORLD_ROLE_DAYTIME: ck_assert_str_eq(word, grammar->daytimes[scene->daytime]); break;
    case WORLD_ROLE_COUNT:
        if (thing->count)
            ck_assert_str_eq(word, grammar->numbers[thing->count]);
        else
            ck_assert(!strcmp(word, "a") || !strcmp(word, "an"));
        break;
    default: break;
    }
}

/* Nobody's name, sex, colour or size changes; places change only when somebody goes. */
static void check_step(const WorldGrammar *grammar, const WorldScene *before, const WorldScene *after)
{
    const WorldEvent *event = &grammar->events[after->event];
    ck_assert_int_eq(before->theme, after->theme);
    ck_assert_int_eq(before->weather, after->weather);
    ck_assert_int_eq(before->daytime, after->daytime);
    ck_assert_int_eq(before->place != after->place, (event->renews & WORLD_NEW_PLACE) != 0);
    ck_assert_int_ne(before->event, after->event);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(before->people[i].name, after->people[i].name);
        ck_assert_int_eq(before->people[i].gender, after->people[i].gender);
    }
    ck_assert_int_eq(after->things_count - before->things_count, (event->renews & WORLD_NEW_THING) != 0);
    for (int i = 0; i < before->things_count; i++) {
        ck_assert_int_eq(before->things[i].kind, after->things[i].kind);
        ck_assert_int_eq(before->things[i].colour, after->things[i].colour);
        ck_assert_int_eq(before->things[i].size, after->things[i].size);
        ck_assert_int_eq(before->things[i].count, after->things[i].count);
    }
}

/* Who holds a thing is where it is; nobody holds what is eaten, broken or lost. */
static void check_scene(const WorldGrammar *grammar, const WorldScene *scene)
{
    const WorldPerson *people = scene->people;
    ck_assert_int_eq(people[0].gender + people[1].gender, 1);
    ck_assert_int_eq(people[0].place, scene->place);
    if (people[1].present) ck_assert_int_eq(people[1].place, scene->place);
    for (int i = 0; i < scene->things_count; i++) {
        const WorldThing *thing = &scene->things[i];
        ck_assert_int_eq(thing->fate == WORLD_HELD, thing->holder >= 0);
        if (thing->holder >= 0) {
            ck_assert_int_eq(people[thing->holder].holds, i);
            ck_assert_int_eq(thing->place, people[thing->holder].place);
        }
        int allowed = 0;
        for (int c = 0; c < WORLD_KIND_COLOURS && grammar->kinds[thing->kind].colours[c]; c++)
            allowed |= strcmp(grammar->kinds[thing->kind].colours[c], grammar->colours[thing->colour]) == 0;
        ck_assert(allowed);
    }
    for (int i = 0; i < 2; i++)
        if (people[i].wears >= 0) ck_assert_int_eq(people[i].holds, people[i].wears);
}

START_TEST(sentences_say_what_the_scene_says)
{
    World *world = new_world();
    WorldStory *story = new_story();
    for (uint64_t i = 0; i < 3000; i++) {
        ASSERT_OK(world_story(world, i, story));
        for (int s = 0; s < story->count; s++) {
            check_scene(world_get_grammar(world), &story->sentences[s].scene);
            if (s) check_step(world_get_grammar(world), &story->sentences[s - 1].scene, &story->sentences[s].scene);
            for (int w = 0; w < story->sentences[s].count; w++) check_word(world, &story->sentences[s], w);
        }
    }
    memory_free(story);
    world_free(world);
}
END_TEST

START_TEST(every_event_happens_in_long_stories)
{
    WorldOptions options = defaults();
    World *world;
    WorldStory *story = new_story();
    int happened[64] = {0};
    options.sentences = WORLD_MAX_SENTENCES;
    ASSERT_OK(world_new(&options, &world));
    for (uint64_t i = 0; i < 300; i++) {
        ASSERT_OK(world_story(world, i, story));
        for (int s = 0; s < story->count; s++) happened[story->sentences[s].scene.event]++;
    }
    for (int e = 0; world_get_grammar(world)->events[e].name; e++)
        ck_assert_msg(happened[e] > 0, "'%s' never happens", world_get_grammar(world)->events[e].name);
    memory_free(story);
    world_free(world);
}
END_TEST

/* --- morphology --- */

START_TEST(words_inflect)
{
    static const struct {
        const char *lemma;
        WorldForm form;
        const char *expected;
    } table[] = {{"apple", WORLD_PLURAL, "apples"},
                 {"berry", WORLD_PLURAL, "berries"},
                 {"peach", WORLD_PLURAL, "peaches"},
                 {"box", WORLD_PLURAL, "boxes"},
                 {"mouse", WORLD_PLURAL, "mice"},
                 {"goose", WORLD_PLURAL, "geese"},
                 {"day", WORLD_PLURAL, "days"},
                 {"sheep", WORLD_PLURAL, "sheep"},
                 {"walk", WORLD_PAST, "walked"},
                 {"carry", WORLD_PAST, "carried"},
                 {"play", WORLD_PAST, "played"},
                 {"drop", WORLD_PAST, "dropped"},
                 {"visit", WORLD_PAST, "visited"},
                 {"hide", WORLD_PAST, "hid"},
                 {"smile", WORLD_PAST, "smiled"},
                 {"go", WORLD_PAST, "went"},
                 {"button", WORLD_PAST, "buttoned"},
                 {"open", WORLD_PAST, "opened"},
                 {"break", WORLD_PAST, "broke"},
                 {"break", WORLD_PARTICIPLE, "broken"},
                 {"give", WORLD_PARTICIPLE, "given"},
                 {"find", WORLD_PARTICIPLE, "found"},
                 {"walk", WORLD_PARTICIPLE, "walked"},
                 {"run", WORLD_ING, "running"},
                 {"smile", WORLD_ING, "smiling"},
                 {"see", WORLD_ING, "seeing"},
                 {"carry", WORLD_ING, "carrying"},
                 {"play", WORLD_ING, "playing"},
                 {"go", WORLD_THIRD, "goes"},
                 {"watch", WORLD_THIRD, "watches"},
                 {"be", WORLD_THIRD, "is"},
                 {"big", WORLD_COMPARATIVE, "bigger"},
                 {"nice", WORLD_COMPARATIVE, "nicer"},
                 {"heavy", WORLD_COMPARATIVE, "heavier"},
                 {"small", WORLD_SUPERLATIVE, "smallest"},
                 {"good", WORLD_COMPARATIVE, "better"},
                 {"good", WORLD_SUPERLATIVE, "best"}};
    char form[WORLD_WORD_SIZE];
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        ASSERT_OK(world_inflect(table[i].lemma, table[i].form, form));
        ck_assert_str_eq(form, table[i].expected);
    }
    ASSERT_FAILS(world_inflect("counterrevolutionarily", WORLD_PAST, form), STATUS_INVALID, "too long");
}
END_TEST

/* --- failures --- */

static void check_bad_event(const WorldEvent *event, const char *words)
{
    WorldOptions options = defaults();
    WorldEvent events[4] = {*event};
    WorldGrammar grammar = world_grammar_default;
    World *world = NULL;
    grammar.events = events;
    events[1] = (WorldEvent){.name = "go", .weight = 1, .templates = {{"$N go+ed ."}}};
    events[2] = (WorldEvent){.name = "come", .weight = 1, .templates = {{"$N come+ed ."}}};
    size_t before = memory_in_use();
    ASSERT_FAILS(world_new_grammar(&options, &grammar, &world), STATUS_INVALID, words);
    ck_assert_ptr_null(world);
    ck_assert_uint_eq(memory_in_use(), before);
}

START_TEST(bad_grammars_are_refused)
{
    static const char *const bad[][2] = {{"a {b|c", "without }"},
                                         {"a b}", "} without {"},
                                         {"a | b", "outside of braces"},
                                         {"$y b", "unknown $macro"},
                                         {"a $", "unknown $macro"},
                                         {"@nothing", "unknown @word"},
                                         {"walk+xx", "unknown +form"},
                                         {"{a*0|b}", "positive"},
                                         {"{a*b|c}", "positive"},
                                         {"the @kind", "without the thing"},
                                         {"@by the @spot", "without the thing"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        WorldEvent event = {.name = "bad", .weight = 1, .opening = 1, .templates = {{bad[i][0]}}};
        check_bad_event(&event, bad[i][1]);
    }
    WorldEvent event = {.name = "silent", .weight = 1, .opening = 1};
    check_bad_event(&event, "no template");
    event = (WorldEvent){.name = "late", .weight = 1, .opening = 1, .after = "never", .templates = {{"x"}}};
    check_bad_event(&event, "no event 'never'");
    event = (WorldEvent){.name = "end", .weight = 1, .templates = {{"x"}}};
    check_bad_event(&event, "nothing can happen first");
}
END_TEST

START_TEST(bad_options_are_refused)
{
    World *world = NULL;
    WorldOptions options = defaults();
    options.sentences = WORLD_MAX_SENTENCES + 1;
    ASSERT_FAILS(world_new(&options, &world), STATUS_INVALID, "sentences");
    options = defaults();
    options.style = WORLD_STYLES;
    ASSERT_FAILS(world_new(&options, &world), STATUS_INVALID, "style");
    options = defaults();
    options.stories = 0;
    ASSERT_FAILS(world_new(&options, &world), STATUS_INVALID, "stories");
}
END_TEST

static Status make_and_tell(void)
{
    WorldOptions options = defaults();
    World *world;
    Buffer text = {0};
    TRY(world_new(&options, &world));
    Status status = world_each_sentence(world, 0, 2, append, &text);
    buffer_free(&text);
    world_free(world);
    return status;
}

START_TEST(failing_allocations_leak_nothing)
{
    size_t before = memory_in_use();
    Status status = STATUS_NOMEM;
    for (uint64_t n = 1; status != STATUS_OK; n++) {
        memory_fail_after(n, 0);
        status = make_and_tell();
        memory_fail_after(0, 0);
        if (status != STATUS_OK) ck_assert_int_eq(status, STATUS_NOMEM);
        ck_assert_uint_eq(memory_in_use(), before);
        ck_assert_uint_lt(n, 10000);
    }
}
END_TEST

static Status refuse(void *context, const WorldStory *story, const char *sentence, size_t length, int last)
{
    (void)sentence;
    (void)length;
    (void)last;
    return ++*(int *)context < 3 ? STATUS_OK : status_fail(STATUS_IO, "story %d is too much", (int)story->index);
}

START_TEST(a_visitor_may_stop)
{
    World *world = new_world();
    int visits = 0;
    ASSERT_FAILS(world_each_sentence(world, 7, 9, refuse, &visits), STATUS_IO, "story 7");
    ck_assert_int_eq(visits, 3);
    world_free(world);
}
END_TEST

Suite *world_suite(void)
{
    Suite *suite = suite_create("world");
    TCase *tests = tcase_create("world");
    tcase_add_test(tests, stories_are_the_stored_ones);
    tcase_add_test(tests, a_story_depends_on_seed_and_index_only);
    tcase_add_test(tests, sentences_are_many_and_words_are_few);
    tcase_add_test(tests, sentences_are_spelled);
    tcase_add_test(tests, styles_tell_the_same_stories);
    tcase_add_test(tests, sentences_say_what_the_scene_says);
    tcase_add_test(tests, every_event_happens_in_long_stories);
    tcase_add_test(tests, words_inflect);
    tcase_add_test(tests, bad_grammars_are_refused);
    tcase_add_test(tests, bad_options_are_refused);
    tcase_add_test(tests, failing_allocations_leak_nothing);
    tcase_add_test(tests, a_visitor_may_stop);
    suite_add_tcase(suite, tests);
    return suite;
}
