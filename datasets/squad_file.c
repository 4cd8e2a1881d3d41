/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading SQuAD's JSON. */
#include "datasets/squad.h"
#include "datasets/utf8.h"
#include "engine/base/memory.h"
#include "engine/io/json.h"

#include <string.h>

static const uint64_t FILE_MAX = (uint64_t)1 << 31;

typedef struct Reading {
    const char *path;
    const char *question; /* the id of the one at hand */
    bool lenient, skip;
    Squad *squad;
} Reading;

static Status keep_text(Squad *squad, const char *text, size_t *out)
{
    *out = squad->text.length;
    return buffer_append(&squad->text, text, strlen(text) + 1);
}

/* Room for one more; zeroed. */
static Status grow(void *items, int64_t count, int64_t *room, size_t size)
{
    if (count < *room) return STATUS_OK;
    int64_t more = *room ? 2 * *room : 64;
    TRY(memory_resize(items, (size_t)more, size));
    *room = more;
    return STATUS_OK;
}

static Status list_of(const char *place, const json_t *object, const char *key, const json_t **out)
{
    *out = json_object_get(object, key);
    if (json_is_array(*out)) return STATUS_OK;
    return status_fail(STATUS_FORMAT, "%s: '%s' is %s; it must be a list", place, key,
                       *out ? json_kind(*out) : "missing");
}

/* --- answers --- */

/* An answer that is not where the file says ends the reading, or takes its question out. */
#define REFUSE(reading, ...)                                                                                       \
    ((reading)->lenient ? ((reading)->skip = true, STATUS_OK) : status_fail(STATUS_FORMAT, __VA_ARGS__))

/* The byte at which a code point begins; the length of the text where that is the number of its code points. */
static bool byte_of(const char *text, int64_t point, size_t *out, int64_t *points)
{
    size_t length = strlen(text), at = 0, used;
    int64_t n = 0;
    for (; at < length && n < point; n++) {
        utf8_decode(text + at, length - at, &used);
        at += used;
    }
    *out = at;
    *points = n;
    return n == point;
}

static Status find_answer(Reading *reading, const char *text, int64_t start, const char *paragraph,
                          SquadAnswer *answer)
{
    int64_t points;
    size_t length = strlen(text);
    if (length == 0)
        return REFUSE(reading, "%s: question %s: an answer is empty", reading->path, reading->question);
    if (!byte_of(paragraph, start, &answer->begin, &points) || answer->begin == strlen(paragraph))
        return REFUSE(reading, "%s: question %s: its answer begins at %lld, the context has %lld characters",
                      reading->path, reading->question, (long long)start, (long long)points);
    answer->end = answer->begin + length;
    if (strncmp(paragraph + answer->begin, text, length) == 0) return STATUS_OK;
    return REFUSE(reading,
                  "%s: question %s: its answer '%.60s' does not stand at %lld of the context, '%.60s' does",
                  reading->path, reading->question, text, (long long)start, paragraph + answer->begin);
}

static Status read_answer(Reading *reading, const json_t *object, const char *paragraph)
{
    Squad *squad = reading->squad;
    SquadAnswer answer;
    const char *text;
    int64_t start;
    TRY(json_member_text(reading->path, object, "text", &text));
    TRY(json_member_integer(reading->path, object, "answer_start", 0, INT32_MAX, &start));
    TRY(find_answer(reading, text, start, paragraph, &answer));
    if (reading->skip) return STATUS_OK;
    TRY(keep_text(squad, text, &answer.text));
    TRY(grow(&squad->answers, squad->answer_count, &squad->answer_room, sizeof answer));
    squad->answers[squad->answer_count++] = answer;
    return STATUS_OK;
}

/* --- questions --- */

