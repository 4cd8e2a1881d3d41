/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The best achievable loss on the stories: the posterior is the one that enumerating all stories of a small world
 * gives, and on the real one it is calibrated. */
#include "datasets/world_internal.h"
#include "datasets/world_oracle.h"
#include "engine/base/memory.h"
#include "tests/unit/check_more.h"
#include "tests/unit/small_world.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

Suite *world_oracle_suite(void);

/* --- a tokenizer: words are cut behind their fourth letter --- */

enum { SPECIAL = 5, CLS = 2, SEP = 3, MASK = 4, TOKENS_MAX = 128, VOCAB_MAX = 1500 };

typedef struct Cutter {
    char pieces[VOCAB_MAX][WORLD_WORD_SIZE];
    int32_t size;
} Cutter;

static int32_t piece_number(Cutter *cutter, const char *text, size_t length, int first)
{
    char piece[WORLD_WORD_SIZE] = {0};
    for (size_t i = 0; i < length; i++) piece[i] = (char)tolower((unsigned char)text[i]);
    if (!first) piece[length] = '#';
    for (int32_t i = SPECIAL; i < cutter->size; i++)
        if (strcmp(cutter->pieces[i], piece) == 0) return i;
    memcpy(cutter->pieces[cutter->size], piece, sizeof piece);
    return cutter->size++;
}

static Status cut(void *context, const char *word, int32_t *pieces, int capacity, int *count)
{
    size_t length = strlen(word), head = length > 5 ? 4 : length;
    (void)capacity;
    pieces[0] = piece_number(context, word, head, 1);
    if (head < length) pieces[1] = piece_number(context, word + head, length - head, 0);
    *count = 1 + (head < length);
    return STATUS_OK;
}

typedef struct Fixture {
    World *world;
    Cutter *cutter;
    WorldOracleOptions options;
    WorldOracle *oracle;
} Fixture;

static Fixture new_fixture(const WorldGrammar *grammar, int64_t sentences)
{
    Fixture f = {0};
    WorldOptions options;
    option_defaults(world_options, &options);
    options.sentences = sentences;
    ASSERT_OK(world_new_grammar(&options, grammar, &f.world));
    ASSERT_OK(memory_new(1, sizeof *f.cutter, &f.cutter));
    f.cutter->size = SPECIAL;
    int32_t pieces[8];
    int count;
    for (int i = 0; i < world_word_count(f.world); i++)
        ASSERT_OK(cut(f.cutter, world_word(f.world, i), pieces, 8, &count));
    f.options = (WorldOracleOptions){.vocab_size = f.cutter->size,
                                     .cls = CLS,
                                     .sep = SEP,
                                     .mask = MASK,
                                     .mask_share = 0.8,
                                     .random_share = 0.1,
                                     .keep_share = 0.1,
                                     .next_share = 0.5};
    ASSERT_OK(world_oracle_new(f.world, &f.options, cut, f.cutter, &f.oracle));
    ck_assert_int_eq(f.cutter->size, f.options.vocab_size);
    return f;
}

static void free_fixture(Fixture *f)
{
    world_oracle_free(f->oracle);
    memory_free(f->cutter);
    world_free(f->world);
}

/* --- examples --- */

typedef struct Example {
    int32_t tokens[TOKENS_MAX], whole[TOKENS_MAX], selected[TOKENS_MAX], originals[TOKENS_MAX];
    int32_t n, count;
} Example;

static void add_sentence(const Fixture *f, const WorldSentence *sentence, Example *example)
{
    for (int i = 0; i < sentence->count; i++) {
        char text[WORLD_WORD_SIZE];
        int count;
        world_word_text(f->world, sentence->words[i].word, sentence->words[i].capital, text);
        ASSERT_OK(cut(f->cutter, text, example->tokens + example->n, 8, &count));
        example->n += count;
    }
    example->tokens[example->n++] = SEP;
}

