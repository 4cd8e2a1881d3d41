/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/stories.h"

#include "datasets/story_tasks.h"
#include "datasets/world_oracle.h"
#include "engine/base/cancel.h"
#include "engine/base/memory.h"
#include "engine/base/threads.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK_STORIES = 256 };

/* --- the oracle --- */

typedef struct Teller { /* keeps the world */
    int refs;
    World *world;
} Teller;

enum { ORACLES_MAX = 16, SEGMENT_SENTENCES = 16 };

typedef struct RowGuess {
    int64_t first, count; /* of the row's masked positions */
    bool known;           /* the row is whole sentences */
    Status status;
    WorldGuess guess;
} RowGuess;

typedef struct StoryOracle {
    int refs, count;
    Teller *teller;
    /* One a thread: exact for single sentences; for segments of several, whose number it does not know. */
    WorldOracle *single[ORACLES_MAX], *several[ORACLES_MAX];
    /* What was answered about the last view: several objectives ask about the same one. */
    Hash view;
    int64_t rows, row_room, target_room;
    RowGuess *guesses; /* [rows] */
    int32_t *selected; /* [targets]: places in the row */
} StoryOracle;

static void teller_retain(void *object)
{
    ((Teller *)object)->refs++;
}

static void teller_release(void *object)
{
    Teller *teller = object;
    if (--teller->refs > 0) return;
    world_free(teller->world);
    memory_free(teller);
}

static void oracle_retain(void *object)
{
    ((StoryOracle *)object)->refs++;
}

static void oracle_release(void *object)
{
    StoryOracle *oracle = object;
    if (--oracle->refs > 0) return;
    for (int i = 0; i < oracle->count; i++) {
        world_oracle_free(oracle->single[i]);
        world_oracle_free(oracle->several[i]);
    }
    memory_free(oracle->guesses);
    memory_free(oracle->selected);
    teller_release(oracle->teller);
    memory_free(oracle);
}

static Status make_room(StoryOracle *oracle, int64_t rows, int64_t targets)
{
    if (rows > oracle->row_room) {
        TRY(memory_resize(&oracle->guesses, (size_t)rows, sizeof *oracle->guesses));
        oracle->row_room = rows;
    }
    if (targets > oracle->target_room) {
        TRY(memory_resize(&oracle->selected, (size_t)targets, sizeof *oracle->selected));
        oracle->target_room = targets;
    }
    return STATUS_OK;
}

/* Which masked positions belong to which row; they stand in ascending order. */
static void sort_targets(StoryOracle *oracle, const Tensor *positions, int64_t rows, int64_t width)
{
    int64_t at = 0, all = positions ? tensor_count(positions) : 0;
    for (int64_t row = 0; row < rows; row++) {
        RowGuess *guess = &oracle->guesses[row];
        for (guess->first = at; at < all && TENSOR_I32(positions)[at] / width == row; at++)
            oracle->selected[at] = (int32_t)(TENSOR_I32(positions)[at] % width);
        guess->count = at - guess->first;
    }
}

static double label_nll(double next, int32_t label)
{
    double share = label ? 1 - next : next;
    return -log(share > 1e-300 ? share : 1e-300);
}

static Hash hash_field(Hash hash, const Tensor *field)
{
    if (!field) return hash;
    Hash bytes = hash_bytes(tensor_data(field), (size_t)tensor_count(field) * dtype_size(field->dtype));
    return hash_combine(hash, bytes);
}

typedef struct Question {
    StoryOracle *oracle;
    const Tensor *ids, *lengths, *targets;
} Question;

static Status ask_about(const Question *question, WorldOracle *oracle, int64_t row, RowGuess *guess)
{
    int64_t width = question->ids->shape[1];
    return world_oracle_pair(oracle, TENSOR_I32(question->ids) + row * width, TENSOR_I32(question->lengths)[row],
                             question->oracle->selected + guess->first,
                             question->targets ? TENSOR_I32(question->targets) + guess->first : NULL, guess->count,
                             &guess->guess, NULL);
}

static void guess_row(void *context, int64_t row)
{
    const Question *question = context;
    StoryOracle *oracle = question->oracle;
    RowGuess *guess = &oracle->guesses[row];
    int thread = threads_index() < oracle->count ? threads_index() : 0;
    guess->status = cancel_requested() ? STATUS_CANCELLED : STATUS_OK;
    guess->known = false;
    if (guess->status != STATUS_OK) return;
    guess->status = ask_about(question, oracle->single[thread], row, guess);
    if (guess->status == STATUS_INVALID) guess->status = ask_about(question, oracle->several[thread], row, guess);
    guess->known = guess->status == STATUS_OK;
    if (guess->status == STATUS_INVALID) guess->status = STATUS_OK; /* a sentence was cut: nobody knows */
}

