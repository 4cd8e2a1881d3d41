/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Masking: the shares of Devlin et al., whole words, spans, and what the choice may depend on. */
#include "engine/objectives/mlm.h"

#include <check.h>
#include <math.h>
#include <string.h>

enum { LENGTH = 60, SPECIALS = 5, VOCAB = 100, ROUNDS = 2000 };

Suite *mlm_suite(void);

static uint8_t special[VOCAB];
static const Vocabulary vocabulary = {.size = VOCAB, .classify = 2, .separator = 3, .mask = 4, .special = special};

static MlmConfig standard(void)
{
    MlmConfig config;
    memset(special, 1, SPECIALS);
    option_defaults(objective_mlm.options, &config);
    return config;
}

/* [CLS] a b c ... [SEP], words of three pieces. */
static void make_sequence(int32_t *ids, int32_t *words)
{
    for (int i = 0; i < LENGTH; i++) {
        ids[i] = i == 0 ? 2 : i == LENGTH - 1 ? 3 : SPECIALS + i;
        words[i] = i == 0 || i == LENGTH - 1 ? -1 : (i - 1) / 3;
    }
}

static int64_t mask(const MlmConfig *config, uint64_t key, int32_t *ids, uint8_t *selected)
{
    int32_t words[LENGTH], scratch[3 * LENGTH];
    make_sequence(ids, words);
    return mlm_mask_sequence(config, random_key(key, "test"), &vocabulary, LENGTH, ids, words, selected, scratch);
}

START_TEST(shares_are_kept)
{
    MlmConfig config = standard();
    int64_t chosen = 0, masked = 0, kept = 0;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        int32_t ids[LENGTH];
        uint8_t selected[LENGTH];
        int64_t count = mask(&config, round, ids, selected);
        ck_assert_int_eq(count, 9); /* 15% of 58 */
        ck_assert(!selected[0] && !selected[LENGTH - 1]);
        for (int i = 0; i < LENGTH; i++) {
            if (!selected[i]) ck_assert_int_eq(ids[i], i == 0 ? 2 : i == LENGTH - 1 ? 3 : SPECIALS + i);
            if (!selected[i]) continue;
            chosen++;
            masked += ids[i] == vocabulary.mask;
            kept += ids[i] == SPECIALS + i;
        }
    }
    double n = (double)chosen; /* a random token may be [MASK] or the old one: 1 in 100 each */
    ck_assert_double_eq_tol((double)masked / n, 0.801, 0.015);
    ck_assert_double_eq_tol((double)kept / n, 0.101, 0.01);
}
END_TEST

START_TEST(shares_can_be_changed)
{
    MlmConfig config = standard();
    int32_t ids[LENGTH];
    uint8_t selected[LENGTH];
    config.mlm_probability = 1;
    config.mask_share = 1;
    config.random_share = 0;
    ck_assert_int_eq(mask(&config, 1, ids, selected), LENGTH - 2);
    for (int i = 1; i < LENGTH - 1; i++) ck_assert_int_eq(ids[i], vocabulary.mask);
    config.mlm_probability = 1e-6;
    ck_assert_int_eq(mask(&config, 1, ids, selected), 1); /* never none */
}
END_TEST

START_TEST(words_stay_whole)
{
    for (int64_t masking = MLM_WHOLE_WORDS; masking <= MLM_SPANS; masking++) {
        MlmConfig config = standard();
        config.masking = masking;
        int64_t runs = 0, chosen = 0;
        for (uint64_t round = 0; round < 200; round++) {
            int32_t ids[LENGTH];
            uint8_t selected[LENGTH];
            chosen += mask(&config, round, ids, selected);
            for (int i = 1; i < LENGTH - 1; i += 3) {
                int pieces = i + 3 <= LENGTH - 1 ? 3 : LENGTH - 1 - i;
                for (int j = 1; j < pieces; j++) ck_assert_int_eq(selected[i], selected[i + j]);
            }
            for (int i = 1; i < LENGTH; i++) runs += selected[i] && !selected[i - 1];
        }
        ck_assert_int_ge(chosen, 200 * 7);
        if (masking == MLM_SPANS) ck_assert_double_gt((double)chosen / (double)runs, 4); /* longer than words */
    }
}
END_TEST

/* Of two sentences: a span ends with the first one. Both neighbours of the separator are chosen only where two
 * spans happen to be there, 1 in 400; were it crossed, 1 in 20. */
