/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vocab.json and merges.txt, as GPT-2's encoder.json and vocab.bpe, read and written; and which files a path means.
 */
#include "datasets/bpe_internal.h"
#include "datasets/tokenizer_json.h"
#include "engine/base/memory.h"
#include "engine/io/file.h"

#include <string.h>

/* --- reading --- */

typedef struct Reading {
    const char *path; /* of merges.txt */
    TokenizerPieces pieces;
    BpeParts parts;
} Reading;

static Status piece_id(const Reading *reading, const char *piece, size_t length, long long line, int32_t *id)
{
    *id = piece_trie_find(&reading->pieces.ids, piece, length);
    if (*id >= 0) return STATUS_OK;
    return status_fail(STATUS_FORMAT, "%s: line %lld names the piece '%.*s', which the vocabulary does not have",
                       reading->path, line, length > 80 ? 80 : (int)length, piece);
}

/* "left right" */
static Status read_merge(Reading *reading, const char *line, size_t length, long long number)
{
    const char *space = memchr(line, ' ', length);
    size_t left = space ? (size_t)(space - line) : 0;
    int32_t ids[2];
    if (left == 0 || left + 1 == length || memchr(space + 1, ' ', length - left - 1))
        return status_fail(STATUS_FORMAT, "%s: line %lld is not two pieces with a space between them: '%.*s'",
                           reading->path, number, length > 80 ? 80 : (int)length, line);
    TRY(piece_id(reading, line, left, number, &ids[0]));
    TRY(piece_id(reading, space + 1, length - left - 1, number, &ids[1]));
    return bpe_parts_merge(&reading->parts, ids[0], ids[1]);
}

static Status read_merges(Reading *reading, const char *bytes, size_t length)
{
    long long number = 1;
    for (size_t at = 0, used; at < length; at += used + 1, number++) {
        const char *end = memchr(bytes + at, '\n', length - at);
        used = end ? (size_t)(end - bytes) - at : length - at;
        size_t count = used;
        if (count && bytes[at + count - 1] == '\r') count--;
        bool head = number == 1 && count >= 8 && memcmp(bytes + at, "#version", 8) == 0;
        if (count && !head) TRY(read_merge(reading, bytes + at, count, number));
    }
    return STATUS_OK;
}

static Status read_with(Reading *reading, const char *vocab_path, const json_t *vocab, Bpe **out)
{
    Buffer merges = {0};
    TRY(tokenizer_pieces_read(vocab_path, vocab, NULL, &reading->pieces));
    Status status = file_read_empty(reading->path, BPE_FILE_MAX, &merges);
    if (status == STATUS_OK) status = read_merges(reading, merges.data, merges.length);
    buffer_free(&merges);
    TRY(status);
    reading->parts.name = reading->path;
    reading->parts.text = reading->pieces.text;
    reading->parts.count = reading->pieces.count;
    reading->pieces.text = (Buffer){0};
    return bpe_new(&reading->parts, out);
}

static Status read_pair(const char *vocab_path, const char *merges_path, Bpe **out)
{
    json_t *vocab;
    Reading reading = {.path = merges_path};
    TRY(json_read(vocab_path, BPE_FILE_MAX, &vocab));
    Status status = read_with(&reading, vocab_path, vocab, out);
    tokenizer_pieces_free(&reading.pieces);
    bpe_parts_free(&reading.parts);
    json_decref(vocab);
    return status;
}

static Status read_files(const char *directory, const char *vocab_path, Bpe **out)
{
    char *merges;
    TRY(file_join(directory, "merges.txt", &merges));
    Status status = read_pair(vocab_path, merges, out);
    memory_free(merges);
    return status;
}

static Status read_directory(const char *directory, Bpe **out)
{
    char *json, *vocab = NULL;
    TRY(file_join(directory, "tokenizer.json", &json));
    Status status = file_exists(json) ? bpe_read_json(json, out) : file_join(directory, "vocab.json", &vocab);
    if (vocab) status = read_files(directory, vocab, out);
    memory_free(json);
    memory_free(vocab);
    return status;
}

Status bpe_load(const char *path, Bpe **out)
{
    FileKind kind;
    char *directory;
    TRY(file_kind(path, &kind));
    if (kind == FILE_DIRECTORY) return read_directory(path, out);
    if (strcmp(file_name(path), "vocab.json") != 0) return bpe_read_json(path, out);
    TRY(file_parent(path, &directory));
    Status status = read_files(directory, path, out);
    memory_free(directory);
    return status;
}

/* --- writing --- */

static Status write_vocab(const Bpe *tokenizer, const char *path)
{
    Buffer text = {0};
    Status status = buffer_text(&text, "{");
    for (int64_t i = 0; i < tokenizer->vocabulary.size && status == STATUS_OK; i++) {
        const char *piece = tokenizer->pieces[i];
        status = buffer_text(&text, i ? ", " : "");
        if (status == STATUS_OK) status = json_print_text(piece, strlen(piece), &text);
        if (status == STATUS_OK) status = buffer_printf(&text, ": %lld", (long long)i);
    }
    if (status == STATUS_OK) status = buffer_text(&text, "}\n");
    if (status == STATUS_OK) status = file_write(path, text.data, text.length);
    buffer_free(&text);
    return status;
}

static Status write_merges(const Bpe *tokenizer, const char *path)
{
    Buffer text = {0};
    Status status = buffer_text(&text, "#version: 0.2\n");
    for (int64_t i = 0; i < tokenizer->merge_count && status == STATUS_OK; i++)
        status = buffer_printf(&text, "%s %s\n", tokenizer->pieces[tokenizer->merges[i].left],
                               tokenizer->pieces[tokenizer->merges[i].right]);
    if (status == STATUS_OK) status = file_write(path, text.data, text.length);
    buffer_free(&text);
    return status;
}

static Status write_one(const Bpe *tokenizer, const char *directory, const char *name,
                        Status (*write)(const Bpe *tokenizer, const char *path))
{
    char *path;
    TRY(file_join(directory, name, &path));
    Status status = write(tokenizer, path);
    memory_free(path);
    return status;
}

Status bpe_write_files(const Bpe *tokenizer, const char *directory)
{
    const char *end = tokenizer->pieces[tokenizer->vocabulary.separator];
    const char *const specials[] = {"bos_token", end, "eos_token", end, "unk_token", end, NULL};
    TRY(tokenizer_config_write(directory, "GPT2Tokenizer", false, specials));
    TRY(write_one(tokenizer, directory, "vocab.json", write_vocab));
    TRY(write_one(tokenizer, directory, "merges.txt", write_merges));
    return write_one(tokenizer, directory, "tokenizer.json", bpe_write_json);
}

Status bpe_save(const Bpe *tokenizer, const char *path)
{
    size_t length = strlen(path);
    if (length > 5 && strcmp(path + length - 5, ".json") == 0) return bpe_write_json(tokenizer, path);
    TRY(file_make_directory(path, true));
    return bpe_write_files(tokenizer, path);
}