static Status guess_failed(Status status)
{
    if (status == STATUS_CANCELLED) return cancel_check();
    return status_fail(status, "stories: the best achievable loss: %s", status_name(status));
}

/* The shares of the view; where no token kept its place or became a random one, BERT's do as well. */
static void set_shares(StoryOracle *oracle, const Batch *view)
{
    double random = view->random_share, keep = view->keep_share;
    if (random + keep <= 0) random = keep = 0.1;
    for (int i = 0; i < oracle->count; i++) {
        world_oracle_set_shares(oracle->single[i], 1 - random - keep, random, keep);
        world_oracle_set_shares(oracle->several[i], 1 - random - keep, random, keep);
    }
}

/* Guesses about every row of the view. */
static Status guess_rows(StoryOracle *oracle, const Batch *view)
{
    Tensor *ids, *lengths, *positions = batch_find(view, "masked_positions");
    Tensor *targets = batch_find(view, "masked_targets");
    TRY(batch_get(view, "input_ids", &ids));
    TRY(batch_get(view, "lengths", &lengths));
    int64_t rows = ids->shape[0];
    Hash hash = hash_field(hash_field(hash_bytes(ids->shape, 2 * sizeof(int64_t)), ids), lengths);
    hash = hash_field(hash_field(hash, positions), targets);
    hash = hash_combine(hash, hash_bytes((double[]){view->random_share, view->keep_share}, 2 * sizeof(double)));
    if (oracle->rows == rows && hash_equal(oracle->view, hash)) return STATUS_OK;
    set_shares(oracle, view);
    TRY(make_room(oracle, rows, positions ? tensor_count(positions) : 0));
    sort_targets(oracle, positions, rows, ids->shape[1]);
    oracle->rows = 0;
    Question question = {oracle, ids, lengths, targets};
    if (threads_count() <= oracle->count)
        threads_run(rows, guess_row, &question);
    else
        for (int64_t row = 0; row < rows; row++) guess_row(&question, row);
    for (int64_t row = 0; row < rows; row++)
        if (oracle->guesses[row].status != STATUS_OK) return guess_failed(oracle->guesses[row].status);
    oracle->rows = rows;
    oracle->view = hash;
    return STATUS_OK;
}

static Status ask_oracle(void *object, const Batch *view, const char *targets, uint8_t *known, double *nll_sum)
{
    StoryOracle *oracle = object;
    bool label = strcmp(targets, "next_sentence_label") == 0;
    const Tensor *field = batch_find(view, targets);
    if (!field || (!label && strcmp(targets, "masked_targets") != 0)) return STATUS_OK;
    TRY(guess_rows(oracle, view));
    for (int64_t row = 0; row < oracle->rows; row++) {
        const RowGuess *guess = &oracle->guesses[row];
        if (!guess->known) continue;
        *nll_sum += label ? label_nll(guess->guess.next, TENSOR_I32(field)[row]) : guess->guess.nll;
        memset(known + (label ? row : guess->first), 1, label ? 1 : (size_t)guess->count);
    }
    return STATUS_OK;
}

static Status encode_word(void *context, const char *word, int32_t *pieces, int capacity, int *count)
{
    const Encoder *encoder = context;
    TokenList list = {0};
    Status status = encoder->encode(encoder->tokenizer, word, strlen(word), &list);
    if (status == STATUS_OK && list.count > capacity)
        status = status_fail(STATUS_INVALID, "stories: '%s' becomes %lld pieces", word, (long long)list.count);
    if (status == STATUS_OK && list.count) memcpy(pieces, list.ids, (size_t)list.count * sizeof *pieces);
    *count = (int)list.count;
    token_list_free(&list);
    return status;
}

/* Those of one more thread. */
static Status add_oracles(StoryOracle *oracle, const Encoder *encoder, WorldOracleOptions *options)
{
    const World *world = oracle->teller->world;
    int i = oracle->count++;
    options->segment_sentences = 1;
    TRY(world_oracle_new(world, options, encode_word, (void *)encoder, &oracle->single[i]));
    options->segment_sentences = SEGMENT_SENTENCES;
    return world_oracle_new(world, options, encode_word, (void *)encoder, &oracle->several[i]);
}

static Status attach_oracle(void *object, const Encoder *encoder, Tokenized *text)
{
    Teller *teller = object;
    StoryOracle *oracle;
    const Vocabulary *vocabulary = encoder->vocabulary;
    WorldOracleOptions options = {.vocab_size = (int32_t)vocabulary->size,
                                  .cls = vocabulary->classify,
                                  .sep = vocabulary->separator,
                                  .mask = vocabulary->mask,
                                  .mask_share = 0.8,
                                  .random_share = 0.1,
                                  .keep_share = 0.1,
                                  .next_share = 0.5};
    TRY(memory_new(1, sizeof *oracle, &oracle));
    oracle->refs = 1;
    oracle->teller = teller;
    teller_retain(teller);
    int threads = threads_count() < ORACLES_MAX ? threads_count() : ORACLES_MAX;
    Status status = STATUS_OK;
    while (oracle->count < threads && status == STATUS_OK) {
        status = add_oracles(oracle, encoder, &options);
    }
    if (status == STATUS_OK)
        tokenized_set_oracle(text, ask_oracle, (TextOwner){oracle, oracle_retain, oracle_release});
    oracle_release(oracle);
    return status;
}

