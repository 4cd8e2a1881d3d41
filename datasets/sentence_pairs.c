/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/sentence_pairs.h"

#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/base/thousands.h"

#include <stdio.h>

enum { SPECIALS = 3 }; /* [CLS] A [SEP] B [SEP] */

const Option sentence_pairs_options[] = {
    TEXT_OPTION_FIELDS(SentencePairsConfig, text),
    OPTION_CHOICE_FIELD(SentencePairsConfig, mode, "nsp", "nsp sop",
                        "nsp: B follows A or is from elsewhere; sop: A and B are in order or swapped"),
    OPTION_BOOLEAN_FIELD(SentencePairsConfig, pack, 1,
                         "fill the length with several sentences; false: A and B are one sentence each"),
    TEXT_OPTION_VALID(SentencePairsConfig),
    {0}};

typedef struct Piece {
    int64_t first, last, document; /* sentences [first, last) */
} Piece;

typedef struct Pairs {
    TextSource base;
    PairsMode mode;
    bool pack;
    int64_t budget; /* tokens of A and B together */
    Piece *pieces;
    int64_t count, room;
} Pairs;

/* Tokens [from, to), the first of them in the sentence. */
typedef struct Segment {
    int64_t sentence, from, to;
} Segment;

static Segment segment_of(const Tokenized *text, int64_t first, int64_t last)
{
    return (Segment){first, text->sentences[first], text->sentences[last]};
}

static int64_t segment_length(Segment segment)
{
    return segment.to - segment.from;
}

/* --- one example --- */

/* As many sentences from 'first' to the end of its document as fit, at least one. */
static Segment fill_segment(const Tokenized *text, int64_t first, int64_t end, int64_t room)
{
    int64_t last = first + 1;
    while (last < end && text->sentences[last + 1] - text->sentences[first] <= room) last++;
    return segment_of(text, first, last);
}

/* The piece and the sentence behind it: where no random B may begin in a text of one document. */
static int64_t piece_hole(const Tokenized *text, const Piece *piece)
{
    int64_t last = piece->last < text->sentence_count ? piece->last + 1 : piece->last;
    return last - piece->first;
}

/* Sentences that do not follow the piece: of another document, or away from the piece in the only one. */
static Segment random_segment(const Pairs *pairs, const Piece *piece, int64_t room, Random *random)
{
    const Tokenized *text = pairs->base.text;
    int64_t first, end;
    if (text->document_count > 1) {
        int64_t other = (int64_t)random_below(random, (uint64_t)text->document_count - 1);
        if (other >= piece->document) other++;
        first = text->documents[other];
        end = text->documents[other + 1];
        first += (int64_t)random_below(random, (uint64_t)(end - first));
    } else {
        int64_t hole = piece_hole(text, piece);
        first = (int64_t)random_below(random, (uint64_t)(text->sentence_count - hole));
        end = first < piece->first ? piece->first : text->sentence_count;
        if (first >= piece->first) first += hole;
    }
    return pairs->pack ? fill_segment(text, first, end, room) : segment_of(text, first, first + 1);
}

/* Cuts the longer until both fit; of what is cut, a random share is cut from the front. */
static void truncate_pair(Segment *a, Segment *b, int64_t budget, Random *random)
{
    int64_t la = segment_length(*a), lb = segment_length(*b), over = la + lb - budget;
    if (over <= 0) return;
    Segment *longer = la >= lb ? a : b;
    int64_t difference = la >= lb ? la - lb : lb - la;
    int64_t alone = over < difference ? over : difference, rest = over - alone;
    for (int i = 0; i < 2; i++) {
        Segment *segment = i ? b : a;
        int64_t cut = rest / 2 + (segment == longer ? alone + rest % 2 : 0);
        int64_t front = (int64_t)random_below(random, (uint64_t)cut + 1);
        segment->from += front;
        segment->to -= cut - front;
    }
}

static void write_pair(const Tokenized *text, Segment a, Segment b, TextExample *out)
{
    const Vocabulary *vocabulary = text->vocabulary;
    text_example_special(out, vocabulary->classify, 0);
    text_example_tokens(out, text, a.sentence, a.from, a.to, 0);
    text_example_special(out, vocabulary->separator, 0);
    text_example_tokens(out, text, b.sentence, b.from, b.to, 1);
    text_example_special(out, vocabulary->separator, 1);
}

static void pairs_example(const TextSource *source, uint64_t seed, int64_t epoch, int64_t index, TextExample *out)
{
    const Pairs *pairs = (const Pairs *)source;
    const Piece *piece = &pairs->pieces[index];
    RandomKey key = random_subkey(random_key(seed, "pairs"), (uint64_t)epoch);
    Random random = random_stream(random_subkey(key, (uint64_t)index));
    out->label = (int32_t)(random_u32(&random) & 1);
    int64_t sentences = piece->last - piece->first;
    int64_t middle = piece->first + 1 + (int64_t)random_below(&random, (uint64_t)sentences - 1);
    Segment a = segment_of(source->text, piece->first, middle), b = segment_of(source->text, middle, piece->last);
    if (out->label && pairs->mode == PAIRS_SOP) {
        Segment swap = a;
        a = b;
        b = swap;
    } else if (out->label) {
        b = random_segment(pairs, piece, pairs->budget - segment_length(a), &random);
    }
    truncate_pair(&a, &b, pairs->budget, &random);
    write_pair(source->text, a, b, out);
}

