/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions and summaries of stories: answers stand in the text and follow from it, which going through all stories
 * of a small world shows; files of SQuAD's form point at them. */
#include "datasets/world_questions.h"

#include "datasets/squad_write.h"
#include "datasets/stories.h"
#include "engine/base/memory.h"
#include "engine/io/json.h"
#include "tests/unit/scratch.h"
#include "tests/unit/small_world.h"

#include <stdio.h>
#include <stdlib.h>

Suite *world_questions_suite(void);

/* --- all stories of a small world --- */

typedef struct Told {
    Hash text, answers; /* of the story; of all its questions with their answers, and its summary */
} Told;

typedef struct Stories {
    Told *items;
    size_t count, room;
    int64_t questions[WORLD_QUESTION_KINDS];
} Stories;

static int compare_texts(const void *a, const void *b)
{
    return memcmp(&((const Told *)a)->text, &((const Told *)b)->text, sizeof(Hash));
}

static void add_text(const World *world, const WorldStory *story, Buffer *out)
{
    for (int i = 0; i < story->count; i++) {
        ASSERT_OK(world_sentence_text(world, &story->sentences[i], out));
        ASSERT_OK(buffer_text(out, " "));
    }
}

static void add_answers(const World *world, const WorldStory *story, Stories *stories, Buffer *out)
{
    WorldQuestion questions[WORLD_MAX_QUESTIONS];
    int count = world_questions(world, story, questions);
    for (int i = 0; i < count; i++) {
        stories->questions[questions[i].kind]++;
        ASSERT_OK(world_question_text(world, story, &questions[i], out));
        ASSERT_OK(buffer_printf(out, " %s\n", world_word(world, questions[i].answer)));
    }
    ASSERT_OK(world_summary_text(world, story, out));
}

static void add_story(const World *world, const WorldStory *story, Stories *stories)
{
    Buffer text = {0}, answers = {0};
    if (stories->count == stories->room) {
        stories->room = stories->room ? 2 * stories->room : 4096;
        ASSERT_OK(memory_resize(&stories->items, stories->room, sizeof *stories->items));
    }
    add_text(world, story, &text);
    add_answers(world, story, stories, &answers);
    stories->items[stories->count++] =
        (Told){hash_bytes(text.data, text.length), hash_bytes(answers.data, answers.length)};
    buffer_free(&text);
    buffer_free(&answers);
}

static void add_all_stories(const World *world, int sentences, Stories *stories)
{
    Script script = {.probability = 1};
    WorldChooser chooser = {pick_scripted, &script};
    WorldTeller teller;
    WorldStory *story;
    ASSERT_OK(memory_new(1, sizeof *story, &story));
    story->count = sentences;
    do {
        for (int i = 0; i < sentences; i++) {
            ASSERT_OK(i ? world_scene_step(world, &chooser, &teller) : world_scene_open(world, &chooser, &teller));
            if (script.probability <= 0) break;
            ASSERT_OK(world_render(world, &teller, &chooser, &story->sentences[i]));
        }
        if (script.probability > 0) add_story(world, story, stories);
    } while (script_advance(&script));
    memory_free(story);
}

/* Stories that read alike have the same questions, and the same answers to them. */
START_TEST(answers_follow_from_the_text)
{
    WorldOptions options;
    World *world;
    Stories stories = {0};
    size_t alike = 0;
    option_defaults(world_options, &options);
    ASSERT_OK(world_new_grammar(&options, &small_grammar, &world));
    for (int sentences = 1; sentences <= 3; sentences++) add_all_stories(world, sentences, &stories);
    qsort(stories.items, stories.count, sizeof *stories.items, compare_texts);
    for (size_t i = 1; i < stories.count; i++) {
        if (!hash_equal(stories.items[i].text, stories.items[i - 1].text)) continue;
        alike++;
        ck_assert(hash_equal(stories.items[i].answers, stories.items[i - 1].answers));
    }
    ck_assert_uint_gt(alike, 1000);
    ck_assert_uint_gt(stories.count, 10000);
    memory_free(stories.items);
    world_free(world);
}
END_TEST

/* --- the built-in world --- */

static Corpus *stories_with(int64_t task, int64_t questions)
{
    WorldOptions options;
    Corpus *corpus;
    option_defaults(world_options, &options);
    options.stories = 400;
    options.held_out = 50;
    options.task = task;
    options.questions = questions;
    ASSERT_OK(stories_new(&options, NULL, NULL, &corpus));
    return corpus;
}

START_TEST(all_kinds_are_asked)
{
    WorldOptions options;
    World *world;
    WorldStory *story;
    Stories asked = {0};
    option_defaults(world_options, &options);
    ASSERT_OK(world_new(&options, &world));
    ASSERT_OK(memory_new(1, sizeof *story, &story));
    for (uint64_t i = 0; i < 300; i++) {
        Buffer answers = {0};
        ASSERT_OK(world_story(world, i, story));
        add_answers(world, story, &asked, &answers);
        buffer_free(&answers);
    }
    for (int kind = 0; kind < WORLD_QUESTION_KINDS; kind++) ck_assert_int_gt(asked.questions[kind], 15);
    memory_free(story);
    world_free(world);
}
END_TEST

