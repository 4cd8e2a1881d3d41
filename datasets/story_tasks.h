/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stories with what is to be written about them: documents of a corpus of pairs. */
#ifndef LATHE_DATASETS_STORY_TASKS_H
#define LATHE_DATASETS_STORY_TASKS_H

#include "datasets/corpus.h"
#include "datasets/world.h"

/* The task of the world's options, as a corpus knows it. */
CorpusTask story_task(const World *world);
/* Adds the story and its target, or for each of its questions the story, the question and the answer; of a story
 * that answers none, nothing. label: of the story, as in corpus_end_document(). Errors: memory. */
Status story_task_add(const World *world, const WorldStory *story, int32_t label, Corpus *corpus) STATUS_CHECKED;

#endif
