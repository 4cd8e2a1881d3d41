/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sources of text: order, resume, batch size changes, buckets, threads, labels, failures. */
#include "datasets/labelled.h"
#include "datasets/packed_text.h"
#include "datasets/sentence_pairs.h"
#include "engine/base/memory.h"
#include "engine/base/random.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *text_sources_suite(void);

enum { PIECES = 1000, SPECIAL = 5 };

static const Vocabulary vocabulary = {
    .size = PIECES, .pad = 0, .unknown = 1, .classify = 2, .separator = 3, .mask = 4};

#define OK(expression) ck_assert_msg((expression) == STATUS_OK, "%s", status_message())

/* Sentence s of the text has 1 + s * 7 % 23 tokens; the first names the sentence, so that pairs can be checked. */
static Status fill(Tokenized *text, int documents, int most, bool labels)
{
    int32_t ids[32], words[32];
    for (int d = 0, s = 0; d < documents; d++) {
        for (int i = 0; i <= d * 5 % most; i++, s++) {
            int count = 1 + s * 7 % 23;
            for (int t = 0; t < count; t++) {
                ids[t] = SPECIAL + (t == 0 ? s % (PIECES - SPECIAL) : t);
                words[t] = t / 2;
            }
            TRY(tokenized_add_sentence(text, ids, words, count));
        }
        int32_t label = -1;
        if (labels) TRY(tokenized_class(text, d % 3 == 0 ? "red" : d % 3 == 1 ? "green" : "blue", &label));
        TRY(tokenized_end_document(text, label));
    }
    return tokenized_finish(text);
}

static Status new_text(int documents, int most, bool labels, Tokenized **out)
{
    Tokenized *text;
    TRY(tokenized_new(&vocabulary, (TextOwner){0}, &text));
    Status status = fill(text, documents, most, labels);
    if (status == STATUS_OK)
        *out = text;
    else
        tokenized_unref(text);
    return status;
}

static SentencePairsConfig pairs_config(int batch_size, bool buckets, int threads)
{
    SentencePairsConfig config;
    option_defaults(sentence_pairs_options, &config);
    config.text.length = 48;
    config.text.batch_size = batch_size;
    config.text.buckets = buckets;
    config.text.bucket_window = 64;
    config.text.loader_threads = threads;
    config.text.seed = 7;
    return config;
}

static Source *new_pairs(int documents, int batch_size, bool buckets, int threads)
{
    Tokenized *text;
    Source *source;
    OK(new_text(documents, 9, false, &text));
    SentencePairsConfig config = pairs_config(batch_size, buckets, threads);
    OK(sentence_pairs_new(text, &config, &source));
    tokenized_unref(text);
    return source;
}

static Hash hash_batch(const Batch *batch)
{
    Hash hash = hash_bytes(&batch->epoch, sizeof batch->epoch);
    for (int i = 0; i < batch->count; i++) {
        Tensor *field = batch->fields[i];
        size_t bytes = (size_t)tensor_count(field) * dtype_size(field->dtype);
        hash = hash_combine(hash, hash_bytes(batch->names[i], strlen(batch->names[i])));
        hash = hash_combine(hash, hash_bytes(field->shape, sizeof(int64_t) * (size_t)field->ndim));
        hash = hash_combine(hash, hash_bytes(tensor_data(field), bytes));
    }
    return hash;
}

static Hash next_hash(Source *source, Cursor *cursor)
{
    Batch batch = {0};
    OK(source->type->next(source, NULL, cursor, &batch));
    Hash hash = hash_batch(&batch);
    batch_clear(&batch);
    return hash;
}

static Tensor *field(const Batch *batch, const char *name)
{
    Tensor *out;
    OK(batch_get(batch, name, &out));
    return out;
}

START_TEST(resume_continues)
{
    enum { STEPS = 40 };
    Source *source = new_pairs(40, 5, _i & 1, _i >> 1);
    Cursor cursors[STEPS], cursor = {7, 0, 0};
    Hash hashes[STEPS];
    for (int i = 0; i < STEPS; i++) {
        cursors[i] = cursor;
        hashes[i] = next_hash(source, &cursor);
    }
    ck_assert_int_gt(cursor.epoch, 0);
    for (int i = STEPS - 1; i >= 0; i -= 3) {
        Cursor again = cursors[i];
        ck_assert(hash_equal(next_hash(source, &again), hashes[i]));
        if (i + 1 < STEPS) ck_assert(hash_equal(next_hash(source, &again), hashes[i + 1]));
    }
    Cursor other = {8, 0, 0};
    ck_assert(!hash_equal(next_hash(source, &other), hashes[0]));
    source_unref(source);
}
END_TEST