static void begin_example(const Fixture *f, const WorldSentence *a, const WorldSentence *b, Example *example)
{
    example->n = example->count = 0;
    example->tokens[example->n++] = CLS;
    add_sentence(f, a, example);
    if (b) add_sentence(f, b, example);
    memcpy(example->whole, example->tokens, sizeof example->whole);
}

/* Each position with the probability share, in runs of up to 'run'. */
static void corrupt(const Fixture *f, Example *example, Random *random, double share, int run)
{
    for (int32_t i = 1; i < example->n; i++) {
        if (random_uniform(random) >= share) continue;
        for (int32_t end = i + 1 + (int32_t)random_below(random, (uint64_t)run);
             i < end && example->whole[i] != SEP; i++) {
            double draw = random_uniform(random);
            example->selected[example->count] = i;
            example->originals[example->count++] = example->whole[i];
            if (draw < 0.8)
                example->tokens[i] = MASK;
            else if (draw < 0.9)
                example->tokens[i] = (int32_t)random_below(random, (uint64_t)f->options.vocab_size);
        }
    }
}

/* A pair of the held-out stories: *follows says whether B does. */
static void draw_pair(const Fixture *f, Random *random, WorldStory *story, WorldStory *other, Example *example,
                      int *follows)
{
    ASSERT_OK(world_story(f->world, 100000 + random_below(random, 1000000), story));
    ASSERT_OK(world_story(f->world, 100000 + random_below(random, 1000000), other));
    uint64_t at = random_below(random, (uint64_t)story->count - 1);
    const WorldSentence *b = &other->sentences[random_below(random, (uint64_t)other->count)];
    *follows = (int)random_below(random, 2);
    begin_example(f, &story->sentences[at], *follows ? &story->sentences[at + 1] : b, example);
}

static Status ask(const Fixture *f, const Example *example, WorldGuess *guess, double *posterior)
{
    return world_oracle_pair(f->oracle, example->tokens, example->n, example->selected, example->originals,
                             example->count, guess, posterior);
}

/* --- a world small enough to enumerate --- */

/* Sentences by number, and how probable pairs of neighbours are. */
enum { SENTENCES_MAX = 700 };

typedef struct Census {
    WorldSentence sentences[SENTENCES_MAX];
    int32_t count;
    double any[SENTENCES_MAX], next[SENTENCES_MAX][SENTENCES_MAX], first[SENTENCES_MAX];
} Census;

static int32_t census_number(Census *census, const WorldSentence *sentence)
{
    for (int32_t i = 0; i < census->count; i++)
        if (census->sentences[i].count == sentence->count) {
            int same = 1;
            for (int w = 0; w < sentence->count && same; w++)
                same = census->sentences[i].words[w].word == sentence->words[w].word;
            if (same) return i;
        }
    ck_assert_int_lt(census->count, SENTENCES_MAX);
    census->sentences[census->count] = *sentence;
    return census->count++;
}

static void take_census(const World *world, int sentences, Census *census)
{
    Script script = {.probability = 1};
    WorldChooser chooser = {pick_scripted, &script};
    do {
        WorldTeller teller;
        WorldSentence sentence;
        int32_t number[4];
        ASSERT_OK(world_scene_open(world, &chooser, &teller));
        for (int i = 0; i < sentences; i++) {
            if (i) ASSERT_OK(world_scene_step(world, &chooser, &teller));
            if (script.probability <= 0) break;
            ASSERT_OK(world_render(world, &teller, &chooser, &sentence));
            number[i] = census_number(census, &sentence);
        }
        if (script.probability <= 0) continue;
        for (int i = 0; i < sentences; i++) {
            census->any[number[i]] += script.probability / sentences;
            if (i + 1 == sentences) break;
            census->first[number[i]] += script.probability / (sentences - 1);
            census->next[number[i]][number[i + 1]] += script.probability / (sentences - 1);
        }
    } while (script_advance(&script));
}

