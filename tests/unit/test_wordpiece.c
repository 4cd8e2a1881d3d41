/* SPDX-License-Identifier: GPL-3.0-or-later */
/* WordPiece: stored ids and texts of the reference (tests/parity/wordpiece.mjs), vocabulary files, places, bytes of
 * any kind. Learning is in test_wordpiece_train.c. */
#include "datasets/wordpiece.h"
#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "tests/unit/check_more.h"
#include "tests/unit/scratch.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

Suite *wordpiece_suite(void);

static WordPiece *load(const char *name)
{
    char path[512];
    WordPieceLoadConfig config = {WORDPIECE_CASE_AUTO};
    WordPiece *tokenizer;
    snprintf(path, sizeof path, "%s/wordpiece_%s_vocab.txt", TEST_GOLDEN, name);
    ASSERT_OK(wordpiece_load(path, &config, &tokenizer));
    return tokenizer;
}

static WordPiece *parse(const char *lines)
{
    WordPieceLoadConfig config = {WORDPIECE_CASE_AUTO};
    WordPiece *tokenizer;
    ASSERT_OK(wordpiece_parse("lines", lines, strlen(lines), &config, &tokenizer));
    return tokenizer;
}

/* --- stored expectations --- */

static size_t unescape(const char *from, size_t length, char *to)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned byte = (unsigned char)from[i];
        if (from[i] == '\\' && from[i + 1] == 'x') {
            ck_assert_int_eq(sscanf(from + i, "\\x%2x", &byte), 1);
            i += 3;
        } else if (from[i] == '\\') {
            i++;
        }
        to[count++] = (char)byte;
    }
    return count;
}

/* Calls check() with the fields of each line; returns the number of lines. */
static int each_line(const char *name, int fields, void (*check)(char **field, void *context), void *context)
{
    char path[512], *field[8];
    Buffer text = {0};
    int lines = 0;
    snprintf(path, sizeof path, "%s/%s", TEST_GOLDEN, name);
    ASSERT_OK(file_read(path, 0, &text));
    for (char *line = text.data, *end; (end = strchr(line, '\n')); line = end + 1, lines++) {
        *end = '\0';
        for (int i = 0; i < fields; i++) {
            field[i] = line;
            line = strchr(line, '\t') ? strchr(line, '\t') : end;
            *line = '\0';
            if (line < end) line++;
        }
        ck_assert_ptr_eq(line, end);
        check(field, context);
    }
    buffer_free(&text);
    return lines;
}

static void expect_ids(const WordPiece *tokenizer, const char *bytes, size_t length, const char *ids,
                       const char *shown)
{
    Buffer is = {0};
    WordPieceSpan *spans;
    int64_t count;
    TokenList list = {0};
    ASSERT_OK(wordpiece_encode(tokenizer, bytes, length, &list));
    ASSERT_OK(wordpiece_encode_spans(tokenizer, bytes, length, &spans, &count));
    ck_assert_int_eq(count, list.count);
    ASSERT_OK(buffer_text(&is, ""));
    size_t last = 0;
    int32_t word = -1;
    for (int64_t i = 0; i < count; i++) {
        ASSERT_OK(buffer_printf(&is, "%s%d", i ? " " : "", (int)list.ids[i]));
        ck_assert(spans[i].id == list.ids[i] && spans[i].word == list.words[i]);
        ck_assert(spans[i].word == word || spans[i].word == word + 1);
        ck_assert(spans[i].begin >= (spans[i].word > word ? last : 0) && spans[i].end > spans[i].begin);
        ck_assert(spans[i].end <= length);
        word = spans[i].word;
        last = spans[i].end;
    }
    ck_assert_msg(strcmp(is.data, ids) == 0, "'%s'\n  gives %s\n     not %s", shown, is.data, ids);
    buffer_free(&is);
    memory_free(spans);
    token_list_free(&list);
}

static void check_string(char **field, void *context)
{
    WordPiece **tokenizers = context;
    char *bytes = malloc(strlen(field[0]) + 1);
    size_t length = unescape(field[0], strlen(field[0]), bytes);
    expect_ids(tokenizers[0], bytes, length, field[1], field[0]);
    expect_ids(tokenizers[1], bytes, length, field[2], field[0]);
    free(bytes);
}