START_TEST(spans_end_at_separators)
{
    MlmConfig config = standard();
    int both = 0;
    config.masking = MLM_SPANS;
    config.span_p = 0.01;
    config.mlm_probability = 6.0 / (LENGTH - 3);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        int32_t ids[LENGTH], words[LENGTH], scratch[3 * LENGTH];
        uint8_t selected[LENGTH];
        make_sequence(ids, words);
        ids[LENGTH / 2] = vocabulary.separator;
        words[LENGTH / 2] = -1;
        mlm_mask_sequence(&config, random_key(round, "test"), &vocabulary, LENGTH, ids, words, selected, scratch);
        ck_assert(!selected[LENGTH / 2]);
        both += selected[LENGTH / 2 - 1] && selected[LENGTH / 2 + 1];
    }
    ck_assert_int_lt(both, 30);
}
END_TEST

START_TEST(the_key_alone_decides)
{
    MlmConfig config = standard();
    int32_t a[LENGTH], b[LENGTH];
    uint8_t sa[LENGTH], sb[LENGTH];
    mask(&config, 7, a, sa);
    mask(&config, 8, b, sb);
    ck_assert(memcmp(sa, sb, LENGTH) != 0);
    mask(&config, 7, b, sb);
    ck_assert(memcmp(sa, sb, LENGTH) == 0 && memcmp(a, b, sizeof a) == 0);
}
END_TEST

/* --- the view of a batch --- */

static Batch make_batch(Arena *arena, const int64_t *examples, int64_t rows)
{
    Batch batch = {.size = rows, .epoch = 3, .vocabulary = &vocabulary};
    Tensor *ids, *words, *lengths, *numbers;
    ck_assert_int_eq(tensor_new(arena, DTYPE_I32, 2, (int64_t[]){rows, LENGTH}, &ids), STATUS_OK);
    ck_assert_int_eq(tensor_new(arena, DTYPE_I32, 2, (int64_t[]){rows, LENGTH}, &words), STATUS_OK);
    ck_assert_int_eq(tensor_new(arena, DTYPE_I32, 1, &rows, &lengths), STATUS_OK);
    ck_assert_int_eq(tensor_new(arena, DTYPE_I64, 1, &rows, &numbers), STATUS_OK);
    for (int64_t r = 0; r < rows; r++) {
        make_sequence(TENSOR_I32(ids) + r * LENGTH, TENSOR_I32(words) + r * LENGTH);
        TENSOR_I32(lengths)[r] = LENGTH;
        ((int64_t *)tensor_data(numbers))[r] = examples[r];
    }
    ck_assert_int_eq(batch_put(&batch, "input_ids", ids), STATUS_OK);
    ck_assert_int_eq(batch_put(&batch, "word_ids", words), STATUS_OK);
    ck_assert_int_eq(batch_put(&batch, "lengths", lengths), STATUS_OK);
    ck_assert_int_eq(batch_put(&batch, "example_ids", numbers), STATUS_OK);
    return batch;
}

static Batch make_view(Arena *arena, const int64_t *examples, int64_t rows)
{
    Objective *objective;
    Batch plain = make_batch(arena, examples, rows), view;
    standard();
    ck_assert_int_eq(objective_new(&objective_mlm, NULL, NULL, 1, &objective), STATUS_OK);
    batch_share(&view, &plain);
    ck_assert_int_eq(objective_mlm.view(objective, random_key(1, "views"), arena, &plain, &view), STATUS_OK);
    objective_free(objective);
    return view;
}

/* An example has the same mask wherever it stands and whatever stands beside it. */
START_TEST(batches_do_not_matter)
{
    Arena *arena;
    ck_assert_int_eq(arena_new(&arena), STATUS_OK);
    Batch three = make_view(arena, (int64_t[]){10, 11, 12}, 3), one = make_view(arena, (int64_t[]){12}, 1);
    const int32_t *a = TENSOR_I32(batch_find(&three, "input_ids")) + 2 * LENGTH;
    const int32_t *b = TENSOR_I32(batch_find(&one, "input_ids"));
    ck_assert(memcmp(a, b, LENGTH * sizeof *a) == 0);
    const Tensor *positions = batch_find(&three, "masked_positions"),
                 *targets = batch_find(&three, "masked_targets");
    ck_assert_int_eq(tensor_count(positions), 27);
    for (int64_t i = 0; i < 27; i++) {
        int32_t at = TENSOR_I32(positions)[i];
        ck_assert_int_eq(TENSOR_I32(targets)[i], SPECIALS + at % LENGTH);
        ck_assert(i == 0 || at > TENSOR_I32(positions)[i - 1]);
    }
    arena_free(arena);
}
END_TEST

Suite *mlm_suite(void)
{
    Suite *suite = suite_create("mlm");
    TCase *tests = tcase_create("mlm");
    tcase_add_test(tests, shares_are_kept);
    tcase_add_test(tests, shares_can_be_changed);
    tcase_add_test(tests, words_stay_whole);
    tcase_add_test(tests, spans_end_at_separators);
    tcase_add_test(tests, the_key_alone_decides);
    tcase_add_test(tests, batches_do_not_matter);
    suite_add_tcase(suite, tests);
    return suite;
}