/* The probability of seeing the example's tokens, were they these; 0 where lengths differ. */
static double seen_if(const Fixture *f, const Example *example, const Example *other)
{
    double product = 1;
    uint8_t selected[TOKENS_MAX] = {0};
    if (example->n != other->n) return 0;
    for (int32_t i = 0; i < example->count; i++) selected[example->selected[i]] = 1;
    for (int32_t i = 0; i < example->n; i++) {
        int same = example->tokens[i] == other->whole[i];
        if (!selected[i] && !same) return 0;
        if (selected[i] && example->tokens[i] != MASK) product *= 0.1 / f->options.vocab_size + (same ? 0.1 : 0);
    }
    return product;
}

static void compare_with_census(const Fixture *f, const Census *census, const Example *example)
{
    static double expected[TOKENS_MAX * VOCAB_MAX], posterior[TOKENS_MAX * VOCAB_MAX];
    size_t width = (size_t)f->options.vocab_size;
    double total = 0, total_next = 0;
    WorldGuess guess;
    Example other;
    memset(expected, 0, (size_t)example->count * width * sizeof(double));
    for (int32_t a = 0; a < census->count; a++)
        for (int32_t b = 0; b < census->count; b++) {
            double next = 0.5 * census->next[a][b], prior = next + 0.5 * census->first[a] * census->any[b];
            if (prior <= 0) continue;
            begin_example(f, &census->sentences[a], &census->sentences[b], &other);
            double seen = seen_if(f, example, &other);
            total += prior * seen;
            total_next += next * seen;
            for (int32_t i = 0; i < example->count && seen > 0; i++)
                expected[(size_t)i * width + (size_t)other.whole[example->selected[i]]] += prior * seen;
        }
    ASSERT_OK(ask(f, example, &guess, posterior));
    ck_assert_double_eq_tol(guess.log_prior, log(total), 1e-9);
    ck_assert_double_eq_tol(guess.next, total_next / total, 1e-9);
    for (size_t i = 0; i < (size_t)example->count * width; i++)
        ck_assert_double_eq_tol(posterior[i], expected[i] / total, 1e-9);
}

static void check_small_world(int sentences, int examples)
{
    Fixture f = new_fixture(&small_grammar, sentences);
    Census *census;
    WorldStory *story, *other;
    Random random = random_stream(random_key(3, "small world"));
    ASSERT_OK(memory_new(1, sizeof *census, &census));
    ASSERT_OK(memory_new(1, sizeof *story, &story));
    ASSERT_OK(memory_new(1, sizeof *other, &other));
    take_census(f.world, sentences, census);
    for (int i = 0; i < examples; i++) {
        Example example;
        int follows;
        draw_pair(&f, &random, story, other, &example, &follows);
        corrupt(&f, &example, &random, i % 3 == 0 ? 0.15 : i % 3 == 1 ? 0.5 : 1, 1 + i % 4);
        compare_with_census(&f, census, &example);
    }
    memory_free(census);
    memory_free(story);
    memory_free(other);
    free_fixture(&f);
}

START_TEST(enumerating_two_sentences_gives_the_same)
{
    check_small_world(2, 30);
}
END_TEST

START_TEST(enumerating_three_sentences_gives_the_same)
{
    check_small_world(3, 10);
}
END_TEST

/* --- the real world --- */

typedef struct Trial {
    int64_t pairs, targets, right, follows;
    double nll, entropy, next, difference, difference_squares, next_squares;
    double unigram, bigram;
} Trial;

typedef struct Counts {
    double single[VOCAB_MAX], pair[VOCAB_MAX][VOCAB_MAX], all;
} Counts;

static void count_tokens(const Fixture *f, WorldStory *story, Counts *counts)
{
    for (uint64_t i = 0; i < 1500; i++) {
        ASSERT_OK(world_story(f->world, i, story));
        for (int s = 0; s < story->count; s++) {
            Example example;
            begin_example(f, &story->sentences[s], NULL, &example);
            for (int32_t t = 1; t < example.n - 1; t++) {
                counts->single[example.whole[t]]++;
                counts->pair[example.whole[t - 1]][example.whole[t]]++;
                counts->all++;
            }
        }
    }
}

