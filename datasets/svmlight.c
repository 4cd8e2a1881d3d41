/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/svmlight.h"

#include "datasets/loader.h"
#include "engine/base/cancel.h"
#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "engine/base/thousands.h"
#include "engine/io/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const Option svmlight_options[] = {
    OPTION_INT_FIELD(SvmlightConfig, batch_size, 32, 1, SVMLIGHT_MAX_BATCH, "examples of a batch"),
    OPTION_INT_FIELD(SvmlightConfig, features, 0, 0, SVMLIGHT_MAX_FEATURES,
                     "width of the rows; 0: as far as the file's highest index"),
    OPTION_INT_FIELD(SvmlightConfig, first_index, 0, 0, 1, "the index of the first feature"),
    OPTION_CHOICE_FIELD(SvmlightConfig, values, "raw", "raw binary log",
                        "raw: as they stand; binary: 1 where there is one above 0; log: log(1 + x)"),
    OPTION_TEXT_FIELD(
        SvmlightConfig, labels, "",
        "the labels in the order of the classes, as -1,1; empty: those of the file in ascending order; "
        "none: they are not read"),
    OPTION_NUMBER_FIELD(SvmlightConfig, valid, 0, 0, 0.9, "share of the examples that is held out"),
    OPTION_BOOLEAN_FIELD(SvmlightConfig, shuffle, 1, "another order in each epoch"),
    OPTION_INT_FIELD(SvmlightConfig, seed, 0, 0, 9007199254740992.0, "of the order and of what is held out"),
    {0}};

enum { NUMBER_SIZE = 64 };

/* --- the file, as compressed rows --- */

typedef struct Table {
    int refs;
    int64_t rows, row_room, entries, entry_room, features, class_count;
    int64_t *starts;  /* [rows + 1]: where each begins in the entries */
    int32_t *columns; /* [entries] */
    float *values;    /* [entries] */
    double *numbers;  /* [rows]: labels as they stand */
    int32_t *labels;  /* [rows]: classes; NULL: not read */
    Hash content;
} Table;

static void table_unref(Table *table)
{
    if (!table || --table->refs > 0) return;
    memory_free(table->starts);
    memory_free(table->columns);
    memory_free(table->values);
    memory_free(table->numbers);
    memory_free(table->labels);
    memory_free(table);
}

typedef struct Reading {
    const char *path, *at, *end; /* end: of the line */
    int64_t line;
    const SvmlightConfig *config;
    bool labels;
    Table *table;
} Reading;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line; length 0 at its end. A comment ends the line. */
static const char *next_word(Reading *reading, size_t *length)
{
    while (reading->at < reading->end && is_blank(*reading->at)) reading->at++;
    const char *word = reading->at;
    if (word < reading->end && *word == '#') reading->at = reading->end;
    while (reading->at < reading->end && !is_blank(*reading->at) && *reading->at != '#') reading->at++;
    *length = word < reading->end && *word == '#' ? 0 : (size_t)(reading->at - word);
    return word;
}

/* The word between quotation marks, with what cannot be shown as '?'. */
static const char *shown(const char *word, size_t length, char out[NUMBER_SIZE])
{
    size_t n = length < 40 ? length : 40;
    for (size_t i = 0; i < n; i++) out[i] = word[i];
    for (size_t i = 0; i < n; i++)
        if (out[i] < ' ' || out[i] > '~') out[i] = '?';
    snprintf(out + n, NUMBER_SIZE - n, "%s", length > n ? "..." : "");
    return out;
}

static Status bad_number(const Reading *reading, const char *what, const char *word, size_t length)
{
    char text[NUMBER_SIZE];
    return status_fail(STATUS_FORMAT,
                       "%s: line %lld: %s '%s' is not a finite number; a line reads: label index:value ...",
                       reading->path, (long long)reading->line, what, shown(word, length, text));
}

static Status read_number(const Reading *reading, const char *what, const char *word, size_t length, double *out)
{
    char text[NUMBER_SIZE], *end;
    if (length == 0 || length >= sizeof text) return bad_number(reading, what, word, length);
    memcpy(text, word, length);
    text[length] = '\0';
    if (strspn(text, "0123456789+-.eE") != length) return bad_number(reading, what, word, length);
    *out = strtod(text, &end);
    return *end == '\0' && isfinite(*out) ? STATUS_OK : bad_number(reading, what, word, length);
}

