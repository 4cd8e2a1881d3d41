/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A field of dots finer than cells: 2x4 to a cell in braille, 2x2 in blocks, one in ASCII. plot_free() frees it. */
#ifndef LATHE_WORKBENCH_PLOT_H
#define LATHE_WORKBENCH_PLOT_H

#include "tui/workbench/grid.h"

typedef enum PlotKind { PLOT_BRAILLE, PLOT_BLOCKS, PLOT_ASCII, PLOT_KINDS } PlotKind;

/* What lies behind gives way in a cell where something stands in front. */
typedef enum PlotLayer { PLOT_NOTHING, PLOT_BEHIND, PLOT_FRONT } PlotLayer;

typedef struct Plot {
    PlotKind kind;
    int width, height; /* in dots */
    PlotLayer layer;   /* of what is drawn next */
    bool thin;         /* not every dot of it; in ASCII, all */
    uint8_t *bits;     /* of each cell */
    uint8_t *styles;   /* of the series that last drew there */
    uint8_t *layers;   /* the foremost that was drawn there */
} Plot;

Status plot_make(Plot *plot, PlotKind kind, int columns, int rows) STATUS_CHECKED;
void plot_free(Plot *plot);
int plot_cell_width(PlotKind kind);
int plot_cell_height(PlotKind kind);
/* The dots of a column from row a to row b, either way round; row 0 is at the bottom. What is outside is left off.
 */
void plot_column(Plot *plot, int x, int a, int b, Style style);
/* A straight line, without its first column. */
void plot_line(Plot *plot, int x0, int y0, int x1, int y1, Style style);
/* Cells with dots are drawn; the others stay. */
void plot_draw(const Plot *plot, Area area);

#endif
