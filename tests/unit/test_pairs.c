/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts and what is to be written about them: examples of data.pairs, denoising, and a decoder that learns to copy.
 */
#include "datasets/characters.h"
#include "datasets/pairs.h"
#include "engine/base/memory.h"
#include "engine/objectives/clm.h"
#include "engine/objectives/denoise.h"
#include "scripts/host.h"
#include "tests/unit/scratch.h"

#include <lua.h>
#include <string.h>

Suite *pairs_suite(void);

#define OK ASSERT_OK

/* --- examples --- */

/* Documents of two sentences; the letters a to e are tokens 2 to 6, the separator is 0. */
static Corpus *corpus_of(CorpusTask task, int documents, const char *const (*texts)[2])
{
    Corpus *corpus;
    OK(corpus_new(&corpus));
    corpus->task = task;
    for (int d = 0; d < documents; d++) {
        for (int s = 0; s < 2; s++) OK(corpus_add_sentence(corpus, texts[d][s], strlen(texts[d][s])));
        OK(corpus_end_document(corpus, -1));
    }
    OK(corpus_finish(corpus));
    return corpus;
}

static Status make_pairs(const Corpus *corpus, int64_t length, Source **out)
{
    Characters *tokenizer;
    Tokenized *text;
    PairsConfig config;
    option_defaults(pairs_options, &config);
    config.text.length = length;
    config.text.shuffle = config.text.buckets = false;
    config.text.loader_threads = 0;
    OK(characters_train(corpus, &(CharactersTrainConfig){1}, &tokenizer));
    Encoder encoder = characters_encoder(tokenizer);
    OK(corpus_encode(corpus, &encoder, NULL, NULL, &text));
    Status status = pairs_new(text, &config, out);
    tokenized_unref(text);
    characters_unref(tokenizer);
    return status;
}

static void check_row(const Batch *batch, int row, int prefix, int count, const int32_t *tokens)
{
    const Tensor *ids = batch_find(batch, "input_ids");
    ck_assert_int_eq(TENSOR_I32(batch_find(batch, "lengths"))[row], count);
    ck_assert_int_eq(TENSOR_I32(batch_find(batch, "prefix_lengths"))[row], prefix);
    for (int i = 0; i < count; i++) ck_assert_int_eq(TENSOR_I32(ids)[row * ids->shape[1] + i], tokens[i]);
}

