/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

static const char paste_end[] = "\033[201~";

/* --- sequences of ESC [ and ESC O --- */

static const struct Final {
    char final;
    int code;
} finals[] = {{'A', KEY_UP},     {'B', KEY_DOWN},   {'C', KEY_RIGHT},    {'D', KEY_LEFT},
              {'H', KEY_HOME},   {'F', KEY_END},    {'Z', KEY_BACK_TAB}, {'P', KEY_F1},
              {'Q', KEY_F1 + 1}, {'R', KEY_F1 + 2}, {'S', KEY_F1 + 3}};

/* Numbers before '~'. */
static const struct Numbered {
    int number, code;
} numbered[] = {{1, KEY_HOME},      {2, KEY_INSERT},  {3, KEY_DELETE},  {4, KEY_END},      {5, KEY_PAGE_UP},
                {6, KEY_PAGE_DOWN}, {7, KEY_HOME},    {8, KEY_END},     {11, KEY_F1},      {12, KEY_F1 + 1},
                {13, KEY_F1 + 2},   {14, KEY_F1 + 3}, {15, KEY_F1 + 4}, {17, KEY_F1 + 5},  {18, KEY_F1 + 6},
                {19, KEY_F1 + 7},   {20, KEY_F1 + 8}, {21, KEY_F1 + 9}, {23, KEY_F1 + 10}, {24, KEY_F12}};

static int code_of_final(char final)
{
    for (size_t i = 0; i < sizeof finals / sizeof *finals; i++)
        if (finals[i].final == final) return finals[i].code;
    return KEY_OTHER;
}

static int code_of_number(int number)
{
    for (size_t i = 0; i < sizeof numbered / sizeof *numbered; i++)
        if (numbered[i].number == number) return numbered[i].code;
    return KEY_OTHER;
}

/* ESC [ < button ; x ; y M (or m: released) */
static void read_mouse(const char *text, char final, Key *out)
{
    int button = -1, x = 0, y = 0;
    out->code = KEY_OTHER;
    if (sscanf(text, "<%d;%d;%d", &button, &x, &y) != 3 || x < 1 || y < 1) return;
    out->x = x - 1;
    out->y = y - 1;
    if (button == 0) out->code = final == 'M' ? KEY_PRESS : KEY_RELEASE;
    if (button == 64) out->code = KEY_WHEEL_UP;
    if (button == 65) out->code = KEY_WHEEL_DOWN;
}

/* The parameters between ESC [ and the final byte: "1;5" has modifiers 5 - 1. */
static void read_sequence(const char *text, char final, Key *out)
{
    int first = 0, second = 1;
    if (text[0] == '<') {
        read_mouse(text, final, out);
        return;
    }
    sscanf(text, "%d;%d", &first, &second);
    out->code = final == '~' ? code_of_number(first) : code_of_final(final);
    if (second > 1 && second <= 8) {
        unsigned bits = (unsigned)second - 1;
        out->modifiers = (bits & 1 ? KEY_SHIFT : 0) | (bits & 2 ? KEY_ALT : 0) | (bits & 4 ? KEY_CONTROL : 0);
    }
}

/* --- one byte after the other --- */

static void emit(Keys *keys, Key *out)
{
    memcpy(out->bytes, keys->waiting, (size_t)keys->length);
    out->length = keys->length;
    keys->length = 0;
}

static bool emit_code(Keys *keys, int code, Key *out)
{
    *out = (Key){.code = code};
    emit(keys, out);
    return true;
}

/* A character of UTF-8 that begins at the given byte of what waits; 0: not whole, -1: none. */
static int character(const Keys *keys, int from)
{
    const unsigned char *at = (const unsigned char *)keys->waiting + from;
    int have = keys->length - from, need = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    int32_t point;
    if (at[0] >= 0x80 && (at[0] < 0xc2 || at[0] > 0xf4)) return -1;
    for (int i = 1; i < have; i++)
        if ((at[i] & 0xc0) != 0x80) return -1;
    if (have < need) return 0;
    return utf8proc_iterate(at, have, &point) > 0 ? point : -1;
}

/* A control character that is 0 has no code of its own: Ctrl-space. */
static bool emit_character(Keys *keys, int from, unsigned modifiers, Key *out)
{
    int point = character(keys, from);
    if (point == 0 && keys->waiting[from] != '\0') return false;
    int code = point < 0 || (point == 0 && keys->waiting[from] == '\0') ? KEY_OTHER : point;
    if (code == '\n') code = KEY_ENTER;
    if (code == '\b') code = KEY_BACKSPACE;
    *out = (Key){.code = code, .modifiers = modifiers};
    emit(keys, out);
    return true;
}

static bool take_escape(Keys *keys, Key *out)
{
    char *text = keys->waiting;
    int length = keys->length;
    if (length == 1) return false;
    if (text[1] == '\033') return emit_code(keys, KEY_ESCAPE, out);
    if (text[1] != '[' && text[1] != 'O') return emit_character(keys, 1, KEY_ALT, out);
    if (length == 2) return false;
    char final = text[length - 1];
    bool more = text[1] == '[' ? final < 0x40 || final > 0x7e : final >= '0' && final <= '9';
    if (more && (final < 0x20 || final > 0x7e)) return emit_code(keys, KEY_OTHER, out);
    if (more && length < KEY_BYTES - 1) return false;
    text[length] = '\0';
    if (length >= 6 && memcmp(text, "\033[200~", 6) == 0) {
        keys->pasting = true;
        keys->length = 0;
        buffer_clear(&keys->paste);
        return false;
    }
    *out = (Key){.code = KEY_OTHER};
    char parameters[KEY_BYTES];
    snprintf(parameters, sizeof parameters, "%.*s", length - 3, text + 2);
    read_sequence(parameters, final, out);
    emit(keys, out);
    return true;
}

