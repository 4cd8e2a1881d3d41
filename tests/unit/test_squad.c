/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions with answers in a text: files, windows, scores (tests/parity/squad.py). */
#include "datasets/squad_source.h"
#include "datasets/wordpiece.h"
#include "engine/base/memory.h"
#include "engine/train/span_scores.h"
#include "tests/unit/scratch.h"

#include <math.h>

Suite *squad_suite(void);

static void write_file(const char *text)
{
    scratch_write(scratch_path("squad.json"), text, strlen(text));
}

#define FILE_OF(context, questions)                                                                                \
    "{\"version\": \"1.1\", \"data\": [{\"title\": \"t\", \"paragraphs\": [{\"context\": \"" context               \
    "\", \"qas\": [" questions "]}]}]}"
#define QUESTION(id, text, start)                                                                                  \
    "{\"id\": \"" id "\", \"question\": \"where ?\", \"answers\": [{\"text\": \"" text                             \
    "\", \"answer_start\": " start "}]}"
#define IMPOSSIBLE "{\"id\": \"no\", \"question\": \"when ?\", \"answers\": [], \"is_impossible\": true}"

/* --- files --- */

/* Places count code points. */
START_TEST(files_are_read)
{
    Squad *squad;
    write_file(FILE_OF("d\\u00e9j\\u00e0 \\ud83d\\ude00 sea . the sea", QUESTION("q1", "sea", "7") "," IMPOSSIBLE));
    ASSERT_OK(squad_read(scratch_path("squad.json"), false, &squad));
    ck_assert_int_eq(squad->question_count, 2);
    ck_assert_int_eq(squad->questions[0].answer_count, 1);
    ck_assert_int_eq(squad->questions[1].answer_count, 0);
    ck_assert_str_eq(squad->text.data + squad->questions[1].id, "no");
    ck_assert_uint_eq(squad->answers[0].begin, 12);
    ck_assert_uint_eq(squad->answers[0].end, 15);
    squad_unref(squad);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

static const struct {
    const char *text, *expected;
    bool lenient; /* read with lenient, too */
} bad_files[] = {
    {"{", "squad.json", false},
    {"[]", "'data' is missing", false},
    {"{\"data\": 3}", "'data' is an integer", false},
    {"{\"data\": []}", "there is no question in it", false},
    {"{\"data\": [{\"paragraphs\": [{}]}]}", "context", false},
    {"{\"data\": [{\"paragraphs\": [{\"context\": \"a\"}]}]}", "'qas' is missing", false},
    {FILE_OF("a b", "{\"id\": 4}"), "id", false},
    {FILE_OF("a b", QUESTION("q7", "b", "-1")), "answer_start", false},
    {FILE_OF("a b", QUESTION("q7", "b", "\"x\"")), "answer_start", false},
    {FILE_OF("a b", QUESTION("q7", "c", "3")), "question q7: its answer begins at 3, the context has 3 characters",
     true},
    {FILE_OF("a b", QUESTION("q7", "b", "812")),
     "question q7: its answer begins at 812, the context has 3 characters", true},
    {FILE_OF("a b", QUESTION("q7", "bc", "2")), "question q7: its answer 'bc' does not stand at 2 of the context",
     true},
    {FILE_OF("a b", QUESTION("q7", "", "2")), "question q7: an answer is empty", true},
    {FILE_OF("a b", "{\"id\": \"q8\", \"question\": \"x\", \"answers\": []}"), "question q8: it has no answer",
     true},
};

START_TEST(bad_files_are_refused)
{
    Squad *squad = NULL;
    write_file(bad_files[_i].text);
    ck_assert_int_ne(squad_read(scratch_path("squad.json"), false, &squad), STATUS_OK);
    ck_assert_msg(strstr(status_message(), bad_files[_i].expected) != NULL, "%s", status_message());
    ck_assert_ptr_null(squad);
    Status status = squad_read(scratch_path("squad.json"), true, &squad);
    ck_assert(status != STATUS_OK);
    ck_assert(!bad_files[_i].lenient || strstr(status_message(), "there is no question in it"));
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(lenient_leaves_out)
{
    Squad *squad;
    write_file(FILE_OF("a b", QUESTION("q1", "b", "0") "," QUESTION("q2", "b", "2")));
    ASSERT_OK(squad_read(scratch_path("squad.json"), true, &squad));
    ck_assert_int_eq(squad->question_count, 1);
    ck_assert_int_eq(squad->answer_count, 1);
    ck_assert_int_eq(squad->skipped, 1);
    squad_unref(squad);
}
END_TEST

/* --- scores --- */

/* One question with one answer that says the text, or none where it is empty. */
static void score(const char *answer, const char *gold, double *exact, double *f1)
{
    Squad squad = {0};
    SquadAnswer answers = {0};
    SquadQuestion question = {.answer_count = *gold != '\0'};
    squad.answers = &answers;
    ASSERT_OK(buffer_append(&squad.text, gold, strlen(gold) + 1));
    ASSERT_OK(squad_score(&squad, &question, answer, strlen(answer), exact, f1));
    buffer_free(&squad.text);
}

START_TEST(scores_are_the_official_ones)
{
    char *text = scratch_read(TEST_GOLDEN "/squad_scores.txt"), *rest = text, *line;
    int count = 0;
    while ((line = strsep(&rest, "\n")) && *line) {
        char *answer = strsep(&line, "\t"), *gold = strsep(&line, "\t"), *same = strsep(&line, "\t");
        double exact, f1;
        score(answer, gold, &exact, &f1);
        ck_assert_msg(exact == atof(same), "'%s' for '%s': exact match %g", answer, gold, exact);
        ck_assert_msg(fabs(f1 - atof(line)) < 1e-9, "'%s' for '%s': F1 %g, not %s", answer, gold, f1, line);
        count++;
    }
    ck_assert_int_eq(count, 170);
    memory_free(text);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* --- windows --- */

static WordPiece *new_words(void)
{
    static const char pieces[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nwhere\nwhen\n?\na\nb\nc\nd\ne\nf\ng\n";
    WordPieceLoadConfig config;
    WordPiece *words;
    memset(&config, 0, sizeof config);
    option_defaults(wordpiece_load_options, &config);
    scratch_write(scratch_path("vocab.txt"), pieces, strlen(pieces));
    ASSERT_OK(wordpiece_load(scratch_path("vocab.txt"), &config, &words));
    return words;
}

static SquadConfig plain_config(void)
{
    SquadConfig config;
    memset(&config, 0, sizeof config);
    option_defaults(squad_options, &config);
    config.shuffle = false;
    config.valid = 0;
    config.length = 16;
    config.question_length = 2;
    config.stride = 3;
    return config;
}

static void assert_row(const Batch *batch, const char *name, int row, const int32_t *expected, int count)
{
    const Tensor *tensor = batch_find(batch, name);
    int64_t width = tensor->ndim == 2 ? tensor->shape[1] : 1;
    for (int i = 0; i < count; i++) ck_assert_int_eq(TENSOR_I32(tensor)[row * width + i], expected[i]);
}

START_TEST(windows_are_cut)
{
    WordPiece *words = new_words();
    Encoder encoder = wordpiece_encoder(words);
    SquadConfig config = plain_config();
    Source *source, *valid;
    Cursor cursor = {0};
    Batch batch;
    /* 14 tokens of a context, 11 of them in a window */
    write_file(FILE_OF("a b c d e f g a b c d e f g", QUESTION("q1", "f g", "24") "," IMPOSSIBLE));
    ASSERT_OK(squad_sources(scratch_path("squad.json"), &encoder, &config, &source, &valid));
    ck_assert_ptr_null(valid);
    ck_assert_int_eq(source->examples, 4);
    ASSERT_OK(source->type->next(source, NULL, &cursor, &batch));
    ck_assert_int_eq(batch.size, 4);
    assert_row(&batch, "input_ids", 0, (int32_t[]){2, 5, 7, 3, 8, 9, 10, 11, 12, 13, 14, 8, 9, 10, 11, 3}, 16);
    assert_row(&batch, "input_ids", 1, (int32_t[]){2, 5, 7, 3, 11, 12, 13, 14, 8, 9, 10, 11, 12, 13, 14, 3}, 16);
    assert_row(&batch, "token_type_ids", 0, (int32_t[]){0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 16);
    assert_row(&batch, "lengths", 0, (int32_t[]){16}, 1);
    assert_row(&batch, "start_positions", 0, (int32_t[]){0}, 1);
    assert_row(&batch, "start_positions", 1, (int32_t[]){13}, 1);
    assert_row(&batch, "end_positions", 1, (int32_t[]){14}, 1);
    assert_row(&batch, "start_positions", 2, (int32_t[]){0}, 1);
    batch_clear(&batch);
    /* the right window's answer counts, by its score; no answer where none is surer */
    SpanAnswer answers[4] = {{0, 5, 5, 1, 0}, {1, 13, 14, 2, 0}, {2, 5, 5, 1, 3}, {3, 6, 6, 1, 3}};
    AnswerScore scores;
    ASSERT_OK(source->type->answer(source, answers, 4, &scores));
    ck_assert_int_eq(scores.questions, 2);
    ck_assert_double_eq(scores.exact_match, 2);
    answers[3].none = 0; /* one window that is sure of an answer is enough */
    answers[1].start = 14;
    ASSERT_OK(source->type->answer(source, answers, 4, &scores));
    ck_assert_double_eq(scores.exact_match, 0);
    ck_assert_double_eq_tol(scores.f1, 2.0 / 3, 1e-9);
    source_unref(source);
    wordpiece_unref(words);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(bad_options_are_refused)
{
    WordPiece *words = new_words();
    Encoder encoder = wordpiece_encoder(words);
    SquadConfig config = plain_config();
    Source *source, *valid;
    write_file(FILE_OF("a b", QUESTION("q1", "b", "2")));
    config.stride = 12;
    ASSERT_FAILS(squad_sources(scratch_path("squad.json"), &encoder, &config, &source, &valid), STATUS_INVALID,
                 "a stride of 12 passes over tokens: windows have 11");
    config.question_length = 13;
    ASSERT_FAILS(squad_sources(scratch_path("squad.json"), &encoder, &config, &source, &valid), STATUS_INVALID,
                 "leaves no room");
    config = plain_config();
    config.valid = 0.5;
    ASSERT_FAILS(squad_sources(scratch_path("squad.json"), &encoder, &config, &source, &valid), STATUS_INVALID,
                 "cannot be held out");
    encoder.spans = NULL;
    ASSERT_FAILS(squad_sources(scratch_path("squad.json"), &encoder, &config, &source, &valid), STATUS_INVALID,
                 "use a WordPiece tokenizer");
    wordpiece_unref(words);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* The best pair of a beginning and an end behind it. */
START_TEST(best_spans_are_found)
{
    static const float rows[4][5] = {{0.5F, -INFINITY, 1, 4, 2},
                                     {9, -INFINITY, 1, 1, 1},
                                     {0.25F, -INFINITY, 4.5F, 1, 2},
                                     {1, -INFINITY, 3, 2, 1}};
    SpanAnswers answers = {0};
    Batch batch = {.size = 2};
    Tensor *examples, *logits;
    ASSERT_OK(tensor_new(NULL, DTYPE_I64, 1, (int64_t[]){2}, &examples));
    ASSERT_OK(tensor_new(NULL, DTYPE_F32, 2, (int64_t[]){4, 5}, &logits));
    ((int64_t *)tensor_data(examples))[0] = 7;
    ((int64_t *)tensor_data(examples))[1] = 8;
    memcpy(TENSOR_F32(logits), rows, sizeof rows);
    ASSERT_OK(batch_put(&batch, "example_ids", examples));
    ASSERT_OK(span_answers_add(&answers, &batch, logits));
    ck_assert_int_eq(answers.count, 2);
    ck_assert_int_eq(answers.items[0].example, 7);
    ck_assert_int_eq(answers.items[0].start, 3); /* 4.5 stands before it */
    ck_assert_int_eq(answers.items[0].end, 4);
    ck_assert_double_eq_tol((double)answers.items[0].score, 6, 1e-6);
    ck_assert_double_eq_tol((double)answers.items[0].none, 0.75, 1e-6);
    ck_assert_int_eq(answers.items[1].start, 2);
    ck_assert_int_eq(answers.items[1].end, 2);
    span_answers_free(&answers);
    tensor_unref(logits);
    batch_clear(&batch);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

Suite *squad_suite(void)
{
    Suite *suite = suite_create("squad");
    TCase *tests = tcase_create("squad");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, files_are_read);
    tcase_add_loop_test(tests, bad_files_are_refused, 0, sizeof bad_files / sizeof *bad_files);
    tcase_add_test(tests, lenient_leaves_out);
    tcase_add_test(tests, scores_are_the_official_ones);
    tcase_add_test(tests, windows_are_cut);
    tcase_add_test(tests, bad_options_are_refused);
    tcase_add_test(tests, best_spans_are_found);
    suite_add_tcase(suite, tests);
    return suite;
}
