/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs for the tests of the workbench: views with little, odd and much data, filled as a run's answers fill them.
 */
#ifndef LATHE_TESTS_WORKBENCH_DATA_H
#define LATHE_TESTS_WORKBENCH_DATA_H

#include "engine/io/run_log.h"
#include "tests/unit/workbench_panes.h"
#include "tui/workbench/link.h"
#include "tui/workbench/workbench.h"

#include <math.h>

typedef enum DataKind {
    DATA_NONE,
    DATA_ONE,
    DATA_NAN,
    DATA_ODD,
    DATA_MANY,
    DATA_DEEP,
    DATA_MILLION,
    DATA_KINDS
} DataKind;

static const int64_t data_rows[DATA_KINDS] = {0, 1, 50, 300, 20000, 300, 1000000};

static inline double data_value(DataKind kind, int64_t step, int series)
{
    if (kind == DATA_NAN) return (double)NAN;
    double x = (double)step / (double)data_rows[kind];
    double value = 3 + 6 * exp(-5 * x) + 0.3 * sin((double)(step * (series + 3)) * 0.7) - 2.5 * series;
    if (kind == DATA_ODD && step % 41 == 7) return (double)NAN;
    if (kind == DATA_ODD && step % 67 == 9) return step % 2 ? (double)INFINITY : -(double)INFINITY;
    if (kind == DATA_ODD && step == 200) return 1e300;
    if (kind >= DATA_MANY && step == data_rows[kind] * 6 / 10 + 1) return 30; /* a spike of one step */
    return value;
}

static inline void data_write(DataKind kind, const char *path)
{
    MetricsWriter *writer;
    int64_t valid_every = data_rows[kind] / 10 > 0 ? data_rows[kind] / 10 : 1;
    ASSERT_OK(metrics_writer_open(path, &writer));
    metrics_writer_hold(writer);
    for (int64_t step = 1; step <= data_rows[kind]; step++) {
        MetricsValue values[6] = {{"loss.mlm", data_value(kind, step, 0)},
                                  {"loss.nsp", data_value(kind, step, 1)},
                                  {"lr", 1e-3 * (double)step / (double)data_rows[kind]},
                                  {"tokens", 4096},
                                  {"seconds", 0.1},
                                  {"valid.mlm", data_value(kind, step, 0) + 0.5}};
        Status status = metrics_writer_put(writer, step, values, step % valid_every == 0 ? 6 : 5);
        if (status != STATUS_OK) ASSERT_OK(status); /* an assertion itself takes long */
    }
    ASSERT_OK(metrics_writer_release(writer));
    metrics_writer_close(writer);
}

/* A store in the scratch folder, written once. */
static inline MetricsStore *data_store(DataKind kind)
{
    MetricsStore *store;
    char name[32];
    snprintf(name, sizeof name, "store-%d", kind);
    const char *path = scratch_path(name);
    if (!file_exists(path)) data_write(kind, path);
    ASSERT_OK(metrics_open(path, &store));
    return store;
}

static const char data_history[] =
    "{\"tree\": [{\"name\": \"main\", \"step\": 740, \"fork\": 0, \"parent\": 0, \"current\": false,"
    "\"edits\": [{\"id\": 1, \"step\": 400, \"effect\": \"run.optimizer.lr = 0.0007\"}], \"snapshots\": [0, 200]},"
    "{\"name\": \"low-nsp\", \"step\": 1204, \"fork\": 740, \"parent\": 1, \"current\": true,"
    "\"edits\": [{\"id\": 3, \"step\": 800, \"effect\": \"run.objectives.nsp.weight = 0.1\"}],"
    "\"snapshots\": [800, 1000]},"
    "{\"name\": \"main~1\", \"step\": 610, \"fork\": 400, \"parent\": 1, \"current\": false, \"edits\": {},"
    "\"snapshots\": {}},"
    "{\"name\": \"low-nsp~1\", \"step\": 950, \"fork\": 900, \"parent\": 2, \"current\": false, \"edits\": {},"
    "\"snapshots\": [950]}]}\n";

/* The panes beside the curves; where the kind does not say otherwise the run is an ordinary one. */
static inline void data_fill_panes(View *view, DataKind kind)
{
    data_answer(view, TOPIC_RUN, data_run);
    switch (kind) {
    case DATA_ONE: data_fill_one(view); break;
    case DATA_NAN: data_fill_nan(view); break;
    case DATA_DEEP: data_fill_deep(view); break;
    default: data_fill_ordinary(view);
    }
    data_answer(view, TOPIC_HISTORY, data_history);
    if (kind != DATA_NONE) return;
    branch_tree_free(&view->tree);
    view->objective_count = view->mark_count = view->branch_count = view->rate_count = 0;
    view->snapshot_count = view->pause_count = 0;
    view->model.param_count = view->model.row_count = view->model.time_count = view->model.map.tokens = 0;
    pages_clear(&view->samples);
    pages_clear(&view->data);
}

static inline void data_fill(View *view, DataKind kind)
{
    setenv("TZ", "UTC", 1);
    view->state = RUN_TRAINING;
    view->connected = true;
    snprintf(view->run, sizeof view->run, "bert-0412");
    view->rate = 8310;
    view->left = 337;
    view->metrics = data_store(kind);
    data_fill_panes(view, kind);
    for (int i = 0; i < 5; i++) {
        static const char *const lines[] = {"bert: 12 files of text", "pts/3> run.objectives.nsp.weight = 0.1",
                                            "paused by breakpoint 0: grad_norm = 14.2",
                                            "run.objectives.nsp.weight = 0.1",
                                            "attempt to index a nil value (global 'nonesuch')"};
        static const int levels[] = {LOG_PRINTED, LOG_LINE, LOG_NOTE, LOG_EDIT, LOG_ERROR};
        const ScrollStamp stamp = {.time = 1.7e9 + 61 * i, .step = 300 + 250 * i, .level = levels[i]};
        ASSERT_OK(scroll_stamped(&view->log, STYLE_TEXT, lines[i], &stamp));
    }
    ASSERT_OK(scroll_line(&view->console, STYLE_HEADING, "lathe> run.objectives.nsp.weight = 0.1"));
    ASSERT_OK(scroll_line(&view->console, STYLE_TEXT,
                          "[1,198] objectives.nsp.weight 0.5 -> 0.1.  undo() goes back to 1,198"));
    view->prompt = "lathe> ";
    view->input = "6 * \xc3\xa4";
    view->input_cursor = 4;
}

#endif
