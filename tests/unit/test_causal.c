/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text for causal language models: characters as tokens, texts as they stand, blocks of them. */
#include "datasets/causal_text.h"
#include "datasets/characters.h"
#include "datasets/text_files.h"
#include "engine/objectives/objective.h"
#include "tests/unit/scratch.h"

#define OK(call) ck_assert_msg((call) == STATUS_OK, "%s", status_message())

static Corpus *new_corpus(const char *const *sentences)
{
    Corpus *corpus;
    OK(corpus_new(&corpus));
    for (; *sentences; sentences++) {
        if (**sentences == '|')
            OK(corpus_end_document(corpus, -1));
        else
            OK(corpus_add_sentence(corpus, *sentences, strlen(*sentences)));
    }
    OK(corpus_finish(corpus));
    return corpus;
}

static Characters *train(const Corpus *corpus)
{
    Characters *tokenizer;
    CharactersTrainConfig config = {1};
    OK(characters_train(corpus, &config, &tokenizer));
    return tokenizer;
}

static Tokenized *encode(const Corpus *corpus, Characters *tokenizer)
{
    Tokenized *text;
    Encoder encoder = characters_encoder(tokenizer);
    OK(corpus_encode(corpus, &encoder, NULL, NULL, &text));
    return text;
}

START_TEST(characters_are_ordered)
{
    Corpus *corpus = new_corpus((const char *const[]){"b\xc3\xa4", "ab \xf0\x9f\x98\x80", NULL});
    Characters *tokenizer = train(corpus);
    const Vocabulary *vocabulary = characters_vocabulary(tokenizer);
    static const char *const pieces[] = {"<|endoftext|>", "<|unknown|>",     " ", "a", "b",
                                         "\xc3\xa4",      "\xf0\x9f\x98\x80"};
    static const int32_t lengths[] = {0, 0, 1, 1, 1, 2, 4};
    ck_assert_int_eq(vocabulary->size, 7);
    ck_assert_int_eq(vocabulary->mask, -1);
    for (int i = 0; i < 7; i++) {
        ck_assert_str_eq(vocabulary->pieces[i], pieces[i]);
        ck_assert_int_eq(vocabulary->lengths[i], lengths[i]);
        ck_assert_int_eq(vocabulary->special[i], i < 2);
    }
    characters_unref(tokenizer);
    corpus_unref(corpus);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

START_TEST(characters_come_back)
{
    static const char text[] = "ab, \xc3\xa4"
                               "b\n";
    static const char odd[] = "a\xff"
                              "b\xe2\x82z";
    Corpus *corpus = new_corpus((const char *const[]){text, NULL});
    Characters *tokenizer = train(corpus);
    TokenList list = {0};
    Buffer out = {0};
    OK(characters_encode(tokenizer, text, sizeof text - 1, &list));
    ck_assert_int_eq(list.count, 7);
    static const int32_t words[] = {0, 0, 1, 2, 3, 3, 4};
    for (int i = 0; i < 7; i++) ck_assert_int_eq(list.words[i], words[i]);
    OK(characters_decode(tokenizer, list.ids, list.count, &out));
    ck_assert_str_eq(out.data, text);
    token_list_free(&list);
    buffer_clear(&out);
    OK(characters_encode(tokenizer, odd, sizeof odd - 1, &list)); /* 2 bytes of a broken character, a 'z' */
    ck_assert_int_eq(list.count, 6);
    OK(characters_decode(tokenizer, list.ids, list.count, &out));
    ck_assert_str_eq(out.data, "ab");
    ck_assert_int_eq(characters_decode(tokenizer, (int32_t[]){99}, 1, &out), STATUS_INVALID);
    ck_assert_int_eq(characters_decode(tokenizer, (int32_t[]){-1}, 1, &out), STATUS_INVALID);
    buffer_free(&out);
    token_list_free(&list);
    characters_unref(tokenizer);
    corpus_unref(corpus);
}
END_TEST

START_TEST(characters_have_files)
{
    Corpus *corpus = new_corpus((const char *const[]){"\"b\\\n\xc3\xa4", NULL});
    Characters *tokenizer = train(corpus), *again;
    const char *path = scratch_path("characters.json");
    OK(characters_save(tokenizer, path));
    OK(characters_load(path, &again));
    const Vocabulary *a = characters_vocabulary(tokenizer), *b = characters_vocabulary(again);
    ck_assert_int_eq(a->size, b->size);
    for (int64_t i = 0; i < a->size; i++) ck_assert_str_eq(a->pieces[i], b->pieces[i]);
    characters_unref(again);
    OK(a->save(a->tokenizer, scratch_folder));
    characters_unref(tokenizer);
    corpus_unref(corpus);
}
END_TEST

static const struct BadFile {
    const char *text, *message;
} bad_files[] = {
    {"[]", "an object"},
    {"{\"type\": \"bpe\", \"characters\": []}", "its type is 'bpe'"},
    {"{\"type\": \"characters\"}", "characters"},
    {"{\"type\": \"characters\", \"characters\": [\"a\", 3]}", "entry 1 "},
    {"{\"type\": \"characters\", \"characters\": [\"ab\"]}", "entry 0 "},
    {"{\"type\": \"characters\", \"characters\": [\"\"]}", "entry 0 "},
    {"{\"type\": \"characters\", \"characters\": [\"a\", \"a\"]}", "entry 1 "},
    {"{\"type\": \"characters\", \"characters\": [\"b\", \"a\"]}", "entry 1 "},
};

START_TEST(bad_files_are_refused)
{
    const struct BadFile *bad = &bad_files[_i];
    const char *path = scratch_path("bad.json");
    Characters *tokenizer;
    scratch_write(path, bad->text, strlen(bad->text));
    ck_assert_int_eq(characters_load(path, &tokenizer), STATUS_FORMAT);
    ck_assert_msg(strstr(status_message(), bad->message), "%s", status_message());
    ck_assert_ptr_nonnull(strstr(status_message(), "bad.json"));
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* All bytes of the file, in pieces that begin before white space. */
START_TEST(verbatim_keeps_all)
{
    Buffer text = {0};
    Corpus *corpus;
    TextFileConfig config = {.sentences = TEXT_CUT_VERBATIM};
    for (int i = 0; i < 700; i++) OK(buffer_printf(&text, "%s  word %d.\n\n", i % 7 ? "" : "\t", i));
    const char *path = scratch_path("text.txt");
    scratch_write(path, text.data, text.length);
    OK(text_file_read(path, &config, &corpus));
    ck_assert_int_eq(corpus->document_count, 1);
    ck_assert_int_gt(corpus->sentence_count, 5);
    ck_assert_uint_eq(corpus->bytes.length, text.length);
    ck_assert(memcmp(corpus->bytes.data, text.data, text.length) == 0);
    for (int64_t s = 1; s < corpus->sentence_count; s++) {
        const char *at = corpus->bytes.data + corpus->sentences[s];
        ck_assert(strchr(" \n\t", at[0]) && !strchr(" \n\t", at[-1]));
    }
    corpus_unref(corpus);
    buffer_free(&text);
}
END_TEST

START_TEST(lines_can_be_documents)
{
    Corpus *corpus;
    TextFileConfig config = {.sentences = TEXT_CUT_LINES, .documents = TEXT_DOCUMENTS_LINES};
    const char *path = scratch_path("names.txt");
    scratch_write(path, "emma\n\n olivia \nava", 18);
    OK(text_file_read(path, &config, &corpus));
    ck_assert_int_eq(corpus->document_count, 3);
    corpus_unref(corpus);
    config.documents = TEXT_DOCUMENTS_FILE;
    OK(text_file_read(path, &config, &corpus));
    ck_assert_int_eq(corpus->document_count, 1);
    ck_assert_int_eq(corpus->sentence_count, 3);
    corpus_unref(corpus);
}
END_TEST

START_TEST(joined_reads_on)
{
    Corpus *corpus = new_corpus((const char *const[]){"One.", "Two.", "|", "Three.", NULL}), *joined;
    OK(corpus_joined(corpus, &joined));
    ck_assert_int_eq(joined->document_count, 2);
    ck_assert_uint_eq(joined->bytes.length, strlen("One. Two.Three."));
    ck_assert(memcmp(joined->bytes.data, "One. Two.Three.", joined->bytes.length) == 0);
    corpus_unref(joined);
    corpus_unref(corpus);
    ck_assert_uint_eq(memory_in_use(), 0);
}
END_TEST

/* --- blocks --- */

typedef struct Blocks {
    Corpus *corpus;
    Characters *tokenizer;
    Tokenized *text;
    Source *source;
} Blocks;

static Blocks new_blocks(const char *const *sentences, int64_t length, CausalDocuments documents)
{
    Blocks blocks;
    CausalTextConfig config;
    option_defaults(causal_text_options, &config);
    config.text.length = length;
    config.text.batch_size = 1;
    config.text.loader_threads = 0;
    config.text.buckets = false;
    config.documents = documents;
    blocks.corpus = new_corpus(sentences);
    blocks.tokenizer = train(blocks.corpus);
    blocks.text = encode(blocks.corpus, blocks.tokenizer);
    OK(causal_text_new(blocks.text, &config, &blocks.source));
    return blocks;
}

static void free_blocks(Blocks *blocks)
{
    source_unref(blocks->source);
    tokenized_unref(blocks->text);
    characters_unref(blocks->tokenizer);
    corpus_unref(blocks->corpus);
    ck_assert_uint_eq(memory_in_use(), 0);
}

/* The examples of an epoch in order of their numbers, one a line, the separator as '|'. */
static void read_epoch(const Blocks *blocks, int64_t epoch, char lines[][32])
{
    Cursor cursor = {.seed = 1, .epoch = epoch};
    while (cursor.epoch == epoch) {
        Batch batch = {0};
        OK(blocks->source->type->next(blocks->source, NULL, &cursor, &batch));
        int64_t number = ((const int64_t *)tensor_data(batch_find(&batch, "example_ids")))[0];
        int64_t length = TENSOR_I32(batch_find(&batch, "lengths"))[0];
        for (int64_t i = 0; i < length; i++) {
            int32_t id = TENSOR_I32(batch_find(&batch, "input_ids"))[i];
            lines[number][i] = id ? batch.vocabulary->pieces[id][0] : '|';
        }
        lines[number][length] = '\0';
        batch_clear(&batch);
    }
}

START_TEST(blocks_overlap_by_one)
{
    Blocks blocks = new_blocks((const char *const[]){"abcdef", "ghij", "|", "klmno", NULL}, 5, CAUSAL_JOINED);
    char lines[8][32];
    ck_assert_int_eq(blocks.source->examples, 4);
    read_epoch(&blocks, 0, lines);
    static const char *const expected[] = {"abcdef", "fghij|", "|klmno", "o|"};
    for (int i = 0; i < 4; i++) ck_assert_str_eq(lines[i], expected[i]);
    free_blocks(&blocks);
}
END_TEST

/* In later epochs they begin elsewhere, and each follows the one before it. */
START_TEST(blocks_move)
{
    Blocks blocks = new_blocks((const char *const[]){"abcdefghijklmnopqrstuvwxyz", NULL}, 5, CAUSAL_JOINED);
    char lines[8][32];
    int moved = 0;
    for (int epoch = 1; epoch < 9; epoch++) {
        read_epoch(&blocks, epoch, lines);
        ck_assert_int_eq(lines[0][0], 'a');
        ck_assert_uint_ge(strlen(lines[0]), 2);
        moved += strlen(lines[0]) != 6;
        for (int64_t i = 1; i < blocks.source->examples; i++)
            ck_assert_int_eq(lines[i][0], lines[i - 1][strlen(lines[i - 1]) - 1]);
    }
    ck_assert_int_gt(moved, 2);
    free_blocks(&blocks);
}
END_TEST

START_TEST(separate_documents)
{
    Blocks blocks =
        new_blocks((const char *const[]){"ab", "c", "|", "abcde", "|", "bcdefg", NULL}, 5, CAUSAL_SEPARATE);
    char lines[8][32];
    ck_assert_int_eq(blocks.source->examples, 3);
    read_epoch(&blocks, 0, lines);
    static const char *const expected[] = {"|abc|", "|abcde", "|bcdef"};
    for (int i = 0; i < 3; i++) ck_assert_str_eq(lines[i], expected[i]);
    free_blocks(&blocks);
}
END_TEST

START_TEST(masks_need_a_mask)
{
    Blocks blocks = new_blocks((const char *const[]){"abcdefghij", NULL}, 5, CAUSAL_JOINED);
    Cursor cursor = {.seed = 1};
    Batch batch = {0}, view = {0};
    Arena *arena;
    Objective *mlm;
    OK(arena_new(&arena));
    OK(objective_new(objective_record_find("mlm"), NULL, NULL, 1, &mlm));
    OK(blocks.source->type->next(blocks.source, NULL, &cursor, &batch));
    batch_share(&view, &batch);
    ck_assert_int_eq(mlm->record->view(mlm, random_key(1, "view"), arena, &batch, &view), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(status_message(), "no [MASK]"));
    batch_clear(&view);
    batch_clear(&batch);
    objective_free(mlm);
    arena_free(arena);
    free_blocks(&blocks);
}
END_TEST

Suite *causal_suite(void);
Suite *causal_suite(void)
{
    Suite *suite = suite_create("causal");
    TCase *tests = tcase_create("causal");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, characters_are_ordered);
    tcase_add_test(tests, characters_come_back);
    tcase_add_test(tests, characters_have_files);
    tcase_add_loop_test(tests, bad_files_are_refused, 0, sizeof bad_files / sizeof *bad_files);
    tcase_add_test(tests, verbatim_keeps_all);
    tcase_add_test(tests, lines_can_be_documents);
    tcase_add_test(tests, joined_reads_on);
    tcase_add_test(tests, blocks_overlap_by_one);
    tcase_add_test(tests, blocks_move);
    tcase_add_test(tests, separate_documents);
    tcase_add_test(tests, masks_need_a_mask);
    suite_add_tcase(suite, tests);
    return suite;
}