START_TEST(ids_are_those_of_the_reference)
{
    WordPiece *tokenizers[2] = {load("cased"), load("uncased")};
    ck_assert(!wordpiece_lowercase(tokenizers[0]) && wordpiece_lowercase(tokenizers[1]));
    ck_assert_int_ge(each_line("wordpiece_strings.txt", 3, check_string, tokenizers), 2000);
    wordpiece_unref(tokenizers[0]);
    wordpiece_unref(tokenizers[1]);
}
END_TEST

static void check_decoded(char **field, void *context)
{
    int32_t ids[2000];
    int64_t count = 0;
    for (char *at = field[0]; *at; count++) ids[count] = (int32_t)strtol(at, &at, 10);
    for (int skip = 0; skip < 2; skip++) {
        Buffer text = {0};
        char *expected = malloc(strlen(field[1 + skip]) + 1);
        size_t length = unescape(field[1 + skip], strlen(field[1 + skip]), expected);
        ASSERT_OK(buffer_text(&text, "before ' "));
        ASSERT_OK(wordpiece_decode(context, ids, count, skip, &text));
        ck_assert_msg(text.length == length + 9 && memcmp(text.data + 9, expected, length) == 0,
                      "%s\n  gives %s\n    not %s", field[0], text.data + 9, field[1 + skip]);
        ck_assert_int_eq(strncmp(text.data, "before ' ", 9), 0);
        free(expected);
        buffer_free(&text);
    }
}

START_TEST(texts_are_those_of_the_reference)
{
    WordPiece *tokenizer = load("uncased");
    ck_assert_int_ge(each_line("wordpiece_decode.txt", 3, check_decoded, tokenizer), 500);
    wordpiece_unref(tokenizer);
}
END_TEST

/* --- places, words, questions --- */

#define SPECIALS "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"

START_TEST(places_in_the_text)
{
    WordPiece *tokenizer = parse(SPECIALS "un\n##happi\n##ness\n,\ncafe\n##s\n\u4e2d");
    const char *text = " UnHAPPI\u200bness,caf\u00c9s [MASK]\u4e2d zzz";
    static const struct {
        const char *piece, *bytes;
        int32_t word;
    } expected[] = {{"un", "Un", 0},         {"##happi", "HAPPI", 0},  {"##ness", "ness", 0},
                    {",", ",", 1},           {"cafe", "caf\u00c9", 2}, {"##s", "s", 2},
                    {"[MASK]", "[MASK]", 3}, {"\u4e2d", "\u4e2d", 4},  {"[UNK]", "zzz", 5}};
    WordPieceSpan *spans;
    int64_t count;
    ASSERT_OK(wordpiece_encode_spans(tokenizer, text, strlen(text), &spans, &count));
    ck_assert_int_eq(count, 9);
    for (int i = 0; i < 9; i++) {
        ck_assert_str_eq(wordpiece_piece(tokenizer, spans[i].id), expected[i].piece);
        ck_assert_int_eq(spans[i].word, expected[i].word);
        ck_assert_uint_eq(spans[i].end - spans[i].begin, strlen(expected[i].bytes));
        ck_assert_int_eq(memcmp(text + spans[i].begin, expected[i].bytes, strlen(expected[i].bytes)), 0);
    }
    memory_free(spans);
    wordpiece_unref(tokenizer);
}
END_TEST