/* --- the text --- */

/* The classes stand in the corpus in this order. */
static Status add_moods(Corpus *corpus)
{
    static const char *const moods[] = {"sad", "calm", "happy"};
    int32_t number;
    for (int i = 0; i < 3; i++) TRY(corpus_class(corpus, moods[i], &number));
    return STATUS_OK;
}

/* A corpus without classes gets no labels. */
static int32_t label_of(const Corpus *corpus, const WorldStory *story)
{
    return corpus->class_count ? story->sentences[story->count - 1].scene.people[0].mood + 1 : -1;
}

static Status add_sentence(void *context, const WorldStory *story, const char *sentence, size_t length, int last)
{
    Corpus *corpus = context;
    TRY(corpus_add_sentence(corpus, sentence, length));
    return last ? corpus_end_document(corpus, label_of(corpus, story)) : STATUS_OK;
}

static Status add_tasks(const World *world, uint64_t first, uint64_t stories, Corpus *corpus)
{
    WorldStory *story;
    TRY(memory_new(1, sizeof *story, &story));
    Status status = STATUS_OK;
    for (uint64_t i = 0; i < stories && status == STATUS_OK; i++) {
        status = world_story(world, first + i, story);
        if (status == STATUS_OK) status = story_task_add(world, story, label_of(corpus, story), corpus);
    }
    memory_free(story);
    return status;
}

static Status add_stories(const World *world, int64_t first, int64_t stories, Corpus *corpus)
{
    if (corpus->task) return add_tasks(world, (uint64_t)first, (uint64_t)stories, corpus);
    return world_each_sentence(world, (uint64_t)first, (uint64_t)stories, add_sentence, corpus);
}

typedef struct Telling {
    const World *world;
    EncodeProgress progress;
    void *context;
    int64_t done, all; /* stories of both corpora */
} Telling;

static Status tell(Telling *telling, int64_t first, int64_t stories, Corpus *corpus)
{
    corpus->task = story_task(telling->world);
    if (world_get_options(telling->world)->labels == WORLD_MOODS) TRY(add_moods(corpus));
    for (int64_t i = 0; i < stories; i += CHUNK_STORIES) {
        int64_t count = stories - i < CHUNK_STORIES ? stories - i : CHUNK_STORIES;
        TRY(cancel_check());
        TRY(add_stories(telling->world, first + i, count, corpus));
        telling->done += count;
        if (telling->progress) telling->progress(telling->context, telling->done, telling->all);
    }
    TRY(corpus_finish(corpus));
    static const char *const words[] = {
        [CORPUS_TEXT] = "stories", [CORPUS_PAIRS] = "stories and summaries", [CORPUS_QUESTIONS] = "questions"};
    snprintf(corpus->doc, sizeof corpus->doc, "stories: %lld sentences in %lld %s",
             (long long)corpus->sentence_count, (long long)corpus->document_count, words[corpus->task]);
    return STATUS_OK;
}

static Status tell_both(Telling *telling, Teller *teller, Corpus *corpus)
{
    const WorldOptions *options = world_get_options(telling->world);
    TextOwner owner = {teller, teller_retain, teller_release};
    bool knows = options->task == WORLD_NO_TASK; /* what is written about stories is no part of its grammar */
    telling->all = options->stories + options->held_out;
    if (knows) corpus_set_oracle(corpus, attach_oracle, owner);
    TRY(tell(telling, 0, options->stories, corpus));
    if (options->held_out == 0) return STATUS_OK;
    TRY(corpus_new(&corpus->held_out));
    if (knows) corpus_set_oracle(corpus->held_out, attach_oracle, owner);
    return tell(telling, options->stories, options->held_out, corpus->held_out);
}

Status stories_new(const WorldOptions *options, EncodeProgress progress, void *context, Corpus **out)
{
    Teller *teller;
    Corpus *corpus = NULL;
    TRY(memory_new(1, sizeof *teller, &teller));
    teller->refs = 1;
    Status status = world_new(options, &teller->world);
    Telling telling = {.world = teller->world, .progress = progress, .context = context};
    if (status == STATUS_OK) status = corpus_new(&corpus);
    if (status == STATUS_OK) status = tell_both(&telling, teller, corpus);
    teller_release(teller);
    if (status == STATUS_OK)
        *out = corpus;
    else
        corpus_unref(corpus);
    return status;
}
