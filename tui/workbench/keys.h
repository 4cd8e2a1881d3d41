/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes of a terminal as keys, clicks and pastes. The decoder never waits: whoever reads says when ESC has stood
 * alone for long enough (KEYS_ESCAPE_MILLISECONDS). keys_free() ends one. */
#ifndef LATHE_WORKBENCH_KEYS_H
#define LATHE_WORKBENCH_KEYS_H

#include "engine/base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

enum { KEYS_ESCAPE_MILLISECONDS = 25, KEY_BYTES = 32, KEYS_LONGEST_PASTE = 4 << 20 };

/* Values up to 0x10ffff are the character itself, control characters included (Tab is 9, Enter 13, Ctrl-A 1). */
typedef enum KeyCode {
    KEY_NONE = 0,
    KEY_TAB = 9,
    KEY_ENTER = 13,
    KEY_ESCAPE = 27,
    KEY_SPACE = 32,
    KEY_BACKSPACE = 127,
    KEY_FIRST_NAMED = 0x110000,
    KEY_UP,
    KEY_DOWN,
    KEY_RIGHT,
    KEY_LEFT,
    KEY_HOME,
    KEY_END,
    KEY_INSERT,
    KEY_DELETE,
    KEY_PAGE_UP,
    KEY_PAGE_DOWN,
    KEY_BACK_TAB,
    KEY_F1, /* and the eleven after it */
    KEY_F12 = KEY_F1 + 11,
    KEY_PRESS, /* of the first mouse button */
    KEY_RELEASE,
    KEY_WHEEL_UP,
    KEY_WHEEL_DOWN,
    KEY_PASTE, /* the text is keys_pasted() */
    KEY_OTHER, /* whole, and unknown */
} KeyCode;

enum { KEY_SHIFT = 1, KEY_ALT = 2, KEY_CONTROL = 4 };

typedef struct Key {
    int code;
    unsigned modifiers;
    int x, y;              /* of the mouse, from 0 */
    char bytes[KEY_BYTES]; /* as they came, for readline */
    int length;
} Key;

typedef struct Keys {
    char waiting[KEY_BYTES]; /* a sequence that is not whole yet */
    int length;
    bool pasting;
    Buffer paste;
} Keys;

/* Takes one byte; true: *out is a key. */
bool keys_take(Keys *keys, unsigned char byte, Key *out);
/* Whether a sequence was begun, so that a pause has a meaning. */
bool keys_waiting(const Keys *keys);
/* After the pause: what has come is a key of its own; to be called until it is false. */
bool keys_pause(Keys *keys, Key *out);
/* The text of the last KEY_PASTE, until the next one begins. */
const char *keys_pasted(const Keys *keys);
void keys_free(Keys *keys);

/* "space", "C-p", "F1", "q": as help shows it, and as keys are bound. out: at least 16 bytes. */
const char *key_name(const Key *key, char *out);
/* Whether a key has this name. */
bool key_is_name(const char *name);

#endif
