/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/topics.h"

#include "scripts/bind.h"

#define ON(pane) (1u << PANE_##pane)

static bool wants_parameters(const View *view)
{
    return view->model.mode != MODEL_ATTENTION;
}

static bool wants_spread(const View *view)
{
    return view->model.mode == MODEL_SPREAD;
}

static Status spread_arguments(const View *view, Buffer *out)
{
    TRY(bind_print_text(view->model.names[view->model.spread_model], out));
    TRY(buffer_text(out, ", "));
    return bind_print_text(view->model.spread_path, out);
}

static bool wants_attention(const View *view)
{
    return view->model.mode == MODEL_ATTENTION;
}

static Status attention_arguments(const View *view, Buffer *out)
{
    TRY(buffer_printf(out, "%d, %d, ", view->model.layer, view->model.head));
    return bind_print_text(view->model.text.text, out);
}

/* Who reads on is not given another page. */
static bool wants_samples(const View *view)
{
    bool reads = view->offsets[PANE_SAMPLES] > 0 || view->samples.frozen;
    return !reads || !pages_shown(&view->samples);
}

static Status samples_arguments(const View *view, Buffer *out)
{
    return bind_print_text(view->samples_text.text, out);
}

static bool wants_data(const View *view)
{
    bool reads = view->offsets[PANE_DATA] > 0 || view->data.frozen;
    return !reads || !pages_shown(&view->data) || view->data_ahead != view->data_shown;
}

static Status data_arguments(const View *view, Buffer *out)
{
    return buffer_printf(out, "%d", view->data_ahead);
}

static bool wants_dry_run(const View *view)
{
    return view->form.dry_run[0] != '\0';
}

const TopicRecord topic_records[TOPICS] = {
    [TOPIC_RUN] = {"run", 1, ~0u, NULL, NULL},
    [TOPIC_HISTORY] = {"history", 2, ON(BRANCHES), NULL, NULL},
    [TOPIC_SHARES] = {"shares", 4, ON(OBJECTIVES), NULL, NULL},
    [TOPIC_SCHEDULE] = {"schedule", 10, ON(OBJECTIVES), NULL, NULL},
    [TOPIC_MODEL] = {"model", 3, ON(MODEL), wants_parameters, NULL},
    [TOPIC_SPREAD] = {"spread", 3, ON(MODEL), wants_spread, spread_arguments},
    [TOPIC_ATTENTION] = {"attention", 5, ON(MODEL), wants_attention, attention_arguments},
    [TOPIC_SAMPLES] = {"samples", 10, ON(SAMPLES), wants_samples, samples_arguments},
    [TOPIC_DATA] = {"data", 5, ON(DATA), wants_data, data_arguments},
    [TOPIC_DRY_RUN] = {NULL, 10, ~0u, wants_dry_run, NULL}, /* the line is the form's own */
};

Status topic_line(Topic topic, const View *view, unsigned shown, Buffer *out)
{
    const TopicRecord *record = &topic_records[topic];
    buffer_clear(out);
    TRY(buffer_text(out, ""));
    if (!(record->panes & shown) || (record->wanted && !record->wanted(view))) return STATUS_OK;
    if (!record->name) return buffer_text(out, view->form.dry_run);
    TRY(buffer_printf(out, "lathe.view(\"%s\"", record->name));
    if (record->arguments) TRY(buffer_text(out, ", "));
    if (record->arguments) TRY(record->arguments(view, out));
    return buffer_text(out, ")");
}
