/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Options of records. A record (op, objective, model, optimizer, ...) describes the fields of its plain C
 * config struct in one table; setting from Lua, the command line or JSON, checking, defaults, help, completion and
 * forms are all derived from that table. A config struct is plain bytes: copy it with memcpy; nobody frees
 * anything. */
#ifndef LATHE_BASE_OPTION_H
#define LATHE_BASE_OPTION_H

#include "engine/base/buffer.h"
#include "engine/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OPTION_TEXT_SIZE = 1024, OPTION_INTS_MAX = 8 };

typedef enum OptionKind {
    OPTION_NUMBER,  /* double */
    OPTION_INTEGER, /* int64_t */
    OPTION_BOOLEAN, /* bool */
    OPTION_CHOICE,  /* int64_t, the place in 'choices' (names separated by spaces) */
    OPTION_TEXT,    /* char[OPTION_TEXT_SIZE] */
    OPTION_INTS     /* OptionInts */
} OptionKind;

typedef struct OptionInts {
    int64_t count, values[OPTION_INTS_MAX];
} OptionInts;

/* One field. Name first, so that names_nearest() can walk a table. A table ends with {0}. */
typedef struct Option {
    const char *name, *doc;
    OptionKind kind;
    size_t offset;
    bool required;    /* no default: must be given */
    double number;    /* default of a number, integer or boolean */
    const char *text; /* default of a text or choice; of ints as "1,2" */
    double min, max;  /* both inclusive, unless min_open / max_open; only looked at when bounded */
    bool bounded, min_open, max_open;
    const char *choices;
} Option;

/* One line a field, as in: OPTION_INT_FIELD(BertConfig, hidden_size, 128, 1, 65536, "width of the layers") */
#define OPTION_INT_FIELD(type, field, standard, low, high, words)                                                  \
    {                                                                                                              \
        .name = #field, .doc = (words), .kind = OPTION_INTEGER, .offset = offsetof(type, field),                   \
        .number = (standard), .min = (low), .max = (high), .bounded = true                                         \
    }
#define OPTION_NUMBER_FIELD(type, field, standard, low, high, words)                                               \
    {                                                                                                              \
        .name = #field, .doc = (words), .kind = OPTION_NUMBER, .offset = offsetof(type, field),                    \
        .number = (standard), .min = (low), .max = (high), .bounded = true                                         \
    }
#define OPTION_BOOLEAN_FIELD(type, field, standard, words)                                                         \
    {                                                                                                              \
        .name = #field, .doc = (words), .kind = OPTION_BOOLEAN, .offset = offsetof(type, field),                   \
        .number = (standard)                                                                                       \
    }
#define OPTION_CHOICE_FIELD(type, field, standard, names, words)                                                   \
    {                                                                                                              \
        .name = #field, .doc = (words), .kind = OPTION_CHOICE, .offset = offsetof(type, field),                    \
        .text = (standard), .choices = (names)                                                                     \
    }
#define OPTION_TEXT_FIELD(type, field, standard, words)                                                            \
    {                                                                                                              \
        .name = #field, .doc = (words), .kind = OPTION_TEXT, .offset = offsetof(type, field), .text = (standard)   \
    }
#define OPTION_INTS_FIELD(type, field, standard, words)                                                            \
    {                                                                                                              \
        .name = #field, .doc = (words), .kind = OPTION_INTS, .offset = offsetof(type, field), .text = (standard)   \
    }

size_t option_count(const Option *table);
/* Bytes of the field. */
size_t option_size(const Option *option);
const Option *option_find(const Option *table, const char *name);

/* Fills config with the defaults (required fields with zeros). */
void option_defaults(const Option *table, void *config);

/* Set one field; owner names the record in messages ("mlm"). Errors: unknown name (with the nearest one), wrong
 * type, out of range; the config is unchanged then. */
Status option_set_number(const Option *table, void *config, const char *owner, const char *name,
                         double value) STATUS_CHECKED;
Status option_set_boolean(const Option *table, void *config, const char *owner, const char *name,
                          bool value) STATUS_CHECKED;
Status option_set_ints(const Option *table, void *config, const char *owner, const char *name,
                       const OptionInts *value) STATUS_CHECKED;
/* Parses where the field is not a text: numbers, true/false, a choice's name, ints as "1,2". */
Status option_set_text(const Option *table, void *config, const char *owner, const char *name,
                       const char *value) STATUS_CHECKED;

/* "unknown option" with the nearest name. Always fails. */
Status option_unknown(const Option *table, const char *owner, const char *name) STATUS_CHECKED;

/* Whether the field has the same value in both configs. */
bool option_same(const Option *option, const void *a, const void *b);
/* The value as text: what option_set_text() reads back. */
Status option_print(const Option *option, const void *config, Buffer *out) STATUS_CHECKED;
/* The allowed values in words: "a number in (0, 1]", "one of full, span". */
Status option_describe_range(const Option *option, Buffer *out) STATUS_CHECKED;
/* The name of a choice by its place, NULL past the end; *length its bytes. */
const char *option_choice(const Option *option, int64_t place, size_t *length);

#endif
