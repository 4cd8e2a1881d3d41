/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From text to pieces and back. */
#include "datasets/wordpiece_internal.h"
#include "engine/base/memory.h"

#include <string.h>

typedef struct Encoding Encoding;

struct Encoding {
    const WordPiece *tokenizer;
    Status (*add)(Encoding *encoding, WordPieceSpan span);
    size_t offset; /* of the section in the text */
    int32_t word;
    TokenList *list;
    WordPieceSpan *spans;
    int64_t count, room;
};

static Status add_to_list(Encoding *encoding, WordPieceSpan span)
{
    return token_list_add(encoding->list, span.id, span.word);
}

static Status add_to_spans(Encoding *encoding, WordPieceSpan span)
{
    if (encoding->count == encoding->room) {
        int64_t room = encoding->room ? encoding->room * 2 : 64;
        TRY(memory_resize(&encoding->spans, (size_t)room, sizeof *encoding->spans));
        encoding->room = room;
    }
    encoding->spans[encoding->count++] = span;
    return STATUS_OK;
}

/* The longest piece that the word goes on with at character 'from': where it ends, and its id; 'from': none. */
static int32_t longest_piece(const WordPiece *tokenizer, const BasicWord *word, int32_t from, int32_t *id)
{
    int32_t node = from ? tokenizer->continuing : 0, end = from;
    for (int32_t at = from; at < word->characters; at++) {
        for (int i = word->starts[at]; i < word->starts[at + 1] && node != PIECE_TRIE_NONE; i++)
            node = piece_trie_next(&tokenizer->trie, node, (uint8_t)word->bytes[i]);
        if (node == PIECE_TRIE_NONE) break;
        if (tokenizer->trie.ids[node] < 0) continue;
        *id = tokenizer->trie.ids[node];
        end = at + 1;
    }
    return end;
}

/* The pieces of a word, or one [UNK] for all of it where some part has none. */
static Status add_word(void *context, const BasicWord *word)
{
    Encoding *encoding = context;
    const WordPiece *tokenizer = encoding->tokenizer;
    WordPieceSpan pieces[BASIC_WORD_MAX];
    int32_t count = 0, number = encoding->word++;
    bool known = word->characters <= BASIC_WORD_MAX;
    for (int32_t from = 0; known && from < word->characters;) {
        WordPieceSpan *piece = &pieces[count];
        int32_t end = longest_piece(tokenizer, word, from, &piece->id);
        known = end > from;
        if (!known) break;
        piece->word = number;
        piece->begin = encoding->offset + word->begins[from];
        piece->end = encoding->offset + word->ends[end - 1];
        count++;
        from = end;
    }
    if (!known) {
        pieces[0] = (WordPieceSpan){tokenizer->vocabulary.unknown, number, encoding->offset + word->begin,
                                    encoding->offset + word->end};
        count = 1;
    }
    for (int32_t i = 0; i < count; i++) TRY(encoding->add(encoding, pieces[i]));
    return STATUS_OK;
}

static Status add_section(Encoding *encoding, const char *bytes, size_t from, size_t to)
{
    bool lowercase = encoding->tokenizer->lowercase;
    encoding->offset = from;
    if (to == from) return STATUS_OK;
    return basic_tokenize(bytes + from, to - from, (BasicOptions){lowercase, lowercase}, add_word, encoding);
}

static Status encode_text(Encoding *encoding, const char *bytes, size_t length)
{
    const WordPiece *tokenizer = encoding->tokenizer;
    size_t section = 0;
    for (size_t at = 0; at < length;) {
        int32_t id;
        size_t used = tokenizer->first[(uint8_t)bytes[at]]
                          ? piece_trie_longest(&tokenizer->added, bytes + at, length - at, &id)
                          : 0;
        if (!used) {
            at++;
            continue;
        }
        TRY(add_section(encoding, bytes, section, at));
        TRY(encoding->add(encoding, (WordPieceSpan){id, encoding->word++, at, at + used}));
        section = at += used;
    }
    return add_section(encoding, bytes, section, length);
}

Status wordpiece_encode(const WordPiece *tokenizer, const char *bytes, size_t length, TokenList *out)
{
    Encoding encoding = {.tokenizer = tokenizer, .add = add_to_list, .list = out};
    return encode_text(&encoding, bytes, length);
}

Status wordpiece_encode_spans(const WordPiece *tokenizer, const char *bytes, size_t length, WordPieceSpan **out,
                              int64_t *count)
{
    Encoding encoding = {.tokenizer = tokenizer, .add = add_to_spans};
    Status status = encode_text(&encoding, bytes, length);
    if (status != STATUS_OK) {
        memory_free(encoding.spans);
        return status;
    }
    *out = encoding.spans;
    *count = encoding.count;
    return STATUS_OK;
}

/* --- back to text --- */

/* Takes every 'from' in text[begin..] away for the shorter 'to', in one pass. */
static void replace(Buffer *text, size_t begin, const char *from, const char *to)
{
    size_t length = strlen(from), shorter = strlen(to), write = begin;
    for (size_t read = begin; read < text->length;) {
        if (length <= text->length - read && memcmp(text->data + read, from, length) == 0) {
            memcpy(text->data + write, to, shorter);
            write += shorter;
            read += length;
        } else {
            text->data[write++] = text->data[read++];
        }
    }
    text->length = write;
    if (text->data) text->data[write] = '\0';
}

/* Hugging Face's clean_up_tokenization. */
static void clean_up(Buffer *text, size_t begin)
{
    static const char *const rules[][2] = {{" .", "."},     {" ?", "?"},     {" !", "!"},   {" ,", ","},
                                           {" ' ", "'"},    {" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"},
                                           {" 've", "'ve"}, {" 're", "'re"}};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) replace(text, begin, rules[i][0], rules[i][1]);
}

Status wordpiece_decode(const WordPiece *tokenizer, const int32_t *ids, int64_t count, bool skip_special,
                        Buffer *out)
{
    size_t begin = out->length;
    bool first = true;
    for (int64_t i = 0; i < count; i++) {
        const char *piece = wordpiece_piece(tokenizer, ids[i]);
        if (!piece)
            return status_fail(STATUS_INVALID, "decode: token %lld is %d, outside the vocabulary of %lld pieces",
                               (long long)i, (int)ids[i], (long long)tokenizer->vocabulary.size);
        if (skip_special && tokenizer->special[ids[i]]) continue;
        bool joined = !first && strncmp(piece, "##", 2) == 0;
        if (!first && !joined) TRY(buffer_append(out, " ", 1));
        TRY(buffer_text(out, joined ? piece + 2 : piece));
        first = false;
    }
    clean_up(out, begin);
    return STATUS_OK;
}