START_TEST(threads_do_not_matter)
{
    static const int threads[] = {0, 1, 3};
    Hash expected[60];
    for (int t = 0; t < 3; t++) {
        Source *source = new_pairs(50, 4, true, threads[t]);
        Cursor cursor = {7, 0, 0};
        for (int i = 0; i < 60; i++) {
            if (i == 20) source->batch_size = 7;
            if (i == 40) source->batch_size = 3;
            Hash hash = next_hash(source, &cursor);
            if (t == 0) expected[i] = hash;
            ck_assert_msg(hash_equal(hash, expected[i]), "batch %d differs with %d threads", i, threads[t]);
        }
        source_unref(source);
    }
}
END_TEST

/* Every example once an epoch, also where the batch size changes on the way. */
START_TEST(nothing_lost_or_doubled)
{
    static const int sizes[] = {4, 9, 1, 6, 13};
    Source *source = new_pairs(60, 4, _i & 1, _i >> 1);
    int *seen = calloc((size_t)source->examples, sizeof *seen);
    Cursor cursor = {3, 0, 0};
    for (int epoch = 0; epoch < 3; epoch++) {
        memset(seen, 0, (size_t)source->examples * sizeof *seen);
        for (int step = 0; cursor.epoch == epoch; step++) {
            Batch batch = {0};
            source->batch_size = sizes[(step / 2 + epoch) % 5];
            OK(source->type->next(source, NULL, &cursor, &batch));
            ck_assert_int_eq(batch.epoch, epoch);
            Tensor *ids = field(&batch, "example_ids");
            ck_assert_int_eq(tensor_count(ids), batch.size);
            for (int64_t i = 0; i < batch.size; i++) seen[(int64_t)tensor_get(ids, i)]++;
            batch_clear(&batch);
        }
        ck_assert_int_eq(cursor.index, 0);
        for (int64_t i = 0; i < source->examples; i++) ck_assert_int_eq(seen[i], 1);
    }
    free(seen);
    source_unref(source);
}
END_TEST

/* The number of the sentence a segment begins with tells whether B follows A. */
static void check_pair(const Batch *batch, int64_t row, int64_t *positive)
{
    Tensor *ids = field(batch, "input_ids"), *types = field(batch, "token_type_ids");
    Tensor *words = field(batch, "word_ids"), *lengths = field(batch, "lengths");
    int64_t width = ids->shape[1], length = TENSOR_I32(lengths)[row], separators = 0, previous = -1;
    const int32_t *id = TENSOR_I32(ids) + row * width, *type = TENSOR_I32(types) + row * width;
    const int32_t *word = TENSOR_I32(words) + row * width;
    ck_assert_int_le(length, 48);
    ck_assert_int_eq(id[0], vocabulary.classify);
    ck_assert_int_eq(id[length - 1], vocabulary.separator);
    for (int64_t i = 0; i < width; i++) {
        bool special = i == 0 || i >= length || id[i] == vocabulary.separator;
        ck_assert_int_eq(word[i] == -1, special);
        ck_assert_int_eq(type[i], i < length && separators > 0);
        if (i >= length) ck_assert_int_eq(id[i], vocabulary.pad);
        if (id[i] == vocabulary.separator) separators++;
        if (word[i] < 0) continue;
        ck_assert(word[i] == previous || word[i] == previous + 1);
        previous = word[i];
    }
    ck_assert_int_eq(separators, 2);
    *positive += TENSOR_I32(field(batch, "next_sentence_label"))[row];
}

