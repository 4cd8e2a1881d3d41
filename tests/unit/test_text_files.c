/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Readers of text files: sentences, documents, labels, and files that are not what they should be. */
#include "datasets/data_records.h"
#include "datasets/text_files.h"
#include "datasets/text_sentences.h"
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "tests/unit/skip.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Suite *text_files_suite(void);

#define OK(expression) ck_assert_msg((expression) == STATUS_OK, "%s", status_message())

static char directory[64];

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void put(const char *name, const char *bytes, size_t length)
{
    FILE *file = fopen(path_of(name), "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
}

static Status read_bytes(const char *record, const char *name, const char *options, const char *bytes,
                         size_t length, Corpus **out)
{
    static union {
        TextFileConfig text;
        TableConfig table;
    } config;
    const CorpusRecord *reader = corpus_record_find(record);
    char key[64], value[64];
    ck_assert_uint_le(reader->config_size, sizeof config);
    option_defaults(reader->options, &config);
    for (int used; options && sscanf(options, " %63[^=]=%63s%n", key, value, &used) == 2; options += used)
        OK(option_set_text(reader->options, &config, record, key, value));
    put(name, bytes, length);
    return reader->make(path_of(name), &config, NULL, NULL, out);
}

static Status read_text(const char *record, const char *name, const char *options, const char *text, Corpus **out)
{
    return read_bytes(record, name, options, text, strlen(text), out);
}

/* Sentences between bars, documents between double bars. */
static void expect(Corpus *corpus, const char *expected)
{
    Buffer is = {0};
    OK(buffer_text(&is, ""));
    for (int64_t d = 0; d < corpus->document_count; d++)
        for (int64_t s = corpus->documents[d]; s < corpus->documents[d + 1]; s++) {
            size_t length;
            const char *bytes = corpus_sentence(corpus, s, &length);
            OK(buffer_printf(&is, "%s%.*s",
                             s == 0                      ? ""
                             : s == corpus->documents[d] ? "||"
                                                         : "|",
                             (int)length, bytes));
        }
    ck_assert_str_eq(is.data, expected);
    buffer_free(&is);
    corpus_unref(corpus);
}

static void expect_text(const char *options, const char *text, const char *expected)
{
    Corpus *corpus;
    OK(read_text("text", "a.txt", options, text, &corpus));
    expect(corpus, expected);
}

static void expect_failure(const char *record, const char *name, const char *options, const char *text,
                           const char *words)
{
    Corpus *corpus = NULL;
    ck_assert_int_ne(read_text(record, name, options, text, &corpus), STATUS_OK);
    ck_assert_ptr_null(corpus);
    ck_assert_msg(strstr(status_message(), words) && strstr(status_message(), name), "'%s' is not in: %s", words,
                  status_message());
}

START_TEST(sentences)
{
    expect_text(NULL, "One. Two? \"Three!\" Four", "One.|Two?|\"Three!\"|Four");
    expect_text(NULL, "Mr. Fox met J. R. Smith of the U.S. Army. He ran.",
                "Mr. Fox met J. R. Smith of the U.S. Army.|He ran.");
    expect_text(NULL, "It costs 3.5 e.g. today... then more. 12 came.",
                "It costs 3.5 e.g. today... then more.|12 came.");
    expect_text(NULL, "A lobster , H. americanus . It grows . ", "A lobster , H. americanus .|It grows .");
    expect_text(NULL, "\u6211\u6765\u3002\u4f60\u597d\uff01ok", "\u6211\u6765\u3002|\u4f60\u597d\uff01|ok");
    expect_text(NULL, "\u00c9t\u00e9. \u00c0 demain. \u00e9t\u00e9.",
                "\u00c9t\u00e9.|\u00c0 demain. \u00e9t\u00e9.");
    expect_text(NULL, "...\n?!\n. . .", "...|?!|. . .");
}
END_TEST

START_TEST(documents)
{
    const char *text = "\xef\xbb\xbf"
                       "One. Two\r\nthree.\r\n \t\r\n\r\nFour\n";
    expect_text(NULL, text, "One.|Two|three.||Four");
    expect_text("sentences=lines", text, "One. Two|three.||Four");
    expect_text("sentences=paragraphs", text, "One.|Two three.||Four");
}
END_TEST

START_TEST(not_text)
{
    Corpus *corpus = NULL;
    TextFileConfig config = {TEXT_CUT_SENTENCES};
    expect_failure("text", "empty.txt", NULL, "", "empty");
    expect_failure("text", "blank.txt", NULL, " \n\n", "white space");
    expect_failure("text", "latin.txt", NULL, "fine\ncaf\xe9 au lait", "line 2, byte 3: 0xe9 is not valid UTF-8");
    expect_failure("text", "cut.txt", NULL, "caf\xc3", "line 1, byte 3");
    expect_failure("text", "long.txt", NULL, "\xc0\x80", "line 1, byte 0");
    expect_failure("text", "half.txt", NULL, "a\xed\xa0\x80", "line 1, byte 1");
    ck_assert_int_eq(read_bytes("text", "zero.txt", NULL, "a\nb\0c", 5, &corpus), STATUS_FORMAT);
    ck_assert_ptr_nonnull(strstr(status_message(), "line 2, byte 1: a zero byte"));
    ck_assert_int_ne(text_file_read(path_of("missing.txt"), &config, &corpus), STATUS_OK);
    ck_assert_int_ne(text_file_read(directory, &config, &corpus), STATUS_OK);
    ck_assert_ptr_nonnull(strstr(status_message(), "directory"));
    ck_assert_ptr_null(corpus);
}
END_TEST

START_TEST(junk_is_refused_or_read)
{
    unsigned seed = 1;
    for (int round = 0; round < 300; round++) {
        char bytes[200];
        size_t length = 1 + (size_t)rand_r(&seed) % sizeof bytes;
        for (size_t i = 0; i < length; i++)
            bytes[i] = round % 2 ? "a,\"\n\r{}:\\t.\xe3\x80\x82 "[rand_r(&seed) % 15] : (char)rand_r(&seed);
        const char *records[] = {"text", "jsonl", "csv", "labelled_lines"};
        for (int r = 0; r < 4; r++) {
            Corpus *corpus = NULL;
            Status status =
                read_bytes(records[r], "junk", r == 2 ? "text=0 header=false" : NULL, bytes, length, &corpus);
            ck_assert(status == STATUS_OK || status == STATUS_FORMAT || status == STATUS_INVALID);
            ck_assert((corpus != NULL) == (status == STATUS_OK));
            corpus_unref(corpus);
        }
    }
}
END_TEST

START_TEST(json_lines)
{
    Corpus *corpus;
    OK(read_text("jsonl", "a.jsonl", "label=kind",
                 "{\"text\": \"One. Two\", \"kind\": \"x\"}\n\n{\"kind\": 3, \"text\": \"\\u00e9\"}\r\n"
                 "{\"text\": \"y\", \"kind\": \"x\"}\n{\"text\": \"z\", \"kind\": true}",
                 &corpus));
    ck_assert_int_eq(corpus->class_count, 3);
    ck_assert_str_eq(corpus->classes[1], "3");
    ck_assert_str_eq(corpus->classes[2], "true");
    ck_assert_int_eq(corpus->labels[2], 0);
    expect(corpus, "One.|Two||\u00e9||y||z");
    OK(read_text("jsonl", "a.jsonl", "text=t", "{\"t\": \"One\"}", &corpus));
    ck_assert_int_eq(corpus->class_count, 0);
    ck_assert_int_eq(corpus->labels[0], -1);
    expect(corpus, "One");
    expect_failure("jsonl", "b.jsonl", NULL, "{\"text\": \"a\"}\n[1]", "line 2");
    expect_failure("jsonl", "b.jsonl", NULL, "{\"text\": \"a\"}\n{\"text\": 4}", "line 2");
    expect_failure("jsonl", "b.jsonl", NULL, "{\"text\": \"a\"}\n{\"text\": \"a", "line 2");
    expect_failure("jsonl", "b.jsonl", "label=l", "{\"text\": \"a\"}", "'l' is missing");
    expect_failure("jsonl", "b.jsonl", "label=l", "{\"text\": \"a\", \"l\": []}", "a label is");
    expect_failure("jsonl", "b.jsonl", "label=l", "{\"text\": \"a\", \"l\": 1}\n{\"text\": \" \", \"l\": \"bad\"}",
                   "line 2: the text with the label 'bad' is empty");
    expect_failure("jsonl", "b.jsonl", NULL, "{\"text\": \" \"}", "no text");
}
END_TEST

START_TEST(tables)
{
    Corpus *corpus;
    OK(read_text("csv", "a.csv", "label=y", "text,y\r\n\"One, \"\"two\"\". Three\",a\r\n\r\n\"l1\nl2\",b\r\nx,a",
                 &corpus));
    ck_assert_int_eq(corpus->class_count, 2);
    ck_assert_int_eq(corpus->labels[2], 0);
    expect(corpus, "One, \"two\".|Three||l1\nl2||x");
    OK(read_text("csv", "a.tsv", "text=1 label=0 header=false", "p\tA \"quote\nn\tB, b\n", &corpus));
    ck_assert_str_eq(corpus->classes[1], "n");
    expect(corpus, "A \"quote||B, b");
    OK(read_text("csv", "a.csv", "text=1 delimiter=;", "u;v\n1;x,y\n", &corpus));
    expect(corpus, "x,y");
    expect_failure("csv", "b.csv", NULL, "text,y\na,b\na,b,c\n",
                   "line 3: this row has 3 columns, the first one has 2");
    expect_failure("csv", "b.csv", NULL, "text,y\n\"a\nb\",c\n\nd", "line 5: this row has 1 columns");
    expect_failure("csv", "b.csv", NULL, "text,y\na,\"b\n\n", "line 2: a quote is opened");
    expect_failure("csv", "b.csv", NULL, "txt,y\na,b\n", "no column 'text' among the 2 ('txt', 'y')");
    expect_failure("csv", "b.csv", "text=2 header=false", "txt,y\n", "no column '2'");
    expect_failure("csv", "b.csv", NULL, "text,y\n", "no text");
    put("c.csv", "a", 1);
    TableConfig config;
    option_defaults(csv_options, &config);
    memcpy(config.delimiter, "ab", 3);
    ck_assert_int_eq(csv_read(path_of("c.csv"), &config, &corpus), STATUS_INVALID);
}
END_TEST

START_TEST(labelled_lines)
{
    Corpus *corpus;
    OK(read_text("labelled_lines", "a.txt", NULL, "1 a fine film . \r\n\n0\tOne. Two\n1  b c", &corpus));
    ck_assert_int_eq(corpus->class_count, 2);
    ck_assert_str_eq(corpus->classes[0], "1");
    ck_assert_int_eq(corpus->labels[1], 1);
    expect(corpus, "a fine film .||One.|Two||b c");
    OK(read_text("labelled_lines", "a.txt", "labels=false", "1 a b\n0 c\n", &corpus));
    ck_assert_int_eq(corpus->class_count, 0);
    expect(corpus, "a b||c");
    expect_failure("labelled_lines", "b.txt", NULL, "1 a\n\nword\n", "line 3: 'word' and nothing behind it");
    expect_failure("labelled_lines", "b.txt", NULL, "1 a\ncaf\xe9 b\n", "line 2, byte 3");
    expect_failure("labelled_lines", "b.txt", NULL, " \n", "no text");
}
END_TEST

/* A column of texts is taken for the labels. */
START_TEST(labels_that_are_none)
{
    Buffer text = {0}, lines = {0};
    char label[301];
    OK(buffer_text(&text, "text,l\n"));
    for (int i = 0; i <= TEXT_MAX_CLASSES; i++) {
        OK(buffer_printf(&text, "x,label %d\n", i));
        OK(buffer_printf(&lines, "{\"text\": \"x\", \"l\": %d}\n", i));
    }
    expect_failure("csv", "a.csv", "label=l", text.data, "line 4098: more than 4096 different labels");
    expect_failure("jsonl", "a.jsonl", "label=l", lines.data, "line 4097: more than 4096 different labels");
    buffer_clear(&text);
    memset(label, 0x79, sizeof label);
    label[300] = 0;
    OK(buffer_printf(&text, "text,l\nx,%s\n", label));
    expect_failure("csv", "a.csv", "label=l", text.data, "line 2: the label has 300 bytes");
    buffer_clear(&text);
    OK(buffer_printf(&text, "{\"text\": \"x\", \"l\": \"%s\"}\n", label));
    expect_failure("jsonl", "a.jsonl", "label=l", text.data, "line 1: the label has 300 bytes");
    buffer_clear(&text);
    OK(buffer_printf(&text, "%s x\n", label));
    expect_failure("labelled_lines", "a.txt", NULL, text.data, "line 1: the label has 300 bytes");
    buffer_free(&text);
    buffer_free(&lines);
}
END_TEST

START_TEST(a_very_long_line)
{
    size_t length = (size_t)100 << 20;
    char *bytes = malloc(length);
    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < length; i++) bytes[i] = "word "[i % 5];
    Corpus *corpus;
    OK(read_bytes("text", "line.txt", NULL, bytes, length, &corpus));
    ck_assert_int_eq(corpus->sentence_count, 1);
    corpus_unref(corpus);
    free(bytes);
}
END_TEST

