/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stories as a source: texts, splits, and the oracle asked through the source. */
#include "datasets/data_records.h"
#include "datasets/sentence_pairs.h"
#include "datasets/stories.h"
#include "engine/base/memory.h"
#include "engine/base/random.h"

#include <check.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *stories_suite(void);

#define OK(expression) ck_assert_msg((expression) == STATUS_OK, "%s", status_message())

enum { WORDS = 4096, WORD = 32, SPECIALS = 5 };

/* A tokenizer of whole words in lower case and single punctuation marks. */
static char words[WORDS][WORD];
static Vocabulary vocabulary = {.pad = 0, .unknown = 1, .classify = 2, .separator = 3, .mask = 4, .size = SPECIALS};
static bool learning;

static int32_t number_of(const char *word)
{
    for (int64_t i = SPECIALS; i < vocabulary.size; i++)
        if (strcmp(words[i], word) == 0) return (int32_t)i;
    if (!learning || vocabulary.size == WORDS) return vocabulary.unknown;
    strcpy(words[vocabulary.size], word);
    return (int32_t)vocabulary.size++;
}

static Status encode_words(const void *tokenizer, const char *bytes, size_t length, TokenList *out)
{
    int32_t word = 0;
    (void)tokenizer;
    for (size_t i = 0; i < length; word++) {
        char text[WORD];
        size_t count = 0;
        while (i < length && bytes[i] == ' ') i++;
        while (i < length && isalpha((unsigned char)bytes[i]) && count + 1 < WORD)
            text[count++] = (char)tolower((unsigned char)bytes[i++]);
        if (count == 0 && i < length) text[count++] = bytes[i++];
        text[count] = '\0';
        if (count) TRY(token_list_add(out, number_of(text), word));
    }
    return STATUS_OK;
}

static const Encoder encoder = {&vocabulary, {0}, encode_words, NULL};

static WorldOptions small_world(int64_t stories)
{
    WorldOptions options;
    option_defaults(world_options, &options);
    options.stories = stories;
    options.held_out = stories / 4;
    return options;
}

static void learn_words(const Corpus *corpus)
{
    TokenList list = {0};
    learning = true;
    for (int64_t s = 0; s < corpus->sentence_count; s++) {
        size_t length;
        const char *bytes = corpus_sentence(corpus, s, &length);
        OK(encode_words(NULL, bytes, length, &list));
    }
    learning = false;
    token_list_free(&list);
}

static void new_sources(int64_t stories, int mode, Source **train, Source **valid)
{
    Corpus *corpus;
    SentencePairsConfig config;
    WorldOptions options = small_world(stories);
    OK(stories_new(&options, NULL, NULL, &corpus));
    learn_words(corpus);
    option_defaults(sentence_pairs_options, &config);
    config.pack = false;
    config.mode = mode;
    OK(data_make(data_record_find("sentence_pairs"), corpus, NULL, &encoder, &config, NULL, NULL, train, valid));
    corpus_unref(corpus);
}

START_TEST(texts)
{
    Corpus *a, *b;
    WorldOptions options = small_world(200);
    OK(stories_new(&options, NULL, NULL, &a));
    OK(stories_new(&options, NULL, NULL, &b));
    ck_assert(hash_equal(a->content, b->content));
    ck_assert(!hash_equal(a->content, a->held_out->content));
    ck_assert_int_eq(a->document_count, 200);
    ck_assert_int_eq(a->held_out->document_count, 50);
    ck_assert_int_gt(a->sentence_count, 400);
    ck_assert_ptr_nonnull(strstr(a->doc, "200 stories"));
    corpus_unref(b);
    options.seed = 2;
    OK(stories_new(&options, NULL, NULL, &b));
    ck_assert(!hash_equal(a->content, b->content));
    corpus_unref(b);
    corpus_unref(a);
    options.stories = -1;
    ck_assert_int_eq(stories_new(&options, NULL, NULL, &a), STATUS_INVALID);
}
END_TEST

/* The view of masked language modelling: 15% selected, of them 80/10/10. */
static void mask_view(Batch *batch, uint64_t seed)
{
    Tensor *ids, *lengths, *positions, *targets;
    OK(batch_get(batch, "input_ids", &ids));
    OK(batch_get(batch, "lengths", &lengths));
    int64_t width = ids->shape[1], count = 0, all = tensor_count(ids);
    int32_t *at = calloc((size_t)all, sizeof *at), *was = calloc((size_t)all, sizeof *was);
    Random random = random_stream(random_key(seed, "test"));
    for (int64_t i = 0; i < all; i++) {
        int32_t *id = TENSOR_I32(ids) + i;
        if (i % width >= TENSOR_I32(lengths)[i / width] || *id < SPECIALS || random_uniform(&random) > 0.15)
            continue;
        at[count] = (int32_t)i;
        was[count++] = *id;
        double draw = random_uniform(&random);
        if (draw < 0.8)
            *id = vocabulary.mask;
        else if (draw < 0.9)
            *id = SPECIALS + (int32_t)random_below(&random, (uint64_t)vocabulary.size - SPECIALS);
    }
    OK(tensor_new(NULL, DTYPE_I32, 1, &count, &positions));
    OK(tensor_new(NULL, DTYPE_I32, 1, &count, &targets));
    memcpy(tensor_data(positions), at, (size_t)count * sizeof *at);
    memcpy(tensor_data(targets), was, (size_t)count * sizeof *was);
    OK(batch_put(batch, "masked_positions", positions));
    OK(batch_put(batch, "masked_targets", targets));
    free(at);
    free(was);
}