START_TEST(labels_are_even)
{
    Source *source = new_pairs(400, 16, true, 1);
    Cursor cursor = {1, 0, 0};
    int64_t positive = 0, rows = 0;
    while (cursor.epoch < 3) {
        Batch batch = {0};
        OK(source->type->next(source, NULL, &cursor, &batch));
        for (int64_t r = 0; r < batch.size; r++, rows++) check_pair(&batch, r, &positive);
        batch_clear(&batch);
    }
    ck_assert_int_gt(rows, 1000);
    double share = (double)positive / (double)rows; /* deviation of about 0.5 / sqrt(rows) */
    ck_assert_msg(share > 0.44 && share < 0.56, "share of random pairs: %g of %lld", share, (long long)rows);
    source_unref(source);
}
END_TEST

/* One sentence each and short enough not to be cut: the first tokens name A and B. */
static void check_single(int mode, int documents)
{
    Tokenized *text;
    Source *source;
    OK(new_text(documents, 9, false, &text));
    SentencePairsConfig config = pairs_config(8, true, 0);
    config.pack = false;
    config.mode = mode;
    OK(sentence_pairs_new(text, &config, &source));
    const char *name = mode == PAIRS_SOP ? "sentence_order_label" : "next_sentence_label";
    Cursor cursor = {1, 0, 0};
    int64_t seen[2] = {0};
    while (cursor.epoch < 2) {
        Batch batch = {0};
        OK(source->type->next(source, NULL, &cursor, &batch));
        int64_t width = field(&batch, "input_ids")->shape[1];
        for (int64_t r = 0; r < batch.size; r++) {
            const int32_t *id = TENSOR_I32(field(&batch, "input_ids")) + r * width;
            int64_t a = id[1] - SPECIAL, second = 2, label = TENSOR_I32(field(&batch, name))[r];
            while (id[second] != vocabulary.separator) second++;
            int64_t b = id[second + 1] - SPECIAL;
            seen[label]++;
            if (label == 0) ck_assert_int_eq(b, a + 1);
            if (label == 1 && mode == PAIRS_SOP) ck_assert_int_eq(b, a - 1);
            if (label == 1 && mode == PAIRS_NSP) {
                ck_assert_int_ne(b, a + 1);
                ck_assert_int_ne(b, a);
                if (documents > 1) ck_assert_int_ne(tokenized_document_of(text, a), tokenized_document_of(text, b));
            }
        }
        batch_clear(&batch);
    }
    ck_assert(seen[0] > 0 && seen[1] > 0);
    source_unref(source);
    tokenized_unref(text);
}

START_TEST(single_sentences)
{
    check_single(PAIRS_NSP, 100);
    check_single(PAIRS_SOP, 100);
}
END_TEST

START_TEST(one_document)
{
    Tokenized *text;
    Source *source;
    OK(tokenized_new(&vocabulary, (TextOwner){0}, &text));
    for (int32_t s = 0; s < 12; s++) OK(tokenized_add_sentence(text, (int32_t[]){SPECIAL + s, 500}, NULL, 2));
    OK(tokenized_finish(text));
    SentencePairsConfig config = pairs_config(4, false, 0);
    for (int pack = 0; pack < 2; pack++) {
        config.pack = pack;
        config.text.length = 11;
        OK(sentence_pairs_new(text, &config, &source));
        Cursor cursor = {1, 0, 0};
        while (cursor.epoch < 20) {
            Batch batch = {0};
            OK(source->type->next(source, NULL, &cursor, &batch));
            for (int64_t r = 0; r < batch.size; r++) {
                const int32_t *id =
                    TENSOR_I32(field(&batch, "input_ids")) + r * field(&batch, "input_ids")->shape[1];
                int64_t at = 1;
                while (id[at] != vocabulary.separator) at++;
                if (TENSOR_I32(field(&batch, "next_sentence_label"))[r])
                    ck_assert(id[at + 1] < id[1] || id[at + 1] > id[at - 2] + 1);
                else
                    ck_assert_int_eq(id[at + 1], id[at - 2] + 1);
            }
            batch_clear(&batch);
        }
        source_unref(source);
    }
    tokenized_unref(text);
}
END_TEST

static int64_t count_padding(bool buckets)
{
    Source *source = new_pairs(600, 16, buckets, 0);
    Cursor cursor = {1, 0, 0};
    int64_t padding = 0;
    while (cursor.epoch == 0) {
        Batch batch = {0};
        OK(source->type->next(source, NULL, &cursor, &batch));
        padding += tensor_count(field(&batch, "input_ids"));
        for (int64_t r = 0; r < batch.size; r++) padding -= TENSOR_I32(field(&batch, "lengths"))[r];
        batch_clear(&batch);
    }
    source_unref(source);
    return padding;
}