START_TEST(questions)
{
    WordPiece *tokenizer = parse(SPECIALS "a\n##b\n##\n[unused1]");
    const Vocabulary *vocabulary = wordpiece_vocabulary(tokenizer);
    ck_assert_int_eq(vocabulary->size, 9);
    ck_assert(vocabulary->pad == 0 && vocabulary->unknown == 1 && vocabulary->classify == 2 &&
              vocabulary->separator == 3 && vocabulary->mask == 4);
    ck_assert_str_eq(vocabulary->pieces[6], "##b");
    ck_assert(wordpiece_is_special(tokenizer, 4) && !wordpiece_is_special(tokenizer, 5));
    ck_assert(!wordpiece_is_special(tokenizer, 8) && !wordpiece_is_special(tokenizer, -1));
    ck_assert(vocabulary->special[3] && !vocabulary->special[5]);
    ck_assert(wordpiece_is_continuation(tokenizer, 6) && !wordpiece_is_continuation(tokenizer, 5));
    ck_assert(!wordpiece_is_continuation(tokenizer, 7) && !wordpiece_is_continuation(tokenizer, 9));
    ck_assert_int_eq(wordpiece_id(tokenizer, "##b", 3), 6);
    ck_assert_int_eq(wordpiece_id(tokenizer, "b", 1), -1);
    ck_assert_int_eq(wordpiece_id(tokenizer, "[MAS", 4), -1);
    ck_assert_ptr_null(wordpiece_piece(tokenizer, 9));
    Buffer text = {0};
    ASSERT_FAILS(wordpiece_decode(tokenizer, (int32_t[]){5, 9}, 2, false, &text), STATUS_INVALID,
                 "token 1 is 9, outside the vocabulary of 9 pieces");
    buffer_free(&text);
    Encoder encoder = wordpiece_encoder(tokenizer);
    encoder.owner.retain(encoder.owner.object);
    wordpiece_unref(tokenizer);
    TokenList list = {0};
    ASSERT_OK(encoder.encode(encoder.tokenizer, "AB", 2, &list));
    ck_assert(list.count == 2 && list.ids[0] == 5 && list.ids[1] == 6 && list.words[1] == 0);
    token_list_free(&list);
    encoder.owner.release(encoder.owner.object);
}
END_TEST

START_TEST(letters)
{
    const char *lines = SPECIALS "Caf\u00e9\ncafe\n##1";
    static const struct {
        WordPieceCase letters;
        const char *ids;
    } cases[] = {{WORDPIECE_CASE_AUTO, "5"}, {WORDPIECE_CASE_KEEP, "5"}, {WORDPIECE_CASE_LOWER, "6"}};
    Hash hashes[3];
    for (int i = 0; i < 3; i++) {
        WordPieceLoadConfig config = {cases[i].letters};
        WordPiece *tokenizer;
        ASSERT_OK(wordpiece_parse("lines", lines, strlen(lines), &config, &tokenizer));
        expect_ids(tokenizer, "Caf\u00e9", 5, cases[i].ids, "Caf\u00e9");
        hashes[i] = wordpiece_hash(tokenizer);
        wordpiece_unref(tokenizer);
    }
    ck_assert(hash_equal(hashes[0], hashes[1]) && !hash_equal(hashes[1], hashes[2]));
    WordPieceLoadConfig config;
    option_defaults(wordpiece_load_options, &config);
    ck_assert_int_eq(config.lowercase, WORDPIECE_CASE_AUTO);
    ASSERT_OK(option_set_text(wordpiece_load_options, &config, "wordpiece", "lowercase", "true"));
    ck_assert_int_eq(config.lowercase, WORDPIECE_CASE_LOWER);
    ASSERT_OK(option_set_text(wordpiece_load_options, &config, "wordpiece", "lowercase", "false"));
    ck_assert_int_eq(config.lowercase, WORDPIECE_CASE_KEEP);
}
END_TEST

/* --- files --- */

static void expect_refusal(const char *lines, size_t length, const char *words)
{
    const char *path = scratch_path("vocab.txt");
    WordPieceLoadConfig config = {WORDPIECE_CASE_AUTO};
    WordPiece *tokenizer = NULL;
    scratch_write(path, lines, length);
    ck_assert_int_ne(wordpiece_load(path, &config, &tokenizer), STATUS_OK);
    ck_assert_ptr_null(tokenizer);
    ck_assert_msg(strstr(status_message(), words) && strstr(status_message(), path), "'%s' is not in: %s", words,
                  status_message());
}

