/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Learning a WordPiece vocabulary: small texts by hand, a slow count of all pairs, threads, failing allocations. */
#include "datasets/text_files.h"
#include "datasets/wordpiece.h"
#include "engine/base/cancel.h"
#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/base/threads.h"
#include "tests/unit/check_more.h"
#include "tests/unit/skip.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *wordpiece_train_suite(void);

static Corpus *corpus_of(const char *sentence)
{
    Corpus *corpus;
    ASSERT_OK(corpus_new(&corpus));
    ASSERT_OK(corpus_add_sentence(corpus, sentence, strlen(sentence)));
    ASSERT_OK(corpus_finish(corpus));
    return corpus;
}

static WordPieceTrainConfig config_of(int64_t vocab_size, int64_t min_frequency)
{
    WordPieceTrainConfig config;
    option_defaults(wordpiece_train_options, &config);
    config.vocab_size = vocab_size;
    config.min_frequency = min_frequency;
    return config;
}

static void expect_pieces(const char *sentence, WordPieceTrainConfig config, const char *pieces)
{
    Corpus *corpus = corpus_of(sentence);
    WordPiece *tokenizer;
    Buffer is = {0};
    ASSERT_OK(wordpiece_train(corpus, &config, NULL, NULL, &tokenizer));
    ASSERT_OK(buffer_text(&is, ""));
    for (int64_t i = 5; i < wordpiece_vocabulary(tokenizer)->size; i++)
        ASSERT_OK(buffer_printf(&is, "%s%s", i > 5 ? " " : "", wordpiece_piece(tokenizer, (int32_t)i)));
    ck_assert_str_eq(is.data, pieces);
    ck_assert_int_eq(wordpiece_vocabulary(tokenizer)->mask, 4);
    buffer_free(&is);
    wordpiece_unref(tokenizer);
    corpus_unref(corpus);
}

START_TEST(by_hand)
{
    /* Pairs: l ##o and ##o ##w 4 times, ##w ##e and ##e ##r once; of equal ones that of the smaller ids comes
     * first. */
    expect_pieces("low low Low lower", config_of(64, 2), "e l o r w ##e ##o ##r ##w lo low");
    expect_pieces("low low Low lower", config_of(64, 1), "e l o r w ##e ##o ##r ##w lo low ##er lower");
    expect_pieces("aaaa aaaa", config_of(64, 1), "a ##a ##aa aaa aaaa");
    expect_pieces("aaaaa", config_of(64, 1), "a ##a ##aa aaa aaaaa");
    expect_pieces("low low Low lower", config_of(25, 4), "e l o r w ##e ##o ##r ##w lo low");
    expect_pieces("caf\u00e9 CAF\u00c9", config_of(64, 2), "a c e f ##a ##e ##f ca ##fe cafe");
}
END_TEST

START_TEST(limits)
{
    WordPieceTrainConfig config = config_of(64, 1);
    config.limit_alphabet = 2;
    expect_pieces("aab aab cab x", config, "a b ##a ##b aa aab");          /* cab and x are learned nothing from */
    expect_pieces("abcdefgh abcdefgh", config_of(16, 1), "a b c ##b ##c"); /* room for 5 */
    config = config_of(64, 2);
    config.lowercase = false;
    expect_pieces("Ab Ab ab", config, "A a b ##b Ab");
    char text[300];
    memset(text, 'a', sizeof text);
    memcpy(text + 101, " bc bc", 7); /* a word of 101 characters counts for nothing */
    expect_pieces(text, config, "b c ##c bc");
    Corpus *corpus = corpus_of(" \u200b\t\x01 ");
    WordPiece *tokenizer = NULL;
    ASSERT_FAILS(wordpiece_train(corpus, &config, NULL, NULL, &tokenizer), STATUS_INVALID, "there are no words");
    ck_assert_ptr_null(tokenizer);
    corpus_unref(corpus);
    ck_assert_int_eq(option_set_number(wordpiece_train_options, &config, "wordpiece", "vocab_size", 5),
                     STATUS_INVALID);
}
END_TEST

/* --- the slow way --- */

enum { SLOW_WORDS = 60, SLOW_LENGTH = 12, SLOW_PIECES = 400 };

typedef struct Slow {
    char pieces[SLOW_PIECES][40];
    int count;
    int words[SLOW_WORDS][SLOW_LENGTH], lengths[SLOW_WORDS];
} Slow;

static int slow_piece(Slow *slow, const char *text)
{
    for (int i = 0; i < slow->count; i++)
        if (strcmp(slow->pieces[i], text) == 0) return i;
    ck_assert_int_lt(slow->count, SLOW_PIECES);
    snprintf(slow->pieces[slow->count], sizeof slow->pieces[0], "%s", text);
    return slow->count++;
}

