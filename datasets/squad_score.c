/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exact match and F1 as SQuAD's own evaluate-v1.1.py and evaluate-v2.0.py count them. */
#include "datasets/squad.h"
#include "datasets/utf8.h"
#include "engine/base/memory.h"

#include <ctype.h>
#include <string.h>
#include <utf8proc.h>

/* --- the text as it is compared --- */

/* What Python's \w is beside the underscore, which is punctuation. */
static bool is_word(int32_t code)
{
    utf8proc_category_t category = utf8proc_category(code);
    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
           (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
}

/* What Python's str.split() cuts at. */
static bool is_space(int32_t code)
{
    return (code >= 9 && code <= 13) || (code >= 28 && code <= 31) || code == 0x85 ||
           utf8proc_category(code) == UTF8PROC_CATEGORY_ZS || code == 0x2028 || code == 0x2029;
}

static bool is_article(const char *word, size_t length)
{
    return (length == 1 && *word == 'a') || (length == 2 && memcmp(word, "an", 2) == 0) ||
           (length == 3 && memcmp(word, "the", 3) == 0);
}

/* Lower case, without the punctuation of ASCII. */
static Status fold(const char *text, size_t length, Buffer *out)
{
    for (size_t at = 0, used; at < length; at += used) {
        char bytes[UTF8_MAX_BYTES];
        int32_t code = utf8_decode(text + at, length - at, &used);
        if (code < 128 && ispunct(code)) continue;
        TRY(buffer_append(out, bytes, utf8_encode(utf8proc_tolower(code), bytes)));
    }
    return STATUS_OK;
}

/* Articles become a space, runs of space become one, none stands at the ends. from: where out began. */
static Status join_words(const char *text, size_t length, Buffer *out)
{
    size_t from = out->length;
    bool gap = false;
    for (size_t at = 0, used; at < length; at += used) {
        int32_t code = utf8_decode(text + at, length - at, &used);
        if (is_word(code)) {
            size_t end = at, next;
            while (end < length && is_word(utf8_decode(text + end, length - end, &next))) end += next;
            used = end - at;
        }
        if (is_space(code) || is_article(text + at, used)) {
            gap = true;
            continue;
        }
        if (gap && out->length > from) TRY(buffer_append(out, " ", 1));
        gap = false;
        TRY(buffer_append(out, text + at, used));
    }
    return STATUS_OK;
}

Status squad_normalize(const char *text, size_t length, Buffer *out)
{
    Buffer folded = {0};
    Status status = fold(text, length, &folded);
    if (status == STATUS_OK) status = buffer_append(out, "", 0);
    if (status == STATUS_OK) status = join_words(folded.data, folded.length, out);
    buffer_free(&folded);
    return status;
}

/* --- scores --- */

/* How many words stand in the text, each ended by a space or the end. */
static int64_t count_words(const char *text, size_t length)
{
    int64_t count = length > 0;
    for (size_t i = 0; i < length; i++) count += text[i] == ' ';
    return count;
}

/* Takes the word out of the text by making its first byte a space; false: it is not there. */
static bool take_word(char *text, size_t length, const char *word, size_t size)
{
    for (size_t at = 0; at < length;) {
        size_t end = at;
        while (end < length && text[end] != ' ') end++;
        if (end - at == size && size > 0 && memcmp(text + at, word, size) == 0) {
            memset(text + at, ' ', size);
            return true;
        }
        at = end + 1;
    }
    return false;
}

/* F1 of two bags of words; the gold one is used up. */
static double bag_f1(const Buffer *answer, Buffer *gold)
{
    int64_t given = count_words(answer->data, answer->length), wanted = count_words(gold->data, gold->length);
    int64_t common = 0;
    if (given == 0 || wanted == 0) return given == wanted;
    for (size_t at = 0; at < answer->length;) {
        size_t end = at;
        while (end < answer->length && answer->data[end] != ' ') end++;
        common += take_word(gold->data, gold->length, answer->data + at, end - at);
        at = end + 1;
    }
    return 2 * (double)common / (double)(given + wanted);
}

static Status compare(const Buffer *answer, const char *text, double *exact, double *f1)
{
    Buffer gold = {0};
    Status status = squad_normalize(text, strlen(text), &gold);
    if (status == STATUS_OK) {
        bool same =
            gold.length == answer->length && (!gold.length || !memcmp(gold.data, answer->data, gold.length));
        double score = bag_f1(answer, &gold);
        if (same) *exact = 1;
        if (score > *f1) *f1 = score;
    }
    buffer_free(&gold);
    return status;
}

Status squad_score(const Squad *squad, const SquadQuestion *question, const char *answer, size_t length,
                   double *exact, double *f1)
{
    Buffer normal = {0};
    *exact = *f1 = 0;
    Status status = squad_normalize(answer, length, &normal);
    if (question->answer_count == 0 && status == STATUS_OK) status = compare(&normal, "", exact, f1);
    for (int64_t i = 0; i < question->answer_count && status == STATUS_OK; i++)
        status = compare(&normal, squad->text.data + squad->answers[question->answer + i].text, exact, f1);
    buffer_free(&normal);
    return status;
}
