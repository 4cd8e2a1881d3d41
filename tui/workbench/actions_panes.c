/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/actions_panes.h"

#include "tui/workbench/forms.h"
#include "tui/workbench/panes.h"

#include <stdio.h>
#include <string.h>

/* --- rows and lines --- */

/* How far down the text of a pane may go. */
static int last_line(const Workbench *workbench, PaneId pane)
{
    const View *view = &workbench->view;
    Layout layout = layout_make(workbench->width, workbench->height, &view->focus);
    int width = layout.panes[pane].width - (layout.framed ? 2 : 0);
    if (pane == PANE_SAMPLES) return pane_page_rows(&view->samples, width) - 1;
    if (pane == PANE_DATA) return pane_page_rows(&view->data, width) - 1;
    return MODEL_TOKENS - 1;
}

void move_by(Workbench *workbench, int by)
{
    View *view = &workbench->view;
    PaneId pane = view->focus.pane;
    int rows = panes[pane].rows ? panes[pane].rows(view) : 0, *at = rows ? &view->rows[pane] : &view->offsets[pane];
    if (!rows && !panes[pane].from_top) {
        view_scroll(view, pane, -by);
        return;
    }
    int most = rows ? rows - 1 : last_line(workbench, pane);
    *at += by;
    if (*at > most) *at = most;
    if (*at < 0) *at = 0;
}

/* --- objectives --- */

void toggle_line(const View *view, Buffer *out)
{
    const ViewObjective *objective = view_selected_objective(view);
    if (!objective) return;
    Status status = buffer_printf(out, "run.objectives.%s.enabled = %s", objective->name,
                                  objective->enabled ? "false" : "true");
    (void)status; /* a line that is not whole is not sent */
}

void edit_line(const View *view, Buffer *out)
{
    const ViewObjective *objective = view_selected_objective(view);
    if (!objective) return;
    Status status = buffer_printf(out, "run.objectives.%s.weight = %.6g", objective->name, objective->weight);
    (void)status; /* it is shown before it is sent */
}

void remove_line(const View *view, Buffer *out)
{
    const ViewObjective *objective = view_selected_objective(view);
    if (!objective) return;
    Status status = buffer_printf(out, "run:remove_objective(\"%s\")", objective->name);
    (void)status; /* it is shown before it is sent */
}

/* The line is shown to be changed and sent. */
static void ask(Workbench *workbench, void (*line)(const View *view, Buffer *out))
{
    Buffer text = {0};
    line(&workbench->view, &text);
    if (text.data) workbench_ask(workbench, FIELD_LINE, "lathe> ", text.data);
    if (!text.data) workbench_note(workbench, "nothing is selected here");
    buffer_free(&text);
}

void ask_weight(Workbench *workbench)
{
    ask(workbench, edit_line);
}

void ask_removal(Workbench *workbench)
{
    ask(workbench, remove_line);
}

#define FORM(name, id)                                                                                             \
    void name(Workbench *workbench)                                                                                \
    {                                                                                                              \
        if (!forms_open(&workbench->view, id))                                                                     \
            workbench_note(workbench, "the run has not said yet what there is");                                   \
    }
FORM(form_add_objective, FORM_ADD_OBJECTIVE)
FORM(form_objective, FORM_OBJECTIVE)
FORM(form_optimizer, FORM_OPTIMIZER)
FORM(form_schedule, FORM_SCHEDULE)
FORM(form_prune, FORM_PRUNE)
FORM(form_adapt, FORM_ADAPT)
#undef FORM

/* --- the model --- */

static void remake(Workbench *workbench)
{
    model_view_make_rows(&workbench->view.model, &workbench->view.rows[PANE_MODEL]);
}

static void send_about(Workbench *workbench, const ModelRow *row)
{
    char line[FIELD_BYTES];
    model_view_lua(&workbench->view.model, row, line, sizeof line);
    workbench_send(workbench, line);
}

static void turn_head(ModelView *model, int by)
{
    int heads = model->map.heads > 0 ? model->map.heads : 1;
    model->head = (model->head + by + heads) % heads;
}

static void turn_layer(Workbench *workbench, int by)
{
    ModelView *model = &workbench->view.model;
    int layers = model->map.layers > 0 ? model->map.layers : 1;
    if (model->mode == MODEL_ATTENTION)
        model->layer = (model->layer + by + layers) % layers;
    else
        workbench_note(workbench, "A shows maps of attention; there [ and ] are their layers");
}

void layer_before(Workbench *workbench)
{
    turn_layer(workbench, -1);
}

void layer_behind(Workbench *workbench)
{
    turn_layer(workbench, 1);
}

/* Opens a module; shows the values of a parameter at the prompt, where they have room. */
void open_module(Workbench *workbench)
{
    ModelView *model = &workbench->view.model;
    const ModelRow *row = view_selected_row(&workbench->view);
    if (model->mode == MODEL_ATTENTION) {
        turn_head(model, 1);
    } else if (row && model->mode == MODEL_TREE) {
        if (row->leaf) {
            send_about(workbench, row);
            return;
        }
        model_view_toggle(model, row);
        remake(workbench);
    }
}