static int slow_times(const Slow *slow, int left, int right)
{
    int times = 0;
    for (int w = 0; w < SLOW_WORDS; w++)
        for (int i = 0; i + 1 < slow->lengths[w]; i++)
            times += slow->words[w][i] == left && slow->words[w][i + 1] == right;
    return times;
}

static bool slow_best(const Slow *slow, int *left, int *right)
{
    int most = 1;
    for (int a = 0; a < slow->count; a++)
        for (int b = 0; b < slow->count; b++) {
            int times = slow_times(slow, a, b);
            if (times <= most) continue;
            most = times;
            *left = a;
            *right = b;
        }
    return most >= 2;
}

static void slow_join(Slow *slow, int left, int right)
{
    char text[100];
    snprintf(text, sizeof text, "%s%s", slow->pieces[left], slow->pieces[right] + 2);
    int piece = slow_piece(slow, text);
    for (int w = 0; w < SLOW_WORDS; w++) {
        int write = 0;
        for (int i = 0; i < slow->lengths[w]; i++) {
            bool here = slow->words[w][i] == left && i + 1 < slow->lengths[w] && slow->words[w][i + 1] == right;
            slow->words[w][write++] = here ? piece : slow->words[w][i];
            i += here;
        }
        slow->lengths[w] = write;
    }
}

static Slow *slow_learn(char words[SLOW_WORDS][SLOW_LENGTH + 1], int vocab_size)
{
    static const char *const first[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a",
                                        "b",     "c",     "##a",   "##b",   "##c"};
    Slow *slow = calloc(1, sizeof *slow);
    for (int i = 0; i < 11; i++) slow_piece(slow, first[i]);
    for (int w = 0; w < SLOW_WORDS; w++)
        for (const char *c = words[w]; *c; c++)
            slow->words[w][slow->lengths[w]++] = *c - 'a' + (c == words[w] ? 5 : 8);
    for (int left, right; slow->count < vocab_size && slow_best(slow, &left, &right);) slow_join(slow, left, right);
    return slow;
}

START_TEST(the_slow_way_gives_the_same)
{
    Random random = random_stream(random_key(5, "slow"));
    for (int round = 0; round < 4; round++) {
        char words[SLOW_WORDS][SLOW_LENGTH + 1] = {{0}};
        Buffer text = {0};
        for (int w = 0; w < SLOW_WORDS; w++) {
            int length = w < 4 ? 6 : 1 + (int)random_below(&random, SLOW_LENGTH);
            for (int i = 0; i < length; i++)
                words[w][i] = (char)('a' + (w < 4 ? w % 3 : (int)random_below(&random, 3)));
            words[w][length / 2] = (char)('a' + w % 3);
            ASSERT_OK(buffer_printf(&text, "%s ", words[w]));
        }
        Slow *slow = slow_learn(words, 60);
        ck_assert_int_gt(slow->count, 40);
        Corpus *corpus = corpus_of(text.data);
        WordPieceTrainConfig config = config_of(60, 2);
        WordPiece *tokenizer;
        ASSERT_OK(wordpiece_train(corpus, &config, NULL, NULL, &tokenizer));
        ck_assert_int_eq(wordpiece_vocabulary(tokenizer)->size, slow->count);
        for (int i = 0; i < slow->count; i++)
            ck_assert_str_eq(wordpiece_piece(tokenizer, (int32_t)i), slow->pieces[i]);
        wordpiece_unref(tokenizer);
        corpus_unref(corpus);
        buffer_free(&text);
        free(slow);
    }
}
END_TEST

/* --- larger texts --- */

static Corpus *random_corpus(int64_t sentences)
{
    Random random = random_stream(random_key(9, "corpus"));
    Corpus *corpus;
    ASSERT_OK(corpus_new(&corpus));
    for (int64_t i = 0; i < sentences; i++) {
        char sentence[256];
        size_t length = 0;
        for (int w = 0; w < 12; w++) {
            uint64_t syllables = 1 + random_below(&random, 4);
            for (uint64_t s = 0; s < syllables; s++)
                length +=
                    (size_t)snprintf(sentence + length, sizeof sentence - length, "%c%c",
                                     "bcdfgklmnprst"[random_below(&random, 13)], "aeiou"[random_below(&random, 5)]);
            sentence[length++] = " ,."[w == 5 ? 1 : 0];
        }
        ASSERT_OK(corpus_add_sentence(corpus, sentence, length));
        if (i % 7 == 6) ASSERT_OK(corpus_end_document(corpus, -1));
    }
    ASSERT_OK(corpus_finish(corpus));
    return corpus;
}

