/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The panes, a record each. Drawing is a function of the view; nobody frees anything. */
#ifndef LATHE_WORKBENCH_PANES_H
#define LATHE_WORKBENCH_PANES_H

#include "tui/workbench/view.h"

typedef struct Pane {
    const char *name, *doc;
    void (*draw)(const View *view, Area area);
    int (*rows)(const View *view); /* how many can be selected; NULL: none */
    bool from_top;                 /* its lines are counted from the top; otherwise from the end */
} Pane;

extern const Pane panes[PANE_COUNT];

void pane_curves_draw(const View *view, Area area);
void pane_objectives_draw(const View *view, Area area);
int pane_objectives_rows(const View *view);
void pane_model_draw(const View *view, Area area);
int pane_model_rows(const View *view);
void pane_spread_draw(const View *view, Area area);
void pane_attention_draw(const View *view, Area area);
void pane_samples_draw(const View *view, Area area);
void pane_data_draw(const View *view, Area area);
void pane_branches_draw(const View *view, Area area);
int pane_branches_rows(const View *view);
void pane_log_draw(const View *view, Area area);
/* Lines of the levels that are shown. */
int pane_log_rows(const View *view);
/* Scrolls to the next line with the text that is searched: direction 1 older, -1 newer, 0 the newest; false: there
 * is none. */
bool pane_log_find(View *view, int direction);
void pane_prompt_draw(const View *view, Area area);

/* Rows of the page that is shown at this width. */
int pane_page_rows(const Pages *pages, int width);

/* Where the prompt's cursor is in the area. */
void pane_prompt_cursor(const View *view, Area area, int *x, int *y);
/* The line of keys, or what is to be noted in its place (tui/workbench/draw_keys.c). Each key is a link to its
 * action.
 */
void draw_keys(const View *view, Area whole, int y);

/* The list that is open over the curves: metrics, or what else is drawn. */
void pane_curves_choices(const View *view, Area area);

typedef enum ChoiceKind { CHOICE_NONE, CHOICE_METRIC, CHOICE_BRANCH, CHOICE_RUN, CHOICE_PATH } ChoiceKind;

typedef struct CurvesChoice {
    ChoiceKind kind;
    const char *name;
    bool shown;
} CurvesChoice;

/* The i-th of it that holds the filter; CHOICE_NONE: there are not so many. */
CurvesChoice pane_curves_choice(const View *view, int i);

/* What the run does now, for the title: "▶ training", "evaluating 12/80", "no answer for 8 s" (state_words.c). */
void state_words(const View *view, bool narrow, char out[96]);
/* Lines up to 'back' before the end, wrapped at the area's width; only those that hold 'filter', which may be "".
 */
void draw_scroll(Area area, const Scroll *scroll, int back, const char *filter);
/* Says at the area's end that so many lines stand below it; nothing for 0. */
void draw_scrolled(Area area, int back);
/* The metric's course as one row of bars; blank where it has none. */
void draw_sparkline(const View *view, Area area, const char *metric, Style style);
/* The first row to draw so that the selected one is in sight. */
int first_row(int selected, int count, int height);

#endif
