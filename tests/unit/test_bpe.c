/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Byte pairs against stored expectations (tests/parity/bpe.py): what is learned, ids of strings, files. */
#include "datasets/bpe.h"
#include "datasets/byte_alphabet.h"
#include "datasets/text_files.h"
#include "datasets/wordpiece.h"
#include "engine/base/threads.h"
#include "tests/unit/scratch.h"

#include <stdlib.h>

#define OK(call) ck_assert_msg((call) == STATUS_OK, "%s", status_message())

static const char golden_json[] = TEST_GOLDEN "/bpe_vocab.json";

/* The stored pieces under the names that are looked for. */
static Bpe *golden(void)
{
    Bpe *tokenizer;
    Buffer bytes = {0};
    OK(file_read(golden_json, 0, &bytes));
    scratch_write(scratch_path("vocab.json"), bytes.data, bytes.length);
    buffer_clear(&bytes);
    OK(file_read(TEST_GOLDEN "/bpe_merges.txt", 0, &bytes));
    scratch_write(scratch_path("merges.txt"), bytes.data, bytes.length);
    buffer_free(&bytes);
    OK(bpe_load(scratch_folder, &tokenizer));
    return tokenizer;
}

static void expect_ids(const Bpe *tokenizer, const char *text, size_t length, const char *expected)
{
    TokenList list = {0};
    Buffer ids = {0};
    OK(bpe_encode(tokenizer, text, length, &list));
    OK(buffer_text(&ids, ""));
    for (int64_t i = 0; i < list.count; i++) OK(buffer_printf(&ids, "%s%d", i ? " " : "", (int)list.ids[i]));
    ck_assert_msg(strcmp(ids.data ? ids.data : "", expected) == 0, "'%.*s' gives %s, not %s", (int)length, text,
                  ids.data, expected);
    buffer_clear(&ids);
    OK(bpe_decode(tokenizer, list.ids, list.count, &ids));
    ck_assert_uint_eq(ids.length, length);
    ck_assert(length == 0 || memcmp(ids.data, text, length) == 0);
    buffer_free(&ids);
    token_list_free(&list);
}

static size_t unescape(char *text)
{
    char *out = text;
    for (const char *in = text; *in;) {
        if (in[0] == '\\' && in[1] == 'x') {
            char digits[3] = {in[2], in[3], '\0'};
            *out++ = (char)strtol(digits, NULL, 16);
            in += 4;
        } else {
            in += in[0] == '\\';
            *out++ = *in++;
        }
    }
    return (size_t)(out - text);
}