/* The same stories, others for another task; each document is as long as the stories and their ends. */
START_TEST(corpora_are_reproducible)
{
    Corpus *text = stories_with(WORLD_NO_TASK, 1), *asked = stories_with(WORLD_TASK_QUESTIONS, 1),
           *again = stories_with(WORLD_TASK_QUESTIONS, 1), *summed = stories_with(WORLD_TASK_SUMMARIES, 1);
    ck_assert_int_eq(text->task, CORPUS_TEXT);
    ck_assert_int_eq(asked->task, CORPUS_QUESTIONS);
    ck_assert_int_eq(summed->task, CORPUS_PAIRS);
    ck_assert(hash_equal(asked->content, again->content));
    ck_assert(!hash_equal(asked->content, asked->held_out->content));
    ck_assert_int_eq(summed->document_count, 400);
    ck_assert_int_ge(asked->document_count, 390); /* nearly all stories tell something */
    ck_assert_int_eq(summed->sentence_count, text->sentence_count + 400);
    ck_assert_int_eq(asked->sentence_count, asked->document_count * 8);
    ck_assert_ptr_null(asked->attach_oracle);
    corpus_unref(text);
    corpus_unref(asked);
    corpus_unref(again);
    corpus_unref(summed);
}
END_TEST

/* --- SQuAD --- */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    ck_assert_msg(text != NULL, "no %s", key);
    return text;
}

static int64_t check_paragraph(const json_t *paragraph)
{
    const char *context = text_of(paragraph, "context");
    const json_t *questions = json_object_get(paragraph, "qas");
    for (size_t i = 0; i < json_array_size(questions); i++) {
        const json_t *question = json_array_get(questions, i);
        const json_t *answer = json_array_get(json_object_get(question, "answers"), 0);
        const char *text = text_of(answer, "text"), *asked = text_of(question, "question");
        json_int_t start = json_integer_value(json_object_get(answer, "answer_start"));
        ck_assert_int_lt(start, (json_int_t)strlen(context));
        ck_assert_int_eq(strncmp(context + start, text, strlen(text)), 0);
        ck_assert_int_eq(asked[strlen(asked) - 1], '?');
    }
    return (int64_t)json_array_size(questions);
}

START_TEST(files_point_at_the_answers)
{
    Corpus *corpus = stories_with(WORLD_TASK_QUESTIONS, 3), *joined;
    json_t *documents[2];
    int64_t questions = 0;
    ASSERT_OK(corpus_joined(corpus, &joined));
    ASSERT_OK(squad_write(corpus, scratch_path("squad.json")));
    ASSERT_OK(squad_write(joined, scratch_path("joined.json")));
    ASSERT_OK(json_read(scratch_path("squad.json"), 0, &documents[0]));
    ASSERT_OK(json_read(scratch_path("joined.json"), 0, &documents[1]));
    ck_assert(json_equal(documents[0], documents[1]));
    const json_t *article = json_array_get(json_object_get(documents[0], "data"), 0);
    const json_t *paragraphs = json_object_get(article, "paragraphs");
    for (size_t i = 0; i < json_array_size(paragraphs); i++)
        questions += check_paragraph(json_array_get(paragraphs, i));
    ck_assert_int_eq(questions, corpus->document_count);
    ck_assert_uint_le(json_array_size(paragraphs), 400);
    for (int i = 0; i < 2; i++) json_decref(documents[i]);
    corpus_unref(joined);
    corpus_unref(corpus);
}
END_TEST

static Corpus *corpus_of(CorpusTask task, int count, const char *const *sentences)
{
    Corpus *corpus;
    ASSERT_OK(corpus_new(&corpus));
    corpus->task = task;
    for (int i = 0; i < count; i++) ASSERT_OK(corpus_add_sentence(corpus, sentences[i], strlen(sentences[i])));
    ASSERT_OK(corpus_finish(corpus));
    return corpus;
}

/* Characters are counted, not bytes; "red" is not in "hundred"; what stands nowhere is refused. */
START_TEST(answers_are_words_of_their_own)
{
    static const char *const good[] = {"Ein \xc3\xa4lter red Hut.", "A hundred more.", "What colour?", "red"};
    static const char *const bad[] = {"A hundred.", "What colour?", "red"};
    Corpus *corpora[] = {corpus_of(CORPUS_QUESTIONS, 4, good), corpus_of(CORPUS_QUESTIONS, 3, bad),
                         corpus_of(CORPUS_QUESTIONS, 2, bad), corpus_of(CORPUS_PAIRS, 4, good)};
    const char *path = scratch_path("squad.json");
    ASSERT_OK(squad_write(corpora[0], path));
    char *text = scratch_read(path);
    ck_assert_ptr_nonnull(strstr(text, "\"answer_start\": 10"));
    memory_free(text);
    ASSERT_FAILS(squad_write(corpora[1], path), STATUS_INVALID, "its answer 'red' does not stand in its text");
    ASSERT_FAILS(squad_write(corpora[2], path), STATUS_INVALID, "question 0 has no text");
    ASSERT_FAILS(squad_write(corpora[3], path), STATUS_INVALID, "this corpus has no questions");
    for (int i = 0; i < 4; i++) corpus_unref(corpora[i]);
}
END_TEST

Suite *world_questions_suite(void)
{
    Suite *suite = suite_create("world_questions");
    TCase *tests = tcase_create("world_questions");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, answers_follow_from_the_text);
    tcase_add_test(tests, all_kinds_are_asked);
    tcase_add_test(tests, corpora_are_reproducible);
    tcase_add_test(tests, files_point_at_the_answers);
    tcase_add_test(tests, answers_are_words_of_their_own);
    suite_add_tcase(suite, tests);
    return suite;
}
