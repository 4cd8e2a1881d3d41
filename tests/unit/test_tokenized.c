/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Encoding text in tiles, with a tokenizer of single letters. */
#include "datasets/data_records.h"
#include "datasets/tokenized_encode.h"
#include "engine/base/cancel.h"
#include "engine/base/memory.h"
#include "engine/base/threads.h"

#include <check.h>
#include <string.h>

Suite *tokenized_suite(void);

enum { SENTENCES = 9000, DOCUMENTS = 1500 };

#define OK(expression) ck_assert_msg((expression) == STATUS_OK, "%s", status_message())

static const Vocabulary letters = {.size = 31};
static const char text[] = "the quick brown fox jumps over the lazy dog";

/* Sentence i: some letters from place i % 40; every seventh is empty. */
static void get_sentence(const void *object, int64_t index, const char **bytes, size_t *length)
{
    (void)object;
    int64_t from = index % 40;
    *bytes = text + from;
    *length = index % 7 == 0 ? 0 : (size_t)(1 + index % ((int64_t)sizeof text - 1 - from));
}

static Status encode_letters(const void *tokenizer, const char *bytes, size_t length, TokenList *out)
{
    int32_t word = 0;
    for (size_t i = 0; i < length; i++) {
        if (tokenizer && bytes[i] == 'z') return status_fail(STATUS_INVALID, "a 'z' at byte %zu", i);
        if (bytes[i] == ' ')
            word++;
        else
            TRY(token_list_add(out, bytes[i] - 'a' + 5, word));
    }
    return STATUS_OK;
}

static void count_progress(void *context, int64_t done, int64_t all)
{
    ck_assert_int_eq(all, SENTENCES);
    ck_assert_int_gt(done, *(int64_t *)context);
    *(int64_t *)context = done;
}

static Status encode_all(int64_t documents, bool fails, Tokenized **out)
{
    static int64_t offsets[DOCUMENTS + 1];
    static int32_t labels[DOCUMENTS];
    char *classes[] = {"even", "odd"};
    int64_t done = 0;
    for (int64_t d = 0; d <= documents; d++) offsets[d] = d * SENTENCES / documents;
    for (int64_t d = 0; d < documents; d++) labels[d] = (int32_t)(d % 2);
    EncodeInput input = {documents, offsets, get_sentence, NULL, labels, 2, classes};
    Encoder encoder = {&letters, {0}, encode_letters, fails ? text : NULL};
    return tokenized_encode(&input, &encoder, count_progress, &done, out);
}

START_TEST(threads_do_not_matter)
{
    Tokenized *first = NULL;
    for (int threads = 1; threads <= 5; threads += 2) {
        Tokenized *next;
        threads_set(threads);
        OK(encode_all(DOCUMENTS, false, &next));
        if (first) ck_assert(hash_equal(first->content, next->content));
        if (first) tokenized_unref(first);
        first = next;
    }
    int64_t filled = 0, document = 0, at = 0;
    for (int64_t s = 0; s < SENTENCES; s++) {
        const char *bytes;
        size_t length;
        get_sentence(NULL, s, &bytes, &length);
        int64_t kept = at;
        for (size_t i = 0; i < length; i++)
            if (bytes[i] != ' ') ck_assert_int_eq(first->ids[at++], bytes[i] - 'a' + 5);
        if (at == kept) continue;
        ck_assert_int_eq(first->sentences[filled++], kept);
        document = tokenized_document_of(first, filled - 1);
        ck_assert_int_eq(document, s / (SENTENCES / DOCUMENTS));
        ck_assert_int_eq(first->labels[document], document % 2);
    }
    ck_assert_int_eq(first->sentence_count, filled);
    ck_assert_int_eq(first->document_count, DOCUMENTS);
    ck_assert_int_eq(first->tokens, at);
    tokenized_unref(first);
    threads_set(2);
}
END_TEST

START_TEST(failures_name_the_sentence)
{
    Tokenized *out = NULL;
    ck_assert_int_eq(encode_all(DOCUMENTS, true, &out), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(status_message(), "sentence 19: a 'z' at byte 18"));
    ck_assert_ptr_null(out);
    cancel_request();
    ck_assert_int_eq(encode_all(DOCUMENTS, false, &out), STATUS_CANCELLED);
    cancel_clear();
    EncodeInput nothing = {0};
    Encoder encoder = {&letters, {0}, encode_letters, NULL};
    ck_assert_int_eq(tokenized_encode(&nothing, &encoder, NULL, NULL, &out), STATUS_INVALID);
    int64_t offsets[] = {0, 1};
    EncodeInput empty = {.document_count = 1, .documents = offsets, .sentence = get_sentence};
    ck_assert_int_eq(tokenized_encode(&empty, &encoder, NULL, NULL, &out), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(status_message(), "empty"));
}
END_TEST

