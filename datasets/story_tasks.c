/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/story_tasks.h"

#include "datasets/world_questions.h"

CorpusTask story_task(const World *world)
{
    static const CorpusTask tasks[] = {[WORLD_NO_TASK] = CORPUS_TEXT,
                                       [WORLD_TASK_QUESTIONS] = CORPUS_QUESTIONS,
                                       [WORLD_TASK_SUMMARIES] = CORPUS_PAIRS};
    return tasks[world_get_options(world)->task];
}

/* Empties the text into the corpus. */
static Status add_sentence(Buffer *text, Corpus *corpus)
{
    TRY(corpus_add_sentence(corpus, text->data, text->length));
    buffer_clear(text);
    return STATUS_OK;
}

static Status add_story(const World *world, const WorldStory *story, Buffer *text, Corpus *corpus)
{
    for (int32_t i = 0; i < story->count; i++) {
        TRY(world_sentence_text(world, &story->sentences[i], text));
        TRY(add_sentence(text, corpus));
    }
    return STATUS_OK;
}

static Status add_questions(const World *world, const WorldStory *story, int32_t label, Buffer *text,
                            Corpus *corpus)
{
    WorldQuestion questions[WORLD_MAX_QUESTIONS];
    int count = world_draw_questions(world, story, (int)world_get_options(world)->questions, questions);
    for (int i = 0; i < count; i++) {
        TRY(add_story(world, story, text, corpus));
        TRY(world_question_text(world, story, &questions[i], text));
        TRY(add_sentence(text, corpus));
        TRY(buffer_text(text, world_word(world, questions[i].answer)));
        TRY(add_sentence(text, corpus));
        TRY(corpus_end_document(corpus, label));
    }
    return STATUS_OK;
}

static Status add_summary(const World *world, const WorldStory *story, int32_t label, Buffer *text, Corpus *corpus)
{
    TRY(add_story(world, story, text, corpus));
    TRY(world_summary_text(world, story, text));
    TRY(add_sentence(text, corpus));
    return corpus_end_document(corpus, label);
}

Status story_task_add(const World *world, const WorldStory *story, int32_t label, Corpus *corpus)
{
    Buffer text = {0};
    bool asks = world_get_options(world)->task == WORLD_TASK_QUESTIONS;
    Status status =
        asks ? add_questions(world, story, label, &text, corpus) : add_summary(world, story, label, &text, corpus);
    buffer_free(&text);
    return status;
}