/* --- the pieces --- */

static Status add_piece(Pairs *pairs, int64_t first, int64_t last, int64_t document)
{
    if (pairs->count == pairs->room) {
        int64_t room = pairs->room ? pairs->room * 2 : 64;
        TRY(memory_resize(&pairs->pieces, (size_t)room, sizeof *pairs->pieces));
        pairs->room = room;
    }
    pairs->pieces[pairs->count++] = (Piece){first, last, document};
    return STATUS_OK;
}

/* Runs of at least two sentences that fill the budget. Where the last sentence would stand alone, the run before it
 * gives it its own last one as company. */
static Status pack_document(Pairs *pairs, int64_t document)
{
    const Tokenized *text = pairs->base.text;
    int64_t first = text->documents[document], end = text->documents[document + 1];
    while (first < end) {
        if (end - first == 1) first--;
        int64_t last = first + 2;
        while (last < end && text->sentences[last + 1] - text->sentences[first] <= pairs->budget) last++;
        TRY(add_piece(pairs, first, last, document));
        first = last;
    }
    return STATUS_OK;
}

static Status cut_pieces(Pairs *pairs)
{
    const Tokenized *text = pairs->base.text;
    for (int64_t d = 0; d < text->document_count; d++) {
        int64_t first = text->documents[d], end = text->documents[d + 1];
        if (end - first < 2) continue;
        if (pairs->pack) {
            TRY(pack_document(pairs, d));
            continue;
        }
        for (int64_t s = first; s + 1 < end; s++) TRY(add_piece(pairs, s, s + 2, d));
    }
    if (pairs->count == 0)
        return status_fail(
            STATUS_INVALID,
            "sentence_pairs: none of the %lld documents has two sentences, so there are "
            "no pairs; separate documents, not sentences, by empty lines. A line is cut where a capital "
            "letter follows . ! or ?; sentences = \"lines\" of data.text takes each line as one",
            (long long)text->document_count);
    return STATUS_OK;
}

static Status check_pieces(const Pairs *pairs)
{
    const Tokenized *text = pairs->base.text;
    if (pairs->mode == PAIRS_SOP || text->document_count > 1) return STATUS_OK;
    for (int64_t i = 0; i < pairs->count; i++)
        if (piece_hole(text, &pairs->pieces[i]) >= text->sentence_count)
            return status_fail(
                STATUS_INVALID,
                "sentence_pairs: the text is one document of %lld sentences, too few to take a random "
                "second sentence from; separate documents by empty lines, or use mode = \"sop\"",
                (long long)text->sentence_count);
    return STATUS_OK;
}

static void pairs_clear(TextSource *source)
{
    memory_free(((Pairs *)source)->pieces);
}

static const TextKind pairs_kind = {TEXT_SOURCE_TYPES("sentence_pairs"), .example = pairs_example,
                                    .clear = pairs_clear};

static Status setup(Pairs *pairs, const SentencePairsConfig *config)
{
    Source *source = &pairs->base.source;
    pairs->mode = (PairsMode)config->mode;
    pairs->pack = config->pack;
    /* Oracles read [CLS] A [SEP] B [SEP] and know nothing of swapped pairs. */
    if (pairs->mode == PAIRS_NSP && pairs->base.text->oracle) source->type = &pairs_kind.knowing;
    pairs->budget = config->text.length - SPECIALS;
    if (pairs->budget < 2)
        return status_fail(STATUS_INVALID,
                           "sentence_pairs: length must be at least 5 ([CLS], A, [SEP], B, [SEP]); got %lld",
                           (long long)config->text.length);
    pairs->base.label_field = pairs->mode == PAIRS_SOP ? "sentence_order_label" : "next_sentence_label";
    TRY(cut_pieces(pairs));
    TRY(check_pieces(pairs));
    source->examples = pairs->count;
    char n[3][THOUSANDS_BYTES];
    snprintf(source->doc, sizeof source->doc, "%s sentence pairs from %s sentences, %s pieces",
             thousands(pairs->count, n[0]), thousands(pairs->base.text->sentence_count, n[1]),
             thousands(source->vocabulary->size, n[2]));
    return text_source_start(&pairs->base);
}

Status sentence_pairs_new(Tokenized *text, const SentencePairsConfig *config, Source **out)
{
    Pairs *pairs;
    TRY(text_source_new(sizeof *pairs, &pairs_kind, &config->text, text, &pairs));
    Status status = setup(pairs, config);
    if (status == STATUS_OK)
        *out = &pairs->base.source;
    else
        source_unref(&pairs->base.source);
    return status;
}

static Status make(Tokenized *text, const void *config, Source **out)
{
    return sentence_pairs_new(text, config, out);
}

Status sentence_pairs_split(Tokenized *text, Tokenized *held_out, const SentencePairsConfig *config, Source **train,
                            Source **valid)
{
    return text_source_split(text, held_out, config->valid, config->text.seed, make, config, train, valid);
}