START_TEST(buckets_save_padding)
{
    int64_t with = count_padding(true), without = count_padding(false);
    ck_assert_msg(with * 2 < without, "padding with buckets %lld, without %lld", (long long)with,
                  (long long)without);
}
END_TEST

START_TEST(padding_to_length)
{
    Tokenized *text;
    Source *source;
    OK(new_text(30, 9, false, &text));
    SentencePairsConfig config = pairs_config(4, true, 0);
    config.text.padding = TEXT_PAD_LENGTH;
    OK(sentence_pairs_new(text, &config, &source));
    Batch batch = {0};
    Cursor cursor = {1, 0, 0};
    OK(source->type->next(source, NULL, &cursor, &batch));
    ck_assert_int_eq(field(&batch, "input_ids")->shape[1], 48);
    batch_clear(&batch);
    source_unref(source);
    tokenized_unref(text);
}
END_TEST

/* Blocks put back together are the text. */
START_TEST(blocks_are_the_text)
{
    Tokenized *text;
    Source *source;
    PackedTextConfig config;
    OK(new_text(37, 9, false, &text));
    option_defaults(packed_text_options, &config);
    config.text.length = 13;
    config.text.shuffle = config.text.buckets = false;
    config.specials = _i;
    OK(packed_text_new(text, &config, &source));
    Cursor cursor = {1, 0, 0};
    int64_t token = 0, document = 0;
    while (cursor.epoch == 0) {
        Batch batch = {0};
        OK(source->type->next(source, NULL, &cursor, &batch));
        for (int64_t r = 0; r < batch.size; r++) {
            const int32_t *id = TENSOR_I32(field(&batch, "input_ids")) + r * field(&batch, "input_ids")->shape[1];
            int64_t length = TENSOR_I32(field(&batch, "lengths"))[r];
            if (_i) ck_assert(id[0] == vocabulary.classify && id[length - 1] == vocabulary.separator);
            for (int64_t i = _i; i < length - _i; i++) {
                if (token == text->sentences[text->documents[document + 1]]) {
                    ck_assert_int_eq(id[i], vocabulary.separator);
                    document++;
                } else {
                    ck_assert_int_eq(id[i], text->ids[token++]);
                }
            }
        }
        batch_clear(&batch);
    }
    ck_assert_int_eq(token, text->tokens);
    ck_assert_int_eq(document, text->document_count);
    source_unref(source);
    tokenized_unref(text);
}
END_TEST

START_TEST(labelled_texts)
{
    Tokenized *text;
    Source *train, *valid;
    LabelledConfig config;
    OK(new_text(60, 9, true, &text));
    tokenized_sort_classes(text);
    ck_assert_str_eq(text->classes[0], "blue");
    ck_assert_int_eq(text->labels[0], 2);
    ck_assert_int_eq(text->labels[1], 1);
    option_defaults(labelled_options, &config);
    config.text.length = 20;
    config.valid = 0.25;
    OK(labelled_split(text, NULL, &config, &train, &valid));
    ck_assert_int_eq(train->examples, 45);
    ck_assert_int_eq(valid->examples, 15);
    source_unref(train);
    source_unref(valid);
    OK(labelled_split(text, text, &config, &train, &valid));
    Batch batch = {0};
    Cursor cursor = {1, 0, 0};
    OK(train->type->next(train, NULL, &cursor, &batch));
    for (int64_t r = 0; r < batch.size; r++) {
        int64_t example = (int64_t)tensor_get(field(&batch, "example_ids"), r);
        ck_assert_int_eq(TENSOR_I32(field(&batch, "labels"))[r], text->labels[example]);
        ck_assert_int_le(TENSOR_I32(field(&batch, "lengths"))[r], 20);
    }
    batch_clear(&batch);
    source_unref(train);
    source_unref(valid);
    tokenized_unref(text);
}
END_TEST