START_TEST(files_that_are_no_vocabulary)
{
    WordPieceLoadConfig config = {WORDPIECE_CASE_AUTO};
    WordPiece *tokenizer = NULL;
    static char junk[4096];
    expect_refusal("", 0, "empty");
    expect_refusal("\xef\xbb\xbf", 3, "the vocabulary is empty");
    expect_refusal("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n", 26, "there is no [MASK] among the 5 pieces");
    expect_refusal("a\nb\n", 4, "there is no [PAD]");
    expect_refusal(SPECIALS "a\nb\na\n", strlen(SPECIALS) + 6, "line 8: the piece 'a' stands already in line 6");
    expect_refusal(SPECIALS "a\n\nb\n", strlen(SPECIALS) + 5, "line 7 is empty");
    expect_refusal(SPECIALS "caf\xe9\n", strlen(SPECIALS) + 5, "line 6, byte 3: 0xe9 is not valid UTF-8");
    expect_refusal(SPECIALS "a\0b\n", strlen(SPECIALS) + 4, "line 6, byte 1: a zero byte");
    memset(junk, 'x', sizeof junk);
    expect_refusal(junk, sizeof junk, "line 1 has 4096 bytes, but a piece has at most 1024");
    ck_assert_int_ne(wordpiece_load(scratch_path("missing.txt"), &config, &tokenizer), STATUS_OK);
    ck_assert_ptr_nonnull(strstr(status_message(), "missing.txt"));
    ASSERT_OK(file_make_directory(scratch_path("empty"), false));
    ck_assert_int_ne(wordpiece_load(scratch_path("empty"), &config, &tokenizer), STATUS_OK);
    ck_assert_ptr_nonnull(strstr(status_message(), "directory"));
    ck_assert_ptr_null(tokenizer);
}
END_TEST

START_TEST(saved_and_read_again)
{
    const char *path = scratch_path("vocab.txt");
    WordPieceLoadConfig config = {WORDPIECE_CASE_AUTO};
    WordPiece *first = load("uncased"), *second, *third;
    ASSERT_OK(wordpiece_save(first, path));
    ASSERT_OK(wordpiece_load(path, &config, &second));
    ck_assert(hash_equal(wordpiece_hash(first), wordpiece_hash(second)));
    char *saved = scratch_read(path), golden[512];
    snprintf(golden, sizeof golden, "%s/wordpiece_uncased_vocab.txt", TEST_GOLDEN);
    scratch_assert_text(golden, saved);
    memory_free(saved);
    const char *windows = "\xef\xbb\xbf[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\n[MASK]\r\na";
    ASSERT_OK(wordpiece_parse("windows", windows, strlen(windows), &config, &third));
    ck_assert_str_eq(wordpiece_piece(third, 0), "[PAD]");
    ck_assert_str_eq(wordpiece_piece(third, 5), "a");
    ck_assert_int_ne(wordpiece_save(third, scratch_path("no/such/folder")), STATUS_OK);
    file_fail_after(2, 1);
    ck_assert_int_ne(wordpiece_save(third, path), STATUS_OK);
    file_fail_after(0, 0);
    scratch_assert_text(golden, saved = scratch_read(path)); /* the old one is whole */
    memory_free(saved);
    wordpiece_unref(first);
    wordpiece_unref(second);
    wordpiece_unref(third);
}
END_TEST

/* --- bytes of any kind --- */

static const char *const fragments[] = {
    "a",      "\u03a3",       "\u0301", "\u0323", "\u0130", "[MASK]", "[", "\u4e2d", "\xf0\x9f\x98",
    "\xff",   "\xed\xa0\x80", "\uac01", " ",      "\u0f73", ".",      "'", "\u200d", "9",
    "\u00df", "\xe2\x82",     "##",     "\u302e"};

START_TEST(any_bytes)
{
    WordPiece *tokenizers[2] = {load("cased"), load("uncased")};
    Random stream = random_stream(random_key(11, "any_bytes"));
    for (int round = 0; round < 4000; round++) {
        char bytes[512];
        size_t length = 0, wanted = random_below(&stream, 400);
        while (length < wanted) {
            const char *fragment = fragments[random_below(&stream, sizeof fragments / sizeof *fragments)];
            size_t count = round % 2 ? strlen(fragment) : 1;
            char byte = (char)random_below(&stream, 256);
            memcpy(bytes + length, round % 2 ? fragment : &byte, count);
            length += count;
        }
        for (int i = 0; i < 2; i++) {
            WordPieceSpan *spans;
            int64_t count;
            char *copy = malloc(length + 1); /* of the exact size, for the sanitizer */
            memcpy(copy, bytes, length);
            ASSERT_OK(wordpiece_encode_spans(tokenizers[i], copy, length, &spans, &count));
            for (int64_t k = 0; k < count; k++) {
                ck_assert(spans[k].id >= 0 && spans[k].id < wordpiece_vocabulary(tokenizers[i])->size);
                ck_assert(spans[k].begin < spans[k].end && spans[k].end <= length);
            }
            memory_free(spans);
            free(copy);
        }
    }
    wordpiece_unref(tokenizers[0]);
    wordpiece_unref(tokenizers[1]);
}
END_TEST

