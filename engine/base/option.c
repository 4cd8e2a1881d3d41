/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/option.h"

#include "engine/base/names.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *field(const Option *option, void *config)
{
    return (char *)config + option->offset;
}

size_t option_count(const Option *table)
{
    size_t count = 0;
    while (table && table[count].name) count++;
    return count;
}

size_t option_size(const Option *option)
{
    switch (option->kind) {
    case OPTION_BOOLEAN: return sizeof(bool);
    case OPTION_TEXT: return OPTION_TEXT_SIZE;
    case OPTION_INTS: return sizeof(OptionInts);
    case OPTION_NUMBER: return sizeof(double);
    case OPTION_INTEGER:
    case OPTION_CHOICE: return sizeof(int64_t);
    }
    return 0;
}

const Option *option_find(const Option *table, const char *name)
{
    for (; table && table->name; table++)
        if (strcmp(table->name, name) == 0) return table;
    return NULL;
}

Status option_unknown(const Option *table, const char *owner, const char *name)
{
    const char *near = names_nearest(name, table, option_count(table), sizeof *table);
    if (near) return status_fail(STATUS_INVALID, "%s has no option '%s'; did you mean '%s'?", owner, name, near);
    return status_fail(STATUS_INVALID, "%s has no option '%s'; help(\"%s\") lists its options", owner, name, owner);
}

static Status find(const Option *table, const char *owner, const char *name, const Option **out)
{
    *out = option_find(table, name);
    return *out ? STATUS_OK : option_unknown(table, owner, name);
}

const char *option_choice(const Option *option, int64_t place, size_t *length)
{
    const char *name = option->choices;
    for (; name && place > 0; place--) {
        name = strchr(name, ' ');
        if (name) name++;
    }
    if (!name || place < 0) return NULL;
    *length = strcspn(name, " ");
    return name;
}

static int64_t choice_place(const Option *option, const char *value)
{
    size_t length;
    const char *name;
    for (int64_t place = 0; (name = option_choice(option, place, &length)); place++)
        if (strlen(value) == length && memcmp(value, name, length) == 0) return place;
    return -1;
}

static Status parse_ints(const char *text, OptionInts *out)
{
    OptionInts ints = {0};
    while (text && *text) {
        char *end;
        errno = 0;
        long long value = strtoll(text, &end, 10);
        bool more = end[0] == ',' && end[1];
        if (end == text || errno || (*end && !more) || ints.count == OPTION_INTS_MAX)
            return status_fail(STATUS_INVALID, "expected at most %d integers like '1,2'", OPTION_INTS_MAX);
        ints.values[ints.count++] = value;
        text = more ? end + 1 : end;
    }
    *out = ints;
    return STATUS_OK;
}

void option_defaults(const Option *table, void *config)
{
    for (; table && table->name; table++) {
        const Option *option = table;
        void *at = field(option, config);
        switch (option->kind) {
        case OPTION_NUMBER: *(double *)at = option->number; break;
        case OPTION_INTEGER: *(int64_t *)at = (int64_t)option->number; break;
        case OPTION_BOOLEAN: *(bool *)at = option->number != 0; break;
        case OPTION_CHOICE: *(int64_t *)at = option->text ? choice_place(option, option->text) : 0; break;
        case OPTION_TEXT:
            memset(at, 0, OPTION_TEXT_SIZE);
            if (option->text) memcpy(at, option->text, strnlen(option->text, OPTION_TEXT_SIZE - 1));
            break;
        case OPTION_INTS:
            if (parse_ints(option->text, at) != STATUS_OK) *(OptionInts *)at = (OptionInts){0};
            break;
        }
    }
}

static Status describe_bounds(const Option *option, Buffer *out)
{
    if (!option->bounded) return STATUS_OK;
    if (isinf(option->min) && isinf(option->max)) return STATUS_OK;
    if (isinf(option->min))
        return buffer_printf(out, option->max_open ? " below %.10g" : " of at most %.10g", option->max);
    if (isinf(option->max) || option->max >= 9e15)
        return buffer_printf(out, option->min_open ? " above %.10g" : " of at least %.10g", option->min);
    return buffer_printf(out, " in %c%.10g, %.10g%c", option->min_open ? '(' : '[', option->min, option->max,
                         option->max_open ? ')' : ']');
}

static Status describe_choices(const Option *option, Buffer *out)
{
    size_t length;
    const char *name;
    TRY(buffer_text(out, "one of"));
    for (int64_t place = 0; (name = option_choice(option, place, &length)); place++) {
        TRY(buffer_text(out, place ? ", " : " "));
        TRY(buffer_append(out, name, length));
    }
    return STATUS_OK;
}

Status option_describe_range(const Option *option, Buffer *out)
{
    switch (option->kind) {
    case OPTION_NUMBER: TRY(buffer_text(out, "a number")); return describe_bounds(option, out);
    case OPTION_INTEGER: TRY(buffer_text(out, "an integer")); return describe_bounds(option, out);
    case OPTION_BOOLEAN: return buffer_text(out, "true or false");
    case OPTION_CHOICE: return describe_choices(option, out);
    case OPTION_TEXT: return buffer_text(out, "a text");
    case OPTION_INTS: return buffer_printf(out, "at most %d integers", OPTION_INTS_MAX);
    }
    return STATUS_OK;
}