START_TEST(text_separator_target_separator)
{
    static const char *const texts[][2] = {{"abc", "de"}, {"a", "b"}, {"abcde", "e"}, {"abc", "abcdea"}};
    Corpus *corpus = corpus_of(CORPUS_PAIRS, 4, texts);
    Arena *arena;
    Source *source;
    Batch batch, shifted = {0};
    Cursor cursor = {0};
    OK(arena_new(&arena));
    OK(make_pairs(corpus, 6, &source));
    OK(source_next(source, 4, arena, &cursor, &batch));
    check_row(&batch, 0, 4, 7, (int32_t[]){2, 3, 4, 0, 5, 6, 0});
    check_row(&batch, 1, 2, 4, (int32_t[]){2, 0, 3, 0});
    check_row(&batch, 2, 5, 7, (int32_t[]){3, 4, 5, 6, 0, 6, 0}); /* the text lost its beginning */
    check_row(&batch, 3, 1, 7, (int32_t[]){0, 2, 3, 4, 5, 6, 2}); /* and all of it */
    batch_share(&shifted, &batch);
    OK(clm_shift(arena, &batch, &shifted));
    static const int32_t targets[] = {-100, -100, -100, 5, 6, 0, -100, 3, 0, -100, -100, -100};
    for (int i = 0; i < 12; i++) ck_assert_int_eq(TENSOR_I32(batch_find(&shifted, "clm_targets"))[i], targets[i]);
    batch_clear(&shifted);
    batch_clear(&batch);
    source_unref(source);
    arena_free(arena);
    corpus_unref(corpus);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(texts_without_targets_are_refused)
{
    static const char *const texts[][2] = {{"abc", "de"}};
    Corpus *corpus = corpus_of(CORPUS_TEXT, 1, texts);
    Source *source;
    ASSERT_FAILS(make_pairs(corpus, 6, &source), STATUS_INVALID, "nothing is to be written about the texts");
    corpus_unref(corpus);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* --- noise --- */

enum { LENGTH = 40, VOCAB = 50, HOLE = 3 };

static const Vocabulary *vocabulary(void)
{
    static uint8_t special[VOCAB] = {1, 1, 1, 1, 1};
    static const Vocabulary made = {
        .size = VOCAB, .pad = 0, .unknown = 1, .classify = 2, .separator = 2, .mask = HOLE, .special = special};
    return &made;
}

/* Tokens 5, 6, ...; words of two; a separator in the middle. */
static void make_text(int32_t ids[LENGTH], int32_t words[LENGTH])
{
    for (int i = 0; i < LENGTH; i++) {
        ids[i] = 5 + i;
        words[i] = i / 2;
    }
    ids[20] = 2;
    words[20] = -1;
    ids[21] = 2;
    words[21] = -1;
}

static int64_t corrupt(int64_t noise, uint64_t seed, int32_t out[LENGTH])
{
    int32_t ids[LENGTH], words[LENGTH], scratch[4 * LENGTH];
    DenoiseConfig config;
    option_defaults(objective_denoise.options, &config);
    config.noise = noise;
    make_text(ids, words);
    return denoise_corrupt(&config, random_key(seed, "x"), vocabulary(), HOLE, LENGTH, ids, words, out, scratch);
}

/* What is not hidden keeps its order; between its parts stands one hole for each span of whole words. */
START_TEST(spans_become_holes)
{
    int64_t hidden = 0, holes = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        int32_t out[LENGTH];
        int64_t count = corrupt(DENOISE_SPAN, seed, out);
        int32_t before = 4;
        for (int64_t i = 0; i < count; i++) {
            bool hole = out[i] == HOLE;
            holes += hole;
            if (hole) ck_assert(i == 0 || out[i - 1] != HOLE);
            if (hole || out[i] == 2) continue;
            ck_assert_int_gt(out[i], before);
            if (out[i] % 2) ck_assert(i + 1 < count && out[i + 1] == out[i] + 1); /* words stay whole */
            before = out[i];
        }
        hidden += LENGTH - count + 1;
    }
    ck_assert_int_gt(holes, 300);
    ck_assert_int_gt(hidden, 200 * 8); /* 0.3 of 38, in words of two, less the holes */
    ck_assert_int_lt(hidden, 200 * 14);
}
END_TEST

START_TEST(permuting_keeps_all_words)
{
    int32_t out[LENGTH], again[LENGTH], other[LENGTH];
    bool seen[VOCAB] = {false};
    ck_assert_int_eq(corrupt(DENOISE_PERMUTE, 1, out), LENGTH);
    ck_assert_int_eq(corrupt(DENOISE_PERMUTE, 1, again), LENGTH);
    ck_assert_int_eq(corrupt(DENOISE_PERMUTE, 2, other), LENGTH);
    ck_assert_int_eq(memcmp(out, again, sizeof out), 0);
    ck_assert_int_ne(memcmp(out, other, sizeof out), 0);
    ck_assert(out[20] == 2 && out[21] == 2);
    for (int i = 0; i < LENGTH; i++) {
        if (out[i] == 2) continue;
        ck_assert(!seen[out[i]]);
        seen[out[i]] = true;
        if (out[i] % 2) ck_assert_int_eq(out[i + 1], out[i] + 1);
    }
}
END_TEST

/* The view reads: corrupted text, separator, text, separator; the text and its separator are predicted. */
START_TEST(the_view_asks_for_the_text)
{
    Objective *objective;
    Arena *arena;
    Batch batch = {.size = 2, .vocabulary = vocabulary()}, view = {0};
    Tensor *ids, *lengths, *examples;
    OK(arena_new(&arena));
    OK(objective_new(&objective_denoise, NULL, NULL, 1, &objective));
    OK(tensor_new(arena, DTYPE_I32, 2, (int64_t[]){2, 8}, &ids));
    for (int i = 0; i < 16; i++) TENSOR_I32(ids)[i] = i % 8 == 0 || i == 7 ? 2 : 5 + i; /* between separators */
    OK(batch_put(&batch, "input_ids", ids));
    OK(tensor_new(arena, DTYPE_I32, 1, (int64_t[]){2}, &lengths));
    TENSOR_I32(lengths)[0] = 8;
    TENSOR_I32(lengths)[1] = 5;
    OK(batch_put(&batch, "lengths", lengths));
    OK(tensor_new_zeros(arena, DTYPE_I64, 1, (int64_t[]){2}, &examples));
    OK(batch_put(&batch, "example_ids", examples));
    batch_share(&view, &batch);
    OK(objective_denoise.view(objective, random_key(1, "view"), arena, &batch, &view));
    const Tensor *read = batch_find(&view, "input_ids"), *asked = batch_find(&view, "clm_targets");
    int64_t width = read->shape[1];
    for (int row = 0; row < 2; row++) {
        int64_t length = TENSOR_I32(batch_find(&view, "lengths"))[row], n = row ? 4 : 6, begin = length - n - 1;
        ck_assert_int_eq(TENSOR_I32(read)[row * width + begin], 2);
        for (int64_t i = 0; i < width; i++) {
            int32_t want = i < begin || i >= length ? -100
                           : i == length - 1        ? 2
                                                    : (int32_t)(6 + 8 * row + i - begin);
            ck_assert_int_eq(TENSOR_I32(asked)[row * width + i], want);
        }
    }
    batch_clear(&view);
    batch_clear(&batch);
    objective_free(objective);
    arena_free(arena);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* --- from Lua --- */

static int push_path(lua_State *L)
{
    lua_pushstring(L, scratch_path("texts.jsonl"));
    lua_setglobal(L, "path");
    return 0;
}

START_TEST(from_lua)
{
    Host *host;
    HostOptions options = {.seed = 1};
    OK(host_new(&options, &host));
    OK(host_protect(host, push_path, NULL));
    OK(host_load_file(host, LATHE_SOURCE "/tests/unit/pairs.lua"));
    OK(host_call(host, 0, 0));
    host_free(host);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

Suite *pairs_suite(void)
{
    Suite *suite = suite_create("pairs");
    TCase *tests = tcase_create("pairs");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, text_separator_target_separator);
    tcase_add_test(tests, texts_without_targets_are_refused);
    tcase_add_test(tests, spans_become_holes);
    tcase_add_test(tests, permuting_keeps_all_words);
    tcase_add_test(tests, the_view_asks_for_the_text);
    tcase_add_test(tests, from_lua);
    suite_add_tcase(suite, tests);
    return suite;
}