/* Each string's ids, and back to the same bytes, those that are no UTF-8 included. */
START_TEST(ids_match)
{
    Bpe *tokenizer = golden();
    char *text = scratch_read(TEST_GOLDEN "/bpe_strings.txt");
    int strings = 0;
    for (char *line = text, *end; *line; line = end + 1, strings++) {
        end = strchr(line, '\n');
        *end = '\0';
        char *tab = strchr(line, '\t');
        *tab = '\0';
        expect_ids(tokenizer, line, unescape(line), tab + 1);
    }
    ck_assert_int_eq(strings, 3600);
    memory_free(text);
    bpe_unref(tokenizer);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

static Bpe *train_golden(int64_t size)
{
    Corpus *corpus;
    Bpe *tokenizer;
    TextFileConfig text = {.sentences = TEXT_CUT_VERBATIM};
    BpeTrainConfig config = {size, 2};
    OK(text_file_read(TEST_GOLDEN "/wordpiece_strings.txt", &text, &corpus));
    OK(bpe_train(corpus, &config, NULL, NULL, &tokenizer));
    corpus_unref(corpus);
    return tokenizer;
}

/* The same pieces and merges, whatever the number of threads. */
START_TEST(learning_matches)
{
    Bpe *stored = golden();
    threads_set(_i ? 3 : 1);
    Bpe *learned = train_golden(1500);
    const Vocabulary *a = bpe_vocabulary(stored), *b = bpe_vocabulary(learned);
    ck_assert_int_eq(a->size, b->size);
    for (int64_t i = 0; i < a->size; i++) {
        ck_assert_str_eq(a->pieces[i], b->pieces[i]);
        ck_assert_int_eq(a->lengths[i], b->lengths[i]);
    }
    OK(bpe_save(learned, scratch_path("learned")));
    char *merges = scratch_read(scratch_path("learned/merges.txt"));
    scratch_assert_text(TEST_GOLDEN "/bpe_merges.txt", merges);
    memory_free(merges);
    bpe_unref(stored);
    bpe_unref(learned);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(learning_ends_early)
{
    Corpus *corpus;
    Bpe *tokenizer;
    BpeTrainConfig config = {5000, 2};
    OK(corpus_new(&corpus));
    OK(corpus_add_sentence(corpus, "low lower", 9));
    OK(corpus_finish(corpus));
    OK(bpe_train(corpus, &config, NULL, NULL, &tokenizer));
    ck_assert_int_eq(bpe_vocabulary(tokenizer)->size, 257 + 2); /* "lo" and "low" */
    ck_assert_str_eq(bpe_vocabulary(tokenizer)->pieces[258], "low");
    bpe_unref(tokenizer);
    corpus_unref(corpus);
}
END_TEST

START_TEST(bytes_have_names)
{
    int seen = 0;
    for (int byte = 0; byte < 256; byte++) {
        int32_t code = byte_alphabet_code((uint8_t)byte);
        ck_assert_int_eq(byte_alphabet_byte(code), byte);
        ck_assert(code > 0x20 && code != 0x7F && code != 0xA0 && code != 0xAD);
    }
    for (int32_t code = -5; code < 0x400; code++) seen += byte_alphabet_byte(code) >= 0;
    ck_assert_int_eq(seen, 256);
    ck_assert_int_eq(byte_alphabet_code(' '), 0x120);
    ck_assert_int_eq(byte_alphabet_code('\n'), 0x10A);
    ck_assert_int_eq(byte_alphabet_code(0xAD), 0x143);
}
END_TEST

/* A long word without spaces costs n log n. */
START_TEST(long_words)
{
    enum { LENGTH = 1 << 20 };
    Bpe *tokenizer = golden();
    char *text;
    TokenList list = {0};
    Buffer out = {0};
    OK(memory_new_raw(LENGTH, 1, &text));
    memset(text, 'e', LENGTH);
    OK(bpe_encode(tokenizer, text, LENGTH, &list));
    ck_assert_int_gt(list.count, 0);
    for (int64_t i = 0; i < list.count; i++) ck_assert_int_eq(list.words[i], 0);
    OK(bpe_decode(tokenizer, list.ids, list.count, &out));
    ck_assert_uint_eq(out.length, LENGTH);
    ck_assert(memcmp(out.data, text, LENGTH) == 0);
    buffer_free(&out);
    token_list_free(&list);
    memory_free(text);
    bpe_unref(tokenizer);
}
END_TEST

START_TEST(vocabulary_for_sources)
{
    Bpe *tokenizer = golden();
    const Vocabulary *vocabulary = bpe_vocabulary(tokenizer);
    ck_assert_int_eq(vocabulary->separator, 0);
    ck_assert_int_eq(vocabulary->mask, -1);
    ck_assert_int_eq(vocabulary->special[0], 1);
    ck_assert_int_eq(vocabulary->lengths[0], 0);
    for (int64_t i = 1; i < vocabulary->size; i++) ck_assert(!vocabulary->special[i] && vocabulary->lengths[i] > 0);
    Buffer out = {0};
    ck_assert_int_eq(bpe_decode(tokenizer, (int32_t[]){1500}, 1, &out), STATUS_INVALID);
    ck_assert_int_eq(bpe_decode(tokenizer, (int32_t[]){-1}, 1, &out), STATUS_INVALID);
    buffer_free(&out);
    bpe_unref(tokenizer);
}
END_TEST

/* --- files --- */

/* Written and read as either kind of file, the ids stay. */
START_TEST(files_come_back)
{
    static const char text[] = "It's 12  <|endoftext|> caf\xc3\xa9 \xff\n\n x";
    Bpe *tokenizer = golden(), *again;
    TokenList list = {0};
    static const char *const places[] = {"copy", "copy/vocab.json", "copy/tokenizer.json", "other.json"};
    OK(bpe_save(tokenizer, scratch_path("copy")));
    OK(bpe_save(tokenizer, scratch_path("other.json")));
    OK(bpe_encode(tokenizer, text, sizeof text - 1, &list));
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        TokenList other = {0};
        OK(bpe_load(scratch_path(places[i]), &again));
        ck_assert_int_eq(bpe_merge_count(again), bpe_merge_count(tokenizer));
        OK(bpe_encode(again, text, sizeof text - 1, &other));
        ck_assert_int_eq(other.count, list.count);
        ck_assert(memcmp(other.ids, list.ids, (size_t)list.count * sizeof *list.ids) == 0);
        token_list_free(&other);
        bpe_unref(again);
    }
    token_list_free(&list);
    bpe_unref(tokenizer);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

static const struct BadPair {
    const char *vocab, *merges, *message;
} bad_pairs[] = {
    {"[]", "", "not an object"},
    {"{}", "", "0 pieces"},
    {"{\"a\": 0, \"b\": 2, \"<|endoftext|>\": 1, \"c\": 2}", "", "both have id 2"},
    {"{\"a\": 0, \"<|endoftext|>\": 4}", "", "has id 4, but there are 2 pieces"},
    {"{\"a\": 0, \"<|endoftext|>\": -1}", "", "has id -1"},
    {"{\"a\": \"x\"}", "", "not an integer"},
    {"{\"a\": 0}", "", "no token ends a text; the vocabulary needs '<|endoftext|>'"},
    {"{\"a\": 0, \"<|endoftext|>\": 1, \"aa\": 2}", "#version: 0.2\na a\nb a\n",
     "merges.txt: line 3 names the piece 'b', which the vocabulary does not have"},
    {"{\"a\": 0, \"<|endoftext|>\": 1}", "a a\n", "does not have"},
    {"{\"a\": 0, \"<|endoftext|>\": 1, \"aa\": 2}", "a a\na a\n", "stands there twice"},
    {"{\"a\": 0, \"<|endoftext|>\": 1, \"aa\": 2}", "aa\n", "line 1 is not two pieces"},
    {"{\"a\": 0, \"<|endoftext|>\": 1, \"aa\": 2}", "a a a\n", "line 1 is not two pieces"},
    {"{\"a\": 0, \"<|endoftext|>\": 1", "", "vocab.json: line 1"},
};

START_TEST(bad_pairs_are_refused)
{
    const struct BadPair *bad = &bad_pairs[_i];
    Bpe *tokenizer;
    scratch_write(scratch_path("vocab.json"), bad->vocab, strlen(bad->vocab));
    scratch_write(scratch_path("merges.txt"), bad->merges, strlen(bad->merges));
    ck_assert_int_eq(bpe_load(scratch_folder, &tokenizer), STATUS_FORMAT);
    ck_assert_msg(strstr(status_message(), bad->message), "%s", status_message());
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

#define BYTE_LEVEL "\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false}"
#define A_MODEL                                                                                                    \
    "\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"<|endoftext|>\": 1, \"aa\": 2}, \"merges\": [\"a "     \
    "a\"]}"

static const struct BadJson {
    const char *text, *message;
} bad_jsons[] = {
    {"{}", "'model' is missing"},
    {"{\"model\": {\"type\": \"Unigram\"}}", "its model is 'Unigram', not 'BPE'"},
    {"{" A_MODEL "}", "its pre_tokenizer is missing; Lathe reads files with ByteLevel"},
    {"{" A_MODEL ", \"pre_tokenizer\": {\"type\": \"Metaspace\"}}",
     "'Metaspace'; Lathe reads files with ByteLevel"},
    {"{" A_MODEL ", " BYTE_LEVEL ", \"normalizer\": {\"type\": \"NFC\"}}", "its normalizer is 'NFC'"},
    {"{" A_MODEL ", \"pre_tokenizer\": {\"type\": \"ByteLevel\", \"use_regex\": false}}", "use_regex is false"},
    {"{" BYTE_LEVEL ", \"model\": {\"type\": \"BPE\", \"dropout\": 0.1, \"vocab\": {}}}", "dropout"},
    {"{" BYTE_LEVEL ", \"model\": {\"type\": \"BPE\", \"end_of_word_suffix\": \"</w>\", \"vocab\": {}}}", "'</w>'"},
    {"{" BYTE_LEVEL ", \"model\": {\"type\": \"BPE\", \"byte_fallback\": true, \"vocab\": {}}}", "byte_fallback"},
    {"{" BYTE_LEVEL ", \"model\": {\"type\": \"BPE\", \"vocab\": {\"<|endoftext|>\": 0}}}", "'merges' is missing"},
    {"{" BYTE_LEVEL ", \"model\": {\"vocab\": {\"<|endoftext|>\": 0}, \"merges\": [\"a b\"]}}",
     "merge 1 names the piece 'a'"},
    {"{" BYTE_LEVEL ", \"model\": {\"vocab\": {\"<|endoftext|>\": 0}, \"merges\": [[\"a\"]]}}", "not two pieces"},
    {"{" BYTE_LEVEL ", \"model\": {\"vocab\": {\"<|endoftext|>\": 0}, \"merges\": [\"a\"]}}", "not two pieces"},
    {"{" A_MODEL ", " BYTE_LEVEL ", \"added_tokens\": [{\"id\": 3, \"content\": \"<m>\", \"lstrip\": true}]}",
     "has lstrip, which Lathe does not do"},
    {"{" A_MODEL ", " BYTE_LEVEL ", \"added_tokens\": [{\"id\": 7, \"content\": \"<m>\"}]}", "has id 7"},
    {"{" A_MODEL ", " BYTE_LEVEL ", \"added_tokens\": [{\"id\": 3}]}", "content"},
    {"{" A_MODEL ", " BYTE_LEVEL ", \"added_tokens\": {\"<m>\": 3}}", "added_tokens is an object, not an array"},
    {"{" A_MODEL ", " BYTE_LEVEL ", \"added_tokens\": \"<m>\"}", "added_tokens is a string, not an array"},
    {"{" A_MODEL ", " BYTE_LEVEL ", \"decoder\": {\"type\": \"BPEDecoder\"}}", "its decoder is 'BPEDecoder'"},
    {"{" BYTE_LEVEL
     ", \"model\": {\"vocab\": {\"a\": 0, \"<|endoftext|>\": 1}, \"merges\": [[\"a\", \"a\", \"a\"]]}}",
     "not two pieces"},
};

START_TEST(bad_jsons_are_refused)
{
    const struct BadJson *bad = &bad_jsons[_i];
    const char *path = scratch_path("tokenizer.json");
    Bpe *tokenizer;
    scratch_write(path, bad->text, strlen(bad->text));
    ck_assert_int_eq(bpe_load(path, &tokenizer), STATUS_FORMAT);
    ck_assert_msg(strstr(status_message(), bad->message), "%s", status_message());
    ck_assert_ptr_nonnull(strstr(status_message(), "tokenizer.json"));
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* Merges as pairs, added tokens beyond the vocabulary, a space before each text; bytes without pieces are left out.
 */
START_TEST(other_jsons_are_read)
{
    static const char text[] = "{\"added_tokens\": [{\"id\": 3, \"content\": \"<|endoftext|>\", \"special\": "
                               "true}], \"normalizer\": null, "
                               "\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true}, "
                               "\"model\": {\"vocab\": {\"a\": 0, \"\xc4\xa0\": 1, \"\xc4\xa0"
                               "a\": 2}, \"merges\": [[\"\xc4\xa0\", \"a\"]]}}";
    const char *path = scratch_path("tokenizer.json");
    Bpe *tokenizer;
    TokenList list = {0};
    scratch_write(path, text, sizeof text - 1);
    OK(bpe_load(path, &tokenizer));
    OK(bpe_encode(tokenizer, "a xa<|endoftext|>a", 18, &list));
    static const int32_t expected[] = {2, 2, 3, 2}; /* the x between two pieces is gone */
    ck_assert_int_eq(list.count, 4);
    for (int i = 0; i < 4; i++) ck_assert_int_eq(list.ids[i], expected[i]);
    token_list_free(&list);
    bpe_unref(tokenizer);
}
END_TEST

static void assert_ids(const TokenList *list, const int32_t *ids, int64_t count)
{
    ck_assert_int_eq(list->count, count);
    for (int64_t i = 0; i < count; i++) ck_assert_int_eq(list->ids[i], ids[i]);
}

/* Added tokens are whole, special or not; those that are normalized only in what the others leave. */
START_TEST(added_tokens_are_whole)
{
    static const char text[] =
        "{\"added_tokens\": [{\"id\": 4, \"content\": \"<|endoftext|>\", \"special\": true}, "
        "{\"id\": 5, \"content\": \"<x>\", \"special\": false}, "
        "{\"id\": 6, \"content\": \"a<\", \"normalized\": true}, "
        "{\"id\": 7, \"content\": \"<y>\", \"normalized\": false}], " BYTE_LEVEL ", "
        "\"model\": {\"vocab\": {\"a\": 0, \"<\": 1, \"x\": 2, \">\": 3}, \"merges\": []}}";
    static const int32_t expected[] = {0, 7, 2, 5, 6};
    const char *path = scratch_path("tokenizer.json");
    Bpe *tokenizer;
    scratch_write(path, text, strlen(text));
    for (int again = 0; again < 2; again++) {
        TokenList list = {0};
        Buffer back = {0};
        OK(bpe_load(path, &tokenizer));
        OK(bpe_encode(tokenizer, "a<y>x<x>a<", 10, &list));
        assert_ids(&list, expected, 5);
        OK(bpe_decode(tokenizer, list.ids, list.count, &back));
        ck_assert_str_eq(back.data, "a<y>x<x>a<");
        const Vocabulary *vocabulary = bpe_vocabulary(tokenizer);
        ck_assert(vocabulary->special[4] && !vocabulary->special[5] && vocabulary->lengths[5] == 3);
        token_list_free(&list);
        buffer_free(&back);
        OK(bpe_save(tokenizer, path));
        bpe_unref(tokenizer);
    }
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(failures_leave_nothing)
{
    bpe_unref(golden());
    OK(file_remove_tree(scratch_path("vocab.json")));
    bpe_unref(train_golden(300)); /* what lasts, such as threads, is there now */
    for (uint64_t n = 1;; n += 1 + n / 3) {
        Bpe *tokenizer = NULL;
        Corpus *corpus;
        BpeTrainConfig config = {300, 2};
        OK(corpus_new(&corpus));
        OK(corpus_add_sentence(corpus, "ab ab ab abab", 13));
        OK(corpus_finish(corpus));
        memory_fail_after(n, 0);
        Status status = bpe_train(corpus, &config, NULL, NULL, &tokenizer);
        if (status == STATUS_OK) status = bpe_save(tokenizer, scratch_path("t.json"));
        if (status == STATUS_OK) {
            bpe_unref(tokenizer);
            tokenizer = NULL;
            status = bpe_load(scratch_path("t.json"), &tokenizer);
        }
        memory_fail_after(0, 0);
        if (status != STATUS_OK) ck_assert_int_eq(status, STATUS_NOMEM);
        bpe_unref(tokenizer);
        corpus_unref(corpus);
        ck_assert_uint_eq(memory_in_use(), 0);
        if (status == STATUS_OK) break;
    }
}
END_TEST

/* --- WordPiece's tokenizer.json --- */

START_TEST(wordpiece_json_comes_back)
{
    static const char *const vocabularies[] = {TEST_GOLDEN "/wordpiece_uncased_vocab.txt",
                                               TEST_GOLDEN "/wordpiece_cased_vocab.txt"};
    WordPiece *tokenizer, *again;
    const char *path = scratch_path("tokenizer.json");
    WordPieceLoadConfig config = {WORDPIECE_CASE_AUTO};
    OK(wordpiece_load(vocabularies[_i], &config, &tokenizer));
    OK(wordpiece_save(tokenizer, path));
    OK(wordpiece_load(path, &config, &again));
    ck_assert(hash_equal(wordpiece_hash(tokenizer), wordpiece_hash(again)));
    wordpiece_unref(again);
    OK(wordpiece_load(scratch_folder, &config, &again));
    ck_assert(hash_equal(wordpiece_hash(tokenizer), wordpiece_hash(again)));
    wordpiece_unref(again);
    wordpiece_unref(tokenizer);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

#define NORMAL "\"normalizer\": {\"type\": \"BertNormalizer\", \"lowercase\": true}"
#define BERT   "\"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}"
#define PIECES "\"vocab\": {\"[PAD]\": 0, \"[UNK]\": 1, \"[CLS]\": 2, \"[SEP]\": 3, \"[MASK]\": 4}"
#define MODEL                                                                                                      \
    "\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", \"continuing_subword_prefix\": \"##\", "

static const struct BadJson bad_wordpieces[] = {
    {"{\"model\": {\"type\": \"BPE\"}}", "its model is 'BPE', not 'WordPiece'"},
    {"{" NORMAL ", " MODEL PIECES "}}", "its pre_tokenizer is missing"},
    {"{" BERT ", " MODEL PIECES "}}", "its normalizer is missing"},
    {"{" BERT ", \"normalizer\": {\"type\": \"BertNormalizer\", \"clean_text\": false}, " MODEL PIECES "}}",
     "clean_text"},
    {"{" BERT
     ", \"normalizer\": {\"type\": \"BertNormalizer\", \"lowercase\": true, \"strip_accents\": false}, " MODEL
         PIECES "}}",
     "strip_accents is false"},
    {"{" BERT ", " NORMAL ", " MODEL "\"max_input_chars_per_word\": 50, " PIECES "}}",
     "max_input_chars_per_word is 50"},
    {"{" BERT ", " NORMAL ", " MODEL "\"vocab\": {\"[PAD]\": 0}}}", "[UNK]"},
    {"{" BERT ", " NORMAL ", \"added_tokens\": [{\"id\": 5, \"content\": \"<ent>\"}], " MODEL PIECES "}}",
     "added token '<ent>' is looked for in normalized text"},
    {"{" BERT ", " NORMAL ", \"decoder\": {\"type\": \"WordPiece\", \"prefix\": \"@@\"}, " MODEL PIECES "}}",
     "prefix is '@@'"},
};

START_TEST(wordpiece_added_tokens_are_whole)
{
    static const char text[] = "{" BERT ", " NORMAL ", \"added_tokens\": ["
                               "{\"id\": 5, \"content\": \"<Ent>\", \"special\": false, \"normalized\": false}, "
                               "{\"id\": 6, \"content\": \"[NEW]\", \"special\": true}], " MODEL
                               "\"vocab\": {\"[PAD]\": 0, \"[UNK]\": 1, \"[CLS]\": 2, \"[SEP]\": 3, \"[MASK]\": 4, "
                               "\"a\": 7}}}";
    static const int32_t expected[] = {7, 5, 7, 6, 3, 1, 1, 1};
    const char *path = scratch_path("tokenizer.json");
    WordPiece *tokenizer;
    WordPieceLoadConfig config = {WORDPIECE_CASE_AUTO};
    scratch_write(path, text, strlen(text));
    for (int again = 0; again < 2; again++) {
        TokenList list = {0};
        OK(wordpiece_load(path, &config, &tokenizer));
        OK(wordpiece_encode(tokenizer, "A<Ent>a [NEW][SEP]<ent>", 23, &list));
        assert_ids(&list, expected, 8);
        ck_assert(!wordpiece_is_special(tokenizer, 5) && wordpiece_is_special(tokenizer, 6));
        token_list_free(&list);
        OK(wordpiece_save(tokenizer, path));
        wordpiece_unref(tokenizer);
    }
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(bad_wordpieces_are_refused)
{
    const char *path = scratch_path("tokenizer.json");
    WordPiece *tokenizer;
    WordPieceLoadConfig config = {WORDPIECE_CASE_AUTO};
    scratch_write(path, bad_wordpieces[_i].text, strlen(bad_wordpieces[_i].text));
    ck_assert_int_eq(wordpiece_load(path, &config, &tokenizer), STATUS_FORMAT);
    ck_assert_msg(strstr(status_message(), bad_wordpieces[_i].message), "%s", status_message());
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

Suite *bpe_suite(void);
Suite *bpe_suite(void)
{
    Suite *suite = suite_create("bpe");
    TCase *tests = tcase_create("bpe");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, ids_match);
    tcase_add_loop_test(tests, learning_matches, 0, 2);
    tcase_add_test(tests, learning_ends_early);
    tcase_add_test(tests, bytes_have_names);
    tcase_add_test(tests, long_words);
    tcase_add_test(tests, vocabulary_for_sources);
    tcase_add_test(tests, files_come_back);
    tcase_add_loop_test(tests, bad_pairs_are_refused, 0, sizeof bad_pairs / sizeof *bad_pairs);
    tcase_add_loop_test(tests, bad_jsons_are_refused, 0, sizeof bad_jsons / sizeof *bad_jsons);
    tcase_add_test(tests, other_jsons_are_read);
    tcase_add_test(tests, added_tokens_are_whole);
    tcase_add_test(tests, failures_leave_nothing);
    tcase_add_loop_test(tests, wordpiece_json_comes_back, 0, 2);
    tcase_add_test(tests, wordpiece_added_tokens_are_whole);
    tcase_add_loop_test(tests, bad_wordpieces_are_refused, 0, sizeof bad_wordpieces / sizeof *bad_wordpieces);
    suite_add_tcase(suite, tests);
    return suite;
}
