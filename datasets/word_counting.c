/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/word_counting.h"

#include "engine/base/cancel.h"
#include "engine/base/memory.h"
#include "engine/base/threads.h"

#include <stdio.h>

enum { TILE_SENTENCES = 1024, GROUP_TILES = 64, MESSAGE_SIZE = 256 };

typedef struct Tile {
    WordCounts counts;
    Status status;
    char message[MESSAGE_SIZE];
} Tile;

typedef struct Counting {
    const Corpus *corpus;
    SentenceCount count;
    const void *context;
    int64_t first; /* sentence of the group */
    Tile *tiles;
} Counting;

static void count_tile(void *context, int64_t number)
{
    Counting *counting = context;
    Tile *tile = &counting->tiles[number];
    int64_t from = counting->first + number * TILE_SENTENCES, to = from + TILE_SENTENCES;
    if (to > counting->corpus->sentence_count) to = counting->corpus->sentence_count;
    tile->status = STATUS_OK;
    for (int64_t i = from; i < to && tile->status == STATUS_OK; i++) {
        size_t length;
        const char *bytes = corpus_sentence(counting->corpus, i, &length);
        tile->status = counting->count(counting->context, bytes, length, &tile->counts);
    }
    if (tile->status != STATUS_OK) snprintf(tile->message, sizeof tile->message, "%s", status_message());
}

/* Tiles are added in order. */
static Status count_group(Counting *counting, int64_t tiles, WordCounts *all)
{
    Status status = STATUS_OK;
    threads_run(tiles, count_tile, counting);
    for (int64_t i = 0; i < tiles; i++) {
        Tile *tile = &counting->tiles[i];
        if (status == STATUS_OK && tile->status != STATUS_OK)
            status = status_fail(tile->status, "%s", tile->message);
        if (status == STATUS_OK) status = word_counts_merge(all, &tile->counts);
        word_counts_free(&tile->counts);
    }
    return status == STATUS_OK ? cancel_check() : status;
}

Status corpus_count_words(const Corpus *corpus, SentenceCount count, const void *context, WordCounts *out)
{
    Counting counting = {.corpus = corpus, .count = count, .context = context};
    Status status = STATUS_OK;
    TRY(memory_new(GROUP_TILES, sizeof *counting.tiles, &counting.tiles));
    while (counting.first < corpus->sentence_count && status == STATUS_OK) {
        int64_t tiles = (corpus->sentence_count - counting.first + TILE_SENTENCES - 1) / TILE_SENTENCES;
        if (tiles > GROUP_TILES) tiles = GROUP_TILES;
        status = count_group(&counting, tiles, out);
        counting.first += tiles * TILE_SENTENCES;
    }
    memory_free(counting.tiles);
    return status;
}
