/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/world_questions.h"

#include "datasets/world_internal.h"

#include <string.h>

/* --- what the text says --- */

typedef struct Reader {
    const World *world;
    const WorldStory *story;
    const WorldScene *end; /* the scene behind the last sentence */
} Reader;

static Reader reader_of(const World *world, const WorldStory *story)
{
    return (Reader){world, story, &story->sentences[story->count - 1].scene};
}

static bool says(const WorldSentence *sentence, WorldRole role, uint16_t word)
{
    for (int i = 0; i < sentence->count; i++)
        if (sentence->words[i].role == role && sentence->words[i].word == word) return true;
    return false;
}

/* The sentence is about the thing and calls it by its noun. */
static bool names_thing(const WorldSentence *sentence, int thing, uint16_t noun)
{
    return sentence->scene.thing == thing && says(sentence, WORLD_ROLE_THING, noun);
}

static uint16_t name_of(const Reader *reader, int person)
{
    const WorldPerson *who = &reader->end->people[person];
    return reader->world->numbers.themes[reader->end->theme].names[who->gender][who->name];
}

static uint16_t noun_of(const Reader *reader, int thing)
{
    const WorldThing *what = &reader->end->things[thing];
    return what->count ? reader->world->numbers.kinds[what->kind].plural
                       : reader->world->numbers.kinds[what->kind].singular;
}

static bool knows_name(const Reader *reader, int person)
{
    uint16_t name = name_of(reader, person);
    for (int i = 0; i < reader->story->count; i++)
        if (says(&reader->story->sentences[i], WORLD_ROLE_ACTOR, name) ||
            says(&reader->story->sentences[i], WORLD_ROLE_OTHER, name))
            return true;
    return false;
}

/* By its noun, which no other thing of the story has. */
static bool knows_thing(const Reader *reader, int thing)
{
    bool known = false;
    for (int i = 0; i < reader->end->things_count; i++)
        if (i != thing && reader->end->things[i].kind == reader->end->things[thing].kind) return false;
    for (int i = 0; i < reader->story->count; i++)
        known |= names_thing(&reader->story->sentences[i], thing, noun_of(reader, thing));
    return known;
}

/* The first sentence of what has been so since: the last one whose event drew it anew. thing -1: any. */
static int since(const Reader *reader, int renews, int thing)
{
    const WorldEvent *events = reader->world->grammar->events;
    int first = 0;
    for (int i = 0; i < reader->story->count; i++) {
        const WorldScene *scene = &reader->story->sentences[i].scene;
        if ((thing < 0 || scene->thing == thing) && (events[scene->event].renews & renews)) first = i;
    }
    return first;
}

/* "in the kitchen" or "to the kitchen"; to tell of the kitchen is not to be there. */
static bool says_place(const Reader *reader, const WorldSentence *sentence, uint16_t noun)
{
    for (int i = 2; i < sentence->count; i++) {
        const WorldToken *before = &sentence->words[i - 2];
        if (sentence->words[i].role != WORLD_ROLE_PLACE || sentence->words[i].word != noun) continue;
        if (before->role == WORLD_ROLE_PLACE || strcmp(world_word(reader->world, before->word), "to") == 0)
            return true;
    }
    return false;
}

static bool knows_place(const Reader *reader, uint16_t *noun)
{
    *noun = reader->world->numbers.themes[reader->end->theme].place[reader->end->place];
    for (int i = since(reader, WORLD_NEW_PLACE, -1); i < reader->story->count; i++)
        if (says_place(reader, &reader->story->sentences[i], *noun)) return true;
    return false;
}

static bool knows_spot(const Reader *reader, int thing, uint16_t *noun)
{
    const WorldThing *what = &reader->end->things[thing];
    if (what->fate != WORLD_LIES || what->spot == WORLD_UNKNOWN) return false;
    *noun = reader->world->numbers.themes[reader->end->theme].spot[what->spot];
    for (int i = since(reader, WORLD_NEW_SPOT | WORLD_NEW_THING, thing); i < reader->story->count; i++)
        if (reader->story->sentences[i].scene.thing == thing &&
            says(&reader->story->sentences[i], WORLD_ROLE_SPOT, *noun))
            return true;
    return false;
}