static Status read_index(const Reading *reading, const char *word, size_t length, int64_t *out)
{
    char text[NUMBER_SIZE];
    int64_t first = reading->config->first_index, features = reading->config->features, index = 0;
    bool digits = length > 0 && length < 10;
    for (size_t i = 0; i < length && digits; i++) {
        digits = word[i] >= '0' && word[i] <= '9';
        index = index * 10 + (word[i] - '0');
    }
    int64_t most = (features ? features : SVMLIGHT_MAX_FEATURES) + first - 1;
    if (!digits || index < first || index > most)
        return status_fail(STATUS_FORMAT,
                           "%s: line %lld: index '%s' is not one of %lld to %lld; 'features' is the width, and "
                           "'first_index' says whether indices count from 0 or 1",
                           reading->path, (long long)reading->line, shown(word, length, text), (long long)first,
                           (long long)most);
    *out = index - first;
    return STATUS_OK;
}

static Status more_entries(Table *table)
{
    if (table->entries < table->entry_room) return STATUS_OK;
    int64_t room = table->entry_room ? table->entry_room * 2 : 1024;
    TRY(memory_resize(&table->columns, (size_t)room, sizeof *table->columns));
    TRY(memory_resize(&table->values, (size_t)room, sizeof *table->values));
    table->entry_room = room;
    return STATUS_OK;
}

static Status more_rows(Table *table)
{
    if (table->rows < table->row_room) return STATUS_OK;
    int64_t room = table->row_room ? table->row_room * 2 : 256;
    TRY(memory_resize(&table->starts, (size_t)room + 1, sizeof *table->starts));
    TRY(memory_resize(&table->numbers, (size_t)room, sizeof *table->numbers));
    table->row_room = room;
    return STATUS_OK;
}

static Status transform(const Reading *reading, double *value)
{
    if (reading->config->values == SVMLIGHT_BINARY) *value = *value > 0;
    if (reading->config->values == SVMLIGHT_LOG) {
        if (*value <= -1)
            return status_fail(STATUS_FORMAT, "%s: line %lld: %g has no log(1 + x); read it with values = \"raw\"",
                               reading->path, (long long)reading->line, *value);
        *value = log1p(*value);
    }
    if (fabs(*value) <= 3.4e38) return STATUS_OK;
    return status_fail(STATUS_FORMAT, "%s: line %lld: %g is too large for a 32-bit float", reading->path,
                       (long long)reading->line, *value);
}

/* index:value */
static Status read_entry(Reading *reading, const char *word, size_t length, int64_t *before)
{
    Table *table = reading->table;
    const char *colon = memchr(word, ':', length);
    size_t head = colon ? (size_t)(colon - word) : length;
    char text[NUMBER_SIZE];
    int64_t column = 0;
    double value;
    if (!colon)
        return status_fail(STATUS_FORMAT, "%s: line %lld: '%s' is no index:value", reading->path,
                           (long long)reading->line, shown(word, length, text));
    if (head == 3 && memcmp(word, "qid", 3) == 0) return STATUS_OK; /* groups of ranking tasks */
    TRY(read_index(reading, word, head, &column));
    TRY(read_number(reading, "value", colon + 1, length - head - 1, &value));
    if (column <= *before)
        return status_fail(
            STATUS_FORMAT, "%s: line %lld: index %lld stands behind %lld; indices ascend in a line, each once",
            reading->path, (long long)reading->line, (long long)(column + reading->config->first_index),
            (long long)(*before + reading->config->first_index));
    TRY(transform(reading, &value));
    TRY(more_entries(table));
    table->columns[table->entries] = (int32_t)column;
    table->values[table->entries++] = (float)value;
    *before = column;
    if (column >= table->features) table->features = column + 1;
    return STATUS_OK;
}

static Status read_line(Reading *reading)
{
    Table *table = reading->table;
    size_t length;
    int64_t before = -1;
    double label = 0;
    const char *word = next_word(reading, &length);
    if (length == 0) return STATUS_OK;
    if (reading->labels) TRY(read_number(reading, "label", word, length, &label));
    TRY(more_rows(table));
    table->starts[table->rows] = table->entries;
    table->numbers[table->rows] = label;
    for (;;) {
        word = next_word(reading, &length);
        if (length == 0) break;
        TRY(read_entry(reading, word, length, &before));
    }
    table->starts[++table->rows] = table->entries;
    return STATUS_OK;
}

static Status read_lines(Reading *reading, const char *bytes, size_t length)
{
    const char *stop = bytes + length;
    for (reading->at = bytes; reading->at < stop;) {
        const char *newline = memchr(reading->at, '\n', (size_t)(stop - reading->at));
        reading->end = newline ? newline : stop;
        if (++reading->line % 1024 == 0) TRY(cancel_check());
        TRY(read_line(reading));
        reading->at = reading->end + (newline != NULL);
    }
    if (reading->table->rows == 0)
        return status_fail(STATUS_FORMAT, "%s: the file has no example; a line reads: label index:value ...",
                           reading->path);
    return STATUS_OK;
}

/* --- labels become classes --- */

