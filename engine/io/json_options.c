/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Options of records as JSON's own types, both ways. */
#include "engine/io/json.h"

static Status set_ints(json_t *object, const char *key, const OptionInts *ints)
{
    json_t *list;
    TRY(json_new_array(&list));
    TRY(json_set(object, key, list));
    for (int64_t i = 0; i < ints->count; i++) TRY(json_append(list, json_integer(ints->values[i])));
    return STATUS_OK;
}

static Status set_words(json_t *object, const Option *option, const void *config)
{
    Buffer text = {0};
    Status status = option_print(option, config, &text);
    if (status == STATUS_OK) status = json_set_text(object, option->name, text.data ? text.data : "");
    buffer_free(&text);
    return status;
}

Status json_set_option(json_t *object, const Option *option, const void *config)
{
    const void *at = (const char *)config + option->offset;
    switch (option->kind) {
    case OPTION_INTEGER: return json_set_integer(object, option->name, *(const int64_t *)at);
    case OPTION_NUMBER: return json_set_number(object, option->name, *(const double *)at);
    case OPTION_BOOLEAN: return json_set_boolean(object, option->name, *(const bool *)at);
    case OPTION_INTS: return set_ints(object, option->name, at);
    case OPTION_CHOICE:
    case OPTION_TEXT: break;
    }
    return set_words(object, option, config);
}

static Status read_ints(const Option *option, const json_t *list, const char *owner, void *config)
{
    OptionInts ints = {.count = (int64_t)json_array_size(list)};
    if (ints.count > OPTION_INTS_MAX)
        return status_fail(STATUS_INVALID, "%s: %s has %lld numbers, at most %d fit", owner, option->name,
                           (long long)ints.count, OPTION_INTS_MAX);
    for (int64_t i = 0; i < ints.count; i++) {
        const json_t *value = json_array_get(list, (size_t)i);
        if (!json_is_integer(value))
            return status_fail(STATUS_INVALID, "%s: %s holds %s, not an integer", owner, option->name,
                               json_kind(value));
        ints.values[i] = json_integer_value(value);
    }
    return option_set_ints(option, config, owner, option->name, &ints);
}

Status json_read_option(const Option *option, const json_t *value, const char *owner, void *config)
{
    bool words = option->kind == OPTION_TEXT || option->kind == OPTION_CHOICE;
    if (json_is_number(value))
        return option_set_number(option, config, owner, option->name, json_number_value(value));
    if (json_is_boolean(value)) return option_set_boolean(option, config, owner, option->name, json_is_true(value));
    if (json_is_string(value) && words)
        return option_set_text(option, config, owner, option->name, json_string_value(value));
    if (json_is_array(value) && option->kind == OPTION_INTS) return read_ints(option, value, owner, config);
    return status_fail(STATUS_FORMAT, "%s: %s is %s", owner, option->name, json_kind(value));
}
