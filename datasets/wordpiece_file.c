/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vocab.txt, read and written. */
#include "datasets/text_sentences.h"
#include "datasets/wordpiece_internal.h"
#include "engine/base/memory.h"
#include "engine/io/file.h"

#include <string.h>

const Option wordpiece_load_options[] = {
    OPTION_CHOICE_FIELD(WordPieceLoadConfig, lowercase, "auto", "auto false true",
                        "make letters lower-case and strip accents; auto: where no piece has a capital letter"),
    {0}};

typedef struct Parsing {
    const char *name;
    Buffer text;
    PieceTrie seen;
    int64_t count;
} Parsing;

static Status add_piece(Parsing *parsing, const char *line, size_t length)
{
    long long number = (long long)parsing->count + 1;
    int32_t previous;
    if (length == 0)
        return status_fail(STATUS_FORMAT,
                           "%s: line %lld is empty; each line of a vocabulary is a piece, and removing the line "
                           "changes the ids behind it: was the file edited?",
                           parsing->name, number);
    if (length > WORDPIECE_PIECE_MAX)
        return status_fail(
            STATUS_FORMAT,
            "%s: line %lld has %zu bytes, but a piece has at most %d; is this a vocabulary? It has a "
            "piece on each line",
            parsing->name, number, length, (int)WORDPIECE_PIECE_MAX);
    TRY(text_check(parsing->name, line, length, number));
    TRY(piece_trie_add(&parsing->seen, line, length, (int32_t)parsing->count, &previous));
    if (previous >= 0)
        return status_fail(
            STATUS_FORMAT,
            "%s: line %lld: the piece '%.*s' stands already in line %d; a vocabulary names each piece "
            "once",
            parsing->name, number, length > 80 ? 80 : (int)length, line, (int)previous + 1);
    TRY(buffer_append(&parsing->text, line, length));
    TRY(buffer_append(&parsing->text, "", 1));
    parsing->count++;
    return STATUS_OK;
}

static Status add_lines(Parsing *parsing, const char *bytes, size_t length)
{
    if (length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) { /* byte order mark */
        bytes += 3;
        length -= 3;
    }
    for (size_t at = 0; at < length;) {
        const char *end = memchr(bytes + at, '\n', length - at);
        size_t line = end ? (size_t)(end - bytes) - at : length - at, count = line;
        if (count && bytes[at + count - 1] == '\r') count--;
        TRY(add_piece(parsing, bytes + at, count));
        at += line + 1;
    }
    if (parsing->count == 0) return status_fail(STATUS_FORMAT, "%s: the vocabulary is empty", parsing->name);
    return STATUS_OK;
}

Status wordpiece_parse(const char *name, const char *bytes, size_t length, const WordPieceLoadConfig *config,
                       WordPiece **out)
{
    Parsing parsing = {.name = name};
    Status status = add_lines(&parsing, bytes, length);
    piece_trie_free(&parsing.seen);
    if (status == STATUS_OK)
        status = wordpiece_new(name, &parsing.text, parsing.count, (WordPieceCase)config->lowercase, out);
    buffer_free(&parsing.text);
    return status;
}

static bool is_json(const char *path)
{
    size_t length = strlen(path);
    return length > 5 && strcmp(path + length - 5, ".json") == 0;
}

static Status load_directory(const char *directory, const WordPieceLoadConfig *config, WordPiece **out)
{
    char *json, *lines = NULL;
    TRY(file_join(directory, "tokenizer.json", &json));
    Status status = file_exists(json) ? wordpiece_load_json(json, out) : file_join(directory, "vocab.txt", &lines);
    if (lines && file_exists(lines))
        status = wordpiece_load(lines, config, out);
    else if (lines)
        status = status_fail(STATUS_IO, "%s: this directory has neither tokenizer.json nor vocab.txt", directory);
    memory_free(json);
    memory_free(lines);
    return status;
}

Status wordpiece_load(const char *path, const WordPieceLoadConfig *config, WordPiece **out)
{
    Buffer bytes = {0};
    FileKind kind;
    if (is_json(path)) return wordpiece_load_json(path, out);
    if (file_kind(path, &kind) == STATUS_OK && kind == FILE_DIRECTORY) return load_directory(path, config, out);
    Status status = file_read(path, WORDPIECE_FILE_MAX, &bytes);
    if (status == STATUS_OK) status = wordpiece_parse(path, bytes.data, bytes.length, config, out);
    buffer_free(&bytes);
    return status;
}

Status wordpiece_save(const WordPiece *tokenizer, const char *path)
{
    if (is_json(path)) return wordpiece_save_json(tokenizer, path);
    Buffer lines = {0};
    Status status = STATUS_OK;
    for (int64_t i = 0; i < tokenizer->vocabulary.size && status == STATUS_OK; i++) {
        status = buffer_text(&lines, tokenizer->pieces[i]);
        if (status == STATUS_OK) status = buffer_append(&lines, "\n", 1);
    }
    if (status == STATUS_OK) status = file_write(path, lines.data, lines.length);
    buffer_free(&lines);
    return status;
}
