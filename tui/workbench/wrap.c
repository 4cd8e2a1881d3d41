/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/wrap.h"

#include <string.h>

size_t wrap_cut(const char *text, int columns)
{
    size_t whole = text_cut(text, columns), at = whole;
    if (!text[whole]) return whole;
    if (text[whole] == ' ') return whole;
    while (at > 0 && text[at - 1] != ' ') at--;
    size_t blank = at;
    while (blank > 0 && text[blank - 1] == ' ') blank--;
    return blank ? at : whole; /* an indent alone is no row */
}

/* Behind the spaces that a row ends with. */
static const char *next_row(const char *text, size_t used)
{
    text += used;
    return text + strspn(text, " ");
}

static int room(int columns, int indent, int row)
{
    int left = row ? columns - indent : columns;
    return left < 1 ? 1 : left;
}

int wrap_rows(const char *text, int columns, int indent)
{
    int rows = 1;
    for (size_t used; (used = wrap_cut(text, room(columns, indent, rows - 1))); rows++) {
        text = next_row(text, used);
        if (!*text) break;
    }
    return rows;
}

int wrap_draw(Area area, int y, Style style, const char *text, int indent, int first)
{
    char part[8 * GRID_MAX_WIDTH];
    for (int row = 0; *text && y < area.rect.height; row++) {
        int columns = room(area.rect.width, indent, row);
        size_t used = wrap_cut(text, columns);
        if (used >= sizeof part) used = sizeof part - 1;
        if (!used) break;
        memcpy(part, text, used);
        part[used] = '\0';
        if (row >= first) area_text(area, area.rect.width > indent && row ? indent : 0, y++, style, part);
        text = next_row(text, used);
    }
    return y;
}