/* "weight must be a number of at least 0; got ..." */
static Status refuse(const Option *option, const char *owner, const char *got)
{
    Buffer range = {0};
    Status status = option_describe_range(option, &range);
    if (status == STATUS_OK)
        status = status_fail(STATUS_INVALID, "%s: %s must be %s; got %s", owner, option->name, range.data, got);
    buffer_free(&range);
    return status;
}

static bool inside(const Option *option, double value)
{
    if (!isfinite(value)) return false;
    if (!option->bounded) return true;
    if (option->min_open ? value <= option->min : value < option->min) return false;
    return option->max_open ? value < option->max : value <= option->max;
}

Status option_set_number(const Option *table, void *config, const char *owner, const char *name, double value)
{
    const Option *option;
    TRY(find(table, owner, name, &option));
    char got[40];
    snprintf(got, sizeof got, "%.10g", value);
    bool whole = value == floor(value) && fabs(value) <= 0x1p53;
    if (option->kind == OPTION_NUMBER && inside(option, value))
        *(double *)field(option, config) = value;
    else if (option->kind == OPTION_INTEGER && whole && inside(option, value))
        *(int64_t *)field(option, config) = (int64_t)value;
    else if (option->kind == OPTION_INTS && whole)
        *(OptionInts *)field(option, config) = (OptionInts){1, {(int64_t)value}};
    else
        return refuse(option, owner, got);
    return STATUS_OK;
}

Status option_set_boolean(const Option *table, void *config, const char *owner, const char *name, bool value)
{
    const Option *option;
    TRY(find(table, owner, name, &option));
    if (option->kind != OPTION_BOOLEAN) return refuse(option, owner, value ? "true" : "false");
    *(bool *)field(option, config) = value;
    return STATUS_OK;
}

Status option_set_ints(const Option *table, void *config, const char *owner, const char *name,
                       const OptionInts *value)
{
    const Option *option;
    TRY(find(table, owner, name, &option));
    if (option->kind != OPTION_INTS) return refuse(option, owner, "a list");
    *(OptionInts *)field(option, config) = *value;
    return STATUS_OK;
}

static Status set_long_text(const Option *option, void *config, const char *owner, const char *value)
{
    size_t length = strlen(value);
    if (length >= OPTION_TEXT_SIZE)
        return status_fail(STATUS_INVALID, "%s: %s must be shorter than %d bytes; got %zu", owner, option->name,
                           OPTION_TEXT_SIZE, length);
    memcpy(field(option, config), value, length + 1);
    return STATUS_OK;
}

Status option_set_text(const Option *table, void *config, const char *owner, const char *name, const char *value)
{
    const Option *option;
    TRY(find(table, owner, name, &option));
    char got[80], *end;
    snprintf(got, sizeof got, "'%.60s'", value);
    switch (option->kind) {
    case OPTION_TEXT: return set_long_text(option, config, owner, value);
    case OPTION_NUMBER:
    case OPTION_INTEGER: {
        double number = strtod(value, &end);
        if (end == value || *end) return refuse(option, owner, got);
        return option_set_number(table, config, owner, name, number);
    }
    case OPTION_BOOLEAN:
        if (strcmp(value, "true") && strcmp(value, "false")) return refuse(option, owner, got);
        *(bool *)field(option, config) = value[0] == 't';
        return STATUS_OK;
    case OPTION_CHOICE:
        if (choice_place(option, value) < 0) return refuse(option, owner, got);
        *(int64_t *)field(option, config) = choice_place(option, value);
        return STATUS_OK;
    case OPTION_INTS:
        if (parse_ints(value, field(option, config)) != STATUS_OK) return refuse(option, owner, got);
        return STATUS_OK;
    }
    return STATUS_OK;
}

static Status print_ints(const OptionInts *ints, Buffer *out)
{
    for (int64_t i = 0; i < ints->count; i++)
        TRY(buffer_printf(out, i ? ",%lld" : "%lld", (long long)ints->values[i]));
    return STATUS_OK;
}

/* The shortest decimal number that reads back as the same value. */
static Status print_number(double value, Buffer *out)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    return buffer_text(out, text);
}

bool option_same(const Option *option, const void *a, const void *b)
{
    const char *x = (const char *)a + option->offset, *y = (const char *)b + option->offset;
    return option->kind == OPTION_TEXT ? strcmp(x, y) == 0 : memcmp(x, y, option_size(option)) == 0;
}

Status option_print(const Option *option, const void *config, Buffer *out)
{
    const void *at = (const char *)config + option->offset;
    size_t length;
    const char *name;
    switch (option->kind) {
    case OPTION_NUMBER: return print_number(*(const double *)at, out);
    case OPTION_INTEGER: return buffer_printf(out, "%lld", (long long)*(const int64_t *)at);
    case OPTION_BOOLEAN: return buffer_text(out, *(const bool *)at ? "true" : "false");
    case OPTION_TEXT: return buffer_text(out, at);
    case OPTION_INTS: return print_ints(at, out);
    case OPTION_CHOICE:
        name = option_choice(option, *(const int64_t *)at, &length);
        return name ? buffer_append(out, name, length) : buffer_text(out, "?");
    }
    return STATUS_OK;
}