/* Classes in an order that is given: what a model was trained with. */
START_TEST(classes_are_named)
{
    Tokenized *text;
    Source *train, *valid;
    LabelledConfig config;
    OK(new_text(20, 9, true, &text)); /* red, green, blue in turn */
    option_defaults(labelled_options, &config);
    OK(labelled_split(text, text, &config, &train, &valid));
    ck_assert_int_eq(train->class_count, 3);
    ck_assert_str_eq(train->classes[0], "red");
    ck_assert_str_eq(valid->classes[2], "blue");
    source_unref(train);
    source_unref(valid);
    snprintf(config.classes, sizeof config.classes, "blue,red,mauve,green");
    OK(labelled_split(text, text, &config, &train, &valid));
    Batch batch = {0};
    Cursor cursor = {1, 0, 0};
    static const int32_t places[] = {1, 3, 0};
    ck_assert_int_eq(train->class_count, 4);
    OK(train->type->next(train, NULL, &cursor, &batch));
    for (int64_t r = 0; r < batch.size; r++) {
        int64_t example = (int64_t)tensor_get(field(&batch, "example_ids"), r);
        ck_assert_int_eq(TENSOR_I32(field(&batch, "labels"))[r], places[text->labels[example]]);
    }
    batch_clear(&batch);
    source_unref(train);
    source_unref(valid);
    tokenized_unref(text);
}
END_TEST

static const struct BadClasses {
    const char *classes, *message;
} bad_classes[] = {{"red,green", "label 'blue' is not one of 'classes', which are red, green"},
                   {"red,green,blue,red", "classes has 'red' twice"},
                   {"red,,blue", "classes has an empty name"},
                   {"red", "there is one class only, 'red'"}};

START_TEST(bad_classes_are_refused)
{
    Tokenized *text;
    Source *train, *valid;
    LabelledConfig config;
    OK(new_text(20, 9, true, &text));
    option_defaults(labelled_options, &config);
    snprintf(config.classes, sizeof config.classes, "%s", bad_classes[_i].classes);
    ck_assert_int_eq(labelled_split(text, text, &config, &train, &valid), STATUS_INVALID);
    ck_assert_msg(strstr(status_message(), bad_classes[_i].message) != NULL, "%s", status_message());
    tokenized_unref(text);
}
END_TEST

/* Nothing can be learned from one class. */
START_TEST(one_class_is_refused)
{
    Tokenized *text;
    Source *train, *valid;
    LabelledConfig config;
    int32_t label;
    option_defaults(labelled_options, &config);
    OK(tokenized_new(&vocabulary, (TextOwner){0}, &text));
    OK(tokenized_class(text, "mauve", &label));
    for (int i = 0; i < 9; i++) {
        OK(tokenized_add_sentence(text, (int32_t[]){9}, NULL, 1));
        OK(tokenized_end_document(text, label));
    }
    OK(tokenized_finish(text));
    ck_assert_int_eq(labelled_split(text, text, &config, &train, &valid), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(status_message(), "there is one class only, 'mauve'"));
    tokenized_unref(text);
}
END_TEST

START_TEST(unseen_label)
{
    Tokenized *text, *other;
    Source *train, *valid;
    LabelledConfig config;
    option_defaults(labelled_options, &config);
    OK(new_text(20, 9, true, &text));
    OK(tokenized_new(&vocabulary, (TextOwner){0}, &other));
    int32_t label;
    OK(tokenized_class(other, "mauve", &label));
    OK(tokenized_add_sentence(other, (int32_t[]){9}, NULL, 1));
    OK(tokenized_end_document(other, label));
    OK(tokenized_finish(other));
    ck_assert_int_eq(labelled_split(text, other, &config, &train, &valid), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(status_message(), "'mauve'"));
    ck_assert_ptr_nonnull(strstr(status_message(), "red, green, blue"));
    tokenized_unref(other);
    OK(new_text(20, 9, false, &other));
    ck_assert_int_eq(labelled_split(other, text, &config, &train, &valid), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(status_message(), "no labels"));
    tokenized_unref(other);
    tokenized_unref(text);
}
END_TEST

START_TEST(split_keeps_everything)
{
    Tokenized *text, *train, *valid;
    for (int documents = 1; documents < 40; documents += 13) {
        OK(new_text(documents == 1 ? 2 : documents, 9, false, &text));
        OK(tokenized_split(text, 0.3, 5, &train, &valid));
        ck_assert_int_eq(train->tokens + valid->tokens, text->tokens);
        ck_assert_int_eq(train->document_count + valid->document_count, text->document_count);
        ck_assert(!hash_equal(train->content, text->content));
        tokenized_unref(train);
        tokenized_unref(valid);
        tokenized_unref(text);
    }
    OK(new_text(1, 9, false, &text));
    ck_assert_int_eq(tokenized_split(text, 0.3, 5, &train, &valid), STATUS_INVALID);
    tokenized_unref(text);
}
END_TEST

