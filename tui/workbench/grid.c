/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/grid.h"

#include "engine/base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

enum { REPLACEMENT = 0xfffd, LEAST_FOR_MORE = 12 };

/* --- text as graphemes --- */

typedef struct Walk {
    const char *at, *end;
    int32_t before, state; /* for the rule where a grapheme ends */
} Walk;

/* The next code point; what cannot be shown is replaced. */
static int32_t take_point(Walk *walk)
{
    int32_t point;
    utf8proc_ssize_t used = utf8proc_iterate((const uint8_t *)walk->at, walk->end - walk->at, &point);
    if (used <= 0) {
        walk->at++;
        return REPLACEMENT;
    }
    walk->at += used;
    if (point == '\t') return ' ';
    bool control = point < 0x20 || (point >= 0x7f && point < 0xa0);
    bool directs = (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
    return control || directs ? REPLACEMENT : point;
}

/* Puts the next grapheme into the cell, its width included; false at the end. What does not fit into a cell's bytes
 * is left off. */
static bool take_grapheme(Walk *walk, Cell *out)
{
    size_t length = 0;
    uint8_t bytes[4];
    memset(out->text, 0, sizeof out->text);
    out->width = 0;
    while (walk->at < walk->end && *walk->at) {
        Walk ahead = *walk;
        int32_t point = take_point(&ahead);
        bool begins = !walk->before || utf8proc_grapheme_break_stateful(walk->before, point, &ahead.state);
        if (begins && length) return true;
        ahead.before = point;
        *walk = ahead;
        int width = utf8proc_charwidth(point);
        if (width <= 0 && !length) continue; /* a mark without a letter */
        size_t size = (size_t)utf8proc_encode_char(point, bytes);
        if (length + size < sizeof out->text) memcpy(out->text + length, bytes, size), length += size;
        if (width > out->width) out->width = (uint8_t)(width > 2 ? 2 : width);
    }
    return length > 0;
}

int text_columns_of(const char *text, size_t length)
{
    Walk walk = {.at = text, .end = text + length};
    Cell cell;
    int columns = 0;
    while (take_grapheme(&walk, &cell)) columns += cell.width;
    return columns;
}

int text_columns(const char *text)
{
    return text_columns_of(text, strlen(text));
}

/* Looks no further than the columns can need: texts may be long. */
size_t text_cut(const char *text, int columns)
{
    enum { BYTES_OF_A_COLUMN = 64 };
    if (columns < 1) return 0;
    Walk walk = {.at = text, .end = text + strnlen(text, (size_t)(columns + 1) * BYTES_OF_A_COLUMN)};
    Cell cell;
    const char *end = text;
    while (take_grapheme(&walk, &cell) && cell.width <= columns) {
        columns -= cell.width;
        end = walk.at;
    }
    return (size_t)(end - text);
}

/* --- the grid --- */

static const Cell blank = {.text = " ", .width = 1};

Status grid_resize(Grid *grid, int width, int height)
{
    width = width < 1 ? 1 : width > GRID_MAX_WIDTH ? GRID_MAX_WIDTH : width;
    height = height < 1 ? 1 : height > GRID_MAX_HEIGHT ? GRID_MAX_HEIGHT : height;
    if (width != grid->width || height != grid->height || !grid->cells) {
        TRY(memory_resize(&grid->cells, (size_t)width * (size_t)height, sizeof *grid->cells));
        grid->width = width;
        grid->height = height;
    }
    grid_clear(grid);
    return STATUS_OK;
}

void grid_free(Grid *grid)
{
    memory_free(grid->cells);
    *grid = (Grid){0};
}

void grid_clear(Grid *grid)
{
    for (int i = 0; i < grid->width * grid->height; i++) grid->cells[i] = blank;
}

Cell *grid_cell(const Grid *grid, int x, int y)
{
    bool inside = x >= 0 && y >= 0 && x < grid->width && y < grid->height;
    return inside ? &grid->cells[y * grid->width + x] : NULL;
}

/* A wide cell that loses one half loses the other. */
static void put(const Grid *grid, int x, int y, const Cell *cell)
{
    Cell *at = grid_cell(grid, x, y), *left = grid_cell(grid, x - 1, y);
    Cell *right = grid_cell(grid, x + cell->width, y);
    if (at->width == 0 && left) *left = blank;
    if (right && right->width == 0) *right = blank;
    *at = *cell;
    if (cell->width == 2) at[1] = (Cell){.style = cell->style};
}

Status grid_print(const Grid *grid, Buffer *out)
{
    for (int y = 0; y < grid->height; y++) {
        size_t end = out->length;
        for (int x = 0; x < grid->width; x++) {
            const Cell *cell = grid_cell(grid, x, y);
            TRY(buffer_text(out, cell->text));
            if (cell->width && strcmp(cell->text, " ") != 0) end = out->length;
        }
        out->length = end;
        TRY(buffer_text(out, "\n"));
    }
    return STATUS_OK;
}

/* --- without UTF-8 --- */

/* Each likeness with the code points that it stands for. */
static const struct Likeness {
    char letter;
    const char *of;
} likenesses[] = {
    {'-', "─━╌┄┈┉╍┅–—−"},
    {'|', "│┃┊┆╎▏▎▍▕"},
    {'+', "┌┐└┘┏┓┗┛├┤┬┴┼┣┫┳┻╋"},
    {'>', "▶▸→⏵"},
    {'<', "◀←"},
    {'^', "▲↑"},
    {'v', "▼▾↓"},
    {'*', "●•█⎇"},
    {'x', "×✗"},
    {'#', "▉▊▋▌▓▒▇▆"},
    {'=', "▅▄═"},
    {'_', "▁▂"},
    {'-', "▃"},
    {'.', "·…░"},
    {'o', "○"},
    {'!', "■"},
    {'Y', "◆"},
    {'d', "Δ"},
};

static char likeness_of(const char *text)
{
    for (size_t i = 0; i < sizeof likenesses / sizeof *likenesses; i++) {
        const char *found = strstr(likenesses[i].of, text);
        if (found) return likenesses[i].letter;
    }
    return '?';
}

void grid_make_ascii(Grid *grid)
{
    for (int i = 0; i < grid->width * grid->height; i++) {
        Cell *cell = &grid->cells[i];
        if (cell->width == 1 && !(cell->text[0] & 0x80) && !cell->text[1]) continue;
        char letter = cell->width == 0 ? '?' : likeness_of(cell->text);
        memset(cell->text, 0, sizeof cell->text);
        cell->text[0] = letter;
        cell->width = 1;
    }
}

/* --- areas --- */

Area area_whole(Grid *grid)
{
    return (Area){grid, {0, 0, grid->width, grid->height}};
}

static int limited(int value, int least, int most)
{
    return value > most ? (most < least ? least : most) : value < least ? least : value;
}

Area area_part(Area area, int x, int y, int width, int height)
{
    int left = limited(x, 0, area.rect.width), top = limited(y, 0, area.rect.height);
    int right = limited(x + width, left, area.rect.width), bottom = limited(y + height, top, area.rect.height);
    area.rect = (Rect){area.rect.x + left, area.rect.y + top, right - left, bottom - top};
    return area;
}

/* Only columns from 'from' on are drawn. */
static int draw_text(Area area, int from, int x, int y, Style style, const char *text)
{
    Walk walk = {.at = text, .end = text + strlen(text)};
    Cell cell;
    while (take_grapheme(&walk, &cell)) {
        int width = cell.width;
        if (width == 0) continue;
        cell.style = (uint8_t)style;
        bool row = y >= 0 && y < area.rect.height;
        if (row && x >= from && x + width <= area.rect.width)
            put(area.grid, area.rect.x + x, area.rect.y + y, &cell);
        else if (row && width == 2 && x >= from && x < area.rect.width)
            area_text(area, x, y, style, " ");
        x += width;
    }
    return x;
}

int area_text(Area area, int x, int y, Style style, const char *text)
{
    return draw_text(area, 0, x, y, style, text);
}

int area_brief(Area area, int x, int y, Style style, const char *text)
{
    int end = area_text(area, x, y, style, text);
    if (end > area.rect.width && x < area.rect.width) area_text(area, area.rect.width - 1, y, style, "…");
    return end;
}

int area_print(Area area, int x, int y, Style style, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return area_text(area, x, y, style, text);
}

void area_right(Area area, int from, int y, Style style, const char *text)
{
    draw_text(area, from < 0 ? 0 : from, area.rect.width - text_columns(text), y, style, text);
}

static void say_more(Area area, int y, const char *arrow, int rows)
{
    char text[24];
    if (rows <= 0 || area.rect.width < LEAST_FOR_MORE) return;
    snprintf(text, sizeof text, " %s%d", arrow, rows);
    area_right(area, area.rect.width - text_columns(text), y, STYLE_DIM, text);
}

void area_more(Area area, int first, int count)
{
    say_more(area, 0, "↑", first);
    say_more(area, area.rect.height - 1, "↓", count - first - area.rect.height);
}

void area_fill(Area area, Style style, const char *text)
{
    for (int y = 0; y < area.rect.height; y++)
        for (int x = 0; x < area.rect.width; x++) area_text(area, x, y, style, text);
}

void area_style(Area area, int x, int y, int width, Style style)
{
    for (int i = 0; i < width; i++, x++) {
        bool inside = x >= 0 && x < area.rect.width && y >= 0 && y < area.rect.height;
        Cell *cell = inside ? grid_cell(area.grid, area.rect.x + x, area.rect.y + y) : NULL;
        if (cell) cell->style = (uint8_t)style;
    }
}

void area_link_part(Area area, int x, int y, int width, int link)
{
    Area part = area_part(area, x, y, width, 1);
    for (int i = 0; i < part.rect.width && part.rect.height && y >= 0; i++) {
        Cell *cell = grid_cell(part.grid, part.rect.x + i, part.rect.y);
        if (cell && link < INT16_MAX) cell->link = (int16_t)(link + 1);
    }
}

void area_link(Area area, int y, int link)
{
    area_link_part(area, 0, y, area.rect.width, link);
}

int grid_link(const Grid *grid, int x, int y)
{
    const Cell *cell = grid_cell(grid, x, y);
    return cell ? cell->link - 1 : -1;
}

void area_frame(Area area, bool heavy, const char *title)
{
    static const char *const light_parts[] = {"┌", "┐", "└", "┘", "─", "│"};
    static const char *const heavy_parts[] = {"┏", "┓", "┗", "┛", "━", "┃"};
    const char *const *parts = heavy ? heavy_parts : light_parts;
    Style style = heavy ? STYLE_FOCUS : STYLE_FRAME;
    int right = area.rect.width - 1, bottom = area.rect.height - 1;
    for (int x = 0; x <= right; x++) {
        area_text(area, x, 0, style, x == 0 ? parts[0] : x == right ? parts[1] : parts[4]);
        area_text(area, x, bottom, style, x == 0 ? parts[2] : x == right ? parts[3] : parts[4]);
    }
    for (int y = 1; y < bottom; y++) {
        area_text(area, 0, y, style, parts[5]);
        area_text(area, right, y, style, parts[5]);
    }
    Area top = area_part(area, 2, 0, right - 3, 1);
    char text[256];
    if (!title || top.rect.width <= 2) return;
    snprintf(text, sizeof text, " %.250s ", title);
    area_brief(top, 0, 0, style, text);
}