static double ask(Source *source, const Batch *view, const char *targets, int64_t *count)
{
    double sum = 0;
    const Tensor *field = batch_find(view, targets);
    size_t size = field ? (size_t)tensor_count(field) : 0;
    uint8_t *known = calloc(size + 1, 1);
    OK(source->type->oracle(source, view, targets, known, &sum));
    *count = 0;
    for (size_t i = 0; i < size; i++) *count += known[i];
    free(known);
    return sum;
}

START_TEST(oracle)
{
    Source *train, *valid;
    new_sources(400, PAIRS_NSP, &train, &valid);
    double tokens = 0, labels = 0;
    int64_t token_count = 0, label_count = 0;
    Cursor cursor = {1, 0, 0};
    valid->batch_size = 8;
    for (int i = 0; i < 4; i++) {
        Batch batch = {0};
        int64_t count;
        OK(valid->type->next(valid, NULL, &cursor, &batch));
        mask_view(&batch, (uint64_t)i);
        tokens += ask(valid, &batch, "masked_targets", &count);
        token_count += count;
        ck_assert_int_eq(count, tensor_count(batch_find(&batch, "masked_targets")));
        labels += ask(valid, &batch, "next_sentence_label", &count);
        label_count += count;
        ck_assert_int_eq(count, batch.size);
        ask(valid, &batch, "labels", &count);
        ck_assert_int_eq(count, 0);
        TENSOR_I32(batch_find(&batch, "input_ids"))[0] = vocabulary.pad; /* not [CLS] A [SEP] B [SEP] */
        ask(valid, &batch, "next_sentence_label", &count);
        ck_assert_int_eq(count, batch.size - 1);
        batch_clear(&batch);
    }
    tokens /= (double)token_count;
    labels /= (double)label_count;
    printf("stories: best achievable masked loss %.3f over %lld tokens, next sentence %.3f over %lld pairs, %lld "
           "words\n",
           tokens, (long long)token_count, labels, (long long)label_count, (long long)vocabulary.size);
    ck_assert_msg(tokens > 0.2 && tokens < 0.7 * log((double)vocabulary.size), "%g", tokens);
    ck_assert_msg(labels > 0 && labels < 0.6, "%g", labels);
    source_unref(train);
    source_unref(valid);
}
END_TEST

/* A token that is to be predicted and stands as it was: where none becomes a random one, it is known. */
START_TEST(oracle_knows_the_shares_of_the_view)
{
    Source *train, *valid;
    Batch batch = {0};
    Cursor cursor = {1, 0, 0};
    Tensor *positions, *targets;
    int64_t one = 1, count;
    new_sources(400, PAIRS_NSP, &train, &valid);
    valid->batch_size = 1;
    OK(valid->type->next(valid, NULL, &cursor, &batch));
    OK(tensor_new(NULL, DTYPE_I32, 1, &one, &positions));
    OK(tensor_new(NULL, DTYPE_I32, 1, &one, &targets));
    TENSOR_I32(positions)[0] = 3;
    TENSOR_I32(targets)[0] = TENSOR_I32(batch_find(&batch, "input_ids"))[3];
    OK(batch_put(&batch, "masked_positions", positions));
    OK(batch_put(&batch, "masked_targets", targets));
    double usual = ask(valid, &batch, "masked_targets", &count);
    ck_assert_int_eq(count, 1);
    ck_assert_double_gt(usual, 0);
    batch.keep_share = 0.15; /* the rest is [MASK], as ELECTRA's generator sees it */
    ck_assert_double_eq_tol(ask(valid, &batch, "masked_targets", &count), 0, 1e-9);
    ck_assert_int_eq(count, 1);
    batch.random_share = 0.6;
    ck_assert_double_gt(ask(valid, &batch, "masked_targets", &count), usual);
    batch.random_share = batch.keep_share = 0;
    ck_assert_double_eq(ask(valid, &batch, "masked_targets", &count), usual);
    batch_clear(&batch);
    source_unref(train);
    source_unref(valid);
}
END_TEST

START_TEST(swapped_pairs_have_none)
{
    Source *train, *valid;
    new_sources(40, PAIRS_SOP, &train, &valid);
    ck_assert_ptr_null(train->type->oracle);
    source_unref(train);
    source_unref(valid);
}
END_TEST

static Status whole_work(void)
{
    Corpus *corpus;
    SentencePairsConfig config;
    Source *train, *valid;
    WorldOptions options = small_world(8);
    TRY(stories_new(&options, NULL, NULL, &corpus));
    option_defaults(sentence_pairs_options, &config);
    Status status =
        data_make(data_record_find("sentence_pairs"), corpus, NULL, &encoder, &config, NULL, NULL, &train, &valid);
    corpus_unref(corpus);
    TRY(status);
    source_unref(train);
    source_unref(valid);
    return STATUS_OK;
}

/* Making a world takes many allocations, so not every place is tried. */
START_TEST(allocations_fail)
{
    size_t before = memory_in_use();
    for (uint64_t n = 1, used = n; used >= n; n += n < 60 ? 1 : 1 + n / 9) {
        memory_fail_after(n, n % 2 == 0);
        Status status = whole_work();
        used = memory_allocations();
        memory_fail_after(0, 0);
        ck_assert((status == STATUS_OK) == (used < n));
        ck_assert_uint_eq(memory_in_use(), before);
    }
}
END_TEST

Suite *stories_suite(void)
{
    Suite *suite = suite_create("stories");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, texts);
    tcase_add_test(tcase, oracle);
    tcase_add_test(tcase, oracle_knows_the_shares_of_the_view);
    tcase_add_test(tcase, swapped_pairs_have_none);
    tcase_add_test(tcase, allocations_fail);
    suite_add_tcase(suite, tcase);
    return suite;
}