START_TEST(bad_input)
{
    Tokenized *text;
    Source *source;
    OK(tokenized_new(&vocabulary, (TextOwner){0}, &text));
    ck_assert_int_eq(tokenized_add_sentence(text, (int32_t[]){5, PIECES}, NULL, 2), STATUS_INVALID);
    ck_assert_int_eq(tokenized_add_sentence(text, (int32_t[]){-1}, NULL, 1), STATUS_INVALID);
    ck_assert_int_eq(tokenized_finish(text), STATUS_INVALID);
    for (int d = 0; d < 3; d++) {
        OK(tokenized_add_sentence(text, (int32_t[]){5, 6}, NULL, 2));
        OK(tokenized_end_document(text, -1));
    }
    OK(tokenized_finish(text));
    SentencePairsConfig config = pairs_config(4, true, 0);
    ck_assert_int_eq(sentence_pairs_new(text, &config, &source), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(status_message(), "two sentences"));
    tokenized_unref(text);
    OK(tokenized_new(&vocabulary, (TextOwner){0}, &text));
    for (int s = 0; s < 3; s++) OK(tokenized_add_sentence(text, (int32_t[]){5, 6}, NULL, 2));
    OK(tokenized_finish(text));
    ck_assert_int_eq(sentence_pairs_new(text, &config, &source), STATUS_INVALID);
    ck_assert_ptr_nonnull(strstr(status_message(), "sop"));
    config.text.length = 4;
    ck_assert_int_eq(sentence_pairs_new(text, &config, &source), STATUS_INVALID);
    tokenized_unref(text);
}
END_TEST

START_TEST(bad_cursor)
{
    Source *source = new_pairs(20, 4, true, _i);
    Cursor good = {7, 0, 0};
    Hash first = next_hash(source, &good);
    Cursor bad[] = {{7, 0, source->examples}, {7, 0, -1}, {7, -1, 0}, {7, 0, INT64_MAX}};
    for (int i = 0; i < 4; i++) {
        Batch batch = {0};
        Cursor cursor = bad[i];
        ck_assert_int_eq(source->type->next(source, NULL, &cursor, &batch), STATUS_INVALID);
        ck_assert(cursor.index == bad[i].index && batch.count == 0);
    }
    Batch batch = {0};
    source->batch_size = 0;
    good = (Cursor){7, 0, 0};
    ck_assert_int_eq(source->type->next(source, NULL, &good, &batch), STATUS_INVALID);
    source->batch_size = INT64_MAX;
    ck_assert_int_eq(source->type->next(source, NULL, &good, &batch), STATUS_INVALID);
    source->batch_size = 4;
    ck_assert(hash_equal(next_hash(source, &good), first));
    source->batch_size = TEXT_MAX_BATCH; /* more than there is */
    good = (Cursor){7, 0, 0};
    next_hash(source, &good);
    ck_assert(good.epoch == 1 && good.index == 0);
    source_unref(source);
}
END_TEST

static Status know_targets(void *object, const Batch *view, const char *targets, uint8_t *known, double *nll_sum)
{
    *nll_sum += *(double *)object;
    memset(known, 1, (size_t)tensor_count(field(view, targets)));
    return STATUS_OK;
}

START_TEST(oracle_is_asked)
{
    Tokenized *text;
    Source *train, *valid;
    double own = 2.5, sum = 0;
    uint8_t known[5] = {0};
    SentencePairsConfig config = pairs_config(4, true, 0);
    OK(new_text(30, 9, false, &text));
    OK(sentence_pairs_split(text, NULL, &config, &train, &valid));
    ck_assert_ptr_null(train->type->oracle);
    source_unref(train);
    source_unref(valid);
    tokenized_set_oracle(text, know_targets, (TextOwner){.object = &own});
    OK(sentence_pairs_split(text, NULL, &config, &train, &valid));
    Batch batch = {0};
    Cursor cursor = {1, 0, 0};
    OK(valid->type->next(valid, NULL, &cursor, &batch));
    ck_assert_int_eq(batch.size, 4);
    OK(valid->type->oracle(valid, &batch, "next_sentence_label", known, &sum));
    ck_assert(known[3] && !known[4]);
    ck_assert(sum > 2.4 && sum < 2.6);
    batch_clear(&batch);
    source_unref(train);
    source_unref(valid);
    tokenized_unref(text);
}
END_TEST

