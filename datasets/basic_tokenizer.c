/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/basic_tokenizer.h"

#include "datasets/bert_characters.h"
#include "datasets/utf8.h"
#include "engine/base/memory.h"

#include <string.h>

enum { INLINE_MARKS = 32, CAPITAL_SIGMA = 0x3A3, SMALL_SIGMA = 0x3C3, FINAL_SIGMA = 0x3C2, NONE = -1 };

/* A code point and the bytes of the text that it stands for. */
typedef struct Mark {
    int32_t code, class;
    size_t begin, end;
} Mark;

typedef struct Marks {
    Mark *items;
    size_t count, room;
    Mark inside[INLINE_MARKS];
} Marks;

typedef struct Tokenizer {
    BasicOptions options;
    BasicSink sink;
    void *context;
    /* A character and what may change with it: accents (their order), and what a sigma looks at. */
    Marks waiting, parts;
    bool after_cased; /* the last character before 'waiting' that was not ignorable is cased */
    BasicWord word;
} Tokenizer;

static Status add_mark(Marks *marks, Mark mark)
{
    if (marks->count == marks->room) {
        Mark *grown = marks->items == marks->inside ? NULL : marks->items;
        TRY(memory_resize(&grown, marks->room * 2, sizeof *grown));
        if (marks->items == marks->inside) memcpy(grown, marks->inside, sizeof marks->inside);
        marks->items = grown;
        marks->room *= 2;
    }
    marks->items[marks->count++] = mark;
    return STATUS_OK;
}

static void marks_init(Marks *marks)
{
    marks->items = marks->inside;
    marks->room = INLINE_MARKS;
    marks->count = 0;
}

static void marks_free(Marks *marks)
{
    if (marks->items != marks->inside) memory_free(marks->items);
}

/* --- words --- */

static Status end_word(Tokenizer *tokenizer)
{
    BasicWord *word = &tokenizer->word;
    if (word->characters == 0) return STATUS_OK;
    Status status = tokenizer->sink(tokenizer->context, word);
    word->characters = 0;
    word->length = 0;
    return status;
}

static void add_to_word(BasicWord *word, int32_t code, size_t begin, size_t end)
{
    if (word->characters == 0) word->begin = begin;
    word->end = end;
    if (word->characters > BASIC_WORD_MAX) return;
    int32_t at = word->characters++;
    if (at == BASIC_WORD_MAX) return;
    word->begins[at] = begin;
    word->ends[at] = end;
    word->starts[at] = (uint16_t)word->length;
    word->length += utf8_encode(code, word->bytes + word->length);
    word->starts[at + 1] = (uint16_t)word->length;
}

/* A normalized character. */
static Status emit(Tokenizer *tokenizer, int32_t code, size_t begin, size_t end)
{
    if (bert_is_space(code)) return end_word(tokenizer);
    bool alone = bert_is_punctuation(code);
    if (alone) TRY(end_word(tokenizer));
    add_to_word(&tokenizer->word, code, begin, end);
    return alone ? end_word(tokenizer) : STATUS_OK;
}

/* --- lower case and accents --- */

/* Whether the sigma at waiting[index] ends its word; next: the character behind 'waiting'. */
static bool is_final_sigma(const Tokenizer *tokenizer, size_t index, int32_t next)
{
    const Marks *waiting = &tokenizer->waiting;
    if (!tokenizer->after_cased) return false;
    for (size_t i = index + 1; i < waiting->count; i++)
        if (!bert_is_case_ignorable(waiting->items[i].code)) return !bert_is_cased(waiting->items[i].code);
    return next == NONE || !bert_is_cased(next);
}

static Status add_parts(Tokenizer *tokenizer, int32_t code, Mark from)
{
    int32_t decomposed[BERT_DECOMPOSED_MAX] = {code};
    int count = tokenizer->options.strip_accents ? bert_decompose(code, decomposed) : 1;
    for (int i = 0; i < count; i++) {
        from.code = decomposed[i];
        from.class = bert_combining_class(decomposed[i]);
        TRY(add_mark(&tokenizer->parts, from));
    }
    return STATUS_OK;
}

static Status lower_waiting(Tokenizer *tokenizer, int32_t next)
{
    for (size_t i = 0; i < tokenizer->waiting.count; i++) {
        Mark mark = tokenizer->waiting.items[i];
        int32_t lower[BERT_LOWER_MAX] = {mark.code};
        int count = 1;
        if (tokenizer->options.lowercase) {
            count = bert_lower(mark.code, lower);
            if (mark.code == CAPITAL_SIGMA && is_final_sigma(tokenizer, i, next)) lower[0] = FINAL_SIGMA;
            if (!bert_is_case_ignorable(mark.code)) tokenizer->after_cased = bert_is_cased(mark.code);
        }
        for (int k = 0; k < count; k++) TRY(add_parts(tokenizer, lower[k], mark));
    }
    tokenizer->waiting.count = 0;
    return STATUS_OK;
}