/* Closes an open module, or goes to the one around it. */
void close_module(Workbench *workbench)
{
    View *view = &workbench->view;
    const ModelRow *row = view_selected_row(view);
    if (view->model.mode == MODEL_ATTENTION) {
        turn_head(&view->model, -1);
    } else if (row && view->model.mode == MODEL_TREE) {
        int parent = model_view_parent(&view->model, view->rows[PANE_MODEL]);
        if (row->open)
            model_view_toggle(&view->model, row);
        else if (parent >= 0)
            view->rows[PANE_MODEL] = parent;
        remake(workbench);
    }
}

void freeze_line(const View *view, Buffer *out)
{
    const ModelRow *row = view_selected_row(view);
    char text[FIELD_BYTES];
    if (!row) return;
    model_view_lua(&view->model, row, text, sizeof text);
    Status status = buffer_printf(out, "%s.frozen = %s", text, row->frozen ? "false" : "true");
    (void)status; /* a line that is not whole is not sent */
}

void exact_shares_line(const View *view, Buffer *out)
{
    const ModelRow *row = view->focus.pane == PANE_MODEL ? view_selected_row(view) : NULL;
    char text[FIELD_BYTES] = "";
    if (row) model_view_lua(&view->model, row, text, sizeof text);
    Status status = buffer_printf(out, "gradient_shares(%s)", text);
    (void)status; /* a line that is not whole is not sent */
}

/* By each column that has numbers, then as a tree again. */
void sort_model(Workbench *workbench)
{
    ModelView *model = &workbench->view.model;
    if (!model->sorted)
        model->sorted = true, model->sort_by = COLUMN_NORM;
    else if (model->sort_by < COLUMN_WEIGHTS)
        model->sort_by++;
    else
        model->sorted = false;
    workbench->view.rows[PANE_MODEL] = 0;
    model->row_count = 0; /* the first row, whatever was selected */
    remake(workbench);
}

void filter_model(Workbench *workbench)
{
    workbench->view.model.mode = MODEL_TREE;
    workbench_ask(workbench, FIELD_MODEL, "/", workbench->view.model.filter.text);
}

static void shift_columns(Workbench *workbench, int by)
{
    ModelView *model = &workbench->view.model;
    int first = (int)model->first_column + by;
    if (first >= 0 && first < MODEL_COLUMNS) model->first_column = (ModelColumn)first;
}

void more_columns(Workbench *workbench)
{
    shift_columns(workbench, 1);
}

void fewer_columns(Workbench *workbench)
{
    shift_columns(workbench, -1);
}

void show_spread(Workbench *workbench)
{
    ModelView *model = &workbench->view.model;
    const ModelRow *row = view_selected_row(&workbench->view);
    if (model->mode == MODEL_SPREAD) {
        model->mode = MODEL_TREE;
    } else if (!row || !row->leaf) {
        workbench_note(workbench, "choose a parameter: the values of a module are of many kinds");
    } else {
        bool same = model->spread_model == row->model && strcmp(model->spread_path, row->path) == 0;
        model->mode = MODEL_SPREAD;
        model->spread_model = row->model;
        memcpy(model->spread_path, row->path, sizeof model->spread_path);
        if (!same) model->time_count = 0;
    }
}

void show_attention(Workbench *workbench)
{
    ModelView *model = &workbench->view.model;
    model->mode = model->mode == MODEL_ATTENTION ? MODEL_TREE : MODEL_ATTENTION;
    workbench->view.offsets[PANE_MODEL] = 0;
}

void ask_attention_text(Workbench *workbench)
{
    if (workbench->view.model.mode != MODEL_ATTENTION) show_attention(workbench);
    workbench_ask(workbench, FIELD_ATTENTION, "attention of: ", workbench->view.model.text.text);
}

/* One step back to the whole tree. */
void model_back(Workbench *workbench)
{
    ModelView *model = &workbench->view.model;
    if (model->mode == MODEL_ATTENTION && model->text.text[0])
        field_set(&model->text, "");
    else if (model->mode != MODEL_TREE)
        model->mode = MODEL_TREE;
    else if (model->filter.text[0])
        field_set(&model->filter, "");
    else
        model->sorted = false;
    workbench->view.offsets[PANE_MODEL] = 0;
    remake(workbench);
}

/* --- samples and data --- */

static void turn_page(Workbench *workbench, int by)
{
    View *view = &workbench->view;
    view->offsets[view->focus.pane] = 0;
    if (view->focus.pane == PANE_SAMPLES)
        pages_turn(&view->samples, by);
    else if (view->data_ahead + by >= 0)
        view->data_ahead += by;
}

void page_before(Workbench *workbench)
{
    turn_page(workbench, -1);
}

void page_behind(Workbench *workbench)
{
    turn_page(workbench, 1);
}

void freeze_page(Workbench *workbench)
{
    View *view = &workbench->view;
    Pages *pages = view->focus.pane == PANE_DATA ? &view->data : &view->samples;
    pages->frozen = !pages->frozen;
    if (!pages->frozen) view->offsets[view->focus.pane] = 0, pages->turned = false;
}

void ask_sample(Workbench *workbench)
{
    workbench_ask(workbench, FIELD_SAMPLE,
                  "a text of yours, [MASK] for words to guess: ", workbench->view.samples_text.text);
}

void take_sample(Workbench *workbench, const char *text)
{
    View *view = &workbench->view;
    field_set(&view->samples_text, text);
    pages_clear(&view->samples);
    view->offsets[PANE_SAMPLES] = 0;
}

void forget_sample(Workbench *workbench)
{
    take_sample(workbench, "");
}
