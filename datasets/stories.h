/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The built-in world's stories as a corpus, a story a document, with held-out stories beside it. The corpus is the
 * caller's; it keeps the world, whose oracle the sources ask that are made from it. */
#ifndef LATHE_DATASETS_STORIES_H
#define LATHE_DATASETS_STORIES_H

#include "datasets/corpus.h"
#include "datasets/world.h"

/* options as in world_options; with a task a document is a story and what is written about it (CorpusTask), and
 * there is no oracle. Sentence pairs in mode nsp have an oracle for masked_targets (with the view's shares of
 * corruption) and next_sentence_label; of batches with a sentence that was cut off it counts nothing. Errors: as
 * world_new() and world_story(); cancelled. */
Status stories_new(const WorldOptions *options, EncodeProgress progress, void *context,
                   Corpus **out) STATUS_CHECKED;

#endif