/* A stable sort of one run of combining characters by class. A long run is counted: hostile text has no slow case.
 */
static Status order_run(Mark *run, size_t count)
{
    if (count <= INLINE_MARKS) {
        for (size_t i = 1; i < count; i++) {
            Mark mark = run[i];
            size_t at = i;
            for (; at > 0 && run[at - 1].class > mark.class; at--) run[at] = run[at - 1];
            run[at] = mark;
        }
        return STATUS_OK;
    }
    Mark *copy;
    size_t starts[257] = {0};
    TRY(memory_new_raw(count, sizeof *copy, &copy));
    memcpy(copy, run, count * sizeof *run);
    for (size_t i = 0; i < count; i++) starts[(copy[i].class & 255) + 1]++;
    for (int i = 0; i < 256; i++) starts[i + 1] += starts[i];
    for (size_t i = 0; i < count; i++) run[starts[copy[i].class & 255]++] = copy[i];
    memory_free(copy);
    return STATUS_OK;
}

static Status order_parts(Marks *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        size_t end = i;
        while (end < parts->count && parts->items[end].class > 0) end++;
        if (end - i > 1) TRY(order_run(parts->items + i, end - i));
        if (end > i) i = end;
    }
    return STATUS_OK;
}

/* Lets go what waits; next: the character that follows, NONE at the end. */
static Status flush(Tokenizer *tokenizer, int32_t next)
{
    Marks *parts = &tokenizer->parts;
    if (tokenizer->waiting.count == 0) return STATUS_OK;
    TRY(lower_waiting(tokenizer, next));
    if (tokenizer->options.strip_accents) TRY(order_parts(parts));
    for (size_t i = 0; i < parts->count; i++) {
        const Mark *part = &parts->items[i];
        if (tokenizer->options.strip_accents && bert_is_accent(part->code)) continue;
        TRY(emit(tokenizer, part->code, part->begin, part->end));
    }
    parts->count = 0;
    return STATUS_OK;
}

/* --- the stream --- */

static Status add_break(Tokenizer *tokenizer)
{
    TRY(flush(tokenizer, ' '));
    tokenizer->after_cased = false;
    return end_word(tokenizer);
}

static Status add_character(Tokenizer *tokenizer, int32_t code, size_t begin, size_t end)
{
    if (bert_is_removed(code)) return STATUS_OK;
    if (bert_is_space(code)) return add_break(tokenizer);
    if (!tokenizer->options.lowercase && !tokenizer->options.strip_accents && !bert_is_ideograph(code))
        return emit(tokenizer, code, begin, end);
    bool ideograph = bert_is_ideograph(code);
    bool joins = bert_combining_class(code) > 0 || bert_is_case_ignorable(code);
    if (ideograph)
        TRY(add_break(tokenizer));
    else if (!joins)
        TRY(flush(tokenizer, code));
    TRY(add_mark(&tokenizer->waiting, (Mark){.code = code, .begin = begin, .end = end}));
    return ideograph ? add_break(tokenizer) : STATUS_OK;
}

static bool is_letter(int32_t code)
{
    return (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z');
}

/* ASCII that nothing before or behind it can change. */
static Status add_plain(Tokenizer *tokenizer, int32_t code, size_t at)
{
    if (bert_is_space(code)) return bert_is_removed(code) ? STATUS_OK : add_break(tokenizer);
    if (bert_is_removed(code)) return STATUS_OK;
    bool letter = is_letter(code);
    if (letter || !bert_is_case_ignorable(code)) tokenizer->after_cased = letter;
    if (letter && tokenizer->options.lowercase) code |= 0x20;
    if (!letter) return emit(tokenizer, code, at, at + 1);
    add_to_word(&tokenizer->word, code, at, at + 1);
    return STATUS_OK;
}

static Status stream(Tokenizer *tokenizer, const char *bytes, size_t length)
{
    for (size_t at = 0; at < length;) {
        int32_t code = (uint8_t)bytes[at];
        if (code < 0x80 && (at + 1 == length || (uint8_t)bytes[at + 1] < 0x80) && tokenizer->waiting.count == 0) {
            TRY(add_plain(tokenizer, code, at));
            at++;
            continue;
        }
        size_t used;
        code = utf8_decode(bytes + at, length - at, &used);
        TRY(add_character(tokenizer, code, at, at + used));
        at += used;
    }
    TRY(flush(tokenizer, NONE));
    return end_word(tokenizer);
}

Status basic_tokenize(const char *bytes, size_t length, BasicOptions options, BasicSink sink, void *context)
{
    Tokenizer tokenizer;
    tokenizer.options = options;
    tokenizer.sink = sink;
    tokenizer.context = context;
    tokenizer.after_cased = false;
    tokenizer.word.characters = 0;
    tokenizer.word.length = 0;
    marks_init(&tokenizer.waiting);
    marks_init(&tokenizer.parts);
    Status status = stream(&tokenizer, bytes, length);
    marks_free(&tokenizer.waiting);
    marks_free(&tokenizer.parts);
    return status;
}