/* A word of the role beside the thing's noun. */
static bool knows_property(const Reader *reader, int thing, WorldRole role, uint16_t word)
{
    for (int i = 0; i < reader->story->count; i++)
        if (names_thing(&reader->story->sentences[i], thing, noun_of(reader, thing)) &&
            says(&reader->story->sentences[i], role, word))
            return true;
    return false;
}

static bool knows_weather(const Reader *reader, uint16_t *word)
{
    *word = reader->world->numbers.weathers[reader->end->weather];
    for (int i = 0; i < reader->story->count; i++)
        if (says(&reader->story->sentences[i], WORLD_ROLE_WEATHER, *word)) return true;
    return false;
}

/* --- questions --- */

typedef struct QuestionList {
    WorldQuestion *questions;
    int count;
} QuestionList;

static void add(QuestionList *list, WorldQuestionKind kind, int subject, uint16_t answer)
{
    list->questions[list->count++] = (WorldQuestion){(uint8_t)kind, (uint8_t)subject, answer};
}

static void ask_about_person(const Reader *reader, int person, QuestionList *list)
{
    const WorldPerson *who = &reader->end->people[person];
    uint16_t word;
    if (!knows_name(reader, person)) return;
    if (who->present && knows_place(reader, &word)) add(list, WORLD_ASK_PERSON_PLACE, person, word);
    if (who->holds >= 0 && knows_thing(reader, who->holds))
        add(list, WORLD_ASK_HELD, person, noun_of(reader, who->holds));
}

static void ask_about_thing(const Reader *reader, int thing, QuestionList *list)
{
    const WorldThing *what = &reader->end->things[thing];
    uint16_t colour = reader->world->numbers.colours[what->colour], size = reader->world->numbers.sizes[what->size];
    uint16_t word;
    if (!knows_thing(reader, thing)) return;
    if (knows_spot(reader, thing, &word)) add(list, WORLD_ASK_THING_SPOT, thing, word);
    if (knows_property(reader, thing, WORLD_ROLE_COLOUR, colour)) add(list, WORLD_ASK_COLOUR, thing, colour);
    if (knows_property(reader, thing, WORLD_ROLE_SIZE, size)) add(list, WORLD_ASK_SIZE, thing, size);
    if (what->fate == WORLD_HELD && knows_name(reader, what->holder))
        add(list, WORLD_ASK_HOLDER, thing, name_of(reader, what->holder));
}

int world_questions(const World *world, const WorldStory *story, WorldQuestion out[WORLD_MAX_QUESTIONS])
{
    Reader reader = reader_of(world, story);
    QuestionList list = {out, 0};
    uint16_t word;
    for (int person = 0; person < 2; person++) ask_about_person(&reader, person, &list);
    for (int thing = 0; thing < reader.end->things_count; thing++) ask_about_thing(&reader, thing, &list);
    if (knows_weather(&reader, &word)) add(&list, WORLD_ASK_WEATHER, 0, word);
    return list.count;
}

int world_draw_questions(const World *world, const WorldStory *story, int most,
                         WorldQuestion out[WORLD_MAX_QUESTIONS])
{
    RandomKey key = random_subkey(random_key((uint64_t)world->options.seed, "questions"), story->index);
    Random random = random_stream(key);
    int count = world_questions(world, story, out);
    for (int i = 0; i < most && i < count; i++) {
        int j = i + (int)random_below(&random, (uint64_t)(count - i));
        WorldQuestion drawn = out[j];
        out[j] = out[i];
        out[i] = drawn;
    }
    return count < most ? count : most;
}

/* --- as text --- */

