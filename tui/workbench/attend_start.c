/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The start screen on a terminal: one loop that reads keys and draws. */
#include "tui/workbench/attend.h"
#include "tui/workbench/screen.h"
#include "tui/workbench/settings.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MOST_BYTES = 512, LOOK_MILLISECONDS = 200 };

static Status show(const Start *start, Grid *grid)
{
    int width, height, x, y;
    screen_size(&width, &height);
    TRY(grid_resize(grid, width, height));
    start_draw(start, grid, &x, &y);
    if (!screen_utf8()) grid_make_ascii(grid);
    screen_show(grid, x, y);
    return STATUS_OK;
}

static void press(Start *start, const Key *key, const char *pasted)
{
    if (key->code == 26)
        screen_suspend();
    else
        start_key(start, key, pasted);
}

/* Waits for keys, or a little: the window may have changed. */
static void take_keys(Start *start, Keys *keys)
{
    unsigned char bytes[MOST_BYTES];
    Key key;
    struct pollfd list = {.fd = screen_input(), .events = POLLIN};
    if (poll(&list, 1, keys_waiting(keys) ? KEYS_ESCAPE_MILLISECONDS : LOOK_MILLISECONDS) == 0)
        while (keys_pause(keys, &key)) press(start, &key, "");
    if (!list.revents) return;
    ssize_t got = read(screen_input(), bytes, sizeof bytes);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) start->choice = START_LEAVE;
    for (ssize_t i = 0; i < got && start->choice == START_NOTHING; i++)
        if (keys_take(keys, bytes[i], &key)) press(start, &key, keys_pasted(keys));
}

/* Colours and the mouse as init.lua has them; what is wrong with it is told. */
static Status take_settings(Start *start)
{
    Settings settings;
    Buffer trouble = {0};
    TRY(settings_load(&settings, &trouble));
    screen_theme((int)settings.theme);
    screen_mouse(settings.mouse);
    if (trouble.length)
        snprintf(start->note, sizeof start->note, "%.*s", (int)strcspn(trouble.data, "\n"), trouble.data);
    buffer_free(&trouble);
    return STATUS_OK;
}

Status attend_start(Start *start)
{
    Keys keys = {0};
    Grid grid = {0};
    TRY(screen_open());
    Status status = take_settings(start);
    while (status == STATUS_OK && start->choice == START_NOTHING) {
        status = show(start, &grid);
        take_keys(start, &keys);
        if (start->port.tick) start->port.tick(start->port.context);
    }
    screen_close();
    keys_free(&keys);
    grid_free(&grid);
    return status;
}