START_TEST(any_vocabulary)
{
    Random stream = random_stream(random_key(12, "any_vocabulary"));
    WordPieceLoadConfig config = {WORDPIECE_CASE_AUTO};
    for (int round = 0; round < 2000; round++) {
        char lines[256] = SPECIALS;
        size_t length = strlen(lines), wanted = length + random_below(&stream, 60);
        while (length < wanted)
            lines[length++] =
                round % 2 ? "ab#\n\r\xc3\xa9["[random_below(&stream, 8)] : (char)random_below(&stream, 256);
        WordPiece *tokenizer = NULL;
        Status status = wordpiece_parse("lines", lines, length, &config, &tokenizer);
        ck_assert((status == STATUS_OK) == (tokenizer != NULL));
        ck_assert(status == STATUS_OK || status == STATUS_FORMAT);
        TokenList list = {0};
        if (tokenizer) ASSERT_OK(wordpiece_encode(tokenizer, lines, length, &list));
        token_list_free(&list);
        wordpiece_unref(tokenizer);
    }
}
END_TEST

/* Text that a quadratic sort or a growing word would not survive. */
START_TEST(very_long_runs)
{
    static const char *const runs[] = {"\u0301", "\u0323\u0301", "a", "\u03a3", "\u00e9",
                                       ".",      "\u03a3'",      "[", "\xff"};
    WordPiece *tokenizer = load("uncased");
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        size_t unit = strlen(runs[i]), length = unit * 500000;
        char *bytes = malloc(length);
        TokenList list = {0};
        for (size_t at = 0; at < length; at += unit) memcpy(bytes + at, runs[i], unit);
        ASSERT_OK(wordpiece_encode(tokenizer, bytes, length, &list));
        ck_assert_int_le(list.count, 1000000);
        token_list_free(&list);
        free(bytes);
    }
    wordpiece_unref(tokenizer);
}
END_TEST

START_TEST(every_allocation_fails)
{
    const char *lines = SPECIALS "a\n##b\nzz\n\u00e9\n";
    size_t before = memory_in_use();
    for (uint64_t n = 1, used = n; used >= n; n++) {
        WordPieceLoadConfig config = {WORDPIECE_CASE_KEEP};
        WordPiece *tokenizer = NULL;
        WordPieceSpan *spans = NULL;
        int64_t count;
        char text[600];
        Buffer decoded = {0};
        memset(text, 'a', sizeof text);
        for (size_t i = 0; i < sizeof text; i += 3) memcpy(text + i, "b\xcc\x81", 3);
        memory_fail_after(n, n % 2 == 0);
        Status status = wordpiece_parse("lines", lines, strlen(lines), &config, &tokenizer);
        if (status == STATUS_OK) status = wordpiece_encode_spans(tokenizer, text, sizeof text, &spans, &count);
        if (status == STATUS_OK) status = wordpiece_decode(tokenizer, (int32_t[]){5, 6, 7}, 3, false, &decoded);
        used = memory_allocations();
        memory_fail_after(0, 0);
        ck_assert_msg((status == STATUS_OK) == (used < n), "allocation %llu: %s", (unsigned long long)n,
                      status_message());
        memory_free(spans);
        buffer_free(&decoded);
        wordpiece_unref(tokenizer);
        ck_assert_uint_eq(memory_in_use(), before);
    }
}
END_TEST

Suite *wordpiece_suite(void)
{
    Suite *suite = suite_create("wordpiece");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, ids_are_those_of_the_reference);
    tcase_add_test(tests, texts_are_those_of_the_reference);
    tcase_add_test(tests, places_in_the_text);
    tcase_add_test(tests, questions);
    tcase_add_test(tests, letters);
    tcase_add_test(tests, files_that_are_no_vocabulary);
    tcase_add_test(tests, saved_and_read_again);
    tcase_add_test(tests, any_bytes);
    tcase_add_test(tests, any_vocabulary);
    tcase_add_test(tests, very_long_runs);
    tcase_add_test(tests, every_allocation_fails);
    suite_add_tcase(suite, tests);
    return suite;
}