Status world_question_text(const World *world, const WorldStory *story, const WorldQuestion *question, Buffer *out)
{
    static const char *const forms[WORLD_QUESTION_KINDS] = {
        [WORLD_ASK_PERSON_PLACE] = "Where is %s?",
        [WORLD_ASK_THING_SPOT] = "Where %s the %s?",
        [WORLD_ASK_COLOUR] = "What colour %s the %s?",
        [WORLD_ASK_SIZE] = "How big %s the %s?",
        [WORLD_ASK_HOLDER] = "Who has the %s?",
        [WORLD_ASK_HELD] = "What does %s have?",
        [WORLD_ASK_WEATHER] = "What is the weather like?",
    };
    Reader reader = reader_of(world, story);
    int subject = question->subject;
    const char *form = forms[question->kind], *verb = "is", *noun = "";
    bool person = question->kind == WORLD_ASK_PERSON_PLACE || question->kind == WORLD_ASK_HELD;
    if (question->kind == WORLD_ASK_WEATHER) return buffer_text(out, form);
    noun = world_word(world, person ? name_of(&reader, subject) : noun_of(&reader, subject));
    if (!person && reader.end->things[subject].count) verb = "are";
    for (const char *at = form; *at; at++) {
        if (*at != '%') {
            TRY(buffer_append(out, at, 1));
            continue;
        }
        at++;
        bool first_of_two = strchr(at, '%') != NULL;
        TRY(buffer_text(out, first_of_two ? verb : noun));
    }
    return STATUS_OK;
}

/* The hero at the beginning of a sentence: by a pronoun where no name was told. */
static void name_hero(const Reader *reader, char out[WORLD_WORD_SIZE])
{
    uint16_t pronoun = reader->world->numbers.he[reader->end->people[0].gender];
    world_word_text(reader->world, knows_name(reader, 0) ? name_of(reader, 0) : pronoun, 1, out);
}

static Status summarize_people(const Reader *reader, Buffer *out)
{
    const World *world = reader->world;
    const WorldScene *end = reader->end;
    bool both = end->people[1].present && knows_name(reader, 1);
    char hero[WORLD_WORD_SIZE];
    uint16_t place;
    name_hero(reader, hero);
    TRY(buffer_text(out, hero));
    if (both) TRY(buffer_printf(out, " and %s", world_word(world, name_of(reader, 1))));
    TRY(buffer_text(out, both ? " are " : " is "));
    if (!knows_place(reader, &place)) return buffer_text(out, both ? "together." : "there.");
    uint16_t at = world->numbers.themes[end->theme].at[end->place];
    return buffer_printf(out, "%s the %s.", world_word(world, at), world_word(world, place));
}

/* "Anna has the red kite"; nothing where nobody has a thing that was named. */
static Status summarize_thing(const Reader *reader, int *holder, Buffer *out)
{
    const World *world = reader->world;
    *holder = -1;
    for (int person = 0; person < 2; person++) {
        int thing = reader->end->people[person].holds;
        if (thing < 0 || !knows_name(reader, person) || !knows_thing(reader, thing)) continue;
        uint16_t colour = world->numbers.colours[reader->end->things[thing].colour];
        *holder = person;
        TRY(buffer_printf(out, " %s has the ", world_word(world, name_of(reader, person))));
        if (knows_property(reader, thing, WORLD_ROLE_COLOUR, colour))
            TRY(buffer_printf(out, "%s ", world_word(world, colour)));
        return buffer_text(out, world_word(world, noun_of(reader, thing)));
    }
    return STATUS_OK;
}

Status world_summary_text(const World *world, const WorldStory *story, Buffer *out)
{
    Reader reader = reader_of(world, story);
    int holder, mood = reader.end->people[0].mood;
    const char *feels = mood > 0 ? "happy" : "sad";
    char hero[WORLD_WORD_SIZE];
    TRY(summarize_people(&reader, out));
    TRY(summarize_thing(&reader, &holder, out));
    if (mood && holder == 0) return buffer_printf(out, " and is %s.", feels);
    if (holder >= 0) TRY(buffer_text(out, "."));
    if (!mood) return STATUS_OK;
    name_hero(&reader, hero);
    return buffer_printf(out, " %s is %s.", hero, feels);
}
