/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/scroll.h"

#include "engine/base/memory.h"

#include <string.h>

static Status begin_line(Scroll *scroll, Style style, const char *text, size_t length)
{
    char *copy;
    if (!scroll->lines) TRY(memory_new(SCROLL_LINES, sizeof *scroll->lines, &scroll->lines));
    TRY(memory_copy_bytes(text, length, &copy));
    if (scroll->count == SCROLL_LINES) {
        memory_free(scroll->lines[scroll->first].text);
        scroll->first = (scroll->first + 1) % SCROLL_LINES;
        scroll->count--;
    }
    scroll->lines[(scroll->first + scroll->count++) % SCROLL_LINES] = (ScrollLine){.text = copy, .style = style};
    scroll->begun++;
    return STATUS_OK;
}

static Status extend_line(Scroll *scroll, const char *text, size_t length)
{
    ScrollLine *line = &scroll->lines[(scroll->first + scroll->count - 1) % SCROLL_LINES];
    size_t before = strlen(line->text);
    if (before + length > SCROLL_LONGEST) length = before < SCROLL_LONGEST ? SCROLL_LONGEST - before : 0;
    TRY(memory_resize(&line->text, before + length + 1, 1));
    memcpy(line->text + before, text, length);
    line->text[before + length] = '\0';
    return STATUS_OK;
}

/* A zero byte ends what is shown of a line. */
Status scroll_add(Scroll *scroll, Style style, const char *text, size_t length)
{
    while (length) {
        const char *newline = memchr(text, '\n', length);
        size_t size = newline ? (size_t)(newline - text) : length;
        size_t kept = strnlen(text, size < SCROLL_LONGEST ? size : SCROLL_LONGEST);
        if (kept && text[kept - 1] == '\r') kept--;
        TRY(scroll->open ? extend_line(scroll, text, kept) : begin_line(scroll, style, text, kept));
        scroll->open = !newline;
        size += newline != NULL;
        text += size;
        length -= size;
    }
    return STATUS_OK;
}

Status scroll_line(Scroll *scroll, Style style, const char *text)
{
    if (scroll->open) TRY(scroll_add(scroll, style, "\n", 1));
    if (!*text) TRY(begin_line(scroll, style, "", 0));
    TRY(scroll_add(scroll, style, text, strlen(text)));
    scroll->open = false;
    return STATUS_OK;
}

Status scroll_stamped(Scroll *scroll, Style style, const char *text, const ScrollStamp *stamp)
{
    uint64_t before = scroll->begun;
    TRY(scroll_line(scroll, style, text));
    for (int i = 0; i < (int)(scroll->begun - before) && i < scroll->count; i++)
        scroll->lines[(scroll->first + scroll->count - 1 - i) % SCROLL_LINES].stamp = *stamp;
    return STATUS_OK;
}

const ScrollLine *scroll_get(const Scroll *scroll, int i)
{
    return i >= 0 && i < scroll->count ? &scroll->lines[(scroll->first + i) % SCROLL_LINES] : NULL;
}

void scroll_free(Scroll *scroll)
{
    for (int i = 0; i < scroll->count; i++) memory_free(scroll->lines[(scroll->first + i) % SCROLL_LINES].text);
    memory_free(scroll->lines);
    *scroll = (Scroll){0};
}