static Status read_answers(Reading *reading, const json_t *object, const char *paragraph, SquadQuestion *question)
{
    const json_t *answers, *impossible = json_object_get(object, "is_impossible");
    question->answer = reading->squad->answer_count;
    if (json_is_true(impossible)) return STATUS_OK;
    TRY(list_of(reading->path, object, "answers", &answers));
    if (json_array_size(answers) == 0)
        return REFUSE(reading, "%s: question %s: it has no answer and is not is_impossible", reading->path,
                      reading->question);
    for (size_t i = 0; i < json_array_size(answers) && !reading->skip; i++)
        TRY(read_answer(reading, json_array_get(answers, i), paragraph));
    question->answer_count = reading->squad->answer_count - question->answer;
    return STATUS_OK;
}

static Status read_question(Reading *reading, const json_t *object, const char *paragraph)
{
    Squad *squad = reading->squad;
    SquadQuestion question = {.paragraph = squad->paragraph_count - 1};
    const char *text;
    TRY(json_member_text(reading->path, object, "id", &reading->question));
    TRY(json_member_text(reading->path, object, "question", &text));
    int64_t answers = squad->answer_count;
    reading->skip = false;
    TRY(read_answers(reading, object, paragraph, &question));
    if (reading->skip) {
        squad->answer_count = answers;
        squad->skipped++;
        return STATUS_OK;
    }
    TRY(keep_text(squad, reading->question, &question.id));
    TRY(keep_text(squad, text, &question.text));
    TRY(grow(&squad->questions, squad->question_count, &squad->question_room, sizeof question));
    squad->questions[squad->question_count++] = question;
    return STATUS_OK;
}

static Status read_paragraph(Reading *reading, const json_t *object)
{
    Squad *squad = reading->squad;
    const json_t *questions;
    const char *context;
    size_t place;
    TRY(json_member_text(reading->path, object, "context", &context));
    TRY(keep_text(squad, context, &place));
    TRY(grow(&squad->paragraphs, squad->paragraph_count, &squad->paragraph_room, sizeof place));
    squad->paragraphs[squad->paragraph_count++] = place;
    TRY(list_of(reading->path, object, "qas", &questions));
    for (size_t i = 0; i < json_array_size(questions); i++)
        TRY(read_question(reading, json_array_get(questions, i), context));
    return STATUS_OK;
}

static Status read_document(Reading *reading, const json_t *document)
{
    const json_t *articles, *paragraphs;
    TRY(list_of(reading->path, document, "data", &articles));
    for (size_t i = 0; i < json_array_size(articles); i++) {
        TRY(list_of(reading->path, json_array_get(articles, i), "paragraphs", &paragraphs));
        for (size_t k = 0; k < json_array_size(paragraphs); k++)
            TRY(read_paragraph(reading, json_array_get(paragraphs, k)));
    }
    if (reading->squad->question_count == 0)
        return status_fail(STATUS_FORMAT, "%s: there is no question in it", reading->path);
    return STATUS_OK;
}

static Hash hash_of(const Squad *squad)
{
    Hash hash = hash_bytes(squad->text.data, squad->text.length);
    hash =
        hash_combine(hash, hash_bytes(squad->questions, (size_t)squad->question_count * sizeof *squad->questions));
    return hash_combine(hash, hash_bytes(squad->answers, (size_t)squad->answer_count * sizeof *squad->answers));
}

Status squad_read(const char *path, bool lenient, Squad **out)
{
    json_t *document;
    Reading reading = {.path = path, .lenient = lenient};
    TRY(json_read(path, FILE_MAX, &document));
    Status status = memory_new(1, sizeof *reading.squad, &reading.squad);
    if (status == STATUS_OK) {
        reading.squad->refs = 1;
        status = read_document(&reading, document);
    }
    json_decref(document);
    if (status != STATUS_OK) {
        squad_unref(reading.squad);
        return status;
    }
    reading.squad->content = hash_of(reading.squad);
    *out = reading.squad;
    return STATUS_OK;
}

Squad *squad_ref(Squad *squad)
{
    squad->refs++;
    return squad;
}

void squad_unref(Squad *squad)
{
    if (!squad || --squad->refs > 0) return;
    buffer_free(&squad->text);
    memory_free(squad->paragraphs);
    memory_free(squad->questions);
    memory_free(squad->answers);
    memory_free(squad);
}