START_TEST(every_allocation_fails)
{
    size_t before = memory_in_use();
    uint64_t n = 1;
    for (Status status = STATUS_NOMEM; status != STATUS_OK; n++) {
        Tokenized *out = NULL;
        memory_fail_after(n, n % 2 == 0);
        status = encode_all(DOCUMENTS, false, &out);
        memory_fail_after(0, 0);
        ck_assert(status == STATUS_OK || status == STATUS_NOMEM);
        tokenized_unref(out);
        ck_assert_uint_eq(memory_in_use(), before);
    }
    ck_assert_uint_gt(n, 100);
}
END_TEST

static Status fill_corpus(Corpus *corpus)
{
    for (int d = 0; d < 60; d++) {
        int32_t label;
        for (int s = 0; s <= d % 4; s++) {
            TRY(corpus_add_sentence(corpus, text + d % 30, (size_t)(5 + s)));
            TRY(corpus_add_sentence(corpus, "", 0));
        }
        TRY(corpus_class(corpus, d % 2 ? "odd" : "even", &label));
        TRY(corpus_end_document(corpus, label));
        TRY(corpus_end_document(corpus, label));
    }
    return corpus_finish(corpus);
}

/* From a corpus to the batches of every record. */
static Status make_everything(bool own_held_out)
{
    Corpus *corpus;
    TRY(corpus_new(&corpus));
    Status status = fill_corpus(corpus);
    corpus->task = CORPUS_PAIRS; /* which the others read as text */
    if (status == STATUS_OK && own_held_out) status = corpus_new(&corpus->held_out);
    if (status == STATUS_OK && own_held_out) status = fill_corpus(corpus->held_out);
    if (corpus->held_out) corpus->held_out->task = CORPUS_PAIRS;
    Encoder encoder = {&letters, {0}, encode_letters, NULL};
    for (int i = 0; i < data_record_count && status == STATUS_OK; i++) {
        if (data_records[i]->read || data_records[i]->read_text) continue;
        char config[4096];
        Source *train, *valid;
        option_defaults(data_records[i]->options, config);
        status = data_make(data_records[i], corpus, NULL, &encoder, config, NULL, NULL, &train, &valid);
        if (status != STATUS_OK) break;
        Cursor cursor = {1, 0, 0};
        Batch batch = {0};
        status = valid->type->next(valid, NULL, &cursor, &batch);
        batch_clear(&batch);
        bool labelled = strcmp(data_records[i]->name, "labelled") == 0; /* an example a document */
        if (labelled) ck_assert_int_eq(valid->examples, own_held_out ? 60 : 3);
        source_unref(train);
        source_unref(valid);
    }
    corpus_unref(corpus);
    return status;
}

START_TEST(corpus_to_sources)
{
    size_t before = memory_in_use();
    OK(make_everything(true));
    OK(make_everything(false));
    for (uint64_t n = 1, used = n; used >= n; n++) { /* until nothing failed any more */
        memory_fail_after(n, n % 2 == 0);
        Status status = make_everything(n % 3 == 0);
        used = memory_allocations();
        memory_fail_after(0, 0);
        ck_assert(status == STATUS_OK || status == STATUS_NOMEM);
        ck_assert_uint_eq(memory_in_use(), before);
    }
}
END_TEST

START_TEST(records_are_complete)
{
    ck_assert_ptr_null(data_record_find("sentence_pair"));
    for (int i = 0; i < data_record_count; i++) {
        const DataRecord *record = data_records[i];
        if (record->read || record->read_text) continue;
        char config[4096];
        ck_assert(record->doc && record->source && record->split && record->config_size <= sizeof config);
        ck_assert_ptr_eq(data_record_find(record->name), record);
        option_defaults(record->options, config);
        ck_assert_int_eq(option_set_number(record->options, config, record->name, "length", 3), STATUS_INVALID);
        ck_assert_int_eq(option_set_number(record->options, config, record->name, "valid", 1), STATUS_INVALID);
        ck_assert_int_eq(option_set_number(record->options, config, record->name, "lenght", 3), STATUS_INVALID);
        ck_assert_ptr_nonnull(strstr(status_message(), "length"));
        OK(option_set_text(record->options, config, record->name, "padding", "length"));
    }
}
END_TEST

Suite *tokenized_suite(void)
{
    Suite *suite = suite_create("tokenized");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, threads_do_not_matter);
    tcase_add_test(tcase, failures_name_the_sentence);
    tcase_add_test(tcase, every_allocation_fails);
    tcase_add_test(tcase, corpus_to_sources);
    tcase_add_test(tcase, records_are_complete);
    suite_add_tcase(suite, tcase);
    return suite;
}
