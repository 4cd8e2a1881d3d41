/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/plot.h"

#include "engine/base/memory.h"

#include <string.h>
#include <utf8proc.h>

static const struct Cells {
    int width, height;
} cells[PLOT_KINDS] = {[PLOT_BRAILLE] = {2, 4}, [PLOT_BLOCKS] = {2, 2}, [PLOT_ASCII] = {1, 1}};

int plot_cell_width(PlotKind kind)
{
    return cells[kind].width;
}

int plot_cell_height(PlotKind kind)
{
    return cells[kind].height;
}

Status plot_make(Plot *plot, PlotKind kind, int columns, int rows)
{
    size_t count = (size_t)(columns > 0 ? columns : 0) * (size_t)(rows > 0 ? rows : 0);
    *plot = (Plot){.kind = kind,
                   .width = columns * cells[kind].width,
                   .height = rows * cells[kind].height,
                   .layer = PLOT_FRONT};
    TRY(memory_new(3 * count + 1, 1, &plot->bits));
    plot->styles = plot->bits + count;
    plot->layers = plot->styles + count;
    return STATUS_OK;
}

void plot_free(Plot *plot)
{
    memory_free(plot->bits);
    *plot = (Plot){0};
}

/* Every second dot; of blocks, which are so few that this might be a line, one of a cell. */
static bool is_thin_dot(PlotKind kind, int x, int y)
{
    if (kind == PLOT_ASCII) return true;
    return kind == PLOT_BLOCKS ? !(x & 1) && !(y & 1) : !((x ^ y) & 1);
}

/* Bits are counted by rows from the top, two to a row. */
static void set_dot(Plot *plot, int x, int y, Style style)
{
    if (x < 0 || y < 0 || x >= plot->width || y >= plot->height) return;
    int width = cells[plot->kind].width, height = cells[plot->kind].height;
    int from_top = plot->height - 1 - y;
    int cell = from_top / height * (plot->width / width) + x / width;
    if (plot->layers[cell] > plot->layer) return;
    if (plot->thin && !is_thin_dot(plot->kind, x, y)) return;
    if (plot->layers[cell] < plot->layer) plot->bits[cell] = 0;
    plot->layers[cell] = (uint8_t)plot->layer;
    plot->bits[cell] |= (uint8_t)(1u << (from_top % height * width + x % width));
    plot->styles[cell] = (uint8_t)style;
}

void plot_column(Plot *plot, int x, int a, int b, Style style)
{
    if (a > b) {
        int swap = a;
        a = b;
        b = swap;
    }
    if (a < 0) a = 0;
    if (b >= plot->height) b = plot->height - 1;
    for (int y = a; y <= b; y++) set_dot(plot, x, y, style);
}

void plot_line(Plot *plot, int x0, int y0, int x1, int y1, Style style)
{
    int before = y0;
    for (int x = x0 + 1; x <= x1; x++) {
        int y = y0 + (int)((int64_t)(y1 - y0) * (x - x0) / (x1 - x0));
        int from = y > before ? before + 1 : y < before ? before - 1 : y;
        plot_column(plot, x, from, y, style);
        before = y;
    }
}

/* Braille counts its dots down the left, down the right, and the lowest row last. */
static int32_t braille(uint8_t bits)
{
    static const uint8_t order[8] = {0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80};
    int32_t point = 0x2800;
    for (int i = 0; i < 8; i++)
        if (bits & 1u << i) point |= order[i];
    return point;
}

static const char *const blocks[16] = {" ", "▘", "▝", "▀", "▖", "▌", "▞", "▛",
                                       "▗", "▚", "▐", "▜", "▄", "▙", "▟", "█"};
static const char letters[] = "*o+x#%@&"; /* a series each */

static void glyph(const Plot *plot, int cell, char out[8])
{
    uint8_t bits = plot->bits[cell];
    memset(out, 0, 8);
    if (plot->kind == PLOT_BRAILLE)
        utf8proc_encode_char(braille(bits), (uint8_t *)out);
    else if (plot->kind == PLOT_BLOCKS)
        strcpy(out, blocks[bits & 15]);
    else
        out[0] = plot->styles[cell] < STYLE_SHADE ? letters[(plot->styles[cell] - STYLE_SERIES) % 8] : '.';
}

void plot_draw(const Plot *plot, Area area)
{
    int columns = plot->width / cells[plot->kind].width, rows = plot->height / cells[plot->kind].height;
    char text[8];
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++) {
            int cell = y * columns + x;
            if (!plot->bits[cell]) continue;
            glyph(plot, cell, text);
            area_text(area, x, y, (Style)plot->styles[cell], text);
        }
}