/* The bigram model even knows the true token to the left. */
static void score_counts(const Fixture *f, const Counts *counts, const Example *example, Trial *trial)
{
    for (int32_t i = 0; i < example->count; i++) {
        int32_t token = example->originals[i], left = example->whole[example->selected[i] - 1];
        double single = (counts->single[token] + 0.5) / (counts->all + 0.5 * f->options.vocab_size);
        double row = left == CLS || left == SEP ? 0 : counts->single[left];
        if (left == CLS || left == SEP)
            for (int32_t v = 0; v < f->options.vocab_size; v++) row += counts->pair[CLS][v];
        trial->unigram -= log(single);
        trial->bigram -= log((counts->pair[left == SEP ? CLS : left][token] + 2 * single) / (row + 2));
    }
}

static void add_trial(Trial *trial, const Example *example, const WorldGuess *guess, int follows)
{
    double difference = guess->nll - guess->entropy, next = follows - guess->next;
    trial->pairs++;
    trial->targets += example->count;
    trial->nll += guess->nll;
    trial->entropy += guess->entropy;
    trial->difference += difference;
    trial->difference_squares += difference * difference;
    trial->next += next;
    trial->next_squares += next * next;
    trial->right += (guess->next > 0.5) == follows;
}

static Trial run_trial(const Fixture *f, int pairs, double share, int run, const Counts *counts)
{
    Trial trial = {0};
    WorldStory *story, *other;
    Random random = random_stream(random_key(11, "trial"));
    ASSERT_OK(memory_new(1, sizeof *story, &story));
    ASSERT_OK(memory_new(1, sizeof *other, &other));
    for (int i = 0; i < pairs; i++) {
        Example example;
        WorldGuess guess;
        int follows;
        draw_pair(f, &random, story, other, &example, &follows);
        corrupt(f, &example, &random, share, run);
        ASSERT_OK(ask(f, &example, &guess, NULL));
        add_trial(&trial, &example, &guess, follows);
        if (counts) score_counts(f, counts, &example, &trial);
    }
    memory_free(story);
    memory_free(other);
    return trial;
}

/* A true posterior is as uncertain as it is wrong. */
static void check_calibrated(const Trial *trial)
{
    ck_assert_double_lt(fabs(trial->difference), 4 * sqrt(trial->difference_squares));
    ck_assert_double_lt(fabs(trial->next), 4 * sqrt(trial->next_squares));
}

START_TEST(posteriors_are_calibrated)
{
    Fixture f = new_fixture(&world_grammar_default, 6);
    Trial trial = run_trial(&f, 1500, 0.15, 1, NULL);
    check_calibrated(&trial);
    ck_assert_double_gt((double)trial.right / (double)trial.pairs, 0.95);
    trial = run_trial(&f, 300, 0.06, 5, NULL);
    check_calibrated(&trial);
    trial = run_trial(&f, 60, 0.4, 1, NULL);
    check_calibrated(&trial);
    free_fixture(&f);
}
END_TEST

START_TEST(nobody_who_counts_tokens_does_as_well)
{
    Fixture f = new_fixture(&world_grammar_default, 6);
    Counts *counts;
    WorldStory *story;
    ASSERT_OK(memory_new(1, sizeof *counts, &counts));
    ASSERT_OK(memory_new(1, sizeof *story, &story));
    count_tokens(&f, story, counts);
    Trial trial = run_trial(&f, 500, 0.15, 1, counts);
    double n = (double)trial.targets;
    ck_assert_double_gt(trial.unigram / n, 4.5);
    ck_assert_double_lt(trial.bigram, trial.unigram);
    ck_assert_double_lt(trial.nll, 0.5 * trial.bigram);
    ck_assert_double_gt(trial.nll / n, 0.2); /* the scene is not known: no trivial zero */
    memory_free(counts);
    memory_free(story);
    free_fixture(&f);
}
END_TEST

