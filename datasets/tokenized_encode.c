/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/tokenized_encode.h"

#include "engine/base/cancel.h"
#include "engine/base/memory.h"
#include "engine/base/threads.h"

#include <stdio.h>

enum { TILE_SENTENCES = 128, GROUP_TILES = 64, MESSAGE_SIZE = 512 };

typedef struct Tile {
    TokenList tokens;
    int64_t ends[TILE_SENTENCES]; /* of each sentence in tokens */
    Status status;
    char message[MESSAGE_SIZE];
} Tile;

typedef struct Work {
    const EncodeInput *input;
    const Encoder *encoder;
    int64_t first, sentences; /* of the group; of all */
    int64_t document;         /* under construction */
    Tile *tiles;
    Tokenized *text;
} Work;

Status token_list_add(TokenList *list, int32_t id, int32_t word)
{
    TRY(memory_grow(&list->ids, &list->ids_room, list->count + 1, sizeof(int32_t)));
    TRY(memory_grow(&list->words, &list->words_room, list->count + 1, sizeof(int32_t)));
    list->ids[list->count] = id;
    list->words[list->count++] = word;
    return STATUS_OK;
}

void token_list_free(TokenList *list)
{
    memory_free(list->ids);
    memory_free(list->words);
    *list = (TokenList){0};
}

static int64_t tile_sentences(const Work *work, int64_t tile)
{
    int64_t left = work->sentences - work->first - tile * TILE_SENTENCES;
    return left < TILE_SENTENCES ? left : TILE_SENTENCES;
}

static void encode_tile(void *context, int64_t number)
{
    const Work *work = context;
    Tile *tile = &work->tiles[number];
    int64_t first = work->first + number * TILE_SENTENCES, count = tile_sentences(work, number);
    tile->tokens.count = 0;
    tile->status = STATUS_OK;
    for (int64_t i = 0; i < count && tile->status == STATUS_OK; i++) {
        const char *bytes;
        size_t length;
        work->input->sentence(work->input->text, first + i, &bytes, &length);
        tile->status = work->encoder->encode(work->encoder->tokenizer, bytes, length, &tile->tokens);
        if (tile->status != STATUS_OK)
            snprintf(tile->message, sizeof tile->message, "sentence %lld: %s", (long long)(first + i),
                     status_message());
        tile->ends[i] = tile->tokens.count;
    }
}

/* Ends the documents that end before the sentence. */
static Status end_documents(Work *work, int64_t sentence)
{
    const EncodeInput *input = work->input;
    while (work->document < input->document_count && input->documents[work->document + 1] <= sentence) {
        TRY(tokenized_end_document(work->text, input->labels ? input->labels[work->document] : -1));
        work->document++;
    }
    return STATUS_OK;
}

static Status add_tile(Work *work, int64_t number)
{
    const Tile *tile = &work->tiles[number];
    int64_t first = work->first + number * TILE_SENTENCES, count = tile_sentences(work, number), from = 0;
    if (tile->status != STATUS_OK) return status_fail(tile->status, "%s", tile->message);
    for (int64_t i = 0; i < count; i++) {
        TRY(end_documents(work, first + i));
        if (tile->ends[i] > from)
            TRY(tokenized_add_sentence(work->text, tile->tokens.ids + from, tile->tokens.words + from,
                                       tile->ends[i] - from));
        from = tile->ends[i];
    }
    return STATUS_OK;
}

static Status encode_groups(Work *work, EncodeProgress progress, void *context)
{
    int64_t group = (int64_t)TILE_SENTENCES * GROUP_TILES;
    for (; work->first < work->sentences; work->first += group) {
        TRY(cancel_check());
        int64_t left = work->sentences - work->first;
        int64_t tiles = ((left < group ? left : group) + TILE_SENTENCES - 1) / TILE_SENTENCES;
        threads_run(tiles, encode_tile, work);
        for (int64_t i = 0; i < tiles; i++) TRY(add_tile(work, i));
        if (progress) progress(context, left < group ? work->sentences : work->first + group, work->sentences);
    }
    TRY(end_documents(work, work->sentences));
    return tokenized_finish(work->text);
}

static Status copy_classes(Tokenized *text, const EncodeInput *input)
{
    for (int64_t i = 0; i < input->class_count; i++) {
        int32_t number;
        TRY(tokenized_class(text, input->classes[i], &number));
        if (number != i)
            return status_fail(STATUS_INVALID, "the class '%s' stands twice in the list", input->classes[i]);
    }
    return STATUS_OK;
}

Status tokenized_encode(const EncodeInput *input, const Encoder *encoder, EncodeProgress progress, void *context,
                        Tokenized **out)
{
    Work work = {.input = input, .encoder = encoder};
    if (input->document_count < 1) return status_fail(STATUS_INVALID, "the text is empty: it has no documents");
    work.sentences = input->documents[input->document_count];
    TRY(memory_new(GROUP_TILES, sizeof(Tile), &work.tiles));
    Status status = tokenized_new(encoder->vocabulary, encoder->owner, &work.text);
    if (status == STATUS_OK) status = copy_classes(work.text, input);
    if (status == STATUS_OK) status = encode_groups(&work, progress, context);
    for (int i = 0; i < GROUP_TILES; i++) token_list_free(&work.tiles[i].tokens);
    memory_free(work.tiles);
    if (status == STATUS_OK)
        *out = work.text;
    else
        tokenized_unref(work.text);
    return status;
}