static int compare_numbers(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The labels of the file, sorted, each once. */
static Status labels_of_file(const Table *table, double **out, int64_t *count)
{
    TRY(memory_new((size_t)table->rows, sizeof **out, out));
    memcpy(*out, table->numbers, (size_t)table->rows * sizeof **out);
    qsort(*out, (size_t)table->rows, sizeof **out, compare_numbers);
    *count = 0;
    for (int64_t i = 0; i < table->rows; i++)
        if (*count == 0 || (*out)[i] != (*out)[*count - 1]) (*out)[(*count)++] = (*out)[i];
    return STATUS_OK;
}

/* The labels of the option, in its order. */
static Status labels_of_text(const char *text, double **out, int64_t *count)
{
    TRY(memory_new(strlen(text) / 2 + 1, sizeof **out, out));
    *count = 0;
    for (const char *at = text; *at;) {
        char *end;
        double number = strtod(at, &end);
        if (end == at || (*end && *end != ',') || !isfinite(number))
            return status_fail(STATUS_INVALID, "labels must be numbers with commas between them, as -1,1; got '%s'",
                               text);
        (*out)[(*count)++] = number;
        at = *end ? end + 1 : end;
    }
    return STATUS_OK;
}

static Status number_labels(const Reading *reading, const double *known, int64_t count)
{
    Table *table = reading->table;
    if (count > SVMLIGHT_MAX_CLASSES)
        return status_fail(STATUS_FORMAT,
                           "%s: %lld different labels; are they classes? 'labels = \"none\"' reads none",
                           reading->path, (long long)count);
    TRY(memory_new((size_t)table->rows, sizeof *table->labels, &table->labels));
    for (int64_t i = 0; i < table->rows; i++) {
        int64_t class = 0;
        const double *place = NULL;
        if (!reading->config->labels[0])
            place = bsearch(&table->numbers[i], known, (size_t)count, sizeof *known, compare_numbers);
        else
            while (class < count && known[class] != table->numbers[i]) class ++;
        if (place) class = place - known;
        if (class == count)
            return status_fail(STATUS_FORMAT, "%s: example %lld: label %g is not one of 'labels', which are %s",
                               reading->path, (long long)i, table->numbers[i], reading->config->labels);
        table->labels[i] = (int32_t) class;
    }
    table->class_count = count;
    return STATUS_OK;
}

static Status find_classes(const Reading *reading)
{
    double *known = NULL;
    int64_t count = 0;
    if (!reading->labels) return STATUS_OK;
    Status status = reading->config->labels[0] ? labels_of_text(reading->config->labels, &known, &count)
                                               : labels_of_file(reading->table, &known, &count);
    if (status == STATUS_OK) status = number_labels(reading, known, count);
    memory_free(known);
    return status;
}

static void hash_table(Table *table)
{
    Hash hash = hash_bytes(&table->features, sizeof table->features);
    hash = hash_combine(hash, hash_bytes(table->starts, (size_t)(table->rows + 1) * sizeof *table->starts));
    hash = hash_combine(hash, hash_bytes(table->columns, (size_t)table->entries * sizeof *table->columns));
    hash = hash_combine(hash, hash_bytes(table->values, (size_t)table->entries * sizeof *table->values));
    if (table->labels)
        hash = hash_combine(hash, hash_bytes(table->labels, (size_t)table->rows * sizeof *table->labels));
    table->content = hash;
}

static Status read_table(const char *path, const SvmlightConfig *config, Table *table)
{
    FileMap map;
    Reading reading = {
        .path = path, .config = config, .labels = strcmp(config->labels, "none") != 0, .table = table};
    TRY(file_map(path, &map));
    Status status = read_lines(&reading, (const char *)map.data, map.size);
    file_unmap(&map);
    TRY(status);
    if (config->features) table->features = config->features;
    if (table->features == 0) table->features = 1;
    TRY(find_classes(&reading));
    memory_free(table->numbers);
    table->numbers = NULL;
    hash_table(table);
    return STATUS_OK;
}

/* --- the source --- */

typedef struct Sparse {
    Source source;
    Table *table;
    int32_t *rows; /* [examples]: which rows of the table are its own */
    bool shuffle;
} Sparse;

static void fill_row(const Table *table, int64_t row, float *out)
{
    memset(out, 0, (size_t)table->features * sizeof *out);
    for (int64_t i = table->starts[row]; i < table->starts[row + 1]; i++) out[table->columns[i]] = table->values[i];
}

static int64_t row_at(const Sparse *sparse, const Cursor *cursor, int64_t place)
{
    uint64_t position = (uint64_t)(cursor->index + place), all = (uint64_t)sparse->source.examples;
    if (!sparse->shuffle) return sparse->rows[position];
    RandomKey key = random_subkey(random_key(cursor->seed, "order"), (uint64_t)cursor->epoch);
    return sparse->rows[random_permuted(key, all, position)];
}

static Status fill_batch(const Sparse *sparse, Arena *arena, const Cursor *cursor, int64_t count, Batch *out)
{
    const Table *table = sparse->table;
    Tensor *features, *labels = NULL, *examples;
    TRY(tensor_new(arena, DTYPE_F32, 2, (int64_t[]){count, table->features}, &features));
    TRY(batch_put(out, "features", features));
    if (table->labels) {
        TRY(tensor_new(arena, DTYPE_I32, 1, &count, &labels));
        TRY(batch_put(out, "labels", labels));
    }
    TRY(tensor_new(arena, DTYPE_I64, 1, &count, &examples));
    TRY(batch_put(out, "example_ids", examples));
    for (int64_t i = 0; i < count; i++) {
        int64_t row = row_at(sparse, cursor, i);
        fill_row(table, row, TENSOR_F32(features) + i * table->features);
        if (labels) TENSOR_I32(labels)[i] = table->labels[row];
        ((int64_t *)tensor_data(examples))[i] = row;
    }
    return STATUS_OK;
}

static Status sparse_next(Source *source, Arena *arena, Cursor *cursor, Batch *out)
{
    const Sparse *sparse = (const Sparse *)source;
    Cursor behind = *cursor;
    Batch batch = {.epoch = cursor->epoch};
    if (source->batch_size > SVMLIGHT_MAX_BATCH)
        return status_fail(STATUS_INVALID, "batch_size is at most %d; got %lld", SVMLIGHT_MAX_BATCH,
                           (long long)source->batch_size);
    batch.size = cursor_advance(&behind, source->examples, source->batch_size);
    Status status = fill_batch(sparse, arena, cursor, batch.size, &batch);
    if (status != STATUS_OK) {
        batch_clear(&batch);
        return status;
    }
    *out = batch;
    *cursor = behind;
    return STATUS_OK;
}

static void sparse_free(Source *source)
{
    Sparse *sparse = (Sparse *)source;
    table_unref(sparse->table);
    memory_free(sparse->rows);
    memory_free(sparse);
}

static const SourceType sparse_type = {"svmlight", sparse_next, NULL, sparse_free};

/* The rows at positions [from, from + count) of a random order of all. */
static Status sparse_new(Table *table, const char *path, const SvmlightConfig *config, int64_t from, int64_t count,
                         Source **out)
{
    Sparse *sparse;
    RandomKey key = random_key((uint64_t)config->seed, "held out");
    TRY(memory_new(1, sizeof *sparse, &sparse));
    sparse->source = (Source){.type = &sparse_type, .refs = 1, .examples = count, .batch_size = config->batch_size};
    sparse->source.seed = (uint64_t)config->seed;
    sparse->source.class_count = table->class_count;
    sparse->source.content = hash_combine(table->content, hash_bytes((int64_t[]){from, count}, 16));
    sparse->table = table;
    table->refs++;
    sparse->shuffle = config->shuffle;
    Status status = memory_new((size_t)count, sizeof *sparse->rows, &sparse->rows);
    if (status != STATUS_OK) {
        sparse_free(&sparse->source);
        return status;
    }
    for (int64_t i = 0; i < count; i++) {
        bool whole = count == table->rows;
        uint64_t place = (uint64_t)(from + i);
        sparse->rows[i] = (int32_t)(whole ? place : random_permuted(key, (uint64_t)table->rows, place));
    }
    char n[3][THOUSANDS_BYTES];
    snprintf(sparse->source.doc, sizeof sparse->source.doc, "%.60s: %s examples of %s features, %s classes",
             file_name(path), thousands(count, n[0]), thousands(table->features, n[1]),
             thousands(table->class_count, n[2]));
    *out = &sparse->source;
    return STATUS_OK;
}

static Status split(Table *table, const char *path, const SvmlightConfig *config, Source **train, Source **valid)
{
    int64_t held_out = llround(config->valid * (double)table->rows);
    Source *first, *second = NULL;
    if (table->rows > INT32_MAX || held_out >= table->rows || (config->valid > 0 && held_out == 0))
        return status_fail(STATUS_INVALID, "%s: %g of %lld examples cannot be held out; change 'valid'", path,
                           config->valid, (long long)table->rows);
    TRY(sparse_new(table, path, config, held_out, table->rows - held_out, &first));
    Status status = held_out ? sparse_new(table, path, config, 0, held_out, &second) : STATUS_OK;
    if (status != STATUS_OK) {
        source_unref(first);
        return status;
    }
    *train = first;
    *valid = second;
    return STATUS_OK;
}

Status svmlight_read(const char *path, const SvmlightConfig *config, Source **train, Source **valid)
{
    Table *table;
    TRY(memory_new(1, sizeof *table, &table));
    table->refs = 1;
    Status status = read_table(path, config, table);
    if (status == STATUS_OK) status = split(table, path, config, train, valid);
    table_unref(table);
    return status;
}