/* Terminals send a paste's line ends as CR. */
static void mend_line_ends(Buffer *paste)
{
    size_t to = 0;
    for (size_t from = 0; from < paste->length; from++) {
        char c = paste->data[from];
        if (c == '\r' && paste->data[from + 1] == '\n') continue;
        paste->data[to++] = (char)(c == '\r' ? '\n' : c);
    }
    paste->data[to] = '\0';
    paste->length = to;
}

/* Up to the end mark; more than the most, or than there is memory for, is left off. */
static bool take_pasted(Keys *keys, unsigned char byte, Key *out)
{
    Buffer *paste = &keys->paste;
    size_t mark = sizeof paste_end - 1;
    if (paste->length == KEYS_LONGEST_PASTE) {
        memmove(paste->data + paste->length - mark, paste->data + paste->length - mark + 1, mark - 1);
        paste->length--;
    }
    if (buffer_append(paste, &byte, 1) != STATUS_OK) return false;
    if (paste->length < mark || memcmp(paste->data + paste->length - mark, paste_end, mark) != 0) return false;
    paste->length -= mark;
    paste->data[paste->length] = '\0';
    mend_line_ends(paste);
    keys->pasting = false;
    *out = (Key){.code = KEY_PASTE};
    return true;
}

bool keys_take(Keys *keys, unsigned char byte, Key *out)
{
    if (keys->pasting) return take_pasted(keys, byte, out);
    keys->waiting[keys->length++] = (char)byte;
    bool whole = keys->waiting[0] == '\033' ? take_escape(keys, out) : emit_character(keys, 0, 0, out);
    if (!whole && keys->length == KEY_BYTES - 1) return emit_code(keys, KEY_OTHER, out);
    return whole;
}

bool keys_waiting(const Keys *keys)
{
    return keys->length > 0;
}

bool keys_pause(Keys *keys, Key *out)
{
    if (!keys->length) return false;
    bool alone = keys->waiting[0] == '\033' && keys->length == 1;
    bool alt = keys->waiting[0] == '\033' && keys->length == 2;
    if (!alt) return emit_code(keys, alone ? KEY_ESCAPE : KEY_OTHER, out);
    *out = (Key){.code = (unsigned char)keys->waiting[1], .modifiers = KEY_ALT};
    emit(keys, out);
    return true;
}

const char *keys_pasted(const Keys *keys)
{
    return keys->paste.data ? keys->paste.data : "";
}

void keys_free(Keys *keys)
{
    buffer_free(&keys->paste);
    *keys = (Keys){0};
}

/* --- names --- */

static const struct Named {
    int code;
    const char *name;
} named[] = {{KEY_TAB, "tab"},        {KEY_ENTER, "enter"},      {KEY_ESCAPE, "esc"},
             {KEY_SPACE, "space"},    {KEY_BACKSPACE, "back"},   {KEY_UP, "up"},
             {KEY_DOWN, "down"},      {KEY_RIGHT, "right"},      {KEY_LEFT, "left"},
             {KEY_HOME, "home"},      {KEY_END, "end"},          {KEY_INSERT, "ins"},
             {KEY_DELETE, "del"},     {KEY_PAGE_UP, "pgup"},     {KEY_PAGE_DOWN, "pgdn"},
             {KEY_BACK_TAB, "S-tab"}, {KEY_WHEEL_UP, "wheelup"}, {KEY_WHEEL_DOWN, "wheeldown"}};

static const char *plain_name(int code, char *out)
{
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (named[i].code == code) return named[i].name;
    if (code >= KEY_F1 && code <= KEY_F12) {
        snprintf(out, 8, "F%d", (code - KEY_F1 + 1) & 15);
    } else if (code > 0 && code < 32) {
        snprintf(out, 8, "C-%c", (code + 96) & 127);
    } else if (code > 32 && code < KEY_FIRST_NAMED) {
        out[utf8proc_encode_char(code, (uint8_t *)out)] = '\0';
    } else {
        return "";
    }
    return out;
}

const char *key_name(const Key *key, char *out)
{
    char plain[8];
    const char *name = plain_name(key->code, plain);
    snprintf(out, 16, "%s%s%s%s", key->modifiers & KEY_CONTROL ? "C-" : "", key->modifiers & KEY_ALT ? "A-" : "",
             key->modifiers & KEY_SHIFT ? "S-" : "", name);
    return out;
}

static bool is_named(const char *name)
{
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (strcmp(named[i].name, name) == 0) return true;
    return name[0] == 'F' && atoi(name + 1) >= 1 && atoi(name + 1) <= 12;
}

bool key_is_name(const char *name)
{
    int32_t letter;
    if (is_named(name)) return true;
    while ((name[0] == 'C' || name[0] == 'A' || name[0] == 'S') && name[1] == '-' && name[2]) name += 2;
    if (is_named(name)) return true;
    utf8proc_ssize_t used = utf8proc_iterate((const uint8_t *)name, -1, &letter);
    return used > 0 && name[used] == '\0' && letter > 32;
}