/* Making a text, both sources and some batches. */
static Status whole_work(int threads)
{
    Tokenized *text;
    Source *train, *valid;
    SentencePairsConfig config = pairs_config(4, true, threads);
    TRY(new_text(20, 6, true, &text));
    Status status = sentence_pairs_split(text, NULL, &config, &train, &valid);
    tokenized_unref(text);
    TRY(status);
    Cursor cursor = {1, 0, 0};
    for (int i = 0; i < 8 && status == STATUS_OK; i++) {
        Batch batch = {0};
        if (i == 4) train->batch_size = 9;
        status = train->type->next(train, NULL, &cursor, &batch);
        batch_clear(&batch);
    }
    source_unref(train);
    source_unref(valid);
    return status;
}

START_TEST(every_allocation_fails)
{
    size_t before = memory_in_use();
    for (int persistent = 0; persistent < 2; persistent++) {
        uint64_t n = 1;
        for (;; n++) {
            memory_fail_after(n, persistent);
            Status status = whole_work(_i);
            uint64_t used = memory_allocations();
            memory_fail_after(0, 0);
            ck_assert_uint_eq(memory_in_use(), before);
            /* With threads the one that failed may be a batch that nobody came to take. */
            if (status == STATUS_OK && used < n) break;
            if (_i == 0) ck_assert_int_eq(status, STATUS_NOMEM);
            ck_assert(status == STATUS_OK || status == STATUS_NOMEM);
        }
        ck_assert_uint_gt(n, 40);
    }
}
END_TEST

/* A thread's failure is reported with its words, and asking again works. */
START_TEST(thread_failure_is_reported)
{
    int failures = 0;
    for (uint64_t n = 1; n < 60; n++) {
        Source *source = new_pairs(30, 4, true, 2);
        Cursor cursor = {7, 0, 0};
        memory_fail_after(n, 0);
        Status status = STATUS_OK;
        for (int i = 0; i < 6 && status == STATUS_OK; i++) {
            Batch batch = {0};
            status = source->type->next(source, NULL, &cursor, &batch);
            batch_clear(&batch);
        }
        memory_fail_after(0, 0);
        if (status != STATUS_OK) {
            failures++;
            ck_assert_int_eq(status, STATUS_NOMEM);
            ck_assert_ptr_nonnull(strstr(status_message(), "out of memory"));
        }
        next_hash(source, &cursor);
        source_unref(source);
    }
    ck_assert_int_gt(failures, 20);
}
END_TEST

Suite *text_sources_suite(void)
{
    Suite *suite = suite_create("text_sources");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, resume_continues, 0, 4);
    tcase_add_test(tcase, threads_do_not_matter);
    tcase_add_loop_test(tcase, nothing_lost_or_doubled, 0, 4);
    tcase_add_test(tcase, labels_are_even);
    tcase_add_test(tcase, single_sentences);
    tcase_add_test(tcase, one_document);
    tcase_add_test(tcase, buckets_save_padding);
    tcase_add_test(tcase, padding_to_length);
    tcase_add_loop_test(tcase, blocks_are_the_text, 0, 2);
    tcase_add_test(tcase, labelled_texts);
    tcase_add_test(tcase, classes_are_named);
    tcase_add_loop_test(tcase, bad_classes_are_refused, 0, 4);
    tcase_add_test(tcase, one_class_is_refused);
    tcase_add_test(tcase, unseen_label);
    tcase_add_test(tcase, split_keeps_everything);
    tcase_add_test(tcase, oracle_is_asked);
    tcase_add_test(tcase, bad_input);
    tcase_add_loop_test(tcase, bad_cursor, 0, 3);
    tcase_add_loop_test(tcase, every_allocation_fails, 0, 2);
    tcase_add_test(tcase, thread_failure_is_reported);
    suite_add_tcase(suite, tcase);
    return suite;
}
