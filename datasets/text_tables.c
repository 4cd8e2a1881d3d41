/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/text_files.h"

#include "datasets/text_sentences.h"
#include "engine/base/cancel.h"
#include "engine/base/memory.h"
#include "engine/base/names.h"
#include "engine/io/file.h"
#include "engine/io/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const Option jsonl_options[] = {
    OPTION_TEXT_FIELD(TableConfig, text, "text", "the member that holds the text"),
    OPTION_TEXT_FIELD(TableConfig, label, "", "the member that holds the label; empty: no labels"),
    OPTION_TEXT_FIELD(TableConfig, target, "",
                      "the member that holds what is to be written about the text; empty: nothing"),
    {0}};

const Option csv_options[] = {
    OPTION_TEXT_FIELD(TableConfig, text, "text", "the column of the text: its name, or its number from 0"),
    OPTION_TEXT_FIELD(TableConfig, label, "", "the column of the label; empty: no labels"),
    OPTION_TEXT_FIELD(TableConfig, target, "",
                      "the column of what is to be written about the text; empty: nothing"),
    OPTION_TEXT_FIELD(TableConfig, delimiter, "", "between columns; empty: a tab in .tsv files, otherwise a comma"),
    OPTION_BOOLEAN_FIELD(TableConfig, header, 1, "the first row holds the names of the columns"),
    {0}};

const Option labelled_lines_options[] = {
    OPTION_BOOLEAN_FIELD(TableConfig, labels, 1, "false: the labels are left out, for pre-training on the texts"),
    {0}};

enum { LABEL_SIZE = 256 };

static Status check_label(size_t length)
{
    if (length < LABEL_SIZE) return STATUS_OK;
    return status_fail(STATUS_FORMAT,
                       "the label has %zu bytes, but a label has at most %d; is this what holds the labels?",
                       length, (int)LABEL_SIZE - 1);
}

/* What is to be written about the text becomes the last sentence. */
static Status add_target(Corpus *corpus, const char *target)
{
    size_t length = strlen(target);
    text_trim(&target, &length);
    if (length) return corpus_add_sentence(corpus, target, length);
    return status_fail(STATUS_FORMAT, "there is nothing to be written about the text: its target is empty");
}

/* A text with its label and its target (NULL: none) becomes a document. */
static Status add_text(Corpus *corpus, const char *text, size_t length, const char *label, const char *target)
{
    int32_t number = -1;
    int64_t before = corpus->document_count;
    if (label) TRY(check_label(strlen(label)));
    if (label) TRY(corpus_class(corpus, label, &number));
    TRY(text_add_sentences(corpus, text, length));
    if (target) TRY(add_target(corpus, target));
    TRY(corpus_end_document(corpus, number));
    if (!label || corpus->document_count > before) return STATUS_OK;
    return status_fail(STATUS_FORMAT, "the text with the label '%s' is empty; a labelled text has words", label);
}

/* --- JSON lines --- */

