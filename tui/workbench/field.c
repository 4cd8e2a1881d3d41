/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/field.h"

#include <stdio.h>
#include <string.h>

void field_set(Field *field, const char *text)
{
    *field = (Field){0};
    field_insert(field, text);
}

void field_offer(Field *field, const char *text)
{
    field_set(field, text);
    field->replaces = field->length > 0;
}

static int before(const Field *field, int at)
{
    if (at > 0) at--;
    while (at > 0 && ((unsigned char)field->text[at] & 0xc0) == 0x80) at--;
    return at;
}

static int behind(const Field *field, int at)
{
    if (at < field->length) at++;
    while (at < field->length && ((unsigned char)field->text[at] & 0xc0) == 0x80) at++;
    return at;
}

static void cut(Field *field, int from, int to)
{
    memmove(field->text + from, field->text + to, (size_t)(field->length - to) + 1);
    field->length -= to - from;
    field->cursor = from;
}

/* Whole characters only. */
void field_insert(Field *field, const char *text)
{
    if (field->replaces) *field = (Field){0};
    size_t length = strlen(text), room = (size_t)(FIELD_BYTES - 1 - field->length);
    if (length > room) length = room;
    while (length && length < strlen(text) && ((unsigned char)text[length] & 0xc0) == 0x80) length--;
    char *at = field->text + field->cursor;
    memmove(at + length, at, (size_t)(field->length - field->cursor) + 1);
    for (size_t i = 0; i < length; i++) at[i] = (unsigned char)text[i] < 32 ? ' ' : text[i];
    field->length += (int)length;
    field->cursor += (int)length;
}

static int word_before(const Field *field)
{
    int at = field->cursor;
    while (at > 0 && field->text[at - 1] == ' ') at--;
    while (at > 0 && field->text[at - 1] != ' ') at--;
    return at;
}

bool field_key(Field *field, const Key *key)
{
    if (key->modifiers & KEY_ALT) return false;
    bool letter = key->code >= 32 && key->code < KEY_FIRST_NAMED && key->length;
    field->replaces = field->replaces && letter;
    switch (key->code) {
    case KEY_LEFT: field->cursor = before(field, field->cursor); return true;
    case KEY_RIGHT: field->cursor = behind(field, field->cursor); return true;
    case KEY_HOME:
    case 1: field->cursor = 0; return true;
    case KEY_END:
    case 5: field->cursor = field->length; return true;
    case KEY_BACKSPACE: cut(field, before(field, field->cursor), field->cursor); return true;
    case KEY_DELETE:
        if (field->cursor < field->length) {
            int at = field->cursor;
            cut(field, at, behind(field, at));
        }
        return true;
    case 11: cut(field, field->cursor, field->length); return true;
    case 21: cut(field, 0, field->cursor); return true;
    case 23: cut(field, word_before(field), field->cursor); return true;
    default: break;
    }
    if (!letter) return false;
    char text[KEY_BYTES + 1];
    snprintf(text, sizeof text, "%.*s", key->length, key->bytes);
    field_insert(field, text);
    return true;
}

void field_draw(const Field *field, Area area, int x, int y, int *cursor)
{
    int room = area.rect.width - x - 1, start = 0;
    while (start < field->cursor && text_columns_of(field->text + start, (size_t)(field->cursor - start)) > room)
        start = behind(field, start);
    *cursor = x + text_columns_of(field->text + start, (size_t)(field->cursor - start));
    area_text(area, x, y, field->replaces ? STYLE_SELECTED : STYLE_INPUT, field->text + start);
}