START_TEST(threads_do_not_matter)
{
    static const int counts[] = {1, 2, 3, 5};
    Corpus *corpus = random_corpus(5000);
    WordPieceTrainConfig config = config_of(600, 2);
    Hash hashes[4];
    for (int i = 0; i < 4; i++) {
        WordPiece *tokenizer;
        threads_set(counts[i]);
        ASSERT_OK(wordpiece_train(corpus, &config, NULL, NULL, &tokenizer));
        ck_assert_int_eq(wordpiece_vocabulary(tokenizer)->size, 600);
        hashes[i] = wordpiece_hash(tokenizer);
        ck_assert(hash_equal(hashes[i], hashes[0]));
        wordpiece_unref(tokenizer);
    }
    corpus_unref(corpus);
}
END_TEST

static void count_calls(void *context, int64_t done, int64_t all)
{
    ck_assert(done >= 0 && done <= all);
    if (++*(int *)context == 2) cancel_request();
}

START_TEST(progress_and_cancelling)
{
    Corpus *corpus = random_corpus(500);
    WordPieceTrainConfig config = config_of(2000, 1);
    WordPiece *tokenizer = NULL;
    int calls = 0;
    size_t before = memory_in_use();
    ck_assert_int_eq(wordpiece_train(corpus, &config, count_calls, &calls, &tokenizer), STATUS_CANCELLED);
    cancel_clear();
    ck_assert_ptr_null(tokenizer);
    ck_assert_int_eq(calls, 2);
    ck_assert_uint_eq(memory_in_use(), before);
    corpus_unref(corpus);
}
END_TEST

START_TEST(every_allocation_fails)
{
    Corpus *corpus = corpus_of("low low lower newest newest widest \u00e9t\u00e9 \u00e9t\u00e9");
    WordPieceTrainConfig config = config_of(64, 2);
    size_t before = memory_in_use();
    for (uint64_t n = 1, used = n; used >= n; n++) {
        WordPiece *tokenizer = NULL;
        memory_fail_after(n, n % 2 == 0);
        Status status = wordpiece_train(corpus, &config, NULL, NULL, &tokenizer);
        used = memory_allocations();
        memory_fail_after(0, 0);
        ck_assert_msg((status == STATUS_OK) == (used < n), "allocation %llu: %s", (unsigned long long)n,
                      status_message());
        wordpiece_unref(tokenizer);
        ck_assert_uint_eq(memory_in_use(), before);
    }
    corpus_unref(corpus);
}
END_TEST

/* 4,096 pieces of 1.1 MB of English: well below the two seconds that a person notices. */
START_TEST(real_text)
{
    const char *data = getenv("LATHE_DATA");
    char path[4096];
    if (!data) {
        test_skip("LATHE_DATA is unset");
        return;
    }
    snprintf(path, sizeof path, "%s/text/wikitext2-valid.txt", data);
    TextFileConfig reading = {TEXT_CUT_SENTENCES};
    WordPieceTrainConfig config = config_of(4096, 2);
    Corpus *corpus;
    WordPiece *tokenizer;
    Tokenized *text;
    ASSERT_OK(text_file_read(path, &reading, &corpus));
    double begin = clock_seconds();
    ASSERT_OK(wordpiece_train(corpus, &config, NULL, NULL, &tokenizer));
    double learned = clock_seconds();
    ck_assert_int_eq(wordpiece_vocabulary(tokenizer)->size, 4096);
    Encoder encoder = wordpiece_encoder(tokenizer);
    ASSERT_OK(corpus_encode(corpus, &encoder, NULL, NULL, &text));
    double encoded = clock_seconds();
    int64_t unknown = 0;
    for (int64_t i = 0; i < text->tokens; i++) unknown += text->ids[i] == wordpiece_vocabulary(tokenizer)->unknown;
    printf("wordpiece: %zu bytes: learned in %.2f s, encoded in %.3f s: %lld tokens, %lld unknown\n",
           corpus->bytes.length, learned - begin, encoded - learned, (long long)text->tokens, (long long)unknown);
    ck_assert_int_lt(unknown, text->tokens / 1000);
    ck_assert_int_lt(text->tokens, 350000);
    tokenized_unref(text);
    wordpiece_unref(tokenizer);
    corpus_unref(corpus);
}
END_TEST

Suite *wordpiece_train_suite(void)
{
    Suite *suite = suite_create("wordpiece_train");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, by_hand);
    tcase_add_test(tests, limits);
    tcase_add_test(tests, the_slow_way_gives_the_same);
    tcase_add_test(tests, threads_do_not_matter);
    tcase_add_test(tests, progress_and_cancelling);
    tcase_add_test(tests, every_allocation_fails);
    tcase_add_test(tests, real_text);
    suite_add_tcase(suite, tests);
    return suite;
}