/* *out is the text of a string, or the number in words. */
static Status json_label(const char *place, const json_t *object, const char *key, char words[LABEL_SIZE],
                         const char **out)
{
    const json_t *value = json_object_get(object, key);
    *out = words;
    if (json_is_string(value))
        *out = json_string_value(value);
    else if (json_is_integer(value))
        snprintf(words, LABEL_SIZE, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(words, LABEL_SIZE, "%.17g", json_real_value(value));
    else if (json_is_boolean(value))
        snprintf(words, LABEL_SIZE, "%s", json_is_true(value) ? "true" : "false");
    else
        return status_fail(STATUS_FORMAT, "%s: '%s' is %s; a label is a string, a number or a boolean", place, key,
                           value ? json_kind(value) : "missing");
    return STATUS_OK;
}

static Status read_object(const char *path, int64_t number, const json_t *object, const TableConfig *config,
                          Corpus *corpus)
{
    char place[4352], words[LABEL_SIZE];
    const char *text, *label = NULL, *target = NULL;
    snprintf(place, sizeof place, "%s: line %lld", path, (long long)number);
    if (!json_is_object(object))
        return status_fail(STATUS_FORMAT, "%s: %s, not an object", place, json_kind(object));
    TRY(json_member_text(place, object, config->text, &text));
    if (config->label[0]) TRY(json_label(place, object, config->label, words, &label));
    if (config->target[0]) TRY(json_member_text(place, object, config->target, &target));
    Status status = add_text(corpus, text, strlen(text), label, target);
    return status == STATUS_OK ? status : status_context(status, "%s", place);
}

/* Reads one line, which is not terminated. */
typedef Status (*ReadLine)(const char *path, int64_t number, const char *line, size_t length,
                           const TableConfig *config, Corpus *corpus);

static Status read_lines(const char *path, const char *bytes, size_t length, const TableConfig *config,
                         ReadLine read, Corpus *corpus)
{
    int64_t number = 1;
    for (size_t at = 0; at < length; number++) {
        const char *end = memchr(bytes + at, '\n', length - at), *line = bytes + at;
        size_t count = end ? (size_t)(end - line) : length - at;
        at += count + 1;
        if (number % 1024 == 0) TRY(cancel_check());
        text_trim(&line, &count);
        if (count == 0) continue;
        TRY(text_check(path, line, count, number));
        TRY(read(path, number, line, count, config, corpus));
    }
    return STATUS_OK;
}

static Status read_json_line(const char *path, int64_t number, const char *line, size_t length,
                             const TableConfig *config, Corpus *corpus)
{
    json_t *object;
    TRY(json_parse_line(path, number, line, length, &object));
    Status status = read_object(path, number, object, config, corpus);
    json_decref(object);
    return status;
}

static Status read_jsonl(const char *path, const char *bytes, size_t length, const TableConfig *config,
                         Corpus *corpus)
{
    return read_lines(path, bytes, length, config, read_json_line, corpus);
}

/* --- lines of a label and a text --- */

static Status read_labelled_line(const char *path, int64_t number, const char *line, size_t length,
                                 const TableConfig *config, Corpus *corpus)
{
    char label[LABEL_SIZE];
    size_t end = 0;
    while (end < length && line[end] != ' ' && line[end] != '\t') end++;
    if (end == length)
        return status_fail(STATUS_FORMAT,
                           "%s: line %lld: '%.*s' and nothing behind it; a line is a label, white "
                           "space and a text",
                           path, (long long)number, (int)(length < 60 ? length : 60), line);
    Status status = config->labels ? check_label(end) : STATUS_OK;
    snprintf(label, sizeof label, "%.*s", (int)(end < LABEL_SIZE ? end : 0), line);
    if (status == STATUS_OK)
        status = add_text(corpus, line + end, length - end, config->labels ? label : NULL, NULL);
    return status == STATUS_OK ? status : status_context(status, "%s: line %lld", path, (long long)number);
}

static Status read_labelled_lines(const char *path, const char *bytes, size_t length, const TableConfig *config,
                                  Corpus *corpus)
{
    return read_lines(path, bytes, length, config, read_labelled_line, corpus);
}

/* --- tables --- */

typedef struct Table {
    const char *path, *bytes;
    size_t length, at;
    int64_t line, row_line; /* now, and where the row began */
    char delimiter;
    Buffer cells; /* of the row, each ending in NUL */
    size_t *starts;
    int64_t count, room;
} Table;

static Status begin_cell(Table *table)
{
    if (table->count == table->room) {
        int64_t room = table->room ? table->room * 2 : 16;
        TRY(memory_resize(&table->starts, (size_t)room, sizeof *table->starts));
        table->room = room;
    }
    table->starts[table->count++] = table->cells.length;
    return STATUS_OK;
}

/* The rest of a cell that began with a quote. */
static Status read_quoted(Table *table)
{
    int64_t line = table->line;
    while (table->at < table->length) {
        char c = table->bytes[table->at++];
        if (c == '\n') table->line++;
        if (c == '"') {
            if (table->at >= table->length || table->bytes[table->at] != '"') return STATUS_OK;
            table->at++;
        }
        TRY(buffer_append(&table->cells, &c, 1));
    }
    return status_fail(STATUS_FORMAT, "%s: line %lld: a quote is opened and never closed", table->path,
                       (long long)line);
}

static Status read_cell(Table *table)
{
    TRY(begin_cell(table));
    if (table->at < table->length && table->bytes[table->at] == '"' && table->delimiter != '\t') {
        table->at++;
        TRY(read_quoted(table));
    }
    while (table->at < table->length) {
        char c = table->bytes[table->at];
        if (c == table->delimiter || c == '\n') break;
        table->at++;
        if (c != '\r') TRY(buffer_append(&table->cells, &c, 1));
    }
    return buffer_append(&table->cells, "", 1);
}

/* Empty lines are skipped; *more is false at the end. */
static Status read_row(Table *table, bool *more)
{
    while (table->at < table->length && (table->bytes[table->at] == '\n' || table->bytes[table->at] == '\r'))
        if (table->bytes[table->at++] == '\n') table->line++;
    *more = table->at < table->length;
    if (!*more) return STATUS_OK;
    buffer_clear(&table->cells);
    table->count = 0;
    table->row_line = table->line;
    for (;;) {
        TRY(read_cell(table));
        if (table->at >= table->length) return STATUS_OK;
        if (table->bytes[table->at++] == '\n') break;
    }
    table->line++;
    return STATUS_OK;
}

static const char *cell(const Table *table, int64_t column)
{
    return table->cells.data + table->starts[column];
}

/* The column of a name in the header (the row just read), or of a number. */
static Status find_column(const Table *table, const char *name, bool header, int64_t *out)
{
    for (int64_t i = 0; header && i < table->count; i++) {
        if (strcmp(cell(table, i), name) != 0) continue;
        *out = i;
        return STATUS_OK;
    }
    char *end;
    long long number = strtoll(name, &end, 10);
    if (*name && *end == '\0' && number >= 0 && number < table->count) {
        *out = number;
        return STATUS_OK;
    }
    Buffer list = {0};
    Status status = STATUS_OK;
    for (int64_t i = 0; header && i < table->count && i < 16 && status == STATUS_OK; i++)
        status = buffer_printf(&list, "%s'%.40s'", i ? ", " : "", cell(table, i));
    if (status == STATUS_OK)
        status = status_fail(STATUS_FORMAT, "%s: there is no column '%s' among the %lld (%s)", table->path, name,
                             (long long)table->count, header ? list.data : "by number, from 0");
    buffer_free(&list);
    return status;
}

static Status read_rows(Table *table, const TableConfig *config, Corpus *corpus)
{
    int64_t text = 0, label = 0, target = 0, columns;
    bool more;
    TRY(read_row(table, &more));
    if (!more) return STATUS_OK;
    columns = table->count;
    TRY(find_column(table, config->text, config->header, &text));
    if (config->label[0]) TRY(find_column(table, config->label, config->header, &label));
    if (config->target[0]) TRY(find_column(table, config->target, config->header, &target));
    if (config->header) TRY(read_row(table, &more));
    for (int64_t rows = 0; more; rows++) {
        if (rows % 1024 == 0) TRY(cancel_check());
        if (table->count != columns)
            return status_fail(STATUS_FORMAT,
                               "%s: line %lld: this row has %lld columns, the first one has %lld; quote cells that "
                               "contain the delimiter",
                               table->path, (long long)table->row_line, (long long)table->count,
                               (long long)columns);
        Status status =
            add_text(corpus, cell(table, text), strlen(cell(table, text)),
                     config->label[0] ? cell(table, label) : NULL, config->target[0] ? cell(table, target) : NULL);
        if (status != STATUS_OK)
            return status_context(status, "%s: line %lld", table->path, (long long)table->row_line);
        TRY(read_row(table, &more));
    }
    return STATUS_OK;
}

static Status table_delimiter(const char *path, const TableConfig *config, char *out)
{
    size_t length = strlen(path), given = strlen(config->delimiter);
    *out = length > 4 && strcmp(path + length - 4, ".tsv") == 0 ? '\t' : ',';
    if (given == 0) return STATUS_OK;
    if (strcmp(config->delimiter, "\\t") == 0)
        *out = '\t';
    else if (given == 1 && !strchr("\"\r\n", config->delimiter[0]))
        *out = config->delimiter[0];
    else
        return status_fail(STATUS_INVALID, "csv: delimiter must be one character (or \\t), no quote; got '%.20s'",
                           config->delimiter);
    return STATUS_OK;
}

static Status read_csv(const char *path, const char *bytes, size_t length, const TableConfig *config,
                       Corpus *corpus)
{
    Table table = {.path = path, .bytes = bytes, .length = length, .line = 1};
    TRY(table_delimiter(path, config, &table.delimiter));
    TRY(text_check(path, bytes, length, 1));
    Status status = read_rows(&table, config, corpus);
    buffer_free(&table.cells);
    memory_free(table.starts);
    return status;
}

/* --- all --- */

typedef Status (*ReadTable)(const char *path, const char *bytes, size_t length, const TableConfig *config,
                            Corpus *corpus);

static Status read_table(const char *path, const FileMap *map, const TableConfig *config, ReadTable read,
                         Corpus *corpus)
{
    const char *bytes = (const char *)map->data;
    size_t mark = map->size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* byte order mark */
    if (config->target[0]) corpus->task = CORPUS_PAIRS;
    TRY(read(path, bytes + mark, map->size - mark, config, corpus));
    if (corpus->document_count == 0) return status_fail(STATUS_FORMAT, "%s: no text in the file", path);
    TRY(corpus_finish(corpus));
    snprintf(corpus->doc, sizeof corpus->doc, "%.60s: %lld texts, %lld classes", file_name(path),
             (long long)corpus->document_count, (long long)corpus->class_count);
    return STATUS_OK;
}

static Status read_with(const char *path, const TableConfig *config, ReadTable read, Corpus **out)
{
    FileMap map;
    Corpus *corpus = NULL;
    TRY(file_map(path, &map));
    Status status = corpus_new(&corpus);
    if (status == STATUS_OK) status = read_table(path, &map, config, read, corpus);
    file_unmap(&map);
    if (status == STATUS_OK)
        *out = corpus;
    else
        corpus_unref(corpus);
    return status;
}

Status jsonl_read(const char *path, const TableConfig *config, Corpus **out)
{
    return read_with(path, config, read_jsonl, out);
}

Status csv_read(const char *path, const TableConfig *config, Corpus **out)
{
    return read_with(path, config, read_csv, out);
}

Status labelled_lines_read(const char *path, const TableConfig *config, Corpus **out)
{
    return read_with(path, config, read_labelled_lines, out);
}