START_TEST(posteriors_sum_to_one)
{
    Fixture f = new_fixture(&world_grammar_default, 6);
    static double posterior[TOKENS_MAX * VOCAB_MAX];
    Random random = random_stream(random_key(5, "sums"));
    WorldStory *story, *other;
    ASSERT_OK(memory_new(1, sizeof *story, &story));
    ASSERT_OK(memory_new(1, sizeof *other, &other));
    for (int i = 0; i < 100; i++) {
        Example example;
        WorldGuess guess;
        int follows;
        draw_pair(&f, &random, story, other, &example, &follows);
        corrupt(&f, &example, &random, 0.2, 1);
        ASSERT_OK(ask(&f, &example, &guess, posterior));
        for (int32_t t = 0; t < example.count; t++) {
            double sum = 0;
            for (int32_t v = 0; v < f.options.vocab_size; v++) sum += posterior[t * f.options.vocab_size + v];
            ck_assert_double_eq_tol(sum, 1, 1e-9);
        }
    }
    memory_free(story);
    memory_free(other);
    free_fixture(&f);
}
END_TEST

/* Where several sentences may stand in a segment nothing is left out, merged or forgotten. */
START_TEST(what_is_left_out_changes_nothing)
{
    Fixture f = new_fixture(&world_grammar_default, 6), g = f;
    Random random = random_stream(random_key(8, "left out"));
    WorldStory *story, *other;
    g.options.segment_sentences = 2;
    ASSERT_OK(world_oracle_new(g.world, &g.options, cut, g.cutter, &g.oracle));
    ASSERT_OK(memory_new(1, sizeof *story, &story));
    ASSERT_OK(memory_new(1, sizeof *other, &other));
    for (int i = 0; i < 60; i++) {
        Example example;
        WorldGuess few, all;
        int follows;
        draw_pair(&f, &random, story, other, &example, &follows);
        corrupt(&f, &example, &random, 0.12, 1);
        ASSERT_OK(ask(&f, &example, &few, NULL));
        ASSERT_OK(ask(&g, &example, &all, NULL));
        ck_assert_double_eq_tol(few.nll, all.nll, 1e-6);
        ck_assert_double_eq_tol(few.next, all.next, 1e-6);
    }
    world_oracle_free(g.oracle);
    memory_free(story);
    memory_free(other);
    free_fixture(&f);
}
END_TEST

START_TEST(a_copied_word_is_known)
{
    Fixture f = new_fixture(&world_grammar_default, 6);
    static const char *const words =
        "One sunny day Lily found a red kite beside the swing .|Lily grabbed the red kite .";
    Example example = {.n = 1, .tokens = {CLS}};
    char text[128];
    WorldGuess guess;
    memcpy(text, words, strlen(words) + 1);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        char *bar = strchr(word, '|'), *parts[2] = {word, bar ? bar + 1 : NULL};
        if (bar) *bar = 0;
        for (int p = 0; p < 2 && parts[p]; p++) {
            int count;
            if (p) example.tokens[example.n++] = SEP;
            ASSERT_OK(cut(f.cutter, parts[p], example.tokens + example.n, 8, &count));
            example.n += count;
        }
    }
    example.tokens[example.n++] = SEP;
    for (int32_t i = example.n - 1; i > 0; i--) {
        const char *piece = f.cutter->pieces[example.tokens[i]];
        if (strcmp(piece, "lily") && strcmp(piece, "kite")) continue;
        example.selected[example.count] = i;
        example.originals[example.count++] = example.tokens[i];
        example.tokens[i] = MASK;
        if (example.count == 2) break; /* those of B */
    }
    ASSERT_OK(ask(&f, &example, &guess, NULL));
    ck_assert_double_lt(guess.nll, 0.4); /* it might be "she" */
    ck_assert_double_gt(guess.next, 0.9);
    ck_assert_int_eq(guess.correct, 2);
    free_fixture(&f);
}
END_TEST

/* --- failures --- */

