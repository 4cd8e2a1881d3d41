/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON over Jansson (RFC 8259): strict reading with the place in errors, and writing whose bytes depend on nothing
 * but the values (keys in the order in which they were set, numbers in the fewest digits that read back the same).
 * Jansson allocates through engine/base/memory.h. Values belong to the caller, who gives them back with
 * json_decref(). */
#ifndef LATHE_IO_JSON_H
#define LATHE_IO_JSON_H

#include "engine/base/option.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- reading ---- */

/* Parses exactly one value; duplicate keys and invalid UTF-8 are errors. name is the file's, for messages:
 * "config.json: line 3, column 7: ...". */
Status json_parse(const char *name, const char *text, size_t length, json_t **out) STATUS_CHECKED;
/* The same for a value that begins in the given line (from 1) of the file, for messages. */
Status json_parse_line(const char *name, int64_t line, const char *text, size_t length,
                       json_t **out) STATUS_CHECKED;
/* A whole file of at most limit bytes (0: 64 MiB). */
Status json_read(const char *path, uint64_t limit, json_t **out) STATUS_CHECKED;

/* "a string", "an integer", "null", ... */
const char *json_kind(const json_t *value);

/* A member of an object; name is the file's, for messages. Errors: missing, of another type, out of range; the out
 * argument is then unchanged. Texts and members are borrowed from the object. A number may be an integer. */
Status json_member(const char *name, const json_t *object, const char *key, json_type type,
                   json_t **out) STATUS_CHECKED;
Status json_member_text(const char *name, const json_t *object, const char *key, const char **out) STATUS_CHECKED;
Status json_member_integer(const char *name, const json_t *object, const char *key, int64_t low, int64_t high,
                           int64_t *out) STATUS_CHECKED;
Status json_member_number(const char *name, const json_t *object, const char *key, double *out) STATUS_CHECKED;
Status json_member_boolean(const char *name, const json_t *object, const char *key, bool *out) STATUS_CHECKED;

/* ---- making ---- */

Status json_new_object(json_t **out) STATUS_CHECKED;
Status json_new_array(json_t **out) STATUS_CHECKED;
/* object[key] = value, taking value over (also on failure). value NULL, as Jansson's makers return when memory ran
 * out or a text is not UTF-8, is an error. */
Status json_set(json_t *object, const char *key, json_t *value) STATUS_CHECKED;
Status json_append(json_t *array, json_t *value) STATUS_CHECKED;
Status json_set_text(json_t *object, const char *key, const char *text) STATUS_CHECKED;
Status json_set_integer(json_t *object, const char *key, int64_t value) STATUS_CHECKED;
/* NaN and infinities, which JSON does not have, become the texts "NaN", "Infinity" and "-Infinity". */
Status json_set_number(json_t *object, const char *key, double value) STATUS_CHECKED;
Status json_set_boolean(json_t *object, const char *key, bool value) STATUS_CHECKED;

/* object[option->name] = the field of config, with JSON's own types: numbers, booleans, texts, arrays. */
Status json_set_option(json_t *object, const Option *option, const void *config) STATUS_CHECKED;
/* The other way. owner: the record, for messages. Errors: another type, out of range. */
Status json_read_option(const Option *option, const json_t *value, const char *owner, void *config) STATUS_CHECKED;

/* ---- writing ---- */

/* Appends the value; indent spaces a level, or all on one line where indent is 0. No newline at the end. */
Status json_print(const json_t *value, int indent, Buffer *out) STATUS_CHECKED;
/* Prints with two spaces a level and a newline at the end, in place of the file (engine/io/file.h). */
Status json_write(const char *path, const json_t *value) STATUS_CHECKED;
/* The same to a file of this name in the directory. */
Status json_write_in(const char *directory, const char *name, const json_t *value) STATUS_CHECKED;

/* Parts for whoever writes JSON without building values. Text: quoted and escaped; must be UTF-8 (what is not
 * becomes U+FFFD). Numbers: the fewest digits that give back the same double (or float); non-finite as
 * json_set_number(). */
Status json_print_text(const char *text, size_t length, Buffer *out) STATUS_CHECKED;
Status json_print_number(double value, Buffer *out) STATUS_CHECKED;
Status json_print_float(float value, Buffer *out) STATUS_CHECKED;

#endif
