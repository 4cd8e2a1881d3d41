/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A screen as cells: every view draws into one, so that it can be tested as text; only screen_curses.c shows it.
 * Whoever makes a grid frees it with grid_free(). */
#ifndef LATHE_WORKBENCH_GRID_H
#define LATHE_WORKBENCH_GRID_H

#include "engine/base/buffer.h"
#include "tui/workbench/style.h"

#include <stdbool.h>
#include <stdint.h>

enum { CELL_BYTES = 20, GRID_MAX_WIDTH = 1000, GRID_MAX_HEIGHT = 500 };

/* A grapheme of one or two columns. width 0: the right half of the cell before it. */
typedef struct Cell {
    char text[CELL_BYTES];
    uint8_t width, style;
    int16_t link; /* what a click on it means to whoever drew it, from 1; 0: nothing */
} Cell;

typedef struct Rect {
    int x, y, width, height;
} Rect;

typedef struct Grid {
    int width, height;
    Cell *cells;
} Grid;

/* Blank, of a size that is cut to the largest; the old content is lost. */
Status grid_resize(Grid *grid, int width, int height) STATUS_CHECKED;
void grid_free(Grid *grid);
void grid_clear(Grid *grid);
/* NULL outside of it. */
Cell *grid_cell(const Grid *grid, int x, int y);
/* Each row with a newline, without spaces at its end. */
Status grid_print(const Grid *grid, Buffer *out) STATUS_CHECKED;
/* For terminals without UTF-8: frames, arrows and bars become ASCII, what has no likeness '?'. */
void grid_make_ascii(Grid *grid);

/* A part of a grid; nothing that is drawn leaves it, and places are counted from its corner. */
typedef struct Area {
    Grid *grid;
    Rect rect;
} Area;

Area area_whole(Grid *grid);
/* The part of an area, cut to it. */
Area area_part(Area area, int x, int y, int width, int height);
/* Returns the column behind the text, also of what was cut off. Control characters and bytes that are no UTF-8 show
 * as U+FFFD, a tab as a space. */
int area_text(Area area, int x, int y, Style style, const char *text);
/* As area_text(); where something is cut off at the right edge, the last column says so. */
int area_brief(Area area, int x, int y, Style style, const char *text);
int area_print(Area area, int x, int y, Style style, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Ends at the right edge; begins no further left than 'from', cut at its beginning then. */
void area_right(Area area, int from, int y, Style style, const char *text);
/* Says at the right edge how many of a list's rows are above and below those that the area shows. */
void area_more(Area area, int first, int count);
void area_fill(Area area, Style style, const char *text);
void area_style(Area area, int x, int y, int width, Style style);
/* What was drawn in a row means 'link', from 0, to a click, until something else is drawn there. */
void area_link(Area area, int y, int link);
void area_link_part(Area area, int x, int y, int width, int link);
/* -1: nothing. */
int grid_link(const Grid *grid, int x, int y);
/* A frame along its edges; heavy for the pane that has the keys. */
void area_frame(Area area, bool heavy, const char *title);

/* Columns of the text, as area_text() draws it. */
int text_columns(const char *text);
/* The first 'length' bytes. */
int text_columns_of(const char *text, size_t length);
/* Bytes of the longest beginning that is at most so many columns wide. */
size_t text_cut(const char *text, int columns);

#endif
