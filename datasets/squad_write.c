/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/squad_write.h"

#include "engine/io/json.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool is_word_byte(const char *text, size_t length, size_t at)
{
    return at < length && (isalnum((unsigned char)text[at]) || (unsigned char)text[at] >= 0x80);
}

/* Where the answer stands last, not inside of a word; length: nowhere. */
static size_t find_answer(const char *text, size_t length, const char *answer, size_t size)
{
    for (size_t at = length >= size ? length - size + 1 : 0; at-- > 0;)
        if (memcmp(text + at, answer, size) == 0 && !(at && is_word_byte(text, length, at - 1)) &&
            !is_word_byte(text, length, at + size))
            return at;
    return length;
}

static json_int_t count_characters(const char *text, size_t length)
{
    json_int_t count = 0;
    for (size_t i = 0; i < length; i++) count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

/* Without the space that a joined corpus has in front. */
static const char *sentence_at(const Corpus *corpus, int64_t index, size_t *length)
{
    const char *text = corpus_sentence(corpus, index, length);
    if (*length == 0 || text[0] != ' ') return text;
    --*length;
    return text + 1;
}

/* The sentences before the question. */
static Status read_context(const Corpus *corpus, int64_t document, Buffer *out)
{
    buffer_clear(out);
    for (int64_t s = corpus->documents[document]; s < corpus->documents[document + 1] - 2; s++) {
        size_t length;
        const char *text = sentence_at(corpus, s, &length);
        if (out->length) TRY(buffer_append(out, " ", 1));
        TRY(buffer_append(out, text, length));
    }
    return STATUS_OK;
}

static Status put_bytes(json_t *object, const char *key, const char *text, size_t length)
{
    return json_set(object, key, json_stringn(text, length));
}

static Status put_answer(const Corpus *corpus, int64_t document, const Buffer *context, json_t *question)
{
    json_t *answers, *entry;
    size_t size;
    const char *answer = sentence_at(corpus, corpus->documents[document + 1] - 1, &size);
    size_t at = find_answer(context->data, context->length, answer, size);
    if (at == context->length)
        return status_fail(STATUS_INVALID, "squad: question %lld: its answer '%.*s' does not stand in its text",
                           (long long)document, size > 60 ? 60 : (int)size, answer);
    TRY(json_new_array(&answers));
    TRY(json_set(question, "answers", answers));
    TRY(json_new_object(&entry));
    TRY(json_append(answers, entry));
    TRY(put_bytes(entry, "text", answer, size));
    return json_set(entry, "answer_start", json_integer(count_characters(context->data, at)));
}

static Status put_question(const Corpus *corpus, int64_t document, const Buffer *context, json_t *questions)
{
    json_t *entry;
    char id[24];
    size_t length;
    const char *text = sentence_at(corpus, corpus->documents[document + 1] - 2, &length);
    snprintf(id, sizeof id, "%lld", (long long)document);
    TRY(json_new_object(&entry));
    TRY(json_append(questions, entry));
    TRY(json_set_text(entry, "id", id));
    TRY(put_bytes(entry, "question", text, length));
    return put_answer(corpus, document, context, entry);
}

static Status put_paragraph(json_t *paragraphs, const Buffer *context, json_t **questions)
{
    json_t *paragraph;
    TRY(json_new_object(&paragraph));
    TRY(json_append(paragraphs, paragraph));
    TRY(put_bytes(paragraph, "context", context->data, context->length));
    TRY(json_new_array(questions));
    return json_set(paragraph, "qas", *questions);
}

static Status put_paragraphs(const Corpus *corpus, json_t *paragraphs, Buffer contexts[2])
{
    json_t *questions = NULL;
    for (int64_t d = 0; d < corpus->document_count; d++) {
        Buffer *context = &contexts[d % 2], *before = &contexts[1 - d % 2];
        if (corpus->documents[d + 1] - corpus->documents[d] < 3)
            return status_fail(STATUS_INVALID, "squad: question %lld has no text", (long long)d);
        TRY(read_context(corpus, d, context));
        if (!questions || context->length != before->length ||
            memcmp(context->data, before->data, context->length) != 0)
            TRY(put_paragraph(paragraphs, context, &questions));
        TRY(put_question(corpus, d, context, questions));
    }
    return STATUS_OK;
}

static Status fill_document(const Corpus *corpus, json_t *document)
{
    json_t *data, *article, *paragraphs;
    Buffer contexts[2] = {{0}};
    TRY(json_set_text(document, "version", "1.1"));
    TRY(json_new_array(&data));
    TRY(json_set(document, "data", data));
    TRY(json_new_object(&article));
    TRY(json_append(data, article));
    TRY(json_set_text(article, "title", corpus->doc));
    TRY(json_new_array(&paragraphs));
    TRY(json_set(article, "paragraphs", paragraphs));
    Status status = put_paragraphs(corpus, paragraphs, contexts);
    for (int i = 0; i < 2; i++) buffer_free(&contexts[i]);
    return status;
}

Status squad_write(const Corpus *corpus, const char *path)
{
    json_t *document;
    if (corpus->task != CORPUS_QUESTIONS)
        return status_fail(STATUS_INVALID,
                           "squad: this corpus has no questions; data.stories { task = 'questions' } "
                           "makes some");
    TRY(json_new_object(&document));
    Status status = fill_document(corpus, document);
    if (status == STATUS_OK) status = json_write(path, document);
    json_decref(document);
    return status;
}