START_TEST(strange_tokens_are_refused)
{
    Fixture f = new_fixture(&world_grammar_default, 6);
    WorldStory *story;
    Example example, bad;
    WorldGuess guess;
    ASSERT_OK(memory_new(1, sizeof *story, &story));
    ASSERT_OK(world_story(f.world, 1, story));
    begin_example(&f, &story->sentences[0], &story->sentences[1], &example);
    ASSERT_OK(ask(&f, &example, &guess, NULL));
    bad = example;
    bad.tokens[0] = SEP;
    ASSERT_FAILS(ask(&f, &bad, &guess, NULL), STATUS_INVALID, "[CLS] A [SEP]");
    bad = example;
    bad.n--;
    ASSERT_FAILS(ask(&f, &bad, &guess, NULL), STATUS_INVALID, "not");
    bad = example;
    bad.tokens[2] = bad.tokens[2] == 50 ? 51 : 50;
    ASSERT_FAILS(ask(&f, &bad, &guess, NULL), STATUS_INVALID, "not sentences");
    bad = example;
    bad.count = 1;
    bad.selected[0] = bad.n;
    ASSERT_FAILS(ask(&f, &bad, &guess, NULL), STATUS_INVALID, "cannot be predicted");
    bad.selected[0] = 1;
    bad.originals[0] = f.options.vocab_size;
    ASSERT_FAILS(ask(&f, &bad, &guess, NULL), STATUS_INVALID, "cannot be predicted");
    bad.originals[0] = SEP;
    bad.tokens[1] = MASK;
    ASSERT_FAILS(ask(&f, &bad, &guess, NULL), STATUS_INVALID, "impossible");
    bad.n = 2;
    ASSERT_FAILS(ask(&f, &bad, &guess, NULL), STATUS_INVALID, "2 tokens");
    ASSERT_OK(ask(&f, &example, &guess, NULL));
    memory_free(story);
    free_fixture(&f);
}
END_TEST

static Status make_and_ask(const Fixture *f, const Example *example)
{
    WorldOracle *oracle;
    WorldGuess guess;
    TRY(world_oracle_new(f->world, &f->options, cut, f->cutter, &oracle));
    Status status = world_oracle_pair(oracle, example->tokens, example->n, example->selected, example->originals,
                                      example->count, &guess, NULL);
    world_oracle_free(oracle);
    return status;
}

START_TEST(failing_allocations_leak_nothing)
{
    Fixture f = new_fixture(&small_grammar, 3);
    Random random = random_stream(random_key(8, "failing"));
    WorldStory *story;
    Example example;
    ASSERT_OK(memory_new(1, sizeof *story, &story));
    ASSERT_OK(world_story(f.world, 1, story));
    begin_example(&f, &story->sentences[0], &story->sentences[1], &example);
    corrupt(&f, &example, &random, 0.3, 1);
    size_t before = memory_in_use();
    Status status = STATUS_NOMEM;
    for (uint64_t n = 1; status != STATUS_OK; n++) {
        memory_fail_after(n, 0);
        status = make_and_ask(&f, &example);
        memory_fail_after(0, 0);
        if (status != STATUS_OK) ck_assert_int_eq(status, STATUS_NOMEM);
        ck_assert_uint_eq(memory_in_use(), before);
        ck_assert_uint_lt(n, 10000);
    }
    memory_free(story);
    free_fixture(&f);
}
END_TEST

Suite *world_oracle_suite(void)
{
    Suite *suite = suite_create("world_oracle");
    TCase *tests = tcase_create("world_oracle");
    tcase_add_test(tests, enumerating_two_sentences_gives_the_same);
    tcase_add_test(tests, enumerating_three_sentences_gives_the_same);
    tcase_add_test(tests, posteriors_are_calibrated);
    tcase_add_test(tests, nobody_who_counts_tokens_does_as_well);
    tcase_add_test(tests, posteriors_sum_to_one);
    tcase_add_test(tests, what_is_left_out_changes_nothing);
    tcase_add_test(tests, a_copied_word_is_known);
    tcase_add_test(tests, strange_tokens_are_refused);
    tcase_add_test(tests, failing_allocations_leak_nothing);
    suite_add_tcase(suite, tests);
    return suite;
}