static const char *const samples[][3] = {
    {"text", NULL, "One. Two.\nThree\n\nFour. Five\n"},
    {"text", "sentences=paragraphs", "One. Two.\nThree\n\nFour. Five\n"},
    {"jsonl", "label=l", "{\"text\": \"a. B\", \"l\": 1}\n{\"text\": \"c\", \"l\": \"two\"}\n"},
    {"csv", "label=l", "text,l\n\"a, \"\"b\"\"\",1\nc,2\n"},
    {"labelled_lines", NULL, "1 a. B\n2 c\n"}};

START_TEST(every_allocation_fails)
{
    size_t before = memory_in_use();
    for (uint64_t n = 1, used = n; used >= n; n++) {
        Corpus *corpus = NULL;
        memory_fail_after(n, n % 2 == 0);
        Status status = read_text(samples[_i][0], "s", samples[_i][1], samples[_i][2], &corpus);
        used = memory_allocations();
        memory_fail_after(0, 0);
        ck_assert_msg((status == STATUS_OK) == (used < n), "allocation %llu: %s", (unsigned long long)n,
                      status_message());
        corpus_unref(corpus);
        ck_assert_uint_eq(memory_in_use(), before);
    }
}
END_TEST

/* Real text, where there is any. */
START_TEST(real_text)
{
    const char *data = getenv("LATHE_DATA");
    char path[4096];
    if (!data) {
        test_skip("LATHE_DATA is not set; real text is not read");
        return;
    }
    snprintf(path, sizeof path, "%s/text/wikitext2-valid.txt", data);
    TextFileConfig config = {TEXT_CUT_SENTENCES};
    Corpus *corpus;
    OK(text_file_read(path, &config, &corpus));
    ck_assert_int_gt(corpus->sentence_count, 8000);
    ck_assert_int_lt(corpus->sentence_count, 13000);
    ck_assert_int_gt(corpus->document_count, 1000);
    corpus_unref(corpus);
}
END_TEST

static void make_directory(void)
{
    snprintf(directory, sizeof directory, "%s/lathe-text.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void remove_directory(void)
{
    OK(file_remove_tree(directory));
}

Suite *text_files_suite(void)
{
    Suite *suite = suite_create("text_files");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, make_directory, remove_directory);
    tcase_add_test(tcase, sentences);
    tcase_add_test(tcase, documents);
    tcase_add_test(tcase, not_text);
    tcase_add_test(tcase, junk_is_refused_or_read);
    tcase_add_test(tcase, json_lines);
    tcase_add_test(tcase, tables);
    tcase_add_test(tcase, labelled_lines);
    tcase_add_test(tcase, labels_that_are_none);
    tcase_add_test(tcase, a_very_long_line);
    tcase_add_loop_test(tcase, every_allocation_fails, 0, sizeof samples / sizeof *samples);
    tcase_add_test(tcase, real_text);
    suite_add_tcase(suite, tcase);
    return suite;
}
